"""Stop trials whose reports leave given bounds."""

from __future__ import annotations

import math

import numpy as np

from sweeper_core.pruners._schedule import Schedule
from sweeper_core.pruners.base import GO_ON, Pruner, Verdict
from sweeper_core.trial.curves import Curve, LearningCurves


class ThresholdPruner(Pruner):
    """Stop a trial whose last report is below ``lower``, above ``upper``, or NaN.

    Args:
        lower: Smallest value that is allowed; no bound when None.
        upper: Largest value that is allowed; no bound when None. One of the two is needed.
        n_warmup_steps: Nothing is stopped at steps before this one.
        interval_steps: Judge at the first report in every interval of this many steps after the warm-up.

    Raises:
        TypeError: Neither bound is given, or one is not a number.
        ValueError: ``lower`` is larger than ``upper``, or a step count is out of its range.
    """

    def __init__(
        self,
        lower: float | None = None,
        upper: float | None = None,
        n_warmup_steps: int = 0,
        interval_steps: int = 1,
    ) -> None:
        if lower is None and upper is None:
            raise TypeError("Either `lower` or `upper` must be given.")
        self._lower = _bound("lower", lower, -math.inf)
        self._upper = _bound("upper", upper, math.inf)
        if self._lower > self._upper:
            raise ValueError(f"`lower <= upper` must hold, but got ({lower=}, {upper=}).")
        self._schedule = Schedule(n_warmup_steps, interval_steps)

    def is_milestone(self, number: int, curve: Curve, curves: LearningCurves) -> bool:
        return self._schedule.is_milestone(curve)

    @np.errstate(all="ignore")
    def judge(self, number: int, curve: Curve, curves: LearningCurves) -> Verdict:
        if not self._schedule.is_due(curve):
            return GO_ON
        value = float(curve.values[-1]) * curves.sign
        if math.isnan(value):
            return Verdict(True, "it reported NaN")
        if value < self._lower:
            return Verdict(True, f"{value:.6g} is below the lower bound {self._lower:.6g}")
        if value > self._upper:
            return Verdict(True, f"{value:.6g} is above the upper bound {self._upper:.6g}")
        return GO_ON


def _bound(name: str, value: float | None, missing: float) -> float:
    if value is None:
        return missing
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(f"`{name}` must be a number, but got {value!r}.") from None
