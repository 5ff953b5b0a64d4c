"""The loop: a free lane is given the next trial; the result of a job that has ended is stored in the study."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from hydra.core.utils import configure_log

from hydra_plugins.hydra_hpo_sweeper._lanes._base import Job, JobResult, Lanes, write_trace
from hydra_plugins.hydra_hpo_sweeper._sweep._outage import Outage
from hydra_plugins.hydra_hpo_sweeper._sweep._output._progress import Progress
from hydra_plugins.hydra_hpo_sweeper._sweep._output._reporting import JobWarnings
from hydra_plugins.hydra_hpo_sweeper._sweep._output._watcher import Watcher
from hydra_plugins.hydra_hpo_sweeper._sweep._preparation._directory import DirectoryLost
from hydra_plugins.hydra_hpo_sweeper._sweep._preparation._setup import Setup
from hydra_plugins.hydra_hpo_sweeper._sweep._rebuild import save_anew
from hydra_plugins.hydra_hpo_sweeper._sweep._results._closing import say_how_it_went
from hydra_plugins.hydra_hpo_sweeper._sweep._results._files import SweepResult
from hydra_plugins.hydra_hpo_sweeper._sweep._stopping._enough import stopping_of
from hydra_plugins.hydra_hpo_sweeper._sweep._stopping._interrupt import Interrupt
from hydra_plugins.hydra_hpo_sweeper._sweep._stopping._stop import StopRules
from hydra_plugins.hydra_hpo_sweeper._sweep._trials._adoption import Adoption
from hydra_plugins.hydra_hpo_sweeper._sweep._trials._begun import BegunJobs
from hydra_plugins.hydra_hpo_sweeper._sweep._trials._costs import Meter, charged, note_of
from hydra_plugins.hydra_hpo_sweeper._sweep._trials._fidelity import Climber
from hydra_plugins.hydra_hpo_sweeper._sweep._trials._finish import Finisher
from hydra_plugins.hydra_hpo_sweeper._sweep._trials._jobs import JobPlan, RunningTrial
from hydra_plugins.hydra_hpo_sweeper._sweep._trials._lost import LostTrials
from hydra_plugins.hydra_hpo_sweeper._sweep._trials._repeats import is_clearly_bad
from hydra_plugins.hydra_hpo_sweeper._sweep._trials._smaller import Smaller
from hydra_plugins.hydra_hpo_sweeper._sweep._trials._source import TrialSource
from hydra_plugins.hydra_hpo_sweeper._sweep._trials._trial_result import (
    Judge,
    ended_from_outside,
    further_metrics,
    has_nan,
    pruned,
    why_pruned,
)
from hydra_plugins.hydra_hpo_sweeper._sweep._workers._worker_role import limits_of
from sweeper_core.exceptions import StorageInternalError
from sweeper_core.trial.attempts import new_steps
from sweeper_core.trial.state import TrialState

log = logging.getLogger("hydra_plugins.hydra_hpo_sweeper")

PATIENCE = 0.5
"""Polling interval in seconds for the clock and interrupts while jobs run."""


class SweepFailed(Exception):
    """Too many trials failed."""


class Run:
    """One run of a study: from the first trial that it starts to the last one that it finishes.

    Args:
        adoption: Takes over the trials of dead runs, which come first.
        source: Returns the next new trial to run, or None; by default the study's next ones.
    """

    def __init__(
        self,
        setup: Setup,
        jobs: JobPlan,
        interrupt: Interrupt,
        progress: Progress,
        adoption: Adoption,
        source: Callable[[], RunningTrial | None] | None = None,
        smaller: Smaller | None = None,
    ) -> None:
        self.setup = setup
        self.settings = setup.settings
        self.session = setup.opened.session
        self.jobs = jobs
        self.smaller = smaller
        self.interrupt = interrupt
        self.progress = progress
        self.stopping = stopping_of(setup, lambda: self.rules.left)
        steps = new_steps if self.settings.ladder is None else self.settings.ladder.spent
        self.rules = StopRules(
            self.settings,
            setup.tally,
            interrupt,
            lambda: steps(self.session.log.records),
            self.stopping.reason,
            self.session.costs,
            limits_of(setup),
        )
        self.climber = Climber(self.settings, self.session, jobs, interrupt, self.rules.may_continue)
        self.adoption = adoption
        self._source = TrialSource(setup, self.rules, jobs).next if source is None else source
        self.begun = BegunJobs(self.session, bool(setup.opened.lease and setup.opened.lease.elsewhere))
        self.finisher = Finisher(self.settings, setup.opened)
        self.judge = Judge.of(self.settings, setup.plan)
        self.outage = Outage(self.settings.storage_patience)
        self.lost = LostTrials(self.session, setup.opened.lease)
        self.job_warnings = JobWarnings(self.settings, self.session)
        self.watcher = Watcher(interrupt.inline)
        self.meter = Meter()
        self.running: dict[int, RunningTrial] = {}
        self.ended: deque[RunningTrial] = deque()
        """Trials whose jobs have ended, and whose results are not in the study yet."""
        self._stopped = False
        self._told_metric = False
        self._kinds: dict[str, str] = {}

    # --- the loop -------------------------------------------------------------------------------------------------

    def loop(self, lanes: Lanes) -> None:
        """Start and finish trials until there is no more to do."""
        while True:
            self._check_directory()
            if self.ended:
                self.outage.attempt(self._store_results, None)
            if not self.outage.now:
                self.outage.attempt(self._fail_stale, None)
            self._fill(lanes)
            if not lanes.busy and not self.ended and not self.outage.now and not self._may_take_over():
                return
            self.begun.look(lanes.busy)
            self.progress.turn(self.running, lanes)
            self.meter.look(lanes)
            self._wait(lanes)
            if self.interrupt.stop_now:
                self._stop_running(lanes)
            elif self.interrupt.handing_over:
                lanes.warn()
            if not self.outage.now:
                self.outage.attempt(self.setup.refresh, None)

    def _wait(self, lanes: Lanes) -> None:
        if lanes.busy:
            for done in lanes.wait(PATIENCE):
                self._take(done)
            return
        if self.outage.now and self.interrupt.stop_now:
            raise StorageInternalError("The storage cannot be reached, and the run was stopped by the user")
        time.sleep(PATIENCE)

    def _check_directory(self) -> None:
        try:
            self.setup.directory.check()
        except DirectoryLost as error:
            if error.moved is None:
                save_anew(self.setup.studies, self.setup.directory.path)
            raise _with_remedy(error, self.setup) from error

    def _fail_stale(self) -> None:
        """Check periodically for stale trials of other processes."""
        if self.lost.look():
            self.rules.nothing_left = False

    def _may_take_over(self) -> bool:
        """Return whether trials of other processes are to be continued here, or may be soon, when all others began."""
        if self.rules.left == 0 or not self.rules.is_within_limits():
            return False
        if self.outage.attempt(self.lost.look_when_idle, False):
            self.rules.nothing_left = False
            return True
        return self.settings.role == "worker" and self.lost.may_come()

    def _fill(self, lanes: Lanes) -> None:
        while lanes.free:
            trial = next((trial for trial in self.running.values() if trial.waiting), None)
            # No trial is requested before earlier results are stored.
            if trial is None and not self.ended:
                trial = self.outage.attempt(self._next, None)
            if trial is None:
                return
            if trial.ended:
                self.ended.append(trial)
                self.outage.attempt(self._store_results, None)
                continue
            if trial.configuration not in self.running:
                self.progress.started(trial.configuration, self.setup.plan.shown(trial.params))
            self.running[trial.configuration] = trial
            trial.busy += 1
            self._start(lanes, trial.waiting.popleft())

    def _next(self) -> RunningTrial | None:
        """Take over or start the next trial; None when none is to be started."""
        if not self.rules.interrupted and (left := self.adoption.next(self.jobs)) is not None:
            self.setup.tally.started += 1
            return left
        return self._source()

    def _start(self, lanes: Lanes, job: Job) -> None:
        self.watcher.running(job.number, self.setup.command() or "(its study was in memory)")
        lanes.start(job)

    def _stop_running(self, lanes: Lanes) -> None:
        if not self._stopped:
            self._stopped = True
            for trial in self.running.values():
                trial.waiting.clear()
            for job in lanes.busy:
                lanes.stop(job.key)

    # --- a job has ended --------------------------------------------------------------------------------------------

    def _take(self, done: JobResult) -> None:
        if self.interrupt.handing_over and done.end in ("raised", "lost"):
            done = replace(done, end="stopped")
        self._after_interrupt(done)
        self.begun.note(done.job)
        trial = self.running[done.job.number]
        trial.busy -= 1
        trial.results.append(done)
        self.meter.ended(done)
        write_trace(done)
        self._tell_unused_metric(done)
        self._tell_changed_kind(done)
        result = self.judge.result(trial.results)
        useless = (
            bool(trial.waiting) and not self.outage.now and self.outage.attempt(lambda: self._is_bad(trial), False)
        )
        if useless or result.state is not TrialState.COMPLETE:
            trial.waiting.clear()
        if trial.ended:
            del self.running[trial.configuration]
            self.ended.append(trial)
            self.outage.attempt(self._store_results, None)

    def _tell_unused_metric(self, done: JobResult) -> None:
        """Warn once when an entry is named and a job returned a plain number, which has no entries."""
        returned, metric = done.returned, self.settings.metric
        is_number = isinstance(returned, (int, float)) and not has_nan(returned)
        if metric is not None and len(metric) == 1 and is_number and not self._told_metric:
            self._told_metric = True
            log.warning(
                "hydra.sweeper.metric=%s names an entry of a mapping, but the job of trial %d returned a number: it is "
                "taken as the objective. Leave hydra.sweeper.metric out, or return the mapping.",
                metric[0],
                done.job.number,
            )

    def _tell_changed_kind(self, done: JobResult) -> None:
        """Warn once of an entry that is a number in one job and a text in another: no table can compare them."""
        for name, value in further_metrics(done.returned, self.settings.metric).items():
            kind = "text" if isinstance(value, str) else "number"
            before = self._kinds.setdefault(name, kind)
            if before != kind:
                self._kinds[name] = kind
                which = "The job of trial %d returned %r as %r, which was a %s before."
                log.warning(which, done.job.number, value, name, before)

    def _after_interrupt(self, done: JobResult) -> None:
        if done.end == "stopped" and not self.interrupt.requested:
            # Only the job got the signal: it has its own handler, or raises KeyboardInterrupt.
            self.interrupt.count = 1
        if done.directory is None and self.interrupt.inline:
            # The launcher was left in the middle of the job, whose logging is still in force.
            hydra = self.setup.app.config.hydra
            configure_log(hydra.hydra_logging, hydra.verbose)

    def _is_bad(self, trial: RunningTrial) -> bool:
        """Return whether the remaining repeats can be skipped."""
        if any(done.job.rung is not None for done in trial.results):
            return False  # complete trials say nothing about them
        values = [self.judge.result([done]).values for done in trial.results]
        return is_clearly_bad(self.settings, self.session, [value[0] for value in values if value])

    def _store_results(self) -> None:
        """Store the results of the trials that have ended, the earliest first."""
        while self.ended:
            trial = self.ended[0]
            self._store(trial)
            self.ended.popleft()
            if trial.waiting:  # it goes on
                self.running[trial.configuration] = trial

    def _store(self, trial: RunningTrial) -> None:
        result = self.judge.result(trial.results)
        if result.failure is not None:
            result = ended_from_outside(result, self.session.log.record(trial.number))
        climbed = self.climber.climb(trial, result)
        if climbed is None:
            return
        result = climbed
        if result.state is TrialState.PRUNED:
            result = pruned(result, self.session.log.record(trial.number), len(self.settings.directions))
        if self.smaller is not None:
            result = self.smaller.again(result, trial.number, trial.smaller, trial.results)
        if self.settings.cost is not None:
            record = self.session.log.record(trial.number)
            jobs, seconds = self.meter.jobs(trial.number), self.meter.seconds(trial.number)
            result = charged(result, jobs or trial.results, record, self.settings.cost, seconds)
        stored = self.finisher.finish(trial, result)
        self.meter.forget(trial.number)
        self.jobs.release(trial.number)
        if stored is None:
            return
        number, result = stored
        self.job_warnings.check(number, result.state)
        self.setup.tally.add(result)
        if self.finisher.retried:
            self.rules.nothing_left = False
        why = f" ({why_pruned(self.session.log.record(number))})" if result.state is TrialState.PRUNED else ""
        why += note_of(self.session, number)
        shown = self.setup.plan.shown(trial.params)
        self.progress.finished(self.session.log.attempts.id_of(number), result, shown, why)

    # --- the end ----------------------------------------------------------------------------------------------------

    @property
    def has_ended_well(self) -> bool:
        """Whether the run came to its end: the user did not interrupt it, and it has not failed."""
        return not self.interrupt.requested and self.rules.failure(at_end=True) is None

    def conclude(self, interrupted: bool = False) -> SweepResult:
        """Log the outcome and how to continue.

        Args:
            interrupted: The user interrupted what followed this run.

        Raises:
            SweepFailed: More trials failed than the settings allow.
            SystemExit: The user interrupted the run.
        """
        result = self.setup.results.result()
        report = self.setup.page.path if self.setup.page.written else None
        say_how_it_went(
            result,
            self.session,
            self.setup.plan,
            self.setup.command(),
            report,
            self.stopping.outlook,
            self.setup.results.hints,
        )
        failure = self.rules.failure(at_end=True)
        if failure is not None:
            raise SweepFailed(failure)
        if self.interrupt.requested or interrupted:
            raise SystemExit(self.interrupt.status)
        return result


def _with_remedy(error: DirectoryLost, setup: Setup) -> DirectoryLost:
    """Return the error with what can be done."""
    if error.moved is not None:
        remedy = f"Its study is there; go on with hydra.sweep.dir={error.moved}"
    else:
        saved = "The trials that had ended are saved there anew, without their job directories."
        remedy = f"{saved} To continue: {setup.command()}"
    error.args = (f"{error} {remedy}",)
    return error
