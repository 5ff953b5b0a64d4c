"""Search spaces: ordered parameters, the conditions under which they exist, and their unit-cube coordinates.

Notation

======  =====================================================================================
n       number of points
d       number of parameters of the space
raw     internal values, ``(n, d)``: the number itself, or the index of the choice in this space;
        NaN where a parameter is inactive or unknown
unit    coordinates ``(n, d)`` in [0, 1] of :mod:`sweeper_core.search_space.axes`; NaN as in raw
======  =====================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any

from sweeper_core.distributions import BaseDistribution, CategoricalDistribution
from sweeper_core.search_space.axes import Axes
from sweeper_core.search_space.conditions import Clause, test_of

__all__ = ["Clause", "Parameter", "SearchSpace"]

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from sweeper_core.search_space.region import Region
    from sweeper_core.search_space.relations import Relation

    Array = npt.NDArray[np.float64]
    Flags = npt.NDArray[np.bool_]

MIN_SHARE = 1e-3
"""Share of a space that its relations allow; below it, narrower ranges describe the space better."""


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
        where: What all points have to satisfy: texts such as ``"a + b <= 1"``
            (:mod:`sweeper_core.search_space.expressions`), or relations that have been read from such.

    Raises:
        ValueError: Two parameters of one name, a condition on an unknown parameter, conditions in a circle, a relation
            that means nothing, or relations that no point satisfies.
    """

    def __init__(self, parameters: Sequence[Parameter], where: Sequence[str | Relation] = ()) -> None:
        self.parameters = tuple(parameters)
        self.names = tuple(parameter.name for parameter in self.parameters)
        self._by_name = {parameter.name: parameter for parameter in self.parameters}
        self._position = {name: position for position, name in enumerate(self.names)}
        if len(self._by_name) < len(self.parameters):
            twice = sorted(name for name in self._by_name if self.names.count(name) > 1)
            raise ValueError(f"Parameter {twice[0]!r} is in the search space twice.")
        self._parents_first = _parents_first(self._by_name)
        self.where = self._relations(where) if where else ()
        self._hash = hash((self.parameters, self.where)) if self.where else hash(self.parameters)
        if any(isinstance(each, str) for each in where):
            self.check_where()

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
        same = self._hash == other._hash and self.parameters == other.parameters and self.where == other.where
        return self is other or same

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        where = f", where={[str(each) for each in self.where]!r}" if self.where else ""
        return f"SearchSpace({list(self.parameters)!r}{where})"

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in ("region", "axes", "_conditions")}

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
        """Return the space of some parameters.

        Conditions are dropped where a parent is not among them, relations where one of their parameters is not.
        """
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
            ],
            [each for each in self.where if chosen.issuperset(each.names)],
        )

    @cached_property
    def region(self) -> Region:
        """The part of the space in which the relations hold."""
        from sweeper_core.search_space.region import Region

        return Region(self)

    def allows(self, params: Mapping[str, Any]) -> bool:
        """Return whether a point of (external) values satisfies the relations; a part of a point may be given, too."""
        return not self.where or not self.region.broken(params)

    def broken_by(self, params: Mapping[str, Any]) -> str | None:
        """Return a relation that excludes all points with these (external) values; None if some are allowed."""
        import numpy as np

        if not self.where:
            return None
        broken = self.region.broken(params)
        if not broken and self.region.completed(params, np.random.default_rng(0)) is None:
            broken = [each for each in self.where if set(each.names) - set(params)]
        return str(broken[0]) if broken else None

    def allowed(self, raw: Array) -> Flags:
        """Return which points ``(n,)`` of internal values ``(n, d)`` satisfy the relations."""
        import numpy as np

        return self.region.allowed(raw) if self.where else np.ones(len(raw), dtype=bool)

    def check_where(self) -> float:
        """Return the estimated share of the space that the relations allow.

        Raises:
            ValueError: They allow no point.
        """
        if not self.where:
            return 1.0
        share, rarest = self.region.share()
        if share == 0.0:
            raise ValueError(
                f"No point satisfies the relations ({'; '.join(map(str, self.where))}); the one that holds least often "
                f"is {str(rarest)!r}."
            )
        return share

    def _relations(self, where: Sequence[str | Relation]) -> tuple[Relation, ...]:
        from sweeper_core.search_space.binding import relation
        from sweeper_core.search_space.relations import Relation

        if isinstance(where, str):
            raise ValueError(f"`where` must be a list of relations, not the text {where!r}.")
        kinds = {p.name.lstrip("+"): [(p.name, p.distribution)] for p in self.parameters}
        return tuple(each if isinstance(each, Relation) else relation(each, kinds) for each in where)

    def active_mask(self, raw: Array) -> Flags:
        """Return ``(n, d)``: which parameters exist at the points of internal values ``(n, d)``."""
        import numpy as np

        active = np.ones(raw.shape, dtype=bool)
        for column, parent, holds in self._conditions:
            active[:, column] &= active[:, parent] & holds(raw[:, parent])
        return active

    @cached_property
    def _conditions(self) -> tuple[tuple[int, int, Callable[[Array], Flags]], ...]:
        """The columns of a child and of its parent with the test that they have, for each clause, parents first."""
        return tuple(
            (
                self._position[parameter.name],
                self._position[clause.parent],
                test_of(clause, self._by_name[clause.parent].distribution),
            )
            for parameter in self._parents_first
            for clause in parameter.when
        )

    @property
    def cardinality(self) -> int | None:
        """Number of points without regard to conditions and relations; None when a parameter is continuous."""
        product = 1
        for parameter in self.parameters:
            count = parameter.distribution.cardinality
            if count is None:
                return None
            product *= count
        return product

    def points(self) -> Iterator[dict[str, Any]]:
        """Yield every point of a finite space once (inactive parameters left out), the last parameter fastest."""
        return filter(self.allows, self._points_from(0, {})) if self.where else self._points_from(0, {})

    def _points_from(self, start: int, chosen: dict[str, Any]) -> Iterator[dict[str, Any]]:
        if start == len(self._parents_first):
            yield {name: chosen[name] for name in self.names if name in chosen}
            return
        parameter = self._parents_first[start]
        if not self.is_active(parameter.name, chosen):
            yield from self._points_from(start + 1, chosen)
            return
        for value in parameter.distribution.values():
            yield from self._points_from(start + 1, {**chosen, parameter.name: value})

    @cached_property
    def axes(self) -> Axes:
        """The geometry of the parameters, one column each."""
        return Axes([parameter.distribution.axis for parameter in self.parameters])

    def to_unit(self, raw: Array) -> Array:
        """Return the unit-cube coordinates ``(n, d)`` of internal values ``(n, d)``; values outside are clipped."""
        return self.axes.to_unit(raw)

    def from_unit(self, unit: Array) -> Array:
        """Return the internal values ``(n, d)`` nearest to unit-cube coordinates ``(n, d)``; NaN stays NaN."""
        return self.axes.from_unit(unit)

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


def _parents_first(by_name: Mapping[str, Parameter]) -> tuple[Parameter, ...]:
    for parameter in by_name.values():
        for clause in parameter.when:
            if clause.parent not in by_name:
                raise ValueError(
                    f"The condition of parameter {parameter.name!r} looks at {clause.parent!r}, which is not in the "
                    f"search space. Parameters: {', '.join(by_name)}."
                )
    sorter = TopologicalSorter({name: [clause.parent for clause in p.when] for name, p in by_name.items()})
    try:
        sorter.prepare()
    except CycleError as error:
        circle = ", ".join(repr(name) for name in error.args[1][:-1])
        raise ValueError(
            f"The conditions of the parameters {circle} form a circle; one of them must be free."
        ) from None
    position = {name: place for place, name in enumerate(by_name)}
    done: list[Parameter] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready(), key=position.__getitem__)
        done.extend(by_name[name] for name in ready)
        sorter.done(*ready)
    return tuple(done)
