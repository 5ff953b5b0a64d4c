"""What running trials tell is written in few transactions, early enough, and never lost."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sweeper_core import create_study
from sweeper_core.directions import StudyDirection
from sweeper_core.exceptions import StorageUnavailableError, UpdateFinishedTrialError
from sweeper_core.samplers import RandomSampler
from sweeper_core.storages import RDBStorage, this_process
from sweeper_core.study._session import write_buffer
from sweeper_core.study._session.heartbeat import Heartbeat
from sweeper_core.study._session.write_buffer import WriteBuffer
from sweeper_core.testing.storages import UNIT, new_study, trials_of
from sweeper_core.trial import Trial
from sweeper_core.trial.data import TrialData
from sweeper_core.trial.record import TrialRecord
from sweeper_core.trial.state import TrialState


class Counting(RDBStorage):
    """Counts what is written, and can be out of reach."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.writes: list[str] = []
        self.away = False

    def _count(self, name: str) -> None:
        if self.away:
            raise StorageUnavailableError("The server is away.")
        self.writes.append(name)

    def reserve(self, *arguments: Any, **named: Any) -> Any:
        self._count("reserve")
        return super().reserve(*arguments, **named)

    def describe(self, *arguments: Any, **named: Any) -> None:
        self._count("describe")
        super().describe(*arguments, **named)

    def report(self, *arguments: Any, **named: Any) -> None:
        self._count("report")
        super().report(*arguments, **named)

    def finish(self, *arguments: Any, **named: Any) -> bool:
        self._count("finish")
        return super().finish(*arguments, **named)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'study.db'}"


@pytest.fixture(autouse=True)
def no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the buffer's thread sleep: the tests call its ticks, so that the machine's load changes nothing."""
    monkeypatch.setattr(write_buffer, "TICK", 3600.0)


@pytest.fixture
def storage(url: str) -> Counting:
    return Counting(url)


@pytest.fixture
def study(storage: Counting) -> int:
    return new_study(storage, "s").study_id


@pytest.fixture
def buffer(storage: Counting, study: int) -> WriteBuffer:
    """A buffer with one running trial, number 0, that this process keeps alive."""
    lease = this_process()
    storage.reserve(study, lease=lease)
    heartbeat = Heartbeat(storage, study)
    heartbeat.add(0, lease)
    storage.writes.clear()
    return WriteBuffer(storage, study, heartbeat)


def seen(url: str, study: int) -> TrialRecord:
    """Return trial 0 as another process sees it."""
    return trials_of(RDBStorage(url), study)[0]


def test_a_trial_costs_three_writes(storage: Counting) -> None:
    study = create_study(storage=storage, sampler=RandomSampler(seed=0))

    def objective(trial: Trial) -> float:
        for index in range(20):
            trial.suggest_float(f"x{index}", 0.0, 1.0)
        trial.set_user_attr("a", 1)
        for step in range(10):
            trial.report(float(step), step)
        return 0.0

    study.optimize(objective, n_trials=1)
    storage.writes.clear()
    study.optimize(objective, n_trials=3)
    assert storage.writes == ["reserve", "describe", "finish"] * 3
    for trial in study.trials:
        assert (len(trial.params), trial.user_attrs) == (20, {"a": 1})
        assert trial.intermediate_values == {step: float(step) for step in range(10)}


def test_where_writing_is_slow_a_short_trial_costs_two_writes(storage: Counting) -> None:
    storage.quick_writes = False
    study = create_study(storage=storage, sampler=RandomSampler(seed=0))
    study.optimize(lambda trial: trial.suggest_float("x", 0.0, 1.0) + trial.suggest_float("y", 0.0, 1.0), n_trials=2)
    assert storage.writes == ["reserve", "finish"] * 2
    assert [list(trial.params) for trial in study.trials] == [["x", "y"]] * 2


def test_a_report_is_stored_before_should_prune_returns(storage: Counting, url: str) -> None:
    study = create_study(study_name="s", storage=storage, sampler=RandomSampler(seed=0))

    def objective(trial: Trial) -> float:
        for step in range(3):
            trial.report(0.5, step)
            trial.should_prune()
            assert len(seen(url, study._study_id).reports) == step + 1
        return 0.0

    study.optimize(objective, n_trials=1)
    assert study.trials[0].state is TrialState.COMPLETE


def test_what_kills_a_process_at_once_is_known(url: str) -> None:
    program = """
import os, sys
from sweeper_core import create_study
def objective(trial):
    x = [trial.suggest_float(name, 0, 1) for name in "abc"]
    if trial.number == 2:
        os._exit(1)
    return 0.0
