"""The contract of a pruner: judge one learning curve given those of the other trials."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

from sweeper_core.maths.quiet import quiet
from sweeper_core.pruners.user import BasePruner
from sweeper_core.trial.curves import Curve, LearningCurves
from sweeper_core.trial.frozen import FrozenTrial
from sweeper_core.trial.study_like import StudyLike


@dataclass(frozen=True)
class Verdict:
    """Whether to stop, and the reason.

    Attributes:
        reason: A clause that can follow "trial 17 stopped at step 4: ".
        forecast: Expected final value of the trial and its standard deviation (in the trial's own sign); None when
            the rule makes no forecast.
    """

    stop: bool
    reason: str = ""
    forecast: tuple[float, float] | None = None


GO_ON = Verdict(False)


class Pruner(BasePruner):
    """Base of all pruners. A pruner is a pure function; every value is signed so that smaller is better."""

    @abstractmethod
    def judge(self, number: int, curve: Curve, curves: LearningCurves) -> Verdict:
        """Return whether the running attempt of configuration ``number``, with the reports ``curve``, should stop now.

        It never waits for other trials: ``curves`` has the current learning curves of all other trials.
        """

    def is_milestone(self, number: int, curve: Curve, curves: LearningCurves) -> bool:
        """Return whether the last report of ``curve`` is a milestone: one at which a periodic pruner judges.

        A checkpoint is useful there. False for pruners that judge every report.
        """
        return False

    def prune(self, study: StudyLike, trial: FrozenTrial) -> bool:
        """Judge the stored trial, for users' pruners that delegate to this one."""
        curves = study.known_to(trial.number).curves
        with quiet():
            return self.judge(curves.row_of(trial.number), curves.curve(trial.number), curves).stop
