"""Numbers as the report carries them: few digits, and few of many."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

DIGITS = 6


def rounded(value: float | None, digits: int = DIGITS) -> Any:
    """Return a number with few digits; a text where JSON has no number."""
    if value is None:
        return None
    if not math.isfinite(value):
        return str(value)
    short = float(f"{value:.{digits}g}")
    return int(short) if short == int(short) and abs(short) < 1e15 else short


def evenly(items: Sequence[Any], count: int) -> list[Any]:
    """Return ``count`` items from all parts of a sequence, the first and the last among them."""
    if len(items) <= count:
        return list(items)
    return [items[round(index * (len(items) - 1) / max(count - 1, 1))] for index in range(count)]
