"""Pareto dominance: ranks of fronts, the first front, and crowding.

Notation

=======  ==================================================================
n        number of points
m        number of objectives, all to be minimised
values   ``(n, m)``; NaN counts as the worst value there is
penalty  ``(n,)`` total constraint violation, feasible where <= 0
=======  ==================================================================

A point dominates another when it is nowhere worse and somewhere better. With constraints (Deb et al. 2002,
section VI) a feasible point dominates every infeasible one, and of two infeasible points the one with the
smaller violation dominates.
"""

from __future__ import annotations

from bisect import bisect_right

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

MAX_MATRIX = 2048
"""Up to here all pairs are compared at once (4 MB of flags); larger sets are peeled front by front."""


def violation(constraints: Floats) -> Floats:
    """Return the penalty ``(n,)`` of constraint values ``(n, c)``: the sum of what is above zero, NaN ignored."""
    return np.asarray(np.sum(np.fmax(constraints, 0.0), axis=1, where=~np.isnan(constraints)))


def non_domination_ranks(values: Floats, penalty: Floats | None = None, enough: int | None = None) -> Integers:
    """Return the rank of each point's front, 0 for the first (best) one.

    Feasible points come first; infeasible ones follow, ranked by their penalty alone.

    Args:
        values: ``(n, m)``.
        penalty: ``(n,)``; None when there are no constraints.
        enough: Stop when at least this many points have a rank; the others share the next rank.

    Returns:
        ``(n,)`` ranks without gaps.
    """
    values = np.where(np.isnan(values), np.inf, values)
    if penalty is None or not np.any(penalty > 0.0):
        return _ranks(values, enough)
    feasible = ~(penalty > 0.0)
    ranks = np.empty(len(values), dtype=np.int64)
    ranks[feasible] = _ranks(values[feasible], enough)
    fronts = int(ranks[feasible].max()) + 1 if feasible.any() else 0
    ranks[~feasible] = fronts + np.unique(penalty[~feasible], return_inverse=True)[1].reshape(-1)
    return ranks


def pareto_front(values: Floats, penalty: Floats | None = None) -> Flags:
    """Return ``(n,)``: which points nothing dominates (equal points are all in or all out)."""
    values = np.where(np.isnan(values), np.inf, values)
    front = np.ones(len(values), dtype=bool)
    if penalty is not None and len(values):
        front = penalty <= max(0.0, float(np.min(penalty)))
        if np.min(penalty) > 0.0:
            return front
    distinct, inverse, _ = distinct_rows(values[front])
    front[front] = _first_front(distinct)[inverse]
    return front


def crowding_distance(values: Floats, ranks: Integers | None = None) -> Floats:
    """Return the crowding distance ``(n,)`` within each front (Deb et al. 2002, section III-B).

    The sum over objectives of the gap between a point's two neighbours, in units of the front's range in that
    objective; infinite at both ends. An objective in which all points of a front are equal adds zero.

    Args:
        values: ``(n, m)``.
        ranks: ``(n,)`` the front of each point; None when all are of one.
    """
    distance = np.zeros(len(values))
    if len(values) == 0:
        return distance
    ranks = np.zeros(len(values), np.int64) if ranks is None else ranks
    for column in values.T:
        order = np.lexsort((column, ranks))
        distance[order] += _gaps(column[order], ranks[order])
    return distance


def _gaps(ordered: Floats, ranks: Integers) -> Floats:
    """Scaled gaps ``(n,)`` between both neighbours of numbers in ascending order within each rank."""
    n = len(ordered)
    new = np.ones(n + 1, dtype=bool)
    new[1:-1] = ranks[1:] != ranks[:-1]
    edges = np.flatnonzero(new)
    before, after = np.empty(n), np.empty(n)
    before[1:], after[:-1] = ordered[:-1], ordered[1:]
    before[edges[:-1]], after[edges[1:] - 1] = -np.inf, np.inf
    gaps = np.subtract(after, before, out=np.zeros(n), where=after != before)
    lowest, highest = ordered[edges[:-1]], ordered[edges[1:] - 1]
    width = np.where(lowest == highest, np.inf, 1.0)
    if np.isinf(ordered).any():
        finite = np.isfinite(ordered)
        lowest = np.minimum.reduceat(np.where(finite, ordered, np.inf), edges[:-1])
        highest = np.maximum.reduceat(np.where(finite, ordered, -np.inf), edges[:-1])
    several = highest > lowest
    width[several] = (highest - lowest)[several]
    with np.errstate(invalid="ignore"):
        scaled = gaps / np.repeat(width, np.diff(edges))
    return np.where(np.isnan(scaled), 0.0, scaled)  # infinite gaps of a front that is equal throughout


