"""Studies between storages and files. Every transfer can be broken off and repeated: it goes on where it was.

A study as JSON lines: the first line describes the study, every other one a trial; of several lines on one trial the
last one counts.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sweeper_core._extras import missing_extra
from sweeper_core.directions import StudyDirection
from sweeper_core.distributions import distribution_to_json, json_to_distribution
from sweeper_core.exceptions import StorageInternalError
from sweeper_core.report.texts import cell_text
from sweeper_core.storages.base import Storage, StudyRecord
from sweeper_core.storages.identity import Identity, attrs_to_copy, identity, study_uid
from sweeper_core.trial.attrs import CONTINUES, RETRY_HISTORY, RETRY_OF, SOURCE_NUMBER, STUDY_UID
from sweeper_core.trial.lists import lists_of
from sweeper_core.trial.record import Layout, TrialRecord
from sweeper_core.trial.state import TrialState
from sweeper_core.trial.table import MISSING, TrialTable

BATCH = 500
"""Trials written in one transaction."""


def copy_study(
    storage: Storage, study: StudyRecord, target: Storage, name: str | None = None
) -> tuple[StudyRecord, int]:
    """Add the trials of a study to the study of its name (or ``name``) in ``target``, made when there is none.

    Several studies may be merged into one. What the target has already, it keeps.

    Returns:
        The study in ``target``, and how many trials were new.

    Raises:
        ValueError: It has other directions.
    """
    records = storage.changes(study.study_id)[0]
    return _add(study, records, uid_of(storage, study, records), target, name)


def uid_of(storage: Storage, study: StudyRecord, records: Sequence[TrialRecord]) -> str:
    """Return the identifier of a study; where nothing can be stored in it, one that its content gives."""
    try:
        return study_uid(storage, study)
    except StorageInternalError:
        first = records[0].started if records else None
        return hashlib.sha256(f"{study.name}/{first}".encode()).hexdigest()[:32]


def _add(
    study: StudyRecord, records: Iterable[TrialRecord], uid: str, target: Storage, name: str | None
) -> tuple[StudyRecord, int]:
    name = study.name if name is None else name
    copy = target.create_or_open_study(name, study.directions, exist_ok=True)
    if copy.directions != study.directions:
        raise ValueError(f"There is a study {name!r} with other directions already; choose another name.")
    system = attrs_to_copy(study)
    missing_user = {key: value for key, value in study.user_attrs.items() if key not in copy.user_attrs}
    missing_system = {key: value for key, value in system.items() if key not in copy.system_attrs}
    if missing_user or missing_system:
        target.set_study_attrs(copy.study_id, user=missing_user, system=missing_system)
    return copy, copy_trials(records, uid, target, copy)


def copy_trials(records: Iterable[TrialRecord], uid: str, target: Storage, study: StudyRecord) -> int:
    """Add the trials of study ``uid`` that the target study does not have yet; return how many.

    Running trials are left out: they belong to their owners. A trial that was copied while it waited is the
    target's own to run from then on.
    """
    there = target.changes(study.study_id)[0]
    own = uid_of(target, study, there)
    numbers = {identity(record, own): record.number for record in there}
    numbers.update({(own, record.number): record.number for record in there})
    wanted = sorted((r for r in records if r.state is not TrialState.RUNNING), key=lambda r: r.number)
    missing = [record for record in wanted if identity(record, uid) not in numbers]
    batch: list[TrialRecord] = []

    def write() -> None:
        added = target.add_finished(study.study_id, [_copied(record, uid, numbers) for record in batch])
        for record, number in zip(batch, added, strict=True):
            numbers[identity(record, uid)] = numbers[uid, record.number] = number
        batch.clear()

    for record in missing:
        # The numbers of earlier attempts are others in the target: they have to be there first.
        if len(batch) == BATCH or record.system_attrs.get(RETRY_HISTORY) or CONTINUES in record.system_attrs:
            write()
        batch.append(record)
    write()
    return len(missing)


def _copied(record: TrialRecord, uid: str, numbers: Mapping[Identity, int]) -> TrialRecord:
    attrs = {**record.system_attrs, SOURCE_NUMBER: list(identity(record, uid))}
    history = attrs.pop(RETRY_HISTORY, None)
    attrs.pop(RETRY_OF, None)
    attempts = [numbers[uid, number] for number in history or () if (uid, number) in numbers]
    if attempts:
        attrs.update({RETRY_OF: attempts[0], RETRY_HISTORY: attempts})
    earlier = numbers.get((uid, attrs.pop(CONTINUES, -1)))
    if earlier is not None:
        attrs[CONTINUES] = earlier
    return replace(record, system_attrs=attrs)


def export_json_lines(storage: Storage, study: StudyRecord, path: Path) -> int:
    """Write a study's trials that the file does not hold yet, or that waited then and have ended; return how many.

    Raises:
        ValueError: The file holds another study, or something else.
    """
    records = _finished_or_waiting(storage, study)
    uid = uid_of(storage, study, records)
    _drop_torn_line(path)
    known: dict[int, str] = {}
    if path.exists() and path.stat().st_size:
        header, lines = read_json_lines(path)
        if header["name"] != study.name or header["system_attrs"].get(STUDY_UID, uid) != uid:
            raise ValueError(f"{path} holds study {header['name']!r}, not {study.name!r}; choose another file.")
        known = {line["number"]: line["state"] for line in lines}
    missing = [record for record in records if known.get(record.number) != record.state.name]
    with path.open("a", encoding="utf-8") as file:
        if not file.tell():
            file.write(json.dumps(_study_line(study, uid)) + "\n")
        for record in missing:
            file.write(json.dumps(_trial_line(record)) + "\n")
    return len(missing)


def _drop_torn_line(path: Path) -> None:
    """Remove what is left of a line whose writer was killed."""
    if path.exists() and not (content := path.read_bytes()).endswith(b"\n"):
        with path.open("r+b") as file:
            file.truncate(content.rfind(b"\n") + 1)


def read_json_lines(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the line of the study and the last one of each of its trials.

    Raises:
        ValueError: The file is no study in JSON lines.
    """
    try:
        first, *lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        if first["format"] != "hpo-study":
            raise KeyError("format")
        latest = {line["number"]: line for line in lines}
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not a study in JSON lines, as `hpo-sweeper export` writes them.") from error
    return first, list(latest.values())


