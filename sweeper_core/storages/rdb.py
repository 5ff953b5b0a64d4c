"""The relational storage, in Optuna's schema: SQLite, PostgreSQL, MySQL and MariaDB."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sweeper_core.directions import StudyDirection
from sweeper_core.exceptions import StorageInternalError
from sweeper_core.storages._rules import check_end, no_study
from sweeper_core.storages._sql import changes, finish, heartbeats, merge, queue, reserve, studies
from sweeper_core.storages._sql.database import Database
from sweeper_core.storages._sql.handle import Handle
from sweeper_core.storages._sql.schema import OLDER_REVISIONS, REVISION, SCHEMA_VERSION, open_schema, schema_revision
from sweeper_core.storages._sql.tables import STUDY_SYSTEM_ATTRS, STUDY_USER_ATTRS, attr_rows, parts_of
from sweeper_core.storages.base import Claim, Lease, Point, Storage, StudyRecord
from sweeper_core.storages.url import StorageURL
from sweeper_core.trial.data import NO_DATA, TrialData
from sweeper_core.trial.record import NOTHING, TrialRecord
from sweeper_core.trial.state import TrialState


class RDBStorage(Storage):
    """Keeps studies in a database that Optuna's own tools can open, too.

    Args:
        url: URL of the database, as SQLAlchemy writes it: ``sqlite:///study.db`` (relative) or
            ``sqlite:////data/study.db``, ``postgresql://user:password@host/name``, ``mysql://…``. Without a
            driver (``postgresql+psycopg``) an installed one is taken. ``{SCHEMA_VERSION}`` is filled in.
        engine_kwargs: Further arguments of ``sqlalchemy.create_engine``.
        skip_compatibility_check: Do not check the version of the schema.
        heartbeat_interval: Seconds between heartbeats of trials of a bare ``ask``; None: these have no lease.
        grace_period: Seconds without a heartbeat after which such a trial is stale; None: twice the interval.
        heartbeat_stale_trial_callback: Called with the study and the trial for every stale trial that was failed.
        failed_trial_callback: Older name of ``heartbeat_stale_trial_callback``.
        skip_table_creation: Do not create missing tables.
        known: Whether the server was reached before, by any process: then the first connection waits for it, too.

    Raises:
        ValueError: The URL or a number is invalid.
        ImportError: The driver is not installed.
        StorageFormatError: The database belongs to another program or version.
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
        known: bool = False,
    ) -> None:
        for name, seconds in (("heartbeat_interval", heartbeat_interval), ("grace_period", grace_period)):
            if seconds is not None and not seconds > 0:
                raise ValueError(f"`{name}` must be a positive number of seconds or None, not {seconds!r}.")
        if heartbeat_stale_trial_callback is not None and failed_trial_callback is not None:
            raise ValueError("Specify only one of `heartbeat_stale_trial_callback` and `failed_trial_callback`.")
        self.url = str(StorageURL(url.replace("{SCHEMA_VERSION}", str(SCHEMA_VERSION))).anchored)
        self.engine_kwargs = dict(engine_kwargs or {})
        self.heartbeat_interval = heartbeat_interval
        self.grace_period = grace_period
        self.heartbeat_stale_trial_callback = heartbeat_stale_trial_callback or failed_trial_callback
        self.failed_trial_callback = self.heartbeat_stale_trial_callback
        self._skip = (skip_table_creation, skip_compatibility_check)
        self._open(known)

    def _open(self, known: bool) -> None:
        skip_creation, skip_check = self._skip
        self._database = Database(self.url, self.engine_kwargs, known=known)
        self.quick_writes = self._database.quick_writes
        self.outlives_process = not self._database.in_memory
        self._handle = Handle(self._database)
        open_schema(self._database, create=not skip_creation, check=not skip_check)

    def __getstate__(self) -> dict[str, Any]:
        if self._database.in_memory:
            raise StorageInternalError(
                "An SQLite database in memory cannot be pickled. Use a file, or InMemoryStorage, which can."
            )
        return {key: value for key, value in self.__dict__.items() if key not in ("_database", "_handle")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open(known=True)

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
        """Return the revision of the current schema."""
        return REVISION

    def get_all_versions(self) -> list[str]:
        """Return all known revisions, the newest first."""
        return [REVISION, *reversed(OLDER_REVISIONS)]

    def get_current_version(self) -> str:
        """Return the revision of the database's schema."""
        return schema_revision(self._database)

    def upgrade(self) -> None:
        """Upgrade the database from an older revision to the current one; no other process may use it meanwhile.

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
        return studies.create_or_open(self._handle, name, directions, exist_ok)

    def list_studies(self) -> list[StudyRecord]:
        return studies.chosen(self._handle, "1 = 1")

    def get_study(self, study_id: int) -> StudyRecord:
        found = studies.chosen(self._handle, "study_id = :study", study=study_id)
        if not found:
            raise no_study(study_id)
        return found[0]

    def delete_study(self, study_id: int) -> None:
        studies.delete(self._handle, study_id)

    def set_study_attrs(
        self, study_id: int, *, user: Mapping[str, Any] = NOTHING, system: Mapping[str, Any] = NOTHING
    ) -> None:
        parts = {STUDY_USER_ATTRS: attr_rows(user), STUDY_SYSTEM_ATTRS: attr_rows(system)}
        studies.set_attrs(self._handle, study_id, parts)

    # Trials

    def reserve(self, study_id: int, *, limit: int | None = None, lease: Lease | None = None) -> Claim | None:
        return reserve.reserve(self._handle, study_id, limit, lease)

    def continue_trial(
        self, study_id: int, number: int, *, limit: int | None = None, lease: Lease | None = None
    ) -> Claim | None:
        return reserve.continue_trial(self._handle, study_id, number, limit, lease)

    def describe(self, study_id: int, number: int, data: TrialData) -> None:
        merge.describe(self._handle, study_id, number, data)

    def check(self, data: TrialData) -> None:
        self._handle.limits.check(parts_of(data))

    def report(self, study_id: int, number: int, step: int, value: float) -> None:
        merge.report(self._handle, study_id, number, int(step), float(value))

    def finish(
        self,
        study_id: int,
        number: int,
        state: TrialState,
        values: Sequence[float] | None = None,
        data: TrialData = NO_DATA,
    ) -> bool:
        return finish.finish(self._handle, study_id, number, state, check_end(state, values), data)

    def enqueue(self, study_id: int, points: Sequence[Point], *, idempotency_key: str | None = None) -> list[int]:
        return queue.enqueue(self._handle, study_id, points, idempotency_key)

    def add_finished(self, study_id: int, trials: Sequence[TrialRecord]) -> list[int]:
        return queue.add_finished(self._handle, study_id, trials)

    def changes(self, study_id: int, cursor: Any = None) -> tuple[list[TrialRecord], Any]:
        return changes.changes(self._handle, study_id, changes.Cursor() if cursor is None else cursor)

    def heartbeat(self, study_id: int, numbers: Sequence[int]) -> list[int]:
        return heartbeats.heartbeat(self._handle, study_id, numbers)

    def fail_stale(self, study_id: int, *, max_retries: int = 0) -> list[int]:
        interval, grace = self.heartbeat_interval, self.grace_period
        patience = None if interval is None else heartbeats.Patience(interval, grace or 2 * interval)
        return heartbeats.fail_stale(self._handle, study_id, max_retries, patience)
