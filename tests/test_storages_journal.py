"""The journal storage: the promises of every storage, the file's repair, its locks, and Optuna beside it."""

from __future__ import annotations

import errno
import functools
import json
import math
import multiprocessing
import os
import pickle
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

import sweeper_core.logging
from sweeper_core.directions import StudyDirection
from sweeper_core.distributions import CategoricalDistribution, IntDistribution, distribution_to_json
from sweeper_core.exceptions import StorageFormatError, StorageUnavailableError
from sweeper_core.storages import Point, get_storage
from sweeper_core.storages import _leases as _process
from sweeper_core.storages._journal import replay as journal_replay
from sweeper_core.storages._journal import snapshot as journal_snapshot
from sweeper_core.storages._journal.replay import utc_of
from sweeper_core.storages.journal import (
    JournalFileBackend,
    JournalFileOpenLock,
    JournalFileSymlinkLock,
    JournalStorage,
)
from sweeper_core.testing.storages import (
    UNIT,
    Opener,
    StorageConformance,
    elsewhere,
    in_threads,
    new_study,
    run_one,
    trials_of,
)
from sweeper_core.trial.data import TrialData
from sweeper_core.trial.state import TrialState

optuna = pytest.importorskip("optuna")


def open_journal(path: Path) -> JournalStorage:
    return JournalStorage(JournalFileBackend(str(path)))


def open_journal_with_open_lock(path: Path) -> JournalStorage:
    return JournalStorage(JournalFileBackend(str(path), JournalFileOpenLock(str(path)), fsync=True))


class TestJournal(StorageConformance):
    @pytest.fixture
    def opener(self, tmp_path: Path) -> Opener:
        return functools.partial(open_journal, tmp_path / "study.log")


class TestJournalWithOpenLock(StorageConformance):
    @pytest.fixture
    def opener(self, tmp_path: Path) -> Opener:
        return functools.partial(open_journal_with_open_lock, tmp_path / "study.log")


# The file


def completed(storage: JournalStorage, study: int, count: int = 1) -> None:
    for _ in range(count):
        run_one(storage, study)


def test_only_operations_that_optuna_knows_are_written(tmp_path: Path) -> None:
    storage = open_journal(tmp_path / "s.log")
    study = new_study(storage, "s").study_id
    storage.set_study_attrs(study, user={"a": 1}, system={"b": 2})
    storage.enqueue(study, [Point({"x": 0.5})], idempotency_key="k")
    completed(storage, study, 2)
    storage.reserve(study, lease=elsewhere())
    storage.fail_stale(study, max_retries=1)
    storage.add_finished(study, trials_of(storage, study))
    storage.delete_study(study)
    entries = [json.loads(line) for line in (tmp_path / "s.log").read_text().splitlines()]
    assert {entry["op_code"] for entry in entries} <= set(range(10))
    assert all("worker_id" in entry for entry in entries)


