"""Exclusive use of a file by one process at a time; the only place that asks which operating system this is for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

AVAILABLE = fcntl is not None
"""Whether the platform has file locks; elsewhere locking does nothing."""


@contextmanager
def locked(file: IO[Any]) -> Iterator[None]:
    """Hold an open file's lock until the block ends.

    Raises:
        OSError: The file system has no locks.
    """
    if fcntl is None:
        yield
        return
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)
