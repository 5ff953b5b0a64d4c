"""What a sweep leaves in its directory."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf
from plugin_support import APPS, run, surroundings, sweep

from hydra_plugins.hydra_hpo_sweeper._sweep._results import _files
from sweeper_core.exceptions import TrialPruned

GRID = ("hydra/sweeper/sampler=grid", "hydra.sweeper.sampler.seed=null")


@pytest.fixture
def there(tmp_path: Path) -> Path:
    return tmp_path / "sweep"


def table(directory: Path) -> list[dict[str, str]]:
    """Return the rows of ``trials.csv``."""
    with open(directory / "trials.csv", newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def test_the_summary_of_one_objective(there: Path) -> None:
    sweep(lambda cfg: (cfg.x - 2) ** 2, there, ["x=0,1,2,3", *GRID])
    assert yaml.safe_load((there / "optimization_results.yaml").read_text()) == {
        "name": "hpo",
        "best_params": {"x": 2},
        "best_value": 0.0,
        "best_trial": 2,
        "job_dir": str(there / "2"),
    }


def test_the_summary_of_several_objectives(there: Path) -> None:
    sweep(lambda cfg: (cfg.x, -cfg.x), there, ["x=0,1", *GRID, "hydra.sweeper.direction=[minimize,minimize]"])
    assert yaml.safe_load((there / "optimization_results.yaml").read_text()) == {
        "name": "hpo",
        "solutions": [
            {"params": {"x": 0}, "values": [0.0, 0.0], "trial": 0, "job_dir": str(there / "0")},
            {"params": {"x": 1}, "values": [1.0, -1.0], "trial": 1, "job_dir": str(there / "1")},
        ],
    }
    assert yaml.safe_load((there / "best_overrides.yaml").read_text()) == {0: ["x=0"], 1: ["x=1"]}


def test_the_top_trials_as_overrides(there: Path) -> None:
    sweep(lambda cfg: (cfg.x - 2) ** 2, there, ["x=0,1,2,4", "+fixed=1", *GRID, "hydra.sweeper.top_k=3"])
    lines = ["x=2 +fixed=1", "x=1 +fixed=1", "x=0 +fixed=1"]
    assert (there / "top_overrides.txt").read_text().splitlines() == lines
    listed = yaml.safe_load((there / "top_overrides.yaml").read_text())
    assert [entry["trial"] for entry in listed] == [2, 1, 0]
    assert listed[0] == {"trial": 2, "values": [0.0], "overrides": ["x=2", "+fixed=1"]}


def test_the_top_trials_of_several_objectives_are_front_by_front(there: Path) -> None:
    space = ["x=0,1,2", *GRID, "hydra.sweeper.direction=[minimize,minimize]", "hydra.sweeper.top_k=2"]
    sweep(lambda cfg: (cfg.x % 2, cfg.x % 2), there, space)
    assert (there / "top_overrides.txt").read_text().splitlines() == ["x=0", "x=2"]


def test_the_table_has_a_row_for_every_trial(there: Path) -> None:
    def task(cfg: Any) -> float:
        if cfg.x == 1:
            raise ValueError
        return 0.1 * float(cfg.x)

    sweep(task, there, ["x=0,1,3", *GRID])
    rows = table(there)
    assert [(row["number"], row["state"], row["value"], row["params.x"], row["job_dir"]) for row in rows] == [
        ("0", "COMPLETE", "0.0", "0", str(there / "0")),
        ("1", "FAIL", "", "1", str(there / "1")),
        ("2", "COMPLETE", repr(0.1 * 3.0), "3", str(there / "2")),
    ]
    assert all(float(row["duration"]) >= 0 for row in rows)


def test_the_table_says_why_a_trial_failed_and_by_how_much_a_limit_was_broken(there: Path) -> None:
    def task(cfg: Any) -> dict[str, float]:
        if cfg.x == 3:
            raise ValueError("no\nway, \x1b[31m postgresql://me:secret@host/db " + "x" * 1000)
        if cfg.x == 4:
            raise TrialPruned
        return {"loss": 0.0, "size": cfg.x}

    limits = ["hydra.sweeper.metric=loss", "hydra.sweeper.constraints={size: '<= 1.5'}"]
    sweep(task, there, ["x=1,2,3,4", *GRID, *limits])
    rows = table(there)
    assert [row["constraints.size"] for row in rows] == ["-0.5", "0.5", "", ""]
    assert [row["reason"][:22] for row in rows] == ["", "", "ValueError: no way, \\x", "pruned itself"]
    assert r"way, \x1b[31m postgresql://me:***@host/db x" in rows[2]["reason"]
    assert len(rows[2]["reason"]) <= 300


VALUES = ["10", 10, 10.5, 1e-5, "1e-5", True, "true", None, "null", "a,b = 'c' \"d\"", "ünï", "", [1, "2", {"k": None}]]


def test_values_keep_their_type_and_text(there: Path) -> None:
    """The best of each sweep is the value under test; the job sees the same as the files say."""
    for index, value in enumerate(VALUES):
        directory = there / str(index)
        directory.mkdir(parents=True)
        seen: list[Any] = []
        literal = json.dumps([value], ensure_ascii=False)
        config = f"x: 0\nhydra:\n  sweeper:\n    params:\n      x: {{type: categorical, choices: {literal}}}\n"
        sweep(lambda cfg, seen=seen: seen.append(cfg.x) or 0.0, directory, ["hydra.sweeper.n_trials=1"], config)
        text = (directory / "optimization_results.yaml").read_text()
        (row,) = table(directory)
        for found in (
            OmegaConf.to_container(OmegaConf.create({"x": seen[0]}))["x"],
            yaml.safe_load(text)["best_params"]["x"],
            OmegaConf.to_container(OmegaConf.load(directory / "optimization_results.yaml"))["best_params"]["x"],
            from_cell(row["params.x"]),
        ):
            assert (type(found), found) == (type(value), value)


def from_cell(text: str) -> Any:
    """Return the value that a cell of the table stands for."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def test_one_command_runs_the_best_trial_again(there: Path) -> None:
    run("echo.py", there, "+x='a b','it\\'s, {so}'", "+y=choice([1,{k: v}])", "+z=null", "hydra.sweeper.n_trials=3")
    summary = yaml.safe_load((there / "optimization_results.yaml").read_text())
    expected = (Path(summary["job_dir"]) / "cfg.json").read_text()
    assert json.loads(expected)["z"] is None
    again = there.parent / "again"
    with open(there / "best_overrides.txt") as overrides:
        command = ["xargs", sys.executable, str(APPS / "echo.py"), f"hydra.run.dir={again}"]
        subprocess.run(command, stdin=overrides, env=surroundings(), cwd=there.parent, check=True)
    assert (again / "cfg.json").read_text() == expected
    listed = yaml.safe_load((there / "best_overrides.yaml").read_text())
    other = there.parent / "other"
    command = [sys.executable, str(APPS / "echo.py"), f"hydra.run.dir={other}", *listed]
    subprocess.run(command, env=surroundings(), cwd=there.parent, check=True)
    assert (other / "cfg.json").read_text() == expected


