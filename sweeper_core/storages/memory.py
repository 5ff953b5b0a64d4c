"""Studies in the memory of one process."""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from time import time as now
from typing import Any

from sweeper_core._forks import reset_after_fork
from sweeper_core.directions import StudyDirection
from sweeper_core.distributions import BaseDistribution
from sweeper_core.storages._rules import (
    attr_of_lease,
    attrs_of_loss,
    attrs_of_point,
    check_directions,
    check_end,
    check_name,
    check_runs,
    check_values,
    duplicate,
    fixed_of,
    idempotency_attr,
    internals,
    lease_of_attr,
    may_come_late,
    new_study_name,
    no_study,
    no_trial,
    reason_to_give_up,
    repeats,
    retry_for_result,
    retry_of,
)
from sweeper_core.storages.base import Claim, Lease, Point, Storage, StudyRecord
from sweeper_core.trial.attrs import LEASE, LOST
from sweeper_core.trial.best import Best, BestSoFar
from sweeper_core.trial.data import NO_DATA, TrialData
from sweeper_core.trial.record import NO_PARAMETERS, NOTHING, Layout, TrialRecord
from sweeper_core.trial.state import TrialState

# Looking up the members of an enum costs more than what is done with them here.
RUNNING, COMPLETE = TrialState.RUNNING, TrialState.COMPLETE

# A tuple's own constructor does without the detour through Python that a named one takes.
_new_tuple = tuple.__new__


class TrialRow:
    """A trial, changed in place; the record that others see is made when somebody reads it.

    Attributes:
        reports: In order of step; a list of the row's own once it has grown here.
        started, completed: Seconds since the epoch while nobody has looked: a datetime costs many times as much.
        known: The record made last; None when it is out of date, which the log has said since.
    """

    __slots__ = (
        "completed",
        "internals",
        "known",
        "layout",
        "number",
        "reports",
        "started",
        "state",
        "system_attrs",
        "trial_id",
        "user_attrs",
        "values",
    )

    def __init__(self, number: int, trial_id: int, state: TrialState) -> None:
        self.number = number
        self.trial_id = trial_id
        self.state = state
        self.layout = NO_PARAMETERS
        self.internals: tuple[float, ...] = ()
        self.values: tuple[float, ...] | None = None
        self.reports: Sequence[tuple[int, float]] = ()
        self.user_attrs = self.system_attrs = NOTHING
        self.started: datetime | float | None = None
        self.completed: datetime | float | None = None
        self.known: TrialRecord | None = None

    @classmethod
    def of(cls, record: TrialRecord, number: int, trial_id: int, layout: Layout) -> TrialRow:
        """Return the row of a trial that comes from elsewhere."""
        row = cls(number, trial_id, record.state)
        row.layout, row.internals, row.values, row.reports = layout, record.internals, record.values, record.reports
        row.user_attrs, row.system_attrs = record.user_attrs, record.system_attrs
        row.started, row.completed = record.started, record.completed
        return row

    def copy(self) -> TrialRow:
        """Return a row of its own with the same content."""
        row = TrialRow.of(self.record, self.number, self.trial_id, self.layout)
        row.known = self.record
        return row

    def report(self, step: int, value: float) -> bool:
        """Put a report in its place; return False when the step has one already."""
        reports = self.reports
        if not isinstance(reports, list):
            reports = self.reports = [*reports]
        if not reports or reports[-1][0] < step:
            reports.append((step, value))
            return True
        place = bisect_left(reports, step, key=lambda report: report[0])
        if reports[place][0] == step:
            return False
        reports.insert(place, (step, value))
        return True

    @property
    def record(self) -> TrialRecord:
        """The trial as others see it."""
        record = self.known
        if record is None:
            self.started, self.completed = _as_utc(self.started), _as_utc(self.completed)
            record = self.known = TrialRecord(
                self.number,
                self.trial_id,
                self.state,
                self.layout,
                self.internals,
                self.values,
                tuple(self.reports),
                self.user_attrs,
                self.system_attrs,
                self.started,
                self.completed,
            )
        return record

    def __getstate__(self) -> TrialRecord:
        return self.record

    def __setstate__(self, record: TrialRecord) -> None:
        for name in TrialRecord.__slots__:
            setattr(self, name, getattr(record, name))
        self.known = record


_EPOCH = datetime(1970, 1, 1)


def _as_utc(time: datetime | float | None) -> datetime | None:
    if isinstance(time, float):
        return _EPOCH + timedelta(0, time)
    return time


