"""What a model of the trials expects between them, along one parameter and over two."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sweeper_core.maths.surrogate import MIN_POINTS, Surrogate
from sweeper_core.visualization.prepared.axes import Axis
from sweeper_core.visualization.prepared.points import Points
from sweeper_core.visualization.prepared.values import Floats

CELLS = 50
CELLS_OF_TWO = 22
"""Along each of two parameters."""
OTHERS = 8
"""Trials whose other parameters are gone through at each place; the mean over them is shown."""


@dataclass(frozen=True)
class Effect:
    """The expected value along one parameter, the others as in the trials.

    Attributes:
        places: ``(a,)`` positions on the axis.
        mean, low, high: ``(a,)``, one standard deviation apart.
    """

    places: Floats
    mean: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class Surface:
    """The expected value over two parameters, the others as in the trials.

    Attributes:
        x, y: ``(a,)`` and ``(b,)`` positions on the axes.
        mean: ``(b, a)``.
        known: ``(b, a)`` 1 beside what was tried, 0 where the model knows no more than before.
    """

    x: Floats
    y: Floats
    mean: Floats
    known: Floats

    @property
    def turned(self) -> Surface:
        """The same with the axes exchanged."""
        return Surface(self.y, self.x, self.mean.T, self.known.T)


class Landscape:
    """A model of the shown trials over the shown parameters."""

    def __init__(self, shown: Points) -> None:
        self._shown = shown
        self._sign = 1.0 if shown.smaller_is_better else -1.0
        self._units = np.column_stack([axis.unit for axis in shown.axes]) if shown.axes else np.empty((0, 0))
        choices = [len(axis.labels) for axis in shown.axes]
        enough = len(shown.values) >= MIN_POINTS and len(choices) > 0
        self._model = Surrogate(self._units, choices, self._sign * shown.values) if enough else None
        self._pairs: dict[tuple[int, int], Surface | None] = {}

    @np.errstate(all="ignore")
    def effect(self, index: int) -> Effect | None:
        """Return the expected value along one of the axes; None when too few trials have it."""
        axis = self._shown.axes[index]
        others = self._others([index])
        if self._model is None or len(others) < MIN_POINTS:
            return None
        grid = axis.grid(CELLS)
        mean, deviation = self._mean_over(others, {index: _units(axis, grid)})
        low, high = self._model.loss(mean - deviation), self._model.loss(mean + deviation)
        low, high = (low, high) if self._sign > 0 else (-high, -low)
        return Effect(axis.undrawn(grid), self._sign * self._model.loss(mean), low, high)

    def surface(self, x: int, y: int) -> Surface | None:
        """Return the expected value over two of the axes; None when too few trials have both."""
        if (y, x) not in self._pairs:
            self._pairs[y, x] = self._surface(x, y)
        found = self._pairs[y, x]
        self._pairs[x, y] = None if found is None else found.turned
        return found

    @np.errstate(all="ignore")
    def _surface(self, x: int, y: int) -> Surface | None:
        others = self._others([x, y])
        if self._model is None or len(others) < MIN_POINTS:
            return None
        axes = self._shown.axes
        grid_x, grid_y = axes[x].bands(CELLS_OF_TWO), axes[y].bands(CELLS_OF_TWO)
        over_x, over_y = np.meshgrid(_units(axes[x], grid_x), _units(axes[y], grid_y))
        mean, deviation = self._mean_over(others, {x: over_x.ravel(), y: over_y.ravel()})
        known = np.clip(1.0 - (deviation / self._model.ignorance) ** 2, 0.0, 1.0).reshape(over_x.shape)
        height = self._sign * self._model.loss(mean).reshape(over_x.shape)
        return Surface(axes[x].undrawn(grid_x), axes[y].undrawn(grid_y), height, known)

    def _others(self, having: list[int]) -> Floats:
        """Return an even selection of the trials that have some parameters, as rows of the model."""
        rows = self._units[~np.isnan(self._units[:, having]).any(axis=1)] if len(self._units) else self._units
        return rows if len(rows) <= OTHERS else rows[np.linspace(0, len(rows) - 1, OTHERS).astype(int)]

    def _mean_over(self, others: Floats, places: dict[int, Floats]) -> tuple[Floats, Floats]:
        """Return mean and standard deviation ``(q,)`` of the transformed loss at places ``(q,)`` of some columns."""
        assert self._model is not None
        count = len(next(iter(places.values())))
        rows = np.repeat(others[None], count, axis=0)  # (q, m, d)
        for column, units in places.items():
            rows[:, :, column] = units[:, None]
        mean, deviation = self._model.predict(rows.reshape(-1, rows.shape[2]))
        shape = (count, len(others))
        return mean.reshape(shape).mean(axis=1), np.sqrt((deviation.reshape(shape) ** 2).mean(axis=1))


def _units(axis: Axis, drawn: Floats) -> Floats:
    return np.round(drawn) if axis.scale == "category" else np.asarray(axis.heights(drawn))
