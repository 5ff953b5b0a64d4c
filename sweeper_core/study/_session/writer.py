"""The trial writer, through which this process stores all data of its running trials."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from sweeper_core.storages.base import Lease, Storage
from sweeper_core.study._session.heartbeat import Heartbeat
from sweeper_core.study._session.write_buffer import WriteBuffer
from sweeper_core.trial.data import NO_DATA, TrialData
from sweeper_core.trial.state import TrialState


class TrialWriter:
    """Stores the data of running trials: those under a lease through a buffer, all others at once. Thread-safe.

    Args:
        storage, study_id: The study.
    """

    def __init__(self, storage: Storage, study_id: int) -> None:
        self._storage = storage
        self._study_id = study_id
        self._heartbeat = Heartbeat(storage, study_id)
        self._buffer = WriteBuffer(storage, study_id, self._heartbeat)
        self._has_leased = False
        self.after_end: Callable[[int], None] | None = None
        """Called with the number of each trial that has ended."""
        self.flush = self._buffer.flush
        """Flush the buffer."""

    def keep_alive(self, number: int, lease: Lease) -> None:
        """Renew a trial's lease in the background until it ends."""
        self._has_leased = True
        self._heartbeat.add(number, lease)

    def watch(self, running: Callable[[], Iterable[int]]) -> None:
        """Write parameters at once while any of the ``running`` trials is not one whose lease this process renews."""
        self._buffer.others_run = lambda: not all(map(self._heartbeat.keeps, running()))

    def let_go(self, number: int) -> None:
        """Stop renewing a trial's lease."""
        self._heartbeat.discard(number)

    def describe(self, number: int, data: TrialData, *, at_once: bool = False) -> None:
        """Merge data into a running trial.

        Args:
            at_once: Store it before this returns, whether the trial is leased or not.

        Raises:
            ValueError, TypeError: It could not be stored.
            UpdateFinishedTrialError: The trial has ended, as far as is known.
        """
        if self._has_leased and not at_once:
            self._buffer.describe(number, data)
        else:
            self._storage.describe(self._study_id, number, data)

    def report(self, number: int, step: int, value: float) -> None:
        """Store a report of a running trial; raises as :meth:`describe`."""
        if self._has_leased:
            self._buffer.report(number, step, value)
        else:
            self._storage.report(self._study_id, number, step, value)

    def finish(
        self, number: int, state: TrialState, values: Sequence[float] | None = None, data: TrialData = NO_DATA
    ) -> bool:
        """End a running trial; return False (and change nothing) when it is not RUNNING any more."""
        if self._has_leased:
            self._heartbeat.discard(number)
            data = self._buffer.take(number).merged(data)
        ended = self._storage.finish(self._study_id, number, state, values, data)
        if self.after_end is not None:
            self.after_end(number)
        return ended

    def beat(self) -> None:
        """Renew all leases now."""
        self._heartbeat.beat()

    def close(self) -> None:
        """Flush the buffer and stop the heartbeat; running trials become stale when their leases expire."""
        self._buffer.flush()
        self._heartbeat.close()
