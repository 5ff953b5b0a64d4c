"""Bounds of the simple regret under a Gaussian process, for terminators.

Notation

======  =======================================================================================
n, d    number of trials, of parameters
mu, s   posterior mean and standard deviation at a point
beta    factor of the confidence bounds ``mu -+ sqrt(beta) s``
x, x'   the best point before and after the last trial
======  =======================================================================================

Sources: Makarova et al., Automatic termination for hyperparameter optimization (AutoML 2022); Ishibashi et al., A
stopping criterion for Bayesian optimization by the gap of expected minimum simple regrets (AISTATS 2023), theorem 1.
Smaller values are better here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sweeper_core.maths.acquisition import log_ei
from sweeper_core.maths.gp import Posterior
from sweeper_core.maths.threads import one_blas_thread
from sweeper_core.samplers._gp.models import KNOWN_NOISE, Memo, Target, refitted
from sweeper_core.samplers._gp.observations import Observations, gather
from sweeper_core.samplers._gp.search import Acquisition, Search
from sweeper_core.samplers._gp.space import Encoding
from sweeper_core.search_space.space import SearchSpace
from sweeper_core.trial.history import History

Floats = npt.NDArray[np.float64]

DELTA = 0.1
"""Probability with which the bounds of the regret may fail (Makarova et al.)."""
SHRINK = 5.0
"""The theory's beta is far too wide; it is divided by this, as Srinivas et al. (2010) do."""


@dataclass(frozen=True)
class LowerBound(Acquisition):
    """Minus ``mu - factor * s``: its maximum is the lowest (for a negative factor: the lowest upper) bound."""

    posterior: Posterior
    factor: float

    def score(self, Z: Floats) -> Floats:
        mean, variance = self.posterior.predict(Z)
        return np.asarray(self.factor * np.sqrt(variance) - mean)

    def score_with_gradient(self, Z: Floats) -> tuple[Floats, Floats]:
        mean, variance, d_mean, d_variance = self.posterior.predict_with_gradient(Z)
        deviation = np.sqrt(variance)
        score = self.factor * deviation - mean
        return score, self.factor * d_variance / (2.0 * deviation[:, None]) - d_mean


def beta_of(n: int, d: int, delta: float = DELTA) -> float:
    """Return the factor of the confidence bounds after n trials in d parameters."""
    return 2.0 * math.log(d * n**2 * math.pi**2 / (6.0 * delta)) / SHRINK


@one_blas_thread()
def regret_bound(history: History, space: SearchSpace, rng: np.random.Generator) -> float:
    """Return an upper bound of the best trial's regret, in units of the objective.

    The lowest upper confidence bound of the trials minus the lowest lower one of the space.
    """
    encoding = Encoding(space)
    observations, _ = gather(history, encoding)
    target = _target(observations, encoding, deterministic=False)
    model = refitted(target, Memo())
    factor = math.sqrt(beta_of(len(target.y), len(space)))
    lowest = _lowest(encoding, model.posterior, factor, observations, rng)
    upper = float(np.min(-LowerBound(model.posterior, -factor).score(target.Z)))
    return max(upper - lowest, 0.0) * model.warp.line[1]


@one_blas_thread()
def regret_gap(
    history: History, space: SearchSpace, rng: np.random.Generator, delta: float, deterministic: bool
) -> float:
    """Return an upper bound of the fall of the expected minimum regret with the last trial, in standardised units."""
    encoding = Encoding(space)
    observations, _ = gather(history, encoding)
    target = _target(observations, encoding, deterministic)
    model = refitted(target, Memo())
    now = model.posterior
    n = len(target.y)
    before = Posterior(now.data.rows(slice(0, n - 1)), now.hyper)
    old, new = (target.Z[int(np.argmin(part.mean(part.data.Z)))] for part in (before, now))
    last, noise = target.Z[-1:], now.hyper.noise
    mean_before, (spread, *_) = before.mean(old[None])[0], before.predict(last)[1]
    mean, covariance = now.joint(np.stack([new, old]))
    between = max(covariance[0, 0] + covariance[1, 1] - 2.0 * covariance[0, 1], 1e-10)
    gain = float(np.exp(log_ei(mean[:1], np.array([between]), float(mean[1]))[0]))
    surprise = float(now.data.y[-1] - before.mean(last)[0]) ** 2
    divergence = 0.5 * math.log1p(spread / noise) + 0.5 * spread / (spread + noise) * (
        surprise / (spread + noise) - 1.0
    )
    factor = math.sqrt(beta_of(n, len(space), delta))
    upper = float(np.min(-LowerBound(before, -factor).score(before.data.Z)))
    kappa = upper - _lowest(encoding, before, factor, observations, rng)
    moved = abs(mean_before - mean[0])
    return float(moved + gain + kappa * math.sqrt(0.5 * max(divergence, 0.0)))


def _target(observations: Observations, encoding: Encoding, deterministic: bool) -> Target:
    Z = encoding.embed(observations.unit, observations.active)
    ones, zeros = observations.noise_factor, observations.noise_std
    noise = KNOWN_NOISE if deterministic else None
    return Target(Z, encoding.columns, observations.values[:, 0], ones, zeros, warped=False, noise=noise)


def _lowest(
    encoding: Encoding, posterior: Posterior, factor: float, observations: Observations, rng: np.random.Generator
) -> float:
    """Return the lowest lower confidence bound of the space."""
    bound = LowerBound(posterior, factor)
    parents = observations.unit[np.argsort(observations.values[:, 0], kind="stable")[:10]]
    found = Search(encoding, bound, (), set(), rng).best(parents)
    seen = float(np.min(-bound.score(posterior.data.Z)))
    return seen if found is None else min(seen, -float(bound.score(encoding.embed(found[None]))[0]))
