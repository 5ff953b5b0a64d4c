"""The plots in Matplotlib: the same names, arguments and data as the Plotly ones; each returns Axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sweeper_core.importance.base import BaseImportanceEvaluator
from sweeper_core.study.study import Study
from sweeper_core.trial.frozen import FrozenTrial
from sweeper_core.trial.state import TrialState
from sweeper_core.visualization import prepared
from sweeper_core.visualization.prepared import GREY, PALETTE, SCALE, STATE_COLOURS, Axis, Target

if TYPE_CHECKING:
    from matplotlib.axes import Axes

EDGE: dict[str, Any] = {"edgecolors": "#555555", "linewidths": 0.4}


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
    axes = _single("Optimization History Plot", "Trial", target_name)
    if error_bar:
        return _mean_history(axes, prepared.mean_progress(study, target, target_name), target_name)
    shown = [each for each in prepared.progress(study, target, target_name) if len(each.values)]
    _close_up(axes.set_ylim, [each.values for each in shown])
    for index, each in enumerate(shown):
        x, y, good = np.array(each.numbers), each.values, each.feasible
        axes.scatter(x[good], y[good], s=18, alpha=0.7, color=PALETTE[(2 * index) % 8], label=each.label, **EDGE)
        if not good.all():
            axes.scatter(x[~good], y[~good], s=18, color=GREY, label="Infeasible Trial", **EDGE)
        if each.best is not None:
            axes.plot(x, each.best, color=PALETTE[(2 * index + 1) % 8], label="Best Value", linewidth=2)
    return _finished(axes, legend=True)


def _mean_history(axes: Axes, mean: prepared.MeanProgress, name: str) -> Axes:
    if len(mean.numbers) == 0:
        return _finished(axes)
    axes.errorbar(mean.numbers, mean.mean, yerr=mean.spread, fmt="o", markersize=4, color=PALETTE[0], label=name)
    if mean.best_mean is not None and mean.best_spread is not None:
        axes.plot(mean.numbers, mean.best_mean, color=PALETTE[1], label="Best Value")
        low, high = mean.best_mean - mean.best_spread, mean.best_mean + mean.best_spread
        axes.fill_between(mean.numbers, low, high, color=PALETTE[1], alpha=0.25)
    return _finished(axes, legend=True)


def plot_slice(
    study: Study,
    params: list[str] | None = None,
    *,
    target: Target | None = None,
    target_name: str = "Objective Value",
) -> Axes | Any:
    """Plot the value over each parameter; see :func:`sweeper_core.visualization.plot_slice`.

    Returns:
        Axes, or an array of them for several parameters.
    """
    shown = prepared.points(study, params, target, prepared.MAX_IN_ROW)
    figure, panels = _panels(f"Slice Plot{shown.note}", 1, len(shown.axes), share_y=True)
    cloud = None
    for panel, axis in zip(panels[0], shown.axes, strict=False):
        cloud = panel.scatter(axis.positions, shown.values, c=shown.numbers, cmap=SCALE, s=18, **EDGE)
        _set_x(panel, axis)
    if cloud is None:
        return _finished(panels[0, 0])
    panels[0, 0].set_ylabel(target_name)
    _close_up(panels[0, 0].set_ylim, [shown.values])
    figure.colorbar(cloud, ax=list(panels[0]), label="Trial", pad=0.02)
    return panels[0, 0] if len(shown.axes) == 1 else panels[0]


def plot_contour(
    study: Study,
    params: list[str] | None = None,
    *,
    target: Target | None = None,
    target_name: str = "Objective Value",
) -> Axes | Any:
    """Plot the value over pairs of parameters; see :func:`sweeper_core.visualization.plot_contour`.

    Returns:
        Axes, or a matrix of them for more than two parameters.
    """
    shown = prepared.points(study, params, target, prepared.MAX_IN_MATRIX)
    low, high = shown.limits
    levels = np.linspace(low, high if high > low else low + 1.0, 15)

    def draw(panel: Axes, x: Axis, y: Axis) -> Any:
        panel.scatter(x.positions, y.positions, s=9, color="black", edgecolors="white", linewidths=0.4, zorder=3)
        heights = prepared.surface(x, y, shown.clipped)
        if heights is None or min(heights[2].shape) < 2:
            return None
        return panel.contourf(*heights, levels=levels, cmap=_scale(shown), extend="both")

    return _pairs("Contour Plot", shown, draw, target_name)


def plot_rank(
    study: Study,
    params: list[str] | None = None,
    *,
    target: Target | None = None,
    target_name: str = "Objective Value",
) -> Axes | Any:
    """Plot the trials over pairs of parameters by rank; see :func:`sweeper_core.visualization.plot_rank`.

    Returns:
        Axes, or a matrix of them for more than two parameters.
    """
    shown = prepared.points(study, params, target, prepared.MAX_IN_MATRIX)
    colours = prepared.ranks(shown.values)

    def draw(panel: Axes, x: Axis, y: Axis) -> Any:
        return panel.scatter(
            x.positions, y.positions, c=colours, cmap=_scale(shown), vmin=0, vmax=1, s=18, zorder=3, **EDGE
        )

    return _pairs("Rank", shown, draw, f"rank of {target_name} (0: smallest)")


def plot_parallel_coordinate(
    study: Study,
    params: list[str] | None = None,
    *,
    target: Target | None = None,
    target_name: str = "Objective Value",
) -> Axes:
    """Plot every trial as a line; see :func:`sweeper_core.visualization.plot_parallel_coordinate`."""
    from matplotlib import cm, colors
    from matplotlib.collections import LineCollection

    shown = prepared.points(study, params, target, prepared.MAX_IN_ROW)
    axes = _single(f"Parallel Coordinate Plot{shown.note}", "", "")
    if len(shown.values) == 0 or not shown.axes:
        return _finished(axes)
    low, high = shown.limits
    columns = [(shown.clipped - low) / ((high - low) or 1.0)]
    columns += [_height(axis, axis.with_absent) for axis in shown.axes]
    mapping = cm.ScalarMappable(colors.Normalize(low, high), _scale(shown))
    heights, order = np.column_stack(columns), shown.best_last
    lines = [np.column_stack([np.arange(len(columns)), row]) for row in heights[order]]
    axes.add_collection(LineCollection(lines, colors=mapping.to_rgba(shown.values[order]), alpha=0.7))
    axes.set(xlim=(-0.1, len(columns) - 0.9), ylim=(min(float(heights.min()), 0.0) - 0.02, 1.02), yticks=[])
    axes.set_xticks(range(len(columns)), [target_name, *(axis.name for axis in shown.axes)], rotation=30, ha="right")
    for position, axis in enumerate(shown.axes, start=1):
        _mark_scale(axes, position, axis)
    for height, value in ((0.0, low), (1.0, high)):
        axes.annotate(f"{value:.4g}", (0, height), fontsize=7, ha="right", va="center")
    axes.figure.colorbar(mapping, ax=axes, label=target_name)
    return axes


def _height(axis: Axis, drawn: Any) -> Any:
    """Return places on an axis's even scale as heights between 0 and 1."""
    low, high = axis.drawn_span
    return (drawn - low) / ((high - low) or 1.0)


