"""Output transformations: increasing, smooth, and what they do to tails."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import skew, yeojohnson

from sweeper_core.maths.transforms import best_power, warps, winsorize, yeo_johnson

values = arrays(float, st.integers(1, 40), elements=st.floats(-1e6, 1e6, allow_nan=False))


@pytest.mark.parametrize("power", [-2.0, -0.5, 0.0, 0.7, 1.0, 2.0])
def test_the_power_family_agrees_with_scipys(power: float) -> None:
    x = np.linspace(-5.0, 5.0, 41)
    np.testing.assert_allclose(yeo_johnson(x, power), yeojohnson(x, power), rtol=1e-10, atol=1e-12)


def test_the_best_power_is_near_scipys_maximum_of_the_likelihood() -> None:
    x = np.random.default_rng(0).lognormal(size=500)
    _, expected = yeojohnson(x)
    assert best_power(x) == pytest.approx(expected, abs=0.11)


@given(y=values)
def test_every_transformation_keeps_the_order_and_gives_finite_targets(y: np.ndarray) -> None:
    for warp in warps(y):
        targets = warp(y)
        assert np.all(np.isfinite(targets))
        order = np.argsort(y, kind="stable")
        assert np.all(np.diff(targets[order]) >= -1e-9 * np.ptp(targets))


def test_the_slope_is_the_derivative() -> None:
    y = np.concatenate([np.random.default_rng(1).lognormal(sigma=1.5, size=60), [1e4]])
    for warp in warps(y):
        step = 1e-6 * np.maximum(np.abs(y), 1e-3)
        numeric = (warp(y + step) - warp(y - step)) / (2.0 * step)
        np.testing.assert_allclose(np.exp(warp.log_slope(y)), numeric, rtol=1e-4)


def test_targets_are_standardised() -> None:
    for warp in warps(np.random.default_rng(2).gamma(2.0, size=100)):
        targets = warp(np.random.default_rng(2).gamma(2.0, size=100))
        assert targets.mean() == pytest.approx(0.0, abs=1e-9)
        assert targets.std() == pytest.approx(1.0)


def test_one_diverged_run_does_not_squeeze_the_others() -> None:
    y = np.append(np.linspace(0.0, 1.0, 30), 1e12)
    for warp in warps(y):
        assert np.ptp(warp(y[:30])) > 0.1


def test_a_power_takes_the_skewness_out_of_a_long_tail() -> None:
    y = np.random.default_rng(3).lognormal(size=200)
    plain, power = warps(y)
    assert abs(skew(power(y))) < 0.3 * abs(skew(plain(y)))


def test_equal_values_become_zero() -> None:
    (warp,) = warps(np.full(5, 3.0))
    np.testing.assert_allclose(warp(np.full(5, 3.0)), 0.0)


def test_taming_changes_nothing_below_the_fence_and_is_smooth_at_it() -> None:
    x = np.linspace(-3.0, 5.0, 81)
    np.testing.assert_allclose(winsorize(x, 6.0), x)
    edge = winsorize(np.array([1.9999, 2.0, 2.0001]), 2.0)
    assert (edge[2] - edge[1]) / (edge[1] - edge[0]) == pytest.approx(1.0, abs=1e-3)
