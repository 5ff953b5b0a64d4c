"""Asynchronous successive halving with promotion: trials pause at rungs, and the best of each rung are continued.

L. Li et al., A System for Massively Parallel Hyperparameter Tuning, MLSys 2020, algorithm 2 (ASHA).

Notation

====  ===================================================================
r     min_resource: steps up to the lowest rung
eta   reduction_factor: one in eta results at a rung is promoted
====  ===================================================================

Rung ``k`` lies after ``r * eta ** k`` steps: at that step where steps count from 1, at the one before where they count
from 0. A configuration's result at a rung is its first report there or later. The number of steps may be unknown.
Rungs that are given replace these; the last of them is a complete trial's end, where no trial pauses.

Where r is ``"auto"``, rung ``k`` lies after ``eta ** k`` steps, and the lowest one is the last within the first tenth
of a whole training (:func:`~sweeper_core.schedulers.base.lowest_rung`). What has paused lower, before its length was
known, is promoted from there.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from copy import copy

import numpy as np

from sweeper_core.pruners.base import GO_ON, Verdict
from sweeper_core.schedulers.base import (
    Continue,
    Decision,
    Scheduler,
    Vacancy,
    base_of,
    lowest_rung,
    nothing_to_continue,
)
from sweeper_core.trial.curves import Curve, Integers, LearningCurves
from sweeper_core.trial.history import History

HALVES, THIRDS = 2, 3
"""Default reduction factors; rungs that are given without one are to be ``THIRDS`` times apart."""
LEAD_RUNG = 4
"""Before a training's length is known, a trial ahead of all others is judged a few steps after a rung, and at no lower
rung: one that pauses at its very end has no steps left."""


class ASHAScheduler(Scheduler):
    """Pause each trial at each rung, unless its result is among the best ``1 / reduction_factor`` there already.

    A free worker continues the best paused trial of the highest rung that has one among the best
    ``1 / reduction_factor`` of all results there, and begins a configuration where no rung has any. Unlike the pruner
    of the same name it discards no trial: one that is not among the best now may be later, after worse results.

    Args:
        min_resource: Steps up to the lowest rung; ``"auto"``: the largest power of ``reduction_factor`` within a tenth
            of a whole training; ``reduction_factor`` itself before that is known.
        reduction_factor: One trial in this many is promoted. None: 2; 3 with several objectives, where more trials are
            among the best; 3 at rungs that are given, where a job without checkpoints trains again from its beginning.

    Raises:
        ValueError: An argument is out of its range.
    """

    def __init__(self, min_resource: str | int = "auto", reduction_factor: int | None = None) -> None:
        if min_resource != "auto" and (isinstance(min_resource, str) or min_resource < 1):
            raise ValueError(f"`min_resource` must be 1 or more, or 'auto', but got {min_resource!r}.")
        if reduction_factor is not None and reduction_factor < 2:
            raise ValueError(f"`reduction_factor` must be 2 or more, but got {reduction_factor!r}.")
        self.min_resource = min_resource
        self.reduction_factor = reduction_factor
        self._first = 1 if isinstance(min_resource, str) else min_resource
        self._given: tuple[int, ...] = ()

    def on_rungs(self, rungs: Sequence[int]) -> ASHAScheduler:
        own = copy(self)
        own._given = tuple(rungs)
        return own

    def _factor(self, curves: LearningCurves) -> int:
        return self.reduction_factor or (THIRDS if self._given or curves.n_metrics > 1 else HALVES)

    def next(self, request: Vacancy, history: History, curves: LearningCurves) -> Decision:
        longest = None if self._given else curves.longest  # a trial with as many steps has nothing left to do
        paused = {
            row: curve for row in curves.paused() if len(curve := curves.curve(row)) and curve.steps[-1] != longest
        }
        farthest = max((_resource(curve) for curve in paused.values()), default=0)
        for rung in reversed(self._rungs(farthest, curves)):
            best = self._promotable(rung, paused, curves)
            if best is not None:
                return best
        return nothing_to_continue(request, curves)

    def _promotable(self, rung: int, paused: dict[int, Curve], curves: LearningCurves) -> Continue | None:
        """Return the promotion of the best trial paused at a rung; None when it is not good enough."""
        refused: set[int] = set()
        for _, row in sorted(self._resting(rung, paused, curves)):
            group = self._group(row, curves)
            if group in refused:  # a better one of its group was rejected
                continue
            step = _step(paused[row], rung)
            rank, count = self._rank(row, step, curves)
            if rank <= count // self._factor(curves):
                shown = _result(paused[row], rung) * curves.sign
                return Continue(row, f"{shown:.6g} is rank {rank} of {count} after {rung} steps")
            refused.add(group)
        return None

    def _resting(self, rung: int, paused: dict[int, Curve], curves: LearningCurves) -> Iterator[tuple[float, int]]:
        """Yield score and number of the configurations whose last rung is this one."""
        scores: dict[int, dict[int, float]] = {}
        for row, curve in paused.items():
            lowest = self._first if self.min_resource == "auto" else self._lowest(row, curves)
            if lowest <= rung <= _resource(curve) < self._above(rung, curves):
                step = _step(curve, rung)
                if not math.isnan(_result(curve, rung)):
                    if step not in scores:
                        at_rung = curves.scores(step)
                        scores[step] = dict(zip(at_rung.rows.tolist(), at_rung.values.tolist(), strict=True))
                    yield scores[step][row], row

    def judge(self, number: int, curve: Curve, curves: LearningCurves) -> Verdict:
        for rung in self._due(number, curve, curves):
            result = _result(curve, rung)
            if math.isnan(result):
                return Verdict(True, f"it reported NaN at the rung of {rung} steps")
            rank, count = self._rank(number, _step(curve, rung), curves)
            if rank > count // self._factor(curves):
                return Verdict(True, f"{result * curves.sign:.6g} is rank {rank} of {count} after {rung} steps")
        return GO_ON

    def is_milestone(self, number: int, curve: Curve, curves: LearningCurves) -> bool:
        if self._given:
            return any(self._due(number, curve, curves))
        # Until the trial reports this step, others may get farther: it counts that it may be judged, not that it will.
        lowest = self._lowest_ever(number, curves)
        rungs = [rung for rung in self._rungs(_resource(curve), curves) if rung >= lowest]
        return any(curve.judged < _step(curve, rung) or self._is_late(curve, rung, curves) for rung in rungs)

    def _lowest_ever(self, number: int, curves: LearningCurves) -> int:
        """Return the lowest rung at which a trial may be judged, whatever other trials report from now on."""
        return self._lowest(number, curves) if self._given or curves.n_completed else self._first

    def _due(self, number: int, curve: Curve, curves: LearningCurves) -> Iterator[int]:
        """Yield the rungs at which a trial is to be judged now."""
        if len(curve):
            for rung in self._rungs(_resource(curve), curves):
                if rung >= self._lowest(number, curves) and self._is_due(number, curve, rung, curves):
                    yield rung

    def _is_due(self, number: int, curve: Curve, rung: int, curves: LearningCurves) -> bool:
        """Return whether a trial is to be judged now by its result at a rung.

        It is judged once, when it reaches the rung. But no trial should pause at its last step, with no work left:
        while no other has got farther, it is judged a few steps later. So is any trial until one is COMPLETE: of
        workers that train at one pace none was ahead at the rung.
        """
        step = _step(curve, rung)
        if self._given:
            return curve.judged < step and rung < self._given[-1]
        if np.any(curves.reached(step + 1).rows != number) and (curve.judged < step or curves.n_completed):
            return curve.judged < step
        return self._is_late(curve, rung, curves)

    def _is_late(self, curve: Curve, rung: int, curves: LearningCurves) -> bool:
        """Return whether a trial has just come so far beyond a rung that it is judged though none has passed it.

        That is after 7, 11, 19, 35, ... steps, and after 14, 32, ... with thirds: few trainings end there.
        """
        look = _step(curve, rung) + 2 * self._factor(curves) - 1
        return rung >= LEAD_RUNG and curve.judged < look <= curve.steps[-1]

    def _rank(self, number: int, step: int, curves: LearningCurves) -> tuple[int, int]:
        """Return the rank, from 1, of a configuration that has reached a step, and among how many."""
        at_rung = curves.scores(step)
        result = at_rung.values[at_rung.rows == number]
        rivals = (at_rung.rows != number) & (self._groups(at_rung.rows, curves) == self._group(number, curves))
        values = at_rung.values[rivals & ~np.isnan(at_rung.values)]
        return int(np.count_nonzero(values < result)) + 1, len(values) + 1

    def _rungs(self, resource: int, curves: LearningCurves) -> list[int]:
        """Return the rungs up to a resource."""
        if self._given:
            return [rung for rung in self._given if rung <= resource]
        rungs, rung = [], self._first
        while rung <= resource:
            rungs.append(rung)
            rung *= self._factor(curves)
        return rungs

    def _above(self, rung: int, curves: LearningCurves) -> float:
        """Return the next rung; infinity above the last one."""
        if self._given:
            return next((one for one in self._given if one > rung), math.inf)
        return rung * self._factor(curves)

    def _lowest(self, number: int, curves: LearningCurves) -> int:
        """Return the lowest rung at which a configuration pauses."""
        if self._given:
            return self._given[0]
        return lowest_rung(curves, self._factor(curves)) if self.min_resource == "auto" else self._first

    def _group(self, number: int, curves: LearningCurves) -> int:
        """Return the group of a configuration; configurations are compared within groups only."""
        return int(self._groups(np.array([number]), curves)[0])

    def _groups(self, rows: Integers, curves: LearningCurves) -> Integers:
        """Return the groups ``(k,)`` of configurations ``(k,)``."""
        return np.zeros(len(rows), np.int64)


def _step(curve: Curve, resource: int) -> int:
    """Return the step at which a resource is used up."""
    return resource - base_of(curve)


def _resource(curve: Curve) -> int:
    return int(curve.steps[-1]) + base_of(curve)


def _result(curve: Curve, rung: int) -> float:
    return float(curve.values[np.searchsorted(curve.steps, _step(curve, rung))])
