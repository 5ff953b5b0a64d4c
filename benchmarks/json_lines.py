"""Talk with an optimiser in another interpreter, in lines of JSON. This file imports nothing of this project."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn


class Process:
    """A script beside this one, at work for a peer in the interpreter of the peer's environment."""

    def __init__(self, name: str, python: str, script: str) -> None:
        self.name = name
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the process
        self._process = subprocess.Popen(
            [python, str(Path(__file__).with_name(script))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        atexit.register(self._process.kill)

    def say(self, word: Mapping[str, Any]) -> None:
        """Say something that has no answer."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(word) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            self._fail()

    def ask(self, word: Mapping[str, Any]) -> Any:
        """Return the answer."""
        self.say(word)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._fail()
        return json.loads(line)

    def _fail(self) -> NoReturn:
        _processes.pop(self.name, None)
        self._process.wait()
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace")
        raise RuntimeError(f"{self.name} ended in its own interpreter. The end of what it said:\n{said[-2000:]}")


_processes: dict[str, Process] = {}


def process_of(name: str, python: str, script: str) -> Process:
    """Return a peer's process, which serves one study after another; one that has ended is replaced."""
    if name not in _processes:
        _processes[name] = Process(name, python, script)
    return _processes[name]


def serve_streams(serve: Callable[[Iterator[str], Callable[[str], None]], None]) -> None:
    """Serve on the standard streams; what a peer prints goes to the standard error."""
    warnings.simplefilter("ignore")
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    serve(iter(sys.stdin.readline, ""), lambda text: print(text, file=out, flush=True))
    os._exit(0)  # some peers leave threads behind that wait for ever