@pytest.mark.parametrize(
    "torn", [b'{"op_code":4,"worker', b"{", b'{"op_code":4,"worker_id":"w","study_id":0}', b"\x00" * 9]
)
def test_a_torn_last_line_does_not_count_and_is_cut_off(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "s.log"
    storage = open_journal(path)
    study = new_study(storage, "s").study_id
    completed(storage, study)
    whole = path.read_bytes()
    path.write_bytes(whole + torn)
    reader = open_journal(path)
    assert len(trials_of(reader, study)) == 1
    assert path.read_bytes() == whole + torn  # readers change nothing
    completed(reader, study)
    completed(storage, study)
    assert all(isinstance(json.loads(line), dict) for line in path.read_bytes().splitlines())
    assert [trial.number for trial in trials_of(open_journal(path), study)] == [0, 1, 2]
    assert path.read_bytes().startswith(whole)


def test_what_another_program_has_written_behind_a_torn_line_is_read(tmp_path: Path) -> None:
    path = tmp_path / "s.log"
    storage = open_journal(path)
    study = new_study(storage, "s").study_id
    entry = {"op_code": 2, "worker_id": "w", "study_id": 0, "user_attr": {"a": 1}}
    with path.open("ab") as file:
        file.write(b'{"op_code":4,"worker_id":"x","stu' + json.dumps(entry, separators=(",", ":")).encode() + b"\n")
    assert storage.get_study(study).user_attrs == {"a": 1}
    completed(storage, study)
    again = open_journal(path)
    assert again.get_study(study).user_attrs == {"a": 1}
    assert len(trials_of(again, study)) == 1


def test_a_write_that_fails_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "s.log"
    storage = open_journal(path)
    study = new_study(storage, "s").study_id
    storage.reserve(study)
    before = path.read_bytes()
    write, written = os.write, []

    def full(descriptor: int, content: bytes) -> int:
        if written:
            raise OSError(errno.ENOSPC, "full")
        written.append(write(descriptor, bytes(content)[:30]))
        return written[0]

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(StorageUnavailableError, match="no space"):
            storage.describe(study, 0, TrialData({"x": 0.5}, {"x": UNIT}))
    assert path.read_bytes() == before
    storage.describe(study, 0, TrialData({"x": 0.25}, {"x": UNIT}))
    assert trials_of(open_journal(path), study)[0].params == {"x": 0.25}


def test_a_write_that_fails_when_the_file_is_closed_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.log"
    storage = open_journal(path)
    study = new_study(storage, "s").study_id
    storage.reserve(study)
    before = path.read_bytes()
    write, close = os.write, os.close
    written: list[int] = []

    def write_later(descriptor: int, content: bytes) -> int:
        written.append(descriptor)
        return write(descriptor, content)

    def full(descriptor: int) -> None:
        if descriptor in written:
            os.ftruncate(descriptor, len(before))  # the file server has not taken it
            close(descriptor)
            raise OSError(errno.EDQUOT, "full")
        close(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write_later)
        patch.setattr(os, "close", full)
        with pytest.raises(StorageUnavailableError, match="no space"):
            storage.finish(study, 0, TrialState.COMPLETE, [1.0])
    # Another process tells something of the very same length.
    assert open_journal(path).finish(study, 0, TrialState.COMPLETE, [2.0])
    assert trials_of(storage, study)[0].values == (2.0,)


def test_a_process_that_stood_still_cuts_off_nothing_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.log"
    storage, other = open_journal(path), open_journal(path)
    study = new_study(storage, "s").study_id
    other.reserve(study)
    catch_up = storage._log._catch_up

    def stand_still(file: Any) -> None:
        catch_up(file)
        (tmp_path / "s.log.lock").unlink()  # somebody has waited for long enough
        assert other.finish(study, 0, TrialState.COMPLETE, [1.0])

    with monkeypatch.context() as patch:
        patch.setattr(storage._log, "_catch_up", stand_still)
        with pytest.raises(StorageUnavailableError, match="stood still"):
            storage.reserve(study)
    assert [trial.state for trial in trials_of(open_journal(path), study)] == [TrialState.COMPLETE]
    assert [trial.state for trial in trials_of(storage, study)] == [TrialState.COMPLETE]


@pytest.mark.parametrize("own", [True, False], ids=["what it has written", "what others have written"])
def test_an_interrupt_while_operations_are_played_confuses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: bool
) -> None:
    path = tmp_path / "s.log"
    storage = open_journal(path)
    study = new_study(storage, "s").study_id
    completed(storage, study, 2)
    _, cursor = storage.changes(study)
    add = journal_replay.Replay.add

    def interrupted(replay: Any, *row: Any) -> None:
        add(replay, *row)
        raise KeyboardInterrupt

    if not own:
        completed(open_journal(path), study)
    with monkeypatch.context() as patch:
        patch.setattr(journal_replay.Replay, "add", interrupted)
        with pytest.raises(KeyboardInterrupt):
            storage.reserve(study) if own else storage.list_studies()
    assert trials_of(storage, study) == trials_of(open_journal(path), study)
    assert [record.number for record in storage.changes(study, cursor)[0]][-1] == 2
    assert storage.reserve(study).number == 3  # type: ignore[union-attr]


def test_a_reader_notices_that_a_write_was_taken_back_or_the_file_replaced(tmp_path: Path) -> None:
    path = tmp_path / "s.log"
    storage = open_journal(path)
    study = new_study(storage, "s").study_id
    short = path.read_bytes()
    completed(storage, study, 3)
    records, cursor = storage.changes(study)
    assert len(records) == 3
    path.write_bytes(short)
    assert trials_of(storage, study) == []
    completed(storage, study)
    assert [record.number for record in storage.changes(study, cursor)[0]] == [0]


@pytest.mark.parametrize("content", [b"SQLite format 3\x00\n", b"hello\n", b"[1, 2]\n", b'{"a": 1}\n', b"7\n"])
def test_another_file_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "s.log"
    path.write_bytes(content)
    with pytest.raises(StorageFormatError, match=r"s\.log is not a journal"):
        open_journal(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("fsync", "place", "quick"), [(False, None, True), (True, None, False), (False, "nfs4", False)]
)
def test_an_append_is_quick_where_it_waits_neither_for_a_disk_nor_for_a_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fsync: bool, place: str | None, quick: bool
) -> None:
    monkeypatch.setattr("sweeper_core.storages._journal.file.is_on_network", lambda path: place)
    storage = JournalStorage(JournalFileBackend(str(tmp_path / "s.log"), fsync=fsync))
    assert (storage.quick_writes, pickle.loads(pickle.dumps(storage)).quick_writes) == (quick, quick)


