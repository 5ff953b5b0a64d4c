"""Numbers and flags, also as texts: an environment variable (``${oc.env:N,3}``) and a quoted YAML value are texts."""

from __future__ import annotations

import math
from typing import Any

FLAGS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
NOTHING = ("null", "none", "~")


def without_quotes(value: Any) -> Any:
    """Return None for a text that means nothing (``null``), and every other value as it is."""
    return None if isinstance(value, str) and value.strip().lower() in NOTHING else value


def whole(value: Any) -> int | None:
    """Return an integer (``3``, ``3.0``, ``"020900"``, ``"1e3"``); None for anything else."""
    if isinstance(value, str) and value.strip().lstrip("+-").isdecimal():
        return int(value)
    number = real(value)
    return int(number) if number is not None and number.is_integer() else None


def real(value: Any) -> float | None:
    """Return a finite number (``0.5``, ``"0.5"``, ``"1e-3"``); None for anything else."""
    try:
        number = float(value) if type(value) in (int, float, str) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    return number if math.isfinite(number) else None


def truth(value: Any) -> bool | None:
    """Return true or false, also of the words that YAML has for them; None for anything else."""
    return FLAGS.get(value.strip().lower()) if isinstance(value, str) else value if type(value) is bool else None
