"""PostgreSQL: whole operations in one message each."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from sweeper_core.storages._sql.dialect import End, Message, StandardConflicts, Target, taking
from sweeper_core.storages._sql.tables import SYSTEM_ATTRS, Parts, Table
from sweeper_core.trial.attrs import LEASE


class PostgreSQL(StandardConflicts):
    """PostgreSQL, with any driver; messages with psycopg only."""

    name = "postgresql"
    clock = "LOCALTIMESTAMP"
    may_forget = True
    and_ours = " AND datetime_start = :started"
    later = "SELECT set_config('synchronous_commit', 'off', true)"
    flush = "SELECT pg_logical_emit_message(true, 'hpo', '')"
    savepoint = ("SAVEPOINT attempted", "ROLLBACK TO SAVEPOINT attempted")
    exclusively = ("SELECT pg_advisory_xact_lock(7280116)", "")

    def returning(self, column: str) -> str:
        return f" RETURNING {column}"

    def cast(self, value: str, kind: str) -> str:
        return f"CAST({value} AS {kind})"

    def reserve(self, study_id: int, limit: int | None, lease: str | None, started: datetime) -> Message:
        lock, take = taking(study_id, limit, started)
        return Message("; ".join((self.later, lock, self._take(take, lease))))

    def _take(self, take: str, lease: str | None) -> str:
        if lease is None:
            return f"{take} RETURNING number, trial_id"
        return (
            f"WITH taken AS ({take} RETURNING number, trial_id), beaten AS (INSERT INTO trial_heartbeats "
            "(trial_id, heartbeat) SELECT trial_id, CURRENT_TIMESTAMP FROM taken), leased AS "
            f"(INSERT INTO {self.columns(SYSTEM_ATTRS)} SELECT trial_id, '{LEASE}', {_literal(lease)} FROM taken) "
            "SELECT number, trial_id FROM taken"
        )

    def merge(self, target: Target, parts: Parts, end: End | None) -> Message:
        values: dict[str, Any] = {"study": target.study_id, "number": target.number}
        running = "study_id = %(study)s AND number = %(number)s AND state = 'RUNNING'"
        if target.key is not None:
            running += " AND trial_id = %(trial)s AND datetime_start = %(started)s"
            values.update(trial=target.key.trial_id, started=target.key.started)
        if end is None:
            steps = [f"SELECT trial_id FROM trials WHERE {running} FOR UPDATE"]
        else:
            values.update(state=end.state.name, completed=end.completed)
            change = "state = CAST(%(state)s AS trialstate), datetime_complete = %(completed)s"
            steps = [f"UPDATE trials SET {change} WHERE {running} RETURNING trial_id"]
        for place, (table, rows) in enumerate(parts.items()):
            steps.append(self._insert_from_json(table, f"rows{place}"))
            named_rows = [{f"c{column}": value for column, value in enumerate(row)} for row in rows]
            values[f"rows{place}"] = json.dumps(named_rows)
        named = ", ".join(
            f"{'merged' if place else 'trial'}{place or ''} AS ({step})" for place, step in enumerate(steps)
        )
        return Message(f"WITH {named} SELECT trial_id FROM trial", values)

    def _insert_from_json(self, table: Table, name: str) -> str:
        """Return the statement that adds rows passed as one JSON value: its constant text allows it to be prepared."""
        columns = ", ".join(f"c{place} {kind}" for place, kind in enumerate(table.columns.values()))
        chosen = ", ".join(f"c{place}" for place in range(len(table.columns)))
        return (
            f"INSERT INTO {self.columns(table)} SELECT trial_id, {chosen} FROM trial, ROWS FROM "
            f"(json_to_recordset(CAST(%({name})s AS json)) AS ({columns})) WITH ORDINALITY AS given ({chosen}, place) "
            f"ORDER BY place{self.on_conflict(table)}"
        )


def _literal(text: str) -> str:
    """Return a text as a PostgreSQL literal that does not depend on the server's settings."""
    return "E'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