def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(StorageUnavailableError, match=r"there is no directory .*relative"):
        open_journal(tmp_path / "nowhere" / "s.log")


def test_get_storage_opens_journals(tmp_path: Path) -> None:
    for name in (f"journal:///{tmp_path}/s.log", str(tmp_path / "s.log"), tmp_path / "s.log"):
        assert isinstance(get_storage(name), JournalStorage)
    with pytest.raises(TypeError, match="JournalFileBackend"):
        JournalStorage("s.log")  # type: ignore[arg-type]


# Snapshots


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_snapshot, "MIN_STEP", 200)


@pytest.mark.usefixtures("often")
def test_what_a_snapshot_says_is_what_the_journal_says(tmp_path: Path) -> None:
    path = tmp_path / "s.log"
    storage = open_journal(path)
    new_study(storage, "gone")
    study = new_study(storage, "s", directions=2).study_id
    storage.delete_study(0)
    storage.enqueue(study, [Point({"x": 0.5}, {"u": 1})] * 3)
    for number in range(4):
        storage.reserve(study, lease=elsewhere(3600.0) if number == 3 else None)
        storage.describe(
            study, number, TrialData({"x": 0.5}, {"x": UNIT}, reports=[(3, math.inf), (1, 0.5)], user_attrs={"a": 1})
        )
    storage.finish(study, 0, TrialState.COMPLETE, [1.0, -math.inf])
    storage.enqueue(study, [Point({"x": 0.75})])
    storage.list_studies()
    _, offset = journal_snapshot.load(str(path))
    assert 0 < offset <= path.stat().st_size
    with_snapshot = open_journal(path)
    (tmp_path / "s.log.snapshot").unlink()
    without = open_journal(path)
    assert with_snapshot.list_studies() == without.list_studies()
    assert trials_of(with_snapshot, study) == trials_of(without, study)
    assert new_study(with_snapshot, "next").study_id == 2
    claim = with_snapshot.reserve(study)
    assert claim is not None
    assert (claim.number, claim.fixed) == (4, {"x": 0.75})
    assert with_snapshot.fail_stale(study) == []
    assert with_snapshot.heartbeat(study, [3]) == []


def test_many_may_save_a_snapshot_at_the_same_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "s.log"
    storage = open_journal(path)
    study = new_study(storage, "s").study_id
    completed(storage, study, 3)
    replace, temporaries = os.replace, []

    def slow(source: str, target: str) -> None:
        temporaries.append(source)
        if len(temporaries) == 1:  # as a process of the same number on another machine does
            journal_snapshot.save(str(path), storage._log._offset, storage._log.replay)
        replace(source, target)

    monkeypatch.setattr(os, "replace", slow)
    monkeypatch.setattr(os, "getpid", lambda: 7)
    journal_snapshot.save(str(path), storage._log._offset, storage._log.replay)
    assert len(set(temporaries)) == 2
    assert journal_snapshot.load(str(path))[1] == storage._log._offset
    assert sorted(file.name for file in tmp_path.iterdir() if "snapshot" in file.name) == ["s.log.snapshot"]


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize(
    "spoil",
    [
        lambda journal, snapshot: snapshot.write_bytes(snapshot.read_bytes()[:-40]),
        lambda journal, snapshot: snapshot.write_text("{}\n"),
        lambda journal, snapshot: snapshot.write_bytes(b"\xff\x00"),
        lambda journal, snapshot: journal.write_bytes(journal.read_bytes().replace(b'"s"', b'"t"')),
    ],
    ids=["torn", "empty", "not text", "of another journal"],
)
def test_a_snapshot_that_does_not_fit_is_not_used(tmp_path: Path, spoil: Callable[[Path, Path], object]) -> None:
    path = tmp_path / "s.log"
    storage = open_journal(path)
    completed(storage, new_study(storage, "s").study_id, 5)
    storage.list_studies()
    spoil(path, tmp_path / "s.log.snapshot")
    again = open_journal(path)
    (study,) = again.list_studies()
    assert len(trials_of(again, study.study_id)) == 5


# Locks


