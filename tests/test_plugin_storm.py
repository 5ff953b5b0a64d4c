"""Crashing jobs, hanging jobs and a sweeper that is killed again and again: nothing is lost, mixed up or left."""

from __future__ import annotations

import os
import signal
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from plugin_support import command, surroundings

from sweeper_core.storages import get_storage
from sweeper_core.trial.attempts import Attempts, configurations
from sweeper_core.trial.attrs import FAILURE, LOST
from sweeper_core.trial.record import TrialRecord
from sweeper_core.trial.state import TrialState

pytestmark = pytest.mark.storm

TRIALS = 300
LANES = 4
MARK = "HPO_STORM"


def records(directory: Path) -> list[TrialRecord]:
    """Return the trials that are stored now."""
    storage = get_storage(f"sqlite:///{directory / 'study.db'}")
    studies = storage.list_studies()
    found = storage.changes(studies[0].study_id)[0] if studies else []
    storage.close()
    return sorted(found, key=lambda record: record.number)


def marked(mark: str) -> list[int]:
    """Return the processes that have a variable of this value in their environment."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"{MARK}={mark}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def test_a_storm(tmp_path: Path) -> None:
    there = tmp_path / "sweep"
    overrides = [
        "+x=interval(0,1)",
        f"hydra.sweeper.n_jobs={LANES}",
        "hydra.sweeper.n_trials=null",
        f"hydra.sweeper.max_trials={TRIALS}",
        "hydra.sweeper.trial_timeout=3",
        "hydra.sweeper.max_failure_rate=1",
        "hydra.sweeper.progress=lines",
    ]
    environment = {**surroundings(), MARK: str(tmp_path)}
    for killed_after in (40, 110, 200, None):
        sweeper = subprocess.Popen(
            command("storm.py", there, *overrides), env=environment, cwd=tmp_path, stdout=subprocess.PIPE, text=True
        )
        assert sweeper.stdout is not None
        for line in sweeper.stdout:
            if killed_after is not None and " complete " in line and finished(there) >= killed_after:
                os.kill(sweeper.pid, signal.SIGKILL)
                break
        sweeper.stdout.close()
        assert sweeper.wait() == (-signal.SIGKILL if killed_after is not None else 0)
    found = records(there)
    assert [record.number for record in found] == list(range(len(found)))
    check_states(found)
    check_values(found)
    assert marked(str(tmp_path)) == [], "no process is left"


def finished(directory: Path) -> int:
    """Return how many trials have ended."""
    return sum(record.state.is_finished() for record in records(directory))


def check_states(found: list[TrialRecord]) -> None:
    """Every trial is complete, or failed for a stated reason; those that were not lost are as many as asked for."""
    assert {record.state for record in found} == {TrialState.COMPLETE, TrialState.FAIL}
    counted = [record for record in found if LOST not in record.system_attrs]
    assert len(counted) == TRIALS
    failed = [record for record in found if record.state is TrialState.FAIL]
    assert all(record.system_attrs.get(FAILURE) for record in failed)
    reasons = Counter(str(record.system_attrs[FAILURE]).partition(":")[0] for record in failed)
    assert set(reasons) <= {"RuntimeError", "Timeout", "WorkerLost", "lost"}
    attempts = Attempts()
    attempts.fold(found)
    for record in failed:
        reason = str(record.system_attrs[FAILURE])
        job = attempts.id_of(record.number)
        expected = {3: "WorkerLost", 5: "RuntimeError", 7: "Timeout"}.get(job % 10, "lost: its process")
        assert expected in reason or "has died" in reason, (record.number, reason)


def check_values(found: list[TrialRecord]) -> None:
    """No value belongs to another trial."""
    for record in configurations(found):
        if record.state is TrialState.COMPLETE:
            assert record.values == (record.params["+x"] + 10_000.0 * record.number,)
