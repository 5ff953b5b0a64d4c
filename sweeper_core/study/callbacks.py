"""Callbacks for ``Study.optimize``."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from sweeper_core.trial.frozen import FrozenTrial
from sweeper_core.trial.state import TrialState


class MaxTrialsCallback:
    """Stops the study once it has a number of trials, of this or other processes.

    Args:
        n_trials: Number of trials.
        states: Trials in these states count; None counts all.
    """

    def __init__(self, n_trials: int, states: Container[TrialState] | None = (TrialState.COMPLETE,)) -> None:
        self._n_trials = n_trials
        self._states = states

    def __call__(self, study: Any, trial: FrozenTrial) -> None:
        """Stop ``study`` when it has enough trials."""
        if len(study.get_trials(deepcopy=False, states=self._states)) >= self._n_trials:
            study.stop()
