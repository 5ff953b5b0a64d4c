"""Lanes as worker processes: started once, replaced when they die, never outliving the sweep."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Literal

from hydra_plugins.hydra_hpo_sweeper._lanes._base import Failure, Job, JobResult, Lanes
from hydra_plugins.hydra_hpo_sweeper._lanes._kill import kill_tree
from hydra_plugins.hydra_hpo_sweeper._lanes._oom import KillCounter, memory_is_short
from hydra_plugins.hydra_hpo_sweeper._lanes._worker import OUTPUT, VACANT, Rehearsal, Start
from sweeper_core.memory import REASON, tells_out_of_memory

SECONDS_TO_LEAVE = 5.0
"""Seconds that an idle worker may take to exit (exit handlers of the libraries it has loaded)."""

SECONDS_TO_DIE = 1.0
"""Seconds that a worker that has closed its pipe may take to end."""

MAX_TAIL = 2000
"""Characters of a dead worker's log that are kept with the trial."""
MAX_LAST_WORDS = 100_000
"""Number of characters in which words of an abort are looked for: a dump of all threads may stand behind them."""

FROM_OUTSIDE = (-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT)
"""Exit statuses of a process that others ended; any other process may have printed why it ended itself."""

_CODE = """import sys
sys.path[:] = {path!r}
from hydra_plugins.hydra_hpo_sweeper._lanes._worker import main
main({pipe}, {application})
"""


class ProcessLanes(Lanes):
    """``len(environments)`` worker processes, each with one job at a time.

    Args:
        start: The first message to a worker; its ``log`` is a directory here, in which each lane has a file.
        application: The packed application.
        environments: For each lane, the variables its process begins with.
        limit: Seconds after which a job is ended, with its children; None for no limit.
        fresh: Whether each job has a process of its own; the next one is started while a job runs.
        locate: Returns the output directory of a job whose worker died without sending it.
    """

    def __init__(
        self,
        start: Start,
        application: bytes,
        environments: Sequence[Mapping[str, str]],
        *,
        limit: float | None = None,
        fresh: bool = False,
        locate: Callable[[Job], str | None] = lambda job: None,
    ) -> None:
        self._locate = locate
        self._fresh = fresh
        # It is too long for a pipe without a reader; an unnamed file is invisible to other processes.
        self._application = tempfile.TemporaryFile()  # noqa: SIM115 (closed in `close`)
        self._application.write(application)
        self._application.flush()
        Path(start.log).mkdir(parents=True, exist_ok=True)
        self._lanes = [
            self._lane(
                replace(start, log=str(Path(start.log) / f"lane-{index}.log"), fresh=fresh), dict(variables), limit
            )
            for index, variables in enumerate(environments)
        ]

    def _lane(self, start: Start, variables: dict[str, str], limit: float | None) -> _Lane:
        spawn = partial(_spawn, start, variables, self._application.fileno())
        return _Lane(spawn, Path(start.log), limit, self._fresh, start.preemptible)

    @property
    def free(self) -> int:
        return sum(lane.job is None for lane in self._lanes)

    @property
    def busy(self) -> tuple[Job, ...]:
        return tuple(lane.job for lane in self._lanes if lane.job is not None)

    def start(self, job: Job) -> None:
        # A lane with a live worker is ready sooner than one whose process has to be started.
        lane = max((lane for lane in self._lanes if lane.job is None), key=lambda lane: lane.worker is not None)
        lane.start(job)

    def wait(self, timeout: float | None = None) -> list[JobResult]:
        busy = [lane for lane in self._lanes if lane.job is not None]
        if not busy:
            return []
        done: list[JobResult] = []
        end = None if timeout is None else time.monotonic() + timeout
        while not done:
            deadlines = [moment for moment in (end, *(lane.deadline for lane in busy)) if moment is not None]
            left = None if not deadlines else max(0.0, min(deadlines) - time.monotonic())
            ready = set(wait([lane.connection for lane in busy], left))
            done = [
                self._located(ended, lane.aborted)
                for lane in busy
                if (ended := lane.look(lane.connection in ready)) is not None
            ]
            if end is not None and time.monotonic() >= end:
                break
        return done

    def _located(self, ended: JobResult, aborted: bool) -> JobResult:
        if ended.end not in ("lost", "killed", "timeout", "stopped") or ended.directory is not None:
            return ended
        ended = replace(ended, directory=self._locate(ended.job))
        return _with_last_words(ended) if aborted and ended.end == "lost" else ended

    def stop(self, key: tuple[int, int]) -> None:
        for lane in self._lanes:
            if lane.job is not None and lane.job.key == key:
                lane.cut_short("stopped")

    def warn(self) -> None:
        for lane in self._lanes:
            lane.warn()

    def close(self) -> None:
        for lane in self._lanes:
            lane.say_goodbye()
        for lane in self._lanes:
            lane.end_worker(patience=0.0 if lane.job else SECONDS_TO_LEAVE)
            lane.end_spare()
        self._application.close()

    @property
    def processes(self) -> list[int]:
        """Process identifiers of the living workers."""
        return [lane.worker.process.pid for lane in self._lanes if lane.worker is not None]


