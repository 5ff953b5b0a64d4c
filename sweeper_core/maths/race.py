"""A race of a few candidates whose noisy values are measured under the same conditions (blocks, such as seeds).

Model, for candidate i in block j::

    y_ij = m + d_i + b_j + e_ij,   d_i ~ N(0, (rho_d s)^2),   b_j ~ N(0, (rho_b s)^2),   e_ij ~ N(0, s^2)

====  =============================================================================================
m     the common level, flat prior: it is learnt from these measurements alone
d_i   what sets candidate i apart from the others
b_j   what block j adds to all candidates (pairing: a difference within a block has no b_j)
s     noise of one measurement, shared; prior 1/s
====  =============================================================================================

The prior of ``rho_d`` and ``rho_b`` is half-Cauchy (Gelman 2006, "Prior distributions for variance parameters in
hierarchical models"), summed over a grid. Given these ratios everything else is conjugate: (m, d, b) has a Student
distribution by Henderson's mixed-model equations (Henderson 1975, "Best linear unbiased estimation and prediction under
a selection model"). The estimates of several candidates are drawn together, by as much as the data support, so that
choosing the best one among them does not make its estimate too good (Dawid 1994, "Selection paradoxes of Bayesian
inference"; Gelman, Hill, Yajima 2012, "Why we (usually) don't have to worry about multiple comparisons").

Where a model has said something of the candidates before, that is the prior instead: :mod:`sweeper_core.maths.belief`.

The race drops a candidate when it is improbable to be better than the leader, as racing algorithms do with a test
(Maron, Moore 1994, "Hoeffding races"; Birattari et al. 2002, "A racing algorithm for configuring metaheuristics", with
blocks). A dropped candidate stays in the model, and comes back should the leader do badly later.

All values are to be minimised.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sweeper_core.maths.belief import Belief, informed_draws

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

LEVEL = 0.9
"""Probability of the intervals."""
DROP = 0.05
"""A candidate less probable than this to be better than the leader is dropped, and told apart from the winner."""
MIN_BLOCKS = 2
"""Measurements of each candidate before any is dropped: with one, noise and differences cannot be told apart. With a
belief, which knows the noise, one is enough."""
DRAWS = 4000
RATIOS = np.array([0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 10.0, 30.0, 100.0, 300.0, 1e3, 1e4, 1e5])
"""Grid of rho_d and rho_b; the largest ones are for objectives without noise."""
LEAST = 1e-4
"""Points of the grid with less weight than this, relative to the one with most, are left out."""
NEGLIGIBLE = 1e-10
"""Residual standard deviation, relative to the largest value, below which there is no noise but rounding."""


@dataclass(frozen=True)
class Standing:
    """What is known of the candidates' true means.

    Attributes:
        means: ``(k,)`` posterior means.
        low, high: ``(k,)`` bounds of the central intervals of probability ``LEVEL``.
        best: ``(k,)`` the probability that the candidate is the best one.
        beats_leader: ``(k,)`` the probability that it is better than the leader; 1/2 for the leader itself.
        leader: Index of the candidate with the lowest posterior mean.
    """

    means: Floats
    low: Floats
    high: Floats
    best: Floats
    beats_leader: Floats
    leader: int

    @property
    def open(self) -> Flags:
        """``(k,)``: which candidates cannot be told apart from the leader (it is one of them)."""
        flags: Flags = self.beats_leader >= DROP
        return flags


@dataclass(frozen=True)
class _Mixture:
    """The posterior of the candidates' means: Student distributions, one for each of g points of the grid.

    Attributes:
        log_weights: ``(g,)`` logarithms of their probabilities, up to a common summand.
        means: ``(g, k)``.
        roots: ``(g, k, k)`` Cholesky factors of the scale matrices.
        freedom: Degrees of freedom.
    """

    log_weights: Floats
    means: Floats
    roots: Floats
    freedom: int

    def draw(self, count: int, rng: np.random.Generator) -> Floats:
        """Return ``(count, k)`` draws."""
        weights = np.exp(self.log_weights - np.max(self.log_weights))
        chosen = rng.choice(len(weights), size=count, p=weights / np.sum(weights))
        normal = rng.standard_normal((count, self.means.shape[1]))
        spread = np.sqrt(self.freedom / rng.chisquare(self.freedom, size=(count, 1)))
        return np.asarray(self.means[chosen] + np.einsum("nij,nj->ni", self.roots[chosen], normal) * spread)


def standing(values: Floats, belief: Belief | None = None) -> Standing | None:
    """Return what is known of the candidates.

    Args:
        values: ``(k, b)`` measurements of k candidates in b blocks, NaN where there is none.
        belief: What was known of them before; None for nothing.

    Returns:
        None while there are less than two measurements of candidates that differ or repeat, of which nothing follows.
    """
    if np.sum(np.isfinite(values)) < MIN_BLOCKS:
        return None
    return compared(_draws(values) if belief is None else informed_draws(values, belief, DRAWS))


def compared(draws: Floats) -> Standing:
    """Return what ``(n, k)`` joint draws of k candidates' true means say."""
    means = np.mean(draws, axis=0)
    leader = int(np.argmin(means))
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    first = draws == np.min(draws, axis=1, keepdims=True)
    best = np.mean(first / np.sum(first, axis=1, keepdims=True), axis=0)
    wins = np.mean(draws < draws[:, [leader]], axis=0) + 0.5 * np.mean(draws == draws[:, [leader]], axis=0)
    return Standing(means, low, high, best, np.asarray(wins), leader)


