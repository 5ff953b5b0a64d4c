"""The standing of a study's configurations, for the retention rules of checkpoints."""

from __future__ import annotations

from dataclasses import replace

from sweeper_core.checkpoints.keep import Fate, Standing
from sweeper_core.study._session.log import TrialLog
from sweeper_core.trial.attempts import Attempts, awaited_step, is_lost
from sweeper_core.trial.attrs import ENDED, RETRY_OF
from sweeper_core.trial.feasible import is_feasible
from sweeper_core.trial.record import TrialRecord
from sweeper_core.trial.state import TrialState


def standings(log: TrialLog, pauses: bool = False, reports: bool = True) -> dict[int, Standing]:
    """Return the standing of each configuration, by its number: that of its latest attempt.

    Args:
        log: The study's trials.
        pauses: Whether trials that were stopped may be continued.
        reports: Whether the steps reported are those of the jobs' checkpoints.
    """
    latest = {configuration_of(record, log.attempts): record for record in log.records}
    sign = log.study.directions[0].sign
    found = {number: _standing(record, sign, pauses) for number, record in latest.items()}
    for number, standing in found.items() if reports else ():
        if standing.fate == "paused":
            found[number] = replace(standing, awaited=awaited_step(latest[number], lambda: log.records))
    return found


def _standing(record: TrialRecord, sign: float, pauses: bool) -> Standing:
    fate = _fate(record, pauses)
    return Standing(fate, _merit(record, fate, sign))


def configuration_of(record: TrialRecord, attempts: Attempts) -> int:
    """Return the number of the trial whose checkpoints a trial uses: its first attempt, or the one that it retries."""
    first = attempts.of(record)
    return int(record.system_attrs.get(RETRY_OF, first)) if first == record.number else first


def _fate(record: TrialRecord, pauses: bool) -> Fate:
    if record.state is TrialState.RUNNING:
        return "running"
    if pauses and record.state is TrialState.PRUNED and ENDED not in record.system_attrs:
        return "paused"
    return "paused" if is_lost(record) or record.state is TrialState.WAITING else "ended"


def _merit(record: TrialRecord, fate: Fate, sign: float) -> float | None:
    """Return the value, or that of the last report, signed such that smaller is better."""
    if record.state is TrialState.COMPLETE:
        good = record.values and is_feasible(record.system_attrs)
        return record.values[0] * sign if good and record.values else None
    if fate == "ended":
        return None
    return record.reports[-1][1] * sign if record.reports else None