def test_the_best_trial_keeps_what_was_fixed_in_its_own_run(there: Path) -> None:
    def run_once(*overrides: str) -> list[str]:
        sweep(lambda cfg: cfg.x + 10.0 * cfg.y, there, [*overrides, "hydra.sweeper.n_trials=1"])
        return (there / "best_overrides.txt").read_text().splitlines()

    first = run_once("y=1", "x=interval(0,1)")
    assert first[0] == "y=1"
    assert run_once("y=2", "x=interval(0,1)") == first
    assert run_once("y=0", "x=interval(0,1)")[0] == "y=0"


def test_the_best_overrides_are_the_best_trials_also_where_jobs_share_a_directory(there: Path) -> None:
    sweep(lambda cfg: HydraConfig.get().job.num, there, ["x=1,2,3", *GRID, "hydra.sweep.subdir=all"])
    assert (there / "best_overrides.txt").read_text() == f"x={table(there)[0]['params.x']}\n"


def test_files_are_written_at_most_once_a_second_and_at_the_end(there: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(_files.time, "monotonic", lambda: now[0])
    sizes: list[int] = []

    def task(cfg: Any) -> float:
        now[0] += 0.4
        sizes.append(len(table(there)) if (there / "trials.csv").exists() else 0)
        return 0.0

    sweep(task, there, ["x=interval(0,1)", "hydra.sweeper.n_trials=9"])
    assert sizes == [0, 1, 1, 1, 4, 4, 4, 7, 7]
    assert len(table(there)) == 9


def test_a_sweep_without_any_result_leaves_the_table_alone(there: Path) -> None:
    overrides = ["x=1,2", *GRID, "hydra.sweeper.max_failure_rate=1"]
    result = sweep(lambda cfg: None, there, overrides)
    assert [row["state"] for row in table(there)] == ["FAIL", "FAIL"]
    assert not (there / "optimization_results.yaml").exists()
    assert (result.best, result.best_value) == ((), None)
