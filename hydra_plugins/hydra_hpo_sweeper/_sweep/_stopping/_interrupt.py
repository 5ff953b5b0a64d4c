"""Ctrl-C: once to start no more trials, twice to stop the running ones, a third time to end at once."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType
from typing import Any

NOTICE = b"\nInterrupted: no new trials; running ones finish. Press Ctrl-C again to stop them.\n"


AT_ONCE = b"\nInterrupted again: the sweep ends at once. The next run takes up what it has left.\n"


class Interrupt:
    """Counts interrupts while it is entered (in the main thread; elsewhere nothing is changed).

    Args:
        inline: Jobs run in this very thread: the second interrupt is raised inside the job.
    """

    def __init__(self, inline: bool) -> None:
        self.count = 0
        self.inline = inline
        self._before: Any = None
        self._installed = False

    @property
    def requested(self) -> bool:
        """Whether no more trials are to be started."""
        return self.count > 0

    @property
    def stop_now(self) -> bool:
        """Whether running jobs are to be ended."""
        return self.count > 1

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._handle)
            self._installed = True
        return self

    def __exit__(self, *exception: object) -> None:
        if self._installed:
            signal.signal(signal.SIGINT, self._before)

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
