"""What jobs and users do that a sweep has to survive."""

from __future__ import annotations

import csv
import inspect
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import hydra
import pytest
from hydra.errors import CompactHydraException
from plugin_support import surroundings, sweep

from sweeper_core import current_trial, load_study

X = "x=interval(0,1)"


def rows(directory: Path) -> list[dict[str, str]]:
    """Return the table of trials."""
    with open(directory / "trials.csv", newline="") as table:
        return list(csv.DictReader(table))


@pytest.mark.parametrize("lanes", ["inline", "process"])
def test_a_job_may_leave_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lanes: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(tmp_path)

    def task(config: Any) -> float:
        os.chdir(elsewhere)
        return float(config.x)

    sweep(
        task,
        tmp_path / "sweep",
        [
            X,
            "hydra.sweep.dir=below",
            "hydra.job.chdir=false",
            "hydra.sweeper.n_trials=3",
            f"hydra.sweeper.lanes={lanes}",
        ],
    )
    assert [row["job_dir"] for row in rows(tmp_path / "below")] == [str(tmp_path / "below" / str(i)) for i in range(3)]
    assert not list(elsewhere.iterdir())
    assert Path.cwd() == tmp_path


def test_a_number_that_no_float_can_hold_fails_its_trial_alone(tmp_path: Path) -> None:
    def task(config: Any) -> Any:
        return 10**400 if config.x < 0.5 else 1

    sweep(task, tmp_path / "sweep", [X, "hydra.sweeper.n_trials=8", "hydra.sweeper.max_failure_rate=1"])
    table = rows(tmp_path / "sweep")
    assert {row["state"] for row in table} == {"COMPLETE", "FAIL"}
    assert all((row["state"] == "FAIL") == (float(row["params.x"]) < 0.5) for row in table)


def test_what_was_returned_is_shown_in_short(tmp_path: Path) -> None:
    with pytest.raises(CompactHydraException, match=r"the job returned \[0, 1, 2.*…$") as caught:
        sweep(lambda config: list(range(100_000)), tmp_path / "sweep", [X, "hydra.sweeper.n_trials=1"])
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("lanes", ["inline", "process"])
def test_an_interrupt_that_only_the_job_hears_ends_the_sweep(tmp_path: Path, lanes: str) -> None:
    def task(config: Any) -> float:
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as caught:
        sweep(task, tmp_path / "sweep", [X, f"hydra.sweeper.lanes={lanes}"])
    assert caught.value.code == 130
    assert [row["state"] for row in rows(tmp_path / "sweep")] == ["FAIL"], "the next run continues it"


def test_failures_that_differ_in_numbers_or_trial_are_counted_together(tmp_path: Path) -> None:
    def raising(config: Any) -> float:
        raise ValueError(f"x={config.x} is bad")

    with pytest.raises(CompactHydraException, match=r"Most frequent failure \(5 of 5\): ValueError: x=0\.\d+ is bad"):
        sweep(raising, tmp_path / "raising", [X])

    def returning(config: Any) -> float:
        return float("nan")

    with pytest.raises(CompactHydraException, match=r"\(5 of 5\): BadResult: trial 0 .* returned NaN"):
        sweep(returning, tmp_path / "returning", [X, "y=choice(a,b)"])


