"""Gaussian-process regression: two scales of one distance, fitted by maximum a posteriori.

Notation

======  =======================================================================================
n, q    number of data points, of query points
p       number of embedded columns; a number has one, a categorical one for each choice
g       number of groups: columns that share a lengthscale (one group a parameter)
Z       ``(n, p)`` embedded points
U       ``(n, p)`` scaled points, ``U[:, c] = Z[:, c] / lengthscale[group[c]]``
y       ``(n,)`` targets, roughly standardised; the prior mean is zero
s       signal variance
w       the trend's share of it, in (0, 1)
v       noise variance; point i has ``v * noise_factor[i] + extra_noise[i]``
K       ``(n, n)`` covariance of the targets, noise included; L its lower Cholesky factor
r2      squared scaled distance, over all columns
t2      the same with numbers ``REACH`` times as close
======  =======================================================================================

The correlation of two points is ``(1 - w) matern52(r2) + w trend(t2)``: a Matérn process, which models local detail,
plus a trend so smooth that a handful of points determine the direction of descent over the whole space. Losses have
both: a wide valley, and detail in it. The Matérn process alone has to learn the valley piece by piece; the trend alone
(to which a squared exponential is similar) is overconfident far from the data.

A categorical with one-hot columns of height 1/sqrt(2) adds ``1[differs] / lengthscale**2`` to r2, which is the
Hamming distance. So one Euclidean distance serves numbers, categoricals and inactive parameters, and
is positive definite by construction; its gradients are matrix products. Choices are no closer in the trend, which
would make all of them alike, nor are numbers of few values.

Sources: Rasmussen & Williams, Gaussian Processes for Machine Learning (2006): equations (2.25), (2.26), (4.17), (4.19),
(5.8), (5.9), (5.12).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.linalg import lapack
from scipy.special import expit, logit

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

CHUNK = 256
"""Number of queries per block: intermediate arrays then fit into the processor's cache, which is twice as fast."""
JITTER = 1e-8
"""Jitter added to the diagonal, relative to the signal: it keeps K positive definite in double precision."""
REACH = 10.0
"""Ratio of the trend's lengthscales to those of the Matérn process. Results are similar for 5 to 20."""


@dataclass(frozen=True)
class Columns:
    """The layout of the columns of Z.

    Attributes:
        group: ``(p,)`` integers in ``[0, g)``.
        numbers: How many of the first columns are (practically) continuous numbers, along which there is a trend.
    """

    group: Integers
    numbers: int

    @cached_property
    def groups(self) -> int:
        """Number of lengthscales, g."""
        return int(self.group.max(initial=-1)) + 1

    def with_categorical(self, choices: int) -> Columns:
        """Return these columns followed by those of one more categorical."""
        return Columns(np.append(self.group, np.full(choices, self.groups)), self.numbers)


@dataclass(frozen=True)
class Hyper:
    """Hyperparameters.

    Attributes:
        lengthscales: ``(g,)``.
        trend: The trend's share w of the signal.
        signal: Signal variance s.
        noise: Noise variance v.
    """

    lengthscales: Floats
    trend: float
    signal: float
    noise: float

    @property
    def theta(self) -> Floats:
        """The unbounded parameters ``(g + 3,)``: log lengthscales, logit of w, log s, log v."""
        rest = logit(self.trend), np.log(self.signal), np.log(self.noise)
        return np.concatenate([np.log(self.lengthscales), rest])

    @classmethod
    def of(cls, theta: Floats) -> Hyper:
        """Return the hyperparameters of ``theta``."""
        trend, signal, noise = theta[-3:]
        return cls(np.exp(theta[:-3]), float(expit(trend)), float(np.exp(signal)), float(np.exp(noise)))


@dataclass(frozen=True)
class Prior:
    """Independent normal priors of the unbounded parameters.

    Attributes:
        mean, deviation: ``(g + 3,)`` in the order of :attr:`Hyper.theta`.
        lower, upper: ``(g + 3,)`` bounds of theta. Equal bounds fix a value.
    """

    mean: Floats
    deviation: Floats
    lower: Floats
    upper: Floats

    def penalty(self, theta: Floats) -> tuple[float, Floats]:
        """Return minus the log density (without constants) and its gradient ``(g + 3,)``."""
        z = (theta - self.mean) / self.deviation
        return 0.5 * float(z @ z), z / self.deviation


