"""Convert values to the text of a Hydra override, from which the job's configuration gets exactly the value.

A string may hold an interpolation, ``${…}``; one that only looks like it has its ``${`` escaped, ``\\${…}``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from hydra.core.override_parser.types import Quote, QuotedString

from hydra_plugins.hydra_hpo_sweeper._hydra._overrides import escape_key

_PLAIN = re.compile(r"[A-Za-z0-9_./+%@:-]+")
"""Characters without special meaning in Hydra's grammar and in shells."""
_KEYWORDS = {"null", "true", "false", "inf", "nan"}
_INTERPOLATION = re.compile(r"(?<!\\)((?:\\\\)*)\$\{")
_OPENING = re.compile(r"(\\*)\$\{")


def has_interpolation(text: str) -> bool:
    """Return whether a string has a ``${`` that is not escaped."""
    return _INTERPOLATION.search(text) is not None


def escape(text: str) -> str:
    """Return the escaped text that OmegaConf reads as ``text``, even if it contains ``${``."""
    return _OPENING.sub(lambda found: found[1] * 2 + r"\${", text)


def unescape(text: str) -> str:
    """Return the string that OmegaConf makes of a text without interpolation."""
    return re.sub(r"(\\+)\$\{", lambda found: "\\" * (len(found[1]) // 2) + "${", text)


def as_text(value: Any, string: Callable[[str], str] = str) -> str:
    """Return a value as it stands to the right of ``=`` in an override.

    Args:
        value: None, bool, int, float, str, or lists and dicts of these.
        string: A function applied to each string first, for instance :func:`escape`.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return repr(float(value))
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, (list, tuple)):
        return f"[{','.join(as_text(item, string) for item in value)}]"
    if isinstance(value, dict):
        items = (f"{escape_key(str(key))}:{as_text(item, string)}" for key, item in value.items())
        return f"{{{','.join(items)}}}"
    return _string_text(string(value))


def _string_text(text: str) -> str:
    """Return a string unquoted where that is safe: job directories are often named after overrides."""
    if _PLAIN.fullmatch(text) and text.lower() not in _KEYWORDS and not _is_number(text):
        return text
    return QuotedString(text, Quote.single).with_quotes()


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
