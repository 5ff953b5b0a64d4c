"""Statements in each database's own words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Union

from sweeper_core.trial.attrs import LEASE
from sweeper_core.trial.state import TrialState

Row = tuple[Union[str, int, float, None], ...]
"""What a :class:`Table` keeps of its owner, in the order of its columns."""


@dataclass(frozen=True, eq=False)
class Table:
    """A table that says more of a trial or a study, in rows of which no two of one owner have the same first column.

    Attributes:
        columns: Name and, in PostgreSQL's words, type of each column beside the owner's key.
        owner: The column with the owner's key.
        first_counts: What is there already stays as it is, instead of being replaced.
    """

    name: str
    columns: Mapping[str, str]
    owner: str = "trial_id"
    first_counts: bool = False

    def values(self, owner: int, row: Row) -> dict[str, Any]:
        """Return a row as the values of :meth:`Statements.insert`."""
        return {"owner": owner, **{f"c{place}": value for place, value in enumerate(row)}}


_ATTR = {"key": "text", "value_json": "text"}

PARAMS = Table("trial_params", {"param_name": "text", "param_value": "float8", "distribution_json": "text"})
VALUES = Table("trial_values", {"objective": "integer", "value": "float8", "value_type": "trialvaluetype"})
REPORTS = Table(
    "trial_intermediate_values",
    {"step": "integer", "intermediate_value": "float8", "intermediate_value_type": "trialintermediatevaluetype"},
    first_counts=True,
)
USER_ATTRS = Table("trial_user_attributes", _ATTR)
SYSTEM_ATTRS = Table("trial_system_attributes", _ATTR)
STUDY_USER_ATTRS = Table("study_user_attributes", _ATTR, "study_id")
STUDY_SYSTEM_ATTRS = Table("study_system_attributes", _ATTR, "study_id")

Parts = Mapping[Table, Sequence[Row]]
"""Rows for several tables of one owner."""


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


class Statements:
    """Statements that databases write differently."""

    def __init__(self, dialect: str) -> None:
        mysql, postgresql = dialect == "mysql", dialect == "postgresql"
        self._mysql = mysql
        self.key = "`key`" if mysql else '"key"'
        self.may_forget = postgresql
        """Whether a crash of the server may undo a reservation."""
        self.and_ours = " AND datetime_start = :started" if postgresql else ""
        self.flush = "SELECT pg_logical_emit_message(true, 'hpo', '')" if postgresql else ""
        """Commits something small, which is on disk when the statement returns, and with it all that was before."""
        self.for_update = "" if dialect == "sqlite" else " FOR UPDATE"
        self.clock = "LOCALTIMESTAMP" if postgresql else "CURRENT_TIMESTAMP"
        self.beat = (
            "INSERT INTO trial_heartbeats (trial_id, heartbeat) VALUES (:trial, CURRENT_TIMESTAMP)"
            + self._replacing("trial_id", ["heartbeat"])
        )
        value = "CAST(:value AS DOUBLE PRECISION)" if postgresql else ":value"
        step = "CAST(:step AS INTEGER)" if postgresql else ":step"
        kind = "CAST(:kind AS trialintermediatevaluetype)" if postgresql else ":kind"
        self.report = (
            f"INSERT INTO {self._columns(REPORTS)} SELECT trial_id, {step}, {value}, {kind} FROM trials "
            f"WHERE study_id = :study AND number = :number AND state = 'RUNNING'{self.for_update}"
            + self._on_conflict(REPORTS)
        )
        self._inserts = {
            table: f"INSERT INTO {self._columns(table)} VALUES (:owner, {places}){self._on_conflict(table)}"
            for table in (PARAMS, VALUES, REPORTS, USER_ATTRS, SYSTEM_ATTRS, STUDY_USER_ATTRS, STUDY_SYSTEM_ATTRS)
            for places in (", ".join(f":c{place}" for place in range(len(table.columns))),)
        }

    def insert(self, table: Table) -> str:
        """Return the statement that adds a row, or changes the one that is there; see :meth:`Table.values`."""
        return self._inserts[table]

    def _columns(self, table: Table) -> str:
        return f"{table.name} ({', '.join((table.owner, *map(self._quoted, table.columns)))})"

    def _quoted(self, column: str) -> str:
        return self.key if column == "key" else column

    def _on_conflict(self, table: Table) -> str:
        unique, *others = map(self._quoted, table.columns)
        if not table.first_counts:
            return self._replacing(f"{table.owner}, {unique}", others)
        if self._mysql:
            return f" ON DUPLICATE KEY UPDATE {table.owner} = {table.name}.{table.owner}"
        return " ON CONFLICT DO NOTHING"

    def _replacing(self, unique: str, columns: Sequence[str]) -> str:
        if self._mysql:
            return " ON DUPLICATE KEY UPDATE " + ", ".join(f"{column} = VALUES({column})" for column in columns)
        changed = ", ".join(f"{column} = excluded.{column}" for column in columns)
        return f" ON CONFLICT ({unique}) DO UPDATE SET {changed}"

    # Whole operations in one message, for servers; none of them on SQLite

    def taking(self, study_id: int, limit: int | None, lease: str | None, started: datetime) -> Message:
        """Return what gives out a new trial, when none waits, and its number and key.

        Args:
            limit: Give out none beyond so many.
            lease: As JSON. PostgreSQL, which forgets nothing but the last moments, then does not wait for the disk.
        """
        moment = f"TIMESTAMP '{started.isoformat(' ', 'microseconds')}'"
        room = "" if limit is None else f" AND COALESCE(MAX(number) + 1, 0) < {int(limit)}"
        take = (
            "INSERT INTO trials (number, study_id, state, datetime_start) "
            f"SELECT COALESCE(MAX(number) + 1, 0), {int(study_id)}, 'RUNNING', {moment} "
            f"FROM trials WHERE study_id = {int(study_id)} HAVING EXISTS "
            f"(SELECT 1 FROM studies WHERE study_id = {int(study_id)}) AND NOT EXISTS "
            f"(SELECT 1 FROM trials WHERE study_id = {int(study_id)} AND state = 'WAITING'){room}"
        )
        # The lock first, in a statement of its own: the next one sees what was committed while it was waited for.
        lock = f"SELECT 1 FROM studies WHERE study_id = {int(study_id)} FOR UPDATE"
        if self._mysql:
            return self._taking_on_mysql(lock, take, lease)
        return Message("; ".join((LATER, lock, self._taking_on_postgresql(take, lease))))

    def _taking_on_postgresql(self, take: str, lease: str | None) -> str:
        if lease is None:
            return f"{take} RETURNING number, trial_id"
        return (
            f"WITH taken AS ({take} RETURNING number, trial_id), beaten AS (INSERT INTO trial_heartbeats "
            "(trial_id, heartbeat) SELECT trial_id, CURRENT_TIMESTAMP FROM taken), leased AS "
            f"(INSERT INTO {self._columns(SYSTEM_ATTRS)} SELECT trial_id, '{LEASE}', {_literal(lease)} FROM taken) "
            "SELECT number, trial_id FROM taken"
        )

    def _taking_on_mysql(self, lock: str, take: str, lease: str | None) -> Message:
        taken = "FROM trials WHERE trial_id = @hpo_trial AND @hpo_taken = 1"
        leasing = (
            f"INSERT INTO trial_heartbeats (trial_id, heartbeat) SELECT trial_id, CURRENT_TIMESTAMP {taken}",
            f"INSERT INTO {self._columns(SYSTEM_ATTRS)} SELECT trial_id, %s, %s {taken}",
        )
        statements = (
            UNCOMMITTED,
            lock,
            take,
            "SET @hpo_taken = ROW_COUNT(), @hpo_trial = LAST_INSERT_ID()",
            *(() if lease is None else leasing),
            f"SELECT number, trial_id {taken}",
        )
        return Message("; ".join(statements), () if lease is None else (LEASE, lease))

    def telling(
        self, study_id: int, number: int, key: Key | None, parts: Parts, end: tuple[TrialState, datetime] | None
    ) -> Message | None:
        """Return what merges something into a RUNNING trial, ends it, and returns its key; otherwise does nothing.

        Args:
            key: The trial must be this one. Without it MySQL has no such message: None.
            end: State and time; None: it goes on.
        """
        if self._mysql:
            return None if key is None else self._telling_on_mysql(study_id, number, key, parts, end)
        return self._telling_on_postgresql(study_id, number, key, parts, end)

    def _telling_on_postgresql(
        self, study_id: int, number: int, key: Key | None, parts: Parts, end: tuple[TrialState, datetime] | None
    ) -> Message:
        values: dict[str, Any] = {"study": study_id, "number": number}
        running = "study_id = %(study)s AND number = %(number)s AND state = 'RUNNING'"
        if key is not None:
            running += " AND trial_id = %(trial)s AND datetime_start = %(started)s"
            values.update(trial=key.trial_id, started=key.started)
        if end is None:
            steps = [f"SELECT trial_id FROM trials WHERE {running} FOR UPDATE"]
        else:
            values.update(state=end[0].name, completed=end[1])
            change = "state = CAST(%(state)s AS trialstate), datetime_complete = %(completed)s"
            steps = [f"UPDATE trials SET {change} WHERE {running} RETURNING trial_id"]
        for place, (table, rows) in enumerate(parts.items()):
            steps.append(self._insert_from_json(table, f"rows{place}"))
            values[f"rows{place}"] = json.dumps(
                [{f"c{place}": value for place, value in enumerate(row)} for row in rows]
            )
        named = ", ".join(
            f"{'told' if place else 'trial'}{place or ''} AS ({step})" for place, step in enumerate(steps)
        )
        return Message(f"WITH {named} SELECT trial_id FROM trial", values)

    def _insert_from_json(self, table: Table, name: str) -> str:
        """Return the statement that adds rows which come as one value: its text is always the same, and so prepared."""
        columns = ", ".join(f"c{place} {kind}" for place, kind in enumerate(table.columns.values()))
        chosen = ", ".join(f"c{place}" for place in range(len(table.columns)))
        return (
            f"INSERT INTO {self._columns(table)} SELECT trial_id, {chosen} FROM trial, ROWS FROM "
            f"(json_to_recordset(CAST(%({name})s AS json)) AS ({columns})) WITH ORDINALITY AS told ({chosen}, place) "
            f"ORDER BY place{self._on_conflict(table)}"
        )

    def _telling_on_mysql(
        self, study_id: int, number: int, key: Key, parts: Parts, end: tuple[TrialState, datetime] | None
    ) -> Message:
        # The key first: a server that does not know its tables yet might look for the number among all trials.
        running = (
            f"trial_id = {key.trial_id} AND study_id = {int(study_id)} AND number = {int(number)} AND state = 'RUNNING'"
        )
        statements = [UNCOMMITTED, f"SELECT trial_id FROM trials WHERE {running} FOR UPDATE"]
        values: list[Any] = []
        for table, rows in parts.items():
            first = "SELECT " + ", ".join(f"%s AS c{place}" for place in range(len(table.columns)))
            others = " UNION ALL SELECT " + ", ".join(["%s"] * len(table.columns))
            chosen = ", ".join(f"told.c{place}" for place in range(len(table.columns)))
            statements.append(
                f"INSERT INTO {self._columns(table)} SELECT trial.trial_id, {chosen} FROM "
                f"(SELECT trial_id FROM trials WHERE {running}) AS trial, "
                f"({first}{others * (len(rows) - 1)}) AS told{self._on_conflict(table)}"
            )
            values.extend(value for row in rows for value in row)
        if end is not None:  # last, as long as the trial runs the statements before find it
            statements.append(f"UPDATE trials SET state = %s, datetime_complete = %s WHERE {running}")
            values.extend((end[0].name, end[1]))
        return Message("; ".join(statements), tuple(values))


UNCOMMITTED = "SET autocommit = 0"
"""Begins a transaction on MySQL whose end is a message of its own.

When a client dies, MariaDB may take back a transaction in the middle of a message, and yet do another statement of it:
that one must not commit itself.
"""

COMMITTED = "COMMIT; SET autocommit = 1"

LATER = "SELECT set_config('synchronous_commit', 'off', true)"
"""Lets PostgreSQL commit the transaction at hand before it is on disk."""


def _literal(text: str) -> str:
    """Return a text as PostgreSQL writes it, whatever its settings."""
    return "E'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
