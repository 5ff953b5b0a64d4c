"""Where a study runs out of memory: a limit along what grows with memory, learned from failed trials.

Notation

======  =======================================================================================
q       number of points
p       number of embedded columns of the Gaussian process's encoding (:mod:`sweeper_core.samplers._gp.space`)
k       number of features
Z       ``(q, p)`` embedded points
======  =======================================================================================

The memory that a job needs is, nearly, a product of its sizes (batch, width, sequence) and of factors of its choices
(precision, optimizer), or a sum of few such products. In logarithms a product is linear, so the points that fit lie on
one side of a hyperplane whose directions and offsets are learned; products of two features bend it, for sums. A point
that is larger than one that ran out of memory along the axes that grow is so expected to run out, too, however far
away it is; a model of random failures would have to find out at each place.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from sweeper_core.distributions import CategoricalDistribution
from sweeper_core.maths.logistic import Logistic, fit
from sweeper_core.maths.threads import one_blas_thread
from sweeper_core.samplers._gp.observations import points_of
from sweeper_core.samplers._gp.space import ONE_HOT, Encoding, Feature
from sweeper_core.samplers.base import Suggestion
from sweeper_core.search_space.space import SearchSpace
from sweeper_core.trial.history import History
from sweeper_core.trial.state import TrialState

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

SLOPES = (4.0, 12.0, 36.0)
"""Standard deviations of the weights that are tried, in logits over the range of a parameter; evidence chooses: 4 is an
edge that scatters, 36 one that is sharp."""
BEND, OFFSET, LEVEL = 0.1, 0.7, 1.0
"""Standard deviations of products of features, of choices that are no sizes, and of the constant, relative to that of
the slopes."""
MIN_RATIO = 3.0
"""A positive number whose upper bound is this many times its lower one has a logarithmic feature."""
MAX_NEWEST = 400
"""Number of newest trials that the limit is learned from."""
EARLY, EARLY_RISK = 20, 0.5
"""The admissible probability of running out of memory in the first trials: failures that find the limit early are
worth most, because the best points often lie beside it."""
TARGET, ADVANCE = 0.05, 0.3
MIN_RISK, MAX_RISK = 0.02, 0.3
"""After them it is what is left of a budget, from ``MIN_RISK`` to ``MAX_RISK``. The budget is ``TARGET`` for each
recent trial, and ``ADVANCE``. Where no risk is larger than what is left, calibrated probabilities keep to the budget on
the average, however close to the limit the points lie. Probabilities below 0.1 are three times too large, so the least
one costs little."""
RECENT = 50
"""The recent trials are so many, without the early ones."""


@dataclass(frozen=True)
class MemoryLimit:
    """The learned limit of one space.

    Attributes:
        features: Maps embedded points to features.
        posterior: Of their weights; its outcome 1 is a trial that fits.
        least: Log probability of fitting that a suggestion should have.
    """

    features: Features
    posterior: Logistic
    least: float

    @classmethod
    @one_blas_thread()
    def of(cls, space: SearchSpace, history: History) -> MemoryLimit | None:
        """Return the limit learned from a history; None where no trial of this space ran out of memory."""
        features = _features(space)
        known = (history.states == TrialState.COMPLETE) | (history.states == TrialState.PRUNED) | history.oom
        points, rows = points_of(history, features.encoding, np.flatnonzero(known)[-MAX_NEWEST:])
        short = history.oom[rows]
        if not short.any():
            return None
        X = features.of(features.encoding.embed(points.unit, points.active))
        fits = [fit(X, np.where(short, 0.0, 1.0), (features.scales * slope) ** 2) for slope in SLOPES]
        best = max(fits, key=lambda one: one.log_evidence)
        return cls(features, best, math.log1p(-_risk(short)))

    def log_fits(self, Z: Floats) -> Floats:
        """Return the log probability ``(q,)`` that points fit into memory."""
        return self.posterior.log_probability(self.features.of(Z))

    def log_fits_with_gradient(self, Z: Floats) -> tuple[Floats, Floats]:
        """Return the same, and its derivatives ``(q, p)``."""
        X, jacobian = self.features.with_jacobian(Z)
        score, slope = self.posterior.log_probability_with_slope(X)
        return score, np.einsum("qk,qkp->qp", slope, jacobian)

    def log_fits_at(self, unit: Floats) -> Floats:
        """Return the log probability ``(q,)`` at unit coordinates ``(q, d)``, NaN where inactive."""
        encoding = self.features.encoding
        return self.log_fits(encoding.embed(encoding.snap(encoding.dormant(unit))))

    def of_suggestion(self, suggestion: Suggestion) -> float:
        """Return the log probability that a suggested point fits."""
        space = self.features.encoding.space
        return float(self.log_fits_at(space.to_unit(space.encode(suggestion.params)[None]))[0])


def _risk(short: Flags) -> float:
    """Return the admissible risk, by which trials ran out of memory, in order."""
    if len(short) < EARLY:
        return EARLY_RISK
    recent = short[EARLY:][-RECENT:]
    left = ADVANCE + TARGET * len(recent) - float(np.sum(recent))
    return min(max(left, MIN_RISK), MAX_RISK)


# --- features -------------------------------------------------------------------------------------------------------


class Features:
    """The features of a space: of each number its place, in logarithms where that is possible; choices; products.

    Attributes:
        scales: ``(k,)`` standard deviations of the weights, relative to the slopes'.
    """

    def __init__(self, encoding: Encoding) -> None:
        self.encoding = encoding
        sizes = [(axis, _size_of(axis, encoding.space)) for axis in encoding.axes]
        self._sizes = [size for _, size in sizes if size is not None]
        columns: list[tuple[int, float]] = []
        for axis, size in sizes:
            own = () if axis.numeric else axis.columns[: len(axis.columns) - axis.conditional]
            columns += [(column, OFFSET if size is None else BEND) for column in own]
            columns += [(column, OFFSET) for column in axis.columns[-1:] if axis.conditional]
        self._columns = np.array([column for column, _ in columns], dtype=np.int64)
        self._offsets = np.array([scale for _, scale in columns])
        self._first, self._second = np.triu_indices(len(self._sizes))

    @cached_property
    def scales(self) -> Floats:
        m = len(self._sizes)
        return np.concatenate([[LEVEL], np.ones(m), np.full(len(self._first), BEND), self._offsets])

    def of(self, Z: Floats) -> Floats:
        """Return features ``(q, k)``."""
        sizes = np.column_stack([size.of(Z) for size in self._sizes] or [np.empty((len(Z), 0))])
        products = 4.0 * sizes[:, self._first] * sizes[:, self._second]
        return np.column_stack([np.ones(len(Z)), sizes, products, Z[:, self._columns] / ONE_HOT])

    def with_jacobian(self, Z: Floats) -> tuple[Floats, Floats]:
        """Return features ``(q, k)`` and their derivatives ``(q, k, p)``."""
        X, m = self.of(Z), len(self._sizes)
        jacobian = np.zeros((*X.shape, Z.shape[1]))
        for place, size in enumerate(self._sizes):
            size.add_slope(Z, jacobian[:, 1 + place])
        sizes, slopes = X[:, 1 : 1 + m], jacobian[:, 1 : 1 + m]
        jacobian[:, 1 + m : 1 + m + len(self._first)] = 4.0 * (
            slopes[:, self._first] * sizes[:, self._second, None]
            + sizes[:, self._first, None] * slopes[:, self._second]
        )
        jacobian[:, np.arange(X.shape[1] - len(self._columns), X.shape[1]), self._columns] = 1.0 / ONE_HOT
        return X, jacobian


@dataclass(frozen=True)
class Size:
    """The size that a parameter means: a number from -0.5 to 0.5; 0 where the parameter is inactive.

    Attributes:
        columns: Those of the embedding: one of a number, or one for each choice.
        ratio: Of the upper to the lower bound, on a scale that becomes logarithmic; 1 for one that stays as it is.
        places: ``(len(columns),)`` of the choices; None for a number.
        absence: The column of an inactive parameter; None where there is none.
    """

    columns: npt.NDArray[np.int64]
    ratio: float = 1.0
    places: Floats | None = None
    absence: int | None = None

    def of(self, Z: Floats) -> Floats:
        """Return sizes ``(q,)``."""
        return np.asarray(np.where(self._active(Z), self._place(Z), 0.0))

    def _place(self, Z: Floats) -> Floats:
        if self.places is not None:
            return np.asarray(Z[:, self.columns] @ self.places)
        s = Z[:, self.columns[0]]
        return s - 0.5 if self.ratio == 1.0 else np.log1p(s * (self.ratio - 1.0)) / math.log(self.ratio) - 0.5

    def add_slope(self, Z: Floats, into: Floats) -> None:
        """Add the derivatives by ``Z`` to ``(q, p)``."""
        active = self._active(Z)
        if self.places is not None:
            into[:, self.columns] += active[:, None] * self.places
            return
        s, r = Z[:, self.columns[0]], self.ratio
        into[:, self.columns[0]] += active * (1.0 if r == 1.0 else (r - 1.0) / ((1.0 + s * (r - 1.0)) * math.log(r)))

    def _active(self, Z: Floats) -> Flags:
        return np.ones(len(Z), dtype=bool) if self.absence is None else Z[:, self.absence] == 0.0


def _size_of(axis: Feature, space: SearchSpace) -> Size | None:
    absence = int(axis.columns[-1]) if axis.conditional else None
    own = axis.columns[: len(axis.columns) - axis.conditional]
    distribution = space[space.names[axis.position]].distribution
    if isinstance(distribution, CategoricalDistribution):
        places = _places(distribution.choices)
        if places is None or len(own) == 1:
            return None
        return Size(own, places=places / ONE_HOT, absence=absence)
    low, high = axis.axis.low, axis.axis.high
    logarithmic = not axis.axis.log and low > 0.0 and high >= MIN_RATIO * low
    return Size(own[:1], high / low if logarithmic else 1.0, None, absence)


def _places(choices: tuple[object, ...]) -> Floats | None:
    """Return places from -0.5 to 0.5 of choices that are different positive numbers, by their logarithms."""
    if not all(isinstance(one, (int, float)) and not isinstance(one, bool) and 0 < one < math.inf for one in choices):
        return None
    logs = np.log(np.array(choices, dtype=float))
    return np.asarray((logs - logs.min()) / np.ptp(logs) - 0.5) if np.ptp(logs) > 0 else None


@lru_cache(maxsize=16)
def _features(space: SearchSpace) -> Features:
    return Features(Encoding(space))
