"""Wait for submitit's jobs, and cancel them: one thread for all lanes.

Left to itself, each lane would look for its job's result once in a second, and all of them would ask the cluster at the
same moment, with a program each. Here a lane's ``Job.wait`` is an event, which one thread sets: it looks for the files
with the results several times in a second, and asks SLURM for the states of all jobs at once, once in some seconds.

Names of submitit that are replaced, seen in 1.5: ``Executor.map_array`` (what a launcher submits), and of its jobs
``wait``, ``watcher``, ``_results_timeout_s``. Where they are gone, lanes wait as submitit does. The executor's
``_executor.parameters`` tell whether a job has a comment of the user's.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra_plugins.hydra_hpo_sweeper._hydra._cancel import Noted
from hydra_plugins.hydra_hpo_sweeper._hydra._slurm import KILLED, SlurmState, SlurmStates

log = logging.getLogger("hydra_plugins.hydra_hpo_sweeper")

MIN_QUERY_INTERVAL, MAX_QUERY_INTERVAL = 5.0, 30.0
"""Seconds between two queries of the cluster: more and more while nothing changes."""

MIN_LOOK_INTERVAL = 0.2
LOOK_INTERVAL_PER_JOB = 0.002
"""Seconds between two looks for results: a look for one takes some microseconds, over a network more."""

REFRESH_INTERVAL = 1.0
"""Seconds after which a directory's cached listing is dropped: network file systems keep it for longer."""

MISSES = 2
"""Number of queries after which a job that the cluster does not know has ended."""

AFTER_KILL = 2
"""Seconds that a result may still take after its job was ended from outside; submitit waits for 15."""


class SubmititJobs(Noted):
    """Jobs of submitit: waited for by one thread; ended by ``scancel``, or by a signal to the local process."""

    slow_to_tell = True

    def __init__(self) -> None:
        from submitit.core.core import Executor

        self.watch = JobWatch()
        super().__init__(Executor, "map_array")

    def started(self, jobs: Sequence[Any]) -> None:
        """Let one thread wait for the jobs."""
        for job in jobs:
            self.watch.take(job)

    def marks(self, owner: Any, text: str) -> None:
        """Give SLURM's jobs a comment, unless the user has given one."""
        with suppress(Exception):  # of another cluster, or another version of submitit
            if owner.cluster == "slurm" and not owner._executor.parameters.get("comment"):
                owner.update_parameters(slurm_comment=text)

    def facts(self, jobs: Sequence[Any]) -> Mapping[str, Any] | None:
        """Return id, folder and number of tasks of a single job of SLURM or of this machine."""
        cluster = _cluster_of(jobs[0]) if len(jobs) == 1 else None
        if cluster is None:
            return None
        (job,) = jobs
        return {"cluster": cluster, "id": job.job_id, "folder": str(job.paths.folder), "tasks": job.num_tasks}

    def attach(self, facts: Mapping[str, Any]) -> Any:
        """Wait for a job that an earlier process has submitted; return what it has returned.

        Raises:
            UncompletedJobError: It has ended without a result.
        """
        job = _job_of(facts)
        self._keep([job])
        return job.results()[0]

    def end(self, job: Any) -> None:
        """Cancel the job."""
        job.cancel(check=False)

    def is_queued(self, job: Any) -> bool:
        """Return whether the job waits, by the latest query, without a new one."""
        try:
            state = job.watcher.get_state(job.job_id, mode="cache")
        except Exception:  # local jobs have no queue, and no state in their watcher
            return False
        return isinstance(state, str) and SlurmState(state.upper()).queued

    def close(self) -> None:
        """Stop recording and waiting."""
        super().close()
        self.watch.close()


def tasks_of(job: Any) -> list[Any]:
    """Return the jobs of a job's tasks: itself, where it has one."""
    return [job.task(index) for index in range(job.num_tasks)]


def _cluster_of(job: Any) -> str | None:
    """Return where a job runs, in a word; None for executors that are not known."""
    from submitit.local.local import LocalJob
    from submitit.slurm.slurm import SlurmJob

    return "slurm" if isinstance(job, SlurmJob) else "local" if isinstance(job, LocalJob) else None


def _job_of(facts: Mapping[str, Any]) -> Any:
    """Return submitit's object for a job."""
    from submitit.local.local import LocalJob
    from submitit.slurm.slurm import SlurmJob

    tasks = range(int(facts.get("tasks", 1)))
    if facts["cluster"] == "slurm":
        return SlurmJob(facts["folder"], str(facts["id"]), tasks)
    return LocalJob(facts["folder"], str(facts["id"]), tasks, process=_Earlier(int(facts["id"])))


class _Earlier:
    """A process of submitit's that another process has started."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def poll(self) -> int | None:
        """Return None while it runs."""
        try:
            command = Path(f"/proc/{self.pid}/cmdline").read_bytes()
        except OSError:
            return 1
        return None if b"submitit" in command else 1

    def send_signal(self, number: int) -> None:
        """Send it a signal."""
        if self.poll() is None:
            os.kill(self.pid, number)


@dataclass
class _Waiting:
    """A job for which a lane waits."""

    job: Any
    folder: str
    results: tuple[str, ...]
    on_slurm: bool
    done: threading.Event = field(default_factory=threading.Event)
    misses: int = 0

    @property
    def has_results(self) -> bool:
        return all(map(os.path.exists, self.results))

    def refresh(self) -> None:
        """Make a network file system look into the job's folder anew."""
        with suppress(OSError):
            os.chmod(self.folder, os.stat(self.folder).st_mode)


