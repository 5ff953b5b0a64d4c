"""Ending jobs that run elsewhere, by the means of the library that runs them."""

from __future__ import annotations

import logging
import threading
from typing import Any, Protocol

log = logging.getLogger("hydra_plugins.hydra_hpo_sweeper")


class Canceller(Protocol):
    """Ends the job for which a lane's thread waits."""

    def cancel(self, thread: threading.Thread) -> bool:
        """Return whether it is being ended; the thread then learns of it from the launcher."""

    def close(self) -> None:
        """Leave everything as it was found."""


class SubmititJobs:
    """Notes which submitit jobs each thread has submitted; launchers keep that to themselves."""

    def __init__(self) -> None:
        from submitit.core.core import Executor

        self._executor: Any = Executor
        self._original = Executor.map_array
        self._jobs: dict[threading.Thread, list[Any]] = {}

        def map_array(executor: Any, *arguments: Any) -> Any:
            jobs = self._original(executor, *arguments)
            self._jobs[threading.current_thread()] = list(jobs)
            return jobs

        self._executor.map_array = map_array

    def cancel(self, thread: threading.Thread) -> bool:
        """Cancel the thread's jobs (``scancel``, or a signal to the local process)."""
        jobs = self._jobs.get(thread, [])
        for job in jobs:
            try:
                job.cancel(check=False)
            except OSError as error:
                log.warning("Job %s could not be cancelled: %s", job.job_id, error)
                return False
        return bool(jobs)

    def close(self) -> None:
        """Stop taking notes."""
        self._executor.map_array = self._original


class RayTasks:
    """Ray ends what a driver has started when the driver leaves."""

    def cancel(self, thread: threading.Thread) -> bool:
        """Leave the cluster, with all jobs."""
        import ray

        ray.shutdown()
        return True

    def close(self) -> None:
        """Nothing was changed."""
