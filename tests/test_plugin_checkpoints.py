"""Checkpoints in sweeps: jobs that are killed go on where they saved, and what nobody needs goes away."""

from __future__ import annotations

import csv
import os
import shutil
import signal
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hydra.errors import CompactHydraException
from plugin_support import run, sweep

from hydra_plugins.hydra_hpo_sweeper._config._readers import CheckpointOptions, checkpoints
from hydra_plugins.hydra_hpo_sweeper._errors import ConfigError
from sweeper_core import current_trial, load_study
from sweeper_core.study._job.handle import BEGUN

GRID = ("hydra/sweeper/sampler=grid", "hydra.sweeper.checkpoints.every=2")


def kept(directory: Path) -> list[str]:
    """Return the checkpoints of a sweep, as ``configuration/repeat/step-n``."""
    return sorted(str(path.parent.relative_to(directory)) for path in directory.rglob(".checkpoint"))


def number_of(directory: Path, x: float) -> str:
    """Return the number of the trial with a value of ``x``."""
    with (directory / "trials.csv").open() as table:
        return next(row["number"] for row in csv.DictReader(table) if float(row["params.x"]) == x)


def train(config: Any) -> float:
    """Train for six epochs; the loss is lower, the nearer ``x`` is to 2."""
    trial = current_trial()
    for epoch in range(trial.step + 1, 6):
        if trial.should_save(epoch):
            with trial.save_checkpoint(epoch) as folder:
                (folder / "model").write_text(str(config.x))
    return float((config.x - 2) ** 2)


def test_the_best_trial_keeps_its_last_checkpoint(tmp_path: Path) -> None:
    there = tmp_path / "sweep"
    sweep(train, there, [*GRID, "x=0,1,2,3", "hydra.sweeper.n_trials=4"])
    best = number_of(there, 2)
    assert kept(there / "checkpoints") == [f"{best}/0/step-5"]
    assert os.listdir(there / "checkpoints") == [best]


def test_each_repeat_has_its_own_and_studies_share_a_folder(tmp_path: Path) -> None:
    for name in ("one", "two"):
        options = (f"hydra.sweeper.checkpoints.dir={tmp_path / 'all'}", "hydra.sweeper.repeat={y: [0, 1]}")
        sweep(train, tmp_path / name, [*GRID, *options, "x=1,2", "hydra.sweeper.n_trials=2"])
    found = [path.partition("/")[2] for path in kept(tmp_path / "all")]
    assert found == [f"{number_of(tmp_path / name, 2)}/{seed}/step-5" for name in ("one", "two") for seed in (0, 1)]
    assert not (tmp_path / "one" / "checkpoints").exists()


def test_a_job_that_was_killed_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    overrides = ("+x=1.0,2.0", f"+notes={tmp_path}", "+at=3", "hydra.sweeper.lanes=process")
    run("resuming.py", tmp_path / "sweep", *GRID, *overrides, "hydra.sweeper.n_trials=2")
    epochs = (tmp_path / "epochs").read_text().splitlines()
    assert sorted(epochs) == [f"{x} 0 {epoch}" for x in (1.0, 2.0) for epoch in range(6)]
    assert [path.partition("/")[2] for path in kept(tmp_path / "sweep" / "checkpoints")] == ["0/step-5"]


