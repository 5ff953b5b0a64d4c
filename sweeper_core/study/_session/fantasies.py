"""Expected points of trials that are about to get their parameters.

Between the reservation of a trial and the storing of its parameters, other processes see a RUNNING trial without any.
Processes that ask at the same moment have the same history, so each would suggest nearly the same point. A suggestion
depends on the history before the trial, the seed and the trial's number only. So the points of the trials with smaller
numbers are computed first, one after the other, and the sampler's history has them as the points of running trials
(fantasies, as of a Kriging believer; Ginsbourger et al. 2010): processes that ask together get the points that one
process would have chosen for them one after the other. A point that has been stored meanwhile replaces its fantasy.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from sweeper_core.samplers.base import Request, Suggestion
from sweeper_core.search_space.space import SearchSpace
from sweeper_core.study._session.log import TrialLog
from sweeper_core.study._session.rivals import Rivals
from sweeper_core.trial.attrs import FIXED_PARAMS
from sweeper_core.trial.fantasized import Fantasy, with_fantasies
from sweeper_core.trial.history import History
from sweeper_core.trial.record import NOTHING
from sweeper_core.trial.state import TrialState

MAX_FANTASIES = 15
"""Maximum number of points computed for one suggestion; each may cost as much as the suggestion itself. Of more trials
that ask at the same moment, those with larger numbers are drawn at random: their points differ, too."""

WINDOW = 64
"""Trials with a number smaller by more than this are not about to get their parameters: they were abandoned."""

Ask = Callable[[Request, History, list[dict[str, Any]]], Suggestion]
"""Of a request, the history, and the points of trials asked for at the same moment."""


class Fantasies:
    """Completes histories by the points that other running trials are about to get.

    Args:
        log: The study's trials.
        rivals: Points of running trials that are known before they are stored as parameters.
        ask: Calls the sampler for a trial, with its own generator.
    """

    def __init__(self, log: TrialLog, rivals: Rivals, ask: Ask) -> None:
        self._log = log
        self._rivals = rivals
        self._ask = ask
        self._reading = 0.0
        """Seconds that the last reading of the study took; with a thousand running trials on a server, it takes longer
        than most samplers."""

    def history(self, request: Request, rows: int | None, together: set[int]) -> History | None:
        """Return the first ``rows`` trials (all by default) for a request; None when too many trials are undecided.

        Args:
            together: Gets the numbers of the trials that were undecided.
        """
        history = self._log.history(rows) if rows is not None else self.with_unstored(request)
        points: dict[int, Fantasy] = {}
        read_at = time.perf_counter()
        self._reading /= 2  # one slow answer of the storage does not count for long
        while missing := _undecided(history, request):
            together.update(missing)
            known = {row: point for row in missing if (point := self._rivals.point(row))}
            if len(missing) - len(known) > MAX_FANTASIES:
                return None
            points = {row: point for row, point in points.items() if row in missing}
            points.update((row, Fantasy(point)) for row, point in known.items())
            if len(points) == len(missing):
                return with_fantasies(history, request.space, points)
            row = next(row for row in missing if row not in points)
            earlier = {other: points[other] for other in points if other < row}
            points[row] = self._fantasy(row, request, earlier, {other for other in together if other < row})
            if self._log.storage.outlives_process and time.perf_counter() - read_at >= self._reading:
                read_at = self._read()
                history = self._log.history(rows)
        return history

    def _read(self) -> float:
        """Read the study; return when that was."""
        begun = time.perf_counter()
        self._log.sync()
        now = time.perf_counter()
        self._reading = now - begun
        return now

    def with_unstored(self, request: Request) -> History:
        """Return the history of all trials for a request, with the points that others are about to store."""
        points = {row: Fantasy(point) for row, point in self._rivals.unstored(request.number).items()}
        return with_fantasies(self._log.history(), request.space, points)

    def _fantasy(self, row: int, request: Request, earlier: Mapping[int, Fantasy], together: Iterable[int]) -> Fantasy:
        request = replace(request, number=row, given=self._fixed(row, request.space))
        before = with_fantasies(self._log.history(row), request.space, earlier)
        suggestion = self._ask(request, before, points_at(before, together))
        return Fantasy(suggestion.params, suggestion.origin, suggestion.generation)

    def _fixed(self, row: int, space: SearchSpace) -> dict[str, Any]:
        """Return the values fixed in advance for a trial that the space can express."""
        record = self._log.get(row)
        fixed = NOTHING if record is None else record.system_attrs.get(FIXED_PARAMS, NOTHING)
        return {name: value for name, value in fixed.items() if name in space and _can_express(space, name, value)}


def points_at(history: History, rows: Iterable[int]) -> list[dict[str, Any]]:
    """Return the points (external values) of some trials of a history."""
    return [_point_at(history, row) for row in rows if row < len(history)]


def _point_at(history: History, row: int) -> dict[str, Any]:
    layout = history.layouts[row]
    found = {}
    for name in layout.names:
        column = history.columns[name]
        raw = float(column.raw[row])
        if raw == raw:
            found[name] = (
                column.choices[int(raw)] if column.choices is not None else column.distribution.to_external_repr(raw)
            )
    return found


def _can_express(space: SearchSpace, name: str, value: Any) -> bool:
    try:
        space[name].distribution.to_internal_repr(value)
    except ValueError:
        return False
    return True


def _undecided(history: History, request: Request) -> list[int]:
    """Return the running trials before the requested one that have no parameter of its space, ascending."""
    stop = min(request.number, len(history))
    start = max(0, stop - WINDOW)
    running = start + np.flatnonzero(history.states[start:stop] == TrialState.RUNNING)
    names = set(request.space.names)
    return [row for row in running.tolist() if names.isdisjoint(history.layouts[row].names)]
