"""Optuna opens what is stored here, and what Optuna stored goes on here: with the real Optuna."""

from __future__ import annotations

import json
import math
import time
import warnings
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from sweeper_core.choices import choice_text
from sweeper_core.directions import StudyDirection
from sweeper_core.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    distribution_to_json,
)
from sweeper_core.storages import Point, RDBStorage, this_process
from sweeper_core.testing.storages import AWKWARD_ATTRS, trials_of
from sweeper_core.trial.data import TrialData
from sweeper_core.trial.record import TrialRecord
from sweeper_core.trial.state import TrialState

optuna = pytest.importorskip("optuna")
pytestmark = [
    pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning"),
    pytest.mark.filterwarnings("ignore:Choices for a categorical"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore:Heartbeat of storage"),
]

PARAMS: dict[str, tuple[BaseDistribution, Any]] = {
    "uniform": (FloatDistribution(0.0, 1.0), 0.1 + 0.2),
    "log": (FloatDistribution(1e-300, 1.0, log=True), 1e-299),
    "grid": (FloatDistribution(0.0, 1.0, step=0.1), 0.3),
    "int": (IntDistribution(-5, 5), -5),
    "log int": (IntDistribution(1, 2**53, log=True), 2**53),
    "step": (IntDistribution(0, 10, step=5), 5),
    "choice": (CategoricalDistribution(["a", 1, 2.5, None, True]), None),
    "list": (CategoricalDistribution([[1, [2]], [3]]), [3]),
    "dict": (CategoricalDistribution([{"a": [1, None]}, {}]), {"a": [1, None]}),
    "ünï/code": (CategoricalDistribution(["'\"\n,", "b"]), "'\"\n,"),
}
VALUES = {name: value for name, (_, value) in PARAMS.items()}
DISTRIBUTIONS = {name: distribution for name, (distribution, _) in PARAMS.items()}


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'study.db'}"


def as_local(moment: datetime | None) -> datetime | None:
    """Return a stored time as Optuna 5 shows it."""
    return None if moment is None else moment.replace(tzinfo=timezone.utc).astimezone().replace(tzinfo=None)


def as_optuna_sees(value: Any) -> Any:
    """Lists and dicts are texts there, as hydra-optuna-sweeper writes them."""
    return choice_text(value) if isinstance(value, (list, dict)) else value


def same(ours: TrialRecord, theirs: Any) -> None:
    """Check that Optuna shows a trial as it is stored here."""
    assert theirs.number == ours.number
    assert theirs._trial_id == ours.trial_id
    assert theirs.state.name == ours.state.name
    seen = {name: as_optuna_sees(value) for name, value in ours.params.items()}
    assert theirs.params == seen
    assert list(theirs.params) == list(seen)
    assert {name: type(value) for name, value in theirs.params.items()} == {
        name: type(value) for name, value in seen.items()
    }
    assert len(set(theirs.distributions.values())) > 0 or not seen  # hashable, as Optuna's tools need them
    texts = {name: optuna.distributions.distribution_to_json(d) for name, d in theirs.distributions.items()}
    stored = {name: json.loads(distribution_to_json(d)) for name, d in ours.layout.as_dict().items()}
    assert {name: json.loads(text) for name, text in texts.items()} == {
        name: {"name": form["name"], "attributes": form["attributes"]} for name, form in stored.items()
    }
    assert theirs.values == (None if ours.values is None else list(ours.values))
    assert repr(theirs.intermediate_values) == repr(dict(ours.reports))
    assert theirs.user_attrs == dict(ours.user_attrs)
    assert theirs.system_attrs == dict(ours.system_attrs)
    assert theirs.datetime_start == as_local(ours.started)
    assert theirs.datetime_complete == as_local(ours.completed)


