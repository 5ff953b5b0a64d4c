"""The tree-structured Parzen estimator (TPE).

The finished trials are cut into good and bad ones; l is a Parzen estimate of the good points, g of the bad ones;
of some points drawn from l, the one with the largest l/g is suggested.

Bergstra et al. 2011, "Algorithms for Hyper-Parameter Optimization" (the rule); Falkner et al. 2018, "BOHB"
(several parameters jointly); Ozaki et al. 2022, "Multiobjective TPE" (fronts and hypervolume);
Watanabe 2023, "Tree-Structured Parzen Estimator: Understanding Its Algorithm Components" (the components).
What differs from these, and why:

- Good points weigh by rank, ln(n + 1) - ln(rank), as the parents of CMA-ES do: their order is evidence too,
  and unlike the improvement itself it does not depend on the scale of the objective.
- Widths follow Scott's rule on the spread of the points, joined by one prior point of the uniform law's spread. They
  shrink as the good points gather, in each parameter for itself.
- The prior is uniform.
- A parameter that a trial lacks has the uniform law in its kernel, so changed spaces keep their evidence.
- Parameters under one condition are a block, modelled jointly within the trials that have it.
- Failed trials give a probability of failure that the ratio is weighed with.
- Kernels of g are bounded in number: the newest trials, and an even sample of the older ones that stands for all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sweeper_core.maths.parzen import Marginals, Mixture, Points, own_mass, scott_widths
from sweeper_core.samplers._distinct import make_distinct
from sweeper_core.samplers._lattice import complete, is_finite, is_known
from sweeper_core.samplers.base import Request, Sampler, Suggestion
from sweeper_core.samplers.tpe_space import Coordinates, Evidence, blocks_of
from sweeper_core.samplers.tpe_split import best_of
from sweeper_core.search_space import SearchSpace
from sweeper_core.trial.history import History
from sweeper_core.trial.state import TrialState

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
_Kernels = tuple[Floats, Points, Floats, Integers, Floats]

LARGEST_GOOD = 25
"""Good points of a long study with one objective: more would blur what the best have in common."""

LARGEST_GOOD_OF_SEVERAL = 100
"""The same for several objectives, whose front has to be covered."""

KERNELS = 512
"""Kernels of g. Its resolution is set by the widths, which shrink as n^(-1/(d + 4)): more kernels change little."""

MINIMAL_WIDTH = 0.03
"""Widths stop shrinking here, at a thirtieth of the range, so that the search does not freeze."""

WIDTH_FACTOR = 0.8
"""Scott's rule is for estimating a density; a little narrower searches better over many functions."""

PRIOR_WEIGHT = 0.4
"""Weight of the uniform prior beside an average observation's 1."""

ENOUGH_FOR_A_BLOCK = 4
"""Trials that have a conditional block's parameters before these are modelled."""

MEMOS = 64
"""Histories in a space's coordinates that are remembered (define-by-run asks for many growing spaces)."""


def default_gamma(x: int) -> int:
    """Return how many of ``x`` trials are good: a tenth, 25 at the most."""
    return min(math.ceil(0.1 * x), LARGEST_GOOD)


def default_gamma_multiobjective(x: int) -> int:
    """Return how many of ``x`` trials with several objectives are good: a tenth, 100 at the most."""
    return min(math.ceil(0.1 * x), LARGEST_GOOD_OF_SEVERAL)


def hyperopt_default_gamma(x: int) -> int:
    """Return how many of ``x`` trials hyperopt takes as good."""
    return min(math.ceil(0.25 * math.sqrt(x)), 25)


def default_weights(x: int) -> Floats:
    """Return hyperopt's weights of ``x`` trials, oldest first: 1 for the last 25, a ramp from 1/x before."""
    return np.concatenate([np.linspace(1.0 / x, 1.0, num=x - 25), np.ones(25)]) if x > 25 else np.ones(x)


