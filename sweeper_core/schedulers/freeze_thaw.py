"""Freeze-thaw: each free worker does what is expected to gain most per step, by a model of learning curves.

K. Swersky et al., Freeze-Thaw Bayesian Optimization, 2014, for the idea; the model of the curves is that of
:mod:`sweeper_core.maths.stages`, the worth of steps that of :mod:`sweeper_core.maths.allocation`.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

import numpy as np

from sweeper_core.pruners.base import GO_ON, Verdict
from sweeper_core.schedulers._curve_model import CurveModel
from sweeper_core.schedulers.asha import THIRDS, ASHAScheduler
from sweeper_core.schedulers.base import Continue, Decision, Scheduler, Vacancy, lowest_rung, nothing_to_continue
from sweeper_core.trial.curves import Curve, LearningCurves
from sweeper_core.trial.history import History
from sweeper_core.trial.state import TrialState


class FreezeThawScheduler(Scheduler):
    """Continue the trial, or begin one, whose next steps are expected to gain most, in units of the value per step.

    A model of the curves gives each paused trial's end value with its uncertainty, and that of a new trial by the
    latest ones. The worth of a step takes into account that a trial may be given up when it disappoints; a running
    trial pauses when another's steps are worth more. Until ``n_startup_trials`` are COMPLETE, trials are promoted by
    ranks as in :class:`ASHAScheduler`.

    Args:
        n_startup_trials: Number of COMPLETE trials from which the model decides.

    Raises:
        ValueError: ``n_startup_trials`` is below 1.
    """

    def __init__(self, n_startup_trials: int = 2) -> None:
        if n_startup_trials < 1:
            raise ValueError(f"`n_startup_trials` must be 1 or more, but got {n_startup_trials!r}.")
        self.n_startup_trials = n_startup_trials
        self._ranks = ASHAScheduler(reduction_factor=THIRDS)
        self._given: tuple[int, ...] = ()

    def on_rungs(self, rungs: Sequence[int]) -> FreezeThawScheduler:
        own = copy(self)
        own._ranks, own._given = self._ranks.on_rungs(rungs), tuple(rungs)
        return own

    @np.errstate(all="ignore")
    def next(self, request: Vacancy, history: History, curves: LearningCurves) -> Decision:
        model = self._model(curves)
        if model is None:
            return self._ranks.next(request, history, curves)
        worth, best = model.best_of(_paused(curves))
        new = model.of_new()
        if best is None or worth <= new:
            return nothing_to_continue(request, curves)
        return Continue(best, f"its next steps are expected to gain {worth:.2g} each, those of a new trial {new:.2g}")

    @np.errstate(all="ignore")
    def judge(self, number: int, curve: Curve, curves: LearningCurves) -> Verdict:
        model = self._model(curves)
        if model is None:
            return self._ranks.judge(number, curve, curves)
        if not _is_due(curve, model):
            return GO_ON
        if np.isnan(curve.values[-1]):
            return Verdict(True, "it reported NaN")
        row = curves.row_of(number)
        own, _ = model.best_of({row: curve})
        other, best = model.best_of({one: found for one, found in _paused(curves).items() if one != row})
        new = model.of_new()
        if own >= max(other, new):
            return GO_ON
        rival = f"trial {best}" if other > new else "a new trial"
        reason = f"its next steps are expected to gain {own:.2g} each, those of {rival} {max(other, new):.2g}"
        mean, deviation = model.end_of(curve)
        return Verdict(True, reason, (mean * curves.sign, deviation))

    def is_milestone(self, number: int, curve: Curve, curves: LearningCurves) -> bool:
        model = self._model(curves)
        if model is not None:
            return _is_due(curve, model)
        others = curves.count(TrialState.RUNNING) - 1
        may_have_model = curves.n_completed + others >= self.n_startup_trials  # by the time that this one reports
        return may_have_model or self._ranks.is_milestone(number, curve, curves)

    def _model(self, curves: LearningCurves) -> CurveModel | None:
        """Return the model; None before there are enough COMPLETE trials."""
        if curves.n_completed < self.n_startup_trials or not np.any(np.isfinite(curves.finals.values)):
            return None
        return CurveModel(curves, lowest_rung(curves, THIRDS), self._given)


def _paused(curves: LearningCurves) -> dict[int, Curve]:
    return {row: curve for row in curves.paused() if len(curve := curves.curve(row))}


def _is_due(curve: Curve, model: CurveModel) -> bool:
    """Return whether a trial has reached a place since it was last judged, and that is not its end."""
    if not len(curve):
        return False
    stage = model.stage_of(curve)
    return 0 <= stage < len(model.places) - 1 and stage > model.stage_at(curve.judged)
