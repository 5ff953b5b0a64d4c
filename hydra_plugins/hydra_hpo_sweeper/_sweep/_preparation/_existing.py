"""The study that a sweep would go on with, found without writing anything."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hydra_plugins.hydra_hpo_sweeper._config._settings import ConfigError, Settings
from hydra_plugins.hydra_hpo_sweeper._sweep._preparation._directory import SweepDirectory
from hydra_plugins.hydra_hpo_sweeper._sweep._preparation._opening import check_directions, known_name, place_of
from sweeper_core.exceptions import StorageFormatError
from sweeper_core.storages import get_storage
from sweeper_core.storages.base import Storage
from sweeper_core.storages.url import StorageURL
from sweeper_core.trial.record import TrialRecord

DATABASES = ("sqlite", "postgres", "postgresql", "mysql", "mariadb")


@dataclass(frozen=True)
class Existing:
    """A study in the sweep's storage: its name, its attributes, its trials, and how many of these are finished."""

    name: str
    attrs: Mapping[str, Any]
    records: Sequence[TrialRecord]
    finished: int


def existing_study(settings: Settings, directory: SweepDirectory) -> Existing | None:
    """Return the study that the sweep would go on with; None when it would be a new one.

    Raises:
        ConfigError: The storage cannot be opened, or the study has other objectives.
        StorageInternalError: The server cannot be reached, or the storage cannot be read.
    """
    where = place_of(settings, directory)
    try:
        storage = _opened(StorageURL(where), settings) if isinstance(where, str) else None
    except (ValueError, ImportError) as error:
        raise ConfigError(f"hydra.sweeper.storage: {error}") from error
    if storage is None:
        return None
    try:
        name = known_name(settings, directory)
        study = next((study for study in storage.list_studies() if study.name == name), None)
        if study is None:
            return None
        check_directions(study, settings)
        records, _ = storage.changes(study.study_id)
        finished = sum(record.state.is_finished() for record in records)
        return Existing(study.name, study.system_attrs, records, finished)
    finally:
        storage.close()


def _opened(url: StorageURL, settings: Settings) -> Storage | None:
    """Return a storage that is there already; None for one that the sweep would create."""
    if url.path is not None and not os.path.exists(url.path):
        _refuse_missing_folder(url, settings)
        return None
    if url.scheme == "journal":
        return get_storage(url, create=False)
    return _database(url.text) if url.scheme in DATABASES else None


def _refuse_missing_folder(url: StorageURL, settings: Settings) -> None:
    """Refuse a database in a folder that does not exist; only the sweep's own folder is created."""
    folder = os.path.dirname(os.path.abspath(url.path or ""))
    if settings.storage is not None and url.scheme == "sqlite" and not os.access(folder, os.W_OK):
        raise ConfigError(f"hydra.sweeper.storage={url.masked}: the folder {folder} does not exist, or is read-only.")


def _database(url: str) -> Storage | None:
    from sweeper_core.storages.rdb import RDBStorage

    found = RDBStorage(url, skip_table_creation=True, skip_compatibility_check=True)
    try:
        found.get_current_version()
    except StorageFormatError:  # it has no tables of studies
        found.close()
        return None
    found.close()
    return RDBStorage(url, skip_table_creation=True)
