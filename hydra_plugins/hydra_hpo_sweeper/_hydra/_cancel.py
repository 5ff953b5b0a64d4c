"""Ending jobs that run elsewhere, by the means of the library that runs them."""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Protocol
from weakref import WeakKeyDictionary, WeakSet

log = logging.getLogger("hydra_plugins.hydra_hpo_sweeper")

QUEUED = ("PENDING", "REQUEUED")
"""Slurm's states of a job that has no machine yet."""


class Canceller(Protocol):
    """Ends the job for which a lane's thread waits."""

    slow_to_tell: bool
    """Whether the thread learns of the end so late (it asks every half minute) that nobody should wait for it."""

    def cancel(self, thread: threading.Thread) -> bool:
        """Return whether it is being ended; the thread then learns of it from the launcher."""

    def queued(self, thread: threading.Thread) -> bool:
        """Return whether the job waits in a queue, as far as is known without asking."""

    def close(self) -> None:
        """Leave everything as it was found."""


class Noted(ABC):
    """Notes what each thread starts through a function of the launcher's, which keeps that to itself.

    Args:
        owner: The module or class that has the function.
        name: The function's name.
    """

    slow_to_tell = False

    def __init__(self, owner: Any, name: str) -> None:
        self._owner, self._name = owner, name
        self._original = getattr(owner, name)
        self._lock = threading.Lock()
        # A thread that has ended takes its notes along: they may keep what a job returned.
        self._started: WeakKeyDictionary[threading.Thread, Sequence[Any]] = WeakKeyDictionary()
        self._cancelled: WeakSet[threading.Thread] = WeakSet()

        def noting(*arguments: Any, **named: Any) -> Any:
            result = self._original(*arguments, **named)
            thread, jobs = threading.current_thread(), result if isinstance(result, list) else [result]
            with self._lock:
                self._started[thread] = jobs
                cancelled = thread in self._cancelled
            if cancelled:
                self._end_all(jobs)
            return result

        setattr(owner, name, noting)

    def cancel(self, thread: threading.Thread) -> bool:
        """End what the thread has started, or is about to start."""
        with self._lock:
            self._cancelled.add(thread)
            jobs = self._started.get(thread, [])
        return self._end_all(jobs)

    def queued(self, thread: threading.Thread) -> bool:
        """Return whether all that the thread has started waits in a queue."""
        with self._lock:
            jobs = self._started.get(thread, [])
        return bool(jobs) and all(self.is_queued(job) for job in jobs)

    def is_queued(self, job: Any) -> bool:
        """Return whether one job waits in a queue; where nobody can tell, it does not."""
        return False

    def _end_all(self, jobs: Sequence[Any]) -> bool:
        for job in jobs:
            try:
                self.end(job)
            except Exception as error:
                log.warning("Job %s could not be cancelled: %s", getattr(job, "job_id", job), error)
                return False
        return True

    @abstractmethod
    def end(self, job: Any) -> None:
        """End one job."""

    def close(self) -> None:
        """Stop taking notes."""
        setattr(self._owner, self._name, self._original)


class SubmititJobs(Noted):
    """Jobs of submitit: ``scancel``, or a signal to the local process."""

    slow_to_tell = True

    def __init__(self) -> None:
        from submitit.core.core import Executor

        super().__init__(Executor, "map_array")

    def end(self, job: Any) -> None:
        """Cancel the job."""
        job.cancel(check=False)

    def is_queued(self, job: Any) -> bool:
        """Return what submitit knows from its last call of ``sacct``, made while it waits; this makes no other."""
        try:
            state = job.watcher.get_state(job.job_id, mode="cache")
        except Exception:  # local jobs have no queue, and no state in their watcher
            return False
        return isinstance(state, str) and state.upper() in QUEUED


class RayTasks(Noted):
    """Tasks of Ray. (To leave the cluster would end them too, and this process with them when a thread still waits.)"""

    def __init__(self) -> None:
        from hydra_plugins.hydra_ray_launcher import _core

        super().__init__(_core, "launch_job_on_ray")

    def end(self, job: Any) -> None:
        """End the worker that runs the task."""
        import ray

        ray.cancel(job, force=True)
