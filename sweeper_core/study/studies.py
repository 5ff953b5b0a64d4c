"""Studies in a storage: create, load, delete, copy, list."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Literal, Union

from sweeper_core.directions import StudyDirection, parse_directions
from sweeper_core.exceptions import DuplicatedStudyError
from sweeper_core.logging import get_logger
from sweeper_core.pruners.user import BasePruner
from sweeper_core.samplers.base import Sampler
from sweeper_core.samplers.user import BaseSampler
from sweeper_core.schedulers.base import Scheduler
from sweeper_core.storages import get_storage
from sweeper_core.storages.base import Storage, StudyRecord
from sweeper_core.storages.identity import attrs_to_copy
from sweeper_core.study.study import Study
from sweeper_core.study.summary import StudySummary
from sweeper_core.trial.frozen import FrozenTrial, to_local
from sweeper_core.trial.statistics import RunningStatistics

Direction = Union[Literal["minimize", "maximize"], StudyDirection]

_logger = get_logger(__name__)


def create_study(
    *,
    storage: str | Storage | None = None,
    sampler: Sampler | BaseSampler | None = None,
    pruner: BasePruner | None = None,
    study_name: str | None = None,
    direction: Direction | None = None,
    load_if_exists: bool = False,
    directions: Sequence[Direction] | None = None,
    scheduler: Scheduler | str | None = None,
    checkpoint_dir: str | os.PathLike[str] | None = None,
) -> Study:
    """Return a new study.

    Args:
        storage: A URL (``sqlite:///study.db``), the path of a journal (``study.log``), or a storage; None for memory.
        sampler: The sampler; None chooses by the problem.
        pruner: The pruner; None is :class:`MedianPruner`, and no pruner with a scheduler.
        study_name: None generates a name.
        direction: ``"minimize"`` (the default) or ``"maximize"``.
        load_if_exists: Return the study of that name when there is one, with its own directions.
        directions: One for each objective, instead of ``direction``.
        scheduler: What pauses trials and continues the best of them, or its name (see :mod:`sweeper_core.schedulers`);
            None never continues one that was stopped.
        checkpoint_dir: Root folder of the trials' checkpoints (``trial.save_checkpoint``); None saves none.

    Raises:
        DuplicatedStudyError: A study of that name exists, and ``load_if_exists`` is false.
        ValueError: Both ``direction`` and ``directions`` are given, or one of them is not understood.
    """
    wanted = parse_directions(direction, directions)
    opened = get_storage(storage)
    try:
        record = opened.create_or_open_study(study_name, wanted, exist_ok=False)
        _logger.info(f"A new study created in {_kind(opened)} with name: {record.name}")
    except DuplicatedStudyError:
        if not load_if_exists:
            raise
        record = opened.create_or_open_study(study_name, None, exist_ok=True)
        _logger.info(f"Using an existing study with name '{record.name}' instead of creating a new one.")
    return Study(record.name, opened, sampler, pruner, scheduler, checkpoint_dir)


def _kind(storage: Storage) -> str:
    """Return the kind of a storage, in one word."""
    name = type(storage).__name__.removesuffix("Storage")
    return {"InMemory": "memory"}.get(name, name)


def load_study(
    *,
    study_name: str | None,
    storage: str | Storage,
    sampler: Sampler | BaseSampler | None = None,
    pruner: BasePruner | None = None,
    scheduler: Scheduler | str | None = None,
    checkpoint_dir: str | os.PathLike[str] | None = None,
) -> Study:
    """Return a study that exists; arguments as for :func:`create_study`.

    Args:
        study_name: None takes the only study of the storage.

    Raises:
        KeyError: There is none of that name.
        ValueError: ``study_name`` is None, and the storage has no or several studies.
    """
    opened = get_storage(storage)
    if study_name is None:
        names = get_all_study_names(opened)
        if len(names) != 1:
            raise ValueError(
                f"Could not determine the study name since the storage {storage!r} does not contain exactly 1 study. "
                f"Specify `study_name` from {names}."
            )
        (study_name,) = names
        _logger.info(f"Study name was omitted; loading '{study_name}', the only study in the storage.")
    return Study(study_name, opened, sampler, pruner, scheduler, checkpoint_dir)


def delete_study(*, study_name: str, storage: str | Storage) -> None:
    """Remove a study and its trials.

    Raises:
        KeyError: There is none of that name.
    """
    opened = get_storage(storage)
    opened.delete_study(opened.create_or_open_study(study_name, None, exist_ok=True).study_id)


def copy_study(
    *,
    from_study_name: str,
    from_storage: str | Storage,
    to_storage: str | Storage,
    to_study_name: str | None = None,
) -> None:
    """Copy a study, with its attributes and all trials, into the same storage or another.

    Args:
        to_study_name: None keeps the name.

    Raises:
        DuplicatedStudyError: The name is taken in ``to_storage``.
        KeyError: There is no study ``from_study_name``.
    """
    source = get_storage(from_storage)
    original = source.create_or_open_study(from_study_name, None, exist_ok=True)
    target = get_storage(to_storage)
    copy = target.create_or_open_study(to_study_name or original.name, original.directions, exist_ok=False)
    target.set_study_attrs(copy.study_id, user=original.user_attrs, system=attrs_to_copy(original))
    records, _ = source.changes(original.study_id)
    target.add_finished(copy.study_id, sorted(records, key=lambda record: record.number))


def get_all_study_names(storage: str | Storage) -> list[str]:
    """Return the names of all studies, oldest first."""
    return [record.name for record in get_storage(storage).list_studies()]


def get_all_study_summaries(storage: str | Storage, include_best_trial: bool = True) -> list[StudySummary]:
    """Return a summary of each study, oldest first.

    Args:
        include_best_trial: Whether to find ``best_trial``.
    """
    opened = get_storage(storage)
    return [_summary(opened, record, include_best_trial) for record in opened.list_studies()]


def _summary(storage: Storage, study: StudyRecord, with_best: bool) -> StudySummary:
    records, _ = storage.changes(study.study_id)
    statistics = RunningStatistics(study.directions)
    statistics.fold(records)
    best = next((record for record in records if with_best and record.number == statistics.best.number), None)
    single = len(study.directions) == 1
    return StudySummary(
        study.name,
        study.directions[0] if single else None,
        None if best is None else FrozenTrial.of(best),
        dict(study.user_attrs),
        len(records),
        to_local(min((record.started for record in records if record.started is not None), default=None)),
        study.study_id,
        directions=None if single else study.directions,
    )