@dataclass
class StudyRows:
    """A study, its trials by number, and what has happened to them."""

    record: StudyRecord
    rows: list[TrialRow] = field(default_factory=list)
    waiting: deque[int] = field(default_factory=deque)
    lost: int = 0
    beats: dict[int, float] = field(default_factory=dict)
    """Last sign of life of leased running trials."""
    log: list[int] = field(default_factory=list)
    """The trial of every change that somebody may have missed; its length is the study's version."""
    completed: list[int] = field(default_factory=list)
    """COMPLETE trials that have not been compared with the best."""

    def __post_init__(self) -> None:
        self._best = BestSoFar.of(self.record.directions)

    def changed(self, row: TrialRow) -> None:
        """Note that a trial is different; not again before anybody has looked."""
        if row.known is not None:
            row.known = None
            self.log.append(row.number)

    def add(self, row: TrialRow) -> None:
        """Take in a new trial."""
        self.rows.append(row)
        self.log.append(row.number)
        if row.state is COMPLETE:
            self.completed.append(row.number)

    def since(self, version: int) -> list[TrialRecord]:
        """Return the trials that changed after a version, by number."""
        new = self.log[version:]
        return [self.rows[number].record for number in (sorted(set(new)) if len(new) > 1 else new)]

    def best(self) -> Best:
        """Return the best trial."""
        for number in self.completed:
            row = self.rows[number]
            self._best.take(number, row.values, row.system_attrs)
        self.completed.clear()
        return self._best.best

    def copy(self) -> StudyRows:
        """Return a study of its own with the same content."""
        return replace(
            self,
            rows=[row.copy() for row in self.rows],
            waiting=deque(self.waiting),
            beats=dict(self.beats),
            log=list(self.log),
            completed=[row.number for row in self.rows if row.state is COMPLETE],
        )


MAX_STEPS = 4096
"""How many steps from one layout to the next are remembered."""


