"""Stop trials whose curve, followed to its end, has next to no chance of beating the best."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from sweeper_core.maths.extrapolation import Forecast, Prior, cells, forecast, learn, stack
from sweeper_core.pruners._schedule import Schedule
from sweeper_core.pruners.base import GO_ON, Pruner, Verdict
from sweeper_core.trial.curves import Curve, Floats, LearningCurves

MAX_CURVES = 100
"""The latest so many COMPLETE trials teach the prior; more would not change it."""


class ExtrapolationPruner(Pruner):
    """Stop a trial when the chance that it ends better than the best COMPLETE trial is below ``threshold``.

    The chance comes from power laws fitted to the trial's reports, with a prior learnt from the COMPLETE trials'
    curves (:mod:`sweeper_core.maths.extrapolation`). Reports of NaN are left out.

    Args:
        threshold: Stop below this probability.
        max_resource: How many steps a whole trial has; ``"auto"``: one more than the last step of the
            longest COMPLETE trial.
        n_startup_trials: Nothing is stopped before this many trials are COMPLETE.
        n_warmup_steps: Nothing is stopped at steps before this one.
        interval_steps: Judge at the first report in every interval of this many steps after the warm-up.
        n_min_reports: Nothing is stopped with fewer reports than this.

    Raises:
        ValueError: An argument is out of its range.
    """

    def __init__(
        self,
        threshold: float = 0.05,
        max_resource: str | int = "auto",
        n_startup_trials: int = 5,
        n_warmup_steps: int = 0,
        interval_steps: int = 1,
        *,
        n_min_reports: int = 5,
    ) -> None:
        if not 0.0 < threshold < 1.0:
            raise ValueError(f"`threshold` must lie between 0 and 1, but got {threshold}.")
        if max_resource != "auto" and (not isinstance(max_resource, int) or max_resource < 1):
            raise ValueError(f"`max_resource` must be a positive integer or 'auto', but got {max_resource!r}.")
        if n_startup_trials < 1:
            raise ValueError(f"`n_startup_trials` must be 1 or more, but got {n_startup_trials}.")
        if n_min_reports < 1:
            raise ValueError(f"`n_min_reports` must be 1 or more, but got {n_min_reports}.")
        self._threshold = threshold
        self._max_resource = max_resource
        self._n_startup_trials = n_startup_trials
        self._n_min_reports = n_min_reports
        self._schedule = Schedule(n_warmup_steps, interval_steps)
        self._memo: tuple[weakref.ref[LearningCurves], int, int, Prior | None] | None = None

    def judge(self, number: int, curve: Curve, curves: LearningCurves) -> Verdict:
        if len(curve) < self._n_min_reports or not self._schedule.is_due(curve):
            return GO_ON
        if curves.n_completed < self._n_startup_trials or not len(curves.finals.rows):
            return GO_ON
        goal = float(np.nanmin(curves.finals.values, initial=np.inf))
        end = self.forecast(curve, curves)
        if end is None or not np.isfinite(goal) or np.isnan(curve.values).all():
            return GO_ON
        chance = end.chance_below(goal)
        if chance >= self._threshold:
            return GO_ON
        expected, deviation = end.mean * curves.sign, end.deviation
        return Verdict(
            True,
            f"it is expected to end at {expected:.4g} ± {deviation:.2g}, "
            f"with a chance of {chance:.2%} to beat {goal * curves.sign:.6g}",
            (expected, deviation),
        )

    def forecast(self, curve: Curve, curves: LearningCurves) -> Forecast | None:
        """Return what is expected at the end of a curve, signed; None without COMPLETE trials to learn from."""
        horizon = self._horizon(curves)
        prior = self._prior(curves, horizon)
        return None if prior is None else forecast(prior, _cells(curve, horizon))

    def _horizon(self, curves: LearningCurves) -> int:
        return self._max_resource if isinstance(self._max_resource, int) else (curves.longest or 0) + 1

    def _prior(self, curves: LearningCurves, horizon: int) -> Prior | None:
        if self._memo is not None:
            owner, completed, end, prior = self._memo
            if owner() is curves and (completed, end) == (curves.n_completed, horizon):
                return prior
        latest = np.sort(curves.finals.rows)[-MAX_CURVES:]
        finished = stack([_cells(curves.curve(int(row)), horizon) for row in latest])
        prior = learn(finished) if len(finished) else None
        self._memo = (weakref.ref(curves), curves.n_completed, horizon, prior)
        return prior

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_memo": None}


def _cells(curve: Curve, horizon: int) -> Floats:
    """Return the curve cut into cells; a report at step ``s`` comes at the end of the ``s + 1``-th step."""
    return cells((curve.steps + 1.0) / horizon, curve.values)
