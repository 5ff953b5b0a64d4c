"""The encoding of search spaces for a Gaussian process, and the drawing of candidates.

Notation

======  =======================================================================================
d       number of parameters of the space
q       number of points
p       number of embedded columns (see :mod:`sweeper_core.maths.gp`)
unit    ``(q, d)`` unit-cube coordinates as in :mod:`sweeper_core.search_space.space`, but never NaN: inactive
        parameters have a dormant coordinate, which is used when a parent changes
active  ``(q, d)`` which parameters exist at each point
Z       ``(q, p)`` embedded points
======  =======================================================================================

Numbers and ordered choices have one column, stretched so that the extreme values are 0 and 1; those of (practically)
continuous ones, along which the process has a trend, come first. Categoricals have one column for each choice. A
conditional number has a second column, its height above the line: an inactive one sits above the middle, so it is
about equally far from all active values and at distance zero from other inactive ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from sweeper_core.maths.cube import mirrored
from sweeper_core.maths.gp import Columns
from sweeper_core.search_space.axes import Axis
from sweeper_core.search_space.space import Parameter, SearchSpace

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

MAX_FEW = 16
"""Numbers with at most this many values are searched value by value, and have no trend and the lengthscales of choices;
those with more are taken as continuous, then rounded."""
MAX_CHOICES = 32
"""Maximum number of choices tried in one sweep over a categorical."""
MAX_LISTED = 4096
"""Numbers with more values are never listed."""
ONE_HOT = np.sqrt(0.5)
HEIGHT = 0.5


@dataclass(frozen=True)
class Feature:
    """One parameter's part of the embedding.

    Attributes:
        position: Column of the parameter in the space.
        axis: Its values.
        count: Number of values; None for (practically) continuous ones.
        low, high: Unit coordinates of the extreme values.
        columns: Those of the embedding: a number's, or one for each choice; and one for its absence if conditional.
        numeric, conditional: As the parameter is.
        continuous: Whether gradients lead to better values.
    """

    position: int
    axis: Axis
    count: int | None
    low: float
    high: float
    columns: Integers
    numeric: bool
    conditional: bool
    continuous: bool

    def snap(self, unit: Floats) -> Floats:
        """Return the nearest coordinates ``(q,)`` that a value has."""
        return unit if self.count is None else self.axis.snap(unit)

    @cached_property
    def values(self) -> Floats:
        """The coordinates of all values."""
        return self.axis.to_unit(self.axis.values())

    def which(self, unit: Floats) -> Flags:
        """Return which of the values ``(count,)`` each of the points ``(n, d)`` has: ``(n, count)``."""
        return np.asarray(np.abs(unit[:, self.position, None] - self.values) < 1e-9)


class Encoding:
    """The embedding of one search space. Immutable."""

    def __init__(self, space: SearchSpace) -> None:
        self.space = space
        self.axes: list[Feature] = []
        number, other = 0, sum(_is_continuous(parameter) for parameter in space)
        for position, parameter in enumerate(space):
            if not parameter.distribution.single():
                axis = _feature(position, parameter, number, other)
                self.axes.append(axis)
                number += axis.continuous
                other += len(axis.columns) - axis.continuous
        group = np.empty(other, dtype=np.int64)
        for index, axis in enumerate(self.axes):
            group[axis.columns] = index
        self.columns = Columns(group, number)
        self.continuous = [axis for axis in self.axes if axis.continuous]
        self.discrete = [axis for axis in self.axes if not axis.continuous]
        self.categorical = [axis for axis in self.axes if not axis.numeric]
        self._conditions = [parameter.when for parameter in space]
        self._parents = sorted({space.position(clause.parent) for when in self._conditions for clause in when})
        self.branching = [axis for axis in self.categorical if axis.position in self._parents and not axis.conditional]

    def choices_above(self, axis: Feature) -> list[int]:
        """Return the positions of the categoricals that a parameter's conditions test."""
        tested = {self.space.position(clause.parent) for clause in self._conditions[axis.position]}
        return [other.position for other in self.categorical if other.position in tested]

    def snap(self, unit: Floats) -> Floats:
        """Return the nearest points that the space has."""
        unit = np.clip(unit, 0.0, 1.0)
        for axis in self.axes:
            if axis.count is not None:
                unit[:, axis.position] = axis.snap(unit[:, axis.position])
        return unit

    def active(self, unit: Floats) -> Flags:
        """Return ``(q, d)``."""
        if not self._parents:
            return np.ones(unit.shape, dtype=bool)
        raw = np.zeros_like(unit)
        for position in self._parents:
            raw[:, position] = self.space.axes.axes[position].from_unit(unit[:, position])
        return self.space.active_mask(raw)

    def embed(self, unit: Floats, active: Flags | None = None) -> Floats:
        """Return ``Z`` ``(q, p)``."""
        active = self.active(unit) if active is None else active
        Z = np.zeros((len(unit), len(self.columns.group)))
        for axis in self.axes:
            _fill(Z, axis, unit[:, axis.position], active[:, axis.position])
        return Z

    def dormant(self, unit: Floats) -> Floats:
        """Return coordinates whose NaN (inactive, or unknown to the space) are replaced by the middle."""
        return np.where(np.isnan(unit), 0.5, unit)

    def spread(self, count: int, rng: np.random.Generator) -> Floats:
        """Return ``(count, d)`` points of a Latin hypercube: every value of every parameter gets its share."""
        strata = np.broadcast_to(np.arange(count, dtype=float)[:, None], (count, len(self.space)))
        return self.snap((rng.permuted(strata, axis=0) + rng.random((count, len(self.space)))) / max(count, 1))

    def mutants(self, parents: Floats, count: int, rng: np.random.Generator) -> Floats:
        """Return ``(count, d)`` perturbed ``parents`` ``(k, d)``: few coordinates each, steps of all sizes."""
        children = parents[rng.integers(len(parents), size=count)].copy()
        alive = self.active(children)
        d = np.maximum(alive.sum(axis=1, keepdims=True), 1)
        share = np.minimum(rng.choice([1.0, 3.0, np.inf], size=(count, 1)) / d, 1.0)
        hit = rng.random(children.shape) < share
        hit[np.arange(count), np.argmax(np.where(alive, rng.random(children.shape), -1.0), axis=1)] = True
        scale = 10.0 ** rng.uniform(-2.5, -0.5, size=(count, 1))
        moved = mirrored(children + scale * rng.normal(size=children.shape))
        for axis in self.discrete:
            jump = rng.random(count) < (1.0 if not axis.numeric else 0.5)
            moved[jump, axis.position] = rng.random(int(jump.sum()))
        return self.snap(np.where(hit, moved, children))

    def alternatives(self, axis: Feature, current: float, rng: np.random.Generator) -> Floats:
        """Return the other coordinates of a discrete parameter worth trying from ``current``."""
        values = axis.values
        values = values[np.abs(values - current) > 1e-12]
        return values if len(values) <= MAX_CHOICES else rng.choice(values, MAX_CHOICES, replace=False)

    def params(self, unit: Floats) -> dict[str, Any]:
        """Return the (external) values of one point ``(d,)``."""
        raw = self.space.from_unit(unit[None])
        raw[~self.space.active_mask(raw)] = np.nan
        return self.space.decode(raw[0])

    def keys(self, unit: Floats, active: Flags | None = None) -> list[bytes]:
        """Return keys that identify points: their active coordinates, rounded to 1e-9."""
        active = self.active(unit) if active is None else active
        marked = np.where(active, np.round(unit * 1e9), -1.0).astype(np.int64)
        return [row.tobytes() for row in marked]

    def all_points(self, most: int) -> Floats | None:
        """Return every point ``(q, d)`` of a finite space of at most ``most``; None for others."""
        counts = [axis.count for axis in self.axes]
        if any(count is None for count in counts) or (self.space.cardinality or 1) > most:
            return None
        grids = np.meshgrid(*(axis.values for axis in self.axes), indexing="ij")
        unit = np.full((grids[0].size if grids else 1, len(self.space)), 0.5)
        for axis, grid in zip(self.axes, grids, strict=True):
            unit[:, axis.position] = grid.ravel()
        if self._parents:
            keys = self.keys(unit)
            unit = unit[sorted({key: row for row, key in enumerate(keys)}.values())]
        return unit


