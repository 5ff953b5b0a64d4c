"""Conditions under which a parameter exists."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sweeper_core.distributions import BaseDistribution, CategoricalDistribution, choice_key

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[np.float64]
    Flags = npt.NDArray[np.bool_]

_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
MAX_LISTED = 1000
"""Parents with more values are checked only at the values next to the operands."""
OPERATORS = ("in", "not in", *_COMPARISONS)


@dataclass(frozen=True)
class Clause:
    """One test on another parameter: ``parent operator operand``.

    Attributes:
        parent: Name of the tested parameter.
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

    def excludes(self, other: Clause, distribution: BaseDistribution) -> bool:
        """Return whether this clause and another on the same parent cannot hold together.

        Args:
            other: On the same parent.
            distribution: The parent's: of an integer, ``> 3`` and ``< 4`` exclude each other.
        """
        return not any(self.holds(value) and other.holds(value) for value in _witnesses(distribution, self, other))


def test_of(clause: Clause, distribution: BaseDistribution) -> Callable[[Array], Flags]:
    """Return the test of a clause on internal values ``(n,)`` of its parent; it fails for NaN."""
    import numpy as np

    def passes(value: float) -> bool:
        return clause.holds(distribution.to_external_repr(value))

    if isinstance(distribution, CategoricalDistribution):
        table = np.array([*map(clause.holds, distribution.choices), False])
        return lambda raw: np.asarray(table[np.where(np.isnan(raw), -1, raw).astype(np.int64)])
    if clause.operator in _COMPARISONS:
        return lambda raw: np.asarray(_COMPARISONS[clause.operator](raw, clause.operand))

    def listed(raw: Array) -> Flags:
        distinct, inverse = np.unique(raw, return_inverse=True)
        return np.array([v == v and passes(v) for v in distinct.tolist()], dtype=bool)[inverse.reshape(-1)]

    return listed


def has_few_values(distribution: BaseDistribution) -> bool:
    """Return whether all values of a distribution can be tried."""
    count = distribution.cardinality
    return isinstance(distribution, CategoricalDistribution) or (count is not None and count <= MAX_LISTED)


def _witnesses(distribution: BaseDistribution, *clauses: Clause) -> Iterator[Any]:
    """Yield values of a distribution such that clauses that hold together for any value hold for one of these."""
    if has_few_values(distribution):
        yield from distribution.values()
        return
    for clause in clauses:
        for operand in clause.operand if isinstance(clause.operand, tuple) else (clause.operand,):
            if isinstance(operand, (int, float)):
                yield from _around(distribution, float(operand))
    yield from (distribution.to_external_repr(end) for end in (distribution.axis.low, distribution.axis.high))
    # Between two neighbouring operands.
    ends = sorted(float(c.operand) for c in clauses if c.operator in _COMPARISONS)
    if len(ends) == 2:
        yield from _around(distribution, 0.5 * ends[0] + 0.5 * ends[1])


def _around(distribution: BaseDistribution, number: float) -> Iterator[Any]:
    """Yield the values of a numeric distribution that are next to a number on both sides, and itself."""
    axis = distribution.axis
    if axis.count is None:
        near = [math.nextafter(number, -math.inf), number, math.nextafter(number, math.inf)]
    else:
        place = axis.grid.nearest(number) if axis.grid is not None else round(number - axis.low)
        near = [axis.nth(digit) for digit in (place - 1, place, place + 1) if 0 <= digit < axis.count]
    yield from (distribution.to_external_repr(value) for value in near if axis.low <= value <= axis.high)
