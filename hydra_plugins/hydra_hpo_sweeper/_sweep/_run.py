"""The loop: a free lane is given the next trial; a job that is done is told to the study."""

from __future__ import annotations

import logging
import re
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.utils import configure_log
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from hydra_plugins.hydra_hpo_sweeper._config._settings import ConfigError, Settings, read_settings
from hydra_plugins.hydra_hpo_sweeper._errors import in_short
from hydra_plugins.hydra_hpo_sweeper._lanes._base import Job, JobResult, Lanes, failure_of, write_trace
from hydra_plugins.hydra_hpo_sweeper._lanes._factory import LaneFactory
from hydra_plugins.hydra_hpo_sweeper._space._plan import Plan, read_plan
from hydra_plugins.hydra_hpo_sweeper._sweep._checks import checked
from hydra_plugins.hydra_hpo_sweeper._sweep._handles import TrialHandles
from hydra_plugins.hydra_hpo_sweeper._sweep._interrupt import Interrupt
from hydra_plugins.hydra_hpo_sweeper._sweep._mlflow import mirrored
from hydra_plugins.hydra_hpo_sweeper._sweep._opening import (
    Opened,
    command_to_continue,
    open_study,
    tell_of_other_spaces,
)
from hydra_plugins.hydra_hpo_sweeper._sweep._progress import Progress, open_progress
from hydra_plugins.hydra_hpo_sweeper._sweep._ranks import ranked
from hydra_plugins.hydra_hpo_sweeper._sweep._repeats import clearly_bad, jobs_of
from hydra_plugins.hydra_hpo_sweeper._sweep._results import Results, SweepResult, single_run
from hydra_plugins.hydra_hpo_sweeper._sweep._trial_result import (
    Judge,
    Recorder,
    TrialResult,
    given_up,
    pruned,
    why_pruned,
)
from sweeper_core import logging as core_logging
from sweeper_core.exceptions import SearchSpaceExhausted, StorageInternalError
from sweeper_core.storages import repeats, retry_of
from sweeper_core.storages.base import Point
from sweeper_core.study._session.define_by_run import DefineByRun
from sweeper_core.study._session.session import Started
from sweeper_core.trial.data import TrialData
from sweeper_core.trial.record import TrialRecord
from sweeper_core.trial.state import TrialState

if TYPE_CHECKING:
    from sweeper_core.integrations.mlflow import MlflowMirror

log = logging.getLogger("hydra_plugins.hydra_hpo_sweeper")

TRIALS_BEFORE_JUDGEMENT = 5
"""The share of failures means little before so many trials have ended."""

ALWAYS = 2**31
"""Retries of what the user stopped: as many as it takes."""

PATIENCE = 0.5
"""Seconds between two looks at the clock and at interrupts while jobs run."""


class SweepFailed(Exception):
    """Too many trials failed."""


USER_ERRORS = (ConfigError, SweepFailed, StorageInternalError, OSError)
"""What the user can do something about: said in one line, without a traceback."""


@dataclass(frozen=True)
class App:
    """The application, as Hydra hands it to a sweeper."""

    context: HydraContext
    task: TaskFunction
    config: DictConfig


def sweep(app: App, arguments: Sequence[str]) -> SweepResult:
    """Run a sweep from its settings to its results."""
    with _logged_by_hydra():
        return _sweep(app, arguments)


def _sweep(app: App, arguments: Sequence[str]) -> SweepResult:
    settings = read_settings(app.config)
    plan = read_plan(arguments, settings.params, app.context.config_loader, app.config)
    directory = _directory(app.config)
    factory = LaneFactory(settings, app.context, app.task, app.config, directory)
    settings = checked(settings, plan, factory.compose)
    configure_log(app.config.hydra.hydra_logging, app.config.hydra.verbose)
    _begin(directory, factory.config)
    opened = open_study(settings, directory)
    if settings.custom_search_space is None:
        tell_of_other_spaces(opened, plan.space.names)
    try:
        return _run(app, settings, plan, factory, opened, directory)
    finally:
        # All of the study is in its file then, and not in the log that SQLite keeps beside it.
        opened.session.storage.close()


