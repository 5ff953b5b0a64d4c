"""Constraints on jobs' results: ``{latency: "<= 10"}``, or expressions, ``["latency + 2 * memory <= 10"]``."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hydra_plugins.hydra_hpo_sweeper._errors import ConfigError
from sweeper_core.search_space.binding import relation
from sweeper_core.search_space.relations import Columns, Compared, Relation

_COMPARED = re.compile(r"[<>=]")
_LIMIT = re.compile(r"\s*(<=|>=|<|>)\s*(\S+)\s*")


@dataclass(frozen=True)
class Constraint:
    """A limit on one entry of the mapping that a job returns.

    Attributes:
        entry: The entry's name.
        operator: ``<=`` or ``>=`` (``<`` and ``>`` are read as these).
        bound: The limit.
    """

    entry: str
    operator: str
    bound: float

    def __str__(self) -> str:
        return f"{self.entry} {self.operator} {self.bound:g}"

    def of(self, returned: Any) -> float:
        """Return :meth:`violation` of a job's result.

        Raises:
            ValueError: It has no such number.
        """
        return self.violation(_number_in(returned, self.entry))

    def violation(self, value: float) -> float:
        """Return the violation of the limit; 0 or less when the value satisfies it."""
        return value - self.bound if self.operator == "<=" else self.bound - value


@dataclass(frozen=True)
class Inequality:
    """A limit on an expression of several entries.

    Attributes:
        entry: The expression, a comparison of numbers.
    """

    entry: str

    def __str__(self) -> str:
        return self.entry

    def of(self, returned: Any) -> float:
        """Return the violation of the limit by a job's result; see :meth:`Constraint.of`."""
        sides = _compared(self.entry, lambda name: _number_in(returned, name))
        assert sides is not None
        left, right = (float(side.evaluate(Columns({}, {}, 1))[0]) for side in (sides.left, sides.right))
        return left - right if sides.operator in ("<", "<=") else right - left


def _number_in(returned: Any, entry: str) -> float:
    try:
        return float(returned[entry])
    except (TypeError, KeyError, ValueError, IndexError):
        raise ValueError(f"hydra.sweeper.constraints limits {entry!r}, but the job returned {returned!r}") from None


def _compared(text: str, number: Callable[[str], float]) -> Compared | None:
    found: Relation = relation(text, {}, number)
    return found.truth if isinstance(found.truth, Compared) else None


def constraints(key: str, value: Any) -> tuple[Constraint | Inequality, ...]:
    """Return the limits of ``hydra.sweeper.constraints``.

    Raises:
        ConfigError: One cannot be read; the message names it.
    """
    if value is None:
        return ()
    place = f"hydra.sweeper.{key}"
    if isinstance(value, Mapping):
        return tuple(_constraint(f"{place}.{entry}", str(entry), limit) for entry, limit in value.items())
    if isinstance(value, list) and value and all(isinstance(text, str) and _COMPARED.search(text) for text in value):
        return tuple(_inequality(f"{place}[{index}]", text) for index, text in enumerate(value))
    raise ConfigError(f'{place} must be a mapping such as {{latency: "<= 10"}}, not {value!r}.')


def _constraint(place: str, entry: str, limit: Any) -> Constraint:
    found = _LIMIT.fullmatch(limit) if isinstance(limit, str) else None
    try:
        bound = float(found[2]) if found else math.nan
    except ValueError:
        bound = math.nan
    if found is None or not math.isfinite(bound):
        raise ConfigError(f'{place} must be a limit such as "<= 10" or ">= 0.5", not {limit!r}.')
    return Constraint(entry, f"{found[1][0]}=", bound)


def _inequality(place: str, text: str) -> Inequality:
    try:
        found = _compared(text, lambda name: 1.5)
    except ValueError as error:
        raise ConfigError(f"{place}: {error}") from error
    if found is None or found.operator in ("==", "!="):
        raise ConfigError(f"{place}: {text!r} must be one comparison by <= or >=; a list takes several.")
    return Inequality(" ".join(text.split()))
