"""Leases of running trials: heartbeats, and failing stale trials."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sweeper_core.storages._rules import attrs_of_loss, lease_of_attr, no_trial, now, retry_of
from sweeper_core.storages._sql.database import Link
from sweeper_core.storages._sql.handle import Handle
from sweeper_core.storages._sql.queue import add_waiting
from sweeper_core.storages._sql.rows import HEADING, Heading, heading
from sweeper_core.storages._sql.tables import SYSTEM_ATTRS, attr_rows, parts_of_point
from sweeper_core.trial.attrs import LEASE


class Patience(NamedTuple):
    """Interval and grace period in seconds for trials that Optuna runs, which store no lease."""

    interval: float
    grace: float


def heartbeat(handle: Handle, study_id: int, numbers: Sequence[int]) -> list[int]:
    """Renew the leases of running trials; see :meth:`Storage.heartbeat`."""
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
            if handle.is_forgotten(study_id, number, key):
                continue
            if key is None:
                raise no_trial(study_id, number)
            if state == "RUNNING":
                running[number] = key[0]
        if running:
            keys = ",".join(map(str, running.values()))
            link.change(f"UPDATE trial_heartbeats SET heartbeat = CURRENT_TIMESTAMP WHERE trial_id IN ({keys})")
        return [number for number in numbers if number not in running]

    return handle.database.autocommit(renew) if numbers else []


def fail_stale(handle: Handle, study_id: int, max_retries: int, patience: Patience | None) -> list[int]:
    """Fail running trials whose owner is dead or whose lease has expired; see :meth:`Storage.fail_stale`."""
    stale = handle.database.autocommit(lambda link: _stale(handle, link, study_id, patience))
    if not stale:
        return []

    def end(link: Link) -> list[int]:
        handle.lock_study(link, study_id)
        heartbeats = {item.trial_id: beaten for item, beaten, *_ in _running(link, study_id)}
        return [
            item.number
            for item, beaten, reason in stale
            if heartbeats.get(item.trial_id) == beaten and _fail(handle, link, study_id, item, reason, max_retries)
        ]

    return handle.database.transaction(end)


def _running(link: Link, study_id: int) -> list[tuple[Heading, datetime, datetime, str | None]]:
    """Return the running trials with a heartbeat: trial, heartbeat, the server's time, and the lease as JSON."""
    columns = ", ".join(f"t.{column}" for column in HEADING.split(", "))
    rows = link.rows(
        f"SELECT {columns}, h.heartbeat, {link.sql.clock}, a.value_json FROM trials t "
        "JOIN trial_heartbeats h ON h.trial_id = t.trial_id LEFT JOIN trial_system_attributes a "
        f"ON a.trial_id = t.trial_id AND a.{link.sql.key} = :lease "
        "WHERE t.study_id = :study AND t.state = 'RUNNING' ORDER BY t.number",
        study=study_id,
        lease=LEASE,
    )
    return [(heading(row[:-3]), _naive(row[-3]), _naive(row[-2]), row[-1]) for row in rows]


def _stale(handle: Handle, link: Link, study_id: int, patience: Patience | None) -> list[tuple[Heading, datetime, str]]:
    """Return the stale trials, each with its heartbeat and the reason."""
    found = []
    for item, beaten, clock, text in _running(link, study_id):
        silent = (clock - beaten).total_seconds()
        lease = None if text is None else lease_of_attr(json.loads(text))
        reason = None
        if lease is not None:
            reason = handle.stale.reason(item.trial_id, lease, beaten, silent)
        elif patience is not None and handle.stale.is_silent(item.trial_id, *patience, beaten, silent):
            reason = f"its process has sent no heartbeat for {silent:.0f} s"
        if reason is not None:
            found.append((item, beaten, reason))
    return found


def _fail(handle: Handle, link: Link, study_id: int, item: Heading, reason: str, max_retries: int) -> bool:
    changed = link.change(
        "UPDATE trials SET state = 'FAIL', datetime_complete = :completed "
        "WHERE trial_id = :trial AND state = 'RUNNING'",
        trial=item.trial_id,
        completed=link.moment(now()),
    )
    if not changed:
        return False
    handle.put(link, item.trial_id, {SYSTEM_ATTRS: attr_rows(attrs_of_loss(reason))})
    (lost,) = handle.reader.records(link, [item])
    point = retry_of(lost, max_retries)
    if point is not None:
        add_waiting(handle, link, study_id, [parts_of_point(point)])
    return True


def _naive(moment: Any) -> datetime:
    parsed = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    assert isinstance(parsed, datetime)
    return parsed.replace(tzinfo=None)