create_study(study_name="s", storage=sys.argv[1]).optimize(objective, n_trials=5)
"""
    assert subprocess.run([sys.executable, "-c", program, url], capture_output=True).returncode == 1
    storage = RDBStorage(url)
    trials = trials_of(storage, storage.create_or_open_study("s", None, exist_ok=True).study_id)
    assert [list(trial.params) for trial in trials] == [["a", "b", "c"]] * 3


def test_what_a_trial_tells_is_written_after_two_ticks(buffer: WriteBuffer, url: str, study: int) -> None:
    buffer.report(0, 1, 0.5)
    buffer.describe(0, TrialData(user_attrs={"a": 1}))
    assert seen(url, study).reports == ()
    assert buffer.tick()
    assert buffer.tick()
    assert (seen(url, study).reports, seen(url, study).user_attrs) == (((1, 0.5),), {"a": 1})
    assert not buffer.tick()


def test_nothing_is_lost_while_the_storage_is_away(
    buffer: WriteBuffer, storage: Counting, url: str, study: int, caplog: pytest.LogCaptureFixture
) -> None:
    storage.away = True
    buffer.report(0, 1, 0.5)
    buffer.tick()
    buffer.tick()
    buffer.report(0, 1, 9.0)
    buffer.report(0, 2, 0.25)
    with pytest.raises(StorageUnavailableError):
        buffer.flush()
    storage.away = False
    buffer.flush()
    assert seen(url, study).reports == ((1, 0.5), (2, 0.25))


def test_the_end_takes_what_waits(buffer: WriteBuffer, storage: Counting, url: str, study: int) -> None:
    buffer.describe(0, TrialData({"x": 0.5}, {"x": UNIT}))
    buffer.report(0, 3, 1.0)
    assert storage.finish(study, 0, TrialState.COMPLETE, [1.0], buffer.take(0))
    assert (seen(url, study).params, seen(url, study).reports) == ({"x": 0.5}, ((3, 1.0),))
    assert buffer.take(0) == TrialData()
    buffer.flush()


def test_a_trial_that_was_ended_elsewhere_learns_it(buffer: WriteBuffer, url: str, study: int) -> None:
    RDBStorage(url).finish(study, 0, TrialState.FAIL)
    buffer.report(0, 1, 0.5)
    buffer.flush()
    with pytest.raises(UpdateFinishedTrialError):
        buffer.report(0, 2, 0.5)


def test_what_cannot_be_stored_is_refused_at_once(buffer: WriteBuffer) -> None:
    with pytest.raises(TypeError, match="JSON"):
        buffer.describe(0, TrialData(user_attrs={"a": object()}))
    with pytest.raises(ValueError, match="'x'"):
        buffer.describe(0, TrialData({"x": 0.5}))
    assert buffer.take(0) == TrialData()


def test_a_bare_ask_writes_at_once(storage: Counting, url: str) -> None:
    study = create_study(storage=storage)
    trial = study.ask()
    trial.suggest_float("x", 0.0, 1.0)
    trial.suggest_float("y", 0.0, 1.0)
    assert list(seen(url, study._study_id).params) == ["x", "y"]
    trial.report(0.5, 1)
    assert len(seen(url, study._study_id).reports) == 1


def test_a_forked_child_writes_at_once_and_only_its_own(buffer: WriteBuffer, url: str, study: int) -> None:
    buffer.report(0, 1, 0.5)
    child = multiprocessing.get_context("fork").Process(target=buffer.report, args=(0, 2, 0.25))
    child.start()
    child.join()
    assert child.exitcode == 0
    assert seen(url, study).reports == ((2, 0.25),)
    buffer.flush()
    assert seen(url, study).reports == ((1, 0.5), (2, 0.25))


def test_what_waits_is_written_when_the_interpreter_ends(url: str) -> None:
    program = """
import sys
from sweeper_core.storages import RDBStorage, this_process
from sweeper_core.study._session.heartbeat import Heartbeat
from sweeper_core.study._session.write_buffer import WriteBuffer
from sweeper_core.testing.storages import new_study
storage = RDBStorage(sys.argv[1])
study = new_study(storage, "s").study_id
lease = this_process()
storage.reserve(study, lease=lease)
heartbeat = Heartbeat(storage, study)
heartbeat.add(0, lease)
buffer = WriteBuffer(storage, study, heartbeat)
buffer.report(0, 1, 0.5)
"""
    subprocess.run([sys.executable, "-c", program, url], check=True)
    storage = RDBStorage(url)
    study = storage.create_or_open_study("s", [StudyDirection.MINIMIZE], exist_ok=True).study_id
    assert seen(url, study).reports == ((1, 0.5),)
