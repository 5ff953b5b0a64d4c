"""Parzen estimators on the unit cube: mixtures of product kernels over numbers and choices.

Notation

======  =====================================================================================
k       number of kernels, one per observation
c       number of points at which a density is evaluated, or that are drawn
p       number of numeric coordinates, each in [0, 1]
q       number of categorical coordinates, each one of ``choices[j]`` codes 0, 1, …
mu      centres ``(k, p)``; NaN where an observation does not have the coordinate
sigma   widths ``(k, p)``
======  =====================================================================================

A numeric kernel is the normal distribution truncated to [0, 1]; a categorical one gives its own choice the mass
``own`` and shares the rest among the others (Aitchison & Aitken 1976). A coordinate that an observation lacks has
the uniform distribution.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

LOG_SQRT_2PI = 0.5 * float(np.log(2.0 * np.pi))

FULL_WIDTH = 1e6
"""Width with which a truncated normal density is uniform to double precision."""

SPREAD_OF_UNIFORM = 12.0**-0.5
"""Standard deviation of the uniform distribution on [0, 1]."""

MIN_PRIOR = 1e-9
"""Share of the uniform density that keeps densities positive."""

BINS = 100
"""Bins of a marginal estimate of many kernels: as wide as the narrowest useful kernel, of which a row of such bins
is still smooth (its ripple is exp(-2 pi^2))."""


@dataclass(frozen=True)
class Points:
    """Points of the cube.

    Attributes:
        numbers: ``(n, p)`` in [0, 1]; NaN where missing.
        codes: ``(n, q)``; -1 where missing.
    """

    numbers: Floats
    codes: Integers

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, rows: Integers | npt.NDArray[np.bool_]) -> Points:
        """Return some of the points."""
        return Points(self.numbers[rows], self.codes[rows])

    def present(self) -> npt.NDArray[np.bool_]:
        """Return ``(n,)``: the points that have any coordinate."""
        return np.asarray(~np.isnan(self.numbers).all(axis=1) | (self.codes >= 0).any(axis=1))

    def and_nowhere(self) -> Points:
        """Return the points and one more whose coordinates are all missing: the centre of the prior."""
        numbers = np.concatenate([self.numbers, np.full((1, self.numbers.shape[1]), np.nan)])
        return Points(numbers, np.concatenate([self.codes, np.full((1, self.codes.shape[1]), -1, np.int64)]))


def scott_widths(numbers: Floats, dimension: int, factor: float, least: float | Floats) -> Floats:
    """Return kernel widths ``(n, p)`` by Scott's rule, ``factor * spread * n^(-1 / (dimension + 4))``.

    The spread of each coordinate is that of the points and of one prior observation with the variance of the
    uniform distribution, so that it does not vanish for few or equal points.

    Args:
        numbers: ``(n, p)``; NaN where missing.
        least: Lower limit, broadcast to ``(n, p)``.
    """
    n, squares = _squares(numbers)
    spread = np.sqrt((squares + SPREAD_OF_UNIFORM**2) / (n + 1))
    widths = factor * spread * np.maximum(n, 1) ** (-1.0 / (dimension + 4))
    return np.asarray(np.broadcast_to(np.maximum(widths, least), numbers.shape))


def _squares(numbers: Floats) -> tuple[Floats | int, Floats]:
    """Return how many numbers each coordinate has, and the sum of their squared distances from their mean."""
    sums = numbers.sum(axis=0)
    if not np.isnan(sums).any() and len(numbers):
        return len(numbers), ((numbers - sums / len(numbers)) ** 2).sum(axis=0)
    there = ~np.isnan(numbers)
    n = there.sum(axis=0)
    filled = np.where(there, numbers, 0.0)
    mean = filled.sum(axis=0) / np.maximum(n, 1)
    return n, ((filled - mean) ** 2).sum(axis=0, where=there)


def own_mass(choices: Integers, kernels: int) -> Floats:
    """Return ``(q,)``: the mass that a categorical kernel gives to its own choice.

    One observation is spread evenly over the choices of all ``kernels``: Laplace's rule of succession, divided.
    """
    return np.asarray((1.0 + 1.0 / kernels) / (1.0 + choices / kernels))


class Mixture:
    """A weighted sum of product kernels and of the uniform density.

    Args:
        weights: ``(k,)`` not negative.
        centres: One kernel per point.
        widths: ``(k, p)``, positive.
        choices: ``(q,)`` numbers of choices.
        own: ``(q,)`` mass of a kernel's own choice.
        prior: Weight of the uniform density. All weights are normalised together.
    """

    def __init__(
        self, weights: Floats, centres: Points, widths: Floats, choices: Integers, own: Floats, prior: float = 0.0
    ) -> None:
        total = weights.sum() + prior
        self.weights = weights / total
        self.prior = float(prior / total)
        self.choices = choices
        self._codes = centres.codes
        self._own = own
        self._mu, self._sigma = centres.numbers, widths
        missing = np.isnan(centres.numbers)
        self._missing = missing if missing.any() else None
        if self._missing is not None:
            self._mu, self._sigma = np.where(missing, 0.5, self._mu), np.where(missing, FULL_WIDTH, widths)
        inverse = 1.0 / self._sigma
        self._start = ndtr(-self._mu * inverse)
        self._mass = ndtr((1.0 - self._mu) * inverse) - self._start

    def __len__(self) -> int:
        return len(self.weights)

    @cached_property
    def _linear(self) -> Floats:
        """Coefficients ``(p + p + p + Σ choices, k)``: the log kernels are linear in them.

        log N(x; mu, sigma) = x (mu / sigma^2) - x^2 / 2 (1 / sigma^2) - [mu^2 / 2 sigma^2 + log norm], and one
        row for each choice. The bracket is multiplied with 1 where the coordinate is given.
        """
        precision, log_norm = 1.0 / (self._sigma * self._sigma), np.log(self._mass * self._sigma) + LOG_SQRT_2PI
        if self._missing is not None:
            precision, log_norm = np.where(self._missing, 0.0, precision), np.where(self._missing, 0.0, log_norm)
        scaled = precision * self._mu
        rows = [scaled.T, -0.5 * precision.T, -(0.5 * scaled * self._mu + log_norm).T]
        return np.concatenate([*rows, self._rows_of_choices()] if len(self.choices) else rows)

    def _rows_of_choices(self) -> Floats:
        """Return ``(Σ choices, k)``: the log mass that each kernel gives to each choice."""
        counts = self.choices
        with np.errstate(divide="ignore"):
            own, other = np.log(self._own), np.log((1.0 - self._own) / np.maximum(counts - 1, 1))
        codes = np.repeat(self._codes.T, counts, axis=0)
        number = np.arange(len(codes)) - np.repeat(np.cumsum(counts) - counts, counts)
        rows = np.where(codes == number[:, None], np.repeat(own, counts)[:, None], np.repeat(other, counts)[:, None])
        if len(codes) and codes.min() < 0:
            rows = np.where(codes < 0, -np.log(np.repeat(counts, counts))[:, None], rows)
        return rows

    def _features(self, points: Points) -> Floats:
        """Return ``(c, p + p + p + Σ choices)``: what :attr:`_linear` is multiplied with; nothing where missing."""
        x, codes = points.numbers, points.codes
        given = ~np.isnan(x)
        filled = x if given.all() else np.where(given, x, 0.0)
        if not len(self.choices):
            return np.concatenate([filled, filled * filled, given], axis=1)
        hot = np.zeros((len(x), int(self.choices.sum())))
        place = codes + (np.cumsum(self.choices) - self.choices)
        if codes.size and codes.min() < 0:
            point, coordinate = np.nonzero(codes >= 0)
            hot[point, place[point, coordinate]] = 1.0
        else:
            np.put_along_axis(hot, place, 1.0, axis=1)
        return np.concatenate([filled, filled * filled, given, hot], axis=1)

    def log_kernels(self, points: Points) -> Floats:
        """Return ``(c, k)``: the log of weight times kernel at each point; missing coordinates are left out."""
        with np.errstate(divide="ignore"):
            return np.asarray(self._features(points) @ self._linear + np.log(self.weights))

    def log_prior(self, points: Points) -> Floats:
        """Return ``(c,)``: the log of weight times density of the uniform distribution."""
        with np.errstate(divide="ignore"):
            log_prior = np.full(len(points), np.log(self.prior))
        if len(self.choices):
            log_prior += np.where(points.codes < 0, 0.0, -np.log(self.choices)).sum(axis=1)
        return log_prior

    def log_density(self, points: Points) -> Floats:
        """Return the log density ``(c,)`` at each point (mass in the categorical coordinates)."""
        log_prior = self.log_prior(points)
        return np.logaddexp(_log_sum(self.log_kernels(points)), log_prior) if len(self) else log_prior

    def draw(self, count: int, rng: np.random.Generator, given: Points | None = None) -> Points:
        """Return ``count`` points.

        Args:
            given: One point whose coordinates that are not missing are kept; the others are drawn from the
                conditional density.
        """
        shares = np.append(self.weights, self.prior)
        if given is not None:
            logs = np.append(self.log_kernels(given)[0], self.log_prior(given))
            shares = np.exp(logs - _log_sum(logs[None])[0])
        edges = np.cumsum(shares)
        chosen = np.minimum(np.searchsorted(edges, rng.random(count) * edges[-1], side="right"), len(self))
        if not self.prior:
            chosen = np.minimum(chosen, len(self) - 1)
        points = Points(self._draw_numbers(chosen, rng), self._draw_codes(chosen, rng))
        return points if given is None else _overlay(points, given)

    def _draw_numbers(self, chosen: Integers, rng: np.random.Generator) -> Floats:
        """Draw from the chosen kernels by inversion, one random number per coordinate; ``k`` is the uniform density."""
        u = rng.random((len(chosen), self._mu.shape[1]))
        uniform = np.broadcast_to((chosen == len(self))[:, None], u.shape)
        kernel = np.minimum(chosen, len(self) - 1)
        if self._missing is not None:
            uniform = uniform | self._missing[kernel]
        z = ndtri(self._start[kernel] + u * self._mass[kernel])
        numbers = self._mu[kernel] + self._sigma[kernel] * z
        return np.where(uniform, u, np.clip(numbers, 0.0, 1.0))

    def _draw_codes(self, chosen: Integers, rng: np.random.Generator) -> Integers:
        u = rng.random((len(chosen), self._codes.shape[1]))
        if not len(self.choices):
            return np.empty(u.shape, np.int64)
        v = rng.random(u.shape)
        centre = np.where((chosen == len(self))[:, None], -1, self._codes[np.minimum(chosen, len(self) - 1)])
        # One of the other choices: codes from the kernel's own one on are shifted by one.
        other = np.floor(v * (self.choices - 1)).astype(np.int64)
        other += other >= centre
        anything = np.minimum((v * self.choices).astype(np.int64), self.choices - 1)
        kept = np.where(u < self._own, centre, np.minimum(other, self.choices - 1))
        return np.where(centre < 0, anything, kept)


def _overlay(points: Points, given: Points) -> Points:
    numbers = np.where(np.isnan(given.numbers), points.numbers, given.numbers)
    return Points(numbers, np.where(given.codes < 0, points.codes, given.codes))


class Marginals:
    """Univariate estimates of each coordinate; the arguments are those of :class:`Mixture`.

    A small share of the uniform density is always included, so that densities have a logarithm.
    """

    def __init__(
        self, weights: Floats, centres: Points, widths: Floats, choices: Integers, own: Floats, prior: float = 0.0
    ) -> None:
        self.choices = choices
        weights = np.append(weights, max(prior, MIN_PRIOR * float(weights.sum())))
        centres = centres.and_nowhere()
        widths = np.concatenate([widths, np.ones((1, widths.shape[1]))])
        missing = np.isnan(centres.numbers)
        self._mu = np.where(missing, 0.5, centres.numbers)
        self._sigma = np.where(missing, FULL_WIDTH, widths)
        self._weights = np.broadcast_to((weights / weights.sum())[:, None], self._mu.shape)
        if len(weights) > BINS:
            self._bin(missing)
        self._start = ndtr(-self._mu / self._sigma)
        self._mass = ndtr((1.0 - self._mu) / self._sigma) - self._start
        self._shares = [
            _shares(weights, centres.codes[:, j], float(own[j]), int(count)) for j, count in enumerate(choices)
        ]

    def _bin(self, missing: npt.NDArray[np.bool_]) -> None:
        """Replace the kernels by one in the middle of each bin, of their common width, and a uniform one."""
        p = self._mu.shape[1]
        place = np.minimum((self._mu * BINS).astype(np.int64), BINS - 1) + np.arange(p) * (BINS + 1)
        place[missing] = (np.broadcast_to(np.arange(p), missing.shape) * (BINS + 1) + BINS)[missing]
        there = np.where(missing, 0.0, self._weights)
        width = (there * self._sigma).sum(axis=0) / np.maximum(there.sum(axis=0), 1e-300)
        counts = np.bincount(place.ravel(), self._weights.ravel(), p * (BINS + 1))
        self._weights = counts.reshape(p, BINS + 1).T
        middles = np.append((np.arange(BINS) + 0.5) / BINS, 0.5)
        self._mu = np.broadcast_to(middles[:, None], self._weights.shape)
        self._sigma = np.concatenate([np.broadcast_to(np.maximum(width, 1e-9), (BINS, p)), np.full((1, p), FULL_WIDTH)])

    def densities(self, points: Points) -> tuple[Floats, Floats]:
        """Return the density in each numeric coordinate ``(c, p)`` and the mass of each code ``(c, q)``."""
        heights = self._weights / (self._mass * self._sigma * np.sqrt(2.0 * np.pi))
        # Single precision suffices for a sum of kernels, and is several times as fast; centring avoids cancellation.
        slope = np.asarray(np.sqrt(0.5) / self._sigma, np.float32)
        z = np.asarray(points.numbers, np.float32)[:, None, :] - np.asarray(self._mu, np.float32)
        z *= slope
        z *= z
        np.negative(z, out=z)
        np.exp(z, out=z)
        numbers = np.einsum("ckp,kp->cp", z, np.asarray(heights, np.float32)).astype(float)
        codes = np.empty(points.codes.shape)
        for j, shares in enumerate(self._shares):
            codes[:, j] = shares[points.codes[:, j]]
        return numbers, codes

    def draw(self, count: int, rng: np.random.Generator) -> Points:
        """Return ``count`` points, the coordinates independent."""
        p = self._mu.shape[1]
        edges = np.cumsum(self._weights, axis=0)
        u = rng.random((count, p))
        chosen = np.minimum((u[:, None, :] * edges[-1] >= edges).sum(axis=1), len(edges) - 1)
        column = np.arange(p)
        v = rng.random((count, p))
        z = ndtri(self._start[chosen, column] + v * self._mass[chosen, column])
        sigma = self._sigma[chosen, column]
        numbers = np.where(sigma >= FULL_WIDTH, v, np.clip(self._mu[chosen, column] + sigma * z, 0.0, 1.0))
        w = rng.random((count, len(self.choices)))
        codes = np.empty(w.shape, np.int64)
        for j, shares in enumerate(self._shares):
            codes[:, j] = np.minimum(np.searchsorted(np.cumsum(shares), w[:, j], side="right"), len(shares) - 1)
        return Points(numbers, codes)


def _shares(weights: Floats, codes: Integers, own: float, count: int) -> Floats:
    """Return the mass ``(count,)`` of each choice in a mixture of categorical kernels."""
    here = codes >= 0
    sums = np.bincount(codes[here], weights[here], count)
    from_others = (1.0 - own) * (sums.sum() - sums) / max(count - 1, 1)
    shares = own * sums + from_others + weights[~here].sum() / count
    return np.asarray(shares / shares.sum())


def _log_sum(logs: Floats) -> Floats:
    """Return log Σ exp over the last axis, without overflow."""
    top = logs.max(axis=-1)
    safe = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        return np.asarray(safe + np.log(np.exp(logs - safe[..., None]).sum(axis=-1)))
