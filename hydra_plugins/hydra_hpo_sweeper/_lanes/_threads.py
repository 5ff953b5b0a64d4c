"""Lanes that are threads: for launchers whose jobs run elsewhere (a cluster, Ray, other processes)."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from queue import Empty, SimpleQueue
from typing import Any

from hydra.plugins.launcher import Launcher

from hydra_plugins.hydra_hpo_sweeper._hydra._cancel import Canceller
from hydra_plugins.hydra_hpo_sweeper._hydra._lane import LANE
from hydra_plugins.hydra_hpo_sweeper._lanes._base import Failure, Job, JobResult, Lanes, run_attached, run_job
from hydra_plugins.hydra_hpo_sweeper._lanes._environment import JobEnvironment
from sweeper_core._by_value import file_names_kept

log = logging.getLogger("hydra_plugins.hydra_hpo_sweeper")

_Lane = tuple[Launcher, JobEnvironment]


class ThreadLanes(Lanes):
    """As many single-job launches at once as there are lanes; each lane has a launcher of its own.

    Args:
        make: Returns a launcher, ready to launch, and what brings variables to its jobs.
        count: Number of lanes.
        canceller: Ends the job that a thread waits for, where the launcher's library can do that.
        note: Called with a job and what is needed to wait for it, when a cluster has it.
        mark: Returns a text for a job, by which a cluster's queue tells whose it is.
    """

    def __init__(
        self,
        make: Callable[[], _Lane],
        count: int,
        canceller: Canceller | None = None,
        note: Callable[[Job, Mapping[str, Any]], None] | None = None,
        mark: Callable[[Job], str] | None = None,
    ) -> None:
        self._idle = [(index, make()) for index in range(count)]
        self._busy: dict[tuple[int, int], tuple[Job, tuple[int, _Lane], threading.Thread]] = {}
        self._done: SimpleQueue[JobResult] = SimpleQueue()
        self._stopped: set[tuple[int, int]] = set()
        self._canceller = canceller
        if canceller is not None and note is not None:
            canceller.told = lambda thread, facts: self._note(thread, facts, note)
        if canceller is not None and mark is not None:
            canceller.mark = lambda thread: next((mark(job) for job in self._jobs_of(thread)), None)

    @property
    def free(self) -> int:
        return len(self._idle)

    @property
    def busy(self) -> tuple[Job, ...]:
        return tuple(job for job, _, _ in self._busy.values())

    @property
    def queued(self) -> tuple[Job, ...]:
        canceller = self._canceller
        if canceller is None:
            return ()
        return tuple(job for job, _, thread in self._busy.values() if canceller.queued(thread))

    def start(self, job: Job) -> None:
        lane = self._idle.pop()
        thread = threading.Thread(target=self._run, args=(lane, job), name=f"hpo-lane-{job.number}", daemon=True)
        self._busy[job.key] = job, lane, thread
        thread.start()

    def _run(self, lane: tuple[int, _Lane], job: Job) -> None:
        index, (launcher, job_environment) = lane
        if job.attached is not None and self._canceller is not None:
            attached, canceller = job.attached, self._canceller
            self._done.put(run_attached(launcher, job, lambda: canceller.attach(attached)))
            return
        job_environment.variables = {LANE: str(index), **job.environment}
        # The launcher pickles the task function, by value when it is defined in a script.
        with file_names_kept():
            self._done.put(run_job(launcher, job))

    def _note(
        self, thread: threading.Thread, facts: Mapping[str, Any], note: Callable[[Job, Mapping[str, Any]], None]
    ) -> None:
        for job in self._jobs_of(thread):
            note(job, facts)

    def _jobs_of(self, thread: threading.Thread) -> list[Job]:
        return [job for job, _, one in list(self._busy.values()) if one is thread]

    def wait(self, timeout: float | None = None) -> list[JobResult]:
        if not self._busy:
            return []
        try:
            done = [self._done.get(timeout=timeout)]
        except Empty:
            return []
        while True:
            try:
                done.append(self._done.get_nowait())
            except Empty:
                break
        # Results of abandoned jobs may still arrive.
        return [self._free(ended) for ended in done if ended.job.key in self._busy]

    def _free(self, done: JobResult) -> JobResult:
        _, lane, _ = self._busy.pop(done.job.key)
        self._idle.append(lane)
        if done.job.key in self._stopped and done.end != "returned":
            return JobResult(done.job, "stopped", failure=Failure("Stopped", "stopped by the user"))
        return done

    def stop(self, key: tuple[int, int]) -> None:
        if key not in self._busy or key in self._stopped:
            return
        self._stopped.add(key)
        job, _, thread = self._busy[key]
        if self._canceller is None or not self._canceller.cancel(thread):
            log.warning("Trial %d is recorded as stopped; its job cannot be stopped from here.", job.number)
            self._done.put(JobResult(job, "stopped", failure=Failure("Stopped", "abandoned by the user")))
        elif self._canceller.slow_to_tell:
            self._done.put(JobResult(job, "stopped", failure=Failure("Stopped", "stopped by the user")))

    def close(self) -> None:
        for key in list(self._busy):
            self.stop(key)
        end = time.monotonic() + 10.0
        while self._busy and time.monotonic() < end:
            self.wait(0.1)
        if self._canceller is not None:
            self._canceller.close()