def _mark_scale(axes: Axes, position: int, axis: Axis) -> None:
    axes.axvline(position, color="#999999", linewidth=0.6, zorder=0)
    for place, label in axis.ticks:
        axes.annotate(label, (position, _height(axis, place)), fontsize=7, va="center")


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
    axes = _single("Hyperparameter Importances", "Hyperparameter Importance", "Hyperparameter")
    names = list(dict.fromkeys(name for group in groups for name in group.names))[::-1]
    if not names:
        return _finished(axes)
    height = 0.8 / len(groups)
    for index, group in enumerate(groups):
        share_of = dict(zip(group.names, group.shares, strict=True))
        places = np.arange(len(names)) - 0.4 + height * (index + 0.5)
        bars = axes.barh(places, [share_of.get(name, 0.0) for name in names], height, color=PALETTE[index % 8])
        bars.set_label(group.label)
        axes.bar_label(bars, fmt=lambda share: f"{share:.2f}" if share >= 0.01 else "<0.01", padding=3, fontsize=8)
    axes.set_yticks(range(len(names)), names, fontsize=8 if len(names) <= 15 else 6)
    axes.margins(x=0.12)
    return _finished(axes, legend=len(groups) > 1)


def plot_intermediate_values(study: Study) -> Axes:
    """Plot the reports of trials; see :func:`sweeper_core.visualization.plot_intermediate_values`."""
    shown = prepared.curves(study)
    axes = _single(f"Intermediate Values Plot{shown.note}", "Step", "Intermediate Value")
    for number, state, steps, values in shown.curves:
        pruned = state is TrialState.PRUNED
        style = {"linestyle": ":" if pruned else "-", "alpha": 0.5 if pruned else 1.0, "color": PALETTE[number % 7]}
        axes.plot(
            steps, values, marker=".", linewidth=1, label=f"Trial {number}{' (pruned)' if pruned else ''}", **style
        )
    return _finished(axes, legend=0 < len(shown.curves) <= 15)


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
    axes = _single("Pareto-front Plot", shown.names[0], shown.names[1], three=len(shown.names) == 3)
    groups = [("Best Trial", shown.best, PALETTE[3])]
    if include_dominated_trials:
        dominated = shown.feasible & ~shown.best
        groups = [("Infeasible Trial", ~shown.feasible, GREY), ("Trial", dominated, PALETTE[0]), *groups]
    for name, members, colour in groups:
        if members.any():
            axes.scatter(*shown.values[members].T, s=18, color=colour, label=name, **EDGE)
    if len(shown.names) == 3:
        axes.set_zlabel(shown.names[2])
    return _finished(axes, legend=True)


