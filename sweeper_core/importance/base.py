"""The contract of importance evaluators, and the selection of their trials."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from sweeper_core.study.study import Study
from sweeper_core.trial.frozen import FrozenTrial
from sweeper_core.trial.state import TrialState

Target = Callable[[FrozenTrial], float]


class BaseImportanceEvaluator(ABC):
    """Base of all importance evaluators."""

    @abstractmethod
    def evaluate(
        self, study: Study, params: list[str] | None = None, *, target: Target | None = None
    ) -> dict[str, float]:
        """Return the importance of each parameter, the largest first; not normalised.

        Args:
            study: The study to evaluate.
            params: Names to assess; None lets the evaluator choose.
            target: Function of a trial to explain instead of the objective value.
        """


def completed_trials(study: Study) -> list[FrozenTrial]:
    """Return the COMPLETE trials."""
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))


def finite_trials(study: Study, target: Target | None) -> list[FrozenTrial]:
    """Return the COMPLETE trials whose value (or target) is finite."""
    return [trial for trial in completed_trials(study) if _is_finite(trial, target)]


def _is_finite(trial: FrozenTrial, target: Target | None) -> bool:
    if target is not None:
        return math.isfinite(target(trial))
    return trial.values is not None and all(map(math.isfinite, trial.values))


def check_params(study: Study, params: Sequence[str] | None) -> None:
    """Check the names of requested parameters.

    Raises:
        TypeError: They are not a list of strings.
        ValueError: No completed trial has one of them.
    """
    if params is None:
        return
    if not isinstance(params, (list, tuple)) or not all(isinstance(name, str) for name in params):
        raise TypeError(f"`params` must be a list of parameter names, but got {params!r}.")
    known = {name for trial in completed_trials(study) for name in trial.distributions}
    missing = [name for name in params if name not in known]
    if missing:
        raise ValueError(
            f"Study must contain completed trials with all specified parameters, but none has {missing}. "
            f"Parameters known: {sorted(known)}."
        )


def largest_first(importances: dict[str, float]) -> dict[str, float]:
    """Return the same entries in descending order."""
    return dict(sorted(importances.items(), key=lambda item: -item[1]))
