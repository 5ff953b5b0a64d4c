"""What is believed of a few candidates' true values, before and after noisy runs of them.

A search's model is a mixture of Gaussian processes, each with its own noise. Each says of k candidates::

    t ~ N(mu, S),   y_i = t_i + e_i,   e_i ~ N(0, v)

======  =============================================================================================
k       number of candidates
g       number of processes, or of hypotheses: processes with one way of being wrong each
b       number of blocks, such as seeds, that fresh runs are made in
t       ``(k,)`` true values: means over all runs that could be made
y       ``(k,)`` values that the search observed
======  =============================================================================================

A model that is taken at its word is too sure, so each process is weighed beside ways in which it may be wrong:

* **scale** c: its errors are c times as large as it says, ``S -> c^2 S``. The mixture has heavy tails, as Student's
  distribution does.
* **detail** p: a share of what it takes for noise are true differences that it cannot resolve, so that the observed
  value tells more of t than it thinks: ``mu -> mu + p (y - mu)``, ``S -> (1 - p)^2 S + p (1 - p) v I``, and a run has
  the variance ``(1 - p) v`` (a nugget, Gramacy & Lee 2012, "Cases for the nugget in modeling computer experiments").
* **spread** q: fresh runs vary q times as much as the search's did, which all had the same seed; then t, the mean over
  seeds, differs from what the search could see by as much.
* **shift**: fresh runs have effects common to all candidates, of their block and of all blocks:
  ``r_ij = t_i + s + b_j + e_ij``. The true value is then ``t_i + s``.

Each is conjugate, and fresh runs tell how probable it is. All values are to be minimised.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

SCALES = ((1.0, 0.6), (2.0, 0.25), (4.0, 0.15))
"""Factors of the model's errors, with their probabilities: on simulated searches its intervals of 90 % held the true
value in three quarters of the cases, and with these in 94 %."""
DETAILS = ((0.0, 0.9), (0.1, 0.02), (0.3, 0.02), (0.6, 0.02), (0.9, 0.02), (0.999, 0.02))
"""Shares of the noise that are detail: improbable before, since otherwise luck counts as merit again."""
SPREADS = ((1.0, 0.7), (4.0, 0.1), (16.0, 0.08), (1e2, 0.06), (1e4, 0.04), (1e8, 0.02))
"""Factors of the variance of a run."""
FLAT = float("inf")
SHIFTS = ((0.0, 0.0, 0.5), (1.0, 1.0, 0.18), (10.0, 10.0, 0.08), (100.0, 100.0, 0.04))
"""Standard deviations of the effects of all blocks and of one, relative to that of a run, with their probabilities."""
FLAT_SHIFTS = ((FLAT, 0.0, 0.1), (FLAT, 10.0, 0.06), (FLAT, 300.0, 0.04))
"""The same where nothing is known of the level beforehand: other conditions than the search's."""
WIDE = 100.0
"""Standard deviation of such a level, in units of what it could be seen to differ by."""
NEGLIGIBLE = 1e-4
"""Hypotheses less probable than this, relative to the most probable one, are left out of draws."""
OUTCOMES = 400
"""Simulated outcomes of runs, by which candidates are chosen."""
MAX_GREEDY = 10
"""Candidates that are chosen by simulated outcomes; further ones by their means."""


@dataclass(frozen=True)
class Belief:
    """What a model says of k candidates.

    Attributes:
        weights: ``(g,)`` probabilities of the processes; they sum to 1.
        means: ``(g, k)``.
        covariances: ``(g, k, k)``.
        noise: ``(g,)`` variances of a run.
        observed: ``(k,)`` the values that the search observed.
    """

    weights: Floats
    means: Floats
    covariances: Floats
    noise: Floats
    observed: Floats

    def rows(self, chosen: Integers | Sequence[int]) -> Belief:
        """Return what is said of some of the candidates."""
        rows = np.asarray(chosen, dtype=np.int64)
        part = self.covariances[:, rows][:, :, rows]
        return Belief(self.weights, self.means[:, rows], part, self.noise, self.observed[rows])

    def draw(self, count: int) -> Floats:
        """Return ``(count, k)`` draws of the true values, with the model's errors possibly larger than it says."""
        parts = [(weight * share, c * c) for weight in self.weights for c, share in SCALES]
        index = np.repeat(np.arange(len(self.weights)), len(SCALES))
        weights, squares = np.array(parts).T
        return _draws(np.log(weights), self.means[index], squares[:, None, None] * self.covariances[index], count)

    @property
    def as_stored(self) -> Belief:
        """The same with as many digits as are stored."""
        return Belief.from_dict(self.as_dict())

    def as_dict(self) -> dict[str, Any]:
        """Return plain lists, of which :meth:`from_dict` makes the same, to nine digits."""
        k = self.means.shape[1]
        lower = np.tril_indices(k)
        return {
            "weights": _plain(self.weights),
            "means": [_plain(row) for row in self.means],
            "covariances": [_plain(one[lower]) for one in self.covariances],
            "noise": _plain(self.noise),
            "observed": _plain(self.observed),
        }

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Belief:
        """Return the belief that :meth:`as_dict` has told."""
        observed = np.array(told["observed"], dtype=float)
        covariances = np.zeros((len(told["weights"]), len(observed), len(observed)))
        rows, columns = np.tril_indices(len(observed))
        covariances[:, rows, columns] = covariances[:, columns, rows] = np.array(told["covariances"], dtype=float)
        weights, means, noise = (np.array(told[name], dtype=float) for name in ("weights", "means", "noise"))
        return cls(weights / weights.sum(), means, covariances, noise, observed)


