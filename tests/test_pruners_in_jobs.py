"""Jobs of sweeps that report and are stopped, on every kind of lane, and from processes that a job starts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from plugin_support import APPS, run, surroundings, sweep

from sweeper_core import current_trial, load_study
from sweeper_core.trial import FrozenTrial, TrialState

STEPS = 3

PRUNING = (
    "hydra/sweeper/sampler=grid",
    "~hydra.sweeper.sampler.seed",
    "hydra/sweeper/pruner=median",
    "hydra.sweeper.pruner.n_startup_trials=1",
    "+x=0,1,2",
)


def trials_of(directory: Path) -> list[FrozenTrial]:
    return load_study(study_name="hpo", storage=f"sqlite:///{directory}/study.db").trials


def check(trials: list[FrozenTrial], certain: int) -> None:
    """Check that all was as it has to be when ``certain`` trials start before the first is complete."""
    assert len(trials) == 3
    best = next(trial for trial in trials if trial.params["+x"] == 0)
    assert best.state is TrialState.COMPLETE
    assert best.intermediate_values == {0: 1.0, 1: 0.5, 2: pytest.approx(1 / 3)}
    for trial in trials[certain:]:
        assert trial.state is TrialState.PRUNED
        assert trial.intermediate_values == {0: trial.params["+x"] + 1.0}
        assert trial.value == trial.params["+x"] + 1.0
        verdict = trial.system_attrs["hpo:verdict"]
        assert verdict["step"] == 0
        assert "is worse than the median" in verdict["reason"]


def test_in_this_process(tmp_path: Path) -> None:
    done = run("curve.py", tmp_path / "sweep", *PRUNING, "hydra.sweeper.progress=lines")
    check(trials_of(tmp_path / "sweep"), 1)
    assert "stopped at step 0: 2 is worse than the median 1 of 1 trial" in done.stdout
    assert not list((tmp_path / "sweep" / ".trials").iterdir())


def test_in_worker_processes(tmp_path: Path) -> None:
    run("curve.py", tmp_path / "sweep", *PRUNING, "hydra.sweeper.n_jobs=2")
    check(trials_of(tmp_path / "sweep"), 2)


@pytest.mark.parametrize("where", ["subprocess", "ranks"])
def test_from_processes_that_the_job_starts(where: str, tmp_path: Path) -> None:
    run("curve.py", tmp_path / "sweep", *PRUNING, f"+elsewhere={where}")
    check(trials_of(tmp_path / "sweep"), 1)


def test_the_ticket_is_not_among_what_is_saved_of_a_job(tmp_path: Path) -> None:
    run("curve.py", tmp_path / "sweep", *PRUNING)
    for path in (tmp_path / "sweep").rglob("*.yaml"):
        assert ".trials" not in path.read_text()


def test_the_same_application_runs_alone(tmp_path: Path) -> None:
    command = [sys.executable, str(APPS / "curve.py"), "+x=3"]
    subprocess.run(command, env=surroundings(), cwd=tmp_path, check=True, timeout=100)


@pytest.mark.launcher
@pytest.mark.parametrize("launcher", ["joblib", "submitit_local", "ray"])
def test_where_launchers_run_jobs(launcher: str, tmp_path: Path) -> None:
    pytest.importorskip(f"hydra_plugins.hydra_{launcher.partition('_')[0]}_launcher")
    run("curve.py", tmp_path / "sweep", *PRUNING, f"hydra/launcher={launcher}", "hydra.sweeper.n_jobs=2")
    check(trials_of(tmp_path / "sweep"), 2)


def test_with_several_objectives_the_reports_are_about_the_one_named(tmp_path: Path) -> None:
    """Accuracy is maximised: the second trial, which is worse there and better in size, is stopped."""

    def task(cfg: Any) -> dict[str, float]:
        for step in range(STEPS):
            current_trial().report_or_prune(float(cfg.x), step)
        return {"size": 10.0 + cfg.x, "accuracy": float(cfg.x)}

    result = sweep(
        task,
        tmp_path / "sweep",
        [
            "hydra/sweeper/pruner=median",
            "hydra.sweeper.pruner.n_startup_trials=1",
            "hydra.sweeper.direction=[minimize,maximize]",
            "hydra.sweeper.metric=[size,accuracy]",
            "hydra.sweeper.pruning_metric=accuracy",
            "hydra.sweeper.enqueue=[{x: 5}, {x: 1}, {x: 9}]",
            "hydra.sweeper.n_trials=3",
            "x=choice(1,5,9)",
        ],
    )
    states = [trial.state for trial in trials_of(tmp_path / "sweep")]
    assert states == [TrialState.COMPLETE, TrialState.PRUNED, TrialState.COMPLETE]
    assert sorted(result.best_values) == [(15.0, 5.0), (19.0, 9.0)]
