"""Arguments of numerical distributions, checked."""

from __future__ import annotations

import math
import warnings
from functools import lru_cache
from typing import Any

from sweeper_core.maths.grids import Grid


def as_float(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"'{value}' is not a valid type. float-castable value is expected, but got {type(value).__name__}."
        ) from error


def as_int(name: str, value: Any) -> int:
    if isinstance(value, (bool, str)) or int(value) != value:
        raise ValueError(f"`{name}` must be an integer, but got {value!r}.")
    return int(value)


@lru_cache(maxsize=1024)  # objectives ask for the same one in every trial
def grid_of(low: float, high: float, step: float) -> Grid:
    if not 0.0 < step < math.inf:
        raise ValueError(f"`step > 0` must hold, but got {step=}.")
    grid = Grid.stepping(low, high, step)
    if not grid.is_sayable:
        largest = max(abs(low), abs(high))
        raise ValueError(
            f"`step` must be at least {math.ulp(largest)}, the distance of the numbers in double precision near "
            f"{largest}, but got {step=} on [{low}, {high}]. Use a larger step, or none."
        )
    return grid


def warn_lowered(low: float, high: float, step: float, reached: float) -> None:
    warnings.warn(
        f"The distribution is specified by [{low}, {high}] and {step=}, but the range is not divisible by `step`. "
        f"It will be replaced with [{low}, {reached}].",
        stacklevel=3,
    )