def import_json_lines(path: Path, storage: Storage, name: str | None = None) -> tuple[StudyRecord, int]:
    """Add a file's trials to the study of its name (or ``name``), made when there is none.

    Returns:
        The study, and how many trials were new.

    Raises:
        ValueError: The file is no study, or the study has other directions.
    """
    header, lines = read_json_lines(path)
    directions = tuple(StudyDirection[direction] for direction in header["directions"])
    written = StudyRecord(-1, header["name"], directions, header["user_attrs"], header["system_attrs"])
    records = [_trial_of(line) for line in lines]
    uid = str(header["system_attrs"].get(STUDY_UID) or f"{header['name']}/{path.resolve()}")
    return _add(written, records, uid, storage, name)


def export_csv(storage: Storage, study: StudyRecord, path: Path) -> int:
    """Write a study's trials as a table, the file replaced whole; return how many."""
    columns, rows = _table(storage, study)
    temporary = path.with_name(path.name + ".new")
    with temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([cell_text(name) for name in columns])
        writer.writerows([_text(cell) for cell in row] for row in rows)
    os.replace(temporary, path)
    return len(rows)


def export_parquet(storage: Storage, study: StudyRecord, path: Path) -> int:
    """Write a study's trials as a table with typed columns, the file replaced whole; return how many.

    A column of which the values have several types is one of texts, each of them JSON.

    Raises:
        ModuleNotFoundError: pyarrow is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise missing_extra("Parquet needs pyarrow", "parquet") from error
    columns, rows = _table(storage, study)
    arrays = {name: pyarrow.array(_typed([row[place] for row in rows])) for place, name in enumerate(columns)}
    temporary = path.with_name(path.name + ".new")
    parquet.write_table(pyarrow.table(arrays), temporary)
    os.replace(temporary, path)
    return len(rows)


def _table(storage: Storage, study: StudyRecord) -> tuple[list[str], list[list[Any]]]:
    """Return the columns' names, and the cells of each trial."""
    lists = lists_of(study.system_attrs)
    table = TrialTable(_finished_or_waiting(storage, study), len(study.directions), lists)
    columns = [*(f"params_{name}" for name in table.params), *(f"user_attrs_{name}" for name in table.user_attrs)]
    head = ["number", "state", *table.values, "datetime_start", "datetime_complete"]
    return [*head, *columns], [_row(table, record) for record in table.records]


