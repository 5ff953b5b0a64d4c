"""Small linear algebra beside busy processors: one thread of BLAS."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

_limited = threading.Lock()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Run linear algebra on one thread of BLAS, and set the number of threads back afterwards.

    The matrices of a sampler have some hundred rows. Further threads gain little on an idle machine; where training
    jobs occupy the processors, BLAS's threads wait for one another most of the time, and a suggestion takes ten times
    as long.

    The number of threads belongs to the process. The thread that comes first sets it and sets it back; one that comes
    meanwhile changes nothing, so that no order of leaving can keep the limit.
    """
    if not _limited.acquire(blocking=False):
        yield
        return
    try:
        with _libraries().limit(limits=1, user_api="blas"):
            yield
    finally:
        _limited.release()


@cache
def _libraries() -> Any:
    import scipy.linalg  # noqa: F401  # brings a BLAS of its own, which has to be loaded to be found
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
