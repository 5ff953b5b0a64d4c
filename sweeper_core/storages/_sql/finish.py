"""Finish a trial, in one message where the database allows it, else in steps; and accept late results."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from sweeper_core.storages._rules import may_come_late, now, retry_for_result
from sweeper_core.storages._sql.database import Link
from sweeper_core.storages._sql.dialect import End, Key
from sweeper_core.storages._sql.handle import Handle, NotOursError
from sweeper_core.storages._sql.queue import add_waiting, next_attempt
from sweeper_core.storages._sql.tables import (
    PARAMS,
    REPORTS,
    VALUES,
    described,
    param_rows,
    parts_of,
    parts_of_point,
    report_rows,
    value_rows,
)
from sweeper_core.trial.data import TrialData
from sweeper_core.trial.record import TrialRecord
from sweeper_core.trial.state import TrialState

_logger = logging.getLogger(__name__)


def finish(
    handle: Handle, study_id: int, number: int, state: TrialState, values: tuple[float, ...] | None, data: TrialData
) -> bool:
    """End a RUNNING trial; see :meth:`Storage.finish`."""
    parts = {VALUES: value_rows(values or ()), **handle.limits.check(parts_of(data))}
    end = End(state, now(), {table: rows for table, rows in parts.items() if rows})
    ended, again = handle.merge_at_once(study_id, number, end.parts, end)
    try:
        if not ended:
            ended = handle.database.transaction(lambda link: _end(handle, link, study_id, number, end, again))
    except NotOursError as error:
        _logger.warning(str(error))
        ended = False
    handle.forget(study_id, number)
    return ended


def _end(handle: Handle, link: Link, study_id: int, number: int, end: End, again: bool) -> bool:
    """End a trial; ``again``: an earlier attempt, whose reply was lost, may have ended it."""
    key = handle.key(study_id, number)
    trial_id = handle.find(link, study_id, number)[0] if key is None else key.trial_id
    ours = handle.sql.and_ours if key else ""
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
        if _is_of_deleted_study(handle, link, study_id, number, key):
            handle.forget(study_id, number)
            return _end(handle, link, study_id, number, end, again)
        return _end_late(handle, link, study_id, number, end, again or link.attempt > 0)
    handle.put(link, trial_id, end.parts)
    return True


def _is_of_deleted_study(handle: Handle, link: Link, study_id: int, number: int, key: Key | None) -> bool:
    """Return whether a trial reserved here was deleted with its study; SQLite reuses the keys of studies."""
    return key is not None and not handle.sql.may_forget and handle.find(link, study_id, number)[0] != key.trial_id


def _end_late(handle: Handle, link: Link, study_id: int, number: int, end: End, again: bool) -> bool:
    """Store the result of a stale trial in its retry, unless the retry has started."""
    handle.lock_study(link, study_id)
    trial_id, now_is = handle.find(link, study_id, number)
    if again and _done_already(handle, link, trial_id, now_is, end):
        return True
    (lost,) = handle.reader.records(link, [handle.heading(link, trial_id)])
    if not may_come_late(lost, end.state):
        return False
    retry_id, retry_is = _retry_for_result(handle, link, study_id, lost)
    taken = link.change(
        "UPDATE trials SET state = :state, datetime_start = :started, datetime_complete = :completed "
        "WHERE trial_id = :trial AND state = 'WAITING'",
        state=end.state.name,
        started=None if lost.started is None else link.moment(lost.started),
        completed=link.moment(end.completed),
        trial=retry_id,
    )
    if not taken:
        return again and _done_already(handle, link, retry_id, retry_is, end)
    handle.put(link, retry_id, {PARAMS: param_rows(described(lost)), REPORTS: report_rows(lost.reports)})
    handle.put(link, retry_id, end.parts)
    return True


def _retry_for_result(handle: Handle, link: Link, study_id: int, lost: TrialRecord) -> tuple[int, TrialState]:
    """Return key and state of the next attempt after a stale trial, created when there is none."""
    found = next_attempt(handle, link, study_id, lost.number)
    if found is not None:
        return found
    ((_, trial_id),) = add_waiting(handle, link, study_id, [parts_of_point(retry_for_result(lost))])
    return trial_id, TrialState.WAITING


def _done_already(handle: Handle, link: Link, trial_id: int, now_is: TrialState, end: End) -> bool:
    """Return whether the first attempt succeeded although its reply was lost with the connection."""
    return now_is is end.state and _ended_at(handle, link, trial_id, end.completed)


def _ended_at(handle: Handle, link: Link, trial_id: int, completed: datetime) -> bool:
    found = handle.heading(link, trial_id).completed
    # Optuna's tables on MySQL store whole seconds.
    return found is not None and abs(found - completed) <= timedelta(seconds=1)
