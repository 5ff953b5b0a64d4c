"""The in-memory storage: studies in one process."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from time import time as now
from typing import Any

from sweeper_core._forks import reset_after_fork
from sweeper_core.directions import StudyDirection
from sweeper_core.storages._rules import (
    attempt_after,
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
    retry_for_result,
    retry_of,
)
from sweeper_core.storages._stale import StaleTrials
from sweeper_core.storages._table import Layouts, StudyRows, TrialRow
from sweeper_core.storages.base import Claim, Lease, Point, Storage, StudyRecord
from sweeper_core.trial.attrs import LEASE, LOST
from sweeper_core.trial.best import Best
from sweeper_core.trial.data import NO_DATA, TrialData
from sweeper_core.trial.record import NOTHING, TrialRecord
from sweeper_core.trial.state import TrialState

# Looking up the members of an enum costs more than using them here.
RUNNING, COMPLETE = TrialState.RUNNING, TrialState.COMPLETE

# The constructor of the plain tuple avoids the Python call of the named one.
_new_tuple = tuple.__new__


class _Studies(dict[int, StudyRows]):
    """Studies by key."""

    def __missing__(self, study_id: int) -> StudyRows:
        raise no_study(study_id)


class InMemoryStorage(Storage):
    """Keeps all studies in memory: nothing is on disk, nothing outlives the process.

    Thread-safe; can be pickled (also by joblib), with all studies.
    """

    outlives_process = False

    def __init__(self) -> None:
        self.after_fork()
        reset_after_fork(self)
        self._studies = _Studies()
        self._ids: dict[str, int] = {}
        self._next_study = 0
        self._next_trial = 0
        self._layouts = Layouts()
        self._stale = StaleTrials()

    def __getstate__(self) -> dict[str, Any]:
        with self._lock:
            studies = _Studies((key, study.copy()) for key, study in self._studies.items())
            state = {**self.__dict__, "_studies": studies}
        del state["_lock"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.after_fork()
        reset_after_fork(self)

    def after_fork(self) -> None:
        """Create a new lock."""
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
            return self._studies[study_id].record

    def delete_study(self, study_id: int) -> None:
        with self._lock:
            del self._ids[self._studies[study_id].record.name]
            del self._studies[study_id]

    def set_study_attrs(
        self, study_id: int, *, user: Mapping[str, Any] = NOTHING, system: Mapping[str, Any] = NOTHING
    ) -> None:
        with self._lock:
            study = self._studies[study_id]
            record = study.record
            study.record = replace(
                record, user_attrs=_merged(record.user_attrs, user), system_attrs=_merged(record.system_attrs, system)
            )

    def reserve(self, study_id: int, *, limit: int | None = None, lease: Lease | None = None) -> Claim | None:
        with self._lock:
            study = self._studies[study_id]
            if limit is not None and study.counted >= limit:
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
                study.heartbeats[row.number] = self._clock()
            return _new_tuple(Claim, (row.number, row.trial_id, fixed, row.user_attrs, row.system_attrs, None, ()))

    def continue_trial(
        self, study_id: int, number: int, *, limit: int | None = None, lease: Lease | None = None
    ) -> Claim | None:
        with self._lock:
            study = self._studies[study_id]
            earlier = study.row(number).record
            if not study.may_continue(earlier, limit):
                return None
            record = attempt_after(earlier, lease)
            row = TrialRow.of(record, len(study.rows), self._new_trial_id(), record.layout)
            study.add(row)
            if lease is not None:
                study.heartbeats[row.number] = self._clock()
            return Claim.of(row.record)

    def describe(self, study_id: int, number: int, data: TrialData) -> None:
        params, distributions, reports, user_attrs, system_attrs = data
        described = internals(params, distributions) if params else None
        recorded = [(int(step), float(value)) for step, value in reports] if reports else ()
        with self._lock:
            row = self._running(study_id, number)
            if described:
                self._layouts.extend(row, described)
            if recorded:
                for step, value in recorded:
                    row.report(step, value)
            if user_attrs:
                row.user_attrs = {**row.user_attrs, **user_attrs}
            if system_attrs:
                row.system_attrs = {**row.system_attrs, **system_attrs}
            if row.known is not None:
                self._studies[study_id].changed(row)

    def check(self, data: TrialData) -> None:
        internals(data.params, data.distributions)

    def report(self, study_id: int, number: int, step: int, value: float) -> None:
        with self._lock:
            row = self._running(study_id, number)
            if type(step) is not int or type(value) is not float:  # they nearly always are
                step, value = int(step), float(value)
            if row.report(step, value) and row.known is not None:
                self._studies[study_id].changed(row)

    def finish(
        self,
        study_id: int,
        number: int,
        state: TrialState,
        values: Sequence[float] | None = None,
        data: TrialData = NO_DATA,
    ) -> bool:
        checked = check_values(values) if state is COMPLETE and values is not None else check_end(state, values)
        with self._lock:
            study = self._studies[study_id]
            row = study.rows[number] if -1 < number < len(study.rows) else study.row(number)
            if row.state is not RUNNING:
                self.check(data)
                retry = self._retry_for_result(study, row, state)
                if retry is None:
                    return False
                row = retry
            if data is not NO_DATA:
                lost = LOST in data.system_attrs and LOST not in row.system_attrs
                self.describe(study_id, row.number, data)
                study.lost += lost
            if study.heartbeats:
                study.heartbeats.pop(number, None)
            row.state = state
            row.values = checked
            if state is COMPLETE:
                study.completed.append(row.number)
            row.completed = now()
            if row.known is not None:
                study.changed(row)
            return True

    def _retry_for_result(self, study: StudyRows, row: TrialRow, state: TrialState) -> TrialRow | None:
        """Remove the retry that takes a late result from the queue and return it; None when the result is rejected."""
        if row.state is not TrialState.FAIL or not may_come_late(row.record, state):
            return None
        lost = row.record
        retry = study.next_attempt(lost.number) or study.rows[self._enqueue(study, retry_for_result(lost))]
        if retry.state is not TrialState.WAITING:
            return None
        study.waiting.remove(retry.number)
        retry.layout, retry.internals, retry.reports, retry.started = (
            row.layout,
            row.internals,
            [*row.reports] or (),
            row.started,
        )
        retry.state = RUNNING
        return retry

    def enqueue(self, study_id: int, points: Sequence[Point], *, idempotency_key: str | None = None) -> list[int]:
        with self._lock:
            study = self._studies[study_id]
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
            study = self._studies[study_id]
            first = len(study.rows)
            for trial in trials:
                row = TrialRow.of(trial, len(study.rows), self._new_trial_id(), self._layouts.interned(trial.layout))
                study.add(row)
                study.lost += LOST in row.system_attrs
                if row.state is TrialState.WAITING:
                    study.waiting.append(row.number)
            return list(range(first, len(study.rows)))

    def changes(self, study_id: int, cursor: Any = None) -> tuple[list[TrialRecord], Any]:
        with self._lock:
            study = self._studies[study_id]
            return study.since(cursor or 0), len(study.log)

    def best(self, study_id: int) -> Best | None:
        with self._lock:
            return self._studies[study_id].best()

    def heartbeat(self, study_id: int, numbers: Sequence[int]) -> list[int]:
        with self._lock:
            study = self._studies[study_id]
            gone = []
            for number in numbers:
                if study.row(number).state is not TrialState.RUNNING:
                    gone.append(number)
                elif number in study.heartbeats:
                    study.heartbeats[number] = self._clock()
            return gone

    def fail_stale(self, study_id: int, *, max_retries: int = 0) -> list[int]:
        with self._lock:
            study = self._studies[study_id]
            lost = {number: reason for number in sorted(study.heartbeats) if (reason := self._reason(study, number))}
            for number, reason in lost.items():
                record = study.rows[number].record
                self.finish(study_id, number, TrialState.FAIL, data=TrialData(system_attrs=attrs_of_loss(reason)))
                point = retry_of(record, max_retries)
                if point is not None:
                    self._enqueue(study, point)
            return list(lost)

    def _reason(self, study: StudyRows, number: int) -> str | None:
        lease = lease_of_attr(study.rows[number].system_attrs.get(LEASE))
        heartbeat = study.heartbeats[number]
        trial = study.record.study_id, number
        return None if lease is None else self._stale.reason(trial, lease, heartbeat, self._clock() - heartbeat)

    def _running(self, study_id: int, number: int) -> TrialRow:
        study = self._studies[study_id]
        # As `row` alone, but nearly always without its call.
        row = study.rows[number] if -1 < number < len(study.rows) else study.row(number)
        if row.state is not RUNNING:
            check_runs(number, row.state)
        return row

    def _new_trial_id(self) -> int:
        self._next_trial += 1
        return self._next_trial - 1

    @staticmethod
    def _clock() -> float:
        return time.monotonic()


def _merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**old, **new} if new else old
