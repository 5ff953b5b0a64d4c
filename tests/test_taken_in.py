"""What is taken in from users: choices, attributes, enqueued values and results, by every face and storage."""

from __future__ import annotations

import enum
import json
import math
import time
import warnings
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sweeper_core import TrialPruned, create_study, create_trial
from sweeper_core.distributions import CategoricalDistribution
from sweeper_core.plain import plain
from sweeper_core.samplers import RandomSampler, TPESampler
from sweeper_core.storages import get_storage
from sweeper_core.study import Study
from sweeper_core.study._job.current import current_trial
from sweeper_core.study._job.handle import TrialHandle, activated
from sweeper_core.trial import Trial, TrialState


class Optimizer(str, enum.Enum):
    SGD = "sgd"
    ADAM = "adam"


class Size(enum.IntEnum):
    SMALL = 1
    LARGE = 2


class Layer:
    """Something that JSON cannot say."""


class Tensor:
    """What tensors offer."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def tolist(self) -> Any:
        return self._value


URLS: list[Callable[[Path], str | None]] = [
    lambda _: None,
    lambda folder: f"sqlite:///{folder}/s.db",
    lambda folder: f"{folder}/s.log",
]


@pytest.fixture(params=URLS, ids=["memory", "sqlite", "journal"])
def study(request: pytest.FixtureRequest, tmp_path: Path) -> Study:
    return create_study(storage=request.param(tmp_path), sampler=TPESampler(seed=1, n_startup_trials=3))


def optimized(study: Study, objective: Callable[[Trial], Any], n_trials: int = 8) -> Study:
    study.optimize(objective, n_trials=n_trials)
    return study


CHOICES: dict[str, tuple[Any, list[Any]]] = {
    "enumeration": (Optimizer, [Optimizer.SGD, Optimizer.ADAM]),
    "members": ([Size.SMALL, Size.LARGE, 3], [Size.SMALL, Size.LARGE, 3]),
    "tuples": ([(1, 1), (1, 2)], [(1, 1), (1, 2)]),
    "nested": ([[(1, 2)], {"a": (3,)}], [[(1, 2)], {"a": (3,)}]),
    "keys": ({"a": 1, "b": 2}.keys(), ["a", "b"]),
    "range": (range(3), [0, 1, 2]),
    "array": (np.array([0.5, 0.25]), [0.5, 0.25]),
    "scalars": ([np.float32(0.5), np.int64(2), np.bool_(True), np.str_("x")], [0.5, 2, True, "x"]),
    "set": (frozenset({7}), [7]),
}


@pytest.mark.parametrize("name", CHOICES)
def test_choices_come_back_as_the_objects_given(name: str, study: Study) -> None:
    choices, wanted = CHOICES[name]

    def objective(trial: Trial) -> float:
        value = trial.suggest_categorical("c", choices)
        assert any(type(value) is type(each) and value == each for each in wanted)
        assert trial.params["c"] == value
        assert type(trial.params["c"]) is type(value)
        assert trial.suggest_categorical("c", choices) == value
        return float(wanted.index(value))

    optimized(study, objective)
    assert study.best_value == 0.0
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * 8


def test_choices_are_the_very_objects(study: Study) -> None:
    tuples = [(1, 1), (1, 2)]
    trial = study.ask({"c": CategoricalDistribution(tuples)})
    assert any(trial.params["c"] == each for each in tuples)
    assert any(trial.suggest_categorical("c", tuples) is each for each in tuples)
    study.enqueue_trial({"c": (1, 2), "o": Optimizer.ADAM})
    queued = study.ask()
    assert queued.suggest_categorical("c", tuples) is tuples[1]
    assert queued.suggest_categorical("o", Optimizer) is Optimizer.ADAM


def test_choices_that_json_cannot_say_work_in_memory_with_a_warning(tmp_path: Path) -> None:
    study = create_study(sampler=TPESampler(seed=1, n_startup_trials=3))
    with pytest.warns(UserWarning, match="Layer.*works in memory only") as warned:
        optimized(study, lambda trial: float(trial.suggest_categorical("c", [Layer, dict]) is Layer))
    assert warned[0].filename == __file__
    assert study.best_params == {"c": dict}
    stored = create_study(storage=f"sqlite:///{tmp_path}/s.db")
    with pytest.warns(UserWarning, match="in memory only"), pytest.raises(ValueError, match=r"Layer.*cannot be stored"):
        optimized(stored, lambda trial: float(trial.suggest_categorical("c", [Layer, dict]) is Layer))


@pytest.mark.parametrize("choices", ["abc", b"abc", 3, []], ids=repr)
def test_what_are_no_choices_is_refused(choices: Any) -> None:
    with pytest.raises(ValueError, match="choices"):
        CategoricalDistribution(choices)


def test_choices_may_be_added(study: Study) -> None:
    optimized(study, lambda trial: float(trial.suggest_categorical("c", ["a", "b"]) == "a"), 4)
    optimized(study, lambda trial: float(trial.suggest_categorical("c", ["a", "b", "c"]) != "c"), 12)
    assert study.best_value == 0.0
    assert {trial.params["c"] for trial in study.trials} == {"a", "b", "c"}
    optimized(study, lambda trial: float(trial.suggest_categorical("c", ["a", "b"]) == "a"), 1)
    # One choice has to stay: others are another parameter under the same name.
    with pytest.raises(ValueError, match=r"'c'.*choice\(.*a.*\).*choice\(y, z\)"):
        optimized(study, lambda trial: float(trial.suggest_categorical("c", ["y", "z"]) == "y"), 1)


VALUES: dict[str, tuple[Any, Any]] = {
    "float32": (np.float32(0.5), 0.5),
    "int64": (np.int64(3), 3),
    "bool": (np.bool_(True), True),
    "text": (np.str_("x"), "x"),
    "array": (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
    "nested": ({"a": [np.float64(1.5), (np.int8(2),)]}, {"a": [1.5, [2]]}),
    "tensor": (Tensor([1.0, 2.0]), [1.0, 2.0]),
    "decimal": (Decimal("0.25"), 0.25),
    "fraction": (Fraction(1, 4), 0.25),
    "member": (Optimizer.SGD, "sgd"),
    "tuple": ((1, "a"), [1, "a"]),
    "keys": ({np.int64(1): 2}, {1: 2}),
    "plain": ({"a": [None, True, 1, 1.5, "x"]}, {"a": [None, True, 1, 1.5, "x"]}),
}


@pytest.mark.parametrize("name", VALUES)
def test_attributes_are_made_plain(name: str, study: Study) -> None:
    value, wanted = VALUES[name]
    wanted = json.loads(json.dumps(wanted)) if name == "keys" and study._storage.outlives_process else wanted
    trial = study.ask()
    trial.set_user_attr("a", value)
    assert trial.user_attrs == {"a": plain(value)}
    study.tell(trial, 1.0)
    study.set_user_attr("s", value)
    study.enqueue_trial({"x": 0.5}, user_attrs={"a": value})
    study.add_trial(create_trial(value=1.0, user_attrs={"a": value}))
    for number in (0, 1, 2):
        stored = study.trials[number].user_attrs["a"]
        assert (stored, type(stored)) == (wanted, type(wanted))
    assert study.user_attrs == {"s": wanted}


@pytest.mark.parametrize("name", VALUES)
def test_attributes_of_a_sweeps_job_are_made_plain(name: str, tmp_path: Path) -> None:
    value, wanted = VALUES[name]
    url = f"sqlite:///{tmp_path}/s.db"
    study = create_study(study_name="s", storage=url)
    study.ask()
    TrialHandle(url, "s", 0).write(tmp_path / "0")
    with activated(tmp_path / "0"):
        current_trial().set_user_attr("a", value)
        current_trial().report(np.float32(0.5), np.int64(1))
        current_trial().set_constraint("c", np.float64(-1.0))
    trial = study.trials[0]
    assert trial.user_attrs == {"a": json.loads(json.dumps(wanted))}
    assert (trial.intermediate_values, trial.constraints) == ({1: 0.5}, {"c": -1.0})


RESULTS: dict[str, tuple[Any, list[float]]] = {
    "float32": (np.float32(0.5), [0.5]),
    "int64": (np.int64(2), [2.0]),
    "scalar array": (np.array(0.5), [0.5]),
    "array of one": (np.array([0.5]), [0.5]),
    "array of two": (np.array([0.5, 1.0]), [0.5, 1.0]),
    "tensor": (Tensor([0.5, 1.0]), [0.5, 1.0]),
    "tuple": ((np.float64(0.5), 1), [0.5, 1.0]),
    "decimal": (Decimal("0.5"), [0.5]),
    "bool": (True, [1.0]),
}


@pytest.mark.parametrize("name", RESULTS)
def test_results_are_made_numbers(name: str) -> None:
    value, wanted = RESULTS[name]
    study = create_study(directions=["minimize"] * len(wanted))
    study.optimize(lambda _: value, n_trials=1)
    study.tell(study.ask(), value)
    assert [trial.values for trial in study.trials] == [wanted] * 2


ENQUEUED: dict[str, Any] = {"x": np.float32(0.5), "n": np.int64(3), "c": np.str_("b"), "t": (1, 2)}


def test_enqueued_values_are_made_plain(study: Study) -> None:
    study.enqueue_trial(ENQUEUED)
    study.enqueue_trial(ENQUEUED, skip_if_exists=True)
    assert len(study.trials) == 1

    def objective(trial: Trial) -> float:
        assert trial.suggest_float("x", 0.0, 1.0) == 0.5
        assert trial.suggest_int("n", 0, 5) == 3
        assert trial.suggest_categorical("c", ["a", "b"]) == "b"
        assert trial.suggest_categorical("t", [(1, 2), (3, 4)]) == (1, 2)
        return 0.0

    optimized(study, objective, 1)
    assert study.best_trial.params["x"] == 0.5


def test_settings_of_numpy() -> None:
    study = create_study(sampler=RandomSampler(seed=int(np.int64(3))))
    study.optimize(lambda trial: trial.suggest_float("x", np.float32(0), np.int64(1)), n_trials=np.int64(2))
    assert len(study.trials) == 2


def test_the_trial_pruned_of_another_library_prunes() -> None:
    class TheirError(Exception):
        pass

    theirs = type("TrialPruned", (TheirError,), {})

    def objective(trial: Trial) -> float:
        trial.report(0.5, 1)
        raise theirs

    study = create_study()
    study.optimize(objective, n_trials=2)
    assert [(trial.state, trial.value) for trial in study.trials] == [(TrialState.PRUNED, 0.5)] * 2


def test_optunas_own_trial_pruned_prunes() -> None:
    optuna = pytest.importorskip("optuna")

    def objective(trial: Trial) -> float:
        raise optuna.TrialPruned if trial.number else TrialPruned

    study = create_study()
    study.optimize(objective, n_trials=2)
    assert [trial.state for trial in study.trials] == [TrialState.PRUNED] * 2


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize(
    ("started", "completed"),
    [
        (datetime(2026, 10, 25, 0, 50), datetime(2026, 10, 25, 1, 10)),  # 2:50 summer time to 2:10 winter time
        (datetime(2026, 3, 29, 0, 50), datetime(2026, 3, 29, 1, 10)),
        (datetime(2026, 7, 1, 0, 50), datetime(2026, 7, 1, 1, 10)),
    ],
    ids=["end of summer time", "beginning of summer time", "summer"],
)
def test_durations_do_not_know_summer_time(started: datetime, completed: datetime) -> None:
    study = create_study()
    record = create_trial(value=1.0).to_record()
    object.__setattr__(record, "started", started)
    object.__setattr__(record, "completed", completed)
    study._storage.add_finished(study._study_id, [record])
    assert study.trials[0].duration == timedelta(minutes=20)
    assert study.trials_dataframe()["duration"][0] == timedelta(minutes=20)


def test_what_cannot_be_made_plain_stays() -> None:
    one = Layer()
    assert plain(one) is one
    assert plain(math.inf) == math.inf
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert plain([np.array(1)]) == [1]


def test_a_storage_names_the_attribute_that_it_cannot_keep(tmp_path: Path) -> None:
    study = create_study(storage=get_storage(f"sqlite:///{tmp_path}/s.db"))
    with pytest.raises(TypeError, match="JSON"):
        study.ask().set_user_attr("a", Layer())
