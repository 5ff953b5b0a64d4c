"""A small process that reports at once when this one dies in the middle of a job.

An inline job runs in the sweep's own process: when it crashes (a segmentation fault, ``os._exit``, the kernel's
out-of-memory killer) nobody is left to say which trial it was and how to go on. Fatal signals reach the watcher through
``faulthandler``, which writes to its pipe; calls of ``os._exit`` are noted before they are made; what then remains was
killed from outside.
"""

from __future__ import annotations

import faulthandler
import json
import os
import subprocess
import sys
from contextlib import suppress
from typing import Any

_CODE = r"""
import json, os, re, select, sys
parent, told, fault, data = int(sys.argv[1]), {}, [], b""
while True:
    # Children of the job may hold the pipe open: its end is not the only sign.
    if select.select([0], [], [], 0.5)[0]:
        chunk = os.read(0, 65536)
        if not chunk:
            break
        data += chunk
        if data.endswith(b"BYE\n"):
            sys.exit()
    elif os.getppid() != parent:
        break
for line in data.decode(errors="replace").splitlines(True):
    try:
        told.update(json.loads(line))
    except ValueError:
        fault.append(line)
text = "".join(fault)
if "code" in told:
    how = "ended itself with exit code %s" % told["code"]
elif fault:
    words = re.search("Fatal Python error: (.*)", text)
    names = {"Segmentation fault": "SIGSEGV", "Aborted": "SIGABRT", "Bus error": "SIGBUS",
             "Floating point exception": "SIGFPE", "Floating-point exception": "SIGFPE",
             "Illegal instruction": "SIGILL"}
    word = words.group(1) if words else "a fatal error"
    how = "was ended by %s (%s)" % (names.get(word, "a fatal error"), word)
else:
    how = "was killed (SIGKILL, as for want of memory, or another signal from outside)"
trial = told.get("trial")
during = "" if trial is None else " while trial %d ran in it" % trial
sys.stderr.write("\nThe process of the sweep %s%s.%s\n%sTo go on: %s\n" % (
    how, during, "" if trial is None else " The next run tries that trial again.", text, told.get("command", "")))
sys.stderr.flush()
"""


class Watcher:
    """Watches over this process while it is entered.

    Args:
        active: False where jobs run in processes of their own; nothing is done then.
    """

    def __init__(self, active: bool = True) -> None:
        self._active = active
        self._process: subprocess.Popen[bytes] | None = None
        self._exit: Any = None
        self._fault = False

    def __enter__(self) -> Watcher:
        return self

    def running(self, trial: int, command: str) -> None:
        """Set the trial that runs from now on, and the command that continues the sweep."""
        if not self._active:
            return
        if self._process is None:
            self._begin()
        self._send(json.dumps({"trial": trial, "command": command}))

    def _begin(self) -> None:
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _CODE, str(os.getpid())],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError:
            self._active = False
            return
        assert self._process.stdin is not None
        if not faulthandler.is_enabled():
            faulthandler.enable(self._process.stdin, all_threads=False)
            self._fault = True
        self._exit, pid = os._exit, os.getpid()

        def exit_noted(status: int) -> None:
            if os.getpid() == pid:
                self._send(json.dumps({"code": status}))
            self._exit(status)

        os._exit = exit_noted  # type: ignore[assignment]

    def _send(self, line: str) -> None:
        if self._process is not None and self._process.stdin is not None:
            with suppress(OSError, ValueError):
                self._process.stdin.write(f"{line}\n".encode())
                self._process.stdin.flush()

    def __exit__(self, *exception: object) -> None:
        if self._process is None:
            return
        os._exit = self._exit
        if self._fault:
            faulthandler.disable()
        self._send("BYE")
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()
        self._process.wait()
