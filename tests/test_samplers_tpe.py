"""TPE searches where good trials are, in spaces of every kind, and heeds what failed, runs or was pruned."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from sweeper_core.directions import StudyDirection
from sweeper_core.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from sweeper_core.maths.hypervolume import hypervolume
from sweeper_core.samplers import RandomSampler, TPESampler
from sweeper_core.samplers.base import Request
from sweeper_core.samplers.tpe import default_gamma, default_weights, hyperopt_default_gamma
from sweeper_core.search_space.space import Clause, Parameter, SearchSpace
from sweeper_core.testing.simulation import Simulation, record_of
from sweeper_core.trial.history import TrialTable
from sweeper_core.trial.state import TrialState

MINIMIZE = StudyDirection.MINIMIZE
COMPLETE, FAIL = TrialState.COMPLETE, TrialState.FAIL
BOTH = pytest.mark.parametrize("multivariate", [True, False], ids=["joint", "apart"])


def floats(count: int) -> SearchSpace:
    return SearchSpace.of({f"x{place}": FloatDistribution(0, 1) for place in range(count)})


def best_after(sampler: Any, space: SearchSpace, objective: Any, n_trials: int = 100, seed: int = 0) -> float:
    simulation = Simulation(sampler, space, seed=seed)
    simulation.run(objective, n_trials)
    return float(np.nanmin(simulation.history.values))


def bowl(params: dict[str, Any]) -> float:
    return sum((value - 0.3) ** 2 for value in params.values())


MIXED = SearchSpace(
    [
        Parameter("x", FloatDistribution(-5, 5)),
        Parameter("rate", FloatDistribution(1e-6, 1.0, log=True)),
        Parameter("half", FloatDistribution(0, 4, step=0.5)),
        Parameter("n", IntDistribution(1, 512, log=True)),
        Parameter("k", IntDistribution(0, 40, step=4)),
        Parameter("c", CategoricalDistribution(["a", None, 1, True, 1.0, [1, 2]])),
        Parameter("size", CategoricalDistribution(["s", "m", "l", "xl"]), ordered=True),
    ]
)


def mixed(params: dict[str, Any]) -> float:
    return (
        (params["x"] - 1) ** 2
        + (math.log10(params["rate"]) + 3) ** 2
        + abs(params["half"] - 2.5)
        + abs(math.log(params["n"] / 32))
        + abs(params["k"] - 12) / 8
        + (0.0 if params["c"] is True else 2.0)
        + abs(["s", "m", "l", "xl"].index(params["size"]) - 2)
    )


@BOTH
def test_beats_random_search_on_a_mixed_space(multivariate: bool) -> None:
    seeds = range(4)
    ours = [best_after(TPESampler(multivariate=multivariate), MIXED, mixed, seed=seed) for seed in seeds]
    random = [best_after(RandomSampler(), MIXED, mixed, seed=seed) for seed in seeds]
    assert np.mean(ours) < (0.6 if multivariate else 0.8) * np.mean(random)


@BOTH
def test_every_suggestion_belongs_to_the_space(multivariate: bool) -> None:
    simulation = Simulation(TPESampler(multivariate=multivariate), MIXED)
    simulation.run(mixed, 60)
    for suggestion in simulation.suggestions:
        assert list(suggestion.params) == list(MIXED.names)
        assert all(MIXED[name].distribution.contains(value) for name, value in suggestion.params.items())
        assert type(suggestion.params["n"]) is int
        assert type(suggestion.params["half"]) is float


def test_knows_that_parameters_go_together_when_modelled_jointly() -> None:
    def ridge(params: dict[str, Any]) -> float:
        x, y = params["x0"], params["x1"]
        return 50 * (x - y) ** 2 + (x + y - 1.2) ** 2

    joint = [best_after(TPESampler(), floats(2), ridge, 80, seed) for seed in range(4)]
    random = [best_after(RandomSampler(), floats(2), ridge, 80, seed) for seed in range(4)]
    assert np.mean(joint) < 0.3 * np.mean(random)


def test_is_random_until_enough_trials_have_ended() -> None:
    simulation = Simulation(TPESampler(n_startup_trials=5), floats(2))
    random = Simulation(RandomSampler(), floats(2))
    for number in range(5):
        assert simulation.ask()[1] == random.ask()[1]
        simulation.tell(number, 0.0)
        random.tell(number, 0.0)
    assert simulation.ask()[1] != random.ask()[1]


@BOTH
def test_a_memo_makes_no_difference(multivariate: bool) -> None:
    lived = Simulation(TPESampler(multivariate=multivariate), MIXED, seed=3)
    lived.run(mixed, 40)
    request = Request(MIXED, 40)
    history = lived.history
    fresh = TPESampler(multivariate=multivariate).suggest(request, history, np.random.default_rng([3, 40]))
    again = lived.sampler.suggest(request, history, np.random.default_rng([3, 40]))
    assert fresh == again
    # An older snapshot is answered as it was then.
    older = lived.table.history(30)
    assert lived.sampler.suggest(Request(MIXED, 30), older, np.random.default_rng([3, 30])) == lived.suggestions[30]


@pytest.mark.parametrize("half", ["one side", "a slope"])
@BOTH
def test_a_region_that_crashes_is_avoided(half: str, multivariate: bool) -> None:
    """Half of the optimum's neighbourhood fails; at most a fifth of the trials may, once 50 have told."""

    def objective(params: dict[str, Any]) -> float | None:
        x = np.array(list(params.values()))
        crashes = x[0] > 0.5 if half == "one side" else x.sum() > 1.5
        return None if crashes else float(((x - 0.5) ** 2).sum())

    for seed in range(2):
        simulation = Simulation(TPESampler(multivariate=multivariate), floats(3), seed=seed)
        simulation.run(objective, 200)
        failed = simulation.history.states == TrialState.FAIL
        assert np.count_nonzero(failed[50:]) <= 30
        assert np.nanmin(simulation.history.values) < 0.01


