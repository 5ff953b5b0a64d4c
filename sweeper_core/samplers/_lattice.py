"""Points of a space: drawing them uniformly, finding known ones, numbering them.

A *lattice* numbers the points of a finite space: each parameter's values have digits
0, 1, …; a point's code is the number with these digits (the first parameter's is the most significant,
inactive parameters have 0). Codes make covering a space and looking for gaps array operations.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from sweeper_core.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    choice_key,
)
from sweeper_core.search_space.space import SearchSpace
from sweeper_core.trial.history import Column, History

Codes = npt.NDArray[np.int64]

MISSING = -2
"""The digit of a missing parameter."""

MAX_LISTED_POINTS = 100_000
"""Spaces with more points are treated as infinite: no sweep exhausts them."""


def complete(space: SearchSpace, known: Mapping[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    """Return a point with the ``known`` (external) values where active, uniform ones for the rest.

    Each parameter, active or not, has its own random number, so that parameters are independent. Where the space has
    relations, the point is uniform among those that satisfy them; where no such point has the known values, the
    relations are ignored.
    """
    if space.where and (found := space.region.completed(known, rng)) is not None and space.allows(found):
        return found
    quantiles = rng.random(len(space))
    point: dict[str, Any] = {}
    for parameter, u in zip(space.parents_first, quantiles.tolist(), strict=True):
        name = parameter.name
        if parameter.when and not space.is_active(name, point):
            continue
        point[name] = known[name] if name in known else parameter.distribution.draw(u)
    return {name: point[name] for name in space.names if name in point}


def point_at(space: SearchSpace, units: Sequence[float], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the active values of the point at unit coordinates ``(d,)``, with the given (external) ones set."""
    params: dict[str, Any] = {}
    for parameter in space.parents_first:
        name = parameter.name
        if not parameter.when or space.is_active(name, params):
            distribution = parameter.distribution
            params[name] = (
                given[name]
                if name in given
                else distribution.to_external_repr(distribution.axis.value(units[space.position(name)]))
            )
    return {name: params[name] for name in space.names if name in params}


def is_known(space: SearchSpace, history: History, params: Mapping[str, Any]) -> bool:
    """Return whether a trial of any state is at this point of the space.

    A trial with parameters that are not in the space is another point: define-by-run trials request one
    parameter at a time.
    """
    same: npt.NDArray[np.bool_] | None = None
    for name, value in params.items():
        column = history.columns.get(name)
        code = None if column is None else code_in_column(column, space[name].distribution, value)
        if column is None or code is None:
            return False
        here = column.raw == code
        same = here if same is None else same & here
        if not same.any():
            return False
    if same is None:
        return False
    names = frozenset(space.names)
    return any(
        names.issuperset(layout.names) for layout in {history.layouts[row] for row in np.flatnonzero(same).tolist()}
    )


def code_in_column(column: Column, distribution: BaseDistribution, value: Any) -> float | None:
    """Return the raw value of an (external) value in a history's column; None when the column does not have it."""
    if column.choices is None:
        return None if isinstance(distribution, CategoricalDistribution) else float(value)
    if not isinstance(distribution, CategoricalDistribution):
        return None
    key = choice_key(distribution.choices[int(distribution.to_internal_repr(value))])
    return next((float(code) for code, choice in enumerate(column.choices) if choice_key(choice) == key), None)


class Digits:
    """The values of one parameter of a lattice, in order.

    Attributes:
        name: The parameter.
        count: Number of values.
    """

    def __init__(self, name: str, count: int) -> None:
        self.name = name
        self.count = count

    def value(self, digit: int) -> Any:
        """Return the (external) value of a digit."""
        raise NotImplementedError

    def of_column(self, column: Column) -> Codes:
        """Return the digit ``(n,)`` of each trial's value; -1 where it is none of these."""
        raise NotImplementedError


class NumberDigits(Digits):
    """Integers or numbers on a grid."""

    def __init__(self, name: str, distribution: BaseDistribution) -> None:
        super().__init__(name, distribution.cardinality or 0)
        self._distribution = distribution

    def value(self, digit: int) -> Any:
        return self._distribution.to_external_repr(self._distribution.axis.nth(digit))

    def of_column(self, column: Column) -> Codes:
        if column.choices is not None:
            return np.full(len(column.raw), -1, np.int64)
        digits = self._distribution.axis.digits(column.raw)
        return np.where(np.isnan(digits), -1, digits).astype(np.int64)


