"""Many threads on one study: no trial is lost, none is run twice, nothing is mixed up."""

from __future__ import annotations

import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import sweeper_core as hpo
from sweeper_core.trial import TrialState


class Chaos:
    """An objective that ends in every way there is, and remembers what it told."""

    def __init__(self) -> None:
        self.told: dict[int, dict[str, Any]] = {}

    def __call__(self, trial: Any) -> float:
        rng = random.Random(trial.number)
        mine: dict[str, Any] = {"params": {}, "reports": {}, "state": "COMPLETE", "value": None}
        assert trial.number not in self.told, "a trial was run twice"
        self.told[trial.number] = mine
        mine["params"]["x"] = trial.suggest_float("x", 0, 1)
        mine["params"]["kind"] = trial.suggest_categorical("kind", ["a", "b"])
        if mine["params"]["kind"] == "b":
            mine["params"]["n"] = trial.suggest_int("n", 1, 9)
        for step in range(rng.randrange(4)):
            mine["reports"][step] = rng.random()
            trial.report(mine["reports"][step], step)
            trial.should_prune()
        trial.set_user_attr("twice", 2 * trial.number)
        fate = rng.random()
        if fate < 0.1:
            mine["state"] = "FAIL"
            raise ValueError("by chance")
        if fate < 0.2:
            mine["state"] = "PRUNED"
            raise hpo.TrialPruned
        mine["value"] = rng.random()
        return float(mine["value"])


def check(study: Any, objective: Chaos, expected: int) -> None:
    trials = study.trials
    assert [trial.number for trial in trials] == list(range(expected))
    for trial in trials:
        mine = objective.told[trial.number]
        assert trial.state.name == mine["state"]
        assert trial.params == mine["params"]
        assert trial.intermediate_values == mine["reports"]
        assert trial.user_attrs == {"twice": 2 * trial.number}
        assert trial.value == (mine["reports"][max(mine["reports"])] if _pruned_with(mine) else mine["value"])
    best = min((trial for trial in trials if trial.state is TrialState.COMPLETE), key=lambda trial: trial.value)
    assert study.best_trial == best


def _pruned_with(mine: dict[str, Any]) -> bool:
    return mine["state"] == "PRUNED" and bool(mine["reports"])


def optimise(storage: Any, trials: int, jobs: int, seed: int = 0) -> None:
    study = hpo.create_study(
        storage=storage, sampler=hpo.samplers.TPESampler(seed=seed), pruner=hpo.pruners.MedianPruner()
    )
    objective, seen = Chaos(), Counter[int]()
    lock = threading.Lock()

    def callback(study: Any, trial: Any) -> None:
        with lock:
            seen[trial.number] += 1
        assert trial.state.is_finished()

    study.optimize(objective, n_trials=trials, n_jobs=jobs, catch=ValueError, callbacks=[callback])
    check(study, objective, trials)
    assert seen == Counter(range(trials))


@pytest.fixture(autouse=True)
def _quiet() -> Any:
    level = hpo.logging.get_verbosity()
    hpo.logging.set_verbosity(hpo.logging.CRITICAL)
    yield
    hpo.logging.set_verbosity(level)


def test_threads_in_memory() -> None:
    optimise(None, 60, 4)


def test_threads_on_sqlite(tmp_path: Path) -> None:
    optimise(f"sqlite:///{tmp_path}/threads.db", 24, 4)


def test_the_queue_is_taken_once_by_many_threads() -> None:
    study = hpo.create_study(sampler=hpo.samplers.RandomSampler(seed=0))
    for value in range(40):
        study.enqueue_trial({"n": value})
    with ThreadPoolExecutor(6) as pool:
        taken = list(pool.map(lambda _: study.ask().suggest_int("n", 0, 100), range(40)))
    assert sorted(taken) == list(range(40))


def test_stop_ends_all_threads() -> None:
    study = hpo.create_study(sampler=hpo.samplers.RandomSampler(seed=0))

    def objective(trial: Any) -> float:
        if trial.number == 20:
            trial.study.stop()
        return 0.0

    study.optimize(objective, n_jobs=4)
    assert 21 <= len(study.trials) <= 30
    assert all(trial.state is TrialState.COMPLETE for trial in study.trials)


@pytest.mark.parametrize("jobs", [0, -2])
def test_a_number_of_threads_that_means_nothing_is_refused(jobs: int) -> None:
    study = hpo.create_study()
    with pytest.raises(ValueError, match=f"n_jobs.*{jobs}"):
        study.optimize(lambda trial: 0.0, n_trials=1, n_jobs=jobs)
    assert not study.trials


def test_an_error_in_one_thread_ends_the_others_and_is_raised() -> None:
    study = hpo.create_study(sampler=hpo.samplers.RandomSampler(seed=0))

    def objective(trial: Any) -> float:
        if trial.number == 10:
            raise ZeroDivisionError
        return 0.0

    with pytest.raises(ZeroDivisionError):
        study.optimize(objective, n_jobs=3)
    assert {trial.state for trial in study.trials} == {TrialState.COMPLETE, TrialState.FAIL}


@pytest.mark.storm
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("where", ["memory", "sqlite", "journal"])
def test_a_storm_of_threads(where: str, seed: int, tmp_path: Path) -> None:
    storages = {"memory": None, "sqlite": f"sqlite:///{tmp_path}/storm.db", "journal": f"{tmp_path}/storm.log"}
    optimise(storages[where], 600 if where == "memory" else 150, 16, seed)


@pytest.mark.storm
def test_a_storm_of_askers_tellers_and_readers() -> None:
    study = hpo.create_study(sampler=hpo.samplers.RandomSampler(seed=1))
    told: dict[int, float] = {}
    stop = threading.Event()

    def work(worker: int) -> None:
        for index in range(200):
            if index % 7 == 0:
                study.enqueue_trial({"x": index / 1000})
            trial = study.ask()
            value = trial.suggest_float("x", 0, 1)
            told[trial.number] = value
            assert study.tell(trial, value).value == value

    def read() -> None:
        while not stop.is_set():
            trials = study.trials
            assert [trial.number for trial in trials] == list(range(len(trials)))
            assert all(trial.params == {"x": trial.value} for trial in trials if trial.state is TrialState.COMPLETE)

    reader = threading.Thread(target=read)
    reader.start()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    stop.set()
    reader.join()
    finished = {trial.number: trial.value for trial in study.trials if trial.state is TrialState.COMPLETE}
    assert finished == told
    assert len(told) == 1600
