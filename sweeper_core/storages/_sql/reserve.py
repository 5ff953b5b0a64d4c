"""Reserve a trial, in one message where the database allows it, else in steps."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sweeper_core.storages._rules import as_json, attempt_after, attr_of_lease, fixed_of, may_continue, now
from sweeper_core.storages._sql import queue
from sweeper_core.storages._sql.database import Link
from sweeper_core.storages._sql.handle import Handle
from sweeper_core.storages._sql.queue import next_attempt
from sweeper_core.storages._sql.rows import Heading
from sweeper_core.storages._sql.tables import SYSTEM_ATTRS, attr_rows
from sweeper_core.storages.base import Claim, Lease
from sweeper_core.trial.attrs import CONTINUES, LEASE, LOST
from sweeper_core.trial.state import TrialState


def reserve(handle: Handle, study_id: int, limit: int | None, lease: Lease | None) -> Claim | None:
    """Take the oldest WAITING trial, or else a new number; see :meth:`Storage.reserve`."""
    claim = _at_once(handle, study_id, limit, lease) if handle.database.takes_scripts else None
    if claim is None:
        claim = _in_steps(handle, study_id, limit, lease)
    if claim is None:
        return None
    if lease is None:
        # Without a lease another process may finish the trial, so a crash of the server must not roll it back.
        _flush(handle)
    handle.remember(study_id, claim)
    return claim


def _at_once(handle: Handle, study_id: int, limit: int | None, lease: Lease | None) -> Claim | None:
    """Create a trial with one message, so that the study is locked only while the server executes it.

    None where the steps are needed: a trial is WAITING, the limit may be reached, or the study does not exist.
    """
    started = now()
    text = None if lease is None else as_json(attr_of_lease(lease), LEASE)
    message = handle.sql.reserve(study_id, limit, text, started)
    if message is None:
        return None

    def take(link: Link) -> Claim | None:
        rows = link.send(message)
        return Claim(rows[0][0], rows[0][1], started=started) if rows else None

    return handle.database.autocommit(take)


def _in_steps(handle: Handle, study_id: int, limit: int | None, lease: Lease | None) -> Claim | None:
    started = now()

    def take(link: Link) -> Claim | None:
        handle.lock_study(link, study_id)
        if limit is not None and _counted(link, study_id, limit) >= limit:
            return None
        claim = _take(handle, link, study_id, started)
        if lease is not None:
            link.change(handle.sql.heartbeat, trial=claim.trial_id)
            handle.put(link, claim.trial_id, {SYSTEM_ATTRS: attr_rows({LEASE: attr_of_lease(lease)})})
        return claim

    return handle.database.transaction(take, at_once=False)


def continue_trial(handle: Handle, study_id: int, number: int, limit: int | None, lease: Lease | None) -> Claim | None:
    """Begin the next attempt of a configuration; see :meth:`Storage.continue_trial`."""
    started: list[datetime] = []

    def take(link: Link) -> Claim | None:
        handle.lock_study(link, study_id)
        trial_id, _ = handle.find(link, study_id, number)
        (earlier,) = handle.reader.records(link, [handle.heading(link, trial_id)])
        following = next_attempt(handle, link, study_id, number)
        if following is not None:  # the connection may have been lost after the commit
            (record,) = handle.reader.records(link, [handle.heading(link, following[0])])
            return Claim.of(record) if record.started in started else None
        if not may_continue(earlier):
            return None
        if limit is not None and LOST in earlier.system_attrs and _counted(link, study_id, limit) >= limit:
            return None
        new = attempt_after(earlier, lease)
        started.append(new.started or now())
        ((taken, key),) = queue.add_running(handle, link, study_id, [new])
        if lease is not None:
            link.change(handle.sql.heartbeat, trial=key)
        return Claim.of(replace(new, number=taken, trial_id=key))

    claim = handle.database.transaction(take)
    if claim is not None:
        handle.remember(study_id, claim)
    return claim


def _flush(handle: Handle) -> None:
    """Wait until all commits are on the server's disk; no lock is held meanwhile."""
    if handle.sql.flush:
        handle.database.autocommit(lambda link: link.rows(handle.sql.flush))


def _counted(link: Link, study_id: int, limit: int) -> int:
    """Return how many configurations count against the limit, exactly only where the limit may be reached."""
    ((taken,),) = link.rows(
        "SELECT (SELECT COALESCE(MAX(number) + 1, 0) FROM trials WHERE study_id = :study) "
        "- (SELECT COUNT(*) FROM trials WHERE study_id = :study AND state = 'WAITING')",
        study=study_id,
    )
    if taken < limit:
        return int(taken)
    ((lost,),) = link.rows(
        "SELECT COUNT(*) FROM trials t JOIN trial_system_attributes a ON a.trial_id = t.trial_id "
        f"WHERE t.study_id = :study AND t.state = 'FAIL' AND a.{link.sql.key} = :lost",
        study=study_id,
        lost=LOST,
    )
    ((resumed,),) = link.rows(
        "SELECT COUNT(*) FROM trials t JOIN trial_system_attributes a ON a.trial_id = t.trial_id "
        f"AND a.{link.sql.key} = :continues JOIN trials p ON p.study_id = t.study_id "
        f"AND p.number = CAST(a.value_json AS {link.sql.integer}) WHERE t.study_id = :study AND p.state = 'PRUNED'",
        study=study_id,
        continues=CONTINUES,
    )
    return int(taken - lost - resumed)


def _take(handle: Handle, link: Link, study_id: int, started: datetime) -> Claim:
    """Take the oldest WAITING trial, or else a new one; retry when Optuna has taken the trial first."""
    while True:
        rows = link.rows(
            "SELECT * FROM (SELECT trial_id, number FROM trials WHERE study_id = :study AND state = 'WAITING' "
            "ORDER BY number LIMIT 1) AS waiting UNION ALL "
            "SELECT -1, COALESCE(MAX(number) + 1, 0) FROM trials WHERE study_id = :study",
            study=study_id,
        )
        (_, following), *waiting = sorted(map(tuple, rows))
        if not waiting:
            return _take_new(link, study_id, int(following), started)
        ((trial_id, number),) = waiting
        claim = _take_waiting(handle, link, trial_id, number, started)
        if claim is not None:
            return claim


def _take_waiting(handle: Handle, link: Link, trial_id: int, number: int, started: datetime) -> Claim | None:
    taken = link.change(
        "UPDATE trials SET state = 'RUNNING', datetime_start = :started WHERE trial_id = :trial AND state = 'WAITING'",
        trial=trial_id,
        started=link.moment(started),
    )
    if not taken:
        return None
    (record,) = handle.reader.records(link, [Heading(trial_id, number, TrialState.RUNNING, started, None)])
    fixed = fixed_of(record.params, record.system_attrs)
    return Claim(number, trial_id, fixed, record.user_attrs, record.system_attrs, started)


def _take_new(link: Link, study_id: int, number: int, started: datetime) -> Claim:
    trial_id = link.insert(
        "INSERT INTO trials (number, study_id, state, datetime_start) VALUES (:number, :study, 'RUNNING', :started)",
        "trial_id",
        number=number,
        study=study_id,
        started=link.moment(started),
    )
    return Claim(number, trial_id, started=started)
