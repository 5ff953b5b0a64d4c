"""What going on would be worth: the gain that the next trials are expected to bring.

Two estimates, of which the larger counts:

* the model's: the expected improvements of the next ``BATCH`` points of a Gaussian process, each chosen as if those
  before it had been run (:mod:`sweeper_core.samplers._gp.forecast`). Mixed and conditional spaces, constraints,
  failures and noise are part of it; where the study has repeats, the noise is what they measured;
* the record's: what the latest ``BATCH`` trials have gained.

The model may promise too much for long, of a rugged or a noisy objective; then the record decides
(:mod:`sweeper_core.stopping.check`).

Without a model (parameters that not all trials share, fewer than ``MIN_TRIALS`` trials with a value, or more than
``MAX_TRIALS`` of them) the record alone decides, and over the later half of all trials: a search that has gained little
in it is expected to gain as little in the next such period.

The gain so far is that of the best feasible trial over the best one of the first ``START``, or more (``LEAST``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sweeper_core.search_space.space import SearchSpace
from sweeper_core.stopping.progress import Progress, progress_of
from sweeper_core.trial.history import History

START = 10
"""The first trials, which any search spends on looking around: their best value is what the gain is counted from."""
LEAST = 0.01
"""The gain since the start counts as at least this share of the best value's distance from the start's upper quartile:
a search that has converged within its start gains next to nothing afterwards, which is then no measure."""
BATCH = 16
"""Number of further trials that are looked ahead to: without new observations the model knows no more than that."""
MIN_TRIALS = 20
"""Minimum number of trials before an outlook: as many again as the start."""
MAX_TRIALS = 500
"""With more trials than this, a model of all of them is not fitted only to decide about stopping."""


@dataclass(frozen=True)
class Outlook:
    """What going on is expected to bring.

    Attributes:
        expected: Expected gain of the next ``horizon`` trials, in units of the objective.
        gained: What the study has gained since its start.
        horizon: Number of trials looked ahead to.
        by: ``model`` or ``record``.
    """

    expected: float
    gained: float
    horizon: int
    by: str

    @property
    def share(self) -> float:
        """The expected gain as a share of the gain so far; infinite while nothing has been gained."""
        return share_of(self.expected, self.gained)

    def __str__(self) -> str:
        share = f"{100.0 * self.share:.2g} % of" if self.gained > 0.0 else "more than"
        return f"the next {self.horizon} trials are expected to add {share} what has been gained since the start"


def outlook_of(history: History, space: SearchSpace | None, left: int | None = None) -> Outlook | None:
    """Return the outlook of a study with one objective; None before there are ``MIN_TRIALS`` trials.

    Args:
        space: The search space of the next trials; None where it is not known.
        left: Number of trials that may still start; None for no limit.
    """
    progress = progress_of(history)
    if len(progress.ended) < MIN_TRIALS or not np.isfinite(progress.best) or left == 0:
        return None
    gained = gained_of(progress)
    horizon = BATCH if left is None else min(left, BATCH)
    modelled = _modelled(history, progress, space, horizon)
    if modelled is None:
        half = len(progress.curve) // 2
        horizon = half if left is None else min(left, half)
        return Outlook(recent_gain(progress, half) * horizon / half, gained, horizon, "record")
    recent = recent_gain(progress, BATCH) * horizon / BATCH
    return Outlook(max(modelled, recent), gained, horizon, "model")


def gained_of(progress: Progress) -> float:
    """Return what a study with a feasible trial has gained since its start."""
    start = max(START, int(np.flatnonzero(np.isfinite(progress.values))[0]) + 1)
    finite = progress.values[:start][np.isfinite(progress.values[:start])]
    spread = float(np.quantile(finite, 0.75)) - progress.best
    return max(float(progress.curve[start - 1]) - progress.best, LEAST * spread, 0.0)


def share_of(gain: float, gained: float) -> float:
    """Return a gain as a share of all that was gained; infinite while that is nothing."""
    return gain / gained if gained > 0.0 else float("inf")


def _modelled(history: History, progress: Progress, space: SearchSpace | None, horizon: int) -> float | None:
    if space is None or len(space) == 0 or len(progress.ended) > MAX_TRIALS:
        return None
    from sweeper_core.samplers._gp.forecast import forecast  # imported late: it brings SciPy

    gains = forecast(history, space, horizon, np.random.default_rng(len(history)))
    return None if gains is None else float(np.sum(gains))


def recent_gain(progress: Progress, count: int) -> float:
    """Return what the latest ``count`` trials have gained; infinite when the first feasible one is among them."""
    return float(progress.curve[-count - 1] - progress.best) if len(progress.curve) > count else float("inf")
