"""Search spaces: ordered parameters, the conditions under which they exist, and their unit-cube coordinates.

Notation

======  =====================================================================================
n       number of points
d       number of parameters of the space
raw     internal values, ``(n, d)``: the number itself, or the index of the choice in this space;
        NaN where a parameter is inactive or unknown
unit    coordinates, ``(n, d)`` in [0, 1]: numbers scaled between the bounds (after the logarithm where
        the scale is logarithmic), choices as ``(index + 1/2) / number of choices``; NaN as in raw.
        Integers, stepped numbers and ordered choices own intervals of equal width, of which
        the coordinate is the middle (log integers: between the logarithms of k - 1/2 and k + 1/2)
======  =====================================================================================
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sweeper_core.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    choice_key,
)

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[np.float64]

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


@dataclass(frozen=True)
class Parameter:
    """A named distribution with the condition under which it exists.

    Attributes:
        when: All clauses must hold, each on an active parent; empty for a parameter that always exists.
        ordered: The choices of a categorical lie on a scale, in the order given.
    """

    name: str
    distribution: BaseDistribution
    when: tuple[Clause, ...] = ()
    ordered: bool = False

    @property
    def is_numeric(self) -> bool:
        """Whether neighbouring values resemble each other: numbers, and ordered choices."""
        return self.ordered or not isinstance(self.distribution, CategoricalDistribution)


class SearchSpace:
    """An immutable, ordered collection of parameters; equal by content, hashable.

    Args:
        parameters: In the order of the results' columns. Parents may come after their children.

    Raises:
        ValueError: Two parameters of one name, a condition on an unknown parameter, or conditions in a circle.
    """

    def __init__(self, parameters: Sequence[Parameter]) -> None:
        self.parameters = tuple(parameters)
        self.names = tuple(parameter.name for parameter in self.parameters)
        self._by_name = {parameter.name: parameter for parameter in self.parameters}
        self._position = {name: position for position, name in enumerate(self.names)}
        if len(self._by_name) < len(self.parameters):
            twice = sorted(name for name in self._by_name if self.names.count(name) > 1)
            raise ValueError(f"Parameter {twice[0]!r} is in the search space twice.")
        self._parents_first = _parents_first(self._by_name)
        self._hash = hash(self.parameters)

    @classmethod
    def of(cls, distributions: Mapping[str, BaseDistribution]) -> SearchSpace:
        """Return the unconditional space of named distributions."""
        return cls([Parameter(name, distribution) for name, distribution in distributions.items()])

    def __len__(self) -> int:
        return len(self.parameters)

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self.parameters)

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __getitem__(self, name: str) -> Parameter:
        return self._by_name[name]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SearchSpace):
            return NotImplemented
        return self is other or (self._hash == other._hash and self.parameters == other.parameters)

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"SearchSpace({list(self.parameters)!r})"

    def position(self, name: str) -> int:
        """Return the column of a parameter."""
        return self._position[name]

    @property
    def parents_first(self) -> tuple[Parameter, ...]:
        """The parameters, each after those that its condition looks at."""
        return self._parents_first

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        """The distribution of each parameter by name."""
        return {parameter.name: parameter.distribution for parameter in self.parameters}

    @property
    def is_conditional(self) -> bool:
        """Whether some parameter exists only under a condition."""
        return any(parameter.when for parameter in self.parameters)

    def is_active(self, name: str, params: Mapping[str, Any]) -> bool:
        """Return whether a parameter exists beside these (external) values of its parents."""
        return all(
            clause.parent in params and clause.holds(params[clause.parent]) for clause in self._by_name[name].when
        )

    def active_only(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return ``params`` in this space's order without those whose condition does not hold."""
        kept: dict[str, Any] = {}
        for parameter in self._parents_first:
            if parameter.name in params and self.is_active(parameter.name, kept):
                kept[parameter.name] = params[parameter.name]
        return {name: kept[name] for name in self.names if name in kept}

    def select(self, names: Sequence[str]) -> SearchSpace:
        """Return the space of some parameters, their conditions dropped where a parent is not among them."""
        chosen = set(names)
        return SearchSpace(
            [
                Parameter(
                    parameter.name,
                    parameter.distribution,
                    tuple(clause for clause in parameter.when if clause.parent in chosen),
                    parameter.ordered,
                )
                for parameter in self.parameters
                if parameter.name in chosen
            ]
        )

    @property
    def cardinality(self) -> int | None:
        """Number of points without regard to conditions; None when a parameter is continuous."""
        product = 1
        for parameter in self.parameters:
            count = parameter.distribution.cardinality
            if count is None:
                return None
            product *= count
        return product

    def points(self) -> Iterator[dict[str, Any]]:
        """Yield every point of a finite space once (inactive parameters left out), the last parameter fastest."""
        return self._points_from(0, {})

    def _points_from(self, start: int, chosen: dict[str, Any]) -> Iterator[dict[str, Any]]:
        if start == len(self._parents_first):
            yield {name: chosen[name] for name in self.names if name in chosen}
            return
        parameter = self._parents_first[start]
        if not self.is_active(parameter.name, chosen):
            yield from self._points_from(start + 1, chosen)
            return
        for value in values_of(parameter.distribution):
            yield from self._points_from(start + 1, {**chosen, parameter.name: value})

    def to_unit(self, raw: Array) -> Array:
        """Return the unit-cube coordinates ``(n, d)`` of internal values ``(n, d)``; values outside are clipped."""
        import numpy as np

        unit = np.empty_like(raw, dtype=float)
        for column, parameter in enumerate(self.parameters):
            unit[:, column] = unit_of(parameter.distribution, raw[:, column])
        return unit

    def from_unit(self, unit: Array) -> Array:
        """Return the internal values ``(n, d)`` nearest to unit-cube coordinates ``(n, d)``; NaN stays NaN."""
        import numpy as np

        raw = np.empty_like(unit, dtype=float)
        for column, parameter in enumerate(self.parameters):
            raw[:, column] = raw_of(parameter.distribution, unit[:, column])
        return raw

    def encode(self, params: Mapping[str, Any]) -> Array:
        """Return the internal values ``(d,)`` of one point; NaN for absent parameters and foreign values."""
        import numpy as np

        row = np.full(len(self.parameters), np.nan)
        for column, parameter in enumerate(self.parameters):
            if parameter.name in params and parameter.distribution.contains(params[parameter.name]):
                row[column] = parameter.distribution.to_internal_repr(params[parameter.name])
        return row

    def decode(self, raw_row: Array) -> dict[str, Any]:
        """Return the point of internal values ``(d,)``: NaN and parameters that are inactive are left out."""
        params = {
            parameter.name: parameter.distribution.to_external_repr(float(value))
            for parameter, value in zip(self.parameters, raw_row, strict=True)
            if value == value
        }
        return self.active_only(params)


