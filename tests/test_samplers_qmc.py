"""The quasi-Monte Carlo sampler."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy.stats import qmc as scipy_qmc

from sweeper_core.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from sweeper_core.samplers.base import Request
from sweeper_core.samplers.qmc import QMCSampler
from sweeper_core.samplers.random import RandomSampler
from sweeper_core.search_space.space import Clause, Parameter, SearchSpace
from sweeper_core.testing.simulation import Simulation

FLOATS = SearchSpace.of({name: FloatDistribution(0.0, 1.0) for name in "abc"})
ALL_TYPES = SearchSpace(
    [
        Parameter("kind", CategoricalDistribution(["a", "b", ["c"], None])),
        Parameter("rate", FloatDistribution(1e-4, 1.0, log=True)),
        Parameter("units", IntDistribution(1, 8)),
        Parameter("step", FloatDistribution(0.0, 1.0, step=0.25)),
        Parameter("only_b", FloatDistribution(0.0, 1.0), (Clause("kind", "in", ("b",)),)),
    ]
)
SAMPLERS = [
    QMCSampler(),
    QMCSampler(qmc_type="halton"),
    QMCSampler(scramble=True, seed=1),
    QMCSampler(qmc_type="halton", scramble=True, seed=1),
]
IDS = ["sobol", "halton", "scrambled sobol", "scrambled halton"]


def points(sampler: QMCSampler | RandomSampler, space: SearchSpace, n: int) -> list[dict]:
    study = Simulation(sampler, space)
    study.run(lambda params: 0.0, n)
    return [suggestion.params for suggestion in study.suggestions]


@pytest.mark.parametrize("sampler", SAMPLERS, ids=IDS)
def test_trials_fill_the_space_more_evenly_than_random_ones(sampler: QMCSampler) -> None:
    found, random = (np.array([list(p.values()) for p in points(s, FLOATS, 64)]) for s in (sampler, RandomSampler()))
    assert scipy_qmc.discrepancy(found) < 0.5 * scipy_qmc.discrepancy(random)


@pytest.mark.parametrize("sampler", SAMPLERS, ids=IDS)
def test_every_type_of_parameter_gets_its_share(sampler: QMCSampler) -> None:
    found = points(sampler, ALL_TYPES, 128)
    kinds = [["a", "b", ["c"], None].index(p["kind"]) for p in found]
    assert np.bincount(kinds).tolist() == pytest.approx([32] * 4, abs=2)
    assert np.bincount([p["units"] for p in found])[1:].tolist() == pytest.approx([16] * 8, abs=3)
    assert np.mean([p["rate"] < 1e-2 for p in found]) == pytest.approx(0.5, abs=0.03)
    assert all(("only_b" in p) == (p["kind"] == "b") for p in found)
    assert all(ALL_TYPES[name].distribution.contains(value) for p in found for name, value in p.items())


def test_the_plain_sequence_begins_in_the_middle() -> None:
    assert points(QMCSampler(), FLOATS, 1) == [{"a": 0.5, "b": 0.5, "c": 0.5}]


@pytest.mark.parametrize("sampler", SAMPLERS, ids=IDS)
def test_the_trials_number_alone_decides(sampler: QMCSampler) -> None:
    first = points(sampler, FLOATS, 20)
    empty = Simulation(RandomSampler(), FLOATS).history
    late = sampler.suggest(Request(FLOATS, 13), empty, np.random.default_rng(99))
    assert late.params == first[13]


def test_a_seed_decides_the_scrambling() -> None:
    one, same, other = (points(QMCSampler(scramble=True, seed=seed), FLOATS, 4) for seed in (1, 1, 2))
    assert one == same != other
    unseeded = [points(QMCSampler(scramble=True, warn_asynchronous_seeding=False), FLOATS, 4) for _ in range(2)]
    assert unseeded[0] != unseeded[1]


def test_given_values_are_kept() -> None:
    study = Simulation(QMCSampler(), ALL_TYPES)
    _, params = study.ask({"kind": "b", "units": 3})
    assert (params["kind"], params["units"]) == ("b", 3)
    assert "only_b" in params


def test_a_finite_space_is_covered_before_anything_repeats() -> None:
    space = SearchSpace.of({"a": IntDistribution(0, 4), "b": CategoricalDistribution(["x", "y", "z"])})
    assert len({tuple(p.values()) for p in points(QMCSampler(), space, 15)}) == 15


def test_an_unknown_sequence_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'sobol', 'halton', not 'hammersley'"):
        QMCSampler(qmc_type="hammersley")


def test_scipys_statistics_and_linear_algebra_are_not_loaded_before_they_are_needed() -> None:
    code = (
        # The oldest SciPy's special functions load its linear algebra themselves.
        "import sys, scipy.special; before = set(sys.modules); "
        "from sweeper_core.samplers import CmaEsSampler, QMCSampler, TPESampler; CmaEsSampler(), QMCSampler(), "
        "TPESampler(); print({'scipy.stats', 'scipy.linalg'} & (set(sys.modules) - before))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"
