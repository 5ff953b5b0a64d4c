"""Delay another pruner until a trial has not improved for some reports."""

from __future__ import annotations

import numpy as np

from sweeper_core.pruners.base import GO_ON, Pruner, Verdict
from sweeper_core.pruners.user import BasePruner
from sweeper_core.trial.curves import Curve, LearningCurves


class PatientPruner(Pruner):
    """Apply ``wrapped_pruner`` only to trials that have not improved for more than ``patience`` reports.

    Args:
        wrapped_pruner: The pruner to apply, also a user's own; None stops such a trial at once.
        patience: Number of tolerated reports without improvement.
        min_delta: The trial has stopped improving when the best of its last ``patience + 1`` reports is worse
            than the best before them by more than this.

    Raises:
        ValueError: A negative number.
    """

    def __init__(self, wrapped_pruner: BasePruner | None, patience: int, min_delta: float = 0.0) -> None:
        if patience < 0:
            raise ValueError(f"`patience` must be 0 or more, but got {patience}.")
        if min_delta < 0:
            raise ValueError(f"`min_delta` must be 0 or more, but got {min_delta}.")
        self.wrapped_pruner = wrapped_pruner
        self._patience = patience
        self._min_delta = min_delta

    def around(self, wrapped_pruner: Pruner) -> PatientPruner:
        """Return the same rule around another pruner."""
        return PatientPruner(wrapped_pruner, self._patience, self._min_delta)

    def is_milestone(self, number: int, curve: Curve, curves: LearningCurves) -> bool:
        inner = self.wrapped_pruner
        return isinstance(inner, Pruner) and inner.is_milestone(number, curve, curves)

    @np.errstate(all="ignore")
    def judge(self, number: int, curve: Curve, curves: LearningCurves) -> Verdict:
        recent = self._patience + 1
        if len(curve) <= recent:
            return GO_ON
        # fmin ignores NaN; when all are NaN the comparison is false and the trial goes on.
        before = float(np.fmin.reduce(curve.values[:-recent]))
        lately = float(np.fmin.reduce(curve.values[-recent:]))
        if not before + self._min_delta < lately:
            return GO_ON
        if self.wrapped_pruner is not None:
            assert isinstance(self.wrapped_pruner, Pruner), "a study puts its adapter around a user's own pruner"
            return self.wrapped_pruner.judge(number, curve, curves)
        before, lately = before * curves.sign, lately * curves.sign
        return Verdict(True, f"the best of its last {recent} reports, {lately:.6g}, is worse than {before:.6g} before")
