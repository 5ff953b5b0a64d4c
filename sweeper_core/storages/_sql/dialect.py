"""SQL dialects: one class for each kind of database; this module has their base class."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar, NamedTuple

from sweeper_core.storages._sql.tables import ALL, REPORTS, Parts, Table
from sweeper_core.trial.state import TrialState


class Key(NamedTuple):
    """Identifies a trial that was reserved by this process.

    After a crash a server may lose a reservation and give its number and key to another process; the time of the
    reservation is unique.
    """

    trial_id: int
    started: datetime


class Message(NamedTuple):
    """Statements that go to the server together, with the driver's parameters; one transaction."""

    sql: str
    values: Any = None


class Target(NamedTuple):
    """A RUNNING trial to be changed.

    Attributes:
        key: The trial must have this key; None for the trial of that number.
    """

    study_id: int
    number: int
    key: Key | None = None


class End(NamedTuple):
    """How a trial ends.

    Attributes:
        completed: Naive UTC.
        parts: Rows stored with the end.
    """

    state: TrialState
    completed: datetime
    parts: Parts


class Dialect(ABC):
    """One kind of database."""

    name: ClassVar[str]
    key: ClassVar[str] = '"key"'
    """The column ``key``, quoted."""
    begin: ClassVar[str] = "BEGIN"
    integer: ClassVar[str] = "INTEGER"
    """The type of whole numbers, in a CAST."""
    for_update: ClassVar[str] = " FOR UPDATE"
    """Suffix of a query that locks its rows until the transaction ends."""
    clock: ClassVar[str] = "CURRENT_TIMESTAMP"
    """The time in the form of a stored heartbeat."""
    may_forget: ClassVar[bool] = False
    """Whether a crash of the server may roll back a reservation."""
    and_ours: ClassVar[str] = ""
    """Condition that a trial was reserved at ``:started``."""
    later: ClassVar[str] = ""
    """Allows the current transaction to commit before it is on disk."""
    flush: ClassVar[str] = ""
    """Commits a small change synchronously: when it returns, all earlier commits are on disk, too."""
    committed: ClassVar[str] = ""
    """Ends the transaction of :meth:`reserve` and :meth:`merge`, where that takes a message of its own."""
    savepoint: ClassVar[tuple[str, str]] = ("", "")
    """Statements around work that may fail within a transaction (a savepoint)."""
    exclusively: ClassVar[tuple[str, str]] = ("", "")
    """Queries that acquire and release the exclusive lock."""

    def __init__(self) -> None:
        self.heartbeat = (
            "INSERT INTO trial_heartbeats (trial_id, heartbeat) VALUES (:trial, CURRENT_TIMESTAMP)"
            + self.replacing("trial_id", ["heartbeat"])
        )
        self.report = self._report()
        self._upserts = {table: self._upsert(table) for table in ALL}

    @abstractmethod
    def replacing(self, unique: str, columns: Sequence[str]) -> str:
        """Return the clause of an INSERT that updates these columns when a row with the unique ones exists."""

    @abstractmethod
    def keeping(self, table: Table) -> str:
        """Return the clause of an INSERT that keeps an existing row unchanged."""

    def moment(self, at: datetime) -> Any:
        """Return a time in the driver's form."""
        return at

    def returning(self, column: str) -> str:
        """Return the clause of an INSERT that returns a column; "" where the driver returns the row's key anyway."""
        return ""

    def set_up(self, cursor: Any) -> None:  # noqa: B027 (optional)
        """Set up a new connection."""

    def reserve(self, study_id: int, limit: int | None, lease: str | None, started: datetime) -> Message | None:
        """Return the message that creates a RUNNING trial, when none is WAITING, and returns its number and key.

        Args:
            limit: Create none when the study has so many.
            lease: As JSON. With a lease PostgreSQL does not wait for the disk: a crash loses the last moments only.
        """
        return None

    def merge(self, target: Target, parts: Parts, end: End | None) -> Message | None:
        """Return the message that adds rows to a RUNNING trial, or ends it, and returns its key; else it does nothing.

        None where there is no such message.
        """
        return None

    def upsert(self, table: Table) -> str:
        """Return the statement that inserts or updates a row; see :meth:`Table.values`."""
        return self._upserts[table]

    def cast(self, value: str, kind: str) -> str:
        """Return a parameter of a query with its type, where the server cannot infer it."""
        return value

    def columns(self, table: Table) -> str:
        """Return a table's name and columns, as an INSERT names them."""
        return f"{table.name} ({', '.join((table.owner, *map(self._quoted, table.columns)))})"

    def on_conflict(self, table: Table) -> str:
        """Return the clause for an existing row."""
        unique, *others = map(self._quoted, table.columns)
        return self.keeping(table) if table.first_counts else self.replacing(f"{table.owner}, {unique}", others)

    def _quoted(self, column: str) -> str:
        return self.key if column == "key" else column

    def _upsert(self, table: Table) -> str:
        places = ", ".join(f":c{place}" for place in range(len(table.columns)))
        return f"INSERT INTO {self.columns(table)} VALUES (:owner, {places}){self.on_conflict(table)}"

    def _report(self) -> str:
        step, value, kind = (
            self.cast(name, kind)
            for name, kind in zip((":step", ":value", ":kind"), REPORTS.columns.values(), strict=True)
        )
        return (
            f"INSERT INTO {self.columns(REPORTS)} SELECT trial_id, {step}, {value}, {kind} FROM trials "
            f"WHERE study_id = :study AND number = :number AND state = 'RUNNING'{self.for_update}"
            + self.on_conflict(REPORTS)
        )


class StandardConflicts(Dialect):
    """Databases with ``ON CONFLICT``."""

    def replacing(self, unique: str, columns: Sequence[str]) -> str:
        changed = ", ".join(f"{column} = excluded.{column}" for column in columns)
        return f" ON CONFLICT ({unique}) DO UPDATE SET {changed}"

    def keeping(self, table: Table) -> str:
        return " ON CONFLICT DO NOTHING"


def taking(study_id: int, limit: int | None, started: datetime) -> tuple[str, str]:
    """Return the statement that locks a study, and the one that adds its next trial unless one is WAITING."""
    moment = f"TIMESTAMP '{started.isoformat(' ', 'microseconds')}'"
    room = "" if limit is None else f" AND COALESCE(MAX(number) + 1, 0) < {int(limit)}"
    # The lock is a statement of its own, so that the next one sees rows committed while it waited.
    return (
        f"SELECT 1 FROM studies WHERE study_id = {int(study_id)} FOR UPDATE",
        "INSERT INTO trials (number, study_id, state, datetime_start) "
        f"SELECT COALESCE(MAX(number) + 1, 0), {int(study_id)}, 'RUNNING', {moment} "
        f"FROM trials WHERE study_id = {int(study_id)} HAVING EXISTS "
        f"(SELECT 1 FROM studies WHERE study_id = {int(study_id)}) AND NOT EXISTS "
        f"(SELECT 1 FROM trials WHERE study_id = {int(study_id)} AND state = 'WAITING'){room}",
    )
