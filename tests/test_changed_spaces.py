"""A search space that changes between two runs of a study: every sampler goes on, and uses the trials that fit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plugin_support import sweep

import sweeper_core as hpo
from sweeper_core.directions import StudyDirection
from sweeper_core.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from sweeper_core.registry import SAMPLERS
from sweeper_core.samplers import Request
from sweeper_core.samplers.asking import ask
from sweeper_core.search_space.space import SearchSpace
from sweeper_core.testing.simulation import record_of
from sweeper_core.trial.history import TrialTable

Space = Mapping[str, BaseDistribution]

OLD: Space = {
    "lr": FloatDistribution(1e-4, 1e-2, log=True),
    "x": FloatDistribution(0.0, 1.0),
    "n": IntDistribution(2, 8),
    "c": CategoricalDistribution(("a", "b", "c")),
}
CHANGES: Mapping[str, Space] = {
    "widened": {**OLD, "lr": FloatDistribution(1e-5, 1e-1, log=True), "n": IntDistribution(1, 16)},
    "narrowed": {**OLD, "x": FloatDistribution(0.4, 0.6), "n": IntDistribution(2, 3)},
    "moved": {**OLD, "x": FloatDistribution(0.5, 2.0)},
    "choice added": {**OLD, "c": CategoricalDistribution(("a", "d", "b", "c"))},
    "choice dropped": {**OLD, "c": CategoricalDistribution(("c", "b"))},
    "parameter dropped": {name: one for name, one in OLD.items() if name != "n"},
    "parameter added": {**OLD, "y": FloatDistribution(0.0, 1.0)},
    "scale changed": {**OLD, "lr": FloatDistribution(1e-4, 1e-2)},
}
LEARNING = ("gp", "tpe", "cmaes", "nsgaii", "nsgaiii")
GRID: Space = {"x": FloatDistribution(0.0, 1.0, step=0.5), "c": CategoricalDistribution(("a", "b"))}


def made(name: str, **arguments: Any) -> Any:
    small = {"population_size": 4} if name.startswith("nsga") else {}
    return SAMPLERS[name].load()(seed=3, **small, **arguments)


def after_a_change(name: str, changed: Space, sign: float, more: int = 2) -> list[dict[str, Any]]:
    """Return the suggestions that follow 12 trials of the old space whose values have a sign."""
    sampler, table, suggested = made(name), TrialTable((StudyDirection.MINIMIZE,)), []
    for number in range(12 + more):
        space = SearchSpace.of(OLD if number < 12 else changed)
        rng = np.random.default_rng([number, 7])
        suggestion = ask(sampler, Request(space, number), table.history(), rng)
        params = suggestion.params
        value = sign * (params["x"] + np.log10(params["lr"]) + 0.1 * params.get("n", 0) + (params["c"] == "b"))
        table.fold([record_of(number, space, params, values=[float(value)], suggestion=suggestion)])
        suggested.append(params)
    return suggested[12:]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", [name for name, entry in SAMPLERS.items() if not entry.finite])
def test_every_sampler_suggests_within_the_space_of_today(name: str, change: str) -> None:
    changed = CHANGES[change]
    for params in after_a_change(name, changed, 1.0):
        assert set(params) == set(changed)
        assert all(changed[key].contains(value) for key, value in params.items()), params


@pytest.mark.parametrize("change", ["widened", "choice dropped", "parameter dropped"])
@pytest.mark.parametrize("name", LEARNING)
def test_what_was_learned_before_counts(name: str, change: str) -> None:
    # With the old values' signs turned round, the same sampler with the same seeds goes elsewhere.
    assert after_a_change(name, CHANGES[change], 1.0) != after_a_change(name, CHANGES[change], -1.0)


@pytest.mark.parametrize("name", [name for name, entry in SAMPLERS.items() if not entry.finite])
def test_a_study_in_python_goes_on_with_another_space(name: str) -> None:
    study = hpo.create_study(sampler=made(name))

    def objective(space: Space) -> Any:
        return lambda trial: sum(
            float(value) if isinstance(value, (int, float)) else 0.0
            for value in (trial.suggest(key, one) for key, one in space.items())
        )

    total = 0
    for space in (OLD, CHANGES["widened"], CHANGES["choice dropped"], CHANGES["parameter added"]):
        study.optimize(objective(space), n_trials=6)
        total += 6
        assert all(dict(trial.distributions) == dict(space) for trial in study.trials[total - 6 :])
    assert len(study.trials) == total


def test_the_parameters_that_all_trials_share_are_suggested_together_again() -> None:
    study = hpo.create_study(sampler=hpo.samplers.RandomSampler(seed=1))
    for high in (1.0, 2.0, 2.0):
        study.optimize(lambda trial, high=high: trial.suggest_float("x", 0.0, high), n_trials=1)
        study.session.log.sync()
        joint = study.session.log.statistics.joint
        last = study.trials[-1].number
        assert (len(joint) == 0) == (last == 1)  # the two latest ranges differ
    assert joint["x"].distribution == FloatDistribution(0.0, 2.0)


def test_a_grid_that_grows_is_filled_up() -> None:
    study = hpo.create_study()
    for choices in (["a", "b"], ["a", "b", "d"]):
        study.sampler = hpo.samplers.GridSampler({"x": [0.0, 0.5, 1.0], "c": choices}, seed=1)
        space = {**GRID, "c": CategoricalDistribution(choices)}
        study.optimize(lambda trial, space=space: float(bool([trial.suggest(k, d) for k, d in space.items()])))
        tried = [tuple(trial.params.values()) for trial in study.trials]
        assert len(set(tried)) == len(tried) == 3 * len(choices)


def test_brute_force_tries_the_new_points_of_a_space_that_has_grown() -> None:
    sampler, table, tried = made("bruteforce"), TrialTable((StudyDirection.MINIMIZE,)), set()
    for number in range(9):
        space = SearchSpace.of(GRID if number < 6 else {**GRID, "c": CategoricalDistribution(("d", "a", "b"))})
        suggestion = ask(sampler, Request(space, number), table.history(), np.random.default_rng(number))
        table.fold([record_of(number, space, suggestion.params, values=[0.0])])
        tried.add(tuple(suggestion.params.values()))
    assert len(tried) == 9


def test_a_sweep_goes_on_with_another_space(tmp_path: Path) -> None:
    def task(cfg: Any) -> float:
        return float(cfg.x + cfg.y)

    first = ["x=interval(0,1)", "y=choice(0,1)", "hydra.sweeper.n_trials=3"]
    sweep(task, tmp_path / "s", first)
    result = sweep(task, tmp_path / "s", ["x=interval(-1,2)", "y=choice(1,2)", "hydra.sweeper.n_trials=3"])
    assert result.finished == {"complete": 6}