class TPESampler(Sampler):
    """Draws from where good trials are dense and bad ones are not.

    Args:
        consider_prior: Accepted for old configurations; the prior is always considered.
        prior_weight: Weight of the uniform prior beside an average trial's 1; None chooses.
        consider_magic_clip: Whether widths have a lower limit; None means yes.
        consider_endpoints: Whether the ends of the range count as two more points for the widths; None means no.
        n_startup_trials: Complete and pruned trials before which suggestions are random.
        n_ei_candidates: Points drawn from l of which the best is suggested.
        gamma: From the number of finished trials to the number of good ones; None chooses.
        weights: From a number of trials to their weights, oldest first; None weighs good trials by rank and bad
            ones equally. With several objectives it is used for the bad ones only.
        seed: The generator of trial ``k`` derives from ``(seed, k)``; None draws a seed at random.
        multivariate: Model the parameters jointly; False models each by itself; None means True.
        group: Accepted: parameters under the same condition always form a group. Needs ``multivariate``.
        warn_independent_sampling: Accepted; parameters are never sampled outside the model for want of a group.
        constant_liar: Count running trials as bad, so that trials side by side do not crowd.
        constraints_func: From a finished trial to its constraints, satisfied where <= 0; the study calls it.

    Raises:
        ValueError: ``group`` without ``multivariate``, a negative ``prior_weight``, no candidate; when asked,
            weights that are negative, not finite or all zero.
    """

    def __init__(
        self,
        *,
        consider_prior: bool | None = None,
        prior_weight: float | None = None,
        consider_magic_clip: bool | None = None,
        consider_endpoints: bool | None = None,
        n_startup_trials: int = 10,
        n_ei_candidates: int = 24,
        gamma: Callable[[int], int] | None = None,
        weights: Callable[[int], Floats] | None = None,
        seed: int | None = None,
        multivariate: bool | None = None,
        group: bool = False,
        warn_independent_sampling: bool | None = None,
        constant_liar: bool = True,
        constraints_func: Callable[[Any], Sequence[float]] | None = None,
    ) -> None:
        super().__init__(seed)
        if group and multivariate is False:
            raise ValueError("``group`` option can only be enabled when ``multivariate`` is enabled.")
        if prior_weight is not None and prior_weight < 0:
            raise ValueError(f"A non-negative value must be specified for prior_weight, but got {prior_weight}.")
        if n_ei_candidates < 1:
            raise ValueError(f"`n_ei_candidates` must be at least 1, but got {n_ei_candidates}.")
        del consider_prior, warn_independent_sampling
        self.prior_weight = PRIOR_WEIGHT if prior_weight is None else float(prior_weight)
        self.minimal_width = MINIMAL_WIDTH if consider_magic_clip in (None, True) else 1e-6
        self.consider_endpoints = bool(consider_endpoints)
        self.n_startup_trials = n_startup_trials
        self.n_ei_candidates = n_ei_candidates
        self.gamma = gamma
        self.weights = weights
        self.multivariate = multivariate is not False
        self.group = group
        self.constant_liar = constant_liar
        self.constraints_func = constraints_func
        self._evidence: dict[tuple[int, SearchSpace], tuple[int, list[Evidence]]] = {}

    @staticmethod
    def hyperopt_parameters() -> dict[str, Any]:
        """Return the arguments that hyperopt's defaults correspond to."""
        return {
            "consider_prior": True,
            "prior_weight": 1.0,
            "consider_magic_clip": True,
            "consider_endpoints": False,
            "n_startup_trials": 20,
            "n_ei_candidates": 24,
            "gamma": hyperopt_default_gamma,
            "weights": default_weights,
        }

    def suggest(self, request: Request, history: History, rng: np.random.Generator) -> Suggestion:
        ended = (history.states == TrialState.COMPLETE) | (history.states == TrialState.PRUNED)
        if np.count_nonzero(ended) < self.n_startup_trials or len(request.given) == len(request.space):
            params = complete(request.space, request.given, rng)
            return Suggestion(make_distinct(request, history, rng, params, near=False), "tpe", "random start")
        blocks = self._blocks(request.space, history)
        params = {}
        for evidence in blocks:
            block = evidence.block
            if request.space.is_active(block.names[0], params):
                known = {name: request.given[name] for name in block.names if name in request.given}
                params.update(self._block(evidence, known, request, history, ended, rng, len(blocks) == 1))
        params = {name: params[name] for name in request.space.names if name in params}
        return Suggestion(make_distinct(request, history, rng, params), "tpe")

    def _blocks(self, space: SearchSpace, history: History) -> list[Evidence]:
        """Return the history in the coordinates of each block, from memory where there is one."""
        token, changes = history.version
        known = self._evidence.pop((token, space), None)
        if known is None or known[0] > changes:
            known = (changes, [Evidence(block) for block in blocks_of(space)])
        self._evidence[(token, space)] = (changes, known[1])
        if len(self._evidence) > MEMOS:
            del self._evidence[next(iter(self._evidence))]
        return known[1]

    def _block(
        self,
        evidence: Evidence,
        known: dict[str, Any],
        request: Request,
        history: History,
        ended: npt.NDArray[np.bool_],
        rng: np.random.Generator,
        alone: bool,
    ) -> dict[str, Any]:
        block = evidence.block
        if len(known) == len(block):
            return known
        points = evidence.points(history)
        there = points.present()
        rows = np.flatnonzero(ended & there)
        if len(rows) < min(ENOUGH_FOR_A_BLOCK, self.n_startup_trials):
            return complete(request.space.select(block.names), known, rng)
        given = block.point_of(known) if known else None
        groups = self._groups(points, history, rows, there)
        rank = self._rank_jointly if self.multivariate else self._rank_apart
        candidates = rank(block, points, groups, given, rng)
        params = {**block.values_of(candidates, 0), **known}
        if alone and is_finite(request.space):
            return _first_new(request.space, history, block, candidates, params, known)
        return params

    def _groups(
        self, points: Points, history: History, rows: Integers, there: npt.NDArray[np.bool_]
    ) -> tuple[_Group, _Group, _Group]:
        """Return the good, the bad and the failed trials that have the block's parameters."""
        gamma = self.gamma or (default_gamma if history.n_objectives == 1 else default_gamma_multiobjective)
        count = max(1, min(gamma(len(rows)), len(rows)))
        best = best_of(history, rows, count)
        bad = np.setdiff1d(rows, best, assume_unique=True)
        if self.constant_liar:
            bad = np.union1d(bad, np.flatnonzero((history.states == TrialState.RUNNING) & there))
        failed = np.flatnonzero((history.states == TrialState.FAIL) & there)
        return self._good(best, history), self._thinned(bad), _Group(*_even(failed))

    def _good(self, best: Integers, history: History) -> _Group:
        n = len(best)
        if history.n_objectives > 1:
            return _Group(best, np.ones(n))
        if self.weights is not None:
            return _Group(np.sort(best), _checked(self.weights(n), n))
        return _Group(best, math.log(n + 1.0) - np.log(np.arange(1.0, n + 1.0)))

    def _thinned(self, bad: Integers) -> _Group:
        rows, weights = _even(bad)
        if self.weights is not None:
            weights = weights * _checked(self.weights(len(bad)), len(bad))[np.searchsorted(bad, rows)]
        return _Group(rows, weights)

    def _kernels(self, block: Coordinates, points: Points, group: _Group, dimension: int) -> _Kernels:
        """Return what a mixture is made of: an observation's kernel each, and the prior's."""
        centres = points.take(group.rows)
        least = np.maximum(self.minimal_width, 0.5 * block.cells_at(centres.numbers))
        widths = self._widths(centres.numbers, dimension, least)
        weights = np.append(group.weights, self.prior_weight if len(group.rows) and self.prior_weight else 1e-9)
        own = np.broadcast_to(own_mass(block.choices, len(weights)), (len(weights), len(block.choices)))
        filled = np.concatenate([widths, np.ones((1, block.numeric))])
        return weights, centres.and_nowhere(), filled, block.choices, own

    def _widths(self, numbers: Floats, dimension: int, least: Floats) -> Floats:
        if not self.consider_endpoints:
            return scott_widths(numbers, dimension, WIDTH_FACTOR, least)
        ends = np.concatenate([numbers, np.zeros((1, numbers.shape[1])), np.ones((1, numbers.shape[1]))])
        limits = np.concatenate([least, least[:1], least[:1]]) if len(least) else MINIMAL_WIDTH
        return scott_widths(ends, dimension, WIDTH_FACTOR, limits)[: len(numbers)]

    def _rank_jointly(
        self,
        block: Coordinates,
        points: Points,
        groups: tuple[_Group, _Group, _Group],
        given: Points | None,
        rng: np.random.Generator,
    ) -> Points:
        """Draw candidates from l and return them by l/g, best first."""
        l_law, g_law, f_law = (Mixture(*self._kernels(block, points, group, block.numeric)) for group in groups)
        drawn = l_law.draw(self.n_ei_candidates, rng, given)
        candidates = Points(block.snap(drawn.numbers), drawn.codes)
        log_l, log_g = l_law.log_density(candidates), g_law.log_density(candidates)
        score = log_l - log_g
        if len(groups[2].rows):
            score += _log_survival(log_l, log_g, f_law.log_density(candidates), groups)
        return candidates.take(np.argsort(-score, kind="stable"))

    def _rank_apart(
        self,
        block: Coordinates,
        points: Points,
        groups: tuple[_Group, _Group, _Group],
        given: Points | None,
        rng: np.random.Generator,
    ) -> Points:
        """Draw each parameter from its own l and order it by its own l/g, best first."""
        del given  # parameters that are modelled apart tell nothing about one another
        laws = [Marginals(*self._kernels(block, points, group, 1)) for group in groups]
        drawn = laws[0].draw(self.n_ei_candidates, rng)
        candidates = Points(block.snap(drawn.numbers), drawn.codes)
        orders = []
        for densities in zip(*(law.densities(candidates) for law in laws), strict=True):
            log_l, log_g, log_f = (np.log(density) for density in densities)
            survival = _log_survival(log_l, log_g, log_f, groups) if len(groups[2].rows) else 0.0
            orders.append(np.argsort(log_g - log_l - survival, axis=0, kind="stable"))
        return Points(
            np.take_along_axis(candidates.numbers, orders[0], axis=0),
            np.take_along_axis(candidates.codes, orders[1], axis=0),
        )


