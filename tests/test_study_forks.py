"""Children that are forked while other threads are at work: they wait for nobody who is not there."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sweeper_core import create_study
from sweeper_core.samplers import RandomSampler
from sweeper_core.storages import RDBStorage, get_storage
from sweeper_core.storages._journal import replay as journal_replay
from sweeper_core.storages.journal import JournalStorage
from sweeper_core.study import Study

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # forks of a process with threads
]
LONGEST = 20


@pytest.fixture(params=["memory", "journal", "sqlite", "sqlite in memory"])
def study(request: pytest.FixtureRequest, tmp_path: Path) -> Study:
    places = {
        "memory": None,
        "journal": str(tmp_path / "s.log"),
        "sqlite": f"sqlite:///{tmp_path / 's.db'}",
        "sqlite in memory": "sqlite://",
    }
    storage = get_storage(places[request.param])
    study = create_study(storage=storage, study_name="s", sampler=RandomSampler(1))
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=3)
    return study


def exists_elsewhere(study: Study) -> bool:
    """Return whether others can see what a child does to its copy of the study."""
    storage = study.session.log.storage
    return storage.outlives_process and not (isinstance(storage, RDBStorage) and storage.url == "sqlite://")


def in_a_child(work: Callable[[], bool]) -> bool:
    """Return what a forked child finds; False when it takes too long or fails."""
    child = os.fork()
    if child == 0:
        signal.alarm(LONGEST)
        try:
            os._exit(0 if work() else 1)
        finally:
            os._exit(2)
    return os.waitpid(child, 0)[1] == 0


@contextmanager
def elsewhere(work: Callable[[Callable[[], None]], Any]) -> Iterator[None]:
    """Let another thread be in the middle of something: until the block ends it stays where it calls its argument."""
    there, go_on = threading.Event(), threading.Event()

    def pause() -> None:
        there.set()
        go_on.wait(LONGEST)

    thread = threading.Thread(target=work, args=(pause,))
    thread.start()
    assert there.wait(LONGEST)
    try:
        yield
    finally:
        go_on.set()
        thread.join()


def _lock_of(storage: Any) -> Any:
    if isinstance(storage, RDBStorage):
        return storage._database._guard
    return storage._log.lock if isinstance(storage, JournalStorage) else storage._lock


def test_a_child_has_locks_of_its_own(study: Study) -> None:
    def hold(pause: Callable[[], None]) -> None:
        storage: Any = study.session.log.storage
        with study.session.log.lock, _lock_of(storage):
            pause()

    def work() -> bool:
        trial = study.ask()
        value = trial.suggest_float("x", 0, 1)
        study.tell(trial, value)
        return [each.number for each in study.trials] == [0, 1, 2, 3] and study.trials[3].value == value

    with elsewhere(hold):
        assert in_a_child(work)
    assert len(study.trials) == (4 if exists_elsewhere(study) else 3)


@pytest.mark.parametrize("study", ["journal"], indirect=True)
def test_what_another_thread_was_just_playing_is_played_again(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = study.session.log.storage
    other = get_storage(storage._file.path)  # type: ignore[attr-defined]
    other.reserve(study._study_id)
    add = journal_replay.Replay.add

    def read(pause: Callable[[], None]) -> None:
        def add_and_pause(replay: Any, *row: Any) -> None:
            add(replay, *row)
            if threading.current_thread() is not threading.main_thread():
                pause()

        with monkeypatch.context() as patch:
            patch.setattr(journal_replay.Replay, "add", add_and_pause)
            storage.list_studies()

    with elsewhere(read):
        assert in_a_child(lambda: len(study.trials) == 4)
    assert len(study.trials) == 4
