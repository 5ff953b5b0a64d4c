"""The best expected trial of a search: which of its trials a model takes for the best, and how sure it is.

The best observed value is the luckiest of many noisy ones. A Gaussian process of all values sets luck apart from
merit: it knows what the neighbours of a trial have reached. Its noise is learnt with it, from repeats where there are
any. Noise and lengthscales are integrated over a few values, because the most probable ones alone are too certain.

The estimates hold for the noiseless mean of the objective at the trials' own points, given that the model is right:
that values near each other in the search space are alike, and that the noise is the same everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sweeper_core.maths.belief import Belief, merged
from sweeper_core.maths.gp import Data, Fit, Hyper, Posterior, Prior, default_prior, fit, objective
from sweeper_core.maths.race import compared
from sweeper_core.maths.threads import one_blas_thread
from sweeper_core.maths.transforms import Warp, warps
from sweeper_core.samplers._gp.models import STEEP
from sweeper_core.samplers._gp.observations import Observations, gather
from sweeper_core.samplers._gp.space import Encoding
from sweeper_core.search_space.space import SearchSpace
from sweeper_core.trial.best import MIN_FOR_A_MODEL
from sweeper_core.trial.history import History
from sweeper_core.trial.state import TrialState

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

MAX_TRIALS = 200
"""With more trials the model is of these: half of them the nearest ones to the best expected trial. A fit takes a
second or two."""
MAX_CANDIDATES = 100
"""Trials that are compared: the best ones by their expected values."""
LEVELS = (1e-6, 1e-3, 0.02, 0.1, 0.3, 0.7)
"""Noise variances, relative to the variance of the values, that are weighed by their probability; the first one stands
for none."""
REACHES = (0.3, 0.55, 1.0, 1.8)
"""The same of the lengthscales, relative to the most probable ones: points may be less or more alike than those say."""
NOISE = (-1.5, 2.0)
"""Mean and standard deviation of the logarithm of the noise variance before. Samplers expect hardly any noise, so as to
learn something early; here that would take luck for merit."""
LEAST = 1e-3
"""Processes less probable than this are left out."""
DRAWS = 4000


@dataclass(frozen=True)
class Expectation:
    """What the model expects of a study's trials.

    Attributes:
        numbers: ``(k,)`` the compared trials, the best expected one first.
        means: ``(k,)`` their expected values, in the objective's own sense.
        intervals: ``(k, 2)`` central intervals of probability 0.9.
        best: ``(k,)`` the probability that the trial is the best of them.
        open: ``(k,)`` whether it cannot be told from the best expected one.
        noise_std: Standard deviation of a run; 0 where the values show no noise.
        n_trials: Number of trials that the model is of.
        n_known: Number of trials that it could have been of.
        belief: The same of the compared trials together, to be minimised.
    """

    numbers: Integers
    means: Floats
    intervals: Floats
    best: Floats
    open: npt.NDArray[np.bool_]
    noise_std: float
    n_trials: int
    n_known: int
    belief: Belief

    @property
    def number(self) -> int:
        """The best expected trial."""
        return int(self.numbers[0])

    @property
    def undecided(self) -> list[int]:
        """The trials that cannot be told from it, the best first."""
        return [int(number) for number in self.numbers[1:][self.open[1:]]]


@one_blas_thread()
def expectation(history: History, space: SearchSpace) -> Expectation | str:
    """Return what the model expects, or why there is none.

    Args:
        history: Of the study (minimised).
        space: Trials with other parameters, or with values outside of it, are left out.
    """
    if history.n_objectives != 1:
        return "several objectives have no one best trial"
    if not len(space) or all(parameter.distribution.single() for parameter in space):
        return "there is no search space that its trials share"
    encoding = Encoding(space)
    observations, rows = gather(history, encoding)
    complete = history.states[rows] == TrialState.COMPLETE
    if np.sum(complete) < MIN_FOR_A_MODEL:
        return f"fewer than {MIN_FOR_A_MODEL} trials are complete within the search space"
    candidates = np.flatnonzero(complete & observations.feasible)
    if not len(candidates):
        return "no trial is complete and within its constraints"
    if float(np.ptp(observations.values[:, 0])) == 0.0:
        return "all trials have the same value"
    model = _Mixture(encoding, observations, candidates)
    sign = float(history.directions[0].sign)
    return model.expectation(rows, sign)


class _Mixture:
    """Processes with several lengthscales and levels of noise, and what they expect of the candidates.

    Args:
        candidates: Rows of the observations.
    """

    def __init__(self, encoding: Encoding, observations: Observations, candidates: Integers) -> None:
        self._Z = encoding.embed(observations.unit, observations.active)
        self._y = y = observations.values[:, 0]
        self._warp: Warp = warps(y)[0]
        self._whole = Data(
            self._Z,
            encoding.columns,
            self._warp(y),
            observations.noise_factor,
            observations.noise_std**2,
        )
        self._run_variance = observations.run_variance
        self._repeated = float(np.median(observations.noise_factor[candidates]))
        n = len(y)
        chosen = np.arange(n) if n <= MAX_TRIALS else np.unique(np.linspace(0, n - 1, MAX_TRIALS).astype(np.int64))
        found = _levels(self._whole.rows(chosen), self._noise_prior())
        order = self._ordered(found, candidates)
        if n > MAX_TRIALS:
            # Chosen by their places, not by their values: lucky ones alone would make a model of luck.
            gap = np.sum((self._Z - self._Z[order[0]]) ** 2, axis=1)
            near = np.argsort(gap, kind="stable")[: MAX_TRIALS // 2]
            chosen = np.unique(np.concatenate([near, chosen[::2]]))
            found = _levels(self._whole.rows(chosen), self._noise_prior())
            order = self._ordered(found, candidates)
        self._candidates = order[:MAX_CANDIDATES]
        self._levels = found
        self._n_trials = len(chosen)

    def _noise_prior(self) -> tuple[float, float]:
        if not np.isfinite(self._run_variance):
            return NOISE
        measured = self._run_variance / self._warp.line[1] ** 2
        return float(np.log(np.clip(measured, LEVELS[0], 1.0))), STEEP

    def _ordered(self, levels: Sequence[_Level], candidates: Integers) -> Integers:
        """Return the candidates, the best expected one first."""
        mean = sum(level.weight * level.posterior.mean(self._Z[candidates]) for level in levels)
        return candidates[np.argsort(mean, kind="stable")]

    def expectation(self, rows: Integers, sign: float) -> Expectation:
        """Return what is expected, by the numbers of the trials ``rows`` and in the objective's sense."""
        levels, belief = self._levels, self._belief()
        scale = self._warp.line[1]
        known = compared(belief.draw(DRAWS))
        means = belief.weights @ belief.means
        order = np.argsort(means, kind="stable")
        noise = sum(level.weight * level.posterior.hyper.noise for level in levels)
        silent = sum(level.weight for level in levels if level.posterior.hyper.noise < 2.0 * LEVELS[0])
        return Expectation(
            rows[self._candidates[order]],
            means[order] * sign,
            np.sort(np.column_stack([known.low, known.high])[order] * sign, axis=1),
            known.best[order],
            known.open[order],
            0.0 if silent > 0.5 else float(np.sqrt(noise)) * scale,
            self._n_trials,
            len(self._whole),
            belief.rows(order),
        )

    def _belief(self) -> Belief:
        """Return the joint belief about the candidates; lengthscales are merged for each level of noise."""
        shift, scale = self._warp.line
        Z, levels = self._Z[self._candidates], self._levels
        joint = [level.posterior.joint(Z) for level in levels]
        noise = [level.posterior.hyper.noise for level in levels]
        means, covariances = (np.array(part) for part in zip(*joint, strict=True))
        weights, means, covariances = merged(_shares(levels), means, covariances, noise)
        variances = scale**2 * self._repeated * np.array(list(dict.fromkeys(noise)))
        observed = self._y[self._candidates]
        return Belief(weights, shift + scale * means, scale**2 * covariances, variances, observed)


