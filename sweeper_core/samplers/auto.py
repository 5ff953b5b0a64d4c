"""The default sampler: one algorithm after another, by what the study is and how far it has come.

Which one, and what was measured for each branch: ``docs/samplers.md``. The choice is a function of the request
and the history alone, so a resumed study goes on as it would have.
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
"""From so many finished trials on, a process sees only a part of them, and cheap algorithms that see all catch up."""
MAX_GP_OF_NUMBERS = 600
"""The same where CMA-ES can take over: it begins where the best points lie, and goes on where the process, sure of
its basin by then, finds little more."""
WORTH_CMAES = 1000
"""CMA-ES takes some hundreds of trials to pay: with a smaller budget the process stays."""
MAX_GP_OF_SEVERAL = 400
"""The same for two and three objectives, where every suggestion costs as many processes."""
MAX_GP_OF_MANY = 150
"""The same for four objectives and more, where the process sees one random mixture of them at a time."""
MAX_CMAES_PARAMETERS = 100
"""Parameters beyond which a covariance matrix takes longer to learn than trials are left."""


@dataclass(frozen=True)
class Choice:
    """An algorithm, in the words of :attr:`Suggestion.origin`, and the reason for it."""

    algorithm: str
    why: str


class AutoSampler(OptunaFace):
    """A safe choice for every study: a Gaussian process first, TPE or CMA-ES when trials are many.

    Args:
        seed: The generator of trial ``k`` derives from ``(seed, k)``; None draws a seed at random.
        constraints_func: Takes a finished trial and returns its constraint values, satisfied where <= 0.
    """

    heeds_priors = True

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
        """Return the suggestion of the algorithm that :func:`choose` names; ``why`` tells the reason."""
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
    """Return whether a study is long, and one of numbers, all nearly continuous, without conditions or constraints."""
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
    """Return the history as if only its first ``count`` finished trials had been read: what CMA-ES begins from."""
    finished = np.cumsum(history.states == TrialState.COMPLETE)
    states = np.where(finished <= count, history.states, ABSENT).astype(np.int8)
    return replace(history, states=states, sources=())
