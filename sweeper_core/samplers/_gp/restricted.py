"""Restrict a maximisation to the part of the space that satisfies its relations.

Notation

======  =======================================================================================
q, d    number of points, of parameters
unit    ``(q, d)`` coordinates as in :mod:`sweeper_core.samplers._gp.space`
======  =======================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from sweeper_core.samplers._gp.edges import Score, climb_along
from sweeper_core.samplers._gp.space import Encoding, fix

Floats = npt.NDArray[np.float64]

MIN_POOL = 250
"""Minimum number of allowed candidates among the thousand or more drawn everywhere; else more are drawn inside."""
SCALES = (0.1, 0.01)
"""Scales of the random steps after the gradient steps: they lead past corners, and where numbers are on a grid."""
DIRECTIONS = 32
"""Random steps of each scale from each point."""


class Restriction:
    """The allowed part of a space, with some coordinates fixed.

    Args:
        encoding: The encoding of the space.
        fixed: Positions and unit coordinates that are fixed.
        rng: Source of all randomness.
    """

    def __init__(self, encoding: Encoding, fixed: Sequence[tuple[int, float]], rng: np.random.Generator) -> None:
        self._encoding, self._fixed, self._rng = encoding, tuple(fixed), rng
        self._region = encoding.space.region
        held = {position for position, _ in fixed}
        self._moving = np.array(
            [parameter.is_numeric and place not in held for place, parameter in enumerate(encoding.space)]
        )
        self._extent = np.ones(0)

    def inside(self, unit: Floats) -> Floats:
        """Return the allowed points among those given."""
        return np.asarray(unit[self._region.allowed_at(unit)])

    def some(self, draws: Floats, count: int) -> Floats:
        """Return ``count`` allowed points, preferably from ``draws``; one of ``draws`` when none is found."""
        found = self.filled(draws, count)[:count]
        return found if len(found) else draws[:1]

    def filled(self, pool: Floats, least: int = MIN_POOL) -> Floats:
        """Return the allowed points of a pool, with others where these are fewer than ``least``."""
        self._extent = self.extent(pool)
        found = self.inside(pool)
        if len(found) >= least:
            return found
        given = np.full(len(self._encoding.space), np.nan)
        for position, value in self._fixed:
            given[position] = self._encoding.space.axes.axes[position].value(value)
        drawn = self._region.draw(self._rng, least, given)
        return np.concatenate([found, self.inside(fix(self._encoding.snap(drawn), self._fixed))])

    def towards(self, inside: Floats, targets: Floats) -> Floats:
        """Return the points where the lines from allowed points to targets leave the allowed part."""
        moved = self._encoding.snap(self._region.towards(inside, np.where(self._moving, targets, inside)))
        return np.asarray(np.where(self._region.allowed_at(moved)[:, None], moved, inside))

    def extent(self, pool: Floats) -> Floats:
        """Return how large the margins ``(k,)`` of the relations are in a pool of points."""
        margins = np.abs(self._region.margins(self._region.raw_at(pool)))
        sizes = np.median(np.where(np.isfinite(margins), margins, 0.0), axis=0)
        return np.where(sizes > 0.0, sizes, 1.0)

    def climbed(self, start: Floats, places: Sequence[int], bounds: tuple[Floats, Floats], score: Score) -> Floats:
        """Return an allowed point ``(d,)`` uphill of an allowed one, in some of the coordinates.

        Args:
            start: ``(d,)``.
            places: Positions of the coordinates that move, ``(m,)``.
            bounds: The least and the largest values of these.
            score: Of these coordinates.
        """

        def at(points: Floats) -> Floats:
            unit = np.repeat(start[None], len(points), axis=0)
            unit[:, places] = points
            return unit

        def margins(points: Floats) -> Floats:
            return self._region.margins(self._region.raw_at(at(points)))

        found = climb_along(score, margins, self._extent, start[places], *bounds)
        return np.asarray(self.towards(start[None], at(found[None]))[0])

    def refined(self, starts: Floats, score: Callable[[Floats], Floats]) -> Floats:
        """Return the starts after random steps, also along edges, that increase the score ``(q,)``."""
        best, height = starts.copy(), score(starts)
        for scale in SCALES if self._moving.any() else ():
            origin = np.repeat(best, DIRECTIONS, axis=0)
            steps = scale * self._rng.standard_normal(origin.shape)
            steps *= self._rng.random(origin.shape) < self._rng.choice([0.4, 1.0], size=(len(origin), 1))
            reached = self.towards(origin, np.clip(origin + steps, 0.0, 1.0))
            each = score(reached).reshape(len(best), DIRECTIONS)
            top = np.argmax(each, axis=1)
            better = each[np.arange(len(best)), top] > height
            best[better] = reached.reshape(len(best), DIRECTIONS, -1)[better, top[better]]
            height = np.maximum(height, each.max(axis=1))
        return np.asarray(best)
