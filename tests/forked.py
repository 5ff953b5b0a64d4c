"""Applications whose libraries need not be imported each time: on Linux they are forks of one process that has them.

Importing NumPy, SciPy, SQLAlchemy and Hydra takes most of the time of a short sweep. What tests starting, imports,
signals or lanes' processes starts its own Python all the same.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import forked_client

HERE = Path(__file__).resolve().parent
OWN_SCRIPTS = ("hpo", "hpo-sweeper")

available = sys.platform == "linux"


@functools.cache
def _server(python: str, variables: frozenset[tuple[str, str]]) -> str:
    """Return the socket of the server of an interpreter; it lives as long as this process."""
    path = os.path.join(tempfile.mkdtemp(prefix="forked-"), "socket")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    process = subprocess.Popen(
        [python, str(HERE / "forked_server.py"), path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**environment, **dict(variables)},
    )
    atexit.register(process.kill)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return path


def server(python: str, environment: Mapping[str, str]) -> str:
    """Return the socket of a server for an interpreter and the variables that it heeds when it starts."""
    heeded = {name: value for name, value in environment.items() if name.startswith(("PYTHON", "LC_", "LANG", "OMP_"))}
    heeded.pop("PYTHONPATH", None)
    return _server(python, frozenset(heeded.items()))


def run(
    arguments: Sequence[str], *, cwd: Path, env: Mapping[str, str], timeout: float = 300.0
) -> subprocess.CompletedProcess[str]:
    """Run a script with its arguments to its end, as ``subprocess.run`` does with an interpreter before them.

    Raises:
        subprocess.TimeoutExpired: It was killed.
    """
    started: list[int] = []
    killed = threading.Event()

    def kill() -> None:
        killed.set()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(started[0], signal.SIGKILL)

    timer = threading.Timer(timeout, kill)

    def watch(process: int) -> None:
        started.append(process)
        timer.start()

    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors, open(os.devnull) as nothing:
        files = (nothing.fileno(), out.fileno(), errors.fileno())
        code = forked_client.ask(server(sys.executable, env), arguments, str(cwd), env, files, watch)
        timer.cancel()
        out.seek(0)
        errors.seek(0)
        texts = out.read(), errors.read()
    if killed.is_set():
        raise subprocess.TimeoutExpired(list(arguments), timeout, *texts)
    return subprocess.CompletedProcess(list(arguments), code, *texts)


def programs(python: Path, environment: Mapping[str, str]) -> Path:
    """Return a folder with ``python`` and the project's commands for a shell, which run scripts by a server."""
    socket = server(str(python), environment)
    folder = Path(socket).with_name("programs")
    if not folder.exists():
        folder.mkdir()
        client = f"{python} -IS {HERE / 'forked_client.py'} {socket}"
        texts = {"python": f'case "$1" in *.py) exec {client} "$@" ;; *) exec {python} "$@" ;; esac'}
        texts.update({name: f'exec {client} {python.parent / name} "$@"' for name in OWN_SCRIPTS})
        for name, text in texts.items():
            (folder / name).write_text(f"#!/bin/sh\n{text}\n")
            (folder / name).chmod(0o755)
    return folder
