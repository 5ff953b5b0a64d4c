"""The base class for users' genetic samplers: it counts generations and stores their parents."""

from __future__ import annotations

from abc import abstractmethod

from sweeper_core.samplers.user import BaseSampler
from sweeper_core.trial.frozen import FrozenTrial
from sweeper_core.trial.state import TrialState
from sweeper_core.trial.study_like import StudyLike

COMPLETE = (TrialState.COMPLETE,)


class BaseGASampler(BaseSampler):
    """Base class of users' genetic samplers.

    A generation ends when ``population_size`` of its trials are complete. Generations are stored in the trials'
    attributes and parents in the study's, under names that begin with the class's, so that all processes share
    them. The built-in genetic samplers do not use them: they replay their state from the history.

    Args:
        population_size: Number of complete trials of a generation; it must be set before the first suggestion.
    """

    def __init__(self, population_size: int | None) -> None:
        self._population_size = population_size

    @property
    def population_size(self) -> int | None:
        """Complete trials that make up a generation."""
        return self._population_size

    @population_size.setter
    def population_size(self, value: int) -> None:
        self._population_size = value

    @classmethod
    def _get_generation_key(cls) -> str:
        return f"{cls.__name__}:generation"

    @classmethod
    def _get_parent_cache_key_prefix(cls) -> str:
        return f"{cls.__name__}:parent:"

    @abstractmethod
    def select_parent(self, study: StudyLike, generation: int) -> list[FrozenTrial]:
        """Return the parents of a generation's trials; called once for each generation, from 1 on."""

    def get_trial_generation(self, study: StudyLike, trial: FrozenTrial) -> int:
        """Return the generation of a trial: the latest one, or the next when that has enough complete trials.

        Raises:
            ValueError: ``population_size`` is not set.
        """
        key = self._get_generation_key()
        if key in trial.system_attrs:
            return int(trial.system_attrs[key])
        if self._population_size is None:
            raise ValueError("A genetic sampler needs its `population_size`; set it before the first trial.")
        known = [other.system_attrs[key] for other in study.get_trials(states=COMPLETE) if key in other.system_attrs]
        latest = max(known, default=0)
        generation = int(latest + (known.count(latest) >= self._population_size))
        study.set_trial_system_attr(trial.number, key, generation)
        trial.system_attrs[key] = generation
        return generation

    def get_population(self, study: StudyLike, generation: int) -> list[FrozenTrial]:
        """Return the complete trials of a generation."""
        key = self._get_generation_key()
        return [trial for trial in study.get_trials(states=COMPLETE) if trial.system_attrs.get(key) == generation]

    def get_parent_population(self, study: StudyLike, generation: int) -> list[FrozenTrial]:
        """Return the parents of a generation, by number; none for the first."""
        if generation == 0:
            return []
        key = f"{self._get_parent_cache_key_prefix()}{generation}"
        numbers = study.system_attrs.get(key)
        if numbers is None:
            parents = self.select_parent(study, generation)
            study.set_system_attr(key, [trial.number for trial in parents])
            return parents
        trials = study.get_trials()
        return [trials[number] for number in sorted(numbers)]
