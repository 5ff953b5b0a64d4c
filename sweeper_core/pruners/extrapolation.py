"""Stop trials whose extrapolated curve is very unlikely to beat the best."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sweeper_core.maths.extrapolation import Errors, Forecast, Prior, cells, errors_of, forecast, learn, shifted, stack
from sweeper_core.pruners._schedule import Schedule
from sweeper_core.pruners._shares import golden_fraction
from sweeper_core.pruners.base import GO_ON, Pruner, Verdict
from sweeper_core.trial.curves import EMPTY_CURVE, Curve, Floats, LearningCurves
from sweeper_core.trial.state import TrialState

MAX_CURVES = 100
"""Maximum number of latest COMPLETE, and of PRUNED, trials for the prior; more would hardly change it."""


@dataclass(frozen=True)
class _Learnt:
    """The prior and the forecast errors learnt from ended trials."""

    prior: Prior
    errors: Errors


class ExtrapolationPruner(Pruner):
    """Stop a trial whose chance to end better than the best COMPLETE trial is far below that of a new trial.

    The chance comes from power laws fitted to the trial's reports, with a prior learnt from the curves of the
    COMPLETE and PRUNED trials, and from the errors of earlier forecasts (:mod:`sweeper_core.maths.extrapolation`).
    NaN reports are ignored. The threshold is relative to the chance of a new trial: before any report, the last of n
    trials in random order is the best of them with probability 1 / n.

    A share of the trials, chosen by their number alone, always runs to its end. These curves and the first
    ``n_startup_trials`` give unbiased forecast errors: the survivors would be a biased sample of good trials.

    Args:
        threshold: Stop when the chance is below this share of a new trial's.
        max_resource: Number of steps of a complete trial; ``"auto"``: one more than the last step of the
            longest COMPLETE trial.
        n_startup_trials: Nothing is stopped before this many trials are COMPLETE.
        n_warmup_steps: Nothing is stopped at steps before this one.
        interval_steps: Judge at the first report in every interval of this many steps after the warm-up.
        n_min_reports: Nothing is stopped with fewer reports than this.
        exploration: Share of the trials that are never stopped.

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
        exploration: float = 0.1,
    ) -> None:
        if not 0.0 < threshold < 1.0:
            raise ValueError(f"`threshold` must lie between 0 and 1, but got {threshold}.")
        if max_resource != "auto" and (not isinstance(max_resource, int) or max_resource < 1):
            raise ValueError(f"`max_resource` must be a positive integer or 'auto', but got {max_resource!r}.")
        if n_startup_trials < 1:
            raise ValueError(f"`n_startup_trials` must be 1 or more, but got {n_startup_trials}.")
        if n_min_reports < 1:
            raise ValueError(f"`n_min_reports` must be 1 or more, but got {n_min_reports}.")
        if not 0.0 <= exploration < 1.0:
            raise ValueError(f"`exploration` must be 0 or more and below 1, but got {exploration}.")
        self._threshold = threshold
        self._exploration = exploration
        self._max_resource = max_resource
        self._n_startup_trials = n_startup_trials
        self._n_min_reports = n_min_reports
        self._schedule = Schedule(n_warmup_steps, interval_steps)
        self._memo: tuple[weakref.ref[LearningCurves], int, int, _Learnt | None] | None = None

    def is_milestone(self, number: int, curve: Curve, curves: LearningCurves) -> bool:
        return self._schedule.is_milestone(curve)

    @np.errstate(all="ignore")
    def judge(self, number: int, curve: Curve, curves: LearningCurves) -> Verdict:
        if len(curve) < self._n_min_reports or not self._schedule.is_due(curve):
            return GO_ON
        if self._is_explored(np.array(number)):
            return GO_ON
        if curves.n_completed < self._n_startup_trials or not len(curves.finals.rows):
            return GO_ON
        goal = float(np.nanmin(curves.finals.values, initial=np.inf))
        end = self.forecast(curve, curves)
        if end is None or not np.isfinite(goal) or np.isnan(curve.values).all():
            return GO_ON
        chance = self.chance(end, goal, curves)
        if chance >= self._threshold * _chance_of_new(curves):
            return GO_ON
        expected, deviation = end.mean * curves.sign, end.deviation
        return Verdict(
            True,
            f"it is expected to end at {expected:.4g} ± {deviation:.2g}, "
            f"with a chance of {chance:.2%} to beat {goal * curves.sign:.6g} "
            f"(a new trial: {_chance_of_new(curves):.2%})",
            (expected, deviation),
        )

    def forecast(self, curve: Curve, curves: LearningCurves) -> Forecast | None:
        """Return the forecast of the end of a curve, signed; None without COMPLETE trials to learn from."""
        horizon = self._horizon(curves)
        learnt = self._learnt(curves, horizon)
        return None if learnt is None else forecast(learnt.prior, _cells(curve, horizon), learnt.errors)

    def chance(self, end: Forecast, goal: float, curves: LearningCurves) -> float:
        """Return the chance that a trial with this forecast ends below the signed goal, that of the best so far.

        A normal prior overestimates the chance of ends far beyond the best, because it ignores the limits of losses and
        accuracies; so its odds are corrected by the chance of a new trial.
        """
        new = self.forecast(EMPTY_CURVE, curves)
        assert new is not None, "there is a forecast for the trial"
        return shifted(end.chance_below(goal), new.chance_below(goal), _chance_of_new(curves))

    def _is_explored(self, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        return golden_fraction(numbers) >= 1.0 - self._exploration

    def _horizon(self, curves: LearningCurves) -> int:
        return self._max_resource if isinstance(self._max_resource, int) else (curves.longest or 0) + 1

    def _learnt(self, curves: LearningCurves, horizon: int) -> _Learnt | None:
        if self._memo is not None:
            owner, completed, end, learnt = self._memo
            if owner() is curves and (completed, end) == (curves.n_completed, horizon):
                return learnt
        learnt = self._learn(curves, horizon)
        self._memo = (weakref.ref(curves), curves.n_completed, horizon, learnt)
        return learnt

    def _learn(self, curves: LearningCurves, horizon: int) -> _Learnt | None:
        complete = np.sort(curves.finals.rows)
        chosen = self._is_explored(complete) | (np.arange(len(complete)) < self._n_startup_trials)
        # Trials after the last COMPLETE one are ignored, so that the prior changes only with a COMPLETE trial.
        before = range(int(complete[-1])) if len(complete) else range(0)
        pruned = np.array([row for row in before if curves.state(row) is TrialState.PRUNED], np.int64)
        unbiased, others, partial = (
            _Curves.of(rows[-MAX_CURVES:], curves, horizon) for rows in (complete[chosen], complete[~chosen], pruned)
        )
        finished = np.concatenate([unbiased.cells, others.cells])
        if not len(finished):
            return None
        prior = learn(finished, partial.cells)
        rest = np.concatenate([others.cells, partial.cells])
        return _Learnt(prior, errors_of(prior, unbiased.cells, unbiased.last, rest))

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_memo": None}


def _chance_of_new(curves: LearningCurves) -> float:
    """Return the probability that the last of n trials in random order is the best of them."""
    return 1.0 / max(len(curves), 2)


@dataclass(frozen=True)
class _Curves:
    """Several curves.

    Attributes:
        cells: ``(n, K)``; see :func:`sweeper_core.maths.extrapolation.cells`.
        last: ``(n,)`` the last report of each that is not NaN.
    """

    cells: Floats
    last: Floats

    @classmethod
    def of(cls, rows: npt.NDArray[np.int64], curves: LearningCurves, horizon: int) -> _Curves:
        found = [curves.curve(int(row)) for row in rows]
        known = [curve for curve in found if not np.isnan(_cells(curve, horizon)).all()]
        last = [curve.values[~np.isnan(curve.values)][-1] for curve in known]
        return cls(stack([_cells(curve, horizon) for curve in known]), np.array(last, float))


def _cells(curve: Curve, horizon: int) -> Floats:
    """Return the curve cut into cells; a report at step ``s`` comes at the end of the ``s + 1``-th step."""
    return cells((curve.steps + 1.0) / horizon, curve.values)
