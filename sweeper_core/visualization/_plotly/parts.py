"""Figures, axes and what every plot in Plotly has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sweeper_core._extras import missing_extra
from sweeper_core.visualization import prepared
from sweeper_core.visualization.prepared import Axis

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

MAX_SVG_POINTS = 2000
MAX_EACH = 8
"""Up to so many trials each has a tick."""
MARKER = {"line": {"width": 0.5, "color": "#555555"}}
"""A thin edge, so that pale markers show on a pale ground."""


def require_plotly() -> Any:
    """Return Plotly's graph objects, or say what to install."""
    try:
        from plotly import graph_objects
    except ModuleNotFoundError as error:
        otherwise = "use sweeper_core.visualization.matplotlib"
        raise missing_extra("These plots need Plotly", "plot", otherwise) from error
    return graph_objects


def figure_of(title: str, x: str, y: str) -> Figure:
    """Return a figure of one panel."""
    figure = require_plotly().Figure()
    figure.update_layout(title=title, template="plotly_white", xaxis_title=x, yaxis_title=y)
    return figure


def grid_figure(title: str, rows: int, columns: int, height: float, **options: Any) -> Figure:
    """Return a figure of several panels, each ``height`` pixels high."""
    require_plotly()
    from plotly.subplots import make_subplots

    rows, columns = max(rows, 1), max(columns, 1)
    figure = make_subplots(rows=rows, cols=columns, **options)
    figure.update_layout(title=title, template="plotly_white", height=max(450, height * rows + 130))
    return figure


def axis_layout(axis: Axis, named: bool = True) -> dict[str, Any]:
    """Return scale, range, ticks and name of a parameter's axis."""
    layout: dict[str, Any] = {
        "title": {"text": prepared.shortened(axis.name) if named else "", "font": {"size": 11}, "standoff": 6},
        "showticklabels": named,
        "range": list(axis.drawn_span),
        "tickvals": axis.undrawn(np.array([place for place, _ in axis.ticks])).tolist(),
        "ticktext": [text for _, text in axis.ticks],
    }
    if axis.scale == "log":
        layout["type"] = "log"
    return layout


def add_points(figure: Figure, **trace: Any) -> None:
    """Add a scatter trace; on the graphics card, which not every browser offers, only with very many points."""
    few = len(trace["x"]) <= MAX_SVG_POINTS
    (figure.add_scatter if few else figure.add_scattergl)(**trace)


def close_up(update: Callable[..., Any], values: Sequence[Any]) -> tuple[float, float] | None:
    """Set an axis's range when a few values lie so far out that they would hide the others; return it."""
    span = prepared.close_up(np.concatenate([np.empty(0), *values]))
    if span is not None:
        update(range=list(span))
    return span


def history_range(update: Callable[..., Any], shown: Sequence[prepared.Progress]) -> tuple[float, float] | None:
    """Set the range of an axis of values over trials; return it, None as it comes."""
    values = np.concatenate([np.empty(0), *(each.values for each in shown)])
    span = prepared.history_span(values, np.concatenate([np.empty(0), *(each.pruned[:, 1] for each in shown)]))
    if span is not None:
        update(range=list(span))
    return span


def mark_outside(
    figure: Figure, x: Any, y: Any, span: tuple[float, float] | None, colour: str = "#444444", **place: Any
) -> None:
    """Mark at the border where points ``(x, y)`` lie that the range of a close-up leaves out."""
    if span is None:
        return
    low, high = span
    for members, height, symbol in ((y > high, high, "triangle-up"), (y < low, low, "triangle-down")):
        if members.any():
            texts = [f"{value:.6g}" for value in y[members]]
            marker = {"symbol": symbol, "size": 8, "color": colour}
            trace = {"mode": "markers", "marker": marker, "text": texts, "hoverinfo": "text", "showlegend": False}
            figure.add_scatter(x=x[members], y=np.full(members.sum(), height), cliponaxis=False, **trace, **place)


def whole_ticks(numbers: Sequence[int]) -> dict[str, Any]:
    """Return what keeps the ticks of an axis of few trials at whole numbers."""
    few = not numbers or max(numbers) - min(numbers) < MAX_EACH
    return {"dtick": 1, "tick0": 0} if few else {}


def trial_texts(numbers: Sequence[int]) -> list[str]:
    """Return what hovering over each trial says."""
    return [f"trial {number}" for number in numbers]


def say_if_empty(figure: Figure) -> Figure:
    """Say so when there is nothing to show."""
    if not figure.data:
        note = {"text": "Nothing to show yet: no trial has what this plot needs.", "showarrow": False}
        figure.add_annotation(**note, xref="paper", yref="paper", x=0.5, y=0.5, font={"size": 16, "color": "#777777"})
    return figure