def fill(storage: RDBStorage) -> int:
    """Make a study that has a bit of everything; return its key."""
    directions = [StudyDirection.MINIMIZE, StudyDirection.MAXIMIZE]
    study = storage.create_or_open_study("ours", directions, exist_ok=False).study_id
    storage.set_study_attrs(study, user=AWKWARD_ATTRS, system={"study:metric_names": ["loss", "accuracy"]})
    for values in ([0.1 + 0.2, -0.5], [math.inf, math.inf]):
        claim = storage.reserve(study, lease=this_process())
        assert claim is not None
        storage.describe(study, claim.number, TrialData(VALUES, DISTRIBUTIONS, user_attrs=AWKWARD_ATTRS))
        storage.finish(
            study, claim.number, TrialState.COMPLETE, values, TrialData(system_attrs={"constraints": [-1.0, 0.0]})
        )
    storage.reserve(study)
    for step, value in ((0, 1.0), (3, math.inf), (1, -math.inf), (2, math.nan)):
        storage.report(study, 2, step, value)
    storage.finish(study, 2, TrialState.PRUNED, [1.0, 2.0])
    storage.reserve(study)
    storage.finish(study, 3, TrialState.FAIL, data=TrialData(system_attrs={"hpo:failure": "it broke"}))
    storage.enqueue(study, [Point({"uniform": 0.75}, {"by": "me"})])
    storage.reserve(study)
    storage.describe(study, 4, TrialData({"uniform": 0.75}, DISTRIBUTIONS))
    storage.report(study, 4, 0, 0.5)
    storage.enqueue(study, [Point({"uniform": 0.25})])
    return study


def test_optuna_shows_a_running_study_as_it_is(url: str) -> None:
    storage = RDBStorage(url)
    study = fill(storage)
    theirs = optuna.load_study(study_name="ours", storage=url)
    ours = trials_of(storage, study)
    assert [direction.name for direction in theirs.directions] == ["MINIMIZE", "MAXIMIZE"]
    assert theirs.metric_names == ["loss", "accuracy"]
    assert theirs.user_attrs == AWKWARD_ATTRS
    assert len(theirs.trials) == len(ours) == 6
    for mine, trial in zip(ours, theirs.trials, strict=True):
        same(mine, trial)
    assert [trial.number for trial in theirs.best_trials] == [0, 1]
    assert theirs.trials[0].constraints == {"0": -1.0, "1": 0.0}
    assert not theirs.trials_dataframe().empty


def test_optuna_sees_later_changes(url: str) -> None:
    storage = RDBStorage(url)
    study = fill(storage)
    theirs = optuna.load_study(study_name="ours", storage=url)
    assert len(theirs.trials) == 6
    storage.report(study, 4, 1, 0.25)
    storage.finish(study, 4, TrialState.COMPLETE, [1.0, 1.0])
    same(trials_of(storage, study)[4], theirs.trials[4])


def test_optuna_goes_on_with_a_study_of_ours(url: str) -> None:
    storage = RDBStorage(url)
    study = fill(storage)
    seen, cursor = storage.changes(study)
    assert len(seen) == 6
    theirs = optuna.load_study(study_name="ours", storage=url, sampler=optuna.samplers.RandomSampler(seed=1))
    given = []

    def objective(trial: Any) -> tuple[float, float]:
        trial.set_user_attr("from", "optuna")
        given.append(trial.suggest_float("uniform", 0.0, 1.0))
        trial.suggest_categorical("list", ["[1,[2]]", "[3]"])  # the text by which Optuna knows them
        return given[-1], -given[-1]

    theirs.optimize(objective, n_trials=3)
    assert given[0] == 0.25, "the point that was enqueued here"
    changed, _ = storage.changes(study, cursor)
    assert [record.number for record in changed] == [5, 6, 7]
    for record in changed:
        assert record.state is TrialState.COMPLETE
        same(record, theirs.trials[record.number])
    claim = storage.reserve(study)
    assert claim is not None
    assert claim.number == 8


