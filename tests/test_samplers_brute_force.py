"""Exhaustive search: everything once, nothing twice, and an end, whether the space is known beforehand or not."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweeper_core import create_study
from sweeper_core.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from sweeper_core.samplers.brute_force import BruteForceSampler
from sweeper_core.search_space.space import Clause, Parameter, SearchSpace
from sweeper_core.testing.simulation import Simulation
from sweeper_core.trial.state import TrialState

CONDITIONAL = SearchSpace(
    [
        Parameter("depth", IntDistribution(1, 3), (Clause("model", "in", ("tree",)),)),
        Parameter("model", CategoricalDistribution(["tree", "net", None])),
        Parameter("rate", FloatDistribution(0.1, 0.3, step=0.1), (Clause("model", "in", ("net",)),)),
        Parameter("wide", CategoricalDistribution([True, 1, 1.0]), (Clause("rate", ">", 0.15),)),
    ]
)


def tried(study: Any) -> list[tuple]:
    return sorted((repr(sorted(trial.params.items(), key=lambda item: item[0])),) for trial in study.trials)


def test_a_known_conditional_space_is_covered_once_and_then_exhausted() -> None:
    study = Simulation(BruteForceSampler(), CONDITIONAL)
    expected = [repr(point) for point in CONDITIONAL.points()]
    for _ in expected:
        assert not study.sampler.exhausted(CONDITIONAL, study.history)
        study.run(lambda params: 0.0, 1)
    assert sorted(repr(s.params) for s in study.suggestions) == sorted(expected)
    assert study.sampler.exhausted(CONDITIONAL, study.history)
    study.run(lambda params: 0.0, 3)


def test_the_order_is_random_and_decided_by_the_seed() -> None:
    space = SearchSpace.of({"a": IntDistribution(0, 99)})
    orders = []
    for seed in (0, 0, 1):
        study = Simulation(BruteForceSampler(), space, seed=seed)
        study.run(lambda params: 0.0, 100)
        orders.append([s.params["a"] for s in study.suggestions])
    assert orders[0] == orders[1] != orders[2]
    assert orders[0] != sorted(orders[0])


def test_running_trials_count_as_tried() -> None:
    space = SearchSpace.of({"a": IntDistribution(0, 9)})
    study = Simulation(BruteForceSampler(), space)
    assert len({study.ask()[1]["a"] for _ in range(10)}) == 10
    assert study.sampler.exhausted(space, study.history)
    assert not BruteForceSampler(avoid_premature_stop=True).exhausted(space, study.history)


def test_given_values_are_kept() -> None:
    study = Simulation(BruteForceSampler(), CONDITIONAL)
    rates = {study.ask({"model": "net"})[1]["rate"] for _ in range(7)}
    assert rates == {0.1, 0.2, 0.3}


def test_an_objective_with_branches_is_covered_and_the_study_ends_by_itself() -> None:
    study = create_study(sampler=BruteForceSampler(seed=0))

    def objective(trial: Any) -> float:
        kind = trial.suggest_categorical("kind", ["float", "int", "none"])
        if kind == "float":
            return trial.suggest_float("x", 1.0, 3.0, step=0.5)
        if kind == "int":
            low = trial.suggest_int("low", 1, 3)
            return trial.suggest_int("high", low, 3) - low
        return 0.0

    study.optimize(objective, n_trials=100)
    found = tried(study)
    assert len(found) == len(set(found)) == 5 + 6 + 1


def test_without_branches_the_study_ends_too() -> None:
    study = create_study(sampler=BruteForceSampler(seed=0))
    study.optimize(lambda t: t.suggest_int("a", 0, 3) + t.suggest_categorical("b", [0, 1, 2]), n_trials=50)
    assert len(study.trials) == len(set(tried(study))) == 12


@pytest.mark.parametrize("lanes", [1, 3])
def test_failures_and_pruning_count_as_tried(lanes: int) -> None:
    from sweeper_core.exceptions import TrialPruned

    def objective(trial: Any) -> float:
        a = trial.suggest_int("a", 0, 3)
        if a == 1:
            raise ValueError("cannot")
        b = trial.suggest_int("b", 0, 2)
        if b == 1:
            raise TrialPruned
        return a + b

    study = create_study(sampler=BruteForceSampler(seed=1))
    study.optimize(objective, n_trials=60, catch=(ValueError,), n_jobs=lanes)
    whole = {(t.params["a"], t.params["b"]) for t in study.trials if t.state is not TrialState.FAIL}
    assert whole == {(a, b) for a in (0, 2, 3) for b in range(3)}
    # Threads may draw a point that another is about to store; the study still ends by itself.
    assert len(study.trials) == 10 if lanes == 1 else len(study.trials) < 60


@st.composite
def programs(draw: st.DrawFn) -> Any:
    """A random tree of parameters: node = (name, number of values, one subtree per value or None)."""
    count = 0

    def node(depth: int) -> Any:
        nonlocal count
        if depth == 0 or (depth < 3 and draw(st.booleans())):
            return None
        count += 1
        name = f"p{count}"
        children = [node(depth - 1) for _ in range(draw(st.integers(1, 3)))]
        return name, children

    return node(3)


def leaves(tree: Any) -> int:
    return 1 if tree is None else sum(leaves(child) for child in tree[1])


@settings(deadline=None, max_examples=25)
@given(programs(), st.integers(0, 1000))
def test_any_program_of_branches_is_covered_exactly_once(tree: Any, seed: int) -> None:
    study = create_study(sampler=BruteForceSampler(seed=seed))

    def objective(trial: Any) -> float:
        here = tree
        while here is not None:
            name, children = here
            here = children[trial.suggest_int(name, 0, len(children) - 1)]
        return random.random()

    study.optimize(objective, n_trials=leaves(tree) + 5)
    assert len(study.trials) == len(set(tried(study))) == leaves(tree)


def test_a_continuous_parameter_is_refused() -> None:
    study = Simulation(BruteForceSampler(), SearchSpace.of({"x": FloatDistribution(0.0, 1.0)}))
    with pytest.raises(ValueError, match=r"'x' is continuous.*`step`"):
        study.ask()


def test_a_space_too_large_to_list_is_searched_without_repeating() -> None:
    space = SearchSpace.of({name: IntDistribution(0, 99) for name in "abcd"})
    study = Simulation(BruteForceSampler(), space)
    study.run(lambda params: 0.0, 50)
    assert len({tuple(s.params.values()) for s in study.suggestions}) == 50
    assert not study.sampler.exhausted(space, study.history)
    assert np.all(study.history.states == TrialState.COMPLETE)
