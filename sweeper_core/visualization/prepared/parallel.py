"""Trials as lines over parallel axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sweeper_core.maths.pareto import non_domination_ranks
from sweeper_core.study.study import Study
from sweeper_core.visualization.prepared.points import MAX_IN_ROW, Points, points, ranks
from sweeper_core.visualization.prepared.ticks import Ticks, round_ticks, with_ends
from sweeper_core.visualization.prepared.values import Floats, Target


@dataclass(frozen=True)
class Column:
    """One of the parallel axes.

    Attributes:
        places: ``(n,)`` where the lines pass.
        ticks: Places and their texts.
        ends: Ends of the axis.
    """

    label: str
    places: Floats
    ticks: Ticks
    ends: tuple[float, float]

    @property
    def heights(self) -> Floats:
        """``(n,)`` places as shares of the axis."""
        return np.array([self.height(float(place)) for place in self.places])

    def height(self, place: float) -> float:
        """Return a place as a share of the axis."""
        low, high = self.ends
        return (place - low) / (high - low) if high > low else 0.5


@dataclass(frozen=True)
class Lines:
    """Trials as lines.

    Attributes:
        colours: ``(n,)`` in [0, 1], 0 for the best.
        order: ``(n,)`` the order in which they are drawn, the best last.
        legend: What the colours are, and places on their scale with texts.
    """

    columns: tuple[Column, ...]
    colours: Floats
    order: npt.NDArray[np.int64]
    legend: str
    colour_ticks: Ticks
    note: str


def parallel(study: Study, params: Sequence[str] | None, target: Target | None, target_name: str) -> Lines:
    """Return trials as lines through values and parameters; each of several objectives has an axis of its own."""
    if target is not None or len(study.directions) == 1:
        shown = points(study, params, target, MAX_IN_ROW)
        order = ranks(shown.values if shown.smaller_is_better else -shown.values)
        return _lines([(target_name, shown)], order, f"Rank of {target_name}", _quantiles(shown))
    names = study.metric_names or [f"Objective {index}" for index in range(len(study.directions))]
    each = [points(study, params, lambda trial, i=i: trial.values[i], MAX_IN_ROW) for i in range(len(names))]  # type: ignore[misc]
    values = np.column_stack([shown.values for shown in each]) * [direction.sign for direction in study.directions]
    fronts = non_domination_ranks(values) if len(values) else np.empty(0)
    ticks = [(0.0, "Pareto front"), (1.0, "last")]
    return _lines(list(zip(names, each, strict=True)), ranks(np.asarray(fronts, float)), "Front", ticks)


def _lines(each: list[tuple[str, Points]], colours: Floats, legend: str, ticks: Ticks) -> Lines:
    columns = [_value_column(name, shown) for name, shown in each]
    for axis in each[0][1].axes:
        low, high = axis.ends
        lacking = bool(np.isnan(axis.positions).any())
        texts = [(axis.absent, "none"), *axis.ticks_with_ends] if lacking else axis.ticks_with_ends
        columns.append(Column(axis.name, axis.with_absent, texts, (axis.absent if lacking else low, high)))
    return Lines(tuple(columns), colours, np.argsort(-colours, kind="stable"), legend, ticks, each[0][1].note)


def _value_column(name: str, shown: Points) -> Column:
    low, high = shown.limits
    below, above = bool(np.any(shown.values < low)), bool(np.any(shown.values > high))
    texts = f"{'≤ ' if below else ''}{low:.3g}", f"{'≥ ' if above else ''}{high:.3g}"
    return Column(name, shown.clipped, with_ends(round_ticks(low, high), shown.limits, texts), shown.limits)


def _quantiles(shown: Points) -> Ticks:
    if not len(shown.values):
        return []
    best_first = np.quantile(shown.values, [0, 0.25, 0.5, 0.75, 1])
    best_first = best_first if shown.smaller_is_better else best_first[::-1]
    return [(0.25 * index, f"{value:.3g}") for index, value in enumerate(best_first)]
