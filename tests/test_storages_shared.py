"""Studies in folders that several machines or users share: late visibility, stale handles, permissions, containers."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from omegaconf import OmegaConf

from hydra_plugins.hydra_hpo_sweeper._sweep._preparation._directory import SweepDirectory
from sweeper_core.exceptions import StorageUnavailableError
from sweeper_core.report import beacon
from sweeper_core.storages import Storage, get_storage, this_process
from sweeper_core.storages._journal import file
from sweeper_core.storages._leases import owner_is_dead
from sweeper_core.testing.storages import new_study
from sweeper_core.trial.state import TrialState


@pytest.fixture
def on_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every journal lies on a network file system, whose delays cost no time here."""
    monkeypatch.setattr(file, "is_on_network", lambda path: "nfs4")
    monkeypatch.setattr(file, "PAUSE_BEFORE_REOPENING", 0.0)


class LateSizes:
    """``os.fstat`` of a client whose attribute cache shows a file as it was, for a number of calls."""

    def __init__(self, size: int, calls: int) -> None:
        self._size, self.calls, self._true = size, calls, os.fstat

    def __call__(self, descriptor: int) -> Any:
        found = self._true(descriptor)
        if self.calls <= 0:
            return found
        self.calls -= 1
        return SimpleNamespace(st_size=min(self._size, found.st_size), st_mtime=found.st_mtime, st_mode=found.st_mode)


def begun(path: Path) -> tuple[Storage, Storage, int]:
    """Return two machines' storages of one journal, which both have seen two trials, and the study's key."""
    one, other = get_storage(str(path)), get_storage(str(path))
    study_id = new_study(one, "s").study_id
    for _ in range(2):
        one.reserve(study_id)
    other.changes(study_id)
    return one, other, study_id


def numbers(storage: Storage, study_id: int) -> list[int]:
    return sorted(record.number for record in storage.changes(study_id)[0])


def test_a_file_that_is_seen_late_is_not_taken_for_another_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_network: None
) -> None:
    one, other, study_id = begun(tmp_path / "s.log")
    cursor = other.changes(study_id)[1]
    late = LateSizes(60, calls=1)
    monkeypatch.setattr(file.os, "fstat", late)
    records, cursor = other.changes(study_id, cursor)
    assert (records, late.calls) == ([], 0)
    one.reserve(study_id)
    assert [record.number for record in other.changes(study_id, cursor)[0]] == [2]


def test_a_writer_waits_until_it_sees_what_is_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_network: None
) -> None:
    one, other, study_id = begun(tmp_path / "s.log")
    monkeypatch.setattr(file.os, "fstat", LateSizes(60, calls=file.MAX_REOPENED - 1))
    claim = other.reserve(study_id)
    assert claim is not None
    assert claim.number == 2
    assert numbers(one, study_id) == [0, 1, 2]


def test_a_writer_writes_nothing_over_what_it_does_not_see(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_network: None
) -> None:
    one, other, study_id = begun(tmp_path / "s.log")
    before = (tmp_path / "s.log").read_bytes()
    monkeypatch.setattr(file.os, "fstat", LateSizes(60, calls=10**6))
    with pytest.raises(StorageUnavailableError, match="shows others' writes too late"):
        other.reserve(study_id)
    monkeypatch.undo()
    assert (tmp_path / "s.log").read_bytes() == before
    assert numbers(one, study_id) == numbers(other, study_id) == [0, 1]


def test_a_journal_that_stays_shorter_was_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_network: None
) -> None:
    _, other, study_id = begun(tmp_path / "s.log")
    monkeypatch.setattr(file, "MAX_LATE", 0.0)
    (tmp_path / "s.log").write_bytes(b"")
    with pytest.raises(KeyError):
        other.changes(study_id)


@pytest.mark.parametrize("call", ["open", "read", "fstat"])
def test_a_stale_handle_is_opened_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_network: None, call: str
) -> None:
    one, other, study_id = begun(tmp_path / "s.log")
    one.reserve(study_id)
    true, failures = getattr(os, call), iter([True, True])

    def stale(*arguments: Any, **options: Any) -> Any:
        if next(failures, False):
            raise OSError(errno.ESTALE, "Stale file handle")
        return true(*arguments, **options)

    monkeypatch.setattr(file.os, call, stale)
    assert numbers(other, study_id) == [0, 1, 2]


