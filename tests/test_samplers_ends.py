"""Finite samplers end, whatever trials do with their points; and what the ends of ranges are for samplers."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import sweeper_core
from sweeper_core.distributions import FloatDistribution, IntDistribution
from sweeper_core.exceptions import TrialPruned
from sweeper_core.samplers import (
    AutoSampler,
    BruteForceSampler,
    CmaEsSampler,
    GPSampler,
    GridSampler,
    NSGAIISampler,
    QMCSampler,
    RandomSampler,
    Sampler,
    TPESampler,
)
from sweeper_core.samplers._bounds import END, NEAR, beside_ends, inside
from sweeper_core.search_space.axes import MARGIN
from sweeper_core.search_space.space import SearchSpace
from sweeper_core.testing.simulation import Simulation

MAX_TRIALS = 60


def points(sampler: Any, objective: Callable[[Any], float]) -> Counter[tuple[Any, ...]]:
    """Return how often each point came in a study that is to end by itself."""
    study = sweeper_core.create_study(sampler=sampler)
    study.optimize(objective, n_trials=MAX_TRIALS, catch=(RuntimeError,))
    assert len(study.trials) < MAX_TRIALS, "the study did not end"
    return Counter(tuple(trial.params.values()) for trial in study.trials)


def ends_early(trial: Any) -> float:
    """Fails after the first parameter, is pruned after the second, or asks for all."""
    x = trial.suggest_int("x", 0, 2)
    if x == 1:
        raise RuntimeError
    y = trial.suggest_categorical("y", ["a", "b"])
    if x == 2:
        raise TrialPruned
    return float(trial.suggest_int("z", 0, 1) + (y == "a"))


def test_a_grid_covers_the_points_of_trials_that_ended_early() -> None:
    found = points(GridSampler({"x": [0, 1, 2], "y": ["a", "b"], "z": [0, 1]}, seed=4), ends_early)
    whole = {(0, y, z): 1 for y in "ab" for z in (0, 1)}
    assert found == {**whole, (1,): 4, (2, "a"): 2, (2, "b"): 2}


def test_brute_force_covers_each_branch_of_trials_that_ended_early_once() -> None:
    found = points(BruteForceSampler(seed=1), ends_early)
    assert found == dict.fromkeys([*((0, y, z) for y in "ab" for z in (0, 1)), (1,), (2, "a"), (2, "b")], 1)


@pytest.mark.parametrize(
    ("grid", "objective", "expected"),
    [
        ({"n": [1, 1, 2]}, lambda t: t.suggest_int("n", 1, 2), {(1,): 1, (2,): 1}),
        ({"n": [1, 2], "never": [1, 2]}, lambda t: t.suggest_int("n", 1, 2), {(1,): 2, (2,): 2}),
        ({"never": [1, 2]}, lambda t: 0.0, {(): 2}),
        ({"n": [1, 2]}, lambda t: t.suggest_categorical("n", [1.0, 2.0]), {(1.0,): 1, (2.0,): 1}),
        ({"n": [1, 2]}, lambda t: t.suggest_int("k", 3, 3) + t.suggest_int("n", 1, 2), {(3, 1): 1, (3, 2): 1}),
        (
            {"n": [1, 2], "branch": [1, 2]},
            lambda t: t.suggest_int("n", 1, 2) == 1 or t.suggest_int("branch", 1, 2),
            {(1,): 2, (2, 1): 1, (2, 2): 1},
        ),
    ],
    ids=["listed twice", "never asked", "nothing asked", "of another type", "beside a constant", "in one branch"],
)
def test_a_grid_ends(grid: dict[str, Any], objective: Any, expected: dict[tuple[Any, ...], int]) -> None:
    assert points(GridSampler(grid), objective) == expected


def test_brute_force_goes_on_where_a_range_has_grown() -> None:
    study = sweeper_core.create_study(sampler=BruteForceSampler(seed=0))
    study.optimize(lambda trial: trial.suggest_int("x", 0, 2))
    study.optimize(lambda trial: trial.suggest_int("x", 0, 5), n_trials=MAX_TRIALS)
    assert {trial.params["x"] for trial in study.trials} == set(range(6))
    assert len(study.trials) <= 7


@pytest.mark.parametrize("qmc_type", ["sobol", "halton"])
def test_a_plain_sequence_has_each_of_four_values_equally_often(qmc_type: str) -> None:
    simulation = Simulation(
        QMCSampler(qmc_type=qmc_type), SearchSpace.of({"n": IntDistribution(1, 4), "x": FloatDistribution(0, 1)})
    )
    simulation.run(lambda params: 0.0, 16)
    assert Counter(suggestion.params["n"] for suggestion in simulation.suggestions) == dict.fromkeys(range(1, 5), 4)
    assert min(suggestion.params["x"] for suggestion in simulation.suggestions) > 0.01


def test_source_trials_that_do_not_fit_are_told(caplog: pytest.LogCaptureFixture) -> None:
    earlier = sweeper_core.create_study(sampler=RandomSampler(seed=0))
    earlier.optimize(lambda trial: trial.suggest_float("other", 0, 1), n_trials=5)
    sampler = CmaEsSampler(seed=0, source_trials=earlier.trials, n_startup_trials=0)
    simulation = Simulation(sampler, SearchSpace.of({"x": FloatDistribution(0, 1), "y": FloatDistribution(0, 1)}))
    logging.getLogger("sweeper_core").addHandler(caplog.handler)
    try:
        simulation.run(lambda params: params["x"], 12)
    finally:
        logging.getLogger("sweeper_core").removeHandler(caplog.handler)
    said = [record.getMessage() for record in caplog.records if "source_trials" in record.getMessage()]
    assert said == [
        "None of the 5 `source_trials` is finished and has a value within the bounds for each of the parameters x, y: "
        "CMA-ES begins without them."
    ]


SAMPLERS: dict[str, Callable[[], Sampler]] = {
    "random": lambda: RandomSampler(seed=0),
    "tpe": lambda: TPESampler(seed=0),
    "cmaes": lambda: CmaEsSampler(seed=0),
    "nsga2": lambda: NSGAIISampler(seed=0, population_size=10),
    "gp": lambda: GPSampler(seed=0),
}


@pytest.mark.parametrize("name", ["cmaes", "gp"])
def test_an_optimum_at_an_end_is_approached(name: str) -> None:
    space = SearchSpace.of({"x": FloatDistribution(0.0, 1.0), "y": FloatDistribution(1e-4, 1.0, log=True)})
    simulation = Simulation(SAMPLERS[name](), space)
    simulation.run(lambda params: params["x"] - np.log(params["y"]) / np.log(1e4), 30 if name == "gp" else 200)
    unit = space.to_unit(np.array([space.encode(suggestion.params) for suggestion in simulation.suggestions]))
    assert np.min(unit[:, 0]) == pytest.approx(MARGIN, rel=1e-3)
    assert np.max(unit[:, 1]) == pytest.approx(1.0 - MARGIN, abs=1e-9)


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_range_as_wide_as_the_doubles_is_searched(name: str) -> None:
    found = []
    for scale in (1e308, 1.0):
        space = SearchSpace.of({"x": FloatDistribution(-1.7 * scale, 1.7 * scale)})
        simulation = Simulation(SAMPLERS[name](), space)
        simulation.run(lambda params, scale=scale: abs(params["x"] / scale - 0.7), 14)  # type: ignore[misc]
        found.append([suggestion.params["x"] / scale for suggestion in simulation.suggestions])
    np.testing.assert_allclose(found[0][:12], found[1][:12], atol=1e-6)
    assert min(abs(x - 0.7) for x in found[0]) < 0.3


def test_enqueued_ends_stay_legal() -> None:
    study = sweeper_core.create_study(sampler=AutoSampler(seed=0))
    for x in (0.0, 1.0):
        study.enqueue_trial({"x": x})
    study.optimize(lambda trial: trial.suggest_float("x", 0.0, 1.0), n_trials=3)
    assert [trial.params["x"] for trial in study.trials[:2]] == [0.0, 1.0]
    assert 0.0 < study.trials[2].params["x"] < 1.0


def test_coordinates_beyond_an_end_are_mirrored_unless_the_search_is_there() -> None:
    unit, far, near = (
        np.array([-0.1, 1.3, 0.5, -2.2]),
        np.full(4, 0.5),
        np.array([0.5 * NEAR, 1.0 - 0.5 * NEAR, 0.0, 0.0]),
    )
    np.testing.assert_allclose(inside(unit, far), [0.1, 0.7, 0.5, 0.2])
    np.testing.assert_allclose(inside(unit, near), [0.0, 1.0, 0.5, 0.0])


def test_a_search_stopped_by_an_end_goes_beside_it_until_the_best_points_are_there() -> None:
    unit, rng = np.array([0.0, 1.0, 0.0, 0.4]), np.random.default_rng(0)
    moved = beside_ends(unit, np.array([[0.5, 0.5, 0.5 * END, 0.0]]), rng)
    assert 0.0 < moved[0] < NEAR
    assert 1.0 - NEAR < moved[1] < 1.0
    assert list(moved[2:]) == [0.0, 0.4]
    assert 0.0 < beside_ends(np.zeros(1), np.array([[1e-3]]), rng)[0] < 1e-3
    # Points come near the end step by step only, so that a model sees an optimum that lies beside it.
    steps = [beside_ends(np.zeros(1), np.array([[0.5 * NEAR]]), rng)[0] for _ in range(200)]
    assert 0.05 * NEAR <= min(steps) < 0.1 * NEAR < 0.4 * NEAR < max(steps) <= 0.5 * NEAR
