"""A sweep that is interrupted, and one study shared by many processes."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

from plugin_support import APPS, command, finish, surroundings
from test_plugin_lanes import listening, records, start, wait_for_end

from sweeper_core.trial.attrs import FAILURE, RETRY_HISTORY
from sweeper_core.trial.state import TrialState

COMPLETE, FAIL, RUNNING = TrialState.COMPLETE, TrialState.FAIL, TrialState.RUNNING


def go_on(directory: Path, *overrides: str) -> None:
    """Run the same command again; this time no job waits."""
    again = command("jobs.py", directory, *overrides)
    finish(again, env={**surroundings(), "TEST_GO": "1"}, cwd=directory.parent).check_returncode()


def test_a_sweep_killed_in_the_middle_goes_on_with_the_same_command(tmp_path: Path) -> None:
    there = tmp_path / "sweep"
    overrides = ("+x=1,2,3", "+how=return,wait", "hydra/sweeper/sampler=grid", "hydra.sweeper.n_trials=6")
    with listening(tmp_path) as pipe:
        process = start("jobs.py", there, *overrides, pipe=pipe)
        pids = [int(pid) for pid in pipe.readline().split()[1:]]
        process.send_signal(signal.SIGKILL)
        process.wait()
        for pid in pids[1:]:
            os.kill(pid, signal.SIGKILL)  # children of the job, which ran in the killed process itself
            wait_for_end(pid)
    before = records(there)
    assert [record.state for record in before[:-1]] == [COMPLETE] * (len(before) - 1)
    assert before[-1].state is RUNNING
    go_on(there, *overrides)
    after = records(there)
    assert after[: len(before) - 1] == before[:-1], "what was finished stays"
    dead, retry = after[len(before) - 1], after[len(before)]
    assert (dead.state, retry.state) == (FAIL, COMPLETE)
    assert "has died" in dead.system_attrs[FAILURE]
    assert retry.params == dead.params
    assert retry.system_attrs[RETRY_HISTORY] == [dead.number]
    points = [tuple(record.params.values()) for record in after if record is not dead]
    assert len(points) == len(set(points)), "nothing is repeated"
    assert [record.number for record in after] == list(range(len(after)))


def test_the_command_that_the_end_names_goes_on(tmp_path: Path) -> None:
    first = [sys.executable, str(APPS / "echo.py"), "--multirun", "hydra/sweeper=hpo", "+x=interval(0,1)"]
    first += ["hydra.sweeper.n_trials=2", "hydra.sweep.dir=a folder/${now:%Y}"]
    answer = subprocess.run(first, env=surroundings(), cwd=tmp_path, capture_output=True, text=True, check=True)
    (line,) = [line for line in answer.stdout.splitlines() if "To continue: " in line]
    again = shlex.split(line.partition("To continue: ")[2])
    subprocess.run(again, env=surroundings(), cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
    (there,) = (tmp_path / "a folder").iterdir()
    assert [record.state for record in records(there)] == [COMPLETE] * 4


def test_many_processes_share_one_study(tmp_path: Path) -> None:
    there = tmp_path / "sweep"
    overrides = ("+x=interval(0,1)", "hydra.sweeper.n_trials=1", "hydra.sweeper.max_trials=5")
    one = command("echo.py", there, *overrides, "hydra.sweeper.enqueue=[{x:0.25},{x:0.75}]")
    processes = [
        subprocess.Popen(one, env=surroundings(), cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for _ in range(7)
    ]
    for process in processes:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors.decode()
    found = records(there)
    assert [record.number for record in found] == list(range(5))
    assert [record.state for record in found] == [COMPLETE] * 5
    xs = [record.params["+x"] for record in found]
    assert xs[:2] == [0.25, 0.75]
    assert len(set(xs)) == 5
