"""Exploration steps for a stalled search.

Notation

======  =======================================================================================
n       number of points with observations
y       ``(n,)`` values as measured, in order of their numbers, smaller is better
extent  difference of the median of the first values and the best one: the gain of the search so far
branch  a choice of an unconditional categorical that other parameters depend on
======  =======================================================================================

A process that has found a minimum expects small improvements in its immediate neighbourhood, and none in a branch
whose two or three points were bad: it would keep refining a converged optimum by negligible amounts. So when the last
trials have gained too little, every other suggestion is an exploration step: into a neglected branch, with
improvement measured against the best of that branch alone; or, where there is none, to the point that is most likely
to bring a significant improvement.

A short study cannot wait until its search stands still. As soon as it goes slowly, every other suggestion requires a
large improvement, which refining the first good basin cannot bring.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sweeper_core.samplers._gp.observations import Observations
from sweeper_core.samplers._gp.space import Encoding, Feature

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

FIRST = 20
"""Number of first values whose median is the baseline; before that the search cannot be stalled."""
STILL = 8
"""The search is stalled when this many trials in a row have brought no significant improvement."""
PATIENCE = 2
"""Stalled trials per free parameter before a step requires a larger improvement: in many dimensions a search
progresses after longer pauses."""
WORTH = 0.003
"""A significant improvement, as a share of the extent."""
AMBITION = 0.01
"""The improvement that an exploration step requires, as a share of the extent."""
SLOW, BRIEFLY = 0.01, 4
"""A search goes slowly when so many trials in a row have gained less than this share of all that was gained."""
LEAP = 0.4
"""The improvement that is required then, in standard deviations of the process."""
EVEN_SHARE, WORST_GAP = 0.2, 2.0
"""Branches get trials in inverse proportion to ``EVEN_SHARE`` plus the gap (in extents, up to ``WORST_GAP``) between
their best value and the best of all, and in proportion to the share of their trials that succeed: the leader gets at
most six times as many as one that is an extent behind."""


@dataclass(frozen=True)
class ExplorationStep:
    """A restriction or a required improvement for one suggestion; without either, the suggestion is an ordinary one.

    Attributes:
        held: Positions and unit coordinates that identify the branch to be searched; empty for all branches.
        margin: The required improvement, in units of the values.
        leap: The same, in standard deviations of the process.
    """

    held: tuple[tuple[int, float], ...] = ()
    margin: float = 0.0
    leap: float = 0.0

    def __bool__(self) -> bool:
        return bool(self.held or self.margin or self.leap)

    def rows(self, observations: Observations) -> Flags:
        """Return which points lie in the branch ``(n,)``; all of them when the branch has none."""
        inside = np.ones(len(observations), dtype=bool)
        for position, value in self.held:
            inside &= np.abs(observations.unit[:, position] - value) < 1e-9
        return inside if np.any(inside) else ~inside


def exploration_step(
    encoding: Encoding,
    observations: Observations,
    seen: Floats,
    number: int,
    fixed: Sequence[tuple[int, float]],
    rng: np.random.Generator,
) -> ExplorationStep:
    """Return the exploration step of trial ``number``, one for every other trial of a stalled search.

    Args:
        encoding: The encoding of the space.
        observations: Observations of one objective.
        seen: Unit coordinates of all trials ``(k, d)``, failed and running ones too.
        number: Number of the trial.
        fixed: Positions (and coordinates) that are not free.
        rng: Decides between several categoricals that other parameters depend on.
    """
    observations = _settled(observations)
    y = observations.values[:, 0]
    if number % 2 == 0 or len(y) < FIRST:
        return ExplorationStep()
    extent = float(np.median(y[:FIRST]) - y.min())
    standing = _standing(y, WORTH * extent)
    if standing < STILL:
        return ExplorationStep()
    held = {position for position, _ in fixed}
    axes = [axis for axis in encoding.branching if axis.position not in held]
    if axes:
        axis = axes[int(rng.integers(len(axes)))]
        value = _left_behind(axis, seen, observations.unit, y, extent)
        if value is not None:
            return ExplorationStep(held=((axis.position, value),))
    free = sum(axis.position not in held for axis in encoding.axes)
    return ExplorationStep(margin=AMBITION * extent) if standing >= PATIENCE * free else ExplorationStep()


def leap_step(observations: Observations, number: int, *, always: bool = False) -> ExplorationStep:
    """Return the exploration step of trial ``number`` of a short study, one for every other trial of a slow search.

    Args:
        observations: Observations of one objective.
        number: Number of the trial.
        always: Also while the search is not slow.
    """
    y = _settled(observations).values[:, 0]
    if number % 2 == 0 or len(y) == 0:
        return ExplorationStep()
    slow = _standing(y, SLOW * float(np.median(y) - y.min())) >= BRIEFLY
    return ExplorationStep(leap=LEAP) if slow or always else ExplorationStep()


def _settled(observations: Observations) -> Observations:
    """Return the feasible points of finished runs."""
    return observations.rows(np.flatnonzero(observations.feasible & (observations.noise_std == 0.0)))


def _standing(y: Floats, worth: float) -> int:
    """Return how many of the last trials have gained less than ``worth`` together."""
    return int(np.sum(np.minimum.accumulate(y) < y.min() + worth)) - 1


def _left_behind(axis: Feature, seen: Floats, unit: Floats, y: Floats, extent: float) -> float | None:
    """Return the coordinate of the branch with the fewest trials relative to its share; None if it is the leader."""
    inside, tried = axis.which(unit), np.sum(axis.which(seen), axis=0)
    best = np.min(np.where(inside, y[:, None], np.inf), axis=0)  # infinite where no trial succeeded
    gap = np.minimum((best - y.min()) / max(extent, 1e-300), WORST_GAP)
    success = (np.sum(inside, axis=0) + 1.0) / (tried + 1.0)
    share = tried * (EVEN_SHARE + gap) / success
    chosen = int(np.argmin(share))
    return None if chosen == int(np.argmin(best)) else float(axis.values[chosen])
