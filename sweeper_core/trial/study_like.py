"""The study as passed to users' samplers and pruners: protocols, so that lower layers need not import ``Study``."""

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
    """The data on which a built-in sampler or pruner, called by a user's class, decides for a trial.

    Attributes:
        history: The trials before it.
        joint: The parameters that all finished trials share.
        curves: All learning curves.
    """

    history: History
    joint: Mapping[str, BaseDistribution]
    curves: LearningCurves


class HasDirections(Protocol):
    """The part of a study that operators of genetic algorithms use."""

    @property
    def directions(self) -> Sequence[StudyDirection]: ...


class StudyLike(Protocol):
    """The part of a study that samplers and pruners use. Every call returns the current state."""

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
        """Return the data for a decision about trial ``number``."""

    def set_system_attr(self, key: str, value: Any) -> None:
        """Store a system attribute of the study."""

    def set_trial_system_attr(self, number: int, key: str, value: Any) -> None:
        """Store a system attribute of a running trial."""
