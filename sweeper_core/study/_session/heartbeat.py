"""Heartbeat: a thread that renews the leases of the trials that this process runs."""

from __future__ import annotations

import threading

from sweeper_core._forks import reset_after_fork
from sweeper_core.exceptions import StorageInternalError
from sweeper_core.logging import get_logger
from sweeper_core.storages.base import Lease, Storage

_logger = get_logger(__name__)


class Heartbeat:
    """Renews the leases of a set of running trials; the thread lives only while there are any.

    A heartbeat that cannot reach the storage is followed by the next one as usual.
    """

    def __init__(self, storage: Storage, study_id: int) -> None:
        self._storage = storage
        self._study_id = study_id
        self.after_fork()
        reset_after_fork(self)

    def after_fork(self) -> None:
        """Reset to no trials: a forked child has no thread, and its parent renews its own leases."""
        self._lock = threading.Lock()
        self._numbers: set[int] = set()
        self._idle: threading.Event | None = None

    def add(self, number: int, lease: Lease) -> None:
        """Renew a trial's lease until it is discarded."""
        with self._lock:
            self._numbers.add(number)
            if self._idle is None:
                self._idle = threading.Event()
                arguments = (self._idle, lease.interval)
                threading.Thread(target=self._run, args=arguments, name="hpo-heartbeat", daemon=True).start()

    def keeps(self, number: int) -> bool:
        """Return whether this process renews a trial's lease."""
        return number in self._numbers

    def discard(self, number: int) -> None:
        """Stop renewing a trial's lease."""
        with self._lock:
            self._numbers.discard(number)

    def close(self) -> None:
        """Stop the thread; leases expire by themselves."""
        with self._lock:
            self._numbers.clear()
            self._stop()

    def _stop(self) -> None:
        if self._idle is not None:
            self._idle.set()
            self._idle = None

    def _run(self, idle: threading.Event, interval: float) -> None:
        while not idle.wait(interval):
            with self._lock:
                if not self._numbers:  # not sooner: the next trial mostly comes at once
                    self._stop()
            self.beat()

    def beat(self) -> None:
        """Renew all leases now."""
        with self._lock:
            numbers = sorted(self._numbers)
        if not numbers:
            return
        try:
            lost = self._storage.heartbeat(self._study_id, numbers)
        except StorageInternalError as error:
            _logger.warning(f"The leases of the running trials {numbers} could not be renewed: {error}")
            return
        with self._lock:
            stale = self._numbers.intersection(lost)
            self._numbers -= stale
        for number in sorted(stale):
            _logger.warning(
                f"Trial {number} was failed as stale elsewhere; its result counts unless a retry starts before."
            )
