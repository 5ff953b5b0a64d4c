"""Figures, axes and what every plot in Matplotlib has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sweeper_core._extras import missing_extra
from sweeper_core.visualization import prepared
from sweeper_core.visualization.prepared import SCALE, Axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes

EDGE: dict[str, Any] = {"edgecolors": "#555555", "linewidths": 0.4}


def require_matplotlib() -> Any:
    """Return pyplot, or say what to install."""
    try:
        from matplotlib import pyplot
    except ModuleNotFoundError as error:
        raise missing_extra("These plots need Matplotlib", "plot", "use sweeper_core.visualization") from error
    return pyplot


def single(title: str, x: str, y: str, three: bool = False, width: float = 8.0) -> Axes:
    """Return the only axes of a new figure."""
    pyplot = require_matplotlib()
    figure = pyplot.figure(figsize=(width, 5), layout="constrained")
    axes: Axes = figure.add_subplot(projection="3d" if three else None)
    axes.set(title=title, xlabel=x, ylabel=y)
    if not three:
        axes.grid(alpha=0.3)
        axes.set_axisbelow(True)
    return axes


def panels(title: str, rows: int, columns: int, share_y: bool = False, height: float = 2.2) -> tuple[Any, Any]:
    """Return a new figure and its panels, an array ``(rows, columns)``."""
    pyplot = require_matplotlib()
    rows, columns = max(rows, 1), max(columns, 1)
    size = (max(6.0, 2.6 * columns), max(4.0, height * rows))
    figure, panels = pyplot.subplots(rows, columns, squeeze=False, figsize=size, sharey=share_y, layout="constrained")
    figure.suptitle(title)
    return figure, panels


def set_x(panel: Axes, axis: Axis, named: bool = True) -> None:
    """Give a panel's x axis the scale, range, ticks and name of a parameter."""
    if axis.scale == "log":
        panel.set_xscale("log")
    places, texts = _ticks(axis)
    # Upright where they are many or long: aslant, a long one takes the room of the panel to the left.
    panel.set_xticks(places, texts, rotation=90 if sum(map(len, texts)) > 24 else 0, fontsize=8)
    panel.set_xticks([], minor=True)
    panel.set_xlim(axis.span)
    if named:
        panel.set_xlabel(prepared.shortened(axis.name), fontsize=9)
    else:
        panel.tick_params(labelbottom=False)


def set_y(panel: Axes, axis: Axis, named: bool = True) -> None:
    """Give a panel's y axis the scale, range, ticks and name of a parameter."""
    if axis.scale == "log":
        panel.set_yscale("log")
    places, texts = _ticks(axis)
    panel.set_yticks(places, texts, fontsize=8)
    panel.set_yticks([], minor=True)
    panel.set_ylim(axis.span)
    if named:
        panel.set_ylabel(prepared.shortened(axis.name), fontsize=9)
    else:
        panel.tick_params(labelleft=False)


def _ticks(axis: Axis) -> tuple[list[float], list[str]]:
    places = axis.undrawn(np.array([place for place, _ in axis.ticks]))
    return places.tolist(), [text for _, text in axis.ticks]


def whole_ticks(axis: Any) -> None:
    """Keep the ticks of an axis of trials at whole numbers."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True))


def scale_of(shown: prepared.Points) -> str:
    """Return the colour map whose dark end is the good one."""
    return SCALE if shown.smaller_is_better else f"{SCALE}_r"


def close_up(set_limits: Callable[[tuple[float, float]], Any], values: Sequence[Any]) -> tuple[float, float] | None:
    """Set an axis's range when a few values lie so far out that they would hide the others; return it."""
    span = prepared.close_up(np.concatenate([np.empty(0), *values]))
    if span is not None:
        set_limits(span)
    return span


def history_range(set_limits: Callable[[tuple[float, float]], Any], shown: Sequence[prepared.Progress]) -> Any:
    """Set the range of an axis of values over trials; return it, None as it comes."""
    values = np.concatenate([np.empty(0), *(each.values for each in shown)])
    span = prepared.history_span(values, np.concatenate([np.empty(0), *(each.pruned[:, 1] for each in shown)]))
    if span is not None:
        set_limits(span)
    return span


def mark_outside(panel: Axes, x: Any, y: Any, span: tuple[float, float] | None, colour: str = "#444444") -> None:
    """Mark at the border where points ``(x, y)`` lie that the range of a close-up leaves out."""
    if span is None:
        return
    low, high = span
    for members, place, marker in ((y > high, high, "^"), (y < low, low, "v")):
        if members.any():
            panel.scatter(x[members], np.full(members.sum(), place), marker=marker, s=26, color=colour, clip_on=False)


def finished(axes: Axes, legend: bool = False, place: str = "best") -> Axes:
    """Say so when there is nothing to show; add the legend at its place."""
    if not axes.has_data():
        note = {"ha": "center", "va": "center", "color": "#777777"}
        text = axes.text2D if hasattr(axes, "text2D") else axes.text
        text(0.5, 0.5, "Nothing to show yet: no trial has what this plot needs.", transform=axes.transAxes, **note)
    elif legend:
        axes.legend(fontsize=8, loc=place)
    return axes
