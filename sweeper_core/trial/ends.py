"""Expected ends of unfinished trials with several objectives, by a model of all learning curves.

Notation

====  ===========================================================================
n, m  number of trials, of objectives
J     number of places: last steps of unfinished trials, and the end of a training
====  ===========================================================================
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sweeper_core.maths.stages import learn
from sweeper_core.maths.units import power_of_two
from sweeper_core.trial.curves import LearningCurves
from sweeper_core.trial.history import History
from sweeper_core.trial.state import TrialState

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

MAX_PLACES = 8
"""Maximum number of last steps that are told apart; schedulers pause trials at few."""


def expected_ends(curves: LearningCurves, history: History) -> Floats:
    """Return the expected values ``(n, m)`` of PRUNED trials, signed; NaN where not all objectives were reported.

    Each objective follows its own chain of stages (:mod:`sweeper_core.maths.stages`), so it may fall, stand still, or
    grow with the steps as the time of a training does.
    """
    ends = np.full(history.values.shape, np.nan)
    unfinished = history.having(TrialState.PRUNED)
    unfinished = unfinished[history.last_step[unfinished] >= 0]
    if not len(unfinished):
        return ends
    places = _places(history.last_step[unfinished])
    stages = np.searchsorted(places, history.last_step[unfinished], side="right") - 1
    for objective, values in enumerate(_values(curves, history, places)):
        finite = values[np.isfinite(values)]
        if len(finite):
            unit = power_of_two(finite)
            values /= unit
            ends[unfinished, objective] = learn(values).end(stages, values[unfinished, stages]) * unit
    return np.where(np.all(np.isfinite(ends), axis=1, keepdims=True), ends, np.nan)


def _places(steps: Integers) -> Integers:
    """Return the distinct ones of these steps, ascending; of many those that divide the trials evenly."""
    places = np.unique(steps)
    if len(places) <= MAX_PLACES:
        return places
    return np.unique(np.quantile(steps, np.linspace(0.0, 1.0, MAX_PLACES), method="lower"))


def _values(curves: LearningCurves, history: History, places: Integers) -> Floats:
    """Return the objectives ``(m, n, J)`` at the places and at the end; NaN where a trial has not got so far."""
    n, m = history.values.shape
    values = np.full((m, n, len(places) + 1), np.nan)
    for place, step in enumerate(places.tolist()):
        for row in curves.reached(step).rows.tolist():
            if row < n:
                values[:, row, place] = curves.objectives_at(row, step)
    values[:, :, -1] = history.values.T
    return values
