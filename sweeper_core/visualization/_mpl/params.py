"""The plots over parameters, in Matplotlib."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from sweeper_core.study.study import Study
from sweeper_core.visualization import prepared
from sweeper_core.visualization._mpl.parts import (
    EDGE,
    close_up,
    finished,
    mark_outside,
    panels,
    scale_of,
    set_x,
    set_y,
    single,
    whole_ticks,
)
from sweeper_core.visualization.prepared import PALETTE, SCALE, Axis, Target

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_ABREAST = 4
"""Panels in one row of slices."""
MAX_FADE = 0.85
"""A surface is covered by so much white where the model knows nothing."""


@np.errstate(all="ignore")
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
    count = len(shown.axes)
    abreast = min(count, MAX_ABREAST) if count != MAX_ABREAST + 1 else 3
    rows = -(-count // max(abreast, 1))
    figure, grid = panels(f"Slice Plot{shown.note}", rows, abreast, share_y=True, height=3.0)
    flat = grid.ravel()
    for panel in flat[max(count, 1) :]:
        panel.set_visible(False)
    landscape, cloud = prepared.Landscape(shown), None
    for index, (panel, axis) in enumerate(zip(flat, shown.axes, strict=False)):
        effect = landscape.effect(index)
        if effect is not None:
            _draw_effect(panel, axis, effect)
        cloud = panel.scatter(axis.positions, shown.values, c=shown.numbers, cmap=SCALE, s=18, zorder=3, **EDGE)
        set_x(panel, axis)
        panel.grid(alpha=0.25)
        span = close_up(panel.set_ylim, [shown.values])
        mark_outside(panel, axis.positions, shown.values, span)
    if cloud is None:
        return finished(flat[0])
    for panel in grid[:, 0]:
        panel.set_ylabel(target_name)
    named = [panel for panel in flat if panel.get_legend_handles_labels()[1]]
    if named:
        named[0].legend(fontsize=7)
    whole_ticks(figure.colorbar(cloud, ax=flat.tolist(), label="Trial", pad=0.02).ax.yaxis)
    return flat[0] if count == 1 else flat[:count]


def _draw_effect(panel: Axes, axis: Axis, effect: prepared.Effect) -> None:
    colour = PALETTE[3]
    if axis.scale == "category":
        bars = [effect.mean - effect.low, effect.high - effect.mean]
        panel.errorbar(effect.places, effect.mean, yerr=np.maximum(bars, 0.0), fmt="_", markersize=22, color=colour,
                       capsize=4, zorder=4, label="model: mean ± sd")  # fmt: skip
        return
    panel.fill_between(effect.places, effect.low, effect.high, color=colour, alpha=0.18, linewidth=0, zorder=1)
    panel.plot(effect.places, effect.mean, color=colour, linewidth=1.6, zorder=4, label="model: mean ± sd")


@np.errstate(all="ignore")
def plot_contour(
    study: Study,
    params: list[str] | None = None,
    *,
    target: Target | None = None,
    target_name: str = "Objective Value",
) -> Axes | Any:
    """Plot the expected value over pairs of parameters; see :func:`sweeper_core.visualization.plot_contour`.

    Returns:
        Axes, or a matrix of them for more than two parameters.
    """
    shown = prepared.points(study, params, target, prepared.MAX_IN_MATRIX)
    low, high = shown.limits
    levels = np.unique(np.linspace(low, high, 15))  # fewer where hardly any number lies in between
    if len(levels) < 2:
        levels = np.array([low, low + max(1.0, abs(low))])
    landscape = prepared.Landscape(shown)

    def draw(panel: Axes, x: int, y: int) -> Any:
        across, down = shown.axes[x], shown.axes[y]
        panel.scatter(
            across.positions, down.positions, s=9, color="black", edgecolors="white", linewidths=0.4, zorder=3
        )
        surface = landscape.surface(x, y)
        if surface is None or min(surface.mean.shape) < 2:
            return None
        heights = np.clip(surface.mean, levels[0], levels[-1])
        drawn = panel.contourf(
            surface.x, surface.y, heights, levels=levels, cmap=scale_of(shown), extend=_beyond(shown)
        )
        white = np.ones((*surface.known.shape, 4))
        white[..., 3] = MAX_FADE * (1.0 - surface.known)
        corners = [(axis.drawn_span if axis.scale == "category" else axis.ends) for axis in (across, down)]
        box = [end for axis, ends in zip((across, down), corners, strict=True) for end in axis.undrawn(np.array(ends))]
        _cover(panel, white, box)
        return drawn

    return _pairs(
        "Contour Plot", shown, draw, f"{target_name} (model's mean)", prepared.colour_ticks(shown.limits, shown.values)
    )


def _cover(panel: Axes, white: Any, box: list[float]) -> None:
    """Lay white of some opacity ``(b, a, 4)``, even on the axes' scales, over the box (left, right, bottom, top)."""
    left, right, bottom, top = box
    corners = panel.transLimits.transform(panel.transScale.transform([(left, bottom), (right, top)]))
    extent = (corners[0, 0], corners[1, 0], corners[0, 1], corners[1, 1])
    limits = panel.axis()
    image = {"origin": "lower", "aspect": "auto", "interpolation": "bilinear", "zorder": 2}
    panel.imshow(white, extent=extent, transform=panel.transAxes, **image)
    panel.axis(limits)


