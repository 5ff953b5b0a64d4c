"""A lane's worker process: runs one job after the other, and does not outlive the sweeper.

Messages, all pickled. To the worker: a :class:`Start`, then jobs, then ``None``. From it: ``("begun", key)`` when a job
starts, ``("done", JobResult)`` when it has ended. A further job, or ``None``, means that the sweeper has stored all
earlier results in the study. When the pipe breaks the sweeper is dead: the worker stores a result that the sweeper may
not have stored, and ends a running job with its children.

A worker that has one job alone is started while another runs: it first gets a :class:`Rehearsal`. Its job's function is
called when the sweeper has sent ``VACANT``: the other worker is gone, with the memory that it had on a device. Then it
sends ``("inside", seconds)`` that it has waited.
"""

from __future__ import annotations

import faulthandler
import gc
import os
import pickle
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
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

VACANT = "vacant"
"""The message that the earlier worker of a lane is gone."""


@dataclass(frozen=True)
class Start:
    """The start message of a worker.

    Attributes:
        record: Pickled function that stores a result in the study when the sweeper is dead.
        terminal: Whether jobs read and write the terminal of the sweep: for debuggers.
        preemptible: Whether a scheduler may end the sweep, whose jobs go on elsewhere then.
        fresh: Whether the worker has one job alone, whose function waits for ``VACANT``.
    """

    main: MainModule
    log: str
    record: bytes | None = None
    terminal: bool = False
    preemptible: bool = False
    fresh: bool = False


@dataclass(frozen=True)
class Rehearsal:
    """A job like the one to come, whose configuration is composed ahead of time: the first one takes the longest.

    Nothing of the job is run, and no directory made.
    """

    job: Job


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
    """Runs jobs in the main thread and listens to the sweeper in another.

    Args:
        prepare: Takes what a job's function waits for, and returns the functions that run and that rehearse a job.
        record: Stores a result in the study when the sweeper is dead.
    """

    def __init__(
        self,
        connection: Connection,
        prepare: Callable[[Callable[[], None]], Stage],
        record: Callable[[JobResult], Any] | None,
    ) -> None:
        self._connection = connection
        self._stage = prepare(self._wait_for_room)
        self._record = record
        self._jobs: SimpleQueue[Job | Rehearsal | None] = SimpleQueue()
        self._vacant = threading.Event()
        self._lock = threading.Lock()
        self._running = False
        self._untold: JobResult | None = None

    def serve(self) -> None:
        """Run jobs until the sweeper sends ``None``."""
        threading.Thread(target=self._listen, daemon=True, name="hpo-sweeper-pipe").start()
        while (job := self._jobs.get()) is not None:
            if isinstance(job, Rehearsal):
                if self._jobs.empty():
                    self._stage.rehearse(job.job)
                continue
            self._send(("begun", job.key))
            done = self._stage.run(job)
            with self._lock:
                self._running, self._untold = False, done
            self._send(("done", done))

    def _wait_for_room(self) -> None:
        begun = time.monotonic()
        self._vacant.wait()
        self._send(("inside", time.monotonic() - begun))

    def _listen(self) -> None:
        while True:
            try:
                message = self._connection.recv()
            except (EOFError, OSError):
                self._orphaned()
            if message == VACANT:
                self._vacant.set()
                continue
            if not isinstance(message, Rehearsal):
                with self._lock:
                    self._running, self._untold = message is not None, None
            self._jobs.put(message)
            if message is None:
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


@dataclass(frozen=True)
class Stage:
    """What a worker does with a job: run it, or only compose its configuration."""

    run: Callable[[Job], JobResult]
    rehearse: Callable[[Job], None]


def prepare(start: Start, packed: bytes, descriptor: int, wait_for_room: Callable[[], None]) -> Stage:
    """Return the functions for jobs of the application."""
    application: Application = unpack(packed, start.main)
    setup_globals()
    context = application.context
    if not start.terminal:
        context.callbacks.callbacks.append(Printed(descriptor))
    launcher = Plugins.instance().instantiate_launcher(
        hydra_context=context,
        task_function=Guarded(application.task, before=wait_for_room if start.fresh else None),
        config=application.config,
    )

    kills = KillCounter.of()

    def run(job: Job) -> JobResult:
        with own_environment({**job.environment, BEGUN: repr(time.time())}):
            return run_watched(launcher, job, kills.again())

    def rehearse(job: Job) -> None:
        import sweeper_core.checkpoints.warned
        import sweeper_core.memory  # noqa: F401 (what a job's end imports)

        # What is wrong with the configuration is said by the job that has it.
        with suppress(Exception), own_environment(job.environment):
            context.config_loader.load_sweep_config(application.config, list(job.overrides))

    return Stage(run, rehearse)


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
    record = None if start.record is None else pickle.loads(start.record)
    Worker(connection, partial(prepare, start, packed, log), record).serve()
    if start.fresh:
        # The interpreter would look through all objects for garbage before it exits, for which the next job waits.
        gc.freeze()
    sys.stdout.flush()
