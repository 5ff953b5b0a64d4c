"""A lane's worker process: runs one job after the other, and does not outlive the sweeper.

Messages, all pickled. To the worker: a :class:`Start`, then jobs, then ``None``. From it: ``("begun", key)`` when a job
starts, ``("done", JobResult)`` when it has ended. A further message from the sweeper means that it has stored all
earlier results in the study. When the pipe breaks the sweeper is dead: the worker stores a result that the sweeper may
not have stored, and ends a running job with its children.
"""

from __future__ import annotations

import faulthandler
import os
import pickle
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from hydra.core.plugins import Plugins
from hydra.core.utils import setup_globals
from hydra.experimental.callback import Callback

from hydra_plugins.hydra_hpo_sweeper._lanes._base import Job, JobResult, own_environment, run_watched
from hydra_plugins.hydra_hpo_sweeper._lanes._guarded import Guarded
from hydra_plugins.hydra_hpo_sweeper._lanes._kill import kill_tree
from hydra_plugins.hydra_hpo_sweeper._lanes._oom import KillCounter
from hydra_plugins.hydra_hpo_sweeper._lanes._preempted import end_after_save
from hydra_plugins.hydra_hpo_sweeper._lanes._task import Application, MainModule, unpack
from sweeper_core.study._job.handle import BEGUN

OUTPUT = "output.log"
"""File in a job's directory: what the job printed."""


@dataclass(frozen=True)
class Start:
    """The start message of a worker.

    Attributes:
        record: Pickled function that stores a result in the study when the sweeper is dead.
        terminal: Whether jobs read and write the terminal of the sweep: for debuggers.
        preemptible: Whether a scheduler may end the sweep, whose jobs go on elsewhere then.
    """

    main: MainModule
    log: str
    record: bytes | None = None
    terminal: bool = False
    preemptible: bool = False


class Printed(Callback):
    """Redirects a job's output to a file in its directory; the console belongs to the sweep."""

    def __init__(self, elsewhere: int) -> None:
        self._elsewhere = elsewhere

    def on_job_start(self, config: Any, **kwargs: Any) -> None:
        """Redirect output."""
        path = Path(config.hydra.runtime.output_dir) / OUTPUT
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        redirect(descriptor)
        os.close(descriptor)

    def on_job_end(self, config: Any, job_return: Any, **kwargs: Any) -> None:
        """Restore output."""
        redirect(self._elsewhere)


def redirect(descriptor: int) -> None:
    """Redirect the output of the process and its children to an open file."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)


class Worker:
    """Runs jobs in the main thread and listens to the sweeper in another."""

    def __init__(
        self, connection: Connection, run: Callable[[Job], JobResult], record: Callable[[JobResult], Any] | None
    ) -> None:
        self._connection = connection
        self._run = run
        self._record = record
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._running = False
        self._untold: JobResult | None = None

    def serve(self) -> None:
        """Run jobs until the sweeper sends ``None``."""
        threading.Thread(target=self._listen, daemon=True, name="hpo-sweeper-pipe").start()
        while (job := self._jobs.get()) is not None:
            self._send(("begun", job.key))
            done = self._run(job)
            with self._lock:
                self._running, self._untold = False, done
            self._send(("done", done))

    def _listen(self) -> None:
        while True:
            try:
                job = self._connection.recv()
            except (EOFError, OSError):
                self._orphaned()
            with self._lock:
                self._running, self._untold = job is not None, None
            self._jobs.put(job)
            if job is None:
                return

    def _send(self, message: Any) -> None:
        try:
            self._connection.send(message)
        except OSError:
            # The listener thread notices it, too, and ends the process.
            threading.Event().wait()

    def _orphaned(self) -> None:
        with self._lock:
            untold = None if self._running else self._untold
        if untold is not None and self._record is not None:
            try:
                self._record(untold)
            except Exception as error:
                print(f"The result of trial {untold.job.number} could not be stored: {error}", file=sys.stderr)
        kill_tree(os.getpid())


def prepare(start: Start, packed: bytes, descriptor: int) -> Callable[[Job], JobResult]:
    """Return the function that runs a job."""
    application: Application = unpack(packed, start.main)
    setup_globals()
    context = application.context
    if not start.terminal:
        context.callbacks.callbacks.append(Printed(descriptor))
    launcher = Plugins.instance().instantiate_launcher(
        hydra_context=context, task_function=Guarded(application.task), config=application.config
    )

    kills = KillCounter.of()

    def run(job: Job) -> JobResult:
        with own_environment({**job.environment, BEGUN: repr(time.time())}):
            return run_watched(launcher, job, kills.again())

    return run


def main(pipe: int, application: int) -> None:
    """Serve the sweeper at the other end of an inherited socket."""
    connection = Connection(pipe)
    start: Start = connection.recv()
    log = os.open(start.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    if not start.terminal:
        redirect(log)
    faulthandler.enable()
    if start.preemptible:
        end_after_save()
    # Several workers share the file's position.
    packed = os.pread(application, os.fstat(application).st_size, 0)
    os.close(application)
    run = prepare(start, packed, log)
    record = None if start.record is None else pickle.loads(start.record)
    Worker(connection, run, record).serve()
    sys.stdout.flush()
