"""Which points of a finite space are known already, and which are left."""

from __future__ import annotations

import numpy as np

from sweeper_core.search_space import SearchSpace
from sweeper_core.trial.history import History, active_mask

LARGEST_LISTED_SPACE = 100_000
"""Spaces with more points are treated as if they had no end: a sweep does not get there."""


def known_points(space: SearchSpace, history: History) -> set[tuple[float, ...]]:
    """Return the points of a finite space in the history, as tuples of internal values (-1 where inactive).

    Trials of every state count: finished, running and waiting ones alike.
    """
    raw = history.raw(space)
    good = history.within(space)
    raw = np.where(active_mask(space, raw), raw, -1.0)[good]
    return {tuple(row) for row in raw.tolist()}


def exhausted(space: SearchSpace, history: History) -> bool:
    """Return whether every point of a finite space is in the history; False for spaces too large to list."""
    cardinality = space.cardinality
    if cardinality is None or cardinality > LARGEST_LISTED_SPACE or len(space) == 0:
        return False
    points = sum(1 for _ in space.points()) if space.is_conditional else cardinality
    if len(history) < points:
        return False
    return len(known_points(space, history)) >= points
