"""By what a study and its trials are known again in another storage."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from sweeper_core.storages.base import Storage, StudyRecord
from sweeper_core.trial.attrs import SOURCE_NUMBER, STUDY_UID
from sweeper_core.trial.record import TrialRecord

Identity = tuple[str, int]
"""The identifier of the study that a trial was first stored in, and its number there."""


def study_uid(storage: Storage, study: StudyRecord) -> str:
    """Return the identifier that tells this study from all others; made at the first call."""
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
    """Return the system attributes that a copy of a study has, too: not what tells the study from others."""
    return {name: value for name, value in study.system_attrs.items() if name != STUDY_UID}
