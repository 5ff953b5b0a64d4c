"""No point of a finite space is suggested twice until all have been."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweeper_core.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from sweeper_core.samplers import RandomSampler
from sweeper_core.samplers._distinct import make_distinct
from sweeper_core.samplers._lattice import exhausted, is_known, lattice_of
from sweeper_core.samplers.base import Request
from sweeper_core.search_space.space import Clause, Parameter, SearchSpace
from sweeper_core.testing.simulation import Simulation, record_of

CONDITIONAL = SearchSpace(
    [
        Parameter("model", CategoricalDistribution(["tree", "line"])),
        Parameter("depth", IntDistribution(1, 4), when=(Clause("model", "in", ("tree",)),)),
        Parameter("slope", FloatDistribution(0, 1, step=0.5), when=(Clause("model", "in", ("line",)),)),
    ]
)


INTEGERS = st.builds(
    lambda low, count, step: IntDistribution(low, low + count * step, step=step),
    st.integers(-3, 3),
    st.integers(0, 3),
    st.integers(1, 2),
)
STEPPED = st.builds(lambda count: FloatDistribution(0.0, count / 10, step=0.1), st.integers(0, 3))
CHOICES = st.lists(st.sampled_from([1, True, 1.0, "1", None, "x"]), min_size=1, max_size=4, unique_by=repr)
AXES = st.one_of(INTEGERS, STEPPED, CHOICES.map(CategoricalDistribution))


@settings(max_examples=40, deadline=None)
@given(st.lists(AXES, min_size=1, max_size=3), st.integers(0, 10))
def test_any_finite_space_is_covered_without_repetition(distributions: list, seed: int) -> None:
    space = SearchSpace.of({f"p{place}": distribution for place, distribution in enumerate(distributions)})
    simulation = Simulation(RandomSampler(), space, seed=seed)
    while not exhausted(space, simulation.history):
        simulation.run(lambda params: 0.0, 1)
    assert len(simulation) == space.cardinality
    assert len({repr(suggestion.params) for suggestion in simulation.suggestions}) == space.cardinality


def test_conditional_points_count_once_whatever_the_inactive_parameters_would_be() -> None:
    lattice = lattice_of(CONDITIONAL)
    assert lattice is not None
    assert lattice.n_points == 7
    simulation = Simulation(RandomSampler(), CONDITIONAL)
    simulation.run(lambda params: 0.0, 7)
    assert exhausted(CONDITIONAL, simulation.history)
    assert len({repr(suggestion.params) for suggestion in simulation.suggestions}) == 7


def test_an_exhausted_space_repeats_instead_of_failing() -> None:
    space = SearchSpace.of({"a": IntDistribution(0, 1)})
    simulation = Simulation(RandomSampler(), space)
    simulation.run(lambda params: 0.0, 5)
    assert {suggestion.params["a"] for suggestion in simulation.suggestions[:2]} == {0, 1}


def test_given_values_are_kept_while_the_rest_is_varied() -> None:
    space = SearchSpace.of({"a": IntDistribution(0, 2), "b": IntDistribution(0, 4)})
    simulation = Simulation(RandomSampler(), space)
    points = [simulation.ask({"a": 1})[1] for _ in range(5)]
    assert {point["b"] for point in points} == {0, 1, 2, 3, 4}
    assert simulation.ask({"a": 1})[1]["a"] == 1


def test_a_shorter_define_by_run_prefix_is_not_the_same_point() -> None:
    space = SearchSpace.of({"a": IntDistribution(0, 1), "b": IntDistribution(0, 9)})
    simulation = Simulation(RandomSampler(), space)
    simulation.run(lambda params: 0.0, 10)
    assert not is_known(space.select(["a"]), simulation.history, {"a": 0})
    assert not exhausted(space.select(["a"]), simulation.history)


@pytest.mark.parametrize("size", [300, 2**50])
def test_a_neighbour_is_preferred_in_spaces_small_and_large(size: int) -> None:
    space = SearchSpace.of({"n": IntDistribution(0, size), "m": IntDistribution(0, size)})
    simulation = Simulation(RandomSampler(), space)
    simulation.table.fold([record_of(0, space, {"n": 100, "m": 100}, values=[0.0])])
    other = make_distinct(Request(space, 1), simulation.history, np.random.default_rng(0), {"n": 100, "m": 100})
    assert abs(other["n"] - 100) + abs(other["m"] - 100) == 1


def test_points_of_another_type_are_other_points() -> None:
    space = SearchSpace.of({"c": CategoricalDistribution([1, True, 1.0])})
    simulation = Simulation(RandomSampler(), space)
    simulation.table.fold([record_of(0, space, {"c": True}, values=[0.0])])
    assert is_known(space, simulation.history, {"c": True})
    assert not is_known(space, simulation.history, {"c": 1})
    assert not is_known(space, simulation.history, {"c": 1.0})
