"""The number that a plot shows for each trial, and the range that such numbers need."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sweeper_core.directions import StudyDirection
from sweeper_core.study.study import Study
from sweeper_core.trial.attempts import latest_attempts
from sweeper_core.trial.feasible import satisfied
from sweeper_core.trial.frozen import FrozenTrial
from sweeper_core.trial.state import TrialState

Floats = npt.NDArray[np.float64]
Target = Callable[[FrozenTrial], float]
Studies = Study | Sequence[Study]

MAX_SPREAD = 10.0
"""In interquartile ranges: values beyond would leave one colour for all others."""

MAX_HIDDEN = 0.25
"""Share of a history's points that may be reports of PRUNED trials outside of its range."""


@dataclass(frozen=True)
class ObjectiveTarget:
    """A target that is one of the study's objectives, so that plots know which values are good."""

    index: int
    direction: StudyDirection

    def __call__(self, trial: FrozenTrial) -> float:
        """Return the objective's value; NaN where the trial has none."""
        return float(trial.values[self.index]) if trial.values else math.nan


MAX_DRAWN = 1e307
"""Axes compute with differences and margins of numbers, which have to be finite, too."""


def bulk(values: Floats) -> tuple[float, float]:
    """Return the ends of the values, or of their bulk where a few lie very far out."""
    if len(values) == 0:
        return 0.0, 1.0
    with np.errstate(all="ignore"):
        low, q1, q3, high = (float(q) for q in np.quantile(values, [0, 0.25, 0.75, 1]))
        reach = MAX_SPREAD * ((q3 - q1) or max(abs(q1), 1.0))
    return max(low, q1 - reach), min(high, q3 + reach)


def colour_limits(values: Floats, smaller_is_better: bool) -> tuple[float, float]:
    """Return the ends of a colour scale that tells good values apart; values beyond its bad end have its colour."""
    if len(values) == 0:
        return 0.0, 1.0
    with np.errstate(all="ignore"):
        low, q1, q3, high = (float(q) for q in np.quantile(values, [0, 0.25, 0.75, 1]))
        reach = 1.5 * (q3 - q1)
    if not 0.0 < reach < math.inf:
        return bulk(values)
    return (low, min(high, q3 + reach)) if smaller_is_better else (max(low, q1 - reach), high)


def close_up(values: Floats) -> tuple[float, float] | None:
    """Return the range that an axis of values needs when a few lie so far out that they would hide the others."""
    if len(values) == 0:
        return None
    low, high = bulk(values)
    if low == values.min() and high == values.max():
        return None
    near = values[(values >= low) & (values <= high)]
    margin = 0.05 * (float(np.ptp(near)) or 1.0)
    return float(near.min()) - margin, float(near.max()) + margin


def history_span(values: Floats, pruned: Floats) -> tuple[float, float] | None:
    """Return the range of a history's axis. None: as it comes.

    Reports of PRUNED trials ``(k,)`` do not stretch it, unless most of the picture would lie outside.
    """
    span = close_up(values)
    if not len(values) or not len(pruned):
        return span
    low, high = span or (float(values.min()), float(values.max()))
    hidden = int(np.sum((pruned < low) | (pruned > high)))
    if hidden == 0:
        return span
    if hidden > MAX_HIDDEN * (len(values) + len(pruned)):
        return close_up(np.concatenate([values, pruned]))
    if span is not None:
        return span
    margin = 0.06 * ((high / 2.0 - low / 2.0) * 2.0 or abs(high) or 1.0)
    return low - margin, high + margin


def as_studies(studies: Studies) -> list[Study]:
    """Return a list of studies from one or several."""
    return [studies] if isinstance(studies, Study) else list(studies)


def check_target(study: Study, target: Target | None) -> None:
    """Check that one number can be plotted for each trial.

    Raises:
        ValueError: The study has several objectives and no target says which is meant.
    """
    if target is None and len(study.directions) > 1:
        raise ValueError(
            "If the `study` is being used for multi-objective optimization, please specify the `target`, "
            "for example target=lambda t: t.values[0] for the first objective."
        )


def value_of(trial: FrozenTrial, target: Target | None) -> float:
    """Return the number to be plotted for a trial; NaN when there is none."""
    if target is not None:
        return drawable(float(target(trial)))
    return drawable(float(trial.values[0])) if trial.values else math.nan


def drawable(value: float) -> float:
    """Return a finite number as it is plotted: at most :data:`MAX_DRAWN` from 0."""
    return value if -MAX_DRAWN <= value <= MAX_DRAWN or not math.isfinite(value) else math.copysign(MAX_DRAWN, value)


def configurations_of(study: Study, *states: TrialState) -> list[FrozenTrial]:
    """Return the latest attempt of each configuration, with the number of the first one; only those in some states."""
    latest = latest_attempts(study.get_trials(deepcopy=False))
    return [trial for trial in latest if not states or trial.state in states]


def plotted_trials(study: Study, target: Target | None) -> list[FrozenTrial]:
    """Return the COMPLETE trials with a finite value."""
    return [trial for trial in configurations_of(study, TrialState.COMPLETE) if math.isfinite(value_of(trial, target))]


def is_feasible(trial: FrozenTrial) -> bool:
    """Return whether a trial is feasible."""
    return satisfied(trial.constraints.values())


def minimises(study: Study, target: Target | None) -> bool:
    """Return whether small plotted values are the good ones (always, for a target that is no objective)."""
    if isinstance(target, ObjectiveTarget):
        return target.direction is not StudyDirection.MAXIMIZE
    return target is not None or study.directions[0] is not StudyDirection.MAXIMIZE
