"""The journal as a file: appended under a lock, read in pieces, its torn end repaired.

The lock is a second file, made in a way that is atomic on network file systems too. Who appends holds it; readers do
not. A line counts when its newline is there: what follows the last newline was torn off by a crash, is not
read, and is cut off by the next writer.
"""

from __future__ import annotations

import errno
import os
import random
import re
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sweeper_core import _flock
from sweeper_core.exceptions import StorageUnavailableError
from sweeper_core.logging import get_logger
from sweeper_core.storages._filesystem import is_on_network
from sweeper_core.storages._leases import ProcessName, name_of_process, process_is_gone

_logger = get_logger(__name__)

LOCK_SUFFIX = ".lock"
MIN_PAUSE = 0.0005
MAX_PAUSE = 0.05
"""Seconds between two attempts to take the lock; they double from the smallest to the largest."""
SECONDS_BEFORE_WARNING = 10.0


class BaseJournalFileLock(ABC):
    """Mutual exclusion of all processes that append to one journal, on any machine."""

    @abstractmethod
    def acquire(self) -> bool:
        """Take the lock, after waiting if need be; return True."""

    @abstractmethod
    def release(self) -> None:
        """Give the lock back.

        Raises:
            RuntimeError: Somebody has taken it away (it was held longer than the grace period).
        """


class _LockFile(BaseJournalFileLock):
    """The lock is held while a file exists.

    Args:
        filepath: The journal; the lock lies beside it, with ``.lock`` added to its name.
        grace_period: Seconds after which a lock that nobody has released is taken away from its owner, who
            must have died; None waits for ever. From an owner on the same machine it is taken away as soon as
            that one has died.

    Raises:
        ValueError: The grace period is not positive.
    """

    def __init__(self, filepath: str, grace_period: float | None = 30) -> None:
        if grace_period is not None and grace_period <= 0:
            raise ValueError(f"`grace_period` must be positive or None, but got {grace_period}.")
        self._target = os.fspath(filepath)
        self._file = self._target + LOCK_SUFFIX
        self._leads_to = os.path.basename(self._target)
        self.grace_period = grace_period

    @abstractmethod
    def _make(self) -> None:
        """Make the file, then put the owner's name on it; raise ``FileExistsError`` when it exists."""

    @abstractmethod
    def _owner(self) -> ProcessName | None:
        """Return who has made the file; None where that cannot be told.

        Raises:
            OSError: The file is not there.
        """

    def acquire(self) -> bool:
        pause, began, warned = MIN_PAUSE, time.monotonic(), False
        seen, since = None, began
        while True:
            try:
                self._make()
                return True
            except FileExistsError:
                now = time.monotonic()
            except OSError as error:
                raise StorageUnavailableError(f"The journal {self._target} cannot be locked: {error}") from error
            holder = self._identity()
            if holder != seen:
                seen, since, pause = holder, now, MIN_PAUSE
            elif pause == MAX_PAUSE and self._taken_from_the_dead():
                continue
            elif holder is not None and self.grace_period is not None and now - since > self.grace_period:
                _logger.warning(f"{self._file} was not released for {self.grace_period:g} s; its owner must have died.")
                with suppress(RuntimeError):
                    self.release()
                continue
            if not warned and now - began > SECONDS_BEFORE_WARNING:
                warned = True
                _logger.warning(f"Still waiting for {self._file} after {SECONDS_BEFORE_WARNING:g} s.")
            time.sleep(pause * random.uniform(0.5, 1.5))
            pause = min(2 * pause, MAX_PAUSE)

    def _taken_from_the_dead(self) -> bool:
        """Take the lock away from an owner on this machine that has died; return whether there was one."""
        if not _flock.AVAILABLE or not self._is_of_the_dead():
            return False
        try:
            # All who can see its death are on this machine. One after the other they look again, lest one of them
            # takes away the lock that another has just made.
            with open(self._target, "rb") as journal, _flock.locked(journal):
                if not self._is_of_the_dead():
                    return True
                self.release()
        except (OSError, RuntimeError):
            return False
        _logger.info(f"{self._file} was taken away from a process that has died.")
        return True

    def _is_of_the_dead(self) -> bool:
        try:
            owner = self._owner()
        except OSError:
            return False
        return owner is not None and process_is_gone(owner)

    def release(self) -> None:
        try:
            os.unlink(self._file)
        except OSError as error:
            raise RuntimeError(f"The lock {self._file} was lost before it was released.") from error

    def _identity(self) -> tuple[int, int] | None:
        try:
            found = os.lstat(self._file)
        except OSError:
            return None
        return found.st_ino, found.st_ctime_ns  # the time of its making; the other one may be set


class JournalFileSymlinkLock(_LockFile):
    """A lock made by creating a symbolic link, which is atomic on NFS of version 2 and later."""

    def _make(self) -> None:
        # The link must lead to the journal: Optuna looks there for signs of life.
        os.symlink(self._leads_to, self._file)
        # A longer target, with the owner's name in it, would take four times as long to make.
        name = name_of_process()
        if name is not None:
            with suppress(OSError, NotImplementedError):
                os.utime(self._file, ns=(name.number, name.number), follow_symlinks=False)

    def _owner(self) -> ProcessName | None:
        return ProcessName.of(os.lstat(self._file).st_mtime_ns)