@dataclass(frozen=True)
class _Level:
    """A process with certain hyperparameters, and its probability."""

    weight: float
    posterior: Posterior


def _shares(levels: Sequence[_Level]) -> Floats:
    weights = np.array([level.weight for level in levels])
    return np.asarray(weights / weights.sum())


def _levels(data: Data, noise_prior: tuple[float, float]) -> list[_Level]:
    """Return processes with the most probable hyperparameters for each level of noise, and with others around them."""
    modes = _modes(data, noise_prior)
    least = min(mode.cost + believed for believed, _, mode in modes)
    found: list[tuple[float, Hyper]] = []
    for believed, prior, mode in modes:
        if mode.cost + believed > least - np.log(LEAST):  # whatever is around it would be left out, too
            continue
        for reach in REACHES:
            hyper = replace(mode.hyper, lengthscales=mode.hyper.lengthscales * reach)
            found.append((objective(hyper.theta, data, prior)[0] + believed, hyper))
    costs = np.array([cost for cost, _ in found])
    weights = np.exp(np.nanmin(costs) - np.where(np.isfinite(costs), costs, np.inf))
    weights /= weights.sum()
    return [
        _Level(float(weight), Posterior(data, hyper))
        for weight, (_, hyper) in zip(weights, found, strict=True)
        if weight > LEAST
    ]


def _modes(data: Data, noise_prior: tuple[float, float]) -> list[tuple[float, Prior, Fit]]:
    """Return the most probable hyperparameters for each level of noise: what the level costs, its prior, the fit."""
    mean, deviation = noise_prior
    found: list[tuple[float, Prior, Fit]] = []
    for noise in sorted({*LEVELS, *([float(np.exp(mean))] if deviation == STEEP else [])}):
        prior = default_prior(data.columns, noise=noise)
        # The fit of the level before leads to where the median leads, in half of the steps.
        starts = [replace(fitted.hyper, noise=noise) for _, _, fitted in found[-1:]]
        fitted = fit(data, prior, starts, iterations=20, median=not starts)
        found.append((0.5 * float((np.log(noise) - mean) / deviation) ** 2, prior, fitted))
    return found