class ListDigits(Digits):
    """Listed values: the choices of a categorical, or the values of a user's grid (told apart by type and value)."""

    def __init__(self, name: str, values: Sequence[Any]) -> None:
        super().__init__(name, len(values))
        self._values = list(values)

    def value(self, digit: int) -> Any:
        return self._values[digit]

    def of_column(self, column: Column) -> Codes:
        if column.choices is None:
            return self._of_numbers(column.raw)
        digit_of = {choice_key(value): digit for digit, value in reversed(list(enumerate(self._values)))}
        table = np.array([digit_of.get(choice_key(it), self._equal_to(it)) for it in column.choices] + [-1], np.int64)
        return table[np.where(np.isnan(column.raw), len(table) - 1, column.raw).astype(np.int64)]

    def _equal_to(self, choice: Any) -> int:
        """Return the only digit whose value equals a choice of any type, as in distributions; else -1."""
        equal = [digit for digit, value in enumerate(self._values) if value == choice]
        return equal[0] if len(equal) == 1 else -1

    def _of_numbers(self, raw: npt.NDArray[np.float64]) -> Codes:
        out = np.full(len(raw), -1, np.int64)
        for digit, value in enumerate(self._values):
            if isinstance(value, (int, float)):
                out[raw == value] = digit
        return out


