"""Maps trial numbers to fractions, so that all processes assign a trial to the same share without communication."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0
"""The golden ratio: the fractional parts of its multiples fill [0, 1) most evenly, and never repeat."""


def golden_fraction(numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return the fraction in [0, 1) of each trial number ``(n,)``."""
    return np.asarray((numbers * GOLDEN) % 1.0)
