"""CMA-ES as a pure function from one search distribution to the next.

Sources, cited by their letters below:

- [T] N. Hansen, "The CMA evolution strategy: a tutorial", arXiv:1604.00772 (equation numbers of its appendix A)
- [S] R. Ros, N. Hansen, "A simple modification in CMA-ES achieving linear time and space complexity", PPSN 2008
- [L] M. Nomura, Y. Akimoto, I. Ono, "CMA-ES with learning rate adaptation", GECCO 2023
- [M] R. Hamano et al., "CMA-ES with margin", GECCO 2022
- [C] R. Hamano et al., "CatCMA: stochastic optimization for mixed-category problems", GECCO 2024
- [W] M. Nomura et al., "Warm starting CMA-ES for hyperparameter optimization", AAAI 2021

Notation

=========  ====================================================================================
d          number of dimensions
n          population size: points per update
x          point; y = (x - mean) / sigma, distributed as N(0, C)
mean       ``(d,)``
sigma      overall step size
C          ``(d, d)`` shape of the distribution, ``C = B diag(D**2) B.T``
amplify    ``(d,)`` factors of the discretised dimensions (A in [M]), 1 elsewhere
q          probabilities of the values of a choice
=========  ====================================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

TINY = 1e-8
"""Stands in for eigenvalues that rounding has made negative, and keeps quotients finite."""

MAX_SIGMA = 1e32
FARTHEST = 3.5
"""Points longer than ``sqrt(d) + FARTHEST`` in units of the distribution are shortened to it: five standard
deviations of the length of a normal vector, so that only injected points are affected."""


# --------------------------------------------------------------------------------------------- constants


@dataclass(frozen=True)
class Strategy:
    """The constants of CMA-ES for a dimension and a population size ([T] table 1).

    Attributes:
        weights: ``(n,)`` recombination weights, best point first, the later ones negative.
        mu: How many of them are positive; mu_eff their effective number.
        separable: Whether C stays diagonal, with the faster rates that this allows ([S]).
        lr_adapt: Whether the learning rates of mean and covariance are adapted to the noise ([L]).
    """

    dim: int
    popsize: int
    weights: Floats
    mu: int
    mu_eff: float
    c_sigma: float
    d_sigma: float
    c_c: float
    c_1: float
    c_mu: float
    chi: float
    separable: bool = False
    lr_adapt: bool = False


def default_popsize(dim: int) -> int:
    """Return ``4 + floor(3 ln d)`` ([T] eq. 48)."""
    return 4 + math.floor(3 * math.log(max(dim, 1)))


@lru_cache(maxsize=32)
def strategy(dim: int, popsize: int | None = None, separable: bool = False, lr_adapt: bool = False) -> Strategy:
    """Return the constants for a dimension and a population size (None for the default one)."""
    n = default_popsize(dim) if popsize is None else popsize
    mu = n // 2
    raw = math.log((n + 1) / 2) - np.log(np.arange(1, n + 1))  # eq. 49
    mu_eff = float(raw[:mu].sum() ** 2 / (raw[:mu] ** 2).sum())
    mu_eff_minus = float(raw[mu:].sum() ** 2 / (raw[mu:] ** 2).sum())
    c_1 = 2 / ((dim + 1.3) ** 2 + mu_eff)  # eq. 57
    c_mu = min(1 - c_1 - TINY, 2 * (mu_eff - 2 + 1 / mu_eff) / ((dim + 2) ** 2 + mu_eff))  # eq. 58
    smallest = min(
        1 + c_1 / c_mu,  # eq. 50
        1 + 2 * mu_eff_minus / (mu_eff + 2),  # eq. 51
        (1 - c_1 - c_mu) / (dim * c_mu),  # eq. 52
    )
    weights = np.where(raw >= 0, raw / raw[raw > 0].sum(), smallest * raw / -raw[raw < 0].sum())  # eq. 53
    if separable:
        c_1, c_mu = c_1 * (dim + 2) / 3, min(c_mu * (dim + 2) / 3, 1 - c_1 * (dim + 2) / 3)  # [S] eq. 4
        weights = np.maximum(weights, 0.0)
    c_sigma = (mu_eff + 2) / (dim + mu_eff + 5)  # eq. 55
    return Strategy(
        dim=dim,
        popsize=n,
        weights=weights,
        mu=mu,
        mu_eff=mu_eff,
        c_sigma=c_sigma,
        d_sigma=1 + 2 * max(0.0, math.sqrt((mu_eff - 1) / (dim + 1)) - 1) + c_sigma,  # eq. 55
        c_c=(4 + mu_eff / dim) / (dim + 4 + 2 * mu_eff / dim),  # eq. 56
        c_1=c_1,
        c_mu=c_mu,
        chi=math.sqrt(dim) * (1 - 1 / (4 * dim) + 1 / (21 * dim**2)),  # E|N(0, I)|
        separable=separable,
        lr_adapt=lr_adapt,
    )


# ------------------------------------------------------------------------------------------ distribution


@dataclass(frozen=True)
class Signal:
    """Moving averages of the steps of one parameter, and its adapted learning rate ([L] eqs. 14 to 22)."""

    average: Floats | float = 0.0
    power: float = 0.0
    rate: float = 1.0

    def seen(self, step: Floats, beta: float) -> Signal:
        """Return the signal after a step, given in coordinates in which the distribution is standard."""
        average = (1 - beta) * self.average + beta * step
        power = (1 - beta) * self.power + beta * float(np.sum(step**2))
        square = float(np.sum(average**2))
        noise = power - square
        ratio = (square - beta / (2 - beta) * power) / noise if noise > 0.0 else math.inf
        relative = min(max(ratio / 1.4 / self.rate - 1, -1.0), 1.0)  # alpha = 1.4
        rate = self.rate * math.exp(min(0.1 * self.rate, beta) * relative)  # gamma = 0.1
        return Signal(average, power, min(rate, 1.0))


@dataclass(frozen=True)
class Gaussian:
    """The search distribution N(mean, sigma**2 C) and the other state of CMA-ES.

    Attributes:
        basis, scales: B and D of the eigendecomposition of ``cov``.
        path_sigma, path_cov: The evolution paths.
        generation: Number of updates so far.
        of_mean, of_cov: Signals for the adaptation of learning rates.
    """

    mean: Floats
    sigma: float
    cov: Floats
    basis: Floats
    scales: Floats
    amplify: Floats
    path_sigma: Floats
    path_cov: Floats
    generation: int = 0
    of_mean: Signal = Signal()
    of_cov: Signal = Signal()

    @property
    def deviations(self) -> Floats:
        """Standard deviation ``(d,)`` of each coordinate, without amplification."""
        return np.asarray(self.sigma * np.sqrt(np.diag(self.cov)))

    def sample(self, normal: Floats) -> Floats:
        """Return points ``(k, d)`` for standard normal numbers ``(k, d)``, amplified."""
        return np.asarray(self.mean + self.sigma * self.amplify * ((normal * self.scales) @ self.basis.T))

    def standardised(self, points: Floats) -> Floats:
        """Return the normal numbers ``(k, d)`` behind points ``(k, d)``: the inverse of :meth:`sample`."""
        return np.asarray(((points - self.mean) / (self.sigma * self.amplify)) @ self.basis / self.scales)


def start(mean: Floats, sigma: float, cov: Floats | None = None) -> Gaussian:
    """Return the initial distribution; ``cov`` None for the identity."""
    d = len(mean)
    cov = np.eye(d) if cov is None else cov
    basis, scales = _eigen(cov)
    zero = np.zeros(d)
    return Gaussian(np.array(mean, float), float(sigma), cov, basis, scales, np.ones(d), zero, zero)


def update(constants: Strategy, state: Gaussian, points: Floats) -> Gaussian:
    """Return the next distribution.

    Args:
        constants: For the dimension and the number of points.
        points: ``(n, d)``, best first, without amplification. Points that are improbable under the distribution
            are first moved towards the mean (Hansen 2011, "Injecting external solutions").
    """
    d, k = constants.dim, constants
    whiten = (state.basis / state.scales) @ state.basis.T  # C^(-1/2)
    y = (points - state.mean) / state.sigma
    lengths = np.linalg.norm(y @ whiten, axis=1)
    y = y * np.minimum(1.0, (math.sqrt(d) + FARTHEST) / np.maximum(lengths, TINY))[:, None]
    lengths = np.minimum(lengths, math.sqrt(d) + FARTHEST)

    step = k.weights[: k.mu] @ y[: k.mu]  # eq. 41
    path_sigma = (1 - k.c_sigma) * state.path_sigma + math.sqrt(k.c_sigma * (2 - k.c_sigma) * k.mu_eff) * (
        whiten @ step
    )  # eq. 43
    length = float(np.linalg.norm(path_sigma))
    sigma = min(state.sigma * math.exp(k.c_sigma / k.d_sigma * (length / k.chi - 1)), MAX_SIGMA)  # eq. 44

    settled = math.sqrt(1 - (1 - k.c_sigma) ** (2 * (state.generation + 2)))
    h = 1.0 if length / settled < (1.4 + 2 / (d + 1)) * k.chi else 0.0  # below eq. 45
    path_cov = (1 - k.c_c) * state.path_cov + h * math.sqrt(k.c_c * (2 - k.c_c) * k.mu_eff) * step  # eq. 45
    weights = k.weights * np.where(k.weights >= 0, 1.0, d / (lengths**2 + TINY))  # eq. 46
    keep = 1 + k.c_1 * (1 - h) * k.c_c * (2 - k.c_c) - k.c_1 - k.c_mu * k.weights.sum()
    cov = keep * state.cov + k.c_1 * np.outer(path_cov, path_cov) + k.c_mu * (y.T * weights) @ y  # eq. 47
    if k.separable:
        cov = np.diag(np.diag(cov))
    following = replace(
        state,
        mean=state.mean + state.sigma * step,  # eq. 42, c_m = 1
        sigma=sigma,
        cov=cov,
        path_sigma=path_sigma,
        path_cov=path_cov,
        generation=state.generation + 1,
    )
    if k.lr_adapt:
        following = _slowed(state, following, whiten)
    return _decomposed(following, k.separable)


def _slowed(before: Gaussian, after: Gaussian, whiten: Floats) -> Gaussian:
    """Scale a step by the learning rates adapted to its signal-to-noise ratio ([L] algorithm 1)."""
    d = len(before.mean)
    whiten = whiten / before.sigma
    mean_step = after.mean - before.mean
    old = before.sigma**2 * before.cov
    step = after.sigma**2 * after.cov - old
    of_mean = before.of_mean.seen(whiten @ mean_step, 0.1)  # beta of the mean
    of_cov = before.of_cov.seen(whiten @ step @ whiten / math.sqrt(2), 0.03)  # beta of the covariance
    full = old + of_cov.rate * step
    sigma = math.exp(np.linalg.slogdet(full)[1] / (2 * d))
    return replace(
        after,
        mean=before.mean + of_mean.rate * mean_step,
        sigma=min(sigma * before.of_mean.rate / of_mean.rate, MAX_SIGMA),
        cov=full / sigma**2,
        of_mean=of_mean,
        of_cov=of_cov,
    )


def _decomposed(state: Gaussian, separable: bool) -> Gaussian:
    cov = (state.cov + state.cov.T) / 2
    if separable:
        return replace(state, cov=cov, scales=np.sqrt(np.maximum(np.diag(cov), TINY**2)))
    basis, scales = _eigen(cov)
    return replace(state, cov=(basis * scales**2) @ basis.T, basis=basis, scales=scales)


def _eigen(cov: Floats) -> tuple[Floats, Floats]:
    squares, basis = np.linalg.eigh(cov)
    return basis, np.sqrt(np.where(squares <= 0, TINY, squares))


def has_converged(state: Gaussian, smallest: float, bests: Floats) -> bool:
    """Return whether the search has converged ([T] B.3): steps or recent best values no longer differ.

    Args:
        state: The distribution.
        smallest: Standard deviation that counts as zero.
        bests: ``(g,)`` best values of the last ``10 + 30 d / n`` generations; fewer are ignored.
    """
    tiny = bool(np.all(state.deviations < smallest)) and bool(np.all(state.sigma * state.path_cov < smallest))
    flat = len(bests) > 0 and bool(np.ptp(bests) < 1e-12 + 1e-9 * abs(float(bests[-1])))
    degenerate = bool(state.scales.max() > 1e7 * state.scales.min())  # condition number of C above 1e14
    return tiny or flat or degenerate


def patience(constants: Strategy) -> int:
    """Return the number of generations over which equal best values mean convergence."""
    return 10 + math.ceil(30 * constants.dim / constants.popsize)


# ---------------------------------------------------------------------------------- discretised dimensions


def with_margin(state: Gaussian, low: Floats, high: Floats, margin: float) -> Gaussian:
    """Return the distribution with its mean and amplification corrected for the margin ([M] eqs. 7 to 16).

    Args:
        state: The distribution.
        low, high: ``(d,)`` ends of the interval around the mean whose points all stand for the same value:
            infinite on one side at an end of the scale, on both sides for continuous dimensions.
        margin: Least probability of leaving the interval; half of it on each side where there are two.
    """
    mean, amplify = state.mean.copy(), state.amplify.copy()
    deviation = state.deviations
    for j in np.flatnonzero(np.isfinite(low) != np.isfinite(high)):
        near = low[j] if np.isfinite(low[j]) else high[j]
        farthest = deviation[j] * amplify[j] * ndtri(1 - margin)
        mean[j] = near + np.sign(mean[j] - near) * min(abs(mean[j] - near), farthest)
    inside = np.isfinite(low) & np.isfinite(high)
    if inside.any():
        mean[inside], amplify[inside] = _both_sides(
            mean[inside], deviation[inside], amplify[inside], low[inside], high[inside], margin
        )
    return replace(state, mean=mean, amplify=amplify)


def _both_sides(
    mean: Floats, deviation: Floats, amplify: Floats, low: Floats, high: Floats, margin: float
) -> tuple[Floats, Floats]:
    spread = deviation * amplify
    below, above = ndtr((low - mean) / spread), ndtr((mean - high) / spread)
    stay = 1 - below - above
    half = margin / 2
    # Probabilities below the margin are lifted to it; the others give what is needed in proportion.
    lifted_below, lifted_above = np.maximum(below, half), np.maximum(above, half)
    excess = (1 - lifted_below - lifted_above - stay) / np.maximum(lifted_below + lifted_above + stay - 3 * half, TINY)
    lifted_below = np.clip(lifted_below + excess * (lifted_below - half), half, 0.5 - TINY)
    lifted_above = np.clip(lifted_above + excess * (lifted_above - half), half, 0.5 - TINY)
    changed = (lifted_below != below) | (lifted_above != above)
    to_low, to_high = -ndtri(lifted_below), -ndtri(lifted_above)  # the thresholds' distances in standard deviations
    total = to_low + to_high
    new_mean = (low * to_high + high * to_low) / total
    new_amplify = (high - low) / (total * deviation)
    usable = changed & (below < 0.5) & (above < 0.5)
    return np.where(usable, new_mean, mean), np.where(usable, new_amplify, amplify)


def within_cells(state: Gaussian, low: Floats, high: Floats, quantile: Floats) -> Floats:
    """Return points ``(n, d)`` of the distribution's marginals, without amplification, given intervals.

    All coordinates of an interval stand for the same evaluated value. The update needs one coordinate: a quantile of
    the normal distribution truncated to the interval.

    Args:
        state: The distribution that the points came from.
        low, high: ``(n, d)`` intervals, with amplification.
        quantile: ``(n, d)`` in (0, 1): 1/2 for the median, uniform numbers for a draw.
    """
    spread = state.deviations * state.amplify
    a, b = (low - state.mean) / spread, (high - state.mean) / spread
    # Work in the left tail, where probabilities do not lose precision.
    right = a > 0
    left_a, left_b = np.where(right, -b, a), np.where(right, -a, b)
    p, q = ndtr(left_a), ndtr(left_b)
    z = ndtri(p + np.where(right, 1 - quantile, quantile) * (q - p))
    z = np.clip(np.where(np.isfinite(z), z, left_b), left_a, left_b)
    z = np.clip(np.where(right, -z, z), -1e3, 1e3)
    return np.asarray(state.mean + state.deviations * z)


# ----------------------------------------------------------------------------------------------- choices


@dataclass(frozen=True)
class Choices:
    """Independent categorical distributions, learnt by natural gradient with an adaptive step ([C] section 3).

    Attributes:
        q: Probabilities of each choice's values.
        drift, expected: Accumulated normalised gradient and the square length that it would have by chance.
        patience: Inverse of the step length; grows while the gradient has no direction.
    """

    q: tuple[Floats, ...]
    drift: Floats
    expected: float = 0.0
    patience: float = 1.0

    def sample(self, uniform: Floats) -> Integers:
        """Return the indices ``(c,)`` of one value for each choice, for uniform numbers ``(c,)``."""
        indices = [
            min(int(np.searchsorted(np.cumsum(q), u, side="right")), len(q) - 1)
            for q, u in zip(self.q, uniform.tolist(), strict=True)
        ]
        return np.array(indices, np.int64)


def start_choices(counts: tuple[int, ...]) -> Choices:
    """Return uniform distributions over the given numbers of values."""
    return Choices(tuple(np.full(count, 1.0 / count) for count in counts), np.zeros(sum(counts) - len(counts)))


def update_choices(state: Choices, chosen: Integers, weights: Floats) -> Choices:
    """Return the next distributions.

    Args:
        state: The distributions.
        chosen: ``(k, c)`` indices of the values, best point first; -1 where a point did not have the choice.
        weights: ``(k,)`` positive, summing to one.
    """
    gradients = [_gradient(q, column, weights) for q, column in zip(state.q, chosen.T, strict=True)]
    whitened = np.concatenate([_whitened(q, g) for q, g in zip(state.q, gradients, strict=True)])
    length = float(np.linalg.norm(whitened)) + 1e-30
    step = 1.0 / state.patience
    floors = [(1 - 0.73 ** (1 / len(state.q))) / (len(q) - 1) for q in state.q]  # [C] eq. 20
    q = tuple(_floored(q + step / length * g, floor) for q, g, floor in zip(state.q, gradients, floors, strict=True))
    beta = step / math.sqrt(len(state.drift))
    drift = (1 - beta) * state.drift + math.sqrt(beta * (2 - beta)) * whitened / length
    expected = (1 - beta) ** 2 * state.expected + beta * (2 - beta)
    # alpha = 1.5; never longer steps than the first, which is as far as probabilities can go.
    patience = max(state.patience * math.exp(beta * (expected - float(drift @ drift) / 1.5)), 1.0)
    return Choices(q, drift, expected, patience)


def _gradient(q: Floats, column: Integers, weights: Floats) -> Floats:
    present = column >= 0
    share = np.bincount(column[present], weights[present], minlength=len(q))
    return np.asarray(share - q * weights[present].sum())


def _whitened(q: Floats, gradient: Floats) -> Floats:
    """Multiply by the square root of the Fisher information (Akimoto et al. 2019, appendix B)."""
    first, last = q[:-1], q[-1]
    part = gradient[:-1]
    return np.asarray(part / np.sqrt(first) + np.sqrt(first) * part.sum() / (last + math.sqrt(last)))


def _floored(q: Floats, floor: float) -> Floats:
    q = np.maximum(q, floor)
    q = q - (q.sum() - 1) * (q - floor) / max(q.sum() - floor * len(q), 1e-30)
    return np.asarray(q / q.sum())


# -------------------------------------------------------------------------------------------- warm start


def promising(points: Floats, values: Floats, share: float = 0.1, width: float = 0.1) -> tuple[Floats, float, Floats]:
    """Return mean, sigma and C of the region where the best points of an earlier task lie ([W] eqs. 9 and 10).

    Args:
        points: ``(k, d)`` in the unit cube.
        values: ``(k,)`` to be minimised.
        share: Share of the points that counts as best (gamma).
        width: Standard deviation of the kernel about each (alpha).
    """
    best = points[np.argsort(values, kind="stable")[: max(1, math.floor(len(points) * share))]]
    mean = best.mean(axis=0)
    full = (best - mean).T @ (best - mean) / len(best) + width**2 * np.eye(points.shape[1])
    sigma = math.exp(np.linalg.slogdet(full)[1] / (2 * points.shape[1]))
    return mean, sigma, full / sigma**2
