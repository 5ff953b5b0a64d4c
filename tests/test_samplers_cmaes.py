"""The CMA-ES sampler: what it finds, on which spaces, and that its state is the history's."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sweeper_core.directions import StudyDirection
from sweeper_core.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from sweeper_core.samplers._cma.run import dimensions_of, orthogonal
from sweeper_core.samplers.base import Request
from sweeper_core.samplers.cmaes import CmaEsSampler
from sweeper_core.samplers.random import RandomSampler
from sweeper_core.search_space.space import Clause, Parameter, SearchSpace
from sweeper_core.testing.simulation import Simulation
from sweeper_core.trial.frozen import FrozenTrial
from sweeper_core.trial.record import Layout, TrialRecord
from sweeper_core.trial.state import TrialState

FLOATS = SearchSpace.of({f"x{i}": FloatDistribution(-5.0, 5.0) for i in range(5)})
MIXED = SearchSpace(
    [
        Parameter("rate", FloatDistribution(1e-6, 1.0, log=True)),
        Parameter("units", IntDistribution(1, 1024, log=True)),
        Parameter("layers", IntDistribution(1, 8)),
        Parameter("drop", FloatDistribution(0.0, 0.9, step=0.1)),
        Parameter("kind", CategoricalDistribution(["a", "b", "c", "d"])),
        Parameter("size", CategoricalDistribution(["s", "m", "l"]), ordered=True),
        Parameter("extra", FloatDistribution(0.0, 1.0), (Clause("kind", "in", ("b", "c")),)),
        Parameter("constant", IntDistribution(3, 3)),
    ]
)


def sphere(params: dict[str, Any]) -> float:
    return sum((x - 1.3) ** 2 for x in params.values())


def ellipsoid(params: dict[str, Any]) -> float:
    x = np.array(list(params.values())) - 1.0
    return float(((x[1:] + x[:-1]) ** 2).sum() * 100 + (x**2).sum())


def mixed(params: dict[str, Any]) -> float:
    return (
        (np.log10(params["rate"]) + 3) ** 2
        + (np.log2(params["units"]) - 7) ** 2 / 4
        + (params["layers"] - 5) ** 2 / 2
        + 10 * (params["drop"] - 0.3) ** 2
        + 2 * (params["kind"] != "c")
        + (params["size"] != "m")
        + (params.get("extra", 0.5) - 0.2) ** 2
    )


def best(study: Simulation) -> float:
    return float(np.nanmin(study.history.values[:, 0]))


@pytest.mark.parametrize("objective", [sphere, ellipsoid])
@pytest.mark.parametrize(
    "options", [{}, {"lr_adapt": True}, {"use_separable_cma": True}, {"restart_strategy": "ipop"}], ids=str
)
def test_smooth_functions_are_minimised_far_better_than_at_random(objective: Any, options: dict[str, Any]) -> None:
    study = Simulation(CmaEsSampler(**options), FLOATS)
    study.run(objective, 250)
    random = Simulation(RandomSampler(), FLOATS)
    random.run(objective, 1000)
    assert best(study) < 0.5 * best(random)


def test_an_objective_to_be_maximised() -> None:
    study = Simulation(CmaEsSampler(), FLOATS, [StudyDirection.MAXIMIZE])
    study.run(lambda params: 7.0 - sphere(params), 250)
    assert best(study) < -6.9


@pytest.mark.parametrize("seed", range(3))
def test_a_mixed_conditional_space_is_searched_jointly(seed: int) -> None:
    study = Simulation(CmaEsSampler(), MIXED, seed=seed)
    study.run(mixed, 300)
    random = Simulation(RandomSampler(), MIXED, seed=seed)
    random.run(mixed, 900)
    assert best(study) < best(random)
    late = [s.params for s in study.suggestions[-50:]]
    assert np.mean([p["kind"] == "c" for p in late]) > 0.5
    for params in late:
        assert set(params) == {p.name for p in MIXED if MIXED.is_active(p.name, params)}
        assert all(MIXED[name].distribution.contains(value) for name, value in params.items())


def test_only_choices_and_only_constants() -> None:
    choices = SearchSpace.of({name: CategoricalDistribution(list(range(6))) for name in "abcdefgh"})
    study = Simulation(CmaEsSampler(), choices)
    study.run(lambda p: sum(value != 2 for value in p.values()), 250)
    assert best(study) <= 1
    constants = SearchSpace.of({"a": IntDistribution(1, 1), "b": CategoricalDistribution(["only"])})
    study = Simulation(CmaEsSampler(), constants)
    study.run(lambda p: 0.0, 10)
    assert study.suggestions[-1].params == {"a": 1, "b": "only"}


def test_integers_do_not_freeze_before_their_best_value_is_found() -> None:
    """Without the margin a coordinate whose spread is far below one step never moves again."""
    space = SearchSpace.of({"x": FloatDistribution(0.0, 1.0), **{f"k{i}": IntDistribution(0, 20) for i in range(4)}})

    def objective(params: dict[str, Any]) -> float:
        return 100 * (params["x"] - 0.2) ** 2 + sum((params[f"k{i}"] - 17) ** 2 for i in range(4))

    study = Simulation(CmaEsSampler(), space)
    study.run(objective, 400)
    found = study.suggestions[int(np.argmin(study.history.values[:, 0]))].params
    assert [found[f"k{i}"] for i in range(4)] == [17] * 4


def test_the_optimum_may_lie_on_the_boundary() -> None:
    study = Simulation(CmaEsSampler(), FLOATS)
    study.run(lambda params: sum(params.values()), 300)
    assert best(study) < -23.0


def test_suggestions_are_replayed_from_the_history_alone() -> None:
    study = Simulation(CmaEsSampler(), MIXED, seed=5)
    study.run(lambda p: None if p["layers"] == 8 else mixed(p), 120)
    for number in (10, 50, 51, 119):
        fresh = CmaEsSampler().suggest(
            Request(MIXED, number), study.table.history(number), np.random.default_rng([5, number])
        )
        assert fresh == study.suggestions[number]


def test_trials_that_end_late_are_put_in_their_place() -> None:
    """The memo never decides: with it and without it, the suggestion is the same whatever ended when."""
    study = Simulation(CmaEsSampler(), FLOATS)
    study.run(sphere, 1)
    waiting = []
    for k in range(150):
        number, params = study.ask()
        if k % 7 == 3:
            waiting.append((number, params))
        else:
            study.tell(number, sphere(params))
        if len(waiting) > 5:
            late, params = waiting.pop(0)
            study.tell(late, sphere(params))
        request, history = Request(FLOATS, len(study)), study.history
        rngs = [np.random.default_rng(k) for _ in range(2)]
        with_memo = study.sampler.suggest(request, history, rngs[0])
        if k % 10 == 0:
            assert with_memo == CmaEsSampler().suggest(request, history, rngs[1])
    assert best(study) < 0.2


@pytest.mark.parametrize("lanes", [4, 16])
def test_many_lanes_never_wait_and_still_converge(lanes: int) -> None:
    study = Simulation(CmaEsSampler(), FLOATS)
    running = [study.ask() for _ in range(lanes)]
    rng = np.random.default_rng(0)
    for _ in range(300):
        number, params = running.pop(int(rng.integers(len(running))))
        study.tell(number, sphere(params))
        running.append(study.ask())
    assert best(study) < 0.1
    assert study.suggestions[-1].origin == "cmaes"


def test_two_studies_with_one_sampler_do_not_disturb_each_other() -> None:
    sampler = CmaEsSampler()
    together = [Simulation(sampler, FLOATS, seed=k) for k in range(2)]
    for _ in range(60):
        for study in together:
            number, params = study.ask()
            study.tell(number, sphere(params))
    alone = Simulation(CmaEsSampler(), FLOATS, seed=1)
    alone.run(sphere, 60)
    assert [s.params for s in together[1].suggestions] == [s.params for s in alone.suggestions]


def test_a_pickled_sampler_goes_on_alike() -> None:
    study = Simulation(CmaEsSampler(), FLOATS)
    study.run(sphere, 40)
    copy = pickle.loads(pickle.dumps(study.sampler))
    request = Request(FLOATS, 40)
    first, second = (s.suggest(request, study.history, np.random.default_rng(0)) for s in (study.sampler, copy))
    assert first == second


@pytest.mark.parametrize("crashes", ["a slope", "a choice and a side"])
def test_half_of_the_optimums_neighbourhood_crashes(crashes: str) -> None:
    """At most a fifth of 200 trials fail after the first 50."""

    def objective(params: dict[str, Any]) -> float | None:
        if crashes == "a slope":
            return None if sum(params.values()) > 6.5 else sphere(params)
        return None if params["kind"] == "a" or params["units"] > 128 else mixed(params)

    for seed in range(3):
        study = Simulation(CmaEsSampler(), FLOATS if crashes == "a slope" else MIXED, seed=seed)
        study.run(objective, 200)
        assert np.mean(study.history.states[50:] == TrialState.FAIL) <= 0.2
        assert best(study) < (0.3 if crashes == "a slope" else 1.1)


def test_failing_regions_are_left() -> None:
    study = Simulation(CmaEsSampler(), FLOATS)
    study.run(lambda p: None if p["x0"] > 1.0 else sphere(p), 250)
    failed = study.history.states == TrialState.FAIL
    assert failed[50:].mean() < 0.35
    assert best(study) < 0.3


def test_infeasible_trials_lose_against_feasible_ones() -> None:
    study = Simulation(CmaEsSampler(), FLOATS)
    for _ in range(250):
        number, params = study.ask()
        study.tell(number, sphere(params), constraints={"c": params["x0"] - 0.0})
    feasible = study.history.feasible
    assert feasible[-100:].mean() > 0.4
    assert float(study.history.values[feasible, 0].min()) < 2.0


def test_pruned_trials_teach_when_they_are_considered() -> None:
    def run(consider: bool) -> int:
        study = Simulation(CmaEsSampler(consider_pruned_trials=consider), FLOATS)
        study.run(sphere, 1)
        for _ in range(60):
            number, params = study.ask()
            study.tell(number, None, TrialState.PRUNED, reports=[(1, sphere(params))])
        return study.suggestions[-1].generation

    assert run(True) > 3
    assert run(False) == 1


def test_given_values_are_kept_and_enqueued_points_are_learnt_from() -> None:
    study = Simulation(CmaEsSampler(), FLOATS)
    study.run(sphere, 1)
    for _ in range(120):
        number, params = study.ask({"x0": 4.0, "x1": -4.0})
        assert (params["x0"], params["x1"]) == (4.0, -4.0)
        study.tell(number, sphere(params))
    assert best(study) < 2.7**2 + 5.3**2 + 1.0


def test_a_parameter_asked_for_alone_is_left_to_the_independent_sampler() -> None:
    study = Simulation(CmaEsSampler(), FLOATS)
    study.run(sphere, 20)
    given = dict.fromkeys(FLOATS.names[:-1], 0.0)
    suggestion = study.sampler.suggest(Request(FLOATS, 20, given), study.history, np.random.default_rng(0))
    assert suggestion.origin == "random"
    assert set(suggestion.params) == set(FLOATS.names)


def test_it_begins_where_it_is_told() -> None:
    x0 = dict.fromkeys(FLOATS.names, 4.0)
    study = Simulation(CmaEsSampler(x0=x0, sigma0=0.01, n_startup_trials=0), FLOATS)
    study.run(sphere, 8)
    assert all(abs(value - 4.0) < 1.0 for s in study.suggestions for value in s.params.values())
    with pytest.raises(ValueError, match=r"x0=9\.0"):
        Simulation(CmaEsSampler(x0={"x0": 9.0}, n_startup_trials=0), FLOATS).run(sphere, 1)


def frozen(params: dict[str, float], value: float) -> FrozenTrial:
    layout = Layout.of({name: FLOATS[name].distribution for name in params})
    return FrozenTrial.of(TrialRecord(0, 0, TrialState.COMPLETE, layout, tuple(params.values()), values=(value,)))


@pytest.mark.parametrize("direction", [StudyDirection.MINIMIZE, StudyDirection.MAXIMIZE])
def test_a_warm_start_begins_where_earlier_trials_were_best(direction: StudyDirection) -> None:
    rng = np.random.default_rng(0)
    points = [dict(zip(FLOATS.names, rng.uniform(-5, 5, 5), strict=True)) for _ in range(200)]
    trials = [frozen(p, direction.sign * sphere(p)) for p in points]
    study = Simulation(CmaEsSampler(source_trials=trials, n_startup_trials=0), FLOATS, [direction])
    study.run(lambda p: direction.sign * sphere(p), 8)
    assert np.median(study.history.values[:, 0]) < np.median([sphere(p) for p in points]) / 2


def test_sources_of_the_history_are_a_warm_start_too() -> None:
    earlier = Simulation(RandomSampler(), FLOATS)
    earlier.run(sphere, 200)
    study = Simulation(CmaEsSampler(n_startup_trials=0), FLOATS)
    history = replace(study.history, sources=(earlier.history,))
    points = [
        CmaEsSampler(n_startup_trials=0).suggest(Request(FLOATS, 0), history, np.random.default_rng(k)).params
        for k in range(10)
    ]
    assert np.median([sphere(p) for p in points]) < np.median(earlier.history.values) / 2


@pytest.mark.parametrize("strategy", ["ipop", "bipop"])
def test_restarts_leave_a_local_minimum(strategy: str) -> None:
    """Two funnels: one descent stays in the worse one, later ones find the other."""

    def funnels(params: dict[str, Any]) -> float:
        x = np.array([params["x0"], params["x1"]])
        return float(min(((x - 2.0) ** 2).sum() + 1.0, ((x + 2.0) ** 2).sum()))

    space = FLOATS.select(["x0", "x1"])
    results = []
    for options in ({}, {"restart_strategy": strategy, "inc_popsize": 1}):
        sampler = CmaEsSampler(x0={"x0": 3.0, "x1": 3.0}, sigma0=0.05, **options)
        study = Simulation(sampler, space)
        study.run(funnels, 1600)
        results.append(best(study))
    assert results[0] == pytest.approx(1.0, abs=0.01)
    assert results[1] < 0.5


def test_a_larger_range_on_resume_goes_on() -> None:
    study = Simulation(CmaEsSampler(), FLOATS)
    study.run(sphere, 60)
    wide = SearchSpace.of({name: FloatDistribution(-50.0, 50.0) for name in FLOATS.names})
    narrow = SearchSpace.of({name: FloatDistribution(0.0, 0.5) for name in FLOATS.names})
    for space in (wide, narrow):
        params = study.sampler.suggest(Request(space, 60), study.history, np.random.default_rng(0)).params
        assert all(space[name].distribution.contains(value) for name, value in params.items())


def test_a_finite_space_is_covered_before_anything_repeats() -> None:
    space = SearchSpace.of({"a": IntDistribution(0, 3), "b": CategoricalDistribution(["x", "y", "z"])})
    study = Simulation(CmaEsSampler(), space)
    study.run(lambda p: p["a"], 12)
    assert len({tuple(s.params.values()) for s in study.suggestions}) == 12


def test_several_objectives_are_refused() -> None:
    study = Simulation(CmaEsSampler(), FLOATS, [StudyDirection.MINIMIZE] * 2)
    with pytest.raises(ValueError, match="one objective, but the study has 2"):
        study.ask()


def test_orthogonal_vectors_are_normal_and_at_right_angles_to_the_others() -> None:
    rng = np.random.default_rng(0)
    others = rng.standard_normal((3, 5))
    turned = orthogonal(rng.standard_normal((20_000, 5)), others)
    assert np.abs(turned @ others.T).max() < 1e-9
    lengths = np.sum(turned**2, axis=1)
    assert lengths.mean() == pytest.approx(5.0, abs=0.1)
    assert orthogonal(turned, np.empty((0, 5))) is turned


def test_the_layout_leaves_out_constants() -> None:
    dims = dimensions_of(MIXED)
    assert [MIXED.names[column] for column in dims.numbers] == ["rate", "units", "layers", "drop", "size", "extra"]
    assert [MIXED.names[column] for column in dims.choices] == ["kind"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"restart_strategy": "often"}, "restart_strategy"),
        ({"sigma0": 0.0}, "sigma0"),
        ({"popsize": 2}, "popsize"),
        ({"inc_popsize": 0}, "inc_popsize"),
        ({"lr_adapt": True, "use_separable_cma": True}, "lr_adapt"),
        ({"lr_adapt": True, "with_margin": True}, "lr_adapt"),
        ({"use_separable_cma": True, "with_margin": True}, "use_separable_cma"),
        ({"source_trials": [], "x0": {"a": 1}}, "source_trials"),
        ({"source_trials": [], "use_separable_cma": True}, "source_trials"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CmaEsSampler(**arguments)