class Lattice:
    """The numbered points of a finite space.

    Args:
        axes: The digits of each parameter, the last one fastest.
        space: The space whose conditions determine the active parameters; None when all are always active.
        where: The space whose relations the points have to satisfy, if it is another one.
    """

    def __init__(
        self, axes: Sequence[Digits], space: SearchSpace | None = None, where: SearchSpace | None = None
    ) -> None:
        self.axes = tuple(axes)
        self.size = math.prod(axis.count for axis in self.axes)
        """Number of codes; there are fewer points when parameters can be inactive."""
        self.strides = [math.prod(axis.count for axis in self.axes[place + 1 :]) for place in range(len(self.axes))]
        self._space = space
        self._valid = self._codes_of_points(space) if space is not None else self._allowed_codes(where)

    @property
    def n_points(self) -> int:
        """Number of distinct points."""
        return self.size if self._valid is None else len(self._valid)

    def point(self, index: int) -> Codes | int:
        """Return the code of point ``index`` in order."""
        return index if self._valid is None else int(self._valid[index])

    def values(self, code: int) -> dict[str, Any]:
        """Return the (external) values of a code, those of inactive parameters too."""
        return {
            axis.name: axis.value(int(code) // stride % axis.count)
            for axis, stride in zip(self.axes, self.strides, strict=True)
        }

    def visited(self, history: History) -> Codes:
        """Return the distinct indices, ascending, of the points of all trials, of any state."""
        digits = self.digits(history)
        good = np.all((digits >= 0) | ((digits == MISSING) & (self._valid is not None)), axis=1)
        if self._space is not None:
            good &= _without_further_parameters(history, frozenset(axis.name for axis in self.axes))
        codes = np.unique(np.maximum(digits[good], 0) @ np.array(self.strides, np.int64))
        if self._valid is None:
            return codes
        index = np.searchsorted(self._valid, codes)
        known = self._valid[np.minimum(index, len(self._valid) - 1)] == codes
        return np.asarray(index[known], np.int64)

    def digits(self, history: History) -> Codes:
        """Return the digits ``(n, axes)`` of all trials: ``MISSING`` where a trial lacks the parameter, -1 for a value
        that is none of the lattice."""
        out = np.full((len(history), len(self.axes)), MISSING, np.int64)
        for place, axis in enumerate(self.axes):
            column = history.columns.get(axis.name)
            if column is not None:
                out[:, place] = np.where(np.isnan(column.raw), MISSING, axis.of_column(column))
        return out

    def digits_at(self, indices: Codes) -> Codes:
        """Return the digits ``(n, axes)`` of points ``(n,)``."""
        codes = indices if self._valid is None else self._valid[indices]
        counts = np.array([axis.count for axis in self.axes], np.int64)
        return np.asarray(codes[:, None] // np.array(self.strides, np.int64) % counts)

    def matching(self, given: Mapping[str, Any]) -> npt.NDArray[np.bool_]:
        """Return ``(n_points,)``: the points that have the given (external) values. For listed spaces."""
        codes = np.arange(self.size) if self._valid is None else self._valid
        good = np.ones(len(codes), bool)
        for axis, stride in zip(self.axes, self.strides, strict=True):
            if axis.name in given:
                key = choice_key(given[axis.name])
                fits = np.array([choice_key(axis.value(digit)) == key for digit in range(axis.count)])
                good &= fits[codes // stride % axis.count]
        return good

    def _codes_of_points(self, space: SearchSpace) -> Codes | None:
        """Return the codes of the points, ascending, where conditions or relations exclude some."""
        if space.where:
            return self._allowed_codes(space)
        if not space.is_conditional:
            return None
        digit_of = {
            axis.name: {choice_key(axis.value(digit)): digit for digit in range(axis.count)} for axis in self.axes
        }
        stride_of = dict(zip((axis.name for axis in self.axes), self.strides, strict=True))
        codes = [
            sum(digit_of[name][choice_key(value)] * stride_of[name] for name, value in point.items())
            for point in space.points()
        ]
        return np.unique(np.array(codes, np.int64))

    def _allowed_codes(self, space: SearchSpace | None) -> Codes | None:
        if space is None:
            return None
        codes = np.arange(self.size, dtype=np.int64)
        digits = codes[:, None] // np.array(self.strides, np.int64) % np.array([axis.count for axis in self.axes])
        held = [p.distribution.axis.low if p.distribution.single() else np.nan for p in space]
        raw = np.tile(held, (self.size, 1))
        for place, axis in enumerate(self.axes):
            if axis.name in space:
                internal = [_internal(space, axis.name, axis.value(digit)) for digit in range(axis.count)]
                raw[:, space.position(axis.name)] = np.array(internal)[digits[:, place]]
        active = space.active_mask(raw)
        columns = [space.position(axis.name) for axis in self.axes if axis.name in space]
        places = [place for place, axis in enumerate(self.axes) if axis.name in space]
        # Of codes that differ only in inactive parameters, the point has the one with zeros.
        first = np.all(active[:, columns] | (digits[:, places] == 0), axis=1)
        return np.asarray(codes[first & space.allowed(np.where(active, raw, np.nan))])


def _internal(space: SearchSpace, name: str, value: Any) -> float:
    distribution = space[name].distribution
    return float(distribution.to_internal_repr(value)) if distribution.contains(value) else np.nan


def _without_further_parameters(history: History, names: frozenset[str]) -> npt.NDArray[np.bool_]:
    fits = {layout: names.issuperset(layout.names) for layout in set(history.layouts)}
    return np.fromiter((fits[layout] for layout in history.layouts), bool, len(history))


@lru_cache(maxsize=64)
def is_finite(space: SearchSpace) -> bool:
    """Return whether every parameter has countably many values."""
    return len(space) > 0 and space.cardinality is not None


@lru_cache(maxsize=16)
def lattice_of(space: SearchSpace) -> Lattice | None:
    """Return the lattice of a finite space; None for spaces too large to list."""
    cardinality = space.cardinality
    if cardinality is None or cardinality > MAX_LISTED_POINTS or len(space) == 0:
        return None
    return Lattice([digits_of(parameter.name, parameter.distribution) for parameter in space], space)


def digits_of(name: str, distribution: BaseDistribution) -> Digits:
    """Return the digits of a finite distribution."""
    if isinstance(distribution, CategoricalDistribution):
        return ListDigits(name, distribution.choices)
    return NumberDigits(name, distribution)


def n_undecided(space: SearchSpace, history: History) -> int:
    """Return the number of running trials that lack parameters of a space."""
    raw = history.raw(space, history.running)
    return int(np.count_nonzero(np.any(space.active_mask(raw) & np.isnan(raw), axis=1)))


def exhausted(space: SearchSpace, history: History) -> bool:
    """Return whether every point of a finite space is in the history; False for spaces too large to list."""
    lattice = lattice_of(space)
    if lattice is None or len(history) < lattice.n_points:
        return False
    return len(lattice.visited(history)) >= lattice.n_points
