"""What users meet in a sweep that goes wrong, and what it says then. Most of it runs in this process."""

from __future__ import annotations

import csv
import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra.core.hydra_config import HydraConfig
from hydra.errors import CompactHydraException
from plugin_support import ROOT, surroundings, sweep

from hydra_plugins.hydra_hpo_sweeper._hydra._lane import lane
from hydra_plugins.hydra_hpo_sweeper._lanes._base import Job
from hydra_plugins.hydra_hpo_sweeper._lanes._batch import BatchLanes
from hydra_plugins.hydra_hpo_sweeper._lanes._environment import BatchEnvironment
from hydra_plugins.hydra_hpo_sweeper._sweep import _loop, _outage
from hydra_plugins.hydra_hpo_sweeper._sweep._outage import Outage
from sweeper_core import current_trial
from sweeper_core.exceptions import StorageUnavailableError
from sweeper_core.pruners import BasePruner
from sweeper_core.samplers import BaseSampler, CmaEsSampler, RandomSampler, TPESampler
from sweeper_core.storages.memory import InMemoryStorage
from sweeper_core.study import create_study, load_study

X = "x=interval(0,1)"
OPTUNA = "hydra/sweeper=optuna"


def trials(there: Path, name: str | None = None) -> list[Any]:
    return load_study(study_name=name, storage=f"sqlite:///{there / 'study.db'}").trials


