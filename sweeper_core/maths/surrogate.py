"""A smooth model of losses over a table of points, for plots and importances, not for searching.

Notation

====  ==============================================================================
n     number of points, d number of parameters, q number of queries
U     ``(n, d)``: numbers in [0, 1], categories as indices, NaN where a point does not have the parameter
y     ``(n,)`` losses
====  ==============================================================================

The Gaussian process models ``log(1 + (y - min y) / s)`` with s the median distance from the best: it keeps the order
of losses, and neither a few outliers nor the many values near the optimum dominate the scale.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sweeper_core.maths.gp import Columns, Data, Posterior, default_prior, fit
from sweeper_core.maths.threads import one_blas_thread

Floats = npt.NDArray[np.float64]

MAX_POINTS = 100
"""Maximum number of points fitted: a third of them the best, the others an even selection. More do not show."""
MIN_POINTS = 4
ABSENT = 0.5
"""Coordinate of a missing number; a separate indicator column marks it."""
ITERATIONS = 25


class Surrogate:
    """A Gaussian process over numbers and categories.

    Args:
        U: ``(n, d)``, ``n >= MIN_POINTS``.
        choices: Number of categories of each parameter; 0 for numbers.
        y: ``(n,)`` finite losses.
    """

    @one_blas_thread()
    def __init__(self, U: Floats, choices: Sequence[int], y: Floats) -> None:
        self._choices = tuple(choices)
        self._optional: list[bool] = np.any(np.isnan(U), axis=0).tolist()
        chosen = _selection(y)
        self._best = float(y.min())
        with np.errstate(all="ignore"):
            off = y / 2.0 - self._best / 2.0  # halves, because the range of doubles is wider than the largest one
            self._scale = float(np.median(off)) or float(off.max()) or 1.0
            targets = np.log1p(off[chosen] / self._scale)
        self._centre, self._spread = float(targets.mean()), float(targets.std()) or 1.0
        data = Data.plain(self._embed(U[chosen]), self._columns(), (targets - self._centre) / self._spread)
        best = fit(data, default_prior(data.columns), iterations=ITERATIONS)
        self._posterior = Posterior(data, best.hyper)

    @one_blas_thread()
    def predict(self, U: Floats) -> tuple[Floats, Floats]:
        """Return mean and standard deviation ``(q,)`` of the transformed loss at points ``(q, d)``."""
        mean, variance = self._posterior.predict(self._embed(U))
        return self._centre + self._spread * mean, self._spread * np.sqrt(variance)

    @property
    def ignorance(self) -> float:
        """The standard deviation far from all points."""
        return self._spread * float(np.sqrt(self._posterior.hyper.signal))

    def loss(self, transformed: Floats) -> Floats:
        """Return the losses that transformed ones stand for."""
        with np.errstate(all="ignore"):
            half = self._best / 2.0 + self._scale * np.expm1(np.maximum(transformed, 0.0))
            return np.asarray(np.clip(half, -MAX_HALF, MAX_HALF) * 2.0)

    def _columns(self) -> Columns:
        numbers = [index for index, count in enumerate(self._choices) if count == 0]
        columns = Columns(np.arange(len(numbers)), len(numbers))
        for index, count in enumerate(self._choices):
            if count or self._optional[index]:
                columns = columns.with_categorical((count or 1) + self._optional[index])
        return columns

    def _embed(self, U: Floats) -> Floats:
        numbers = [index for index, count in enumerate(self._choices) if count == 0]
        parts = [np.where(np.isnan(U[:, numbers]), ABSENT, U[:, numbers])]
        for index, count in enumerate(self._choices):
            absent = np.isnan(U[:, index])
            if count or self._optional[index]:
                place = np.nan_to_num(U[:, index]).astype(int) if count else np.zeros(len(U), int)
                hot = np.zeros((len(U), (count or 1) + self._optional[index]))
                hot[np.arange(len(U)), np.where(absent, hot.shape[1] - 1, place)] = np.sqrt(0.5)
                parts.append(hot)
        return np.concatenate(parts, axis=1)


MAX_HALF = 0.5 * float(np.finfo(float).max)


def _selection(y: Floats) -> npt.NDArray[np.int64]:
    """Return the points that are fitted."""
    if len(y) <= MAX_POINTS:
        return np.arange(len(y))
    order = np.argsort(y, kind="stable")
    best, others = order[: MAX_POINTS // 3], np.sort(order[MAX_POINTS // 3 :])
    even = np.linspace(0, len(others) - 1, MAX_POINTS - len(best)).astype(int)
    return np.sort(np.concatenate([best, others[even]]))