@dataclass(frozen=True)
class _Group:
    """Trials ``(k,)`` and their weights ``(k,)``, 1 on average; ``total`` is how many trials they stand for."""

    rows: Integers
    weights: Floats

    @property
    def total(self) -> float:
        return float(self.weights.sum())


def _even(rows: Integers) -> tuple[Integers, Floats]:
    """Return at most KERNELS rows and their weights: the newer half as they are, the others an even sample."""
    surplus = len(rows) - KERNELS
    if surplus <= 0:
        return rows, np.ones(len(rows))
    half = KERNELS // 2
    older, newer = rows[:-half], rows[-half:]
    sample = older[np.linspace(0, len(older) - 1, half).astype(np.int64)]
    return np.concatenate([sample, newer]), np.repeat([len(older) / half, 1.0], half)


def _log_survival(log_l: Floats, log_g: Floats, log_f: Floats, groups: tuple[_Group, _Group, _Group]) -> Floats:
    """Return the log of the probability that a trial does not fail, by Bayes' rule from the three densities."""
    good, bad, failed = (math.log(max(group.total, 1e-9)) for group in groups)
    survived = np.logaddexp(log_l + good, log_g + bad)
    return np.asarray(survived - np.logaddexp(survived, log_f + failed))


def _first_new(
    space: SearchSpace,
    history: History,
    block: Coordinates,
    candidates: Points,
    params: dict[str, Any],
    known: dict[str, Any],
) -> dict[str, Any]:
    """Return the best candidate at which no trial is yet; the best of all when there is none."""
    for row in range(len(candidates)):
        other = {**block.values_of(candidates, row), **known}
        if not is_known(space, history, other):
            return other
    return params


def _checked(weights: Floats, count: int) -> Floats:
    weights = np.asarray(weights, float)[:count]
    if np.any(weights < 0) or not np.all(np.isfinite(weights)):
        raise ValueError(f"The `weights` function must return finite numbers that are not negative, not {weights}.")
    if len(weights) < count or (count and weights.sum() <= 0):
        raise ValueError(f"The `weights` function must return {count} weights, not all zero, but got {weights}.")
    return weights / weights.mean() if count else weights