def rows(there: Path) -> list[dict[str, str]]:
    with open(there / "trials.csv", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def there(tmp_path: Path) -> Path:
    return tmp_path / "sweep"


def n(count: int) -> str:
    return f"hydra.sweeper.n_trials={count}"


# --- results that are no numbers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("returned", [None, float("nan")], ids=str)
def test_under_optunas_name_only_exceptions_end_the_sweep(there: Path, returned: float | None) -> None:
    def task(cfg: Any) -> float | None:
        return returned if HydraConfig.get().job.num < 4 else float(cfg.x)

    sweep(task, there, [OPTUNA, X, n(6)])
    assert [row["state"] for row in rows(there)] == ["FAIL"] * 4 + ["COMPLETE"] * 2
    assert yaml.safe_load((there / "optimization_results.yaml").read_text())["name"] == "optuna"

    def raising(cfg: Any) -> float:
        raise ValueError("no")

    with pytest.raises(CompactHydraException, match="1 of 1 trials failed"):
        sweep(raising, there.parent / "raising", [OPTUNA, X, n(6)])


@pytest.mark.parametrize(
    ("returned", "more", "words"),
    [
        (None, [], "returned None"),
        ("good", [], "returned 'good'"),
        ({"acc": 1.0, "loss": 2.0}, [], "name the entry"),
        ({"acc": 1.0}, ["hydra.sweeper.metric=loss"], "'loss'"),
        ({"acc": 1.0, "t": 2}, ["hydra.sweeper.metric=acc", "hydra.sweeper.constraints={size: '<= 3'}"], "'size'"),
    ],
    ids=["none", "text", "mapping", "other-metric", "no-constraint"],
)
def test_a_job_that_can_return_nothing_useful_is_asked_twice(
    there: Path, returned: Any, more: list[str], words: str
) -> None:
    with pytest.raises(CompactHydraException, match="No job returned a usable result") as caught:
        sweep(lambda cfg: returned, there, [X, n(20), *more])
    assert words in str(caught.value)
    assert len(rows(there)) == 2


def test_one_usable_result_shows_that_others_may_follow(there: Path) -> None:
    def task(cfg: Any) -> float | None:
        return None if HydraConfig.get().job.num in (1, 2) else float(cfg.x)

    sweep(task, there, [X, n(5)])
    assert [row["state"] for row in rows(there)] == ["COMPLETE", "FAIL", "FAIL", "COMPLETE", "COMPLETE"]


# --- what is swept --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("override", ["x=choice(3)", "x=range(3,4)", "x=interval(2,2)"])
@pytest.mark.parametrize("sampler", ["auto", "tpe"])
def test_a_space_of_one_point_runs_once_and_says_so(
    there: Path, override: str, sampler: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep(lambda cfg: float(cfg.x), there, [override, n(9), f"hydra/sweeper/sampler={sampler}"])
    assert len(rows(there)) == 1
    assert "Every point of the search space has been tried." in capsys.readouterr().out


# --- what is kept ---------------------------------------------------------------------------------------------------


def test_fixed_overrides_and_further_metrics_are_kept_with_each_trial(there: Path) -> None:
    def task(cfg: Any) -> dict[str, Any]:
        current_trial().set_user_attr("note", "mine")
        return {"loss": cfg.x, "acc": 0.5, "long": "x" * 5000, "array": [1, 2]}

    sweep(task, there, [X, "y=3", "+tag=hello", n(2), "hydra.sweeper.metric=loss"])
    for trial in trials(there):
        assert trial.user_attrs == {"y": 3, "+tag": "hello", "acc": 0.5, "note": "mine"}
    for row in rows(there):
        assert (row["user_attrs.y"], row["user_attrs.+tag"], row["user_attrs.acc"]) == ("3", "hello", "0.5")
        assert "user_attrs.loss" not in row


def test_further_metrics_of_repeats_are_averaged_and_failures_keep_the_fixed_overrides(there: Path) -> None:
    def task(cfg: Any) -> dict[str, Any]:
        if cfg.x > 0.9:
            raise ValueError("no")
        return {"loss": float(cfg.y), "acc": float(cfg.y) * 10}

    enqueue = "hydra.sweeper.enqueue=[{x: 0.5}, {x: 0.95}]"
    overrides = [X, "+tag=a", n(2), "hydra.sweeper.metric=loss", "hydra.sweeper.repeat={y: [1, 3]}", enqueue]
    sweep(task, there, overrides)
    assert [trial.user_attrs for trial in trials(there)] == [{"+tag": "a", "acc": 20.0}, {"+tag": "a"}]


# --- going on -------------------------------------------------------------------------------------------------------

DATED = ["hydra.sweep.dir=${oc.env:BELOW}/${now:%Y-%m-%d}/${now:%H-%M-%S-%f}"]


def test_the_first_line_names_the_directory_and_how_to_go_on(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep(lambda cfg: cfg.x, there, [X, n(1)])
    (first,) = [line for line in capsys.readouterr().out.splitlines() if "hydra-hpo-sweeper: study" in line]
    assert f"directory {there}; to go on later: " in first
    assert f"hydra.sweep.dir={there}" in first


@pytest.mark.parametrize("word", ["last", "true"])
def test_the_last_sweep_of_an_application_is_found_again(
    tmp_path: Path, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BELOW", str(tmp_path / "runs"))

    def run(*more: str) -> Path:
        result = sweep(lambda cfg: cfg.x, tmp_path / "unused", [X, n(2), *DATED, *more])
        return Path(result.directory)

    resume = f"hydra.sweeper.resume={word}"
    first = run(resume)
    assert run() != first
    second = max((tmp_path / "runs").glob("*/*"), key=lambda path: (path / "study.db").stat().st_mtime)
    assert run(resume) == second
    assert len(rows(second)) == 4
    assert len(rows(first)) == 2
    # Jobs run in the directory that was found.
    assert rows(second)[3]["job_dir"] == str(second / "3")
    assert not (tmp_path / "unused").exists()


def test_another_applications_sweep_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BELOW", str(tmp_path / "runs"))
    other = sweep(lambda cfg: cfg.x, tmp_path / "unused", [X, n(1), *DATED, "hydra.job.name=other"])
    ours = sweep(lambda cfg: cfg.x, tmp_path / "unused", [X, n(1), *DATED, "hydra.sweeper.resume=last"])
    assert ours.directory != other.directory


def test_after_an_interrupt_the_printed_command_runs_what_is_left(
    there: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "orig_argv", ["python", "app.py", "-m", X, n(24)])

    def task(cfg: Any) -> float:
        if HydraConfig.get().job.num == 9:
            os.kill(os.getpid(), signal.SIGINT)
        return float(cfg.x)

    with pytest.raises(SystemExit):
        sweep(task, there, [X, n(24)])
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "To continue: " in line]
    command = shlex.split(line.partition("To continue: ")[2])
    assert [word for word in command if "n_trials" in word] == ["hydra.sweeper.n_trials=14"]
    assert len(rows(there)) == 10


# --- one directory, one study ---------------------------------------------------------------------------------------


def test_another_study_does_not_overwrite_the_first_ones_directory(there: Path) -> None:
    sweep(lambda cfg: cfg.x, there, [X, n(2), "hydra.sweeper.study_name=a"])
    before = (there / "trials.csv").read_text()
    with pytest.raises(CompactHydraException, match=r"the sweep of another study \('a' in its own storage\)"):
        sweep(lambda cfg: cfg.x, there, [X, n(2), "hydra.sweeper.study_name=b"])
    assert (there / "trials.csv").read_text() == before
    sweep(lambda cfg: cfg.x, there, [X, n(2), "hydra.sweeper.study_name=a"])
    assert len(rows(there)) == 4


def test_a_storage_without_a_study_name_goes_on_in_the_same_directory(there: Path) -> None:
    url = f"sqlite:///{there.parent / 'mine.db'}"
    for count in (2, 4):
        sweep(lambda cfg: cfg.x, there, [X, n(2), f"hydra.sweeper.storage={url}"])
        assert len(rows(there)) == count
    other = sweep(lambda cfg: cfg.x, there.parent / "other", [X, n(1), f"hydra.sweeper.storage={url}"])
    assert other.finished == {"complete": 1}


def test_a_best_outside_of_this_runs_space_is_told(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep(lambda cfg: cfg.x, there, [X, n(2)])
    assert "outside of" not in capsys.readouterr().out
    sweep(lambda cfg: cfg.x, there, ["x=interval(2,3)", n(2)])
    output = capsys.readouterr().out
    assert "has 2 trials outside of this run's search space (such as trial 0)" in output
    assert "The best trial is of an earlier run with another search space: x=" in output


@pytest.mark.parametrize("repeats", [False, True])
def test_jobs_do_not_share_a_fixed_subdirectory(there: Path, repeats: bool, caplog: pytest.LogCaptureFixture) -> None:
    more = ["hydra.sweeper.repeat={y: [1, 2]}"] if repeats else []
    sweep(lambda cfg: cfg.x, there, [X, n(2), "hydra.sweep.subdir=all", *more])
    found = {str(path.relative_to(there)) for path in there.rglob(".hydra")}
    parts = ["/0", "/1"] if repeats else [""]
    assert found == {f"all/{number}{part}/.hydra" for number in "01" for part in parts}
    assert "hydra.sweep.subdir=all is the same for all jobs" in caplog.text


def test_a_study_in_memory_offers_no_command(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep(lambda cfg: cfg.x, there, [X, n(1), "hydra.sweeper.storage='sqlite://'"])
    output = capsys.readouterr().out
    assert "To continue" not in output
    assert "The study was in memory and ends with this process" in output


# --- what is said ---------------------------------------------------------------------------------------------------


def test_the_automatic_choice_is_logged_with_its_reason(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep(lambda cfg: cfg.x, there, [X, n(3), "hydra/sweeper/sampler=auto"])
    assert capsys.readouterr().out.count("the sampler is gp: fewer than 1000 trials.") == 1
    # Some of the next points are drawn from a prior, and the sampler is the same.
    sweep(lambda cfg: cfg.x, there / "prior", [f"{X[:-1]},prior=0.5)", n(6), "hydra/sweeper/sampler=auto"])
    output = capsys.readouterr().out
    assert "sampler is prior" not in output
    assert output.count("the sampler is gp: fewer than 1000 trials.") <= 1


def test_a_lost_trial_is_not_promised_another_try_that_it_will_not_have(
    there: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = ["lanes=process", "max_retries=0", "max_failure_rate=1"]
    sweep(lambda cfg: os._exit(3), there, [X, n(2), *(f"hydra.sweeper.{setting}" for setting in settings)])
    assert "tried again" not in capsys.readouterr().out
    assert [row["state"] for row in rows(there)] == ["FAIL", "FAIL"]


def test_trials_of_a_dead_run_are_said_to_have_failed_once_retries_are_used_up(
    there: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    script = f"""
import os, sys
sys.path[:0] = {[str(ROOT), str(ROOT / "tests")]!r}
from pathlib import Path
from plugin_support import sweep
sweep(lambda cfg: os._exit(7), Path({str(there)!r}), {[X, n(1)]!r})
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False, env=surroundings())
    assert done.returncode == 7
    sweep(lambda cfg: cfg.x, there, [X, n(1), "hydra.sweeper.max_retries=0"])
    output = capsys.readouterr().out
    assert "Trials 0 were left by a run that died; they have failed: hydra.sweeper.max_retries is used up." in output
    assert "tried again" not in output


def test_the_live_line_ends_without_running_trials(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep(lambda cfg: cfg.x, there, [X, n(2), "hydra.sweeper.progress=live"])
    last = capsys.readouterr().err.replace("\r", "\n").strip().splitlines()[-1]
    assert "0 running, lanes 0/1" in last


def test_what_pruned_trials_had_reached_is_said(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def task(cfg: Any) -> float:
        number = HydraConfig.get().job.num
        current_trial().report(0.25 if number == 1 else 0.75, step=3)
        if number == 1:
            from sweeper_core.exceptions import TrialPruned

            raise TrialPruned
        return 1.0

    sweep(task, there, [X, n(3)])
    output = capsys.readouterr().out
    assert "Best value: 1.0" in output
    assert "Pruned trials had reached 0.25 at best (trial 1, stopped at step 3). They do not count" in output


@pytest.mark.parametrize("sampler", [RandomSampler, TPESampler, CmaEsSampler], ids=lambda kind: kind.__name__)
def test_no_value_is_a_rounding_error_beyond_its_bounds(sampler: Any) -> None:
    bounds = {"a": (1e-8, 1e-6), "b": (1e-6, 1e-1), "c": (1e-10, 7e-3)}
    study = create_study(sampler=sampler(seed=0))
    for _ in range(40):
        trial = study.ask()
        for name, (low, high) in bounds.items():
            assert low <= trial.suggest_float(name, low, high, log=True) <= high
        study.tell(trial, -sum(trial.params[name] / high for name, (_, high) in bounds.items()))


# --- the directory goes away ----------------------------------------------------------------------------------------


def test_a_deleted_sweep_directory_ends_the_sweep_and_saves_the_study_anew(there: Path) -> None:
    def task(cfg: Any) -> float:
        if HydraConfig.get().job.num == 3:
            shutil.rmtree(there)
        return float(cfg.x)

    with pytest.raises(CompactHydraException, match="was deleted while the sweep ran") as caught:
        sweep(task, there, [X, n(9)])
    assert "To continue: " in str(caught.value)
    known = trials(there)
    assert [trial.number for trial in known] == [0, 1, 2, 3] or [trial.number for trial in known] == [0, 1, 2]
    assert all(trial.value == trial.params["x"] for trial in known)
    sweep(lambda cfg: cfg.x, there, [X, n(2)])
    assert len(trials(there)) == len(known) + 2


def test_a_moved_sweep_directory_ends_the_sweep_and_says_where_it_is(there: Path) -> None:
    moved = there.parent / "moved"

    def task(cfg: Any) -> float:
        if HydraConfig.get().job.num == 2:
            there.rename(moved)
        return float(cfg.x)

    with pytest.raises(CompactHydraException, match=f"was moved to {moved} while the sweep ran"):
        sweep(task, there, [X, n(9)])
    assert len(trials(moved)) >= 2


# --- the storage goes away ------------------------------------------------------------------------------------------


class TestOutage:
    @pytest.fixture
    def clock(self, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        now = [0.0]
        monkeypatch.setattr(_outage.time, "monotonic", lambda: now[0])
        return now

    @staticmethod
    def away() -> int:
        raise StorageUnavailableError("postgresql://host/db cannot be reached: refused")

    def test_it_is_waited_for_as_long_as_the_setting_says(
        self, clock: list[float], caplog: pytest.LogCaptureFixture
    ) -> None:
        outage = Outage(100.0)
        assert outage.attempt(self.away, -1) == -1
        clock[0] = 99.0
        assert outage.attempt(self.away, -1) == -1
        assert outage.now
        assert caplog.text.count("Running jobs run on") == 1
        clock[0] = 100.0
        with pytest.raises(StorageUnavailableError, match="has not answered for 100 s"):
            outage.attempt(self.away, -1)

    def test_it_is_over_when_the_storage_answers(self, clock: list[float]) -> None:
        outage = Outage(100.0)
        outage.attempt(self.away, -1)
        clock[0] = 99.0
        assert outage.attempt(lambda: 7, -1) == 7
        assert not outage.now
        clock[0] = 250.0
        assert outage.attempt(self.away, -1) == -1


class Flaky(InMemoryStorage):
    """Cannot be reached for some calls."""

    answers_again_after = 0

    def _busy(self) -> None:
        if Flaky.answers_again_after > 0:
            Flaky.answers_again_after -= 1
            raise StorageUnavailableError("flaky://store cannot be reached")

    def finish(self, *arguments: Any, **named: Any) -> bool:
        self._busy()
        return super().finish(*arguments, **named)

    def reserve(self, *arguments: Any, **named: Any) -> Any:
        self._busy()
        return super().reserve(*arguments, **named)


FLAKY = f"hydra.sweeper.storage={{_target_: {__name__}.Flaky}}"


def test_results_are_kept_until_the_storage_answers(there: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_loop, "PATIENCE", 0.001)

    def task(cfg: Any) -> float:
        if HydraConfig.get().job.num == 1:
            Flaky.answers_again_after = 5
        return float(cfg.x)

    result = sweep(task, there, [X, n(4), FLAKY])
    assert result.finished == {"complete": 4}


def test_a_storage_that_stays_away_ends_the_sweep_with_the_command_to_go_on(
    there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_loop, "PATIENCE", 0.001)

    def task(cfg: Any) -> float:
        Flaky.answers_again_after = 10**9
        return float(cfg.x)

    monkeypatch.setattr(Flaky, "outlives_process", True)
    with pytest.raises(CompactHydraException, match=r"storage_patience=0.05 s.*To continue: "):
        sweep(task, there, [X, n(4), FLAKY, "hydra.sweeper.storage_patience=0.05"])
    Flaky.answers_again_after = 0


# --- users' own classes ---------------------------------------------------------------------------------------------


class OptunasWay(BaseSampler):
    """A sampler with the methods that Optuna's have."""

    def __init__(self, seed: int | None = None) -> None:
        self.seed = seed

    def infer_relative_search_space(self, study: Any, trial: Any) -> dict[str, Any]:
        return {}

    def sample_relative(self, study: Any, trial: Any, search_space: Any) -> dict[str, Any]:
        return {}

    def sample_independent(self, study: Any, trial: Any, name: str, distribution: Any) -> float:
        return 0.125 * (trial.number + 1) + 0.0 * len(study.trials)


class StopsOdd(BasePruner):
    """A pruner with the method that Optuna's have."""

    def prune(self, study: Any, trial: Any) -> bool:
        return bool(trial.number % 2)


OWN = {"sampler": "OptunasWay", "pruner": "StopsOdd"}


def test_samplers_and_pruners_of_optunas_form_run_in_sweeps(there: Path) -> None:
    def task(cfg: Any) -> float:
        trial = current_trial()
        trial.report_or_prune(cfg.x, step=0)
        return float(cfg.x)

    own = [f"hydra.sweeper.{kind}={{_target_: {__name__}.{name}}}" for kind, name in OWN.items()]
    sweep(task, there, [X, n(4), *own])
    assert [(row["params.x"], row["state"]) for row in rows(there)] == [
        ("0.125", "COMPLETE"),
        ("0.25", "PRUNED"),
        ("0.375", "COMPLETE"),
        ("0.5", "PRUNED"),
    ]


# --- batches --------------------------------------------------------------------------------------------------------


class Counting:
    """A launcher that notes what it gets."""

    def __init__(self, environment: BatchEnvironment) -> None:
        self.batches: list[tuple[int, list[list[str]]]] = []
        self.environment = environment
        self.seen: dict[int, dict[str, str]] = {}

    def launch(self, overrides: list[list[str]], initial_job_idx: int) -> list[Any]:
        from hydra.core.utils import JobReturn, JobStatus

        self.batches.append((initial_job_idx, [list(one) for one in overrides]))
        self.seen.update(self.environment.of_jobs)
        returns = []
        for _ in overrides:
            one = JobReturn()
            one.status, one.return_value = JobStatus.COMPLETED, 1.0
            returns.append(one)
        return returns


def test_a_launcher_gets_a_batch_of_consecutive_jobs_with_their_environments() -> None:
    environment = BatchEnvironment()
    launcher: Any = Counting(environment)
    with BatchLanes(launcher, environment, 4) as lanes:
        for number in (0, 1, 2, 5):
            lanes.start(Job(number, (f"x={number}",), environment={"N": str(number)}))
        assert (lanes.free, len(lanes.busy)) == (0, 4)
        assert sorted(result.job.number for result in lanes.wait()) == [0, 1, 2]
        assert lanes.free == 3
        assert [result.job.number for result in lanes.wait()] == [5]
        assert lanes.wait(0.0) == []
    assert launcher.batches == [(0, [["x=0"], ["x=1"], ["x=2"]]), (5, [["x=5"]])]
    assert launcher.seen[1] == {"HPO_LANE": "1", "N": "1"}


def test_a_sweep_hands_its_launcher_batches(there: Path) -> None:
    from hydra._internal.core_plugins.basic_launcher import BasicLauncher

    sizes: list[int] = []
    original = BasicLauncher.launch

    def launch(self: Any, job_overrides: Any, initial_job_idx: int) -> Any:
        sizes.append(len(job_overrides))
        return original(self, job_overrides, initial_job_idx)

    lanes_seen: list[int] = []

    def task(cfg: Any) -> float:
        lanes_seen.append(lane())
        current_trial().report(cfg.x, step=0)
        return float(cfg.x)

    BasicLauncher.launch = launch
    try:
        sweep(task, there, [X, n(7), "hydra.sweeper.lanes=batch", "hydra.sweeper.n_jobs=3"])
    finally:
        BasicLauncher.launch = original
    assert sizes == [3, 3, 1]
    assert lanes_seen == [0, 1, 2, 0, 1, 2, 0]
    assert [trial.intermediate_values for trial in trials(there)] == [{0: trial.params["x"]} for trial in trials(there)]


# --- the death of the process ---------------------------------------------------------------------------------------

DEATHS: dict[str, tuple[str, str]] = {
    "segfault": ("import ctypes; ctypes.string_at(0)", "was ended by SIGSEGV (Segmentation fault) while trial 1 ran"),
    "exit": ("import os; os._exit(5)", "ended itself with exit code 5 while trial 1 ran"),
    "kill": ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "was killed (SIGKILL"),
}


@pytest.mark.parametrize(("code", "words"), DEATHS.values(), ids=DEATHS)
def test_the_death_of_the_process_is_told_and_the_next_run_tries_that_trial_again(
    tmp_path: Path, code: str, words: str
) -> None:
    (tmp_path / "app.py").write_text(
        "import os, hydra\n"
        "from hydra.core.hydra_config import HydraConfig\n"
        "@hydra.main(version_base='1.3', config_path=None)\n"
        "def main(cfg):\n"
        "    if HydraConfig.get().job.num == 1 and 'DIE' in os.environ:\n"
        f"        exec({code!r})\n"
        "    return cfg.x\n"
        "main()\n"
    )
    overrides = ["hydra/sweeper=hpo", "hydra/sweeper/sampler=random", "+x=interval(0,1)", n(3)]
    command = [sys.executable, "app.py", "-m", *overrides]
    environment = {**surroundings(), "DIE": "1"}
    died = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert died.returncode != 0
    assert words in died.stderr
    assert "The next run tries that trial again." in died.stderr
    again = shlex.split(died.stderr.partition("To go on: ")[2].splitlines()[0])
    assert "hydra.sweeper.n_trials=2" in again
    if "SIGKILL" in words:
        done = subprocess.run(again, cwd=tmp_path, env=surroundings(), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        (table,) = tmp_path.glob("multirun/*/*/trials.csv")
        assert [row["state"] for row in rows(table.parent)] == ["COMPLETE"] * 3


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs pseudo-terminals")
def test_a_process_lane_that_is_alone_passes_the_terminal_through(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(
        "import hydra\n"
        "@hydra.main(version_base='1.3', config_path=None)\n"
        "def main(cfg):\n"
        "    print('the answer is', input())\n"
        "    return cfg.x\n"
        "main()\n"
    )
    ours, theirs = os.openpty()
    os.write(ours, b"from the terminal\n")
    overrides = [
        "hydra/sweeper=hpo",
        "hydra/sweeper/sampler=random",
        "+x=interval(0,1)",
        n(1),
        "hydra.sweeper.lanes=process",
    ]
    command = [sys.executable, "app.py", "-m", *overrides]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=surroundings(),
        stdin=theirs,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=120,
    )
    os.close(ours)
    os.close(theirs)
    assert done.returncode == 0
    assert "the answer is from the terminal" in done.stdout
