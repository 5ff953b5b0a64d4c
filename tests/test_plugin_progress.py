"""What the console shows of a sweep."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from plugin_support import sweep

GRID = ("hydra/sweeper/sampler=grid", "hydra.sweeper.sampler.seed=null")


def task(cfg: Any) -> float:
    """Fail for 2."""
    if cfg.x == 2:
        raise ValueError("two")
    return float(cfg.x)


def console(tmp_path: Path, capfd: pytest.CaptureFixture[str], *overrides: str) -> tuple[list[str], str]:
    """Return the lines on the standard output without their times, and all of the standard error."""
    sweep(task, tmp_path / "sweep", ["x=3,1,2,4", *GRID, *overrides])
    out, err = capfd.readouterr()
    return [re.sub(r"^\[.*\]\[HYDRA\] ", "", line) for line in out.splitlines()], err


def test_a_line_for_each_finished_trial(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    lines, _ = console(tmp_path, capfd, "hydra.sweeper.progress=lines", "hydra.sweeper.n_trials=4")
    trials = [line for line in lines if " Trial " in line or line.startswith("Trial ")]
    assert trials == [
        "[1/4] Trial 0 complete 3 (best 3, trial 0): x=3",
        "[2/4] Trial 1 complete 1 (best 1, trial 1): x=1",
        "Trial 2 failed: ValueError: two",
        "[4/4] Trial 3 complete 4 (best 1, trial 1): x=4",
    ]
    assert not [line for line in lines if line.startswith("Launching")]


def test_automatically_so_where_there_is_no_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    lines, err = console(tmp_path, capfd, "hydra.sweeper.progress=auto")
    assert "[2/20] Trial 1 complete 1 (best 1, trial 1): x=1" in lines
    assert "trials [" not in err


def test_one_line_that_changes(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    lines, err = console(tmp_path, capfd, "hydra.sweeper.progress=live", "hydra.sweeper.n_trials=4")
    assert re.search(r"4/4 trials \[.*1 failed, best 1 \(trial 1\)", err.split("\r")[-1])
    assert "0 running" not in err.split("\r")[1]
    assert "Trial 2 failed: ValueError: two" in "\n".join(lines) + err


def test_nothing_but_warnings_and_results(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    lines, err = console(tmp_path, capfd, "hydra.sweeper.progress=off")
    assert not [line for line in lines if line.startswith("[")]
    assert "Trial 2 failed: ValueError: two" in lines
    assert "Best value: 1.0 (trial 1)" in lines
    assert "trials [" not in err


def test_a_run_that_continues_knows_the_best_so_far(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for x in (1, 5):
        overrides = [f"x=choice({x})", "hydra.sweeper.progress=lines", "hydra.sweeper.n_trials=1"]
        sweep(task, tmp_path / "sweep", overrides)
        assert f"(best 1, trial 0): x={x}" in capfd.readouterr().out


def test_a_metric_that_numbers_do_not_have_is_told_once(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    lines, _ = console(tmp_path, capfd, "hydra.sweeper.progress=lines", "hydra.sweeper.metric=loss")
    told = [line for line in lines if "hydra.sweeper.metric=loss names an entry of a mapping" in line]
    assert len(told) == 1
    assert "the job of trial 0 returned a number: it is taken as the objective" in told[0]
    assert "Best value: 1.0 (trial 1)" in lines