def test_failures_that_a_choices_own_parameters_explain_are_not_held_against_the_choice() -> None:
    """The same number of trials of one model fail: all on one side of a parameter that only it has, or anywhere."""
    only_net = (Clause("model", "in", ("net",)),)
    space = SearchSpace(
        [
            Parameter("model", CategoricalDistribution(["net", "tree"])),
            Parameter("rate", FloatDistribution(0, 1), when=only_net),
        ]
    )

    def share_of_nets(explained: bool) -> float:
        simulation = Simulation(TPESampler(), space)
        rng = np.random.default_rng(0)
        for place in range(60):
            rate = float(rng.random())
            net = {"model": "net", "rate": rate}
            number, _ = simulation.ask(net if place % 2 else {"model": "tree"})
            fails = place % 2 and (rate > 0.5 if explained else rng.random() < 0.5)
            simulation.tell(number, None if fails else float(rng.random()), FAIL if fails else COMPLETE)
        request, sampler = Request(space, 60), TPESampler()
        points = [sampler.suggest(request, simulation.history, np.random.default_rng(seed)) for seed in range(60)]
        return float(np.mean([point.params["model"] == "net" for point in points]))

    assert share_of_nets(explained=True) > share_of_nets(explained=False) + 0.2


def test_failures_that_have_no_pattern_do_not_stop_the_search() -> None:
    rng = np.random.default_rng(0)
    simulation = Simulation(TPESampler(), floats(3))
    simulation.run(lambda params: None if rng.random() < 0.3 else bowl(params), 120)
    assert np.nanmin(simulation.history.values) < 0.01


