"""The tree-structured Parzen estimator (TPE).

The finished trials are cut into good and bad ones; l is a Parzen estimate of the good points, g of the bad ones;
of some points drawn from l, the one with the largest l/g is suggested.

Bergstra et al. 2011, "Algorithms for Hyper-Parameter Optimization" (the rule); Falkner et al. 2018, "BOHB"
(several parameters jointly); Ozaki et al. 2022, "Multiobjective TPE" (fronts and hypervolume);
Watanabe 2023, "Tree-Structured Parzen Estimator: Understanding Its Algorithm Components" (the components).
Differences from these, and the reasons:

- Good points are weighted by rank, ln(n + 1) - ln(rank), like the parents of CMA-ES: the rank is informative, and
  unlike the improvement it does not depend on the scale of the objective.
- Widths follow Scott's rule on the spread of the points and of one prior point with the uniform distribution's spread.
  They shrink as the good points concentrate, for each parameter separately.
- The prior is uniform, with the same share in l and g: without data nearby, their ratio is 1.
- A parameter that a trial lacks has the uniform density in its kernel, so trials of changed spaces stay usable.
- Parameters under one condition are a block, modelled jointly within the trials that have it.
- Failed trials, and those that violate constraints, determine a success probability that weights the ratio.
- The number of kernels of g is limited: the newest trials, and an even sample that represents the older ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from sweeper_core.maths.parzen import Marginals, Mixture, Points, own_mass, scott_widths
from sweeper_core.samplers._lattice import complete, is_finite, is_known
from sweeper_core.samplers._priors import drawn
from sweeper_core.samplers._tpe.groups import NOBODY, Group, Groups, even, log_survival
from sweeper_core.samplers._tpe.priors import belief_of
from sweeper_core.samplers._tpe.space import (
    AllowedCandidates,
    Coordinates,
    Drawing,
    EncodedTrials,
    FittingCandidates,
    blocks_of,
)
from sweeper_core.samplers._tpe.split import best_of
from sweeper_core.samplers._within_memory import Limit, within_memory
from sweeper_core.samplers.base import Request, Suggestion
from sweeper_core.samplers.optuna_face import OptunaFace
from sweeper_core.search_space.space import SearchSpace
from sweeper_core.trial.history import History
from sweeper_core.trial.state import TrialState

# Arrays are compared with plain numbers faster than with members of an enum.
RUNNING, COMPLETE, PRUNED, FAIL = (
    int(state) for state in (TrialState.RUNNING, TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
)

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
_Kernels = tuple[Floats, Points, Floats, Integers, Floats, float]
_Density = TypeVar("_Density", Mixture, Marginals)

MAX_GOOD = 25
"""Maximum number of good points with one objective: more would blur the common features of the best."""

MAX_GOOD_OF_SEVERAL = 100
"""The same for several objectives, whose front has to be covered."""

MINIMAL_WIDTH = 0.03
"""Minimum width, a thirtieth of the range, so that the search does not stagnate."""

WIDTH_FACTOR = 0.8
"""Scott's rule is for estimating a density; a little narrower searches better over many functions."""

PRIOR_WEIGHT = 0.4
"""Weight of the uniform prior, where an average observation has 1."""

MIN_PRIOR_WEIGHT = 1e-9
"""Weight of the prior when none is requested: it keeps both densities positive everywhere."""

MAX_RESOLVED = 100.0
"""Minimum width of the kernels of g in univariate models, a hundredth of the range, so that values already tried are
avoided. In multivariate models the other parameters distinguish points."""

MIN_BLAME = 0.01
"""Minimum weight of an avoidable failure in the model of the choice that led to it."""

MIN_BLOCK_TRIALS = 4
"""Minimum number of trials with a conditional block's parameters before these are modelled."""

MEMOS = 24
"""Number of cached histories in a space's coordinates (define-by-run trials have many growing spaces)."""


def default_gamma(x: int) -> int:
    """Return how many of ``x`` trials are good: a tenth, 25 at the most."""
    return min(math.ceil(0.1 * x), MAX_GOOD)


