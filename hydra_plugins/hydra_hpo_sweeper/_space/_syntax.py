"""Find where a text leaves Hydra's grammar, and say what was expected there."""

from __future__ import annotations

import re
from collections.abc import Callable

from hydra_plugins.hydra_hpo_sweeper._space._brackets import CLOSING, QUOTES
from hydra_plugins.hydra_hpo_sweeper._space._functions import FUNCTIONS

KNOWN = sorted({*FUNCTIONS, "glob", "zip"})
SWEEPS = ("choice", "glob", "interval", "permutation", "range", "simplex", "tag", "zip")
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", re.DOTALL)
_CALL = re.compile(r"\b([A-Za-z_]\w*)\s*\(")
_OTHER_BRACKETS = re.compile(rf"\b({'|'.join(SWEEPS)})\s*([\[{{])")
_AFTER = re.compile(r"\)\s*([^\s)\]},:])")
_NO_BRACKETS = re.compile(rf"({'|'.join(SWEEPS)})[\s:]+\S")
_NO_ASSIGNMENT = re.compile(r"\s*([+~]*[\w.@/-]+)(?:\s*[=:]=\s*|\s*:\s*|\s+)(.+)", re.DOTALL)
_EXPRESSIONS = re.compile(r"hydra\.sweeper\.(where|constraints)=")

_UNEXPECTED = re.compile(r"(?:input|error at:) '(.+?)'(?: expecting|$|;)", re.DOTALL)
_HIDDEN = "\0"
"""Stands for each character of a quoted part."""

Found = tuple[int, str]
"""A position, and what is wrong there."""


def wrong_place(text: str, reason: str) -> str | None:
    """Return the text of a value with the sign ▸ where it goes wrong, and why; None where the place is not known.

    Args:
        text: Which the parser refused.
        reason: The parser's.
    """
    searched = _QUOTED.sub(lambda quoted: _HIDDEN * len(quoted[0]), text)
    checks: tuple[Callable[[str], Found | None], ...] = (_other_brackets, _brackets, _after_a_call)
    found = next(filter(None, (check(searched) for check in checks)), None) or _told(text, reason)
    return None if found is None else f"'{text[: found[0]]}▸{text[found[0] :]}': {found[1]}"


def unknown_call(text: str) -> str | None:
    """Return the name of a function in the text of a value that there is none of; None where all are known."""
    names = _CALL.findall(_QUOTED.sub("''", text))
    return next((name for name in names if name not in KNOWN), None)


def is_call(text: str) -> bool:
    """Return whether the text of an override looks as if it were to call a function of the grammar."""
    return bool(_CALL.search(text) or _OTHER_BRACKETS.search(text))


def looks_like_a_sweep(text: str) -> str | None:
    """Return a hint for a text that begins like a sweep, but has no brackets."""
    found = _NO_BRACKETS.match(text)
    return f"{text!r} is a text; a sweep has brackets, {found[1]}(…)." if found else None


def no_assignment(text: str) -> str | None:
    """Return a hint for a text with no ``=`` after the key, or two."""
    found = _NO_ASSIGNMENT.fullmatch(text)
    return None if found is None else f"{text!r} is no override; write {found[1]}={found[2]}"


def expressions_without_quotes(text: str) -> str | None:
    """Return a hint for a list of expressions on the command line whose texts have no quotes."""
    found = _EXPRESSIONS.match(text)
    if found is None:
        return None
    return f'cannot read {text!r}: give texts in quotes: \'{found[0]}["a + b <= 1", "not (c == x and d > 1)"]\''


def _other_brackets(text: str) -> Found | None:
    found = _OTHER_BRACKETS.search(text)
    return None if found is None else (found.start(2), f"expected '('; write {found[1]}(…)")


def _brackets(text: str) -> Found | None:
    """Return where a bracket or a quote is not closed, or closes nothing."""
    awaited: list[str] = []
    for at, letter in enumerate(text):
        if letter in QUOTES:
            return at, "this quote is not closed"
        if letter in CLOSING:
            awaited.append(CLOSING[letter])
        elif letter in CLOSING.values():
            expected = awaited.pop() if awaited else None
            if letter != expected:
                return at, f"expected {expected!r}" if expected else "no bracket is open here"
    return (len(text), f"expected {awaited[-1]!r}") if awaited else None


def _told(text: str, reason: str) -> Found | None:
    """Return the place that the parser's reason names, where the text has it once."""
    found = _UNEXPECTED.search(reason)
    if found is None or text.count(found[1]) != 1:
        return None
    # The parser quotes all that it could not make sense of, up to the sign that was one too many.
    at = text.index(found[1]) + (len(found[1]) - 1 if reason.startswith("no viable") else 0)
    return at, f"unexpected {text[at]!r}; put a text with special characters into quotes"


def _after_a_call(text: str) -> Found | None:
    found = _AFTER.search(text)
    return None if found is None else (found.start(1), "expected ',' or the end after ')'")
