"""Stored text made safe to show: control characters are written out, passwords of URLs are masked.

Names, parameters, failures and tracebacks come from users' code and from other people's databases. They are data: a
terminal must not obey an escape sequence in them, and a spreadsheet no formula.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from sweeper_core.masking import masked

# C0 and C1 controls, and the marks that turn the direction of writing around.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_LINES = re.compile(r"[\t\n]")


def printable(text: object) -> str:
    """Return a text of several lines with its control characters written out, and its URLs' passwords masked."""
    return _CONTROL.sub(_written_out, masked(str(text)))


def one_line(text: object, width: int | None = None) -> str:
    """Return a text as one line of at most ``width`` characters, safe to print."""
    line = text if isinstance(text, str) and _is_safe(text) else _LINES.sub(_written_out, printable(text))
    return line if width is None or len(line) <= width else line[: max(width - 1, 0)] + "…"


def _is_safe(text: str) -> bool:
    """Return whether there is nothing to write out and nothing to mask, which is so for nearly all cells of tables."""
    return text.isprintable() and "@" not in text and "=" not in text


def _written_out(found: re.Match[str]) -> str:
    return repr(found[0])[1:-1] if found[0].isascii() else f"\\u{ord(found[0]):04x}"


def number(value: float | None, digits: int = 6) -> str:
    """Return a number with ``digits`` significant digits; a dash for None."""
    return "–" if value is None else f"{value:.{digits}g}"


def value_text(value: Any) -> str:
    """Return a parameter's value as people write it: strings as they are, floats in short, the rest as JSON."""
    if isinstance(value, str):
        return one_line(value)
    if isinstance(value, float):
        return number(value)
    if type(value) is int:
        return str(value)
    try:
        return one_line(json.dumps(value, ensure_ascii=False))
    except (TypeError, ValueError):
        return one_line(repr(value))


def params_text(params: dict[str, Any], width: int | None = None) -> str:
    """Return parameters as ``name=value name=value``."""
    return one_line(" ".join(f"{name}={value_text(value)}" for name, value in params.items()), width)


def duration_text(seconds: float | None) -> str:
    """Return a time span in at most two units: ``2h 5m``, ``3m 20s``, ``0.4s``."""
    if seconds is None or not math.isfinite(seconds):
        return "–"
    if seconds < 10:
        return f"{max(seconds, 0.0):.1f}s"
    for size, unit, smaller, name in ((86400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s")):
        if seconds >= size:
            whole, rest = divmod(int(seconds), size)
            return f"{whole}{unit} {rest // smaller}{name}"
    return f"{seconds:.0f}s"


FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a cell begins with that a spreadsheet would run."""


def cell_text(text: str) -> str:
    """Return a text for a table that a spreadsheet does not run: where it would, as JSON, which begins with a quote."""
    return json.dumps(text, ensure_ascii=False) if text.startswith(FORMULA) else text


def json_ready(value: Any) -> Any:
    """Return a value that strict JSON can say: infinities and NaN as the strings ``inf``, ``-inf`` and ``nan``."""
    if isinstance(value, bool) or value is None or isinstance(value, (int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, dict):
        return {str(name): json_ready(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_ready(item) for item in value]
    return str(value)
