"""One parameter's way to the unit interval and back, for single values (whole columns: ``SearchSpace.to_unit``)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from sweeper_core.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from sweeper_core.search_space.space import SearchSpace, edges


class Scale:
    """The unit coordinate of a parameter's values, as :mod:`sweeper_core.search_space.space` defines it.

    Attributes:
        distribution: The parameter's.
        cells: How many values there are; None for a continuous one.
        low, high: Ends of the scale, after the logarithm where there is one.
        log: Whether the scale is logarithmic.
    """

    __slots__ = ("cells", "distribution", "high", "log", "low", "width")

    def __init__(self, distribution: BaseDistribution) -> None:
        self.distribution = distribution
        self.low, self.high = edges(distribution)
        self.width = self.high - self.low
        self.log = bool(getattr(distribution, "log", False))
        self.cells = distribution.cardinality

    def unit(self, raw: float) -> float:
        """Return the coordinate of an internal value; NaN for NaN and for values outside the bounds."""
        if self.width == 0.0:
            return 0.5 if raw == raw else raw
        if self.log and not raw > 0.0:
            return math.nan
        unit = ((math.log(raw) if self.log else raw) - self.low) / self.width
        return min(max(unit, 0.0), 1.0) if -1e-9 <= unit <= 1.0 + 1e-9 else math.nan

    def value(self, unit: float) -> Any:
        """Return the (external) value nearest to a coordinate in [0, 1]."""
        distribution = self.distribution
        place = self.low + unit * self.width
        if isinstance(distribution, CategoricalDistribution):
            return distribution.choices[min(max(round(place), 0), len(distribution.choices) - 1)]
        assert isinstance(distribution, (FloatDistribution, IntDistribution))
        number = math.exp(place) if self.log else place
        if self.cells is not None and self.cells > 1:
            index = min(max(round((number - distribution.low) / (distribution.step or 1)), 0), self.cells - 1)
            if isinstance(distribution, FloatDistribution):
                return distribution.grid(index)
            return distribution.low + index * distribution.step
        number = min(max(number, distribution.low), distribution.high)
        return int(number) if isinstance(distribution, IntDistribution) else number

    def cell(self, unit: float) -> tuple[float, float]:
        """Return the interval of coordinates whose nearest value is that of ``unit``, open-ended at both ends of the
        scale; both ends infinite for a continuous parameter."""
        if self.cells is None or self.cells == 1:
            return -math.inf, math.inf
        if not self.log:
            index = min(max(math.floor(unit * self.cells), 0), self.cells - 1)
            low, high = index / self.cells, (index + 1) / self.cells
        else:
            number = min(max(round(math.exp(self.low + unit * self.width)), self._first), self._first + self.cells - 1)
            index = number - self._first
            low, high = ((math.log(number + side) - self.low) / self.width for side in (-0.5, 0.5))
        return (low if index > 0 else -math.inf), (high if index < self.cells - 1 else math.inf)

    @property
    def _first(self) -> int:
        assert isinstance(self.distribution, IntDistribution)
        return self.distribution.low


def assemble(space: SearchSpace, units: Sequence[float], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the active values of the point at unit coordinates ``(d,)``, the given (external) ones in their place."""
    scales = scales_of(space)
    params: dict[str, Any] = {}
    for parameter in space.parents_first:
        name = parameter.name
        if not parameter.when or space.is_active(name, params):
            column = space.position(name)
            params[name] = given[name] if name in given else scales[column].value(units[column])
    return {name: params[name] for name in space.names if name in params}


@lru_cache(maxsize=64)
def scales_of(space: SearchSpace) -> tuple[Scale, ...]:
    """Return the scale of each parameter, in the space's order."""
    return tuple(Scale(parameter.distribution) for parameter in space)
