"""The source of a run's trials: it reserves the study's next trial until a stop rule applies."""

from __future__ import annotations

import logging

from hydra_plugins.hydra_hpo_sweeper._errors import in_short
from hydra_plugins.hydra_hpo_sweeper._lanes._base import Job, JobResult, failure_of
from hydra_plugins.hydra_hpo_sweeper._sweep._preparation._setup import Setup
from hydra_plugins.hydra_hpo_sweeper._sweep._stopping._stop import StopRules
from hydra_plugins.hydra_hpo_sweeper._sweep._trials._jobs import JobPlan, RunningTrial
from sweeper_core.exceptions import SearchSpaceExhausted, StorageInternalError
from sweeper_core.study._session.session import Started
from sweeper_core.trial.attrs import CONTINUES
from sweeper_core.trial.state import TrialState

log = logging.getLogger("hydra_plugins.hydra_hpo_sweeper")


class TrialSource:
    """Starts trials, and makes their jobs."""

    def __init__(self, setup: Setup, rules: StopRules, jobs: JobPlan) -> None:
        self._setup = setup
        self._session = setup.opened.session
        self._settings = setup.settings
        self._rules = rules
        self._jobs = jobs
        self._tally = setup.tally
        self._origin = ""
        self._schedules = setup.settings.scheduler is not None

    def next(self) -> RunningTrial | None:
        """Start the next trial; None when none is to be started.

        A trial for which the user's own function raised has a result, and no jobs.
        """
        may_go_on = self._rules.may_continue if self._schedules else self._rules.may_start
        while may_go_on():
            try:
                started = self._ask(self._rules.left != 0)
            except ValueError as error:
                # A point that waited does not fit the search space of today; it has failed, and the next one is due.
                log.warning("%s", in_short(str(error)))
                self._tally.refused(str(error))
                continue
            if started is None:
                self._rules.nothing_left = not self._schedules  # else it depends on what runs
                return None
            self._tally.started += not self._was_paused(started)
            self._say_algorithm(started)
            if started.number != started.configuration:
                at = f" after step {started.step}" if started.first_step else " from its beginning"
                log.info("Trial %d goes on%s.", started.configuration, at)
            return self._prepared(started)
        return None

    def _was_paused(self, started: Started) -> bool:
        """Return whether a trial continues one that the scheduler paused."""
        earlier = started.system_attrs.get(CONTINUES)
        record = None if earlier is None else self._session.log.get(earlier)
        return record is not None and record.state is TrialState.PRUNED

    def _ask(self, may_begin: bool) -> Started | None:
        limit = self._settings.max_trials
        try:
            started = self._session.start(
                self._setup.plan.space,
                limit=limit,
                lease=self._setup.opened.lease,
                budget=self._rules.budget(self._session.log.n_configurations),
                distinct=self._settings.custom_search_space is None,
                max_retries=self._settings.max_retries,
                may_begin=may_begin,
            )
        except SearchSpaceExhausted:
            self._tally.say_once("Every point of the search space has been tried.")
            return None
        if started is None and not self._schedules:
            self._tally.say_once(f"The study has its {limit} trials (hydra.sweeper.max_trials).")
        return started

    def _say_algorithm(self, started: Started) -> None:
        """Log which algorithm suggests from now on, and why, where the sampler chooses among several."""
        origin, why = started.suggestion.origin, started.suggestion.why.partition(";")[0]
        # A point that comes from the priors is drawn by whichever algorithm suggests.
        if not why or origin in ("enqueued", "prior", self._origin):
            return
        from sweeper_core.samplers import AutoSampler  # brings all that it chooses among; most samplers give no reason

        if isinstance(self._settings.sampler, AutoSampler):
            self._origin = origin
            log.info("From trial %d on, the sampler is %s: %s.", started.number, origin, why)

    def _prepared(self, started: Started) -> RunningTrial:
        try:
            return self._jobs.prepare(started)
        except StorageInternalError:
            raise
        except Exception as error:
            done = JobResult(Job(started.configuration, ()), "raised", failure=failure_of(error))
            return RunningTrial(started, dict(started.params), results=[done])
