"""Workers: processes that take the trials of one study, one after the other, and those that run in the background."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hydra.errors import CompactHydraException
from omegaconf import OmegaConf
from plugin_support import command, surroundings, sweep

from hydra_plugins.hydra_hpo_sweeper._errors import ConfigError
from hydra_plugins.hydra_hpo_sweeper._sweep import _loop
from hydra_plugins.hydra_hpo_sweeper._sweep._stopping._time_limit import SLURM_END, TimeLimit
from hydra_plugins.hydra_hpo_sweeper._sweep._trials import _lost
from hydra_plugins.hydra_hpo_sweeper._sweep._trials._lost import LostTrials
from hydra_plugins.hydra_hpo_sweeper._sweep._workers import _sbatch
from sweeper_core import create_study, current_trial, load_study
from sweeper_core.cli import workers
from sweeper_core.cli.app import cli
from sweeper_core.distributions import FloatDistribution
from sweeper_core.report.crew import Command, Crew, ask_to_stop, forget_stop, is_to_stop, private_folder
from sweeper_core.samplers import RandomSampler
from sweeper_core.search_space.space import SearchSpace
from sweeper_core.storages import this_process
from sweeper_core.storages._leases import owner_of
from sweeper_core.storages.base import Lease
from sweeper_core.trial.record import TrialRecord
from sweeper_core.trial.state import TrialState

WORKER = ("hydra.sweeper.role=worker", "x=interval(0,1)")


def objective(cfg: Any) -> float:
    return float(cfg.x)


def worker(directory: Path, *overrides: str, task: Any = objective) -> Any:
    return sweep(task, directory, [*WORKER, *overrides])


def trials(directory: Path) -> list[Any]:
    return load_study(study_name="hpo", storage=str(directory / "study.log")).trials


def test_workers_share_the_budget_and_the_one_that_ends_last_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HPO_REPORT", "true")
    directory = tmp_path / "sweep"
    within: list[int] = []

    def begins_another(cfg: Any) -> float:
        if not within:
            within.append(1)
            worker(directory, "hydra.sweeper.n_trials=5")
            assert not (directory / "report.html").exists()
        return float(cfg.x)

    result = worker(directory, "hydra.sweeper.n_trials=5", task=begins_another)
    assert result.finished == {"complete": 5}
    assert [trial.number for trial in trials(directory)] == [0, 1, 2, 3, 4]
    assert (directory / "optimization_results.yaml").exists()
    assert (directory / "report.html").exists()
    worker(directory, "hydra.sweeper.n_trials=5")  # nothing is left to do
    assert len(trials(directory)) == 5
    worker(directory, "hydra.sweeper.n_trials=7")
    assert len(trials(directory)) == 7


def test_a_later_sweep_of_the_directory_goes_on_with_the_workers_journal(tmp_path: Path) -> None:
    worker(tmp_path / "sweep", "hydra.sweeper.n_trials=2")
    sweep(objective, tmp_path / "sweep", ["x=interval(0,1)", "hydra.sweeper.n_trials=2"])
    assert len(trials(tmp_path / "sweep")) == 4
    assert not (tmp_path / "sweep" / "study.db").exists()


def test_workers_run_their_jobs_themselves(tmp_path: Path) -> None:
    pids: set[int] = set()
    launcher = ["hydra/launcher=submitit_slurm", "hydra.launcher.timeout_min=7"]
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    worker(tmp_path / "s", *launcher, "hydra.sweeper.n_trials=1", task=lambda cfg: pids.add(os.getpid()) or 1.0)
    assert pids == {os.getpid()}


def test_no_worker_begins_a_trial_after_stop(tmp_path: Path) -> None:
    def stops(cfg: Any) -> float:
        ask_to_stop(tmp_path / "s")
        return 1.0

    result = worker(tmp_path / "s", "hydra.sweeper.n_trials=5", task=stops)
    assert result.finished == {"complete": 1}
    with pytest.raises(CompactHydraException, match="was stopped by `hpo stop`"):
        worker(tmp_path / "s", "hydra.sweeper.n_trials=5")
    forget_stop(tmp_path / "s")
    assert worker(tmp_path / "s", "hydra.sweeper.n_trials=2").finished == {"complete": 2}


def test_each_worker_would_have_a_directory_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(CompactHydraException, match="another one for each that starts"):
        worker(tmp_path / "s", f"hydra.sweep.dir={tmp_path}/${{now:%H-%M}}")


# --- a scheduler ends the worker --------------------------------------------------------------------------------------


def terminated(directory: Path, task: Any) -> None:
    """Run a worker of which its task makes a scheduler end it."""
    with pytest.raises(SystemExit) as ended:
        worker(directory, "hydra.sweeper.n_trials=2", "hydra.sweeper.max_retries=0", task=task)
    assert ended.value.code == 128 + signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def saves(begun: list[int]) -> Any:
    """Return a task that is told to end in its first trial before it has saved anything."""

    def task(cfg: Any) -> float:
        trial = current_trial()
        begun.append(0 if trial.checkpoint is None else trial.step + 1)
        if len(begun) == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        for step in range(begun[-1], 3):
            if trial.should_save(step):
                with trial.save_checkpoint(step) as folder:
                    (folder / "state").touch()
            trial.report_or_prune(float(cfg.x), step)
        return float(cfg.x)

    return task


def test_a_worker_that_is_told_to_end_hands_its_trial_over_with_a_checkpoint(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    begun: list[int] = []
    terminated(tmp_path / "s", saves(begun))
    (handed_over,) = trials(tmp_path / "s")
    assert handed_over.state is TrialState.FAIL
    assert capfd.readouterr().err.count("SIGTERM: no new trials") == 1
    # The next worker continues it at once after the step that was saved, although no retries are allowed.
    result = worker(tmp_path / "s", "hydra.sweeper.n_trials=2", "hydra.sweeper.max_retries=0", task=saves(begun))
    assert result.finished == {"complete": 2}
    assert begun == [0, 1, 0]


def test_a_trial_without_a_checkpoint_may_end_or_is_begun_again_by_another_worker(tmp_path: Path) -> None:
    def ends(cfg: Any) -> float:
        os.kill(os.getpid(), signal.SIGTERM)
        return 1.0

    def hangs(cfg: Any) -> float:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)  # its time is over
        raise AssertionError("not reached")

    def loses_a_child(cfg: Any) -> float:
        os.kill(os.getpid(), signal.SIGTERM)
        raise RuntimeError("a data loader was killed")

    terminated(tmp_path / "s", ends)
    terminated(tmp_path / "s", hangs)
    terminated(tmp_path / "s", loses_a_child)
    assert worker(tmp_path / "s", "hydra.sweeper.n_trials=2", "hydra.sweeper.max_retries=0").finished == {"complete": 2}
    assert [trial.state.name for trial in trials(tmp_path / "s")] == ["COMPLETE", "FAIL", "FAIL", "COMPLETE"]


@pytest.mark.slow
def test_lanes_of_a_worker_that_is_told_to_end_save_and_hand_over(tmp_path: Path) -> None:
    words = command("gated.py", tmp_path / "s", "+x=1,2", "+epochs=100000", f"+notes={tmp_path}")
    words = (*words, "hydra.sweeper.n_trials=2", "hydra.sweeper.role=worker", "hydra.sweeper.n_jobs=2")
    process = subprocess.Popen(words, env=surroundings())
    notes = tmp_path / "notes"
    while not notes.exists() or notes.read_text().count("begins") < 2:
        assert process.poll() is None
        time.sleep(0.05)
    process.terminate()
    assert process.wait(60) == 128 + signal.SIGTERM
    found = trials(tmp_path / "s")
    assert [trial.state for trial in found] == [TrialState.FAIL] * 2
    assert all("hpo:stopped" in trial.system_attrs and "hpo:checkpoint" in trial.system_attrs for trial in found)


# --- others' trials ---------------------------------------------------------------------------------------------------


def begins_beside(directory: Path, lease: Lease, *, then: Any = lambda: None) -> Any:
    """Return a task in whose first trial another process begins one, after which something happens."""

    def task(cfg: Any) -> float:
        study = load_study(study_name="hpo", storage=str(directory / "study.log"), sampler=RandomSampler(seed=0))
        if len(study.trials) == 1:
            study.session.start(SearchSpace.of({"x": FloatDistribution(0.0, 1.0)}), lease=lease)
            study.session.close()
            then()
        return float(cfg.x)

    return task


def test_the_last_worker_continues_a_trial_whose_process_was_killed(tmp_path: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])

    def killed() -> None:
        other.kill()
        other.wait()

    task = begins_beside(tmp_path / "s", owner_of(other.pid), then=killed)
    assert worker(tmp_path / "s", "hydra.sweeper.n_trials=2", task=task).finished == {"complete": 2}
    assert [trial.state.name for trial in trials(tmp_path / "s")] == ["COMPLETE", "FAIL", "COMPLETE"]


def test_the_last_worker_waits_until_another_machines_trial_must_be_alive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_lost, "IDLE_INTERVAL", 0.05)
    monkeypatch.setattr(_loop, "PATIENCE", 0.05)
    silent = replace(this_process(0.1, 0.3), host="node2", boot="another")
    task = begins_beside(tmp_path / "s", silent)
    assert worker(tmp_path / "s", "hydra.sweeper.n_trials=2", task=task).finished == {"complete": 2}


def test_nobody_waits_for_trials_of_this_machine_or_for_longer_than_a_lease(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(_lost.time, "monotonic", lambda: now)
    study = create_study(storage=str(tmp_path / "s.log"), study_name="hpo")
    space = SearchSpace.of({"x": FloatDistribution(0.0, 1.0)})
    study.session.start(space, lease=this_process())
    here = LostTrials(study.session, this_process())
    assert not here.look_when_idle()
    assert not here.may_come()
    study.session.start(space, lease=replace(this_process(), host="node2", boot="another"))
    there = LostTrials(study.session, this_process())
    assert not there.look_when_idle()
    assert there.may_come()
    now += 82.0
    assert not there.look_when_idle()
    assert not there.may_come()
    study.session.close()


# --- the time limit ---------------------------------------------------------------------------------------------------


def record_of(seconds: float, number: int = 0) -> TrialRecord:
    begun = datetime(2026, 1, 1)
    ended = begun + timedelta(seconds=seconds)
    return TrialRecord(number, number, TrialState.COMPLETE, values=(1.0,), started=begun, completed=ended)


def test_no_trial_begins_that_would_not_be_over_in_time() -> None:
    known: list[TrialRecord] = []
    limit = TimeLimit(3600.0, {}, lambda: known)
    limit.check()
    assert not limit.is_near()
    known += [record_of(60.0, number) for number in range(9)]
    assert not limit.is_near()
    known.append(record_of(3599.0, 9))
    assert limit.is_near()


def test_a_limit_shorter_than_a_trial_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"time_limit leaves 60 s, which is shorter than .* \(90 s on average"):
        TimeLimit(60.0, {}, lambda: [record_of(90.0)]).check()
    with pytest.raises(ConfigError, match=r"leaves 0\.3 s, .* \(2\.5 s on average"):
        TimeLimit(0.3, {}, lambda: [record_of(2.5)]).check()
    soon = {SLURM_END: str(time.time() + 50.0)}
    with pytest.raises(ConfigError, match=r"the SLURM job's time limit leaves (49|50) s"):
        TimeLimit(3600.0, soon, lambda: [record_of(90.0)]).check()
    TimeLimit(None, {SLURM_END: "soon"}, lambda: [record_of(90.0)]).check()


# --- what starts a worker ---------------------------------------------------------------------------------------------


def test_the_command_is_the_users_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr(workers.os, "execvp", lambda program, words: started.append(words))
    monkeypatch.chdir(tmp_path)
    directory = tmp_path / "s"
    directory.mkdir()
    Command(("python", "train.py"), str(tmp_path)).keep(directory)
    path = private_folder(directory) / "command.json"
    assert [oct(one.stat().st_mode & 0o777) for one in (path.parent, path)] == ["0o700", "0o600"]
    answer = CliRunner().invoke(cli, ["worker", "--time-limit", "1h30m", str(directory)])
    assert answer.exit_code == 0, answer.output
    assert started == [["python", "train.py", "hydra.sweeper.time_limit=5400"]]
    path.chmod(0o620)
    answer = CliRunner().invoke(cli, ["worker", str(directory)])
    assert isinstance(answer.exception, PermissionError)
    assert "can be written by somebody else" in str(answer.exception)
    assert len(started) == 1


def test_a_folder_that_is_not_there_or_began_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="is not a directory on this machine"):
        Command.of(tmp_path / "elsewhere")
    with pytest.raises(FileNotFoundError, match="no command of yours"):
        Command.of(tmp_path)


def test_a_worker_says_which_limits_it_understands(tmp_path: Path) -> None:
    Command(("true",), str(tmp_path)).keep(tmp_path)
    answers = [
        str(CliRunner().invoke(cli, ["worker", "--time-limit", text, str(tmp_path)]).exception)
        for text in ("2 weeks", "soon")
    ]
    assert "the unit 'weeks' does not exist" in answers[0]
    assert "must be a duration above 0" in answers[1]


# --- in the background ------------------------------------------------------------------------------------------------


def test_detached_workers_run_on_and_are_told_to_stop(tmp_path: Path) -> None:
    directory = tmp_path / "sweep"
    words = command("echo.py", directory, "+x=interval(0,1)", "hydra.sweeper.detach=true", "hydra.sweeper.n_jobs=2")
    answer = subprocess.run(
        [*words, "hydra.sweeper.n_trials=6"],
        env=surroundings(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert answer.returncode == 0, answer.stderr
    assert f"hpo watch {directory}" in answer.stdout
    crew = Crew.of(directory)
    assert crew is not None
    assert len(crew.owners) == 2
    while crew.living:
        time.sleep(0.05)
    output = "".join(path.read_text() for path in directory.glob("worker-*.log"))
    assert [trial.state for trial in trials(directory)] == [TrialState.COMPLETE] * 6, output
    assert (directory / "optimization_results.yaml").exists(), output
    stopped = CliRunner().invoke(cli, ["stop", str(directory)])
    assert "No sweep that runs was found" in str(stopped.exception)


def test_a_second_crew_is_refused_while_the_first_runs(tmp_path: Path) -> None:
    directory = tmp_path / "sweep"
    directory.mkdir()
    Crew((this_process(),)).keep(directory)
    with pytest.raises(CompactHydraException, match=rf"runs in .* already \(process {os.getpid()}\): .*hpo stop"):
        sweep(objective, directory, ["x=interval(0,1)", "hydra.sweeper.detach=true"])


def test_stop_reaches_workers_in_the_background(tmp_path: Path) -> None:
    # Tests that run in the background begin with interrupts ignored.
    hears = "import signal, time; signal.signal(signal.SIGINT, signal.default_int_handler); print(flush=True)"
    sleeper = subprocess.Popen([sys.executable, "-c", f"{hears}; time.sleep(600)"], stdout=-1)
    assert sleeper.stdout is not None
    sleeper.stdout.read(1)
    worker(tmp_path / "s", "hydra.sweeper.n_trials=1")
    Crew((owner_of(sleeper.pid),)).keep(tmp_path / "s")
    answer = CliRunner().invoke(cli, ["stop", str(tmp_path / "s")])
    assert f"Process {sleeper.pid} was asked to stop" in answer.output
    assert is_to_stop(tmp_path / "s")
    assert sleeper.wait(60) != 0
    sleeper.stdout.close()


# --- SLURM ------------------------------------------------------------------------------------------------------------

FAKE = """#!/bin/sh
printf '%s\\n' "$(basename "$0") $*" >> "$CALLS"
case "$(basename "$0")" in
sbatch) cat "$2" >> "$CALLS"; echo "4711;cluster" ;;
squeue) echo 4711_0 ;;
sinfo) echo node7 ;;
esac
"""


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Programs under the names of SLURM's, which write down how they were called; returns where."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sbatch", "squeue", "scancel", "sinfo"):
        (folder / name).write_text(FAKE)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    return tmp_path / "calls"


LAUNCHER = ["hydra/launcher=submitit_slurm", "hydra.launcher.timeout_min=90"]
SLURM = ["x=interval(0,1)", "hydra.sweeper.detach=true", *LAUNCHER]


def test_a_slurm_array_of_workers(tmp_path: Path, slurm: Path, caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    directory = tmp_path / "sweep"
    more = ["hydra.launcher.partition=gpu", "hydra.launcher.gpus_per_node=1", "hydra.launcher.mem_gb=8"]
    sweep(objective, directory, [*SLURM, *more, "hydra.sweeper.n_jobs=20"])
    calls = slurm.read_text()
    for line in ("time=90", "array=0-19", "partition=gpu", "gpus-per-node=1", "mem=8192M", "job-name=app"):
        assert f"#SBATCH --{line}\n" in calls
    assert f"exec {sys.executable} -m sweeper_core.cli worker {directory}" in calls
    assert Crew.of(directory) == Crew(slurm_job="4711")
    assert ("other machines of the cluster (node7, …) do not see" in caplog.text) == str(tmp_path).startswith("/tmp/")
    stop = [CliRunner().invoke(cli, ["stop", str(directory)]).output for _ in range(2)]
    assert "begins no further trial" in stop[0]
    assert "was cancelled" in stop[1]
    assert slurm.read_text().splitlines()[-2:] == ["scancel --state=PENDING 4711", "scancel 4711"]


def test_slurm_is_asked_for_where_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    monkeypatch.setattr(_sbatch, "which", lambda name: None)
    with pytest.raises(CompactHydraException, match="needs SLURM's sbatch, which is not on this machine"):
        sweep(objective, tmp_path / "sweep", SLURM)


def test_a_launcher_without_slurm_starts_processes() -> None:
    config = OmegaConf.create({"hydra": {"launcher": {"_target_": "x.BasicLauncher"}}})
    assert not _sbatch.asks_for_slurm(config)


def test_a_private_file_that_is_damaged(tmp_path: Path) -> None:
    Command(("true",), str(tmp_path)).keep(tmp_path)
    path = private_folder(tmp_path) / "command.json"
    path.write_text(json.dumps({"words": 3}))
    with pytest.raises(ValueError, match="is damaged"):
        Command.of(tmp_path)
