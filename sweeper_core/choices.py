"""Choices of categorical parameters: their plain form, which is stored, and what tells them apart."""

from __future__ import annotations

import json
import numbers
import re
import warnings
from collections.abc import Hashable
from typing import Any

_SCALARS = frozenset({type(None), bool, int, float, str})


def choice_key(value: Any) -> Any:
    """Return a hashable key that is equal for choices of equal type and value only (NaN equals NaN)."""
    kind = type(value)
    if kind is float:
        return ("float", repr(value))
    if kind in _SCALARS:
        return (kind.__name__, value)
    if isinstance(value, (list, tuple)):
        return ("list", *(choice_key(item) for item in value))
    if isinstance(value, dict):
        return ("dict", *((name, choice_key(item)) for name, item in value.items()))
    plain = plain_choice(value)
    if plain is not value:
        return choice_key(plain)
    return ("object", value if isinstance(value, Hashable) else id(value))


def plain_choice(value: Any) -> Any:
    """Return a choice in plain Python types, as it is stored; what JSON cannot say is returned as it is."""
    if type(value) in _SCALARS:
        return value
    if isinstance(value, (list, tuple)):
        return [plain_choice(item) for item in value]
    if isinstance(value, dict):
        return {name: plain_choice(item) for name, item in value.items()}
    if isinstance(value, str):  # of a class of its own, as members of enumerations are
        return str.__str__(value)
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:  # NumPy scalars
        return plain_choice(value.item())
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value)
    return value


def choice_text(plain: Any) -> str:
    """Return a choice as an override or YAML writes it in one line: ``[64,32]``, ``{a:1}``; the text of a text is bare.

    So hydra-optuna-sweeper writes lists and dictionaries, which Optuna does not know as choices.
    """
    if isinstance(plain, list):
        return f"[{','.join(_item_text(item) for item in plain)}]"
    if isinstance(plain, dict):
        return f"{{{','.join(f'{name}:{_item_text(item)}' for name, item in plain.items())}}}"
    return str(plain)


def _item_text(plain: Any) -> str:
    if isinstance(plain, (list, dict)):
        return choice_text(plain)
    if isinstance(plain, str) and not _BARE.fullmatch(plain):
        return "'" + plain.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return plain if isinstance(plain, str) else json.dumps(plain)


_BARE = re.compile(r"(?!(?i:null|true|false|inf|nan)$)[A-Za-z_/%@][A-Za-z0-9_./+%@:-]*")
"""Texts that stand without quotation marks, and are no numbers."""


def names_choice(text: Any, plain: Any) -> bool:
    """Return whether a text is the stored form of a list or dictionary in a study."""
    if not isinstance(text, str) or not isinstance(plain, (list, dict)):
        return False
    if text == choice_text(plain) or text == str(plain):
        return True
    try:
        return bool(choice_key(json.loads(text)) == choice_key(plain))
    except ValueError:
        return False


def is_sayable(plain: Any) -> bool:
    """Return whether JSON can say a choice back exactly."""
    if isinstance(plain, list):
        return all(map(is_sayable, plain))
    if isinstance(plain, dict):
        return all(isinstance(name, str) and is_sayable(item) for name, item in plain.items())
    return type(plain) in _SCALARS


def warn_unsayable(choice: Any) -> None:
    warnings.warn(
        "Choices for a categorical distribution should be None, bool, int, float, str, or lists and dicts of these, so "
        f"that they can be stored, but {choice!r} is of type {type(choice).__name__}: it works in memory only.",
        stacklevel=5,
    )


def is_the_users_own(given: Any, plain: Any) -> bool:
    """Return whether the user would miss the object that was given; numbers of NumPy are not missed."""
    if isinstance(given, (list, tuple)):
        return type(given) is not list or any(map(is_the_users_own, given, plain))
    if isinstance(given, dict):
        return type(given) is not dict or any(map(is_the_users_own, given.values(), plain.values()))
    return type(given) not in _SCALARS and not hasattr(given, "item")
