"""A snapshot of the replay up to some offset, stored beside the journal, so that opening need not replay all of it.

A snapshot only saves time: a missing or old one, or one of another journal, is not used. The format is JSON, so that
reading an untrusted snapshot runs no code.
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from contextlib import suppress
from typing import Any

from sweeper_core.directions import StudyDirection
from sweeper_core.distributions import distribution_to_json
from sweeper_core.storages._journal.replay import Replay, text_of, utc_of
from sweeper_core.storages._table import StudyRows, TrialRow
from sweeper_core.storages.base import StudyRecord
from sweeper_core.trial.record import NOTHING, Layout
from sweeper_core.trial.state import TrialState

SUFFIX = ".snapshot"
FORMAT = 1

MIN_STEP = 4 << 20
"""Bytes of journal that are not worth a snapshot: replaying them takes less than a tenth of a second."""

SAMPLE = 512
"""Bytes at the beginning of the journal, and before the snapshot's place, by which the journal is recognised."""


def is_due(offset: int, last: int) -> bool:
    """Return whether a snapshot at ``offset`` is worth its cost when the last one was made at ``last``.

    The distance grows with the journal, so that all snapshots together cost about as much as writing it once.
    """
    return offset - last > max(MIN_STEP, last)


def save(path: str, offset: int, replay: Replay) -> None:
    """Write a snapshot of the journal at ``path`` up to ``offset``; errors are ignored."""
    temporary = f"{path}{SUFFIX}.{uuid.uuid4().hex}"  # other processes may save at the same time, on other machines too
    try:
        with suppress(OSError):
            with open(temporary, "w", encoding="utf-8") as file:
                file.write(json.dumps({"format": FORMAT, "offset": offset, "sample": _sample(path, offset)}) + "\n")
                file.write(json.dumps(_content(replay), separators=(",", ":")))  # many times as fast as `json.dump`
            os.replace(temporary, path + SUFFIX)
    finally:
        with suppress(OSError):
            os.unlink(temporary)  # it still exists only after an error


def load(path: str) -> tuple[Replay, int]:
    """Return the replay and its offset from a snapshot; an empty replay and 0 without a matching one."""
    try:
        with open(path + SUFFIX, encoding="utf-8") as file:
            head = json.loads(file.readline())
            if head["format"] != FORMAT or head["sample"] != _sample(path, head["offset"]):
                return Replay(), 0
            return _replay(json.loads(file.read())), head["offset"]
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return Replay(), 0


def _sample(path: str, offset: int) -> str:
    with open(path, "rb") as file:
        first = file.read(min(SAMPLE, offset))
        file.seek(max(offset - SAMPLE, 0))
        return hashlib.sha256(first + file.read(min(SAMPLE, offset))).hexdigest()


def _content(replay: Replay) -> dict[str, Any]:
    layouts: dict[Layout, int] = {}
    studies = [_study(study, layouts) for study in replay.studies.values()]
    described = [
        [layout.names, [distribution_to_json(distribution) for distribution in layout.distributions]]
        for layout in layouts
    ]
    return {"next": [replay.next_study, replay.next_trial], "layouts": described, "studies": studies}


def _study(study: StudyRows, layouts: dict[Layout, int]) -> list[Any]:
    record = study.record
    rows = []
    for row in study.rows:
        it = row.record
        layout = layouts.setdefault(it.layout, len(layouts))
        times = [text_of(it.started), text_of(it.completed)]
        attrs = [dict(it.user_attrs), dict(it.system_attrs)]
        rows.append([it.trial_id, it.state, layout, it.internals, it.values, it.reports, *attrs, *times])
    waiting = list(study.waiting)
    attrs = [dict(record.user_attrs), dict(record.system_attrs)]
    return [record.study_id, record.name, record.directions, *attrs, waiting, rows]


def _replay(content: dict[str, Any]) -> Replay:
    replay = Replay()
    layouts = [
        replay.layout({name: replay.distribution(text) for name, text in zip(names, texts, strict=True)})
        for names, texts in content["layouts"]
    ]
    for study_id, name, directions, user, system, waiting, rows in content["studies"]:
        study = StudyRows(StudyRecord(study_id, name, tuple(map(StudyDirection, directions)), user, system))
        replay.studies[study_id] = study
        for number, row in enumerate(rows):
            replay.add(study, _row(number, row, layouts))
        study.waiting.clear()
        study.waiting.extend(waiting)
    replay.next_study, replay.next_trial = content["next"]
    return replay


def _row(number: int, content: list[Any], layouts: list[Layout]) -> TrialRow:
    trial_id, state, layout, internals, values, reports, user, system, started, completed = content
    row = TrialRow(number, trial_id, TrialState(state))
    row.layout, row.internals = layouts[layout], tuple(internals)
    row.values = None if values is None else tuple(values)
    row.reports = [(step, value) for step, value in reports] or ()
    row.user_attrs, row.system_attrs = user or NOTHING, system or NOTHING
    row.started, row.completed = utc_of(started), utc_of(completed)
    return row