class InMemoryStorage(Storage):
    """Keeps everything in memory: nothing is on disk, nothing outlives the process.

    Thread-safe; can be pickled (also by joblib), with all studies.
    """

    outlives_process = False

    def __init__(self) -> None:
        self.after_fork()
        reset_after_fork(self)
        self._studies: dict[int, StudyRows] = {}
        self._ids: dict[str, int] = {}
        self._next_study = 0
        self._next_trial = 0
        self._layouts: dict[Layout, Layout] = {}
        self._no_parameters = Layout((), ())

    def __getstate__(self) -> dict[str, Any]:
        with self._lock:
            state = {**self.__dict__, "_studies": {key: study.copy() for key, study in self._studies.items()}}
        del state["_lock"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.after_fork()
        reset_after_fork(self)

    def after_fork(self) -> None:
        """Take a lock of one's own."""
        self._lock = threading.RLock()

    def create_or_open_study(
        self, name: str | None, directions: Sequence[StudyDirection] | None, *, exist_ok: bool
    ) -> StudyRecord:
        with self._lock:
            if name is not None and name in self._ids:
                if not exist_ok:
                    raise duplicate(name)
                return self._studies[self._ids[name]].record
            if directions is None:
                raise no_study("" if name is None else name)
            record = StudyRecord(
                self._next_study,
                new_study_name() if name is None else check_name("study", name),
                check_directions(directions),
            )
            self._next_study += 1
            self._ids[record.name] = record.study_id
            self._studies[record.study_id] = StudyRows(record)
            return record

    def list_studies(self) -> list[StudyRecord]:
        with self._lock:
            return [study.record for study in self._studies.values()]

    def get_study(self, study_id: int) -> StudyRecord:
        with self._lock:
            return self._study(study_id).record

    def delete_study(self, study_id: int) -> None:
        with self._lock:
            del self._ids[self._study(study_id).record.name]
            del self._studies[study_id]

    def set_study_attrs(
        self, study_id: int, *, user: Mapping[str, Any] = NOTHING, system: Mapping[str, Any] = NOTHING
    ) -> None:
        with self._lock:
            study = self._study(study_id)
            record = study.record
            study.record = replace(
                record, user_attrs=_merged(record.user_attrs, user), system_attrs=_merged(record.system_attrs, system)
            )

    def reserve(self, study_id: int, *, limit: int | None = None, lease: Lease | None = None) -> Claim | None:
        with self._lock:
            study = self._studies.get(study_id) or self._study(study_id)
            if limit is not None and len(study.rows) - len(study.waiting) - study.lost >= limit:
                return None
            fixed = NOTHING
            if study.waiting:
                row = study.rows[study.waiting.popleft()]
                fixed = fixed_of(row.record.params, row.system_attrs)
                row.state = RUNNING
                study.changed(row)
            else:
                rows, trial_id = study.rows, self._next_trial
                row = TrialRow(len(rows), trial_id, RUNNING)
                self._next_trial = trial_id + 1
                rows.append(row)
                study.log.append(row.number)
            row.started = now()
            if lease is not None:
                row.system_attrs = {**row.system_attrs, LEASE: attr_of_lease(lease)}
                study.beats[row.number] = self._clock()
            return _new_tuple(Claim, (row.number, row.trial_id, fixed, row.user_attrs, row.system_attrs, None))

    def describe(self, study_id: int, number: int, data: TrialData) -> None:
        params, distributions, reports, user_attrs, system_attrs = data
        described = internals(params, distributions) if params else None
        told = [(int(step), float(value)) for step, value in reports] if reports else ()
        with self._lock:
            study, row = self._running(study_id, number)
            if described:
                self._extend(row, described)
            for step, value in told:
                row.report(step, value)
            if user_attrs:
                row.user_attrs = {**row.user_attrs, **user_attrs}
            if system_attrs:
                row.system_attrs = {**row.system_attrs, **system_attrs}
            if row.known is not None:
                study.changed(row)

    def check(self, data: TrialData) -> None:
        internals(data.params, data.distributions)

    def _extend(self, row: TrialRow, described: Mapping[str, tuple[BaseDistribution, float]]) -> None:
        layout = row.layout if row.internals else self._no_parameters
        if len(described) == 1:  # as objectives ask: one after the other
            ((name, (distribution, value)),) = described.items()
            step = layout.steps.get(name)
            if step is None or step[0] is not distribution:
                step = self._step(layout, name, distribution)
            if step is not None:
                row.layout, row.internals = step[1], (*row.internals, value)
                return
        values = dict(zip(layout.names, row.internals, strict=True))
        values.update({name: value for name, (_, value) in described.items()})
        row.layout = self._interned(
            Layout.of({**layout.as_dict(), **{name: distribution for name, (distribution, _) in described.items()}})
        )
        row.internals = tuple(values.values())

    def _step(
        self, layout: Layout, name: str, distribution: BaseDistribution
    ) -> tuple[BaseDistribution, Layout] | None:
        """Return the layout with one more parameter, and remember it; None where it has the parameter already."""
        if name in layout.names:
            return None
        longer = self._interned(Layout((*layout.names, name), (*layout.distributions, distribution)))
        if len(layout.steps) >= MAX_STEPS:
            layout.steps.clear()
        step = layout.steps[name] = distribution, longer
        return step

    def _interned(self, layout: Layout) -> Layout:
        return self._layouts.setdefault(layout, layout)

    def report(self, study_id: int, number: int, step: int, value: float) -> None:
        with self._lock:
            study, row = self._running(study_id, number)
            if row.report(int(step), float(value)) and row.known is not None:
                study.changed(row)

    def finish(
        self,
        study_id: int,
        number: int,
        state: TrialState,
        values: Sequence[float] | None = None,
        data: TrialData = NO_DATA,
    ) -> bool:
        checked = check_values(values) if state is COMPLETE and values is not None else check_end(state, values)
        params, distributions, reports, user_attrs, system_attrs = data
        described = internals(params, distributions) if params else None
        told = [(int(step), float(value)) for step, value in reports] if reports else ()
        with self._lock:
            study = self._studies.get(study_id) or self._study(study_id)
            row = study.rows[number] if 0 <= number < len(study.rows) else self._trial(study, number)
            if row.state is not RUNNING:
                retry = self._retry_for_result(study, row, state)
                if retry is None:
                    return False
                row = retry
            if study.beats:
                study.beats.pop(number, None)
            if described:
                self._extend(row, described)
            for step, value in told:
                row.report(step, value)
            if system_attrs:
                study.lost += LOST in system_attrs and LOST not in row.system_attrs
                row.system_attrs = {**row.system_attrs, **system_attrs}
            if user_attrs:
                row.user_attrs = {**row.user_attrs, **user_attrs}
            row.state = state
            row.values = checked
            if state is COMPLETE:
                study.completed.append(row.number)
            row.completed = now()
            if row.known is not None:
                study.changed(row)
            return True

    def _retry_for_result(self, study: StudyRows, row: TrialRow, state: TrialState) -> TrialRow | None:
        """Return the retry that takes a late result, off the queue; None when it must not count."""
        if row.state is not TrialState.FAIL or not may_come_late(row.record, state):
            return None
        lost = row.record
        found = [later for later in study.rows[lost.number + 1 :] if repeats(later.system_attrs, lost.number)]
        retry = found[0] if found else study.rows[self._enqueue(study, retry_for_result(lost))]
        if retry.state is not TrialState.WAITING:
            return None
        study.waiting.remove(retry.number)
        retry.layout, retry.internals, retry.reports, retry.started = (
            row.layout,
            row.internals,
            tuple(row.reports),
            row.started,
        )
        return retry

    def enqueue(self, study_id: int, points: Sequence[Point], *, idempotency_key: str | None = None) -> list[int]:
        with self._lock:
            study = self._study(study_id)
            if idempotency_key is not None:
                if idempotency_attr(idempotency_key) in study.record.system_attrs:
                    return []
                self.set_study_attrs(study_id, system={idempotency_attr(idempotency_key): True})
            return [self._enqueue(study, point) for point in points]

    def _enqueue(self, study: StudyRows, point: Point) -> int:
        row = TrialRow(len(study.rows), self._new_trial_id(), TrialState.WAITING)
        row.user_attrs = _merged(NOTHING, point.user_attrs)
        row.system_attrs = attrs_of_point(point)
        study.add(row)
        study.waiting.append(row.number)
        return row.number

    def add_finished(self, study_id: int, trials: Sequence[TrialRecord]) -> list[int]:
        with self._lock:
            study = self._study(study_id)
            first = len(study.rows)
            for trial in trials:
                row = TrialRow.of(trial, len(study.rows), self._new_trial_id(), self._interned(trial.layout))
                study.add(row)
                study.lost += LOST in row.system_attrs
                if row.state is TrialState.WAITING:
                    study.waiting.append(row.number)
            return list(range(first, len(study.rows)))

    def changes(self, study_id: int, cursor: Any = None) -> tuple[list[TrialRecord], Any]:
        with self._lock:
            study = self._study(study_id)
            return study.since(cursor or 0), len(study.log)

    def best(self, study_id: int) -> Best | None:
        with self._lock:
            return self._study(study_id).best()

    def heartbeat(self, study_id: int, numbers: Sequence[int]) -> list[int]:
        with self._lock:
            study = self._study(study_id)
            gone = []
            for number in numbers:
                if self._trial(study, number).state is not TrialState.RUNNING:
                    gone.append(number)
                elif number in study.beats:
                    study.beats[number] = self._clock()
            return gone

    def fail_stale(self, study_id: int, *, max_retries: int = 0) -> list[int]:
        with self._lock:
            study = self._study(study_id)
            lost = {number: reason for number in sorted(study.beats) if (reason := self._reason(study, number))}
            for number, reason in lost.items():
                record = study.rows[number].record
                self.finish(study_id, number, TrialState.FAIL, data=TrialData(system_attrs=attrs_of_loss(reason)))
                point = retry_of(record, max_retries)
                if point is not None:
                    self._enqueue(study, point)
            return list(lost)

    def _reason(self, study: StudyRows, number: int) -> str | None:
        lease = lease_of_attr(study.rows[number].system_attrs.get(LEASE))
        return None if lease is None else reason_to_give_up(lease, self._clock() - study.beats[number])

    def _study(self, study_id: int) -> StudyRows:
        study = self._studies.get(study_id)
        if study is None:
            raise no_study(study_id)
        return study

    def _trial(self, study: StudyRows, number: int) -> TrialRow:
        if not 0 <= number < len(study.rows):
            raise no_trial(study.record.study_id, number)
        return study.rows[number]

    def _running(self, study_id: int, number: int) -> tuple[StudyRows, TrialRow]:
        study = self._studies.get(study_id) or self._study(study_id)
        row = study.rows[number] if 0 <= number < len(study.rows) else self._trial(study, number)
        if row.state is not RUNNING:
            check_runs(number, row.state)
        return study, row

    def _new_trial_id(self) -> int:
        self._next_trial += 1
        return self._next_trial - 1

    @staticmethod
    def _clock() -> float:
        return time.monotonic()


def _merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**old, **new} if new else old
