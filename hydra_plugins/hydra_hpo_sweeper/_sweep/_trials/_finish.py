"""Finish trials in the study, and decide which of them are tried again."""

from __future__ import annotations

import logging
import time
from dataclasses import replace

from hydra_plugins.hydra_hpo_sweeper._config._settings import Settings
from hydra_plugins.hydra_hpo_sweeper._errors import in_short
from hydra_plugins.hydra_hpo_sweeper._sweep._preparation._opening import Opened
from hydra_plugins.hydra_hpo_sweeper._sweep._trials._jobs import RunningTrial
from hydra_plugins.hydra_hpo_sweeper._sweep._trials._trial_result import TrialResult, given_up
from sweeper_core.storages import repeats
from sweeper_core.trial.attempts import count_raised
from sweeper_core.trial.attrs import LOST, OOM, RAISED, SMALLER, STOPPED
from sweeper_core.trial.data import TrialData

log = logging.getLogger("hydra_plugins.hydra_hpo_sweeper")


class Finisher:
    """Writes the results of trials to the study; those that are to be tried again as lost, which continues them."""

    def __init__(self, settings: Settings, opened: Opened) -> None:
        self._settings = settings
        self._session = opened.session
        self._lease = opened.lease
        self.retried = False
        """Whether the last trial that was finished is tried again."""

    def finish(self, trial: RunningTrial, result: TrialResult) -> tuple[int, TrialResult] | None:
        """End a trial.

        Returns:
            The number of the trial that has the result (a retry's, where the trial was stale), and the stored result;
            None when it came too late.
        """
        number = trial.number
        stopped = any(done.end == "stopped" for done in trial.results)
        result = self._tried_again(number, result)
        smaller = result.lost and OOM in result.attrs
        raised = result.lost and RAISED in result.attrs
        self.retried = smaller or raised or (result.lost and (stopped or self._goes_on(number)))
        if result.lost and not self.retried:
            result = given_up(result)
        if stopped:
            result = replace(result, attrs={**result.attrs, STOPPED: True})
        data = TrialData(user_attrs=result.user_attrs, system_attrs=result.attrs)
        if not trial.stored and not self._session.finish(number, result.state, result.values, data):
            shown = trial.configuration
            log.warning("Trial %d was failed as stale before its job ended; what it returned is left out.", shown)
            return None
        # The following steps may fail when the storage becomes unreachable, and are then repeated.
        trial.stored = True
        if result.failure is None:
            return self._counts_as(trial, result), result
        if result.lost:
            self._session.log.sync()  # so that the next reservation finds it
        again = "its parameters will be tried again" if raised else "goes on where it stopped"
        if smaller:
            again = "it is tried again with " + ", ".join(
                f"{key}={value}" for key, value in result.attrs[SMALLER].items()
            )
        _warn(trial.configuration, result, again if self.retried else "", stopped)
        return number, result

    def _goes_on(self, number: int) -> bool:
        """Return whether a lost trial will be continued by the next reservation, of any process."""
        self._session.log.sync()
        return self._session.continuations.may_retry(number, self._settings.max_retries)

    def _tried_again(self, number: int, result: TrialResult) -> TrialResult:
        """Return the result of a trial; of one that failed, below the limit of retries, as lost, to be continued."""
        most = self._settings.max_retries_failed
        if result.failure is None or result.lost or not most:
            return result
        self._session.log.sync()
        if count_raised(self._session.log.attempts_until(number)) >= most:
            return result
        return replace(result, attrs={**result.attrs, LOST: True, RAISED: True}, lost=True)

    def _counts_as(self, trial: RunningTrial, result: TrialResult) -> int:
        """Return the number of the trial that has the result: a retry's, if this one was failed as stale meanwhile."""
        number = trial.number
        if self._lease is None or time.time() - trial.begun < self._lease.grace:
            return number
        if self._session.log.record(number).state is result.state:
            return number
        retry = next((r.number for r in self._session.log.records if repeats(r.system_attrs, number)), number)
        shown = trial.configuration
        log.info("Trial %d was failed as stale before its job ended; its result counts by attempt %d.", shown, retry)
        return retry


def _warn(number: int, result: TrialResult, again: str, stopped: bool) -> None:
    how = "was lost: " if result.lost and result.attrs.keys().isdisjoint((OOM, RAISED)) else "failed: "
    how = "was stopped" if stopped else how + in_short(str(result.failure))
    log.warning("Trial %d %s%s", number, how, f"; {again}" if again else "")
