"""The pruner that never stops a trial."""

from __future__ import annotations

from sweeper_core.pruners.base import GO_ON, Pruner, Verdict
from sweeper_core.trial.curves import Curve, LearningCurves


class NopPruner(Pruner):
    """Let every trial run to its end."""

    def judge(self, number: int, curve: Curve, curves: LearningCurves) -> Verdict:
        return GO_ON
