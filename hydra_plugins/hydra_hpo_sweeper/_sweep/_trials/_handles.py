"""Trial handles: private files through which a running job reaches its trial."""

from __future__ import annotations

import logging
import os
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from hydra_plugins.hydra_hpo_sweeper._config._settings import Settings
from hydra_plugins.hydra_hpo_sweeper._lanes._base import Job
from hydra_plugins.hydra_hpo_sweeper._sweep._preparation._opening import Opened, objective_of
from hydra_plugins.hydra_hpo_sweeper._sweep._trials._checkpoints import Checkpoints
from sweeper_core.storages.url import StorageURL
from sweeper_core.study._job.handle import VARIABLE, TrialHandle, packed, remove_handle
from sweeper_core.study._session.session import Started
from sweeper_core.study._session.standing import configuration_of
from sweeper_core.trial.attempts import awaited_step, saved_step
from sweeper_core.trial.record import TrialRecord

log = logging.getLogger("hydra_plugins.hydra_hpo_sweeper")

FOLDER = ".trials"


def folder_of(directory: Path) -> Path:
    """Return the folder of this user's handles in a sweep directory, which another user of the study cannot enter."""
    folder = directory.absolute() / FOLDER
    getuid = getattr(os, "getuid", None)
    with suppress(FileNotFoundError):
        if getuid is not None and folder.stat().st_uid != getuid():
            return folder.with_name(f"{FOLDER}-{getuid()}")
    return folder


class TrialHandles:
    """Writes the trial handles of a sweep's jobs, and removes them when trials end."""

    def __init__(self, settings: Settings, opened: Opened, directory: Path, checkpoints: Checkpoints) -> None:
        self.session = opened.session
        self._folder = folder_of(directory)
        self._url = None if opened.url is None else str(StorageURL(opened.url).anchored)
        self._rungs = settings.ladder is not None
        self._pruner = None if self._rungs else packed(settings.pruner)
        self._scheduler = None if self._rungs else packed(settings.scheduler)
        self._objective = objective_of(settings)
        self._checkpoints = checkpoints
        self._judged = settings.pruning_metric
        self._metric = settings.metric[0] if settings.metric and len(settings.metric) == 1 else None
        self._limit = settings.trial_timeout
        self._sweep = uuid.uuid4().hex
        judged = self._pruner is not None or self._scheduler is not None
        if judged and not (self.session.storage.outlives_process and self._url):
            what = "in memory" if not self.session.storage.outlives_process else "without a URL"
            log.warning("Jobs cannot reach a storage %s: no trial is pruned. Leave out hydra.sweeper.storage.", what)
        self._remove_old()

    def _remove_old(self) -> None:
        """Remove what runs that were killed have left."""
        for path in self._folder.glob("[0-9]*"):
            record = self.session.log.get(int(path.name)) if path.name.isdigit() else None
            if record is not None and record.state.is_finished():
                remove_handle(path)

    def hand_over(self, started: Started, params: dict[str, Any], jobs: Sequence[Job]) -> list[Job]:
        """Return the jobs of a trial such that they find their handles (only the first of repeats reports)."""
        if not self.session.storage.outlives_process or self._url is None:
            return list(jobs)
        handle = TrialHandle(
            self._url,
            self.session.study.name,
            started.number,
            params,
            self._objective,
            self._pruner,
            self._sweep,
            configuration=self._configuration(started.number),
            checkpoints=str(self._checkpoints.root),
            save_rules=self._checkpoints.save_rules,
            limit=self._limit,
            judged=self._judged,
            metric=self._metric,
            first_step=started.first_step,
            scheduler=self._scheduler,
            reports=not self._rungs,
        )
        record = self.session.log.get(started.number)
        saved = [None if record is None else self._saved(record, job.part) for job in jobs]
        handles = [replace(handle, repeat=job.part, saved=step) for job, step in zip(jobs, saved, strict=True)]
        if self._rungs:  # steps of the study are rungs, and those of a job are its own
            handles = [replace(one, first_step=0 if one.saved is None else one.saved + 1) for one in handles]
        return [self._with_handle(*pair) for pair in zip(jobs, handles, strict=True)]

    def _saved(self, record: TrialRecord, repeat: int) -> int | None:
        """Return the step of the checkpoint that a trial goes on from; None where it may be one before the newest."""
        saved = saved_step(record, repeat)
        if saved is None or self._rungs or repeat:
            return saved
        return None if saved == awaited_step(record, lambda: self.session.log.records) else saved

    def _configuration(self, number: int) -> int:
        """Return by what the trial's checkpoints are known: its configuration."""
        record = self.session.log.get(number)
        return number if record is None else configuration_of(record, self.session.log.attempts)

    def _with_handle(self, job: Job, handle: TrialHandle) -> Job:
        path = self._path(handle.number)
        path = path.with_name(f"{path.name}.repeat-{job.part}") if job.part else path
        handle.write(path)
        return replace(job, environment={**job.environment, VARIABLE: str(path)})

    def take_back(self, number: int) -> None:
        """Remove the handle of a trial that has ended."""
        remove_handle(self._path(number))

    def _path(self, number: int) -> Path:
        return self._folder / str(number)
