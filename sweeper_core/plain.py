"""Values of users in plain Python types, wherever they are taken in: attributes, enqueued parameters, results."""

from __future__ import annotations

import numbers
from typing import Any

_PLAIN = frozenset({type(None), bool, int, float, str})


def plain(value: Any) -> Any:
    """Return a value in the types that JSON knows; what cannot be made plain is returned as it is.

    Understood are mappings, lists, tuples and sets of values, whatever has ``tolist`` or ``item`` (arrays and scalars
    of NumPy, tensors), and whatever is a number or a string of a class of its own.
    """
    if type(value) in _PLAIN:
        return value
    if isinstance(value, dict):
        return {plain(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [*value] if _PLAIN.issuperset(map(type, value)) else [plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return [plain(item) for item in sorted(value, key=repr)]
    if isinstance(value, str):
        return str.__str__(value)
    return _number(value)


def _number(value: Any) -> Any:
    for method in ("tolist", "item"):
        if callable(getattr(value, method, None)) and not isinstance(value, type):
            found = getattr(value, method)()
            return value if type(found) is type(value) else plain(found)
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real) or (hasattr(value, "__float__") and not isinstance(value, type)):
        return float(value)
    return value
