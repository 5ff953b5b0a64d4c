"""Parameters whose value is a list: permutations and points of a simplex, each made of several numeric parameters.

Optuna's schema has no such distribution, so what is stored, and what samplers see, are the numbers ``name[i]``.

Notation

======  =====================================================================================
n       length of the list
parts   the stored numbers, ``(n - 1,)``: the point that :meth:`value` makes a list of
======  =====================================================================================

Both maps are one-to-one, and take the uniform distribution of the parts to that of the lists.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sweeper_core.choices import choice_key
from sweeper_core.distributions import BaseDistribution, FloatDistribution, IntDistribution
from sweeper_core.search_space.conditions import Clause
from sweeper_core.search_space.space import Parameter

MIN_LENGTH = 2
MAX_LENGTH = 100
"""Maximum length of a list: a search over more parameters than that is hopeless."""
DIGITS = 12
"""Decimals of the weights: what a configuration writes (0.2, 0.3, 0.5) comes back as it was written."""
SUM_TOLERANCE = 1e-6
"""How far from 1 the sum of given weights may be."""


@dataclass(frozen=True)
class Permutation:
    """The orders of some items.

    Part i says where item i is inserted into the list of the items before it: 0 at its beginning, i at its end. So a
    part that changes by one swaps two neighbours, and every order is one point of the parts, whose ranges are 0 to i
    for i = 1, …, n - 1 (an inversion table: Knuth, The Art of Computer Programming 3, 5.1.1).

    Attributes:
        items: Distinct by type and value. The parts 1, 2, …, n - 1 mean this order.
    """

    items: tuple[Any, ...]

    def __post_init__(self) -> None:
        _check_length("permutation", len(self.items), "item")
        seen = set()
        for item in self.items:
            if choice_key(item) in seen:
                raise ValueError(f"the item {item!r} is in the permutation twice")
            seen.add(choice_key(item))

    def __str__(self) -> str:
        return f"an order of {', '.join(map(str, self.items))}"

    @property
    def distributions(self) -> dict[int, BaseDistribution]:
        """The distribution of each part by its index."""
        return {index: IntDistribution(0, index) for index in range(1, len(self.items))}

    def value(self, parts: Sequence[Any]) -> list[Any]:
        """Return the order that the parts ``(n - 1,)`` mean."""
        order = [self.items[0]]
        for item, place in zip(self.items[1:], parts, strict=True):
            order.insert(int(place), item)
        return order

    def parts(self, value: Any) -> list[Any]:
        """Return the parts ``(n - 1,)`` of an order.

        Raises:
            ValueError: It is no order of the items.
        """
        keys = [choice_key(item) for item in self.items]
        given = [choice_key(item) for item in value] if isinstance(value, (list, tuple)) else []
        if len(given) != len(keys) or set(given) != set(keys):
            raise ValueError(f"{value!r} is no order of {', '.join(map(str, self.items))}")
        at = [given.index(key) for key in keys]
        return [sum(at[before] < at[index] for before in range(index)) for index in range(1, len(keys))]

    def to_json(self) -> dict[str, Any]:
        """Return what is stored with a study."""
        return {"permutation": list(self.items)}


@dataclass(frozen=True)
class Simplex:
    """The lists of ``size`` numbers, none negative, whose sum is 1.

    A stick of length 1 is broken n - 1 times: with r_i = 1 - w_0 - … - w_{i-1} left, weight i is
    w_i = r_i (1 - t_i^(1 / (n - 1 - i))), the last weight is what is left, and the parts are the t_i in [0, 1]. With
    uniform t_i the points are uniform on the simplex: w_i / r_i is then Beta(1, n - 1 - i), as it is for the flat
    Dirichlet distribution (Devroye, Non-Uniform Random Variate Generation, XI.4). The smaller t_i, the larger w_i.
    """

    size: int

    def __post_init__(self) -> None:
        if type(self.size) is not int:
            raise ValueError(f"a simplex takes the number of its weights, an int, not {self.size!r}")
        _check_length("simplex", self.size, "weight")

    def __str__(self) -> str:
        return f"{self.size} weights whose sum is 1"

    @property
    def distributions(self) -> dict[int, BaseDistribution]:
        """The distribution of each part by its index."""
        return {index: FloatDistribution(0.0, 1.0) for index in range(self.size - 1)}

    def value(self, parts: Sequence[Any]) -> list[float]:
        """Return the weights, rounded to 12 decimals, of the parts ``(n - 1,)``; the sum is 1 within rounding."""
        left, weights = 1.0, []
        for index, part in enumerate(parts):
            # 1 - t^(1 / (n - 1 - i)); not -expm1, which is -0.0 for t = 1
            share = 0.0 - math.expm1(math.log(part) / (self.size - 1 - index)) if part > 0.0 else 1.0
            weights.append(round(left * share, DIGITS))
            left = max(1.0 - math.fsum(weights), 0.0)
        return [*weights, round(left, DIGITS)]

    def parts(self, value: Any) -> list[float]:
        """Return the parts ``(n - 1,)`` of some weights.

        Raises:
            ValueError: They are no point of the simplex.
        """
        given = list(value) if isinstance(value, (list, tuple)) else []
        numbers = all(type(weight) in (int, float) and 0 <= weight <= 1 for weight in given)
        if len(given) != self.size or not numbers or abs(math.fsum(given) - 1.0) > SUM_TOLERANCE:
            raise ValueError(f"{value!r} is no list of {self.size} numbers from 0 on whose sum is 1")
        found = []
        for index in range(self.size - 1):
            left, rest = math.fsum(given[index:]), math.fsum(given[index + 1 :])
            found.append((rest / left) ** (self.size - 1 - index) if left > 0.0 else 1.0)  # (1 - w_i / r_i)^(n - 1 - i)
        if any(abs(one - weight) > SUM_TOLERANCE for one, weight in zip(self.value(found), given, strict=True)):
            raise ValueError(f"{value!r} is too near to a corner of the simplex for floating point numbers")
        return found

    def to_json(self) -> dict[str, Any]:
        """Return what is stored with a study."""
        return {"simplex": self.size}


Shape = Permutation | Simplex


def shape_from_json(stored: Mapping[str, Any]) -> Shape:
    """Return the shape that was stored with a study."""
    if "permutation" in stored:
        return Permutation(tuple(stored["permutation"]))
    return Simplex(stored["simplex"])


def _check_length(kind: str, length: int, what: str) -> None:
    if not MIN_LENGTH <= length <= MAX_LENGTH:
        raise ValueError(f"a {kind} has {MIN_LENGTH} to {MAX_LENGTH} {what}s, not {length}")


def part_name(name: str, index: int) -> str:
    """Return the name of a part: ``order[1]``, ``order[1] when model=a``."""
    key, when, condition = name.partition(" when ")
    return f"{key}[{index}]{when}{condition}"


@dataclass(frozen=True)
class ListParameter:
    """A named list, and the parameters that it is made of.

    ::

        order = ListParameter("order", Permutation(("a", "b", "c")))
        space = SearchSpace([*order.parameters(), Parameter("lr", FloatDistribution(0, 1))])
        order.value(study.ask(space).params)  # ['b', 'a', 'c']
    """

    name: str
    shape: Shape

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        """The distribution of each part by its name."""
        return {part_name(self.name, index): kind for index, kind in self.shape.distributions.items()}

    @cached_property
    def part_names(self) -> tuple[str, ...]:
        """The names of the parts."""
        return tuple(self.distributions)

    def parameters(self, when: tuple[Clause, ...] = ()) -> list[Parameter]:
        """Return the parts as parameters of a search space.

        Args:
            when: The condition under which the list exists.
        """
        return [Parameter(name, kind, when) for name, kind in self.distributions.items()]

    def value(self, params: Mapping[str, Any]) -> list[Any] | None:
        """Return the list at a point; None where the point does not have all parts."""
        names = self.part_names
        return self.shape.value([params[name] for name in names]) if all(name in params for name in names) else None

    def params(self, value: Any) -> dict[str, Any]:
        """Return the parts of a list by name.

        Raises:
            ValueError: It is not one of the lists.
        """
        return dict(zip(self.part_names, self.shape.parts(value), strict=True))


def read_lists(stored: Any) -> tuple[ListParameter, ...]:
    """Return the lists that a study has stored, in the form of :func:`lists_to_json`."""
    return tuple(ListParameter(name, shape_from_json(shape)) for name, shape in (stored or {}).items())


def lists_to_json(lists: Iterable[ListParameter]) -> dict[str, Any]:
    """Return lists as they are stored with a study."""
    return {one.name: one.shape.to_json() for one in lists}


def with_lists(params: Mapping[str, Any], lists: Sequence[ListParameter]) -> dict[str, Any]:
    """Return a point with each list, at the place of its first part, instead of its parts."""
    values = dict(params)
    for one in lists:
        value = one.value(params)
        if value is not None:
            values[one.name] = value
    return {name: values[name] for name in shown_names(list(params), lists)}


def shown_names(names: Sequence[str], lists: Sequence[ListParameter]) -> list[str]:
    """Return the names of a point's values in the form of :func:`with_lists`."""
    of = {part: one.name for one in lists if set(one.part_names) <= set(names) for part in one.part_names}
    return list(dict.fromkeys(of.get(name, name) for name in names))


def with_parts(values: Mapping[str, Any], lists: Sequence[ListParameter]) -> dict[str, Any]:
    """Return a point with the parameters that make up each list instead of the list; see :func:`with_lists`.

    Raises:
        ValueError: A value is not one of the lists.
    """
    whole = {one.name: one for one in lists}
    return {
        name: part
        for key, value in values.items()
        for name, part in (whole[key].params(value) if key in whole else {key: value}).items()
    }
