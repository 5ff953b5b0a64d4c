"""The plots over parameters, in Plotly."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from sweeper_core.study.study import Study
from sweeper_core.visualization import prepared
from sweeper_core.visualization._plotly.parts import (
    MARKER,
    add_points,
    axis_layout,
    close_up,
    figure_of,
    grid_figure,
    mark_outside,
    say_if_empty,
    trial_texts,
    whole_ticks,
)
from sweeper_core.visualization.prepared import PALETTE, SCALE, Axis, Target

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

MAX_ABREAST = 4
"""Panels in one row of slices."""
MAX_FADE = 0.85
"""A surface is covered by so much white where the model knows nothing."""
WHITE = [[0.0, "rgba(255,255,255,0)"], [1.0, f"rgba(255,255,255,{MAX_FADE})"]]


def plot_slice(
    study: Study,
    params: list[str] | None = None,
    *,
    target: Target | None = None,
    target_name: str = "Objective Value",
) -> Figure:
    """Plot the value over each parameter, coloured by trial number, with what a model expects.

    Args:
        study: The study.
        params: Names to show; all by default, or the most important ones when there are very many.
        target: What to plot instead of the objective value; needed with several objectives.
        target_name: Its name on the axis.
    """
    shown = prepared.points(study, params, target, prepared.MAX_IN_ROW)
    count = len(shown.axes)
    abreast = min(count, MAX_ABREAST) if count != MAX_ABREAST + 1 else 3
    rows = -(-count // max(abreast, 1))
    space = {"horizontal_spacing": 0.03, "vertical_spacing": 0.22 / max(rows, 1)}
    figure = grid_figure(f"Slice Plot{shown.note}", rows, abreast, 260, shared_yaxes=True, **space)
    span = close_up(figure.update_yaxes, [shown.values])
    landscape = prepared.Landscape(shown)
    for index, axis in enumerate(shown.axes):
        place: dict[str, Any] = {"row": index // abreast + 1, "col": index % abreast + 1}
        effect = landscape.effect(index)
        if effect is not None and axis.scale != "category":
            _add_band(figure, effect, place)
        marker = {**MARKER, "color": shown.numbers, "coloraxis": "coloraxis"}
        trace = {"x": axis.positions, "y": shown.values, "mode": "markers", "showlegend": False, "marker": marker}
        add_points(figure, **trace, text=trial_texts(shown.numbers), **place)
        if effect is not None:
            _add_mean(figure, axis, effect, place, first=index == 0)
        mark_outside(figure, axis.positions, shown.values, span, **place)
        figure.update_xaxes(axis_layout(axis), **place)
    figure.update_yaxes(title_text=target_name, col=1)
    figure.update_layout(coloraxis={"colorscale": SCALE, "colorbar": {"title": "Trial", **whole_ticks(shown.numbers)}})
    figure.update_layout(legend={"orientation": "h", "x": 1, "xanchor": "right", "y": 1.02, "yanchor": "bottom"})
    return say_if_empty(figure)


_OF_MODEL: dict[str, Any] = {"hoverinfo": "skip", "legendgroup": "model"}


def _add_band(figure: Figure, effect: prepared.Effect, place: dict[str, int]) -> None:
    """Add the model's uncertainty, below the points."""
    x = np.concatenate([effect.places, effect.places[::-1]])
    y = np.concatenate([effect.high, effect.low[::-1]])
    band = {"fill": "toself", "fillcolor": "rgba(213,94,0,0.16)", "line": {"width": 0}, "mode": "lines"}
    figure.add_scatter(x=x, y=y, showlegend=False, **band, **_OF_MODEL, **place)


