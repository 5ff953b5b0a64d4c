"""SIGTERM and SIGUSR1, by which schedulers tell a worker that its machine will be taken away.

SLURM (time limits, preemption, ``scancel``, ``--signal``) and Kubernetes send them half a minute or more before
SIGKILL. A worker begins no trial then. Its running trial may end, or save a checkpoint; after that it is handed over:
recorded as stopped, so that whichever worker asks next continues it, without waiting for a lease and without the cost
of a retry.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from hydra_plugins.hydra_hpo_sweeper._lanes._preempted import SIGNALS
from sweeper_core.checkpoints.warned import GRACE, forget_noted, is_pending, note

TOLD = (
    b"\nSIGTERM: no new trials. What runs has %d s to end or to save a checkpoint; then other workers continue it.\n"
    % round(GRACE)
)
WARNED = b"\nSIGUSR1: the end is near: no new trials; running ones go on, and save checkpoints.\n"

REPEAT = 0.5
"""Seconds between signals when the time is over: a job that has begun to watch them meanwhile defers the first."""


class Termination:
    """Handles a scheduler's signals while it is entered (in the main thread; elsewhere nothing is changed).

    A job that saves checkpoints watches the signals itself (:class:`~sweeper_core.checkpoints.warned.SignalWatch`) and
    passes SIGTERM on when it has saved, or after :data:`GRACE`.

    Args:
        told: Called at each signal.
        over: Called when the running jobs are to be ended; it may raise.
    """

    def __init__(self, told: Callable[[], None], over: Callable[[], None]) -> None:
        self._told = told
        self._over = over
        self._before: dict[int, Any] = {}
        self._timer: threading.Timer | None = None
        self.heard: set[int] = set()
        """The signals so far."""

    @property
    def requested(self) -> bool:
        """Whether a signal has come, or is about to be passed on by a job that has just ended."""
        return bool(self.heard) or bool(self._before and is_pending())

    def __enter__(self) -> Termination:
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                if signal.getsignal(number) == signal.SIG_DFL:  # a handler of the user's own stays
                    self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop_timer()
        forget_noted()
        for number, before in self._before.items():
            signal.signal(number, before)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        passed_on = signal.getsignal(number) != self._handle
        again = number in self.heard
        self.heard.add(number)
        if not passed_on:
            note(number)
        self._told()
        if number != signal.SIGTERM:
            if not again:
                os.write(2, WARNED)
        elif passed_on or again:
            self._stop_timer()
            self._over()
        else:
            # Straight to the file: a log handler may be in the middle of a line just now.
            os.write(2, TOLD)
            self._end_after(GRACE)

    def _end_after(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self._timer.start()

    def _end(self) -> None:
        self._end_after(REPEAT)
        os.kill(os.getpid(), signal.SIGTERM)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
