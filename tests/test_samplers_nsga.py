"""NSGA-II and NSGA-III: what they find, what they keep to, and that nothing but the history decides."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sweeper_core.directions import StudyDirection
from sweeper_core.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from sweeper_core.maths.hypervolume import hypervolume
from sweeper_core.samplers.base import Request, Sampler
from sweeper_core.samplers.nsgaii import (
    BaseCrossover,
    BLXAlphaCrossover,
    NSGAIISampler,
    PolynomialMutation,
    SBXCrossover,
    SPXCrossover,
    UNDXCrossover,
    UniformCrossover,
    UniformMutation,
    VSBXCrossover,
)
from sweeper_core.samplers.nsgaiii import NSGAIIISampler
from sweeper_core.samplers.random import RandomSampler
from sweeper_core.search_space.space import Clause, Parameter, SearchSpace
from sweeper_core.testing.simulation import Simulation, record_of
from sweeper_core.trial.state import TrialState

MINIMISE = StudyDirection.MINIMIZE
FLOATS = SearchSpace.of({f"x{i}": FloatDistribution(0.0, 1.0) for i in range(6)})
MIXED = SearchSpace(
    [
        Parameter("model", CategoricalDistribution(["tree", "net", ["nested", 1]])),
        Parameter("rate", FloatDistribution(1e-5, 1.0, log=True), (Clause("model", "in", ("net",)),)),
        Parameter("depth", IntDistribution(1, 100, log=True), (Clause("model", "in", ("tree",)),)),
        Parameter("step", FloatDistribution(0.0, 1.0, step=0.1)),
        Parameter("size", CategoricalDistribution(["s", "m", "l"]), ordered=True),
        Parameter("units", IntDistribution(8, 64, step=8)),
    ]
)
CROSSOVERS = [
    UniformCrossover(),
    BLXAlphaCrossover(),
    SPXCrossover(),
    UNDXCrossover(),
    SBXCrossover(),
    VSBXCrossover(),
]
BOTH = pytest.mark.parametrize("sampler", [NSGAIISampler, NSGAIIISampler])


def zdt1(params: dict[str, Any]) -> list[float]:
    x = np.array(list(params.values()))
    g = 1 + 9 * x[1:].mean()
    return [float(x[0]), float(g * (1 - np.sqrt(x[0] / g)))]


def mixed(params: dict[str, Any]) -> list[float]:
    first = params.get("rate", 0.3) + params["step"] + params.get("depth", 50) / 100
    return [first, params["units"] / 64 + (params["size"] == "l") - first / 3]


def front_volume(sampler: Sampler, space: SearchSpace, objective: Callable[..., Any], n: int, top: float) -> float:
    study = Simulation(sampler, space, [MINIMISE] * 2)
    study.run(objective, n)
    return hypervolume(study.history.values, np.full(2, top))


@BOTH
def test_the_front_is_better_than_that_of_random_points(sampler: type) -> None:
    found = front_volume(sampler(population_size=20), FLOATS, zdt1, 160, 8.0)
    assert found > front_volume(RandomSampler(), FLOATS, zdt1, 640, 8.0)


@pytest.mark.parametrize("crossover", CROSSOVERS, ids=str)
def test_every_crossover_improves_on_random_search(crossover: BaseCrossover) -> None:
    sampler = NSGAIISampler(population_size=20, crossover=crossover)
    assert front_volume(sampler, FLOATS, zdt1, 200, 8.0) > front_volume(RandomSampler(), FLOATS, zdt1, 200, 8.0)


@BOTH
def test_one_objective_to_be_maximised(sampler: type) -> None:
    study = Simulation(sampler(population_size=10), FLOATS, [StudyDirection.MAXIMIZE])
    study.run(lambda params: -sum((x - 0.7) ** 2 for x in params.values()), 200)
    assert study.history.values[:50].min() > 2 * study.history.values.min()


@BOTH
@pytest.mark.parametrize("crossover", [None, *CROSSOVERS], ids=str)
def test_points_of_a_conditional_mixed_space_are_complete_and_allowed(
    sampler: type, crossover: BaseCrossover | None
) -> None:
    study = Simulation(sampler(population_size=6, crossover=crossover), MIXED, [MINIMISE] * 2)
    study.run(mixed, 60)
    for suggestion in study.suggestions:
        params = suggestion.params
        assert set(params) == {p.name for p in MIXED if MIXED.is_active(p.name, params)}
        assert all(MIXED[name].distribution.contains(value) for name, value in params.items())


@BOTH
def test_given_values_are_kept(sampler: type) -> None:
    study = Simulation(sampler(population_size=5), MIXED, [MINIMISE] * 2)
    study.run(mixed, 20)
    _, params = study.ask({"model": "net", "units": 16})
    assert (params["model"], params["units"]) == ("net", 16)
    assert "depth" not in params


@BOTH
def test_a_parameter_asked_for_alone_is_bred_from_those_that_have_it(sampler: type) -> None:
    """A define-by-run study suggests one parameter at a time, beside those suggested before."""
    study = Simulation(sampler(population_size=6), MIXED, [MINIMISE] * 2)
    study.run(lambda p: [0.0 if p.get("rate", 1.0) < 1e-3 else 1.0, 0.0], 120)
    alone = MIXED.select(["model", "rate"])
    rates = [
        sampler(population_size=6)
        .suggest(Request(alone, 120, {"model": "net"}), study.history, np.random.default_rng(seed))
        .params["rate"]
        for seed in range(30)
    ]
    assert np.median(rates) < 1e-3


@BOTH
def test_infeasible_trials_lose_against_feasible_ones(sampler: type) -> None:
    study = Simulation(sampler(population_size=10), FLOATS, [MINIMISE] * 2)
    feasible = []
    for _ in range(150):
        number, params = study.ask()
        excess = 0.6 - params["x1"]
        study.tell(number, zdt1(params), constraints={"enough": excess})
        feasible.append(excess <= 0)
    assert np.mean(feasible[-40:]) > 0.7 > np.mean(feasible[:10])


@BOTH
def test_a_constraint_that_some_trials_lack_is_no_obstacle(sampler: type) -> None:
    study = Simulation(sampler(population_size=5), FLOATS, [MINIMISE] * 2)
    for k in range(30):
        number, params = study.ask()
        study.tell(number, zdt1(params), constraints={"c": 1.0} if k % 2 else None)
    assert len(study.suggestions) == 30


@BOTH
def test_suggestions_depend_on_history_and_generator_alone(sampler: type) -> None:
    study = Simulation(sampler(population_size=7), MIXED, [MINIMISE] * 2, seed=3)
    study.run(mixed, 60)
    old = study.sampler
    for number in (20, 33, 59):
        request = Request(MIXED, number)
        history = study.table.history(number)
        fresh = sampler(population_size=7).suggest(request, history, np.random.default_rng([3, number]))
        assert fresh.params == study.suggestions[number].params
        assert old.suggest(request, history, np.random.default_rng([3, number])).params == fresh.params


@BOTH
def test_a_trial_that_ends_late_or_changes_its_constraints_is_seen(sampler: type) -> None:
    """The memo never decides: suggestions are those of a sampler without one."""
    study = Simulation(sampler(population_size=5), FLOATS, [MINIMISE] * 2)
    late, params = study.ask()
    study.run(zdt1, 40)
    for change in ({}, {"constraints": {"c": 2.0}}):
        study.table.fold(
            [
                record_of(
                    late, FLOATS, params, TrialState.COMPLETE, [0.0, 0.0], suggestion=study.suggestions[0], **change
                )
            ]
        )
        request = Request(FLOATS, 41)
        with_memo, without = (
            s.suggest(request, study.history, np.random.default_rng(0))
            for s in (study.sampler, sampler(population_size=5))
        )
        assert with_memo == without
        study.run(zdt1, 3)


@BOTH
def test_many_lanes_never_wait(sampler: type) -> None:
    study = Simulation(sampler(population_size=8), FLOATS, [MINIMISE] * 2)
    running = [study.ask() for _ in range(12)]
    for _ in range(60):
        number, params = running.pop(0)
        study.tell(number, zdt1(params))
        running.append(study.ask())
    late = np.array([zdt1(s.params) for s in study.suggestions[-20:]])
    early = np.array([zdt1(s.params) for s in study.suggestions[:20]])
    assert np.median(late[:, 1]) < np.median(early[:, 1])


@BOTH
def test_failed_trials_have_no_children(sampler: type) -> None:
    study = Simulation(sampler(population_size=5), FLOATS, [MINIMISE] * 2)
    study.run(lambda params: None, 30)
    assert len(study.suggestions) == 30
    assert all("random" in s.why for s in study.suggestions)


@BOTH
def test_a_finite_space_is_covered_before_anything_repeats(sampler: type) -> None:
    space = SearchSpace.of({"a": IntDistribution(0, 3), "b": CategoricalDistribution(["x", "y", "z"])})
    study = Simulation(sampler(population_size=4), space, [MINIMISE] * 2)
    study.run(lambda p: [p["a"], -p["a"]], 12)
    assert len({tuple(s.params.values()) for s in study.suggestions}) == 12


@BOTH
def test_no_child_repeats_an_earlier_point(sampler: type) -> None:
    space = SearchSpace.of(
        {
            "x": FloatDistribution(0, 1),
            "n": IntDistribution(0, 3),
            "c": CategoricalDistribution(["a", "b"]),
        }
    )
    for seed in range(3):
        study = Simulation(sampler(population_size=4), space, [MINIMISE] * 2, seed=seed)
        study.run(lambda p: [p["x"] + p["n"], p["n"] - p["x"]], 60)
        assert len({tuple(s.params.values()) for s in study.suggestions}) == 60


@BOTH
def test_a_narrowed_range_uses_what_still_fits(sampler: type) -> None:
    study = Simulation(sampler(population_size=5), FLOATS, [MINIMISE] * 2)
    study.run(zdt1, 30)
    narrow = SearchSpace.of({name: FloatDistribution(0.4, 0.6) for name in FLOATS.names})
    for seed in range(10):
        found = sampler(population_size=5).suggest(Request(narrow, 30), study.history, np.random.default_rng(seed))
        assert all(0.4 <= x <= 0.6 for x in found.params.values())


def test_the_generation_grows_with_the_completed_trials() -> None:
    study = Simulation(NSGAIISampler(population_size=10), FLOATS, [MINIMISE] * 2)
    study.run(zdt1, 31)
    assert [s.generation for s in study.suggestions[::10]] == [0, 1, 2, 3]


def test_reference_points_decide_where_the_population_gathers() -> None:
    towards_second = np.array([[1.0, 0.05]])
    values = []
    for points in (towards_second, towards_second[:, ::-1]):
        study = Simulation(NSGAIIISampler(population_size=6, reference_points=points), FLOATS, [MINIMISE] * 2)
        study.run(zdt1, 150)
        values.append(np.median(study.history.values[-60:, 0]))
    assert values[0] > values[1] + 0.1


def test_reference_points_for_another_number_of_objectives_are_refused() -> None:
    study = Simulation(NSGAIIISampler(population_size=4, reference_points=np.eye(3)), FLOATS, [MINIMISE] * 2)
    with pytest.raises(ValueError, match="3 columns, but the study has 2 objectives"):
        study.run(zdt1, 12)


@pytest.mark.parametrize("mutation", [PolynomialMutation(), UniformMutation()], ids=str)
def test_mutations_stay_within_bounds_and_move(mutation: Any) -> None:
    random = np.random.RandomState(0)
    bounds = np.array([2.0, 5.0])
    moved = [mutation.mutation(start, random, None, bounds) for start in np.linspace(2.0, 5.0, 200)]
    assert min(moved) >= 2.0
    assert max(moved) <= 5.0
    assert len(set(moved)) == 200


def test_polynomial_mutation_of_a_middle_value_has_the_published_distribution() -> None:
    """Far from the bounds the step's distribution function is 1/2 (1 + step)**(eta + 1) below zero."""
    random = np.random.RandomState(0)
    steps = np.array(
        [PolynomialMutation(eta=8.0).mutation(0.5, random, None, np.array([0.0, 1.0])) for _ in range(4000)]
    )
    for step in (-0.2, -0.1, -0.05):
        bound = 0.5**9.0  # what the bounded form adds at half the range
        expected = ((1 + step) ** 9.0 - bound) / (2 * (1 - bound))
        assert np.mean(steps - 0.5 < step) == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("crossover", CROSSOVERS, ids=str)
