"""Trials that other processes have lost: they are looked for from time to time, and before this process ends."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

from sweeper_core.storages._leases import may_be_checked
from sweeper_core.storages._rules import lease_of_attr
from sweeper_core.storages.base import Lease
from sweeper_core.study._session.session import Session
from sweeper_core.trial.attrs import LEASE

log = logging.getLogger("hydra_plugins.hydra_hpo_sweeper")

IDLE_INTERVAL = 2.0
"""Seconds between two looks of a process that has nothing else to do."""

MAX_WAIT = 120.0
"""Maximum time in seconds that a process without work waits for other machines' trials, whatever their leases say."""


class LostTrials:
    """Finds trials whose processes have died, or have handed them over.

    Args:
        session: The study.
        lease: Of this process's trials; None where no other process can run trials of the study.
    """

    def __init__(self, session: Session, lease: Lease | None) -> None:
        self._session = session
        self._lease = lease
        self._looked = time.monotonic()
        self._idle_since: float | None = None
        self._known: frozenset[int] = frozenset()

    def look(self, at_once: bool = False) -> bool:
        """Look for lost trials if it is time for that; return whether there are any that the last look has not found.

        Args:
            at_once: Look whenever the last look was.
        """
        if self._lease is None or not (at_once or self._has_passed(self._lease.interval)):
            return False
        self._looked = time.monotonic()
        self._session.storage.fail_stale(self._session.study.study_id)
        self._session.log.sync()
        before, self._known = self._known, frozenset(self._session.log.statistics.lost)
        return not self._known <= before

    def look_when_idle(self) -> bool:
        """Look for lost trials when there is no other work, at first at once; return whether there are any new ones."""
        begins = self._idle_since is None
        if begins:
            self._idle_since = time.monotonic()
        if self.look(at_once=begins or self._has_passed(IDLE_INTERVAL)):
            self._idle_since = None
            return True
        if begins and self.may_come():
            log.info("Other machines run the last trials; this process continues them if they turn out to be lost.")
        return False

    def may_come(self) -> bool:
        """Return whether a trial of another machine may turn out to be lost soon.

        Whether a process of this machine is alive is known at once. That one of another machine is dead is known when
        two looks, an interval of its lease apart, have found that the lease has ended.
        """
        longest = max((lease.grace + lease.interval for lease in self._far_leases()), default=None)
        if longest is None or self._idle_since is None:
            return False
        return self._looked < self._idle_since + min(longest + 3 * IDLE_INTERVAL, MAX_WAIT)

    def _has_passed(self, seconds: float) -> bool:
        return time.monotonic() - self._looked >= seconds

    def _far_leases(self) -> Iterator[Lease]:
        """Yield the leases of trials whose processes run on other machines."""
        for record in self._session.log.running().values():
            lease = lease_of_attr(record.system_attrs.get(LEASE))
            if lease is not None and not lease.elsewhere and not may_be_checked(lease):
                yield lease