def test_a_study_of_optunas_goes_on_here(url: str) -> None:
    theirs = optuna.create_study(study_name="theirs", storage=url, direction="maximize")
    theirs.set_user_attr("who", "optuna")

    def objective(trial: Any) -> float:
        trial.suggest_float("x", 1e-3, 1.0, log=True)
        trial.suggest_int("i", 0, 10, step=5)
        trial.suggest_categorical("c", ["a", None, True, 1.5])
        trial.report(0.5, 0)
        trial.report(math.nan, 1)
        if trial.number == 1:
            raise optuna.TrialPruned
        if trial.number == 2:
            raise ValueError
        return math.inf if trial.number == 3 else 1.0

    theirs.optimize(objective, n_trials=5, catch=(ValueError,))
    theirs.enqueue_trial({"x": 0.5}, user_attrs={"note": "good"})
    running = theirs.ask()
    assert running.number == 5
    theirs.enqueue_trial({"x": 0.25})

    storage = RDBStorage(url)
    study = storage.create_or_open_study("theirs", None, exist_ok=True)
    assert study.directions == (StudyDirection.MAXIMIZE,)
    assert study.user_attrs == {"who": "optuna"}
    ours = trials_of(storage, study.study_id)
    for mine, trial in zip(ours, theirs.trials, strict=True):
        same(mine, trial)
    claim = storage.reserve(study.study_id)
    assert claim is not None
    assert (claim.number, dict(claim.fixed)) == (6, {"x": 0.25})
    storage.describe(study.study_id, 6, TrialData({"x": 0.25}, {"x": FloatDistribution(1e-3, 1.0, log=True)}))
    assert storage.finish(study.study_id, 6, TrialState.COMPLETE, [2.0])
    theirs.tell(running, 3.0)
    assert trials_of(storage, study.study_id)[5].values == (3.0,)
    assert theirs.trials[6].value == 2.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert storage.reserve(study.study_id) is not None


def test_both_give_numbers_to_one_study_at_once(url: str) -> None:
    storage = RDBStorage(url)
    study = storage.create_or_open_study("both", [StudyDirection.MINIMIZE], exist_ok=False).study_id
    theirs = optuna.load_study(study_name="both", storage=url)
    for _ in range(5):
        theirs.ask()
        storage.reserve(study)
        storage.enqueue(study, [Point({"x": 0.5})])
        theirs.add_trial(optuna.create_trial(value=1.0))
    numbers = [trial.number for trial in trials_of(storage, study)]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) == 16  # each enqueued trial but the last was taken up once


def test_a_stale_trial_of_optunas_is_given_up_by_whoever_was_given_an_interval(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    heartbeat = optuna.storages.RDBStorage(url, heartbeat_interval=60, grace_period=120)
    theirs = optuna.create_study(study_name="theirs", storage=heartbeat)
    running = theirs.ask({"x": optuna.distributions.FloatDistribution(0, 1)})
    heartbeat.record_heartbeat(running._trial_id)
    storage = RDBStorage(url, heartbeat_interval=60, grace_period=120)
    study = storage.create_or_open_study("theirs", None, exist_ok=True).study_id
    assert storage.fail_stale(study, max_retries=1) == []
    with storage.engine.connect() as connection:
        connection.exec_driver_sql("UPDATE trial_heartbeats SET heartbeat = datetime('now', '-121 seconds')")
    assert RDBStorage(url).fail_stale(study, max_retries=1) == []
    assert storage.fail_stale(study, max_retries=1) == [], "clocks jump: it is looked at again after an interval"
    later = time.monotonic() + 61
    monkeypatch.setattr("time.monotonic", lambda: later)
    assert storage.fail_stale(study, max_retries=1) == [0]
    # Optuna's own callback understands the history of our retry.
    retry = theirs.trials[1]
    assert optuna.storages.RetryFailedTrialCallback.retried_trial_number(retry) == 0
    assert optuna.storages.RetryFailedTrialCallback.retry_history(retry) == [0]
    assert theirs.ask().suggest_float("x", 0, 1) == running.params["x"]


def test_a_retry_by_optunas_callback_runs_here(url: str) -> None:
    callback = optuna.storages.RetryFailedTrialCallback(max_retry=1)
    theirs = optuna.create_study(study_name="theirs", storage=url)
    trial = theirs.ask({"x": optuna.distributions.FloatDistribution(0, 1)})
    theirs.tell(trial, state=optuna.trial.TrialState.FAIL)
    callback(theirs, theirs.trials[0])
    storage = RDBStorage(url)
    study = storage.create_or_open_study("theirs", None, exist_ok=True).study_id
    claim = storage.reserve(study)
    assert claim is not None
    assert (claim.number, dict(claim.fixed)) == (1, trial.params)


def test_optunas_storage_takes_the_tables_as_its_own(url: str) -> None:
    fill(RDBStorage(url))
    theirs = optuna.storages.RDBStorage(url)
    assert theirs.get_current_version() == theirs.get_head_version()
    optuna.storages.RDBStorage(url, skip_compatibility_check=True, skip_table_creation=True)
    optuna.delete_study(study_name="ours", storage=url)
    assert RDBStorage(url).list_studies() == []
