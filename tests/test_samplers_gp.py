"""The Gaussian-process sampler: what it finds, what it learns from, and that nothing but the history decides."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweeper_core.directions import StudyDirection
from sweeper_core.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from sweeper_core.maths.hypervolume import hypervolume
from sweeper_core.samplers._gp.models import Memo, Target, anchor, checkpoint, model_of
from sweeper_core.samplers._gp.observations import gather
from sweeper_core.samplers._gp.space import Encoding
from sweeper_core.samplers.base import Request, Sampler
from sweeper_core.samplers.gp import GPSampler
from sweeper_core.samplers.random import RandomSampler
from sweeper_core.search_space.space import Clause, Parameter, SearchSpace
from sweeper_core.testing.samplers import SamplerConformance
from sweeper_core.testing.simulation import Simulation, record_of
from sweeper_core.trial.history import History, TrialTable
from sweeper_core.trial.state import TrialState

MINIMISE, MAXIMISE = StudyDirection.MINIMIZE, StudyDirection.MAXIMIZE
FLOATS = SearchSpace.of({f"x{i}": FloatDistribution(-5.0, 5.0) for i in range(4)})
SQUARE = SearchSpace.of({"x": FloatDistribution(0.0, 1.0), "y": FloatDistribution(0.0, 1.0)})
MIXED = SearchSpace(
    [
        Parameter("rate", FloatDistribution(1e-5, 1.0, log=True), (Clause("model", "in", ("net",)),)),
        Parameter("model", CategoricalDistribution(["tree", "net", ["nested", 1]])),
        Parameter("depth", IntDistribution(1, 100, log=True), (Clause("model", "in", ("tree",)),)),
        Parameter("step", FloatDistribution(0.0, 1.0, step=0.1)),
        Parameter("size", CategoricalDistribution(["s", "m", "l"]), ordered=True),
        Parameter("units", IntDistribution(8, 4096, step=8)),
        Parameter("flag", CategoricalDistribution([True, False])),
        Parameter("only", CategoricalDistribution(["one"])),
    ]
)


def bowl(params: dict[str, Any]) -> float:
    return sum((1 + i) * (value - 1.5) ** 2 for i, value in enumerate(params.values()))


def mixed(params: dict[str, Any]) -> float:
    """Best, 0, with the net at rate 1e-3, step 0.3, size m, units 512, flag False."""
    loss = {"tree": 1.0, "net": 0.0}.get(params["model"] if isinstance(params["model"], str) else "", 2.0)
    loss += 0.3 * (math.log10(params["rate"]) + 3.0) ** 2 if "rate" in params else 0.0
    loss += 0.1 * abs(math.log(params["depth"] / 7.0)) if "depth" in params else 0.0
    loss += 4.0 * (params["step"] - 0.3) ** 2 + 0.3 * (params["size"] != "m") + 0.2 * params["flag"]
    return loss + 1e-6 * (params["units"] - 512) ** 2


def run(
    sampler: Any, space: SearchSpace, objective: Callable[..., Any], n: int, seed: int = 0, m: int = 1
) -> Simulation:
    study = Simulation(sampler, space, [MINIMISE] * m, seed)
    study.run(objective, n)
    return study


def best(study: Simulation) -> float:
    return float(np.nanmin(study.history.values))


def test_the_minimum_of_a_bowl_is_found_in_forty_points() -> None:
    assert best(run(GPSampler(), FLOATS, bowl, 40)) < 0.05


def test_a_maximum_is_found_as_well() -> None:
    study = Simulation(GPSampler(), FLOATS, [MAXIMISE])
    study.run(lambda params: -bowl(params), 40)
    assert best(study) < 0.05  # the history is signed: smaller is better


def test_the_minimum_of_a_mixed_conditional_space_is_found() -> None:
    assert best(run(GPSampler(), MIXED, mixed, 60)) < 0.1


@pytest.mark.parametrize("seed", range(3))
def test_every_suggestion_is_a_point_of_the_space(seed: int) -> None:
    study = run(GPSampler(n_startup_trials=6), MIXED, mixed, 25, seed)
    assert study.history.within(MIXED).all()
    for suggestion in study.suggestions:
        assert suggestion.params == MIXED.active_only(suggestion.params)
        assert suggestion.origin == "gp"


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                FloatDistribution(0.0, 0.0),
                FloatDistribution(-1e6, 1e6),
                FloatDistribution(1e-300, 1e300, log=True),
                FloatDistribution(0.0, 1.0, step=0.25),
                IntDistribution(0, 0),
                IntDistribution(-3, 3),
                IntDistribution(1, 2**40, log=True),
                IntDistribution(-(2**50), 2**50),
                CategoricalDistribution([None]),
                CategoricalDistribution([1, True, 1.0, "1"]),
                CategoricalDistribution([f"choice {i}" for i in range(60)]),
            ]
        ),
        max_size=4,
    )
)
def test_any_space_is_served(distributions: list[Any]) -> None:
    space = SearchSpace.of({f"p{i}": distribution for i, distribution in enumerate(distributions)})
    study = run(GPSampler(n_startup_trials=2), space, lambda params: float(len(str(params))), 5)
    assert study.history.within(space).all()
    assert all(set(suggestion.params) == set(space.names) for suggestion in study.suggestions)


@pytest.mark.parametrize("space", [FLOATS, MIXED], ids=["floats", "mixed"])
def test_a_sampler_without_memory_suggests_the_same(space: SearchSpace) -> None:
    class Forgetful(GPSampler):
        def suggest(self, request: Request, history: History, rng: np.random.Generator) -> Any:
            return GPSampler().suggest(request, history, rng)

    objective = bowl if space is FLOATS else mixed
    remembering = run(GPSampler(), space, objective, 40)
    forgetting = run(Forgetful(), space, objective, 40)
    assert [s.params for s in remembering.suggestions] == [s.params for s in forgetting.suggestions]


def test_a_pickled_sampler_suggests_the_same() -> None:
    sampler = GPSampler(n_startup_trials=4)
    study = run(sampler, FLOATS, bowl, 12)
    request, rng = Request(FLOATS, 12), lambda: np.random.default_rng(1)
    copy = pickle.loads(pickle.dumps(sampler))
    assert copy.suggest(request, study.history, rng()) == sampler.suggest(request, study.history, rng())


def test_no_point_of_a_finite_space_comes_twice_until_all_have_come() -> None:
    space = SearchSpace(
        [
            Parameter("a", CategoricalDistribution(["x", "y", "z"])),
            Parameter("b", IntDistribution(0, 3), (Clause("a", "in", ("x", "y")),)),
            Parameter("c", FloatDistribution(0.0, 1.0, step=0.5)),
        ]
    )
    points = 3 * (4 + 4 + 1)
    study = run(GPSampler(), space, lambda params: params["c"] + params.get("b", 1), points)
    assert len({str(suggestion.params) for suggestion in study.suggestions}) == points
    assert study.sampler.exhausted(space, study.history)
    study.run(lambda params: 0.0, 2)
    assert study.history.within(space).all()


def test_running_trials_push_the_next_suggestions_away() -> None:
    study = run(GPSampler(), SQUARE, lambda params: math.sin(9 * params["x"]) + math.cos(7 * params["y"]), 12)
    points = np.array([list(study.ask()[1].values()) for _ in range(6)])
    gaps = np.linalg.norm(points[:, None] - points[None], axis=2)[np.triu_indices(6, 1)]
    assert gaps.min() > 1e-4  # without the belief in running trials all six are one point


def test_eight_at_a_time_find_the_minimum_too() -> None:
    study = Simulation(GPSampler(), FLOATS)
    for _ in range(8):
        started = [study.ask() for _ in range(8)]
        for number, params in started:
            study.tell(number, bowl(params))
    assert best(study) < 0.3


def test_a_region_that_fails_is_avoided() -> None:
    def half_fails(params: dict[str, Any]) -> float | None:
        return None if params["x"] > 0.5 else (params["x"] - 0.6) ** 2 + (params["y"] - 0.3) ** 2

    study = run(GPSampler(), SQUARE, half_fails, 60)
    states = study.history.states
    assert np.mean(states[30:] == TrialState.FAIL) <= 0.25
    assert best(study) < 0.012  # 0.01 at the edge


def test_constraints_are_learned_and_kept() -> None:
    study = Simulation(GPSampler(), SQUARE)
    for _ in range(35):
        number, params = study.ask()
        study.tell(number, params["x"] + params["y"], constraints={"product": 0.2 - params["x"] * params["y"]})
    values = study.history.values[study.history.feasible, 0]
    assert values.min() < 2 * math.sqrt(0.2) + 0.03
    assert study.history.feasible[20:].mean() > 0.3


def test_infeasible_points_alone_lead_towards_feasibility() -> None:
    study = Simulation(GPSampler(n_startup_trials=4), FLOATS)
    for _ in range(40):
        number, params = study.ask()
        study.tell(number, 0.0, constraints={"c": bowl(params) - 1.0})
    assert study.history.feasible.any()


def test_every_choice_is_tried_before_the_first_model() -> None:
    space = SearchSpace.of({"c": CategoricalDistribution(list("abcde")), "x": FloatDistribution(0.0, 1.0)})
    study = run(GPSampler(), space, lambda params: params["x"], 10)
    counts = [sum(s.params["c"] == choice for s in study.suggestions) for choice in "abcde"]
    assert counts == [2, 2, 2, 2, 2]


def test_a_choice_that_the_first_points_left_out_is_tried_soon() -> None:
    space = SearchSpace.of({"c": CategoricalDistribution(list("abcd")), "x": FloatDistribution(0.0, 1.0)})
    study = Simulation(GPSampler(), space)
    for k in range(24):
        number, params = study.ask({"c": "a"} if k < 10 else None)
        study.tell(number, params["x"] + "dabc".index(params["c"]))
    assert all(sum(s.params["c"] == choice for s in study.suggestions[10:16]) == 2 for choice in "bcd")
    assert study.suggestions[-1].params["c"] == "d"


def test_a_choice_that_always_fails_is_not_tried_for_ever() -> None:
    space = SearchSpace.of({"c": CategoricalDistribution(["good", "bad"]), "x": FloatDistribution(0.0, 1.0)})
    study = run(GPSampler(), space, lambda params: None if params["c"] == "bad" else params["x"], 40)
    assert np.mean(study.history.states[15:] == TrialState.FAIL) < 0.2


@pytest.mark.parametrize("before", [4, 6, 10])
def test_a_choice_that_always_failed_is_left_out_after_a_restart(before: int) -> None:
    space = SearchSpace.of({"c": CategoricalDistribution(["good", "bad"]), "x": FloatDistribution(0.0, 1.0)})
    study = run(GPSampler(), space, lambda params: None if params["c"] == "bad" else params["x"], before)
    study.sampler = GPSampler()
    study.run(lambda params: None if params["c"] == "bad" else params["x"], 10)
    bad = [suggestion.params["c"] == "bad" for suggestion in study.suggestions]
    assert sum(bad) <= 5
    assert sum(bad[before : before + 5]) <= 2


def test_no_detour_leads_again_and_again_into_a_branch_that_always_fails() -> None:
    space = SearchSpace(
        [
            Parameter("model", CategoricalDistribution(["sound", "broken"])),
            Parameter("x", FloatDistribution(0.0, 1.0), (Clause("model", "in", ("sound",)),)),
            Parameter("y", FloatDistribution(0.0, 1.0), (Clause("model", "in", ("broken",)),)),
        ]
    )
    study = run(GPSampler(), space, lambda params: (params["x"] - 0.3) ** 2 if "x" in params else None, 70)
    assert np.mean(study.history.states[20:] == TrialState.FAIL) < 0.15


def test_a_first_run_of_nothing_but_a_failing_choice_is_a_lesson() -> None:
    space = SearchSpace.of({"c": CategoricalDistribution(["good", "bad"]), "x": FloatDistribution(0.0, 1.0)})
    study = Simulation(GPSampler(), space)
    for _ in range(4):
        number, _ = study.ask({"c": "bad"})
        study.tell(number, None, TrialState.FAIL)
    study.run(lambda params: None if params["c"] == "bad" else params["x"], 10)
    assert sum(suggestion.params["c"] == "bad" for suggestion in study.suggestions[4:]) <= 1


def test_the_start_is_spread_over_every_parameter() -> None:
    study = run(GPSampler(n_startup_trials=8), FLOATS, bowl, 8)
    strata = np.floor(study.history.unit(FLOATS) * 8)
    assert all(len(set(column)) == 8 for column in strata.T)


def test_the_start_can_be_left_to_another_sampler() -> None:
    study = run(GPSampler(independent_sampler=RandomSampler(), n_startup_trials=5), FLOATS, bowl, 7)
    assert [s.origin for s in study.suggestions] == ["random"] * 5 + ["gp"] * 2


def test_a_negative_number_of_startup_trials_is_refused() -> None:
    with pytest.raises(ValueError, match="n_startup_trials"):
        GPSampler(n_startup_trials=-1)


def test_given_values_are_kept_and_the_others_fit_them() -> None:
    study = run(RandomSampler(), FLOATS, lambda p: (p["x0"] - p["x1"]) ** 2 + (p["x2"] + p["x3"]) ** 2, 60)
    request = Request(FLOATS, 60, {"x0": 3.25, "x2": -2.0})
    suggestion = GPSampler().suggest(request, study.history, np.random.default_rng(0))
    assert suggestion.params["x0"] == 3.25
    assert suggestion.params["x2"] == -2.0
    assert abs(suggestion.params["x1"] - 3.25) < 1.0
    assert abs(suggestion.params["x3"] - 2.0) < 1.0


def test_a_given_value_outside_the_space_is_kept_as_it_is() -> None:
    study = run(GPSampler(), FLOATS, bowl, 12)
    suggestion = study.sampler.suggest(Request(FLOATS, 12, {"x0": 99.0}), study.history, np.random.default_rng(0))
    assert suggestion.params["x0"] == 99.0
    assert set(suggestion.params) == set(FLOATS.names)


def test_one_parameter_at_a_time_may_repeat_its_values() -> None:
    """A trial with more parameters than are asked for is another point, so a finite one does not run out."""
    study = run(GPSampler(), MIXED, mixed, 20)
    suggestion = study.sampler.suggest(Request(MIXED.select(["flag"]), 20), study.history, np.random.default_rng(0))
    assert suggestion.params["flag"] in (True, False)
    assert suggestion.why == ""  # the model's choice, not a way out


def zdt1(params: dict[str, Any]) -> list[float]:
    x = np.array(list(params.values()))
    g = 1 + 9 * x[1:].mean()
    return [float(x[0]), float(g * (1 - np.sqrt(x[0] / g)))]


def dtlz2(params: dict[str, Any]) -> list[float]:
    a, b, *rest = params.values()
    g = 1 + sum((value - 0.5) ** 2 for value in rest)
    a, b = a * math.pi / 2, b * math.pi / 2
    return [g * math.cos(a) * math.cos(b), g * math.cos(a) * math.sin(b), g * math.sin(a)]


@pytest.mark.parametrize(("objective", "m", "n"), [(zdt1, 2, 30), (dtlz2, 3, 40)], ids=["zdt1", "dtlz2"])
def test_the_front_is_better_than_that_of_three_times_as_many_random_points(objective: Any, m: int, n: int) -> None:
    space = SearchSpace.of({f"x{i}": FloatDistribution(0.0, 1.0) for i in range(5)})

    def volume(sampler: Any, n: int) -> float:
        return hypervolume(run(sampler, space, objective, n, m=m).history.values, np.full(m, 2.0))

    assert volume(GPSampler(), n) > volume(RandomSampler(), 3 * n)


def test_four_objectives_are_scalarised() -> None:
    space = SearchSpace.of({f"x{i}": FloatDistribution(0.0, 1.0) for i in range(3)})
    corners = np.eye(4)[:, :3]

    def distances(params: dict[str, Any]) -> list[float]:
        return np.linalg.norm(corners - np.array(list(params.values())), axis=1).tolist()

    study = run(GPSampler(), space, distances, 30, m=4)
    random = run(RandomSampler(), space, distances, 30, m=4)
    top = np.full(4, 1.5)
    assert hypervolume(study.history.values, top) > hypervolume(random.history.values, top)


def test_infinite_and_enormous_values_do_not_disturb() -> None:
    def wild(params: dict[str, Any]) -> float:
        if params["x0"] > 3.0:
            return math.inf
        return bowl(params) if params["x1"] < 3.0 else 1e30

    assert best(run(GPSampler(), FLOATS, wild, 45)) < 0.5


def test_noise_does_not_fool_the_incumbent() -> None:
    rng = np.random.default_rng(5)
    study = run(GPSampler(), FLOATS, lambda params: bowl(params) + 3.0 * rng.normal(), 60)
    late = study.history.raw(FLOATS)[-15:]
    assert np.median(np.abs(late - 1.5)) < 1.0


def test_with_noise_every_fifth_suggestion_is_the_lowest_mean_and_the_others_tell_more() -> None:
    rng = np.random.default_rng(3)
    study = run(RandomSampler(), SQUARE, lambda params: (params["x"] - 0.4) ** 2 + 0.1 * rng.normal(), 24)
    history, encoding = study.history, Encoding(SQUARE)
    observations, _ = gather(history, encoding)
    Z, ones = encoding.embed(observations.unit, observations.active), np.ones(24)
    model = model_of(Target(Z, encoding.columns, observations.values[:, 0], ones, 0.0 * ones), Memo())

    def at(number: int) -> tuple[float, float]:
        found = GPSampler(seed=0).suggest(Request(SQUARE, number), history, np.random.default_rng(number))
        mean, variance = model.posterior.predict(np.array([[found.params["x"], found.params["y"]]]))
        return float(mean[0]), float(variance[0])

    (lowest, sure), others = at(24), [at(number) for number in (25, 26, 27)]
    assert all(mean > lowest - 1e-6 and variance > sure for mean, variance in others)


def test_pruned_trials_steer_away_from_where_they_were_stopped() -> None:
    study = Simulation(GPSampler(n_startup_trials=6), SQUARE)
    for _ in range(30):
        number, params = study.ask()
        loss = (params["x"] - 0.2) ** 2 + (params["y"] - 0.7) ** 2
        curve = [(step, loss + 0.5 * 0.7**step) for step in range(20)]
        if loss > 0.1 and number > 3:
            study.tell(number, None, TrialState.PRUNED, reports=curve[:5])
        else:
            study.tell(number, curve[-1][1], reports=curve)
    assert np.mean(study.history.states[10:] == TrialState.PRUNED) < 0.4
    assert best(study) < 0.01


def test_the_guess_for_a_pruned_trial_lies_between_the_median_and_its_last_report() -> None:
    table = TrialTable([MINIMISE])
    for number, (x, value) in enumerate([(0.1, 1.0), (0.2, 2.0), (0.3, 3.0)]):
        params = {"x": x, "y": 0.5}
        table.fold([record_of(number, SQUARE, params, values=[value], reports=[(9, value)])])
    for number, (step, value) in enumerate([(0, 2.8), (8, 2.8), (4, 1.5)], start=3):
        params = {"x": 0.9, "y": 0.1 * number}
        table.fold([record_of(number, SQUARE, params, TrialState.PRUNED, [value], reports=[(step, value)])])
    evidence, numbers = gather(table.history(), Encoding(SQUARE))
    assert numbers.tolist() == [0, 1, 2, 3, 4, 5]
    early, late, good = evidence.values[3:, 0]
    assert 2.0 < early < late < 2.8
    assert good == 1.5  # better than the median already: it stands
    assert evidence.noise_std[:3].tolist() == [0.0] * 3
    assert evidence.noise_std[3] > evidence.noise_std[5] > evidence.noise_std[4] > 0.0


def shifted(centre: float) -> Callable[[dict[str, Any]], float]:
    return lambda params: sum((value - centre) ** 2 for value in params.values())


def with_source(source: History, objective: Callable[..., float], n: int, seed: int) -> float:
    study = Simulation(GPSampler(), FLOATS, seed=seed)
    study.table.sources = (source,)
    study.run(objective, n)
    return best(study)


def test_a_study_of_a_similar_task_gives_a_head_start() -> None:
    source = run(GPSampler(), FLOATS, shifted(2.0), 40).history
    warm = [with_source(source, shifted(2.3), 8, seed) for seed in range(3)]
    cold = [best(run(GPSampler(), FLOATS, shifted(2.3), 8, seed)) for seed in range(3)]
    assert np.median(warm) < 0.1 * np.median(cold)


def test_a_study_of_another_task_does_little_harm() -> None:
    source = run(GPSampler(), FLOATS, shifted(-4.0), 40).history
    warm = [with_source(source, shifted(3.0), 40, seed) for seed in range(3)]
    assert np.median(warm) < 0.1


def test_a_source_alone_is_enough_to_begin_with() -> None:
    source = run(GPSampler(), FLOATS, shifted(2.0), 30).history
    study = Simulation(GPSampler(n_startup_trials=0), FLOATS)
    study.table.sources = (source,)
    study.run(shifted(2.0), 3)
    assert best(study) < 0.5


def test_constraints_reported_once_each_are_taken() -> None:
    study = Simulation(GPSampler(n_startup_trials=4), SQUARE)
    for k in range(8):
        number, params = study.ask()
        study.tell(number, params["x"], constraints={f"c{k}": 1.0})
    assert study.history.within(SQUARE).all()


def test_a_widened_and_a_narrowed_space_go_on_from_what_fits() -> None:
    study = run(GPSampler(), FLOATS, bowl, 30)
    for low, high in [(-50.0, 50.0), (1.0, 2.0)]:
        space = SearchSpace.of({f"x{i}": FloatDistribution(low, high) for i in range(4)})
        suggestion = study.sampler.suggest(Request(space, 30), study.history, np.random.default_rng(0))
        assert all(low <= value <= high for value in suggestion.params.values())


def test_a_large_history_is_served_by_a_local_model() -> None:
    study = Simulation(RandomSampler(), FLOATS)
    study.run(bowl, 700)
    study.sampler = GPSampler()
    study.run(bowl, 5)
    assert study.history.values[700:].min() < 0.3 * study.history.values[:700].min()


def test_repeated_runs_say_how_noisy_one_run_is() -> None:
    history = run(RandomSampler(), SQUARE, bowl, 12).history
    repeated = replace(history, repeats=np.full(12, 5), spread=np.full(12, 2.0))
    evidence, _ = gather(repeated, Encoding(SQUARE))
    assert evidence.run_variance == pytest.approx(4.0)
    np.testing.assert_allclose(evidence.noise_factor, 0.2)


@given(n=st.integers(1, 5000))
def test_fits_are_made_at_few_counts_and_start_from_smaller_ones(n: int) -> None:
    c = checkpoint(n)
    assert 0 < c <= n
    assert n - c <= max(0, n // 16)
    assert checkpoint(c) == c
    assert anchor(c) < c
    assert anchor(c) == 0 or anchor(c) >= c / 2


class TestConformanceOfSeveralObjectives(SamplerConformance):
    objectives = 2

    def make(self) -> Sampler:
        return GPSampler(seed=0)
