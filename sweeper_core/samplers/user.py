"""The base class for users' samplers, which get the study and the trial.

Built-in samplers have the same methods, so that a user's class can delegate to one, or subclass it and override
a method.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from sweeper_core.distributions import BaseDistribution
from sweeper_core.trial.frozen import FrozenTrial
from sweeper_core.trial.state import TrialState
from sweeper_core.trial.study_like import StudyLike


class BaseSampler(ABC):
    """Base class of samplers.

    For each trial, :meth:`before_trial` is called when it starts. At the trial's first suggest call,
    :meth:`infer_relative_search_space` returns the parameters to be suggested together and :meth:`sample_relative`
    suggests them; :meth:`sample_independent` suggests every other parameter when the trial requests it.
    :meth:`after_trial` is called before the end is stored.

    In all methods ``study`` is the :class:`Study` and ``trial`` a :class:`FrozenTrial` of the running trial.
    """

    def __str__(self) -> str:
        return type(self).__name__

    @abstractmethod
    def infer_relative_search_space(self, study: StudyLike, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return the parameters to be suggested together; ``{}`` for none."""

    @abstractmethod
    def sample_relative(
        self, study: StudyLike, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return values for parameters of ``search_space``, which :meth:`infer_relative_search_space` returned."""

    @abstractmethod
    def sample_independent(
        self, study: StudyLike, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Return a value for one parameter."""

    def before_trial(self, study: StudyLike, trial: FrozenTrial) -> None:  # noqa: B027 (optional)
        """Prepare for a trial that has just started."""

    def after_trial(  # noqa: B027 (optional)
        self, study: StudyLike, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """Learn from a trial that ends; its state is not stored yet."""

    def _raise_error_if_multi_objective(self, study: StudyLike) -> None:
        """Reject a study with several objectives; samplers written for Optuna call this method.

        Raises:
            ValueError: The study has several objectives.
        """
        if len(study.directions) > 1:
            raise ValueError(f"{self} is for studies with one objective, but this one has {len(study.directions)}.")

    def reseed_rng(self) -> None:  # noqa: B027 (optional)
        """Reseed the random generator, so that each of several threads has its own."""
