"""Warnings that a process will be ended: signals, and deadlines."""

from __future__ import annotations

import math
import os
import signal
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from types import FrameType
from typing import Any

GRACE = 20.0
"""Seconds that a signal waits for a checkpoint: less than the 30 seconds of SLURM and Kubernetes before SIGKILL."""

FOR_REPORT = 2.0
"""Seconds that a signal waits, once a checkpoint is saved, for the report of the step that was saved."""

AFTER_JOB = 1.0
"""Seconds that a signal waits when the job has ended meanwhile, so that its result is delivered."""

END_TIMES = ("SLURM_JOB_END_TIME",)
"""Environment variables with the end of the allocation, in seconds since the epoch."""

MAX_FIXED_MARGIN = 30.0
"""Seconds before a known end from which every chance to save is used, at most; plus what a step and a save take."""


class Deadline:
    """A known end of the job.

    Args:
        at: The time of the end, by ``time.time()``.
        whole: Seconds from the beginning to the end: a twentieth of them is the fixed margin.
    """

    def __init__(self, at: float, whole: float = math.inf) -> None:
        self._at = at
        self._fixed = min(MAX_FIXED_MARGIN, whole / 20)

    def is_near(self, now: float, step: float, save: float) -> bool:
        """Return whether this may be the last chance to save.

        Args:
            now: ``time.time()``.
            step: Seconds between two chances.
            save: Seconds that a save takes.
        """
        return now + 1.5 * step + 2.0 * save + self._fixed >= self._at


def end_of_allocation(environment: Mapping[str, str] | None = None) -> float | None:
    """Return the end of this process's allocation, by ``time.time()``; None where it is unknown."""
    environment = os.environ if environment is None else environment
    for name in END_TIMES:
        with suppress(KeyError, ValueError):
            return float(environment[name])
    return None


def ends_of_allocation() -> list[Deadline]:
    """Return the deadline that the scheduler sets, if there is one."""
    end = end_of_allocation()
    return [] if end is None else [Deadline(end)]


def _signals() -> Iterable[int]:
    """Return the signals that may be warnings: SIGTERM, SIGUSR1, and SIGUSR2 where it has a handler (submitit)."""
    yield signal.SIGTERM
    if (first := getattr(signal, "SIGUSR1", None)) is not None:
        yield first
    if (second := getattr(signal, "SIGUSR2", None)) is not None and callable(signal.getsignal(second)):
        yield second


class SignalWatch:
    """Defers signals until a checkpoint is saved and its step reported, then passes them to their usual handling.

    A job that goes on from a checkpoint begins with the step after it: the report of that step has to be there.

    SIGTERM then ends the process, or runs the previous handler (submitit's requeues the job); SIGUSR1 without a handler
    is only a warning. A second signal, or one that has waited for :data:`GRACE`, is not deferred. Only the main thread
    can watch.

    Args:
        grace: Seconds that a signal waits for a checkpoint.
        for_report: Seconds that it waits for the report after it.
    """

    def __init__(self, grace: float = GRACE, for_report: float = FOR_REPORT) -> None:
        self._grace, self._for_report = grace, for_report
        self._saved = False
        self._before: dict[int, Any] = {}
        self._pending: int | None = None
        self._timer: threading.Timer | None = None
        self._saving = 0
        self._over = False
        self._process = 0
        self.heard: str | None = None
        """Name of the last signal received; None before one."""

    def install(self) -> None:
        """Begin to watch in the main thread; do nothing in other threads."""
        if threading.current_thread() is not threading.main_thread() or self._before:
            return
        self._process = os.getpid()
        _watching.append(self)
        for number in _signals():
            before = signal.getsignal(number)
            if before is not None and before != signal.SIG_IGN:  # None: installed by C code, which cannot be put back
                self._before[number] = before
                signal.signal(number, self._handle)
        for number in _noted:
            self._handle(number, None)

    @property
    def pending(self) -> bool:
        """Whether a signal is waiting for a checkpoint."""
        return self._pending is not None

    def begin_save(self) -> None:
        """Defer signals until the save has ended, however long it takes."""
        self._saving += 1

    def end_save(self, saved: bool) -> None:
        """Deliver a signal that waited for the save once the step is reported, or soon."""
        self._saving -= 1
        number = self._pending
        if number is None or self._saving:
            return
        if self._over or (saved and not self._for_report):
            self._send(number)
        elif saved:
            self._saved = True
            self._wait(number, self._for_report)

    def reported(self) -> None:
        """Deliver a signal that waited for this report; called when a report is stored."""
        if self._pending is not None and self._saved and not self._saving:
            self._send(self._pending)

    def close(self) -> None:
        """Stop watching; a pending signal is delivered shortly."""
        number = self._pending
        if self in _watching:
            _watching.remove(self)
        if threading.current_thread() is threading.main_thread():
            for watched, before in self._before.items():
                later = next((one for one in _watching if one._before.get(watched) == self._handle), None)
                if later is not None:  # of another trial in this process, which ends after this one
                    later._before[watched] = before
                elif signal.getsignal(watched) == self._handle:
                    signal.signal(watched, before)
            self._before.clear()
        self._settle()
        if number is not None and not (_is_mere_warning(number) and signal.getsignal(number) == signal.SIG_DFL):
            _deferred.append(number)
            _later(AFTER_JOB, lambda: _deliver(number))

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._process:  # a forked child, which saves nothing
            self._pass_on(number, frame)
            return
        again = self._pending == number
        self.heard = signal.Signals(number).name
        if again and not self._saving:
            self._pass_on(number, frame)
            return
        self._over |= again
        self._pending = number
        if self._timer is None:
            self._wait(number, self._grace)

    def _wait(self, number: int, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = _later(seconds, lambda: os.kill(os.getpid(), number))

    def _send(self, number: int) -> None:
        """Make the main thread deliver a signal now."""
        if threading.current_thread() is threading.main_thread():
            self._pass_on(number, None)
        else:
            os.kill(os.getpid(), number)

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        self._settle()
        before = self._before.get(number, signal.SIG_DFL)
        if callable(before):
            before(number, frame)
        elif not _is_mere_warning(number):
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    def _settle(self) -> None:
        self._pending, self._over, self._saved = None, False, False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


_watching: list[SignalWatch] = []
"""The active watchers of this process, the latest last."""


_noted: set[int] = set()
"""Signals that came while no job watched them, of a process that goes on for a while after them."""


def note(number: int) -> None:
    """Let jobs of this process that begin to watch signals later know of one that has come, and save, too."""
    _noted.add(number)


def forget_noted() -> None:
    """Forget the signals that came."""
    _noted.clear()


_deferred: list[int] = []
"""Signals that came during a job that has just ended, and are not delivered yet."""


def is_pending() -> bool:
    """Return whether a signal to this process waits until the result of a job that has just ended is delivered."""
    return bool(_deferred)


def _deliver(number: int) -> None:
    _deferred.remove(number)
    os.kill(os.getpid(), number)


def end_of_job() -> None:
    """Stop watching for the job that ends in this thread."""
    if threading.current_thread() is threading.main_thread():
        for watch in reversed(_watching.copy()):
            watch.close()


def _is_mere_warning(number: int) -> bool:
    return number != signal.SIGTERM


def _later(seconds: float, do: Callable[[], None]) -> threading.Timer:
    timer = threading.Timer(seconds, do)
    timer.daemon = True
    timer.start()
    return timer
