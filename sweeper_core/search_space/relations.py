"""Relations between parameters: what every suggested point has to satisfy.

Notation

=========  ==================================================================================
n          number of points
d          number of parameters of the space
raw        internal values ``(n, d)`` as in :mod:`sweeper_core.search_space.space`
holds      ``(n,)`` whether something is true
violation  ``(n,)`` in [0, 1]: 0 where it is true, the larger the farther it is from that
=========  ==================================================================================

A point that lacks one of a relation's parameters satisfies it. Where arithmetic has no result (a division by zero, the
logarithm of a negative number), no comparison holds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, reduce
from typing import TYPE_CHECKING, Any

from sweeper_core.distributions import BaseDistribution, CategoricalDistribution
from sweeper_core.maths.quiet import quiet

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[np.float64]
    Flags = npt.NDArray[np.bool_]

EQUAL = 1e-9
"""Relative tolerance (absolute below 1) within which numbers are equal: rounding errors of steps of 0.1 add up."""

OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}


class Columns:
    """The values of points, by parameter.

    Args:
        distributions: By name.
        raw: Internal values ``(n,)`` by name; NaN where inactive.
        n: How many points there are.
    """

    def __init__(self, distributions: Mapping[str, BaseDistribution], raw: Mapping[str, Array], n: int) -> None:
        self._distributions = distributions
        self._raw = raw
        self._numbers: dict[Sequence[str], Array] = {}
        self._active: dict[Sequence[str], Flags] = {}
        self.n = n

    def numbers(self, names: tuple[str, ...]) -> Array:
        """Return the numbers ``(n,)`` that the first active of some parameters have; NaN where none is."""
        if names not in self._numbers:
            self._numbers[names] = self._first(names, lambda value: float(value))
        return self._numbers[names]

    def matches(self, names: Sequence[str], values: Sequence[Any]) -> Flags:
        """Return where ``(n,)`` the first active of some parameters has one of the (external) values."""
        import numpy as np

        return np.asarray(self._first(names, lambda value: float(any(equal(value, v) for v in values))) == 1.0)

    def active(self, names: tuple[str, ...]) -> Flags:
        """Return where ``(n,)`` one of some parameters is active."""
        import numpy as np

        if names not in self._active:
            each = [~np.isnan(self._raw[name]) for name in names]
            self._active[names] = each[0] if len(each) == 1 else np.asarray(np.any(each, axis=0))
        return self._active[names]

    def choices(self, names: Sequence[str]) -> list[Any]:
        """Return the choices of some categorical parameters."""
        kinds = (self._distributions[name] for name in names)
        return [choice for kind in kinds if isinstance(kind, CategoricalDistribution) for choice in kind.choices]

    def _first(self, names: Sequence[str], number_of: Callable[[Any], float]) -> Array:
        import numpy as np

        found: Array | None = None
        for name in reversed(names):
            raw, distribution = self._raw[name], self._distributions[name]
            if isinstance(distribution, CategoricalDistribution):
                table = np.array([*map(number_of, distribution.choices), np.nan])
                raw = table[np.where(np.isnan(raw), -1, raw).astype(np.int64)]
            found = raw if found is None else np.where(np.isnan(raw), found, raw)
        return np.full(self.n, np.nan) if found is None else found


def equal(choice: Any, value: Any) -> bool:
    """Return whether a choice equals a value: texts, truth values and numbers are distinct kinds."""
    if isinstance(choice, bool) or isinstance(value, bool):
        return choice is value
    return bool(choice == value)


# --------------------------------------------------------------------------------------------------- numbers


@dataclass(frozen=True)
class Const:
    """A number."""

    number: float

    def evaluate(self, columns: Columns) -> Array:
        """Return it ``(n,)`` times."""
        import numpy as np

        return np.full(columns.n, self.number)


@dataclass(frozen=True)
class Value:
    """The number that a key has: the value of the one active of these parameters."""

    names: tuple[str, ...]

    def evaluate(self, columns: Columns) -> Array:
        """Return the numbers ``(n,)``."""
        return columns.numbers(self.names)


@dataclass(frozen=True)
class Computed:
    """Arithmetic on numbers; the operators are those of :class:`sweeper_core.search_space.expressions.Operation`."""

    operator: str
    operands: tuple[Numeric, ...]

    def evaluate(self, columns: Columns) -> Array:
        """Return the results ``(n,)``; NaN where there is none."""
        import numpy as np

        result = np.asarray(_functions()[self.operator](*(operand.evaluate(columns) for operand in self.operands)))
        return np.where(np.isfinite(result), result, np.nan)


Numeric = Const | Value | Computed


@lru_cache(maxsize=1)
def _functions() -> dict[str, Callable[..., Any]]:
    """Return the functions of the operators but for equality; NumPy is imported with the first."""
    import numpy as np

    return {
        "+": np.add,
        "-": np.subtract,
        "*": np.multiply,
        "/": np.divide,
        "%": np.mod,
        "**": np.power,
        "neg": np.negative,
        "abs": np.abs,
        "log": np.log,
        "sqrt": np.sqrt,
        "<": np.less,
        "<=": np.less_equal,
        ">": np.greater,
        ">=": np.greater_equal,
        "min": lambda *values: reduce(np.minimum, values),
        "max": lambda *values: reduce(np.maximum, values),
    }


# ---------------------------------------------------------------------------------------------------- truths


@dataclass(frozen=True)
class Compared:
    """``left operator right``, of numbers."""

    operator: str
    left: Numeric
    right: Numeric

    def holds(self, columns: Columns) -> Flags:
        """Return where ``(n,)`` it holds."""
        return self._test(self.left.evaluate(columns), self.right.evaluate(columns))

    def _test(self, left: Array, right: Array) -> Flags:
        import numpy as np

        test = _functions().get(self.operator)
        if test is not None:
            return np.asarray(test(left, right))
        gap = np.abs(left - right)
        same = gap <= EQUAL * np.maximum(_size(left, right), 1.0)
        return np.asarray(same if self.operator == "==" else ~same & ~np.isnan(gap))

    def evaluate(self, columns: Columns) -> tuple[Flags, Array]:
        """Return where it holds, and the violation relative to the numbers' size."""
        import numpy as np

        left, right = self.left.evaluate(columns), self.right.evaluate(columns)
        gap, holds = np.abs(left - right), self._test(left, right)
        far = np.nan_to_num(gap / (gap + _size(left, right)), nan=1.0, posinf=1.0)
        return holds, np.where(holds, 0.0, np.maximum(far, 1e-12))

    def negated(self) -> Truth:
        """Return the opposite."""
        return Compared(OPPOSITE[self.operator], self.left, self.right)


