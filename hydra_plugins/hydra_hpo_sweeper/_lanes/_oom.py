"""Whether the kernel's OOM killer has ended a job's process: its counters, before and after.

A process that the kernel kills for want of memory dies by SIGKILL, as one that a user or a cluster kills. The counters
of its control group tell them apart: ``memory.events`` (version 2) and ``memory.oom_control`` (version 1, since Linux
4.13); where neither can be read, ``/proc/vmstat`` counts the kills of the whole host.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

MIN_FREE = 0.15
"""Share of the host's memory that has to be free for processes that are started ahead of time."""

COUNTER = "oom_kill"
"""Name of the counter in each of the files."""


@dataclass(frozen=True)
class KillCounter:
    """The counter of kills that concern a process, with its value at one moment; without a file it never grows."""

    file: Path | None = None
    before: int = 0

    @classmethod
    def of(cls, pid: int | None = None, proc: Path = Path("/proc")) -> KillCounter:
        """Return the counter of a process, by default of this one, as it is now."""
        own = proc / ("self" if pid is None else str(pid))
        for file in (*_files_of(own), proc / "vmstat"):
            count = _read(file)
            if count is not None:
                return cls(file, count)
        return cls()

    def again(self) -> KillCounter:
        """Return the same counter as it is now."""
        return self if self.file is None else replace(self, before=_read(self.file) or 0)

    @property
    def grown(self) -> bool:
        """Whether a process has been killed since."""
        now = None if self.file is None else _read(self.file)
        return now is not None and now > self.before


def memory_is_short(meminfo: Path = Path("/proc/meminfo")) -> bool:
    """Return whether this host has too little free memory for a process that only waits; False where it is unknown."""
    sizes: dict[str, int] = {}
    with suppress(OSError, ValueError):
        for line in meminfo.read_text().splitlines():
            name, _, size = line.partition(":")
            sizes[name] = int(size.split()[0])
    return sizes.get("MemAvailable", 1) < MIN_FREE * sizes.get("MemTotal", 1)


def _read(file: Path) -> int | None:
    with suppress(OSError, ValueError):
        for line in file.read_text().splitlines():
            name, _, count = line.partition(" ")
            if name == COUNTER:
                return int(count)
    return None


def _files_of(process: Path) -> list[Path]:
    """Return the files of a process's control groups that may have a counter, version 2 first."""
    with suppress(OSError, ValueError):
        mounts = _mounts(process)
        groups = [line.split(":", 2) for line in (process / "cgroup").read_text().splitlines()]
        paths = {"": "memory.events", "memory": "memory.oom_control"}
        return [
            _inside(mounts[kind], group) / name
            for kind, name in paths.items()
            for _, kinds, group in groups
            if kind in kinds.split(",") and kind in mounts
        ]
    return []


def _mounts(process: Path) -> dict[str, tuple[str, str]]:
    """Return root and mount point of version 2 ("") and of the memory controller of version 1 ("memory")."""
    found: dict[str, tuple[str, str]] = {}
    for line in (process / "mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        root, point = before.split()[3:5]
        kind, _, options = after.split(maxsplit=2)
        if kind == "cgroup2":
            found.setdefault("", (root, point))
        elif kind == "cgroup" and "memory" in options.split(","):
            found.setdefault("memory", (root, point))
    return found


def _inside(mount: tuple[str, str], group: str) -> Path:
    """Return the folder of a group; a container may see only a part of the tree, mounted at ``mount``."""
    root, point = mount
    below = os.path.relpath(group, root) if group.startswith(root) else group.lstrip("/")
    return Path(point, below)
