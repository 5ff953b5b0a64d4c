"""End sweeps and workers from another terminal."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from pathlib import Path

from sweeper_core.cli import term
from sweeper_core.report.beacon import beacons, is_here
from sweeper_core.report.crew import Crew, ask_to_stop, is_to_stop, slurm
from sweeper_core.report.texts import one_line
from sweeper_core.storages.base import Lease

WORKER = "hydra.sweeper.role=worker"
"""Part of the command of every worker."""


def stop_workers(directory: Path) -> bool:
    """Let the workers of a sweep directory end, wherever they run; return False when there are none.

    They end after their current trials. The second time, those of this machine and those of a SLURM array that this
    user has started end at once.
    """
    workers = [sweep.owner for sweep in beacons(directory) if WORKER in sweep.command]
    crew = Crew.of(directory)
    active = crew is not None and crew.is_active()
    if not workers and not active:
        return False
    again = is_to_stop(directory)
    ask_to_stop(directory)
    if crew is not None and active:
        workers += crew.living
        _stop_array(crew, again)
    here = [owner for owner in distinct(workers) if is_here(owner)]
    for owner in here:
        interrupt(owner)
    elsewhere = len(distinct(workers)) - len(here)
    if elsewhere:
        term.say(f"{elsewhere} workers on other machines begin no further trial.")
    return True


def _stop_array(crew: Crew, at_once: bool) -> None:
    job = crew.slurm_job
    if job is None:
        return
    slurm("scancel", *([] if at_once else ["--state=PENDING"]), job)
    term.say(f"SLURM job {job} {'was cancelled' if at_once else 'begins no further trial; those that run end first'}.")


def distinct(owners: Iterable[Lease]) -> list[Lease]:
    """Return each process once."""
    return list({(owner.host, owner.boot, owner.pid): owner for owner in owners}.values())


def interrupt(owner: Lease) -> None:
    """Send a process of this machine what Ctrl-C sends.

    Raises:
        ValueError: It runs on another machine.
    """
    if not is_here(owner):
        raise ValueError(f"The sweep runs on {one_line(owner.host)} as process {owner.pid}; stop it there.")
    os.kill(owner.pid, signal.SIGINT)
    term.say(f"Process {owner.pid} was asked to stop; jobs that run end first.")
