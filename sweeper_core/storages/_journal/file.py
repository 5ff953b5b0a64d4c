"""The journal file: writers append under a lock, readers read increments, and a torn end is repaired.

The lock is a second file, whose creation is atomic on network file systems too. Only writers hold it. A line counts
when its newline is there: bytes after the last newline are a write torn by a crash; readers ignore them and the next
writer truncates them.
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
from sweeper_core.storages._permissions import share

_logger = get_logger(__name__)

LOCK_SUFFIX = ".lock"
MIN_PAUSE = 0.0005
MAX_PAUSE = 0.05
"""Seconds between two attempts to take the lock; they double from the smallest to the largest."""
SECONDS_BEFORE_WARNING = 10.0
MAX_REOPENED = 20
"""Number of times that a file is opened whose handle is stale, or which does not show yet what is known to be in it."""
PAUSE_BEFORE_REOPENING = 0.1
MAX_LATE = 60.0
"""Seconds in which a file on a network file system that has become shorter counts as seen late: attribute caches of NFS
last for up to 60 s (``acregmax``). After that it was replaced."""


class BaseJournalFileLock(ABC):
    """Mutual exclusion of all processes that append to one journal, on any machine."""

    @abstractmethod
    def acquire(self) -> bool:
        """Take the lock, after waiting if need be; return True."""

    @abstractmethod
    def release(self) -> None:
        """Release the lock.

        Raises:
            RuntimeError: Another process has broken the lock (it was held longer than the grace period).
        """


class _LockFile(BaseJournalFileLock):
    """A lock that is held while its file exists.

    Args:
        filepath: The journal; the lock lies beside it, with ``.lock`` added to its name.
        grace_period: Seconds after which a lock that was not released is broken, since its owner must have died;
            None waits for ever. The lock of an owner on the same machine is broken as soon as that process
            is dead.

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
        """Create the file, then store the owner's name in it; raise ``FileExistsError`` when it exists."""

    @abstractmethod
    def _owner(self) -> ProcessName | None:
        """Return the process that created the file; None when it is unknown.

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
        """Break the lock of a dead owner on this machine; return whether there was one."""
        if not _flock.AVAILABLE or not self._is_of_the_dead():
            return False
        try:
            # Only processes of this machine can see that the owner is dead. They check again one at a time, so that
            # none of them breaks a lock that another has just acquired.
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
        return found.st_ino, found.st_ctime_ns  # the change time: programs can set the modification time


class JournalFileSymlinkLock(_LockFile):
    """A lock made by creating a symbolic link, which is atomic on NFS of version 2 and later."""

    def _make(self) -> None:
        # The link must point to the journal: Optuna takes the journal's modification time as a heartbeat.
        os.symlink(self._leads_to, self._file)
        # Creating a link with a longer target, which contains the owner's name, takes four times as long.
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
        fsync: Whether every write is on disk when it returns. Without it a write survives the death of any
            process, and reaches the server of a network file system when the file is closed, but the last
            writes may be missing after a power failure.

    Raises:
        StorageUnavailableError: The file cannot be made or read.
    """

    def __init__(self, file_path: str, lock_obj: BaseJournalFileLock | None = None, *, fsync: bool = False) -> None:
        self.path = os.fspath(file_path)
        self._lock = lock_obj or JournalFileSymlinkLock(self.path)
        self._fsync = fsync
        self._on_network = is_on_network(self.path) is not None
        self._short_since: float | None = None
        self.quick_writes = not fsync and not self._on_network
        """Whether an append waits neither for a disk nor for a network."""
        with _ClearErrors(self.path):
            new = not os.path.exists(self.path)
            os.close(os.open(self.path, os.O_RDONLY | (os.O_CREAT if new else 0), 0o666))
        if new:
            share(self.path)

    @contextmanager
    def locked(self, at_least: int = 0) -> Iterator[OpenJournal]:
        """Hold the lock and open the journal; it is opened after the lock was acquired, so that it shows all writes.

        Args:
            at_least: Bytes that the file is known to have; a network file system may show them late.
        """
        self._lock.acquire()
        try:
            descriptor = self._opened_late(at_least)
            try:
                yield OpenJournal(self.path, descriptor, self._fsync)
            finally:
                with _ClearErrors(self.path):  # a network file system may report a full disk only on close
                    os.close(descriptor)
        finally:
            try:
                self._lock.release()
            except RuntimeError as error:
                _logger.warning(str(error))

    def _opened_late(self, at_least: int) -> int:
        """Return a descriptor for writing; on a network file system, wait for what is known to be in the file."""
        for left in reversed(range(MAX_REOPENED)):
            try:
                with _ClearErrors(self.path):
                    descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND)
                    size = os.fstat(descriptor).st_size if self._on_network else at_least
            except StaleHandle:
                if not left:
                    raise
            else:
                if size >= at_least:
                    self._short_since = None
                    return descriptor
                if not left and not self._may_be_late():
                    return descriptor
                os.close(descriptor)
                if not left:
                    raise StorageUnavailableError(
                        f"The journal {self.path} has {size} bytes on this machine, where {at_least} were seen before: "
                        "its file system shows others' writes too late."
                    )
            time.sleep(PAUSE_BEFORE_REOPENING)
        raise AssertionError

    def read(self, offset: int) -> bytes:
        """Return the complete lines after an offset in bytes; see :meth:`OpenJournal.read`.

        A network file system may show a file for a while as it was before: then nothing is new.
        """
        try:
            content = self._read(offset)
        except JournalShrunk:
            if self._may_be_late():
                return b""
            raise
        self._short_since = None
        return content

    def _read(self, offset: int) -> bytes:
        for left in reversed(range(MAX_REOPENED)):
            try:
                with _ClearErrors(self.path):
                    descriptor = os.open(self.path, os.O_RDONLY)
                try:
                    return OpenJournal(self.path, descriptor, self._fsync).read(offset)
                finally:
                    os.close(descriptor)
            except StaleHandle:
                if not left:
                    raise
            time.sleep(PAUSE_BEFORE_REOPENING)
        raise AssertionError

    def _may_be_late(self) -> bool:
        """Return whether a file that is shorter than it was may have been read from a cache of its file system."""
        if not self._on_network:
            return False
        if self._short_since is None:
            self._short_since = time.monotonic()
        return time.monotonic() - self._short_since < MAX_LATE


class OpenJournal:
    """The file while it is open.

    Args:
        path: The file's name in messages.
        descriptor: Descriptor of the open file; the caller closes it.
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
        """Write complete lines at an offset, the end of the last complete line; a torn line there is truncated.

        Either all lines are in the file afterwards, or none. The caller holds the lock.

        Raises:
            StorageUnavailableError: The file cannot be written, or the lock was broken and another process has written.
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


class StaleHandle(StorageUnavailableError):
    """The file was replaced on the file server (``ESTALE``); it has to be opened anew."""


class JournalShrunk(Exception):
    """The file was replaced, or a write was rolled back."""


class _ClearErrors:  # a generator would cost more than most of what is guarded
    """Translates ``OSError`` into an error that names the journal and the reason."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, OSError):
            kind = StaleHandle if error.errno == errno.ESTALE else StorageUnavailableError
            raise kind(f"The journal {self._path} cannot be used: {self._reason(error)}.") from error

    def _reason(self, error: OSError) -> object:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return "there is no space left"
        folder = os.path.dirname(os.path.abspath(self._path))
        if error.errno == errno.ENOENT and not os.path.isdir(folder):
            return f"there is no directory {folder} (journal:///path is relative, journal:////path absolute)"
        return error.strerror or error