@dataclass(frozen=True)
class Chosen:
    """One of some parameters (the active one) has one of these values; or none of them."""

    names: tuple[str, ...]
    values: tuple[Any, ...]
    without: bool = False

    def holds(self, columns: Columns) -> Flags:
        """Return where ``(n,)`` it holds."""
        import numpy as np

        return np.asarray(columns.matches(self.names, self.values) != self.without)

    def evaluate(self, columns: Columns) -> tuple[Flags, Array]:
        """Return where it holds, and a violation of 1 elsewhere."""
        holds = self.holds(columns)
        return holds, (~holds).astype(float)

    def negated(self) -> Truth:
        """Return the opposite."""
        return replace(self, without=not self.without)


@dataclass(frozen=True)
class SameChoice:
    """Two keys have the same value; or different ones."""

    left: tuple[str, ...]
    right: tuple[str, ...]
    without: bool = False

    def holds(self, columns: Columns) -> Flags:
        """Return where ``(n,)`` it holds."""
        import numpy as np

        same = np.zeros(columns.n, dtype=bool)
        for choice in columns.choices(self.left):
            same |= columns.matches(self.left, (choice,)) & columns.matches(self.right, (choice,))
        return np.asarray(same != self.without)

    def evaluate(self, columns: Columns) -> tuple[Flags, Array]:
        """Return where it holds, and a violation of 1 elsewhere."""
        holds = self.holds(columns)
        return holds, (~holds).astype(float)

    def negated(self) -> Truth:
        """Return the opposite."""
        return replace(self, without=not self.without)


