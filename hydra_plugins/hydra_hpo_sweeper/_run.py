"""The loop: a free lane is given the next trial; a job that is done is told to the study."""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hydra.core.utils import configure_log
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.hydra_hpo_sweeper._grammar import Plan, read_plan
from hydra_plugins.hydra_hpo_sweeper._interrupt import Interrupt
from hydra_plugins.hydra_hpo_sweeper._lanes import Done, Failure, InlineLane, Job, Lanes, write_trace
from hydra_plugins.hydra_hpo_sweeper._opening import Opened, command_to_continue, open_study
from hydra_plugins.hydra_hpo_sweeper._outcome import values_of
from hydra_plugins.hydra_hpo_sweeper._results import JOB_DIRECTORY, Results, SweepResult
from hydra_plugins.hydra_hpo_sweeper._secrets import without_secrets
from hydra_plugins.hydra_hpo_sweeper._settings import ConfigError, Settings, read_settings
from sweeper_core.exceptions import SearchSpaceExhausted, StorageInternalError
from sweeper_core.samplers import GridSampler
from sweeper_core.storages._rules import attrs_of_loss, retry_of
from sweeper_core.study.session import Started
from sweeper_core.trial.record import FAILURE, TrialRecord
from sweeper_core.trial.state import TrialState

log = logging.getLogger("hydra_plugins.hydra_hpo_sweeper")

TRACEBACK = "hpo:traceback"

TRIALS_BEFORE_JUDGEMENT = 5
"""The share of failures means little before so many trials have ended."""

PATIENCE = 1.0
"""Seconds between two looks at the clock and at interrupts while jobs run."""

LONGEST_TRACE = 20_000
"""Characters of a traceback that are kept in the study (its end); the job's directory has all of it."""


class SweepFailed(Exception):
    """Too many trials failed."""


USER_ERRORS = (ConfigError, SweepFailed, StorageInternalError)
"""What the user can do something about: said in one line, without a traceback."""


@dataclass(frozen=True)
class App:
    """The application, as Hydra hands it to a sweeper."""

    context: HydraContext
    task: TaskFunction
    config: DictConfig


def sweep(app: App, arguments: Sequence[str]) -> SweepResult:
    """Run a sweep from its settings to its results."""
    settings = read_settings(app.config)
    loader = app.context.config_loader
    plan = read_plan(arguments, settings.params, loader, app.config)
    plan.check(lambda overrides: loader.load_sweep_config(app.config, overrides))
    settings = replace(settings, enqueue=plan.points(settings.enqueue, settings.custom_search_space is not None))
    configure_log(app.config.hydra.hydra_logging, app.config.hydra.verbose)
    directory = Path(str(app.config.hydra.sweep.dir))
    directory.mkdir(parents=True, exist_ok=True)
    public = without_secrets(app.config)
    OmegaConf.save(public, directory / "multirun.yaml")
    opened = open_study(settings, directory)
    results = Results(opened.session, plan, directory)
    try:
        with Interrupt() as interrupt, open_lanes(settings, app, public) as lanes:
            run = Run(settings, plan, opened, lanes, results, interrupt, app.config)
            run.loop()
    finally:
        results.write()
        opened.session.close()
    return run.conclude(command_to_continue(settings, opened, directory))


def open_lanes(settings: Settings, app: App, public: DictConfig) -> Lanes:
    """Return the lanes that the settings and the launcher ask for."""
    from hydra.core.plugins import Plugins

    launcher = Plugins.instance().instantiate_launcher(hydra_context=app.context, task_function=app.task, config=public)
    return InlineLane(launcher)


@dataclass
class Running:
    """A trial of which jobs run or wait."""

    started: Started
    params: dict[str, Any]
    jobs: int
    begun: float = field(default_factory=time.monotonic)
    done: list[Done] = field(default_factory=list)


