"""What an error says to the user: one line."""

from __future__ import annotations

from sweeper_core.exceptions import SweeperError
from sweeper_core.report.texts import one_line

PLAIN = (SweeperError, KeyError, ValueError, OSError, ModuleNotFoundError)
"""Errors whose own text says what to do."""


def message_of(error: Exception) -> str:
    """Return an error's text as one line; an unexpected error has its type, and how to get its traceback."""
    # The text of a KeyError is the representation of its argument.
    text = error.args[0] if isinstance(error, KeyError) and error.args else error
    line = one_line(text) or type(error).__name__
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        line = one_line(f"{error.filename}: {error.strerror}")
    if isinstance(error, PLAIN):
        return line
    return f"{type(error).__name__}: {line} (unexpected; HPO_DEBUG=1 shows where)"
