"""Learning curves for pruners, signed so that smaller is better."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sweeper_core.maths.pareto import crowding_distance, non_domination_ranks
from sweeper_core.trial.attempts import Attempts, first_step
from sweeper_core.trial.attrs import ENDED, METRICS_PREFIX
from sweeper_core.trial.best import BestSoFar
from sweeper_core.trial.record import TrialRecord
from sweeper_core.trial.state import TrialState

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Reports = tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Curve:
    """The reports of one trial.

    Attributes:
        steps: ``(k,)`` ascending.
        values: ``(k,)`` signed so that smaller is better; NaN where NaN was reported.
        judged: The last step at which the trial was already judged, or that an earlier attempt reported; -1 when
            there is none.
    """

    steps: Integers
    values: Floats
    judged: int = -1

    def __len__(self) -> int:
        return len(self.steps)

    def extended(self, step: int) -> Curve:
        """Return the curve with one more report, whose value is NaN."""
        return Curve(np.append(self.steps, step), np.append(self.values, np.nan), self.judged)


EMPTY_CURVE = Curve(np.empty(0, np.int64), np.empty(0))


@dataclass(frozen=True)
class Slice:
    """One value from each of several trials.

    Attributes:
        rows: ``(k,)`` numbers of the first attempts, in no particular order, none twice.
        values: ``(k,)`` signed so that smaller is better.
    """

    rows: Integers
    values: Floats


class _Column:
    """A growing :class:`Slice`; a row that is set again keeps its place."""

    __slots__ = ("_place", "_rows", "_values")

    def __init__(self) -> None:
        self._rows = np.empty(16, np.int64)
        self._values = np.empty(16)
        self._place: dict[int, int] = {}

    def put(self, row: int, value: float) -> None:
        place = self._place.setdefault(row, len(self._place))
        if place == len(self._rows):
            self._rows = np.concatenate([self._rows, np.empty_like(self._rows)])
            self._values = np.concatenate([self._values, np.empty_like(self._values)])
        self._rows[place] = row
        self._values[place] = value

    def view(self) -> Slice:
        count = len(self._place)
        return Slice(self._rows[:count], self._values[:count])


_NOBODY = Slice(np.empty(0, np.int64), np.empty(0))


class LearningCurves:
    """The learning curves of all trials of a study, grown by folding records; columnar, indexed by step.

    Row ``i`` belongs to the configuration whose first attempt is trial ``i``; its latest attempt represents it. Methods
    accept the number of any of its attempts. Folding is cheap; reading updates the index, at a cost bounded by the new
    reports. Not thread-safe: the caller holds a lock.

    Args:
        sign: Factor that turns raw values into ones to be minimised.
        objective: Index of the objective that the reports belong to.
        metrics: Names of all objectives and their signs, for :meth:`scores`; needed with several only.
    """

    def __init__(self, sign: float, objective: int = 0, metrics: Sequence[tuple[str, float]] = ()) -> None:
        self.sign = sign
        self.objective = objective
        self.name(metrics)
        self._records: list[TrialRecord | None] = []
        self._attempts = Attempts()
        self._states = np.full(16, -1, np.int8)
        self._indexed: list[Reports] = []
        self._stale: dict[int, None] = {}
        self._at: dict[int, _Column] = {}
        self._reached: dict[tuple[int, int], _Column] = {}
        self._finals = _Column()
        self._judged: dict[int, int] = {}
        self._completed = 0
        self._ended: set[int] = set()
        self._longest: int | None = None
        self._farthest = 0
        self._best = BestSoFar(sign, objective)

    def __len__(self) -> int:
        return len(self._records)

    @property
    def n_metrics(self) -> int:
        """Number of objectives that reports are ranked by."""
        return max(len(self._metrics), 1)

    def name(self, metrics: Sequence[tuple[str, float]]) -> None:
        """Set the names of all objectives and their signs."""
        self._metrics = tuple(metrics) if len(metrics) > 1 else ()

    def fold(self, records: Iterable[TrialRecord]) -> None:
        """Fold new and changed trials; an older record of a trial that has ended is ignored."""
        for record in records:
            row = self._attempts.of(record)
            missing = record.number + 1 - len(self._records)
            if missing > 0:
                self._records.extend([None] * missing)
                self._indexed.extend([()] * missing)
            known = self._records[row]
            if known is None or _is_newer(record, known):
                self._records[row] = record
                self._stale[row] = None

    def row_of(self, number: int) -> int:
        """Return the row of a trial."""
        return self._attempts.id_of(number)

    def _record(self, number: int) -> TrialRecord | None:
        row = self._attempts.id_of(number)
        return self._records[row] if row < len(self._records) else None

    def state(self, number: int) -> TrialState | None:
        """Return the state of a trial; None when it has not been read."""
        record = self._record(number)
        return None if record is None else record.state

    def value(self, number: int) -> float:
        """Return the final value of the objective, signed; NaN without one."""
        record = self._record(number)
        if record is None or not record.values:
            return float("nan")
        position = self.objective if len(record.values) > self.objective else 0  # a pruned trial has one value
        return record.values[position] * self.sign

    def curve(self, number: int) -> Curve:
        """Return the whole curve of a trial."""
        record = self._record(number)
        if record is None or not record.reports:
            return EMPTY_CURVE
        steps, values = zip(*record.reports, strict=True)
        judged = max(self._judged.get(self.row_of(number), -1), first_step(record) - 1)
        return Curve(np.array(steps, np.int64), np.array(values, float) * self.sign, judged)

    def mark_judged(self, number: int) -> None:
        """Mark the trial's current reports as judged."""
        record = self._record(number)
        if record is not None and record.reports:
            self._judged[self.row_of(number)] = record.reports[-1][0]

    def at(self, step: int) -> Slice:
        """Return the values reported at exactly this step. Not to be changed."""
        self._refresh()
        column = self._at.get(step)
        return _NOBODY if column is None else column.view()

    def reached(self, step: int, window: int = 1) -> Slice:
        """Return, for each trial that has reached ``step``, its first report at or after it.

        Args:
            window: Average that report and the ``window - 1`` before it (NaN reports ignored).
        """
        self._refresh()
        column = self._reached.get((step, window))
        if column is None:
            column = self._reached[step, window] = _Column()
            for row, reports in enumerate(self._indexed):
                _put_reached(column, row, reports, step, window, self.sign)
        return column.view()

    def scores(self, step: int) -> Slice:
        """Return, for each trial that has reached ``step``, what it is ranked by there; smaller is better.

        That is the value of :meth:`reached`; where trials report several objectives by name, their places by
        non-domination, those in the emptiest part of a front first. Whatever lacks a metric comes last.
        """
        found = self.reached(step)
        if not self._metrics or not len(found.rows):
            return found
        values = np.array([self.objectives_at(row, step) for row in found.rows.tolist()])
        if np.all(np.isnan(values)):
            return found
        fronts = non_domination_ranks(values)
        order = np.lexsort((found.rows, -crowding_distance(values, fronts), fronts))
        places = np.empty(len(order))
        places[order] = np.arange(len(order))
        return Slice(found.rows, np.where(np.any(np.isnan(values), axis=1), np.inf, places))

    def objectives_at(self, row: int, step: int) -> list[float]:
        """Return the signed objectives of a trial's first report at or after a step; NaN where one is missing.

        Only several objectives are reported by their names.
        """
        record = self._records[row]
        assert record is not None
        place = bisect_left(record.reports, step, key=_step_of)
        found = record.system_attrs.get(f"{METRICS_PREFIX}{record.reports[place][0]}")
        known = found if isinstance(found, Mapping) else {}
        return [float(known.get(name, "nan")) * sign for name, sign in self._metrics]

    def completed(self, slice_: Slice) -> Slice:
        """Return the part of a slice whose trials are COMPLETE."""
        chosen = self._states[slice_.rows] == TrialState.COMPLETE
        return Slice(slice_.rows[chosen], slice_.values[chosen])

    def paused(self) -> list[int]:
        """Return the rows of the PRUNED trials that may be continued, in order."""
        self._refresh()
        rows = np.flatnonzero(self._states[: len(self._records)] == TrialState.PRUNED)
        return [row for row in rows.tolist() if row not in self._ended]

    def count(self, state: TrialState) -> int:
        """Return how many configurations are in a state."""
        self._refresh()
        return int(np.count_nonzero(self._states[: len(self._records)] == state))

    @property
    def n_completed(self) -> int:
        """Number of COMPLETE trials."""
        self._refresh()
        return self._completed

    @property
    def finals(self) -> Slice:
        """The last report of each COMPLETE trial that has one. Not to be changed."""
        self._refresh()
        return self._finals.view()

    @property
    def longest(self) -> int | None:
        """Largest last step of the COMPLETE trials; None when none of them has reported."""
        self._refresh()
        return self._longest

    @property
    def farthest(self) -> int:
        """Largest number of steps of any trial: its last one, and one more where they count from 0."""
        self._refresh()
        return self._farthest

    @property
    def best(self) -> int | None:
        """Number of the COMPLETE trial with the smallest signed value that satisfies its constraints."""
        self._refresh()
        return self._best.best.number

    def _refresh(self) -> None:
        if not self._stale:
            return
        if len(self._records) > len(self._states):
            more = max(len(self._records), 2 * len(self._states)) - len(self._states)
            self._states = np.concatenate([self._states, np.full(more, -1, np.int8)])
        for row in self._stale:
            record = self._records[row]
            assert record is not None
            self._file(row, record.reports)
            if record.state != self._states[row]:
                self._enter(row, record)
        self._stale.clear()

    def _file(self, row: int, reports: Reports) -> None:
        """Update the columns with the reports of one trial."""
        known = self._indexed[row]
        seen = len(known)
        if reports[:seen] != known:
            seen = 0  # a report was inserted before the last one, or there is a NaN
        for step, value in reports[seen:]:
            self._at.setdefault(step, _Column()).put(row, value * self.sign)
        if len(reports) > seen:
            before = reports[seen - 1][0] if seen else -1
            for (step, window), column in self._reached.items():
                if before < step or not seen:
                    _put_reached(column, row, reports, step, window, self.sign)
        self._indexed[row] = reports
        if reports:
            self._farthest = max(self._farthest, reports[-1][0] + (reports[0][0] <= 0))

    def _enter(self, row: int, record: TrialRecord) -> None:
        """Count a trial under its new state."""
        complete = record.state is TrialState.COMPLETE
        if record.state is TrialState.PRUNED and ENDED in record.system_attrs:
            self._ended.add(row)
        self._completed += complete  # a trial that has ended does not change any more
        self._states[row] = record.state
        if not complete:
            return
        if record.reports:
            step, value = record.reports[-1]
            self._longest = max(self._longest or 0, step)
            self._finals.put(row, value * self.sign)
        self._best.take(row, record.values, record.system_attrs)


def _is_newer(record: TrialRecord, known: TrialRecord) -> bool:
    """Return whether a record is newer than the known one of a configuration; a trial that ended does not change."""
    if record.number != known.number:
        return record.number > known.number
    return record.state.is_finished() or not known.state.is_finished()


def _put_reached(column: _Column, row: int, reports: Reports, step: int, window: int, sign: float) -> None:
    if not reports or reports[-1][0] < step:
        return
    place = bisect_left(reports, step, key=_step_of)
    column.put(row, smoothed([value for _, value in reports[max(place + 1 - window, 0) : place + 1]]) * sign)


def _step_of(report: tuple[int, float]) -> int:
    return report[0]


def smoothed(values: list[float]) -> float:
    """Return the last value when it is NaN (or the only one), else the mean of those that are not NaN."""
    if len(values) == 1 or values[-1] != values[-1]:
        return values[-1]
    known = [value for value in values if value == value]
    return sum(known) / len(known)
