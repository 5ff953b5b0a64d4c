"""What a sweep lost goes on as another attempt of the same trial."""

from __future__ import annotations

import csv
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from hydra.core.hydra_config import HydraConfig
from plugin_support import sweep

import sweeper_core as hpo
from sweeper_core.storages import RDBStorage
from sweeper_core.storages._rules import attr_of_lease
from sweeper_core.testing.storages import elsewhere
from sweeper_core.trial.attrs import CONTINUES, FIRST_STEP, LEASE, RETRY_HISTORY, RETRY_OF
from sweeper_core.trial.data import TrialData
from sweeper_core.trial.record import TrialRecord
from sweeper_core.trial.state import TrialState

X = "x=interval(0,1)"
COMPLETE, FAIL = TrialState.COMPLETE, TrialState.FAIL


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """The sweep directory."""
    return tmp_path / "sweep"


def records(directory: Path) -> list[TrialRecord]:
    storage = RDBStorage(f"sqlite:///{directory / 'study.db'}")
    found = storage.changes(storage.list_studies()[0].study_id)[0]
    storage.close()
    return found


def rows(directory: Path) -> list[dict[str, str]]:
    with (directory / "trials.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.usefixtures("heard_interrupts")
def test_a_trial_that_was_stopped_goes_on_with_its_number_directory_and_curve(there: Path) -> None:
    seen: list[tuple[Any, ...]] = []

    def task(cfg: Any) -> float:
        trial, hydra = hpo.current_trial(), HydraConfig.get()
        first = trial.first_step
        seen.append((cfg.x, first, hydra.job.num, Path(hydra.runtime.output_dir).name))
        for step in range(3):
            trial.report(step + first, step)
        if len(seen) <= 2:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
        trial.report(9.0, 3)
        return float(cfg.x)

    overrides = [X, "hydra.sweeper.n_trials=1", "hydra.sweeper.max_retries=0", "hydra.sweeper.max_trials=2"]
    for _ in range(2):
        with pytest.raises(SystemExit):
            sweep(task, there, overrides)
    sweep(task, there, overrides)
    x = seen[0][0]
    assert seen == [(x, 0, 0, "0"), (x, 3, 0, "0"), (x, 3, 0, "0")]
    attempts = records(there)
    assert [record.state for record in attempts] == [FAIL, FAIL, COMPLETE]
    assert attempts[2].reports == ((0, 0.0), (1, 1.0), (2, 2.0), (3, 9.0)), "a step reported again counts once"
    assert (attempts[2].system_attrs[CONTINUES], attempts[2].system_attrs[FIRST_STEP]) == (1, 3)
    (row,) = rows(there)
    assert (row["number"], row["state"], row["job_dir"]) == ("0", "COMPLETE", str(there / "0"))
    sweep(task, there, overrides)
    assert [row["number"] for row in rows(there)] == ["0", "3"], "attempts count once against max_trials"
    sweep(task, there, overrides)
    assert len(seen) == 4


def test_a_study_of_an_earlier_version_goes_on_with_the_retry_that_waits(there: Path) -> None:
    xs: list[float] = []

    def task(cfg: Any) -> float:
        xs.append(cfg.x)
        return float(cfg.x)

    sweep(task, there, [X, "hydra.sweeper.n_trials=1", "hydra.sweeper.start=none"])
    storage = RDBStorage(f"sqlite:///{there / 'study.db'}")
    study = storage.list_studies()[0].study_id
    claim = storage.reserve(study, lease=elsewhere())
    assert claim is not None
    layout = records(there)[0].layout.as_dict()
    storage.describe(study, 1, TrialData({"x": 0.25}, layout, system_attrs={LEASE: attr_of_lease(elsewhere())}))
    assert storage.fail_stale(study, max_retries=1) == [1]
    storage.close()
    sweep(task, there, [X, "hydra.sweeper.n_trials=2"])
    assert xs[1] == 0.25
    retry = records(there)[2]
    assert (retry.state, retry.system_attrs[RETRY_OF], retry.system_attrs[RETRY_HISTORY]) == (COMPLETE, 1, [1])
    assert CONTINUES not in retry.system_attrs
    assert [row["state"] for row in rows(there)] == ["COMPLETE", "FAIL", "COMPLETE", "COMPLETE"]
