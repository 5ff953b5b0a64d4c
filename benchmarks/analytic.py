"""Functions in closed form that several benchmarks minimise."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Function:
    """A function on the unit cube.

    Attributes:
        compute: Takes ``(d,)`` coordinates; its least value is 0.
    """

    name: str
    dimensions: int
    compute: Callable[[npt.NDArray[np.float64]], float]

    def regret(self, params: Mapping[str, float]) -> float:
        """Return the value at the parameters ``x0``, ``x1``, …, from 0 to 1."""
        return self.compute(np.array([params[f"x{index}"] for index in range(self.dimensions)]))


def functions() -> Iterator[Function]:
    """Yield functions of four to six numbers: smooth ones, a curved valley, and many local minima."""
    yield Function("Hartmann", 6, lambda u: hartmann6(u) + 3.32237)
    yield Function("Ackley", 5, lambda u: _ackley(25 * u - 10))
    yield Function("Rosenbrock", 4, lambda u: _rosenbrock(4 * u - 2))
    yield Function("Levy", 5, lambda u: _levy(20 * u - 10))
    yield Function("Styblinski-Tang", 5, lambda u: _styblinski_tang(10 * u - 5))


def _ackley(x: npt.NDArray[np.float64]) -> float:
    return float(20 - 20 * np.exp(-0.2 * np.sqrt(np.mean(x * x))) + np.e - np.exp(np.mean(np.cos(2 * np.pi * x))))


def _rosenbrock(x: npt.NDArray[np.float64]) -> float:
    return float(np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2))


def _levy(x: npt.NDArray[np.float64]) -> float:
    w = 1 + (x - 1) / 4
    middle = (w[:-1] - 1) ** 2 * (1 + 10 * np.sin(np.pi * w[:-1] + 1) ** 2)
    last = (w[-1] - 1) ** 2 * (1 + np.sin(2 * np.pi * w[-1]) ** 2)
    return float(np.sin(np.pi * w[0]) ** 2 + np.sum(middle) + last)


def _styblinski_tang(x: npt.NDArray[np.float64]) -> float:
    return float(np.sum(x**4 - 16 * x**2 + 5 * x) / 2 + 39.16616570377142 * len(x))
