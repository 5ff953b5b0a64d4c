"""Numbers that can be costs."""

from __future__ import annotations

import math
from typing import Any


def problem_with_cost(value: Any) -> str | None:
    """Return why a value cannot be a cost, as the end of "it ..."; None when it can."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return f"is no number: {value!r}"
    if math.isnan(value):
        return "is NaN"
    if value < 0 or math.isinf(value):
        return f"must be a finite number from 0 on, not {value!r}"
    return None


def cost_argument(value: Any) -> float:
    """Return an argument that is a cost as a float.

    Raises:
        TypeError: It is not a number.
        ValueError: It is negative, NaN or infinite.
    """
    try:
        if isinstance(value, (str, bytes)):
            raise TypeError
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"A cost must be a number from 0 on, not {value!r} ({type(value).__name__}).") from None
    problem = problem_with_cost(number)
    if problem is not None:
        raise ValueError(f"A cost must be a finite number from 0 on, not {number!r}.")
    return number
