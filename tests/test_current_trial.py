"""``current_trial()``: what a job says reaches the study, from whichever process or thread says it."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sweeper_core import TrialPruned, create_study, current_trial, load_study, pruners
from sweeper_core.directions import StudyDirection
from sweeper_core.distributions import FloatDistribution
from sweeper_core.exceptions import StorageFormatError, StorageUnavailableError, UpdateFinishedTrialError
from sweeper_core.samplers import RandomSampler
from sweeper_core.search_space.space import SearchSpace
from sweeper_core.storages import RDBStorage, get_storage
from sweeper_core.storages.url import StorageURL
from sweeper_core.study._job.current import SweptTrial
from sweeper_core.study._job.handle import (
    VARIABLE,
    TrialHandle,
    activated,
    packed,
    remove_handle,
    unpacked,
)
from sweeper_core.study._session.session import Session
from sweeper_core.trial.attrs import VERDICT
from sweeper_core.trial.record import TrialRecord
from sweeper_core.trial.state import TrialState

ROOT = Path(__file__).resolve().parent.parent
SPACE = SearchSpace.of({"x": FloatDistribution(0.0, 1.0)})


class Sweep:
    """A study with running trials, and their tickets."""

    def __init__(self, folder: Path, directions: tuple[StudyDirection, ...] = (StudyDirection.MINIMIZE,)) -> None:
        self.url = f"sqlite:///{folder}/study.db"
        self.folder = folder
        self.storage = RDBStorage(self.url)
        study = self.storage.create_or_open_study("s", directions, exist_ok=False)
        self.session = Session.open(self.storage, study, RandomSampler(seed=1))

    def finished(self, *curve: float) -> None:
        """Add a COMPLETE trial."""
        number = self.session.start(SPACE).number  # type: ignore[union-attr]
        for step, value in enumerate(curve):
            self.session.writer.report(number, step, value)
        self.session.finish(number, TrialState.COMPLETE, [curve[-1]])

    def ticket(self, pruner: pruners.Pruner | None = None, objective: int | None = 0) -> Path:
        """Start a trial and return its ticket."""
        started = self.session.start(SPACE)
        assert started is not None
        path = self.folder / "tickets" / f"{started.number}"
        ticket = TrialHandle(self.url, "s", started.number, started.params, objective, packed(pruner))
        ticket.write(path)
        return path

    def record(self, number: int) -> TrialRecord:
        return self.session.log.record(number)


@pytest.fixture
def sweep(tmp_path: Path) -> Iterator[Sweep]:
    made = Sweep(tmp_path)
    yield made
    made.storage.close()


def test_outside_of_a_sweep_the_same_code_runs_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    trial = current_trial()
    trial.report_or_prune(1.0, 0)
    trial.report(float("nan"), step=0)
    trial.set_user_attr("a", 1)
    trial.set_constraint("c", 1.0)
    assert (trial.in_sweep, trial.should_prune(), trial.number, dict(trial.params)) == (False, False, 0, {})


@pytest.mark.parametrize("where", ["outside", "inside"])
def test_wrong_arguments_are_errors_in_and_outside_of_a_sweep(where: str, sweep: Sweep) -> None:
    with activated(sweep.ticket() if where == "inside" else None):
        trial = current_trial()
        with pytest.raises(TypeError, match="value"):
            trial.report("good", 0)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="`step` must be a whole number from 0 on, not inf"):
            trial.report(1.0, float("inf"))  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="step"):
            trial.report(1.0, "first")  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="-1"):
            trial.report(1.0, -1)
        with pytest.raises(ValueError, match="NaN"):
            trial.set_constraint("c", float("nan"))


def test_what_a_job_says_is_stored(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(sweep.ticket()))
    trial = current_trial()
    assert trial is current_trial()
    assert trial.in_sweep
    trial.report(0.5, 3)
    trial.report(float("inf"), 1)
    trial.set_user_attr("weights", [1, 2])
    trial.set_constraint("memory", -1.0)
    record = sweep.record(trial.number)
    assert dict(trial.params) == record.params
    assert record.reports == ((1, float("inf")), (3, 0.5))
    assert record.user_attrs["weights"] == [1, 2]
    assert record.constraints == {"memory": -1.0}


def test_the_first_report_of_a_step_and_the_first_value_of_a_constraint_count(sweep: Sweep) -> None:
    with activated(sweep.ticket()):
        trial = current_trial()
    trial.report(0.5, 0)
    trial.set_constraint("c", 1.0)
    with pytest.warns(UserWarning, match="step 0"):
        trial.report(0.9, 0)
    with pytest.warns(UserWarning, match="'c'"):
        trial.set_constraint("c", 2.0)
    record = sweep.record(trial.number)
    assert (record.reports, record.constraints) == (((0, 0.5),), {"c": 1.0})


def test_what_could_not_be_stored_may_be_said_again(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    away = True

    def failing_while_away(method: Any) -> Any:
        def call(*arguments: Any) -> Any:
            if away:
                raise StorageUnavailableError("The server is away.")
            return method(*arguments)

        return call

    trial = SweptTrial(sweep.ticket())
    monkeypatch.setattr(RDBStorage, "report", failing_while_away(RDBStorage.report))
    monkeypatch.setattr(RDBStorage, "describe", failing_while_away(RDBStorage.describe))
    with pytest.raises(StorageUnavailableError):
        trial.report(1.0, 0)
    with pytest.raises(StorageUnavailableError):
        trial.set_constraint("c", 2.0)
    away = False
    trial.report(1.0, 0)
    trial.set_constraint("c", 2.0)
    record = sweep.record(trial.number)
    assert (record.reports, record.constraints) == (((0, 1.0),), {"c": 2.0})


def test_a_bad_trial_is_stopped_and_the_reason_kept(sweep: Sweep) -> None:
    for end in (0.1, 0.2, 0.3):
        sweep.finished(1.0, end)
    with activated(sweep.ticket(pruners.MedianPruner(n_startup_trials=1))):
        trial = current_trial()
        trial.report_or_prune(1.0, 0)
        with pytest.raises(TrialPruned, match="step 1"):
            trial.report_or_prune(0.9, 1)
        assert trial.should_prune()
    attrs = sweep.record(trial.number).system_attrs
    assert attrs[VERDICT] == {"step": 1, "reason": "0.9 is worse than the median 0.2 of 3 trials"}


def test_a_good_trial_goes_on(sweep: Sweep) -> None:
    sweep.finished(1.0, 0.5)
    with activated(sweep.ticket(pruners.MedianPruner(n_startup_trials=1))):
        trial = current_trial()
        trial.report_or_prune(1.0, 0)
        trial.report_or_prune(0.4, 1)
    assert VERDICT not in sweep.record(trial.number).system_attrs


def test_without_a_pruner_nobody_is_stopped(sweep: Sweep) -> None:
    sweep.finished(0.0)
    with activated(sweep.ticket()):
        current_trial().report_or_prune(9.0, 0)


def test_of_several_objectives_the_named_one_is_judged(tmp_path: Path) -> None:
    sweep = Sweep(tmp_path, (StudyDirection.MINIMIZE, StudyDirection.MAXIMIZE))
    for _ in range(2):
        number = sweep.session.start(SPACE).number  # type: ignore[union-attr]
        sweep.session.writer.report(number, 0, 0.5)
        sweep.session.finish(number, TrialState.COMPLETE, [0.0, 0.5])
    rule = pruners.MedianPruner(n_startup_trials=1)
    stopped = {}
    for objective, value in [(1, 0.4), (1, 0.6), (None, 0.4)]:
        with activated(sweep.ticket(rule, objective)):
            trial = current_trial()
            trial.report(value, 0)
            stopped[objective, value] = trial.should_prune()
            assert sweep.record(trial.number).reports == ((0, value),)
    assert stopped == {(1, 0.4): True, (1, 0.6): False, (None, 0.4): False}


def test_a_users_own_pruner_judges_in_the_job(sweep: Sweep) -> None:
    class Impatient(pruners.BasePruner):
        def prune(self, study: Any, trial: Any) -> bool:
            return len(trial.intermediate_values) > len(study.trials)

    with activated(sweep.ticket(Impatient())):  # type: ignore[arg-type]
        trial = current_trial()
        trial.report(0.0, 0)
        assert not trial.should_prune()
        trial.report(0.0, 1)
        assert trial.should_prune()
    assert "Impatient" in sweep.record(trial.number).system_attrs[VERDICT]["reason"]


def test_reports_of_a_trial_that_was_given_up_are_errors(sweep: Sweep) -> None:
    with activated(sweep.ticket()):
        trial = current_trial()
    sweep.session.finish(trial.number, TrialState.FAIL)
    with pytest.raises(UpdateFinishedTrialError):
        trial.report(0.0, 0)


def test_threads_of_one_process_have_their_own_trials(sweep: Sweep) -> None:
    tickets = [sweep.ticket() for _ in range(4)]
    gate = threading.Barrier(4)

    def job(path: Path) -> None:
        with activated(path):
            gate.wait()
            trial = current_trial()
            for step in range(3):
                trial.report(float(path.name), step)

    threads = [threading.Thread(target=job, args=(path,)) for path in tickets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for path in tickets:
        number = float(path.name)
        assert sweep.record(int(number)).reports == tuple((step, number) for step in range(3))


def test_threads_that_a_job_starts_share_its_trial(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(sweep.ticket()))
    threads = [threading.Thread(target=lambda step=step: current_trial().report(0.0, step)) for step in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sweep.record(current_trial().number).reports) == 8


def python(code: str, path: Path, **variables: str) -> subprocess.Popen[str]:
    """Start another process of a job."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, "PYTHONPATH": str(ROOT), VARIABLE: str(path), **variables},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_process_that_the_job_starts_reports_and_is_stopped_and_the_job_hears_of_it(
    sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        sweep.finished(0.1)
    path = sweep.ticket(pruners.MedianPruner(n_startup_trials=1))
    code = """
        from sweeper_core import current_trial, TrialPruned
        try:
            current_trial().report_or_prune(0.9, 0)
        except TrialPruned:
            print("stopped")
    """
    assert python(code, path).communicate(timeout=60)[0] == "stopped\n"
    monkeypatch.setenv(VARIABLE, str(path))
    assert sweep.record(current_trial().number).reports == ((0, 0.9),)
    assert current_trial().should_prune()


