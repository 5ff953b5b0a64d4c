"""The plots in Plotly: every function returns a ``plotly.graph_objects.Figure``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sweeper_core.importance.base import BaseImportanceEvaluator
from sweeper_core.study.study import Study
from sweeper_core.trial.frozen import FrozenTrial
from sweeper_core.trial.state import TrialState
from sweeper_core.visualization import prepared
from sweeper_core.visualization._plotly.params import (
    plot_contour,
    plot_parallel_coordinate,
    plot_rank,
    plot_slice,
)
from sweeper_core.visualization._plotly.parts import (
    MARKER,
    add_points,
    close_up,
    figure_of,
    history_range,
    mark_outside,
    say_if_empty,
    trial_texts,
    whole_ticks,
)
from sweeper_core.visualization._plotly.terminator import plot_terminator_improvement
from sweeper_core.visualization.prepared import GREY, PALETTE, STATE_COLOURS, Target

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = [
    "is_available",
    "plot_contour",
    "plot_edf",
    "plot_hypervolume_history",
    "plot_intermediate_values",
    "plot_optimization_history",
    "plot_parallel_coordinate",
    "plot_param_importances",
    "plot_pareto_front",
    "plot_rank",
    "plot_slice",
    "plot_terminator_improvement",
    "plot_timeline",
]


def is_available() -> bool:
    """Return whether Plotly is installed."""
    import importlib.util

    return importlib.util.find_spec("plotly") is not None


def plot_optimization_history(
    study: Study | Sequence[Study],
    *,
    target: Target | None = None,
    target_name: str = "Objective Value",
    error_bar: bool = False,
) -> Figure:
    """Plot values over trials, with the best so far.

    Args:
        study: One study or several.
        target: What to plot instead of the objective value; needed with several objectives.
        target_name: Its name on the axis.
        error_bar: Plot mean and standard deviation over the studies instead of each.
    """
    figure = figure_of("Optimization History Plot", "Trial", target_name)
    if error_bar:
        return _mean_history(figure, prepared.mean_progress(study, target, target_name), target_name)
    shown = [each for each in prepared.progress(study, target, target_name) if len(each.values)]
    span = history_range(figure.update_yaxes, shown)
    for index, each in enumerate(shown):
        colour, line = PALETTE[(2 * index) % 8], PALETTE[(2 * index + 1) % 8]
        x, y, good = np.array(each.numbers), each.values, each.feasible
        add_points(
            figure,
            x=x[good],
            y=y[good],
            mode="markers",
            name=each.label,
            marker={**MARKER, "color": colour, "opacity": 0.7},
        )
        if not good.all():
            marker = {**MARKER, "color": GREY}
            add_points(figure, x=x[~good], y=y[~good], mode="markers", name="Infeasible Trial", marker=marker)
        if each.best is not None:
            steps = {"color": line, "width": 2, "shape": "hv"}
            add_points(figure, x=x, y=each.best, mode="lines", name="Best Value", line=steps)
        mark_outside(figure, x, y, span)
        if len(each.pruned):
            mark_outside(figure, each.pruned[:, 0], each.pruned[:, 1], span, "#bbbbbb")
            cross: dict[str, Any] = {"symbol": "x-thin-open", "size": 6, "color": "#888888"}
            named = {"mode": "markers", "name": "Pruned Trial (last report)", "marker": cross}
            add_points(figure, x=each.pruned[:, 0], y=each.pruned[:, 1], **named)
    figure.update_xaxes(**whole_ticks([number for each in shown for number in each.numbers]))
    return say_if_empty(figure)


def _mean_history(figure: Figure, mean: prepared.MeanProgress, name: str) -> Figure:
    bars = {"type": "data", "array": mean.spread}
    figure.add_scatter(
        x=mean.numbers, y=mean.mean, error_y=bars, mode="markers", name=name, marker={"color": PALETTE[0]}
    )
    if mean.best_mean is not None and mean.best_spread is not None:
        line = {"color": PALETTE[1], "shape": "hv"}
        figure.add_scatter(x=mean.numbers, y=mean.best_mean, mode="lines", name="Best Value", line=line)
        band = {"mode": "lines", "line": {"width": 0, "shape": "hv"}, "showlegend": False, "hoverinfo": "skip"}
        figure.add_scatter(x=mean.numbers, y=mean.best_mean + mean.best_spread, **band)
        lower = mean.best_mean - mean.best_spread
        figure.add_scatter(x=mean.numbers, y=lower, fill="tonexty", fillcolor="rgba(230,159,0,0.25)", **band)
    return say_if_empty(figure)


def plot_param_importances(
    study: Study,
    evaluator: BaseImportanceEvaluator | None = None,
    params: list[str] | None = None,
    *,
    target: Target | None = None,
    target_name: str = "Objective Value",
) -> Figure:
    """Plot how much each parameter mattered (for each objective, when there are several and no target).

    Args:
        study: The study.
        evaluator: How to judge; PED-ANOVA by default.
        params: Names to assess.
        target: What to explain instead of the objective value.
        target_name: Its name in the legend.
    """
    groups = prepared.importance_bars(study, evaluator, params, target, target_name)
    figure = figure_of("Hyperparameter Importances", "Hyperparameter Importance", "Hyperparameter")
    for index, group in enumerate(groups):
        names, shares = group.names[::-1], group.shares[::-1]
        texts = [f"{share:.2f}" if share >= 0.01 else "<0.01" for share in shares]
        bar = {"name": group.label, "marker": {"color": PALETTE[index % 8]}, "orientation": "h"}
        figure.add_bar(x=shares, y=names, text=texts, textposition="outside", cliponaxis=False, **bar)
    figure.update_layout(showlegend=len(groups) > 1, barmode="group")
    figure.update_yaxes(automargin=True)
    return say_if_empty(figure)


def plot_intermediate_values(study: Study, *, metric: str | None = None) -> Figure:
    """Plot the reports of all trials; of very many, the best and an even selection.

    Args:
        study: The study.
        metric: Which of several metrics that were reported together; None: the one that pruners judge.

    Raises:
        ValueError: No trial has reported the metric.
    """
    shown = prepared.curves(study, metric)
    figure = figure_of(f"Intermediate Values Plot{shown.note}", "Step", metric or "Intermediate Value")
    for (number, state, steps, values), colour in zip(shown.curves, shown.colours, strict=True):
        pruned = state is TrialState.PRUNED
        line = {"width": 1, "dash": "dot" if pruned else "solid", "color": colour}
        trace = {"mode": "lines+markers", "marker": {"size": 4}, "line": line, "opacity": 0.5 if pruned else 1.0}
        figure.add_scatter(x=steps, y=values, name=f"Trial {number}{' (pruned)' if pruned else ''}", **trace)
    figure.update_layout(showlegend=shown.named and len(shown.curves) > 0)
    return say_if_empty(figure)


def plot_pareto_front(
    study: Study,
    *,
    target_names: list[str] | None = None,
    include_dominated_trials: bool = True,
    constraints_func: Callable[[FrozenTrial], Sequence[float]] | None = None,
    targets: Callable[[FrozenTrial], Sequence[float]] | None = None,
) -> Figure:
    """Plot the trials of a study with two or three objectives, the Pareto front marked.

    Args:
        study: The study.
        target_names: Names of the axes.
        include_dominated_trials: Whether to show the other trials too.
        constraints_func: Constraint values of a trial, satisfied where not positive; by default those stored.
        targets: Two or three numbers to plot for a trial instead of its values (all minimised).
    """
    shown = prepared.front(study, target_names, constraints_func, targets)
    figure = figure_of("Pareto-front Plot", shown.names[0], shown.names[1])
    groups = [("Best Trial", shown.best, PALETTE[3])]
    if include_dominated_trials:
        dominated = shown.feasible & ~shown.best
        groups = [
            ("Infeasible Trial", ~shown.feasible, GREY),
            ("Trial", dominated, PALETTE[0]),
            *groups,
        ]
    for name, members, colour in groups:
        if members.any():
            _add_cloud(figure, shown, members, name, colour)
    if len(shown.names) == 3:
        titles = [{"title": {"text": name}} for name in shown.names]
        # A little further away than Plotly's own view, which cuts the names of the axes in a low window.
        view = {"camera": {"eye": {"x": 1.5, "y": 1.5, "z": 1.1}}}
        figure.update_layout(scene={**dict(zip(("xaxis", "yaxis", "zaxis"), titles, strict=True)), **view})
    return say_if_empty(figure)


def _add_cloud(figure: Figure, shown: prepared.Front, members: Any, name: str, colour: str) -> None:
    texts = trial_texts(np.array(shown.numbers)[members])
    common = {"mode": "markers", "name": name, "text": texts, "marker": {**MARKER, "color": colour}}
    columns = shown.values[members].T
    if len(columns) == 2:
        add_points(figure, x=columns[0], y=columns[1], **common)
    else:
        common["marker"] = {"color": colour, "size": 4}
        figure.add_scatter3d(x=columns[0], y=columns[1], z=columns[2], **common)


def plot_hypervolume_history(study: Study, reference_point: Sequence[float]) -> Figure:
    """Plot the hypervolume of the feasible trials over time.

    Args:
        study: A study with several objectives.
        reference_point: The point that bounds the volume, in the objectives' own signs.
    """
    numbers, volumes = prepared.hypervolumes(study, reference_point)
    figure = figure_of("Hypervolume History Plot", "Trial", "Hypervolume")
    if len(numbers):
        figure.add_scatter(x=numbers, y=volumes, mode="lines", line={"color": PALETTE[0], "shape": "hv"})
    return say_if_empty(figure)


def plot_edf(
    study: Study | Sequence[Study], *, target: Target | None = None, target_name: str = "Objective Value"
) -> Figure:
    """Plot which share of the trials is at most as large as each value.

    Args:
        study: One study or several.
        target: What to plot instead of the objective value; needed with several objectives.
        target_name: Its name on the axis.
    """
    figure = figure_of("Empirical Distribution Function Plot", target_name, "Cumulative Probability")
    shown = prepared.distribution_steps(study, target)
    close_up(figure.update_xaxes, [each.values for each in shown])
    for index, each in enumerate(shown):
        if len(each.values):
            line = {"shape": "hv", "color": PALETTE[index % 8]}
            figure.add_scatter(x=each.values, y=each.share, mode="lines", name=each.label, line=line)
    figure.update_yaxes(range=[0, 1.02])
    return say_if_empty(figure)


def plot_timeline(study: Study, n_recent_trials: int | None = None) -> Figure:
    """Plot when each trial ran, coloured by its state.

    Args:
        study: The study.
        n_recent_trials: Only this many of the latest trials.
    """
    spans = prepared.timeline(study, n_recent_trials)
    figure = figure_of("Timeline Plot", "Datetime", "Trial")
    for state, colour in STATE_COLOURS.items():
        members = [span for span in spans if span.state is state]
        if members:
            figure.add_bar(
                name=state.name,
                orientation="h",
                y=[span.number for span in members],
                base=[span.start.isoformat() for span in members],
                x=[(span.end - span.start).total_seconds() * 1000 for span in members],
                text=[span.text for span in members],
                hovertemplate="%{text}<extra></extra>",
                textposition="none",
                width=0.8,
                marker={"color": colour, "line": {"width": 0}},
            )
    figure.update_layout(barmode="overlay")
    figure.update_xaxes(type="date")
    figure.update_yaxes(**whole_ticks([span.number for span in spans]), range=prepared.few_rows(spans))
    return say_if_empty(figure)
