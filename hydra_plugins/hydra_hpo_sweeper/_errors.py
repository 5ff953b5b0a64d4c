"""The user's mistake, in one line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ConfigError(Exception):
    """A setting or a search space that cannot mean anything; the message names the key and the remedy."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(str(message).split()))


def closest(name: str, known: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` when one of the known names resembles ``name``, else an empty text."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f" Did you mean {near[0]!r}?" if near else ""
