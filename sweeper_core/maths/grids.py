"""Evenly spaced decimal numbers, held as integers so that results do not depend on rounding.

Notation

======  ===============================================================
i       index of a grid point, 0 to count - 1
value   ``(first + i step) / scale``, rounded once to the nearest double
======  ===============================================================
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[np.float64]

MAX_EXACT = 2**53
"""Doubles are exact integers up to here."""

TOLERANCE = 1e-8
"""Tolerance as a share of the step within which a number is a grid point: other tools add steps in binary."""
TOLERANCE_ULPS = 4
"""The same in units of the last place of the largest grid point, where these are coarser."""


class Grid:
    """The numbers ``low, low + step, …``, exact in decimal notation.

    Args:
        first, step, scale: Integers: point ``i`` is ``(first + i step) / scale``.
        count: Number of points.
    """

    __slots__ = ("_tolerance", "count", "first", "scale", "step")

    def __init__(self, first: int, step: int, scale: int, count: int) -> None:
        self.first, self.step, self.scale, self.count = first, step, scale, count
        self._tolerance: float | None = None

    @classmethod
    def stepping(cls, low: float, high: float, step: float) -> Grid:
        """Return the points ``low, low + step, …`` that are not above ``high``."""
        first, last, stride, scale = _integers(low, high, step)
        return cls(first, stride, scale, (last - first) // stride + 1)

    @classmethod
    def spanning(cls, low: float, high: float, count: int) -> Grid:
        """Return ``count`` points from ``low`` to ``high``."""
        first, last, scale = _integers(low, high)
        gaps = max(count - 1, 1)
        return cls(first * gaps, last - first, scale * gaps, count)

    def value(self, index: int) -> float:
        """Return point ``index``: the double nearest to the exact number."""
        return (self.first + index * self.step) / self.scale

    def values(self, indices: Array) -> Array:
        """Return the points of whole numbers ``(n,)``; NaN for NaN."""
        import numpy as np

        largest = max(abs(self.first), abs(self.first + self.count * self.step))
        if largest <= MAX_EXACT and float(self.scale) == self.scale:  # both operands exact, so one rounding as in value
            return np.asarray((self.first + indices * float(self.step)) / self.scale)
        return np.array([math.nan if i != i else self.value(int(i)) for i in indices.tolist()])

    def nearest(self, value: float) -> int:
        """Return the index of the point nearest to a finite number."""
        numerator, denominator = value.as_integer_ratio()
        gap, stride = numerator * self.scale - self.first * denominator, self.step * denominator
        if stride == 0:
            return 0
        return min(max((2 * gap + stride) // (2 * stride), 0), self.count - 1)

    def index(self, value: float) -> int | None:
        """Return the index of the point that a number equals up to rounding; None when it is no grid point."""
        if not math.isfinite(value):
            return None
        index = self.nearest(value)
        exact = self.value(index)
        return index if value == exact or abs(value - exact) <= self.tolerance else None

    @property
    def tolerance(self) -> float:
        """Largest distance at which a number still is a grid point."""
        if self._tolerance is None:
            step = self.step / self.scale
            largest = max(abs(self.value(0)), abs(self.value(self.count - 1)))
            self._tolerance = min(max(TOLERANCE * step, TOLERANCE_ULPS * math.ulp(largest)), step / 4)
        return self._tolerance

    @property
    def is_sayable(self) -> bool:
        """Whether neighbouring points are different doubles."""
        if self.count == 1:
            return True
        largest = max(abs(self.value(0)), abs(self.value(self.count - 1)))
        return self.step / self.scale >= math.ulp(largest)


def _integers(*numbers: float) -> list[int]:
    """Return numbers times a power of ten that makes them whole, and that power at the end."""
    decimals = [Decimal(repr(number)) for number in numbers]
    digits = max(0, *(-int(decimal.as_tuple().exponent) for decimal in decimals))
    return [_shifted(decimal, digits) for decimal in decimals] + [10**digits]


def _shifted(decimal: Decimal, digits: int) -> int:
    sign, coefficient, exponent = decimal.as_tuple()
    assert isinstance(exponent, int)
    whole = int("".join(map(str, coefficient))) * int(10 ** (exponent + digits))
    return -whole if sign else whole