RANK = """
    from sweeper_core import current_trial
    trial = current_trial()
    answers = []
    for step in range(4):
        trial.report({value} + step, step)
        answers.append(trial.should_prune())
    trial.set_user_attr("rank{rank}", 1)
    print(answers)
"""


@pytest.mark.parametrize(
    "variables",
    [("RANK",), ("LOCAL_RANK", "NODE_RANK"), ("SLURM_PROCID",)],
    ids=["torchrun", "lightning", "slurm"],
)
def test_only_rank_zero_is_heard_and_all_ranks_get_its_verdicts(
    sweep: Sweep, variables: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("RANK", "LOCAL_RANK", "NODE_RANK", "SLURM_PROCID"):
        monkeypatch.delenv(name, raising=False)
    sweep.finished(5.0, 5.0, 1.0, 1.0)
    path = sweep.ticket(pruners.MedianPruner(n_startup_trials=1))
    ranks = [
        python(RANK.format(value=2.0 * (rank == 0), rank=rank), path, **dict.fromkeys(variables, str(rank)))
        for rank in (1, 0, 2)
    ]
    answers = [process.communicate(timeout=60)[0] for process in ranks]
    assert answers == ["[False, False, True, True]\n"] * 3
    record = sweep.record(int(path.name))
    assert record.reports == ((0, 2.0), (1, 3.0), (2, 4.0), (3, 5.0))
    assert list(record.user_attrs) == ["rank0"]


def test_a_rank_that_the_sweep_itself_has_is_none_of_the_jobs(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_PROCID", "3")
    monkeypatch.setenv(VARIABLE, str(sweep.ticket()))
    current_trial().report(1.0, 0)
    assert sweep.record(current_trial().number).reports == ((0, 1.0),)


def test_waiting_for_rank_zero_has_an_end(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    from sweeper_core.study._job.ranks import Relay

    relay = Relay(sweep.ticket(), patience=0.0)
    with pytest.raises(TimeoutError, match="Rank zero"):
        relay.hear()


def test_a_ticket_is_private_and_says_nothing_to_others(sweep: Sweep) -> None:
    path = sweep.ticket()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    remove_handle(path)
    remove_handle(path)
    assert not list(path.parent.iterdir())


def test_a_sweep_may_follow_another_one_in_the_same_place_and_process(tmp_path: Path) -> None:
    for turn in range(2):
        sweep = Sweep(tmp_path)
        path = sweep.ticket()
        TrialHandle(sweep.url, "s", 0, {"turn": turn}, sweep=str(turn)).write(path)
        with activated(path):
            current_trial().report(float(turn), 0)
            assert dict(current_trial().params) == {"turn": turn}
        assert sweep.record(0).reports == ((0, float(turn)),)
        remove_handle(path)
        sweep.storage.close()
        for left in tmp_path.glob("study.db*"):
            left.unlink()


def test_a_ticket_that_is_gone_is_a_clear_error(tmp_path: Path) -> None:
    with activated(tmp_path / "gone"), pytest.raises(FileNotFoundError, match=VARIABLE):
        current_trial()


def test_a_ticket_survives_its_file(tmp_path: Path) -> None:
    ticket = TrialHandle("sqlite:///x.db", "s", 3, {"x": 1e-5, "list": [1, {"a": None}], "inf": float("inf")})
    ticket.write(tmp_path / "3")
    assert TrialHandle.read(tmp_path / "3") == ticket


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:///a/b.db", "sqlite:///{cwd}/a/b.db"),
        ("sqlite:////a/b.db", "sqlite:////a/b.db"),
        ("sqlite:///b.db?timeout=3", "sqlite:///{cwd}/b.db?timeout=3"),
        ("sqlite:///:memory:", "sqlite:///:memory:"),
        ("journal:///a.log", "journal:///{cwd}/a.log"),
        ("a.log", "{cwd}/a.log"),
        ("postgresql://u:p@h/d", "postgresql://u:p@h/d"),
    ],
)
def test_storages_in_files_are_named_such_that_any_directory_will_do(url: str, expected: str) -> None:
    assert str(StorageURL(url).anchored) == expected.format(cwd=Path.cwd())


def test_an_idle_ticket_opens_no_storage(tmp_path: Path) -> None:
    TrialHandle(f"sqlite:///{tmp_path}/none.db", "s", 7, {"x": 1}).write(tmp_path / "7")
    trial = SweptTrial(tmp_path / "7")
    assert (trial.number, dict(trial.params), trial.should_prune()) == (7, {"x": 1}, False)
    assert not (tmp_path / "none.db").exists()


def test_a_handle_of_another_version_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "3"
    path.write_text('{"storage": "sqlite:///s.db", "what_a_later_version_has": 1}')
    for read in (lambda: TrialHandle.read(path), lambda: unpacked("bm8gcGlja2xl")):
        with pytest.raises(ValueError, match="with another version of Python or of hydra-hpo-sweeper") as refused:
            read()
        assert "\n" not in str(refused.value)


def test_a_study_of_a_newer_version_is_refused_in_one_line(tmp_path: Path) -> None:
    study = create_study(study_name="s", storage=str(tmp_path / "s.log"))
    storage = get_storage(str(tmp_path / "s.log"))
    storage.set_study_attrs(study._study_id, system={"hpo:format": 2})
    with pytest.raises(StorageFormatError, match=r"written by a newer version.*format 2.*update it") as refused:
        load_study(study_name="s", storage=str(tmp_path / "s.log"))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("step", [2**63, 2**70, float("inf")])
def test_a_step_that_no_storage_can_say_fails_its_trial_alone(step: Any) -> None:
    study = create_study()

    def objective(trial: Any) -> float:
        trial.report(0.5, step if trial.number == 0 else 2**63 - 1)
        return 1.0

    study.optimize(objective, n_trials=2, catch=(ValueError, TypeError))
    assert [trial.state for trial in study.trials] == [TrialState.FAIL, TrialState.COMPLETE]
    assert study.trials[1].intermediate_values == {2**63 - 1: 0.5}