def _run(
    app: App, settings: Settings, plan: Plan, factory: LaneFactory, opened: Opened, directory: Path
) -> SweepResult:
    results = Results(opened.session, plan, directory, single_run(app.config), app.config.hydra.output_subdir)
    recorder = Recorder(opened.url, opened.session.study.study_id, Judge.of(settings))
    try:
        with mirrored(settings, opened, directory) as mirror:
            try:
                inline = factory.kind == "inline"
                progress = open_progress(settings.progress, opened.session, settings.n_trials, settings.n_jobs, inline)
                with Interrupt(inline) as interrupt, progress, factory.open(recorder) as lanes:
                    run = Run(settings, plan, opened, lanes, results, interrupt, progress, app.config, mirror)
                    run.loop()
            finally:
                results.write()
    finally:
        opened.session.close()
    return run.conclude(command_to_continue(settings, opened, directory))


def _directory(config: DictConfig) -> Path:
    try:
        return Path(str(config.hydra.sweep.dir))
    except OmegaConfBaseException as error:
        reason = str(error).partition("\n")[0]
        raise ConfigError(f"hydra.sweep.dir cannot be resolved: {reason}. It is the same for all jobs.") from error


def _begin(directory: Path, config: DictConfig) -> None:
    """Make the sweep directory and save the configuration there."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(config, directory / "multirun.yaml")
    except OSError as error:
        raise ConfigError(f"hydra.sweep.dir={directory} cannot be written: {error}") from error


class Failures:
    """Counts failures; those that differ only in numbers or in their trial count as one."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._examples: dict[str, str] = {}

    def add(self, text: str) -> None:
        """Count one failure."""
        gist = _NUMBER.sub("#", _TRIAL.sub("", text))
        self._counts[gist] += 1
        self._examples.setdefault(gist, text)

    def most_frequent(self) -> tuple[str, int]:
        """Return the text of the first of the most frequent failures, and how many there were."""
        gist, count = self._counts.most_common(1)[0]
        return self._examples[gist], count


_TRIAL = re.compile(r"^BadResult: trial \d+ \(.*?\): ", re.DOTALL)
_NUMBER = re.compile(r"\d+(\.\d*)?([eE][-+]?\d+)?")


@contextmanager
def _logged_by_hydra() -> Iterator[None]:
    """Let what the core has to say go where Hydra's logging goes, and not to the console a second time."""
    core_logging.get_verbosity()  # sets the logger up, if nobody has
    core = logging.getLogger("sweeper_core")
    before = core.propagate, list(core.handlers)
    core_logging.enable_propagation()
    core_logging.disable_default_handler()
    try:
        yield
    finally:
        core.propagate, core.handlers[:] = before


