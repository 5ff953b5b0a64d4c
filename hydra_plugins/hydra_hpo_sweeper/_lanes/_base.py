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
from hydra_plugins.hydra_hpo_sweeper._lanes._oom import KillCounter
from hydra_plugins.hydra_hpo_sweeper._lanes._outcome import sendable

End = Literal["returned", "raised", "pruned", "lost", "killed", "timeout", "stopped"]
"""How a job ended: ``lost`` when its process died without a result, ``killed`` when it died so for want of memory,
``stopped`` when the user stopped it."""

WORKER_DIED = {"UncompletedJobError", "TerminatedWorkerError", "BrokenProcessPool", "WorkerCrashedError", "WorkerLost"}
"""Exceptions of launchers that mean a dead worker and not a failed job (submitit, joblib, Ray, our own)."""

OVER_TIME = re.compile(r"state: TIMEOUT|not requeued because: timed-out")
"""Messages of submitit for a job over the launcher's time limit: killed from outside, and ended by a signal."""

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
        attached: What is known of the job that a cluster already has; None for one that is to be started.
        rung: Index of the rung that it trains up to, so that its result is not the trial's; None: it trains in full.
    """

    number: int
    overrides: tuple[str, ...]
    part: int = 0
    environment: Mapping[str, str] = field(default_factory=dict)
    attempt: int | None = None
    attached: Mapping[str, Any] | None = None
    rung: int | None = None

    @property
    def trial(self) -> int:
        """The number of the trial whose job it is."""
        return self.number if self.attempt is None else self.attempt

    @property
    def key(self) -> tuple[int, int]:
        """Unique key of the job."""
        return self.number, self.part


@dataclass(frozen=True)
class Failure:
    """The failure of a job.

    Attributes:
        kind: The exception's class, or a keyword of our own.
        message: The exception's message.
        trace: The traceback, as text; empty when there is none.
        reason: "oom" where memory ran out; else empty.
    """

    kind: str
    message: str
    trace: str = ""
    reason: str = ""

    def __str__(self) -> str:
        text = f"{self.kind}: {self.message}" if self.message else self.kind
        return f"{self.reason}: {text}" if self.reason else text


OVER = Failure("Timeout", "the job ran longer than its launcher allows")


@dataclass(frozen=True)
class JobResult:
    """A job that has ended.

    Attributes:
        returned: Its return value, in plain numbers, strings, lists and dicts.
        failure: Present unless it returned or was pruned.
        directory: Its output directory, where that is known.
    """

    job: Job
    end: End
    returned: Any = None
    failure: Failure | None = None
    directory: str | None = None


class Lanes(ABC):
    """A fixed number of slots for running jobs (workers).

    Attributes:
        in_process: Whether jobs run in this process while :meth:`wait` is called, so that Ctrl-C reaches them first.
    """

    in_process: ClassVar[bool] = False

    @property
    @abstractmethod
    def free(self) -> int:
        """Number of free lanes."""

    @property
    @abstractmethod
    def busy(self) -> tuple[Job, ...]:
        """The jobs that were started and not yet returned by :meth:`wait`."""

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
        """Stop a running job; :meth:`wait` returns it as ``stopped``. Jobs that cannot be stopped run on."""

    def warn(self) -> None:  # noqa: B027 (most lanes cannot)
        """Tell running jobs, once, that they will be stopped, so that they save; jobs elsewhere are not told."""

    @abstractmethod
    def close(self) -> None:
        """End all running jobs and their processes."""

    def __enter__(self) -> Lanes:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


@dataclass(frozen=True)
class LaneSetup:
    """Arguments for the construction of a user's lane type.

    Attributes:
        count: Number of concurrent jobs (``hydra.sweeper.n_jobs``).
        runner: Returns a function that runs one job on the chosen launcher, waits for it and returns its result; it
            raises nothing. Each such function has its own launcher and is for one thread.
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
        self._kills = KillCounter.of()

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
            done = run_watched(self._launcher, job, self._kills.again())
        self._job = None
        return [done]

    def stop(self, key: tuple[int, int]) -> None:
        """Do nothing: this thread runs the job, so it cannot be called meanwhile."""

    def close(self) -> None:
        self._job = None


def run_job(launcher: Launcher, job: Job) -> JobResult:
    """Run one job on a launcher and return its result. Raises only what is not an ``Exception``."""
    return run_batch(launcher, [job])[0]