def default_prior(columns: Columns, *, noise: float | None = None, noise_floor: float = 1e-6) -> Prior:
    """Return the prior used for standardised targets on the unit cube.

    Lengthscales: log-normal around ``0.4 g**0.2`` for numbers and ``0.6 g**0.2`` for choices. The diagonal of the cube
    grows with the square root of the dimension, and Hvarfner, Hellsten & Nardi (2024) let lengthscales grow with
    it; but then the posterior is surest of slopes that lead into corners, and searches of 50 to 100 points in 10
    and more dimensions did markedly better with this slower growth and narrow spread. Trend: anything, around one
    half. Signal: around 1. Noise: small unless seen.

    Args:
        columns: Whose groups have a lengthscale each.
        noise: The noise variance when it is known.
        noise_floor: Smallest noise variance.
    """
    g = columns.groups
    typical = np.full(g, 0.6)
    typical[columns.group[: columns.numbers]] = 0.4
    mean = np.concatenate([np.log(typical * max(g, 1) ** 0.2), [0.0, 0.0, -6.0]])
    deviation = np.concatenate([np.full(g, 0.6), [2.0, 1.0, 2.0]])
    lower = np.concatenate([np.full(g, np.log(0.02)), [-5.0, np.log(0.02), np.log(noise_floor)]])
    upper = np.concatenate([np.full(g, np.log(100.0)), [5.0, np.log(50.0), np.log(2.0)]])
    if noise is not None:
        mean[-1] = lower[-1] = upper[-1] = np.log(noise)
    return Prior(mean, deviation, lower, upper)


@dataclass(frozen=True)
class Data:
    """Training data of a process.

    Attributes:
        Z: ``(n, p)``.
        columns: Of Z.
        y: ``(n,)``.
        noise_factor: ``(n,)`` 1 for one measurement, 1/k for a mean of k.
        extra_noise: ``(n,)`` additional noise variance.
    """

    Z: Floats
    columns: Columns
    y: Floats
    noise_factor: Floats
    extra_noise: Floats

    @classmethod
    def plain(cls, Z: Floats, columns: Columns, y: Floats) -> Data:
        """Return data of single measurements."""
        return cls(Z, columns, y, np.ones(len(Z)), np.zeros(len(Z)))

    def rows(self, chosen: npt.NDArray[np.int64] | npt.NDArray[np.bool_] | slice) -> Data:
        """Return some of the points."""
        return Data(self.Z[chosen], self.columns, self.y[chosen], self.noise_factor[chosen], self.extra_noise[chosen])

    def __len__(self) -> int:
        return len(self.Z)


def squared_distances(A: Floats, B: Floats) -> Floats:
    """Return ``(n, q)`` squared Euclidean distances of the rows of A ``(n, p)`` and B ``(q, p)``."""
    r2 = (-2.0 * A) @ B.T
    r2 += np.einsum("ij,ij->i", A, A)[:, None]
    r2 += np.einsum("ij,ij->i", B, B)[None, :]
    np.maximum(r2, 0.0, out=r2)
    return np.asarray(r2)


def matern52(r2: Floats) -> Floats:
    """Return the Matérn-5/2 correlation of squared distances, eq. (4.17)."""
    t = 5.0 * r2
    np.sqrt(t, out=t)
    correlation = t / 3.0  # the operations below are in place, which halves the time
    correlation += 1.0
    correlation *= t
    correlation += 1.0
    np.negative(t, out=t)
    correlation *= np.exp(t, out=t)
    return np.asarray(correlation)


def matern52_slope(r2: Floats) -> tuple[Floats, Floats]:
    """Return the correlation and its derivative by r2, ``-5/6 (1 + sqrt(5 r2)) exp(-sqrt(5 r2))``."""
    t = 5.0 * r2
    np.sqrt(t, out=t)
    decay = np.exp(-t)
    slope = t + 1.0
    slope *= decay
    t *= t
    t *= decay
    t /= 3.0
    t += slope
    slope *= -5.0 / 6.0
    return np.asarray(t), np.asarray(slope)


def trend(t2: Floats) -> Floats:
    """Return the trend's correlation of squared distances, the rational quadratic (4.19) with exponent 1.

    As smooth as the squared exponential, and cheaper. The derivative by t2 is ``-trend**2 / 2``.
    """
    correlation = 0.5 * t2
    correlation += 1.0
    return np.asarray(np.divide(1.0, correlation, out=correlation))


