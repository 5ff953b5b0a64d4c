"""The terminator's plot in Matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sweeper_core.study.study import Study
from sweeper_core.terminator.erroreval import BaseErrorEvaluator
from sweeper_core.terminator.improvement.evaluator import BaseImprovementEvaluator
from sweeper_core.visualization._mpl.parts import finished, single
from sweeper_core.visualization.prepared import PALETTE
from sweeper_core.visualization.prepared.terminator import DEFAULT_MIN_N_TRIALS, improvements

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_terminator_improvement(
    study: Study,
    plot_error: bool = False,
    improvement_evaluator: BaseImprovementEvaluator | None = None,
    error_evaluator: BaseErrorEvaluator | None = None,
    min_n_trials: int = DEFAULT_MIN_N_TRIALS,
) -> Axes:
    """Plot possible improvements; see :func:`sweeper_core.visualization.plot_terminator_improvement`."""
    shown = improvements(study, plot_error, improvement_evaluator, error_evaluator, min_n_trials)
    axes = single("Terminator Improvement Plot", "Trial", "Terminator Improvement")
    parts = ((slice(0, shown.early), 0.3), (slice(max(shown.early - 1, 0), None), 1.0))
    for name, values, colour in (
        ("Terminator Improvement", shown.values, PALETTE[0]),
        ("Error", shown.errors, PALETTE[1]),
    ):
        for part, opacity in parts if values is not None else ():
            if values is not None and len(values[part]):
                label = name if opacity == 1.0 else None
                axes.plot(list(shown.numbers)[part], values[part], "o-", alpha=opacity, color=colour, label=label)
    return finished(axes)
