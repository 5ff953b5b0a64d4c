"""PED-ANOVA: what distinguishes the best trials from all.

Watanabe, Bansal, Hutter, IJCAI 2023, arXiv:2304.10255; for parameters that only some trials have, or whose range
changed, "Conditional PED-ANOVA", arXiv:2601.20800.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sweeper_core.directions import StudyDirection
from sweeper_core.distributions import (
    BaseDistribution,
    CategoricalDistribution,
)
from sweeper_core.importance.base import (
    BaseImportanceEvaluator,
    Target,
    check_params,
    completed_trials,
    finite_trials,
    largest_first,
)
from sweeper_core.maths.divergence import category_density, grid_density, pearson_divergence
from sweeper_core.maths.hypervolume import greedy_subset
from sweeper_core.maths.pareto import non_domination_ranks
from sweeper_core.maths.quiet import quiet
from sweeper_core.study.study import Study
from sweeper_core.trial.frozen import FrozenTrial

Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

MAX_CELLS = 50
"""Cells of the grid over a continuous parameter, as in the authors' implementation."""
MIN_IN_REGIME = 2
"""Minimum number of trials with the same range for an importance over it."""


class PedAnovaImportanceEvaluator(BaseImportanceEvaluator):
    """Compares where the best trials lie with where all trials lie, parameter by parameter.

    Fast (linear in the number of trials), and also for parameters that only some trials have. With several
    objectives and no target, the best trials are the first fronts.

    Args:
        target_quantile: Share of the trials that count as the best.
        region_quantile: Share of the trials that they are compared with.
        evaluate_on_local: Compare with where the trials lie (True), or with the whole range (False).
    """

    def __init__(
        self, *, target_quantile: float = 0.1, region_quantile: float = 1.0, evaluate_on_local: bool = True
    ) -> None:
        if not 0.0 < target_quantile < region_quantile <= 1.0:
            raise ValueError(
                "0 < target_quantile < region_quantile <= 1 must hold, but got "
                f"({target_quantile=}, {region_quantile=})."
            )
        self.target_quantile = target_quantile
        self.region_quantile = region_quantile
        self.evaluate_on_local = evaluate_on_local

    @quiet()
    def evaluate(
        self, study: Study, params: list[str] | None = None, *, target: Target | None = None
    ) -> dict[str, float]:
        """See the base class; every parameter of a completed trial is assessed by default."""
        check_params(study, params)
        names = params if params is not None else _all_names(completed_trials(study))
        trials = finite_trials(study, target)
        if len(trials) <= 1:
            warnings.warn("Too few completed trials to tell parameters apart; all count the same.", stacklevel=2)
            return dict.fromkeys(names, 0.0)
        region = _best(study, trials, self.region_quantile, target)
        best = _best(study, trials, self.target_quantile, target)
        return largest_first({name: self._importance(name, best, region) for name in names})

    def of_losses(self, trials: Sequence[FrozenTrial], losses: Floats) -> dict[str, float]:
        """Return the importance of every parameter for trials (their numbers distinct) with losses ``(n,)``."""
        best, region = (_lowest(trials, losses, share) for share in (self.target_quantile, self.region_quantile))
        return {name: self._importance(name, best, region) for name in _all_names(trials)}

    def _importance(self, name: str, best: Sequence[FrozenTrial], region: Sequence[FrozenTrial]) -> float:
        """Theorem 4.2 and algorithm 1 of the conditional paper: a sum over the ranges that the parameter had."""
        chosen = {trial.number for trial in best}
        total = 0.0
        for distribution, members in _regimes(name, region).items():
            among_best = [trial for trial in members if trial.number in chosen]
            if distribution.single() or len(members) < MIN_IN_REGIME or not among_best:
                continue
            weight = (len(among_best) / len(best)) ** 2 / (len(members) / len(region))
            total += weight * self._divergence(name, distribution, among_best, members)
        return total * (len(best) / len(region)) ** 2

    def _divergence(
        self, name: str, distribution: BaseDistribution, best: Sequence[FrozenTrial], region: Sequence[FrozenTrial]
    ) -> float:
        estimate = category_density if isinstance(distribution, CategoricalDistribution) else grid_density
        of_best = estimate(_counts(name, distribution, best))
        if not self.evaluate_on_local:
            return pearson_divergence(of_best, np.full(len(of_best), 1.0 / len(of_best)))
        return pearson_divergence(of_best, estimate(_counts(name, distribution, region)))


