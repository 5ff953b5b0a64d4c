"""What to say about a text that Hydra's parser refuses: one line with the place and the remedy."""

from __future__ import annotations

import inspect
import re

from hydra_plugins.hydra_hpo_sweeper._errors import closest
from hydra_plugins.hydra_hpo_sweeper._space._functions import FUNCTIONS
from hydra_plugins.hydra_hpo_sweeper._space._mistakes import no_function
from hydra_plugins.hydra_hpo_sweeper._space._syntax import unknown_call, wrong_place

# Hydra appends the function's own message to the expression.
_EVALUATED = re.compile(r"(\w+) while evaluating '(\w+)\(.*?\)+': ", re.DOTALL)
_NO_ARGUMENT = re.compile(r"unexpected keyword argument '(\w+)'")


def reason_of_refusal(value: str, error: Exception) -> str:
    """Return one line on why the parser refused the text of a value."""
    unknown = unknown_call(value)
    if unknown is not None:
        return f"cannot read {value!r}: {no_function(unknown)}"
    lines = [line.strip() for line in str(error).splitlines() if line.strip() and not line.startswith("See https:")]
    reason = "; ".join(lines) or type(error).__name__
    evaluated = _EVALUATED.search(reason)
    if evaluated is not None:
        return f"cannot read {value!r}: {reason[evaluated.end() :]}{_taken(evaluated[2], evaluated[1], reason)}"
    place = wrong_place(value, reason)
    if place is not None:
        return f"cannot read {place}"
    return f"cannot read {value!r}: {reason}; put a text with special characters into quotes"


def _taken(function: str, kind: str, reason: str) -> str:
    """Return which arguments a function takes, where these are what is wrong."""
    known = FUNCTIONS.get(function)
    if known is None or kind != "TypeError":
        return ""
    signature = inspect.signature(known)
    unknown = _NO_ARGUMENT.search(reason)
    names = [name for name, each in signature.parameters.items() if each.kind is not each.VAR_POSITIONAL]
    hint = closest(unknown[1], names) if unknown else ""
    return f"; {function} takes {signature}.{hint}" if hint else f"; {function} takes {signature}"
