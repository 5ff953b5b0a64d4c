"""Sweeps on a real SLURM, which the tests start on this machine."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
from conftest import on_slurm
from plugin_support import command, surroundings
from slurm_support import Slurm

from hydra_plugins.hydra_hpo_sweeper._hydra._slurm import GONE, SlurmStates
from sweeper_core import load_study
from sweeper_core.trial.frozen import FrozenTrial

pytestmark = pytest.mark.slurm

POINTS = (
    "hydra/sweeper/sampler=grid",
    "hydra/launcher=submitit_slurm",
    "hydra.launcher.signal_delay_s=20",
    "hydra.sweeper.checkpoints.every=1",
)
"""A sampler without a seed would take the points in any order; these sweeps run each of a few points once."""


class Sweep:
    """A sweep of ``gated.py`` on the cluster, in a process of its own."""

    def __init__(self, cluster: Slurm, directory: Path) -> None:
        self.cluster, self.directory, self.notes = cluster, directory / "sweep", directory
        self._process: subprocess.Popen[str] | None = None
        self._log: IO[str] | None = None

    def start(self, *overrides: str) -> subprocess.Popen[str]:
        """Start the sweep, or go on with it."""
        words = list(command("gated.py", self.directory, *POINTS, f"+notes={self.notes}", *overrides))
        words = [word for word in words if "sampler.seed" not in word]
        self._log = (self.notes / "log").open("a+")
        self._process = subprocess.Popen(
            words, env=surroundings(), cwd=self.notes, stdout=self._log, stderr=subprocess.STDOUT, text=True
        )
        return self._process

    def end(self, seconds: float = 120.0) -> str:
        """Wait for the end of the sweep; return what it has said."""
        assert self._process is not None
        self._process.wait(seconds)
        said = (self.notes / "log").read_text()
        assert self._process.returncode == 0, said[-3000:]
        return said

    def open(self, gate: str = "go") -> None:
        """Let the jobs go on."""
        (self.notes / gate).touch()

    def noted(self, kind: str) -> list[list[str]]:
        """Return the notes of a kind, each as words."""
        try:
            lines = (self.notes / "notes").read_text().splitlines()
        except FileNotFoundError:
            return []
        return [line.split()[1:] for line in lines if line.startswith(f"{kind} ")]

    @property
    def begun(self) -> dict[str, str]:
        """The jobs that have begun: SLURM's id by the swept value, the latest."""
        return {value: job for _, value, _, job in self.noted("begins")}

    @property
    def queued(self) -> int:
        """How many trials wait, as ``hpo status`` says."""
        if not (self.directory / "study.db").exists():
            return 0
        # In a process of its own, which closes the database.
        words = [sys.executable, "-c", "from sweeper_core.cli.app import cli; cli()", "status", str(self.directory)]
        answer = subprocess.run([*words, "--json"], env=surroundings(), capture_output=True, text=True, check=False)
        return sum(trial["queued"] for trial in json.loads(answer.stdout)["running"]) if answer.returncode == 0 else 0

    @property
    def trials(self) -> list[FrozenTrial]:
        """The study's trials."""
        return load_study(study_name="hpo", storage=f"sqlite:///{self.directory / 'study.db'}").trials

    @property
    def rows(self) -> list[dict[str, str]]:
        """The rows of ``trials.csv``."""
        with (self.directory / "trials.csv").open() as table:
            return list(csv.DictReader(table))

    def kill(self) -> None:
        """End the process that a failed test has left."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        if self._log is not None:
            self._log.close()


@pytest.fixture
def swept(slurm: Slurm, tmp_path: Path) -> Iterator[Sweep]:
    """A sweep, on a cluster without accounting."""
    sweep = Sweep(slurm, tmp_path)
    yield sweep
    sweep.kill()
    slurm.clear()


def test_a_cancelled_job_is_noticed_without_accounting(swept: Sweep) -> None:
    swept.cluster.run("scontrol", "update", "NodeName=one", "State=DRAIN", "Reason=test")
    swept.start("+x=1,2,3", "+at=2", "hydra.sweeper.n_trials=3", "hydra.sweeper.n_jobs=3")
    swept.cluster.wait(lambda: list(swept.cluster.jobs().values()).count("PENDING") == 3)
    swept.cluster.wait(lambda: swept.queued == 3)
    swept.cluster.run("scontrol", "update", "NodeName=one", "State=RESUME")
    swept.cluster.wait(lambda: len(swept.begun) == 3)
    swept.cluster.wait(lambda: swept.queued == 0)
    first = swept.begun["2"]
    swept.cluster.run("scancel", first)
    swept.cluster.wait(lambda: swept.begun["2"] != first)
    swept.open()
    said = swept.end()
    # Either the controller's state is seen first, or the job's own end after the warning.
    assert "Trial 1 goes on after step 1" in said
    assert "sacct" not in said
    # It went on from its checkpoint, in another job; the others were run once.
    assert sorted((value, step) for _, value, step, _ in swept.noted("begins")) == [
        ("1", "0"), ("2", "0"), ("2", "2"), ("3", "0"),
    ]  # fmt: skip
    assert [row["state"] for row in swept.rows] == ["COMPLETE"] * 3
    # The time in the queue is no time of jobs.
    for trial in swept.trials:
        began = trial.system_attrs["hpo:began"]
        assert trial.datetime_start is not None
        assert began >= trial.datetime_start.timestamp()


def test_the_next_run_attaches_to_jobs_that_outlived_their_sweep(swept: Sweep) -> None:
    overrides = ("+x=1,2,3,4", "+at=1", "+gate=go-${x}", "hydra.sweeper.n_jobs=3", "hydra.sweeper.n_trials=4")
    sweeper = swept.start(*overrides)
    swept.cluster.wait(lambda: len(swept.begun) == 3)
    before = swept.begun
    sweeper.kill()
    sweeper.wait()
    # One ends while nobody watches, one is cancelled, one runs on.
    ended, cancelled, running = sorted(before)
    swept.open(f"go-{ended}")
    swept.cluster.run("scancel", before[cancelled])
    swept.cluster.wait(lambda: [swept.cluster.jobs()[before[value]] for value in (ended, cancelled)]
                       == ["COMPLETED", "CANCELLED"])  # fmt: skip
    swept.start(*overrides)
    for value in "1234":
        swept.open(f"go-{value}")
    said = swept.end()
    for value in (ended, running):
        assert f"goes on in job {before[value]}" in said
    # The cancelled one goes on from its checkpoint; no other job was run twice.
    assert sorted((value, step) for _, value, step, _ in swept.noted("begins")) == sorted(
        [*((value, "0") for value in "1234"), (cancelled, "1")]
    )
    assert len(swept.cluster.jobs()) >= 5
    assert [row["state"] for row in swept.rows] == ["COMPLETE"] * 4
    assert {trial.number for trial in swept.trials if trial.state.name == "FAIL"} == {
        int(number) for number, value, step, _ in swept.noted("begins") if value == cancelled and step == "0"
    }


def test_jobs_at_their_limit_and_requeued_jobs_go_on_from_their_checkpoints(swept: Sweep) -> None:
    limit = ("hydra.launcher.timeout_min=1", "hydra.launcher.signal_delay_s=20", "+unsaved=2")
    points = ("+x=1,2,3", "+at=1", "+gate=go-${x}", "hydra.sweeper.n_jobs=3", "hydra.sweeper.n_trials=3")
    swept.start(*points, *limit)
    swept.cluster.wait(lambda: len(swept.begun) == 3)
    requeued = swept.begun["3"]
    swept.cluster.run("scontrol", "requeue", requeued)
    swept.cluster.wait(lambda: swept.cluster.jobs()[requeued] == "PENDING")
    swept.open("go-3")
    # The others wait until they are told that their time is over.
    swept.cluster.wait(lambda: [value for _, value, _, _ in swept.noted("begins")].count("1") == 2, 200.0)
    swept.open("go-1")
    said = swept.end()
    # SLURM runs the requeued job again: it is the same trial. The job over its limit has a new one as its next attempt.
    begins = {
        x: [(step, number, job) for number, value, step, job in swept.noted("begins") if value == x] for x in "123"
    }
    assert [step for step, _, _ in begins["2"]] == ["0"]
    assert [step for step, _, _ in begins["3"]] == ["0", "1"]
    assert begins["3"][0][1:] == begins["3"][1][1:]
    assert [step for step, _, _ in begins["1"]][:2] == ["0", "1"]
    assert len({job for _, _, job in begins["1"]}) == len(begins["1"]) == len({number for _, number, _ in begins["1"]})
    epochs = [(value, epoch) for _, value, epoch in swept.noted("epoch")]
    assert sorted(epochs) == [*(("1", step) for step in "0123"), ("2", "0"), *(("3", step) for step in "0123")]
    rows = {value: row for row in swept.rows for key, value in row.items() if key.endswith("+x")}
    assert [rows[value]["state"] for value in "123"] == ["COMPLETE", "FAIL", "COMPLETE"]
    assert rows["2"]["reason"] == "Timeout: the job ran longer than its launcher allows"
    assert "goes on where it stopped" in said


def test_detached_workers_are_an_array_that_works_off_the_budget(swept: Sweep) -> None:
    swept.start("+x=1,2,3,4", "hydra.sweeper.n_jobs=2", "hydra.sweeper.n_trials=4", "hydra.sweeper.detach=true")
    said = swept.end()
    assert "hpo watch" in said
    assert "hpo stop" in said
    swept.cluster.wait(lambda: len(swept.noted("epoch")) == 16, 150.0)
    swept.cluster.wait(lambda: not swept.cluster.run("squeue", "--noheader"))
    assert sorted((value, step) for _, value, step, _ in swept.noted("begins")) == [(x, "0") for x in "1234"]
    assert [row["state"] for row in swept.rows] == ["COMPLETE"] * 4
    array = [job for job in swept.cluster.jobs() if "_" in job]
    assert [job.partition("_")[2] for job in sorted(array)] == ["0", "1"]


@pytest.mark.parametrize(("accounting", "state"), [(True, "CANCELLED"), (False, GONE)])
def test_a_job_that_the_controller_has_dropped_has_ended(accounting: bool, state: str) -> None:
    with on_slurm(lambda: Slurm(accounting, min_job_age=2)) as cluster:
        job = cluster.run("sbatch", "--parsable", "--output=/dev/null", "--wrap=sleep 600").strip()
        states = SlurmStates()
        cluster.wait(lambda: states.of([job])[job].name == "RUNNING")
        assert states.of([job])[job].started is not None
        cluster.run("scancel", job)
        cluster.wait(lambda: job not in cluster.jobs(), 120.0)
        cluster.wait(lambda: states.of([job])[job].name == state)


@pytest.mark.storm
def test_fifty_lanes_that_lose_their_sweep_run_nothing_twice(swept: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eighty jobs in fifty lanes on eight processors; the sweep is killed three times."""
    calls = swept.notes / "calls"
    for program in ("squeue", "sacct"):
        shim = swept.notes / "bin" / program
        shim.parent.mkdir(exist_ok=True)
        shim.write_text(f'#!/bin/sh\necho {program} >>{calls}\nexec {shutil.which(program)} "$@"\n')
        shim.chmod(0o755)
    values = ",".join(map(str, range(80)))
    overrides = (f"+x={values}", "hydra.sweeper.n_jobs=50", "hydra.sweeper.n_trials=80")
    begun = time.monotonic()
    with monkeypatch.context() as patch:
        patch.setenv("PATH", f"{swept.notes / 'bin'}{os.pathsep}{os.environ['PATH']}")
        for ended in (5, 20, 40):
            sweeper = swept.start(*overrides)
            swept.cluster.wait(lambda ended=ended: len(swept.noted("begins")) >= ended, 600.0)
            sweeper.kill()
            sweeper.wait()
        swept.start(*overrides)
        swept.end(1200.0)
    passed = time.monotonic() - begun
    assert sorted(int(value) for _, value, _, _ in swept.noted("begins")) == list(range(80))
    left = [trial for trial in swept.trials if trial.state.name != "COMPLETE"]
    assert len(swept.trials) - len(left) == 80
    # A sweep that is killed while it starts trials may leave some whose jobs never began.
    assert not any(trial.intermediate_values for trial in left), [trial.system_attrs for trial in left]
    # In five seconds at most one query, and one of the accounting's in five minutes; each run begins anew.
    assert len(calls.read_text().splitlines()) <= passed / 5 + 4 * 3
