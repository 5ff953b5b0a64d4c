"""Studies in a relational database, in Optuna's schema: SQLite, PostgreSQL, MySQL and MariaDB."""

from __future__ import annotations

import json
import logging
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy.exc

from sweeper_core._garbage import uncollected
from sweeper_core.directions import StudyDirection
from sweeper_core.distributions import BaseDistribution
from sweeper_core.exceptions import StorageInternalError, UpdateFinishedTrialError
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
from sweeper_core.storages._sql.database import Database, Link, absolute
from sweeper_core.storages._sql.rows import HEADING, Heading, Reader, as_json, heading, stored
from sweeper_core.storages._sql.schema import (
    CHILDREN_OF_STUDIES,
    CHILDREN_OF_TRIALS,
    OLDER_REVISIONS,
    REVISION,
    SCHEMA_VERSION,
    open_schema,
    schema_revision,
)
from sweeper_core.storages._sql.statements import (
    PARAMS,
    REPORTS,
    STUDY_SYSTEM_ATTRS,
    STUDY_USER_ATTRS,
    SYSTEM_ATTRS,
    USER_ATTRS,
    VALUES,
    Key,
    Parts,
    Row,
    Statements,
    Table,
)
from sweeper_core.storages.base import Claim, Lease, Point, Storage, StudyRecord
from sweeper_core.trial.attrs import ENQUEUED, LEASE, LOST, RETRY_HISTORY
from sweeper_core.trial.data import NO_DATA, TrialData
from sweeper_core.trial.record import NOTHING, TrialRecord
from sweeper_core.trial.state import TrialState

_logger = logging.getLogger(__name__)

_MAX_KEYS = 10_000
"""Trials reserved here whose keys are remembered until they end; without its key a trial is looked up."""

_MAX_ROWS = 200
"""Rows that go into one message; more are written in steps."""

_NOT_PICKLED = frozenset({"_database", "_sql", "_reader", "_keys"})


@dataclass(frozen=True)
class _Cursor:
    """How far a reader has come.

    Attributes:
        top: Largest key of a trial that was read; the keys of a study's trials grow with their numbers.
        open: What was read of the trials that had not ended.
    """

    top: int = -1
    open: Mapping[int, TrialRecord] = field(default_factory=dict)


class _NotOursError(UpdateFinishedTrialError):
    """The reservation was lost in a crash of the server."""

    def __init__(self, number: int) -> None:
        super().__init__(
            f"Trial {number} is not this process's any more: the server crashed right after it was reserved, and has "
            "forgotten it. Its number may be another's now."
        )


