"""What a running sweep says of itself in its directory: which process it is, and how far it is to go.

The file is there while the sweep runs; one that a killed sweep has left is recognised by its process. Several sweeps
may share a directory, each with a file of its own.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sweeper_core.storages import this_process
from sweeper_core.storages._leases import owner_is_dead
from sweeper_core.storages._rules import lease_of_attr
from sweeper_core.storages.base import Lease

PATTERN = ".sweep-*.json"


@dataclass(frozen=True)
class Beacon:
    """A sweep that runs.

    Attributes:
        owner: Its process.
        budget: Planned number of trials of the study; None when unknown.
        lanes: How many jobs can run at once.
        command: The command that goes on with the sweep, passwords masked.
    """

    owner: Lease
    budget: int | None = None
    lanes: int | None = None
    command: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return what the file says."""
        return asdict(self)


INTERVAL = 15.0
"""Seconds after which the file of a running sweep is touched."""

MAX_SILENCE = 120.0
"""Seconds after which a file that was not touched is one that a dead sweep has left."""


@contextmanager
def lit(directory: Path, budget: int | None, lanes: int | None, command: str) -> Iterator[None]:
    """Keep a sweep's file in its directory while the block runs; where that is impossible, do without."""
    owner = this_process()
    path = _path(directory, owner)
    over = threading.Event()
    with suppress(OSError):
        temporary = path.with_name(path.name + ".new")
        temporary.write_text(json.dumps(Beacon(owner, budget, lanes, command).as_json()), encoding="utf-8")
        os.replace(temporary, path)
        threading.Thread(target=_keep, args=(path, over), name="hpo-beacon", daemon=True).start()
    try:
        yield
    finally:
        over.set()
        with suppress(OSError):
            path.unlink()


def _path(directory: Path, owner: Lease) -> Path:
    return directory / PATTERN.replace("*", f"{owner.host}-{owner.pid}-{_mark(owner)}".replace("/", "_"))


def _keep(path: Path, over: threading.Event) -> None:
    while not over.wait(INTERVAL):
        with suppress(OSError):
            os.utime(path)


def has_left(directory: Path, owner: Lease) -> bool:
    """Return whether a sweep of a directory has ended, or is known to be dead; from any machine that sees it."""
    if is_here(owner):
        return owner_is_dead(owner)
    probe = directory / f".now-{uuid.uuid4().hex}"
    try:
        # The file system's own clock: machines may disagree.
        probe.touch()
        return probe.stat().st_mtime - _path(directory, owner).stat().st_mtime > MAX_SILENCE
    except FileNotFoundError:
        return True
    except OSError:
        return False
    finally:
        with suppress(OSError):
            probe.unlink()


def _mark(owner: Lease) -> str:
    """Return what tells a process from others of the same host name and number: in containers all may be process 1."""
    return hashlib.sha256(f"{owner.boot} {owner.process_started}".encode()).hexdigest()[:8]


def beacons(directory: Path) -> list[Beacon]:
    """Return the sweeps that run in a directory, as far as can be seen from here."""
    found = [_read(path) for path in sorted(directory.glob(PATTERN))]
    return [beacon for beacon in found if beacon is not None and not owner_is_dead(beacon.owner)]


def _read(path: Path) -> Beacon | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Beacon(Lease(**content["owner"]), content["budget"], content["lanes"], content["command"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def lease_of(attr: Any) -> Lease | None:
    """Return the owner that a trial's attribute names; None when it names none, or one that is dead."""
    lease = lease_of_attr(attr)
    return None if lease is None or owner_is_dead(lease) else lease


def is_here(owner: Lease) -> bool:
    """Return whether a process belongs to this machine, so that it can be sent a signal."""
    here = this_process()
    return (owner.host, owner.boot) == (here.host, here.boot)
