"""The standing of a study's configurations, for the retention rules of checkpoints."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sweeper_core.checkpoints.keep import Fate, Standing
from sweeper_core.directions import StudyDirection
from sweeper_core.trial.attempts import Attempts
from sweeper_core.trial.attrs import ENDED, LOST, RETRY_OF
from sweeper_core.trial.feasible import is_feasible
from sweeper_core.trial.record import TrialRecord
from sweeper_core.trial.state import TrialState


def standings(
    records: Iterable[TrialRecord], directions: Sequence[StudyDirection], pauses: bool = False
) -> dict[int, Standing]:
    """Return the standing of each configuration, by its number: that of its latest attempt.

    Args:
        pauses: Whether trials that were stopped may be continued.
    """
    attempts = Attempts()
    latest = {configuration_of(record, attempts): record for record in records}
    return {
        number: Standing(_fate(record, pauses), _merit(record, directions, pauses)) for number, record in latest.items()
    }


def configuration_of(record: TrialRecord, attempts: Attempts) -> int:
    """Return the number of the trial whose checkpoints a trial uses: its first attempt, or the one that it retries."""
    first = attempts.of(record)
    return int(record.system_attrs.get(RETRY_OF, first)) if first == record.number else first


def _fate(record: TrialRecord, pauses: bool) -> Fate:
    if record.state is TrialState.RUNNING:
        return "running"
    if pauses and record.state is TrialState.PRUNED and ENDED not in record.system_attrs:
        return "paused"
    lost = record.state is TrialState.FAIL and LOST in record.system_attrs
    return "paused" if lost or record.state is TrialState.WAITING else "ended"


def _merit(record: TrialRecord, directions: Sequence[StudyDirection], pauses: bool) -> float | None:
    """Return the value, or that of the last report, signed such that smaller is better."""
    sign = directions[0].sign
    if record.state is TrialState.COMPLETE:
        good = record.values and is_feasible(record.system_attrs)
        return record.values[0] * sign if good and record.values else None
    if _fate(record, pauses) == "ended":
        return None
    return record.reports[-1][1] * sign if record.reports else None