def test_crossovers_centre_on_their_parents(crossover: BaseCrossover) -> None:
    """Averaged over many children and both orders, each coordinate's mean is the parents' mean."""
    random = np.random.RandomState(1)
    parents = np.array([[0.3, 0.6, 0.5], [0.5, 0.4, 0.5], [0.4, 0.5, 0.7]])[: crossover.n_parents]
    study = SimpleNamespace(directions=(MINIMISE, MINIMISE))
    bounds = np.tile([0.0, 1.0], (3, 1))
    orders = [parents, parents[::-1]] if crossover.n_parents == 2 else [np.roll(parents, k, axis=0) for k in range(3)]
    children = np.array([crossover.crossover(order, random, study, bounds) for order in orders for _ in range(3000)])
    assert children.mean(axis=0) == pytest.approx(parents.mean(axis=0), abs=0.02)


@BOTH
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"population_size": 1}, "population_size.*at least 2"),
        ({"population_size": 2, "crossover": SPXCrossover()}, "population_size.*at least 3"),
        ({"mutation_prob": 1.5}, "mutation_prob"),
        ({"crossover_prob": -0.1}, "crossover_prob"),
        ({"swapping_prob": 2}, "swapping_prob"),
        ({"crossover": "sbx"}, "BaseCrossover"),
        ({"mutation": "uniform"}, "BaseMutation"),
    ],
)
def test_wrong_arguments_are_named(sampler: type, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sampler(**arguments)


@pytest.mark.parametrize("points", [[1.0, 2.0], [[0.0, 0.0]], [[-1.0, 1.0]], [[np.nan, 1.0]]])
def test_wrong_reference_points_are_refused(points: Any) -> None:
    with pytest.raises(ValueError, match="reference_points"):
        NSGAIIISampler(reference_points=points)


@BOTH
def test_a_users_selection_and_children_take_the_place_of_the_algorithms(sampler: type) -> None:
    seen: list[int] = []

    def elite(study: Any, trials: list[Any]) -> list[Any]:
        return sorted(trials, key=lambda trial: trial.values[0])[:3]

    def child(study: Any, space: dict[str, Any], parents: list[Any]) -> dict[str, Any]:
        seen.append(len(parents))
        assert study.directions == (StudyDirection.MAXIMIZE, MINIMISE)
        assert all(trial.params["model"] in MIXED["model"].distribution.choices for trial in parents)
        assert min(trial.values[0] for trial in parents) >= 0.0
        return {"model": "net", "rate": 1e-3}

    own = sampler(population_size=4, elite_population_selection_strategy=elite, child_generation_strategy=child)
    study = Simulation(own, MIXED, [StudyDirection.MAXIMIZE, MINIMISE])
    study.run(mixed, 20)
    assert set(seen) == {3}
    assert all(s.params["rate"] == 1e-3 and "units" in s.params for s in study.suggestions[4:])