def run_watched(launcher: Launcher, job: Job, kills: KillCounter) -> JobResult:
    """Run one job of this process, and tell whether one of its processes was killed for want of memory."""
    from sweeper_core.memory import REASON, tells_kill  # Hydra imports this file in every application

    done = run_job(launcher, job)
    failure = done.failure
    if failure is None or failure.reason or not tells_kill(f"{failure}\n{failure.trace}") or not kills.grown:
        return done
    return replace(done, failure=replace(failure, reason=REASON))


def run_batch(launcher: Launcher, jobs: Sequence[Job]) -> list[JobResult]:
    """Run jobs with consecutive numbers on a launcher at once, and return their results."""
    overrides = [list(job.overrides) for job in jobs]
    return _results(launcher, jobs, lambda: launcher.launch(overrides, initial_job_idx=jobs[0].number))


def run_attached(launcher: Launcher, job: Job, wait: Callable[[], JobReturn]) -> JobResult:
    """Return the result of a job that a cluster already has.

    Args:
        wait: Returns what the job has returned, or raises what the launcher would.
    """
    return _results(launcher, [job], lambda: [wait()])[0]


def _results(launcher: Launcher, jobs: Sequence[Job], run: Callable[[], Sequence[JobReturn]]) -> list[JobResult]:
    try:
        returns = run()
    except KeyboardInterrupt:
        failure = Failure("Interrupted", "the run was stopped by the user")
        return [JobResult(job, "stopped", failure=failure) for job in jobs]
    except (Exception, SystemExit) as error:
        failure = failure_of(error)
        loss: End = "killed" if failure.reason else "lost"
        end: End = "timeout" if _is_over_time(error) else loss if _is_loss(error) else "raised"
        failure = replace(OVER, trace=failure.trace) if end == "timeout" else failure
        return [JobResult(job, end, failure=failure, directory=_directory_from(launcher, job)) for job in jobs]
    results = [result_of(job, one) for job, one in zip(jobs, returns, strict=True)]
    for one in returns:
        let_go(one)
    return results


def result_of(job: Job, job_return: JobReturn) -> JobResult:
    """Return a job's result from Hydra's ``JobReturn``; an exception loses its frames."""
    directory = _directory(job_return)
    returned = returned_by(job_return)
    if job_return.status is JobStatus.COMPLETED:
        return JobResult(job, "returned", sendable(returned), directory=directory)
    if PRUNED & {kind.__name__ for kind in type(returned).__mro__}:
        drop_frames(returned)
        return JobResult(job, "pruned", directory=directory)
    if _is_over_time(returned):
        # Another attempt would take as long, so the job is not retried.
        return JobResult(job, "timeout", failure=replace(OVER, trace=failure_of(returned).trace), directory=directory)
    return JobResult(job, "raised", failure=failure_of(returned), directory=directory)


def _is_loss(error: BaseException) -> bool:
    return bool(WORKER_DIED & {kind.__name__ for kind in type(error).__mro__})


def _is_over_time(error: BaseException) -> bool:
    return _is_loss(error) and OVER_TIME.search(str(error)) is not None


def directory_of(loader: ConfigLoader, config: DictConfig, job: Job) -> str | None:
    """Return the output directory of a job without a result, as Hydra composes it; None when that fails."""
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
    """Return the failure described by an exception, which loses its frames."""
    from sweeper_core.memory import REASON, is_out_of_memory, tells_out_of_memory  # as above

    try:
        message = str(error)
    except Exception:
        message = "(the exception has no text)"
    kind, trace = kind_of(error), trace_of(error)
    short = is_out_of_memory(error) or tells_out_of_memory(f"{kind}: {message}") or tells_out_of_memory(trace)
    failure = Failure(kind, message, trace, REASON if short else "")
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
    """Set environment variables for one job, and restore the process's state after it.

    A job may change the working directory, on which relative paths of the sweep and its next jobs depend. Lightning's
    ``ddp`` leaves the addresses of its ranks in the environment and the process group open; the next job of the
    process would use both.
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
    """Write a failed job's traceback to its directory."""
    if done.failure is None or not done.failure.trace or done.directory is None:
        return
    # The study stores it, too, in case the directory is deleted or full.
    with suppress(OSError):
        Path(done.directory, "error.txt").write_text(done.failure.trace, encoding="utf-8")