def _add_mean(figure: Figure, axis: Axis, effect: prepared.Effect, place: dict[str, int], first: bool) -> None:
    """Add what the model expects, above the points."""
    colour, named = PALETTE[3], {**_OF_MODEL, "name": "model: mean ± sd", "showlegend": first}
    if axis.scale == "category":
        bars = {"type": "data", "array": effect.high - effect.mean, "arrayminus": effect.mean - effect.low}
        marker = {"symbol": "line-ew-open", "size": 18, "color": colour, "line": {"width": 2}}
        trace = {"mode": "markers", "marker": marker, "error_y": bars}
    else:
        trace = {"mode": "lines", "line": {"color": colour, "width": 2}}
    figure.add_scatter(x=effect.places, y=effect.mean, **trace, **named, **place)


def plot_contour(
    study: Study,
    params: list[str] | None = None,
    *,
    target: Target | None = None,
    target_name: str = "Objective Value",
) -> Figure:
    """Plot what a model of the trials expects over pairs of parameters; it fades where nothing was tried.

    Args:
        study: The study.
        params: Names to show, at least two; all by default, or the most important ones when there are many.
        target: What to plot instead of the objective value; needed with several objectives.
        target_name: Its name in the legend.
    """
    shown = prepared.points(study, params, target, prepared.MAX_IN_MATRIX)
    landscape = prepared.Landscape(shown)

    def draw(figure: Figure, x: int, y: int, place: dict[str, int]) -> None:
        surface = landscape.surface(x, y)
        if surface is not None:
            heights = np.clip(surface.mean, *shown.limits)
            grid = {"x": surface.x, "y": surface.y, "hoverinfo": "skip"}
            lines = {"line": {"width": 0.5, "color": "rgba(60,60,60,0.5)"}, "contours": {"coloring": "heatmap"}}
            figure.add_contour(z=heights, coloraxis="coloraxis", ncontours=12, **lines, **grid, **place)
            # A second contour, since Plotly draws heat maps below all contours.
            cover = {"colorscale": WHITE, "zmin": 0, "zmax": 1, "showscale": False, "line": {"width": 0}}
            figure.add_contour(z=1.0 - surface.known, contours={"coloring": "heatmap"}, **cover, **grid, **place)
        marker = {"color": "black", "size": 5, "line": {"width": 0.5, "color": "white"}}
        trace = {"mode": "markers", "showlegend": False, "marker": marker, "text": trial_texts(shown.numbers)}
        figure.add_scatter(x=shown.axes[x].positions, y=shown.axes[y].positions, **trace, **place)

    ticks = prepared.colour_ticks(shown.limits, shown.values)
    scale = {"title": _beside(f"{target_name} (model's mean)"), **_ticks_of(ticks)}
    return _pairs("Contour Plot", shown, draw, _colours(shown, scale, shown.limits))


def plot_rank(
    study: Study,
    params: list[str] | None = None,
    *,
    target: Target | None = None,
    target_name: str = "Objective Value",
) -> Figure:
    """Plot the trials over pairs of parameters, coloured by the rank of their value.

    Args:
        study: The study.
        params: Names to show; all by default, or the most important ones when there are many.
        target: What to rank instead of the objective value; needed with several objectives.
        target_name: Its name in the legend.
    """
    shown = prepared.points(study, params, target, prepared.MAX_IN_MATRIX)
    colours = prepared.ranks(shown.values)

    def draw(figure: Figure, x: int, y: int, place: dict[str, int]) -> None:
        marker = {**MARKER, "color": colours, "coloraxis": "coloraxis", "size": 7}
        texts = [f"trial {number}: {value:.6g}" for number, value in zip(shown.numbers, shown.values, strict=True)]
        trace = {"mode": "markers", "showlegend": False, "marker": marker, "text": texts}
        add_points(figure, x=shown.axes[x].positions, y=shown.axes[y].positions, **trace, **place)

    ticks = {**_ticks_of(prepared.quartile_ticks(shown.values)), "title": _beside(target_name)}
    return _pairs("Rank", shown, draw, _colours(shown, ticks, (0, 1)))


