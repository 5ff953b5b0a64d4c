"""Studies in a journal: a file of operations, in Optuna's format, to which everybody appends.

Made for network file systems, where databases must not lie. Every operation takes the lock, reads what is
new, checks that it is still allowed, and appends its lines with one write. Leases lie beside the journal, in
one small file for each running trial, so that signs of life do not fill the journal: a file's time is set by the file
server, whose clock all machines share.
"""

from __future__ import annotations

import json
import os
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from math import isfinite
from typing import Any

from sweeper_core._forks import reset_after_fork
from sweeper_core.directions import StudyDirection
from sweeper_core.distributions import BaseDistribution
from sweeper_core.exceptions import StorageFormatError
from sweeper_core.logging import get_logger
from sweeper_core.storages._journal import snapshot
from sweeper_core.storages._journal.file import (
    BaseJournalFileLock,
    JournalFileBackend,
    JournalFileOpenLock,
    JournalFileSymlinkLock,
    JournalShrunk,
    OpenJournal,
)
from sweeper_core.storages._journal.replay import Op, Replay, text_of
from sweeper_core.storages._rules import (
    attr_of_lease,
    attrs_of_loss,
    attrs_of_point,
    check_directions,
    check_end,
    check_name,
    check_runs,
    distribution_text,
    duplicate,
    fixed_of,
    idempotency_attr,
    internals,
    lease_of_attr,
    may_come_late,
    new_study_name,
    no_study,
    no_trial,
    now,
    reason_to_give_up,
    repeats,
    retry_for_result,
    retry_of,
)
from sweeper_core.storages._table import StudyRows, TrialRow
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
"""The name that :class:`JournalFileBackend` had before Optuna 4."""

BEATS = ".beats"

_logger = get_logger(__name__)


_as_json = json.JSONEncoder(separators=(",", ":")).encode
_of_json = json.JSONDecoder().decode
_quoted = json.encoder.encode_basestring_ascii


class _Entries:
    """The operations of one write."""

    def __init__(self, worker: str) -> None:
        self._worker = worker
        self.lines: list[str] = []
        self._plays: list[Callable[[Replay], None]] = []

    @property
    def content(self) -> bytes:
        """What is to be appended to the file."""
        return ("\n".join(self.lines) + "\n").encode()

    def play(self, replay: Replay) -> None:
        """Play the operations as they would be if they were read from the file."""
        for play in self._plays:
            play(replay)

    def add(self, op: Op, **fields: Any) -> None:
        """Add an operation."""
        line = _as_json({"op_code": int(op), "worker_id": self._worker, **fields})
        self.lines.append(line)
        self._plays.append(lambda replay: replay.apply(_of_json(line)))

    def add_attrs(
        self, trial_id: int, *, user: Mapping[str, Any] = NOTHING, system: Mapping[str, Any] = NOTHING
    ) -> None:
        """Add attributes of a trial, each an operation of its own."""
        for key, value in user.items():
            self.add(Op.USER_ATTR, trial_id=trial_id, user_attr={check_name("attribute", key): value})
        for key, value in system.items():
            self.add(Op.SYSTEM_ATTR, trial_id=trial_id, system_attr={check_name("attribute", key): value})

    def add_params(self, trial_id: int, described: Mapping[str, tuple[BaseDistribution, float]]) -> None:
        """Add parameters of a trial."""
        if not described:
            return
        head = f'{{"op_code":{int(Op.PARAM)},"worker_id":"{self._worker}","trial_id":{trial_id},"param_name":'
        params = []
        for name, (distribution, value) in described.items():
            text, number = distribution_text(distribution), float(value)
            # Put together here, and played as they are: parameters are most of a journal.
            shown = repr(number) if isfinite(number) else _as_json(number)
            self.lines.append(f'{head}{_quoted(name)},"param_value_internal":{shown},"distribution":{_quoted(text)}}}')
            params.append((name, text, number))
        self._plays.append(lambda replay: replay.describe(trial_id, params))

    def add_reports(self, row: TrialRow, reports: Sequence[tuple[int, float]]) -> None:
        """Add reports of a trial, but those of steps that have one."""
        known = {step for step, _ in row.reports}
        for step, value in reports:
            if int(step) not in known:
                known.add(int(step))
                self.add(Op.REPORT, trial_id=row.trial_id, step=int(step), intermediate_value=float(value))


