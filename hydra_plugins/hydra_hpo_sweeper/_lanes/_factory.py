"""Choose and open the kind of lane for a launcher.

=============================  ========================================================================================
basic, one job at a time       in this process
basic, several                 worker processes: what BasicLauncher changes globally is theirs alone
joblib                         worker processes that run its jobs themselves: its threads would share one pool, where
                               a crash cannot be told from its neighbours
all others (submitit, Ray, …)  threads, each waiting for its job, which runs elsewhere
=============================  ========================================================================================
"""

from __future__ import annotations

import functools
import logging
import os
import pickle
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from hydra_plugins.hydra_hpo_sweeper._config._lane_types import LaneType
from hydra_plugins.hydra_hpo_sweeper._config._settings import Settings
from hydra_plugins.hydra_hpo_sweeper._errors import ConfigError
from hydra_plugins.hydra_hpo_sweeper._hydra._cancel import Canceller, RayTasks
from hydra_plugins.hydra_hpo_sweeper._hydra._compose import ComposedOnce
from hydra_plugins.hydra_hpo_sweeper._hydra._public import for_launchers, with_basic_launcher
from hydra_plugins.hydra_hpo_sweeper._lanes._base import (
    InlineLane,
    Job,
    JobResult,
    Lanes,
    LaneSetup,
    directory_of,
    run_job,
)
from hydra_plugins.hydra_hpo_sweeper._lanes._batch import BatchLanes
from hydra_plugins.hydra_hpo_sweeper._lanes._cluster import check_cluster
from hydra_plugins.hydra_hpo_sweeper._lanes._devices import environments, tell_of_conflicts
from hydra_plugins.hydra_hpo_sweeper._lanes._environment import BatchEnvironment, JobEnvironment, with_job_environment
from hydra_plugins.hydra_hpo_sweeper._lanes._guarded import Guarded
from hydra_plugins.hydra_hpo_sweeper._lanes._script import script_names
from sweeper_core._by_value import file_names_kept

log = logging.getLogger("hydra_plugins.hydra_hpo_sweeper")

JOBLIB = "hydra_joblib_launcher"
RAY = "hydra_ray_launcher.ray_launcher"
"""Not the launcher that starts a cluster elsewhere (``ray_aws_launcher``)."""
SUBMITIT = "hydra_submitit_launcher"
LANE_LOGS = ".lanes"

POSIX = os.name == "posix"
"""Worker processes inherit open files, and are ended by process groups."""

MIN_OBJECT_STORE = 78643200
"""Bytes; the Ray launcher's default request."""


