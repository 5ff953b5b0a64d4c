"""The progress of a study: its best trials, and how long it has not improved.

Notation

======  ==============================================================================
n       number of configurations
m       number of objectives
======  ==============================================================================
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sweeper_core.maths.pareto import pareto_front
from sweeper_core.trial.history import History
from sweeper_core.trial.state import TrialState

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

ENDED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


@dataclass(frozen=True)
class Progress:
    """How far a study has come.

    Attributes:
        ended: ``(k,)`` numbers of the configurations that have ended, ascending.
        values: ``(k,)`` their values, signed so that smaller is better; NaN where there is no feasible one. With
            several objectives all are NaN.
        last_improvement: Number of the configuration that improved last; None when none is feasible.
        since: How many configurations with later numbers have ended.
    """

    ended: Integers
    values: Floats
    last_improvement: int | None
    since: int

    @property
    def best(self) -> float:
        """The best value, signed; NaN when there is none."""
        return float(np.nanmin(self.values)) if np.any(np.isfinite(self.values)) else float("nan")

    @property
    def curve(self) -> Floats:
        """``(k,)`` the best value after each configuration, signed; infinite before the first feasible one."""
        return np.minimum.accumulate(np.where(np.isnan(self.values), np.inf, self.values))


def progress_of(history: History) -> Progress:
    """Return the progress of a study."""
    ended = history.having(*ENDED)
    usable = (history.states[ended] == TrialState.COMPLETE) & history.feasible[ended]
    usable &= ~np.any(np.isnan(history.values[ended]), axis=1)
    single = history.n_objectives == 1
    values = np.where(usable, history.values[ended, 0] if single else np.nan, np.nan)
    rows = ended[usable]
    if len(rows) == 0:
        return Progress(ended, values, None, 0)
    last = _first_best(history.values[rows, 0], rows) if single else _last_on_front(history.values[rows], rows)
    return Progress(ended, values, last, int(np.sum(ended > last)))


def _first_best(values: Floats, rows: Integers) -> int:
    return int(rows[int(np.argmin(values))])


def _last_on_front(values: Floats, rows: Integers) -> int:
    """Return the last trial that no earlier one dominates or equals: it is on the front of all trials."""
    firsts = np.sort(np.unique(values, axis=0, return_index=True)[1])
    return int(rows[firsts[pareto_front(values[firsts])].max()])
