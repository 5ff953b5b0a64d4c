"""Samplers keep the contract with arguments of their own; ``test_registry.py`` tries each by default."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sweeper_core.samplers import (
    NSGAIIISampler,
    NSGAIISampler,
    PartialFixedSampler,
    RandomSampler,
    TPESampler,
    tpe,
)
from sweeper_core.samplers.base import Sampler
from sweeper_core.testing.samplers import SamplerConformance
from sweeper_core.testing.simulation import Simulation


class TPEConformance(SamplerConformance):
    def watch_scores(self, monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray[Any, Any]]:
        seen: list[np.ndarray[Any, Any]] = []
        plain = tpe.ranked

        def ranked(candidates: Any, scores: np.ndarray[Any, Any]) -> Any:
            seen.append(scores)
            return plain(candidates, scores)

        monkeypatch.setattr(tpe, "ranked", ranked)
        return seen


class TestTPEApart(TPEConformance):
    def make(self) -> Sampler:
        return TPESampler(seed=0, multivariate=False)


class TestTPEJointly(TPEConformance):
    def make(self) -> Sampler:
        return TPESampler(seed=0)


class TestTPEOfSeveralObjectives(TPEConformance):
    objectives = 2

    def make(self) -> Sampler:
        return TPESampler(seed=0)


class TestNSGAII(SamplerConformance):
    objectives = 2

    def make(self) -> Sampler:
        return NSGAIISampler(seed=0, population_size=8)


class TestNSGAIII(SamplerConformance):
    objectives = 3

    def make(self) -> Sampler:
        return NSGAIIISampler(seed=0, population_size=8)


class TestPartialFixed(SamplerConformance):
    def make(self) -> Sampler:
        return PartialFixedSampler({"not there": 1}, TPESampler(seed=0))


def test_partially_fixed_values_are_kept_and_the_rest_is_covered() -> None:
    space = SamplerConformance().usable().select(["k", "size", "only"])
    sampler = PartialFixedSampler({"k": 3, "unknown": 1}, RandomSampler(seed=0))
    simulation = Simulation(sampler, space)
    while not sampler.exhausted(space, simulation.history):
        simulation.run(lambda params: 0.0, 1)
    assert [suggestion.params["k"] for suggestion in simulation.suggestions] == [3, 3, 3]
    assert {suggestion.params["size"] for suggestion in simulation.suggestions} == {"s", "m", "l"}


def test_a_fixed_value_out_of_range_is_kept_with_a_warning() -> None:
    space = SamplerConformance().usable()
    simulation = Simulation(PartialFixedSampler({"x": 99.0}, RandomSampler(seed=0)), space)
    with pytest.warns(UserWarning, match="'x' with value 99.0 is out of range"):
        assert simulation.ask()[1]["x"] == 99.0
    with pytest.raises(ValueError, match="not in"):
        Simulation(PartialFixedSampler({"c": "unknown"}, RandomSampler(seed=0)), space).ask()


def test_an_enqueued_value_wins_over_the_fixed_one() -> None:
    simulation = Simulation(PartialFixedSampler({"k": 3}, RandomSampler(seed=0)), SamplerConformance().usable())
    assert simulation.ask({"k": -9})[1]["k"] == -9