def default_gamma_multiobjective(x: int) -> int:
    """Return how many of ``x`` trials with several objectives are good: a tenth, 100 at the most."""
    return min(math.ceil(0.1 * x), MAX_GOOD_OF_SEVERAL)


def hyperopt_default_gamma(x: int) -> int:
    """Return how many of ``x`` trials hyperopt takes as good."""
    return min(math.ceil(0.25 * math.sqrt(x)), 25)


def default_weights(x: int) -> Floats:
    """Return hyperopt's weights of ``x`` trials, oldest first: 1 for the last 25, a ramp from 1/x before."""
    return np.concatenate([np.linspace(1.0 / x, 1.0, num=x - 25), np.ones(25)]) if x > 25 else np.ones(x)


class TPESampler(OptunaFace):
    """Draws points where good trials are dense and bad ones are not.

    Args:
        consider_prior: Accepted for old configurations; the prior is always considered.
        prior_weight: Weight of the uniform prior, where an average trial has 1; None for the default.
        consider_magic_clip: Whether widths have a lower limit; None means yes.
        consider_endpoints: Whether the ends of the range count as two more points for the widths; None means no.
        n_startup_trials: Complete and pruned trials before which suggestions are random.
        n_ei_candidates: Points drawn from l of which the best is suggested.
        gamma: Maps the number of finished trials to the number of good ones; None for the default.
        weights: Maps a number of trials to their weights, oldest first; None weights good trials by rank and bad
            ones equally. With several objectives it is used for the bad ones only.
        seed: The generator of trial ``k`` derives from ``(seed, k)``; None draws a seed at random.
        multivariate: Model the parameters jointly; False models each separately; None means True.
        group: Accepted: parameters under the same condition always form a group. Needs ``multivariate``.
        warn_independent_sampling: Accepted; parameters are never sampled outside the model for want of a group.
        constant_liar: Count running trials as bad, so that concurrent trials do not cluster.
        constraints_func: Maps a finished trial to its constraints, satisfied where <= 0; the study calls it.

    Raises:
        ValueError: ``group`` without ``multivariate``, a negative ``prior_weight``, no candidate; in
            :meth:`suggest`, weights that are negative, not finite or all zero.
    """

    heeds_priors = True

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
        self._encoded: dict[tuple[int, SearchSpace], tuple[int, list[EncodedTrials]]] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Drop the cache: the serials of its histories are not valid in another process."""
        return {**self.__dict__, "_encoded": {}}

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
        """Return the best of some points drawn from l, or a random one before there is a model."""
        return within_memory(request, history, lambda limit: self._suggest(request, history, rng, limit))

    def _suggest(self, request: Request, history: History, rng: np.random.Generator, limit: Limit) -> Suggestion:
        if len(request.given) < len(request.space):
            if np.count_nonzero(_ended(history)) >= self.n_startup_trials:
                return Suggestion(self._point(request, history, rng, limit), "tpe")
            source = _informative_source(request, history, self.n_startup_trials)
            if source is not None:
                return Suggestion(self._point(request, source, rng, limit), "tpe", "evidence of an earlier study")
        from_priors = drawn(request, history, rng)
        return from_priors or Suggestion(complete(request.space, request.given, rng), "tpe", "random start", 0, "draw")

    def _point(self, request: Request, history: History, rng: np.random.Generator, limit: Limit) -> dict[str, Any]:
        """Return the point suggested by the model of ``history``, block by block, parents first."""
        space, blocks = request.space, self._blocks(request.space, history)
        params: dict[str, Any] = {}
        for encoded in blocks:
            block = encoded.block
            if not space.is_active(block.names[0], params):
                continue
            known = {name: request.given[name] for name in block.names if name in request.given}
            if len(known) < len(block):
                allowed = AllowedCandidates(space, block, {**params, **known}) if space.where else None
                failure_shares = self._failure_shares(encoded, blocks, history)
                belief = belief_of(block, request, history)
                fitting = None if limit is None else FittingCandidates(limit, space, block, {**params, **known})
                drawing = Drawing(rng, block.point_of(known) if known else None, allowed, belief, fitting)
                candidates = self._candidates(encoded, failure_shares, history, drawing)
                if candidates is None or len(candidates) == 0:
                    known = _completed(space, block, {**params, **request.given}, known, rng)
                else:
                    tried = history if len(blocks) == 1 and is_finite(space) else None
                    known = _first_new(space, tried, block, candidates, known)
            params.update(known)
        return {name: params[name] for name in space.names if name in params}

    def _blocks(self, space: SearchSpace, history: History) -> list[EncodedTrials]:
        """Return the history in the coordinates of each block, from the cache where possible."""
        token, changes = history.version
        known = self._encoded.pop((token, space), None)
        if known is None or known[0] > changes:
            known = (changes, [EncodedTrials(block) for block in blocks_of(space)])
        self._encoded[(token, space)] = (changes, known[1])
        if len(self._encoded) > MEMOS:
            del self._encoded[next(iter(self._encoded))]
        return known[1]

    def _failure_shares(self, encoded: EncodedTrials, blocks: list[EncodedTrials], history: History) -> Floats:
        """Return ``(n,)``: the weight of each failed trial in the failure model of a block.

        A failure that conditional parameters explain can be avoided by them, so it does not count fully against the
        choice that they depend on: its weight is the remaining failure probability near their good trials.
        """
        failure_shares = np.ones(len(history))
        failed = history.states == FAIL
        for other in blocks if len(blocks) > 1 and failed.any() else ():
            if other.block.needs(encoded.block.names):
                points, there = other.read(history)
                useless = np.flatnonzero(failed & there)
                sound = np.flatnonzero(_ended(history) & there & history.feasible)
                if len(useless) and len(sound) >= MIN_BLOCK_TRIALS:
                    failure_shares[useless] = np.minimum(
                        failure_shares[useless], self._remaining(other.block, points, sound, useless)
                    )
        return failure_shares

    def _remaining(self, block: Coordinates, points: Points, sound: Integers, failed: Integers) -> float:
        """Return the mean failure probability at the trials of a block that did not fail."""
        fine, useless = even(sound), even(failed)
        here = points.take(fine.rows)
        groups = Groups(fine, useless, fine, useless, 1.0)
        widths = self._scott(block, here, block.numeric)
        sound_kde, failed_kde = self._outcomes(Mixture, block, points, groups, widths)
        survival = np.exp(log_survival(sound_kde.log_density(here), failed_kde.log_density(here), groups))
        return max(1.0 - float(survival.mean()), MIN_BLAME)

    def _candidates(
        self,
        encoded: EncodedTrials,
        failure_shares: Floats,
        history: History,
        drawing: Drawing,
    ) -> Points | None:
        """Return points of a block, best first; None when too few trials have its parameters."""
        block = encoded.block
        points, there = encoded.read(history)
        rows = np.flatnonzero(_ended(history) & there)
        if len(rows) < max(1, min(MIN_BLOCK_TRIALS, self.n_startup_trials)):
            return None
        rank = self._rank_multivariate if self.multivariate else self._rank_univariate
        return rank(block, points, self._groups(history, rows, there, failure_shares), drawing)

    def _groups(self, history: History, rows: Integers, there: Flags, failure_shares: Floats) -> Groups:
        """Return the trials that have the block's parameters, grouped for the densities."""
        gamma = self.gamma or (default_gamma if history.n_objectives == 1 else default_gamma_multiobjective)
        best = best_of(history, rows, max(1, min(gamma(len(rows)), len(rows))))
        failed = (history.states == FAIL) & ~history.oom & there  # where memory ends is learned apart
        rest = failed.copy()
        rest[rows] = True
        rest[best] = False
        if self.constant_liar:
            rest |= (history.states == RUNNING) & there
        bad = self._thinned(np.flatnonzero(rest)).weighted(failure_shares)
        feasible = history.feasible[rows]
        if feasible.all() and not failed.any():
            return Groups(self._good(best, history), bad, NOBODY, NOBODY, 1.0)
        useless = np.concatenate([np.flatnonzero(failed), rows[~feasible]])
        caution = 1.0 + 2.0 * np.count_nonzero(failed) / max(len(useless), 1)
        return Groups(
            self._good(best, history),
            bad,
            even(rows[feasible]),
            even(np.sort(useless)).weighted(failure_shares),
            caution,
        )

    def _good(self, best: Integers, history: History) -> Group:
        n = len(best)
        if history.n_objectives > 1:
            return Group(best, np.ones(n))
        if self.weights is not None:
            return Group(np.sort(best), _checked(self.weights(n), n))
        return Group(best, math.log(n + 1.0) - np.log(np.arange(1.0, n + 1.0)))

    def _thinned(self, bad: Integers) -> Group:
        group = even(bad)
        if self.weights is None:
            return group
        own = _checked(self.weights(len(bad)), len(bad))
        return Group(group.rows, group.weights * own[np.searchsorted(bad, group.rows)])

    def _rank_multivariate(self, block: Coordinates, points: Points, groups: Groups, drawing: Drawing) -> Points:
        """Draw candidates from l and return them by l/g times survival probability, best first."""
        good, bad = points.take(groups.good.rows), points.take(groups.bad.rows)
        prior = self._prior(groups)
        widths = self._scott(block, good, block.numeric)
        good_kde = Mixture(*self._kernels(block, good, groups.good, widths, prior))
        bad_kde = Mixture(*self._kernels(block, bad, groups.bad, self._scott(block, bad, block.numeric), prior))
        candidates = drawing.candidates(
            block, lambda count: good_kde.draw(count, drawing.rng, drawing.given), self.n_ei_candidates
        )
        score = good_kde.log_density(candidates) - bad_kde.log_density(candidates)
        if groups.outcomes_differ:
            kdes = self._outcomes(Mixture, block, points, groups, widths)
            sound, failed = (kde.log_density(candidates) for kde in kdes)
            score += log_survival(sound, failed, groups)
        return ranked(candidates, drawing.with_priors(candidates, score))

    def _rank_univariate(self, block: Coordinates, points: Points, groups: Groups, drawing: Drawing) -> Points:
        """Draw each parameter from its own l, and return the points by the product of the parameters' l/g, best first.

        Taking each parameter's best candidate separately would be too greedy, especially with many parameters.
        """
        good, bad = points.take(groups.good.rows), points.take(groups.bad.rows)
        prior = self._prior(groups)
        widths = self._scott(block, good, 1)
        narrow = np.full(bad.numbers.shape, 1.0 / min(MAX_RESOLVED, 2.0 + len(bad)))
        good_kde = Marginals(*self._kernels(block, good, groups.good, widths, prior))
        bad_kde = Marginals(*self._kernels(block, bad, groups.bad, np.maximum(narrow, self._least(block, bad)), prior))
        candidates = drawing.candidates(block, lambda count: good_kde.draw(count, drawing.rng), self.n_ei_candidates)
        scores = [
            np.log(high) - np.log(low)
            for high, low in zip(good_kde.densities(candidates), bad_kde.densities(candidates), strict=True)
        ]
        if groups.outcomes_differ:
            kdes = self._outcomes(Marginals, block, points, groups, widths)
            both = zip(*(kde.densities(candidates) for kde in kdes), strict=True)
            scores = [
                score + log_survival(np.log(sound), np.log(failed), groups)
                for score, (sound, failed) in zip(scores, both, strict=True)
            ]
        given = drawing.given
        if given is not None:  # given values do not affect the univariate models of the others
            scores = [np.where(np.isnan(given.numbers), scores[0], 0.0), np.where(given.codes < 0, scores[1], 0.0)]
        total = scores[0].sum(axis=1) + scores[1].sum(axis=1)
        return ranked(candidates, drawing.with_priors(candidates, total))

    def _prior(self, groups: Groups) -> float:
        return max(self.prior_weight, MIN_PRIOR_WEIGHT) / float(groups.good.weights.sum())

    def _scott(self, block: Coordinates, centres: Points, dimension: int) -> Floats:
        numbers, n = centres.numbers, len(centres)
        if self.consider_endpoints:
            numbers = np.concatenate([numbers, np.zeros((1, block.numeric)), np.ones((1, block.numeric))])
        widths = scott_widths(numbers, dimension, WIDTH_FACTOR, self.minimal_width)[:n]
        return np.maximum(widths, self._least(block, centres)) if block.in_cells else widths

    def _least(self, block: Coordinates, centres: Points) -> Floats:
        """Kernels in cells are at least half a cell wide: narrower ones would not cover the neighbours."""
        return 0.5 * block.cells_at(centres.numbers)

    def _kernels(self, block: Coordinates, centres: Points, group: Group, widths: Floats, prior: float) -> _Kernels:
        """Return the components of an estimate with a prior.

        Args:
            prior: Weight of the uniform density relative to all observations together. It is the same for l and g,
                so that a point far from all data is neither good nor bad.
        """
        own = own_mass(block.choices, len(centres) + 1)
        return group.weights, centres, widths, block.choices, own, prior * max(float(group.weights.sum()), 1.0)

    def _outcomes(
        self, kde: type[_Density], block: Coordinates, points: Points, groups: Groups, widths: Floats
    ) -> tuple[_Density, _Density]:
        """Return density estimates of surviving and failed trials, with half the kernel widths of l."""
        common = 0.5 * widths.mean(axis=0)
        both = []
        for group in (groups.sound, groups.failed):
            centres = points.take(group.rows)
            filled = np.maximum(np.broadcast_to(common, centres.numbers.shape), self._least(block, centres))
            own = own_mass(block.choices, len(groups.good.rows) + 1)
            both.append(kde(group.weights, centres, filled, block.choices, own))
        return both[0], both[1]


