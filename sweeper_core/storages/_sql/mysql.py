"""MySQL and MariaDB: whole operations in one message each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sweeper_core.storages._sql.dialect import Dialect, End, Message, Target, taking
from sweeper_core.storages._sql.tables import SYSTEM_ATTRS, Parts, Table
from sweeper_core.trial.attrs import LEASE

UNCOMMITTED = "SET autocommit = 0"
"""Begins a transaction whose end is a message of its own.

When a client dies, MariaDB may roll back a transaction in the middle of a message and still execute a later statement
of it, which must not commit itself.
"""


class MySQL(Dialect):
    """MySQL and MariaDB, with any driver; messages with PyMySQL only."""

    name = "mysql"
    key = "`key`"
    integer = "SIGNED"
    committed = "COMMIT; SET autocommit = 1"
    exclusively = ("SELECT GET_LOCK('hydra-hpo-sweeper', 60)", "SELECT RELEASE_LOCK('hydra-hpo-sweeper')")

    def set_up(self, cursor: Any) -> None:
        cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
        # Values that do not fit raise an error instead of being truncated, whatever the server's settings.
        cursor.execute("SET SESSION sql_mode = CONCAT(@@SESSION.sql_mode, ',STRICT_ALL_TABLES')")

    def replacing(self, unique: str, columns: Sequence[str]) -> str:
        return " ON DUPLICATE KEY UPDATE " + ", ".join(f"{column} = VALUES({column})" for column in columns)

    def keeping(self, table: Table) -> str:
        return f" ON DUPLICATE KEY UPDATE {table.owner} = {table.name}.{table.owner}"

    def reserve(self, study_id: int, limit: int | None, lease: str | None, started: datetime) -> Message:
        taken = "FROM trials WHERE trial_id = @hpo_trial AND @hpo_taken = 1"
        leasing = (
            f"INSERT INTO trial_heartbeats (trial_id, heartbeat) SELECT trial_id, CURRENT_TIMESTAMP {taken}",
            f"INSERT INTO {self.columns(SYSTEM_ATTRS)} SELECT trial_id, %s, %s {taken}",
        )
        statements = (
            UNCOMMITTED,
            *taking(study_id, limit, started),
            "SET @hpo_taken = ROW_COUNT(), @hpo_trial = LAST_INSERT_ID()",
            *(() if lease is None else leasing),
            f"SELECT number, trial_id {taken}",
        )
        return Message("; ".join(statements), () if lease is None else (LEASE, lease))

    def merge(self, target: Target, parts: Parts, end: End | None) -> Message | None:
        if target.key is None:
            return None
        # The key comes first: a server without table statistics might scan all trials for the number.
        running = (
            f"trial_id = {target.key.trial_id} AND study_id = {int(target.study_id)} "
            f"AND number = {int(target.number)} AND state = 'RUNNING'"
        )
        statements = [UNCOMMITTED, f"SELECT trial_id FROM trials WHERE {running} FOR UPDATE"]
        values: list[Any] = []
        for table, rows in parts.items():
            first = "SELECT " + ", ".join(f"%s AS c{place}" for place in range(len(table.columns)))
            others = " UNION ALL SELECT " + ", ".join(["%s"] * len(table.columns))
            chosen = ", ".join(f"given.c{place}" for place in range(len(table.columns)))
            statements.append(
                f"INSERT INTO {self.columns(table)} SELECT trial.trial_id, {chosen} FROM "
                f"(SELECT trial_id FROM trials WHERE {running}) AS trial, "
                f"({first}{others * (len(rows) - 1)}) AS given{self.on_conflict(table)}"
            )
            values.extend(value for row in rows for value in row)
        if end is not None:  # last: the statements before it need a RUNNING trial
            statements.append(f"UPDATE trials SET state = %s, datetime_complete = %s WHERE {running}")
            values.extend((end.state.name, end.completed))
        return Message("; ".join(statements), tuple(values))
