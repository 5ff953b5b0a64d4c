"""Merge parameters, attributes and reports into a RUNNING trial."""

from __future__ import annotations

from sweeper_core.storages._rules import check_runs
from sweeper_core.storages._sql.database import Link
from sweeper_core.storages._sql.handle import Handle
from sweeper_core.storages._sql.tables import parts_of, stored
from sweeper_core.trial.data import TrialData


def describe(handle: Handle, study_id: int, number: int, data: TrialData) -> None:
    """Merge data into a RUNNING trial; see :meth:`Storage.describe`."""
    parts = handle.limits.check(parts_of(data))
    if handle.merge_at_once(study_id, number, parts)[0]:
        return

    def merge(link: Link) -> None:
        trial_id, state = handle.find(link, study_id, number)
        check_runs(number, state)
        handle.put(link, trial_id, parts)

    handle.database.transaction(merge)


def report(handle: Handle, study_id: int, number: int, step: int, value: float) -> None:
    """Store one intermediate value, with one statement; see :meth:`Storage.report`."""
    handle.limits.check_step(step)
    finite, kind = stored(value)

    def add(link: Link) -> None:
        added = link.change(handle.sql.report, study=study_id, number=number, step=step, value=finite, kind=kind)
        if not added:  # the step has a report already, or the trial is not RUNNING
            _, state = handle.find(link, study_id, number)
            check_runs(number, state)

    handle.database.autocommit(add)