def _is_continuous(parameter: Parameter) -> bool:
    count = parameter.distribution.cardinality
    return parameter.is_numeric and (count is None or count > MAX_FEW)


def _feature(position: int, parameter: Parameter, number: int, other: int) -> Feature:
    """Return the feature of a parameter; ``number`` and ``other`` are the next free columns of either kind."""
    axis = parameter.distribution.axis
    count, numeric, conditional = axis.count, parameter.is_numeric, bool(parameter.when)
    if count is not None and numeric and count > MAX_LISTED:
        count = None
    low, high = 0.0, 1.0
    if count is not None:
        low, high = axis.unit(axis.low), axis.unit(axis.high)
    continuous, width = _is_continuous(parameter), 1 if numeric or count in (None, 2) else count
    own = [number] if continuous else list(range(other, other + width))
    absence = [other if continuous else other + width] if conditional else []
    columns = np.array(own + absence, dtype=np.int64)
    return Feature(position, axis, count, low, high, columns, numeric, conditional, continuous)


def _fill(Z: Floats, axis: Feature, unit: Floats, active: Flags) -> None:
    """Write one parameter's columns."""
    first, own = axis.columns[0], len(axis.columns) - axis.conditional
    if axis.numeric:
        Z[:, first] = np.where(active, (unit - axis.low) / (axis.high - axis.low), 0.5)
    elif own == 1:
        Z[:, first] = np.where(active, np.floor(np.minimum(unit * 2.0, 1.5)), 0.5)
    else:
        assert axis.count is not None
        choice = np.clip(np.floor(unit * axis.count), 0, axis.count - 1).astype(np.int64)
        rows = np.flatnonzero(active)
        Z[rows, axis.columns[choice[rows]]] = ONE_HOT
    if axis.conditional:
        height = HEIGHT if axis.numeric else (np.sqrt(0.75) if own == 1 else ONE_HOT)
        Z[:, axis.columns[-1]] = np.where(active, 0.0, height)


