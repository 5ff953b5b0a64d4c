"""The garbage collector, where it would only be in the way."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sweeper_core._forks import reset_after_fork


class _Pauses:
    """How many threads keep the collector off at the moment; the last one turns it on, if it was on before."""

    def __init__(self) -> None:
        self._begin_afresh()

    def _begin_afresh(self) -> None:
        self._lock = threading.Lock()
        self._count = 0
        self._was_on = False

    def begin(self) -> None:
        with self._lock:
            if not self._count:
                self._was_on = gc.isenabled()
                gc.disable()
            self._count += 1

    def end(self) -> None:
        with self._lock:
            self._count -= 1
            if not self._count and self._was_on:
                gc.enable()

    def after_fork(self) -> None:
        """End those of threads that a child does not have."""
        if self._count and self._was_on:
            gc.enable()
        self._begin_afresh()


_pauses = _Pauses()
reset_after_fork(_pauses)


@contextmanager
def uncollected() -> Iterator[None]:
    """Keep the garbage collector from going through what is being made, none of which is garbage, again and again."""
    _pauses.begin()
    try:
        yield
    finally:
        _pauses.end()
