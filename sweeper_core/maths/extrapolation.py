"""Extrapolation of learning curves: Bayesian power laws whose prior is learnt from finished curves.

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

from sweeper_core.maths.units import power_of_two

Floats = npt.NDArray[np.float64]

CELLS = 12
"""Errors of neighbouring points of a real curve are correlated; a dozen cells, equal in log t, count them once."""
SPAN = 100.0
"""The first cell holds everything before ``1 / SPAN`` of the whole time."""
EXPONENTS = np.array([0.05, 0.15, 0.3, 0.5, 0.8, 1.2, 2.0, 3.5])
NOISES = np.array([0.01, 0.03, 0.1, 0.3, 1.0])
UNIFORM = 1.0 / (len(EXPONENTS) * len(NOISES))
"""Prior probability of each pair of exponent and noise level."""
PRIOR_CURVES = 3.0
"""The wide prior on (a, b) counts as much as this many finished curves."""
ITERATIONS = 2
"""Iterations of expectation maximisation; more of them narrow the prior without improving the forecasts."""
FOLDS = 5
"""Number of folds of the cross-validation that measures forecast errors."""
MIN_ALIKE = 1e-3
"""Forecast errors whose total weight is below this are ignored."""
TINY = 1e-12
"""Added to probabilities, so that quotients of them are finite."""
MISFIT = 1.5
"""Factor on the spread of forecasts, measured on curves of neural networks. Real curves deviate from the power law
(for example when the learning rate is lowered)."""
MAX_STANDARDISED = 20.0
"""Standardised values beyond this are clipped, so that a diverged curve counts as a bad one only."""


@dataclass(frozen=True)
class Prior:
    """Prior over curves, learnt from finished ones.

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
        return _root_mean_square(np.hypot(self.deviations, self.means - self.mean), self.weights)

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


def learn(finished: Floats, partial: Floats | None = None) -> Prior:
    """Return the prior learnt from curves.

    Whether a curve was stopped depends only on its reports, so the missing ends are missing at random and the
    likelihood of all reports needs no correction (D. Rubin, Inference and Missing Data, Biometrika 1976); the
    finished curves alone would be a biased sample. Expectation maximisation from the wide prior.

    Args:
        finished: ``(n, K)`` whole curves, made by :func:`cells`; ``n >= 1``. They set centre and scale.
        partial: ``(m, K)`` curves that were stopped.
    """
    centre, scale = _location_and_scale(np.array([_last_known(row) for row in finished]))
    curves = finished if partial is None else np.concatenate([finished, partial])
    return _learn(_standardise(curves, centre, scale), centre, scale)


def _learn(y: Floats, centre: float, scale: float) -> Prior:
    wide_mean, wide_cov = np.zeros((len(EXPONENTS), 2)), np.tile(np.diag([1.0, 4.0]), (len(EXPONENTS), 1, 1))
    weights, mean, cov = (
        np.full((len(EXPONENTS), len(NOISES)), UNIFORM),
        wide_mean,
        wide_cov,
    )
    count = len(y)
    for _ in range(ITERATIONS):
        evidence, means, covs = _posterior(y, mean, cov)
        evidence = evidence + np.log(weights)
        responsibility = np.exp(evidence - logsumexp(evidence, axis=(1, 2), keepdims=True))
        given_c = np.exp(evidence - logsumexp(evidence, axis=2, keepdims=True))
        best = np.einsum("ncs,ncsi->nci", given_c, means)
        within = np.einsum("ncs,ncsij->cij", given_c, covs)
        mean = best.sum(axis=0) / (count + 1.0)
        off = best - mean
        cov = (np.einsum("nci,ncj->cij", off, off) + within + PRIOR_CURVES * wide_cov) / (count + PRIOR_CURVES)
        weights = (responsibility.sum(axis=0) + UNIFORM) / (count + 1.0)
    return Prior(centre, scale, weights, mean, cov)


def forecast(prior: Prior, curve: Floats, errors: Errors | None = None) -> Forecast:
    """Return the value at the end of a curve ``(K,)``, made by :func:`cells` (all NaN: the prior's own).

    Args:
        errors: Errors of earlier forecasts; None for no correction of the power law.
    """
    y = _standardise(curve[None, :], prior.centre, prior.scale)
    weights, ends, deviations = (part[0] for part in _ends(prior, y))
    if errors is not None:
        weights, ends, deviations = errors.corrected(_stage(y)[0], weights, ends, deviations)
    return Forecast(weights, prior.centre + prior.scale * ends, prior.scale * deviations)


