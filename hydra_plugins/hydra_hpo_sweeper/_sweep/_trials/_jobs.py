"""The jobs of a trial, each with its overrides and its job environment."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from hydra_plugins.hydra_hpo_sweeper._config._settings import Settings
from hydra_plugins.hydra_hpo_sweeper._lanes._base import Job, JobResult
from hydra_plugins.hydra_hpo_sweeper._space._plan import Plan
from hydra_plugins.hydra_hpo_sweeper._sweep._preparation._opening import Opened
from hydra_plugins.hydra_hpo_sweeper._sweep._preparation._ranks import ranked
from hydra_plugins.hydra_hpo_sweeper._sweep._trials._checkpoints import Checkpoints
from hydra_plugins.hydra_hpo_sweeper._sweep._trials._handles import TrialHandles
from hydra_plugins.hydra_hpo_sweeper._sweep._trials._repeats import jobs_of
from hydra_plugins.hydra_hpo_sweeper._sweep._trials._smaller import with_smaller
from sweeper_core.schedulers.base import Scheduler
from sweeper_core.study._session.define_by_run import DefineByRun
from sweeper_core.study._session.session import Session, Started
from sweeper_core.trial.attrs import SMALLER

if TYPE_CHECKING:
    from sweeper_core.integrations.mlflow import MlflowMirror


@dataclass
class RunningTrial:
    """A trial of which jobs run or wait.

    Attributes:
        waiting: Jobs that have not been started.
        busy: Number of running jobs.
        results: Those of the jobs that have ended.
        begun: Start by the wall clock: a suspended machine sends no heartbeats meanwhile.
        stored: Whether its result is in the study.
        rung: Index of the rung that its jobs train up to; None where jobs train in full.
        smaller: Values that it runs with because an earlier attempt ran out of memory, by configuration key.
    """

    started: Started
    params: dict[str, Any]
    waiting: deque[Job] = field(default_factory=deque)
    busy: int = 0
    results: list[JobResult] = field(default_factory=list)
    begun: float = field(default_factory=time.time)
    stored: bool = False
    rung: int | None = None
    smaller: Mapping[str, float] = field(default_factory=dict)

    @property
    def number(self) -> int:
        """The trial's number."""
        return self.started.number

    @property
    def configuration(self) -> int:
        """The number of its first attempt, shown to users and jobs."""
        return self.started.configuration

    @property
    def ended(self) -> bool:
        """Whether no job runs or waits."""
        return not self.waiting and not self.busy


class JobPlan:
    """Makes the jobs of trials.

    Args:
        mirror: Names the MLflow run of a trial to its jobs; None without MLflow.
        folder: Below the sweep directory: where handles and checkpoints are.
    """

    def __init__(
        self,
        settings: Settings,
        plan: Plan,
        opened: Opened,
        config: DictConfig,
        mirror: MlflowMirror | None = None,
        folder: str = "",
    ) -> None:
        self._settings = settings
        self._plan = plan
        self._session: Session = opened.session
        self._config = config
        self._mirror = mirror
        self._directory = Path(str(config.hydra.sweep.dir))
        self.checkpoints = Checkpoints(settings, opened, self._directory / folder)
        self._handles = TrialHandles(settings, opened, self._directory / folder, self.checkpoints)
        sweep: Any = OmegaConf.to_container(config.hydra.sweep, resolve=False)
        self._subdirectory = str(sweep["subdir"])

    def prepare(self, started: Started) -> RunningTrial:
        """Return a trial with its jobs. Raises what the user's ``custom_search_space`` raises."""
        params, ladder = self._extended(started), self._settings.ladder
        rung = None if ladder is None else self._due(started.number, ladder.above(self._reported(started)))
        smaller = started.system_attrs.get(SMALLER) or {}
        return RunningTrial(started, params, self._jobs(started, params, rung), rung=rung, smaller=smaller)

    def _reported(self, started: Started) -> int:
        """Return the last step that a trial has reported; a trial that is taken over may be farther than its start."""
        record = self._session.log.get(started.number)
        return record.reports[-1][0] if record is not None and record.reports else started.step

    def climb(self, trial: RunningTrial) -> None:
        """Give a trial whose jobs have ended those of its next rung."""
        assert trial.rung is not None
        rung = self._due(trial.number, trial.rung + 1)
        trial.waiting = self._jobs(trial.started, trial.params, rung)
        trial.rung, trial.results = rung, []

    def _due(self, number: int, rung: int) -> int:
        """Return the first rung from this one on at which the scheduler may pause a trial, or the last one."""
        ladder, scheduler = self._settings.ladder, self._settings.scheduler
        assert ladder is not None
        if scheduler is None or type(scheduler).is_milestone is Scheduler.is_milestone:
            return rung
        while rung < ladder.last and not self._session.rules.is_milestone(number, ladder.steps[rung]):
            rung += 1
        return rung

    def _jobs(self, started: Started, params: dict[str, Any], rung: int | None) -> deque[Job]:
        ladder = self._settings.ladder
        overrides = with_smaller(self._plan.overrides(params), started.system_attrs.get(SMALLER))
        if ladder is not None and rung is not None:
            overrides = ladder.at(rung, overrides)
        jobs = self._jobs_with(started, overrides)
        below = rung if ladder is not None and rung != ladder.last else None
        attempt = None if started.number == started.configuration else started.number
        jobs = [replace(job, attempt=attempt, rung=below) for job in jobs]
        return deque(self._with_environment(job) for job in self._handles.hand_over(started, params, jobs))

    def _jobs_with(self, started: Started, overrides: Sequence[str]) -> list[Job]:
        return jobs_of(started.configuration, overrides, self._settings.repeat, self._subdirectory)

    def release(self, number: int) -> None:
        """Remove the handles of a trial that has ended, and checkpoints that are no longer retained."""
        self._handles.take_back(number)
        self.checkpoints.tidy()

    def _extended(self, started: Started) -> dict[str, Any]:
        """Return the trial's parameters with those that the user's own function suggests."""
        if self._settings.custom_search_space is None:
            return dict(started.params)
        trial = DefineByRun(self._session).resume(started)
        self._settings.custom_search_space(self._config, trial)
        return dict(trial.params)

    def _with_environment(self, job: Job) -> Job:
        """Return the job with the environment variables for its ranks and its MLflow client."""
        more = dict(ranked(job.number, job.overrides, self._directory))
        if self._mirror is not None:
            more.update(self._mirror.environment(job.number))
        return replace(job, environment={**job.environment, **more})
