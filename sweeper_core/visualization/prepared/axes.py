"""One parameter as an axis: its scale, its range, its ticks, and where each trial lies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sweeper_core.distributions import BaseDistribution, CategoricalDistribution, choice_key
from sweeper_core.trial.frozen import FrozenTrial
from sweeper_core.visualization.prepared.values import Floats

MAX_LABEL = 24


@dataclass(frozen=True)
class Axis:
    """One parameter as an axis.

    Attributes:
        scale: ``linear``, ``log`` or ``category``.
        positions: ``(n,)`` where each trial lies: the value, or for a category the index into ``labels``;
            NaN where the trial does not have the parameter.
        labels: Texts of the categories, in order.
        span: Ends of the axis, a little beyond the values.
    """

    name: str
    scale: str
    positions: Floats
    labels: tuple[str, ...] = ()
    span: tuple[float, float] = (0.0, 1.0)

    @property
    def drawn(self) -> Floats:
        """``(n,)`` positions on an even scale (logarithms of a log axis)."""
        return np.log10(self.positions) if self.scale == "log" else self.positions

    @property
    def absent(self) -> float:
        """Where, on the even scale, a line passes that does not have the parameter."""
        low, high = self.drawn_span
        return low - 0.12 * ((high - low) or 1.0)

    @property
    def with_absent(self) -> Floats:
        """``(n,)`` drawn positions, :attr:`absent` for trials without the parameter."""
        return np.where(np.isnan(self.positions), self.absent, self.drawn)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """A few places on the even scale, and what to write there."""
        low, high = self.drawn_span
        if self.scale == "category":
            return [(float(index), label) for index, label in enumerate(self.labels)]
        if self.scale == "log":
            powers = range(math.ceil(low), math.floor(high) + 1)
            places = [float(power) for power in powers] if len(powers) > 1 else [low, high]
            return [(place, f"{10.0**place:.3g}") for place in places]
        return [(float(place), f"{place:.3g}") for place in np.linspace(low, high, 5)]

    @property
    def drawn_span(self) -> tuple[float, float]:
        """The span on the even scale."""
        low, high = self.span
        return (math.log10(low), math.log10(high)) if self.scale == "log" else (low, high)


def axis_of(name: str, trials: Sequence[FrozenTrial]) -> Axis:
    distributions = [trial.distributions[name] for trial in trials if name in trial.params]
    if any(isinstance(distribution, CategoricalDistribution) for distribution in distributions):
        return _category_axis(name, trials)
    positions = np.array([float(trial.params.get(name, math.nan)) for trial in trials])
    log = all(getattr(distribution, "log", False) for distribution in distributions)
    return Axis(name, "log" if log else "linear", positions, span=_padded(positions, distributions, log))


def _category_axis(name: str, trials: Sequence[FrozenTrial]) -> Axis:
    having = [trial.params[name] for trial in trials if name in trial.params]
    distinct = {choice_key(value): value for value in having}
    ordered = sorted(distinct, key=lambda key: _category_order(distinct[key]))
    index = {key: position for position, key in enumerate(ordered)}
    positions = np.array([float(index[choice_key(t.params[name])]) if name in t.params else math.nan for t in trials])
    labels = tuple(shortened(str(distinct[key])) for key in ordered)
    return Axis(name, "category", positions, labels, (-0.5, len(labels) - 0.5))


def _category_order(value: Any) -> tuple[int, float, str]:
    """Numbers first and by size, then everything else by its text."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value == value:
        return (0, float(value), "")
    return (1, 0.0, str(value))


def shortened(text: str) -> str:
    """Return a text that fits beside an axis."""
    return text if len(text) <= MAX_LABEL else text[: MAX_LABEL - 1] + "…"


def _padded(positions: Floats, distributions: Sequence[BaseDistribution], log: bool) -> tuple[float, float]:
    """Return the ends of a numeric axis: the parameter's own range, and a twentieth more on both sides."""
    low = min(float(d.low) for d in distributions)  # type: ignore[attr-defined]
    high = max(float(d.high) for d in distributions)  # type: ignore[attr-defined]
    low, high = min(low, float(np.nanmin(positions))), max(high, float(np.nanmax(positions)))
    if log:
        margin = max((math.log10(high) - math.log10(low)) * 0.05, 0.01)
        return low * 10**-margin, high * 10**margin
    margin = (high - low) * 0.05 or max(abs(low), 1.0) * 0.05
    return low - margin, high + margin