def test_running_trials_keep_others_away() -> None:
    def spread(constant_liar: bool) -> float:
        simulation = Simulation(TPESampler(constant_liar=constant_liar), floats(2), seed=1)
        simulation.run(bowl, 40)
        points = np.array([list(simulation.ask()[1].values()) for _ in range(20)])
        return float(points.std(axis=0).mean())

    assert spread(True) > 1.2 * spread(False)


def test_pruned_trials_rank_after_complete_ones_by_step_and_value() -> None:
    """The good ones are near 0.1 by last report, or by how far they got; the complete ones are too few to fill l."""
    for kind in ("value", "step"):
        simulation = Simulation(RandomSampler(), floats(1))
        for number in range(60):
            x = (number + 0.5) / 60
            distance = abs(x - 0.1)
            reports = [(3, distance)] if kind == "value" else [(int(100 * (1 - distance)), 1.0)]
            simulation.table.fold([record_of(number, simulation.space, {"x0": x}, TrialState.PRUNED, reports=reports)])
        history = simulation.history
        asked = [
            TPESampler().suggest(Request(simulation.space, 60), history, np.random.default_rng(seed)).params["x0"]
            for seed in range(40)
        ]
        assert np.median(np.abs(np.array(asked) - 0.1)) < 0.1


def test_infeasible_trials_come_last_by_violation() -> None:
    space = floats(2)

    def run(with_constraint: bool) -> Any:
        simulation = Simulation(TPESampler(), space, seed=2)
        for _ in range(80):
            number, params = simulation.ask()
            constraint = {"c": 0.6 - params["x0"]} if with_constraint else None
            simulation.tell(number, bowl(params), constraints=constraint)
        return simulation

    free, bound = run(False), run(True)
    late = np.array([suggestion.params["x0"] for suggestion in bound.suggestions[40:]])
    assert np.mean(late >= 0.6) > 0.65
    assert np.mean([suggestion.params["x0"] >= 0.6 for suggestion in free.suggestions[40:]]) < 0.3
    feasible = bound.history.feasible
    assert bound.history.values[feasible].min() < 0.1  # 0.09 is the best feasible one


@pytest.mark.parametrize("objectives", [2, 4])
def test_several_objectives_beat_random_search_in_hypervolume(objectives: int) -> None:
    centres = np.eye(objectives, 4) * 0.6 + 0.2

    def objective(params: dict[str, Any]) -> list[float]:
        return (((np.array(list(params.values())) - centres) ** 2).sum(axis=1)).tolist()

    def volume(sampler: Any, seed: int) -> float:
        simulation = Simulation(sampler, floats(4), [MINIMIZE] * objectives, seed=seed)
        simulation.run(objective, 100)
        return hypervolume(simulation.history.values, np.full(objectives, 1.2))

    ours = [volume(TPESampler(), seed) for seed in range(3)]
    random = [volume(RandomSampler(), seed) for seed in range(3)]
    assert np.mean(ours) > 1.05 * np.mean(random)


def test_directions_are_heeded() -> None:
    simulation = Simulation(TPESampler(), floats(2), [StudyDirection.MAXIMIZE])
    simulation.run(lambda params: -bowl(params), 60)
    assert simulation.history.values.min() < 0.005


CONDITIONAL = SearchSpace(
    [
        Parameter("model", CategoricalDistribution(["tree", "line", "net"])),
        Parameter("depth", IntDistribution(1, 30), when=(Clause("model", "in", ("tree",)),)),
        Parameter("slope", FloatDistribution(0, 1), when=(Clause("model", "in", ("line",)),)),
        Parameter("layers", IntDistribution(1, 4), when=(Clause("model", "in", ("net",)),)),
        Parameter("width", FloatDistribution(0, 1), when=(Clause("layers", ">", 1),)),
        Parameter("shared", FloatDistribution(0, 1)),
    ]
)


