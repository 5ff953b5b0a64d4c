"""The part of a search space in which its relations hold: membership tests, and drawing points.

Notation

======  =====================================================================================
n       number of points
d       number of parameters of the space
raw     internal values ``(n, d)``, NaN where inactive or unknown
unit    coordinates ``(n, d)`` in [0, 1]
given   internal values ``(d,)`` that are decided already, NaN where not
======  =====================================================================================

Points are drawn uniformly, and allowed ones are kept (rejection sampling). Where hardly any is allowed, an evolution
strategy improves the draws by their violation until some are inside; then each takes random steps that stay inside.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import reduce
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from sweeper_core.distributions import BaseDistribution
from sweeper_core.maths.cube import mirrored
from sweeper_core.search_space.axes import Axes
from sweeper_core.search_space.relations import Columns, Relation

Array = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Rng = np.random.Generator

BATCHES = (32, 256, 2048, 8192)
"""Points drawn uniformly, batch by batch, before they are improved."""
POPULATION, PARENTS, ROUNDS = 512, 48, 60
"""Points per round of improvement, number of parents of the next round, and number of rounds."""
STEPS = 12
"""Random steps of a point found by improvement, after which it is independent of the entry point."""
NEARBY = 256
"""Points drawn around a forbidden one to find the nearest allowed point."""
HALVINGS = 20
"""Bisections of the line from an allowed to a forbidden point: the edge is located to a millionth of the line."""
MAX_LISTED = 50_000
"""Maximum number of points of a finite space that are listed."""
COUNTED = 8192
"""Number of points from which the share of the allowed part is estimated."""


class ParameterLike(Protocol):
    """See :class:`sweeper_core.search_space.space.Parameter`."""

    @property
    def name(self) -> str: ...
    @property
    def distribution(self) -> BaseDistribution: ...
    @property
    def is_numeric(self) -> bool: ...


class SpaceLike(Protocol):
    """What a region needs of its space; see :class:`sweeper_core.search_space.space.SearchSpace`."""

    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def where(self) -> tuple[Relation, ...]: ...
    @property
    def axes(self) -> Axes: ...
    @property
    def cardinality(self) -> int | None: ...
    @property
    def distributions(self) -> dict[str, BaseDistribution]: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[ParameterLike]: ...
    def active_mask(self, raw: Array) -> Flags: ...
    def active_only(self, params: Mapping[str, Any]) -> dict[str, Any]: ...


class Region:
    """The allowed part of one space.

    Args:
        space: With relations.
    """

    def __init__(self, space: SpaceLike) -> None:
        self.space = space
        self._distributions = space.distributions
        self._numeric = np.array([parameter.is_numeric for parameter in space], dtype=bool)

    # ----------------------------------------------------------------------------------------------- telling

    def allowed(self, raw: Array) -> Flags:
        """Return which points ``(n,)`` satisfy all relations; inactive parameters must be NaN."""
        columns = self._columns(raw)
        return reduce(np.logical_and, (relation.holds(columns) for relation in self.space.where))

    def violation(self, raw: Array) -> Array:
        """Return ``(n,)``: 0 where allowed, else how far from it, summed over the relations."""
        columns = self._columns(raw)
        return np.asarray(sum(relation.evaluate(columns)[1] for relation in self.space.where))

    def margins(self, raw: Array) -> Array:
        """Return how far ``(n, k)`` points are from the edges of the parts of the relations; negative where outside."""
        columns = self._columns(raw)
        return np.asarray(np.concatenate([relation.margins(columns) for relation in self.space.where]).T)

    def broken(self, params: Mapping[str, Any]) -> list[Relation]:
        """Return the relations that a point of (external) values does not satisfy."""
        columns = self._columns(self.internal(params)[None])
        return [relation for relation in self.space.where if not relation.holds(columns)[0]]

    def internal(self, params: Mapping[str, Any]) -> Array:
        """Return the internal values ``(d,)`` of a point; those outside of a number's range are kept."""
        row = np.full(len(self.space), np.nan)
        for column, parameter in enumerate(self.space):
            if parameter.name in params:
                try:
                    row[column] = parameter.distribution.to_internal_repr(params[parameter.name])
                except ValueError:
                    continue
        return row

    def _columns(self, raw: Array) -> Columns:
        return Columns(self._distributions, dict(zip(self.space.names, raw.T, strict=True)), len(raw))

    # --------------------------------------------------------------------------------------------- unit cube

    def raw_at(self, unit: Array, given: Array | None = None) -> Array:
        """Return the internal values ``(n, d)`` at coordinates, the given ones in their place, inactive ones NaN."""
        raw = self.space.axes.from_unit(unit)
        if given is not None:
            raw = np.where(np.isnan(given), raw, given)
        return np.where(self.space.active_mask(raw), raw, np.nan)

    def allowed_at(self, unit: Array) -> Flags:
        """Return which points ``(n,)`` of coordinates are allowed, whatever those of inactive parameters are."""
        return self.allowed(self.raw_at(unit))

    # ----------------------------------------------------------------------------------------------- drawing

    def draw(self, rng: Rng, count: int = 1, given: Array | None = None) -> Array:
        """Return up to ``count`` allowed points ``(n, d)`` in coordinates; none if none is found.

        Args:
            rng: Decides the points.
            count: How many are wanted.
            given: Values that are decided.
        """
        found: list[Array] = []
        unit = np.empty((0, len(self.space)))
        for batch in BATCHES:
            unit = rng.random((max(batch, count), len(self.space)))
            found.append(unit[self.allowed(self.raw_at(unit, given))])
            if sum(map(len, found)) >= count:
                return np.concatenate(found)[:count]
        inside = np.concatenate(found)
        return self._multiplied(inside if len(inside) else self._improved(unit, rng, given), rng, count, given)

    def _improved(self, unit: Array, rng: Rng, given: Array | None) -> Array:
        """Return allowed points near those that violate least; none if none is found."""
        scale = 0.3
        for _ in range(ROUNDS):
            violation = self.violation(self.raw_at(unit, given))
            if np.any(violation == 0.0):
                return np.asarray(unit[violation == 0.0])
            parents = unit[np.argsort(violation, kind="stable")[:PARENTS]]
            children = self._stepped(parents[rng.integers(len(parents), size=POPULATION)], scale, rng)
            unit = np.concatenate([parents, children])
            scale = max(scale * 0.85, 1e-4)
        return unit[:0]

    def _multiplied(self, inside: Array, rng: Rng, count: int, given: Array | None) -> Array:
        """Return ``count`` points that began at the few ``inside`` and took random steps there."""
        if len(inside) == 0:
            return inside
        unit = inside[np.arange(count) % len(inside)] if len(inside) < count else inside[:count]
        for _ in range(STEPS):
            moved = self._stepped(unit, 10.0 ** rng.uniform(-3.0, -0.3, size=(len(unit), 1)), rng)
            unit = np.where(self.allowed(self.raw_at(moved, given))[:, None], moved, unit)
        return unit

    def _stepped(self, unit: Array, scale: float | Array, rng: Rng) -> Array:
        """Return the points after a step in some coordinates; unordered choices are drawn anew."""
        hit = rng.random(unit.shape) < rng.choice([0.2, 0.5, 1.0], size=(len(unit), 1))
        hit[np.arange(len(unit)), rng.integers(unit.shape[1], size=len(unit))] = True
        moved = mirrored(unit + scale * rng.standard_normal(unit.shape))
        moved = np.where(self._numeric, moved, rng.random(unit.shape))
        return np.where(hit, moved, unit)

    # ----------------------------------------------------------------------------------------------- nearest

    def nearest(self, params: Mapping[str, Any], given: Mapping[str, Any], rng: Rng) -> dict[str, Any] | None:
        """Return an allowed point near one that is not, with the given (external) values; None if none is found."""
        fixed = self.internal(given)
        start = self._dormant(params)
        around = self._stepped(np.tile(start, (NEARBY, 1)), 10.0 ** rng.uniform(-3.0, 0.0, size=(NEARBY, 1)), rng)
        unit = np.concatenate([around[self.allowed(self.raw_at(around, fixed))], self.draw(rng, 8, fixed)])
        if len(unit) == 0:
            return None
        far = np.where(self._numeric, np.abs(unit - start), self._cells(unit) != self._cells(start[None])).sum(axis=1)
        best = self.towards(unit[[int(np.argmin(far))]], start[None], fixed)[0]
        return self.decode(best, given)

    def towards(self, inside: Array, targets: Array, given: Array | None = None) -> Array:
        """Return points ``(n, d)`` on the way from allowed ones to targets, as far as the way is allowed at its end.

        Only numbers move; unordered choices stay as they are ``inside``.
        """
        end = np.where(self._numeric, targets, inside)
        beyond = ~self.allowed(self.raw_at(end, given))
        if not beyond.any():
            return end
        origin, way = inside[beyond], end[beyond] - inside[beyond]
        low, high = np.zeros((len(origin), 1)), np.ones((len(origin), 1))
        for _ in range(HALVINGS):
            middle = 0.5 * (low + high)
            good = self.allowed(self.raw_at(origin + middle * way, given))[:, None]
            low, high = np.where(good, middle, low), np.where(good, high, middle)
        end[beyond] = origin + low * way
        return end

    def decode(self, unit: Array, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the (external) values of a point ``(d,)`` of coordinates, the given ones in their place."""
        params = {
            parameter.name: given[parameter.name]
            if parameter.name in given
            else parameter.distribution.to_external_repr(float(value))
            for parameter, value in zip(self.space, self.space.axes.from_unit(unit[None])[0].tolist(), strict=True)
        }
        return self.space.active_only(params)

    def _dormant(self, params: Mapping[str, Any]) -> Array:
        unit = self.space.axes.to_unit(self.internal(params)[None])[0]
        return np.where(np.isnan(unit), 0.5, unit)

    def _cells(self, unit: Array) -> Array:
        return self.space.axes.from_unit(unit)

    def completed(self, known: Mapping[str, Any], rng: Rng) -> dict[str, Any] | None:
        """Return an allowed point drawn uniformly among those with some (external) values; None if none is found."""
        unit = self.draw(rng, 1, self.internal(known))
        return self.decode(unit[0], known) if len(unit) else None

    # ------------------------------------------------------------------------------------------------- share

    def share(self) -> tuple[float, Relation | None]:
        """Return the estimated share of the space that is allowed, and the relation that holds least often.

        The share is exact where the points can be listed, and 0 where no point was found, not even by improvement.
        """
        rng = np.random.default_rng(0)
        size = self.space.cardinality
        listed = size is not None and size <= MAX_LISTED
        raw = self.raw_at(self._all() if listed else rng.random((COUNTED, len(self.space))))
        columns = self._columns(raw)
        each = [(float(relation.holds(columns).mean()), relation) for relation in self.space.where]
        share = float(self.allowed(raw).mean())
        if share == 0.0 and not listed and len(self.draw(rng)):
            share = 1.0 / (10 * COUNTED)
        return share, min(each, key=lambda pair: pair[0], default=(1.0, None))[1]

    def _all(self) -> Array:
        """Return the coordinates of every point of a finite space, those of inactive parameters included."""
        values = [axis.to_unit(axis.values()) for axis in self.space.axes.axes]
        return np.stack(np.meshgrid(*values, indexing="ij"), axis=-1).reshape(-1, len(values))