class LaneFactory:
    """Opens the lanes of one sweep."""

    def __init__(
        self, settings: Settings, context: HydraContext, task: TaskFunction, config: DictConfig, directory: Path
    ) -> None:
        self.settings = settings
        self.task = task
        self.directory = directory
        configured = None
        if settings.role == "worker":
            configured, config = for_launchers(config), with_basic_launcher(config)
        self._target = str(config.hydra.launcher.get("_target_"))
        changes: dict[str, Any] = {}
        check_time_limit(config.hydra.launcher)
        check_cluster(self._target, directory)
        self.kind = kind_of_lane(settings, self._target)
        if self.kind == "process" and JOBLIB in self._target:
            changes["hydra.launcher.n_jobs"] = 1
        here = self.kind == "process" and not settings.detach
        shares = settings.devices, settings.devices_per_job, settings.n_jobs
        self._environments = environments(*shares) if here else []
        tell_of_conflicts(config, settings.devices, settings.n_jobs)
        self.config = for_launchers(config, changes)
        self.context = replace(context, config_loader=ComposedOnce(context.config_loader, configured))

    def compose(self, overrides: list[str]) -> DictConfig:
        """Return a job's configuration."""
        return self.context.config_loader.load_sweep_config(self.config, overrides)

    @property
    def jobs_outlive(self) -> bool:
        """Whether jobs run on when this process dies, and the lanes of its next run can wait for them."""
        return self.kind == "thread" and SUBMITIT in self._target

    def open(
        self,
        record: Callable[[JobResult], Any] | None,
        note: Callable[[Job, Mapping[str, Any]], None] | None = None,
        mark: Callable[[Job], str] | None = None,
    ) -> Lanes:
        """Return the lanes.

        Args:
            record: Stores a result in the study when the sweeper has died; it can be pickled.
            note: Called with a job and what is needed to wait for it, when a cluster has it.
            mark: Returns a text for a job, by which a cluster's queue tells whose it is.
        """
        if self.kind == "inline":
            return InlineLane(self._launcher())
        if self.kind == "thread":
            return self._threads(note, mark)
        if self.kind == "batch":
            context, batch = with_job_environment(self.context, BatchEnvironment())
            return BatchLanes(self._launcher(context), batch, self.settings.n_jobs)
        if isinstance(self.settings.lanes, LaneType):
            return self._own(self.settings.lanes)
        return self._processes(record)

    @property
    def in_process(self) -> bool:
        """Whether jobs run in this process and thread."""
        lanes = self.settings.lanes
        return lanes.in_process if isinstance(lanes, LaneType) else self.kind == "inline"

    def _own(self, lane_type: LaneType) -> Lanes:
        """Return lanes of a type of the user's own.

        Raises:
            ConfigError: They cannot be made, or are no lanes.
        """
        setup = LaneSetup(self.settings.n_jobs, self._runner, self.directory)
        try:
            lanes = lane_type.make(setup, **lane_type.arguments)
        except TypeError as error:
            raise ConfigError(f"hydra.sweeper.lanes: {lane_type.name} cannot be made: {error}") from error
        if not isinstance(lanes, Lanes):
            raise ConfigError(
                f"hydra.sweeper.lanes: {lane_type.name} returned {type(lanes).__name__}; it must return Lanes "
                "(hydra_plugins.hydra_hpo_sweeper.lanes)."
            )
        return lanes

    def _runner(self) -> Callable[[Job], JobResult]:
        launcher, job_environment = self._launcher_with_environment()

        def run(job: Job) -> JobResult:
            job_environment.variables = dict(job.environment)
            with file_names_kept():
                return run_job(launcher, job)

        return run

    def _launcher(self, context: HydraContext | None = None) -> Launcher:
        launcher: Any = Plugins.instance().instantiate_launcher(
            hydra_context=context or self.context, task_function=Guarded(self.task, self._names), config=self.config
        )
        if RAY in self._target:
            launcher.ray_cfg.remote = ray_task_options(launcher.ray_cfg.remote)
        return cast(Launcher, launcher)

    @functools.cached_property
    def _names(self) -> dict[str, Any]:
        """Names that jobs in other processes need in their ``__main__``."""
        return {} if self.kind == "inline" else script_names(self.config, self.context.config_loader)

    def _threads(
        self, note: Callable[[Job, Mapping[str, Any]], None] | None, mark: Callable[[Job], str] | None
    ) -> Lanes:
        from hydra_plugins.hydra_hpo_sweeper._lanes._threads import ThreadLanes

        canceller: Canceller | None = None
        if RAY in self._target:
            _start_ray(self._launcher())
            canceller = RayTasks()
        elif SUBMITIT in self._target:
            from hydra_plugins.hydra_hpo_sweeper._hydra._submitit import SubmititJobs

            canceller = SubmititJobs()
        return ThreadLanes(self._launcher_with_environment, self.settings.n_jobs, canceller, note, mark)

    def _launcher_with_environment(self) -> tuple[Launcher, JobEnvironment]:
        context, job_environment = with_job_environment(self.context, JobEnvironment())
        return self._launcher(context), job_environment

    def _processes(self, record: Callable[[JobResult], Any] | None) -> Lanes:
        from hydra_plugins.hydra_hpo_sweeper._lanes._process import ProcessLanes
        from hydra_plugins.hydra_hpo_sweeper._lanes._task import MainModule, pack
        from hydra_plugins.hydra_hpo_sweeper._lanes._worker import Start

        settings = self.settings
        start = Start(
            MainModule.of_this_process(),
            str(self.directory / LANE_LOGS),
            None if record is None else pickle.dumps(record),
            terminal=settings.n_jobs == 1 and sys.stdin is not None and sys.stdin.isatty(),
            preemptible=settings.role == "worker",
        )
        sys.stdout.flush()
        locate = functools.partial(directory_of, self.context.config_loader, self.config)
        packed = pack(self.context, self.task, self.config)
        return ProcessLanes(
            start, packed, self._environments, limit=settings.trial_timeout, fresh=settings.fresh_process, locate=locate
        )


