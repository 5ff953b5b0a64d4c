"""Hypervolume: the measure of the region that a set of points dominates, up to a reference point.

Notation

=========  ====================================================================================
n          number of points
m          number of objectives, all to be minimised
points     ``(n, m)``; those that are not better than the reference in every objective add nothing
reference  ``(m,)``
=========  ====================================================================================

Exact for two objectives by sorting, for three by a sweep that keeps the staircase of the first two
(Fonseca, Paquete, López-Ibáñez 2006), above by the WFG recursion (While, Bradstreet, Barone 2012) on top of
the sweep.
"""

from __future__ import annotations

from bisect import bisect_left

import numpy as np
import numpy.typing as npt

from sweeper_core.maths.pareto import distinct_rows, pareto_front

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

SAMPLES = 1024
"""Points of the sample that measures gains: each stands for about a thousandth of the dominated box."""


def hypervolume(points: Floats, reference: Floats) -> float:
    """Return the exact volume dominated by ``points`` up to ``reference``; infinite where a point is.

    Time: O(n log n) for two and three objectives, exponential in m beyond.
    """
    inside = _within(points, reference)
    if len(inside) == 0:
        return 0.0
    if not (np.all(np.isfinite(inside)) and np.all(np.isfinite(reference))):
        return float("inf")
    return _volume(inside, reference)


def greedy_subset(points: Floats, reference: Floats, size: int, samples: int = SAMPLES) -> Integers:
    """Return the indices of ``size`` points, each chosen to add the most volume to those before it.

    The greedy choice reaches at least ``1 - 1/e`` of the best subset's volume (Nemhauser et al. 1978). Exact
    gains up to three objectives; beyond, they are measured on one sample of the dominated box. Points that
    add nothing come last, in their order.
    """
    size = min(size, len(points))
    if len(points) == 0 or size == 0:
        return np.zeros(0, dtype=np.int64)
    if points.shape[1] <= 3:
        chosen = _exact_greedy(points, reference, size)
    else:
        chosen = _sampled_greedy(points, reference, size, samples)
    rest = [index for index in range(len(points)) if index not in set(chosen)]
    return np.array((chosen + rest)[:size], dtype=np.int64)


def low_discrepancy(count: int, dimension: int) -> Floats:
    """Return ``(count, dimension)`` points of the additive recurrence with the generalised golden ratio in [0, 1)."""
    ratio = 2.0
    for _ in range(64):  # the root of x**(d+1) = x + 1, by a contraction
        ratio = (1.0 + ratio) ** (1.0 / (dimension + 1))
    steps = ratio ** -np.arange(1.0, dimension + 1)
    return np.asarray((0.5 + np.arange(1, count + 1)[:, None] * steps) % 1.0)


def _within(points: Floats, reference: Floats) -> Floats:
    """The points that are better than the reference everywhere."""
    return points[np.all(points < reference, axis=1)]


def _volume(inside: Floats, reference: Floats) -> float:
    """Volume of points as :func:`_within` returns them, dominated ones among them or not."""
    n, m = inside.shape
    if n == 0:
        return 0.0
    if m == 1 or n == 1:
        return float(np.max(np.prod(reference - inside, axis=1)))
    if m == 2:
        ordered = inside[np.argsort(inside[:, 0])]
        widths = np.diff(np.append(ordered[:, 0], reference[0]))
        return float(widths @ (reference[1] - np.minimum.accumulate(ordered[:, 1])))
    return _volume_3d(inside, reference) if m == 3 else _wfg(inside, reference)


