"""The terminator's plot in Plotly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sweeper_core.study.study import Study
from sweeper_core.terminator.erroreval import BaseErrorEvaluator
from sweeper_core.terminator.improvement.evaluator import BaseImprovementEvaluator
from sweeper_core.visualization._plotly.parts import figure_of, say_if_empty
from sweeper_core.visualization.prepared.terminator import DEFAULT_MIN_N_TRIALS, improvements

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def plot_terminator_improvement(
    study: Study,
    plot_error: bool = False,
    improvement_evaluator: BaseImprovementEvaluator | None = None,
    error_evaluator: BaseErrorEvaluator | None = None,
    min_n_trials: int = DEFAULT_MIN_N_TRIALS,
) -> Figure:
    """Plot how much a study could still improve after each trial, as a terminator sees it.

    Args:
        study: A study with one objective.
        plot_error: Plot the error beside it, below which a :class:`sweeper_core.terminator.Terminator` stops.
        improvement_evaluator: Its bound; :class:`sweeper_core.terminator.RegretBoundEvaluator` by default.
        error_evaluator: Its error; :class:`sweeper_core.terminator.CrossValidationErrorEvaluator` by default.
        min_n_trials: Trials before these are drawn paler: no terminator would judge them.
    """
    shown = improvements(study, plot_error, improvement_evaluator, error_evaluator, min_n_trials)
    figure = figure_of("Terminator Improvement Plot", "Trial", "Terminator Improvement")
    for line in shown.lines():
        figure.add_scatter(
            x=line.numbers,
            y=line.values,
            mode="lines+markers",
            opacity=line.opacity,
            marker={"color": line.colour},
            name=line.name,
            legendgroup=line.name,
            showlegend=line.opacity == 1.0,
        )
    return say_if_empty(figure)