def test_the_users_function_fails_a_trial_and_not_the_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "fresh_space.py").write_text(
        "def suggest(cfg, trial):\n"
        "    if trial.params['x'] < 0.5:\n"
        "        raise RuntimeError('too small')\n"
        "    trial.suggest_float('y', 0, 1)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    settings = ["hydra.sweeper.custom_search_space=fresh_space.suggest", "hydra.sweeper.n_trials=8"]
    try:
        result = sweep(
            lambda config: float(config.x), tmp_path / "sweep", [X, *settings, "hydra.sweeper.max_failure_rate=1"]
        )
    finally:
        sys.modules.pop("fresh_space", None)
    assert sum(result.finished.values()) == 8
    for row in rows(tmp_path / "sweep"):
        assert (row["state"] == "FAIL") == (float(row["params.x"]) < 0.5) == (row["params.y"] == "")


def test_a_job_that_exits_leaves_the_sweeps_logging_in_force(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def task(config: Any) -> float:
        sys.exit(3)

    with pytest.raises(CompactHydraException, match="SystemExit: 3"):
        sweep(task, tmp_path / "sweep", [X, "hydra.sweeper.n_trials=2"])
    said = [line for line in capsys.readouterr().out.splitlines() if "failed: SystemExit" in line]
    assert len(said) == 2
    assert all("[HYDRA]" in line for line in said)


def test_a_sweep_directory_that_cannot_be_made_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CompactHydraException, match=r"^hydra\.sweep\.dir=.*file cannot be written: "):
        sweep(lambda config: 0.0, tmp_path / "file", [X])


def test_the_whole_study_is_in_its_file_when_the_sweep_ends(tmp_path: Path) -> None:
    def task(config: Any) -> float:
        # The job's own connection stays open in this process.
        current_trial().report(config.x, 0)
        return float(config.x)

    sweep(task, tmp_path / "sweep", [X, "hydra.sweeper.n_trials=3"])
    shutil.copy(tmp_path / "sweep" / "study.db", tmp_path / "copy.db")
    study = load_study(study_name="hpo", storage=f"sqlite:///{tmp_path / 'copy.db'}")
    assert [trial.intermediate_values for trial in study.trials] == [{0: trial.value} for trial in study.trials]
    assert len(study.trials) == 3


APP = """
import hydra

@hydra.main(config_path=".", config_name="config", version_base="1.3")
def main(config):
    print("ran", config.x)
    return config.x

main()
"""

ALWAYS_A_SWEEP = """
defaults: [_self_, {override hydra/sweeper: hpo}, {override hydra/sweeper/sampler: random}]
x: 0
hydra: {mode: MULTIRUN, sweep: {dir: swept}, sweeper: {n_trials: 3, params: {x: "interval(0, 1)"}}}
"""


def test_the_best_trial_runs_once_also_where_the_configuration_asks_for_sweeps(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "config.yaml").write_text(ALWAYS_A_SWEEP)
    again = f"xargs {sys.executable} app.py < swept/best_overrides.txt"
    for command, times in ((f"{sys.executable} app.py", 3), (again, 1)):
        answer = subprocess.run(
            command, shell=True, cwd=tmp_path, env=surroundings(), capture_output=True, text=True, check=True
        )
        assert answer.stdout.count("ran ") == times


@pytest.mark.parametrize("where", ["plain", "it's here", "now-${now:%f}"])
def test_the_command_that_goes_on_gives_the_directory_as_it_was(tmp_path: Path, where: str) -> None:
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "config.yaml").write_text("x: 0")
    directory = where.replace("'", "\\'")
    settings = ["hydra/sweeper=hpo", "hydra/sweeper/sampler=random", "hydra.sweeper.n_trials=1", X]
    command = [sys.executable, "app.py", "-m", *settings, f"hydra.sweep.dir='below/{directory}'"]
    for _ in range(2):
        answer = subprocess.run(command, cwd=tmp_path, env=surroundings(), capture_output=True, text=True, check=True)
        (last,) = [line for line in answer.stdout.splitlines() if "To continue: " in line]
        command = shlex.split(last.partition("To continue: ")[2])
    (there,) = (tmp_path / "below").iterdir()
    assert [row["state"] for row in rows(there)] == ["COMPLETE"] * 2