class RDBStorage(Storage):
    """Keeps studies in a database, where Optuna's own tools can open them too.

    Args:
        url: URL of the database, as SQLAlchemy writes it: ``sqlite:///study.db`` (relative) or
            ``sqlite:////data/study.db``, ``postgresql://user:password@host/name``, ``mysql://…``. Without a
            driver (``postgresql+psycopg``) an installed one is taken. ``{SCHEMA_VERSION}`` is filled in.
        engine_kwargs: Further arguments of ``sqlalchemy.create_engine``.
        skip_compatibility_check: Do not look at the version of the schema.
        heartbeat_interval: Seconds between signs of life of trials of a bare ``ask``; None: these have no lease.
        grace_period: Seconds without a sign of life after which such a trial is given up; None: twice the interval.
        heartbeat_stale_trial_callback: Called with the study and the trial for every trial that was given up.
        failed_trial_callback: The same under its older name.
        skip_table_creation: Expect all tables to be there.

    Raises:
        ValueError: The URL or a number makes no sense.
        ImportError: The driver is not installed.
        StorageFormatError: The database is of another program or version.
        StorageUnavailableError: It cannot be reached.
    """

    def __init__(
        self,
        url: str,
        engine_kwargs: dict[str, Any] | None = None,
        skip_compatibility_check: bool = False,
        *,
        heartbeat_interval: float | None = None,
        grace_period: float | None = None,
        heartbeat_stale_trial_callback: Callable[[Any, Any], None] | None = None,
        failed_trial_callback: Callable[[Any, Any], None] | None = None,
        skip_table_creation: bool = False,
    ) -> None:
        for name, seconds in (("heartbeat_interval", heartbeat_interval), ("grace_period", grace_period)):
            if seconds is not None and not seconds > 0:
                raise ValueError(f"`{name}` must be a positive number of seconds or None, not {seconds!r}.")
        if heartbeat_stale_trial_callback is not None and failed_trial_callback is not None:
            raise ValueError("Specify only one of `heartbeat_stale_trial_callback` and `failed_trial_callback`.")
        self.url = absolute(url.replace("{SCHEMA_VERSION}", str(SCHEMA_VERSION)))
        self.engine_kwargs = dict(engine_kwargs or {})
        self.heartbeat_interval = heartbeat_interval
        self.grace_period = grace_period
        self.heartbeat_stale_trial_callback = heartbeat_stale_trial_callback or failed_trial_callback
        self.failed_trial_callback = self.heartbeat_stale_trial_callback
        self._skip = (skip_table_creation, skip_compatibility_check)
        self._open()

    def _open(self) -> None:
        skip_creation, skip_check = self._skip
        self._database = Database(self.url, self.engine_kwargs)
        self.quick_writes = self._database.quick_writes
        self._sql = Statements(self._database.dialect)
        self._reader = Reader()
        self._keys: dict[tuple[int, int], Key] = {}
        open_schema(self._database, create=not skip_creation, check=not skip_check)

    def __getstate__(self) -> dict[str, Any]:
        if self._database.in_memory:
            raise StorageInternalError(
                "An SQLite database in memory cannot be pickled. Use a file, or InMemoryStorage, which can."
            )
        return {key: value for key, value in self.__dict__.items() if key not in _NOT_PICKLED}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open()

    def __repr__(self) -> str:
        return f"RDBStorage({self._database.shown!r})"

    @property
    def engine(self) -> Any:
        """SQLAlchemy's engine."""
        return self._database.engine

    def close(self) -> None:
        self._database.close()

    # The schema; a storage with an older one opens with `skip_compatibility_check=True`

    def get_head_version(self) -> str:
        """Return the revision of the schema that is written today."""
        return REVISION

    def get_all_versions(self) -> list[str]:
        """Return all revisions that are understood, the newest first."""
        return [REVISION, *reversed(OLDER_REVISIONS)]

    def get_current_version(self) -> str:
        """Return the revision of the database's schema."""
        return schema_revision(self._database)

    def upgrade(self) -> None:
        """Bring the database from an older revision to today's; nobody else may use it meanwhile.

        Raises:
            StorageFormatError: It holds no studies, or something that is not understood.
            StorageUnavailableError: Other programs have kept it locked for a minute.
        """
        from sweeper_core.storages._sql.upgrade import upgrade_database

        upgrade_database(self._database)

    # Studies

    def create_or_open_study(
        self, name: str | None, directions: Sequence[StudyDirection] | None, *, exist_ok: bool
    ) -> StudyRecord:
        if name is not None:
            check_name("study", name)
            found = self._database.read(lambda link: self._studies(link, "study_name = :name", name=name))
            if found:
                if not exist_ok:
                    raise duplicate(name)
                return found[0]
        if directions is None:
            raise no_study("" if name is None else name)
        return self._create(new_study_name() if name is None else name, check_directions(directions), exist_ok)

    def _create(self, name: str, directions: tuple[StudyDirection, ...], exist_ok: bool) -> StudyRecord:
        def create(link: Link) -> int:
            study_id = link.insert("INSERT INTO studies (study_name) VALUES (:name)", "study_id", name=name)
            link.many(
                "INSERT INTO study_directions (direction, study_id, objective) VALUES (:direction, :study, :objective)",
                [
                    {"direction": direction.name, "study": study_id, "objective": objective}
                    for objective, direction in enumerate(directions)
                ],
            )
            return study_id

        try:
            return StudyRecord(self._database.write(create), name, directions)
        except StorageInternalError as error:
            if not isinstance(error.__cause__, sqlalchemy.exc.IntegrityError):
                raise
        # Somebody else made it in the meantime.
        return self.create_or_open_study(name, None, exist_ok=exist_ok)

    def list_studies(self) -> list[StudyRecord]:
        return self._database.read(lambda link: self._studies(link, "1 = 1"))

    def get_study(self, study_id: int) -> StudyRecord:
        found = self._database.read(lambda link: self._studies(link, "study_id = :study", study=study_id))
        if not found:
            raise no_study(study_id)
        return found[0]

    def _studies(self, link: Link, condition: str, **values: Any) -> list[StudyRecord]:
        chosen = f"SELECT study_id FROM studies WHERE {condition}"
        names = link.rows(f"SELECT study_id, study_name FROM studies WHERE {condition} ORDER BY study_id", **values)
        if not names:
            return []
        directions: defaultdict[int, list[StudyDirection]] = defaultdict(list)
        for study_id, direction in link.rows(
            f"SELECT study_id, direction FROM study_directions WHERE study_id IN ({chosen}) ORDER BY objective",
            **values,
        ):
            directions[study_id].append(StudyDirection[direction])
        user, system = (
            _by_owner(
                link.rows(
                    f"SELECT study_id, {self._sql.key}, value_json FROM {table} WHERE study_id IN ({chosen})", **values
                )
            )
            for table in ("study_user_attributes", "study_system_attributes")
        )
        return [
            StudyRecord(
                study_id, name, tuple(directions[study_id]), user.get(study_id, NOTHING), system.get(study_id, NOTHING)
            )
            for study_id, name in names
        ]

    def delete_study(self, study_id: int) -> None:
        def delete(link: Link) -> None:
            self._lock_study(link, study_id)
            for table in CHILDREN_OF_TRIALS:
                link.change(
                    f"DELETE FROM {table} WHERE trial_id IN (SELECT trial_id FROM trials WHERE study_id = :study)",
                    study=study_id,
                )
            for table in ("trials", *CHILDREN_OF_STUDIES, "studies"):
                link.change(f"DELETE FROM {table} WHERE study_id = :study", study=study_id)

        self._database.write(delete)

    def set_study_attrs(
        self, study_id: int, *, user: Mapping[str, Any] = NOTHING, system: Mapping[str, Any] = NOTHING
    ) -> None:
        parts = {STUDY_USER_ATTRS: _attrs(user), STUDY_SYSTEM_ATTRS: _attrs(system)}

        def change(link: Link) -> None:
            self._lock_study(link, study_id)
            self._put(link, study_id, parts)

        self._database.write(change)

    def _lock_study(self, link: Link, study_id: int) -> None:
        """Keep others from adding trials to the study, by the lock that Optuna takes too."""
        if not link.rows(f"SELECT study_id FROM studies WHERE study_id = :study{self._sql.for_update}", study=study_id):
            raise no_study(study_id)

    # A trial's life

    def reserve(self, study_id: int, *, limit: int | None = None, lease: Lease | None = None) -> Claim | None:
        claim = self._take_at_once(study_id, limit, lease) if self._database.takes_scripts else None
        if claim is None:
            claim = self._take_in_steps(study_id, limit, lease)
        if claim is None:
            return None
        if lease is None:
            # Its number may leave this process, and somebody else finish it: a crash of the server must not undo it.
            self._flush()
        assert claim.started is not None
        if len(self._keys) >= _MAX_KEYS:
            self._keys.clear()
        self._keys[study_id, claim.number] = Key(claim.trial_id, claim.started)
        return claim

    def _take_at_once(self, study_id: int, limit: int | None, lease: Lease | None) -> Claim | None:
        """Take a new trial with one message, so that the study is locked for no longer than the server works.

        None where it takes a closer look: a trial waits, the limit may be reached, there is no such study.
        """
        started = now()
        message = self._sql.taking(study_id, limit, None if lease is None else as_json(attr_of_lease(lease)), started)

        def take(link: Link) -> Claim | None:
            rows = link.one_message(*message)
            return Claim(rows[0][0], rows[0][1], started=started) if rows else None

        return self._database.read(take)

    def _take_in_steps(self, study_id: int, limit: int | None, lease: Lease | None) -> Claim | None:
        started = now()

        def take(link: Link) -> Claim | None:
            self._lock_study(link, study_id)
            if limit is not None and self._counted(link, study_id, limit) >= limit:
                return None
            claim = self._take(link, study_id, started)
            if lease is not None:
                self._put_lease(link, claim.trial_id, lease)
            return claim

        return self._database.write(take, at_once=False)

    def _flush(self) -> None:
        """Wait until the server's disk has all that was committed; nobody waits for a lock meanwhile."""
        if self._sql.flush:
            self._database.read(lambda link: link.rows(self._sql.flush))

    def _counted(self, link: Link, study_id: int, limit: int) -> int:
        """Return how many trials count against the limit; lost ones are only looked for where it matters."""
        ((taken,),) = link.rows(
            "SELECT (SELECT COALESCE(MAX(number) + 1, 0) FROM trials WHERE study_id = :study) "
            "- (SELECT COUNT(*) FROM trials WHERE study_id = :study AND state = 'WAITING')",
            study=study_id,
        )
        if taken < limit:
            return int(taken)
        ((lost,),) = link.rows(
            "SELECT COUNT(*) FROM trials t JOIN trial_system_attributes a ON a.trial_id = t.trial_id "
            f"WHERE t.study_id = :study AND t.state = 'FAIL' AND a.{self._sql.key} = :lost",
            study=study_id,
            lost=LOST,
        )
        return int(taken - lost)

    def _take(self, link: Link, study_id: int, started: datetime) -> Claim:
        """Take the oldest trial from the queue or else a new one; Optuna may be quicker, so look again."""
        while True:
            rows = link.rows(
                "SELECT * FROM (SELECT trial_id, number FROM trials WHERE study_id = :study AND state = 'WAITING' "
                "ORDER BY number LIMIT 1) AS waiting UNION ALL "
                "SELECT -1, COALESCE(MAX(number) + 1, 0) FROM trials WHERE study_id = :study",
                study=study_id,
            )
            (_, following), *waiting = sorted(map(tuple, rows))
            if not waiting:
                return self._take_new(link, study_id, int(following), started)
            ((trial_id, number),) = waiting
            claim = self._take_waiting(link, trial_id, number, started)
            if claim is not None:
                return claim

    def _take_waiting(self, link: Link, trial_id: int, number: int, started: datetime) -> Claim | None:
        taken = link.change(
            "UPDATE trials SET state = 'RUNNING', datetime_start = :started "
            "WHERE trial_id = :trial AND state = 'WAITING'",
            trial=trial_id,
            started=link.moment(started),
        )
        if not taken:
            return None
        (record,) = self._reader.records(link, [Heading(trial_id, number, TrialState.RUNNING, started, None)])
        fixed = fixed_of(record.params, record.system_attrs)
        return Claim(number, trial_id, fixed, record.user_attrs, record.system_attrs, started)

    def _take_new(self, link: Link, study_id: int, number: int, started: datetime) -> Claim:
        trial_id = link.insert(
            "INSERT INTO trials (number, study_id, state, datetime_start) "
            "VALUES (:number, :study, 'RUNNING', :started)",
            "trial_id",
            number=number,
            study=study_id,
            started=link.moment(started),
        )
        return Claim(number, trial_id, started=started)

    def _next_number(self, link: Link, study_id: int) -> int:
        ((number,),) = link.rows("SELECT COALESCE(MAX(number) + 1, 0) FROM trials WHERE study_id = :s", s=study_id)
        return int(number)

    def _put_lease(self, link: Link, trial_id: int, lease: Lease) -> None:
        link.change(self._sql.beat, trial=trial_id)
        self._put(link, trial_id, {SYSTEM_ATTRS: _attrs({LEASE: attr_of_lease(lease)})})

    def describe(self, study_id: int, number: int, data: TrialData) -> None:
        parts = _parts(data)
        if self._tell_at_once(study_id, number, parts)[0]:
            return

        def merge(link: Link) -> None:
            trial_id, state = self._find(link, study_id, number)
            check_runs(number, state)
            self._put(link, trial_id, parts)

        self._database.write(merge)

    def _tell_at_once(
        self, study_id: int, number: int, parts: Parts, end: tuple[TrialState, datetime] | None = None
    ) -> tuple[bool, bool]:
        """Merge something into a trial, or end it, with one message; return whether it ran, and whether one got lost.

        Nothing has happened where it takes a closer look: the trial does not run, or is not the one it was.
        """
        if not self._database.takes_scripts or sum(map(len, parts.values())) > _MAX_ROWS:
            return False, False
        message = self._sql.telling(study_id, number, self._keys.get((study_id, number)), parts, end)
        if message is None:
            return False, False
        return self._database.read(lambda link: (bool(link.one_message(*message)), link.attempt > 0))

    def check(self, data: TrialData) -> None:
        _parts(data)

    def _put(self, link: Link, owner: int, parts: Parts) -> None:
        for table, rows in parts.items():
            self._put_rows(link, table, [(owner, rows)])

    def _put_rows(self, link: Link, table: Table, owners: Iterable[tuple[int, Sequence[Row]]]) -> None:
        link.many(self._sql.insert(table), [table.values(owner, row) for owner, rows in owners for row in rows])

    def _find(self, link: Link, study_id: int, number: int) -> tuple[int, TrialState]:
        """Return a trial's key and state, and keep others from changing it.

        Raises:
            _NotOursError: It was reserved here, and the one of that number is another.
        """
        found = link.rows(
            "SELECT trial_id, state, datetime_start FROM trials WHERE study_id = :study AND number = :number"
            + self._sql.for_update,
            study=study_id,
            number=number,
        )
        row = found[0] if found else None
        if self._is_lost(study_id, number, row and (row[0], row[2])):
            raise _NotOursError(number)
        if row is None:
            raise no_trial(study_id, number)
        return row[0], TrialState[row[1]]

    def _is_lost(self, study_id: int, number: int, found: tuple[int, datetime | None] | None) -> bool:
        """Return whether the server has forgotten a reservation of ours; ``found`` has that number now."""
        key = self._keys.get((study_id, number))
        return self._sql.may_forget and key is not None and key != found

    def report(self, study_id: int, number: int, step: int, value: float) -> None:
        finite, kind = stored(float(value))

        def add(link: Link) -> None:
            added = link.change(
                self._sql.report, study=study_id, number=number, step=int(step), value=finite, kind=kind
            )
            if not added:  # the step has a report already, or the trial does not run
                _, state = self._find(link, study_id, number)
                check_runs(number, state)

        self._database.read(add)

    def finish(
        self,
        study_id: int,
        number: int,
        state: TrialState,
        values: Sequence[float] | None = None,
        data: TrialData = NO_DATA,
    ) -> bool:
        told = check_end(state, values)
        parts = {VALUES: _values(told or ()), **_parts(data)}
        end = _End(state, now(), {table: rows for table, rows in parts.items() if rows})
        ended, again = self._tell_at_once(study_id, number, end.parts, (state, end.completed))
        try:
            if not ended:
                ended = self._database.write(lambda link: self._end(link, study_id, number, end, again))
        except _NotOursError as error:
            _logger.warning(str(error))
            ended = False
        self._keys.pop((study_id, number), None)
        return ended

    def _end(self, link: Link, study_id: int, number: int, end: _End, again: bool) -> bool:
        """End a trial; ``again``: an attempt whose answer was lost may have ended it."""
        key = self._keys.get((study_id, number))
        trial_id = self._find(link, study_id, number)[0] if key is None else key.trial_id
        ours = self._sql.and_ours if key else ""
        changed = link.change(
            "UPDATE trials SET state = :state, datetime_complete = :completed "
            f"WHERE trial_id = :trial AND study_id = :study AND number = :number AND state = 'RUNNING'{ours}",
            state=end.state.name,
            completed=link.moment(end.completed),
            trial=trial_id,
            study=study_id,
            number=number,
            **({"started": key.started} if key and ours else {}),
        )
        if not changed:
            if self._is_of_deleted_study(link, study_id, number, key):
                del self._keys[study_id, number]
                return self._end(link, study_id, number, end, again)
            return self._end_late(link, study_id, number, end, again or link.attempt > 0)
        self._put(link, trial_id, end.parts)
        return True

    def _is_of_deleted_study(self, link: Link, study_id: int, number: int, key: Key | None) -> bool:
        """Return whether a trial of ours is gone with its study; SQLite gives the study's key to the next one."""
        return key is not None and not self._sql.may_forget and self._find(link, study_id, number)[0] != key.trial_id

    def _end_late(self, link: Link, study_id: int, number: int, end: _End, again: bool) -> bool:
        """Let the result of a trial that was given up count by its retry, when that has not started."""
        self._lock_study(link, study_id)
        trial_id, now_is = self._find(link, study_id, number)
        if again and self._done_already(link, trial_id, now_is, end):
            return True
        (lost,) = self._reader.records(link, [self._heading(link, trial_id)])
        if not may_come_late(lost, end.state):
            return False
        retry_id, retry_is = self._retry_for_result(link, study_id, lost)
        taken = link.change(
            "UPDATE trials SET state = :state, datetime_start = :started, datetime_complete = :completed "
            "WHERE trial_id = :trial AND state = 'WAITING'",
            state=end.state.name,
            started=None if lost.started is None else link.moment(lost.started),
            completed=link.moment(end.completed),
            trial=retry_id,
        )
        if not taken:
            return again and self._done_already(link, retry_id, retry_is, end)
        self._put(link, retry_id, {PARAMS: _params(_described(lost)), REPORTS: _reports(lost.reports)})
        self._put(link, retry_id, end.parts)
        return True

    def _retry_for_result(self, link: Link, study_id: int, lost: TrialRecord) -> tuple[int, TrialState]:
        """Return key and state of the next attempt after a lost trial, made when there is none."""
        rows = link.rows(
            "SELECT t.trial_id, t.state, a.value_json FROM trials t "
            f"JOIN trial_system_attributes a ON a.trial_id = t.trial_id AND a.{self._sql.key} = :history "
            "WHERE t.study_id = :study AND t.number > :number ORDER BY t.number",
            history=RETRY_HISTORY,
            study=study_id,
            number=lost.number,
        )
        for trial_id, state, text in rows:
            if repeats({RETRY_HISTORY: json.loads(text)}, lost.number):
                return trial_id, TrialState[state]
        point = retry_for_result(lost)
        ((_, trial_id),) = self._add_waiting(link, study_id, [_parts_of_point(point)])
        return trial_id, TrialState.WAITING

    def _done_already(self, link: Link, trial_id: int, now_is: TrialState, end: _End) -> bool:
        """Return whether the first attempt has succeeded although its answer was lost with the connection."""
        return now_is is end.state and self._ended_at(link, trial_id, end.completed)

    def _heading(self, link: Link, trial_id: int) -> Heading:
        return heading(link.rows(f"SELECT {HEADING} FROM trials WHERE trial_id = :trial", trial=trial_id)[0])

    def _ended_at(self, link: Link, trial_id: int, completed: datetime) -> bool:
        found = self._heading(link, trial_id).completed
        # Optuna's tables on MySQL keep whole seconds.
        return found is not None and abs(found - completed) <= timedelta(seconds=1)

    # Many trials at once

    def enqueue(self, study_id: int, points: Sequence[Point], *, idempotency_key: str | None = None) -> list[int]:
        mark = uuid.uuid4().hex if self._database.dialect != "sqlite" else None
        parts = [_parts_of_point(point) for point in (points if mark is None else _marked(points, mark))]

        def add(link: Link) -> list[int]:
            self._lock_study(link, study_id)
            first = self._number_of(link, study_id, mark) if mark is not None and link.attempt > 0 else None
            if first is not None:  # the connection was lost after all was done
                return list(range(first, first + len(parts)))
            if idempotency_key is not None and not self._first_time(link, study_id, idempotency_attr(idempotency_key)):
                return []
            return [number for number, _ in self._add_waiting(link, study_id, parts)]

        return self._database.write(add)

    def _number_of(self, link: Link, study_id: int, mark: str) -> int | None:
        rows = link.rows(
            f"SELECT t.number FROM trials t JOIN {SYSTEM_ATTRS.name} a ON a.trial_id = t.trial_id "
            f"WHERE t.study_id = :study AND a.{self._sql.key} = :name AND a.value_json = :mark "
            "ORDER BY t.number",
            study=study_id,
            name=ENQUEUED,
            mark=as_json(mark),
        )
        return int(rows[0][0]) if rows else None

    def _first_time(self, link: Link, study_id: int, name: str) -> bool:
        if link.rows(
            f"SELECT 1 FROM {STUDY_SYSTEM_ATTRS.name} WHERE study_id = :study AND {self._sql.key} = :name",
            study=study_id,
            name=name,
        ):
            return False
        self._put(link, study_id, {STUDY_SYSTEM_ATTRS: _attrs({name: True})})
        return True

    def _add_waiting(self, link: Link, study_id: int, trials: Sequence[Parts]) -> list[tuple[int, int]]:
        """Add trials to the queue; return their numbers and keys."""
        added = self._add_trials(link, study_id, [(TrialState.WAITING, None, None)] * len(trials))
        self._put_all(link, added, trials)
        return added

    def _put_all(self, link: Link, added: Sequence[tuple[int, int]], trials: Sequence[Parts]) -> None:
        for table in (PARAMS, VALUES, REPORTS, USER_ATTRS, SYSTEM_ATTRS):
            self._put_rows(
                link, table, ((key, parts.get(table, ())) for (_, key), parts in zip(added, trials, strict=True))
            )

    def _add_trials(
        self, link: Link, study_id: int, headings: Sequence[tuple[TrialState, datetime | None, datetime | None]]
    ) -> list[tuple[int, int]]:
        """Add rows to the table of trials, whose study is locked; return their numbers and keys."""
        first = self._next_number(link, study_id)
        link.many(
            "INSERT INTO trials (number, study_id, state, datetime_start, datetime_complete) "
            "VALUES (:number, :study, :state, :started, :completed)",
            [
                {
                    "number": number,
                    "study": study_id,
                    "state": state.name,
                    "started": None if started is None else link.moment(started),
                    "completed": None if completed is None else link.moment(completed),
                }
                for number, (state, started, completed) in enumerate(headings, first)
            ],
        )
        rows = link.rows(
            "SELECT number, trial_id FROM trials WHERE study_id = :study AND number >= :first ORDER BY number",
            study=study_id,
            first=first,
        )
        return [(number, trial_id) for number, trial_id in rows]

    def add_finished(self, study_id: int, trials: Sequence[TrialRecord]) -> list[int]:
        prepared = [_parts_of_trial(trial) for trial in trials]

        def add(link: Link) -> list[int]:
            self._lock_study(link, study_id)
            added = self._add_trials(link, study_id, [(t.state, t.started, t.completed) for t in trials])
            self._put_all(link, added, prepared)
            return [number for number, _ in added]

        return self._database.write(add)

    # Reading

    def changes(self, study_id: int, cursor: Any = None) -> tuple[list[TrialRecord], Any]:
        since = _Cursor() if cursor is None else cursor

        def read(link: Link) -> tuple[list[TrialRecord], _Cursor]:
            headings = self._headings(link, study_id, since)
            if not headings and not link.rows("SELECT 1 FROM studies WHERE study_id = :study", study=study_id):
                raise no_study(study_id)
            # The details are read after the state, so those of a trial that has ended are complete.
            records = self._reader.records(link, [item for item in headings if not _still_waiting(item, since)])
            changed = [record for record in records if since.open.get(record.trial_id) != record]
            still_open = {item.trial_id: since.open[item.trial_id] for item in headings if _still_waiting(item, since)}
            still_open.update((record.trial_id, record) for record in records if not record.state.is_finished())
            top = max((item.trial_id for item in headings), default=since.top)
            return changed, _Cursor(max(top, since.top), still_open)

        with nullcontext() if since.top >= 0 else uncollected():  # the first time there may be very many
            return self._database.read(read)

    def _headings(self, link: Link, study_id: int, since: _Cursor) -> list[Heading]:
        """Return the trials that are new or had not ended, by number."""
        rows = list(
            link.rows(
                f"SELECT {HEADING} FROM trials WHERE study_id = :study AND trial_id > :top AND number IS NOT NULL",
                study=study_id,
                top=since.top,
            )
        )
        if since.open:
            keys = ",".join(map(str, since.open))
            rows.extend(link.all(f"SELECT {HEADING} FROM trials WHERE trial_id IN ({keys})"))
            forgotten = since.open.keys() - {row[0] for row in rows}
            if forgotten:  # by a server that crashed; their keys may be others' by now
                return self._headings(link, study_id, _Cursor(min(forgotten) - 1))
        return sorted(map(heading, rows), key=lambda item: item.number)

    # Leases

    def heartbeat(self, study_id: int, numbers: Sequence[int]) -> list[int]:
        if not numbers:
            return []
        chosen = ",".join(str(int(number)) for number in numbers)

        def renew(link: Link) -> list[int]:
            rows = link.rows(
                f"SELECT number, state, trial_id, datetime_start FROM trials WHERE study_id = :study "
                f"AND number IN ({chosen})",
                study=study_id,
            )
            found = {number: (state, (trial_id, started)) for number, state, trial_id, started in rows}
            running: dict[int, int] = {}
            for number in numbers:
                state, key = found.get(number, ("", None))
                if self._is_lost(study_id, number, key):
                    continue
                if key is None:
                    raise no_trial(study_id, number)
                if state == "RUNNING":
                    running[number] = key[0]
            if running:
                keys = ",".join(map(str, running.values()))
                link.change(f"UPDATE trial_heartbeats SET heartbeat = CURRENT_TIMESTAMP WHERE trial_id IN ({keys})")
            return [number for number in numbers if number not in running]

        return self._database.read(renew)

    def fail_stale(self, study_id: int, *, max_retries: int = 0) -> list[int]:
        if not self._database.read(lambda link: self._overdue(link, study_id)):
            return []

        def give_up(link: Link) -> list[int]:
            self._lock_study(link, study_id)
            lost = self._overdue(link, study_id)
            return [item.number for item, reason in lost if self._give_up(link, study_id, item, reason, max_retries)]

        return self._database.write(give_up)

    def _overdue(self, link: Link, study_id: int) -> list[tuple[Heading, str]]:
        """Return the running trials that may be given up, and why."""
        columns = ", ".join(f"t.{column}" for column in HEADING.split(", "))
        rows = link.rows(
            f"SELECT {columns}, h.heartbeat, {self._sql.clock}, a.value_json FROM trials t "
            "JOIN trial_heartbeats h ON h.trial_id = t.trial_id LEFT JOIN trial_system_attributes a "
            f"ON a.trial_id = t.trial_id AND a.{self._sql.key} = :lease "
            "WHERE t.study_id = :study AND t.state = 'RUNNING' ORDER BY t.number",
            study=study_id,
            lease=LEASE,
        )
        overdue = []
        for *row, beaten, clock, text in rows:
            silent = (_naive(clock) - _naive(beaten)).total_seconds()
            reason = self._reason(None if text is None else lease_of_attr(json.loads(text)), silent)
            if reason is not None:
                overdue.append((heading(row), reason))
        return overdue

    def _reason(self, lease: Lease | None, silent: float) -> str | None:
        if lease is not None:
            return reason_to_give_up(lease, silent)
        # A trial of Optuna's, which leaves the judgement to whoever was given an interval.
        if self.heartbeat_interval is None:
            return None
        grace = self.grace_period or 2 * self.heartbeat_interval
        return f"its process has given no sign of life for {silent:.0f} s" if silent >= grace else None

    def _give_up(self, link: Link, study_id: int, item: Heading, reason: str, max_retries: int) -> bool:
        changed = link.change(
            "UPDATE trials SET state = 'FAIL', datetime_complete = :completed "
            "WHERE trial_id = :trial AND state = 'RUNNING'",
            trial=item.trial_id,
            completed=link.moment(now()),
        )
        if not changed:
            return False
        self._put(link, item.trial_id, {SYSTEM_ATTRS: _attrs(attrs_of_loss(reason))})
        (lost,) = self._reader.records(link, [item])
        point = retry_of(lost, max_retries)
        if point is not None:
            self._add_waiting(link, study_id, [_parts_of_point(point)])
        return True