def _all_names(trials: Sequence[FrozenTrial]) -> list[str]:
    return list(dict.fromkeys(name for trial in trials for name in trial.distributions))


def _regimes(name: str, trials: Sequence[FrozenTrial]) -> dict[BaseDistribution, list[FrozenTrial]]:
    regimes: dict[BaseDistribution, list[FrozenTrial]] = {}
    for trial in trials:
        distribution = trial.distributions.get(name)
        if distribution is not None:
            regimes.setdefault(distribution, []).append(trial)
    return regimes


def _best(study: Study, trials: Sequence[FrozenTrial], quantile: float, target: Target | None) -> Sequence[FrozenTrial]:
    if quantile == 1.0:
        return trials
    count = math.ceil(quantile * len(trials))
    if target is None and len(study.directions) > 1:
        return _first_fronts(study, trials, count)
    if target is not None:
        losses = np.array([target(trial) for trial in trials])
    else:
        sign = -1.0 if study.directions[0] is StudyDirection.MAXIMIZE else 1.0
        losses = np.array([sign * (trial.values or [math.nan])[0] for trial in trials])
    return _lowest(trials, losses, quantile)


def _lowest(trials: Sequence[FrozenTrial], losses: Floats, quantile: float) -> Sequence[FrozenTrial]:
    count = math.ceil(quantile * len(trials))
    worst = np.partition(losses, count - 1)[count - 1]
    return [trial for trial, loss in zip(trials, losses, strict=True) if loss <= worst]


def _first_fronts(study: Study, trials: Sequence[FrozenTrial], count: int) -> list[FrozenTrial]:
    """Take whole fronts while they fit, then the points of the next front that add the most hypervolume."""
    signs = np.array([direction.sign for direction in study.directions])
    losses = np.array([trial.values for trial in trials]) * signs
    ranks = non_domination_ranks(losses)
    last = int(np.sort(ranks)[count - 1])
    chosen = list(np.flatnonzero(ranks < last))
    tied = np.flatnonzero(ranks == last)
    worst = losses[tied].max(axis=0)
    # A tenth beyond the worst point, so that the ends of the front count too.
    reference = worst + 0.1 * np.maximum(np.abs(worst), np.finfo(float).tiny)
    chosen += list(tied[greedy_subset(losses[tied], reference, count - len(chosen))])
    return [trials[int(index)] for index in sorted(chosen)]


def _counts(name: str, distribution: BaseDistribution, trials: Sequence[FrozenTrial]) -> Counts:
    """Return how many trials lie in each cell of the grid over a parameter (each choice of a categorical)."""
    internal = np.array([distribution.to_internal_repr(trial.params[name]) for trial in trials])
    axis, cells = distribution.axis, _cells(distribution)
    low, high = axis.low * axis.shrink, axis.high * axis.shrink
    if axis.log:
        low, high, internal = math.log(low), math.log(high), np.log(internal)
    width = (high - low) / (cells - 1)
    index = np.clip(np.ceil((internal * axis.shrink - low) / width - 0.5).astype(np.int64), 0, cells - 1)
    return np.bincount(index, minlength=cells)


def _cells(distribution: BaseDistribution) -> int:
    axis = distribution.axis
    if isinstance(distribution, CategoricalDistribution):
        return len(distribution.choices)
    if axis.log and axis.count is not None:
        return min(math.ceil(math.log2(axis.count)) + 1, MAX_CELLS)
    return min(axis.count or MAX_CELLS, MAX_CELLS)
