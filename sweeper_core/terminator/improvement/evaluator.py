"""Upper bounds of what further trials can improve."""

from __future__ import annotations

from abc import ABC, abstractmethod

from sweeper_core.directions import StudyDirection
from sweeper_core.samplers._gp.regret import regret_bound
from sweeper_core.terminator._trials import best_of, complete, modelled
from sweeper_core.trial.frozen import FrozenTrial

__all__ = ["BaseImprovementEvaluator", "BestValueStagnationEvaluator", "RegretBoundEvaluator"]

DEFAULT_TOP_TRIALS_RATIO = 0.5
DEFAULT_MIN_N_TRIALS = 20


class BaseImprovementEvaluator(ABC):
    """Evaluates how much a study with one objective may still improve."""

    @abstractmethod
    def evaluate(self, trials: list[FrozenTrial], study_direction: StudyDirection) -> float:
        """Return the potential improvement, in units of the objective (or of the evaluator's own)."""


class RegretBoundEvaluator(BaseImprovementEvaluator):
    """An upper bound of the best trial's regret under a Gaussian process (Makarova et al. 2022).

    Args:
        top_trials_ratio: The share of the complete trials, the best ones, that the process is fitted to.
        min_n_trials: Minimum number of trials that it is fitted to.
        seed: Seed of the search for the lowest confidence bound.
    """

    def __init__(
        self,
        top_trials_ratio: float = DEFAULT_TOP_TRIALS_RATIO,
        min_n_trials: int = DEFAULT_MIN_N_TRIALS,
        seed: int | None = None,
    ) -> None:
        self._top_trials_ratio = top_trials_ratio
        self._min_n_trials = min_n_trials
        self._seed = seed

    def evaluate(self, trials: list[FrozenTrial], study_direction: StudyDirection) -> float:
        """Return the bound.

        Raises:
            ValueError: No trial is complete, or the complete ones share no parameter.
        """
        ended = complete(trials)
        count = max(int(len(ended) * self._top_trials_ratio), self._min_n_trials)
        top = sorted(ended, key=lambda trial: (trial.values or [0.0])[0] * study_direction.sign)[:count]
        history, space, rng = modelled(sorted(top, key=lambda trial: trial.number), study_direction, self._seed)
        return regret_bound(history, space, rng)


class BestValueStagnationEvaluator(BaseImprovementEvaluator):
    """The number of trials that are left to improve on the best one.

    Args:
        max_stagnation_trials: Trials without improvement after which none are left.
    """

    def __init__(self, max_stagnation_trials: int = 30) -> None:
        if max_stagnation_trials < 0:
            raise ValueError(f"`max_stagnation_trials` must not be negative, but got {max_stagnation_trials}.")
        self._max_stagnation_trials = max_stagnation_trials

    def evaluate(self, trials: list[FrozenTrial], study_direction: StudyDirection) -> float:
        """Return ``max_stagnation_trials`` minus the number of complete trials since the best one.

        Raises:
            ValueError: No trial is complete.
        """
        ended = complete(trials)
        place = ended.index(best_of(ended, study_direction))
        return float(self._max_stagnation_trials - (len(ended) - 1 - place))
