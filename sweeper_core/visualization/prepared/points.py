"""Trials with their values and the axes of their parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sweeper_core.importance.evaluate import get_param_importances
from sweeper_core.study.study import Study
from sweeper_core.trial.frozen import FrozenTrial
from sweeper_core.visualization.prepared.axes import Axis, axis_of
from sweeper_core.visualization.prepared.values import (
    Floats,
    Target,
    check_target,
    colour_limits,
    minimises,
    plotted_trials,
    value_of,
)

MAX_IN_MATRIX = 6
"""Parameters in a matrix of pairs; more cannot be read."""
MAX_IN_ROW = 12
"""Parameters side by side in a slice plot or on parallel axes."""


@dataclass(frozen=True)
class Points:
    """Trials with a value each, and the axes of their parameters.

    Attributes:
        omitted: How many parameters are left out because they would not be readable.
    """

    numbers: tuple[int, ...]
    values: Floats
    axes: tuple[Axis, ...]
    smaller_is_better: bool
    omitted: int = 0

    @property
    def limits(self) -> tuple[float, float]:
        """Ends of the colour scale: the best value, and Tukey's fence on the other side."""
        return colour_limits(self.values, self.smaller_is_better)

    @property
    def best_last(self) -> npt.NDArray[np.int64]:
        """The order in which lines are drawn: the best on top."""
        order = np.argsort(self.values)
        return order[::-1] if self.smaller_is_better else order

    @property
    def clipped(self) -> Floats:
        """``(n,)`` values within the limits."""
        return np.clip(self.values, *self.limits)

    @property
    def note(self) -> str:
        """A line for the title when parameters were left out."""
        if not self.omitted:
            return ""
        shown = len(self.axes)
        return f" (the {shown} most important of {shown + self.omitted} parameters)"


def points(study: Study, params: Sequence[str] | None, target: Target | None, most: int) -> Points:
    """Return trials with their parameters' axes.

    Args:
        params: Names to show; None takes all, or the ``most`` important ones when there are more.
        most: How many can be read.

    Raises:
        ValueError: A name is unknown to every trial with a value.
    """
    check_target(study, target)
    trials = plotted_trials(study, target)
    names, omitted = _choose(study, trials, params, target, most)
    values = np.array([value_of(trial, target) for trial in trials])
    axes = tuple(axis_of(name, trials) for name in names)
    numbers = tuple(trial.number for trial in trials)
    return Points(numbers, values, axes, minimises(study, target), omitted)


def _choose(
    study: Study, trials: Sequence[FrozenTrial], params: Sequence[str] | None, target: Target | None, most: int
) -> tuple[list[str], int]:
    known = sorted({name for trial in trials for name in trial.params})
    if params is not None:
        unknown = [name for name in params if name not in known]
        if unknown and trials:
            raise ValueError(f"Parameter {unknown[0]} does not exist in your study. It has: {', '.join(known)}.")
        return [name for name in dict.fromkeys(params) if name in known], 0
    if len(known) <= most:
        return known, 0
    chosen = list(get_param_importances(study, target=target))[:most]
    return sorted(chosen), len(known) - most


def ranks(values: Floats) -> Floats:
    """Return each value's rank in [0, 1], 0 for the smallest; equal values share their mean rank."""
    from scipy.stats import rankdata

    if len(values) < 2:
        return np.zeros(len(values))
    return np.asarray((rankdata(values) - 1) / (len(values) - 1))
