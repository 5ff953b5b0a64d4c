"""Random search draws uniformly on each parameter's own scale."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sweeper_core.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from sweeper_core.samplers import GPSampler, RandomSampler, TPESampler
from sweeper_core.search_space.space import Clause, Parameter, SearchSpace
from sweeper_core.testing.simulation import Simulation

MIXED = SearchSpace.of(
    {
        "x": FloatDistribution(-5, 5),
        "rate": FloatDistribution(1e-5, 1.0, log=True),
        "step": FloatDistribution(0.0, 1.0, step=0.1),
        "n": IntDistribution(1, 64, log=True),
        "k": IntDistribution(0, 30, step=3),
        "c": CategoricalDistribution(["a", None, [1, 2]]),
    }
)


def draw(space: SearchSpace, count: int, seed: int = 0) -> list[dict]:
    simulation = Simulation(RandomSampler(), space, seed=seed)
    simulation.run(lambda params: 0.0, count)
    return [suggestion.params for suggestion in simulation.suggestions]


def test_every_draw_belongs_to_its_distribution() -> None:
    for point in draw(MIXED, 200):
        assert list(point) == list(MIXED.names)
        assert all(MIXED[name].distribution.contains(value) for name, value in point.items())


@pytest.mark.parametrize(("name", "scale"), [("x", lambda v: (v + 5) / 10), ("rate", lambda v: (np.log10(v) + 5) / 5)])
def test_continuous_parameters_are_uniform_on_their_scale(name: str, scale: object) -> None:
    values = np.array([point[name] for point in draw(MIXED, 2000)])
    assert stats.kstest(scale(values), "uniform").pvalue > 1e-3  # type: ignore[operator]


@pytest.mark.parametrize("name", ["step", "k", "c"])
def test_listed_values_are_equally_frequent(name: str) -> None:
    values = [repr(point[name]) for point in draw(MIXED, 2200)]
    counts = np.unique(values, return_counts=True)[1]
    assert len(counts) == MIXED[name].distribution.cardinality
    assert stats.chisquare(counts).pvalue > 1e-3


def test_logarithmic_integers_have_the_mass_of_their_interval() -> None:
    values = np.array([point["n"] for point in draw(MIXED, 4000)])
    edges = np.log(np.arange(0.5, 65.0))
    expected = np.diff(edges) / (edges[-1] - edges[0])
    head = np.array([*(np.sum(values == n) for n in range(1, 9)), np.sum(values > 8)])
    assert stats.chisquare(head, 4000 * np.array([*expected[:8], expected[8:].sum()])).pvalue > 1e-3


@settings(max_examples=60, deadline=None)
@given(st.integers(-(2**53), 2**53 - 1), st.integers(0, 2**40), st.integers(1, 1000), st.floats(0, 1, exclude_max=True))
def test_integers_of_any_size_stay_inside(low: int, span: int, step: int, u: float) -> None:
    distribution = IntDistribution(low, min(low + span // step * step, low + (2**53 - low) // step * step), step=step)
    assert distribution.contains(distribution.draw(u))


def test_only_active_parameters_are_drawn() -> None:
    space = SearchSpace(
        [
            Parameter("depth", IntDistribution(1, 5), when=(Clause("model", "in", ("tree",)),)),
            Parameter("model", CategoricalDistribution(["tree", "line"])),
            Parameter("slope", FloatDistribution(0, 1), when=(Clause("model", "in", ("line",)),)),
        ]
    )
    for point in draw(space, 50):
        assert set(point) == ({"model", "depth"} if point["model"] == "tree" else {"model", "slope"})


def test_given_values_are_kept_and_do_not_disturb_the_others() -> None:
    free = Simulation(RandomSampler(), MIXED, seed=4).ask()[1]
    fixed = Simulation(RandomSampler(), MIXED, seed=4).ask({"rate": 0.25})[1]
    assert fixed == {**free, "rate": 0.25}


@pytest.mark.parametrize("sampler", [RandomSampler, TPESampler, GPSampler])
def test_a_negative_seed_is_refused_at_once(sampler: type[RandomSampler | TPESampler | GPSampler]) -> None:
    with pytest.raises(ValueError, match="not -1"):
        sampler(seed=-1)