class Kernel:
    """The correlation of points under one set of hyperparameters."""

    def __init__(self, columns: Columns, hyper: Hyper) -> None:
        self.columns = columns
        self.share = hyper.trend
        self.scale: Floats = 1.0 / hyper.lengthscales[columns.group]

    def correlation(self, U: Floats, V: Floats) -> Floats:
        """Return ``(n, q)`` correlations of scaled points ``(n, p)`` and ``(q, p)``."""
        r2, t2 = self._distances(U, V)
        correlation = matern52(r2)
        correlation *= 1.0 - self.share
        far = trend(t2)
        far *= self.share
        correlation += far
        return correlation

    def correlation_with_slopes(self, U: Floats, V: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Return the correlation and its derivatives by w, by r2 and by t2, ``(n, q)`` each."""
        r2, t2 = self._distances(U, V)
        near, by_r2 = matern52_slope(r2)
        by_r2 *= 1.0 - self.share
        far = trend(t2)
        by_t2 = far * far
        by_t2 *= -0.5 * self.share
        by_share = far
        by_share -= near
        near += self.share * by_share
        return near, by_share, by_r2, by_t2

    def blocks(self, by_r2: Floats, by_t2: Floats) -> Iterator[tuple[slice, Floats]]:
        """Yield the columns of each kind with the derivative by squared distances along them, a new array."""
        numbers, p = self.columns.numbers, len(self.columns.group)
        if numbers > 0:
            yield slice(0, numbers), by_r2 + by_t2 / REACH**2
        if numbers < p:
            yield slice(numbers, p), by_r2 + by_t2

    def _distances(self, U: Floats, V: Floats) -> tuple[Floats, Floats]:
        """Return r2 and t2, ``(n, q)``."""
        numbers = self.columns.numbers
        r2 = squared_distances(U[:, :numbers], V[:, :numbers])
        t2 = r2 / REACH**2
        if numbers < U.shape[1]:
            rest = squared_distances(U[:, numbers:], V[:, numbers:])
            r2 += rest
            t2 += rest
        return r2, t2


def _cholesky(K: Floats) -> Floats:
    L, failed = lapack.dpotrf(K, lower=1, clean=1)
    if failed:
        raise np.linalg.LinAlgError("The covariance is not positive definite.")
    return np.asarray(L)


def _solve(L: Floats, b: Floats) -> Floats:
    """Return ``K^-1 b``."""
    return np.asarray(lapack.dpotrs(L, b, lower=1)[0])


def _half_solve(L: Floats, b: Floats, *, in_place: bool = False) -> Floats:
    """Return ``L^-1 b``; ``in_place`` it may lie where a Fortran-ordered ``b`` lay."""
    return np.asarray(lapack.dtrtrs(L, b, lower=1, overwrite_b=in_place)[0])


def objective(theta: Floats, data: Data, prior: Prior) -> tuple[float, Floats]:
    """Return minus the log posterior density of ``theta`` (without constants), and its gradient ``(g + 3,)``.

    Equations (5.8) and (5.9) with the priors' penalties; infinite where K is not positive definite.
    """
    hyper, columns = Hyper.of(theta), data.columns
    kernel = Kernel(columns, hyper)
    U = data.Z * kernel.scale
    correlation, by_share, by_r2, by_t2 = kernel.correlation_with_slopes(U, U)
    noise = hyper.noise * data.noise_factor + data.extra_noise
    K = hyper.signal * correlation
    K.flat[:: len(K) + 1] += noise + JITTER * hyper.signal
    L, failed = lapack.dpotrf(K, lower=1, clean=1)
    if failed:
        return np.inf, np.zeros_like(theta)
    alpha = _solve(L, data.y)
    penalty, gradient = prior.penalty(theta)
    value = 0.5 * float(data.y @ alpha) + float(np.log(np.diagonal(L)).sum()) + penalty
    inverse = lapack.dpotri(L, lower=1)[0]  # lower triangle only
    A = inverse + np.tril(inverse, -1).T - np.multiply.outer(alpha, alpha)
    # d r2_ij / d log lengthscale_g = -2 sum_{c in g} (U_ic - U_jc)^2, and sum_ij M_ij (U_ic - U_jc)^2 =
    # 2 sum_i U_ic^2 (M 1)_i - 2 U_c' M U_c.
    by_column = np.empty(len(columns.group))
    for block, slope in kernel.blocks(by_r2, by_t2):
        M = A * slope
        V = U[:, block]
        by_column[block] = M.sum(axis=1) @ (V * V) - np.einsum("ic,ic->c", V, M @ V)
    by_column *= -2.0 * hyper.signal
    gradient[:-3] += np.bincount(columns.group, by_column, minlength=columns.groups)
    diagonal = np.diagonal(A)
    gradient[-3] += 0.5 * hyper.signal * hyper.trend * (1.0 - hyper.trend) * float(np.vdot(A, by_share))
    gradient[-2] += 0.5 * hyper.signal * (float(np.vdot(A, correlation)) + JITTER * float(diagonal.sum()))
    gradient[-1] += 0.5 * hyper.noise * float(diagonal @ data.noise_factor)
    return value, gradient


@dataclass(frozen=True)
class Fit:
    """Hyperparameters and minus the log density they reach (smaller is better)."""

    hyper: Hyper
    cost: float


def fit(data: Data, prior: Prior, starts: Sequence[Hyper] = (), *, iterations: int = 40, median: bool = True) -> Fit:
    """Return the most probable hyperparameters found from ``starts`` and, unless told not to, the prior's median."""
    bounds = np.column_stack([prior.lower, prior.upper])
    best: Fit | None = None
    from scipy.optimize import minimize  # takes longer to import than the first suggestions need

    search: Callable[..., Any] = minimize
    for theta in (*([prior.mean] if median else []), *(start.theta for start in starts)):
        result = search(
            objective,
            np.clip(theta, prior.lower, prior.upper),
            args=(data, prior),
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options={"maxiter": iterations, "ftol": 1e-5, "gtol": 1e-3},
        )
        cost = float(result.fun)
        if np.isfinite(cost) and (best is None or cost < best.cost):
            best = Fit(Hyper.of(np.asarray(result.x)), cost)
    return Fit(Hyper.of(prior.mean), np.inf) if best is None else best


class Posterior:
    """The process given the data: predictions, their gradients, leave-one-out, and extension by further points.

    Args:
        data: At least one point.
        hyper: As fitted.
    """

    def __init__(self, data: Data, hyper: Hyper, _factor: tuple[Floats, Floats] | None = None) -> None:
        self.data = data
        self.hyper = hyper
        self._kernel = Kernel(data.columns, hyper)
        self._scale = self._kernel.scale
        if _factor is None:
            self._U = data.Z * self._scale
            K = hyper.signal * self._kernel.correlation(self._U, self._U)
            self._factor = _factor_of(K, self._noise(data) + JITTER * hyper.signal)
        else:
            self._U, self._factor = _factor
        self._alpha = _solve(self._factor, data.y)

    def __len__(self) -> int:
        return len(self.data)

    def _noise(self, data: Data) -> Floats:
        return np.asarray(self.hyper.noise * data.noise_factor + data.extra_noise)

    def _cross(self, Z: Floats) -> Floats:
        """Return ``(q, n)`` covariances of query points ``(q, p)`` with the data."""
        covariance = self._kernel.correlation(Z * self._scale, self._U)
        covariance *= self.hyper.signal
        return covariance

    def mean(self, Z: Floats) -> Floats:
        """Return the posterior mean ``(q,)`` at ``Z`` ``(q, p)``, eq. (2.25)."""
        return np.asarray(self._cross(Z) @ self._alpha)

    def predict(self, Z: Floats) -> tuple[Floats, Floats]:
        """Return mean and variance ``(q,)`` of the noiseless function at ``Z`` ``(q, p)``, eqs. (2.25), (2.26)."""
        mean, variance = np.empty(len(Z)), np.empty(len(Z))
        for first in range(0, len(Z), CHUNK):
            part = slice(first, first + CHUNK)
            k = self._cross(Z[part])
            mean[part] = k @ self._alpha
            half = _half_solve(self._factor, k.T, in_place=True)
            variance[part] = self.hyper.signal - np.einsum("ij,ij->j", half, half)
        return mean, np.maximum(variance, self._smallest_variance)

    def joint(self, Z: Floats) -> tuple[Floats, Floats]:
        """Return mean ``(q,)`` and covariance ``(q, q)`` of the noiseless function at ``Z`` ``(q, p)``, eq. (2.26)."""
        U, k = Z * self._scale, self._cross(Z)
        half = _half_solve(self._factor, k.T)
        return k @ self._alpha, self.hyper.signal * self._kernel.correlation(U, U) - half.T @ half

    @property
    def _smallest_variance(self) -> float:
        return float(1e-10 * self.hyper.signal)

    def predict_with_gradient(self, Z: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Return mean and variance ``(q,)`` and their derivatives by ``Z``, ``(q, p)`` each."""
        U = Z * self._scale
        k, _, by_r2, by_t2 = self._kernel.correlation_with_slopes(U, self._U)
        k *= self.hyper.signal
        weights = _solve(self._factor, k.T).T
        variance = self.hyper.signal - np.einsum("ij,ij->i", k, weights)
        d_mean, d_variance = np.empty_like(U), np.empty_like(U)
        for block, slope in self._kernel.blocks(by_r2, by_t2):
            slope *= 2.0 * self.hyper.signal
            d_mean[:, block] = self._pull(slope * self._alpha, U, block)
            d_variance[:, block] = self._pull(-2.0 * slope * weights, U, block)
        return k @ self._alpha, np.maximum(variance, self._smallest_variance), d_mean, d_variance

    def _pull(self, weights: Floats, U: Floats, block: slice) -> Floats:
        """Return ``sum_i weights[q, i] (U[q] - U_i) / lengthscale`` for some of the columns."""
        pulled = weights.sum(axis=1)[:, None] * U[:, block] - weights @ self._U[:, block]
        return np.asarray(pulled * self._scale[block])

    def extended(self, more: Data) -> Posterior:
        """Return the posterior with further points, at the cost of a rank-k update of the Cholesky factor.

        ``L' = [[L, 0], [C', S]]`` with ``C = L^-1 K12`` and ``S S' = K22 - C' C``.
        """
        data = concatenate(self.data, more)
        U_new = more.Z * self._scale
        n, k = len(self.data), len(more)
        C = _half_solve(self._factor, self.hyper.signal * self._kernel.correlation(self._U, U_new))
        K22 = self.hyper.signal * self._kernel.correlation(U_new, U_new)
        S = _factor_of(K22 - C.T @ C, self._noise(more) + JITTER * self.hyper.signal)
        factor = np.zeros((n + k, n + k), order="F")
        factor[:n, :n], factor[n:, :n], factor[n:, n:] = self._factor, C.T, S
        return Posterior(data, self.hyper, (np.concatenate([self._U, U_new]), factor))

    def fantasize(self, Z: Floats) -> Posterior:
        """Condition on pending points: return the posterior as if its mean had been observed at ``Z`` ``(k, p)``.

        The mean does not change, the variance shrinks around ``Z`` ("kriging believer", Ginsbourger et al. 2010).
        """
        if len(Z) == 0:
            return self
        return self.extended(Data.plain(Z, self.data.columns, self.mean(Z)))

    def leave_one_out(self) -> tuple[Floats, Floats]:
        """Return mean and variance ``(n,)`` of each target given the others, noise included, eq. (5.12)."""
        inverse = np.asarray(lapack.dpotri(self._factor, lower=1)[0]).diagonal()
        return self.data.y - self._alpha / inverse, 1.0 / inverse

    def log_density_left_out(self) -> Floats:
        """Return the log density ``(n,)`` of each target given the others, without the constant, eq. (5.10)."""
        mean, variance = self.leave_one_out()
        return np.asarray(-0.5 * np.log(variance) - 0.5 * (self.data.y - mean) ** 2 / variance)


def _factor_of(K: Floats, noise: Floats) -> Floats:
    """Return the Cholesky factor of ``K + diag(noise)``; the jitter grows when rounding left it indefinite."""
    scale = max(float(np.max(np.diagonal(K), initial=0.0)), 1e-12)
    for jitter in (0.0, 1e-7, 1e-5, 1e-3, 1e-1):
        covariance = K.copy()
        covariance.flat[:: len(K) + 1] += noise + jitter * scale
        try:
            return _cholesky(covariance)
        except np.linalg.LinAlgError:
            continue
    raise np.linalg.LinAlgError("The covariance is not positive definite: does it hold NaN?")


def concatenate(first: Data, second: Data) -> Data:
    """Return the points of both."""
    return Data(
        np.concatenate([first.Z, second.Z]),
        first.columns,
        np.concatenate([first.y, second.y]),
        np.concatenate([first.noise_factor, second.noise_factor]),
        np.concatenate([first.extra_noise, second.extra_noise]),
    )