def pipeline(params: dict[str, Any]) -> float:
    loss = (params["shared"] - 0.5) ** 2
    if params["model"] == "tree":
        return loss + 0.5 + abs(params["depth"] - 7) / 30
    if params["model"] == "line":
        return loss + 0.3 + (params["slope"] - 0.9) ** 2
    return loss + 0.4 + (abs(params["width"] - 0.2) - 0.4 if params["layers"] > 1 else 0.0)


@BOTH
def test_conditional_parameters_are_modelled_within_the_trials_that_have_them(multivariate: bool) -> None:
    ours, random = [], []
    for seed in range(3):
        simulation = Simulation(TPESampler(multivariate=multivariate), CONDITIONAL, seed=seed)
        simulation.run(pipeline, 100)
        for suggestion in simulation.suggestions:
            assert CONDITIONAL.active_only(suggestion.params) == suggestion.params
            active = {name for name in CONDITIONAL.names if CONDITIONAL.is_active(name, suggestion.params)}
            assert active == set(suggestion.params)
        ours.append(simulation.history.values.min())
        random.append(best_after(RandomSampler(), CONDITIONAL, pipeline, 100, seed))
    assert np.mean(ours) < 0.5 * np.mean(random)


def test_given_values_are_kept_and_steer_the_rest() -> None:
    """Two valleys, told apart by the first parameter."""

    def objective(params: dict[str, Any]) -> float:
        x, y = params["x0"], params["x1"]
        return min((x - 0.2) ** 2 + (y - 0.8) ** 2, (x - 0.8) ** 2 + (y - 0.2) ** 2)

    simulation = Simulation(RandomSampler(), floats(2), seed=1)
    simulation.run(objective, 80)
    history = simulation.history
    for x, y in ((0.2, 0.8), (0.8, 0.2)):
        asked = [
            TPESampler().suggest(Request(simulation.space, 80, {"x0": x}), history, np.random.default_rng(seed)).params
            for seed in range(20)
        ]
        assert {params["x0"] for params in asked} == {x}
        assert np.median([abs(params["x1"] - y) for params in asked]) < 0.2


def test_define_by_run_requests_grow_a_point() -> None:
    simulation = Simulation(TPESampler(), MIXED)
    for number in range(40):
        params: dict[str, Any] = {}
        for place in range(len(MIXED)):
            space = MIXED.select(MIXED.names[: place + 1])
            rng = np.random.default_rng([0, number, place])
            params = simulation.sampler.suggest(Request(space, number, params), simulation.history, rng).params
        simulation.table.fold([record_of(number, MIXED, params, values=[mixed(params)])])
    values = simulation.history.values[:, 0]
    assert values[20:].mean() < 0.8 * values[:10].mean()


def test_evidence_survives_a_changed_space() -> None:
    old = SearchSpace.of(
        {"x": FloatDistribution(0, 1), "c": CategoricalDistribution(["a", "b"]), "gone": FloatDistribution(0, 1)}
    )
    new = SearchSpace.of(
        {
            "x": FloatDistribution(-1, 3),
            "c": CategoricalDistribution(["new", "b", "a"]),
            "added": IntDistribution(0, 9),
        }
    )
    simulation = Simulation(TPESampler(), old)
    simulation.run(lambda params: abs(params["x"] - 0.5) + (params["c"] == "b"), 50)
    history = simulation.history
    asked = [TPESampler().suggest(Request(new, 50), history, np.random.default_rng(seed)).params for seed in range(60)]
    assert np.median([abs(params["x"] - 0.5) for params in asked]) < 0.5  # by chance it would be 1
    assert np.mean([params["c"] == "b" for params in asked]) < 0.25
    assert len({params["added"] for params in asked}) > 5


def test_a_finite_space_is_covered_without_repetition_then_repeats() -> None:
    space = SearchSpace.of({"a": IntDistribution(0, 5), "b": CategoricalDistribution(["x", "y", "z"])})
    simulation = Simulation(TPESampler(), space)
    simulation.run(lambda params: params["a"] + (params["b"] == "x"), 18)
    assert len({repr(suggestion.params) for suggestion in simulation.suggestions}) == 18
    assert simulation.sampler.exhausted(space, simulation.history)
    simulation.run(lambda params: params["a"] + (params["b"] == "x"), 5)


