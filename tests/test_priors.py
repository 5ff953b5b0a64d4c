"""Priors bend what samplers suggest, fade, and do no lasting harm when they are wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import sweeper_core as hpo
from sweeper_core.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from sweeper_core.samplers import AutoSampler, GPSampler, NSGAIISampler, QMCSampler, RandomSampler, Sampler, TPESampler
from sweeper_core.samplers._gp.priors import Belief, beliefs_of
from sweeper_core.samplers._gp.space import Encoding
from sweeper_core.samplers._priors import power
from sweeper_core.samplers.base import Request
from sweeper_core.search_space.priors import CONFIDENCES, Prior, PriorDensity
from sweeper_core.search_space.space import Clause, Parameter, SearchSpace
from sweeper_core.testing.simulation import Simulation

SPACE = SearchSpace(
    [
        Parameter("lr", FloatDistribution(1e-5, 1e-1, log=True)),
        Parameter("model", CategoricalDistribution(["a", "b", "c"])),
        Parameter("depth", IntDistribution(1, 8), (Clause("model", "in", ("b",)),)),
        Parameter("size", CategoricalDistribution([1, 2, 4, 8]), ordered=True),
    ]
)
PRIORS = {"lr": Prior(1e-3, "high"), "model": Prior("b", "high"), "depth": Prior(6), "size": Prior(4)}


def density_on_grid(parameter: Parameter, prior: Prior) -> np.ndarray[Any, Any]:
    space = SearchSpace([parameter])
    axis = parameter.distribution.axis
    count = axis.count or 2000
    unit = (np.arange(count) + 0.5) / count
    return np.exp(PriorDensity(space, {parameter.name: prior}).log(unit[:, None]))


@pytest.mark.parametrize("confidence", CONFIDENCES)
@pytest.mark.parametrize("name", ["lr", "model", "size"])
def test_a_density_has_its_mode_at_the_value_and_leaves_all_others_possible(name: str, confidence: str) -> None:
    value = PRIORS[name].value
    density = density_on_grid(SPACE[name], Prior(value, confidence))
    distribution = SPACE[name].distribution
    place = distribution.axis.unit(distribution.to_internal_repr(value))
    assert abs((np.argmax(density) + 0.5) / len(density) - place) <= 1 / len(density)
    assert density.min() >= 0.09
    if name != "size":  # of few ordered choices, the bell's cells do not sum up exactly
        assert np.mean(density) == pytest.approx(1.0, abs=1e-3)


def test_the_more_confident_the_narrower() -> None:
    peaks = [density_on_grid(SPACE["lr"], Prior(1e-3, confidence)).max() for confidence in CONFIDENCES]
    assert peaks == sorted(peaks)


def test_draws_follow_the_density() -> None:
    rng = np.random.default_rng(0)
    points = [PriorDensity(SPACE, PRIORS).draw({}, rng) for _ in range(600)]
    assert np.mean([point["model"] == "b" for point in points]) == pytest.approx(0.75 + 0.25 / 3, abs=0.05)
    near = [abs(np.log10(point["lr"]) + 3) < 4 * 0.125 for point in points]
    assert np.mean(near) == pytest.approx(0.9 * 0.683 + 0.1 * 0.25, abs=0.06)
    assert all(("depth" in point) == (point["model"] == "b") for point in points)


def test_the_gaussian_process_term_is_the_density_and_its_slope_is_right() -> None:
    encoding = Encoding(SPACE)
    rng = np.random.default_rng(1)
    unit = encoding.spread(40, rng)
    (term,) = beliefs_of(Request(SPACE, 1, priors=PRIORS), Simulation(RandomSampler(), SPACE).history, encoding)
    term = Belief(term.factors, 0.7)
    active = np.where(encoding.active(unit), unit, np.nan)
    Z = encoding.embed(unit)
    score, slope = term.score_with_gradient(Z)
    assert score == pytest.approx(0.7 * PriorDensity(SPACE, PRIORS).log(active))
    column = encoding.axes[0].columns[0]
    step = np.zeros_like(Z)
    step[:, column] = 1e-6
    assert slope[:, column] == pytest.approx((term.score(Z + step) - term.score(Z - step)) / 2e-6, abs=1e-4)


SAMPLERS = [
    pytest.param(RandomSampler, id="random"),
    pytest.param(lambda seed: QMCSampler(seed=seed), id="qmc"),
    pytest.param(lambda seed: TPESampler(seed=seed, n_startup_trials=5), id="tpe"),
    pytest.param(lambda seed: GPSampler(seed=seed, n_startup_trials=4), id="gp"),
    pytest.param(lambda seed: AutoSampler(seed=seed), id="auto"),
    pytest.param(lambda seed: NSGAIISampler(seed=seed, population_size=6), id="nsgaii"),
]


def run(sampler: Sampler, priors: dict[str, Prior], optimum: float, n: int = 12) -> list[dict[str, Any]]:
    study = Simulation(sampler, SPACE, seed=3, budget=n, priors=priors)
    points = []
    for _ in range(n):
        number, params = study.ask()
        study.tell(number, (np.log10(params["lr"]) - optimum) ** 2 + 0.3 * (params["model"] != "b"))
        points.append(params)
    return points


@pytest.mark.parametrize("make", SAMPLERS)
def test_every_sampler_begins_with_the_values_and_stays_nearer_to_them(make: Any) -> None:
    believed, plain = (run(make(0), priors, -3.0) for priors in (PRIORS, {}))
    assert believed[0] == {"lr": 1e-3, "model": "b", "depth": 6, "size": 4}
    distance = [np.mean([abs(np.log10(point["lr"]) + 3) for point in points]) for points in (believed, plain)]
    assert distance[0] < distance[1]
    assert run(make(0), PRIORS, -3.0) == believed


@pytest.mark.parametrize("make", SAMPLERS[:4])
def test_without_priors_nothing_changes_and_unknown_names_do_nothing(make: Any) -> None:
    assert run(make(0), {}, -3.0, 8) == run(make(0), {"other": Prior(1)}, -3.0, 8)


def test_a_prior_fades_and_a_wrong_one_sooner() -> None:
    powers = []
    for optimum in (-3.0, -5.0):
        study = Simulation(RandomSampler(), SPACE, seed=1)
        density = PriorDensity(SPACE, {"lr": Prior(1e-3, "high")})
        seen = [power(density, study.history)]
        for _ in range(20):
            number, params = study.ask()
            study.tell(number, (np.log10(params["lr"]) - optimum) ** 2)
            seen.append(power(density, study.history))
        powers.append(seen)
    right, wrong = powers
    assert right[0] == wrong[0]
    assert right[20] < right[0]
    assert wrong[20] < 0.2 * right[20]


def test_a_study_keeps_its_priors() -> None:
    study = hpo.create_study(sampler=hpo.samplers.RandomSampler(seed=0), study_name="s", storage="sqlite://")
    study.set_prior("x", 0.25, "high")
    study.set_prior("kind", "b")
    study.optimize(
        lambda trial: trial.suggest_float("x", 0, 1) + (trial.suggest_categorical("kind", ["a", "b"]) == "a"), 8
    )
    assert study.trials[0].params == {"x": 0.25, "kind": "b"}
    assert np.mean([abs(trial.params["x"] - 0.25) < 0.3 for trial in study.trials]) > 0.5
    stored = study.system_attrs["hpo:priors"]
    assert stored == {"x": {"value": 0.25, "confidence": "high"}, "kind": {"value": "b", "confidence": "medium"}}
    with pytest.raises(ValueError, match=r"prior 2.0 of 'x' is not one of its values"):
        study.set_prior("x", 2.0)
    with pytest.raises(ValueError, match="confidence must be one of low, medium, high, not 'sure'"):
        study.set_prior("x", 0.5, "sure")
    study.set_prior("x", None)
    assert set(study.system_attrs["hpo:priors"]) == {"kind"}
