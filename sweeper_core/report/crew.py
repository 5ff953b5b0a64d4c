"""The workers of a sweep's directory: the command that starts one, who was started in the background, the wish to stop.

====================  ==============================================================================================
``.workers-<user>/``  folder of one user, readable by nobody else, who alone may say what runs in the user's name:
``  command.json``    the command line of a worker and its working directory
``  crew.json``       the workers that ``hydra.sweeper.detach`` has started: processes, or a SLURM array
``.stop.json``        there from ``hpo stop`` until new workers are started: no worker begins another trial
====================  ==============================================================================================
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sweeper_core.storages._leases import owner_is_dead, this_process
from sweeper_core.storages.base import Lease

STOP_FILE = ".stop.json"
COMMAND_FILE = "command.json"
CREW_FILE = "crew.json"
SECONDS_BETWEEN_QUERIES = 10.0
"""SLURM's controller is asked whether an array is queued at most once in this time."""


def private_folder(directory: Path) -> Path:
    """Return the folder of this user in a sweep's directory."""
    getuid = getattr(os, "getuid", None)
    return directory / f".workers-{getuid() if getuid else os.environ.get('USERNAME', 'user')}"


@dataclass(frozen=True)
class Command:
    """What starts a worker: the words of a command line, and the directory in which it is to be called."""

    words: tuple[str, ...]
    cwd: str

    def keep(self, directory: Path) -> None:
        """Store it in a sweep's directory, for this user alone."""
        _write(directory, COMMAND_FILE, {"words": list(self.words), "cwd": self.cwd})

    @classmethod
    def of(cls, directory: Path) -> Command:
        """Return the command of this user in a sweep's directory.

        Raises:
            FileNotFoundError: There is no such directory on this machine, or no command in it.
            PermissionError: Somebody else can write it.
            ValueError: It is damaged.
        """
        host = this_process().host
        if not directory.is_dir():
            raise FileNotFoundError(
                f"{directory} is not a directory on this machine ({host}): give a sweep's directory that is on a file "
                "system which all machines mount."
            )
        path = private_folder(directory) / COMMAND_FILE
        if not path.exists():
            raise FileNotFoundError(
                f"{directory} has no command of yours to start a worker with: begin the sweep with "
                "hydra.sweeper.role=worker or hydra.sweeper.detach=true, or start workers by that command."
            )
        _check_private(path)
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            return cls(tuple(map(str, content["words"])), str(content["cwd"]))
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path} is damaged ({error!r}); begin the sweep again to have it written.") from error


@dataclass(frozen=True)
class Crew:
    """Workers that were started in the background.

    Attributes:
        owners: The processes on one machine; empty for a SLURM array.
        slurm_job: The number of the SLURM array; None for processes.
    """

    owners: tuple[Lease, ...] = ()
    slurm_job: str | None = None

    def keep(self, directory: Path) -> None:
        """Store it in a sweep's directory."""
        owners = [asdict(owner) for owner in self.owners]
        _write(directory, CREW_FILE, {"owners": owners, "slurm_job": self.slurm_job})

    @classmethod
    def of(cls, directory: Path) -> Crew | None:
        """Return the crew that this user started last in a sweep's directory; None without one."""
        try:
            content = json.loads((private_folder(directory) / CREW_FILE).read_text(encoding="utf-8"))
            return cls(tuple(Lease(**owner) for owner in content["owners"]), content["slurm_job"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    @property
    def living(self) -> tuple[Lease, ...]:
        """The processes that are not known to be dead."""
        return tuple(owner for owner in self.owners if not owner_is_dead(owner))

    def is_active(self) -> bool:
        """Return whether any of the workers runs or is to run, as far as can be seen from here."""
        return bool(self.living) or (self.slurm_job is not None and is_queued(self.slurm_job))

    def described(self) -> str:
        """Return who they are, in a few words."""
        if self.slurm_job is not None:
            return f"SLURM job {self.slurm_job}"
        return "process" + ("es " if len(self.owners) > 1 else " ") + ", ".join(str(owner.pid) for owner in self.owners)


_asked: dict[str, tuple[float, bool]] = {}


def is_queued(job: str) -> bool:
    """Return whether a SLURM job waits or runs; False where SLURM does not know it, or cannot be asked."""
    at, known = _asked.get(job, (-SECONDS_BETWEEN_QUERIES, False))
    if time.monotonic() - at < SECONDS_BETWEEN_QUERIES:
        return known
    known = bool(slurm("squeue", "--noheader", "--format=%i", f"--jobs={job}"))
    _asked[job] = time.monotonic(), known
    return known


def slurm(*command: str) -> str | None:
    """Return what a command of SLURM prints; None where it fails or does not exist."""
    if shutil.which(command[0]) is None:
        return None
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def ask_to_stop(directory: Path) -> None:
    """Let no worker of a sweep begin another trial."""
    owner = this_process()
    content = json.dumps({"host": owner.host, "pid": owner.pid, "at": time.time()})
    _replace(directory / STOP_FILE, content)


def is_to_stop(directory: Path) -> bool:
    """Return whether :func:`ask_to_stop` was called after workers were started last."""
    return (directory / STOP_FILE).exists()


def forget_stop(directory: Path) -> None:
    """Let workers begin trials again."""
    with suppress(FileNotFoundError):
        (directory / STOP_FILE).unlink()


def _write(directory: Path, name: str, content: Mapping[str, Any]) -> None:
    folder = private_folder(directory)
    folder.mkdir(mode=0o700, exist_ok=True)
    _replace(folder / name, json.dumps(content))


def _replace(path: Path, text: str) -> None:
    """Replace a file as a whole; only its owner can read it."""
    temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(handle, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(temporary, path)


def _check_private(path: Path) -> None:
    for one in (path.parent, path):
        found = one.stat()
        if os.name == "posix" and (found.st_uid != os.getuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)):
            raise PermissionError(
                f"{one} can be written by somebody else than you, so nothing is started from it; remove it, and begin "
                "the sweep again."
            )
