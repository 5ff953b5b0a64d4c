"""SQLite: the dialect, and the handling of its files."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from sweeper_core.storages._sql.dialect import StandardConflicts


class SQLite(StandardConflicts):
    """SQLite; it needs no combined messages, since there is no server."""

    name = "sqlite"
    begin = "BEGIN IMMEDIATE"
    for_update = ""

    def moment(self, at: datetime) -> str:
        return at.strftime("%Y-%m-%d %H:%M:%S.%f")


def is_read_only(path: str) -> bool:
    """Return whether a file exists that this process cannot change, or beside which it cannot create SQLite's files."""
    folder = os.path.dirname(os.path.abspath(path))
    return os.path.exists(path) and not (os.access(path, os.W_OK) and os.access(folder, os.W_OK))


def read_only_uri(path: str) -> str:
    """Return the URI with which SQLite opens a read-only file.

    A file in write-ahead-log mode without its log (a process died, or the file is on read-only media) can only be
    read when the URI declares it immutable.
    """
    uri = f"file:{quote(os.path.abspath(path))}?mode=ro"
    with suppress(sqlite3.Error), closing(sqlite3.connect(uri, uri=True)) as connection:
        connection.execute("SELECT 1 FROM sqlite_master").fetchone()
        return uri
    return uri if Path(f"{path}-wal").exists() else f"{uri}&immutable=1"


def leave(path: str) -> None:
    """Checkpoint the log into the file, and leave write-ahead-log mode when no other process has the file open.

    In that mode a read-only location could not read the file. This does not wait for other processes.
    """
    if not os.path.exists(path) or is_read_only(path):
        return
    with suppress(sqlite3.Error), closing(sqlite3.connect(path, timeout=0)) as connection:
        try:
            connection.execute("PRAGMA journal_mode = delete").fetchone()
        except sqlite3.OperationalError:  # others have it open
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
