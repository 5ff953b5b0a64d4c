"""A worker: a process of several that take the trials of one study, one after the other, without a controller.

Its budget is the study's: ``n_trials`` are those of all workers together, counted by the storage when a trial is
reserved. It runs its jobs itself, whatever launcher the configuration names. It begins no trial after ``hpo stop``, or
when its time ends before the trial would. The worker that ends when no other runs writes the results and the report.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from hydra_plugins.hydra_hpo_sweeper._config._settings import Settings
from hydra_plugins.hydra_hpo_sweeper._errors import ConfigError
from hydra_plugins.hydra_hpo_sweeper._sweep._preparation._directory import DEFAULT_FILE
from hydra_plugins.hydra_hpo_sweeper._sweep._preparation._opening import DEFAULT_STUDY
from hydra_plugins.hydra_hpo_sweeper._sweep._preparation._setup import Setup
from hydra_plugins.hydra_hpo_sweeper._sweep._stopping._stop import Limit
from sweeper_core.report.beacon import lease_of
from sweeper_core.report.crew import STOP_FILE, is_to_stop
from sweeper_core.study._session.session import Session
from sweeper_core.trial.attrs import LEASE
from sweeper_core.trial.state import TrialState

JOURNAL = "study.log"
"""The study of workers that name no storage: a journal in the sweep directory, also on a network file system."""


def as_worker(settings: Settings, directory: Path) -> Settings:
    """Return the settings of a worker.

    Raises:
        ConfigError: The sweep was stopped.
    """
    limits = [limit for limit in (settings.n_trials, settings.max_trials) if limit is not None]
    if is_to_stop(directory):
        raise ConfigError(
            f"This sweep was stopped by `hpo stop`: no worker begins a trial. Start new ones with "
            f"hydra.sweeper.detach=true, or remove {directory / STOP_FILE}."
        )
    return replace(settings, n_trials=None, max_trials=min(limits) if limits else None)


def in_own_journal(settings: Settings, directory: Path) -> Settings:
    """Return the settings with the storage of workers, where the user names none.

    It is a journal, also for a later sweep of the same directory, unless an earlier one has made a database there.
    """
    journal = directory.absolute() / JOURNAL
    workers = settings.role == "worker" or settings.detach
    if settings.storage is not None or (directory / DEFAULT_FILE).exists() or not (workers or journal.exists()):
        return settings
    return replace(settings, storage=str(journal), study_name=settings.study_name or DEFAULT_STUDY)


def limits_of(setup: Setup) -> list[Limit]:
    """Return what lets this process begin no further trial, although the study goes on."""
    settings, directory, time_limit = setup.settings, setup.directory.path, setup.time_limit
    limits: list[Limit] = [lambda: f"{time_limit.reason} is near" if time_limit.is_near() else None]
    if settings.role == "worker":
        limits.append(lambda: "`hpo stop` ended this sweep" if is_to_stop(directory) else None)
    return limits


def check_shared(settings: Settings, config: DictConfig) -> None:
    """Reject settings with which each worker would have a study of its own.

    Raises:
        ConfigError: The sweep directory has the time in it, and the study's storage is in the directory.
    """
    written = str(OmegaConf.to_container(config.hydra.sweep, resolve=False)["dir"])  # type: ignore[index, call-overload]
    if settings.detach or "${now:" not in written or (settings.storage is not None and settings.study_name is not None):
        return
    raise ConfigError(
        f"hydra.sweeper.role=worker: workers share a study, but hydra.sweep.dir={written} is another one for each that "
        "starts. Give a hydra.sweep.dir without the time, or hydra.sweeper.storage and study_name."
    )


def others_run(session: Session) -> bool:
    """Return whether another worker runs a trial, so that this one is not the last."""
    session.log.sync()
    records = session.log.records
    return any(r.state is TrialState.RUNNING and lease_of(r.system_attrs.get(LEASE)) is not None for r in records)
