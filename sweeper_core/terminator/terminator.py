"""Terminators: whether a study may end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from sweeper_core.terminator.erroreval import BaseErrorEvaluator, CrossValidationErrorEvaluator, StaticErrorEvaluator
from sweeper_core.terminator.improvement.evaluator import (
    DEFAULT_MIN_N_TRIALS,
    BaseImprovementEvaluator,
    BestValueStagnationEvaluator,
    RegretBoundEvaluator,
)
from sweeper_core.trial.state import TrialState

__all__ = ["BaseTerminator", "Terminator"]


class BaseTerminator(ABC):
    """Decides whether a study may end."""

    @abstractmethod
    def should_terminate(self, study: Any) -> bool:
        """Return whether the study may end."""


class Terminator(BaseTerminator):
    """Ends a study when what it may still improve is less than the error of its values.

    Args:
        improvement_evaluator: The bound of the improvement; :class:`RegretBoundEvaluator` by default.
        error_evaluator: The error; by default :class:`CrossValidationErrorEvaluator`, and zero beside a
            :class:`BestValueStagnationEvaluator`.
        min_n_trials: Minimum number of complete trials.
    """

    def __init__(
        self,
        improvement_evaluator: BaseImprovementEvaluator | None = None,
        error_evaluator: BaseErrorEvaluator | None = None,
        min_n_trials: int = DEFAULT_MIN_N_TRIALS,
    ) -> None:
        if min_n_trials <= 0:
            raise ValueError(f"`min_n_trials` must be 1 or more, but got {min_n_trials}.")
        self._improvement = improvement_evaluator or RegretBoundEvaluator()
        stagnates = isinstance(self._improvement, BestValueStagnationEvaluator)
        self._error = error_evaluator or (StaticErrorEvaluator(0.0) if stagnates else CrossValidationErrorEvaluator())
        self._min_n_trials = min_n_trials

    def should_terminate(self, study: Any) -> bool:
        """Return whether the study may end: its possible improvement is below the error."""
        trials = study.get_trials()
        if sum(trial.state is TrialState.COMPLETE for trial in trials) < self._min_n_trials:
            return False
        improvement = self._improvement.evaluate(trials, study.direction)
        return improvement < self._error.evaluate(trials, study.direction)
