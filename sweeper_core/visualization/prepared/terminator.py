"""What a terminator would have seen after each trial."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sweeper_core.study.study import Study
from sweeper_core.terminator.erroreval import BaseErrorEvaluator, CrossValidationErrorEvaluator, StaticErrorEvaluator
from sweeper_core.terminator.improvement.evaluator import (
    DEFAULT_MIN_N_TRIALS,
    BaseImprovementEvaluator,
    BestValueStagnationEvaluator,
    RegretBoundEvaluator,
)
from sweeper_core.trial.state import TrialState
from sweeper_core.visualization.prepared.style import PALETTE
from sweeper_core.visualization.prepared.values import Floats

__all__ = ["DEFAULT_MIN_N_TRIALS", "Improvements", "Line", "improvements"]

PALE = 0.3
"""Opacity of what a terminator does not judge."""


@dataclass(frozen=True)
class Line:
    """One part of a curve, of one opacity; each curve's last part is opaque."""

    name: str
    numbers: Sequence[int]
    values: Floats
    colour: str
    opacity: float


@dataclass(frozen=True)
class Improvements:
    """Possible improvement after each complete trial, and the error beside it.

    Attributes:
        numbers: Of the complete trials.
        errors: None where they are not shown.
        early: How many of the first trials a terminator does not judge.
    """

    numbers: Sequence[int]
    values: Floats
    errors: Floats | None
    early: int

    def lines(self) -> Iterator[Line]:
        """Yield the curves in parts: the paler one of the first trials, and the others."""
        parts = ((slice(0, self.early), PALE), (slice(max(self.early - 1, 0), None), 1.0))
        curves = (("Terminator Improvement", self.values, PALETTE[0]), ("Error", self.errors, PALETTE[1]))
        for name, values, colour in curves:
            for part, opacity in parts if values is not None else ():
                if values is not None and len(values[part]):
                    yield Line(name, self.numbers[part], values[part], colour, opacity)


def improvements(
    study: Study,
    plot_error: bool,
    improvement_evaluator: BaseImprovementEvaluator | None,
    error_evaluator: BaseErrorEvaluator | None,
    min_n_trials: int,
) -> Improvements:
    """Return what a terminator would have seen.

    Raises:
        ValueError: The study has several objectives.
    """
    if len(study.directions) > 1:
        raise ValueError("This function does not support multi-objective optimization study.")
    improvement = improvement_evaluator or RegretBoundEvaluator()
    stagnates = isinstance(improvement, BestValueStagnationEvaluator)
    error = error_evaluator or (StaticErrorEvaluator(0.0) if stagnates else CrossValidationErrorEvaluator())
    trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    heads = [trials[:count] for count in range(1, len(trials) + 1)]
    values = np.array([improvement.evaluate(head, study.direction) for head in heads], dtype=float)
    errors = np.array([error.evaluate(head, study.direction) for head in heads]) if plot_error else None
    return Improvements([trial.number for trial in trials], values, errors, max(min_n_trials - 1, 0))
