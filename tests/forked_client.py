"""Asks a `forked_server` for a process, and waits for its end: ``python`` and ``hpo`` of a shell, at little cost.

A script by itself, so that it starts fast: run as ``python -IS forked_client.py SOCKET SCRIPT ...``.
"""

from __future__ import annotations

import array
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence


def ask(
    server: str,
    arguments: Sequence[str],
    folder: str,
    environment: Mapping[str, str],
    files: Sequence[int],
    started: Callable[[int], object],
) -> int:
    """Return the exit code of a script run by a server.

    Args:
        arguments: The script, and what it is given.
        files: Its standard input, output and error.
        started: Called with the number of its process.
    """
    request = {"arguments": list(arguments), "folder": folder, "environment": dict(environment)}
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(server)
        text = json.dumps(request).encode() + b"\n"
        sent = connection.sendmsg([text], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))])
        connection.sendall(text[sent:])
        with connection.makefile() as answers:
            started(int(answers.readline()))
            return int(answers.readline())


def main() -> None:
    """Stand for the process that was asked for: hand signals on, end as it ended."""

    def forward(process: int) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda received, _: os.kill(process, received))

    server, *arguments = sys.argv[1:]
    code = ask(server, arguments, os.getcwd(), os.environ, (0, 1, 2), forward)
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    sys.exit(code)


if __name__ == "__main__":
    main()