class JournalStorage(Storage):
    """Keeps studies in a journal.

    Args:
        log_storage: Where the journal lies.
        heartbeat_interval, grace_period, heartbeat_stale_trial_callback: As for
            :class:`~sweeper_core.storages.RDBStorage`.

    Raises:
        StorageFormatError: The file is something else than a journal.
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
        self._sync()

    def _begin(self) -> None:
        self._lock = threading.RLock()
        self._worker = f"{uuid.uuid4()}-"
        self._beats = self._file.path + BEATS
        self._reload()
        reset_after_fork(self)

    def after_fork(self) -> None:
        """Take a lock of one's own; what another thread was playing has to be played again."""
        if self._lock.acquire(blocking=False):
            self._lock.release()
        else:
            self._lock = threading.RLock()
            self._forget()

    def _reload(self) -> None:
        self._replay, self._offset = snapshot.load(self._file.path)
        self._snapshot_at = self._offset
        self._version = uuid.uuid4().hex
        """Cursors of another replay of the same journal count differently."""

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

    # --- reading and writing --------------------------------------------------------------------------------------

    def _sync(self) -> None:
        """Play what is new in the file."""
        self._catch_up(self._file)
        self._save_when_due()

    def _catch_up(self, file: JournalFileBackend | OpenJournal) -> None:
        try:
            content = file.read(self._offset)
            if content:
                self._play(content, salvage=self._offset == 0)
        except JournalShrunk:
            self._start_again(file)

    def _save_when_due(self) -> None:
        if snapshot.is_due(self._offset, self._snapshot_at):
            self._snapshot_at = self._offset
            snapshot.save(self._file.path, self._offset, self._replay)

    def _start_again(self, file: JournalFileBackend | OpenJournal) -> None:
        """Play the whole file: the part that was known has changed."""
        self._forget()
        self._play(file.read(0), salvage=True)

    def _forget(self) -> None:
        self._replay, self._offset, self._snapshot_at = Replay(), 0, 0
        self._version = uuid.uuid4().hex

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """Forget everything when the block is interrupted: what was played must be what lies before the offset."""
        try:
            yield
        except BaseException:
            self._forget()
            raise

    def _play(self, content: bytes, salvage: bool) -> None:
        with self._all_or_nothing():
            for line in content.splitlines(keepends=True):
                try:
                    self._replay.apply(_of_json(line.decode()))
                except (ValueError, KeyError, TypeError) as error:
                    if not salvage:
                        raise JournalShrunk from error
                    self._play_rest(line, error)
                self._offset += len(line)

    def _play_rest(self, line: bytes, error: Exception) -> None:
        """Play the operation at the end of a line whose beginning was torn off by a crash of another program."""
        if self._offset == 0:
            raise StorageFormatError(
                f"{self._file.path} is not a journal of studies: its first line is {line[:60]!r}. Give another path."
            ) from error
        _logger.warning(f"{self._file.path}: a line is damaged at byte {self._offset}; what can be read of it counts.")
        place = line.rfind(b'{"op_code"')
        with suppress(ValueError, KeyError, TypeError):
            self._replay.apply(json.loads(line[max(place, 0) :]))

    @contextmanager
    def _writing(self) -> Iterator[_Entries]:
        """Hold both locks, know everything that is in the file, and append at the end what was added."""
        with self._lock:
            content = b""
            with self._file.locked() as file:
                self._catch_up(file)
                new = _Entries(self._worker)
                yield new
                if new.lines:
                    content = new.content
                    file.append(self._offset, content)
            # From here on nobody waits, and the file has been closed: it is stored.
            if content:
                with self._all_or_nothing():
                    self._offset += len(content)
                    new.play(self._replay)
            self._save_when_due()

    def _study(self, study_id: int) -> StudyRows:
        study = self._replay.studies.get(study_id)
        if study is None:
            raise no_study(study_id)
        return study

    def _row(self, study_id: int, number: int) -> TrialRow:
        rows = self._study(study_id).rows
        if not 0 <= number < len(rows):
            raise no_trial(study_id, number)
        return rows[number]

    def _running(self, study_id: int, number: int) -> TrialRow:
        row = self._row(study_id, number)
        if row.state is not TrialState.RUNNING:
            check_runs(number, row.state)
        return row

    # --- studies ----------------------------------------------------------------------------------------------------

    def create_or_open_study(
        self, name: str | None, directions: Sequence[StudyDirection] | None, *, exist_ok: bool
    ) -> StudyRecord:
        if directions is None or (name is not None and exist_ok):
            with self._lock:
                self._sync()
                found = None if name is None else self._replay.named(name)
                if found is not None:
                    return found.record
        with self._writing() as new:
            found = None if name is None else self._replay.named(name)
            if found is not None and not exist_ok:
                raise duplicate(found.record.name)
            if found is not None:
                return found.record
            if directions is None:
                raise no_study("" if name is None else name)
            made = new_study_name() if name is None else check_name("study", name)
            new.add(Op.CREATE_STUDY, study_name=made, directions=[int(code) for code in check_directions(directions)])
        with self._lock:
            study = self._replay.named(made)
            assert study is not None
            return study.record

    def list_studies(self) -> list[StudyRecord]:
        with self._lock:
            self._sync()
            return [study.record for study in self._replay.studies.values()]

    def get_study(self, study_id: int) -> StudyRecord:
        with self._lock:
            self._sync()
            return self._study(study_id).record

    def delete_study(self, study_id: int) -> None:
        with self._writing() as new:
            self._study(study_id)
            new.add(Op.DELETE_STUDY, study_id=study_id)

    def set_study_attrs(
        self, study_id: int, *, user: Mapping[str, Any] = NOTHING, system: Mapping[str, Any] = NOTHING
    ) -> None:
        with self._writing() as new:
            self._study(study_id)
            for key, value in user.items():
                new.add(Op.STUDY_USER_ATTR, study_id=study_id, user_attr={check_name("attribute", key): value})
            for key, value in system.items():
                new.add(Op.STUDY_SYSTEM_ATTR, study_id=study_id, system_attr={check_name("attribute", key): value})

    # --- trials -----------------------------------------------------------------------------------------------------

    def reserve(self, study_id: int, *, limit: int | None = None, lease: Lease | None = None) -> Claim | None:
        with self._writing() as new:
            study = self._study(study_id)
            if limit is not None and len(study.rows) - len(study.waiting) - study.lost >= limit:
                return None
            leased = {} if lease is None else {LEASE: attr_of_lease(lease)}
            if study.waiting:
                number = study.waiting[0]
                row = study.rows[number]
                fixed = fixed_of(row.record.params, row.system_attrs)
                new.add_attrs(row.trial_id, system=leased)  # first: a trial never runs without its lease
                start = {"state": int(TrialState.RUNNING), "values": None, "datetime_start": text_of(now())}
                new.add(Op.STATE_VALUES, trial_id=row.trial_id, **start)
            else:
                number, fixed = len(study.rows), {}
                more: dict[str, Any] = {"system_attrs": leased} if leased else {}
                new.add(Op.CREATE_TRIAL, study_id=study_id, datetime_start=text_of(now()), **more)
            if lease is not None:
                self._touch(f"{study_id}-{number}")
        with self._lock:
            record = self._row(study_id, number).record
            return Claim(number, record.trial_id, fixed, record.user_attrs, record.system_attrs, record.started)

    def describe(self, study_id: int, number: int, data: TrialData) -> None:
        described = internals(data.params, data.distributions)
        with self._writing() as new:
            row = self._running(study_id, number)
            new.add_params(row.trial_id, described)
            new.add_reports(row, data.reports)
            new.add_attrs(row.trial_id, user=data.user_attrs, system=data.system_attrs)

    def check(self, data: TrialData) -> None:
        internals(data.params, data.distributions)
        for attrs in (data.user_attrs, data.system_attrs):
            for key, value in attrs.items():
                check_name("attribute", key)
                json.dumps(value)

    def report(self, study_id: int, number: int, step: int, value: float) -> None:
        with self._writing() as new:
            new.add_reports(self._running(study_id, number), [(step, value)])

    def finish(
        self,
        study_id: int,
        number: int,
        state: TrialState,
        values: Sequence[float] | None = None,
        data: TrialData = NO_DATA,
    ) -> bool:
        checked = check_end(state, values)
        described = internals(data.params, data.distributions)
        with self._writing() as new:
            row = self._row(study_id, number)
            if row.state is TrialState.RUNNING:
                trial_id = row.trial_id
                new.add_params(trial_id, described)
                new.add_reports(row, data.reports)
                new.add_attrs(trial_id, user=data.user_attrs, system=data.system_attrs)
            else:
                late = self._retry_for_result(new, study_id, row, state)
                if late is None:
                    return False
                trial_id = late
                new.add_params(trial_id, {**_described(row), **described})
                for step, value in {**dict(reversed(data.reports)), **dict(row.reports)}.items():
                    new.add(Op.REPORT, trial_id=trial_id, step=int(step), intermediate_value=float(value))
                new.add_attrs(trial_id, user=data.user_attrs, system=data.system_attrs)
                self._begin_late(new, trial_id, row)
            self._end(new, trial_id, state, checked)
        if LEASE in row.system_attrs:
            self._untouch(f"{study_id}-{number}")
        return True

    def _retry_for_result(self, new: _Entries, study_id: int, row: TrialRow, state: TrialState) -> int | None:
        """Return the key of the waiting retry that takes a late result; None when it must not count."""
        lost = row.record
        if not may_come_late(lost, state):
            return None
        retry = _retry_of(self._study(study_id), lost.number)
        if retry is None:
            self._wait(new, study_id, retry_for_result(lost))
            return self._replay.next_trial
        return retry.trial_id if retry.state is TrialState.WAITING else None

    def _begin_late(self, new: _Entries, trial_id: int, lost: TrialRow) -> None:
        """Take a retry from the queue, with the lost one's lease: it is given up too after a crash within the write."""
        new.add_attrs(trial_id, system={LEASE: lost.system_attrs[LEASE]})
        start = {"state": int(TrialState.RUNNING), "values": None, "datetime_start": text_of(lost.record.started)}
        new.add(Op.STATE_VALUES, trial_id=trial_id, **start)

    def _end(self, new: _Entries, trial_id: int, state: TrialState, values: tuple[float, ...] | None) -> None:
        told = None if values is None else list(values)
        end = text_of(now())
        new.add(Op.STATE_VALUES, trial_id=trial_id, state=int(state), values=told, datetime_complete=end)

    def enqueue(self, study_id: int, points: Sequence[Point], *, idempotency_key: str | None = None) -> list[int]:
        with self._writing() as new:
            study = self._study(study_id)
            first = len(study.rows)
            if idempotency_key is not None:
                attr = idempotency_attr(idempotency_key)
                if attr in study.record.system_attrs:
                    return []
                new.add(Op.STUDY_SYSTEM_ATTR, study_id=study_id, system_attr={attr: True})
            for point in points:
                self._wait(new, study_id, point)
            return list(range(first, first + len(points)))

    def _wait(self, new: _Entries, study_id: int, point: Point) -> None:
        new.add(
            Op.CREATE_TRIAL,
            study_id=study_id,
            datetime_start=None,
            state=int(TrialState.WAITING),
            value=None,
            values=None,
            distributions={},
            params={},
            user_attrs=dict(point.user_attrs),
            system_attrs=attrs_of_point(point),
            intermediate_values={},
        )

    def add_finished(self, study_id: int, trials: Sequence[TrialRecord]) -> list[int]:
        with self._writing() as new:
            first = len(self._study(study_id).rows)
            for trial in trials:
                new.add(Op.CREATE_TRIAL, study_id=study_id, **_whole(trial))
            return list(range(first, first + len(trials)))

    def changes(self, study_id: int, cursor: Any = None) -> tuple[list[TrialRecord], Any]:
        with self._lock:
            self._sync()
            study = self._study(study_id)
            known = cursor[1] if cursor is not None and cursor[0] == self._version else 0
            return study.since(known), (self._version, len(study.log))

    # --- leases -----------------------------------------------------------------------------------------------------

    def heartbeat(self, study_id: int, numbers: Sequence[int]) -> list[int]:
        with self._lock:
            self._sync()
            rows = [self._row(study_id, number) for number in numbers]
            for row in rows:
                if row.state is TrialState.RUNNING and LEASE in row.system_attrs:
                    self._touch(f"{study_id}-{row.number}")
            return [row.number for row in rows if row.state is not TrialState.RUNNING]

    def fail_stale(self, study_id: int, *, max_retries: int = 0) -> list[int]:
        with self._lock:
            self._sync()
            if not self._lost(study_id):
                return []
        with self._writing() as new:
            study = self._study(study_id)
            lost = self._lost(study_id)
            for number, reason in lost.items():
                row = study.rows[number]
                point = retry_of(row.record, max_retries)
                if point is not None and _retry_of(study, number) is None:
                    self._wait(new, study_id, point)  # first: a crash in between loses nothing
                new.add_attrs(row.trial_id, system=attrs_of_loss(reason))
                self._end(new, row.trial_id, TrialState.FAIL, None)
        for number in lost:
            self._untouch(f"{study_id}-{number}")
        return list(lost)

    def _lost(self, study_id: int) -> dict[int, str]:
        """Return the trials that may be given up, each with the reason."""
        study = self._study(study_id)
        running = [number for number in sorted(study.beats) if study.rows[number].state is TrialState.RUNNING]
        if not running:
            return {}
        moment = self._moment()
        found = {}
        for number in running:
            lease = lease_of_attr(study.rows[number].system_attrs.get(LEASE))
            if lease is not None:
                silent = moment - self._last_beat(f"{study_id}-{number}", moment)
                reason = reason_to_give_up(lease, silent)
                if reason is not None:
                    found[number] = reason
        return found

    def _touch(self, name: str) -> None:
        """Set the time of a sign of life to now, by the file server's clock."""
        os.close(self._touched(os.path.join(self._beats, name)))

    def _touched(self, path: str) -> int:
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o666)
        except FileNotFoundError:
            os.makedirs(self._beats, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o666)
        os.utime(path)
        return descriptor

    def _moment(self) -> float:
        """Return the file server's time."""
        path = os.path.join(self._beats, f".now-{self._worker}{os.getpid()}-{threading.get_ident()}")
        descriptor = self._touched(path)
        try:
            return os.fstat(descriptor).st_mtime
        finally:
            os.close(descriptor)
            os.unlink(path)

    def _last_beat(self, name: str, moment: float) -> float:
        """Return the time of the last sign of life; without one the trial's time begins now."""
        try:
            return os.stat(os.path.join(self._beats, name)).st_mtime
        except FileNotFoundError:
            self._touch(name)
            return moment

    def _untouch(self, name: str) -> None:
        with suppress(FileNotFoundError):
            os.unlink(os.path.join(self._beats, name))


