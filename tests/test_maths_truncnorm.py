"""The truncated normal law, against SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sweeper_core.maths import truncnorm

FINITE = st.floats(-30, 30)


@settings(max_examples=200, deadline=None)
@given(FINITE, st.floats(1e-3, 60))
def test_log_mass_agrees_with_scipy(a: float, width: float) -> None:
    b = a + width
    expected = _log_mass_by_scipy(a, b)
    assert float(truncnorm.log_mass(np.array(a), np.array(b))) == pytest.approx(expected, rel=1e-8, abs=1e-12)


def _log_mass_by_scipy(a: float, b: float) -> float:
    """By SciPy's survival function on the side where it is small."""
    if a > 0:
        a, b = -b, -a
    upper, lower = stats.norm.logcdf(b), stats.norm.logcdf(a)
    return float(upper + np.log(-np.expm1(lower - upper)))


@settings(max_examples=200, deadline=None)
@given(st.floats(-5, 6), st.floats(0.01, 100), st.floats(0, 1))
def test_log_density_agrees_with_scipy(mean: float, width: float, x: float) -> None:
    oracle = stats.truncnorm((0 - mean) / width, (1 - mean) / width, loc=mean, scale=width)
    ours = truncnorm.log_density(*(np.array(item) for item in (x, mean, width, 0.0, 1.0)))
    assert float(ours) == pytest.approx(oracle.logpdf(x), rel=1e-6, abs=1e-6)


def test_density_is_zero_outside() -> None:
    ours = truncnorm.log_density(np.array([-0.1, 1.1]), np.array(0.5), np.array(1.0), np.array(0.0), np.array(1.0))
    assert np.all(np.isneginf(ours))


@settings(max_examples=200, deadline=None)
@given(st.floats(-20, 21), st.floats(0.05, 50), st.floats(0.001, 0.999))
def test_quantile_inverts_the_distribution_function(mean: float, width: float, q: float) -> None:
    x = truncnorm.quantile(*(np.array(item) for item in (q, mean, width, 0.0, 1.0)))
    assert 0.0 <= float(x) <= 1.0
    below = truncnorm.log_mass((0.0 - mean) / width, (x - mean) / width)
    total = truncnorm.log_mass(np.array((0.0 - mean) / width), np.array((1.0 - mean) / width))
    assert float(np.exp(below - total)) == pytest.approx(q, rel=1e-4, abs=1e-6)


def test_quantiles_of_the_ends_are_the_ends() -> None:
    x = truncnorm.quantile(np.array([0.0, 1.0]), np.array(0.3), np.array(0.2), np.array(0.0), np.array(1.0))
    assert x == pytest.approx([0.0, 1.0], abs=1e-9)


def test_fast_mass_agrees_with_the_careful_one() -> None:
    a, b = -np.geomspace(1e-3, 30, 20), np.geomspace(1e-3, 30, 20)[::-1]
    assert np.log(truncnorm.mass_between(a, b)) == pytest.approx(truncnorm.log_mass(a, b), rel=1e-9, abs=1e-12)
