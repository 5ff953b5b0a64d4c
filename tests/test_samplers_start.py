"""A space-filling start covers each kind of parameter better than random points do."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import qmc

from sweeper_core.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from sweeper_core.samplers import AutoSampler, QMCSampler, RandomSampler, Sampler
from sweeper_core.search_space.space import SearchSpace
from sweeper_core.testing.simulation import Simulation

STUDIES, POINTS = 6, 10
KINDS: dict[str, BaseDistribution] = {
    "float": FloatDistribution(-3.0, 5.0),
    "log": FloatDistribution(1e-5, 1.0, log=True),
    "stepped": FloatDistribution(0.0, 1.0, step=0.01),
    "integer": IntDistribution(0, 200),
    "log integer": IntDistribution(1, 5000, log=True),
}
FILLING: dict[str, Callable[[int], Sampler]] = {
    "default": lambda seed: AutoSampler(seed=seed),
    "sobol": lambda seed: QMCSampler(seed=seed, scramble=True),
}


def starts(make: Callable[[int], Sampler], distribution: BaseDistribution) -> list[np.ndarray]:
    """Return the coordinates ``(POINTS, 2)`` of the starts of some studies of two parameters of a kind."""
    space = SearchSpace.of({"a": distribution, "b": distribution})
    found = []
    for seed in range(STUDIES):
        simulation = Simulation(make(seed), space, seed=seed)
        simulation.run(lambda params: 0.0, POINTS)
        found.append(space.to_unit(np.array([space.encode(each.params) for each in simulation.suggestions])))
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sampler", FILLING)
def test_numbers_are_covered_better_than_at_random(sampler: str, kind: str) -> None:
    filled, random = (
        np.mean([qmc.discrepancy(units) for units in starts(make, KINDS[kind])])
        for make in (FILLING[sampler], lambda seed: RandomSampler(seed=seed))
    )
    assert filled < 0.8 * random


@pytest.mark.parametrize("sampler", FILLING)
def test_each_of_five_choices_comes_up_about_twice_in_ten_points(sampler: str) -> None:
    def imbalance(make: Callable[[int], Sampler]) -> float:
        drawn = starts(make, CategoricalDistribution(list("abcde")))
        counts = [np.bincount((units[:, 0] * 5).astype(int), minlength=5) for units in drawn]
        return float(np.mean(np.var(counts, axis=1)))

    assert imbalance(FILLING[sampler]) < 0.6 * imbalance(lambda seed: RandomSampler(seed=seed))