def _colours(shown: prepared.Points, bar: dict[str, Any], limits: tuple[float, float]) -> dict[str, Any]:
    """Return a colour axis whose dark end is the good one, whatever the direction."""
    scale = {"colorscale": SCALE, "reversescale": not shown.smaller_is_better, "colorbar": bar}
    return {**scale, "cmin": limits[0], "cmax": limits[1]}


def _beside(title: str) -> dict[str, Any]:
    return {"text": title, "side": "right"}


def _ticks_of(ticks: list[tuple[float, str]]) -> dict[str, Any]:
    return {"tickvals": [place for place, _ in ticks], "ticktext": [text for _, text in ticks]}


def _pairs(
    title: str,
    shown: prepared.Points,
    draw: Callable[[Figure, int, int, dict[str, int]], None],
    scale: dict[str, Any],
) -> Figure:
    """Draw one panel for two parameters, or a matrix of panels for more, whose diagonal has the names."""
    axes = shown.axes
    size = len(axes) if len(axes) > 2 else 1
    space = {"horizontal_spacing": 0.06 / size, "vertical_spacing": 0.06 / size}
    figure = grid_figure(f"{title}{shown.note if size > 1 else ''}", size, size, 160, **space)
    for row, column, x, y in prepared.pairs_of(len(axes)):
        place = {"row": row + 1, "col": column + 1}
        if x != y:
            draw(figure, x, y, place)
        else:
            _add_name(figure, axes[x], place)
        figure.update_xaxes(axis_layout(axes[x], named=row == size - 1), **place)
        figure.update_yaxes(axis_layout(axes[y], named=column == 0), **place)
    figure.update_layout(coloraxis=scale, showlegend=False)
    return say_if_empty(figure)


def _add_name(figure: Figure, axis: Axis, place: dict[str, int]) -> None:
    """Write a parameter's name on the diagonal; without a trace Plotly would hide the panel's axes."""
    low, high = axis.drawn_span
    middle = float(axis.undrawn(np.array([low / 2.0 + high / 2.0]))[0])
    name = {"text": [prepared.shortened(axis.name)], "mode": "text", "hoverinfo": "skip", "textfont": {"size": 12}}
    figure.add_scatter(x=[middle], y=[middle], **name, **place)


def plot_parallel_coordinate(
    study: Study,
    params: list[str] | None = None,
    *,
    target: Target | None = None,
    target_name: str = "Objective Value",
) -> Figure:
    """Plot every trial as a line through its value and its parameters, coloured by the rank of its value.

    Where a trial does not have a parameter, its line passes below that axis's values. Each of several objectives has
    an axis of its own; colours are those of the fronts then.

    Args:
        study: The study.
        params: Names to show; all by default, or the most important ones when there are very many.
        target: What to plot instead of the objective values.
        target_name: Its name on the axis.
    """
    from plotly import graph_objects

    lines = prepared.parallel(study, params, target, target_name)
    figure = figure_of(f"Parallel Coordinate Plot{lines.note}", "", "")
    if len(lines.order) and len(lines.columns) > 1:
        dimensions = [_dimension(column, lines.order) for column in lines.columns]
        # Plotly draws lines in the order of their colours, so the best ones get the largest number.
        bar = {"title": _beside(lines.legend), **_ticks_of([(1.0 - place, text) for place, text in lines.colour_ticks])}
        line = {"color": 1.0 - lines.colours[lines.order], "colorscale": SCALE, "showscale": True, "colorbar": bar}
        line.update(cmin=0, cmax=1, reversescale=True)
        figure.add_trace(graph_objects.Parcoords(dimensions=dimensions, line=line, labelside="top", labelangle=-12))
        figure.update_layout(margin={"l": 90, "r": 60, "t": 130, "b": 40})
    return say_if_empty(figure)


def _dimension(column: prepared.Column, order: Any) -> dict[str, Any]:
    low, high = column.ends
    ends = [low, high] if high > low else [low - 1.0, high + 1.0]
    name = prepared.shortened(column.label)
    return {"label": name, "values": column.places[order], "range": ends, **_ticks_of(column.ticks)}