class JobWatch:
    """Waits for jobs of submitit in one thread, which lives while there are any.

    Args:
        states: Asks SLURM.
        clock: Seconds; for tests.
    """

    def __init__(self, states: SlurmStates | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._states = states or SlurmStates()
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting: dict[str, _Waiting] = {}
        self._known: dict[str, SlurmState] = {}
        self._running = False
        self._closed = threading.Event()
        self._interval = MIN_QUERY_INTERVAL
        self._asked = self._refreshed = clock()
        self.queries = 0
        """Number of queries so far."""

    # --- what lanes see -------------------------------------------------------------------------------------------

    def take(self, job: Any) -> None:
        """Replace how the launcher waits for a job; leave jobs of executors that are not known as they are."""
        if _cluster_of(job) is None:
            return
        for one in {job, *tasks_of(job)}:
            one.wait = lambda: self.wait(job)

    def wait(self, job: Any) -> None:
        """Return when the job has ended, or when nobody waits any more."""
        entry = self._enter(job)
        entry.done.wait()

    def state(self, job_id: str) -> SlurmState | None:
        """Return the state of a job by the latest query; None before one."""
        return self._known.get(job_id)

    def close(self) -> None:
        """Stop waiting: lanes that still wait are told that their job has ended."""
        self._closed.set()
        with self._lock:
            for entry in self._waiting.values():
                entry.done.set()
            self._waiting.clear()

    def _enter(self, job: Any) -> _Waiting:
        with self._lock:
            entry = self._waiting.get(job.job_id)
            if entry is not None or self._closed.is_set():
                return entry or _over(job)
            on_slurm = _cluster_of(job) == "slurm"
            paths = [one.paths for one in tasks_of(job)]
            entry = _Waiting(job, str(paths[0].folder), tuple(str(path.result_pickle) for path in paths), on_slurm)
            if on_slurm:
                for one in {job, *tasks_of(job)}:
                    one.watcher = _AsWatcher(self)
            self._waiting[job.job_id] = entry
            self._interval = MIN_QUERY_INTERVAL
            if not self._running:
                self._running = True
                threading.Thread(target=self._run, name="hpo-jobs", daemon=True).start()
        return entry

    # --- the thread -----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._closed.is_set():
            with self._lock:
                entries = list(self._waiting.values())
                if not entries:
                    self._running = False
                    return
            self.turn(entries)
            self._closed.wait(max(MIN_LOOK_INTERVAL, LOOK_INTERVAL_PER_JOB * len(entries)))

    def turn(self, entries: Sequence[_Waiting] | None = None) -> None:
        """Look for results once, and ask SLURM if it is time."""
        entries = list(self._waiting.values()) if entries is None else entries
        now = self._clock()
        if now - self._refreshed >= REFRESH_INTERVAL:
            self._refreshed = now
            for entry in entries:
                entry.refresh()
        for entry in entries:
            if entry.has_results or (not entry.on_slurm and entry.job.done()):
                self._end(entry)
        left = [entry for entry in entries if entry.on_slurm and not entry.done.is_set()]
        if left and now - self._asked >= self._interval:
            self._ask(left)
            self._asked = self._clock()

    def _ask(self, entries: Sequence[_Waiting]) -> None:
        self.queries += 1
        found = self._states.of(entry.job.job_id for entry in entries)
        changed = any(self._known.get(job) != state for job, state in found.items())
        self._interval = MIN_QUERY_INTERVAL if changed else min(1.5 * self._interval, MAX_QUERY_INTERVAL)
        self._known.update(found)
        for entry in entries:
            state = found.get(entry.job.job_id)
            if state is None or not state.ended:
                entry.misses = 0
                continue
            entry.misses += 1
            if state.name in KILLED:
                entry.job._results_timeout_s = AFTER_KILL
            # What is ended by a signal of its own may have written its result just before.
            if state.name != "GONE" or entry.misses >= MISSES:
                self._end(entry)

    def _end(self, entry: _Waiting) -> None:
        with self._lock:
            self._waiting.pop(entry.job.job_id, None)
        entry.done.set()


def _over(job: Any) -> _Waiting:
    entry = _Waiting(job, "", (), False)
    entry.done.set()
    return entry


class _AsWatcher:
    """What submitit asks of a job's watcher, answered by the latest query."""

    def __init__(self, watch: JobWatch) -> None:
        self._watch = watch

    def get_state(self, job_id: str, mode: str = "standard") -> str:
        """Return the state."""
        state = self._watch.state(job_id)
        return "UNKNOWN" if state is None else state.name

    def get_info(self, job_id: str, mode: str = "standard") -> dict[str, str]:
        """Return the state as ``sacct`` would."""
        return {"JobID": job_id, "State": self.get_state(job_id)}

    def is_done(self, job_id: str, mode: str = "standard") -> bool:
        """Return whether the job has ended."""
        state = self._watch.state(job_id)
        return state is not None and state.ended

    def register_job(self, job_id: str) -> None:
        """Nothing: the jobs that lanes wait for are known."""
