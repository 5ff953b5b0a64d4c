"""Ctrl-C: once to start no more trials, twice to stop the running ones, a third time to end at once.

A worker understands the signals of schedulers, too (:class:`Termination`).
"""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType
from typing import Any

from hydra_plugins.hydra_hpo_sweeper._sweep._stopping._termination import Termination

NOTICE = b"\nInterrupted: no new trials; running ones finish. Press Ctrl-C again to stop them.\n"


AT_ONCE = b"\nInterrupted again: the sweep ends at once. The next run takes up what it has left.\n"


class Interrupt:
    """Counts interrupts while it is entered (in the main thread; elsewhere nothing is changed).

    Args:
        inline: Jobs run in this very thread: the second interrupt is raised inside the job.
        worker: Whether a scheduler may end this process: its trials go on elsewhere then.
    """

    def __init__(self, inline: bool, worker: bool = False) -> None:
        self.count = 0
        self.inline = inline
        self._termination = Termination(self._told, self._stop) if worker else None
        self._before: Any = None
        self._installed = False

    @property
    def requested(self) -> bool:
        """Whether no more trials are to be started."""
        return self.count > 0 or self.terminated

    @property
    def terminated(self) -> bool:
        """Whether a scheduler has told this process to end."""
        return self._termination is not None and self._termination.requested

    @property
    def handing_over(self) -> bool:
        """Whether running jobs are about to be ended by a scheduler, which may have ended their children already."""
        return self._termination is not None and signal.SIGTERM in self._termination.heard

    @property
    def status(self) -> int:
        """Exit status of an interrupted process, as shells have it."""
        return 128 + (signal.SIGTERM if self.terminated else signal.SIGINT)

    @property
    def stop_now(self) -> bool:
        """Whether running jobs are to be ended."""
        return self.count > 1

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._handle)
            self._installed = True
        if self._termination is not None:
            self._termination.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._termination is not None:
            self._termination.__exit__()
        if self._installed:
            signal.signal(signal.SIGINT, self._before)

    def _told(self) -> None:
        self.count = max(self.count, 1)

    def _stop(self) -> None:
        self.count = max(self.count, 2)
        if self.inline:
            raise KeyboardInterrupt

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        self.count += 1
        if self.count == 1:
            # Straight to the file: a log handler may be in the middle of a line just now.
            os.write(2, NOTICE)
        elif self.inline:
            raise KeyboardInterrupt
        elif self.count > 2:
            # What the sweep waits for (a cluster, a storage) may not answer. To the study it is as if it were killed.
            os.write(2, AT_ONCE)
            os._exit(130)
