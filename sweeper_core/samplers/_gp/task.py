"""What one suggestion of the Gaussian process starts from.

Notation

======  =======================================================================================
n       number of points with observations
d       number of parameters
======  =======================================================================================
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt

from sweeper_core.maths.transforms import Warp
from sweeper_core.samplers._bounds import beside_ends
from sweeper_core.samplers._gp.economy import ExpectedCost
from sweeper_core.samplers._gp.models import Model
from sweeper_core.samplers._gp.observations import Observations, Points, gather, points_of
from sweeper_core.samplers._gp.priors import beliefs_of
from sweeper_core.samplers._gp.sources import sources_of
from sweeper_core.samplers._gp.space import Encoding, fix
from sweeper_core.samplers._within_memory import Limit, limit_of
from sweeper_core.samplers.base import Request, Suggestion
from sweeper_core.trial.history import History
from sweeper_core.trial.state import TrialState

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

ELITE = 64
"""Number of best points of which the incumbent is the one with the smallest posterior mean, robust against noise."""


class Task:
    """The data of one suggestion."""

    def __init__(self, encoding: Encoding, request: Request, history: History, rng: np.random.Generator) -> None:
        self.encoding = encoding
        self.request = request
        self.rng = rng
        self._history = history
        self.observations, self.numbers = gather(history, encoding)
        self.pending, pending_numbers = points_of(
            history, encoding, history.having(TrialState.RUNNING, TrialState.WAITING)
        )
        self.failed, self.failed_numbers = points_of(history, encoding, history.having(TrialState.FAIL))
        self.beliefs = beliefs_of(request, history, encoding)
        self.fixed = self._fixed(request)
        self.cost: ExpectedCost | None = None
        self.informed: Model | None = None
        """The model with earlier studies, where they help."""
        self.Z = encoding.embed(self.observations.unit, self.observations.active)
        self.pending_Z = encoding.embed(self.pending.unit, self.pending.active)
        self.failed_Z = encoding.embed(self.failed.unit, self.failed.active)
        self.order = np.argsort(np.concatenate([self.numbers, self.failed_numbers]), kind="stable")
        """Numbers of the trials: first the points with observations, then the failed ones."""
        self.lost = (np.arange(len(self.order)) >= len(self.Z))[self.order]
        """Which of them, in that order, failed."""
        self.out_of_memory = history.oom[np.concatenate([self.numbers, self.failed_numbers])[self.order]]
        """Which of them, in that order, ran out of memory, which the limit explains."""
        self.sources = sources_of(history, encoding)
        everything = (Points(self.observations.unit, self.observations.active), self.pending, self.failed)
        self.seen = Points(
            np.concatenate([points.unit for points in everything]),
            np.concatenate([points.active for points in everything]),
        )
        """All points in the history, the failed ones last."""
        rows = np.concatenate([self.numbers, pending_numbers, self.failed_numbers])
        same = [history.layouts[row].names for row in rows.tolist()]
        whole = set(encoding.space.names)
        narrow = [row for row, names in enumerate(same) if whole.issuperset(names)]
        keys = encoding.keys(self.seen.unit, self.seen.active)
        self.known = {keys[row] for row in narrow}
        """Keys of all points in the history. A trial with more parameters than the space is another point:
        define-by-run objectives request one parameter at a time."""

    def _fixed(self, request: Request) -> list[tuple[int, float]]:
        if not request.given:
            return []
        unit = self.encoding.space.to_unit(self.encoding.space.encode(request.given)[None])[0]
        names = self.encoding.space.names
        return [(column, float(unit[column])) for column, name in enumerate(names) if unit[column] == unit[column]]

    @cached_property
    def limit(self) -> Limit:
        """Where the study runs out of memory; None where no trial has."""
        return limit_of(self.request.space, self._history)

    @property
    def free(self) -> int:
        """Number of free parameters."""
        held = {position for position, _ in self.fixed}
        return sum(axis.position not in held for axis in self.encoding.axes)

    def fixed_point(self) -> Floats:
        """Return a point ``(d,)`` with the given coordinates, in the middle elsewhere."""
        return np.asarray(self.encoding.snap(fix(np.full((1, len(self.encoding.space)), 0.5), self.fixed))[0])

    def fits(self, unit: Floats) -> bool:
        """Return whether a point ``(d,)`` keeps to the admissible risk of running out of memory."""
        return self.limit is None or bool(self.limit.log_fits(self.encoding.embed(unit[None]))[0] >= self.limit.least)

    def beside_ends(self, unit: Floats, best: Floats) -> Floats:
        """Return a point ``(d,)`` with its continuous coordinates beside the ends where ``best`` ``(k, d)`` are not."""
        held = {position for position, _ in self.fixed}
        free = [axis.position for axis in self.encoding.continuous if axis.position not in held]
        free = [position for position in free if self.encoding.space.axes.axes[position].count is None]
        moved = unit.copy()
        moved[free] = beside_ends(unit[free], best[:, free], self.rng)
        space = self.encoding.space
        return unit if space.where and not space.region.allowed_at(moved[None])[0] else moved

    def suggestion(self, unit: Floats, why: str = "") -> Suggestion:
        """Return the suggestion of a point ``(d,)``, with the given values unchanged."""
        params = self.encoding.params(unit)
        if self.request.given:
            params = self.encoding.space.active_only({**params, **self.request.given})
        cost = None if self.cost is None else self.cost.at(self.encoding.embed(unit[None]))
        return Suggestion(params, "gp", why, cost=cost)


def slope_at(warp: Warp, y: float) -> float:
    """Return the slope of the transformation at ``y``: units of the process per unit of the values."""
    return float(np.exp(warp.log_slope(np.array([y]))[0]))


def elite_of(observations: Observations, y: Floats, inside: Flags) -> Integers:
    """Return the best feasible complete points ``inside`` (pruned ones when there are no others)."""
    rows = np.flatnonzero(observations.feasible & inside)
    finished = rows[observations.noise_std[rows] == 0.0]
    rows = finished if len(finished) else rows
    return np.asarray(rows[np.argsort(y[rows], kind="stable")[:ELITE]])
