"""Learning curves of some trials."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sweeper_core.study.study import Study
from sweeper_core.trial.frozen import FrozenTrial
from sweeper_core.trial.metrics import metric_curves
from sweeper_core.trial.state import TrialState
from sweeper_core.visualization.prepared.values import configurations_of

MAX_CURVES = 300


@dataclass(frozen=True)
class Curves:
    """Learning curves of some of ``total`` trials: each a trial's number, state, steps and values."""

    curves: tuple[tuple[int, TrialState, tuple[int, ...], tuple[float, ...]], ...]
    total: int

    @property
    def note(self) -> str:
        """A line for the title when trials were left out."""
        return f" ({len(self.curves)} of {self.total} trials)" if len(self.curves) < self.total else ""


def curves(study: Study, metric: str | None = None) -> Curves:
    """Return the learning curves; of very many, the best tenth part and an even selection of the others.

    Args:
        metric: Which of several metrics that were reported together; None: the one that pruners judge.

    Raises:
        ValueError: No trial has reported the metric.
    """
    trials = [
        trial
        for trial in configurations_of(study)
        if trial.intermediate_values and trial.state is not TrialState.WAITING
    ]
    if metric is not None:
        known = sorted({name for trial in trials for name in metric_curves(trial)})
        trials = [trial for trial in trials if metric in metric_curves(trial)]
        if not trials:
            raise ValueError(f"No trial has reported the metric {metric!r}; reported are {', '.join(known) or 'none'}.")
    chosen = trials if len(trials) <= MAX_CURVES else _selection(study, trials)
    drawn = []
    for trial in chosen:
        curve = sorted(trial.intermediate_values.items()) if metric is None else metric_curves(trial)[metric]
        drawn.append((trial.number, trial.state, tuple(step for step, _ in curve), tuple(value for _, value in curve)))
    return Curves(tuple(drawn), len(trials))


def _selection(study: Study, trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    sign = study.directions[0].sign
    finite = [t for t in trials if math.isfinite(t.intermediate_values[max(t.intermediate_values)])]
    best = sorted(finite, key=lambda t: sign * t.intermediate_values[max(t.intermediate_values)])[: MAX_CURVES // 10]
    kept = {trial.number for trial in best}
    others = [trial for trial in trials if trial.number not in kept]
    every = np.linspace(0, len(others) - 1, MAX_CURVES - len(best)).astype(int)
    kept |= {others[index].number for index in every}
    return [trial for trial in trials if trial.number in kept]
