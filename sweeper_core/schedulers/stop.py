"""The scheduler that never continues a stopped trial."""

from __future__ import annotations

from sweeper_core.pruners.base import GO_ON, Verdict
from sweeper_core.schedulers.base import Decision, New, Scheduler, Stop, Vacancy
from sweeper_core.trial.curves import Curve, LearningCurves
from sweeper_core.trial.history import History


class StopScheduler(Scheduler):
    """Pause nothing and continue nothing: a trial that the pruner stops has ended."""

    def next(self, request: Vacancy, history: History, curves: LearningCurves) -> Decision:
        return New() if request.may_begin else Stop("all trials have been started")

    def judge(self, number: int, curve: Curve, curves: LearningCurves) -> Verdict:
        return GO_ON
