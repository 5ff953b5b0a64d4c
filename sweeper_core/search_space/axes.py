"""The geometry of parameters: maps values to coordinates on the unit interval, and back.

Notation

======  =====================================================================================
n       number of values
p       number of axes
raw     internal values ``(n,)`` or ``(n, p)``: the number itself, or the index of the choice
unit    coordinates in [0, 1], of the same shape
======  =====================================================================================

A continuous number is scaled between its bounds, after the logarithm where the scale is logarithmic. Each of ``count``
values has a cell of the unit interval: evenly spaced values and choices have cells of equal width, with the value
in the middle; integers on a logarithmic scale reach from ``log(k - 1/2)`` to ``log(k + 1/2)``. A single value has the
coordinate 1/2. NaN stays NaN.

Ranges are often open in practice (a decay rate of exactly 0 or 1 ends the run), so no coordinate of a continuous axis
maps to the end itself: coordinates nearer than ``MARGIN`` to 0 and 1 map to the value at ``MARGIN``.

:class:`Axis` maps one parameter, a value at a time or an array; :class:`Axes` maps the columns of a table.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from sweeper_core.maths.grids import Grid
from sweeper_core.maths.quiet import quiet

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[np.float64]
    Flags = npt.NDArray[np.bool_]


MARGIN = 1e-6
"""Minimum distance of mapped values from the ends of a continuous axis."""


class Axis:
    """The values of one parameter, and their unit coordinates.

    Attributes:
        low, high: The smallest and the largest (internal) value.
        log: Whether the scale is logarithmic.
        count: Number of values, evenly spaced unless ``log`` (then the integers); None when continuous.
        grid: The evenly spaced values; None on a logarithmic scale and for continuous axes.
        start, width: The scale at coordinate 0, and its length, after the logarithm and times ``shrink``.
        is_single: Whether there is only one value.
        shrink: 1; a power of 1/2 where the range itself is wider than the largest double.
        first, last: The smallest and the largest value at a coordinate.
    """

    __slots__ = ("count", "first", "grid", "high", "is_single", "last", "log", "low", "shrink", "start", "width")

    def __init__(
        self, low: float, high: float, log: bool = False, count: int | None = None, grid: Grid | None = None
    ) -> None:
        self.low, self.high, self.log, self.count = float(low), float(high), log, count
        even = count is not None and not log
        self.grid = (Grid.spanning(self.low, self.high, count or 1) if grid is None else grid) if even else None
        half = 0.0 if count is None or count == 1 else 0.5 if self.grid is None else 0.5 * self._step
        self.shrink = 1.0 if math.isfinite(self.high - self.low + 2 * half) else 0.25
        start, end = self.low * self.shrink - half * self.shrink, self.high * self.shrink + half * self.shrink
        self.start, end = (math.log(start), math.log(end)) if log else (start, end)
        self.width = end - self.start
        self.is_single = count == 1 or self.width == 0.0
        self.first, self.last = self.low, self.high
        if count is None and self.width > 0.0:
            self._leave_the_ends()

    def _leave_the_ends(self) -> None:
        first = max(self._place(MARGIN), math.nextafter(self.low, self.high))
        last = min(self._place(1.0 - MARGIN), math.nextafter(self.high, self.low))
        if first <= last:  # else there are no doubles between the ends
            self.first, self.last = first, last

    @property
    def _step(self) -> float:
        assert self.grid is not None
        return self.grid.step / self.grid.scale

    # ------------------------------------------------------------------------------------- one at a time

    def unit(self, raw: float) -> float:
        """Return the coordinate of a value; NaN for NaN and for values outside the outermost cells."""
        if self.is_single:
            return 0.5 if raw == raw else raw
        if self.grid is not None:
            unit = (self._position(raw) + 0.5) / self.grid.count
        elif self.log and not raw > 0.0:
            return math.nan
        else:
            unit = ((math.log(raw) if self.log else raw * self.shrink) - self.start) / self.width
        return min(max(unit, 0.0), 1.0) if -1e-9 <= unit <= 1.0 + 1e-9 else math.nan

    def value(self, unit: float) -> float:
        """Return the value in whose cell a coordinate lies; coordinates outside [0, 1] are clipped."""
        if self.is_single:
            return self.low
        if self.grid is not None:
            return self.grid.value(self._cell(unit))
        return self._inside(self._place(min(max(unit, 0.0), 1.0)))

    def draw(self, u: float) -> float:
        """Return the value at quantile ``u`` in [0, 1) of the uniform density on the scale (the ``ppf``)."""
        grid = self.grid
        if grid is not None:
            index = int(u * grid.count)
            return grid.value(index if index < grid.count else grid.count - 1)
        if self.log:
            return self.low if self.is_single else self._inside(self._place(u))
        value = self.low * (1 - u) + self.high * u  # as `_wide`, without its call
        return self.first if value < self.first else self.last if value > self.last else value

    def digit(self, raw: float) -> int | None:
        """Return the place of a value among the ``count`` in order; None when it is none of them."""
        assert self.count is not None
        if self.grid is not None:
            return self.grid.index(raw)
        place = raw - self.low
        return int(place) if place == round(place) and 0 <= place < self.count else None

    def nth(self, digit: int) -> float:
        """Return the value at a place among the ``count`` in order."""
        return self.low + digit if self.grid is None else self.grid.value(digit)

    def cell(self, unit: float) -> tuple[float, float]:
        """Return the interval of coordinates that stand for the same value as ``unit``.

        The first and the last cell are open-ended; so is the cell of a single value, and a continuous axis.
        """
        if self.count is None or self.is_single:
            return -math.inf, math.inf
        if self.grid is not None:
            index = self._cell(unit)
            low, high = index / self.count, (index + 1) / self.count
        else:
            number = self.value(unit)
            index = int(number - self.low)
            low, high = ((math.log(number + side) - self.start) / self.width for side in (-0.5, 0.5))
        return (low if index > 0 else -math.inf), (high if index < self.count - 1 else math.inf)

    def _cell(self, unit: float) -> int:
        assert self.grid is not None
        return min(max(int(unit * self.grid.count), 0), self.grid.count - 1)

    def _position(self, raw: float) -> float:
        """Return where a value lies among the grid points: a whole number for these."""
        assert self.grid is not None
        index = self.grid.index(raw)
        if index is not None:
            return index
        return (raw * self.shrink - self.low * self.shrink) / (self._step * self.shrink)

    def _inside(self, number: float) -> float:
        """Return a number between the ends of an axis without a grid as one of its values."""
        value = float(round(number)) if self.count else number
        return self.first if value < self.first else self.last if value > self.last else value

    def _place(self, unit: float) -> float:
        place = self.start + unit * self.width if self.shrink == 1.0 else self._wide(unit)
        return math.exp(place) if self.log else place

    def _wide(self, u: float) -> float:
        return self.low * (1 - u) + self.high * u  # no sum of this overflows

    # -------------------------------------------------------------------------------------------- arrays

    def to_unit(self, raw: Array) -> Array:
        """Return the coordinates ``(n,)`` of values ``(n,)``; those of values outside the bounds are clipped."""
        return Axes((self,)).to_unit(raw[:, None])[:, 0]

    def from_unit(self, unit: Array) -> Array:
        """Return the values ``(n,)`` at coordinates ``(n,)``."""
        import numpy as np

        unit = np.clip(unit, 0.0, 1.0)
        if self.is_single:
            return np.where(np.isnan(unit), np.nan, self.low)
        if self.grid is not None:
            return self.grid.values(np.minimum(np.floor(unit * self.grid.count), self.grid.count - 1.0))
        place = self.start + unit * self.width
        number = (
            np.exp(place) if self.log else place if self.shrink == 1.0 else self.low * (1 - unit) + self.high * unit
        )
        return np.asarray(np.clip(np.round(number) if self.count else number, self.first, self.last))

    def snap(self, unit: Array) -> Array:
        """Return the coordinates ``(n,)`` of the values at coordinates ``(n,)``."""
        import numpy as np

        if self.count is None:
            return unit
        if self.grid is None or self.is_single:
            return self.to_unit(self.from_unit(unit))
        index = np.clip(np.floor(unit * self.grid.count), 0, self.grid.count - 1)
        return np.asarray((index + 0.5) / self.grid.count)

    def cells(self, unit: Array) -> tuple[Array, Array]:
        """Return the ends ``(n,)`` of the cells of coordinates ``(n,)``; see :meth:`cell`."""
        import numpy as np

        if self.grid is None or self.is_single:
            low, high = zip(*map(self.cell, unit.tolist()), strict=True) if len(unit) else ((), ())
            return np.array(low), np.array(high)
        count = self.grid.count
        index = np.clip(np.floor(unit * count), 0, count - 1)
        return np.where(index > 0, index / count, -np.inf), np.where(index < count - 1, (index + 1) / count, np.inf)

    def digits(self, raw: Array) -> Array:
        """Return the places ``(n,)`` of values ``(n,)`` among the ``count``; NaN where they are none of them."""
        import numpy as np

        assert self.count is not None
        if self.grid is None:
            place = np.where(raw == np.round(raw), raw - self.low, np.nan)
            return np.where((place >= 0) & (place < self.count), place, np.nan)
        if self.is_single:
            return np.where(raw == self.low, 0.0, np.nan)
        with quiet():
            place, exact = Axes((self,)).positions(raw[:, None])
        good = exact & (place >= 0) & (place < self.count)
        return np.where(good, place, np.nan)[:, 0]

    def values(self) -> Array:
        """Return all ``count`` values in order."""
        import numpy as np

        assert self.count is not None
        indices = np.arange(self.count, dtype=float)
        return self.low + indices if self.grid is None else self.grid.values(indices)


class Axes:
    """The axes of the columns of a table, as arrays."""

    def __init__(self, axes: Sequence[Axis]) -> None:
        import numpy as np

        self.axes = tuple(axes)
        self.start, self.width, self.low, self.high, self.shrink = (
            np.array([getattr(axis, name) for axis in axes], dtype=float)
            for name in ("start", "width", "low", "high", "shrink")
        )
        self.count = np.array([axis.count or 0 for axis in axes], dtype=float)
        """Of values; 0 for continuous axes."""
        self.log = np.array([axis.log for axis in axes], dtype=bool)
        self.single = np.array([axis.is_single for axis in axes], dtype=bool)
        self.even = np.array([axis.grid is not None and not axis.is_single for axis in axes], dtype=bool)
        """Which axes have cells of equal width."""
        self.integers = self.log & (self.count > 1)
        """Which have the integers on a logarithmic scale."""

    def __len__(self) -> int:
        return len(self.axes)

    @cached_property
    def _even_axes(self) -> tuple[Array, Array, Array, Array]:
        """Low ends, steps (both times ``shrink``), tolerances in steps, and counts of the evenly spaced axes."""
        import numpy as np

        grids = [axis.grid for axis, even in zip(self.axes, self.even.tolist(), strict=True) if even and axis.grid]
        step, shrink = np.array([grid.step / grid.scale for grid in grids]), self.shrink[self.even]
        tolerance = np.array([grid.tolerance for grid in grids])
        return self.low[self.even] * shrink, step * shrink, tolerance / step, self.count[self.even]

    def positions(self, raw: Array) -> tuple[Array, Flags]:
        """Return where values ``(n, e)`` of the evenly spaced axes lie among their points, and which are points."""
        import numpy as np

        low, step, tolerance, _ = self._even_axes
        position = (raw * self.shrink[self.even] - low) / step
        nearest = np.round(position)
        # Farther out the quotient itself is rounded by more than the tolerance: such a number is compared as it is.
        exact = np.abs(position - nearest) <= np.maximum(tolerance, 4 * np.finfo(float).eps * np.abs(nearest))
        return np.where(exact, nearest, position), exact

    def to_unit(self, raw: Array) -> Array:
        """Return the coordinates ``(n, p)`` of values ``(n, p)``; those of values outside the bounds are clipped."""
        import numpy as np

        with quiet():
            scaled = raw * self.shrink
            if self.log.any():
                scaled[:, self.log] = np.log(raw[:, self.log])
            unit: Array = (scaled - self.start) / self.width
            if self.even.any():
                unit[:, self.even] = (self.positions(raw[:, self.even])[0] + 0.5) / self._even_axes[3]
            if self.single.any():
                unit[:, self.single] = np.where(np.isnan(raw[:, self.single]), np.nan, 0.5)
        return np.asarray(np.clip(unit, 0.0, 1.0))

    def from_unit(self, unit: Array) -> Array:
        """Return the values ``(n, p)`` at coordinates ``(n, p)``."""
        import numpy as np

        raw = np.empty(unit.shape)
        for column, axis in enumerate(self.axes):
            raw[:, column] = axis.from_unit(unit[:, column])
        return raw

    def snap(self, unit: Array) -> Array:
        """Return the coordinates ``(n, p)`` of the values at coordinates ``(n, p)``."""
        import numpy as np

        unit = unit.copy()
        if self.even.any():
            count = self._even_axes[3]
            unit[:, self.even] = (np.clip(np.floor(unit[:, self.even] * count), 0, count - 1) + 0.5) / count
        log = self.integers
        if log.any():
            values = np.round(np.exp(self.start[log] + unit[:, log] * self.width[log]))
            values = np.clip(values, self.low[log], self.high[log])
            unit[:, log] = (np.log(values) - self.start[log]) / self.width[log]
        if self.single.any():
            unit[:, self.single] = np.where(np.isnan(unit[:, self.single]), np.nan, 0.5)
        return np.asarray(unit)

    def widths(self, unit: Array) -> Array:
        """Return the widths ``(n, p)`` of the cells of coordinates ``(n, p)``; 0 where continuous, NaN for NaN."""
        import numpy as np

        out = np.where(self.even, 1.0 / np.maximum(self.count, 1.0), np.where(self.count == 1, 1.0, 0.0))
        out = np.broadcast_to(out, unit.shape).copy()
        log = self.integers
        if log.any():
            value = np.exp(self.start[log] + unit[:, log] * self.width[log])
            out[:, log] = np.log((value + 0.5) / np.maximum(value - 0.5, 0.5)) / self.width[log]
        return np.asarray(out)
