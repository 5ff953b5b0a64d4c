"""The gap of the expected minimum simple regrets."""

from __future__ import annotations

import sys

from sweeper_core.directions import StudyDirection
from sweeper_core.samplers._gp.regret import regret_gap
from sweeper_core.terminator._trials import complete, modelled
from sweeper_core.terminator.improvement.evaluator import BaseImprovementEvaluator
from sweeper_core.trial.frozen import FrozenTrial

__all__ = ["EMMREvaluator"]


class EMMREvaluator(BaseImprovementEvaluator):
    """An upper bound of how much the expected minimum regret fell with the last trial (Ishibashi et al. 2023).

    Pair it with :class:`MedianErrorEvaluator`: the study has converged once the gap is small beside its first ones.

    Args:
        deterministic_objective: The objective has no noise.
        delta: Probability with which the confidence bounds may fail.
        min_n_trials: Minimum number of complete trials; with fewer there is no bound.
        seed: Seed of the search for the bounds.
    """

    def __init__(
        self,
        deterministic_objective: bool = False,
        delta: float = 0.1,
        min_n_trials: int = 2,
        seed: int | None = None,
    ) -> None:
        if min_n_trials <= 1 or not isinstance(min_n_trials, int):
            raise ValueError(f"`min_n_trials` must be a whole number from 2 on, but got {min_n_trials}.")
        self._deterministic = deterministic_objective
        self._delta = delta
        self._min_n_trials = min_n_trials
        self._seed = seed

    def evaluate(self, trials: list[FrozenTrial], study_direction: StudyDirection) -> float:
        """Return the bound, in standardised units; the largest number there is while there are too few trials."""
        ended = complete(trials) if any(trial.values for trial in trials) else []
        if len(ended) < self._min_n_trials:
            return sys.float_info.max
        history, space, rng = modelled(ended, study_direction, self._seed)
        return regret_gap(history, space, rng, self._delta, self._deterministic)