def _informative_source(request: Request, history: History, least: int) -> History | None:
    """Return the most informative earlier study for a trial of the start; every other trial stays random."""
    fitting = [source for source in history.sources if source.n_objectives == history.n_objectives]
    counts = [int(_ended(source).sum()) for source in fitting]
    if request.number % 2 or max(counts, default=0) < max(least, MIN_BLOCK_TRIALS):
        return None
    return fitting[int(np.argmax(counts))]


def ranked(candidates: Points, scores: Floats) -> Points:
    """Return candidates by their scores ``(n,)``, the best first."""
    return candidates.take(np.argsort(-scores, kind="stable"))


def _ended(history: History) -> Flags:
    """Return ``(n,)``: the finished trials that can be ranked."""
    return np.asarray((history.states == COMPLETE) | (history.states == PRUNED))


def _completed(
    space: SearchSpace, block: Coordinates, decided: dict[str, Any], known: dict[str, Any], rng: np.random.Generator
) -> dict[str, Any]:
    """Return random values of a block, given the values already chosen."""
    if not space.where:
        return complete(space.select(block.names), known, rng)
    point = complete(space, decided, rng)
    return {name: point[name] for name in block.names if name in point}


def _first_new(
    space: SearchSpace, tried: History | None, block: Coordinates, candidates: Points, known: dict[str, Any]
) -> dict[str, Any]:
    """Return the values of the best candidate that is not in ``tried``, or of the best one when all are."""
    best = {**block.values_of(candidates, 0), **known}
    if tried is None or not is_known(space, tried, best):
        return best
    for row in range(1, len(candidates)):
        other = {**block.values_of(candidates, row), **known}
        if not is_known(space, tried, other):
            return other
    return best


def _checked(weights: Floats, count: int) -> Floats:
    weights = np.asarray(weights, float)[:count]
    if np.any(weights < 0) or not np.all(np.isfinite(weights)):
        raise ValueError(f"The `weights` function must return finite numbers that are not negative, not {weights}.")
    if len(weights) < count or (count and weights.sum() <= 0):
        raise ValueError(f"The `weights` function must return {count} weights, not all zero, but got {weights}.")
    return weights / weights.mean() if count else weights
