"""Numerical code that does not depend on the caller's error state."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """Run floating-point arithmetic under its own NumPy error state: infinities and NaN are ordinary values.

    Callers may have set ``numpy.seterr(all="raise")``. The error state belongs to the thread; warning filters, which
    belong to the process, are not changed.
    """
    import numpy as np

    with np.errstate(all="ignore"):
        yield