def _draws(values: Floats) -> Floats:
    """Return ``(DRAWS, k)`` draws of the candidates' true means, the same ones for the same values."""
    centre, scale = float(np.nanmean(values)), float(np.nanstd(values))
    scale = scale if scale > NEGLIGIBLE * max(abs(centre), 1e-300) else max(abs(centre) * NEGLIGIBLE, 1e-300)
    return centre + scale * _mixture((values - centre) / scale).draw(DRAWS, np.random.default_rng(0))


def _mixture(values: Floats) -> _Mixture:
    """Return the posterior given the measurements ``(k, b)``, scaled to standard deviation 1."""
    rows, blocks = np.nonzero(np.isfinite(values))
    k, b = values.shape
    y = values[rows, blocks]
    # Columns: m, then d_0 … d_{k-1}, then b_0 … b_{b-1}.
    X = np.zeros((len(y), 1 + k + b))
    X[:, 0] = X[np.arange(len(y)), 1 + rows] = X[np.arange(len(y)), 1 + k + blocks] = 1.0
    precision = np.zeros((len(RATIOS) ** 2, 1 + k + b))
    precision[:, 1 : 1 + k] = np.repeat(RATIOS**-2, len(RATIOS))[:, None]
    precision[:, 1 + k :] = np.tile(RATIOS**-2, len(RATIOS))[:, None]
    moment, freedom = X.T @ y, len(y) - 1
    A = X.T @ X + precision[:, :, None] * np.eye(1 + k + b)  # (g, p, p)
    found = np.linalg.solve(A, np.broadcast_to(moment[:, None], (len(A), 1 + k + b, 1)))[:, :, 0]
    residuals = np.maximum(y @ y - found @ moment, NEGLIGIBLE**2)
    # log p(y | rho_d, rho_b) = -1/2 log |A| + 1/2 log |precision| - freedom / 2 log(residual)
    prior = _log_prior()
    log_weights = (
        -0.5 * np.linalg.slogdet(A)[1]
        + 0.5 * np.sum(np.log(precision[:, 1:]), axis=1)
        - 0.5 * freedom * np.log(residuals)
        + np.add.outer(prior, prior).ravel()
    )
    kept = log_weights > np.max(log_weights) + np.log(LEAST)
    # The means are rows of a matrix times (m, d, b).
    M = np.hstack([np.ones((k, 1)), np.eye(k), np.zeros((k, b))])
    scales = M @ np.linalg.solve(A[kept], np.broadcast_to(M.T, (int(kept.sum()), 1 + k + b, k)))
    scales *= (residuals[kept] / freedom)[:, None, None]
    tiny = 1e-12 * np.trace(scales, axis1=1, axis2=2)[:, None, None] + 1e-300
    roots = np.linalg.cholesky((scales + np.swapaxes(scales, 1, 2)) / 2 + tiny * np.eye(k))
    return _Mixture(log_weights[kept], found[kept] @ M.T, roots, freedom)


def _log_prior() -> Floats:
    """Return ``(r,)`` the logarithm of the half-Cauchy probability of each cell of ``RATIOS``."""
    inner = np.sqrt(RATIOS[1:] * RATIOS[:-1])
    below = np.concatenate([[0.0], 2.0 / np.pi * np.arctan(inner), [1.0]])
    return np.asarray(np.log(np.diff(below)))


def next_cell(values: Floats, pending: Flags, out: Flags, belief: Belief | None = None) -> tuple[int, int] | None:
    """Return the candidate and the block to measure next; None when all that is worth measuring is, or is pending.

    Every candidate is measured in the first blocks; then those that may still be the best one are, in the order of the
    blocks, so that they are compared under the same conditions. The leader is measured in all blocks.

    Args:
        values: ``(k, b)`` as in :func:`standing`.
        pending: ``(k, b)`` what is being measured now.
        out: ``(k,)`` candidates that are left out, such as those that failed.
        belief: As in :func:`standing`.
    """
    known, first = standing(values, belief), MIN_BLOCKS if belief is None else 1
    missing = np.isnan(values) & ~pending & ~out[:, None]
    early = missing[:, :first]
    if not np.any(early) and known is not None:
        missing &= (known.open | (np.sum(np.isfinite(values), axis=1) < first))[:, None]
    found = np.argwhere(missing)
    if not len(found):
        return None
    chances = np.zeros(len(values)) if known is None else known.beats_leader
    i, j = min(map(tuple, found), key=lambda cell: (cell[1], -chances[cell[0]], cell[0]))
    return int(i), int(j)
