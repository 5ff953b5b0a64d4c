"""Add many trials at once: enqueued trials, and complete records from other studies."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sweeper_core.storages._rules import as_json, idempotency_attr, repeats
from sweeper_core.storages._sql.database import Link
from sweeper_core.storages._sql.handle import Handle
from sweeper_core.storages._sql.tables import (
    OF_TRIALS,
    STUDY_SYSTEM_ATTRS,
    SYSTEM_ATTRS,
    Parts,
    attr_rows,
    parts_of_point,
    parts_of_trial,
)
from sweeper_core.storages.base import Point
from sweeper_core.trial.attrs import CONTINUES, ENQUEUED, RETRY_HISTORY
from sweeper_core.trial.record import TrialRecord
from sweeper_core.trial.state import TrialState


def enqueue(handle: Handle, study_id: int, points: Sequence[Point], idempotency_key: str | None) -> list[int]:
    """Add WAITING trials; see :meth:`Storage.enqueue`."""
    mark = uuid.uuid4().hex if handle.database.dialect != "sqlite" else None
    marked = points if mark is None else _marked(points, mark)
    parts = [handle.limits.check(parts_of_point(point)) for point in marked]

    def add(link: Link) -> list[int]:
        handle.lock_study(link, study_id)
        first = _number_of(link, study_id, mark) if mark is not None and link.attempt > 0 else None
        if first is not None:  # the connection was lost after the commit
            return list(range(first, first + len(parts)))
        if idempotency_key is not None and not _first_time(handle, link, study_id, idempotency_attr(idempotency_key)):
            return []
        return [number for number, _ in add_waiting(handle, link, study_id, parts)]

    return handle.database.transaction(add)


def _marked(points: Sequence[Point], mark: str) -> list[Point]:
    """Return the points with the mark on the first, by which it is found again."""
    first = [replace(point, system_attrs={**point.system_attrs, ENQUEUED: mark}) for point in points[:1]]
    return [*first, *points[1:]]


def _number_of(link: Link, study_id: int, mark: str) -> int | None:
    rows = link.rows(
        f"SELECT t.number FROM trials t JOIN {SYSTEM_ATTRS.name} a ON a.trial_id = t.trial_id "
        f"WHERE t.study_id = :study AND a.{link.sql.key} = :name AND a.value_json = :mark "
        "ORDER BY t.number",
        study=study_id,
        name=ENQUEUED,
        mark=as_json(mark, ENQUEUED),
    )
    return int(rows[0][0]) if rows else None


def _first_time(handle: Handle, link: Link, study_id: int, name: str) -> bool:
    if link.rows(
        f"SELECT 1 FROM {STUDY_SYSTEM_ATTRS.name} WHERE study_id = :study AND {link.sql.key} = :name",
        study=study_id,
        name=name,
    ):
        return False
    handle.put(link, study_id, {STUDY_SYSTEM_ATTRS: attr_rows({name: True})})
    return True


def add_waiting(handle: Handle, link: Link, study_id: int, trials: Sequence[Parts]) -> list[tuple[int, int]]:
    """Add trials to the queue of a locked study; return their numbers and keys."""
    added = _add(link, study_id, [(TrialState.WAITING, None, None)] * len(trials))
    _put_all(handle, link, added, trials)
    return added


def add_running(handle: Handle, link: Link, study_id: int, trials: Sequence[TrialRecord]) -> list[tuple[int, int]]:
    """Add RUNNING trials with all their data to a locked study; return their numbers and keys."""
    added = _add(link, study_id, [(TrialState.RUNNING, trial.started, None) for trial in trials])
    _put_all(handle, link, added, [handle.limits.check(parts_of_trial(trial)) for trial in trials])
    return added


def next_attempt(handle: Handle, link: Link, study_id: int, number: int) -> tuple[int, TrialState] | None:
    """Return key and state of the attempt that continues or retries a trial; None when there is none."""
    rows = link.rows(
        f"SELECT t.trial_id, t.state, a.{handle.sql.key}, a.value_json FROM trials t "
        f"JOIN {SYSTEM_ATTRS.name} a ON a.trial_id = t.trial_id AND a.{handle.sql.key} IN (:continues, :history) "
        "WHERE t.study_id = :study AND t.number > :number ORDER BY t.number",
        continues=CONTINUES,
        history=RETRY_HISTORY,
        study=study_id,
        number=number,
    )
    for trial_id, state, name, text in rows:
        if repeats({name: json.loads(text)}, number):
            return trial_id, TrialState[state]
    return None


def add_finished(handle: Handle, study_id: int, trials: Sequence[TrialRecord]) -> list[int]:
    """Add trials as they are; see :meth:`Storage.add_finished`."""
    prepared = [handle.limits.check(parts_of_trial(trial)) for trial in trials]

    def add(link: Link) -> list[int]:
        handle.lock_study(link, study_id)
        added = _add(link, study_id, [(t.state, t.started, t.completed) for t in trials])
        _put_all(handle, link, added, prepared)
        return [number for number, _ in added]

    return handle.database.transaction(add)


def _put_all(handle: Handle, link: Link, added: Sequence[tuple[int, int]], trials: Sequence[Parts]) -> None:
    for table in OF_TRIALS:
        handle.put_rows(
            link, table, ((key, parts.get(table, ())) for (_, key), parts in zip(added, trials, strict=True))
        )


def _add(
    link: Link, study_id: int, headings: Sequence[tuple[TrialState, datetime | None, datetime | None]]
) -> list[tuple[int, int]]:
    """Insert rows into the table of trials of a locked study; return their numbers and keys."""
    ((first,),) = link.rows("SELECT COALESCE(MAX(number) + 1, 0) FROM trials WHERE study_id = :s", s=study_id)
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
            for number, (state, started, completed) in enumerate(headings, int(first))
        ],
    )
    rows = link.rows(
        "SELECT number, trial_id FROM trials WHERE study_id = :study AND number >= :first ORDER BY number",
        study=study_id,
        first=first,
    )
    return [(number, trial_id) for number, trial_id in rows]
