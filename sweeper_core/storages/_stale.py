"""Detect stale trials: their process is dead, or has sent no heartbeat for longer than the lease allows."""

from __future__ import annotations

import time
from collections.abc import Hashable
from typing import Any

from sweeper_core.storages._leases import is_own, owner_is_dead
from sweeper_core.storages.base import Lease

MAX_SEEN = 10_000
"""Maximum number of silent trials remembered between two checks."""


class StaleTrials:
    """Checks leases. Wall clocks jump, so a missing heartbeat counts only when two checks have found it.

    Between these two checks a heartbeat interval has passed by this process's monotonic clock, or the whole grace
    period if that is shorter. A process never checks its own trials.
    """

    def __init__(self) -> None:
        self._seen: dict[Hashable, tuple[Any, float]] = {}

    def reason(self, trial: Hashable, lease: Lease, heartbeat: Any, silent: float) -> str | None:
        """Return why a running trial is stale; None when it is not known to be stale.

        Args:
            trial: Identifies the trial in this storage.
            heartbeat: The last heartbeat in the storage's own form; it is only compared for equality.
            silent: Seconds since then by the storage's clock.
        """
        if is_own(lease):
            return None
        if not lease.elsewhere and owner_is_dead(lease):
            return f"its process {lease.pid} on {lease.host} has died"
        if self.is_silent(trial, min(lease.interval, lease.grace), lease.grace, heartbeat, silent):
            return f"its process {lease.pid} on {lease.host} has sent no heartbeat for {silent:.0f} s"
        return None

    def is_silent(self, trial: Hashable, pause: float, grace: float, heartbeat: Any, silent: float) -> bool:
        """Return whether there was no heartbeat for ``grace`` seconds, and none between two checks ``pause`` apart."""
        if silent < grace:
            self._seen.pop(trial, None)
            return False
        now = time.monotonic()
        last, since = self._seen.get(trial, (None, now))
        if last != heartbeat:
            if len(self._seen) >= MAX_SEEN:
                self._seen.clear()
            self._seen[trial] = heartbeat, now
            since = now
        if now - since < pause:
            return False
        self._seen.pop(trial, None)
        return True
