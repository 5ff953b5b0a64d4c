"""The base class for pruners that users write: it is handed the study and the trial."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from sweeper_core.trial.frozen import FrozenTrial


class BasePruner(ABC):
    """Base class of pruners."""

    @abstractmethod
    def prune(self, study: Any, trial: FrozenTrial) -> bool:
        """Return whether the trial should stop.

        Args:
            study: The :class:`Study`.
            trial: A copy of the running trial with its reports so far.
        """
