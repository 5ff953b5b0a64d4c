"""Kill a process and its descendants."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress


def kill_tree(pid: int) -> None:
    """Kill the leader of a process group, its group, and its descendants that have left the group.

    A descendant that has left the group and whose parent is dead cannot be found.
    """
    others = [other for other in descendants(pid) if other != os.getpid()]
    for other in others:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(other, signal.SIGKILL)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def descendants(pid: int) -> list[int]:
    """Return the processes that a process has started, and those that these have started, and so on."""
    children: dict[int, list[int]] = {}
    for child, parent in _parents():
        children.setdefault(parent, []).append(child)
    found: list[int] = []
    level = [pid]
    while level:
        level = [child for one in level for child in children.get(one, [])]
        found += level
    return found


def _parents() -> list[tuple[int, int]]:
    """Return every process of this system with its parent."""
    if os.path.isdir("/proc/self"):
        return [pair for name in os.listdir("/proc") if name.isdigit() and (pair := _from_proc(name))]
    try:
        table = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return [(int(child), int(parent)) for child, parent in (line.split() for line in table.splitlines())]


def _from_proc(name: str) -> tuple[int, int] | None:
    try:
        with open(f"/proc/{name}/stat") as stat:
            # The command's name may contain anything; the fields begin after the last parenthesis.
            return int(name), int(stat.read().rpartition(")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return None
