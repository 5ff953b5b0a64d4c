"""Earlier studies of the same task (``warm_start: auto``): found in the multirun folder or in the sweep's storage.

A task is an application with its search space and its fixed overrides. Its digest is in the marker of each sweep
directory, so that a database is opened only where the task is the same; studies in a storage of the user's have it as
an attribute. Which studies were found is stored with the study: a continued sweep learns from the same ones.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from hydra_plugins.hydra_hpo_sweeper._space._plan import Plan
from hydra_plugins.hydra_hpo_sweeper._sweep._preparation._directory import (
    DEFAULT_FILE,
    SweepDirectory,
    sweep_directories,
)
from hydra_plugins.hydra_hpo_sweeper._sweep._trials._trial_result import fixed_values
from sweeper_core.distributions import distribution_to_json
from sweeper_core.exceptions import StorageInternalError
from sweeper_core.plain import plain
from sweeper_core.storages import get_storage
from sweeper_core.storages.base import Storage, StudyRecord
from sweeper_core.trial.attrs import SOURCES, TASK
from sweeper_core.trial.history import History, TrialTable

log = logging.getLogger("hydra_plugins.hydra_hpo_sweeper")

MAX_ENTRIES = 5_000
"""Directories that are listed."""
MAX_LOOKED_AT = 200
"""Directories, the youngest ones, whose marker is read."""
MAX_STUDIES = 5
"""Studies, the youngest ones, that are read."""
MIN_TRIALS = 4
"""Complete trials of a study that can help."""


def task_of(config: DictConfig, plan: Plan) -> str:
    """Return the digest of a sweep's task."""
    space = plan.space
    swept = sorted(
        [parameter.name.lstrip("+"), distribution_to_json(parameter.distribution), repr(parameter.when)]
        for parameter in space
    )
    fixed = {key.lstrip("+"): value for key, value in fixed_values(plan).items() if not key.startswith("hydra.")}
    task = {
        "application": [str(config.hydra.job.name), str(config.hydra.job.config_name)],
        "space": [*swept, *(str(relation) for relation in space.where)],
        "fixed": {key: plain(fixed[key]) for key in sorted(fixed)},
    }
    return hashlib.sha256(json.dumps(task, sort_keys=True, default=repr).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class EarlierStudies:
    """The earlier studies of a sweep's task.

    Attributes:
        task: Its digest.
        directory: The sweep directory.
        config: The sweep's configuration.
    """

    task: str
    directory: SweepDirectory
    config: DictConfig

    def in_folders(self) -> list[Path]:
        """Return the sweep directories with a study of the task in a database of their own, the youngest first."""
        own = self.directory.path.absolute()
        listed = islice((path for path in sweep_directories(self.config) if path.absolute() != own), MAX_ENTRIES)
        youngest = sorted(listed, key=_age, reverse=True)[:MAX_LOOKED_AT]
        return [path for path in youngest if self._is_of_task(path)][:MAX_STUDIES]

    def _is_of_task(self, path: Path) -> bool:
        found = SweepDirectory(path).marked
        return found.get("task") == self.task and found.get("storage") is None and (path / DEFAULT_FILE).exists()

    def in_storage(self, storage: Storage, study: StudyRecord) -> list[StudyRecord]:
        """Return the other studies of the task in a study's storage, the youngest first."""
        same = [
            other
            for other in storage.list_studies()
            if other.system_attrs.get(TASK) == self.task and other.study_id != study.study_id
        ]
        return sorted(same, key=lambda other: other.study_id, reverse=True)[:MAX_STUDIES]

    def mark(self, storage: Storage, study: StudyRecord) -> None:
        """Store the task with a study in a storage that has others."""
        if TASK not in study.system_attrs:
            storage.set_study_attrs(study.study_id, system={TASK: self.task})

    def hint(self, storage: Storage | None, study: StudyRecord) -> None:
        """Log that earlier studies exist, if there are any."""
        count = len(self.in_folders()) if storage is None else len(self.in_storage(storage, study))
        if count:
            which = "An earlier study" if count == 1 else f"{count} earlier studies"
            log.info(
                "%s with the same application, search space and fixed overrides: hydra.sweeper.warm_start=auto learns "
                "from what helps of it (hydra.sweeper.warm_start=[] leaves this line out).",
                which,
            )

    def histories(self, storage: Storage, study: StudyRecord, *, own_storage: bool) -> list[History]:
        """Return the histories to learn from, as they were chosen when the study began.

        Args:
            own_storage: The study is in the sweep directory, and the others in theirs.
        """
        chosen = study.system_attrs.get(SOURCES)
        if chosen is None:
            names = (
                [str(path.absolute()) for path in self.in_folders()]
                if own_storage
                else [other.name for other in self.in_storage(storage, study)]
            )
            found = dict(_read(storage, names, study, own_storage))
            storage.set_study_attrs(study.study_id, system={SOURCES: list(found)})
        else:
            found = dict(_read(storage, [str(name) for name in chosen], study, own_storage))
        _tell(found)
        return list(found.values())


def _read(storage: Storage, names: list[str], study: StudyRecord, own_storage: bool) -> Iterator[tuple[str, History]]:
    """Yield those of the named studies that can be read, have the same directions, and enough trials."""
    for name in names:
        history = None
        with suppress(StorageInternalError, ValueError, KeyError, OSError):
            history = _of_folder(Path(name)) if own_storage else history_of(storage, name)
        same = history is not None and history.directions == tuple(study.directions)
        if history is not None and same and len(history.completed) >= MIN_TRIALS:
            yield name, history


def _of_folder(path: Path) -> History:
    opened = get_storage(f"sqlite:///{path / DEFAULT_FILE}", create=False)
    try:
        return history_of(opened, str(SweepDirectory(path).marked.get("study_name")))
    finally:
        opened.close()


def history_of(storage: Storage, name: str) -> History:
    """Return the history of a study; raises ``KeyError`` where there is none of this name."""
    study = storage.create_or_open_study(name, None, exist_ok=True)
    table = TrialTable(study.directions)
    table.fold(storage.changes(study.study_id)[0])
    return table.history()


def _tell(found: dict[str, Any]) -> None:
    if not found:
        log.info(
            "hydra.sweeper.warm_start=auto: no earlier study of the same task, directions and %d trials.", MIN_TRIALS
        )
        return
    trials = ", ".join(f"{name} ({len(history.completed)} trials)" for name, history in found.items())
    log.info("hydra.sweeper.warm_start=auto: earlier studies of the same task: %s.", trials)


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