def kind_of_lane(settings: Settings, launcher: str) -> str:
    """Return ``inline``, ``process``, ``thread`` or ``batch``, or the name of a lane type of the user's own.

    Args:
        launcher: The launcher's ``_target_``.

    Raises:
        ConfigError: Another setting is impossible with it.
    """
    if isinstance(settings.lanes, LaneType):
        kind = settings.lanes.name
    else:
        kind = _fitting(settings, launcher) if settings.lanes == "auto" else settings.lanes
    if kind == "inline" and settings.n_jobs > 1:
        raise ConfigError(
            f"hydra.sweeper.lanes=inline runs one job at a time, but hydra.sweeper.n_jobs={settings.n_jobs}; "
            "use lanes=process or n_jobs=1."
        )
    if kind == "process" and not POSIX:
        raise ConfigError(
            "hydra.sweeper.lanes=process needs Linux or macOS; use n_jobs=1, which runs jobs in this process."
        )
    if kind != "process" and settings.devices is not None:
        raise ConfigError(
            f"hydra.sweeper.devices needs lanes=process; with {launcher} the lanes are of kind {kind}, and the "
            "launcher's own settings say what its jobs get."
        )
    if kind != "process" and settings.trial_timeout is not None:
        raise ConfigError(
            f"hydra.sweeper.trial_timeout needs lanes=process; with {launcher} the lanes are of kind {kind}: set the "
            "launcher's own limit."
        )
    if kind != "process" and settings.fresh_process:
        raise ConfigError(
            f"hydra.sweeper.fresh_process needs lanes=process; with {launcher} the lanes are of kind {kind}."
        )
    return kind


def _fitting(settings: Settings, launcher: str) -> str:
    if JOBLIB in launcher:
        return "process"
    if not _is_basic(launcher):
        return "thread"
    alone = settings.n_jobs == 1 and settings.devices is None and settings.trial_timeout is None
    alone = alone and not settings.fresh_process
    return "inline" if alone else "process"


def _is_basic(launcher: str) -> bool:
    # By name: Hydra 1.3 executes its plugin modules twice, which makes two classes of each.
    known: Any = Plugins.instance().class_name_to_class.get(launcher)
    return "BasicLauncher" in {kind.__name__ for kind in getattr(known, "__mro__", ())}


def _start_ray(launcher: Any) -> None:
    """Start Ray as its launcher does, before several threads try to."""
    from hydra_plugins.hydra_ray_launcher._launcher_util import start_ray

    start_ray(ray_options(launcher.ray_cfg.init, os.environ))


def ray_options(init: Any, environ: Mapping[str, str]) -> Any:
    """Return the arguments of ``ray.init``; an existing cluster rejects memory settings."""
    address = init.get("address") or environ.get("RAY_ADDRESS")
    if not address or address == "local":
        init.setdefault("object_store_memory", MIN_OBJECT_STORE)
    return init


def ray_task_options(remote: Any) -> Any:
    """Return the options of Ray's tasks: a job that dies is not repeated by Ray, but by the sweep, which counts it.

    Ray's own default repeats a dead task three times, unseen by ``hydra.sweeper.max_retries``, and hides why it died.
    """
    remote.setdefault("max_retries", 0)
    return remote


def check_time_limit(launcher: DictConfig) -> None:
    """Reject a time limit of Slurm jobs whose warning signal would come at once.

    Raises:
        ConfigError: The signal of the limit would come when the job starts.
    """
    try:
        minutes, delay = float(launcher.get("timeout_min")), float(launcher.get("signal_delay_s"))
    except (TypeError, ValueError, OmegaConfBaseException):
        return  # other launchers
    if 60 * minutes <= delay:
        raise ConfigError(
            f"hydra.launcher.timeout_min={minutes:g} (minutes) is not longer than "
            f"hydra.launcher.signal_delay_s={delay:g} (seconds): each job would be told to end as soon as it starts. "
            "Give the jobs more time, or a shorter delay."
        )
