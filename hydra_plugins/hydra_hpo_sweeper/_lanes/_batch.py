"""Lanes of a launcher that gets many jobs at once, for launchers that distribute resources within a batch.

In lanes of other kinds, a launcher that assigns devices, or packs jobs into allocations, gets only one job at a time.
Here it gets all jobs that are ready, up to ``n_jobs``; the next ones start when it returns.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from queue import Empty, SimpleQueue

from hydra.plugins.launcher import Launcher

from hydra_plugins.hydra_hpo_sweeper._hydra._lane import LANE
from hydra_plugins.hydra_hpo_sweeper._lanes._base import Failure, Job, JobResult, Lanes, run_batch
from hydra_plugins.hydra_hpo_sweeper._lanes._environment import BatchEnvironment
from sweeper_core._by_value import file_names_kept

log = logging.getLogger("hydra_plugins.hydra_hpo_sweeper")

MAX_SECONDS_TO_END = 10.0
"""Seconds that an abandoned batch may take to end."""


class BatchLanes(Lanes):
    """One launcher, which gets up to ``count`` jobs at once.

    Args:
        launcher: Ready to launch.
        environment: Brings variables to its jobs.
        count: Jobs of a batch.
    """

    def __init__(self, launcher: Launcher, environment: BatchEnvironment, count: int) -> None:
        self._launcher = launcher
        self._environment = environment
        self._count = count
        self._waiting: list[Job] = []
        self._running: list[Job] = []
        self._thread: threading.Thread | None = None
        self._done: SimpleQueue[list[JobResult]] = SimpleQueue()

    @property
    def free(self) -> int:
        return 0 if self._running else self._count - len(self._waiting)

    @property
    def busy(self) -> tuple[Job, ...]:
        return (*self._running, *self._waiting)

    def start(self, job: Job) -> None:
        self._waiting.append(job)

    def wait(self, timeout: float | None = None) -> list[JobResult]:
        if not self._running and self._waiting:
            self._launch()
        if not self._running:
            return []
        try:
            results = self._done.get(timeout=timeout)
        except Empty:
            return []
        known = {job.key for job in self._running}
        self._running = []
        return [result for result in results if result.job.key in known]

    def _launch(self) -> None:
        size = _consecutive(self._waiting)
        self._running, self._waiting = self._waiting[:size], self._waiting[size:]
        self._environment.of_jobs = {
            job.number: {LANE: str(index), **job.environment} for index, job in enumerate(self._running)
        }
        self._thread = threading.Thread(target=self._run, args=(list(self._running),), name="hpo-batch", daemon=True)
        self._thread.start()

    def _run(self, jobs: Sequence[Job]) -> None:
        # The launcher pickles the task function, by value when it is defined in a script.
        with file_names_kept():
            self._done.put(run_batch(self._launcher, jobs))

    def stop(self, key: tuple[int, int]) -> None:
        jobs = [job for job in self.busy if job.key == key]
        if not jobs:
            return
        (job,) = jobs
        if job in self._waiting:
            self._waiting.remove(job)
        else:
            log.warning("Trial %d is recorded as stopped; its batch cannot be stopped from here.", job.number)
        self._done.put([JobResult(job, "stopped", failure=Failure("Stopped", "abandoned by the user"))])

    def close(self) -> None:
        self._waiting.clear()
        if self._thread is not None:
            self._thread.join(MAX_SECONDS_TO_END)


def _consecutive(jobs: Sequence[Job]) -> int:
    """Return how many jobs have consecutive numbers: a launcher counts on from the first one's."""
    return next((index for index in range(1, len(jobs)) if jobs[index].number != jobs[0].number + index), len(jobs))
