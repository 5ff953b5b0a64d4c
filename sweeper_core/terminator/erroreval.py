"""The error of an objective's values: improvements below it cannot be told from chance."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from sweeper_core.directions import StudyDirection
from sweeper_core.terminator._trials import best_of, complete
from sweeper_core.trial.attrs import CROSS_VALIDATION_SCORES
from sweeper_core.trial.base import BaseTrial, store_system_attr
from sweeper_core.trial.frozen import FrozenTrial

__all__ = [
    "BaseErrorEvaluator",
    "CrossValidationErrorEvaluator",
    "StaticErrorEvaluator",
    "report_cross_validation_scores",
]


class BaseErrorEvaluator(ABC):
    """Evaluates the statistical error of a study's values."""

    @abstractmethod
    def evaluate(self, trials: list[FrozenTrial], study_direction: StudyDirection) -> float:
        """Return the error, in units of the objective."""


class CrossValidationErrorEvaluator(BaseErrorEvaluator):
    """The standard error of the best trial's cross-validation scores.

    The variance of the k scores is scaled by ``1/k + 1/(k-1)``, since their training sets overlap (Nadeau and Bengio
    2003). Trials report their scores with :func:`report_cross_validation_scores`.
    """

    def evaluate(self, trials: list[FrozenTrial], study_direction: StudyDirection) -> float:
        """Return the standard error.

        Raises:
            ValueError: No trial is complete, or the best one has not reported its scores.
        """
        best = best_of(complete(trials), study_direction)
        scores = best.system_attrs.get(CROSS_VALIDATION_SCORES)
        if scores is None:
            raise ValueError(
                f"Trial {best.number}, the best one, has no cross-validation scores: call "
                "`report_cross_validation_scores(trial, scores)` in the objective."
            )
        k = len(scores)
        return float(np.sqrt((1.0 / k + 1.0 / (k - 1)) * np.var(scores)))


def report_cross_validation_scores(trial: BaseTrial, scores: list[float]) -> None:
    """Store the scores of a trial's cross-validation, for :class:`CrossValidationErrorEvaluator`.

    Raises:
        ValueError: There are fewer than two.
    """
    if len(scores) <= 1:
        raise ValueError(f"`scores` must have two or more numbers, but got {len(scores)}.")
    store_system_attr(trial, CROSS_VALIDATION_SCORES, [float(score) for score in scores])


class StaticErrorEvaluator(BaseErrorEvaluator):
    """A constant.

    Args:
        constant: The error.
    """

    def __init__(self, constant: float) -> None:
        self._constant = constant

    def evaluate(self, trials: list[FrozenTrial], study_direction: StudyDirection) -> float:
        """Return the constant."""
        return self._constant
