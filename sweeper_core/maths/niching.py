"""Reference points and niches of NSGA-III.

Source: K. Deb, H. Jain, "An evolutionary many-objective optimization algorithm using reference-point-based
nondominated sorting approach, part I", IEEE Transactions on Evolutionary Computation 18(4), 2014.

Notation

==========  =================================================================
n           number of points
m           number of objectives, all to be minimised
r           number of reference points, each a direction from the ideal point
==========  =================================================================
"""

from __future__ import annotations

import heapq
import itertools
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

AXIS_WEIGHT = 1e6
"""Weight of the other objectives when the extreme point of one is looked for (section IV-B)."""

INFINITE_RANGES = 3.0
"""Infinite values are replaced by finite ones this many ranges beyond the finite values."""


@lru_cache(maxsize=8)
def simplex_lattice(n_objectives: int, divisions: int) -> Floats:
    """Return the ``(r, m)`` points of the unit simplex whose coordinates are multiples of ``1 / divisions``.

    ``r = (m + divisions - 1) over divisions`` (Das, Dennis 1998).
    """
    corners = itertools.combinations_with_replacement(range(n_objectives), divisions)
    counts = [np.bincount(corner, minlength=n_objectives) for corner in corners]
    lattice = np.array(counts, dtype=float) / divisions
    lattice.flags.writeable = False
    return lattice


def normalise(values: Floats) -> Floats:
    """Return ``values`` ``(n, m)`` with the ideal point at zero and the hyperplane's intercepts at one (section IV-C).

    Where the extreme points span no hyperplane with positive intercepts, the ranges of the values are the units.
    """
    finite = np.where(np.isfinite(values), values, np.nan)
    known = ~np.all(np.isnan(finite), axis=0)
    low, high = np.zeros(values.shape[1]), np.zeros(values.shape[1])
    low[known], high[known] = np.nanmin(finite[:, known], axis=0), np.nanmax(finite[:, known], axis=0)
    margin = INFINITE_RANGES * np.where(high > low, high - low, 1.0)
    shifted = np.clip(np.nan_to_num(values, nan=np.inf, posinf=np.inf, neginf=-np.inf), low - margin, high + margin)
    shifted = shifted - shifted.min(axis=0)
    return np.asarray(shifted / _intercepts(shifted))


def _intercepts(shifted: Floats) -> Floats:
    ranges = shifted.max(axis=0)
    ranges = np.where(ranges > 0.0, ranges, 1.0)
    weights = np.where(np.eye(shifted.shape[1]) > 0.0, 1.0, AXIS_WEIGHT)
    achievements = np.max(shifted[None, :, :] * weights[:, None, :], axis=2)  # eq. 4
    extremes = shifted[np.argmin(achievements, axis=1)]
    try:
        intercepts = 1.0 / np.linalg.solve(extremes, np.ones(len(extremes)))
    except np.linalg.LinAlgError:
        return ranges
    return intercepts if np.all(np.isfinite(intercepts)) and np.all(intercepts > 1e-9 * ranges) else ranges


def associate(normalised: Floats, references: Floats) -> tuple[Integers, Floats]:
    """Return each point's nearest reference line ``(n,)`` and the distance from it ``(n,)`` (section IV-D)."""
    directions = references / np.linalg.norm(references, axis=1, keepdims=True)
    along = normalised @ directions.T
    squared = np.sum(normalised**2, axis=1, keepdims=True) - along**2
    nearest = np.argmin(squared, axis=1)
    return nearest, np.sqrt(np.maximum(squared[np.arange(len(squared)), nearest], 0.0))


def fill_niches(niche: Integers, distance: Floats, chosen: Integers, candidates: Integers, size: int) -> list[int]:
    """Return ``size`` of the ``candidates``, each from the niche that has the fewest members by then (section IV-E).

    Ties go to the first niche, and within a niche to the point nearest to its line, so that the outcome
    depends on the points alone.

    Args:
        niche: ``(n,)``; distance: ``(n,)``, as :func:`associate` returns them.
        chosen: Places of the points that are members already.
        candidates: Places of those to choose from; at least ``size``.
    """
    queues: dict[int, list[int]] = {}
    for place in candidates[np.argsort(distance[candidates], kind="stable")].tolist():
        queues.setdefault(int(niche[place]), []).append(place)
    members = np.bincount(niche[chosen], minlength=max(queues, default=0) + 1)
    heap = [(int(members[name]), name) for name in queues]
    heapq.heapify(heap)
    taken: list[int] = []
    while len(taken) < size:
        count, name = heapq.heappop(heap)
        taken.append(queues[name].pop(0))
        if queues[name]:
            heapq.heappush(heap, (count + 1, name))
    return taken
