"""Durations as people write them: ``8h``, ``90m``, ``1h30m``, ``45s``, ``2d``."""

from __future__ import annotations

import math
import re

SECONDS_OF = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}
"""Seconds of each unit."""

EXAMPLES = "45s, 90m, 1h30m, 8h, 2d"

_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*([^\W\d_]+)\s*")


class UnknownUnit(ValueError):
    """A duration has a unit that does not exist; its argument is the unit."""


def seconds_in(text: str) -> float | None:
    """Return the seconds of a duration with units, each unit at most once and the larger ones first.

    Returns:
        None for a text that is no such duration (a plain number, too: its unit is the caller's to know).

    Raises:
        UnknownUnit: It has the form of one, with a unit that does not exist.
    """
    parts = _PART.findall(text.strip())
    if not parts or _PART.sub("", text.strip()):
        return None
    units = [unit for _, unit in parts]
    for unit in units:
        if unit not in SECONDS_OF:
            raise UnknownUnit(unit)
    order = [list(SECONDS_OF).index(unit) for unit in units]
    if order != sorted(set(order)):
        return None
    total = sum(float(amount) * SECONDS_OF[unit] for amount, unit in parts)
    return total if math.isfinite(total) else None