def distinct_rows(values: Floats) -> tuple[Floats, Integers, Integers]:
    """Return the distinct rows in lexicographic order, each row's position among them, and how often each occurs."""
    if len(values) == 0:
        return values, np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    order = np.lexsort(values.T[::-1])
    ordered = values[order]
    new = np.ones(len(values), dtype=bool)
    new[1:] = np.any(ordered[1:] != ordered[:-1], axis=1)
    inverse = np.empty(len(values), dtype=np.int64)
    inverse[order] = np.cumsum(new) - 1
    return ordered[new], inverse, np.diff(np.append(np.flatnonzero(new), len(values)))


def _ranks(values: Floats, enough: int | None) -> Integers:
    n, m = values.shape
    if n == 0:
        return np.zeros(0, dtype=np.int64)
    if m == 1:
        return np.unique(values[:, 0], return_inverse=True)[1].reshape(-1).astype(np.int64)
    if m == 2:
        return _ranks_of_pairs(values)
    distinct, inverse, counts = distinct_rows(values)
    wanted = n if enough is None else enough
    if len(distinct) <= MAX_MATRIX:
        return _peel_matrix(distinct, counts, wanted)[inverse]
    return _peel_fronts(distinct, counts, wanted)[inverse]


def _ranks_of_pairs(values: Floats) -> Integers:
    """Two objectives in O(n log n): each front is a pile whose top is its smallest second objective so far."""
    order = np.lexsort((values[:, 1], values[:, 0]))
    ranks = [0] * len(order)
    tops: list[float] = []
    previous: list[float] = []
    for row, point in zip(order.tolist(), values[order].tolist(), strict=True):
        if point != previous:
            rank = bisect_right(tops, point[1])
            tops[rank : rank + 1] = [point[1]]
            previous = point
        ranks[row] = rank
    return np.array(ranks, dtype=np.int64)


def _peel_matrix(distinct: Floats, counts: Integers, wanted: int) -> Integers:
    """Front after front from the matrix of all pairs; the rows are distinct, so "nowhere worse" is dominance."""
    beats = np.ones((len(distinct), len(distinct)), dtype=bool)
    for objective in distinct.T:
        beats &= objective[:, None] <= objective[None, :]
    np.fill_diagonal(beats, False)
    dominators = np.count_nonzero(beats, axis=0)
    ranks = np.full(len(distinct), -1, dtype=np.int64)
    rank = 0
    while wanted > 0 and np.any(ranks < 0):
        front = np.flatnonzero((dominators == 0) & (ranks < 0))
        ranks[front] = rank
        dominators -= np.count_nonzero(beats[front], axis=0)
        wanted -= int(counts[front].sum())
        rank += 1
    ranks[ranks < 0] = rank
    return ranks


def _peel_fronts(distinct: Floats, counts: Integers, wanted: int) -> Integers:
    ranks = np.full(len(distinct), -1, dtype=np.int64)
    left = np.arange(len(distinct))
    rank = 0
    while wanted > 0 and len(left):
        front = _first_front(distinct[left])
        ranks[left[front]] = rank
        wanted -= int(counts[left[front]].sum())
        left = left[~front]
        rank += 1
    ranks[left] = rank
    return ranks


def _first_front(distinct: Floats) -> Flags:
    """Return ``(n,)``: the undominated of distinct rows in lexicographic order (earlier rows are never dominated
    by later ones)."""
    n, m = distinct.shape
    front = np.zeros(n, dtype=bool)
    if n == 0:
        return front
    if m <= 2:
        last = distinct[:, -1]
        front[0] = True
        front[1:] = last[1:] < np.minimum.accumulate(last)[:-1] if m == 2 else False
        return front
    left, points = np.arange(n), distinct
    while len(left):
        front[left[0]] = True
        keep = np.any(points < points[0], axis=1)
        left, points = left[keep], points[keep]
    return front
