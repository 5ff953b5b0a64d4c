"""Trials as a history, for the models behind the evaluators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sweeper_core.directions import StudyDirection
from sweeper_core.search_space.intersection import intersection_search_space
from sweeper_core.search_space.space import SearchSpace
from sweeper_core.trial.frozen import FrozenTrial
from sweeper_core.trial.history import History, TrialTable
from sweeper_core.trial.state import TrialState


def complete(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Return the COMPLETE trials.

    Raises:
        ValueError: There are none.
    """
    found = [trial for trial in trials if trial.state is TrialState.COMPLETE]
    if not found:
        raise ValueError("No trial is complete yet, so the improvement cannot be evaluated.")
    return found


def best_of(trials: Sequence[FrozenTrial], direction: StudyDirection) -> FrozenTrial:
    """Return the best trial, the earliest of equals."""
    return min(trials, key=lambda trial: (trial.values or [0.0])[0] * direction.sign)


def modelled(
    trials: Sequence[FrozenTrial], direction: StudyDirection, seed: int | None
) -> tuple[History, SearchSpace, np.random.Generator]:
    """Return the trials' history, the space of the parameters that they share, and a generator.

    Raises:
        ValueError: They share no parameter.
    """
    space = SearchSpace.of(intersection_search_space(trials))
    if len(space) == 0:
        raise ValueError("The complete trials share no parameter, so the improvement cannot be evaluated.")
    table = TrialTable((direction,))
    table.fold(replace(trial.to_record(), number=number) for number, trial in enumerate(trials))
    return table.history(), space, np.random.default_rng(seed)