class Run:
    """One run of a study: from the first trial that it starts to the last one that it finishes."""

    def __init__(
        self,
        settings: Settings,
        plan: Plan,
        opened: Opened,
        lanes: Lanes,
        results: Results,
        interrupt: Interrupt,
        config: DictConfig,
    ) -> None:
        self.settings = settings
        self.plan = plan
        self.session = opened.session
        self.lease = opened.lease
        self.lanes = lanes
        self.results = results
        self.interrupt = interrupt
        self.config = config
        self.running: dict[int, Running] = {}
        self.waiting: deque[Job] = deque()
        self.counted = 0
        self.states: Counter[TrialState] = Counter()
        self.failures: Counter[str] = Counter()
        self.nothing_left = False
        self._deadline = None if settings.timeout is None else time.monotonic() + settings.timeout
        self._stopped = False

    # --- the loop -------------------------------------------------------------------------------------------------

    def loop(self) -> None:
        """Start and finish trials until there is no more to do."""
        while True:
            self._fill()
            if not self.lanes.busy:
                return
            for done in self.lanes.wait(PATIENCE):
                self._take(done)
            if self.interrupt.stop_now:
                self._stop_running()
            self.results.refresh()

    def _fill(self) -> None:
        while self.lanes.free:
            if not self.waiting and not (self._may_start() and self._start_trial()):
                return
            self.lanes.start(self.waiting.popleft())

    def _may_start(self) -> bool:
        if self.interrupt.requested or self.nothing_left or self._too_many_failures():
            return False
        if self._deadline is not None and time.monotonic() >= self._deadline:
            return False
        return self.settings.n_trials is None or self.counted < self.settings.n_trials

    def _start_trial(self) -> bool:
        """Ask the study for the next trial and queue its jobs; return whether there was one."""
        try:
            started = self.session.start(
                self.plan.space,
                limit=self.settings.max_trials,
                lease=self.lease,
                budget=self._budget(),
                lanes=self.settings.n_jobs,
                distinct=isinstance(self.session.sampler, GridSampler),
            )
        except SearchSpaceExhausted:
            log.info("Every point of the search space has been tried.")
            started = None
        if started is None:
            self.nothing_left = True
            return False
        self.counted += 1
        params = self._extended(started)
        self.running[started.number] = Running(started, params, jobs=1)
        self.waiting.append(Job(started.number, tuple(self.plan.overrides(params))))
        return True

    def _extended(self, started: Started) -> dict[str, Any]:
        """Return the trial's parameters with those that the user's own function suggests."""
        if self.settings.custom_search_space is None:
            return dict(started.params)
        trial = self.session.trial(started)
        self.settings.custom_search_space(self.config, trial)
        return dict(trial.params)

    def _budget(self) -> int | None:
        known = len(self.session.ledger)
        left = None if self.settings.n_trials is None else known + self.settings.n_trials - self.counted
        limits = [limit for limit in (left, self.settings.max_trials) if limit is not None]
        return min(limits) if limits else None

    def _stop_running(self) -> None:
        if not self._stopped:
            self._stopped = True
            self.waiting.clear()
            for job in self.lanes.busy:
                self.lanes.stop(job.key)

    # --- a job is done ----------------------------------------------------------------------------------------------

    def _take(self, done: Done) -> None:
        trial = self.running[done.job.number]
        trial.done.append(done)
        write_trace(done)
        if len(trial.done) == trial.jobs:
            del self.running[done.job.number]
            self._finish(trial, done)

    def _finish(self, trial: Running, done: Done) -> None:
        number = trial.started.number
        if done.end in ("lost", "stopped"):
            self._lose(trial, done)
        elif done.end == "pruned":
            self._tell(number, TrialState.PRUNED, None, _about(done))
        elif done.end == "returned":
            self._returned(trial, done)
        else:
            self._fail(trial, done, done.failure or Failure("Failed", ""))

    def _returned(self, trial: Running, done: Done) -> None:
        try:
            values = values_of(done.returned, len(self.settings.directions), self.settings.metric)
        except ValueError as error:
            overrides = " ".join(done.job.overrides)
            self._fail(trial, done, Failure("BadResult", f"trial {done.job.number} ({overrides}): {error}"))
            return
        self._tell(done.job.number, TrialState.COMPLETE, values, _about(done))

    def _fail(self, trial: Running, done: Done, failure: Failure) -> None:
        number = trial.started.number
        retry = retry_of(self._record(number), self.settings.max_retries_failed)
        attrs = {FAILURE: str(failure), TRACEBACK: failure.trace[-LONGEST_TRACE:], **_about(done)}
        told = self._tell(number, TrialState.FAIL, None, {name: text for name, text in attrs.items() if text})
        if told:
            self.failures[str(failure)] += 1
            log.warning("Trial %d failed: %s", number, failure)
            if retry is not None:
                self._again(number, retry)

    def _lose(self, trial: Running, done: Done) -> None:
        """The job died without a word, or was stopped: its parameters are tried again, unless that was done before."""
        number = trial.started.number
        stopped = done.end == "stopped"
        retry = retry_of(self._record(number), 2**31 if stopped else self.settings.max_retries)
        failure = done.failure or Failure("WorkerLost", "its process died")
        if retry is None:
            self._fail(trial, done, failure)
            return
        loss = {**attrs_of_loss(str(failure)), **_about(done)}
        if self.session.finish(number, TrialState.FAIL, system_attrs=loss):
            self.counted -= 1
            self._again(number, retry)
            log.warning("Trial %d was %s (%s); its parameters will be tried again.", number, done.end, failure)

    def _again(self, number: int, retry: Any) -> None:
        self.session.storage.enqueue(self.session.study.study_id, [retry], once_key=f"retry:{number}")
        self.nothing_left = False

    def _record(self, number: int) -> TrialRecord:
        self.session.sync()
        record = self.session.ledger.records[number]
        assert record is not None
        return record

    def _tell(self, number: int, state: TrialState, values: Sequence[float] | None, attrs: Mapping[str, Any]) -> bool:
        told = self.session.finish(number, state, values, system_attrs=attrs)
        if not told:
            log.warning("Trial %d had been given up before its job ended; what it returned is left out.", number)
            return False
        self.states[state] += 1
        return True

    # --- the end ----------------------------------------------------------------------------------------------------

    def _too_many_failures(self, at_end: bool = False) -> bool:
        finished = sum(self.states.values())
        if finished == 0 or (finished < TRIALS_BEFORE_JUDGEMENT and not at_end):
            return False
        return self.states[TrialState.FAIL] / finished > self.settings.max_failure_rate

    def conclude(self, command: str) -> SweepResult:
        """Say how it went and how to go on.

        Raises:
            SweepFailed: More trials failed than the settings allow.
            SystemExit: The user interrupted the run.
        """
        result = self.results.result()
        for line in result.lines():
            log.info(line)
        log.info("To continue: %s", command)
        if self._too_many_failures(at_end=True):
            raise SweepFailed(self._what_failed())
        if self.interrupt.requested:
            raise SystemExit(130)
        return result

    def _what_failed(self) -> str:
        failed, finished = self.states[TrialState.FAIL], sum(self.states.values())
        text, count = self.failures.most_common(1)[0]
        return (
            f"{failed} of {finished} trials failed, more than hydra.sweeper.max_failure_rate="
            f"{self.settings.max_failure_rate} allows. Most frequent failure ({count} of {failed}): {text}"
        )


def _about(done: Done) -> dict[str, Any]:
    return {} if done.directory is None else {JOB_DIRECTORY: done.directory}
