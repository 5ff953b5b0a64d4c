"""The median stopping rule: stop trials that are worse than most finished ones were at the same step.

D. Golovin et al., Google Vizier: A Service for Black-Box Optimization, KDD 2017, section 3.5.2.
"""

from __future__ import annotations

import numpy as np

from sweeper_core.pruners._schedule import Schedule
from sweeper_core.pruners.base import GO_ON, Pruner, Verdict
from sweeper_core.trial.curves import Curve, LearningCurves


class PercentilePruner(Pruner):
    """Stop a trial whose best report so far is not among the best ``percentile`` percent at its step.

    It is compared with the reports of the COMPLETE trials at exactly the same step. A trial that has reported
    only NaN is stopped.

    Args:
        percentile: Between 0 and 100; the share of the finished trials that are good enough.
        n_startup_trials: Nothing is stopped before this many trials are COMPLETE.
        n_warmup_steps: Nothing is stopped at steps before this one.
        interval_steps: Judge at the first report in every interval of this many steps after the warm-up.
        n_min_trials: Nothing is stopped at a step that fewer COMPLETE trials have reported.

    Raises:
        ValueError: An argument is out of its range.
    """

    def __init__(
        self,
        percentile: float,
        n_startup_trials: int = 5,
        n_warmup_steps: int = 0,
        interval_steps: int = 1,
        *,
        n_min_trials: int = 1,
    ) -> None:
        if not 0.0 <= percentile <= 100.0:
            raise ValueError(f"`percentile` must lie between 0 and 100, but got {percentile}.")
        if n_startup_trials < 0:
            raise ValueError(f"`n_startup_trials` must be 0 or more, but got {n_startup_trials}.")
        if n_min_trials < 1:
            raise ValueError(f"`n_min_trials` must be 1 or more, but got {n_min_trials}.")
        self._percentile = float(percentile)
        self._n_startup_trials = n_startup_trials
        self._n_min_trials = n_min_trials
        self._schedule = Schedule(n_warmup_steps, interval_steps)

    def is_milestone(self, number: int, curve: Curve, curves: LearningCurves) -> bool:
        return self._schedule.is_milestone(curve)

    @np.errstate(all="ignore")
    def judge(self, number: int, curve: Curve, curves: LearningCurves) -> Verdict:
        if not self._schedule.is_due(curve) or curves.n_completed < max(1, self._n_startup_trials):
            return GO_ON
        if np.isnan(curve.values).all():
            return Verdict(True, "it has reported nothing but NaN")
        best = float(np.nanmin(curve.values)) * curves.sign
        others = curves.completed(curves.at(int(curve.steps[-1]))).values * curves.sign
        if len(others) < self._n_min_trials:
            return GO_ON
        bar = self._bar(others, curves.sign)
        if not best * curves.sign > bar * curves.sign:  # a bar of NaN stops no trial
            return GO_ON
        return Verdict(True, f"{best:.6g} is worse than the {self._name} {bar:.6g} of {_trials(len(others))}")

    def _bar(self, raw: np.ndarray[tuple[int], np.dtype[np.float64]], sign: float) -> float:
        known = raw[~np.isnan(raw)]
        if not len(known):
            return float("nan")
        with np.errstate(invalid="ignore"):  # between two infinities there is no value
            return float(np.percentile(known, self._percentile if sign > 0 else 100.0 - self._percentile))

    @property
    def _name(self) -> str:
        return "median" if self._percentile == 50.0 else f"best {self._percentile:g} % mark"


class MedianPruner(PercentilePruner):
    """Stop a trial whose best report so far is worse than the median of the COMPLETE trials at its step.

    The arguments are those of :class:`PercentilePruner`.
    """

    def __init__(
        self,
        n_startup_trials: int = 5,
        n_warmup_steps: int = 0,
        interval_steps: int = 1,
        *,
        n_min_trials: int = 1,
    ) -> None:
        super().__init__(50.0, n_startup_trials, n_warmup_steps, interval_steps, n_min_trials=n_min_trials)


def _trials(count: int) -> str:
    return "1 trial" if count == 1 else f"{count} trials"