def values_of(distribution: BaseDistribution) -> Iterator[Any]:
    """Yield every (external) value of a finite distribution, in order.

    Raises:
        ValueError: The distribution is continuous.
    """
    if isinstance(distribution, CategoricalDistribution):
        return iter(distribution.choices)
    if isinstance(distribution, IntDistribution):
        return iter(range(distribution.low, distribution.high + 1, distribution.step))
    assert isinstance(distribution, FloatDistribution)
    count = distribution.cardinality
    if count is None:
        raise ValueError(f"{distribution} has no finite list of values; give it a `step`.")
    return iter([distribution.low]) if count == 1 else (distribution.grid(index) for index in range(count))


def edges(distribution: BaseDistribution) -> tuple[float, float]:
    """Return the ends of the (possibly logarithmic) scale, half a step beyond the bounds for numbers on a grid."""
    import math

    if isinstance(distribution, CategoricalDistribution):
        return -0.5, len(distribution.choices) - 0.5
    assert isinstance(distribution, (FloatDistribution, IntDistribution))
    half = (distribution.step or 0.0) / 2
    low, high = distribution.low - half, distribution.high + half
    return (math.log(low), math.log(high)) if distribution.log else (low, high)


def unit_of(distribution: BaseDistribution, raw: Array) -> Array:
    """Return the unit coordinates ``(n,)`` of internal values ``(n,)`` of one distribution."""
    import numpy as np

    low, high = edges(distribution)
    if high == low:
        return np.where(np.isnan(raw), np.nan, 0.5)
    scaled = np.log(raw) if getattr(distribution, "log", False) else raw
    return np.asarray(np.clip((scaled - low) / (high - low), 0.0, 1.0))


