"""A trial's number as a fraction, by which every process gives it to the same share without asking."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0
"""The fractional parts of its multiples fill [0, 1) most evenly, and never repeat."""


def golden_fraction(numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return the fraction in [0, 1) of each trial number ``(n,)``."""
    return np.asarray((numbers * GOLDEN) % 1.0)