def _retry_of(study: StudyRows, number: int) -> TrialRow | None:
    """Return the next attempt after a lost trial; whoever enqueued it may have died before it could say so."""
    return next((row for row in study.rows[number + 1 :] if repeats(row.system_attrs, number)), None)


def _described(row: TrialRow) -> dict[str, tuple[BaseDistribution, float]]:
    layout = row.layout
    return {
        name: (distribution, value)
        for name, distribution, value in zip(layout.names, layout.distributions, row.internals, strict=True)
    }


def _whole(trial: TrialRecord) -> dict[str, Any]:
    """Return the fields of a trial that is made with all that it has."""
    several = trial.values is not None and len(trial.values) > 1
    names, distributions = trial.layout.names, trial.layout.distributions
    completed = {} if trial.completed is None else {"datetime_complete": text_of(trial.completed)}
    return {
        "datetime_start": text_of(trial.started),
        "state": int(trial.state),
        "value": None if several or not trial.values else trial.values[0],
        "values": list(trial.values) if several and trial.values else None,
        **completed,
        "distributions": {n: distribution_text(d) for n, d in zip(names, distributions, strict=True)},
        "params": dict(zip(names, trial.internals, strict=True)),
        "user_attrs": dict(trial.user_attrs),
        "system_attrs": dict(trial.system_attrs),
        "intermediate_values": {str(step): value for step, value in trial.reports},
    }
