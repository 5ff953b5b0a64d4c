"""Errors of users and jobs, as one-line messages."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

MAX_LINE = 300
"""Characters of a job's failure that a line of the log shows."""


MIN_BEGINNING = 3
"""Length of a prefix that identifies a name for a suggestion."""


class ConfigError(Exception):
    """An invalid setting or search space; the message names the key and the remedy."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(str(message).split()))


def in_short(text: str) -> str:
    """Return a text on one line, safe to show; a long one is shortened in the middle.

    A failure's text comes from users' code: it may contain a storage's password or escape sequences.
    """
    from sweeper_core.report.texts import printable  # what Hydra scans imports nothing that it does not need

    line = printable(" ".join(text.split()))
    end = MAX_LINE // 3
    return line if len(line) <= MAX_LINE else f"{line[: MAX_LINE - end - 3]} … {line[-end:]}"


def reason_of(error: Exception) -> str:
    """Return why a file cannot be used, without the number and the path that the system's text has."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def closest(name: str, known: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` when one of the known names resembles ``name``, else an empty text.

    Letter case and dashes do not count; a beginning of three letters is enough where only one name has it.
    """
    folded = {_folded(candidate): candidate for candidate in known}
    wanted = _folded(name)
    begun = [candidate for candidate in folded if len(wanted) >= MIN_BEGINNING and candidate.startswith(wanted)]
    near = [wanted] if wanted in folded else difflib.get_close_matches(wanted, list(folded), n=1)
    if not near and len(begun) == 1:
        near = begun
    return f" Did you mean {folded[near[0]]!r}?" if near else ""


def _folded(name: str) -> str:
    return name.strip().lower().replace("-", "_")