def test_values_without_finite_difference_are_ranked_all_the_same() -> None:
    simulation = Simulation(TPESampler(), floats(2))
    simulation.run(
        lambda params: math.inf if params["x0"] > 0.7 else -math.inf if params["x0"] < 0.1 else bowl(params), 50
    )
    assert np.mean([suggestion.params["x0"] < 0.3 for suggestion in simulation.suggestions[30:]]) > 0.5


@pytest.mark.parametrize(
    "arguments",
    [
        TPESampler.hyperopt_parameters(),
        {"gamma": lambda n: n // 3, "weights": default_weights},
        {"prior_weight": 0.0, "consider_magic_clip": False, "consider_endpoints": True},
        {"group": True, "multivariate": True, "warn_independent_sampling": False, "n_ei_candidates": 1},
    ],
)
@BOTH
def test_the_documented_arguments_work(arguments: dict[str, Any], multivariate: bool) -> None:
    sampler = TPESampler(**{"multivariate": multivariate, **arguments})
    simulation = Simulation(sampler, MIXED)
    simulation.run(mixed, 60)
    assert simulation.history.values[30:].mean() < simulation.history.values[:10].mean()


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="group"):
        TPESampler(multivariate=False, group=True)
    with pytest.raises(ValueError, match="prior_weight"):
        TPESampler(prior_weight=-1.0)
    with pytest.raises(ValueError, match="n_ei_candidates"):
        TPESampler(n_ei_candidates=0)
    for weights in (lambda n: -np.ones(n), lambda n: np.zeros(n), lambda n: np.ones(n - 1)):
        with pytest.raises(ValueError, match="weights"):
            Simulation(TPESampler(weights=weights), floats(1)).run(bowl, 30)


def test_the_classical_rules() -> None:
    assert [default_gamma(n) for n in (0, 1, 10, 11, 200, 1000)] == [0, 1, 1, 2, 20, 25]
    assert [hyperopt_default_gamma(n) for n in (1, 100, 10**6)] == [1, 3, 25]
    assert np.array_equal(default_weights(20), np.ones(20))
    assert default_weights(40)[0] == pytest.approx(1 / 40)
    assert np.array_equal(default_weights(40)[15:], np.ones(25))


def test_a_long_history_is_thinned_evenly() -> None:
    """The evidence stays: a valley that only old trials know is found again."""
    space = floats(2)
    simulation = Simulation(TPESampler(), space)
    rng = np.random.default_rng(0)
    for number in range(3000):
        params = dict(zip(space.names, rng.random(2).tolist(), strict=True))
        simulation.table.fold([record_of(number, space, params, values=[bowl(params)])])
        simulation.suggestions.append(None)  # type: ignore[arg-type]
    asked = [simulation.ask()[1] for _ in range(20)]
    assert np.median([bowl(params) for params in asked]) < 0.02


def test_an_earlier_study_tells_where_to_start() -> None:
    space = floats(3)
    earlier = Simulation(TPESampler(), space)
    earlier.run(bowl, 60)
    simulation = Simulation(TPESampler(), space, seed=5)
    simulation.table = TrialTable([MINIMIZE], (earlier.history,))
    simulation.run(bowl, 10)
    values = simulation.history.values[:, 0]
    assert np.median(values[::2]) < 0.05 < np.median(values[1::2])
    assert np.array_equal([s.why == "random start" for s in simulation.suggestions], np.arange(10) % 2 == 1)


def test_no_random_start_when_none_is_wanted() -> None:
    simulation = Simulation(TPESampler(n_startup_trials=0), floats(2))
    simulation.run(bowl, 40)
    assert simulation.history.values.min() < 0.01
