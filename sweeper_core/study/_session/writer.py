"""The trial writer, through which this process stores all data of its running trials."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from sweeper_core.storages.base import Lease, Storage
from sweeper_core.study._session.heartbeat import Heartbeat
from sweeper_core.study._session.write_buffer import WriteBuffer
from sweeper_core.trial.data import NO_DATA, TrialData
from sweeper_core.trial.state import TrialState


class TrialWriter:
    """Stores the data of running trials: those under a lease through a buffer, all others at once. Thread-safe.

    Args:
        storage, study_id: The study.

    Attributes:
        store: Merges data into a running trial, by number, before it returns. Raises ValueError or TypeError when it
            could not be stored, and UpdateFinishedTrialError when the trial has ended, as far as is known.
        describe: The same, through the buffer if any trial is leased.
        report: Stores the value of a step of a running trial, by number; raises as ``store``.
        finish: Ends a running trial, by number, with a state, values and data; returns False (and changes nothing)
            when it is not RUNNING any more.
    """

    def __init__(self, storage: Storage, study_id: int) -> None:
        self._storage = storage
        self._study_id = study_id
        self._heartbeat = Heartbeat(storage, study_id)
        self._buffer = WriteBuffer(storage, study_id, self._heartbeat)
        self.store: Callable[[int, TrialData], None] = partial(storage.describe, study_id)
        self.finish: Callable[..., bool] = partial(storage.finish, study_id)
        self.describe: Callable[[int, TrialData], None] = self.store
        self.report: Callable[[int, int, float], None] = partial(storage.report, study_id)
        self._after_end: Callable[[int], None] | None = None
        self.flush = self._buffer.flush
        """Flush the buffer."""

    def keep_alive(self, number: int, lease: Lease) -> None:
        """Renew a trial's lease in the background until it ends."""
        self.describe, self.report, self.finish = self._buffer.describe, self._buffer.report, self._finish
        self._heartbeat.add(number, lease)

    def watch(self, running: Callable[[], Iterable[int]]) -> None:
        """Write parameters at once while any of the ``running`` trials is not one whose lease this process renews."""
        self._buffer.others_run = lambda: not all(map(self._heartbeat.keeps, running()))

    def let_go(self, number: int) -> None:
        """Stop renewing a trial's lease."""
        self._heartbeat.discard(number)

    def call_after_end(self, call: Callable[[int], None]) -> None:
        """Call a function with the number of each trial that has ended."""
        self._after_end, self.finish = call, self._finish

    def _finish(
        self, number: int, state: TrialState, values: Sequence[float] | None = None, data: TrialData = NO_DATA
    ) -> bool:
        self._heartbeat.discard(number)
        data = self._buffer.take(number).merged(data)
        ended = self._storage.finish(self._study_id, number, state, values, data)
        if self._after_end is not None:
            self._after_end(number)
        return ended

    def beat(self) -> None:
        """Renew all leases now."""
        self._heartbeat.beat()

    def close(self) -> None:
        """Flush the buffer and stop the heartbeat; running trials become stale when their leases expire."""
        self._buffer.flush()
        self._heartbeat.close()