def plot_hypervolume_history(study: Study, reference_point: Sequence[float]) -> Axes:
    """Plot the hypervolume over time; see :func:`sweeper_core.visualization.plot_hypervolume_history`."""
    numbers, volumes = prepared.hypervolumes(study, reference_point)
    axes = _single("Hypervolume History Plot", "Trial", "Hypervolume")
    if len(numbers):
        axes.plot(numbers, volumes, marker=".", color=PALETTE[0])
    return _finished(axes)


def plot_edf(
    study: Study | Sequence[Study], *, target: Target | None = None, target_name: str = "Objective Value"
) -> Axes:
    """Plot the distribution of values; see :func:`sweeper_core.visualization.plot_edf`."""
    axes = _single("Empirical Distribution Function Plot", target_name, "Cumulative Probability")
    shown = prepared.distribution_steps(study, target)
    _close_up(axes.set_xlim, [each.values for each in shown])
    for index, each in enumerate(shown):
        if len(each.values):
            axes.step(each.values, each.share, where="post", color=PALETTE[index % 8], label=each.label)
    axes.set_ylim(0, 1.02)
    return _finished(axes, legend=True)


def plot_timeline(study: Study, n_recent_trials: int | None = None) -> Axes:
    """Plot when each trial ran; see :func:`sweeper_core.visualization.plot_timeline`."""
    spans = prepared.timeline(study, n_recent_trials)
    axes = _single("Timeline Plot", "Datetime", "Trial")
    for state, colour in STATE_COLOURS.items():
        members = [span for span in spans if span.state is state]
        if members:
            starts, ends = [span.start for span in members], [span.end for span in members]
            numbers, width = [span.number for span in members], max(1.0, 200 / len(spans))
            axes.hlines(numbers, starts, ends, colors=colour, linewidth=min(width, 12.0), label=state.name)
    axes.figure.autofmt_xdate()
    return _finished(axes, legend=True)


