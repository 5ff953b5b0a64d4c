"""The default sampler: it chooses the algorithm by the study's properties and progress.

``docs/samplers.md`` has the rules and the measurements for each branch. The choice is a function of the request
and the history alone, so a resumed study continues as an uninterrupted one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sweeper_core.samplers.base import Request, Sampler, Suggestion
from sweeper_core.samplers.cmaes import CmaEsSampler
from sweeper_core.samplers.gp import GPSampler
from sweeper_core.samplers.optuna_face import OptunaFace
from sweeper_core.samplers.tpe import TPESampler
from sweeper_core.trial.history import ABSENT, History
from sweeper_core.trial.state import TrialState

MAX_GP = 1000
"""Number of finished trials from which a process uses only a part of them, and cheap algorithms catch up."""
MAX_GP_OF_NUMBERS = 600
"""The same where CMA-ES can take over: it starts from the best points, and makes progress where the process, which
has converged to its basin by then, finds little more."""
WORTH_CMAES = 1000
"""CMA-ES needs some hundreds of trials to be worthwhile: with a smaller budget the process stays."""
MAX_GP_OF_SEVERAL = 400
"""The same for two and three objectives, where every suggestion needs one process per objective."""
MAX_GP_OF_MANY = 150
"""The same for four or more objectives, where the process models one random scalarisation at a time."""
MAX_CMAES_PARAMETERS = 100
"""Maximum number of parameters: learning a larger covariance matrix takes more trials than are left."""


@dataclass(frozen=True)
class Choice:
    """An algorithm, named as in :attr:`Suggestion.origin`, and the reason for it."""

    algorithm: str
    why: str


class AutoSampler(OptunaFace):
    """A safe choice for every study: a Gaussian process first, TPE or CMA-ES when trials are many.

    Args:
        seed: The generator of trial ``k`` derives from ``(seed, k)``; None draws a seed at random.
        constraints_func: Takes a finished trial and returns its constraint values, satisfied where <= 0.
    """

    heeds_priors = True
    heeds_costs = True

    def __init__(
        self,
        *,
        seed: int | None = None,
        constraints_func: Callable[[Any], Sequence[float]] | None = None,
    ) -> None:
        super().__init__(seed)
        self.constraints_func = constraints_func
        self._members: dict[str, Sampler] = {
            "gp": GPSampler(seed=seed, n_startup_trials=None),
            "tpe": TPESampler(seed=seed),
            "cmaes": CmaEsSampler(seed=seed, restart_strategy="bipop"),
        }

    def suggest(self, request: Request, history: History, rng: np.random.Generator) -> Suggestion:
        """Return the suggestion of the algorithm that :func:`choose` returns; ``why`` is the reason."""
        choice = choose(request, history)
        if choice.algorithm == "cmaes":
            history = replace(history, sources=(head_of(history, MAX_GP_OF_NUMBERS),))
        suggestion = self._members[choice.algorithm].suggest(request, history, rng)
        return replace(suggestion, why="; ".join(filter(None, (choice.why, suggestion.why))))


def choose(request: Request, history: History) -> Choice:
    """Return the algorithm for the next trial of a study."""
    finished = int(np.sum((history.states == TrialState.COMPLETE) | (history.states == TrialState.PRUNED)))
    m = history.n_objectives
    if m > 1:
        longest = MAX_GP_OF_SEVERAL if m <= 3 else MAX_GP_OF_MANY
        if finished < longest:
            return Choice("gp", f"{m} objectives and fewer than {longest} trials")
        return Choice("tpe", f"{m} objectives and {longest} trials or more")
    if finished >= MAX_GP_OF_NUMBERS and suits_cmaes(request, history):
        return Choice("cmaes", f"{MAX_GP_OF_NUMBERS} trials or more of numbers alone")
    if finished < MAX_GP:
        return Choice("gp", f"fewer than {MAX_GP} trials")
    return Choice("tpe", f"{MAX_GP} trials or more")


def suits_cmaes(request: Request, history: History) -> bool:
    """Return whether a study is long and has only nearly continuous numbers, without conditions or constraints."""
    space = request.space
    free = [p for p in space if p.name not in request.given and not p.distribution.single()]
    return (
        (request.budget is None or request.budget >= WORTH_CMAES)
        and 2 <= len(free) <= MAX_CMAES_PARAMETERS
        and not space.is_conditional
        and not history.constraint_names
        and all(parameter.is_numeric and _is_fine(parameter.distribution.cardinality) for parameter in free)
    )


def _is_fine(cardinality: int | None) -> bool:
    return cardinality is None or cardinality >= 16


def head_of(history: History, count: int) -> History:
    """Return the history restricted to its first ``count`` finished trials, from which CMA-ES starts."""
    finished = np.cumsum(history.states == TrialState.COMPLETE)
    states = np.where(finished <= count, history.states, ABSENT).astype(np.int8)
    return replace(history, states=states, sources=())