def farthest(candidates: Floats, others: Floats) -> int:
    """Return the index of the candidate ``(q, p)`` whose nearest neighbour among ``others`` ``(n, p)`` is farthest."""
    if len(others) == 0:
        return 0
    best, index = -1.0, 0
    for row, candidate in enumerate(candidates):
        gap = float(np.min(np.sum((others - candidate) ** 2, axis=1)))
        if gap > best:
            best, index = gap, row
    return index


def balanced(
    encoding: Encoding, seen: Floats, total: int, count: int, rng: np.random.Generator, weights: Floats
) -> Floats:
    """Return ``(count, d)`` draws that go on a Latin hypercube of ``total`` points of which ``seen`` ``(k, d)`` exist.

    Each parameter's coordinate is drawn from the strata that have fewest points, so every choice of a categorical comes
    up before one comes up twice too often.

    Args:
        weights: ``(k, d)`` what a point counts for a parameter: nothing where the parameter is inactive.
    """
    draws = rng.random((count, len(encoding.space)))
    for axis in encoding.axes:
        strata = total if axis.count is None or axis.count > total else axis.count
        visits = np.bincount(_stratum(seen[:, axis.position], strata), weights[:, axis.position], strata)
        free = np.flatnonzero(visits == visits.min())
        draws[:, axis.position] = (rng.choice(free, count) + draws[:, axis.position]) / strata
    return encoding.snap(draws)


def _stratum(unit: Floats, strata: int) -> Integers:
    return np.clip(np.floor(unit * strata), 0, strata - 1).astype(np.int64)


def fix(unit: Floats, fixed: Sequence[tuple[int, float]]) -> Floats:
    """Return the points with some coordinates set."""
    for position, value in fixed:
        unit[:, position] = value
    return unit