def _row(table: TrialTable, record: TrialRecord) -> list[Any]:
    moments = [record.started or MISSING, record.completed or MISSING]
    given = [*table.params_of(record), *table.user_attrs_of(record)]
    return [record.number, record.state.name, *table.values_of(record), *moments, *given]


def _text(value: Any) -> Any:
    """Return a cell of a CSV such that strings and numbers can be told apart by JSON's rules where they must be."""
    if value is MISSING:
        return ""
    if isinstance(value, str) and value:
        return cell_text(value)
    if isinstance(value, (int, float, datetime)) and not isinstance(value, bool):
        return value
    return json.dumps(value)


def _typed(cells: Sequence[Any]) -> list[Any]:
    """Return a column of one type, None where there is nothing."""
    kinds = {type(cell) for cell in cells if cell is not MISSING and cell is not None}
    if kinds <= {int, float} or (len(kinds) == 1 and kinds <= {str, bool, datetime}):
        return [
            None if cell is MISSING else float(cell) if kinds == {int, float} and cell is not None else cell
            for cell in cells
        ]
    return [None if cell is MISSING else json.dumps(cell) for cell in cells]


def _finished_or_waiting(storage: Storage, study: StudyRecord) -> list[TrialRecord]:
    records, _ = storage.changes(study.study_id)
    wanted = [record for record in records if record.state is not TrialState.RUNNING]
    return sorted(wanted, key=lambda record: record.number)


def _study_line(study: StudyRecord, uid: str) -> dict[str, Any]:
    return {
        "format": "hpo-study",
        "name": study.name,
        "directions": [direction.name for direction in study.directions],
        "user_attrs": dict(study.user_attrs),
        "system_attrs": {**study.system_attrs, STUDY_UID: uid},
    }


def _trial_line(record: TrialRecord) -> dict[str, Any]:
    return {
        "number": record.number,
        "state": record.state.name,
        "values": record.values,
        "params": list(_described(record)),
        "reports": record.reports,
        "user_attrs": dict(record.user_attrs),
        "system_attrs": dict(record.system_attrs),
        "started": None if record.started is None else record.started.isoformat(),
        "completed": None if record.completed is None else record.completed.isoformat(),
    }


def _described(record: TrialRecord) -> Iterator[dict[str, Any]]:
    """Yield each parameter with its internal value and, for a reader's eyes, its external one."""
    for name, distribution, internal in zip(
        record.layout.names, record.layout.distributions, record.internals, strict=True
    ):
        yield {
            "name": name,
            "value": distribution.to_external_repr(internal),
            "internal": internal,
            "distribution": json.loads(distribution_to_json(distribution)),
        }


def _trial_of(line: Mapping[str, Any]) -> TrialRecord:
    layout = Layout.of({p["name"]: json_to_distribution(json.dumps(p["distribution"])) for p in line["params"]})
    return TrialRecord(
        number=line["number"],
        trial_id=-1,
        state=TrialState[line["state"]],
        layout=layout,
        internals=tuple(float(p["internal"]) for p in line["params"]),
        values=None if line["values"] is None else tuple(line["values"]),
        reports=tuple((int(step), float(value)) for step, value in line["reports"]),
        user_attrs=line["user_attrs"],
        system_attrs=line["system_attrs"],
        started=_moment(line["started"]),
        completed=_moment(line["completed"]),
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
