"""Functions in closed form that several benchmarks minimise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

HARTMANN_WEIGHTS = (1.0, 1.2, 3.0, 3.2)
_A = np.array(
    [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
)
_P = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)


def hartmann6(x: npt.NDArray[np.float64], weights: Sequence[float] = HARTMANN_WEIGHTS) -> float:
    """Return Hartmann's function at ``(6,)`` coordinates from 0 to 1; its least value is -3.32237."""
    return float(-np.array(weights) @ np.exp(-np.sum(_A * (x - _P) ** 2, axis=1)))


def branin(x: float, y: float) -> float:
    """Return Branin's function for ``x`` from -5 to 10 and ``y`` from 0 to 15; its least value is 0.397887."""
    bend = y - 5.1 / (4 * np.pi**2) * x * x + 5 / np.pi * x - 6
    return float(bend**2 + 10 * (1 - 1 / (8 * np.pi)) * np.cos(x) + 10)
