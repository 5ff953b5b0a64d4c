"""Passwords in URLs, kept out of logs, messages and files."""

from __future__ import annotations

import re

_LOGIN = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<user>[^/@:\s'\"]*)"
    # A password may have marks that nobody has escaped; then it ends at the first @, and is no port.
    r"(?::(?:[^/\s'\"]+|[^@\s'\",{}\[\]]+|(?!\d+[/\s])[^@\n]+))?@"
)
_ARGUMENT = re.compile(r"(?P<before>[?&][\w.-]*(?:pass|pwd|secret|token)[\w.-]*=)[^&#\s'\",]+", re.IGNORECASE)


def masked(text: str) -> str:
    """Return a text with ``***`` in place of the passwords of its URLs, before the host or among the arguments.

    A user's name stays, except before a web address, where it may be a token.
    """
    return _ARGUMENT.sub(r"\g<before>***", _LOGIN.sub(_without_password, text))


def _without_password(found: re.Match[str]) -> str:
    scheme, user = found["scheme"], found["user"]
    if found[0] == f"{scheme}://{user}@":
        return f"{scheme}://***@" if scheme.lower().startswith("http") else found[0]
    return f"{scheme}://{user}:***@"
