"""The journal storage: studies in an append-only file of operations, in Optuna's format.

It is made for network file systems, on which databases are unsafe. Every write takes the lock, reads the new
operations, checks that it is still valid, and appends its lines with one write.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sweeper_core._exit import close_at_exit
from sweeper_core.directions import StudyDirection
from sweeper_core.storages._journal.entries import Entries, described, whole
from sweeper_core.storages._journal.file import (
    BaseJournalFileLock,
    JournalFileBackend,
    JournalFileOpenLock,
    JournalFileSymlinkLock,
)
from sweeper_core.storages._journal.heartbeats import HeartbeatFiles
from sweeper_core.storages._journal.log import JournalLog
from sweeper_core.storages._journal.replay import Op, text_of
from sweeper_core.storages._rules import (
    as_json,
    attempt_after,
    attr_of_lease,
    attrs_of_loss,
    check_directions,
    check_end,
    check_name,
    duplicate,
    fixed_of,
    idempotency_attr,
    internals,
    lease_of_attr,
    may_come_late,
    new_study_name,
    no_study,
    now,
    retry_for_result,
    retry_of,
)
from sweeper_core.storages._stale import StaleTrials
from sweeper_core.storages._table import TrialRow
from sweeper_core.storages.base import Claim, Lease, Point, Storage, StudyRecord
from sweeper_core.trial.attrs import LEASE
from sweeper_core.trial.data import NO_DATA, TrialData
from sweeper_core.trial.frozen import FrozenTrial
from sweeper_core.trial.record import NOTHING, TrialRecord
from sweeper_core.trial.state import TrialState

__all__ = [
    "BaseJournalFileLock",
    "JournalFileBackend",
    "JournalFileOpenLock",
    "JournalFileStorage",
    "JournalFileSymlinkLock",
    "JournalStorage",
]

JournalFileStorage = JournalFileBackend
"""Alias: the name of :class:`JournalFileBackend` before Optuna 4."""


class JournalStorage(Storage):
    """Keeps studies in a journal.

    Args:
        log_storage: The journal's file.
        heartbeat_interval, grace_period, heartbeat_stale_trial_callback: As for
            :class:`~sweeper_core.storages.RDBStorage`.

    Raises:
        StorageFormatError: The file is not a journal.
        StorageUnavailableError: The file cannot be read.
    """

    def __init__(
        self,
        log_storage: JournalFileBackend,
        *,
        heartbeat_interval: float | None = None,
        grace_period: float | None = None,
        heartbeat_stale_trial_callback: Callable[[Any, FrozenTrial], None] | None = None,
    ) -> None:
        if not isinstance(log_storage, JournalFileBackend):
            raise TypeError(f"A journal lies in a JournalFileBackend(path), not in {log_storage!r}.")
        self.heartbeat_interval = heartbeat_interval
        self.grace_period = grace_period
        self.heartbeat_stale_trial_callback = heartbeat_stale_trial_callback
        self._file = log_storage
        self.quick_writes = log_storage.quick_writes
        self._begin()
        self._log.sync()

    def _begin(self) -> None:
        self._log = JournalLog(self._file)
        self._heartbeats = HeartbeatFiles(self._file.path, self._log.worker)
        self._stale = StaleTrials()
        close_at_exit(self)

    def close(self) -> None:
        self._heartbeats.tidy()

    def __getstate__(self) -> dict[str, Any]:
        return {
            "_file": self._file,
            "quick_writes": self.quick_writes,
            "heartbeat_interval": self.heartbeat_interval,
            "grace_period": self.grace_period,
            "heartbeat_stale_trial_callback": self.heartbeat_stale_trial_callback,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._begin()

    # --- studies ----------------------------------------------------------------------------------------------------

    def create_or_open_study(
        self, name: str | None, directions: Sequence[StudyDirection] | None, *, exist_ok: bool
    ) -> StudyRecord:
        if directions is None or (name is not None and exist_ok):
            with self._log.lock:
                self._log.sync()
                found = None if name is None else self._log.replay.named(name)
                if found is not None:
                    return found.record
        with self._log.writing() as new:
            found = None if name is None else self._log.replay.named(name)
            if found is not None and not exist_ok:
                raise duplicate(found.record.name)
            if found is not None:
                return found.record
            if directions is None:
                raise no_study("" if name is None else name)
            made = new_study_name() if name is None else check_name("study", name)
            new.add(Op.CREATE_STUDY, study_name=made, directions=[int(code) for code in check_directions(directions)])
        with self._log.lock:
            study = self._log.replay.named(made)
            assert study is not None
            return study.record

    def list_studies(self) -> list[StudyRecord]:
        with self._log.lock:
            self._log.sync()
            return [study.record for study in self._log.replay.studies.values()]

    def get_study(self, study_id: int) -> StudyRecord:
        with self._log.lock:
            self._log.sync()
            return self._log.study(study_id).record

    def delete_study(self, study_id: int) -> None:
        with self._log.writing() as new:
            self._log.study(study_id)
            new.add(Op.DELETE_STUDY, study_id=study_id)

    def set_study_attrs(
        self, study_id: int, *, user: Mapping[str, Any] = NOTHING, system: Mapping[str, Any] = NOTHING
    ) -> None:
        with self._log.writing() as new:
            self._log.study(study_id)
            for key, value in user.items():
                new.add(Op.STUDY_USER_ATTR, study_id=study_id, user_attr={check_name("attribute", key): value})
            for key, value in system.items():
                new.add(Op.STUDY_SYSTEM_ATTR, study_id=study_id, system_attr={check_name("attribute", key): value})

    # --- trials -----------------------------------------------------------------------------------------------------

    def reserve(self, study_id: int, *, limit: int | None = None, lease: Lease | None = None) -> Claim | None:
        with self._log.writing() as new:
            study = self._log.study(study_id)
            if limit is not None and study.counted >= limit:
                return None
            leased = {} if lease is None else {LEASE: attr_of_lease(lease)}
            if study.waiting:
                number = study.waiting[0]
                row = study.rows[number]
                fixed = fixed_of(row.record.params, row.system_attrs)
                new.add_attrs(row.trial_id, system=leased)  # first, so that a RUNNING trial always has its lease
                new.begin(row.trial_id, now())
            else:
                number, fixed = len(study.rows), {}
                more: dict[str, Any] = {"system_attrs": leased} if leased else {}
                new.add(Op.CREATE_TRIAL, study_id=study_id, datetime_start=text_of(now()), **more)
            if lease is not None:
                self._heartbeats.touch(f"{study_id}-{number}")
        with self._log.lock:
            record = self._log.row(study_id, number).record
            return Claim(number, record.trial_id, fixed, record.user_attrs, record.system_attrs, record.started)

    def continue_trial(
        self, study_id: int, number: int, *, limit: int | None = None, lease: Lease | None = None
    ) -> Claim | None:
        with self._log.writing() as new:
            study = self._log.study(study_id)
            earlier = self._log.row(study_id, number).record
            # Another process may have continued it already, even one that has died since.
            if not study.may_continue(earlier, limit):
                return None
            following = len(study.rows)
            new.add(Op.CREATE_TRIAL, study_id=study_id, **whole(attempt_after(earlier, lease)))
            if lease is not None:
                self._heartbeats.touch(f"{study_id}-{following}")
        with self._log.lock:
            return Claim.of(self._log.row(study_id, following).record)

    def describe(self, study_id: int, number: int, data: TrialData) -> None:
        params = internals(data.params, data.distributions)
        with self._log.writing() as new:
            row = self._log.running(study_id, number)
            new.add_params(row.trial_id, params)
            new.add_reports(row, data.reports)
            new.add_attrs(row.trial_id, user=data.user_attrs, system=data.system_attrs)

    def check(self, data: TrialData) -> None:
        internals(data.params, data.distributions)
        for attrs in (data.user_attrs, data.system_attrs):
            for key, value in attrs.items():
                check_name("attribute", key)
                as_json(value, key)

    def report(self, study_id: int, number: int, step: int, value: float) -> None:
        with self._log.writing() as new:
            new.add_reports(self._log.running(study_id, number), [(step, value)])

    def finish(
        self,
        study_id: int,
        number: int,
        state: TrialState,
        values: Sequence[float] | None = None,
        data: TrialData = NO_DATA,
    ) -> bool:
        checked = check_end(state, values)
        params = internals(data.params, data.distributions)
        with self._log.writing() as new:
            row = self._log.row(study_id, number)
            if row.state is TrialState.RUNNING:
                trial_id = row.trial_id
                new.add_params(trial_id, params)
                new.add_reports(row, data.reports)
                new.add_attrs(trial_id, user=data.user_attrs, system=data.system_attrs)
            else:
                late = self._retry_for_result(new, study_id, row, state)
                if late is None:
                    return False
                trial_id = late
                new.add_params(trial_id, {**described(row), **params})
                for step, value in {**dict(reversed(data.reports)), **dict(row.reports)}.items():
                    new.add(Op.REPORT, trial_id=trial_id, step=int(step), intermediate_value=float(value))
                new.add_attrs(trial_id, user=data.user_attrs, system=data.system_attrs)
                self._begin_late(new, trial_id, row)
            new.end(trial_id, state, checked)
        if LEASE in row.system_attrs:
            self._heartbeats.remove(f"{study_id}-{number}")
        return True

    def _retry_for_result(self, new: Entries, study_id: int, row: TrialRow, state: TrialState) -> int | None:
        """Return the key of the waiting retry that takes a late result; None when it must not count."""
        lost = row.record
        if not may_come_late(lost, state):
            return None
        retry = self._log.study(study_id).next_attempt(lost.number)
        if retry is None:
            new.enqueue(study_id, retry_for_result(lost))
            return self._log.replay.next_trial
        return retry.trial_id if retry.state is TrialState.WAITING else None

    def _begin_late(self, new: Entries, trial_id: int, lost: TrialRow) -> None:
        """Start a retry with the stale trial's lease, so that it becomes stale too after a crash within the write."""
        new.add_attrs(trial_id, system={LEASE: lost.system_attrs[LEASE]})
        new.begin(trial_id, lost.record.started)

    def enqueue(self, study_id: int, points: Sequence[Point], *, idempotency_key: str | None = None) -> list[int]:
        with self._log.writing() as new:
            study = self._log.study(study_id)
            first = len(study.rows)
            if idempotency_key is not None:
                attr = idempotency_attr(idempotency_key)
                if attr in study.record.system_attrs:
                    return []
                new.add(Op.STUDY_SYSTEM_ATTR, study_id=study_id, system_attr={attr: True})
            for point in points:
                new.enqueue(study_id, point)
            return list(range(first, first + len(points)))

    def add_finished(self, study_id: int, trials: Sequence[TrialRecord]) -> list[int]:
        with self._log.writing() as new:
            first = len(self._log.study(study_id).rows)
            for trial in trials:
                new.add(Op.CREATE_TRIAL, study_id=study_id, **whole(trial))
            return list(range(first, first + len(trials)))

    def changes(self, study_id: int, cursor: Any = None) -> tuple[list[TrialRecord], Any]:
        with self._log.lock:
            self._log.sync()
            study = self._log.study(study_id)
            known = cursor[1] if cursor is not None and cursor[0] == self._log.version else 0
            return study.since(known), (self._log.version, len(study.log))

    # --- leases -----------------------------------------------------------------------------------------------------

    def heartbeat(self, study_id: int, numbers: Sequence[int]) -> list[int]:
        with self._log.lock:
            self._log.sync()
            rows = [self._log.row(study_id, number) for number in numbers]
            for row in rows:
                if row.state is TrialState.RUNNING and LEASE in row.system_attrs:
                    self._heartbeats.touch(f"{study_id}-{row.number}")
            return [row.number for row in rows if row.state is not TrialState.RUNNING]

    def fail_stale(self, study_id: int, *, max_retries: int = 0) -> list[int]:
        with self._log.lock:
            self._log.sync()
            stale = self._find_stale(study_id)
            if not stale:
                return []
        failed = []
        with self._log.writing() as new:
            study = self._log.study(study_id)
            for number, (reason, heartbeat) in stale.items():
                row = study.rows[number]
                last = self._heartbeats.last(f"{study_id}-{number}")
                if row.state is not TrialState.RUNNING or last != heartbeat:
                    continue
                point = retry_of(row.record, max_retries)
                if point is not None and study.next_attempt(number) is None:
                    new.enqueue(study_id, point)  # first, so that a crash in between does not lose the retry
                new.add_attrs(row.trial_id, system=attrs_of_loss(reason))
                new.end(row.trial_id, TrialState.FAIL, None)
                failed.append(number)
        for number in failed:
            self._heartbeats.remove(f"{study_id}-{number}")
        return failed

    def _find_stale(self, study_id: int) -> dict[int, tuple[str, float]]:
        """Return the stale trials, each with the reason and its last heartbeat."""
        study = self._log.study(study_id)
        running = [number for number in sorted(study.heartbeats) if study.rows[number].state is TrialState.RUNNING]
        if not running:
            return {}
        moment = self._heartbeats.now()
        found = {}
        for number in running:
            lease = lease_of_attr(study.rows[number].system_attrs.get(LEASE))
            if lease is not None:
                heartbeat = self._heartbeats.last(f"{study_id}-{number}")
                reason = self._stale.reason((study_id, number), lease, heartbeat, max(0.0, moment - heartbeat))
                if reason is not None:
                    found[number] = reason, heartbeat
        return found