@pytest.mark.launcher
@pytest.mark.parametrize(
    ("launcher", "number", "attempts"),
    [
        (["hydra/launcher=joblib"], "SIGKILL", 2),
        (["hydra/launcher=submitit_local"], "SIGKILL", 2),
        (["hydra/launcher=ray"], "SIGKILL", 2),
        # Submitit puts the job into the queue again: it is the same trial.
        (["hydra/launcher=submitit_local", "hydra.launcher.timeout_min=15"], "SIGUSR2", 1),
    ],
    ids=["joblib", "submitit_local", "ray", "submitit_local-requeued"],
)
def test_jobs_of_launchers_go_on_too(tmp_path: Path, launcher: list[str], number: str, attempts: int) -> None:
    if launcher == ["hydra/launcher=ray"]:
        pytest.importorskip("hydra_plugins.hydra_ray_launcher")
    overrides = ("+x=1.0", f"+notes={tmp_path}", "+at=3", f"+signal={number}", "hydra.sweeper.n_trials=1")
    run("resuming.py", tmp_path / "sweep", *GRID, *overrides, *launcher)
    assert (tmp_path / "epochs").read_text().splitlines() == [f"1.0 0 {epoch}" for epoch in range(6)]
    with (tmp_path / "sweep" / "trials.csv").open() as table:
        assert [row["state"] for row in csv.DictReader(table)] == ["COMPLETE"]
    trials = load_study(study_name="hpo", storage=f"sqlite:///{tmp_path / 'sweep' / 'study.db'}").trials
    assert len(trials) == attempts
    assert set(trials[-1].intermediate_values) == set(range(6))


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="signals of POSIX")
@pytest.mark.parametrize("deleted", [False, True])
def test_a_job_that_ends_after_a_warning_is_continued(
    tmp_path: Path, deleted: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    ran: list[int] = []

    def warned(config: Any) -> float:
        trial = current_trial()
        for epoch in range(trial.step + 1 if trial.checkpoint else 0, 5):
            ran.append(epoch)
            if ran == [0, 1, 2]:
                os.kill(os.getpid(), signal.SIGUSR1)
            if trial.should_save(epoch):
                with trial.save_checkpoint(epoch) as folder:
                    (folder / "model").touch()
            trial.report(1.0 / (epoch + 1), epoch)
            if ran == [0, 1, 2]:
                if deleted:
                    shutil.rmtree(folder.parent)
                raise RuntimeError("the allocation ends")
        return 0.25

    overrides = ["x=1,2", "hydra/sweeper/sampler=grid", "hydra.sweeper.n_trials=1", "hydra.sweeper.max_retries=1"]
    sweep(warned, tmp_path / "sweep", overrides)
    assert ran == ([0, 1, 2, 0, 1, 2, 3, 4] if deleted else [0, 1, 2, 3, 4])
    told = "the checkpoint of step 2 is not in" in capsys.readouterr().out
    assert told == deleted
    with (tmp_path / "sweep" / "trials.csv").open() as table:
        assert [row["state"] for row in csv.DictReader(table)][-1] == "COMPLETE"


def over_time(config: Any) -> float:
    """Train for six epochs, with little time left; after the fourth it is over."""
    os.environ[BEGUN] = "0"
    trial, kills = current_trial(), Path(config.notes)
    for epoch in range(trial.step + 1, 6):
        with (kills / "epochs").open("a") as notes:
            print(epoch, file=notes)
        if trial.should_save(epoch):
            with trial.save_checkpoint(epoch) as folder:
                (folder / "model").touch()
        trial.report(1.0 / (epoch + 1), epoch)
        if epoch == 3:
            (kills / f"over-{epoch}").touch()
            threading.Event().wait()
    return 0.25


@pytest.mark.skipif(os.name == "nt", reason="lanes are processes of POSIX")
def test_jobs_over_their_time_go_on_from_what_they_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = time.monotonic

    def leaps() -> float:
        """Return the time, a day later for each job that is to be ended."""
        return clock() + 86400 * len(list(tmp_path.glob("over-*")))

    monkeypatch.setattr(
        "hydra_plugins.hydra_hpo_sweeper._lanes._process.time", SimpleNamespace(monotonic=leaps, sleep=time.sleep)
    )
    limits = ("hydra.sweeper.trial_timeout=10h", "hydra.sweeper.max_retries=1", "hydra.sweeper.lanes=process")
    overrides = ["x=1,2", f"+notes={tmp_path}", "hydra/sweeper/sampler=grid", "hydra.sweeper.n_trials=1", *limits]
    sweep(over_time, tmp_path / "sweep", overrides)
    assert (tmp_path / "epochs").read_text().split() == ["0", "1", "2", "3", "4", "5"]
    trials = load_study(study_name="hpo", storage=f"sqlite:///{tmp_path / 'sweep' / 'study.db'}").trials
    assert [trial.state.name for trial in trials] == ["FAIL", "COMPLETE"]
    assert list(trials[-1].intermediate_values) == [0, 1, 2, 3, 4, 5]


def test_the_same_code_runs_alone_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    trial = current_trial()
    assert (trial.checkpoint, trial.step, trial.should_save(0)) == (None, -1, False)
    with trial.save_checkpoint(0) as folder:
        (folder / "model").touch()
    assert os.listdir(tmp_path) == []
    with current_trial(checkpoint_dir="mine").save_checkpoint(3) as folder:
        (folder / "model").touch()
    alone = current_trial(checkpoint_dir="mine")
    assert (alone.checkpoint, alone.step) == (tmp_path / "mine" / "step-3", 3)
    with pytest.raises(ValueError, match="step"):
        alone.should_save(-1)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"evry": 3}, "hydra.sweeper.checkpoints.evry does not exist. Did you mean 'every'? Known are dir, every, "),
        (
            {"every": 0},
            "hydra.sweeper.checkpoints.every must be a whole number from 1 on, or null for no limit, not ",
        ),
        ({"keep_best": -1}, "hydra.sweeper.checkpoints.keep_best must be a whole number from 0 on, not -1."),
        ({"keep_last": 0}, "hydra.sweeper.checkpoints.keep_last must be a whole number from 1 on, not 0."),
        ({"max_gb": "much"}, "hydra.sweeper.checkpoints.max_gb must be a number of gigabytes above 0, or null for "),
        ({"dir": []}, "hydra.sweeper.checkpoints.dir must be a text, or null, not []."),
        (3, "hydra.sweeper.checkpoints must be a mapping such as {every: 10, keep_best: 1, keep_last: 1}, not 3."),
    ],
)
def test_a_wrong_setting_is_one_line(value: Any, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        checkpoints("checkpoints", value)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_settings_may_be_left_out() -> None:
    assert checkpoints("checkpoints", None) == CheckpointOptions()
    assert checkpoints("checkpoints", {"max_gb": "0.5", "every": None}) == CheckpointOptions(max_gb=0.5)


@pytest.mark.parametrize("folder", ["file", "file/c"])
def test_a_folder_that_cannot_be_written_stops_the_sweep_in_one_line(tmp_path: Path, folder: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CompactHydraException, match=rf"\.dir=\S+/{folder} cannot be written: Not a directory\.$"):
        sweep(train, tmp_path / "sweep", [*GRID, "x=1,2", f"hydra.sweeper.checkpoints.dir={tmp_path}/{folder}"])