def raw_of(distribution: BaseDistribution, unit: Array) -> Array:
    """Return the internal values ``(n,)`` of one distribution nearest to unit coordinates ``(n,)``."""
    import numpy as np

    low, high = edges(distribution)
    scaled = low + np.clip(unit, 0.0, 1.0) * (high - low)
    if isinstance(distribution, CategoricalDistribution):
        return np.asarray(np.clip(np.round(scaled), 0, len(distribution.choices) - 1))
    assert isinstance(distribution, (FloatDistribution, IntDistribution))
    value = np.exp(scaled) if distribution.log else scaled
    if isinstance(distribution, IntDistribution):
        value = distribution.low + np.round((value - distribution.low) / distribution.step) * distribution.step
    elif distribution.step is not None:
        index = np.round((value - distribution.low) / distribution.step)
        last = (distribution.cardinality or 1) - 1
        value = np.array(
            [np.nan if i != i else distribution.grid(int(min(max(i, 0), last))) for i in np.atleast_1d(index)]
        )
    return np.asarray(np.clip(value, distribution.low, distribution.high))


def _parents_first(by_name: Mapping[str, Parameter]) -> tuple[Parameter, ...]:
    done: dict[str, Parameter] = {}
    waiting = dict(by_name)
    for parameter in by_name.values():
        for clause in parameter.when:
            if clause.parent not in by_name:
                raise ValueError(
                    f"The condition of parameter {parameter.name!r} looks at {clause.parent!r}, which is not in the "
                    f"search space. Parameters: {', '.join(by_name)}."
                )
    while waiting:
        ready = [name for name, p in waiting.items() if all(clause.parent in done for clause in p.when)]
        if not ready:
            circle = ", ".join(repr(name) for name in waiting)
            raise ValueError(f"The conditions of the parameters {circle} form a circle; one of them must be free.")
        for name in ready:
            done[name] = waiting.pop(name)
    return tuple(done.values())


def intersection(layouts: Sequence[Mapping[str, BaseDistribution]]) -> dict[str, BaseDistribution]:
    """Return the parameters that all trials have with the same distribution, sorted by name."""
    if not layouts:
        return {}
    first, *others = layouts
    common = {
        name: distribution
        for name, distribution in first.items()
        if all(other.get(name) == distribution for other in others)
    }
    return dict(sorted(common.items()))


def intersection_search_space(trials: Sequence[Any], include_pruned: bool = False) -> dict[str, BaseDistribution]:
    """Return the parameters that all COMPLETE trials have with the same distribution, sorted by name.

    Args:
        trials: As :meth:`Study.get_trials` returns them.
        include_pruned: Whether PRUNED trials count too.
    """
    counted = {"COMPLETE", "PRUNED"} if include_pruned else {"COMPLETE"}
    return intersection([trial.distributions for trial in trials if trial.state.name in counted])


class IntersectionSearchSpace:
    """The intersection of the search spaces of one study's trials.

    Args:
        include_pruned: Whether PRUNED trials count too.
    """

    def __init__(self, include_pruned: bool = False) -> None:
        self._include_pruned = include_pruned
        self._study: tuple[Any, str] | None = None

    def calculate(self, study: Any) -> dict[str, BaseDistribution]:
        """Return the parameters that all finished trials of ``study`` share, sorted by name.

        Raises:
            ValueError: Another study was given before.
        """
        key = (study._study_id, study.study_name)
        if self._study not in (None, key):
            raise ValueError("`IntersectionSearchSpace` cannot handle multiple studies.")
        self._study = key
        return intersection_search_space(study.get_trials(deepcopy=False), self._include_pruned)
