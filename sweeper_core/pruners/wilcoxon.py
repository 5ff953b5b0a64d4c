"""Stop trials that are worse than the best one on most of the same cases (Wilcoxon's signed-rank test).

For objectives that are the mean over many cases (instances of a problem, folds of a cross-validation): the step
names the case, and cases may come in any order.
"""

from __future__ import annotations

import numpy as np

from sweeper_core.pruners.base import GO_ON, Pruner, Verdict
from sweeper_core.trial.curves import Curve, Floats, LearningCurves


class WilcoxonPruner(Pruner):
    """Stop a trial that is significantly worse than the best COMPLETE one on the steps that both reported.

    The one-sided signed-rank test on the differences at common steps must reject that the trial is not worse,
    and the mean of the trial's reports must be worse than that of all the best trial's. Reports of either trial
    that are NaN or infinite stop no trial.

    Args:
        p_threshold: Level of the test; larger stops more trials.
        n_startup_steps: Nothing is stopped before this many (and never before two) steps are common.

    Raises:
        ValueError: A number is out of its range.
    """

    def __init__(self, *, p_threshold: float = 0.1, n_startup_steps: int = 2) -> None:
        if n_startup_steps < 0:
            raise ValueError(f"`n_startup_steps` must be 0 or more, but got {n_startup_steps}.")
        if not 0.0 <= p_threshold <= 1.0:
            raise ValueError(f"`p_threshold` must lie between 0 and 1, but got {p_threshold}.")
        self._n_startup_steps = n_startup_steps
        self._p_threshold = p_threshold

    @np.errstate(all="ignore")
    def judge(self, number: int, curve: Curve, curves: LearningCurves) -> Verdict:
        best = curves.best
        if not len(curve) or best is None:
            return GO_ON
        rival = curves.curve(best)
        if not len(rival):
            return Verdict(False, f"the best trial, {best}, has no reports to compare with")
        if not (np.isfinite(curve.values).all() and np.isfinite(rival.values).all()):
            return Verdict(False, "reports that are NaN or infinite cannot be ranked")
        _, mine, theirs = np.intersect1d(curve.steps, rival.steps, assume_unique=True, return_indices=True)
        if len(mine) < max(2, self._n_startup_steps) or curve.values.mean() <= rival.values.mean():
            return GO_ON
        p = _chance_of_not_worse(curve.values[mine] - rival.values[theirs])
        if not p < self._p_threshold:
            return GO_ON
        return Verdict(
            True, f"it is worse than trial {best} on {len(mine)} common steps (signed-rank test, p = {p:.3g})"
        )


def _chance_of_not_worse(differences: Floats) -> float:
    """Return the p-value of the signed-rank test of ``(k,)`` differences against being positive."""
    from scipy.stats import wilcoxon  # its import takes longer than the rest of a short job

    return float(wilcoxon(differences, alternative="greater", zero_method="zsplit").pvalue)