def _volume_3d(inside: Floats, reference: Floats) -> float:
    """Sweep along the third objective; the staircase of the first two is a pair of sorted lists."""
    rx, ry, rz = reference.tolist()
    xs, ys = [float("-inf"), rx], [ry, float("-inf")]
    area = volume = 0.0
    level = 0.0
    for x, y, z in inside[np.argsort(inside[:, 2])].tolist():
        volume += area * (z - level)
        level = z
        left = bisect_left(xs, x)
        if xs[left] == x and ys[left] <= y:
            continue
        top = ys[left - 1]
        if top <= y:
            continue
        # Walk over the steps that the new corner covers, adding what they left uncovered.
        right, at = left, x
        while ys[right] >= y:
            area += (xs[right] - at) * (top - y)
            at, top = xs[right], ys[right]
            right += 1
        area += (xs[right] - at) * (top - y)
        xs[left:right], ys[left:right] = [x], [y]
    return float(volume + area * (rz - level))


def _wfg(inside: Floats, reference: Floats) -> float:
    """Sum of exclusive volumes, each point limited by those after it; worst last objective first.

    In that order the limited points are all equal in the last objective: a slice times its height.
    """
    front = distinct_rows(inside[pareto_front(inside)])[0]
    ordered = front[np.argsort(-front[:, -1], kind="stable")]
    total = float(np.sum(np.prod(reference - ordered, axis=1)))
    for index, point in enumerate(ordered[:-1], start=1):
        limited = np.maximum(ordered[index:, :-1], point[:-1])
        total -= _volume(limited, reference[:-1]) * float(reference[-1] - point[-1])
    return total


def _exact_greedy(points: Floats, reference: Floats, size: int) -> list[int]:
    """Keep the region that no chosen point dominates as disjoint boxes; a choice cuts boxes and lowers gains."""
    inside = np.all(points < reference, axis=1)
    if not inside.any():
        return []
    lows, highs = points[inside].min(axis=0, keepdims=True), reference[None, :].astype(float)
    gains = np.prod(np.where(inside[:, None], reference - points, 0.0), axis=1)
    negligible = 1e-12 * float(gains.max())
    chosen: list[int] = []
    while len(chosen) < size and gains.max() > negligible:
        best = int(np.argmax(gains))
        chosen.append(best)
        cut = np.all(points[best] < highs, axis=1)
        corners = np.maximum(lows[cut], points[best])
        gains -= _overlaps(points, corners, highs[cut])
        gains[best] = 0.0
        new_lows, new_highs = _remainders(lows[cut], corners, highs[cut])
        lows, highs = np.vstack([lows[~cut], new_lows]), np.vstack([highs[~cut], new_highs])
    return chosen


def _overlaps(points: Floats, lows: Floats, highs: Floats) -> Floats:
    """Return ``(n,)``: the volume within the disjoint boxes (b, m) that each point dominates."""
    sides = np.maximum(highs - np.maximum(points[:, None, :], lows), 0.0)
    return np.asarray(np.prod(sides, axis=2).sum(axis=1))


def _remainders(lows: Floats, corners: Floats, highs: Floats) -> tuple[Floats, Floats]:
    """Return the boxes that are left of boxes (b, m) when what lies beyond their corners is cut off."""
    new_lows, new_highs = [], []
    for i in range(lows.shape[1]):
        low, high = lows.copy(), highs.copy()
        low[:, :i], high[:, i] = corners[:, :i], corners[:, i]
        some = low[:, i] < high[:, i]
        new_lows.append(low[some])
        new_highs.append(high[some])
    return np.vstack(new_lows), np.vstack(new_highs)


def _sampled_greedy(points: Floats, reference: Floats, size: int, samples: int) -> list[int]:
    inside = np.all(points < reference, axis=1)
    if not inside.any():
        return []
    ideal = points[inside].min(axis=0)
    sample = ideal + low_discrepancy(samples, points.shape[1]) * (reference - ideal)
    covers = np.ones((len(points), samples), dtype=bool)
    for i in range(points.shape[1]):
        covers &= points[:, None, i] <= sample[None, :, i]
    weights, free = covers.astype(np.float32), np.ones(samples, dtype=np.float32)
    chosen: list[int] = []
    while len(chosen) < size:
        gains = weights @ free
        gains[chosen] = 0.0
        best = int(np.argmax(gains))
        if gains[best] <= 0.0:
            break
        chosen.append(best)
        free[covers[best]] = 0.0
    return chosen
