"""Heartbeats of the journal storage: one small file per running trial, whose time the file server sets.

Heartbeats therefore do not fill the journal, and all machines share one clock.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress

from sweeper_core.storages._permissions import share

SUFFIX = ".beats"


class HeartbeatFiles:
    """The folder of these files.

    Args:
        journal: Path of the journal.
        worker: Names the process in names of temporary files.
    """

    def __init__(self, journal: str, worker: str) -> None:
        self._folder = journal + SUFFIX
        self._worker = worker

    def touch(self, name: str) -> None:
        """Set the time of a heartbeat to now, by the file server's clock."""
        os.close(self._touched(self._path(name)))

    def remove(self, name: str) -> None:
        """Remove the file of a trial that has ended."""
        with suppress(FileNotFoundError):
            os.unlink(self._path(name))

    def last(self, name: str) -> float:
        """Return the time of the last heartbeat; a trial without one gets a first heartbeat now."""
        try:
            return os.stat(self._path(name)).st_mtime
        except FileNotFoundError:
            self.touch(name)
            return os.stat(self._path(name)).st_mtime

    def now(self) -> float:
        """Return the file server's time."""
        path = self._path(f".now-{self._worker}{os.getpid()}-{threading.get_ident()}")
        descriptor = self._touched(path)
        try:
            return os.fstat(descriptor).st_mtime
        finally:
            os.close(descriptor)
            os.unlink(path)

    def tidy(self) -> None:
        """Remove the folder when it is empty."""
        with suppress(OSError):
            os.rmdir(self._folder)

    def _path(self, name: str) -> str:
        return os.path.join(self._folder, name)

    def _touched(self, path: str) -> int:
        while True:
            try:
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o666)
            except FileNotFoundError:  # another process may have removed the empty folder
                os.makedirs(self._folder, exist_ok=True)
                share(self._folder)
                continue
            os.utime(path)
            return descriptor
