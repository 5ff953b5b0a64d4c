"""Units in which squares of values neither overflow nor vanish."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def power_of_two(values: Floats) -> float:
    """Return the largest power of two that is at most the largest absolute value; 0.5 where all are 0.

    Division by it changes no digit.
    """
    return float(np.ldexp(1.0, int(np.frexp(np.max(np.abs(values)))[1]) - 1))
