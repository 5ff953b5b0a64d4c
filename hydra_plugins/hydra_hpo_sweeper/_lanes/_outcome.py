"""Convert a job's return value to the values of its trial."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MAX_SHOWN = 200
"""Characters of a returned object that a message shows."""


@dataclass(frozen=True)
class Opaque:
    """Stands for a returned object that is not made of numbers, and need not travel between processes."""

    text: str

    def __repr__(self) -> str:
        return self.text


def sendable(returned: Any) -> Any:
    """Return the same in floats, strings, lists and dicts, which any process can read.

    Unlike attributes, which keep what they can (:func:`sweeper_core.plain.plain`), what a job returned is to be read as
    objective values: a number of any kind becomes a float, and what is none a text that describes it.
    """
    if returned is None or isinstance(returned, (bool, int, float, str, Opaque)):
        return returned
    if isinstance(returned, Mapping):
        return {str(key): sendable(value) for key, value in returned.items()}
    if isinstance(returned, (list, tuple)):
        return [sendable(value) for value in returned]
    try:
        return float(returned)  # NumPy scalars, tensors of one element, decimals, fractions
    except Exception:
        pass
    try:
        return [sendable(value) for value in returned.tolist()]
    except Exception:
        return _sequence_or_opaque(returned)


def _sequence_or_opaque(returned: Any) -> Any:
    if isinstance(returned, Sequence):
        return [sendable(value) for value in returned]
    return Opaque(f"{type(returned).__name__}: {repr(returned)[:MAX_SHOWN]}")


def values_of(returned: Any, count: int, metric: Sequence[str] | None) -> tuple[float, ...]:
    """Return the objective values in what :func:`sendable` made of a job's return value.

    Args:
        count: Number of objectives.
        metric: Entries of a returned mapping, one for each objective; None when none were named.

    Raises:
        ValueError: It is something else; the message has the expected form and the value.
    """
    if isinstance(returned, Mapping):
        items = _entries(returned, count, metric)
    elif isinstance(returned, list):
        items = returned
    else:
        items = [returned]
    if len(items) != count:
        raise ValueError(f"expected {_expected(count)}, but the job returned {_shown(returned)}")
    return tuple(_number(item, count, returned) for item in items)


def _entries(returned: Mapping[str, Any], count: int, metric: Sequence[str] | None) -> list[Any]:
    known = ", ".join(returned) or "nothing"
    if metric is None:
        if len(returned) == count == 1:
            return list(returned.values())
        raise ValueError(
            f"the job returned a mapping ({known}); name the entry that is the objective: hydra.sweeper.metric=…"
        )
    missing = [name for name in metric if name not in returned]
    if missing:
        raise ValueError(f"hydra.sweeper.metric names {missing[0]!r}, but the job returned {known}")
    return [returned[name] for name in metric]


def _shown(returned: Any) -> str:
    text = repr(returned)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


def _expected(count: int) -> str:
    return "a number" if count == 1 else f"a sequence of {count} numbers"


def _number(item: Any, count: int, returned: Any) -> float:
    try:
        value = float(item)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"expected {_expected(count)}, but the job returned {_shown(returned)}") from None
    if math.isnan(value):
        raise ValueError(f"expected {_expected(count)}, but the job returned NaN")
    return value