def _ends(prior: Prior, y: Floats) -> tuple[Floats, Floats, Floats]:
    """Return weights, means and deviations ``(n, C * S)`` of the ends of standardised curves ``(n, K)``."""
    evidence, means, covs = _posterior(y, prior.mean, prior.cov)
    log_weights = evidence + np.log(prior.weights)
    weights = np.exp(log_weights - logsumexp(log_weights, axis=(1, 2), keepdims=True)).reshape(len(y), -1)
    # The end has the same noise as every other point.
    deviations = np.sqrt(covs[..., 0, 0] + NOISES**2).reshape(len(y), -1)
    ends = means[..., 0].reshape(len(y), -1)
    middle = np.einsum("nk,nk->n", weights, ends)[:, None]
    return weights, middle + MISFIT * (ends - middle), MISFIT * deviations


def _stage(y: Floats) -> npt.NDArray[np.int64]:
    """Return ``(n,)`` how many cells there are up to the last known one of each curve ``(n, K)``."""
    known = ~np.isnan(y)
    return np.where(known.any(axis=1), y.shape[1] - np.argmax(known[:, ::-1], axis=1), 0)


@dataclass(frozen=True)
class Errors:
    """Errors of forecasts of finished curves, by stage; all standardised.

    Attributes:
        expected: ``(K + 1, n)`` expected end of curve i from its first k cells.
        off: ``(K + 1, n)`` the end minus that expectation; NaN where the last of these cells is empty.
    """

    expected: Floats
    off: Floats

    def corrected(self, stage: int, weights: Floats, ends: Floats, deviations: Floats) -> tuple[Floats, Floats, Floats]:
        """Return the mixture extended by the earlier errors at this stage around its mean.

        The power law has the weight of ``PRIOR_CURVES`` errors; an error's weight falls with the distance between the
        expected ends of its curve and of this one. So the forecast includes breaks (from a plateau, for example) at
        their observed frequency.
        """
        known = ~np.isnan(self.off[stage])
        off, middle = self.off[stage][known], float(weights @ ends)
        alike = np.exp(-0.5 * (self.expected[stage][known] - middle) ** 2)
        total = float(alike.sum())
        if total < MIN_ALIKE:
            return weights, ends, deviations
        spread = np.sqrt(alike @ (off - alike @ off / total) ** 2 / total)
        width = max(1.06 * float(spread) * total**-0.2, float(NOISES[0]))  # Silverman (1986), equation 3.28
        share = PRIOR_CURVES / (PRIOR_CURVES + total)
        return (
            np.concatenate([share * weights, (1.0 - share) * alike / total]),
            np.concatenate([ends, middle + off]),
            np.concatenate([deviations, np.full(len(off), width)]),
        )


def errors_of(prior: Prior, finished: Floats, ends: Floats, others: Floats) -> Errors:
    """Return the cross-validated errors of forecasts of finished curves.

    Args:
        prior: Source of centre and scale.
        finished: ``(n, K)`` curves that were not selected by their values.
        ends: ``(n,)`` their last values.
        others: ``(m, K)`` the other curves that the prior was learnt from.
    """
    y, rest, truth = (_standardise(part, prior.centre, prior.scale) for part in (finished, others, ends))
    expected = np.full((y.shape[1] + 1, len(y)), np.nan)
    fold = np.arange(len(y)) % FOLDS
    for left_out in range(min(FOLDS, len(y)) if len(y) > 1 else 0):
        known = _learn(np.concatenate([y[fold != left_out], rest]), prior.centre, prior.scale)
        expected[:, fold == left_out] = _expected_by_stage(known, y[fold == left_out])
    return Errors(expected, truth - expected)


def _expected_by_stage(prior: Prior, y: Floats) -> Floats:
    """Return ``(K + 1, n)`` the expected ends of curves ``(n, K)`` by their first k cells; NaN: the last is empty."""
    n, width = y.shape
    until = np.where(np.tri(width + 1, width, -1, dtype=bool)[:, None, :], y, np.nan)  # (K + 1, n, K)
    weights, means, _ = _ends(prior, until.reshape(-1, width))
    expected = np.einsum("nk,nk->n", weights, means).reshape(width + 1, n)
    expected[1:][np.isnan(y.T)] = np.nan
    return np.asarray(expected)


