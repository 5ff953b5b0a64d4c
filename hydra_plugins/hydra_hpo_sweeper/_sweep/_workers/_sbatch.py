"""A SLURM array of workers, with what the configuration asks of SLURM for a job."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from shutil import which
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from hydra_plugins.hydra_hpo_sweeper._errors import ConfigError, in_short

SLURM_LAUNCHER = "SlurmLauncher"
"""End of the ``_target_`` of ``hydra/launcher=submitit_slurm``."""

OPTIONS = {
    "nodes": "nodes",
    "tasks_per_node": "ntasks-per-node",
    "cpus_per_task": "cpus-per-task",
    "gpus_per_node": "gpus-per-node",
    "gpus_per_task": "gpus-per-task",
    "cpus_per_gpu": "cpus-per-gpu",
    "mem_per_gpu": "mem-per-gpu",
    "mem_per_cpu": "mem-per-cpu",
    "partition": "partition",
    "qos": "qos",
    "account": "account",
    "comment": "comment",
    "constraint": "constraint",
    "exclude": "exclude",
    "gres": "gres",
}
"""The launcher's setting -> SLURM's option."""

SCRIPT = "workers.sbatch"


def asks_for_slurm(config: DictConfig) -> bool:
    """Return whether the configuration's launcher submits to SLURM.

    Raises:
        ConfigError: It does, and this machine cannot.
    """
    if not str(config.hydra.launcher.get("_target_")).endswith(SLURM_LAUNCHER):
        return False
    if which("sbatch") is None:
        raise ConfigError(
            "hydra.sweeper.detach with hydra/launcher=submitit_slurm needs SLURM's sbatch, which is not on this "
            "machine: call it on a login node, or choose hydra/launcher=basic for processes in the background here."
        )
    return True


def submit(config: DictConfig, worker: list[str], count: int, folder: Path, directory: Path) -> str:
    """Submit an array of workers; return the number of the job.

    Args:
        worker: The words that start a worker.
        folder: Where the script is kept.
        directory: Where the workers' output goes.

    Raises:
        ConfigError: SLURM refuses it, or a setting of the launcher cannot be resolved.
    """
    script = folder / SCRIPT
    script.write_text(script_of(_settings(config), worker, count, directory.absolute()), encoding="utf-8")
    done = subprocess.run(["sbatch", "--parsable", str(script)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ConfigError(f"sbatch refused the workers: {in_short(done.stderr.strip() or done.stdout.strip())}")
    return done.stdout.strip().partition(";")[0]


def _settings(config: DictConfig) -> Mapping[str, Any]:
    try:
        found = OmegaConf.to_container(config.hydra.launcher, resolve=True)
    except OmegaConfBaseException as error:
        raise ConfigError(f"hydra.launcher cannot be resolved: {str(error).partition(chr(10))[0]}") from error
    return {str(key): value for key, value in found.items() if value is not None} if isinstance(found, dict) else {}


def script_of(launcher: Mapping[str, Any], worker: list[str], count: int, directory: Path) -> str:
    """Return the text of the batch script."""
    lines = [f"#SBATCH --{option}" for option in _options(launcher, count, directory)]
    setup = [str(line) for line in launcher.get("setup") or ()]
    return "\n".join(["#!/bin/bash", *lines, "", *setup, f"exec {shlex.join(worker)}", ""])


def _options(launcher: Mapping[str, Any], count: int, directory: Path) -> Iterator[str]:
    yield f"job-name={launcher.get('name', 'hpo')}"
    yield f"array=0-{count - 1}"
    yield f"output={directory}/worker-%a.log"
    yield "open-mode=append"
    if "timeout_min" in launcher:
        yield f"time={int(launcher['timeout_min'])}"
    if "mem_gb" in launcher:
        yield f"mem={float(launcher['mem_gb']) * 1024:.0f}M"
    for setting, option in OPTIONS.items():
        if setting in launcher:
            yield f"{option}={launcher[setting]}"
    for option, value in (launcher.get("additional_parameters") or {}).items():
        name = str(option).replace("_", "-")
        yield name if value is True else f"{name}={value}"
