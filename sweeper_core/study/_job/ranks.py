"""Ranks of a job's processes: rank zero reports and judges, the others read its verdicts.

Launchers of distributed training (torchrun, Lightning, MPI, Slurm) set each process's rank in the environment. Rank
zero reports, judges, and writes its verdicts to a file beside the handle; every other process reads the verdict
with the same number there, so that all of them stop at the same place.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from pathlib import Path

RANKS = ("RANK", "OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK", "SLURM_PROCID")
"""Rank among all processes; the first that is set counts."""
LOCAL_RANKS = ("NODE_RANK", "LOCAL_RANK")
"""Used without a global rank: both are zero, or unset, on the first process."""
GROUPS = (
    "TORCHELASTIC_RUN_ID",
    "TORCHELASTIC_RESTART_COUNT",
    "MASTER_ADDR",
    "MASTER_PORT",
    "SLURM_STEP_ID",
    "SLURM_RESTART_COUNT",
)
"""Together they distinguish one group of processes from the next one in the same job."""

POLL = 0.005
"""Polling interval in seconds for a verdict: less than the fastest training step that is worth judging."""


def rank_variables(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment variables of a rank."""
    environment = os.environ if environment is None else environment
    return {name: environment[name] for name in (*RANKS, *LOCAL_RANKS) if name in environment}


def rank(outside: Mapping[str, str]) -> int | None:
    """Return this process's rank among those of its job; None where it is the only one.

    Args:
        outside: The variables of the sweep's environment: only variables that the job has changed describe its ranks.
    """
    own = {name: value for name, value in rank_variables().items() if outside.get(name) != value}
    for name in RANKS:
        if name in own:
            return _number(own[name])
    if any(name in own for name in LOCAL_RANKS):
        return max(_number(os.environ.get(name, "0")) for name in LOCAL_RANKS)
    return None


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0


class Relay:
    """Passes verdicts from rank zero to the other processes of its group.

    Args:
        handle: Path of the trial's handle.
        method: The name of the method that the processes call.
        patience: Seconds that a process waits for a verdict.
    """

    def __init__(self, handle: Path, method: str = "should_prune", patience: float = 1800.0) -> None:
        group = "-".join(os.environ.get(name, "") for name in GROUPS)
        self.path = handle.with_name(f"{handle.name}.{method}-{re.sub(r'[^A-Za-z0-9-]', '_', group)}")
        self._method = method
        self._patience = patience
        self._heard = 0

    def tell(self, stop: bool) -> None:
        """Write the next verdict."""
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, b"1" if stop else b"0")
        finally:
            os.close(descriptor)

    def hear(self) -> bool:
        """Wait for the next verdict and return it.

        Raises:
            TimeoutError: Rank zero has not judged.
        """
        end = time.monotonic() + self._patience
        while (verdict := self._look()) is None:
            if time.monotonic() > end:
                raise TimeoutError(
                    f"Rank zero of this job has not called {self._method} within {self._patience:g} seconds; every "
                    "rank must call it equally often."
                )
            time.sleep(POLL)
        self._heard += 1
        return verdict

    def _look(self) -> bool | None:
        try:
            with self.path.open("rb") as file:
                file.seek(self._heard)
                found = file.read(1)
        except FileNotFoundError:
            return None
        return None if not found else found == b"1"
