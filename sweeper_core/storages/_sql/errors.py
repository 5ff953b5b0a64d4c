"""Database errors: which of them are transient, and their translation for users."""

from __future__ import annotations

import re
from typing import Any

import sqlalchemy as sa
import sqlalchemy.exc

from sweeper_core.exceptions import StorageFormatError, StorageInternalError, StorageUnavailableError

_CONFLICT = re.compile(
    "database is locked|database table is locked|database schema is locked|is busy|"
    # A connection that PostgreSQL refuses comes without a code.
    "too many clients|too many connections|remaining connection slots",
    re.IGNORECASE,
)
_CONFLICT_CODES = frozenset({"40001", "40P01", "55P03", "53300", "57P03", 1205, 1213, 1040, 1203, 1226})
"""Deadlock, serialisation, lock time-out, too many connections, server starting (PostgreSQL, MySQL)."""

_AWAY_CODES = frozenset({"57P01", "57P02", "08000", "08001", "08003", "08004", "08006", 2002, 2003, 2006, 2013, 1053})
_AWAY = re.compile(
    "connection refused|could not connect|connection failed|server closed the connection|connection is lost|"
    "consuming input failed|terminating connection|connection timed out|the connection is closed|broken pipe|"
    "connection reset|no route to host|starting up|shutting down|in recovery",
    re.IGNORECASE,
)
_REFUSED = re.compile("authentication failed|access denied|no pg_hba|does not exist|unknown database", re.IGNORECASE)

_EXPLAINED: tuple[tuple[str, type[Exception], str], ...] = (
    ("file is not a database|file is encrypted", StorageFormatError, "The file is not an SQLite database."),
    (
        "unable to open database file",
        StorageUnavailableError,
        "Does its directory exist, and may you write there (SQLite keeps files beside the database)?",
    ),
    ("readonly database|read-only", StorageInternalError, "It is read-only: nothing can be stored in it."),
    (
        "disk is full|no space left|the table '.*' is full",
        StorageInternalError,
        "The disk is full: free some space; nothing was damaged.",
    ),
    (
        "disk i/o error",
        StorageInternalError,
        "The disk is full (SQLite needs some megabytes beside the database to open it), or it fails: free some space, "
        "then run the same command again; what was stored is not lost.",
    ),
    ("database is locked", StorageUnavailableError, "Another program has kept it locked for a minute."),
    ("malformed", StorageFormatError, "The database file is damaged."),
    (
        "password authentication failed|access denied|no password supplied",
        StorageInternalError,
        "The server refused the user or the password.",
    ),
    ("permission denied|command denied", StorageInternalError, "The server does not let this user do that."),
    ('database "[^"]*" does not exist|unknown database', StorageInternalError, "Create that database first."),
)


def _code(error: sa.exc.DBAPIError) -> Any:
    origin: Any = error.orig
    state = getattr(origin, "sqlstate", None) or getattr(origin, "pgcode", None)
    return state or (origin.args[0] if getattr(origin, "args", None) else None)


def first_line(error: Exception) -> str:
    """Return the first line of the driver's message."""
    origin = getattr(error, "orig", None) or error
    return " ".join(str(origin).split())[:500]


def is_passing(error: sa.exc.DBAPIError) -> bool:
    """Return whether an error is transient, caused by concurrent operations."""
    return bool(_CONFLICT.search(str(error.orig))) or _code(error) in _CONFLICT_CODES


def is_away(error: sa.exc.DBAPIError) -> bool:
    """Return whether the server cannot be reached."""
    if _REFUSED.search(str(error.orig)):
        return False
    return error.connection_invalidated or _code(error) in _AWAY_CODES or bool(_AWAY.search(str(error.orig)))


def translated(error: Exception, shown: str) -> Exception:
    """Return the error that is raised instead, with the database as it is shown."""
    text = first_line(error)
    for pattern, kind, advice in _EXPLAINED:
        if re.search(pattern, text, re.IGNORECASE):
            return kind(f"{shown}: {text.rstrip('.')}. {advice}")
    if isinstance(error, sa.exc.DBAPIError) and is_away(error):
        return StorageUnavailableError(f"{shown} cannot be reached: {text}")
    return StorageInternalError(f"{shown}: {text}")
