"""SQLite: a file, its journal, and how it is left."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from sweeper_core.storages._sql.dialect import StandardConflicts


class SQLite(StandardConflicts):
    """SQLite: no messages, since there is no way to a server."""

    name = "sqlite"
    begin = "BEGIN IMMEDIATE"
    for_update = ""

    def moment(self, at: datetime) -> str:
        return at.strftime("%Y-%m-%d %H:%M:%S.%f")


def is_read_only(path: str) -> bool:
    """Return whether a file exists which this process may not change: SQLite also makes files beside it."""
    folder = os.path.dirname(os.path.abspath(path))
    return os.path.exists(path) and not (os.access(path, os.W_OK) and os.access(folder, os.W_OK))


def read_only_uri(path: str) -> str:
    """Return by what SQLite opens a file that may only be read.

    A file in write-ahead-log mode whose log is not there (somebody died, or it lies on read-only media) can only be
    read when SQLite is told that nobody changes it.
    """
    uri = f"file:{quote(os.path.abspath(path))}?mode=ro"
    with suppress(sqlite3.Error), closing(sqlite3.connect(uri, uri=True)) as connection:
        connection.execute("SELECT 1 FROM sqlite_master").fetchone()
        return uri
    return uri if Path(f"{path}-wal").exists() else f"{uri}&immutable=1"


def leave(path: str) -> None:
    """Bring everything to the file itself, and out of write-ahead-log mode when nobody else has it open.

    In that mode the file could not be read where writing is not allowed. Nobody is waited for.
    """
    if not os.path.exists(path) or is_read_only(path):
        return
    with suppress(sqlite3.Error), closing(sqlite3.connect(path, timeout=0)) as connection:
        try:
            connection.execute("PRAGMA journal_mode = delete").fetchone()
        except sqlite3.OperationalError:  # others have it open
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
