"""Learning curves of some trials."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sweeper_core.directions import StudyDirection
from sweeper_core.study.study import Study
from sweeper_core.trial.frozen import FrozenTrial
from sweeper_core.trial.metrics import metric_curves
from sweeper_core.trial.state import TrialState
from sweeper_core.visualization.prepared.style import PALETTE, SCALE_COLOURS
from sweeper_core.visualization.prepared.values import configurations_of, drawable

MAX_CURVES = 300
MAX_NAMED = 30
"""With more curves a colour for each says nothing; then it is the place of its last value among the others."""


@dataclass(frozen=True)
class Curves:
    """Learning curves of some of ``total`` trials: each a trial's number, state, steps and values.

    Attributes:
        smaller_is_better: What the values are ranked by where colours are ranks.
    """

    curves: tuple[tuple[int, TrialState, tuple[int, ...], tuple[float, ...]], ...]
    total: int
    smaller_is_better: bool = True

    @property
    def note(self) -> str:
        """A line for the title when trials were left out, or when colours are ranks."""
        left_out = f"{len(self.curves)} of {self.total} trials" if len(self.curves) < self.total else ""
        said = [left_out, "" if self.named else "the darker, the better at the end"]
        return f" ({'; '.join(filter(None, said))})" if any(said) else ""

    @property
    def named(self) -> bool:
        """Whether each curve has a colour of its own."""
        return len(self.curves) <= MAX_NAMED

    @property
    def colours(self) -> list[str]:
        """The colour of each curve."""
        if self.named:
            return [PALETTE[number % 7] for number, *_ in self.curves]
        last = np.array([values[-1] for *_, values in self.curves])
        finite = np.where(np.isfinite(last), last, np.inf if self.smaller_is_better else -np.inf)
        places = np.argsort(np.argsort(finite if self.smaller_is_better else -finite, kind="stable"))
        return [SCALE_COLOURS[len(SCALE_COLOURS) * place // len(places)] for place in places]


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
        drawn.append(
            (trial.number, trial.state, tuple(step for step, _ in curve), tuple(drawable(value) for _, value in curve))
        )
    smaller = study.directions[0] is StudyDirection.MINIMIZE
    return Curves(tuple(drawn), len(trials), smaller)


def _selection(study: Study, trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    sign = study.directions[0].sign
    finite = [t for t in trials if math.isfinite(t.intermediate_values[max(t.intermediate_values)])]
    best = sorted(finite, key=lambda t: sign * t.intermediate_values[max(t.intermediate_values)])[: MAX_CURVES // 10]
    kept = {trial.number for trial in best}
    others = [trial for trial in trials if trial.number not in kept]
    every = np.linspace(0, len(others) - 1, MAX_CURVES - len(best)).astype(int)
    kept |= {others[index].number for index in every}
    return [trial for trial in trials if trial.number in kept]
