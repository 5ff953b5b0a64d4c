"""Optuna 4.9 opens what is stored here: the real one, in an environment of its own.

Skipped unless ``HPO_OPTUNA_49_PYTHON`` names the Python of an environment in which Optuna 4.9 is installed.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from sweeper_core.choices import choice_text
from sweeper_core.directions import StudyDirection
from sweeper_core.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from sweeper_core.storages import Point, get_storage, this_process
from sweeper_core.testing.storages import AWKWARD_ATTRS, trials_of
from sweeper_core.trial.data import TrialData
from sweeper_core.trial.record import TrialRecord
from sweeper_core.trial.state import TrialState

PYTHON = os.environ.get("HPO_OPTUNA_49_PYTHON")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON, reason="HPO_OPTUNA_49_PYTHON does not name a Python with Optuna 4.9"),
]

OPENED = """
import sys
import warnings

import optuna

warnings.simplefilter("ignore")
optuna.logging.set_verbosity(optuna.logging.ERROR)
assert optuna.__version__.startswith("4.9."), optuna.__version__


def open_study(where, **options):
    if "://" not in where:
        where = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(where))
    return optuna.load_study(study_name="ours", storage=where, **options)
"""

SHOW = (
    OPENED
    + """
import json

study = open_study(sys.argv[1])
print(
    json.dumps(
        {
            "directions": [direction.name for direction in study.directions],
            "user_attrs": study.user_attrs,
            "best": [trial.number for trial in study.best_trials],
            "trials": [
                {
                    "number": trial.number,
                    "state": trial.state.name,
                    "values": trial.values,
                    "params": trial.params,
                    "types": {name: type(value).__name__ for name, value in trial.params.items()},
                    "distributions": {
                        name: json.loads(optuna.distributions.distribution_to_json(distribution))
                        for name, distribution in trial.distributions.items()
                    },
                    "reports": sorted(trial.intermediate_values.items()),
                    "user_attrs": trial.user_attrs,
                    "system_attrs": trial.system_attrs,
                    "started": trial.datetime_start and trial.datetime_start.isoformat(),
                    "completed": trial.datetime_complete and trial.datetime_complete.isoformat(),
                }
                for trial in study.trials
            ],
        }
    )
)
"""
)

GO_ON = (
    OPENED
    + """
def objective(trial):
    return [trial.suggest_float("log", 1e-300, 1.0, log=True), float(trial.number)]


open_study(sys.argv[1], sampler=optuna.samplers.RandomSampler(seed=0)).optimize(objective, n_trials=2)
"""
)

PARAMS: dict[str, tuple[BaseDistribution, Any]] = {
    "uniform": (FloatDistribution(0.0, 1.0), 0.1 + 0.2),
    "log": (FloatDistribution(1e-300, 1.0, log=True), 1e-299),
    "grid": (FloatDistribution(0.0, 1.0, step=0.1), 0.3),
    "int": (IntDistribution(-5, 5), -5),
    "log int": (IntDistribution(1, 2**53, log=True), 2**53),
    "choice": (CategoricalDistribution(["a", 1, 2.5, None, True]), True),
    "list": (CategoricalDistribution([[1, [2]], [3]]), [3]),
    "ünï/code": (CategoricalDistribution(["'\"\n,", "b"]), "'\"\n,"),
}


def optuna_49(program: str, *arguments: str) -> str:
    """Return what a program prints that runs with Optuna 4.9, east of Greenwich."""
    assert PYTHON is not None
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [PYTHON, "-c", program, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**environment, "TZ": "Etc/GMT-5"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def as_shown(record: TrialRecord, with_zone: bool) -> dict[str, Any]:
    """Return a trial as Optuna 4.9 shows it; lists are texts there."""
    params = {name: choice_text(value) if isinstance(value, list) else value for name, value in record.params.items()}
    return {
        "number": record.number,
        "state": record.state.name,
        "values": None if record.values is None else list(record.values),
        "params": params,
        "types": {name: type(value).__name__ for name, value in params.items()},
        "reports": [list(report) for report in record.reports],
        "user_attrs": dict(record.user_attrs),
        "system_attrs": dict(record.system_attrs),
        "started": as_read(record.started, with_zone),
        "completed": as_read(record.completed, with_zone),
    }


def as_read(moment: datetime | None, with_zone: bool) -> str | None:
    """Return a stored time as it is shown: a database's columns unchanged, a journal's with the zone they are in."""
    if moment is None:
        return None
    return (moment.replace(tzinfo=timezone.utc) if with_zone else moment).isoformat()


@pytest.fixture(params=["sqlite:///{}/study.db", "{}/study.log"], ids=["sqlite", "journal"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(request.param.format(tmp_path))


def fill(where: str) -> list[TrialRecord]:
    """Make a study that has a bit of everything; return its trials."""
    storage = get_storage(where)
    directions = [StudyDirection.MINIMIZE, StudyDirection.MAXIMIZE]
    study = storage.create_or_open_study("ours", directions, exist_ok=False).study_id
    storage.set_study_attrs(study, user=AWKWARD_ATTRS)
    values = {name: value for name, (_, value) in PARAMS.items()}
    distributions = {name: distribution for name, (distribution, _) in PARAMS.items()}
    for told in ([0.1 + 0.2, -0.5], [math.inf, 5e-324]):
        claim = storage.reserve(study, lease=this_process())
        assert claim is not None
        storage.describe(study, claim.number, TrialData(values, distributions, user_attrs=AWKWARD_ATTRS))
        storage.finish(study, claim.number, TrialState.COMPLETE, told, TrialData(system_attrs={"constraints": [-1.0]}))
    storage.reserve(study)
    for step, value in ((0, 1.0), (3, math.inf), (1, -math.inf)):
        storage.report(study, 2, step, value)
    storage.finish(study, 2, TrialState.PRUNED, [1.0, 2.0])
    storage.reserve(study)
    storage.finish(study, 3, TrialState.FAIL, data=TrialData(system_attrs={"hpo:failure": "it broke"}))
    storage.reserve(study)
    storage.enqueue(study, [Point({"log": 0.25})])
    return trials_of(storage, study)


def test_optuna_49_shows_a_running_study_as_it_is(where: str) -> None:
    ours = fill(where)
    shown = json.loads(optuna_49(SHOW, where))
    assert shown["directions"] == ["MINIMIZE", "MAXIMIZE"]
    assert shown["user_attrs"] == AWKWARD_ATTRS
    assert shown["best"] == [0, 1]
    distributions = [trial.pop("distributions") for trial in shown["trials"]]
    assert shown["trials"] == [as_shown(record, with_zone="://" not in where) for record in ours]
    assert distributions[0]["log int"] == {
        "name": "IntDistribution",
        "attributes": {"log": True, "step": 1, "low": 1, "high": 2**53},
    }
    assert distributions[0]["list"]["attributes"] == {"choices": ["[1, [2]]", "[3]"]}
    assert list(distributions[0]) == list(PARAMS)


def test_optuna_49_goes_on_with_a_study_of_ours(where: str) -> None:
    fill(where)
    optuna_49(GO_ON, where)
    storage = get_storage(where)
    study = storage.create_or_open_study("ours", None, exist_ok=True).study_id
    queued, new = trials_of(storage, study)[5:]
    assert (queued.state, queued.params, queued.values) == (TrialState.COMPLETE, {"log": 0.25}, (0.25, 5.0))
    assert (new.state, new.number, new.values) == (TrialState.COMPLETE, 6, (new.params["log"], 6.0))
    claim = storage.reserve(study)
    assert claim is not None
    assert claim.number == 7