@dataclass(frozen=True)
class _Worker:
    process: subprocess.Popen[bytes]
    connection: Connection


class _Lane:
    """One lane: its worker, if alive, and its job, if it has one."""

    def __init__(
        self,
        spawn: Callable[[], _Worker],
        log: Path,
        limit: float | None,
        fresh: bool = False,
        preemptible: bool = False,
    ) -> None:
        self._spawn = spawn
        self._log = log
        self._limit = limit
        self._fresh = fresh
        self._preemptible = preemptible
        self._warned = not preemptible
        self._spare: _Worker | None = None
        """The process of the next job, which waits for it after its imports."""
        self._leaving: threading.Thread | None = None
        """Ends the process of the earlier job."""
        self.worker: _Worker | None = None
        self.job: Job | None = None
        self.deadline: float | None = None
        self._begun = False
        self._cut_short: Literal["timeout", "stopped"] | None = None
        self._kills = KillCounter()
        self.aborted = False
        """Whether the last worker that died had ended itself."""

    @property
    def connection(self) -> Connection:
        assert self.worker is not None
        return self.worker.connection

    def start(self, job: Job) -> None:
        """Send the job to the worker, which is started if necessary."""
        earlier = self._take_spare() if self._fresh else None
        self.job, self.deadline, self._cut_short, self._begun = job, None, None, False
        self._send(job)
        if self._fresh:
            self._make_room(earlier)

    def _send(self, job: Job) -> None:
        if self.worker is not None:
            self._kills = KillCounter.of(self.worker.process.pid) if self._fresh else self._kills.again()
            try:
                self.worker.connection.send(job)
                return
            except OSError:
                # The worker died while it was idle, which does not affect the job.
                self.end_worker()
        self.worker = self._spawn()
        self._kills = KillCounter.of(self.worker.process.pid)
        self.worker.connection.send(job)

    def look(self, ready: bool) -> JobResult | None:
        """Return the job's result, if it has ended."""
        if ready:
            try:
                kind, content = self.connection.recv()
            except (EOFError, OSError):
                return self._died()
            if kind == "done":
                return self._free(content)
            if kind == "begun":
                self._begun = True
                self.deadline = None if self._limit is None else time.monotonic() + self._limit
            else:
                self._is_inside(content)
            return None
        if self.deadline is not None and time.monotonic() >= self.deadline:
            self.cut_short("timeout")
        return None

    def _is_inside(self, waited: float) -> None:
        """Start the process of the next job: this one's own preparations are over, which it would have delayed."""
        assert self.job is not None
        if self.deadline is not None:
            self.deadline += waited
        if self._spare is None and not memory_is_short():
            self._spare = self._spawn()
            with suppress(OSError):
                self._spare.connection.send(Rehearsal(self.job))

    def cut_short(self, reason: Literal["timeout", "stopped"]) -> None:
        """Kill the worker and its descendants; :meth:`look` then finds it dead."""
        assert self.worker is not None
        self._cut_short, self.deadline = reason, None
        kill_tree(self.worker.process.pid)

    def warn(self) -> None:
        """Tell the job once that it will be ended, by a signal that its process ignores unless the job watches it."""
        if self.job is not None and self.worker is not None and self._begun and not self._warned:
            self._warned = True
            with suppress(ProcessLookupError):
                self.worker.process.send_signal(signal.SIGUSR1)

    def _died(self) -> JobResult:
        assert self.job is not None
        # It has closed its pipe; wait briefly for its exit status.
        status = self.end_worker(patience=0.0 if self._cut_short else SECONDS_TO_DIE)
        if self._cut_short == "timeout":
            text = f"the job ran longer than hydra.sweeper.trial_timeout={self._limit:g} seconds"
            return self._free(JobResult(self.job, "timeout", failure=Failure("Timeout", text)))
        if self._preemptible and status == -signal.SIGTERM:  # it has saved, and passed the scheduler's signal on
            return self._free(JobResult(self.job, "stopped", failure=Failure("Stopped", "stopped by SIGTERM")))
        if self._cut_short == "stopped":
            return self._free(JobResult(self.job, "stopped", failure=Failure("Stopped", "stopped by the user")))
        self.aborted = status not in FROM_OUTSIDE
        failure = self._loss(status)
        if status == -signal.SIGKILL and self._kills.grown:
            text = f"{failure.message}: the kernel's OOM killer"
            return self._free(
                JobResult(self.job, "killed", failure=Failure("OutOfMemory", text, failure.trace, REASON))
            )
        return self._free(JobResult(self.job, "lost", failure=failure))

    def _loss(self, status: int | None) -> Failure:
        tail = _tail(self._log)
        if self._begun:
            return Failure("WorkerLost", _words(status), tail)
        last = tail.strip().rpartition("\n")[2]
        return Failure("WorkerFailed", f"{_words(status)}, before the job began: {last}", tail)

    def _free(self, done: JobResult) -> JobResult:
        self.job, self.deadline = None, None
        return done

    def _take_spare(self) -> _Worker | None:
        """Take the process that waits; return that of the earlier job, if it has still to end.

        It is told to end only now, because a job that is started means that all earlier results are stored.
        """
        self._see_off()
        self.say_goodbye()
        earlier, self.worker, self._spare = self.worker, self._spare, None
        if self.worker is None:  # there may be no memory for two
            _end(earlier, SECONDS_TO_LEAVE)
            return None
        return earlier

    def _make_room(self, earlier: _Worker | None) -> None:
        """End the process of the earlier job, with all that it holds, while the next one composes; then admit that."""
        assert self.worker is not None
        here = self.worker.connection

        def end() -> None:
            _end(earlier, SECONDS_TO_LEAVE)
            with suppress(OSError):
                here.send(VACANT)

        if earlier is None:
            end()
        else:
            self._leaving = threading.Thread(target=end, name="hpo-sweeper-leaving")
            self._leaving.start()

    def _see_off(self) -> None:
        """Wait until the process of the earlier job has ended."""
        if self._leaving is not None:
            self._leaving.join()
            self._leaving = None

    def end_spare(self) -> None:
        """End the process that waits for a job, if there is one."""
        self.worker, self._spare = self._spare, None
        self.say_goodbye()
        self.end_worker(patience=SECONDS_TO_LEAVE)

    def say_goodbye(self) -> None:
        """Send an idle worker the end of its work."""
        if self.worker is not None and self.job is None:
            with suppress(OSError):
                self.worker.connection.send(None)

    def end_worker(self, patience: float = 0.0) -> int | None:
        """End the worker and all its children, after some seconds to exit normally; return its exit status."""
        self._see_off()
        worker, self.worker = self.worker, None
        return _end(worker, patience)


