"""Pictures made of characters: the history of a study, importances, sparklines."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from sweeper_core.report.facts import StudyFacts, is_feasible
from sweeper_core.report.texts import number, one_line
from sweeper_core.trial.state import TrialState

_BLOCKS = "▁▂▃▄▅▆▇█"
_ASCII_BLOCKS = "_.-=+*#%"


def sparkline(values: Sequence[float], width: int, *, unicode: bool) -> str:
    """Return values as one row of small bars, the last ``width`` parts of the way."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return ""
    blocks = _BLOCKS if unicode else _ASCII_BLOCKS
    chosen = _thinned(finite, width)
    low, high = min(chosen), max(chosen)
    span = high - low or 1.0
    return "".join(blocks[int((value - low) / span * (len(blocks) - 1))] for value in chosen)


def _thinned(values: Sequence[float], width: int) -> Sequence[float]:
    if len(values) <= width:
        return values
    return [values[round(index * (len(values) - 1) / max(width - 1, 1))] for index in range(width)]


def bars(shares: Mapping[str, float], width: int, *, unicode: bool) -> list[str]:
    """Return one bar for each name, of a length in proportion to its share of 1."""
    if not shares:
        return []
    names = {name: one_line(name, 30) for name in shares}
    widest = max(len(name) for name in names.values())
    room = max(width - widest - 8, 10)
    mark, largest = ("█" if unicode else "#"), max(shares.values()) or 1.0
    return [
        f"{names[name]:>{widest}} {mark * max(round(share / largest * room), 1 if share else 0)} {share:.2f}"
        for name, share in shares.items()
    ]


def history_picture(facts: StudyFacts, width: int, height: int, *, unicode: bool) -> list[str]:
    """Return a drawing of the values of complete trials as points, and of the best so far as a line of steps."""
    points = [
        (r.number, r.values[0]) for r in facts.having(TrialState.COMPLETE) if r.values and math.isfinite(r.values[0])
    ]
    if not points:
        return []
    sign = facts.directions[0].sign
    low, high = _limits([value for _, value in points], sign)
    left = max(len(number(low, 4)), len(number(high, 4))) + 1
    grid = _Grid(max(width - left - 2, 20), height, (0, max(points[-1][0], 1)), (low, high))
    best: float | None = None
    feasible = {record.number for record in facts.records if is_feasible(record)}
    steps: list[tuple[int, float]] = []
    for trial, value in points:
        grid.put(trial, value, "·" if unicode else ".")
        if trial in feasible and (best is None or value * sign < best * sign):
            best = value
            steps.append((trial, value))
    grid.steps(steps, points[-1][0], "━" if unicode else "=")
    return grid.framed(left, unicode=unicode)


def _limits(values: Sequence[float], sign: float) -> tuple[float, float]:
    """Return what the picture shows of the values: from the best to the 90th percentile of the bad ones."""
    ordered = sorted(values, key=lambda value: value * sign)
    good, bad = ordered[0], ordered[min(int(len(ordered) * 0.9), len(ordered) - 1)]
    low, high = min(good, bad), max(good, bad)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


class _Grid:
    """Characters with coordinates."""

    def __init__(self, width: int, height: int, across: tuple[float, float], up: tuple[float, float]) -> None:
        self.width, self.height = width, height
        self.across, self.up = across, up
        self.cells = [[" "] * width for _ in range(height)]

    def column(self, x: float) -> int:
        low, high = self.across
        return round((x - low) / (high - low) * (self.width - 1))

    def row(self, y: float) -> int:
        low, high = self.up
        return self.height - 1 - round((min(max(y, low), high) - low) / (high - low) * (self.height - 1))

    def put(self, x: float, y: float, mark: str) -> None:
        self.cells[self.row(y)][self.column(x)] = mark

    def steps(self, points: Sequence[tuple[int, float]], end: int, mark: str) -> None:
        ends = [trial for trial, _ in points[1:]] + [end]
        for (start, value), stop in zip(points, ends, strict=True):
            for column in range(self.column(start), self.column(stop) + 1):
                self.cells[self.row(value)][column] = mark

    def framed(self, left: int, *, unicode: bool) -> list[str]:
        side, corner, floor = "│└─" if unicode else "|+-"
        labels = {0: number(self.up[1], 4), self.height - 1: number(self.up[0], 4)}
        lines = [f"{labels.get(row, ''):>{left}}{side}{''.join(cells)}" for row, cells in enumerate(self.cells)]
        last = f"trial {self.across[1]:.0f}"
        return [*lines, " " * left + corner + floor * self.width, f"{' ' * left} 0{last:>{self.width - 1}}"]
