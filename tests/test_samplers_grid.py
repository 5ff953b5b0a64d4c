"""Grid search covers every point of a finite space exactly once, and knows when it has."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from sweeper_core import create_study
from sweeper_core.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from sweeper_core.samplers import GridSampler
from sweeper_core.samplers.base import Request
from sweeper_core.search_space.space import Clause, Parameter, SearchSpace
from sweeper_core.testing.simulation import Simulation, record_of
from sweeper_core.trial.state import TrialState

FINITE = SearchSpace.of(
    {
        "a": IntDistribution(0, 3),
        "b": CategoricalDistribution([1, True, 1.0, "1", None]),
        "c": FloatDistribution(0.0, 0.3, step=0.1),
    }
)
CONDITIONAL = SearchSpace(
    [
        Parameter("model", CategoricalDistribution(["tree", "line", "none"])),
        Parameter("depth", IntDistribution(1, 3), when=(Clause("model", "in", ("tree",)),)),
        Parameter("leaf", CategoricalDistribution(["x", "y"]), when=(Clause("depth", ">", 1),)),
        Parameter("slope", IntDistribution(0, 1), when=(Clause("model", "in", ("line",)),)),
    ]
)


def points(simulation: Simulation) -> list[str]:
    return [repr(sorted(suggestion.params.items())) for suggestion in simulation.suggestions]


@pytest.mark.parametrize("space", [FINITE, CONDITIONAL], ids=["finite", "conditional"])
@pytest.mark.parametrize("seed", [None, 0, 7])
def test_covers_every_point_once_then_is_exhausted(space: SearchSpace, seed: int | None) -> None:
    simulation = Simulation(GridSampler(seed=seed), space)
    expected = sorted(repr(sorted(point.items())) for point in space.points())
    while not simulation.sampler.exhausted(space, simulation.history):
        simulation.run(lambda params: 0.0, 1)
    assert sorted(points(simulation)) == expected


def test_keeps_the_written_order_without_a_seed_and_shuffles_with_one() -> None:
    plain, shuffled = Simulation(GridSampler(), FINITE), Simulation(GridSampler(seed=1), FINITE)
    plain.run(lambda params: 0.0, 80)
    shuffled.run(lambda params: 0.0, 80)
    written = [repr(sorted(point.items())) for point in FINITE.points()]
    assert points(plain) == written
    assert points(shuffled) != written
    assert sorted(points(shuffled)) == sorted(written)


def test_points_repeat_once_the_grid_is_covered() -> None:
    simulation = Simulation(GridSampler({"a": [0, 1]}), SearchSpace.of({"a": IntDistribution(0, 3)}))
    simulation.run(lambda params: 0.0, 6)
    assert Counter(suggestion.params["a"] for suggestion in simulation.suggestions) == {0: 3, 1: 3}


def test_goes_on_around_what_the_history_has() -> None:
    simulation = Simulation(GridSampler(), FINITE)
    taken = [{"a": 0, "b": True, "c": 0.2}, {"a": 3, "b": None, "c": 0.3}]
    states = [TrialState.FAIL, TrialState.RUNNING]
    for number, (params, state) in enumerate(zip(taken, states, strict=True)):
        simulation.table.fold([record_of(number, FINITE, params, state)])
        simulation.suggestions.append(None)  # type: ignore[arg-type]
    simulation.run(lambda params: 0.0, 78)
    assert simulation.sampler.exhausted(FINITE, simulation.history)
    asked = [repr(sorted(suggestion.params.items())) for suggestion in simulation.suggestions[2:]]
    assert len(set(asked) | {repr(sorted(point.items())) for point in taken}) == 80


def test_processes_that_do_not_see_each_other_take_different_points() -> None:
    history = Simulation(GridSampler(), FINITE).history
    rng = np.random.default_rng(0)
    asked = [GridSampler(seed=3).suggest(Request(FINITE, number), history, rng).params for number in range(80)]
    assert len({repr(point) for point in asked}) == 80


def test_explicit_values_need_not_be_on_the_distribution() -> None:
    space = SearchSpace.of({"x": FloatDistribution(-5, 5, step=1.0), "y": FloatDistribution(0, 1)})
    simulation = Simulation(GridSampler({"x": [-0.5, 0.5], "y": [0.25, 1]}), space)
    with pytest.warns(UserWarning, match="out of the range"):
        simulation.run(lambda params: 0.0, 4)
    assert {(s.params["x"], s.params["y"]) for s in simulation.suggestions} == {
        (-0.5, 0.25), (-0.5, 1), (0.5, 0.25), (0.5, 1)
    }  # fmt: skip
    assert simulation.sampler.exhausted(space, simulation.history)


def test_define_by_run_requests_agree_on_one_point() -> None:
    values: dict[str, list[Any]] = {"x": [0, 1, 2], "y": ["a", "b"]}
    full = SearchSpace.of({"x": IntDistribution(0, 2), "y": CategoricalDistribution(["a", "b"])})
    simulation = Simulation(GridSampler(values, seed=5), full)
    seen = []
    for number in range(6):
        rng = np.random.default_rng([0, number])
        first = simulation.sampler.suggest(Request(full.select(["x"]), number), simulation.history, rng).params
        both = simulation.sampler.suggest(Request(full, number, first), simulation.history, rng).params
        assert both["x"] == first["x"]
        seen.append((both["x"], both["y"]))
        simulation.table.fold([record_of(number, full, both, values=[0.0])])
    assert len(set(seen)) == 6


def test_a_given_value_restricts_the_cover() -> None:
    simulation = Simulation(GridSampler(), FINITE)
    points = set()
    for _ in range(20):
        number, params = simulation.ask({"a": 2})
        simulation.tell(number, 0.0)
        assert params["a"] == 2
        points.add(repr(params))
    assert len(points) == 20


def test_a_continuous_parameter_is_refused_with_advice() -> None:
    space = SearchSpace.of({"a": IntDistribution(0, 3), "lr": FloatDistribution(0, 1)})
    with pytest.raises(ValueError, match=r"'lr' is continuous.*step"):
        Simulation(GridSampler(), space).ask()


def test_a_parameter_without_values_is_refused() -> None:
    with pytest.raises(ValueError, match="y, is not found in the given grid"):
        Simulation(
            GridSampler({"a": [0]}), SearchSpace.of({"a": IntDistribution(0, 3), "y": IntDistribution(0, 1)})
        ).ask()
    with pytest.raises(ValueError, match="list of values"):
        GridSampler({"a": []})
    with pytest.raises(ValueError, match="more than"):
        GridSampler(search_space={name: list(range(64)) for name in "abcd"})


def test_a_grid_of_branches_that_objectives_enter_ends_once_each_point_was_tried() -> None:
    study = create_study(sampler=GridSampler())

    def objective(trial: Any) -> float:
        if trial.suggest_categorical("model", ["tree", "none"]) == "none":
            return 0.0
        return float(trial.suggest_int("depth", 1, 6))

    study.optimize(objective, n_trials=30)
    assert len({tuple(trial.params.items()) for trial in study.trials}) == 7
    assert len(study.trials) <= 8  # the first trial without "depth" might as well tell that it was removed
