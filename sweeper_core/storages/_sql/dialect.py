"""What databases write differently: one class for each, and here what they share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar, NamedTuple

from sweeper_core.storages._sql.tables import ALL, REPORTS, Parts, Table
from sweeper_core.trial.state import TrialState


class Key(NamedTuple):
    """By what a trial that was reserved here is known again.

    A server that crashes may forget a reservation and give number and key to somebody else; the moment at which it was
    reserved is nobody else's.
    """

    trial_id: int
    started: datetime


class Message(NamedTuple):
    """Statements that go to the server together, with the driver's parameters; one transaction."""

    sql: str
    values: Any = None


class Target(NamedTuple):
    """A RUNNING trial that is to be changed.

    Attributes:
        key: The trial must be this one; None: the one of that number.
    """

    study_id: int
    number: int
    key: Key | None = None


class End(NamedTuple):
    """How a trial ends.

    Attributes:
        completed: Naive UTC.
        parts: What is stored with the end.
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
    """After a query: keeps others from changing its rows until the transaction ends."""
    clock: ClassVar[str] = "CURRENT_TIMESTAMP"
    """The time in the form of a stored heartbeat."""
    may_forget: ClassVar[bool] = False
    """Whether a crash of the server may undo a reservation."""
    and_ours: ClassVar[str] = ""
    """Condition that a trial is the one that was reserved at ``:started``."""
    later: ClassVar[str] = ""
    """Lets the transaction at hand be committed before it is on disk."""
    flush: ClassVar[str] = ""
    """Commits something small, which is on disk when the statement returns, and with it all that was before."""
    committed: ClassVar[str] = ""
    """Ends what :meth:`reserve` and :meth:`merge` have begun, where it takes a message of its own."""
    savepoint: ClassVar[tuple[str, str]] = ("", "")
    """Statements before and after what may fail within a transaction that goes on."""
    exclusively: ClassVar[tuple[str, str]] = ("", "")
    """Queries before and after what only one client may do at a time."""

    def __init__(self) -> None:
        self.heartbeat = (
            "INSERT INTO trial_heartbeats (trial_id, heartbeat) VALUES (:trial, CURRENT_TIMESTAMP)"
            + self.replacing("trial_id", ["heartbeat"])
        )
        self.report = self._report()
        self._upserts = {table: self._upsert(table) for table in ALL}

    @abstractmethod
    def replacing(self, unique: str, columns: Sequence[str]) -> str:
        """Return the clause of an INSERT that changes these columns where the unique ones are there already."""

    @abstractmethod
    def keeping(self, table: Table) -> str:
        """Return the clause of an INSERT that leaves a row as it is where it is there already."""

    def moment(self, at: datetime) -> Any:
        """Return a time as the driver wants it."""
        return at

    def returning(self, column: str) -> str:
        """Return the clause of an INSERT that returns a column; "" where the driver has the row's key anyway."""
        return ""

    def set_up(self, cursor: Any) -> None:  # noqa: B027 (optional)
        """Set up a new connection."""

    def reserve(self, study_id: int, limit: int | None, lease: str | None, started: datetime) -> Message | None:
        """Return the message that gives out a new trial, when none waits, and returns its number and key.

        Args:
            limit: Give out none beyond so many.
            lease: As JSON. PostgreSQL, which forgets nothing but the last moments, then does not wait for the disk.
        """
        return None

    def merge(self, target: Target, parts: Parts, end: End | None) -> Message | None:
        """Return the message that adds rows to a RUNNING trial, or ends it, and returns its key; else does nothing.

        None where there is no such message.
        """
        return None

    def upsert(self, table: Table) -> str:
        """Return the statement that adds a row, or changes the one that is there; see :meth:`Table.values`."""
        return self._upserts[table]

    def cast(self, value: str, kind: str) -> str:
        """Return a parameter of a query with its type, where the server cannot tell it."""
        return value

    def columns(self, table: Table) -> str:
        """Return a table's name and columns, as an INSERT names them."""
        return f"{table.name} ({', '.join((table.owner, *map(self._quoted, table.columns)))})"

    def on_conflict(self, table: Table) -> str:
        """Return the clause for a row that is there already."""
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
    """Return the statement that locks a study, and the one that adds its next trial unless one waits."""
    moment = f"TIMESTAMP '{started.isoformat(' ', 'microseconds')}'"
    room = "" if limit is None else f" AND COALESCE(MAX(number) + 1, 0) < {int(limit)}"
    # The lock first, in a statement of its own: the next one sees what was committed while it was waited for.
    return (
        f"SELECT 1 FROM studies WHERE study_id = {int(study_id)} FOR UPDATE",
        "INSERT INTO trials (number, study_id, state, datetime_start) "
        f"SELECT COALESCE(MAX(number) + 1, 0), {int(study_id)}, 'RUNNING', {moment} "
        f"FROM trials WHERE study_id = {int(study_id)} HAVING EXISTS "
        f"(SELECT 1 FROM studies WHERE study_id = {int(study_id)}) AND NOT EXISTS "
        f"(SELECT 1 FROM trials WHERE study_id = {int(study_id)} AND state = 'WAITING'){room}",
    )
