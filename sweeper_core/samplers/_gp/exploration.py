"""Where to look when a search stands still.

Notation

======  =======================================================================================
n       number of points with observations
y       ``(n,)`` values as measured, in order of their numbers, smaller is better
extent  from the median of the first values to the best one: what the search has gained so far
branch  a choice of an unconditional categorical that other parameters depend on
======  =======================================================================================

A process that has found a minimum expects a little more from its immediate neighbourhood, and nothing from a branch
whose two or three points were bad ones: it would go on to polish digits that nobody needs for as long as it is asked.
So when nothing worth having was gained for some time, every other suggestion is a detour: into a branch that has been
left behind, with improvement measured against the best of that branch alone; or, where there is none, to where the
process can hope for an improvement that is worth having.
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
"""The first so many values tell what the search began with; before that it cannot stand still."""
STILL = 8
"""The search stands still when so many trials in a row have gained nothing worth having."""
PATIENCE = 2
"""So many trials for each free parameter, if that is more, before an improvement worth having is asked for: in many
dimensions a search goes on downhill after longer pauses."""
WORTH = 0.003
"""What is worth having, as a share of the extent."""
AMBITION = 0.01
"""The improvement that a detour asks for, as a share of the extent."""
EVEN_SHARE, WORST_GAP = 0.2, 2.0
"""Branches get trials in inverse proportion to ``EVEN_SHARE`` plus the gap (in extents, up to ``WORST_GAP``) between
their best value and the best of all, and in proportion to the share of their trials that succeed: the leader gets at
most six times as many as one that is an extent behind."""


@dataclass(frozen=True)
class ExplorationStep:
    """A restriction or an ambition for one suggestion; with neither, the suggestion is an ordinary one.

    Attributes:
        held: Positions and unit coordinates that name the branch to be searched; empty for all of them.
        margin: The improvement asked for, in units of the values.
    """

    held: tuple[tuple[int, float], ...] = ()
    margin: float = 0.0

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
    """Return the detour of trial ``number``: every other one where the search stands still.

    Args:
        encoding: Of the space.
        observations: On one objective.
        seen: Unit coordinates of all trials ``(k, d)``, failed and running ones too.
        number: Number of the trial.
        fixed: Positions (and coordinates) that are not free.
        rng: Decides between several categoricals that other parameters depend on.
    """
    observations = observations.rows(np.flatnonzero(observations.feasible & (observations.noise_std == 0.0)))
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


def _standing(y: Floats, worth: float) -> int:
    """Return how many of the last trials have gained less than ``worth`` together."""
    return int(np.sum(np.minimum.accumulate(y) < y.min() + worth)) - 1


def _left_behind(axis: Feature, seen: Floats, unit: Floats, y: Floats, extent: float) -> float | None:
    """Return the coordinate of the branch that has fewest trials beside its share; None when the leader has."""
    inside, tried = axis.which(unit), np.sum(axis.which(seen), axis=0)
    best = np.min(np.where(inside, y[:, None], np.inf), axis=0)  # infinite where no trial succeeded
    gap = np.minimum((best - y.min()) / max(extent, 1e-300), WORST_GAP)
    success = (np.sum(inside, axis=0) + 1.0) / (tried + 1.0)
    share = tried * (EVEN_SHARE + gap) / success
    chosen = int(np.argmin(share))
    return None if chosen == int(np.argmin(best)) else float(axis.values[chosen])
