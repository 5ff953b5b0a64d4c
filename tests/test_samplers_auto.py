"""The default sampler: safe on every space, and one algorithm after another for reasons that it tells."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sweeper_core.directions import StudyDirection
from sweeper_core.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from sweeper_core.samplers.auto import MAX_GP, MAX_GP_OF_NUMBERS, MAX_GP_OF_SEVERAL, AutoSampler, choose
from sweeper_core.samplers.base import Request
from sweeper_core.samplers.random import RandomSampler
from sweeper_core.search_space.space import Clause, Parameter, SearchSpace
from sweeper_core.testing.simulation import Simulation
from sweeper_core.trial.history import TrialTable
from sweeper_core.trial.state import TrialState

MINIMISE = StudyDirection.MINIMIZE
FLOATS = SearchSpace.of({f"x{i}": FloatDistribution(-5.0, 5.0) for i in range(3)})
CONDITIONAL = SearchSpace(
    [
        Parameter("kind", CategoricalDistribution(["a", "b"])),
        Parameter("x", FloatDistribution(0.0, 1.0), (Clause("kind", "in", ("a",)),)),
        Parameter("n", IntDistribution(1, 100, log=True), (Clause("kind", "in", ("b",)),)),
    ]
)
SPACES = {
    "no parameters": SearchSpace([]),
    "a single value": SearchSpace.of({"x": FloatDistribution(2.0, 2.0), "c": CategoricalDistribution(["only"])}),
    "one number": SearchSpace.of({"x": FloatDistribution(0.0, 1.0)}),
    "two choices": SearchSpace.of({"c": CategoricalDistribution([True, False])}),
    "conditional": CONDITIONAL,
    "fifty numbers": SearchSpace.of({f"x{i}": FloatDistribution(-1.0, 1.0) for i in range(50)}),
    "a huge grid": SearchSpace.of({f"n{i}": IntDistribution(0, 10**9) for i in range(5)}),
}


def loss(params: dict[str, Any]) -> float:
    return sum(float(value) ** 2 for value in params.values() if isinstance(value, (int, float)))


@pytest.mark.parametrize("name", SPACES)
def test_every_space_is_served(name: str) -> None:
    space = SPACES[name]
    study = Simulation(AutoSampler(), space)
    study.run(loss, 14)
    assert study.history.within(space).all()
    assert all(s.params == space.active_only(s.params) and s.why for s in study.suggestions)


@pytest.mark.parametrize("m", [2, 3, 5])
def test_several_objectives_are_served(m: int) -> None:
    study = Simulation(AutoSampler(), FLOATS, [MINIMISE] * m)
    study.run(lambda params: [abs(params["x0"] - k) for k in range(m)], 13)
    assert study.history.within(FLOATS).all()


def test_an_exhausted_space_is_known_as_such_and_served_on() -> None:
    study = Simulation(AutoSampler(), SPACES["two choices"])
    study.run(loss, 2)
    assert {s.params["c"] for s in study.suggestions} == {True, False}
    assert study.sampler.exhausted(study.space, study.history)
    study.run(loss, 2)


def after(n: int, space: SearchSpace = FLOATS, m: int = 1) -> Simulation:
    study = Simulation(RandomSampler(), space, [MINIMISE] * m)
    study.run(lambda params: [loss(params) + k for k in range(m)], n)
    return study


def test_a_gaussian_process_comes_first() -> None:
    study = Simulation(AutoSampler(), FLOATS)
    study.run(loss, 12)
    assert {s.origin for s in study.suggestions} == {"gp"}
    assert "space-filling start" in study.suggestions[0].why


@pytest.mark.parametrize(
    ("space", "longest", "expected"),
    [(FLOATS, MAX_GP_OF_NUMBERS, "cmaes"), (CONDITIONAL, MAX_GP, "tpe")],
    ids=["numbers", "conditional"],
)
def test_a_long_study_goes_on_with_a_cheaper_algorithm(space: SearchSpace, longest: int, expected: str) -> None:
    study = after(longest, space)
    study.sampler = AutoSampler()
    study.run(loss, 40)
    late = study.suggestions[-40:]
    assert {s.origin for s in late} == {expected}
    assert str(longest) in late[0].why
    assert study.history.values[-40:].min() <= np.quantile(study.history.values[:longest], 0.02)


def test_a_small_budget_is_left_to_the_gaussian_process() -> None:
    history = after(MAX_GP_OF_NUMBERS).history
    number = MAX_GP_OF_NUMBERS
    chosen = {budget: choose(Request(FLOATS, number, budget=budget), history).algorithm for budget in (999, 1000, None)}
    assert chosen == {999: "gp", 1000: "cmaes", None: "cmaes"}


def test_a_long_study_of_several_objectives_goes_on_with_tpe() -> None:
    study = after(MAX_GP_OF_SEVERAL, m=2)
    study.sampler = AutoSampler()
    study.run(lambda params: [loss(params), params["x0"]], 2)
    assert study.suggestions[-1].origin == "tpe"


def test_failed_trials_do_not_count_as_progress() -> None:
    study = Simulation(RandomSampler(), FLOATS)
    study.run(lambda params: None, MAX_GP + 1)
    assert choose(Request(FLOATS, len(study)), study.history).algorithm == "gp"


def test_ten_thousand_trials_are_no_burden() -> None:
    table = TrialTable([MINIMISE])
    study = after(50)
    records = [record for record in study.table.records if record is not None]
    for number in range(10_000):
        base = records[number % 50]
        table.fold([type(base)(number, number, base.state, base.layout, base.internals, base.values)])
    suggestion = AutoSampler().suggest(Request(FLOATS, 10_000), table.history(), np.random.default_rng(0))
    assert suggestion.origin == "cmaes"


def test_a_fresh_sampler_goes_on_as_the_old_one_would_have() -> None:
    study = after(MAX_GP_OF_NUMBERS)
    study.sampler = AutoSampler()
    study.run(loss, 25)
    request, history = Request(FLOATS, len(study)), study.history
    again = AutoSampler().suggest(request, history, np.random.default_rng(7))
    assert again == study.sampler.suggest(request, history, np.random.default_rng(7))


def test_constraints_reach_the_algorithm() -> None:
    study = Simulation(AutoSampler(), FLOATS)
    for _ in range(25):
        number, params = study.ask()
        study.tell(number, params["x0"], constraints={"c": 1.0 - params["x0"]})
    assert study.history.feasible[12:].mean() > 0.25
    assert np.min(study.history.values[study.history.feasible]) < 1.3
    assert not np.any(study.history.states == TrialState.FAIL)