def _require_matplotlib() -> Any:
    try:
        from matplotlib import pyplot
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "These plots need Matplotlib: install the extra 'plot', or use sweeper_core.visualization."
        ) from error
    return pyplot


def _single(title: str, x: str, y: str, three: bool = False) -> Axes:
    pyplot = _require_matplotlib()
    figure = pyplot.figure(figsize=(8, 5), layout="constrained")
    axes: Axes = figure.add_subplot(projection="3d" if three else None)
    axes.set(title=title, xlabel=x, ylabel=y)
    if not three:
        axes.grid(alpha=0.3)
        axes.set_axisbelow(True)
    return axes


def _panels(title: str, rows: int, columns: int, share_y: bool = False) -> tuple[Any, Any]:
    pyplot = _require_matplotlib()
    rows, columns = max(rows, 1), max(columns, 1)
    size = (max(6.0, 2.6 * columns), max(4.0, 2.2 * rows))
    figure, panels = pyplot.subplots(rows, columns, squeeze=False, figsize=size, sharey=share_y, layout="constrained")
    figure.suptitle(title)
    return figure, panels


def _pairs(title: str, shown: prepared.Points, draw: Callable[[Axes, Axis, Axis], Any], legend: str) -> Axes | Any:
    """Draw one panel for two parameters, or a matrix of panels for more."""
    axes = shown.axes
    if len(axes) < 2:
        return _finished(_single(title, "", ""))
    across = (axes[0],) if len(axes) == 2 else axes
    down = (axes[1],) if len(axes) == 2 else axes
    figure, panels = _panels(f"{title}{shown.note}", len(down), len(across))
    drawn = None
    for row, y in enumerate(down):
        for column, x in enumerate(across):
            panel = panels[row, column]
            if x is not y:
                drawn = draw(panel, x, y) or drawn
            _set_x(panel, x, named=row == len(down) - 1)
            _set_y(panel, y, named=column == 0)
    if drawn is not None:
        figure.colorbar(drawn, ax=panels.ravel().tolist(), label=legend, pad=0.02)
    return panels[0, 0] if len(axes) == 2 else panels


def _set_x(panel: Axes, axis: Axis, named: bool = True) -> None:
    if axis.scale == "category":
        panel.set_xticks(range(len(axis.labels)), axis.labels, rotation=30 if len(axis.labels) > 3 else 0)
    elif axis.scale == "log":
        panel.set_xscale("log")
    panel.set_xlim(axis.span)
    if named:
        panel.set_xlabel(prepared.shortened(axis.name), fontsize=8)
    else:
        panel.tick_params(labelbottom=False, which="both")


def _set_y(panel: Axes, axis: Axis, named: bool = True) -> None:
    if axis.scale == "category":
        panel.set_yticks(range(len(axis.labels)), axis.labels)
    elif axis.scale == "log":
        panel.set_yscale("log")
    panel.set_ylim(axis.span)
    if named:
        panel.set_ylabel(prepared.shortened(axis.name), fontsize=8)
    else:
        panel.tick_params(labelleft=False, which="both")


def _scale(shown: prepared.Points) -> str:
    """The good end is the dark one, whatever the direction."""
    return SCALE if shown.smaller_is_better else f"{SCALE}_r"


def _close_up(set_limits: Callable[[tuple[float, float]], Any], values: Sequence[Any]) -> None:
    """Set an axis's range when a few values lie so far out that they would hide the others."""
    span = prepared.close_up(np.concatenate([np.empty(0), *values]))
    if span is not None:
        set_limits(span)


def _finished(axes: Axes, legend: bool = False) -> Axes:
    if not axes.has_data():
        note = {"ha": "center", "va": "center", "color": "#777777"}
        text = axes.text2D if hasattr(axes, "text2D") else axes.text
        text(0.5, 0.5, "Nothing to show yet: no trial has what this plot needs.", transform=axes.transAxes, **note)
    elif legend:
        axes.legend(fontsize=8)
    return axes