def test_a_handle_that_stays_stale_is_an_outage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_network: None
) -> None:
    _, other, study_id = begun(tmp_path / "s.log")

    def stale(*_: Any) -> Any:
        raise OSError(errno.ESTALE, "Stale file handle")

    monkeypatch.setattr(file.os, "fstat", stale)
    for work in (lambda: other.changes(study_id), lambda: other.reserve(study_id)):
        with pytest.raises(StorageUnavailableError, match="Stale file handle"):
            work()
    monkeypatch.undo()
    assert not list(tmp_path.glob("*.lock"))


# --- a folder of a group ----------------------------------------------------------------------------------------------


@pytest.fixture
def narrow_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.skipif(os.name != "posix", reason="permissions of a group")
@pytest.mark.parametrize(("mode", "expected"), [(0o2770, 0o664), (0o755, 0o644), (0o1777, 0o644)])
def test_files_in_a_folder_of_a_group_are_the_groups(
    tmp_path: Path, narrow_umask: None, mode: int, expected: int
) -> None:
    folder = tmp_path / "group"
    folder.mkdir()
    folder.chmod(mode)
    for url in (str(folder / "s.log"), f"sqlite:///{folder}/s.db"):
        storage = get_storage(url)
        study_id = new_study(storage, "s").study_id
        claim = storage.reserve(study_id, lease=this_process())
        assert claim is not None
        storage.heartbeat(study_id, [claim.number])
        others = {path.name: path.stat().st_mode & 0o666 for path in folder.iterdir() if path.is_file()}
        assert set(others.values()) == {expected}, others
        storage.finish(study_id, claim.number, TrialState.COMPLETE, [1.0])
        storage.close()


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="access control lists of Linux")
def test_what_jobs_make_in_a_folder_of_a_group_is_the_groups(tmp_path: Path, narrow_umask: None) -> None:
    folder = tmp_path / "group"
    folder.mkdir()
    folder.chmod(0o2770)
    directory = SweepDirectory(folder / "a" / "b")
    directory.begin(OmegaConf.create({}))
    (directory.path / "0").mkdir()
    (directory.path / "0" / "model").touch()
    (directory.path / "private").mkdir(mode=0o700)
    (tmp_path / "elsewhere").touch()
    modes = {str(path.relative_to(tmp_path)): path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    assert modes == {
        "group": 0o770, "group/a": 0o775, "group/a/b": 0o775, "group/a/b/0": 0o775, "group/a/b/0/model": 0o664,
        "group/a/b/private": 0o700, "group/a/b/multirun.yaml": 0o664, "elsewhere": 0o644,
    }  # fmt: skip


# --- containers -------------------------------------------------------------------------------------------------------


def test_containers_that_look_alike_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = replace(this_process(), boot="same/1", pid=1, process_started="100")
    twins = [first, replace(first, boot="same/2"), replace(first, process_started="200")]
    with ExitStack() as lit:
        for owner in twins:
            monkeypatch.setattr(beacon, "this_process", lambda owner=owner: owner)
            lit.enter_context(beacon.lit(tmp_path, None, 1, "x"))
        assert len(list(tmp_path.glob(beacon.PATTERN))) == len(twins)
    assert not list(tmp_path.glob(beacon.PATTERN))
    # Only a process of the same namespace can be checked on: process 1 of another container is another one.
    assert not owner_is_dead(first)


@pytest.mark.parametrize("url", ["{}/s.log", "sqlite:///{}/s.db"], ids=["journal", "sqlite"])
def test_the_trial_of_another_container_is_left_alone(tmp_path: Path, url: str) -> None:
    storage = get_storage(url.format(tmp_path))
    study_id = new_study(storage, "s").study_id
    here = this_process()
    storage.reserve(study_id, lease=replace(here, boot=f"{here.boot}1", process_started="1"))
    storage.reserve(study_id, lease=replace(here, process_started="1"))
    assert storage.fail_stale(study_id) == [1]


# --- clocks of machines -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("skew", [-7200.0, 7200.0])
def test_leases_do_not_depend_on_the_clocks_of_machines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, skew: float
) -> None:
    """All of them are measured by the clock of the file system, as a server's are by the server's."""
    here = get_storage(str(tmp_path / "s.log"))
    study_id = new_study(here, "s").study_id
    now = time.time
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: now() + skew)
        there = get_storage(str(tmp_path / "s.log"))
        for _ in range(2):
            there.reserve(study_id, lease=replace(this_process(1e-9, 60.0), host="node2"))
        there.heartbeat(study_id, [0, 1])
    assert here.fail_stale(study_id) == []
    last = max((tmp_path / "s.log.beats").iterdir())
    os.utime(last, (now() - 120, now() - 120))
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: now() + skew)
        assert here.fail_stale(study_id) + here.fail_stale(study_id) == [1]
