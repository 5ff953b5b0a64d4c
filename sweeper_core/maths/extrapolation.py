"""Where a learning curve will end: Bayesian power laws whose prior is learnt from finished curves.

Notation

======  =======================================================================================
n       number of finished curves
K       number of cells into which the time until the end is cut; a curve has at most one point in each
C       number of exponents c on the grid, S number of noise levels s on the grid
t       time in (0, 1], 1 at the end; y the values (standardised by the finished ends inside this file)
a, b    end value and drop of a curve, y(t) = a + b * g(t) + noise of variance s**2
g       ``t ** -c - 1``, scaled to 1 in the first cell: 0 at the end, so that ``a`` is the end value itself
======  =======================================================================================

For given c and s the model is linear with a Gaussian prior on (a, b), so the posterior and the evidence have closed
forms; over c and s one sums on the grid. The family of curves is pow3 of T. Domhan et al., Speeding up Automatic
Hyperparameter Optimization by Extrapolation of Learning Curves, IJCAI 2015; the linear trick replaces their sampling.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp, ndtr

Floats = npt.NDArray[np.float64]

CELLS = 12
"""Neighbouring points of a real curve err alike; a dozen cells, equal in log t, count such an error once."""
SPAN = 100.0
"""The first cell holds everything before ``1 / SPAN`` of the whole time."""
EXPONENTS = np.array([0.05, 0.15, 0.3, 0.5, 0.8, 1.2, 2.0, 3.5])
NOISES = np.array([0.01, 0.03, 0.1, 0.3, 1.0])
PRIOR_CURVES = 3.0
"""The wide prior on (a, b) counts as much as this many finished curves."""
MISFIT = 1.5
"""Real curves leave their power law (learning rates are lowered, for one): on those of neural networks the forecasts
erred by so much more than the model thinks."""
MAX_STANDARDISED = 20.0
"""Standardised values beyond are cut off, so that a diverged curve stays a bad one and no more."""


@dataclass(frozen=True)
class Prior:
    """What finished curves say about any curve.

    Attributes:
        centre, scale: Standardisation of values: ``(y - centre) / scale``.
        weights: ``(C, S)``, sum 1: how well each exponent and noise level fits.
        mean: ``(C, 2)`` and ``cov`` ``(C, 2, 2)``: of (a, b) for each exponent.
    """

    centre: float
    scale: float
    weights: Floats
    mean: Floats
    cov: Floats


@dataclass(frozen=True)
class Forecast:
    """A mixture of normal distributions over the value at the end.

    Attributes:
        weights, means, deviations: ``(C * S,)`` in the units of the curve.
    """

    weights: Floats
    means: Floats
    deviations: Floats

    @property
    def mean(self) -> float:
        """Expected value at the end."""
        return float(self.weights @ self.means)

    @property
    def deviation(self) -> float:
        """Standard deviation of the value at the end."""
        spread = self.deviations**2 + (self.means - self.mean) ** 2
        return float(np.sqrt(self.weights @ spread))

    def chance_below(self, value: float) -> float:
        """Return the probability that the curve ends below ``value``."""
        return float(self.weights @ ndtr((value - self.means) / self.deviations))


def cells(times: Floats, values: Floats) -> Floats:
    """Return ``(K,)`` the mean of the values ``(k,)`` at times ``(k,)`` in each cell; NaN in an empty one.

    Times lie in (0, 1]. Values that are not finite: NaN is left out, infinities stay.
    """
    known = (times > 0.0) & (times <= 1.0) & ~np.isnan(values)
    place = _cell_of(times[known])
    sums = np.bincount(place, weights=values[known], minlength=CELLS)
    counts = np.bincount(place, minlength=CELLS)
    with np.errstate(invalid="ignore"):
        return np.asarray(sums / counts)


def _cell_of(times: Floats) -> npt.NDArray[np.int64]:
    position = CELLS * (1.0 + np.log(times) / np.log(SPAN))
    return np.asarray(np.clip(np.ceil(position) - 1, 0, CELLS - 1), np.int64)


def _shapes() -> Floats:
    """Return ``g``, ``(C, K)``, at the upper end of each cell."""
    times = SPAN ** (np.arange(1, CELLS + 1) / CELLS - 1.0)
    shape = times[None, :] ** -EXPONENTS[:, None] - 1.0
    return np.asarray(shape / shape[:, :1])


SHAPES = _shapes()


def learn(finished: Floats) -> Prior:
    """Return the prior that finished curves ``(n, K)``, made by :func:`cells`, imply; ``n >= 1``.

    Exponents and noise levels are weighted by how well they explain the finished curves on average (one step of
    expectation maximisation from equal weights).
    """
    ends = np.array([_last_known(row) for row in finished])
    centre, scale = _location_and_scale(ends)
    y = _standardise(finished, centre, scale)
    wide_mean, wide_cov = np.zeros((len(EXPONENTS), 2)), np.tile(np.diag([1.0, 4.0]), (len(EXPONENTS), 1, 1))
    evidence, means, _ = _posterior(y, wide_mean, wide_cov)
    responsibility = np.exp(evidence - logsumexp(evidence, axis=(1, 2), keepdims=True))
    given_c = responsibility / np.maximum(responsibility.sum(axis=2, keepdims=True), 1e-300)
    best = np.einsum("ncs,ncsi->nci", given_c, means)
    count = len(finished)
    mean = best.sum(axis=0) / (count + 1.0)
    off = best - mean
    cov = (np.einsum("nci,ncj->cij", off, off) + PRIOR_CURVES * wide_cov) / (count + PRIOR_CURVES)
    weights = (responsibility.sum(axis=0) + 1.0 / evidence[0].size) / (count + 1.0)
    return Prior(centre, scale, weights, mean, cov)


def forecast(prior: Prior, curve: Floats) -> Forecast:
    """Return the value at the end of a curve ``(K,)``, made by :func:`cells` (all NaN: the prior's own)."""
    y = _standardise(curve[None, :], prior.centre, prior.scale)
    evidence, means, covs = _posterior(y, prior.mean, prior.cov)
    log_weights = evidence[0] + np.log(prior.weights)
    weights = np.exp(log_weights - logsumexp(log_weights))
    # The end is seen through the same noise as every other point.
    deviations = np.sqrt(covs[0, :, :, 0, 0] + NOISES[None, :] ** 2).ravel()
    ends = means[0, :, :, 0].ravel()
    middle = weights.ravel() @ ends
    ends = middle + MISFIT * (ends - middle)
    return Forecast(weights.ravel(), prior.centre + prior.scale * ends, MISFIT * prior.scale * deviations)


def _posterior(y: Floats, mean: Floats, cov: Floats) -> tuple[Floats, Floats, Floats]:
    """Return log evidence ``(n, C, S)``, means ``(n, C, S, 2)`` and covariances ``(n, C, S, 2, 2)`` of (a, b).

    Conjugate linear regression (Bishop, Pattern Recognition and Machine Learning, equations 3.50 and 3.51), with
    the evidence written as a Gaussian of the residuals from the prior mean.
    """
    known = ~np.isnan(y)
    precision = 1.0 / NOISES**2  # (S,)
    residual = np.where(known[:, None, :], np.nan_to_num(y)[:, None, :] - _line(mean), 0.0)  # (n, C, K)
    basis = np.stack([np.ones_like(SHAPES), SHAPES], axis=-1)  # (C, K, 2)
    gram = np.einsum("nk,cki,ckj->ncij", known.astype(float), basis, basis)
    moment = np.einsum("nck,cki->nci", residual, basis)
    total = np.einsum("nck,nck->nc", residual, residual)
    inverse_prior = np.linalg.inv(cov)
    inverse = inverse_prior[None, :, None] + precision[None, None, :, None, None] * gram[:, :, None]
    posterior = np.linalg.inv(inverse)
    shift = np.einsum("ncsij,nci,s->ncsj", posterior, moment, precision)
    explained = np.einsum("ncsj,ncj,s->ncs", shift, moment, precision)
    count = known.sum(axis=1)[:, None, None]
    evidence = 0.5 * (
        np.linalg.slogdet(posterior)[1]
        + np.linalg.slogdet(inverse_prior)[1][None, :, None]
        + count * np.log(precision / (2.0 * np.pi))
        - precision * total[:, :, None]
        + explained
    )
    return evidence, mean[None, :, None, :] + shift, posterior


def _line(mean: Floats) -> Floats:
    """Return the curves ``(C, K)`` of parameters ``(C, 2)``."""
    return np.asarray(mean[:, :1] + mean[:, 1:] * SHAPES)


def _standardise(y: Floats, centre: float, scale: float) -> Floats:
    return np.asarray(np.clip((y - centre) / scale, -MAX_STANDARDISED, MAX_STANDARDISED))


def _last_known(row: Floats) -> float:
    known = np.flatnonzero(~np.isnan(row))
    return float(row[known[-1]]) if len(known) else float("nan")


def _location_and_scale(ends: Floats) -> tuple[float, float]:
    """Return median and spread (1.48 median absolute deviations, the standard deviation of a normal) of ``(n,)``."""
    finite = ends[np.isfinite(ends)]
    if not len(finite):
        return 0.0, 1.0
    centre = float(np.median(finite))
    scale = 1.4826 * float(np.median(np.abs(finite - centre)))
    return centre, scale if scale > 0.0 else max(float(np.std(finite)), 1e-6 * abs(centre), 1e-12)


def stack(curves: Sequence[Floats]) -> Floats:
    """Return curves ``(K,)`` as the rows of ``(n, K)``, those without any point left out."""
    rows = [curve for curve in curves if not np.isnan(curve).all()]
    return np.array(rows) if rows else np.empty((0, CELLS))
