"""The split of TPE: the ranking of trials, and the choice of the good ones."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sweeper_core.maths.hypervolume import greedy_subset
from sweeper_core.maths.pareto import non_domination_ranks, violation
from sweeper_core.trial.history import History
from sweeper_core.trial.state import TrialState

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


def best_of(history: History, rows: Integers, count: int) -> Integers:
    """Return the ``count`` best of finished trials, best first where there is one objective.

    Feasible complete trials come first, by value; then pruned ones, by last step (the largest first) and last
    report; then infeasible ones, by total violation. With several objectives, pruned trials are ranked
    among the complete ones, by their expected ends.
    """
    feasible = history.feasible[rows]
    complete = history.states[rows] == TrialState.COMPLETE
    if history.ends is not None:
        complete |= np.all(np.isfinite(history.ends[rows]), axis=1)
    chosen = best_complete(history, rows[feasible & complete], count)
    if len(chosen) < count:
        pruned = rows[feasible & ~complete]
        order = np.lexsort((_last(history.last_value[pruned]), -history.last_step[pruned]))
        chosen = np.concatenate([chosen, pruned[order[: count - len(chosen)]]])
    if len(chosen) < count:
        violating = rows[~feasible]
        order = np.argsort(violation(history.constraints[violating]), kind="stable")
        chosen = np.concatenate([chosen, violating[order[: count - len(chosen)]]])
    return chosen


def best_complete(history: History, rows: Integers, count: int) -> Integers:
    """Return the ``count`` best of trials with values: by value, or by front and hypervolume contribution."""
    count = min(count, len(rows))
    if count == 0:
        return rows[:0]
    if history.n_objectives == 1:
        values = history.values[rows, 0]
        if count < len(rows) // 4:
            near = np.flatnonzero(values <= np.partition(values, count - 1)[count - 1])
        else:
            near = np.arange(len(rows))
        return rows[near[np.argsort(values[near], kind="stable")[:count]]]
    values = history.values[rows]
    if history.ends is not None:
        values = np.where(np.isnan(values), history.ends[rows], values)
    return rows[_best_of_several(values, count)]


def _best_of_several(values: Floats, count: int) -> Integers:
    """Take whole fronts while they fit, then the points of the next front that add the most hypervolume."""
    ranks = non_domination_ranks(values, enough=count)
    sizes = np.cumsum(np.bincount(ranks))
    last = int(np.searchsorted(sizes, count))
    whole = np.flatnonzero(ranks < last)
    front = np.flatnonzero(ranks == last)
    wanted = count - len(whole)
    if wanted < len(front):
        points = np.clip(values[front], -1e300, 1e300)
        front = front[greedy_subset(points, reference_point(np.clip(values, -1e300, 1e300)), wanted)]
    return np.concatenate([whole, front])


def reference_point(values: Floats) -> Floats:
    """Return a point ``(m,)`` a tenth of the range beyond the worst values ``(n, m)``."""
    low, high = values.min(axis=0), values.max(axis=0)
    return np.asarray(high + 0.1 * np.where(high > low, high - low, 1.0))


def _last(values: Floats) -> Floats:
    return np.where(np.isnan(values), np.inf, values)
