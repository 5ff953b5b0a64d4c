"""The worth of the next steps of a training, and the model of stages behind it, beside direct computations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.stats import norm

from sweeper_core.maths.allocation import expected_improvement, worth_per_step
from sweeper_core.maths.stages import Chain, learn


def improvement(mean: float, deviation: float, goal: float) -> float:
    def gained(z: float) -> float:
        return float((goal - mean - deviation * z) * norm.pdf(z))

    return float(quad(gained, -9, (goal - mean) / deviation, limit=200)[0])


@pytest.mark.parametrize("mean", [0.0, 0.7, 3.0])
def test_an_expected_improvement_is_an_integral(mean: float) -> None:
    found = expected_improvement(np.array([mean, mean]), np.array([0.5, 0.0]), 0.4)
    assert found == pytest.approx([improvement(mean, 0.5, 0.4), max(0.4 - mean, 0.0)], rel=1e-6)


def charge(mean: float, deviation: float, residual: float, until: float, rest: float, goal: float) -> float:
    """Return the largest charge a step at which running to a place, and on where that pays, does not lose."""
    learnt = (deviation**2 - residual**2) ** 0.5

    z = np.linspace(-8.0, 8.0, 4001)
    gains = expected_improvement(mean + learnt * z, np.full(len(z), residual), goal)

    def balance(one: float) -> float:
        return float(np.sum(np.maximum(gains - one * rest, 0.0) * norm.pdf(z)) * (z[1] - z[0])) - one * until

    return float(brentq(balance, 1e-12, 10.0))


@pytest.mark.parametrize(("mean", "deviation"), [(1.0, 1.0), (2.0, 0.8), (-0.5, 0.3)])
def test_the_worth_is_the_largest_charge_that_pays(mean: float, deviation: float) -> None:
    residual, until = np.array([[0.9, 0.4, 1.0]]) * deviation, np.array([[1.0, 3.0, 20.0]])
    found = worth_per_step(np.array([[mean]]), np.array([deviation]), residual, until, goal=1.0)
    places = zip(residual[0, :2].tolist(), until[0, :2].tolist(), strict=True)
    best = max(charge(mean, deviation, left, at, 20.0 - at, 1.0) for left, at in places)
    straight = improvement(mean, deviation, 1.0) / 20.0
    assert found[0] == pytest.approx(max(best, straight), rel=0.01)


def test_a_place_behind_is_none_and_cases_are_averaged() -> None:
    residual, until = np.array([[0.1, 0.1]]), np.array([[-1.0, 4.0]])
    sure = worth_per_step(np.array([[0.0]]), np.array([0.1]), residual, until, goal=1.0)
    assert sure[0] == pytest.approx(1.0 / 4.0, rel=0.01)
    # One step tells whether a training ends at 0 or far above the goal: 4 steps gain 1, 1 step ends the other case.
    residual, until = np.array([[0.01, 0.01]]), np.array([[1.0, 4.0]])
    either = worth_per_step(np.array([[0.0, 9.0]]), np.array([0.01]), residual, until, goal=1.0)
    assert either[0] == pytest.approx(1.0 / (4.0 + 1.0), rel=0.01)


def test_a_chain_learns_the_lines_that_made_the_curves() -> None:
    rng = np.random.default_rng(1)
    first = rng.normal(5.0, 1.0, 4000)
    second = 1.0 + 0.5 * first + rng.normal(0.0, 0.2, 4000)
    end = -2.0 + 2.0 * second + rng.normal(0.0, 0.3, 4000)
    chain = learn(np.stack([first, second, end], axis=1))
    assert chain.slope == pytest.approx([1.0, 2.0, 1.0], abs=0.05)
    assert chain.end(np.array([0, 1, 2]), np.array([5.0, 3.5, 5.0])) == pytest.approx([5.0, 5.0, 5.0], abs=0.05)
    assert chain.deviation == pytest.approx([(0.3**2 + 4 * 0.2**2) ** 0.5, 0.3, 0.0], abs=0.03)


def test_a_chain_of_two_curves_stays_between_them_and_uncertain() -> None:
    chain = learn(np.array([[4.0, 2.0, 1.0], [6.0, 3.0, 2.0], [9.0, np.nan, np.nan]]))
    assert isinstance(chain, Chain)
    assert 1.0 < chain.end(np.array([0]), np.array([5.0]))[0] < 2.0
    assert np.all(np.diff(chain.deviation) < 0.0)


def test_a_chain_without_curves_is_the_identity() -> None:
    chain = learn(np.array([[1.0, np.nan], [np.nan, 2.0]]))
    assert chain.end(np.array([0]), np.array([5.0])) == pytest.approx([5.0])
