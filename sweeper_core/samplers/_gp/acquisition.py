"""Acquisition functions of the Gaussian-process sampler: sums of log improvements and log probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sweeper_core.maths.acquisition import (
    log_ehvi,
    log_ehvi_with_gradient,
    log_ei,
    log_ei_with_gradient,
    log_feasibility,
    log_feasibility_with_gradient,
    log_informative,
)
from sweeper_core.maths.gp import Posterior
from sweeper_core.samplers._gp.economy import ExpectedCost
from sweeper_core.samplers._gp.priors import Belief
from sweeper_core.samplers._gp.search import Acquisition
from sweeper_core.samplers._memory import MemoryLimit

Floats = npt.NDArray[np.float64]

STIFFNESS = 1e4
"""Weight of a success probability below the required one. On the safe side of a feasibility edge the log improvement
falls without bound, so with the plain product run after run would be suggested beyond the edge."""
HOPELESS = -10.0
"""The log improvement below which its scale is compressed. Where the model is sure, log improvements on the safe side
of an edge are -1000 and less, which outweighs any stiffness: points with a risk of 0.14 were suggested where 0.02 was
admissible."""
CAUTION = 0.5
"""Factor on the variances in the hypervolume improvement: with the full variances one corner of the space after another
would be suggested, wherever an objective is most uncertain."""


@dataclass(frozen=True)
class ExpectedImprovement:
    """The log augmented expected improvement on ``best``: weighted by what a run of variance ``noise`` tells.

    The plain one runs the same good places again and again: what it could gain there, noise does not show.
    """

    posterior: Posterior
    best: float
    noise: float = 0.0

    def score(self, Z: Floats) -> Floats:
        mean, variance = self.posterior.predict(Z)
        return np.asarray(log_ei(mean, variance, self.best) + log_informative(variance, self.noise)[0])

    def score_with_gradient(self, Z: Floats) -> tuple[Floats, Floats]:
        mean, variance, d_mean, d_variance = self.posterior.predict_with_gradient(Z)
        score, by_mean, by_variance = log_ei_with_gradient(mean, variance, self.best)
        weight, slope = log_informative(variance, self.noise)
        by_variance = by_variance + slope
        return score + weight, by_mean[:, None] * d_mean + by_variance[:, None] * d_variance


@dataclass(frozen=True)
class LowestMean:
    """Minus the posterior mean."""

    posterior: Posterior

    def score(self, Z: Floats) -> Floats:
        return -self.posterior.mean(Z)

    def score_with_gradient(self, Z: Floats) -> tuple[Floats, Floats]:
        mean, _, d_mean, _ = self.posterior.predict_with_gradient(Z)
        return -mean, -d_mean


def _stiff(score: Floats, least: float) -> Floats:
    """Return log probabilities ``(q,)``, which fall steeply where they are less than ``least``."""
    return np.asarray(score + STIFFNESS * np.minimum(score - least, 0.0))


def _stiff_slope(score: Floats, least: float) -> Floats:
    """Return the derivative ``(q, 1)`` of the same by the log probabilities."""
    return np.where(score < least, 1.0 + STIFFNESS, 1.0)[:, None]


@dataclass(frozen=True)
class Feasibility:
    """The log probability of staying below a threshold; falls steeply where it is less than ``least``."""

    posterior: Posterior
    threshold: float
    least: float
    noise: float

    def score(self, Z: Floats) -> Floats:
        mean, variance = self.posterior.predict(Z)
        return _stiff(log_feasibility(mean, variance + self.noise, self.threshold), self.least)

    def score_with_gradient(self, Z: Floats) -> tuple[Floats, Floats]:
        mean, variance, d_mean, d_variance = self.posterior.predict_with_gradient(Z)
        score, by_mean, by_variance = log_feasibility_with_gradient(mean, variance + self.noise, self.threshold)
        gradient = by_mean[:, None] * d_mean + by_variance[:, None] * d_variance
        return _stiff(score, self.least), _stiff_slope(score, self.least) * gradient


@dataclass(frozen=True)
class Fits:
    """The log probability of fitting into memory; falls steeply where the risk is more than the admissible one."""

    limit: MemoryLimit

    def score(self, Z: Floats) -> Floats:
        return _stiff(self.limit.log_fits(Z), self.limit.least)

    def score_with_gradient(self, Z: Floats) -> tuple[Floats, Floats]:
        score, gradient = self.limit.log_fits_with_gradient(Z)
        return _stiff(score, self.limit.least), _stiff_slope(score, self.limit.least) * gradient


@dataclass(frozen=True)
class HypervolumeImprovement:
    """The log expected hypervolume improvement over undominated boxes."""

    posteriors: Sequence[Posterior]
    boxes: tuple[Floats, Floats]

    def score(self, Z: Floats) -> Floats:
        mean, variance = (np.column_stack(part) for part in zip(*(p.predict(Z) for p in self.posteriors), strict=True))
        return log_ehvi(mean, CAUTION * variance, self.boxes)

    def score_with_gradient(self, Z: Floats) -> tuple[Floats, Floats]:
        mean, variance, d_mean, d_variance = (
            np.stack(part, axis=1) for part in zip(*(p.predict_with_gradient(Z) for p in self.posteriors), strict=True)
        )
        score, by_mean, by_variance = log_ehvi_with_gradient(mean, CAUTION * variance, self.boxes)
        return score, np.einsum("qm,qmp->qp", by_mean, d_mean) + np.einsum(
            "qm,qmp->qp", CAUTION * by_variance, d_variance
        )


@dataclass(frozen=True)
class Compressed:
    """A log improvement that falls more slowly below ``HOPELESS``: in the same order, but no match for a limit."""

    improvement: ExpectedImprovement | HypervolumeImprovement

    def score(self, Z: Floats) -> Floats:
        return self._compressed(self.improvement.score(Z))

    def score_with_gradient(self, Z: Floats) -> tuple[Floats, Floats]:
        score, gradient = self.improvement.score_with_gradient(Z)
        return self._compressed(score), gradient / np.maximum(score / HOPELESS, 1.0)[:, None]

    def _compressed(self, score: Floats) -> Floats:
        return np.asarray(np.maximum(score, HOPELESS) + HOPELESS * np.log(np.maximum(score / HOPELESS, 1.0)))


Term = (
    Compressed | ExpectedImprovement | LowestMean | Feasibility | Fits | HypervolumeImprovement | Belief | ExpectedCost
)


class Sum(Acquisition):
    """A sum of logarithms."""

    def __init__(self, terms: Sequence[Term]) -> None:
        self.terms = terms

    def score(self, Z: Floats) -> Floats:
        return np.asarray(sum((term.score(Z) for term in self.terms), np.zeros(len(Z))))

    def score_with_gradient(self, Z: Floats) -> tuple[Floats, Floats]:
        score, gradient = np.zeros(len(Z)), np.zeros_like(Z)
        for term in self.terms:
            part, slope = term.score_with_gradient(Z)
            score += part
            gradient += slope
        return score, gradient
