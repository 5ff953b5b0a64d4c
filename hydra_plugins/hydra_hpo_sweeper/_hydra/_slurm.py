"""States of SLURM's jobs, from ``squeue`` and, for those that the controller no longer lists, from ``sacct``.

Clusters without accounting have no ``sacct`` that answers; the controller lists ended jobs for some minutes
(``MinJobAge``), and what it does not list any more has ended.
"""

from __future__ import annotations

import getpass
import logging
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import NamedTuple

log = logging.getLogger("hydra_plugins.hydra_hpo_sweeper")

GONE = "GONE"
"""Our name for the state of a job that has ended, of which nobody knows how."""

ENDED = frozenset(
    [
        "BOOT_FAIL",
        "CANCELLED",
        "COMPLETED",
        "DEADLINE",
        "FAILED",
        "NODE_FAIL",
        "OUT_OF_MEMORY",
        "PREEMPTED",
        "REVOKED",
        "TIMEOUT",
    ]
) | {GONE}
"""States of jobs that do not run again. (A job that was preempted and goes on is listed as ``PENDING``.)"""

QUEUED = frozenset(
    ["PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "RESV_DEL_HOLD"]
)
"""States of jobs that wait."""

KILLED = ENDED - {"COMPLETED", "FAILED", GONE}
"""States of jobs that were ended from outside: no result follows."""

MAX_ANSWER = 60.0
"""Seconds that one of SLURM's programs may take."""

SACCT_PAUSE = 300.0
"""Seconds for which ``sacct`` is not asked after it has failed."""


class SlurmState(NamedTuple):
    """The state of a job.

    Attributes:
        name: SLURM's word for it, or :data:`GONE`.
        started: When it began to run, by ``time.time()``; None when it has not, or when that is unknown.
    """

    name: str
    started: float | None = None

    @property
    def ended(self) -> bool:
        """Whether the job does not run again."""
        return self.name in ENDED

    @property
    def queued(self) -> bool:
        """Whether the job waits."""
        return self.name in QUEUED


class SlurmStates:
    """Asks SLURM for the states of jobs.

    Args:
        run: Runs a program; returns what it prints, or raises ``OSError`` or ``subprocess.SubprocessError``.
    """

    def __init__(self, run: Callable[[Sequence[str]], str] | None = None) -> None:
        self._run = run or _output
        self._ask_accounting_from = float("-inf")
        self._said: set[str] = set()

    def of(self, ids: Iterable[str]) -> dict[str, SlurmState]:
        """Return the states of jobs by id; jobs of which nothing could be learned now are left out."""
        wanted = sorted(ids)
        listed = self._listed(wanted)
        missing = wanted if listed is None else [job for job in wanted if job not in listed]
        recorded = self._recorded(missing) if missing else {}
        if listed is None:
            return recorded
        for job in missing:
            state = recorded.get(job, SlurmState(GONE))
            # The accounting may have missed the end of a job that the controller does not know.
            listed[job] = state if state.ended else SlurmState(GONE, state.started)
        return listed

    def _listed(self, ids: Sequence[str]) -> dict[str, SlurmState] | None:
        """Return the states that the controller lists; None when it does not answer."""
        command = ["squeue", "--noheader", "--array", "--states=all", "--format=%i|%T|%S", f"--jobs={','.join(ids)}"]
        try:
            return _states(self._run(command))
        except subprocess.CalledProcessError as error:
            if "Invalid job id" in str(error.stderr):
                return {}
            self._say("squeue", error)
        except (OSError, subprocess.SubprocessError) as error:
            self._say("squeue", error)
        return None

    def _recorded(self, ids: Sequence[str]) -> dict[str, SlurmState]:
        """Return the states that the accounting has recorded."""
        if time.monotonic() < self._ask_accounting_from:
            return {}
        command = ["sacct", "--noheader", "--parsable2", "--allocations", "--format=JobID,State,Start"]
        try:
            return _states(self._run([*command, f"--jobs={','.join(ids)}"]))
        except (OSError, subprocess.SubprocessError) as error:
            self._ask_accounting_from = time.monotonic() + SACCT_PAUSE
            log.debug("sacct does not answer: %s", _reason(error))
            return {}

    def _say(self, program: str, error: Exception) -> None:
        if program not in self._said:
            self._said.add(program)
            log.warning("%s does not answer: %s. The states of jobs are not known meanwhile.", program, _reason(error))


def jobs_by_comment(run: Callable[[Sequence[str]], str] | None = None) -> dict[str, str]:
    """Return the ids of this user's jobs that the controller lists, by their comments; empty without SLURM."""
    command = ["squeue", "--noheader", "--states=all", "--format=%i|%k", f"--user={getpass.getuser()}"]
    try:
        lines = (run or _output)(command).splitlines()
    except (OSError, KeyError, subprocess.SubprocessError):
        return {}
    found = (line.strip().partition("|") for line in lines)
    return {comment: job for job, _, comment in found if comment}


def _states(text: str) -> dict[str, SlurmState]:
    """Return the states in lines of the form ``id|state|start``."""
    found = {}
    for line in text.splitlines():
        job, _, rest = line.strip().partition("|")
        state, _, start = rest.partition("|")
        if job and state:
            name = state.split()[0].rstrip("+")  # "CANCELLED by 1000"
            found[job] = SlurmState(name, None if name in QUEUED else _moment(start))
    return found


def _moment(text: str) -> float | None:
    """Return a local time as SLURM prints it in seconds since the epoch; None for ``N/A`` and the like."""
    with suppress(ValueError, OverflowError):
        return time.mktime(time.strptime(text.strip(), "%Y-%m-%dT%H:%M:%S"))
    return None


def _reason(error: Exception) -> str:
    said = str(getattr(error, "stderr", None) or "").strip()
    return said.splitlines()[-1] if said else str(error)


def _output(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=MAX_ANSWER)
    return done.stdout