def merged(weights: Floats, means: Floats, covariances: Floats, groups: Sequence[Any]) -> tuple[Floats, Floats, Floats]:
    """Return weights, means and covariances with the processes of each group replaced by one of the same moments."""
    kinds = {group: index for index, group in enumerate(dict.fromkeys(groups))}
    member = np.array([kinds[group] for group in groups])
    shares = np.array([weights[member == kind].sum() for kind in range(len(kinds))])
    inside = (member == np.arange(len(kinds))[:, None]) * weights / shares[:, None]
    centres = inside @ means
    apart = means - centres[member]
    spread = covariances + apart[:, :, None] * apart[:, None, :]
    return shares, centres, np.einsum("hg,gij->hij", inside, spread)


def promising(belief: Belief, count: int, runs: int, anyway: int | None = None) -> list[int]:
    """Return the candidates, of all that a belief is of, that are worth running again.

    They are chosen one after the other so that the lowest mean after ``runs`` runs of each is expected to be lowest,
    the best expected one first. A candidate of which the others tell all is not worth a run, nor one that can hardly
    become the best.

    Args:
        anyway: A candidate that takes the last place if it is not chosen.
    """
    mean, covariance, noise = _moments(belief)
    normal = np.random.default_rng(0).standard_normal((OUTCOMES, MAX_GREEDY))
    chosen: list[int] = []
    by_mean = [int(row) for row in np.argsort(mean, kind="stable")]
    while len(chosen) < min(count, MAX_GREEDY) and by_mean:
        losses = [_lowest(mean, covariance, noise / runs, [*chosen, row], normal) for row in by_mean]
        chosen.append(by_mean.pop(int(np.argmin(losses))))
    chosen += by_mean[: max(count - len(chosen), 0)]
    return chosen if anyway is None or anyway in chosen else [*chosen[: count - 1], anyway]


def _moments(belief: Belief) -> tuple[Floats, Floats, float]:
    """Return mean ``(k,)``, covariance ``(k, k)`` and noise variance of the mixture."""
    square = sum(share * c * c for c, share in SCALES)
    one = [0] * len(belief.weights)
    _, means, covariances = merged(belief.weights, belief.means, square * belief.covariances, one)
    return means[0], covariances[0], float(belief.weights @ belief.noise)


def _lowest(mean: Floats, covariance: Floats, noise: float, rows: list[int], normal: Floats) -> float:
    """Return the expected lowest posterior mean of some candidates after a run of variance ``noise`` of each.

    Posterior means are normal with the covariance ``S (S + noise I)^-1 S``.
    """
    S = covariance[np.ix_(rows, rows)]
    values, vectors = np.linalg.eigh(S)
    values = np.maximum(values, 0.0)
    root = vectors * (values / np.sqrt(values + noise + 1e-300))
    return float(np.mean(np.min(mean[rows] + normal[:, : len(rows)] @ root.T, axis=1)))


# --- after fresh runs ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Hypotheses:
    """Processes with one way of being wrong each: logarithms of weights, means, covariances and noise variances."""

    log_weights: Floats
    means: Floats
    covariances: Floats
    noise: Floats


def informed_draws(values: Floats, belief: Belief, count: int) -> Floats:
    """Return ``(count, k)`` draws of the true values, given the belief and fresh runs.

    Args:
        values: ``(k, b)`` fresh runs, NaN where there is none.
    """
    known = _hypotheses(belief)
    parts = [_given(values, known, *shift) for shift in (*SHIFTS, *FLAT_SHIFTS)]
    log_weights, means, covariances = (np.concatenate(list(part)) for part in zip(*parts, strict=True))
    return _draws(log_weights, means, covariances, count)


