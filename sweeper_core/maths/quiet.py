"""Numerical code that does not depend on the caller's error state."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """Run floating-point arithmetic under an error state of its own: infinities and NaN are values here.

    Programs set ``numpy.seterr(all="raise")`` to find faults of their own. The state is the thread's; warning filters,
    which are the process's, are left alone.
    """
    import numpy as np

    with np.errstate(all="ignore"):
        yield
