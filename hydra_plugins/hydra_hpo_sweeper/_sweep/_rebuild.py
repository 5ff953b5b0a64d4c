"""Save a study again whose directory was deleted while its sweep ran."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from hydra_plugins.hydra_hpo_sweeper._sweep._opening import Opened
from sweeper_core.storages import get_storage
from sweeper_core.trial.attempts import continued_by
from sweeper_core.trial.attrs import CONTINUES
from sweeper_core.trial.record import TrialRecord

log = logging.getLogger("hydra_plugins.hydra_hpo_sweeper")


def save_anew(opened: Opened, directory: Path) -> None:
    """Create the directory again, with a study of the finished trials that this process has read."""
    session = opened.session
    finished = [record for record in session.log.records if record.state.is_finished()]
    numbers = {record.number: place for place, record in enumerate(finished)}
    directory.mkdir(parents=True, exist_ok=True)
    assert opened.file is not None
    assert opened.url is not None
    opened.file.unlink(missing_ok=True)
    for left in ("-wal", "-shm"):
        opened.file.with_name(opened.file.name + left).unlink(missing_ok=True)
    storage = get_storage(opened.url)
    try:
        study = storage.create_or_open_study(session.study.name, session.study.directions, exist_ok=True)
        storage.set_study_attrs(study.study_id, user=session.study.user_attrs, system=session.study.system_attrs)
        storage.add_finished(study.study_id, [_renumbered(record, numbers) for record in finished])
    finally:
        storage.close()


def _renumbered(record: TrialRecord, numbers: Mapping[int, int]) -> TrialRecord:
    """Return a trial that continues the same one as before, by its new number."""
    earlier = continued_by(record)
    if earlier is None:
        return record
    return replace(record, system_attrs={**record.system_attrs, CONTINUES: numbers[earlier]})
