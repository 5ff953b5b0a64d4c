"""When a trial's job ran, without the time that it waited in a cluster's queue."""

from __future__ import annotations

from datetime import datetime, timezone

from sweeper_core.trial.attrs import BEGAN, CLUSTER_JOB
from sweeper_core.trial.record import TrialRecord
from sweeper_core.trial.state import TrialState


def is_queued(record: TrialRecord) -> bool:
    """Return whether a trial's job is on a cluster and has not begun, as far as is known."""
    attrs = record.system_attrs
    return record.state is TrialState.RUNNING and CLUSTER_JOB in attrs and BEGAN not in attrs


def start_of(record: TrialRecord) -> datetime | None:
    """Return when a trial's job began, without the time in a queue, as naive UTC; None when unknown."""
    began = record.system_attrs.get(BEGAN)
    if record.started is None or not isinstance(began, (int, float)):
        return record.started
    moment = datetime.fromtimestamp(began, timezone.utc).replace(tzinfo=None)
    # The clocks of two machines may disagree.
    return (
        max(moment, record.started) if record.completed is None else min(max(moment, record.started), record.completed)
    )


def seconds_of(record: TrialRecord, at: datetime | None = None) -> float | None:
    """Return how long a trial ran, or has run ``at`` that time when it has not ended; None when unknown.

    The time in a cluster's queue does not count.
    """
    end = record.completed or (at if record.state is TrialState.RUNNING else None)
    start = start_of(record)
    if start is None or end is None:
        return None
    return 0.0 if is_queued(record) else max((end - start).total_seconds(), 0.0)
