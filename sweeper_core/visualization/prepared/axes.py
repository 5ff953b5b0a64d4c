"""One parameter as an axis: its scale, its range, its ticks, and where each trial lies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sweeper_core.distributions import BaseDistribution, CategoricalDistribution, IntDistribution, choice_key
from sweeper_core.trial.frozen import FrozenTrial
from sweeper_core.visualization.prepared.ticks import Ticks, log_ticks, round_ticks, with_ends
from sweeper_core.visualization.prepared.values import Floats

MAX_LABEL = 24
MAX_PLAIN = 1e150
"""Larger numbers, and those below its inverse, are drawn as multiples of a power of ten: libraries square them."""
MARGIN = 0.05
"""Share of its range that an axis shows beyond each end."""


@dataclass(frozen=True)
class Axis:
    """One parameter as an axis.

    Attributes:
        scale: ``linear``, ``log`` or ``category``.
        positions: ``(n,)`` where each trial lies: the value, or for a category the index into ``labels``;
            NaN where the trial does not have the parameter.
        labels: Texts of the categories, in order.
        range: The parameter's own smallest and largest value (of positions).
        whole: Whether values are integers.
    """

    name: str
    scale: str
    positions: Floats
    labels: tuple[str, ...] = ()
    range: tuple[float, float] = (0.0, 1.0)
    whole: bool = False

    @property
    def drawn(self) -> Floats:
        """``(n,)`` positions on an even scale (logarithms of a log axis)."""
        return np.log10(self.positions) if self.scale == "log" else self.positions

    @property
    def ends(self) -> tuple[float, float]:
        """The range on the even scale."""
        low, high = self.range
        return (math.log10(low), math.log10(high)) if self.scale == "log" else (low, high)

    @property
    def drawn_span(self) -> tuple[float, float]:
        """Ends of the axis on the even scale, a little beyond the range."""
        low, high = self.ends
        if self.scale == "category":
            return low - 0.5, high + 0.5
        if self.scale == "log":
            margin = max((high - low) * MARGIN, 0.01)
            return max(low - margin, -307.6), min(high + margin, 308.2)
        margin = (high - low) * MARGIN or max(abs(low), 1e-12) * MARGIN
        return low - margin, high + margin

    @property
    def span(self) -> tuple[float, float]:
        """Ends of the axis, as positions."""
        low, high = self.drawn_span
        return (10.0**low, 10.0**high) if self.scale == "log" else (low, high)

    @property
    def unit(self) -> Floats:
        """``(n,)`` numbers between the ends as [0, 1]; indices of categories."""
        return self.drawn if self.scale == "category" else self.heights(self.drawn)

    def heights(self, drawn: Any) -> Any:
        """Return places on the even scale as shares of the range."""
        low, high = self.ends
        return (drawn - low) / (high - low) if high > low else np.where(np.isnan(drawn), np.nan, 0.5)

    @property
    def absent(self) -> float:
        """Where, on the even scale, a line passes that does not have the parameter."""
        low, high = self.ends
        return low - 0.12 * ((high - low) or 1.0)

    @property
    def with_absent(self) -> Floats:
        """``(n,)`` drawn positions, :attr:`absent` for trials without the parameter."""
        return np.where(np.isnan(self.positions), self.absent, self.drawn)

    @property
    def ticks(self) -> Ticks:
        """A few values on the even scale, and what to write there."""
        low, high = self.ends
        if self.scale == "category":
            return [(float(index), label) for index, label in enumerate(self.labels)]
        return log_ticks(low, high) if self.scale == "log" else round_ticks(low, high, whole=self.whole)

    @property
    def ticks_with_ends(self) -> Ticks:
        """The ticks, and the ends of the range."""
        return self.ticks if self.scale == "category" else with_ends(self.ticks, self.ends, _texts(self.range))

    def undrawn(self, drawn: Floats) -> Floats:
        """Return positions of places on the even scale."""
        return np.asarray(10.0**drawn) if self.scale == "log" else drawn

    def bands(self, cells: int) -> Floats:
        """Return places that fill the axis for a surface: both edges of each category, since nothing lies between."""
        if self.scale != "category":
            return self.grid(cells)
        edges = np.repeat(np.arange(len(self.labels)), 2) + np.tile([-0.499, 0.499], len(self.labels))
        return np.asarray(edges)

    def grid(self, cells: int) -> Floats:
        """Return places on the even scale that fill the range; the categories, or the integers, where they are few."""
        low, high = self.ends
        few = self.scale == "category" or (self.whole and self.scale == "linear" and high - low < cells)
        return np.arange(low, high + 0.5) if few else np.linspace(low, high, cells)


def axis_of(name: str, trials: Sequence[FrozenTrial]) -> Axis:
    """Return a parameter of some trials as an axis."""
    distributions = [trial.distributions[name] for trial in trials if name in trial.params]
    if any(isinstance(distribution, CategoricalDistribution) for distribution in distributions):
        return _category_axis(name, trials)
    positions = np.array([float(trial.params.get(name, math.nan)) for trial in trials])
    log = all(getattr(distribution, "log", False) for distribution in distributions)
    low, high = _range(positions, distributions)
    whole = all(isinstance(distribution, IntDistribution) for distribution in distributions)
    biggest = max(abs(low), abs(high))
    if log or 1.0 / MAX_PLAIN <= biggest <= MAX_PLAIN or biggest == 0.0:
        return Axis(name, "log" if log else "linear", positions, range=(low, high), whole=whole)
    power = math.floor(math.log10(biggest))
    unit = 10.0**power
    return Axis(f"{shortened(name)} (1e{power})", "linear", positions / unit, range=(low / unit, high / unit))


def _category_axis(name: str, trials: Sequence[FrozenTrial]) -> Axis:
    having = [trial.params[name] for trial in trials if name in trial.params]
    distinct = {choice_key(value): value for value in having}
    ordered = sorted(distinct, key=lambda key: _category_order(distinct[key]))
    index = {key: position for position, key in enumerate(ordered)}
    positions = np.array([float(index[choice_key(t.params[name])]) if name in t.params else math.nan for t in trials])
    labels = tuple(shortened(str(distinct[key])) for key in ordered)
    return Axis(name, "category", positions, labels, (0.0, len(labels) - 1.0))


def _category_order(value: Any) -> tuple[int, float, str]:
    """Numbers first and by size, then everything else by its text."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value == value:
        return (0, float(value), "")
    return (1, 0.0, str(value))


def pairs_of(count: int) -> list[tuple[int, int, int, int]]:
    """Return row, column, and the parameters to the right and upwards of each panel that a plot of pairs has.

    Two parameters have one panel; more have a matrix, on whose diagonal a parameter meets itself; fewer have none.
    """
    if count < 2:
        return []
    if count == 2:
        return [(0, 0, 0, 1)]
    return [(row, column, column, row) for row in range(count) for column in range(count)]


def shortened(text: str) -> str:
    """Return a text that fits beside an axis."""
    return text if len(text) <= MAX_LABEL else text[: MAX_LABEL - 1] + "…"


def _texts(ends: tuple[float, float]) -> tuple[str, str]:
    low, high = (f"{end:.4g}".replace("e-0", "e-") for end in ends)
    return low, high


def _range(positions: Floats, distributions: Sequence[BaseDistribution]) -> tuple[float, float]:
    low = min(float(d.low) for d in distributions)  # type: ignore[attr-defined]
    high = max(float(d.high) for d in distributions)  # type: ignore[attr-defined]
    return min(low, float(np.nanmin(positions))), max(high, float(np.nanmax(positions)))
