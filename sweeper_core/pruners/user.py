"""The base class for users' pruners, which get the study and the trial."""

from __future__ import annotations

from abc import ABC, abstractmethod

from sweeper_core.trial.frozen import FrozenTrial
from sweeper_core.trial.study_like import StudyLike


class BasePruner(ABC):
    """Base class of pruners."""

    @abstractmethod
    def prune(self, study: StudyLike, trial: FrozenTrial) -> bool:
        """Return whether the trial should stop.

        Args:
            study: The :class:`Study`.
            trial: A copy of the running trial with its reports so far.
        """
