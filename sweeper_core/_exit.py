"""What is closed when the interpreter ends, also after an exception, and when a worker process of its own ends."""

from __future__ import annotations

import atexit
import sys
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol


class Closable(Protocol):
    """What has to be closed."""

    def close(self) -> None:
        """Clean up without waiting."""


_open: weakref.WeakSet[Closable] = weakref.WeakSet()
_first: list[Callable[[], None]] = []
_children: set[int] = set()


def before_closing(function: Callable[[], None]) -> Callable[[], None]:
    """Call a function at the end of the interpreter, before anything is closed."""
    _first.append(function)
    return function


def close_at_exit(one: Closable) -> None:
    """Close an object at the end of the interpreter, if it still exists then. It may be used again afterwards."""
    _open.add(one)
    _mind_child()


def _mind_child() -> None:
    """Close also at the end of a child of ``multiprocessing``, which leaves out what ``atexit`` was told."""
    parents, util = sys.modules.get("multiprocessing.process"), sys.modules.get("multiprocessing.util")
    if parents is None or util is None or parents.parent_process() is None:
        return
    pid = parents.current_process().pid
    if pid not in _children:
        _children.add(pid)
        util.Finalize(None, _close_all, exitpriority=-100)


@atexit.register
def _close_all() -> None:
    for function in _first:
        function()
    for one in list(_open):
        # A second Ctrl-C skips what is being closed.
        with suppress(Exception, KeyboardInterrupt):
            one.close()