def test_a_sweep_whose_directory_goes_away_keeps_its_study(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    there = tmp_path / "sweep"

    def task(config: Any) -> float:
        shutil.rmtree(there)
        if config.x < 0.5:
            raise ValueError("no")
        return float(config.x)

    storage = f"hydra.sweeper.storage=sqlite:///{tmp_path / 'mine.db'}"
    rate = "hydra.sweeper.max_failure_rate=1"
    sweep(task, there, ["x=0.25,0.75", "hydra/sweeper/sampler=grid", storage, "hydra.sweeper.study_name=a", rate])
    study = load_study(study_name="a", storage=f"sqlite:///{tmp_path / 'mine.db'}")
    assert sorted(trial.state.name for trial in study.trials) == ["COMPLETE", "FAIL"]
    output = capsys.readouterr().out
    assert output.count("The results cannot be written") == 1
    assert study.best_value == 0.75


def test_two_sweeps_in_one_directory_are_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def run(*overrides: str) -> str:
        sweep(lambda config: 0.0, tmp_path / "sweep", [*overrides, "hydra.sweeper.n_trials=1"])
        return capsys.readouterr().out

    assert "does not sweep" not in run(X)
    assert "does not sweep" not in run(X, "y=interval(0,1)")
    assert "parameters that this run does not sweep (x). " in run("y=interval(0,1)")


@pytest.mark.parametrize("place", ["command line", "configuration"])
def test_config_groups_may_lie_elsewhere(tmp_path: Path, place: str) -> None:
    for folder, name in (("sweep-conf", "cnn"), ("more conf", "vgg")):
        (tmp_path / folder / "model").mkdir(parents=True)
        (tmp_path / folder / "model" / f"{name}.yaml").write_text(f"name: {name}\n")
    path = f"file://{tmp_path / 'more conf'}"
    config = "defaults:\n  - model: cnn\n  - _self_\n"
    overrides = ["model=cnn,vgg", "hydra/sweeper/sampler=grid"]
    if place == "command line":
        overrides.append(f"hydra.searchpath=['{path}']")
    else:
        config += f"hydra:\n  searchpath: ['{path}']\n"
    seen: list[str] = []
    sweep(lambda cfg: seen.append(cfg.model.name) or 0.0, tmp_path / "sweep", overrides, config)
    assert sorted(seen) == ["cnn", "vgg"]
    with pytest.raises(CompactHydraException, match="no option 'resnet'; its options: cnn, vgg"):
        sweep(lambda cfg: 0.0, tmp_path / "sweep", ["model=cnn,resnet", *overrides[1:]], config)


WITH_A_WHITELIST = """
import hydra
from hydra.utils import instantiate

@hydra.main(config_path=None, execution_whitelist=["fractions.Fraction"])
def main(cfg):
    kind = "fractions.Fraction" if cfg.x == 1 else "decimal.Decimal"
    return float(instantiate({"_target_": kind}, cfg.x))

if __name__ == "__main__":
    main()
"""


@pytest.mark.skipif("execution_whitelist" not in inspect.signature(hydra.main).parameters, reason="came with Hydra 1.4")
@pytest.mark.parametrize("lanes", ["inline", "process"])
def test_what_an_application_may_instantiate_holds_in_its_jobs_and_not_for_the_sweeper(
    tmp_path: Path, lanes: str
) -> None:
    (tmp_path / "app.py").write_text(WITH_A_WHITELIST)
    nested = "hydra.sweeper.sampler.independent_sampler={_target_:optuna.samplers.RandomSampler}"
    command = [sys.executable, "app.py", "-m", "hydra/sweeper=hpo", "hydra/sweeper/sampler=cmaes", nested, "+x=1,2"]
    command += [f"hydra.sweeper.lanes={lanes}", "hydra.sweep.dir=s", "hydra.sweeper.n_trials=2"]
    environment = {**surroundings(), "PYTHONWARNINGS": "default"}
    answer = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    found = {row["params.+x"]: (row["state"], "whitelist" in row["reason"]) for row in rows(tmp_path / "s")}
    assert found == {"1": ("COMPLETE", False), "2": ("FAIL", True)}
    assert "no _execution_whitelist_" not in " ".join((answer.stdout + answer.stderr).split())
