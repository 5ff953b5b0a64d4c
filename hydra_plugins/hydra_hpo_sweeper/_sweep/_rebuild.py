"""Save a study again whose directory was deleted while its sweep ran."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from hydra_plugins.hydra_hpo_sweeper._sweep._preparation._opening import Opened
from sweeper_core.storages import get_storage
from sweeper_core.storages.base import Storage
from sweeper_core.trial.attempts import continued_by
from sweeper_core.trial.attrs import CONTINUES
from sweeper_core.trial.record import TrialRecord

log = logging.getLogger("hydra_plugins.hydra_hpo_sweeper")


def save_anew(studies: Sequence[Opened], directory: Path) -> None:
    """Create the directory again, with studies (of one file) of the finished trials that this process has read."""
    directory.mkdir(parents=True, exist_ok=True)
    file, url = studies[0].file, studies[0].url
    assert file is not None
    assert url is not None
    file.unlink(missing_ok=True)
    for left in ("-wal", "-shm"):
        file.with_name(file.name + left).unlink(missing_ok=True)
    storage = get_storage(url)
    try:
        for opened in studies:
            _save(storage, opened)
    finally:
        storage.close()


def _save(storage: Storage, opened: Opened) -> None:
    session = opened.session
    finished = [record for record in session.log.records if record.state.is_finished()]
    numbers = {record.number: place for place, record in enumerate(finished)}
    study = storage.create_or_open_study(session.study.name, session.study.directions, exist_ok=True)
    storage.set_study_attrs(study.study_id, user=session.study.user_attrs, system=session.study.system_attrs)
    storage.add_finished(study.study_id, [_renumbered(record, numbers) for record in finished])


def _renumbered(record: TrialRecord, numbers: Mapping[int, int]) -> TrialRecord:
    """Return a trial that continues the same one as before, by its new number."""
    earlier = continued_by(record)
    if earlier is None:
        return record
    return replace(record, system_attrs={**record.system_attrs, CONTINUES: numbers[earlier]})
