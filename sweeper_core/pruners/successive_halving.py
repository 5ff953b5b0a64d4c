"""Asynchronous successive halving: at each rung only the best fraction of the trials continues.

L. Li et al., A System for Massively Parallel Hyperparameter Tuning, MLSys 2020 (ASHA), in the stopping variant,
which decides at once and never resumes a stopped trial.

Notation

====  ==============================================================================
r     min_resource: the step of the lowest rung of bracket 0
eta   reduction_factor: one in eta trials continues from each rung
s     min_early_stopping_rate: the lowest rung is rung s of bracket 0
====  ==============================================================================

Rung ``k`` lies at step ``r * eta ** (s + k)``. A trial's result at a rung is its first report there or later.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sweeper_core.pruners.base import GO_ON, Pruner, Verdict
from sweeper_core.trial.curves import Curve, Floats, LearningCurves, smoothed


@dataclass(frozen=True)
class Halving:
    """The rule at one rung: the best ``1 / eta`` of the trials continue.

    Attributes:
        bootstrap: Number of first trials at a rung that are stopped there regardless of their result.
        min_peers: With fewer other trials at the rung, all trials continue.
        window: Number of reports, up to the one at the rung, that are averaged.
    """

    eta: int
    bootstrap: int
    min_peers: int
    window: int

    def crossed(self, curve: Curve, lowest: int) -> Iterator[tuple[int, float]]:
        """Yield ``(step of the rung, result there)`` for each rung reached since the trial was last judged."""
        rung, last = lowest, int(curve.steps[-1])
        while rung <= last:
            if rung > curve.judged:
                place = int(np.searchsorted(curve.steps, rung))
                yield rung, smoothed(curve.values[max(place + 1 - self.window, 0) : place + 1].tolist())
            rung *= self.eta

    def verdict(self, rung: int, value: float, others: Floats, sign: float) -> Verdict:
        """Judge a result given the results ``(k,)`` of the others at the same rung, all signed."""
        if math.isnan(value):
            return Verdict(True, f"it reported NaN at the rung of step {rung}")
        others = others[~np.isnan(others)]
        count = len(others) + 1
        if count <= self.bootstrap:
            return Verdict(True, f"the rung of step {rung} waits for more than {self.bootstrap} trials")
        if len(others) < self.min_peers:
            return GO_ON
        places = max(count // self.eta, 1)
        better = int(np.count_nonzero(others < value))
        if better < places:
            return GO_ON
        best = f"the best {places} of {count} trials" if places > 1 else f"the best of {count} trials"
        return Verdict(True, f"{value * sign:.6g} is rank {better + 1}, not {best}, at the rung of step {rung}")


class SuccessiveHalvingPruner(Pruner):
    """Stop a trial at a rung unless its result there is among the best ``1 / reduction_factor``.

    Every trial that has reached a rung counts there, including running and stopped ones. A trial is judged at the
    report with which it reaches a rung; several rungs reached at once are judged one after the other.

    Args:
        min_resource: Step of the lowest rung; ``"auto"`` takes a tenth of the longest COMPLETE trial (and stops
            no trial before there is one). Earlier, the ranking of learning curves hardly predicts their final ranking.
        reduction_factor: One trial in this many continues.
        min_early_stopping_rate: Number of lowest rungs to skip.
        bootstrap_count: Number of first trials that are stopped at each rung, so that no trial continues
            before the rung has that many results.
        min_peers: Stop no trial at a rung that fewer other trials have reached, because their best fraction is
            not meaningful. None: ``reduction_factor - 1``, the fewest for which ``1 / reduction_factor`` of all is
            a whole trial; 0 when ``bootstrap_count`` is given. With 0 the decisions are those of Optuna's pruner.
        smoothing: Compare means of this many reports, up to the one at the rung.

    Raises:
        ValueError: An argument is out of range, or ``bootstrap_count`` is combined with ``min_resource="auto"``.
    """

    def __init__(
        self,
        min_resource: str | int = "auto",
        reduction_factor: int = 4,
        min_early_stopping_rate: int = 0,
        bootstrap_count: int = 0,
        *,
        min_peers: int | None = None,
        smoothing: int = 1,
    ) -> None:
        if min_resource != "auto" and (isinstance(min_resource, str) or min_resource < 1):
            raise ValueError(f"`min_resource` must be 1 or more, or 'auto', but got {min_resource!r}.")
        if bootstrap_count > 0 and min_resource == "auto":
            raise ValueError("`bootstrap_count` needs a number as `min_resource`, not 'auto'.")
        if min_early_stopping_rate < 0:
            raise ValueError(f"`min_early_stopping_rate` must be 0 or more, but got {min_early_stopping_rate}.")
        self._min_resource = min_resource
        self._rate = min_early_stopping_rate
        self._halving = make_halving(reduction_factor, bootstrap_count, min_peers, smoothing)

    def is_milestone(self, number: int, curve: Curve, curves: LearningCurves) -> bool:
        return any(self._crossed(curve, curves))

    @np.errstate(all="ignore")
    def judge(self, number: int, curve: Curve, curves: LearningCurves) -> Verdict:
        for rung, value in self._crossed(curve, curves):
            at_rung = curves.reached(rung, self._halving.window)
            others = at_rung.values[at_rung.rows != number]
            verdict = self._halving.verdict(rung, value, others, curves.sign)
            if verdict.stop:
                return verdict
        return GO_ON

    def _crossed(self, curve: Curve, curves: LearningCurves) -> Iterator[tuple[int, float]]:
        """Return the rungs that the trial has reached since it was judged, with its results there."""
        lowest = self._min_resource
        if isinstance(lowest, str):
            if curves.longest is None:
                return iter(())
            lowest = max((curves.longest + 1) // 10, 1)
        return self._halving.crossed(curve, lowest * self._halving.eta**self._rate) if len(curve) else iter(())


def make_halving(reduction_factor: int, bootstrap_count: int, min_peers: int | None, smoothing: int) -> Halving:
    """Return the rule for checked arguments, those of :class:`SuccessiveHalvingPruner`."""
    if reduction_factor < 2:
        raise ValueError(f"`reduction_factor` must be 2 or more, but got {reduction_factor}.")
    if bootstrap_count < 0:
        raise ValueError(f"`bootstrap_count` must be 0 or more, but got {bootstrap_count}.")
    if min_peers is not None and min_peers < 0:
        raise ValueError(f"`min_peers` must be 0 or more, but got {min_peers}.")
    if smoothing < 1:
        raise ValueError(f"`smoothing` must be 1 or more, but got {smoothing}.")
    if min_peers is None:
        min_peers = 0 if bootstrap_count else reduction_factor - 1
    return Halving(reduction_factor, bootstrap_count, min_peers, smoothing)