@pytest.mark.parametrize("lock", [JournalFileSymlinkLock, JournalFileOpenLock])
def test_a_lock_whose_owner_has_died_is_taken_over(tmp_path: Path, lock: type) -> None:
    path = tmp_path / "s.log"
    dead = lock(str(path))
    assert dead.acquire()
    storage = JournalStorage(JournalFileBackend(str(path), lock(str(path), grace_period=0.01)))
    completed(storage, new_study(storage, "s").study_id)
    with pytest.raises(RuntimeError, match="lost"):
        dead.release()
    assert not (tmp_path / "s.log.lock").exists()


def _die_with_the_lock(path: str, lock: type) -> None:
    child = multiprocessing.get_context("fork").Process(target=lambda: (lock(path).acquire(), os._exit(0)))
    child.start()
    child.join()
    assert os.path.lexists(f"{path}.lock")


@pytest.mark.parametrize("lock", [JournalFileSymlinkLock, JournalFileOpenLock])
def test_a_lock_of_a_process_of_this_machine_that_has_died_is_taken_over_at_once(tmp_path: Path, lock: type) -> None:
    path = str(tmp_path / "s.log")
    storage = JournalStorage(JournalFileBackend(path, lock(path, grace_period=None)))  # or else it waits for ever
    study = new_study(storage, "s").study_id
    _die_with_the_lock(path, lock)
    handles = [JournalStorage(JournalFileBackend(path, lock(path, grace_period=None))) for _ in range(6)]
    assert sorted(in_threads(6, lambda index: run_one(handles[index], study))) == [0, 1, 2, 3, 4, 5]
    assert not os.path.lexists(f"{path}.lock")


def test_a_lock_of_another_machine_is_left_alone_until_its_grace_period_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = str(tmp_path / "s.log")
    storage = JournalStorage(JournalFileBackend(path, JournalFileSymlinkLock(path, grace_period=0.3)))
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr("platform.node", lambda: "elsewhere")
        _process._machine.cache_clear()
        _die_with_the_lock(path, JournalFileSymlinkLock)
    _process._machine.cache_clear()
    sweeper_core.logging.enable_propagation()
    try:
        new_study(storage, "s")
    finally:
        sweeper_core.logging.disable_propagation()
    assert "was not released for 0.3 s" in caplog.text


