"""The decision whether a running trial stops or pauses, by pruner and scheduler."""

from __future__ import annotations

from sweeper_core.maths.quiet import quiet
from sweeper_core.pruners.base import GO_ON, Pruner, Verdict
from sweeper_core.pruners.user import BasePruner
from sweeper_core.schedulers.base import Scheduler
from sweeper_core.study._session.adapters import native_pruner
from sweeper_core.study._session.log import TrialLog
from sweeper_core.study._session.writer import TrialWriter
from sweeper_core.trial.attrs import ENDED
from sweeper_core.trial.data import TrialData
from sweeper_core.trial.study_like import StudyLike


class Rules:
    """A pruner and a scheduler; either may be missing.

    Args:
        log: The study's trials.
        writer: Stores that a pruned trial must not be continued.
        view: The study passed to users' pruners.

    Attributes:
        scheduler: Pauses and continues trials; None never continues a stopped one.
    """

    def __init__(self, log: TrialLog, writer: TrialWriter, view: StudyLike) -> None:
        self._log, self._writer, self._view = log, writer, view
        self._pruner: BasePruner | None = None
        self._native: Pruner | None = None
        self.scheduler: Scheduler | None = None

    @property
    def pruner(self) -> BasePruner | None:
        """The given pruner; None stops no trial."""
        return self._pruner

    @pruner.setter
    def pruner(self, pruner: BasePruner | None) -> None:
        self._native = native_pruner(pruner, self._log, self._view)
        self._pruner = pruner

    def judge(self, number: int) -> Verdict:
        """Return whether a running trial should stop now, by its reports and the other trials'."""
        pruner, scheduler = self._native, self.scheduler
        if pruner is None and scheduler is None:
            return GO_ON
        self._log.sync()
        with self._log.lock:
            curves = self._log.curves
            row, curve = curves.row_of(number), curves.curve(number)
            with quiet():
                verdict = GO_ON if pruner is None else pruner.judge(row, curve, curves)
                if scheduler is not None and not verdict.stop:
                    verdict = scheduler.judge(row, curve, curves)
                elif scheduler is not None:  # else it would be continued
                    self._writer.describe(number, TrialData(system_attrs={ENDED: verdict.reason}))
            curves.mark_judged(number)
            return verdict

    def is_milestone(self, number: int, step: int) -> bool:
        """Return whether a rule that judges only at milestones may stop a running trial after ``step``."""
        rules = [rule for rule in (self._native, self.scheduler) if rule is not None]
        if not rules or step < 0:
            return False
        with self._log.lock:
            curves = self._log.curves
            curve = curves.curve(number)
            if len(curve) and curve.steps[-1] >= step:
                return False
            row, curve = curves.row_of(number), curve.extended(step)
            return any(rule.is_milestone(row, curve, curves) for rule in rules)
