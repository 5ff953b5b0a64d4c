"""The contract of a sampler: a pure function of request, history and generator.

A sampler has no access to study and storage. The same request, history and generator give the same
suggestion; state kept between calls is only a cache that may be cleared at any time.
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
class Economy:
    """How a sampler is to heed the costs of trials (``History.costs``).

    Attributes:
        weight: The exponent of the cost in the improvement per cost: 1 at the beginning of a budget, 0 at its end.
        left: What the trial may cost; None for no limit.
        trials: How many trials of the mean cost so far the whole budget pays; None when that is unknown.
    """

    weight: float = 1.0
    left: float | None = None
    trials: int | None = None


@dataclass(frozen=True)
class Request:
    """A request for a suggestion.

    Attributes:
        space: All parameters of the point, those in ``given`` too.
        number: The number of the trial that gets the suggestion. The history holds the trials before it.
        given: Fixed values (external): enqueued, partially fixed, or suggested earlier in a
            define-by-run trial.
        budget: Planned number of trials of the study; None when unknown.
        priors: The user's priors over good values, by parameter.
        economy: How costs are heeded; None, the default, when they are not.
    """

    space: SearchSpace
    number: int
    given: Mapping[str, Any] = field(default_factory=nothing)
    budget: int | None = None
    priors: Priors = field(default_factory=nothing)
    economy: Economy | None = None


@dataclass(frozen=True)
class Suggestion:
    """A point and its origin.

    Attributes:
        params: A value (external) for every active parameter of the space, the given ones too.
        origin: The algorithm, in one word ("tpe").
        why: A short reason for the choice of the algorithm, where there is one.
        generation: Stored with the trial: what CMA-ES, NSGA and the grid need to replay themselves.
        if_known: How a point of a finite space that a trial already has is replaced, while others are left:
            "move" takes a neighbour, "draw" another point at random, "keep" suggests it again.
        cost: The expected cost, where the sampler has a model of it; None without one.
    """

    params: dict[str, Any]
    origin: str
    why: str = ""
    generation: int = 0
    if_known: Literal["move", "draw", "keep"] = "move"
    cost: float | None = None


class Sampler(ABC):
    """Base of all samplers.

    Args:
        seed: The generator of trial ``k`` derives from ``(seed, k)``; None draws a seed at random.

    Raises:
        ValueError: A negative seed.
    """

    ends = False
    """Whether ``optimize`` stops once the sampler is exhausted."""

    heeds_priors = False
    """Whether :meth:`suggest` uses a request's priors; for other samplers, some points are drawn from the priors."""

    heeds_costs = False
    """Whether :meth:`suggest` uses a request's economy."""

    constraints_func: Callable[[FrozenTrial], Sequence[float]] | None = None
    """The user's function that maps a trial just evaluated to its constraint values (satisfied where <= 0); ``Study``
    calls it and stores the result with the trial's end."""

    after_trial_strategy: Callable[[Any, FrozenTrial, TrialState, Sequence[float] | None], None] | None = None
    """The user's function of the study, a trial that ends, its state and its values; called before these are stored."""

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
        """Return whether the history has every point of a finite space that this sampler could suggest."""
        return exhausted(space, history)

    def has_left(self, space: SearchSpace, history: History) -> bool:
        """Return whether a point is left that no trial has and that no running one is about to get."""
        return not self.exhausted(space, history)

    @property
    def stand_in(self) -> Sampler | None:
        """The sampler for trials beyond the number whose points can be computed at one moment; None draws at random."""
        return None

    independent = False
    """Whether each parameter can be drawn independently (:meth:`draw`)."""

    def draw(self, distribution: BaseDistribution, u: float) -> Any:
        """Return a value (external) for one parameter of a define-by-run trial; only where ``independent``.

        Args:
            u: The parameter's own random number, uniform in [0, 1).
        """
        raise NotImplementedError(f"{self} does not draw parameters by themselves.")

    def needs_history(self, space: SearchSpace) -> bool:
        """Return whether suggestions for this space depend on the history at all."""
        return True
