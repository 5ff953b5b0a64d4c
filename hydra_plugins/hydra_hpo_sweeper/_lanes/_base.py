"""Lanes: each is busy with one job, or free. The only file that calls ``Launcher.launch``.

A launcher takes a batch and returns when the slowest job of it is done. Lanes give it one job at a time, so
that a free lane never waits for a busy one.
"""

from __future__ import annotations

import os
import re
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

from hydra.core.config_loader import ConfigLoader
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig, open_dict

from hydra_plugins.hydra_hpo_sweeper._hydra._lane import LANE
from hydra_plugins.hydra_hpo_sweeper._hydra._returns import let_go, returned_by
from hydra_plugins.hydra_hpo_sweeper._lanes._guarded import drop_frames, kind_of, trace_of
from hydra_plugins.hydra_hpo_sweeper._lanes._outcome import sendable

End = Literal["returned", "raised", "pruned", "lost", "timeout", "stopped"]
"""How a job ended: ``lost`` when its process died without a word, ``stopped`` when the user asked for it."""

WORKER_DIED = {"UncompletedJobError", "TerminatedWorkerError", "BrokenProcessPool", "WorkerCrashedError", "WorkerLost"}
"""Exceptions of launchers that tell of a dead worker and not of the job (submitit, joblib, Ray, our own)."""

OVER_TIME = re.compile(r"state: TIMEOUT|not requeued because: timed-out")
"""How submitit words that a job went over the launcher's limit: ended from outside, and by a signal that it heard."""

PRUNED = {"TrialPruned"}


@dataclass(frozen=True)
class Job:
    """One run of the application.

    Attributes:
        number: The number of the trial's first attempt, which becomes the job's.
        overrides: Its complete override list.
        part: Which repeat of the trial, counted from 0.
        environment: Variables that are set while it runs, and before its process imports anything.
        attempt: The trial's own number, where it continues another.
    """

    number: int
    overrides: tuple[str, ...]
    part: int = 0
    environment: Mapping[str, str] = field(default_factory=dict)
    attempt: int | None = None

    @property
    def trial(self) -> int:
        """The number of the trial whose job it is."""
        return self.number if self.attempt is None else self.attempt

    @property
    def key(self) -> tuple[int, int]:
        """What tells this job from all others."""
        return self.number, self.part


@dataclass(frozen=True)
class Failure:
    """Why a job has no value.

    Attributes:
        kind: The exception's class, or a word of our own.
        message: What it says.
        trace: The traceback, as text; empty when there is none.
    """

    kind: str
    message: str
    trace: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}" if self.message else self.kind


OVER = Failure("Timeout", "the job ran longer than its launcher allows")


@dataclass(frozen=True)
class JobResult:
    """A job that has ended.

    Attributes:
        returned: What it returned, made of plain numbers, strings, lists and dicts.
        failure: Present unless it returned or was pruned.
        directory: Its output directory, where that is known.
    """

    job: Job
    end: End
    returned: Any = None
    failure: Failure | None = None
    directory: str | None = None


class Lanes(ABC):
    """A fixed number of places for running jobs.

    Attributes:
        in_process: Whether jobs run in this process while :meth:`wait` is called, so that Ctrl-C reaches them first.
    """

    in_process: ClassVar[bool] = False

    @property
    @abstractmethod
    def free(self) -> int:
        """How many jobs could be started now."""

    @property
    @abstractmethod
    def busy(self) -> tuple[Job, ...]:
        """The jobs that have been started and not yet handed back."""

    @property
    def queued(self) -> tuple[Job, ...]:
        """Those of :attr:`busy` that are known to wait in a cluster's queue."""
        return ()

    @abstractmethod
    def start(self, job: Job) -> None:
        """Start a job on a free lane. Does not wait."""

    @abstractmethod
    def wait(self, timeout: float | None = None) -> list[JobResult]:
        """Return the jobs that have ended, at least one unless the seconds of ``timeout`` pass before."""

    @abstractmethod
    def stop(self, key: tuple[int, int]) -> None:
        """End a running job; it is handed back as ``stopped``. Jobs that cannot be ended run on."""

    @abstractmethod
    def close(self) -> None:
        """End everything that still runs, with the processes behind it."""

    def __enter__(self) -> Lanes:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


@dataclass(frozen=True)
class LaneSetup:
    """What a lane type of a user's own is made with.

    Attributes:
        count: How many jobs shall run at the same time (``hydra.sweeper.n_jobs``).
        runner: Returns a function that runs one job on the chosen launcher, waits for it and says how it ended; it
            raises nothing. Each such function has a launcher of its own and serves one thread.
        directory: The sweep's directory.
    """

    count: int
    runner: Callable[[], Callable[[Job], JobResult]]
    directory: Path


