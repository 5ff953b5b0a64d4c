"""An error that is a share of the study's first improvements."""

from __future__ import annotations

import sys

import numpy as np

from sweeper_core.directions import StudyDirection
from sweeper_core.terminator.erroreval import BaseErrorEvaluator
from sweeper_core.terminator.improvement.evaluator import BaseImprovementEvaluator
from sweeper_core.trial.frozen import FrozenTrial
from sweeper_core.trial.state import TrialState

__all__ = ["MedianErrorEvaluator"]


class MedianErrorEvaluator(BaseErrorEvaluator):
    """A share of the median of what an improvement evaluator said of the study's first trials.

    Args:
        paired_improvement_evaluator: The improvement evaluator that the terminator has.
        warm_up_trials: The first complete trials, which are left out.
        n_initial_trials: Number of complete trials after those, of which the median is taken.
        threshold_ratio: The share.
    """

    def __init__(
        self,
        paired_improvement_evaluator: BaseImprovementEvaluator,
        warm_up_trials: int = 10,
        n_initial_trials: int = 20,
        threshold_ratio: float = 0.01,
    ) -> None:
        if warm_up_trials < 0:
            raise ValueError(f"`warm_up_trials` must not be negative, but got {warm_up_trials}.")
        if n_initial_trials <= 0:
            raise ValueError(f"`n_initial_trials` must be 1 or more, but got {n_initial_trials}.")
        if threshold_ratio <= 0.0:
            raise ValueError(f"`threshold_ratio` must be above 0, but got {threshold_ratio}.")
        self._improvement = paired_improvement_evaluator
        self._warm_up = warm_up_trials
        self._initial = n_initial_trials
        self._ratio = threshold_ratio
        self._threshold: float | None = None

    def evaluate(self, trials: list[FrozenTrial], study_direction: StudyDirection) -> float:
        """Return the error; the smallest number there is while there are too few trials."""
        if self._threshold is None:
            ended = [trial for trial in trials if trial.state is TrialState.COMPLETE]
            if len(ended) < self._warm_up + self._initial:
                return -sys.float_info.max
            counts = range(self._warm_up + 1, self._warm_up + self._initial + 1)
            first = [self._improvement.evaluate(ended[:count], study_direction) for count in counts]
            self._threshold = self._ratio * float(np.median(first))
        return self._threshold
