"""Conditions under which a parameter exists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sweeper_core.distributions import choice_key

_COMPARISONS = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
OPERATORS = ("in", "not in", *_COMPARISONS)


@dataclass(frozen=True)
class Clause:
    """One test on another parameter: ``parent operator operand``.

    Attributes:
        parent: Name of the parameter that is looked at.
        operator: ``in`` and ``not in`` (operand: tuple of values, compared by type and value),
            ``<``, ``<=``, ``>``, ``>=`` (operand: a number).
    """

    parent: str
    operator: str
    operand: Any

    def __post_init__(self) -> None:
        if self.operator not in OPERATORS:
            raise ValueError(f"A condition's operator is one of {', '.join(OPERATORS)}, not {self.operator!r}.")
        if self.operator in ("in", "not in"):
            object.__setattr__(self, "operand", tuple(self.operand))

    def holds(self, value: Any) -> bool:
        """Return whether the parent's (external) value passes the test."""
        if self.operator in _COMPARISONS:
            return bool(_COMPARISONS[self.operator](value, self.operand))
        known = choice_key(value) in {choice_key(item) for item in self.operand}
        return known == (self.operator == "in")

    def __str__(self) -> str:
        operand = list(self.operand) if isinstance(self.operand, tuple) else self.operand
        return f"{self.parent} {self.operator} {operand}"
