"""Create, list, describe and delete studies."""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy.exc

from sweeper_core.directions import StudyDirection
from sweeper_core.exceptions import StorageInternalError
from sweeper_core.storages._rules import check_directions, check_name, duplicate, new_study_name, no_study
from sweeper_core.storages._sql.database import Link
from sweeper_core.storages._sql.handle import Handle
from sweeper_core.storages._sql.schema import CHILDREN_OF_STUDIES, CHILDREN_OF_TRIALS
from sweeper_core.storages._sql.tables import Parts
from sweeper_core.storages.base import StudyRecord
from sweeper_core.trial.record import NOTHING

_logger = logging.getLogger(__name__)


def create_or_open(
    handle: Handle, name: str | None, directions: Sequence[StudyDirection] | None, exist_ok: bool
) -> StudyRecord:
    """Return the study of a name, created when there is none; see :meth:`Storage.create_or_open_study`."""
    if name is not None:
        check_name("study", name)
        found = chosen(handle, "study_name = :name", name=name)
        if found:
            if not exist_ok:
                raise duplicate(name)
            return found[0]
    if directions is None:
        raise no_study("" if name is None else name)
    return _create(handle, new_study_name() if name is None else name, check_directions(directions), exist_ok)


def _create(handle: Handle, name: str, directions: tuple[StudyDirection, ...], exist_ok: bool) -> StudyRecord:
    def create(link: Link) -> int:
        study_id = link.insert("INSERT INTO studies (study_name) VALUES (:name)", "study_id", name=name)
        link.many(
            "INSERT INTO study_directions (direction, study_id, objective) VALUES (:direction, :study, :objective)",
            [
                {"direction": direction.name, "study": study_id, "objective": objective}
                for objective, direction in enumerate(directions)
            ],
        )
        return study_id

    try:
        return StudyRecord(handle.database.transaction(create), name, directions)
    except StorageInternalError as error:
        if not isinstance(error.__cause__, sqlalchemy.exc.IntegrityError):
            raise
    # Another process created it in the meantime.
    return create_or_open(handle, name, None, exist_ok)


def chosen(handle: Handle, condition: str, **values: Any) -> list[StudyRecord]:
    """Return the studies that satisfy a condition, oldest first."""
    return handle.database.autocommit(lambda link: _studies(link, condition, values))


def _studies(link: Link, condition: str, values: dict[str, Any]) -> list[StudyRecord]:
    ids = f"SELECT study_id FROM studies WHERE {condition}"
    names = link.rows(f"SELECT study_id, study_name FROM studies WHERE {condition} ORDER BY study_id", **values)
    if not names:
        return []
    directions: defaultdict[int, list[StudyDirection]] = defaultdict(list)
    for study_id, direction in link.rows(
        f"SELECT study_id, direction FROM study_directions WHERE study_id IN ({ids}) ORDER BY objective", **values
    ):
        directions[study_id].append(StudyDirection[direction])
    user, system = (
        _by_owner(
            link.rows(f"SELECT study_id, {link.sql.key}, value_json FROM {table} WHERE study_id IN ({ids})", **values)
        )
        for table in ("study_user_attributes", "study_system_attributes")
    )
    return [
        StudyRecord(
            study_id, name, tuple(directions[study_id]), user.get(study_id, NOTHING), system.get(study_id, NOTHING)
        )
        for study_id, name in names
    ]


def _by_owner(rows: Iterable[Sequence[Any]]) -> dict[int, dict[str, Any]]:
    found: defaultdict[int, dict[str, Any]] = defaultdict(dict)
    for owner, key, text in rows:
        try:
            found[owner][key] = json.loads(text)
        except (ValueError, TypeError):
            _logger.warning("The attribute %r of a study is damaged, and left out: %.60r", key, text)
    return dict(found)


def delete(handle: Handle, study_id: int) -> None:
    """Remove a study and its trials."""

    def remove(link: Link) -> None:
        handle.lock_study(link, study_id)
        for table in CHILDREN_OF_TRIALS:
            link.change(
                f"DELETE FROM {table} WHERE trial_id IN (SELECT trial_id FROM trials WHERE study_id = :study)",
                study=study_id,
            )
        for table in ("trials", *CHILDREN_OF_STUDIES, "studies"):
            link.change(f"DELETE FROM {table} WHERE study_id = :study", study=study_id)

    handle.database.transaction(remove)


def set_attrs(handle: Handle, study_id: int, parts: Parts) -> None:
    """Merge attributes into a study's."""
    handle.limits.check(parts)

    def change(link: Link) -> None:
        handle.lock_study(link, study_id)
        handle.put(link, study_id, parts)

    handle.database.transaction(change)