def _hypotheses(belief: Belief) -> _Hypotheses:
    ways = [(c, p, 1.0, a * b * SPREADS[0][1]) for c, a in SCALES for p, b in DETAILS]
    ways += [(1.0, 0.0, q, a) for q, a in SPREADS[1:]]
    S, v, eye = belief.covariances, belief.noise[:, None, None], np.eye(belief.means.shape[1])
    parts = [
        _Hypotheses(
            np.log(belief.weights * weight),
            belief.means + p * (belief.observed - belief.means),
            ((1.0 - p) * c) ** 2 * S + (p * (1.0 - p) + (q - 1.0)) * v * eye,
            belief.noise * (1.0 - p) * q,
        )
        for c, p, q, weight in ways
    ]
    return _Hypotheses(
        np.concatenate([part.log_weights for part in parts]),
        np.concatenate([part.means for part in parts]),
        np.concatenate([part.covariances for part in parts]),
        np.concatenate([part.noise for part in parts]),
    )


def _given(
    values: Floats, known: _Hypotheses, common: float, block: float, weight: float
) -> tuple[Floats, Floats, Floats]:
    """Return logarithms of weights, means and covariances of the hypotheses given fresh runs.

    With the blocks' effects integrated out, runs of precision 1 have the precision matrix P about the candidates::

        P = diag(n_i) - sum_j h_j m_j m_j',   h_j = block^2 / (1 + block^2 n_j)

    where ``m_j`` says which candidates block j has, and ``n`` counts runs. The covariance is ``(S^-1 + P / v)^-1``.
    """
    there = np.isfinite(values)
    runs = np.where(there, values, 0.0)
    prior, level = _level(values, known, common)
    S = known.covariances + level[:, None, None]
    present = there.astype(float)  # (k, b)
    h = block**2 / (1.0 + block**2 * present.sum(axis=0))
    P = np.diag(present.sum(axis=1)) - (present * h) @ present.T
    v = known.noise
    rest = np.where(there, runs - prior[:, :, None], 0.0)  # (g, k, b)
    by_block = rest.sum(axis=1)
    q = (rest.sum(axis=2) - (by_block * h) @ present.T) / v[:, None]
    A = np.eye(len(values)) + P @ S / v[:, None, None]  # S^-1 + P / v, times S
    covariances = np.linalg.solve(np.swapaxes(A, 1, 2), S)
    covariances = (covariances + np.swapaxes(covariances, 1, 2)) / 2.0
    moved = np.einsum("gij,gj->gi", covariances, q)
    squares = (np.sum(rest**2, axis=(1, 2)) - by_block**2 @ h) / v
    log_density = -0.5 * (present.sum() * np.log(v) + np.linalg.slogdet(A)[1])
    log_density += 0.5 * np.sum(np.log1p(-h * present.sum(axis=0)))
    log_density += 0.5 * (np.einsum("gi,gi->g", q, moved) - squares)
    return known.log_weights + np.log(weight) + log_density, prior + moved, covariances


def _level(values: Floats, known: _Hypotheses, common: float) -> tuple[Floats, Floats]:
    """Return the means ``(g, k)`` at the effect of all blocks that is expected, and its variance ``(g,)``.

    A level of which nothing was known is expected about where the runs have it, which loses no digits.
    """
    gap = values[None] - known.means[:, :, None]
    if np.isfinite(common) or not np.any(np.isfinite(gap)):
        return known.means, (0.0 if np.isinf(common) else common**2) * known.noise
    middle, widest = np.nanmean(gap), np.nanmax(np.abs(gap))
    return known.means + middle, np.full(len(known.noise), (WIDE * float(widest)) ** 2)


def _draws(log_weights: Floats, means: Floats, covariances: Floats, count: int) -> Floats:
    """Return ``(count, k)`` draws, the same ones for the same arguments."""
    rng = np.random.default_rng(0)
    weights = np.exp(log_weights - np.max(log_weights))
    kept = np.flatnonzero(weights > NEGLIGIBLE)
    counts = rng.multinomial(count, weights[kept] / weights[kept].sum())
    drawn = kept[counts > 0]
    values, vectors = np.linalg.eigh(covariances[drawn])
    roots = vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :]
    normal = rng.standard_normal((count, means.shape[1]))
    ends = np.cumsum(counts[counts > 0])
    parts = zip(means[drawn], roots, np.split(normal, ends[:-1]), strict=True)
    return np.concatenate([mean + part @ root.T for mean, root, part in parts])


def _plain(row: Floats) -> list[float]:
    return [float(f"{value:.9g}") for value in row]