@dataclass
class Running:
    """A trial of which jobs run or wait.

    Attributes:
        waiting: Jobs that have not been started.
        busy: How many run.
        begun: When, by the clock on the wall: a machine that slept gives no signs of life meanwhile.
    """

    started: Started
    params: dict[str, Any]
    waiting: deque[Job]
    busy: int = 0
    done: list[JobResult] = field(default_factory=list)
    begun: float = field(default_factory=time.time)


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
        progress: Progress,
        config: DictConfig,
        mirror: MlflowMirror | None = None,
    ) -> None:
        self.mirror = mirror
        self.settings = settings
        self.plan = plan
        self.session = opened.session
        self.lease = opened.lease
        self.lanes = lanes
        self.results = results
        self.interrupt = interrupt
        self.progress = progress
        self.config = config
        self.judge = Judge.of(settings)
        self.handles = TrialHandles(settings, opened, Path(str(config.hydra.sweep.dir)))
        self.running: dict[int, Running] = {}
        self.counted = 0
        self.states: Counter[TrialState] = Counter()
        self.failures = Failures()
        self.nothing_left = False
        self._subdirectory = OmegaConf.to_container(config.hydra.sweep, resolve=False)["subdir"]  # type: ignore[index, call-overload]
        self._deadline = None if settings.timeout is None else time.monotonic() + settings.timeout
        self._reaped = time.monotonic()
        self._stopped = False
        self._said: set[str] = set()

    # --- the loop -------------------------------------------------------------------------------------------------

    def loop(self) -> None:
        """Start and finish trials until there is no more to do."""
        while True:
            self._reap()
            self._fill()
            if not self.lanes.busy:
                return
            self.progress.turn(len(self.running), len(self.lanes.busy))
            for done in self.lanes.wait(PATIENCE):
                self._take(done)
            if self.interrupt.stop_now:
                self._stop_running()
            self.results.refresh()

    def _reap(self) -> None:
        """Look from time to time for trials that other processes have left."""
        if self.lease is not None and time.monotonic() - self._reaped >= self.lease.interval:
            self._reaped = time.monotonic()
            if self.session.storage.fail_stale(self.session.study.study_id, max_retries=self.settings.max_retries):
                self.nothing_left = False

    def _fill(self) -> None:
        while self.lanes.free:
            trial = next((trial for trial in self.running.values() if trial.waiting), None)
            if trial is None:
                trial = self._start_trial()
            if trial is None:
                return
            trial.busy += 1
            self.lanes.start(trial.waiting.popleft())

    def _may_start(self) -> bool:
        if self.interrupt.requested or self.nothing_left or self._too_many_failures():
            return False
        if self.settings.n_trials is not None and self.counted >= self.settings.n_trials:
            return False
        if self._deadline is not None and time.monotonic() >= self._deadline:
            self._say_once("hydra.sweeper.timeout is over: no further trial starts.")
            return False
        return True

    def _say_once(self, line: str) -> None:
        if line not in self._said:
            self._said.add(line)
            log.info(line)

    def _start_trial(self) -> Running | None:
        """Ask the study for the next trial; None when none is to be started."""
        while self._may_start():
            try:
                started = self.session.start(
                    self.plan.space,
                    limit=self.settings.max_trials,
                    lease=self.lease,
                    budget=self._budget(),
                    lanes=self.settings.n_jobs,
                    distinct=self.settings.custom_search_space is None,
                )
                if started is None:
                    self._say_once(f"The study has its {self.settings.max_trials} trials (hydra.sweeper.max_trials).")
            except SearchSpaceExhausted:
                self._say_once("Every point of the search space has been tried.")
                started = None
            except ValueError as error:
                # A point that waited does not fit the search space of today; it has failed, and the next one is due.
                log.warning("%s", in_short(str(error)))
                self.counted += 1
                self.states[TrialState.FAIL] += 1
                self.failures.add(str(error))
                continue
            if started is None:
                self.nothing_left = True
                return None
            self.counted += 1
            trial = self._prepared(started)
            if trial is not None:
                return trial
        return None

    def _prepared(self, started: Started) -> Running | None:
        """Return the trial with its jobs; None when the user's own function raised, which fails the trial."""
        try:
            params = self._extended(started)
        except Exception as error:
            done = JobResult(Job(started.number, ()), "raised", failure=failure_of(error))
            self._finish(Running(started, dict(started.params), deque(), done=[done]), self.judge.ending([done]))
            return None
        overrides = self.plan.overrides(params)
        jobs = jobs_of(started.number, overrides, self.settings.repeat, self._subdirectory)
        jobs = self.handles.hand_over(started, params, jobs)
        jobs = [self._with_environment(job) for job in jobs]
        self.running[started.number] = trial = Running(started, params, deque(jobs))
        return trial

    def _with_environment(self, job: Job) -> Job:
        """Return the job with the variables that its ranks and its MLflow client look for."""
        more = dict(ranked(job.number, job.overrides, Path(str(self.config.hydra.sweep.dir))))
        if self.mirror is not None:
            more.update(self.mirror.environment(job.number))
        return replace(job, environment={**job.environment, **more})

    def _extended(self, started: Started) -> dict[str, Any]:
        """Return the trial's parameters with those that the user's own function suggests."""
        if self.settings.custom_search_space is None:
            return dict(started.params)
        trial = DefineByRun(self.session).resume(started)
        self.settings.custom_search_space(self.config, trial)
        return dict(trial.params)

    def _budget(self) -> int | None:
        """Return how many trials the study is going to have."""
        known = len(self.session.log)
        left = None if self.settings.n_trials is None else known + self.settings.n_trials - self.counted
        limits = [limit for limit in (left, self.settings.max_trials) if limit is not None]
        return min(limits) if limits else None

    def _stop_running(self) -> None:
        if not self._stopped:
            self._stopped = True
            for trial in self.running.values():
                trial.waiting.clear()
            for job in self.lanes.busy:
                self.lanes.stop(job.key)

    # --- a job is done ----------------------------------------------------------------------------------------------

    def _take(self, done: JobResult) -> None:
        self._after_interrupt(done)
        trial = self.running[done.job.number]
        trial.busy -= 1
        trial.done.append(done)
        write_trace(done)
        ending = self.judge.ending(trial.done)
        if ending.state is not TrialState.COMPLETE or (trial.waiting and self._is_bad(trial)):
            trial.waiting.clear()
        if not trial.waiting and not trial.busy:
            del self.running[done.job.number]
            if ending.state is TrialState.PRUNED:
                ending = pruned(ending, self._record(done.job.number), len(self.settings.directions))
            self._finish(trial, ending)
            self.handles.take_back(done.job.number)

    def _after_interrupt(self, done: JobResult) -> None:
        if done.end == "stopped" and not self.interrupt.requested:
            # Only the job was told: it has a handler of its own, or raises KeyboardInterrupt itself.
            self.interrupt.count = 1
        if done.directory is None and self.interrupt.inline:
            # The launcher was left in the middle of the job, whose logging is still in force.
            configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)

    def _is_bad(self, trial: Running) -> bool:
        """Return whether the repeats that are left can be spared."""
        repeat = self.settings.repeat
        if repeat is None or not repeat.early_stop or len(self.settings.directions) > 1:
            return False
        sign = self.settings.directions[0].sign
        values = [self.judge.ending([done]).values for done in trial.done]
        self.session.log.sync()
        return clearly_bad([value[0] * sign for value in values if value], self.session.log.history())

    def _finish(self, trial: Running, ending: TrialResult) -> None:
        number = trial.started.number
        stopped = any(done.end == "stopped" for done in trial.done)
        retries = self.settings.max_retries if ending.lost else self.settings.max_retries_failed
        retry = None
        if ending.failure is not None:
            retry = retry_of(self._record(number), ALWAYS if stopped else retries)
            if ending.lost and retry is None:
                ending = given_up(ending)
        if not self._tell(number, ending):
            log.warning("Trial %d had been given up before its job ended; what it returned is left out.", number)
            return
        if ending.failure is not None:
            self._failed(number, ending, retry, stopped)
        else:
            number = self._counts_as(trial, ending)
        why = f" ({why_pruned(self._record(number))})" if ending.state is TrialState.PRUNED else ""
        self.progress.finished(number, ending, trial.params, why)

    def _counts_as(self, trial: Running, ending: TrialResult) -> int:
        """Return the number of the trial that has the result: a retry's, if this one had been given up meanwhile."""
        number = trial.started.number
        if self.lease is None or time.time() - trial.begun < self.lease.grace:
            return number
        if self._record(number).state is ending.state:
            return number
        retry = next((r.number for r in self.session.log.records if repeats(r.system_attrs, number)), number)
        log.info("Trial %d had been given up before its job ended; its result counts as trial %d.", number, retry)
        return retry

    def _tell(self, number: int, ending: TrialResult) -> bool:
        told = self.session.finish(number, ending.state, ending.values, TrialData(system_attrs=ending.attrs))
        if told and ending.lost:
            self.counted -= 1
        elif told:
            self.states[ending.state] += 1
        return told

    def _failed(self, number: int, ending: TrialResult, retry: Point | None, stopped: bool) -> None:
        again = "" if retry is None else "; its parameters will be tried again"
        how = "was lost: " if ending.lost else "failed: "
        how = "was stopped" if stopped else how + in_short(str(ending.failure))
        log.warning("Trial %d %s%s", number, how, again)
        if not ending.lost:
            self.failures.add(str(ending.failure))
        if retry is not None:
            self.session.storage.enqueue(self.session.study.study_id, [retry], idempotency_key=f"retry:{number}")
            self.nothing_left = False

    def _record(self, number: int) -> TrialRecord:
        return self.session.log.record(number)

    # --- the end ----------------------------------------------------------------------------------------------------

    def _too_many_failures(self, at_end: bool = False) -> bool:
        finished = sum(self.states.values())
        # A rate of 0 means that the first failure ends the sweep.
        early = finished < TRIALS_BEFORE_JUDGEMENT and self.settings.max_failure_rate > 0
        if finished == 0 or (early and not at_end):
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
        text, count = self.failures.most_frequent()
        return (
            f"{failed} of {finished} trials failed, more than hydra.sweeper.max_failure_rate="
            f"{self.settings.max_failure_rate} allows. Most frequent failure ({count} of {failed}): {in_short(text)}"
        )
