"""The limit of memory that samplers learn from trials that ran out of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pytest

from sweeper_core.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from sweeper_core.maths import logistic
from sweeper_core.maths.gp import Posterior
from sweeper_core.samplers import AutoSampler, TPESampler
from sweeper_core.samplers._gp.acquisition import Compressed, ExpectedImprovement, Fits, Sum
from sweeper_core.samplers._memory import MemoryLimit
from sweeper_core.search_space.space import Clause, Parameter, SearchSpace
from sweeper_core.testing.simulation import Simulation
from sweeper_core.trial.state import TrialState

Floats = npt.NDArray[np.float64]

SPACE = SearchSpace(
    [
        Parameter("batch", IntDistribution(8, 512, log=True)),
        Parameter("width", IntDistribution(16, 1024)),
        Parameter("seq", CategoricalDistribution([128, 256, 512, 1024])),
        Parameter("half", CategoricalDistribution([True, False])),
        Parameter("heads", IntDistribution(1, 8), when=(Clause("half", "in", (True,)),)),
        Parameter("rate", FloatDistribution(1e-5, 1e-1, log=True)),
    ]
)
LIMIT = 64 * 256 * 512


def runs_out(params: Mapping[str, Any]) -> bool:
    size: float = params["batch"] * params["width"] * params["seq"] * (0.5 if params["half"] else 1.0)
    return size > LIMIT


def simulated(sampler: Any, n_trials: int, oom: bool = True) -> Simulation:
    study = Simulation(sampler, SPACE, seed=3, budget=n_trials)
    for _ in range(n_trials):
        number, params = study.ask()
        if runs_out(params):
            study.tell(number, None, TrialState.FAIL, oom=oom)
        else:
            study.tell(number, -float(params["width"]))
    return study


@pytest.fixture(scope="module")
def study() -> Simulation:
    return simulated(TPESampler(seed=1), 60)


@pytest.fixture(scope="module")
def limit(study: Simulation) -> MemoryLimit:
    found = MemoryLimit.of(SPACE, study.history)
    assert found is not None
    return found


def test_few_trials_run_out_of_memory_once_it_has_happened(study: Simulation) -> None:
    assert np.mean(study.history.oom[20:]) <= 0.08
    assert study.history.oom.any()


def test_the_limit_holds_far_away_from_what_was_tried(limit: MemoryLimit) -> None:
    raw = SPACE.from_unit(np.random.default_rng(0).random((500, len(SPACE))))
    raw[~SPACE.active_mask(raw)] = np.nan
    short = np.array([runs_out(SPACE.decode(row)) for row in raw])
    fits = np.exp(limit.log_fits_at(SPACE.to_unit(raw)))
    assert np.mean((fits < 0.5) == short) > 0.85
    assert np.mean(short[fits > 0.9]) < 0.05


def test_sizes_count_and_rates_do_not(limit: MemoryLimit) -> None:
    middle = {"batch": 64, "width": 256, "seq": 512, "half": True, "heads": 4, "rate": 1e-3}

    def fits(**changed: Any) -> float:
        return float(limit.log_fits_at(SPACE.to_unit(SPACE.encode({**middle, **changed})[None]))[0])

    assert fits(batch=8) > fits() > fits(batch=512)
    assert fits(seq=128) > fits(seq=256) > fits(seq=512) > fits(seq=1024)
    assert fits(width=1024) < fits() - 0.5
    assert abs(fits(rate=1e-5) - fits(rate=1e-1)) < 0.5 * abs(fits(width=16) - fits(width=1024))


def test_gradients_are_those_of_the_scores(limit: MemoryLimit) -> None:
    encoding = limit.features.encoding
    Z = encoding.embed(encoding.spread(6, np.random.default_rng(1)))
    _, gradient = limit.log_fits_with_gradient(Z)
    for column in range(len(encoding.continuous)):
        step = np.zeros(Z.shape[1])
        step[column] = 1e-6
        slope = (limit.log_fits(Z + step) - limit.log_fits(Z - step)) / 2e-6
        np.testing.assert_allclose(gradient[:, column], slope, rtol=1e-4, atol=1e-6)


def test_without_such_a_trial_there_is_no_limit() -> None:
    study = simulated(TPESampler(seed=1), 15, oom=False)
    assert (study.history.states == TrialState.FAIL).any()
    assert MemoryLimit.of(SPACE, study.history) is None


def test_the_default_sampler_keeps_to_the_limit() -> None:
    study = simulated(AutoSampler(seed=1), 26)
    assert study.history.oom[:10].any()
    assert np.sum(study.history.oom[14:]) <= 2


class Line(Posterior):
    """A sure model whose mean grows with the distance from 1."""

    def __init__(self) -> None:
        pass

    def predict_with_gradient(self, Z: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        return 1.0 - Z[:, 0], np.full(len(Z), 1e-6), -np.ones_like(Z), np.zeros_like(Z)

    def predict(self, Z: Floats) -> tuple[Floats, Floats]:
        return self.predict_with_gradient(Z)[:2]


class Edge:
    """A limit whose risk grows from 0 to 1; 0.02 is admissible."""

    least = float(np.log1p(-0.02))

    def log_fits(self, Z: Floats) -> Floats:
        return np.log1p(-0.999 * Z[:, 0])


def test_no_improvement_outweighs_the_limit() -> None:
    Z = np.linspace(0.0, 1.0, 1001)[:, None]
    improvement, edge = ExpectedImprovement(Line(), 0.5), Fits(cast(MemoryLimit, Edge()))
    assert Z[np.argmax(Sum([improvement, edge]).score(Z)), 0] > 0.3
    score = Sum([Compressed(improvement), edge]).score(Z)
    assert Z[np.argmax(score), 0] == pytest.approx(0.02, abs=2e-3)


def test_a_compressed_improvement_keeps_the_order_and_has_its_own_gradient() -> None:
    Z = np.linspace(0.0, 0.6, 61)[:, None]
    compressed = Compressed(ExpectedImprovement(Line(), 0.5))
    score, gradient = compressed.score_with_gradient(Z)
    assert np.all(np.diff(score) > 0.0)
    assert score[0] > -150.0
    slope = (compressed.score(Z + 1e-7) - compressed.score(Z - 1e-7)) / 2e-7
    np.testing.assert_allclose(gradient[:, 0], slope, rtol=1e-3)
    np.testing.assert_array_equal(score[-1:], compressed.improvement.score(Z[-1:]))


def test_logistic_regression_finds_the_weights_of_its_outcomes() -> None:
    rng = np.random.default_rng(0)
    X = np.column_stack([np.ones(4000), rng.normal(size=(4000, 2))])
    truth = np.array([0.5, 2.0, -1.0])
    y = (rng.random(4000) < 1.0 / (1.0 + np.exp(-X @ truth))).astype(float)
    found = logistic.fit(X, y, np.full(3, 100.0))
    np.testing.assert_allclose(found.weights, truth, atol=0.15)
    np.testing.assert_allclose(found.log_probability(X), -np.log1p(np.exp(-X @ truth)), atol=0.2)
