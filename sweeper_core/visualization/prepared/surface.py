"""Values between the trials, over two parameters."""

from __future__ import annotations

import numpy as np

from sweeper_core.visualization.prepared.axes import Axis
from sweeper_core.visualization.prepared.values import Floats


def surface(x: Axis, y: Axis, values: Floats, cells: int = 40) -> tuple[Floats, Floats, Floats] | None:
    """Return grid coordinates ``(a,)``, ``(b,)`` and interpolated values ``(b, a)`` for a contour.

    Linear between the trials, the nearest trial's value beyond; None when fewer than three trials have both
    parameters or all lie on one line.
    """
    from scipy.interpolate import griddata
    from scipy.spatial import QhullError

    both = ~np.isnan(x.drawn) & ~np.isnan(y.drawn)
    located = np.column_stack([_to_unit(x)[both], _to_unit(y)[both]])
    if len(located) > cells**2:
        located = np.round(located * cells) / cells  # one mean for each cell: more cannot be seen
    distinct, inverse = np.unique(located, axis=0, return_inverse=True)
    if len(distinct) < 3:
        return None
    inverse = inverse.reshape(-1)
    means = np.bincount(inverse, weights=values[both]) / np.bincount(inverse)
    grid_x, grid_y = _grid(x, cells), _grid(y, cells)
    wanted = np.stack(np.meshgrid((grid_x - x.drawn_span[0]) / _width(x), (grid_y - y.drawn_span[0]) / _width(y)), -1)
    nearest = griddata(distinct, means, wanted, method="nearest")
    try:
        linear = griddata(distinct, means, wanted, method="linear")
    except QhullError:
        return None
    height = np.where(np.isnan(linear), nearest, linear)
    return _undrawn(x, grid_x), _undrawn(y, grid_y), height


def _width(axis: Axis) -> float:
    return (axis.drawn_span[1] - axis.drawn_span[0]) or 1.0


def _to_unit(axis: Axis) -> Floats:
    return np.asarray((axis.drawn - axis.drawn_span[0]) / _width(axis))


def _grid(axis: Axis, cells: int) -> Floats:
    if axis.scale == "category":
        return np.arange(len(axis.labels), dtype=float)
    return np.linspace(*axis.drawn_span, cells)


def _undrawn(axis: Axis, drawn: Floats) -> Floats:
    return np.asarray(10.0**drawn) if axis.scale == "log" else drawn
