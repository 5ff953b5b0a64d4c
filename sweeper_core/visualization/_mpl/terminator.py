"""The terminator's plot in Matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sweeper_core.study.study import Study
from sweeper_core.terminator.erroreval import BaseErrorEvaluator
from sweeper_core.terminator.improvement.evaluator import BaseImprovementEvaluator
from sweeper_core.visualization._mpl.parts import finished, single
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
    for line in shown.lines():
        label = line.name if line.opacity == 1.0 else None
        axes.plot(line.numbers, line.values, "o-", alpha=line.opacity, color=line.colour, label=label)
    return finished(axes)
