"""Maximising an acquisition function over a mixed space.

Notation

======  =======================================================================================
q, d    number of candidates, of parameters
p       number of embedded columns
k       number of starting points
score   what is maximised, ``(q,)``
======  =======================================================================================

A wide sample finds the good regions; from the best few, gradient steps in the continuous coordinates (all starts in one
L-BFGS-B run, whose objective is the sum of the scores) alternate with sweeps over the discrete ones.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sweeper_core.samplers._gp.restricted import Restriction
from sweeper_core.samplers._gp.space import Encoding, Feature, fix

Floats = npt.NDArray[np.float64]

WIDE = 1000
MUTANTS = 400
STARTS = 4
STEPS = 25
ALONG_EDGES = 2
"""Number of starting points from which the search goes on along the edges of relations."""
ROUNDS = 2
SWEEPS = 4
MAX_LIST = 2000
"""Finite spaces up to this size are searched point by point."""


class Acquisition(ABC):
    """A function of embedded points, to be maximised."""

    @abstractmethod
    def score(self, Z: Floats) -> Floats:
        """Return the score ``(q,)`` at ``Z`` ``(q, p)``."""

    @abstractmethod
    def score_with_gradient(self, Z: Floats) -> tuple[Floats, Floats]:
        """Return the score ``(q,)`` and its derivatives ``(q, p)``."""


class Search:
    """One maximisation.

    Args:
        encoding: The encoding of the space.
        acquisition: The function to be maximised.
        fixed: Position and unit coordinate of the parameters that must not change.
        known: Keys (see :meth:`Encoding.keys`) of points to be avoided, if others are left.
        rng: Source of all randomness.
    """

    def __init__(
        self,
        encoding: Encoding,
        acquisition: Acquisition,
        fixed: Sequence[tuple[int, float]],
        known: set[bytes],
        rng: np.random.Generator,
    ) -> None:
        self.encoding = encoding
        self.acquisition = acquisition
        self.fixed = tuple(fixed)
        self.known = known
        self.rng = rng
        self._restriction = Restriction(encoding, self.fixed, rng) if encoding.space.where else None
        held = {position for position, _ in fixed}
        self._continuous = [axis for axis in encoding.continuous if axis.position not in held]
        self._discrete = [axis for axis in encoding.discrete if axis.position not in held]

    def best(self, parents: Floats) -> Floats | None:
        """Return the best point found ``(d,)``; None when every candidate is known already.

        Args:
            parents: ``(k, d)`` the best points so far, whose neighbourhood is sampled more densely.
        """
        listed = self.encoding.all_points(MAX_LIST)
        if listed is not None:
            listed = fix(listed, self.fixed)
            return self._best_new(listed if self._restriction is None else self._restriction.inside(listed))
        pool = fix(self._sample(parents), self.fixed)
        if self._restriction is not None:
            pool = self._restriction.filled(pool)
            if len(pool) == 0:
                return None
        score = self.score(pool)
        order = np.argsort(-score, kind="stable")
        starts = pool[self._diverse(pool, order)]
        for _ in range(ROUNDS if self._discrete and self._continuous else 1):
            starts = self._sweep(self._climb(starts))
        if self._restriction is not None:
            starts = self._restriction.refined(self._along_edges(starts, self._restriction), self.score)
        return self._best_new(np.concatenate([starts, pool[order[:64]]])) if len(pool) else None

    def score(self, unit: Floats) -> Floats:
        """Return the score ``(q,)`` of points ``(q, d)``."""
        return self.acquisition.score(self.encoding.embed(unit))

    def _sample(self, parents: Floats) -> Floats:
        wide = self.encoding.spread(WIDE, self.rng)
        if len(parents) == 0:
            return wide
        return np.concatenate([wide, self.encoding.mutants(parents, MUTANTS, self.rng)])

    def _diverse(self, pool: Floats, order: npt.NDArray[np.int64]) -> list[int]:
        """Return up to ``STARTS`` of the best candidates, no two of them close neighbours."""
        top = order[:200]
        Z = self.encoding.embed(pool[top])
        chosen: list[int] = []
        places: list[int] = []
        for place, index in enumerate(top.tolist()):
            if all(np.max(np.abs(Z[place] - Z[other])) > 0.05 for other in places):
                chosen.append(index)
                places.append(place)
            if len(chosen) == STARTS:
                break
        return chosen

    def _climb(self, starts: Floats) -> Floats:
        """Return the starts moved uphill in their continuous coordinates."""
        from scipy.optimize import fmin_l_bfgs_b  # takes longer to import than the first suggestions need

        axes = self._continuous
        if not axes:
            return starts
        positions = [axis.position for axis in axes]
        columns = [axis.columns[0] for axis in axes]
        stretch = np.array([1.0 / (axis.high - axis.low) for axis in axes])
        active = self.encoding.active(starts)
        frozen = self.encoding.embed(starts, active)
        moving = active[:, positions]
        low = np.array([axis.low for axis in axes])

        def cost(flat: Floats) -> tuple[float, Floats]:
            unit = flat.reshape(len(starts), len(axes))
            Z = frozen.copy()
            Z[:, columns] = np.where(moving, (unit - low) * stretch, frozen[:, columns])
            score, gradient = self.acquisition.score_with_gradient(Z)
            return -float(score.sum()), -(np.where(moving, gradient[:, columns], 0.0) * stretch).ravel()

        bounds = [(axis.low, axis.high) for axis in axes] * len(starts)
        search: Callable[..., Any] = fmin_l_bfgs_b
        found, _, _ = search(cost, starts[:, positions].ravel(), bounds=bounds, maxiter=STEPS, maxfun=2 * STEPS)
        moved = starts.copy()
        moved[:, positions] = np.where(moving, found.reshape(len(starts), len(axes)), starts[:, positions])
        moved = self.encoding.snap(moved) if self._restriction is None else self._restriction.towards(starts, moved)
        # A parameter that others depend on may have crossed an edge: compute the scores again, keep the starts.
        both = np.concatenate([moved, starts])
        score = self.score(both)
        better = score[: len(starts)] >= score[len(starts) :]
        return np.where(better[:, None], both[: len(starts)], starts)

    def _along_edges(self, starts: Floats, restriction: Restriction) -> Floats:
        """Return the starts moved uphill in their continuous coordinates within the relations."""
        moved, score = starts.copy(), self.score(starts)
        for row in np.argsort(-score, kind="stable")[:ALONG_EDGES].tolist():
            moved[row] = self._along_edge(starts[row], restriction)
        return np.where((self.score(moved) >= score)[:, None], moved, starts)

    def _along_edge(self, start: Floats, restriction: Restriction) -> Floats:
        active = self.encoding.active(start[None])
        axes = [axis for axis in self._continuous if axis.count is None and active[0, axis.position]]
        if not axes:
            return start
        Z = self.encoding.embed(start[None], active)
        columns = [axis.columns[0] for axis in axes]
        low, high = np.array([axis.low for axis in axes]), np.array([axis.high for axis in axes])
        stretch = 1.0 / (high - low)

        def score(x: Floats) -> tuple[float, Floats]:
            Z[0, columns] = (x - low) * stretch
            value, gradient = self.acquisition.score_with_gradient(Z)
            return float(value[0]), gradient[0, columns] * stretch

        return restriction.climbed(start, [axis.position for axis in axes], (low, high), score)

    def _sweep(self, starts: Floats) -> Floats:
        """Coordinate ascent: change one discrete coordinate at a time, the one with the largest gain."""
        rounded = [axis for axis in self._continuous if axis.count is not None]
        if not self._discrete and not rounded:
            return starts
        starts = starts.copy()
        score = self.score(starts)
        for _ in range(SWEEPS):
            neighbours, owner = self._neighbours(starts, rounded)
            if len(neighbours) == 0:
                break
            gain = self.score(neighbours) - score[owner]
            improved = False
            for row in range(len(starts)):
                own = np.flatnonzero(owner == row)
                if len(own) and gain[top := own[int(np.argmax(gain[own]))]] > 1e-12:
                    starts[row] = neighbours[top]
                    score[row] += gain[top]
                    improved = True
            if not improved:
                break
        return starts

    def _neighbours(self, starts: Floats, rounded: list[Feature]) -> tuple[Floats, npt.NDArray[np.int64]]:
        values: list[Floats] = []
        owner: list[int] = []
        position: list[int] = []
        active = self.encoding.active(starts)
        for row, start in enumerate(starts):
            for axis in self._discrete + rounded:
                if not active[row, axis.position]:
                    continue
                current = float(start[axis.position])
                found = _beside(axis, current) if axis.continuous else self._others(axis, current)
                values.append(found)
                owner += [row] * len(found)
                position += [axis.position] * len(found)
        unit = starts[owner]
        if owner:
            unit[np.arange(len(owner)), position] = np.concatenate(values)
        unit = self.encoding.snap(unit)
        if self._restriction is None:
            return unit, np.array(owner, dtype=np.int64)
        allowed = self.encoding.space.region.allowed_at(unit)
        return unit[allowed], np.array(owner, dtype=np.int64)[allowed]

    def _others(self, axis: Feature, current: float) -> Floats:
        return self.encoding.alternatives(axis, current, self.rng)

    def _best_new(self, candidates: Floats) -> Floats | None:
        """Return the best candidate that is not known yet."""
        fresh = [row for row, key in enumerate(self.encoding.keys(candidates)) if key not in self.known]
        if not fresh:
            return None
        candidates = candidates[fresh]
        return np.asarray(candidates[int(np.argmax(self.score(candidates)))])


def _beside(axis: Feature, current: float) -> Floats:
    """Return the two neighbouring values of a number on a grid."""
    values = axis.values
    index = int(np.argmin(np.abs(values - current)))
    return values[[i for i in (index - 1, index + 1) if 0 <= i < len(values)]]
