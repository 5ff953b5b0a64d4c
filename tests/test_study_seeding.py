"""The random numbers of define-by-run trials are a function of the seed and the trial's number."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from scipy import stats

from sweeper_core.samplers import RandomSampler
from sweeper_core.storages import InMemoryStorage
from sweeper_core.study import Study, create_study
from sweeper_core.study._session.seeding import generator

PARAMETERS = 40


def many(trial: Any) -> float:
    """Ask for more parameters than anybody has drawn numbers for beforehand."""
    for index in range(PARAMETERS):
        trial.suggest_float(f"x{index}", 0.0, 1.0)
    return 0.0


def points(study: Study) -> np.ndarray[Any, Any]:
    """Return the parameters of all trials, ``(trials, parameters)``."""
    return np.array([list(trial.params.values()) for trial in study.trials])


def run(seed: int, *rounds: int) -> Study:
    study = create_study(sampler=RandomSampler(seed))
    for trials in rounds:
        study.optimize(many, n_trials=trials)
    return study


def test_the_same_seed_gives_the_same_numbers_in_one_go_or_several() -> None:
    assert np.array_equal(points(run(5, 7)), points(run(5, 3, 4)))
    assert not np.intersect1d(points(run(5, 2)), points(run(6, 2))).size


def test_a_trial_depends_on_its_number_alone() -> None:
    study = create_study(sampler=RandomSampler(5))
    trials = [study.ask() for _ in range(4)]
    for trial in reversed(trials):
        many(trial)
        study.tell(trial, 0.0)
    assert np.array_equal(points(study), points(run(5, 4)))


def test_a_samplers_generator_can_have_children() -> None:
    rng = generator(5, 3)
    if not hasattr(rng, "spawn"):
        pytest.skip("Generator.spawn came with NumPy 1.25")
    children = [child.random() for child in (*rng.spawn(2), *rng.spawn(1))]
    again = generator(5, 3)
    assert [child.random() for child in again.spawn(3)] == children
    assert len({*children, rng.random(), generator(5, 4).spawn(1)[0].random()}) == 5
    other = np.random.Generator(np.random.MT19937(rng.bit_generator.seed_seq))
    assert 0.0 <= other.random() < 1.0
    assert pickle.loads(pickle.dumps(again)).spawn(1)[0].random() == again.spawn(1)[0].random()


def test_the_numbers_are_uniform_and_none_comes_twice() -> None:
    found = points(run(1, 600))
    assert len(np.unique(found)) == found.size
    assert stats.kstest(found.ravel(), "uniform").pvalue > 1e-3
    correlations = np.corrcoef(found, rowvar=False)[np.triu_indices(PARAMETERS, 1)]
    assert np.abs(correlations).max() < 0.2
    neighbours = np.corrcoef(found[:-1].ravel(), found[1:].ravel())[0, 1]
    assert abs(neighbours) < 0.03


def test_a_parameter_that_goes_missing_does_not_make_a_resumed_study_another_one() -> None:
    def narrowing(trial: Any) -> float:
        if trial.number < 5:
            trial.suggest_float("x", 0.0, 1.0)
        return float(trial.suggest_int("n", 0, 40))

    def found(*rounds: int) -> list[int]:
        storage = InMemoryStorage()
        for trials in rounds:
            study = create_study(storage=storage, study_name="s", load_if_exists=True, sampler=RandomSampler(3))
            study.optimize(narrowing, n_trials=trials)
        return [trial.params["n"] for trial in study.trials]

    assert found(16) == found(8, 8) == found(3, 1, 12)
