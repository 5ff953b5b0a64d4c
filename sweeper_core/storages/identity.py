"""Identity of studies and trials across storages."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from sweeper_core.storages.base import Storage, StudyRecord
from sweeper_core.trial.attrs import SOURCE_NUMBER, STUDY_UID
from sweeper_core.trial.record import TrialRecord

Identity = tuple[str, int]
"""The uid of the study in which a trial was first stored, and its number there."""


def study_uid(storage: Storage, study: StudyRecord) -> str:
    """Return the unique identifier of this study, created by the first call."""
    known = storage.get_study(study.study_id).system_attrs.get(STUDY_UID)
    if known:
        return str(known)
    storage.set_study_attrs(study.study_id, system={STUDY_UID: uuid.uuid4().hex})
    return str(storage.get_study(study.study_id).system_attrs[STUDY_UID])


def identity(record: TrialRecord, uid: str) -> Identity:
    """Return the identity of a trial of the study ``uid``, to which it may have been copied."""
    source = record.system_attrs.get(SOURCE_NUMBER)
    return (str(source[0]), int(source[1])) if isinstance(source, list | tuple) else (uid, record.number)


def attrs_to_copy(study: StudyRecord) -> Mapping[str, Any]:
    """Return the system attributes that a copy of a study keeps: all but its identity."""
    return {name: value for name, value in study.system_attrs.items() if name != STUDY_UID}
