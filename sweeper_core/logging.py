"""Logging under one library root: verbosity, propagation and handlers.

By default messages of level INFO and above go to standard error, in colour on a terminal, and not to
the application's own handlers.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from logging import CRITICAL, DEBUG, ERROR, FATAL, INFO, WARN, WARNING
from typing import TYPE_CHECKING, Any

__all__ = [
    "CRITICAL",
    "DEBUG",
    "ERROR",
    "FATAL",
    "INFO",
    "WARN",
    "WARNING",
    "create_default_formatter",
    "disable_default_handler",
    "disable_propagation",
    "enable_default_handler",
    "enable_propagation",
    "get_logger",
    "get_verbosity",
    "set_verbosity",
]

ROOT = __name__.split(".")[0]

_COLOURS = {logging.DEBUG: "36", logging.INFO: "32", logging.WARNING: "33", logging.ERROR: "31", logging.CRITICAL: "31"}
_lock = threading.Lock()
_default_handler: logging.Handler | None = None


if TYPE_CHECKING:
    _Stream = logging.StreamHandler[Any]
else:
    _Stream = logging.StreamHandler  # has no brackets before Python 3.11


class _StandardError(_Stream):
    """Writes to what ``sys.stderr`` is at that moment, so that redirections and captures work."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> Any:
        return sys.stderr

    @stream.setter
    def stream(self, stream: Any) -> None:
        raise AttributeError("This handler always writes to sys.stderr.")


class _LineFormatter(logging.Formatter):
    """``[I 2026-01-31 12:00:00,000] message``; the stamp in colour where asked for.

    Formatting the time is most of what a line costs, so the second is formatted once.
    """

    def __init__(self, colour: bool) -> None:
        super().__init__("[%(levelname).1s %(asctime)s] %(message)s")
        self._colour = colour
        self._second = (-1, "")

    def format(self, record: logging.LogRecord) -> str:
        second = int(record.created)
        if second != self._second[0]:
            self._second = (second, time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second)))
        stamp = f"[{record.levelname[0]} {self._second[1]},{int(record.msecs):03d}]"
        if self._colour:
            stamp = f"\x1b[{_COLOURS.get(record.levelno, '0')}m{stamp}\x1b[0m"
        line = f"{stamp} {record.getMessage()}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def create_default_formatter() -> logging.Formatter:
    """Return the formatter of the default handler: ``[I 2026-01-31 12:00:00,000] message``."""
    terminal = hasattr(sys.stderr, "isatty") and sys.stderr.isatty()
    return _LineFormatter(terminal and not os.environ.get("NO_COLOR"))


def _root() -> logging.Logger:
    """Return the library's root logger, set up on first use."""
    global _default_handler
    root = logging.getLogger(ROOT)
    with _lock:
        if _default_handler is None:
            _default_handler = _StandardError()
            _default_handler.setFormatter(create_default_formatter())
            root.addHandler(_default_handler)
            root.setLevel(logging.INFO)
            root.propagate = False
    return root


def get_logger(name: str) -> logging.Logger:
    """Return a logger below the library's root."""
    _root()
    return logging.getLogger(name)


def get_verbosity() -> int:
    """Return the level from which messages are shown."""
    return _root().getEffectiveLevel()


def set_verbosity(verbosity: int) -> None:
    """Set the level from which messages are shown (``logging.WARNING`` suppresses the line of each trial)."""
    _root().setLevel(verbosity)


def disable_default_handler() -> None:
    """Stop to write to standard error."""
    root = _root()
    assert _default_handler is not None
    root.removeHandler(_default_handler)


def enable_default_handler() -> None:
    """Write to standard error (again)."""
    root = _root()
    assert _default_handler is not None
    root.addHandler(_default_handler)


def disable_propagation() -> None:
    """Keep messages from the application's own root logger (the default)."""
    _root().propagate = False


def enable_propagation() -> None:
    """Hand messages to the application's own root logger too."""
    _root().propagate = True