@dataclass(frozen=True)
class _End:
    """With what a trial ends."""

    state: TrialState
    completed: datetime
    parts: Parts


def _still_waiting(item: Heading, since: _Cursor) -> bool:
    """Return whether a trial still waits as it did; nothing describes it before it is taken."""
    known = since.open.get(item.trial_id)
    return known is not None and known.state is item.state is TrialState.WAITING


def _described(trial: TrialRecord) -> dict[str, tuple[BaseDistribution, float]]:
    layout = trial.layout
    return {
        name: (distribution, value)
        for name, distribution, value in zip(layout.names, layout.distributions, trial.internals, strict=True)
    }


def _parts(data: TrialData) -> Parts:
    """Return what is to be merged into a trial as it is stored, or raise what is wrong with it."""
    parts = {
        PARAMS: _params(internals(data.params, data.distributions)),
        REPORTS: _reports(data.reports),
        USER_ATTRS: _attrs(data.user_attrs),
        SYSTEM_ATTRS: _attrs(data.system_attrs),
    }
    return {table: rows for table, rows in parts.items() if rows}


def _marked(points: Sequence[Point], mark: str) -> list[Point]:
    """Return points of which the first can be found again."""
    first = [replace(point, system_attrs={**point.system_attrs, ENQUEUED: mark}) for point in points[:1]]
    return [*first, *points[1:]]


