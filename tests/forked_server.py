"""A Python that has the libraries of applications imported, and forks itself into whatever is asked for.

Run as ``python forked_server.py SOCKET``; ends when its standard input does. A request names a script, its arguments,
folder and environment, and brings three open files; the answers are the number of the process, and how it ended. Of
this project nothing is imported beforehand, so that applications import it as they always do.
"""

from __future__ import annotations

import array
import contextlib
import gc
import importlib
import json
import os
import select
import socket
import sys
from types import CodeType
from typing import Any

LIBRARIES = (
    "hydra.main",
    "hydra.compose",
    "hydra._internal.utils",
    "hydra.core.override_parser.overrides_parser",
    "hydra.core.override_parser.overrides_visitor",
    "hydra._internal.core_plugins.basic_launcher",
    "hydra._internal.core_plugins.basic_sweeper",
    "hydra._internal.core_plugins.bash_completion",
    "numpy",
    "scipy.linalg",
    "scipy.optimize",
    "scipy.special",
    "scipy.stats",
    "sqlalchemy.orm",
    "sqlalchemy.dialects.sqlite",
    "sqlite3",
    "concurrent.futures.thread",
    "multiprocessing.connection",
    "threadpoolctl",
    "cloudpickle",
    "tqdm",
    "click",
    "rich.console",
    "rich.table",
)


def receive(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Return a request, which is a line of JSON, and the files that it brings."""
    files = array.array("i")
    text, brought, _, _ = connection.recvmsg(1 << 16, socket.CMSG_LEN(3 * files.itemsize))
    for _, _, data in brought:
        files.frombytes(data)
    while not text.endswith(b"\n"):
        text += connection.recv(1 << 16)
    return json.loads(text), list(files)


def reopen() -> None:
    """Open the standard files anew: what Python knew of those of the server is not true of others."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        before = getattr(sys, name)
        options = {"encoding": before.encoding, "errors": before.errors, "closefd": False}
        file = open(number, "w" if number else "r", **options)  # noqa: SIM115 (for as long as the process lives)
        if number and (number == 2 or file.isatty() or os.environ.get("PYTHONUNBUFFERED")):
            file.reconfigure(line_buffering=True)
        setattr(sys, name, file)
        setattr(sys, f"__{name}__", file)


def become(request: dict[str, Any], files: list[int]) -> CodeType:
    """Turn this process into one that has just been started with a script; return what is to be run."""
    os.setpgid(0, 0)
    for target, source in enumerate(files):
        os.dup2(source, target)
        os.close(source)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    reopen()
    sys.argv = request["arguments"]
    sys.orig_argv = [sys.executable, *sys.argv]
    script = os.path.realpath(sys.argv[0])
    searched = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:1] = [os.path.dirname(script), *(os.path.abspath(path) for path in searched if path)]
    numbers = sys.modules.get("numpy.random")
    if numbers is not None:
        numbers.seed()  # as the module `random` does by itself
    with open(script) as source:
        return compile(source.read(), os.path.abspath(sys.argv[0]), "exec")


def attend(connection: socket.socket) -> CodeType:
    """Start a process and tell how it ends; return only in that process."""
    request, files = receive(connection)
    started = os.fork()
    if started == 0:
        connection.close()
        return become(request, files)
    for file in files:
        os.close(file)
    connection.sendall(f"{started}\n".encode())
    _, status = os.waitpid(started, 0)
    connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def serve(path: str) -> CodeType:
    """Answer requests until the standard input ends; return only in a process that has become something else."""
    for name in LIBRARIES:
        try:
            importlib.import_module(name)
        except ImportError:
            continue  # an extra
    gc.collect()
    gc.freeze()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(64)
    os.write(1, b"ready\n")
    while True:
        ready, _, _ = select.select([listener, 0], [], [])
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if listener not in ready:
            os._exit(0)
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            return attend(connection)
        connection.close()


def run_as_main(code: CodeType) -> None:
    """Run a script in place of this one."""
    names = vars(sys.modules["__main__"])
    builtins = names["__builtins__"]
    names.clear()
    names.update(__name__="__main__", __file__=code.co_filename, __builtins__=builtins, __spec__=None, __doc__=None)
    exec(code, names)


if __name__ == "__main__":
    run_as_main(serve(sys.argv[1]))