class JournalFileOpenLock(_LockFile):
    """A lock made by opening a file exclusively, atomic on local file systems and on NFS of version 3 and later."""

    def _make(self) -> None:
        descriptor = os.open(self._file, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        try:
            name = name_of_process()
            if name is not None:
                os.write(descriptor, f"{name.number}\n".encode())
        finally:
            os.close(descriptor)

    def _owner(self) -> ProcessName | None:
        with open(self._file, encoding="ascii", errors="replace") as file:
            found = re.fullmatch(r"([0-9]{1,20})\n", file.read(32))
        return None if found is None else ProcessName.of(int(found[1]))


class JournalFileBackend:
    """A journal in a file.

    Args:
        file_path: The file; it is made when it does not exist.
        lock_obj: The lock; None is :class:`JournalFileSymlinkLock`.
        fsync: Whether every write is on the disk when it returns. Without it a write survives the death of any
            process, and with the file's closing reaches the server of a network file system, but the last
            moments may be missing after a power failure.

    Raises:
        StorageUnavailableError: The file cannot be made or read.
    """

    def __init__(self, file_path: str, lock_obj: BaseJournalFileLock | None = None, *, fsync: bool = False) -> None:
        self.path = os.fspath(file_path)
        self._lock = lock_obj or JournalFileSymlinkLock(self.path)
        self._fsync = fsync
        self.quick_writes = not fsync and not is_on_network(self.path)
        """Whether an append waits neither for a disk nor for a network."""
        with _ClearErrors(self.path):
            os.close(os.open(self.path, os.O_RDONLY | (0 if os.path.exists(self.path) else os.O_CREAT), 0o666))

    @contextmanager
    def locked(self) -> Iterator[OpenJournal]:
        """Hold the lock, with the journal open: opened after the lock was taken, it shows all that others wrote."""
        self._lock.acquire()
        try:
            with _ClearErrors(self.path):
                descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND)
            try:
                yield OpenJournal(self.path, descriptor, self._fsync)
            finally:
                with _ClearErrors(self.path):  # a network file system may not say before that it has no space
                    os.close(descriptor)
        finally:
            try:
                self._lock.release()
            except RuntimeError as error:
                _logger.warning(str(error))

    def read(self, offset: int) -> bytes:
        """Return the complete lines after an offset in bytes; see :meth:`OpenJournal.read`."""
        with _ClearErrors(self.path):
            descriptor = os.open(self.path, os.O_RDONLY)
        try:
            return OpenJournal(self.path, descriptor, self._fsync).read(offset)
        finally:
            os.close(descriptor)


class OpenJournal:
    """The file while it is open.

    Args:
        path: Names the file in messages.
        descriptor: Of the open file; whoever has opened it closes it.
        fsync: As for :class:`JournalFileBackend`.
    """

    def __init__(self, path: str, descriptor: int, fsync: bool) -> None:
        self._path = path
        self._descriptor = descriptor
        self._fsync = fsync

    def read(self, offset: int) -> bytes:
        """Return the complete lines after an offset in bytes.

        Raises:
            JournalShrunk: The file is shorter than the offset.
        """
        with _ClearErrors(self._path):
            missing = os.fstat(self._descriptor).st_size - offset
            if missing < 0:
                raise JournalShrunk
            if missing == 0:
                return b""
            os.lseek(self._descriptor, offset, os.SEEK_SET)
            pieces = []
            while missing > 0 and (piece := os.read(self._descriptor, missing)):
                pieces.append(piece)
                missing -= len(piece)
        content = b"".join(pieces)
        return content[: content.rfind(b"\n") + 1]

    def append(self, offset: int, content: bytes) -> None:
        """Write complete lines at an offset, the end of all complete ones; what was torn off there is cut away.

        Either all of it is in the file afterwards, or nothing. The lock is held by the caller.

        Raises:
            StorageUnavailableError: It cannot be written, or the lock was taken away and somebody else has written.
        """
        with _ClearErrors(self._path):
            if os.fstat(self._descriptor).st_size != offset:
                self._cut_torn_end(offset)
            try:
                rest = memoryview(content)
                while rest:
                    rest = rest[os.write(self._descriptor, rest) :]
                if self._fsync:
                    os.fsync(self._descriptor)
            except BaseException:
                os.ftruncate(self._descriptor, offset)
                raise

    def _cut_torn_end(self, offset: int) -> None:
        try:
            others = self.read(offset)
        except JournalShrunk:
            others = b"nothing where something was"
        if others:
            raise StorageUnavailableError(
                f"The journal {self._path} was changed by another process while this one, which stood still for too "
                "long, believed that it held the lock. Nothing was written; try again."
            )
        os.ftruncate(self._descriptor, offset)


class JournalShrunk(Exception):
    """The file is not what it was: it was replaced, or a write was taken back."""


class _ClearErrors:  # a generator would cost more than most of what is guarded
    """Says which journal it was that could not be used, and why."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, OSError):
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            reason = "there is no space left" if full else error.strerror or error
            raise StorageUnavailableError(f"The journal {self._path} cannot be used: {reason}.") from error
