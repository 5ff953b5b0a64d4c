"""Cancel jobs that run elsewhere, through the launcher's library."""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol
from weakref import WeakKeyDictionary, WeakSet

log = logging.getLogger("hydra_plugins.hydra_hpo_sweeper")


class Canceller(Protocol):
    """Cancels the job for which a lane's thread waits."""

    told: Callable[[threading.Thread, Mapping[str, Any]], None] | None
    """Called with a thread and what is needed to wait for its job, when a cluster has that; None: nobody asks."""

    mark: Callable[[threading.Thread], str | None] | None
    """Returns a text for a thread's next job, by which it is found again when it could not be told of."""

    slow_to_tell: bool
    """Whether the thread notices the end too late to wait for it (it polls every half minute)."""

    def cancel(self, thread: threading.Thread) -> bool:
        """Return whether the job is being cancelled; the launcher then notifies the thread."""

    def queued(self, thread: threading.Thread) -> bool:
        """Return whether the job is known to be in a queue, without a query."""

    def attach(self, facts: Mapping[str, Any]) -> Any:
        """Wait for a job that was started earlier; return or raise what it has returned or raised."""

    def close(self) -> None:
        """Restore the patched functions."""


class Noted(ABC):
    """Records the jobs that each thread starts through a launcher's function, which does not expose them.

    Args:
        owner: The module or class that has the function.
        name: The function's name.
    """

    slow_to_tell = False

    def __init__(self, owner: Any, name: str) -> None:
        self.told: Callable[[threading.Thread, Mapping[str, Any]], None] | None = None
        self.mark: Callable[[threading.Thread], str | None] | None = None
        self._owner, self._name = owner, name
        self._original = getattr(owner, name)
        self._lock = threading.Lock()
        # Weak keys: the records are dropped with their thread, because they may refer to a job's result.
        self._started: WeakKeyDictionary[threading.Thread, Sequence[Any]] = WeakKeyDictionary()
        self._cancelled: WeakSet[threading.Thread] = WeakSet()

        def noting(*arguments: Any, **named: Any) -> Any:
            mark = self.mark(threading.current_thread()) if self.mark is not None else None
            if mark is not None and arguments:
                self.marks(arguments[0], mark)
            result = self._original(*arguments, **named)
            jobs = result if isinstance(result, list) else [result]
            self._keep(jobs)
            thread, facts = threading.current_thread(), self.facts(jobs)
            if self.told is not None and facts is not None:
                self.told(thread, facts)
            return result

        setattr(owner, name, noting)

    def _keep(self, jobs: Sequence[Any]) -> None:
        """Record the jobs for which this thread waits from now on."""
        thread = threading.current_thread()
        with self._lock:
            self._started[thread] = jobs
            cancelled = thread in self._cancelled
        self.started(jobs)
        if cancelled:
            self._end_all(jobs)

    def started(self, jobs: Sequence[Any]) -> None:  # noqa: B027 (optional)
        """Note jobs that a thread has started."""

    def marks(self, owner: Any, text: str) -> None:  # noqa: B027 (optional)
        """Let the jobs that an object is about to start carry a text."""

    def facts(self, jobs: Sequence[Any]) -> Mapping[str, Any] | None:
        """Return what another process needs to wait for the jobs, as JSON; None where it cannot."""
        return None

    def attach(self, facts: Mapping[str, Any]) -> Any:
        """Wait for a job that was started earlier."""
        raise NotImplementedError

    def cancel(self, thread: threading.Thread) -> bool:
        """Cancel the jobs that the thread has started or is about to start."""
        with self._lock:
            self._cancelled.add(thread)
            jobs = self._started.get(thread, [])
        return self._end_all(jobs)

    def queued(self, thread: threading.Thread) -> bool:
        """Return whether all jobs that the thread has started are in a queue."""
        with self._lock:
            jobs = self._started.get(thread, [])
        return bool(jobs) and all(self.is_queued(job) for job in jobs)

    def is_queued(self, job: Any) -> bool:
        """Return whether one job is in a queue; False when unknown."""
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
        """Cancel one job."""

    def close(self) -> None:
        """Stop recording."""
        setattr(self._owner, self._name, self._original)


class RayTasks(Noted):
    """Tasks of Ray. (Leaving the cluster would end them too, but also this process while a thread still waits.)"""

    def __init__(self) -> None:
        from hydra_plugins.hydra_ray_launcher import _core

        super().__init__(_core, "launch_job_on_ray")

    def end(self, job: Any) -> None:
        """End the worker that runs the task."""
        import ray

        ray.cancel(job, force=True)
