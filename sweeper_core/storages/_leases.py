"""Leases: the process that runs a trial, and whether it is alive."""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from sweeper_core.storages.base import Lease

MAX_ABSENCE = 7 * 24 * 3600.0
"""Seconds for which a trial whose job runs elsewhere waits for its sweep to come back."""


def this_process(interval: float = 15.0, grace: float = 60.0, *, elsewhere: bool = False) -> Lease:
    """Return a lease in the name of the current process.

    Args:
        interval: Seconds between two heartbeats.
        grace: Seconds without a heartbeat after which the trial is stale.
        elsewhere: Whether jobs outlive the process; ``grace`` is then :data:`MAX_ABSENCE` at least.

    Raises:
        ValueError: ``interval`` is not positive, or ``grace`` is negative.
    """
    if not interval > 0 or not grace >= 0:
        raise ValueError(f"A lease needs `interval > 0` and `grace >= 0`, but got {interval=}, {grace=}.")
    pid = os.getpid()
    grace = max(float(grace), MAX_ABSENCE) if elsewhere else float(grace)
    return Lease(platform.node(), _boot(), pid, _start_of(pid) or "", float(interval), grace, elsewhere)


def owner_of(pid: int) -> Lease:
    """Return a lease in the name of another process of this machine."""
    return replace(this_process(), pid=pid, process_started=_start_of(pid) or "")


def is_own(lease: Lease) -> bool:
    """Return whether the owner is this process."""
    if (lease.host, lease.boot, lease.pid) != (platform.node(), _boot(), os.getpid()):
        return False
    return lease.process_started == (_start_of(lease.pid) or "")


def may_be_checked(lease: Lease) -> bool:
    """Return whether this process can tell if the owner is alive: both run on one machine, and see each other."""
    known = bool(lease.boot and lease.process_started)
    return known and (lease.host, lease.boot) == (platform.node(), _boot())


def owner_is_dead(lease: Lease) -> bool:
    """Return whether the owner is known to be dead; False when this process cannot check.

    Only an owner of the same boot and in the same process namespace can be checked.
    """
    if not may_be_checked(lease):
        return False
    started = _start_of(lease.pid)
    return started != lease.process_started and (started is not None or not _is_there(lease.pid))


def _is_there(pid: int) -> bool:
    """Return whether there is a process of that number: ``/proc`` may hide those of other users (``hidepid``)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # the process belongs to another user
        return True
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    fields = _stat_of(pid)
    return fields is not None and fields[0] in "ZX"


_MACHINE_BITS = 38


class ProcessName(NamedTuple):
    """Identifies a process until its machine reboots, in few enough bits to be stored as a file's time.

    Attributes:
        pid: Its number.
        machine: 38 bits that stand for the machine, this run of its kernel, and the process namespace.
    """

    pid: int
    machine: int

    @property
    def number(self) -> int:
        """The name as one number, below 2**60 (as a time in nanoseconds, before 2007)."""
        return self.pid << _MACHINE_BITS | self.machine

    @classmethod
    def of(cls, number: int) -> ProcessName:
        """Return the process name encoded in a number; any other number gives a name that matches no process."""
        return cls(number >> _MACHINE_BITS, number & (1 << _MACHINE_BITS) - 1)


def name_of_process() -> ProcessName | None:
    """Return the name of the current process; None where other processes could not check whether it is alive."""
    machine = _machine()
    return None if machine is None else ProcessName(os.getpid(), machine)


def process_is_gone(name: ProcessName) -> bool:
    """Return whether a process of this machine has ended; False for one of another machine.

    A process whose pid was reused counts as running.
    """
    return name.machine == _machine() and _start_of(name.pid) is None and not _is_there(name.pid)


@functools.lru_cache(maxsize=1)
def _machine() -> int | None:
    boot = _boot()
    if not boot:
        return None
    return (
        int.from_bytes(hashlib.sha256(f"{platform.node()}/{boot}".encode()).digest()[:8], "big") >> 64 - _MACHINE_BITS
    )


@functools.lru_cache(maxsize=1)
def _boot() -> str:
    """Return an identifier of this boot and process namespace; "" where the system provides none."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return _output("sysctl", "-n", "kern.bootsessionuuid") if sys.platform == "darwin" else ""


def _start_of(pid: int) -> str | None:
    """Return a process's start time as the kernel formats it; None when there is no such process."""
    if not os.path.isdir("/proc/self"):
        return _output("ps", "-o", "lstart=", "-p", str(pid)) or None
    fields = _stat_of(pid)
    return None if fields is None or fields[0] in "ZX" else fields[19]


def _stat_of(pid: int) -> list[str] | None:
    """Return the fields of ``/proc/<pid>/stat`` from the state on; None when the process is gone or hidden."""
    try:
        # The command's name may contain closing parentheses; the fields begin after the last one.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:  # also when the process ends during the read
        return None


def _output(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
