"""The state of a trial."""

from __future__ import annotations

from enum import IntEnum


class TrialState(IntEnum):
    """State of a trial; the numbers are those of Optuna's journal format."""

    RUNNING = 0
    COMPLETE = 1
    PRUNED = 2
    FAIL = 3
    WAITING = 4

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        return f"TrialState.{self.name}"

    def is_finished(self) -> bool:
        """Return whether the trial will not change any more."""
        return 1 <= self <= 3