def _parts_of_point(point: Point) -> Parts:
    return {USER_ATTRS: _attrs(point.user_attrs), SYSTEM_ATTRS: _attrs(attrs_of_point(point))}


def _parts_of_trial(trial: TrialRecord) -> Parts:
    return {
        PARAMS: _params(_described(trial)),
        VALUES: _values(trial.values or ()),
        REPORTS: _reports(trial.reports),
        USER_ATTRS: _attrs(trial.user_attrs),
        SYSTEM_ATTRS: _attrs(trial.system_attrs),
    }


def _params(described: Mapping[str, tuple[BaseDistribution, float]]) -> list[Row]:
    return [(name, value, distribution_text(distribution)) for name, (distribution, value) in described.items()]


def _values(values: Iterable[float]) -> list[Row]:
    return [(objective, *stored(value)) for objective, value in enumerate(values)]


def _reports(reports: Iterable[tuple[int, float]]) -> list[Row]:
    return [(int(step), *stored(float(value))) for step, value in reports]


def _attrs(attrs: Mapping[str, Any]) -> list[Row]:
    return [(check_name("attribute", key), as_json(value)) for key, value in attrs.items()]


def _by_owner(rows: Iterable[Sequence[Any]]) -> dict[int, dict[str, Any]]:
    found: defaultdict[int, dict[str, Any]] = defaultdict(dict)
    for owner, key, text in rows:
        found[owner][key] = json.loads(text)
    return dict(found)


def _naive(moment: Any) -> datetime:
    parsed = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    assert isinstance(parsed, datetime)
    return parsed.replace(tzinfo=None)