def shifted(chance: float, presumed: float, rate: float) -> float:
    """Return a probability corrected for an event's observed rate, where the model presumes another one.

    The odds change by the ratio of the prior odds: M. Saerens et al., Adjusting the Outputs of a Classifier to New
    a Priori Probabilities, Neural Computation 14 (2002), equation 4.

    Args:
        chance: The model's posterior probability.
        presumed: The model's prior probability.
        rate: The event's observed rate.
    """
    happens = (chance + TINY) / (presumed + TINY) * rate
    fails = (1.0 - chance + TINY) / (1.0 - presumed + TINY) * (1.0 - rate)
    return happens / (happens + fails)


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
    inverse_prior, log_det_prior = _inverse(cov)
    inverse = inverse_prior[None, :, None] + precision[None, None, :, None, None] * gram[:, :, None]
    posterior, log_det = _inverse(inverse)
    shift = np.einsum("ncsij,nci,s->ncsj", posterior, moment, precision)
    explained = np.einsum("ncsj,ncj,s->ncs", shift, moment, precision)
    count = known.sum(axis=1)[:, None, None]
    evidence = 0.5 * (
        -log_det
        - log_det_prior[None, :, None]
        + count * np.log(precision / (2.0 * np.pi))
        - precision * total[:, :, None]
        + explained
    )
    return evidence, mean[None, :, None, :] + shift, posterior


def _inverse(matrices: Floats) -> tuple[Floats, Floats]:
    """Return the inverses of positive definite matrices ``(..., 2, 2)`` and the logarithms of their determinants.

    The formulas are written out, because LAPACK's call overhead exceeds the arithmetic of such small matrices.
    """
    a, b, d = matrices[..., 0, 0], matrices[..., 0, 1], matrices[..., 1, 1]
    determinant = a * d - b * b
    inverse = np.stack([np.stack([d, -b], -1), np.stack([-b, a], -1)], -2) / determinant[..., None, None]
    return inverse, np.log(determinant)


def _line(mean: Floats) -> Floats:
    """Return the curves ``(C, K)`` of parameters ``(C, 2)``."""
    return np.asarray(mean[:, :1] + mean[:, 1:] * SHAPES)


def _standardise(y: Floats, centre: float, scale: float) -> Floats:
    return np.asarray(np.clip((y - centre) / scale, -MAX_STANDARDISED, MAX_STANDARDISED))


def _last_known(row: Floats) -> float:
    known = np.flatnonzero(~np.isnan(row))
    return float(row[known[-1]]) if len(known) else float("nan")


def _location_and_scale(ends: Floats) -> tuple[float, float]:
    """Return median and spread of ``(n,)``: an estimate of the standard deviation of a normal.

    The larger of 1.48 median absolute deviations and the root mean square of the good half's distances below the
    median: bad ends are ignored, but where most ends are equal (networks that have not begun to learn) the scale has
    to fit the few good ones.
    """
    finite = ends[np.isfinite(ends)]
    if not len(finite):
        return 0.0, 1.0
    centre = float(np.median(finite))
    good = finite[finite <= centre] - centre
    scale = max(1.4826 * float(np.median(np.abs(finite - centre))), _root_mean_square(good))
    return centre, scale if scale > 0.0 else max(_root_mean_square(finite - finite.mean()), 1e-6 * abs(centre), 1e-12)


def _root_mean_square(values: Floats, weights: Floats | None = None) -> float:
    """Return the weighted root mean square ``sqrt(sum w v**2)``; without weights all count alike.

    The squares are taken in other units, so that they do not overflow.
    """
    unit = power_of_two(values)
    squares = (values / unit) ** 2
    return float(unit * np.sqrt(np.mean(squares) if weights is None else weights @ squares))


def stack(curves: Sequence[Floats]) -> Floats:
    """Return curves ``(K,)`` as the rows of ``(n, K)``, without those that have no point."""
    rows = [curve for curve in curves if not np.isnan(curve).all()]
    return np.array(rows) if rows else np.empty((0, CELLS))
