"""``hydra.sweeper.detach``: workers that run on when the command has returned."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

from omegaconf import DictConfig

from hydra_plugins.hydra_hpo_sweeper._config._settings import Settings
from hydra_plugins.hydra_hpo_sweeper._errors import ConfigError
from hydra_plugins.hydra_hpo_sweeper._lanes._devices import environments
from hydra_plugins.hydra_hpo_sweeper._sweep._results._command import words_of_a_worker
from hydra_plugins.hydra_hpo_sweeper._sweep._workers._sbatch import asks_for_slurm, submit
from sweeper_core.report.crew import Command, Crew, forget_stop, private_folder
from sweeper_core.storages._leases import owner_of
from sweeper_core.storages.base import Lease

log = logging.getLogger("hydra_plugins.hydra_hpo_sweeper")


def keep_command(directory: Path, study_name: str, settings: Settings) -> Command | None:
    """Store what ``hpo worker`` starts; None where no command line began the sweep, or it is somebody else's folder."""
    words = words_of_a_worker(directory, study_name, settings)
    if words is None:
        return None
    command = Command(tuple(words), os.getcwd())
    command.keep(directory)
    return command


def check_detachable(settings: Settings, config: DictConfig, directory: Path) -> None:
    """Reject a sweep whose workers cannot run on by themselves.

    Raises:
        ConfigError: The workers of an earlier call still run, or the settings need this process.
    """
    crew = Crew.of(directory)
    if crew is not None and crew.is_active():
        raise ConfigError(
            f"A detached sweep runs in {directory} already ({crew.described()}): follow it with `hpo watch "
            f"{directory}`, end it with `hpo stop {directory}`, or add a worker with `hpo worker {directory}`."
        )
    if settings.storage is not None and not isinstance(settings.storage, str):
        raise ConfigError("hydra.sweeper.detach needs a storage that other processes can open: give its URL.")
    asks_for_slurm(config)


def detach(settings: Settings, config: DictConfig, directory: Path, study_name: str) -> Crew:
    """Start ``n_jobs`` workers, and return who they are.

    Raises:
        ConfigError: There is no command line to start them with, or SLURM refuses them.
    """
    command = keep_command(directory, study_name, settings)
    if command is None:
        raise ConfigError(
            "hydra.sweeper.detach starts the command line of an application; a notebook or a call from code has none: "
            "start it with `python app.py --multirun …`."
        )
    forget_stop(directory)
    worker = [sys.executable, "-m", "sweeper_core.cli", "worker", str(directory.absolute())]
    if asks_for_slurm(config):
        job = submit(config, worker, settings.n_jobs, private_folder(directory), directory)
        crew = Crew(slurm_job=job)
    else:
        crew = Crew(tuple(_start(worker, settings, directory)))
    crew.keep(directory)
    return crew


def say_detached(crew: Crew, directory: Path) -> None:
    """Log how to follow and end the workers."""
    log.info("The sweep goes on without this command (%s); its output is in %s.", crew.described(), directory)
    log.info("Follow it with: hpo watch %s", directory)
    log.info("End it with: hpo stop %s", directory)


def _start(worker: list[str], settings: Settings, directory: Path) -> list[Lease]:
    """Start workers in the background, each in a session of its own, which no terminal's end reaches."""
    shares = environments(settings.devices, settings.devices_per_job, settings.n_jobs)
    started = []
    for number, share in enumerate(shares):
        with open(directory / f"worker-{number}.log", "ab") as output:
            process = subprocess.Popen(
                worker,
                env={**os.environ, **share},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        started.append(owner_of(process.pid))
        process.returncode = 0  # it is not waited for: Python would warn that it still runs
    return started
