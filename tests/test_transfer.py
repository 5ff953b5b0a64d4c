"""Studies that are copied, merged, exported and imported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import sweeper_core as hpo
from sweeper_core.directions import StudyDirection
from sweeper_core.storages import get_storage
from sweeper_core.storages.base import Storage, StudyRecord
from sweeper_core.storages.identity import study_uid
from sweeper_core.testing.storages import elsewhere, trials_of
from sweeper_core.transfer import copy_study, export_json_lines, import_json_lines
from sweeper_core.trial.attrs import RETRY_HISTORY, RETRY_OF, STUDY_UID


@pytest.fixture(params=["sqlite:///{}/{}.db", "journal:///{}/{}.log"], ids=["sqlite", "journal"])
def place(request: Any, tmp_path: Path) -> Any:
    return lambda name: get_storage(request.param.format(tmp_path, name))


def study_of(storage: Storage, values: list[float], name: str = "s") -> StudyRecord:
    study = hpo.create_study(study_name=name, storage=storage)
    for value in values:
        study.enqueue_trial({"x": value})
    study.optimize(lambda trial: trial.suggest_float("x", 0.0, 100.0), n_trials=len(values))
    return storage.create_or_open_study(name, None, exist_ok=True)


def values_of(storage: Storage, study: StudyRecord) -> list[float]:
    return [trial.values[0] for trial in trials_of(storage, study.study_id) if trial.values]


def test_a_copy_onto_itself_adds_nothing(place: Any) -> None:
    storage = place("one")
    study = study_of(storage, [1.0, 2.0])
    assert copy_study(storage, study, storage)[1] == 0
    assert values_of(storage, study) == [1.0, 2.0]


def test_an_import_of_its_own_export_adds_nothing(place: Any, tmp_path: Path) -> None:
    storage = place("one")
    study = study_of(storage, [1.0, 2.0])
    export_json_lines(storage, study, tmp_path / "s.jsonl")
    assert import_json_lines(tmp_path / "s.jsonl", storage)[1] == 0
    assert import_json_lines(tmp_path / "s.jsonl", place("two"))[1] == 2
    assert import_json_lines(tmp_path / "s.jsonl", place("two"))[1] == 0


def test_two_studies_of_one_name_are_merged(place: Any, tmp_path: Path) -> None:
    one, two, both = place("one"), place("two"), place("both")
    first, second = study_of(one, [1.0, 2.0]), study_of(two, [3.0, 4.0, 5.0])
    assert [copy_study(one, first, both)[1], copy_study(two, second, both)[1]] == [2, 3]
    assert [copy_study(one, first, both)[1], copy_study(two, second, both)[1]] == [0, 0]
    merged = both.create_or_open_study("s", None, exist_ok=True)
    assert values_of(both, merged) == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert copy_study(both, merged, one)[1] == 3, "what came from there is known there"
    assert copy_study(one, first, both)[1] == 0, "also after a way round"
    export_json_lines(two, second, tmp_path / "s.jsonl")
    assert import_json_lines(tmp_path / "s.jsonl", both)[1] == 0, "as a file it is the same study"


def test_a_copy_is_a_study_of_its_own(place: Any, tmp_path: Path) -> None:
    storage = place("one")
    study = study_of(storage, [1.0])
    uid = study_uid(storage, study)
    hpo.copy_study(from_study_name="s", from_storage=storage, to_storage=storage, to_study_name="t")
    copies = [copy_study(storage, study, storage, "u")[0], storage.create_or_open_study("t", None, exist_ok=True)]
    export_json_lines(storage, study, tmp_path / "s.jsonl")
    copies.append(import_json_lines(tmp_path / "s.jsonl", storage, "v")[0])
    assert uid not in {storage.get_study(copy.study_id).system_attrs.get(STUDY_UID) for copy in copies}


def test_the_attempts_of_a_merged_trial_are_its_own(place: Any) -> None:
    one, both = place("one"), place("both")
    first = study_of(both, [1.0, 2.0])
    study = one.create_or_open_study("s", [StudyDirection.MINIMIZE], exist_ok=True)
    one.reserve(study.study_id, lease=elsewhere())
    assert one.fail_stale(study.study_id, max_retries=1) == [0]
    copy_study(one, study, both)
    lost, retry = trials_of(both, first.study_id)[2:]
    assert lost.number == 2
    assert (retry.system_attrs[RETRY_OF], retry.system_attrs[RETRY_HISTORY]) == (2, [2])