@dataclass(frozen=True)
class Joined:
    """All of some parts hold, or any of them."""

    parts: tuple[Truth, ...]
    all_of: bool

    def holds(self, columns: Columns) -> Flags:
        """Return where ``(n,)`` it holds."""
        import numpy as np

        return reduce(np.logical_and if self.all_of else np.logical_or, (part.holds(columns) for part in self.parts))

    def evaluate(self, columns: Columns) -> tuple[Flags, Array]:
        """Return where it holds; the violation is the mean of the parts', or the least of them."""
        import numpy as np

        parts = [part.evaluate(columns) for part in self.parts]
        holds, violation = np.array([part[0] for part in parts]), np.array([part[1] for part in parts])
        if self.all_of:
            return np.asarray(holds.all(axis=0)), np.asarray(violation.mean(axis=0))
        return np.asarray(holds.any(axis=0)), np.asarray(violation.min(axis=0))

    def negated(self) -> Truth:
        """Return the opposite, its parts negated."""
        return Joined(tuple(part.negated() for part in self.parts), not self.all_of)


@dataclass(frozen=True)
class Always:
    """Something that depends on no parameter."""

    true: bool

    def holds(self, columns: Columns) -> Flags:
        """Return it ``(n,)`` times."""
        import numpy as np

        return np.full(columns.n, self.true)

    def evaluate(self, columns: Columns) -> tuple[Flags, Array]:
        """Return it, and the violation, ``(n,)`` times."""
        import numpy as np

        return self.holds(columns), np.full(columns.n, 0.0 if self.true else 1.0)

    def negated(self) -> Truth:
        """Return the opposite."""
        return Always(not self.true)


Truth = Compared | Chosen | SameChoice | Joined | Always


def _size(left: Array, right: Array) -> Array:
    """Return the size ``(n,)`` of the larger of two numbers."""
    import numpy as np

    return np.maximum(np.maximum(np.abs(left), np.abs(right)), 1e-300)


def margin_of(truth: Truth, columns: Columns) -> Array:
    """Return how far ``(n,)`` inequalities are from their edge, negative where they do not hold.

    It is infinite for what is only true or false. Of parts joined it is the least one, or the largest.
    """
    import numpy as np

    if isinstance(truth, Joined):
        margins = (margin_of(part, columns) for part in truth.parts)
        return reduce(np.minimum if truth.all_of else np.maximum, margins)
    if isinstance(truth, Compared) and truth.operator not in ("==", "!="):
        gap = truth.right.evaluate(columns) - truth.left.evaluate(columns)
        gap = gap if truth.operator in ("<", "<=") else -gap
        return np.where(np.isnan(gap), -np.inf, gap)
    return np.where(truth.holds(columns), np.inf, -np.inf)


def conjuncts(truth: Truth) -> tuple[Truth, ...]:
    """Return the parts all of which have to hold."""
    if isinstance(truth, Joined) and truth.all_of:
        return tuple(inner for part in truth.parts for inner in conjuncts(part))
    return (truth,)


@dataclass(frozen=True)
class Relation:
    """A relation that points have to satisfy.

    Attributes:
        text: The user's text.
        truth: The parsed relation.
        keys: The parameters of each key that it names.
        constants: Names and values that it takes from a configuration.
    """

    text: str
    truth: Truth
    keys: tuple[tuple[str, ...], ...]
    constants: tuple[tuple[str, Any], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters that it uses."""
        return tuple(name for names in self.keys for name in names)

    def __str__(self) -> str:
        values = ", ".join(f"{name}={value}" for name, value in self.constants)
        return f"{self.text} (with {values})" if values else self.text

    def holds(self, columns: Columns) -> Flags:
        """Return where ``(n,)`` it holds."""
        with quiet():
            return self.truth.holds(columns) | ~self._complete(columns)

    def evaluate(self, columns: Columns) -> tuple[Flags, Array]:
        """Return where it holds ``(n,)``, and the violation ``(n,)``."""
        import numpy as np

        with quiet():
            holds, violation = self.truth.evaluate(columns)
            complete = self._complete(columns)
        return holds | ~complete, np.where(complete, violation, 0.0)

    def margins(self, columns: Columns) -> Array:
        """Return the margins ``(k, n)`` of the parts all of which have to hold: not negative where they do."""
        import numpy as np

        with quiet():
            margins = np.array([margin_of(part, columns) for part in conjuncts(self.truth)])
            return np.where(self._complete(columns), margins, np.inf)

    def _complete(self, columns: Columns) -> Flags:
        """Return where ``(n,)`` all keys have a value; elsewhere the relation says nothing."""
        import numpy as np

        if not self.keys:
            return np.full(columns.n, True)
        return reduce(np.logical_and, map(columns.active, self.keys))
