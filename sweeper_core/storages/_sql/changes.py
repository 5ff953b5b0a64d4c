"""Trials of a study that are new or changed since the last read."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field

from sweeper_core._garbage import uncollected
from sweeper_core.storages._rules import no_study
from sweeper_core.storages._sql.database import Link
from sweeper_core.storages._sql.handle import Handle
from sweeper_core.storages._sql.rows import HEADING, Heading, heading
from sweeper_core.trial.record import TrialRecord
from sweeper_core.trial.state import TrialState


@dataclass(frozen=True)
class Cursor:
    """The position of a reader.

    Attributes:
        top: Largest key of a trial that was read; the keys of a study's trials grow with their numbers.
        open: The headings read of trials that had not ended.
    """

    top: int = -1
    open: Mapping[int, TrialRecord] = field(default_factory=dict)


def changes(handle: Handle, study_id: int, since: Cursor) -> tuple[list[TrialRecord], Cursor]:
    """Return every trial that is new or different, and the next cursor; see :meth:`Storage.changes`."""

    def read(link: Link) -> tuple[list[TrialRecord], Cursor]:
        headings = _headings(link, study_id, since)
        if not headings and not link.rows("SELECT 1 FROM studies WHERE study_id = :study", study=study_id):
            raise no_study(study_id)
        # The details are read after the state, so the details of a trial that has ended are complete.
        records = handle.reader.records(link, [item for item in headings if not _still_waiting(item, since)])
        changed = [record for record in records if since.open.get(record.trial_id) != record]
        still_open = {item.trial_id: since.open[item.trial_id] for item in headings if _still_waiting(item, since)}
        still_open.update((record.trial_id, record) for record in records if not record.state.is_finished())
        top = max((item.trial_id for item in headings), default=since.top)
        return changed, Cursor(max(top, since.top), still_open)

    with nullcontext() if since.top >= 0 else uncollected():  # the first read may return very many
        return handle.database.autocommit(read)


def _headings(link: Link, study_id: int, since: Cursor) -> list[Heading]:
    """Return the trials that are new or had not ended, by number."""
    rows = list(
        link.rows(
            f"SELECT {HEADING} FROM trials WHERE study_id = :study AND trial_id > :top AND number IS NOT NULL",
            study=study_id,
            top=since.top,
        )
    )
    if since.open:
        keys = ",".join(map(str, since.open))
        rows.extend(link.all(f"SELECT {HEADING} FROM trials WHERE trial_id IN ({keys})"))
        forgotten = since.open.keys() - {row[0] for row in rows}
        if forgotten:  # rolled back by a crash of the server; other trials may have their keys now
            return _headings(link, study_id, Cursor(min(forgotten) - 1))
    return sorted(map(heading, rows), key=lambda item: item.number)


def _still_waiting(item: Heading, since: Cursor) -> bool:
    """Return whether a trial is still WAITING as before; nothing describes it before it is reserved."""
    known = since.open.get(item.trial_id)
    return known is not None and known.state is item.state is TrialState.WAITING