def test_the_link_that_locks_leads_to_the_journal_where_optuna_looks(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    for path in ("s.log", str(tmp_path / "t.log")):
        backend = JournalFileBackend(path)
        with backend.locked():
            assert os.path.samefile(f"{path}.lock", path)


@pytest.mark.parametrize("lock", [JournalFileSymlinkLock, JournalFileOpenLock])
def test_a_grace_period_is_positive(tmp_path: Path, lock: type) -> None:
    with pytest.raises(ValueError, match="grace_period"):
        lock(str(tmp_path / "s.log"), grace_period=0)


def test_a_crash_while_a_loss_is_told_does_not_repeat_it(tmp_path: Path) -> None:
    path = tmp_path / "s.log"
    storage = open_journal(path)
    study = new_study(storage, "s").study_id
    storage.enqueue(study, [Point({"x": 0.5})])
    storage.reserve(study, lease=elsewhere())
    before = len(path.read_bytes().splitlines())
    assert storage.fail_stale(study, max_retries=1) == [0]
    lines = path.read_bytes().splitlines(keepends=True)
    for kept in range(before, len(lines)):
        path.write_bytes(b"".join(lines[:kept]))
        survivor = open_journal(path)
        assert survivor.fail_stale(study, max_retries=1) == [0]
        assert [trial.state for trial in trials_of(survivor, study)] == [TrialState.FAIL, TrialState.WAITING]


# Beside Optuna


def test_optuna_reads_a_study_while_it_runs(tmp_path: Path) -> None:
    path = tmp_path / "s.log"
    storage = open_journal(path)
    new_study(storage, "other")
    study = new_study(storage, "s").study_id
    storage.set_study_attrs(study, user={"a": [1, None]}, system={"study:metric_names": ["loss"]})
    storage.enqueue(study, [Point({"x": 0.25}, {"u": "v"})])
    distributions = {"x": UNIT, "c": CategoricalDistribution(["a", "b"]), "n": IntDistribution(1, 100, log=True)}
    for state, value in ((TrialState.COMPLETE, math.inf), (TrialState.PRUNED, 0.5), (TrialState.FAIL, None)):
        claim = storage.reserve(study, lease=elsewhere(3600.0))
        assert claim is not None
        params = {"x": 0.25, "c": "b", "n": 7}
        storage.describe(study, claim.number, TrialData(params, distributions, reports=[(0, math.nan), (4, 0.5)]))
        constraint = {"constraints": [1.0]}
        told = None if value is None else [value]
        storage.finish(study, claim.number, state, told, TrialData(user_attrs={"k": 1}, system_attrs=constraint))
    storage.reserve(study)
    storage.enqueue(study, [Point({"x": 0.5})])
    theirs = optuna.load_study(study_name="s", storage=optuna_storage(path))
    assert theirs.user_attrs == {"a": [1, None]}
    assert theirs.metric_names == ["loss"]
    for mine, seen in zip(trials_of(storage, study), theirs.trials, strict=True):
        assert (mine.number, mine.trial_id, mine.state.name) == (seen.number, seen._trial_id, seen.state.name)
        assert mine.params == seen.params
        assert {name: distribution_to_json(it) for name, it in mine.layout.as_dict().items()} == {
            name: optuna.distributions.distribution_to_json(it) for name, it in seen.distributions.items()
        }
        assert repr(dict(mine.reports)) == repr(seen.intermediate_values)
        assert mine.user_attrs == seen.user_attrs
        assert mine.system_attrs == seen.system_attrs
        assert (None if mine.values is None else list(mine.values)) == seen.values
        for one, two in ((mine.started, seen.datetime_start), (mine.completed, seen.datetime_complete)):
            assert (one is None) == (two is None)
            assert one is None or one == two.astimezone(timezone.utc).replace(tzinfo=None)


def test_a_study_goes_on_there_and_back(tmp_path: Path) -> None:
    path = tmp_path / "s.log"
    theirs = optuna.create_study(study_name="s", storage=optuna_storage(path), direction="maximize")
    theirs.set_user_attr("who", "optuna")
    theirs.enqueue_trial({"x": 0.125}, user_attrs={"q": 1})

    def objective(trial: Any) -> float:
        x = trial.suggest_float("x", 0.0, 1.0)
        trial.suggest_categorical("c", ["a", "b"])
        trial.report(x, 0)
        trial.set_user_attr("u", [x])
        return x

    theirs.optimize(objective, n_trials=3)
    theirs.add_trial(
        optuna.trial.create_trial(
            params={"x": 0.5}, distributions={"x": optuna.distributions.FloatDistribution(0, 1)}, value=0.5
        )
    )
    theirs.enqueue_trial({"x": 0.75})
    storage = open_journal(path)
    (study,) = storage.list_studies()
    assert (study.directions, study.user_attrs) == ((StudyDirection.MAXIMIZE,), {"who": "optuna"})
    trials = trials_of(storage, study.study_id)
    assert [trial.params for trial in trials] == [trial.params for trial in theirs.trials]
    assert [trial.values for trial in trials[:4]] == [(trial.value,) for trial in theirs.trials[:4]]
    assert [trial.reports for trial in trials[:3]] == [((0, trial.params["x"]),) for trial in trials[:3]]
    claim = storage.reserve(study.study_id)
    assert claim is not None
    assert (claim.number, claim.fixed) == (4, {"x": 0.75})
    storage.describe(study.study_id, 4, TrialData({"x": 0.75}, {"x": UNIT}))
    storage.finish(study.study_id, 4, TrialState.COMPLETE, [0.75])
    theirs.optimize(objective, n_trials=1)
    assert [trial.state.name for trial in theirs.trials] == ["COMPLETE"] * 6
    assert theirs.best_trial.number in (4, 5, 0, 1, 2)
    assert len(trials_of(storage, study.study_id)) == 6


def test_both_write_at_the_same_time(tmp_path: Path) -> None:
    path = tmp_path / "s.log"
    storage = open_journal(path)
    study = new_study(storage, "s").study_id
    theirs = optuna.load_study(study_name="s", storage=optuna_storage(path))

    def work(who: int) -> None:
        if who:
            theirs.optimize(lambda trial: trial.suggest_float("x", 0.0, 1.0), n_trials=12)
        else:
            completed(storage, study, 12)

    in_threads(2, work)
    trials = trials_of(storage, study)
    assert [trial.number for trial in trials] == list(range(24))
    assert {trial.state for trial in trials} == {TrialState.COMPLETE}
    assert [trial.params for trial in trials] == [trial.params for trial in theirs.trials]


def test_local_times_of_older_files_are_understood() -> None:
    there = datetime(2024, 7, 1, 12, 0, 0)
    assert utc_of(there.isoformat()) == there.astimezone(timezone.utc).replace(tzinfo=None)
    assert utc_of("2024-07-01T12:00:00+02:00") == datetime(2024, 7, 1, 10)
    assert utc_of(None) is None


def optuna_storage(path: Path) -> Any:
    backend = optuna.storages.journal.JournalFileBackend(str(path))
    return optuna.storages.JournalStorage(backend)
