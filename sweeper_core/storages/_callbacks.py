"""Callbacks for stale trials: trials whose process has died."""

from __future__ import annotations

import sys
from typing import Any

from sweeper_core.trial.attrs import OURS, RETRY_HISTORY, RETRY_OF
from sweeper_core.trial.frozen import FrozenTrial, create_trial
from sweeper_core.trial.state import TrialState


class RetryHeartbeatStaleTrialCallback:
    """Enqueues the parameters of a stale trial again.

    It is passed to a storage as ``heartbeat_stale_trial_callback``.

    Args:
        max_retry: Maximum number of retries of a trial; None for no limit.
        inherit_intermediate_values: Whether the new trial starts with the reports of the old one.
    """

    def __init__(self, max_retry: int | None = None, inherit_intermediate_values: bool = False) -> None:
        self._max_retry = max_retry
        self._inherit_intermediate_values = inherit_intermediate_values

    @property
    def retries_in_storage(self) -> int | None:
        """Number of retries that the storage may enqueue itself when it fails the trial; None to be called instead."""
        if self._inherit_intermediate_values or type(self).__call__ is not RetryHeartbeatStaleTrialCallback.__call__:
            return None
        return sys.maxsize if self._max_retry is None else self._max_retry

    def __call__(self, study: Any, trial: FrozenTrial) -> None:
        """Enqueue ``trial`` again, unless it has reached ``max_retry``."""
        history = [*self.retry_history(trial), trial.number]
        if self._max_retry is not None and len(history) > self._max_retry:
            return
        kept = {key: value for key, value in trial.system_attrs.items() if not key.startswith(OURS)}
        study.add_trial(
            create_trial(
                state=TrialState.WAITING,
                params=trial.params,
                distributions=trial.distributions,
                user_attrs=trial.user_attrs,
                system_attrs={RETRY_OF: trial.number, **kept, RETRY_HISTORY: history},
                intermediate_values=trial.intermediate_values if self._inherit_intermediate_values else None,
            )
        )

    @staticmethod
    def retried_trial_number(trial: FrozenTrial) -> int | None:
        """Return the number of the first attempt; None for a trial that is no retry."""
        number: int | None = trial.system_attrs.get(RETRY_OF)
        return number

    @staticmethod
    def retry_history(trial: FrozenTrial) -> list[int]:
        """Return the numbers of all earlier attempts, the first one first; [] for a trial that is no retry."""
        return list(trial.system_attrs.get(RETRY_HISTORY) or ())


class RetryFailedTrialCallback(RetryHeartbeatStaleTrialCallback):
    """The older name of :class:`RetryHeartbeatStaleTrialCallback`."""


def fail_stale_trials(study: Any) -> None:
    """Fail the running trials of a study whose processes are dead, and call the storage's callback for each.

    ``Study.optimize`` does this by itself.
    """
    study.fail_stale()
