"""Observations for a Gaussian process from a history: points, values and their noise.

Notation

======  =======================================================================================
n       number of points
m, c    number of objectives, of constraints
d       number of parameters
======  =======================================================================================
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sweeper_core.samplers._gp.space import Encoding
from sweeper_core.trial.feasible import feasible_rows
from sweeper_core.trial.history import History
from sweeper_core.trial.state import TrialState

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


LEAST_NOISE = 0.1
"""Least noise of the expected end of a pruned trial, in units of the spread of all values."""


@dataclass(frozen=True)
class Observations:
    """Points with observed values, in order of their numbers.

    Attributes:
        unit, active: ``(n, d)`` as :class:`Encoding` has them.
        values: ``(n, m)`` signed so that smaller is better; finite.
        noise_factor: ``(n,)`` 1/k where the value is the mean of k runs.
        noise_std: ``(n,)`` standard deviation of the value's own error in units of the spread of all values: 0 for
            a finished run, more the earlier a run was pruned.
        constraints: ``(n, c)``; NaN where not reported.
        run_variance: ``(m,)`` variance between repeated runs of one point, pooled; NaN when nothing was repeated.
    """

    unit: Floats
    active: Flags
    values: Floats
    noise_factor: Floats
    noise_std: Floats
    constraints: Floats
    run_variance: float

    def __len__(self) -> int:
        return len(self.unit)

    def rows(self, chosen: Integers | slice) -> Observations:
        """Return some of the points."""
        return Observations(
            self.unit[chosen],
            self.active[chosen],
            self.values[chosen],
            self.noise_factor[chosen],
            self.noise_std[chosen],
            self.constraints[chosen],
            self.run_variance,
        )

    @property
    def feasible(self) -> Flags:
        """``(n,)`` no constraint above zero."""
        return feasible_rows(self.constraints)


@dataclass(frozen=True)
class Points:
    """Points without a value: ``unit`` and ``active`` ``(n, d)``."""

    unit: Floats
    active: Flags

    def __len__(self) -> int:
        return len(self.unit)


def points_of(history: History, encoding: Encoding, rows: Integers) -> tuple[Points, Integers]:
    """Return those of the trials ``rows`` whose points fit the space, and their numbers."""
    rows = rows[history.within(encoding.space, rows)] if len(rows) else rows
    unit = encoding.snap(encoding.dormant(history.unit(encoding.space, rows)))
    return Points(unit, encoding.active(unit)), rows


def gather(history: History, encoding: Encoding) -> tuple[Observations, Integers]:
    """Return the observations of the finished trials that fit the space, and their numbers.

    Complete trials are used, and pruned ones by their expected ends.
    """
    complete = history.completed
    usable = complete[~np.any(np.isnan(history.values[complete]), axis=1)] if len(complete) else complete
    pruned = _reported(history)
    points, rows = points_of(history, encoding, np.sort(np.concatenate([usable, pruned])))
    is_pruned = history.states[rows] == TrialState.PRUNED
    values = _finite(history.values[rows])
    noise_std = np.zeros(len(rows))
    if np.any(is_pruned) and history.ends is not None:
        values[is_pruned], noise_std[is_pruned] = history.ends[rows[is_pruned]], LEAST_NOISE
    elif np.any(is_pruned):
        guessed, noise_std[is_pruned] = extrapolated(history, rows[~is_pruned], rows[is_pruned])
        values[is_pruned, 0] = guessed
    observations = Observations(
        unit=points.unit,
        active=points.active,
        values=values,
        noise_factor=1.0 / np.maximum(history.repeats[rows], 1),
        noise_std=noise_std,
        constraints=history.constraints[rows],
        run_variance=_pooled(history.repeats[rows], history.spread[rows]),
    )
    return observations, rows


def _reported(history: History) -> Integers:
    """Return the pruned trials that have reported all objectives."""
    pruned = history.having(TrialState.PRUNED)
    if history.n_objectives == 1:
        return pruned[np.isfinite(history.last_value[pruned])]
    return pruned[:0] if history.ends is None else pruned[np.all(np.isfinite(history.ends[pruned]), axis=1)]


def extrapolated(history: History, complete: Integers, pruned: Integers) -> tuple[Floats, Floats]:
    """Return the extrapolated final values of pruned trials ``(k,)``, and their noise_std.

    A trial is stopped because it looked worse than others, so a report above the median of the final values is
    shrunk towards that median by the remaining fraction of the run; a report below it is not changed. The
    noise_std is proportional to that fraction: half of the spread of all values for a trial stopped at once. Where the
    pruner has extrapolated the curve, its forecast and standard deviation are used instead.
    """
    last = history.last_value[pruned]
    final = history.values[complete, 0]
    final = final[np.isfinite(final)]
    longest = max(int(np.max(history.last_step[np.concatenate([complete, pruned])], initial=0)), 1)
    left = 1.0 - np.clip((history.last_step[pruned] + 1.0) / (longest + 1.0), 0.0, 1.0)
    if len(final) == 0:
        return last, left
    middle, worst = float(np.median(final)), max(float(final.max()), float(np.median(last)))
    above = np.minimum(last, worst) - middle
    guessed, noise_std = np.where(above > 0.0, middle + (1.0 - left) * above, last), LEAST_NOISE + 0.5 * left
    expected, deviation = history.forecast[pruned].T
    known, spread = np.isfinite(expected), max(float(np.std(final)), 1e-12)
    return np.where(known, np.minimum(expected, worst), guessed), np.where(
        known, LEAST_NOISE + deviation / spread, noise_std
    )


def _finite(values: Floats) -> Floats:
    """Return a copy in which infinite values are replaced by the worst (best) finite one of the objective."""
    values = values.copy()
    for column in values.T:
        finite = column[np.isfinite(column)]
        low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 0.0)
        margin = high - low
        column[column == np.inf] = high + margin
        column[column == -np.inf] = low
    return values


def _pooled(repeats: Integers, spread: Floats) -> float:
    """Return the variance between runs of one point, weighted by degrees of freedom; NaN when none was repeated."""
    freedom = np.maximum(repeats - 1, 0)
    known = (freedom > 0) & np.isfinite(spread)
    return float(np.sum(freedom[known] * spread[known] ** 2) / freedom[known].sum()) if np.any(known) else float("nan")