def _end(worker: _Worker | None, patience: float) -> int | None:
    """End a worker and all its children, after some seconds to exit normally; return its exit status."""
    if worker is None:
        return None
    # It is not reaped before the kill: until then its pid cannot be reused.
    _wait(worker.process, patience)
    kill_tree(worker.process.pid)
    worker.connection.close()
    return worker.process.wait()


def _with_last_words(ended: JobResult) -> JobResult:
    """Return the result of a lost job, as out of memory if that is what its process printed when it aborted."""
    if ended.directory is None or ended.failure is None:
        return ended
    printed = _tail(Path(ended.directory, OUTPUT), MAX_LAST_WORDS)
    if not tells_out_of_memory(printed):
        return ended
    return replace(ended, end="killed", failure=replace(ended.failure, trace=printed[-MAX_TAIL:], reason=REASON))


def _wait(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Wait for a process to end, without reaping it where the system can do that."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and not _has_ended(process):
        time.sleep(0.01)


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    if sys.platform == "linux":
        return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None
    return process.poll() is not None


def _spawn(start: Start, variables: Mapping[str, str], application: int) -> _Worker:
    """Start a worker: a fresh interpreter in a session of its own, which no Ctrl-C of the terminal reaches."""
    ours, theirs = socket.socketpair()
    code = _CODE.format(path=sys.path, pipe=theirs.fileno(), application=application)
    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    process = subprocess.Popen(
        [sys.executable, *flags, "-c", code],
        stdin=None if start.terminal else subprocess.DEVNULL,
        env={**os.environ, **variables},
        pass_fds=[theirs.fileno(), application],
        start_new_session=True,
    )
    theirs.close()
    connection = Connection(ours.detach())
    connection.send(start)
    return _Worker(process, connection)


def _tail(path: Path, limit: int = MAX_TAIL) -> str:
    """Return the end of what a worker has printed."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")[-limit:]
    except OSError:
        return ""


def _words(status: int | None) -> str:
    if status is not None and status < 0:
        try:
            return f"its process was ended by {signal.Signals(-status).name}"
        except ValueError:
            return f"its process was ended by signal {-status}"
    return f"its process ended with exit status {status} and without a result"
