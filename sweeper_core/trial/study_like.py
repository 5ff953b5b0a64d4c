"""What samplers and pruners of users are handed as the study, described here because they stand below it."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sweeper_core.directions import StudyDirection
from sweeper_core.distributions import BaseDistribution
from sweeper_core.trial.curves import LearningCurves
from sweeper_core.trial.frozen import FrozenTrial
from sweeper_core.trial.history import History
from sweeper_core.trial.state import TrialState


@dataclass(frozen=True)
class Known:
    """What a built-in sampler or pruner, called by a user's class, knows when it decides for a trial.

    Attributes:
        history: The trials before it.
        joint: The parameters that all finished trials share.
        curves: All learning curves.
    """

    history: History
    joint: Mapping[str, BaseDistribution]
    curves: LearningCurves


class HasDirections(Protocol):
    """As much of a study as operators of genetic algorithms see."""

    @property
    def directions(self) -> Sequence[StudyDirection]: ...


class StudyLike(Protocol):
    """A study, as far as samplers and pruners are concerned. Everything is as of the moment of the call."""

    @property
    def study_name(self) -> str: ...
    @property
    def directions(self) -> list[StudyDirection]: ...
    @property
    def direction(self) -> StudyDirection: ...
    @property
    def user_attrs(self) -> dict[str, Any]: ...
    @property
    def system_attrs(self) -> dict[str, Any]: ...
    @property
    def trials(self) -> list[FrozenTrial]: ...
    @property
    def best_trial(self) -> FrozenTrial: ...
    @property
    def best_trials(self) -> list[FrozenTrial]: ...

    def get_trials(self, deepcopy: bool = True, states: Container[TrialState] | None = None) -> list[FrozenTrial]: ...

    def known_to(self, number: int) -> Known:
        """Return what is known when something is decided for trial ``number``."""

    def set_system_attr(self, key: str, value: Any) -> None:
        """Store an attribute of the study that is not the user's."""

    def set_trial_system_attr(self, number: int, key: str, value: Any) -> None:
        """Store an attribute of a running trial that is not the user's."""
