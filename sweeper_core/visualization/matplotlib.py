"""The plots in Matplotlib: the same names, arguments and data as the Plotly ones; each returns Axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from sweeper_core.importance.base import BaseImportanceEvaluator
from sweeper_core.study.study import Study
from sweeper_core.trial.frozen import FrozenTrial
from sweeper_core.trial.state import TrialState
from sweeper_core.visualization import prepared
from sweeper_core.visualization._mpl.params import (
    plot_contour,
    plot_parallel_coordinate,
    plot_rank,
    plot_slice,
)
from sweeper_core.visualization._mpl.parts import (
    EDGE,
    close_up,
    finished,
    history_range,
    mark_outside,
    single,
    whole_ticks,
)
from sweeper_core.visualization._mpl.terminator import plot_terminator_improvement
from sweeper_core.visualization.prepared import GREY, PALETTE, STATE_COLOURS, Target

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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
    """Return whether Matplotlib is installed."""
    import importlib.util

    return importlib.util.find_spec("matplotlib") is not None


def plot_optimization_history(
    study: Study | Sequence[Study],
    *,
    target: Target | None = None,
    target_name: str = "Objective Value",
    error_bar: bool = False,
) -> Axes:
    """Plot values over trials; see :func:`sweeper_core.visualization.plot_optimization_history`."""
    axes = single("Optimization History Plot", "Trial", target_name)
    if error_bar:
        return _mean_history(axes, prepared.mean_progress(study, target, target_name), target_name)
    shown = [each for each in prepared.progress(study, target, target_name) if len(each.values)]
    span = history_range(axes.set_ylim, shown)
    for index, each in enumerate(shown):
        x, y, good = np.array(each.numbers), each.values, each.feasible
        axes.scatter(x[good], y[good], s=18, alpha=0.7, color=PALETTE[(2 * index) % 8], label=each.label, **EDGE)
        if not good.all():
            axes.scatter(x[~good], y[~good], s=18, color=GREY, label="Infeasible Trial", **EDGE)
        mark_outside(axes, x, y, span)
        if each.best is not None:
            line = {"color": PALETTE[(2 * index + 1) % 8], "label": "Best Value", "linewidth": 2}
            axes.step(x, each.best, where="post", **line)
        if len(each.pruned):
            mark_outside(axes, each.pruned[:, 0], each.pruned[:, 1], span, "#bbbbbb")
            axes.scatter(
                *each.pruned.T, s=16, marker="x", linewidths=0.9, color="#888888", label="Pruned Trial (last report)"
            )
    whole_ticks(axes.xaxis)
    return finished(axes, legend=True)


def _mean_history(axes: Axes, mean: prepared.MeanProgress, name: str) -> Axes:
    if len(mean.numbers) == 0:
        return finished(axes)
    axes.errorbar(mean.numbers, mean.mean, yerr=mean.spread, fmt="o", markersize=4, color=PALETTE[0], label=name)
    if mean.best_mean is not None and mean.best_spread is not None:
        axes.step(mean.numbers, mean.best_mean, where="post", color=PALETTE[1], label="Best Value")
        low, high = mean.best_mean - mean.best_spread, mean.best_mean + mean.best_spread
        axes.fill_between(mean.numbers, low, high, step="post", color=PALETTE[1], alpha=0.25)
    return finished(axes, legend=True)


def plot_param_importances(
    study: Study,
    evaluator: BaseImportanceEvaluator | None = None,
    params: list[str] | None = None,
    *,
    target: Target | None = None,
    target_name: str = "Objective Value",
) -> Axes:
    """Plot how much each parameter mattered; see :func:`sweeper_core.visualization.plot_param_importances`."""
    groups = prepared.importance_bars(study, evaluator, params, target, target_name)
    axes = single("Hyperparameter Importances", "Hyperparameter Importance", "Hyperparameter")
    names = list(dict.fromkeys(name for group in groups for name in group.names))[::-1]
    if not names:
        return finished(axes)
    height = 0.8 / len(groups)
    for index, group in enumerate(groups):
        share_of = dict(zip(group.names, group.shares, strict=True))
        places = np.arange(len(names)) - 0.4 + height * (index + 0.5)
        bars = axes.barh(places, [share_of.get(name, 0.0) for name in names], height, color=PALETTE[index % 8])
        bars.set_label(group.label)
        axes.bar_label(bars, fmt=lambda share: f"{share:.2f}" if share >= 0.01 else "<0.01", padding=3, fontsize=8)
    axes.set_yticks(range(len(names)), names, fontsize=8 if len(names) <= 15 else 6)
    axes.margins(x=0.12)
    return finished(axes, legend=len(groups) > 1)


def plot_intermediate_values(study: Study, *, metric: str | None = None) -> Axes:
    """Plot the reports of trials; see :func:`sweeper_core.visualization.plot_intermediate_values`."""
    shown = prepared.curves(study, metric)
    axes = single(f"Intermediate Values Plot{shown.note}", "Step", metric or "Intermediate Value")
    for (number, state, steps, values), colour in zip(shown.curves, shown.colours, strict=True):
        pruned = state is TrialState.PRUNED
        style = {"linestyle": ":" if pruned else "-", "alpha": 0.5 if pruned else 1.0, "color": colour}
        axes.plot(
            steps, values, marker=".", linewidth=1, label=f"Trial {number}{' (pruned)' if pruned else ''}", **style
        )
    return finished(axes, legend=0 < len(shown.curves) <= 15)


def plot_pareto_front(
    study: Study,
    *,
    target_names: list[str] | None = None,
    include_dominated_trials: bool = True,
    constraints_func: Callable[[FrozenTrial], Sequence[float]] | None = None,
    targets: Callable[[FrozenTrial], Sequence[float]] | None = None,
) -> Axes:
    """Plot the trials in objective space; see :func:`sweeper_core.visualization.plot_pareto_front`."""
    shown = prepared.front(study, target_names, constraints_func, targets)
    axes = single("Pareto-front Plot", shown.names[0], shown.names[1], three=len(shown.names) == 3)
    groups = [("Best Trial", shown.best, PALETTE[3])]
    if include_dominated_trials:
        dominated = shown.feasible & ~shown.best
        groups = [("Infeasible Trial", ~shown.feasible, GREY), ("Trial", dominated, PALETTE[0]), *groups]
    for name, members, colour in groups:
        if members.any():
            axes.scatter(*shown.values[members].T, s=18, color=colour, label=name, **EDGE)
    if len(shown.names) == 3:
        axes.set_zlabel(shown.names[2])
    return finished(axes, legend=True)


def plot_hypervolume_history(study: Study, reference_point: Sequence[float]) -> Axes:
    """Plot the hypervolume over time; see :func:`sweeper_core.visualization.plot_hypervolume_history`."""
    numbers, volumes = prepared.hypervolumes(study, reference_point)
    axes = single("Hypervolume History Plot", "Trial", "Hypervolume")
    if len(numbers):
        axes.step(numbers, volumes, where="post", color=PALETTE[0])
    return finished(axes)


def plot_edf(
    study: Study | Sequence[Study], *, target: Target | None = None, target_name: str = "Objective Value"
) -> Axes:
    """Plot the distribution of values; see :func:`sweeper_core.visualization.plot_edf`."""
    axes = single("Empirical Distribution Function Plot", target_name, "Cumulative Probability")
    shown = prepared.distribution_steps(study, target)
    close_up(axes.set_xlim, [each.values for each in shown])
    for index, each in enumerate(shown):
        if len(each.values):
            axes.step(each.values, each.share, where="post", color=PALETTE[index % 8], label=each.label)
    axes.set_ylim(0, 1.02)
    return finished(axes, legend=True)


def plot_timeline(study: Study, n_recent_trials: int | None = None) -> Axes:
    """Plot when each trial ran; see :func:`sweeper_core.visualization.plot_timeline`."""
    spans = prepared.timeline(study, n_recent_trials)
    axes = single("Timeline Plot", "Datetime", "Trial")
    for state, colour in STATE_COLOURS.items():
        members = [span for span in spans if span.state is state]
        if members:
            starts, ends = [span.start for span in members], [span.end for span in members]
            numbers, width = [span.number for span in members], max(1.0, 200 / len(spans))
            axes.hlines(numbers, starts, ends, colors=colour, linewidth=min(width, 12.0), label=state.name)
    axes.figure.autofmt_xdate()
    whole_ticks(axes.yaxis)
    rows = prepared.few_rows(spans)
    if rows is not None:
        axes.set_ylim(rows)
    # Trials go from the lower left to the upper right.
    return finished(axes, legend=True, place="upper left")
