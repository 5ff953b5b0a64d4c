"""File names of functions that are pickled by value, for tracebacks in the processes that run them.

From version 3.1.3 on, cloudpickle writes ``<dynamic-code>`` in place of a code object's file name, so that a traceback
of a script's function shows neither the file nor its lines. Here ``CloudPickler.dispatch_table[types.CodeType]`` of
cloudpickle, and of the copy that Ray has, is replaced for a while (seen in cloudpickle 2.2 to 3.1.3). Where a pickler
keeps the names, or has no such table, nothing is replaced.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from types import CodeType
from typing import Any

PICKLERS = ("cloudpickle", "joblib.externals.cloudpickle", "ray.cloudpickle")
"""Modules with a ``CloudPickler``; only those that are imported already."""

_Reducer = Callable[[CodeType], tuple[Any, ...]]
_Table = MutableMapping[Any, Any]

_lock = threading.Lock()
_replaced: list[tuple[_Table, _Reducer]] = []
_users = 0


@contextmanager
def file_names_kept() -> Iterator[None]:
    """Let every pickler of this process keep the file names of code, until the last thread leaves this context."""
    global _users
    with _lock:
        _users += 1
        _replaced.extend(_replace_reducers())
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            while _replaced and not _users:
                table, reducer = _replaced.pop()
                table[CodeType] = reducer


def _replace_reducers() -> Iterator[tuple[_Table, _Reducer]]:
    """Replace the reducers that lose file names; yield what was there before."""
    for name in PICKLERS:
        table = getattr(getattr(sys.modules.get(name), "CloudPickler", None), "dispatch_table", {})
        reducer = table.get(CodeType)
        if reducer is not None and (placeholder := _placeholder(reducer)) is not None:
            table[CodeType] = _with_file_name(reducer, placeholder)
            yield table, reducer


def _placeholder(reducer: _Reducer) -> str | None:
    """Return what a reducer writes in place of a code object's file name; None when it writes the name itself."""
    code = compile("", "<its own name>", "exec")
    rebuild, arguments = reducer(code)[:2]
    written: str = rebuild(*arguments).co_filename
    return None if written == code.co_filename else written


def _with_file_name(reducer: _Reducer, placeholder: str) -> _Reducer:
    def reduce_code(code: CodeType) -> tuple[Any, ...]:
        rebuild, arguments, *more = reducer(code)
        named = tuple(code.co_filename if item == placeholder else item for item in arguments)
        return rebuild, named, *more

    return reduce_code
