"""A model of learning curves: their expected ends, and the worth of their next steps.

Notation

======  ==============================================================================
n       number of configurations
J       number of places (numbers of steps) at which a trial may pause, the last its end
======  ==============================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np

from sweeper_core.maths.allocation import worth_per_step
from sweeper_core.maths.stages import Chain, learn
from sweeper_core.maths.units import power_of_two
from sweeper_core.schedulers.base import base_of
from sweeper_core.trial.curves import Curve, Floats, LearningCurves

GROWTH = 1.5
"""Each place is about this many times as far as the one before."""
MAX_RECENT = 10
"""Maximum number of latest configurations that tell what a new one is like."""


class CurveModel:
    """The model as of now; it is learnt when it is first asked.

    Args:
        curves: The curves, of which at least one is COMPLETE and ends at a finite value.
        lowest: Number of steps of the first place.
        given: The numbers of steps after which trials may pause; empty for places in geometric progression.
    """

    def __init__(self, curves: LearningCurves, lowest: int = 1, given: tuple[int, ...] = ()) -> None:
        finals = curves.finals
        ends = finals.values[np.isfinite(finals.values)]
        self._unit = power_of_two(ends)
        self._goal = float(np.min(ends)) / self._unit
        self._base = base_of(curves.curve(int(finals.rows[0])))
        whole = given[-1] if given else (curves.longest or 0) + self._base
        self.places = np.array(given if given else _progression(whole, lowest), float)
        self._curves = curves

    @cached_property
    def _values(self) -> Floats:
        """Values ``(n, J)`` of all configurations at the places, in units; NaN where one has not got so far."""
        values = np.full((len(self._curves), len(self.places)), np.nan)
        for place, steps in enumerate(self.places.tolist()):
            reached = self._curves.reached(int(steps) - self._base)
            values[reached.rows, place] = reached.values / self._unit
        return values

    @cached_property
    def _chain(self) -> Chain:
        return learn(self._values)

    def stage_of(self, curve: Curve) -> int:
        """Return the last place that a curve has reached, from 0; -1 before the first one."""
        return self.stage_at(int(curve.steps[-1]))

    def stage_at(self, step: int) -> int:
        """Return the last place that is reached at a step, from 0; -1 before the first one."""
        return int(np.searchsorted(self.places, step + self._base, side="right")) - 1

    def end_of(self, curve: Curve) -> tuple[float, float]:
        """Return the expected end of a configuration, signed, and its standard deviation."""
        mean, deviation = self._end_of(curve)
        return mean * self._unit, deviation * self._unit

    def _end_of(self, curve: Curve) -> tuple[float, float]:
        """Return the same in units."""
        stage = max(self.stage_of(curve), 0)
        mean = self._chain.end(np.array([stage]), curve.values[-1:] / self._unit)
        return float(mean[0]), float(self._chain.deviation[stage])

    def best_of(self, found: Mapping[int, Curve]) -> tuple[float, int | None]:
        """Return the largest worth of a step among configurations, and whose it is; 0 and None where there is none."""
        known = {row: curve for row, curve in found.items() if np.isfinite(curve.values[-1])}
        if not known:
            return 0.0, None
        ends = np.array([self._end_of(curve) for curve in known.values()])
        spent = np.array([curve.steps[-1] + self._base for curve in known.values()], float)
        worth = self._worth(ends[:, :1], ends[:, 1], self.places - spent[:, None])
        place = int(np.argmax(worth))
        return float(worth[place]) * self._unit, list(known)[place]

    def of_new(self) -> float:
        """Return the worth of a step of a new configuration, which begins as one of the latest ones did."""
        first = self._values[:, 0]
        recent = first[~np.isnan(first)][-MAX_RECENT:]
        if not len(recent):
            return 0.0
        ends = self._chain.end(np.zeros(len(recent), np.int64), np.minimum(recent, np.finfo(float).max))
        return float(self._worth(ends[None, :], self._chain.deviation[:1], self.places[None, :])[0]) * self._unit

    def _worth(self, means: Floats, deviation: Floats, until: Floats) -> Floats:
        residual = np.minimum(self._chain.deviation, deviation[:, None])
        residual[:, -1] = deviation  # at the end there is nothing left to decide
        return worth_per_step(means, deviation, residual, until, self._goal)


def _progression(whole: int, lowest: int) -> list[int]:
    """Return numbers of steps in geometric progression, from the lowest to the last of them all."""
    places = [whole]
    while places[-1] > lowest:
        places.append(max(min(round(places[-1] / GROWTH), places[-1] - 1), lowest))
    return places[::-1]
