"""Buffer a running trial's writes and flush them in batches.

A define-by-run objective suggests one parameter after the other, and reports many values; a transaction for each could
cost more than the objective. Writes are buffered until the trial ends, until this process reads the study (for a
pruner, for example), or for half a second, whichever comes first. Where a write is quick, and while other processes run
trials of the study, parameters are written as soon as the trial has all those of an earlier trial, which are most
likely all of its own: so the parameters are stored even when a job dies within a millisecond, and whoever asks next
knows them.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Mapping
from typing import Any

from sweeper_core._exit import before_closing
from sweeper_core._forks import reset_after_fork
from sweeper_core.distributions import BaseDistribution
from sweeper_core.exceptions import StorageInternalError, UpdateFinishedTrialError
from sweeper_core.logging import get_logger
from sweeper_core.storages.base import MAX_COMMON_STEP, Storage
from sweeper_core.study._session.heartbeat import Heartbeat
from sweeper_core.trial.data import NO_DATA, TrialData

_logger = get_logger(__name__)

TICK = 0.25
"""Seconds; writes buffered for a whole tick are flushed at its end."""

IDLE_TICKS = 40
"""The thread ends after this many ticks with an empty buffer."""

MAX_KINDS = 1024
"""Maximum number of cached sequences of parameters."""


class Pending:
    """The buffered writes of one trial."""

    __slots__ = ("distributions", "old", "params", "reports", "system_attrs", "user_attrs")

    def __init__(self) -> None:
        self.params: dict[str, Any] = {}
        self.distributions: dict[str, BaseDistribution] = {}
        self.reports: list[tuple[int, float]] = []
        self.user_attrs: dict[str, Any] = {}
        self.system_attrs: dict[str, Any] = {}
        self.old = False

    def add(self, later: TrialData) -> None:
        """Add later writes."""
        self.params.update(later.params)
        self.distributions.update(later.distributions)
        self.reports.extend(later.reports)
        self.user_attrs.update(later.user_attrs)
        self.system_attrs.update(later.system_attrs)

    @property
    def data(self) -> TrialData:
        """All of them, in the form for storages."""
        return TrialData(self.params, self.distributions, self.reports, self.user_attrs, self.system_attrs)


class WriteBuffer:
    """Buffers the writes of running trials and stores them in few transactions. Thread-safe.

    Args:
        storage, study_id: The study.
        heartbeat: The leases that this process renews. Only these trials are buffered: another process may end any
            other trial before its writes are stored.
    """

    def __init__(self, storage: Storage, study_id: int, heartbeat: Heartbeat) -> None:
        self._storage = storage
        self._study_id = study_id
        self._heartbeat = heartbeat
        self.others_run: Callable[[], bool] = lambda: False
        """Whether other processes, as far as is known, run trials of the study."""
        self._forked = False
        self._reset()
        _buffers.add(self)
        reset_after_fork(self)

    def after_fork(self) -> None:
        """Disable buffering: a forked child may end at any moment, and its parent flushes the buffered writes."""
        self._forked = True
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._pending: dict[int, Pending] = {}
        self._ended: dict[int, UpdateFinishedTrialError] = {}
        self._ticking = False
        self._names: dict[int, tuple[str, ...]] = {}
        self._whole: set[tuple[str, ...]] = set()

    def describe(self, number: int, data: TrialData) -> None:
        """Buffer data of a running trial.

        Raises:
            ValueError, TypeError: They could not be stored.
            UpdateFinishedTrialError: The trial has been ended elsewhere, as far as is known.
        """
        if self._at_once(number):
            self._storage.describe(self._study_id, number, data)
            return
        self._storage.check(data)
        with self._lock:
            self._of(number).add(data)
            whole = bool(data.params) and self._is_whole(number, data.params)
            whole = whole and (self._storage.quick_writes or self.others_run())
        if whole:
            self._write([number])

    def _is_whole(self, number: int, params: Mapping[str, Any]) -> bool:
        """Return whether the trial now has the parameters of an earlier one; True while none is known."""
        names = self._names[number] = (*self._names.get(number, ()), *params)
        return not self._whole or names in self._whole

    def report(self, number: int, step: int, value: float) -> None:
        """Buffer a report of a running trial.

        Raises:
            ValueError, UpdateFinishedTrialError: See :meth:`describe`.
        """
        if self._at_once(number):
            self._storage.report(self._study_id, number, step, value)
            return
        if step > MAX_COMMON_STEP:
            self._storage.check(TrialData(reports=[(step, value)]))
        with self._lock:
            self._of(number).reports.append((step, value))

    def _at_once(self, number: int) -> bool:
        return self._forked or not self._heartbeat.keeps(number)

    def _of(self, number: int) -> Pending:
        if number in self._ended:
            raise self._ended[number]
        pending = self._pending.get(number)
        if pending is None:
            pending = self._pending[number] = Pending()
            if not self._ticking:
                self._ticking = True
                threading.Thread(target=_tick, args=(weakref.ref(self),), name="hpo-write-buffer", daemon=True).start()
        return pending

    def flush(self) -> None:
        """Flush all buffered writes."""
        if self._pending:
            self._write(list(self._pending))

    def take(self, number: int) -> TrialData:
        """Return the buffered writes of a trial, for the transaction that ends it."""
        with self._writing, self._lock:  # after the current write, which has to precede the end
            self._ended.pop(number, None)
            if number in self._names:
                self._remember(self._names.pop(number))
            pending = self._pending.pop(number, None)
        return NO_DATA if pending is None else pending.data

    def _remember(self, names: tuple[str, ...]) -> None:
        if len(self._whole) >= MAX_KINDS:
            self._whole.clear()
        self._whole.add(names)

    def _write(self, numbers: list[int]) -> None:
        with self._writing:
            for number in numbers:
                self._write_one(number)

    def _write_one(self, number: int) -> None:
        with self._lock:
            pending = self._pending.pop(number, None)
        if pending is None:
            return
        try:
            if _is_one_report(pending):
                self._storage.report(self._study_id, number, *pending.reports[0])
            else:
                self._storage.describe(self._study_id, number, pending.data)
        except UpdateFinishedTrialError as error:
            # Another process has ended the trial; the caller gets the error at its next write.
            with self._lock:
                self._ended[number] = error
        except BaseException:
            self._put_back(number, pending)
            raise

    def _put_back(self, number: int, pending: Pending) -> None:
        with self._lock:
            later = self._pending.get(number)
            if later is not None:
                pending.add(later.data)
            self._pending[number] = pending

    def tick(self) -> bool:
        """Flush the writes buffered before the last tick; return whether there are or were any."""
        with self._lock:
            old = [number for number, pending in self._pending.items() if pending.old]
            for pending in self._pending.values():
                pending.old = True
            busy = bool(self._pending)
        try:
            self._write(old)
        except StorageInternalError as error:
            _logger.warning(f"The buffered writes of running trials could not be stored yet: {error}")
        return busy

    def rest(self) -> bool:
        """Let the thread end if the buffer is empty; return whether it may."""
        with self._lock:
            self._ticking = bool(self._pending)
            return not self._ticking


def _is_one_report(pending: Pending) -> bool:
    others = pending.params or pending.user_attrs or pending.system_attrs
    return len(pending.reports) == 1 and not others


def _tick(reference: weakref.ref[WriteBuffer]) -> None:
    """Run the thread of a buffer, as long as it exists and has work."""
    pause = threading.Event()
    idle = 0
    while True:
        pause.wait(TICK)
        buffer = reference()
        if buffer is None:
            return
        idle = 0 if buffer.tick() else idle + 1
        if idle >= IDLE_TICKS and buffer.rest():
            return
        del buffer


_buffers: weakref.WeakSet[WriteBuffer] = weakref.WeakSet()


@before_closing
def _flush_all() -> None:
    for buffer in list(_buffers):
        try:
            buffer.flush()
        except StorageInternalError as error:
            _logger.warning(f"The buffered writes of running trials could not be stored at the end: {error}")