class InlineLane(Lanes):
    """One lane in this process: the job runs while :meth:`wait` is called."""

    in_process = True

    def __init__(self, launcher: Launcher) -> None:
        self._launcher = launcher
        self._job: Job | None = None

    @property
    def free(self) -> int:
        return 0 if self._job else 1

    @property
    def busy(self) -> tuple[Job, ...]:
        return (self._job,) if self._job else ()

    def start(self, job: Job) -> None:
        assert self._job is None
        self._job = job

    def wait(self, timeout: float | None = None) -> list[JobResult]:
        if self._job is None:
            return []
        job = self._job
        with own_environment({LANE: "0", **job.environment}):
            done = run_job(self._launcher, job)
        self._job = None
        return [done]

    def stop(self, key: tuple[int, int]) -> None:
        """Nothing: while a job runs here, nobody can call this."""

    def close(self) -> None:
        self._job = None


def run_job(launcher: Launcher, job: Job) -> JobResult:
    """Run one job on a launcher and say how it ended. Raises nothing but what is no ``Exception``."""
    return run_batch(launcher, [job])[0]


def run_batch(launcher: Launcher, jobs: Sequence[Job]) -> list[JobResult]:
    """Run jobs with consecutive numbers on a launcher at once, and say how each ended."""
    try:
        returns = launcher.launch([list(job.overrides) for job in jobs], initial_job_idx=jobs[0].number)
    except KeyboardInterrupt:
        failure = Failure("Interrupted", "the run was stopped by the user")
        return [JobResult(job, "stopped", failure=failure) for job in jobs]
    except (Exception, SystemExit) as error:
        end: End = "timeout" if _is_over_time(error) else "lost" if _is_loss(error) else "raised"
        failure = replace(OVER, trace=failure_of(error).trace) if end == "timeout" else failure_of(error)
        return [JobResult(job, end, failure=failure, directory=_directory_from(launcher, job)) for job in jobs]
    results = [result_of(job, one) for job, one in zip(jobs, returns, strict=True)]
    for one in returns:
        let_go(one)
    return results


def result_of(job: Job, job_return: JobReturn) -> JobResult:
    """Return how a job ended from what Hydra says of it; an exception loses its frames."""
    directory = _directory(job_return)
    returned = returned_by(job_return)
    if job_return.status is JobStatus.COMPLETED:
        return JobResult(job, "returned", sendable(returned), directory=directory)
    if PRUNED & {kind.__name__ for kind in type(returned).__mro__}:
        drop_frames(returned)
        return JobResult(job, "pruned", directory=directory)
    if _is_over_time(returned):
        # Another attempt would take as long: it is not made.
        return JobResult(job, "timeout", failure=replace(OVER, trace=failure_of(returned).trace), directory=directory)
    return JobResult(job, "raised", failure=failure_of(returned), directory=directory)


def _is_loss(error: BaseException) -> bool:
    return bool(WORKER_DIED & {kind.__name__ for kind in type(error).__mro__})


def _is_over_time(error: BaseException) -> bool:
    return _is_loss(error) and OVER_TIME.search(str(error)) is not None


def directory_of(loader: ConfigLoader, config: DictConfig, job: Job) -> str | None:
    """Return the output directory of a job that has said nothing, as Hydra composes it; None where it does not."""
    try:
        composed = loader.load_sweep_config(config, list(job.overrides))
        with open_dict(composed):
            composed.hydra.job.num = job.number
        return str(Path(composed.hydra.sweep.dir, composed.hydra.sweep.subdir).absolute())
    except Exception:
        return None


def _directory_from(launcher: Any, job: Job) -> str | None:
    context = getattr(launcher, "hydra_context", None)
    return None if context is None else directory_of(context.config_loader, launcher.config, job)


def _directory(job_return: JobReturn) -> str | None:
    try:
        assert job_return.hydra_cfg is not None
        return str(job_return.hydra_cfg.hydra.runtime.output_dir)
    except Exception:
        return None


def failure_of(error: BaseException) -> Failure:
    """Return what is worth keeping of an exception, which loses its frames."""
    try:
        message = str(error)
    except Exception:
        message = "(the exception has no text)"
    failure = Failure(kind_of(error), message, trace_of(error))
    drop_frames(error)
    return failure


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for a while."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def own_environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for one job; what the job itself leaves behind does not reach the next one.

    A job may change the working directory, below which the sweep and its next jobs look for theirs. Lightning's
    ``ddp`` leaves the addresses of its ranks in the environment and the process group open; the next job of the
    process would take both for its own.
    """
    before = dict(os.environ)
    directory = os.getcwd()
    had_group = _process_group() is not None
    os.environ.update(variables)
    try:
        yield
    finally:
        os.chdir(directory)
        group = _process_group()
        if group is not None and not had_group:
            group.destroy_process_group()
        for name in os.environ.keys() - before.keys():
            os.environ.pop(name, None)
        os.environ.update({name: value for name, value in before.items() if os.environ.get(name) != value})


def _process_group() -> Any:
    """Return ``torch.distributed`` when this process is in a process group."""
    distributed = sys.modules.get("torch.distributed")
    return (
        distributed if distributed is not None and distributed.is_available() and distributed.is_initialized() else None
    )


def write_trace(done: JobResult) -> None:
    """Leave a failed job's traceback in its directory."""
    if done.failure is None or not done.failure.trace or done.directory is None:
        return
    # The study has it too, where the directory is gone or full.
    with suppress(OSError):
        Path(done.directory, "error.txt").write_text(done.failure.trace, encoding="utf-8")
