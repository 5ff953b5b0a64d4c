"""Checks before a sweep whose jobs go to SLURM."""

from __future__ import annotations

import logging
import platform
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from hydra_plugins.hydra_hpo_sweeper._errors import ConfigError

log = logging.getLogger("hydra_plugins.hydra_hpo_sweeper")

SLURM_LAUNCHER = "SlurmLauncher"
PROGRAMS = ("sbatch", "srun", "squeue")

OF_ONE_MACHINE = ("/tmp", "/var/tmp", "/dev/shm", "/run")
"""Directories that no cluster shares between its nodes."""


def check_cluster(target: str, directory: Path, nodes: Callable[[], set[str]] | None = None) -> None:
    """Check that SLURM can be reached, and warn of a sweep directory that its nodes do not see.

    Args:
        target: The launcher's ``_target_``.
        directory: The sweep's.
        nodes: Returns the names of the cluster's machines; for tests.

    Raises:
        ConfigError: SLURM's programs are not here.
    """
    if target.rpartition(".")[2] != SLURM_LAUNCHER:
        return
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        raise ConfigError(
            f"hydra/launcher=submitit_slurm: this machine has no {' and no '.join(missing)} (SLURM's programs, looked "
            "for on PATH). Start the sweep on a login node of the cluster, or use hydra/launcher=submitit_local."
        )
    where = str(directory.absolute())
    place = next((place for place in OF_ONE_MACHINE if where.startswith(f"{place}/")), None)
    if place is None:
        return
    others = (nodes or _nodes)() - {platform.node(), platform.node().partition(".")[0]}
    if others:
        log.warning(
            "hydra.sweep.dir=%s is below %s, which other machines of the cluster (%s, …) do not see: their jobs would "
            "fail at once. Use a shared directory.",
            *(where, place, min(others)),
        )


def _nodes() -> set[str]:
    try:
        command = ["sinfo", "--noheader", "--Node", "--format=%n"]
        return set(subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.split())
    except (OSError, subprocess.SubprocessError):
        return set()
