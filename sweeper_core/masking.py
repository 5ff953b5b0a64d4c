"""Passwords in URLs, kept out of logs, messages and files."""

from __future__ import annotations

import re

_LOGIN = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<user>[^/@:\s'\"]*)"
    # A password may have unescaped special characters; then it ends at the first @, and is no port.
    # One with a line's end in it is no longer than passwords are.
    r"(?::(?:[^/\s'\"]+|[^@\s'\",{}\[\]]+|(?!\d+[/\s])(?:[^@\n]+|[^@]{1,100})))?@"
)
_ARGUMENT = re.compile(r"(?P<before>[?&][\w.-]*(?:pass|pwd|secret|token)[\w.-]*=)[^&#\s'\",]+", re.IGNORECASE)


_SECRET = re.compile("pass|pwd|secret|token", re.IGNORECASE)


def is_secret(name: str) -> bool:
    """Return whether an argument of this name is one to be kept from others."""
    return bool(_SECRET.search(name))


def masked_url(url: str) -> str:
    """Return one URL, from its beginning to its end, with its password masked whole, whatever it contains."""
    scheme, separator, rest = url.partition("://")
    if not separator or "@" not in rest or rest.startswith("/") or _PORT.match(rest):
        return _masked_parts(url)
    # Beyond the last @ lie host and path. An @ among the arguments is no such one, if the rest reads well without them.
    before, _, arguments = rest.partition("?")
    clear = before.count("@") == 1 and "/" not in before.partition("@")[0]
    login, _, place = (before if clear else rest).rpartition("@")
    user, colon, _ = login.partition(":")
    hidden = f"{user}:***" if colon else login
    return _masked_parts(f"{scheme}://{hidden}@{place}" + (f"?{arguments}" if clear and arguments else ""))


_PORT = re.compile(r"[^/@:]*:\d+/")
"""The beginning of a URL with a port and without a login: what follows is a path."""

_ALONE = re.compile(r"(?P<key>[+~]{0,2}[\w./@-]+=)?(?P<quote>['\"]?)(?P<url>[A-Za-z][\w+.-]*://[^\s'\"]+)(?P=quote)")
"""A URL, or an override that gives one to a key."""


def masked(text: str) -> str:
    """Return a text with ``***`` in place of the passwords of its URLs, before the host or among the arguments.

    A user's name stays, except before a web address, where it may be a token. In the midst of a text a password with
    special characters that are not encoded can only be guessed; a text that is one URL is masked as one.
    """
    alone = _ALONE.fullmatch(text)
    if alone is None:
        return _masked_parts(text)
    return f"{alone['key'] or ''}{alone['quote']}{masked_url(alone['url'])}{alone['quote']}"


def _masked_parts(text: str) -> str:
    return _ARGUMENT.sub(r"\g<before>***", _LOGIN.sub(_without_password, text))


def _without_password(found: re.Match[str]) -> str:
    scheme, user = found["scheme"], found["user"]
    if found[0] == f"{scheme}://{user}@":
        return f"{scheme}://***@" if scheme.lower().startswith("http") else found[0]
    return f"{scheme}://{user}:***@"
