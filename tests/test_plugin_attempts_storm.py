"""Jobs and a sweeper that are killed again and again: all goes on where it stopped, at the cost of a few epochs."""

from __future__ import annotations

import os
import random
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from plugin_support import command, surroundings

from sweeper_core.storages import get_storage
from sweeper_core.trial.attempts import configurations
from sweeper_core.trial.record import TrialRecord
from sweeper_core.trial.state import TrialState

pytestmark = pytest.mark.storm

POINTS, EPOCHS, LANES, EVERY = 30, 50, 3, 5
JOB_KILLS, SWEEPER_KILLS = 20, 3


@pytest.fixture(params=["sqlite", "journal", pytest.param("postgresql", marks=pytest.mark.server)])
def url(request: Any, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgresql").new_database())
    return f"sqlite:///{tmp_path}/study.db" if request.param == "sqlite" else f"journal:///{tmp_path}/study.log"


def records(url: str) -> list[TrialRecord]:
    storage = get_storage(url)
    found = storage.changes(storage.list_studies()[0].study_id)[0]
    storage.close()
    return found


def epochs(notes: Path) -> list[list[int]]:
    """Return trial, epoch and process of each epoch that was begun, but for a line that a kill has cut off."""
    lines = (line.split() for line in (notes / "epochs").read_text().splitlines())
    return [[int(word) for word in words] for words in lines if len(words) == 3]


def kills(chance: random.Random) -> Iterator[tuple[int, str]]:
    """Yield after how many epochs to kill what."""
    victims = ["job"] * JOB_KILLS + ["sweeper"] * SWEEPER_KILLS
    chance.shuffle(victims)
    moments = sorted(chance.sample(range(20, POINTS * EPOCHS - 100), len(victims)))
    yield from zip(moments, victims, strict=True)


def test_a_storm_costs_a_few_epochs(tmp_path: Path, url: str) -> None:
    xs = [round(0.1 + 0.01 * index, 2) for index in range(POINTS)]
    overrides = [
        "+x=interval(0,1)",
        f"+epochs={EPOCHS}",
        f"+notes={tmp_path}",
        f"hydra.sweeper.storage={url}",
        "hydra.sweeper.study_name=storm",
        f"hydra.sweeper.enqueue=[{','.join(f'{{+x:{x}}}' for x in xs)}]",
        "hydra.sweeper.n_trials=null",
        f"hydra.sweeper.max_trials={POINTS}",
        f"hydra.sweeper.n_jobs={LANES}",
        f"hydra.sweeper.checkpoints.every={EVERY}",
        "hydra.sweeper.max_retries=10",  # a job may be killed again before it has made up for what it lost
        "hydra.sweeper.lanes=process",
    ]
    killed, due = 0, list(kills(random.Random(1)))

    def run() -> int:
        nonlocal killed
        with open(tmp_path / "output", "ab") as output:
            line = command("training.py", tmp_path / "sweep", *overrides)
            sweeper = subprocess.Popen(line, env=surroundings(), cwd=tmp_path, stdout=output, stderr=output)
        while sweeper.poll() is None:
            with suppress(subprocess.TimeoutExpired):
                sweeper.wait(0.05)
            begun = epochs(tmp_path) if (tmp_path / "epochs").exists() else []
            if due and len(begun) >= due[0][0]:
                _, victim = due.pop(0)
                pid = sweeper.pid if victim == "sweeper" else begun[-1][2]
                killed += LANES if victim == "sweeper" else 1
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                if victim == "sweeper":  # on a slow machine it may outlive the kill by longer than to the next one
                    sweeper.wait()
        return sweeper.returncode

    ended = [run() for _ in range(SWEEPER_KILLS + 1)]
    assert ended == [-signal.SIGKILL] * SWEEPER_KILLS + [0], (tmp_path / "output").read_text()[-2000:]
    found = records(url)
    latest = configurations(found)
    assert [record.state for record in latest] == [TrialState.COMPLETE] * POINTS
    values = {record.params["+x"]: record.values for record in latest}
    assert values == {x: (total(x),) for x in xs}, "the same values as undisturbed"
    curves = [{step for step, _ in record.reports} for record in latest]
    assert [len(steps) for steps in curves] == [EPOCHS] * POINTS, "whole curves"
    spent, undisturbed = len(epochs(tmp_path)), POINTS * EPOCHS
    from_zero = undisturbed + sum(r.reports[-1][0] + 1 for r in found if r.state is TrialState.FAIL and r.reports)
    print(f"{spent} epochs, {undisturbed} undisturbed; {killed} kills; each retried from 0: {from_zero}")
    assert spent <= 1.05 * undisturbed + EVERY * killed


def total(x: float) -> float:
    """Return what a job that is not disturbed returns."""
    found = 0.0
    for epoch in range(EPOCHS):
        found += x * 1.01**-epoch
    return found
