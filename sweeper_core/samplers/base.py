"""The contract of a sampler: a pure function of what is known.

A sampler sees no study and no storage. The same request, history and generator give the same
suggestion; whatever it remembers between calls is a memo that may be thrown away at any time.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from sweeper_core.distributions import BaseDistribution
from sweeper_core.samplers._lattice import exhausted
from sweeper_core.search_space.priors import Priors
from sweeper_core.search_space.space import SearchSpace
from sweeper_core.trial.frozen import FrozenTrial
from sweeper_core.trial.history import History
from sweeper_core.trial.record import nothing
from sweeper_core.trial.state import TrialState


@dataclass(frozen=True)
class Request:
    """What is asked of a sampler.

    Attributes:
        space: All parameters of the point, those in ``given`` too.
        number: The trial that will have the suggestion. The history holds the trials before it.
        given: Values (external) that are fixed already: enqueued, partially fixed, or suggested earlier in a
            define-by-run trial.
        budget: How many trials the study is meant to have; None when nobody knows.
        priors: Values that are believed to be good, by parameter.
    """

    space: SearchSpace
    number: int
    given: Mapping[str, Any] = field(default_factory=nothing)
    budget: int | None = None
    priors: Priors = field(default_factory=nothing)


@dataclass(frozen=True)
class Suggestion:
    """A point, and where it comes from.

    Attributes:
        params: A value (external) for every active parameter of the space, the given ones too.
        origin: The algorithm, in one word ("tpe").
        why: In a few words, when the choice of algorithm needs a reason.
        generation: Stored with the trial: what CMA-ES, NSGA and the grid need to replay themselves.
        if_known: What becomes of a point of a finite space that some trial has already, while others are left:
            "move" takes a neighbour, "draw" another point at random, "keep" suggests it again.
    """

    params: dict[str, Any]
    origin: str
    why: str = ""
    generation: int = 0
    if_known: Literal["move", "draw", "keep"] = "move"


class Sampler(ABC):
    """Base of all samplers.

    Args:
        seed: The generator of trial ``k`` derives from ``(seed, k)``; None draws a seed at random.

    Raises:
        ValueError: A negative seed.
    """

    ends = False
    """Whether ``optimize`` stops by itself once the sampler is exhausted."""

    heeds_priors = False
    """Whether :meth:`suggest` takes account of a request's priors; in the place of others, the priors draw points."""

    constraints_func: Callable[[FrozenTrial], Sequence[float]] | None = None
    """The user's function from a trial that has just been evaluated to its constraint values (satisfied where
    <= 0); ``Study`` calls it and stores what it returns with the trial's end."""

    after_trial_strategy: Callable[[Any, FrozenTrial, TrialState, Sequence[float] | None], None] | None = None
    """The user's function of the study, a trial that ends, its state and its values; called before that is stored."""

    def __init__(self, seed: int | None = None) -> None:
        if seed is not None and seed < 0:
            raise ValueError(f"A sampler's seed has to be an integer from 0 on or None, not {seed!r}.")
        self.seed = seed

    def __str__(self) -> str:
        return type(self).__name__

    @abstractmethod
    def suggest(self, request: Request, history: History, rng: np.random.Generator) -> Suggestion:
        """Return a point for the request; called by :func:`sweeper_core.samplers.asking.ask`."""

    def exhausted(self, space: SearchSpace, history: History) -> bool:
        """Return whether every point that this sampler could suggest from a finite space is in the history."""
        return exhausted(space, history)

    independent = False
    """Whether a parameter can be drawn by itself (:meth:`draw`), whatever else is known."""

    def draw(self, distribution: BaseDistribution, u: float) -> Any:
        """Return a value (external) for one parameter of a define-by-run trial; only where ``independent``.

        Args:
            u: The parameter's own random number, uniform in [0, 1).
        """
        raise NotImplementedError(f"{self} does not draw parameters by themselves.")

    def needs_history(self, space: SearchSpace) -> bool:
        """Return whether suggestions for this space depend on the history at all."""
        return True
