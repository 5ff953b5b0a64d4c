"""Launchers of other packages, unmodified: every job gets its own overrides, number and directory."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from plugin_support import run
from test_plugin_lanes import listening, records, start, wait_for_end

from sweeper_core.trial.attrs import FAILURE
from sweeper_core.trial.record import TrialRecord
from sweeper_core.trial.state import TrialState

pytestmark = pytest.mark.launcher

PLUGINS = {
    "joblib": "hydra_joblib_launcher",
    "submitit_local": "hydra_submitit_launcher",
    "ray": "hydra_ray_launcher",
}


@pytest.fixture(params=PLUGINS)
def launcher(request: pytest.FixtureRequest) -> str:
    """Return the override that chooses an installed launcher."""
    if importlib.util.find_spec(f"hydra_plugins.{PLUGINS[request.param]}") is None:
        pytest.skip(f"{PLUGINS[request.param]} is not installed")
    return f"hydra/launcher={request.param}"


@pytest.fixture
def there(tmp_path: Path) -> Path:
    return tmp_path / "sweep"


def sees(directory: Path) -> dict[int, dict[str, Any]]:
    """Return what the jobs of a sweep have seen, by number."""
    found = [json.loads(path.read_text()) for path in directory.glob("*/sees.json")]
    return {one["number"]: one for one in found}


def test_every_job_has_what_is_its_own(there: Path, launcher: str) -> None:
    run("jobs.py", there, launcher, "+x=interval(0,1)", "hydra.sweeper.n_jobs=2", "hydra.sweeper.n_trials=5")
    jobs = sees(there)
    assert sorted(jobs) == list(range(5))
    for record in records(there):
        job = jobs[record.number]
        x = record.params["+x"]
        assert record.values == (x + 1000.0 * record.number,)
        assert (job["cfg"], job["overrides"]) == ({"x": x}, [f"+x={x!r}"])
        assert job["directory"] == str(there / str(record.number))
        assert f"logged by {record.number}\n" in (Path(job["directory"]) / "jobs.log").read_text()
    assert os.getpid() not in {job["pid"] for job in jobs.values()}


def test_a_job_that_raises_fails_and_one_that_dies_is_tried_again(there: Path, launcher: str) -> None:
    overrides = ["+how=return,raise,leave,exit", "+x=choice(1,2)", "hydra/sweeper/sampler=grid"]
    run("jobs.py", there, launcher, *overrides, "hydra.sweeper.n_jobs=2", "hydra.sweeper.max_failure_rate=1")
    by_kind: dict[str, list[TrialRecord]] = {"return": [], "raise": [], "leave": [], "exit": []}
    for record in records(there):
        by_kind[record.params["+how"]].append(record)
    assert [record.state for record in by_kind["return"]] == [TrialState.COMPLETE] * 2
    for record in by_kind["return"]:
        assert record.values == (record.params["+x"] + 1000.0 * record.number,)
    assert [record.system_attrs[FAILURE] for record in by_kind["raise"]] == [
        f"RuntimeError: trial {record.number}" for record in by_kind["raise"]
    ]
    assert [record.system_attrs[FAILURE] for record in by_kind["leave"]] == ["SystemExit: 4"] * 2
    for kind, line in (("raise", "raise RuntimeError("), ("leave", "sys.exit(4)")):
        for record in by_kind[kind]:
            assert line in (there / str(record.number) / "error.txt").read_text(), "a traceback, wherever the job ran"
    assert len(by_kind["exit"]) == 4, "each was tried twice"
    assert sum("hpo:lost" in record.system_attrs for record in by_kind["exit"]) == 2


def test_two_interrupts_end_jobs_that_run_elsewhere(there: Path, tmp_path: Path, launcher: str) -> None:
    with listening(tmp_path) as pipe:
        overrides = ("+x=interval(0,1)", "+how=wait", "hydra.sweeper.n_jobs=2")
        process = start("jobs.py", there, launcher, *overrides, pipe=pipe)
        jobs = [int(pipe.readline().split()[1]) for _ in range(2)]
        assert process.stdout is not None
        process.send_signal(signal.SIGINT)
        next(line for line in process.stdout if "Interrupted" in line)
        process.send_signal(signal.SIGINT)
        output = process.stdout.read()
        assert process.wait() == 130, output
        for job in jobs:
            wait_for_end(job)
    states = [record.state for record in records(there)]
    assert states == [TrialState.FAIL] * 2
