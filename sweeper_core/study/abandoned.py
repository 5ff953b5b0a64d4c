"""Until when RUNNING trials ran, as far as a study tells: a killed process leaves trials that run for ever."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sweeper_core.storages._leases import owner_is_dead
from sweeper_core.storages._rules import lease_of_attr
from sweeper_core.trial.attrs import LEASE

MIN_SILENCE = timedelta(days=1)
"""A study in which nothing was recorded for less than this may well be running."""

MAX_TRIALS_OF_SILENCE = 10
"""A study may be silent for this many times its longest trial."""

Span = tuple[datetime | None, datetime | None]


def last_moment(spans: Iterable[Span]) -> datetime | None:
    """Return the last moment at which a trial of ``(start, end)`` began or ended; None when there is none."""
    return max((moment for span in spans for moment in span if moment is not None), default=None)


def running_until(spans: Iterable[Span], now: datetime) -> datetime:
    """Return until when the RUNNING trials of a study have run, as far as its times tell.

    Args:
        spans: When each trial started and ended; None where unknown or not yet.
        now: The present, on the same clock.

    Returns:
        ``now``; or the last moment recorded where nothing was for very long.
    """
    spans = list(spans)
    last = last_moment(spans)
    longest = max((end - start for start, end in spans if start and end), default=None)
    if last is None or longest is None:
        return now
    return last if now - last > max(MIN_SILENCE, MAX_TRIALS_OF_SILENCE * longest) else now


def is_abandoned(attrs: Mapping[str, Any]) -> bool:
    """Return whether the process that a RUNNING trial's system attributes name is known to be dead."""
    lease = lease_of_attr(attrs.get(LEASE))
    return lease is not None and owner_is_dead(lease)


@dataclass(frozen=True)
class Presence:
    """Until when the RUNNING trials of a study have run.

    Attributes:
        until: See :func:`running_until`.
        last: See :func:`last_moment`.
    """

    until: datetime
    last: datetime | None

    @classmethod
    def of(cls, spans: Iterable[Span], now: datetime) -> Presence:
        """Return what the times of a study's trials tell."""
        spans = list(spans)
        return cls(running_until(spans, now), last_moment(spans))

    def end_of(self, attrs: Mapping[str, Any]) -> datetime:
        """Return until when a RUNNING trial with these system attributes has run."""
        return self.last if self.last is not None and is_abandoned(attrs) else self.until