def _beyond(shown: prepared.Points) -> str:
    low, high = shown.limits
    below, above = bool(np.any(shown.values < low)), bool(np.any(shown.values > high))
    return {(True, True): "both", (True, False): "min", (False, True): "max"}.get((below, above), "neither")


@np.errstate(all="ignore")
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

    def draw(panel: Axes, x: int, y: int) -> Any:
        places = shown.axes[x].positions, shown.axes[y].positions
        return panel.scatter(*places, c=colours, cmap=scale_of(shown), vmin=0, vmax=1, s=18, zorder=3, **EDGE)

    return _pairs("Rank", shown, draw, f"{target_name}, by rank", prepared.quartile_ticks(shown.values))


def _pairs(
    title: str, shown: prepared.Points, draw: Callable[[Axes, int, int], Any], legend: str, ticks: Any = ()
) -> Axes | Any:
    """Draw one panel for two parameters, or a matrix of panels for more, whose diagonal has the names."""
    axes = shown.axes
    if len(axes) < 2:
        return finished(single(title, "", ""))
    size = len(axes) if len(axes) > 2 else 1
    figure, grid = panels(f"{title}{shown.note}", size, size)
    drawn = None
    for row, column, x, y in prepared.pairs_of(len(axes)):
        panel = grid[row, column]
        set_x(panel, axes[x], named=row == size - 1)
        set_y(panel, axes[y], named=column == 0)
        if x != y:
            drawn = draw(panel, x, y) or drawn
        else:
            panel.set_facecolor("#f2f2f2")
            name = prepared.shortened(axes[x].name)
            panel.text(0.5, 0.5, name, transform=panel.transAxes, ha="center", va="center", fontsize=9)
    if drawn is not None:
        bar = figure.colorbar(drawn, ax=grid.ravel().tolist(), label=legend, pad=0.02)
        if ticks:
            bar.set_ticks([place for place, _ in ticks], labels=[text for _, text in ticks])
    return grid[0, 0] if len(axes) == 2 else grid


@np.errstate(all="ignore")
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

    lines = prepared.parallel(study, params, target, target_name)
    axes = single(f"Parallel Coordinate Plot{lines.note}", "", "", width=max(8.0, 1.5 * len(lines.columns) + 2.0))
    if not len(lines.order) or len(lines.columns) < 2:
        return finished(axes)
    heights = np.column_stack([column.heights for column in lines.columns])[lines.order]
    mapping = cm.ScalarMappable(colors.Normalize(0.0, 1.0), SCALE)
    paths = [np.column_stack([np.arange(len(row)), row]) for row in heights]
    shades = mapping.to_rgba(lines.colours[lines.order])
    axes.add_collection(LineCollection(paths, colors=shades, alpha=0.6 if len(paths) < 200 else 0.3, linewidths=1.0))
    axes.set(xlim=(-0.15, len(lines.columns) - 0.6), ylim=(-0.04, 1.04), yticks=[])
    axes.spines[:].set_visible(False)
    axes.grid(False)
    names = [prepared.shortened(column.label) for column in lines.columns]
    axes.set_xticks(range(len(names)), names, rotation=20 if max(map(len, names)) > 9 else 0)
    axes.tick_params(axis="x", labeltop=True, labelbottom=False, length=0)
    for position, column in enumerate(lines.columns):
        _draw_column(axes, position, column)
    bar = axes.figure.colorbar(mapping, ax=axes, label=lines.legend, pad=0.02)
    bar.set_ticks([place for place, _ in lines.colour_ticks], labels=[text for _, text in lines.colour_ticks])
    return axes


def _draw_column(axes: Axes, position: int, column: prepared.Column) -> None:
    axes.axvline(position, color="#555555", linewidth=0.8, zorder=3)
    box = {"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.6}
    for place, text in column.ticks:
        height = column.height(place)
        axes.plot([position, position + 0.03], [height, height], color="#555555", linewidth=0.8, zorder=3)
        axes.text(position + 0.05, height, text, fontsize=8, va="center", zorder=4, bbox=box)
