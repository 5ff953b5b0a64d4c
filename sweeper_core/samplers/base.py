"""The contract of a sampler: a pure function of what is known.

A sampler sees no study and no storage. The same request, history and generator give the same
suggestion; whatever it remembers between calls is a memo that may be thrown away at any time.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sweeper_core.samplers._lattice import exhausted
from sweeper_core.search_space import SearchSpace
from sweeper_core.trial.history import History
from sweeper_core.trial.record import NOTHING


@dataclass(frozen=True)
class Request:
    """What is asked of a sampler.

    Attributes:
        space: All parameters of the point, those in ``given`` too.
        number: The trial that will have the suggestion. The history holds the trials before it.
        given: Values (external) that are fixed already: enqueued, partially fixed, or suggested earlier in a
            define-by-run trial.
        budget: How many trials the study is meant to have; None when nobody knows.
        lanes: How many trials run at the same time.
    """

    space: SearchSpace
    number: int
    given: Mapping[str, Any] = NOTHING
    budget: int | None = None
    lanes: int = 1


@dataclass(frozen=True)
class Suggestion:
    """A point, and where it comes from.

    Attributes:
        params: A value (external) for every active parameter of the space, the given ones too.
        origin: The algorithm, in one word ("tpe").
        why: In a few words, when the choice of algorithm needs a reason.
        generation: Stored with the trial: what CMA-ES and NSGA need to replay themselves.
    """

    params: dict[str, Any]
    origin: str
    why: str = ""
    generation: int = 0


class Sampler(ABC):
    """Base of all samplers.

    Args:
        seed: The generator of trial ``k`` derives from ``(seed, k)``; None draws a seed at random.
    """

    def __init__(self, seed: int | None = None) -> None:
        self.seed = seed

    @abstractmethod
    def suggest(self, request: Request, history: History, rng: np.random.Generator) -> Suggestion:
        """Return a point for the request.

        On a finite space no point is suggested twice until all have been; then points repeat.
        """

    def exhausted(self, space: SearchSpace, history: History) -> bool:
        """Return whether every point that this sampler could suggest from a finite space is in the history."""
        return exhausted(space, history)
