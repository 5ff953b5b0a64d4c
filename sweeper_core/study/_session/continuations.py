"""Continuations: configurations whose latest attempt was lost, or that the scheduler chooses.

This is the one place that decides whether a free lane continues a configuration or begins one.
"""

from __future__ import annotations

from sweeper_core.maths.quiet import quiet
from sweeper_core.schedulers.base import Continue, Decision, New, Scheduler, Vacancy
from sweeper_core.storages.base import Claim, Lease
from sweeper_core.study._session.log import TrialLog
from sweeper_core.trial.attempts import NOT_COUNTED, count_retries, made_progress
from sweeper_core.trial.attrs import FIXED_PARAMS
from sweeper_core.trial.record import TrialRecord


class Continuations:
    """Finds configurations that can be continued, and claims them.

    Args:
        log: The study's trials.
    """

    def __init__(self, log: TrialLog) -> None:
        self._log = log

    def claim(self, max_retries: int, *, limit: int | None = None, lease: Lease | None = None) -> Claim | None:
        """Begin the next attempt of the earliest lost configuration known; None without one.

        It does not access the storage when no trial was lost.

        Args:
            max_retries: See :meth:`may_retry`.
            limit, lease: See :meth:`~sweeper_core.storages.base.Storage.continue_trial`.
        """
        log = self._log
        log.sync_once()
        for number in sorted(log.statistics.lost):
            if self.may_retry(number, max_retries):
                claim = log.storage.continue_trial(log.study_id, number, limit=limit, lease=lease)
                log.sync()  # the trial was continued, here or elsewhere, and must not be tried again
                if claim is not None:
                    return claim
        return None

    def scheduled(self, scheduler: Scheduler | None, vacancy: Vacancy, lease: Lease | None = None) -> Claim | Decision:
        """Return the next attempt of the trial that a scheduler continues, or the scheduler's other decision.

        When another process has continued that trial first, the scheduler decides again.
        """
        log = self._log
        while scheduler is not None:
            log.sync()
            with log.lock:
                known = log.history()
                with quiet():
                    decision = scheduler.next(vacancy, known, log.curves)
            if not isinstance(decision, Continue):
                return decision
            claim = log.storage.continue_trial(log.study_id, log.attempts.latest(decision.number), lease=lease)
            log.sync()
            if claim is not None:
                return claim
        return New()

    def may_retry(self, number: int, max_retries: int) -> bool:
        """Return whether a trial that was lost, or is about to be recorded as lost, is to be continued.

        Args:
            max_retries: Maximum number of attempts without progress: those that reported a new step, or whose job was
                ended on purpose or is tried again smaller, do not count. 0 continues the latter only.
        """
        attempts = self._log.attempts_until(number)
        if not attempts or not _has_begun(attempts[-1]):
            return False  # it was lost before its parameters were suggested
        if not attempts[-1].system_attrs.keys().isdisjoint(NOT_COUNTED):
            return True
        return max_retries > 0 and count_retries(attempts) <= max_retries


def _has_begun(record: TrialRecord) -> bool:
    """Return whether a trial has begun its work: it has parameters, reports, or a checkpoint."""
    return bool(record.internals) or FIXED_PARAMS in record.system_attrs or made_progress(record)
