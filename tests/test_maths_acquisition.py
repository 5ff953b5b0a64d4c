"""Acquisition functions, against quadrature, Monte Carlo and finite differences."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from sweeper_core.maths.acquisition import (
    log1mexp,
    log_ehvi,
    log_ehvi_with_gradient,
    log_ei,
    log_ei_with_gradient,
    log_feasibility,
    log_feasibility_with_gradient,
    log_h,
    log_informative,
    undominated_boxes,
)
from sweeper_core.maths.hypervolume import hypervolume
from sweeper_core.maths.pareto import pareto_front


def naive_log_h(z: float) -> float:
    """The expectation of (z + N)_+ by quadrature; below -1 with the tail's exponential taken out of the integral."""
    if z > -1.0:
        return math.log(quad(lambda t: t * norm.pdf(t - z), 0.0, z + 40.0)[0])
    scaled = quad(lambda s: s * math.exp(-0.5 * (s / z) ** 2 - s), 0.0, 60.0, epsabs=0.0, epsrel=1e-12)[0]
    return -0.5 * z * z - 0.5 * math.log(2.0 * math.pi) + math.log(scaled / z**2)


@pytest.mark.parametrize("z", [8.0, 1.0, 0.0, -0.99, -1.0, -1.01, -3.0, -38.0, -999.0, -1001.0, -1e5, -1e8])
def test_log_h_agrees_with_quadrature_from_the_middle_to_the_farthest_tail(z: float) -> None:
    assert log_h(np.array([z]))[0] == pytest.approx(naive_log_h(z), rel=1e-12, abs=1e-12)


def test_log_h_increases_everywhere() -> None:
    z = np.concatenate([-np.logspace(9, -9, 5000), np.logspace(-9, 3, 2000)])
    assert np.all(np.diff(log_h(z)) > 0.0)


def test_log1mexp_is_exact_at_both_ends() -> None:
    assert log1mexp(np.array([-1e-20]))[0] == pytest.approx(math.log(1e-20))
    assert log1mexp(np.array([-50.0]))[0] == pytest.approx(-math.exp(-50.0))


def cases() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return 10.0 * rng.normal(size=300), np.exp(2.0 * rng.normal(size=300))


@pytest.mark.parametrize(
    ("plain", "with_gradient"),
    [
        pytest.param(log_ei, log_ei_with_gradient, id="expected improvement"),
        pytest.param(log_feasibility, log_feasibility_with_gradient, id="feasibility"),
    ],
)
def test_gradients_agree_with_finite_differences(plain, with_gradient) -> None:
    mean, variance = cases()
    value, d_mean, d_variance = with_gradient(mean, variance, 0.3)
    np.testing.assert_allclose(value, plain(mean, variance, 0.3))
    sigma = np.sqrt(variance)
    by_mean = (plain(mean + 1e-5 * sigma, variance, 0.3) - plain(mean - 1e-5 * sigma, variance, 0.3)) / 2e-5
    by_variance = (plain(mean, variance * (1 + 1e-5), 0.3) - plain(mean, variance * (1 - 1e-5), 0.3)) / 2e-5
    np.testing.assert_allclose(d_mean * sigma, by_mean, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(d_variance * variance, by_variance, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("with_gradient", [log_ei_with_gradient, log_feasibility_with_gradient])
def test_gradients_do_not_vanish_or_break_far_away(with_gradient) -> None:
    mean = np.array([1e2, 1e4, 1e6, 1e9])
    value, d_mean, d_variance = with_gradient(mean, np.ones(4), 0.0)
    assert np.all(np.isfinite(value))
    np.testing.assert_allclose(d_mean, -mean, rtol=1e-3)  # the tail falls like exp(-z^2 / 2)
    np.testing.assert_allclose(d_variance, 0.5 * mean**2, rtol=1e-3)


def test_feasibility_is_the_normal_distribution_function() -> None:
    mean, variance = cases()
    expected = norm.logcdf((0.3 - mean) / np.sqrt(variance))
    np.testing.assert_allclose(log_feasibility(mean, variance, 0.3), expected, rtol=1e-9)


def test_a_run_counts_by_the_share_of_the_deviation_that_it_removes() -> None:
    _, variance = cases()
    value, slope = log_informative(variance, 0.7)
    np.testing.assert_allclose(np.exp(value), 1.0 - np.sqrt(0.7 / (variance + 0.7)), rtol=1e-9)
    above, below = (log_informative(variance * factor, 0.7)[0] for factor in (1 + 1e-5, 1 - 1e-5))
    np.testing.assert_allclose(slope * variance, (above - below) / 2e-5, rtol=1e-5, atol=1e-6)


def test_without_noise_every_run_tells_all() -> None:
    value, slope = log_informative(np.array([1e-12, 1.0]), 0.0)
    assert value.tolist() == slope.tolist() == [0.0, 0.0]


def test_a_run_beside_enormous_noise_still_counts_by_its_variance() -> None:
    value, _ = log_informative(np.array([1e-12, 2e-12]), 1e6)
    assert value[1] - value[0] == pytest.approx(math.log(2.0))


def random_front(m: int, seed: int, size: int = 14) -> tuple[np.ndarray, np.ndarray]:
    points = np.random.default_rng(seed).random((size, m))
    return points[pareto_front(points)], np.full(m, 1.1)


@pytest.mark.parametrize("m", [2, 3])
@pytest.mark.parametrize("seed", range(4))
def test_boxes_and_the_dominated_volume_fill_the_reference_box(m: int, seed: int) -> None:
    front, reference = random_front(m, seed)
    lower, upper = undominated_boxes(front, reference)
    volume = np.prod(upper - np.maximum(lower, 0.0), axis=1).sum()
    assert volume + hypervolume(front, reference) == pytest.approx(1.1**m)
    inside = np.all((upper + np.maximum(lower, 0.0)) / 2 < reference, axis=1)
    assert np.all(inside)


@pytest.mark.parametrize("m", [2, 3])
def test_without_a_front_there_is_one_box(m: int) -> None:
    lower, upper = undominated_boxes(np.empty((0, m)), np.ones(m))
    assert np.all(np.isneginf(lower))
    assert upper.tolist() == [[1.0] * m]


@pytest.mark.parametrize("m", [2, 3])
def test_below_the_floor_there_is_nothing_to_gain(m: int) -> None:
    front, reference = random_front(m, 5)
    boxes = undominated_boxes(front, reference, front.min(axis=0) - 0.25)
    sure = np.full((1, m), 1e-12)
    whole = np.prod(reference - front.min(axis=0) + 0.25) - hypervolume(front, reference)
    for depth in (0.25, 1.0, 10.0):
        found = np.exp(log_ehvi(front.min(axis=0)[None] - depth, sure, boxes))[0]
        assert found == pytest.approx(whole, rel=1e-4)


def test_boxes_are_made_for_two_and_three_objectives_only() -> None:
    with pytest.raises(ValueError, match="2 or 3 objectives, not 4"):
        undominated_boxes(np.empty((0, 4)), np.ones(4))


@pytest.mark.parametrize("m", [2, 3])
def test_the_expected_hypervolume_improvement_agrees_with_simulation(m: int) -> None:
    front, reference = random_front(m, 1)
    mean, deviation = np.full((1, m), 0.4), np.full((1, m), 0.2)
    draws = mean + deviation * np.random.default_rng(0).normal(size=(3000, m))
    before = hypervolume(front, reference)
    gains = [hypervolume(np.vstack([front, draw]), reference) - before for draw in draws]
    found = np.exp(log_ehvi(mean, deviation**2, undominated_boxes(front, reference)))[0]
    assert found == pytest.approx(np.mean(gains), abs=4.0 * np.std(gains) / np.sqrt(len(gains)))


@pytest.mark.parametrize("floor", [-np.inf, -0.1])
@pytest.mark.parametrize("m", [2, 3])
def test_the_gradient_of_the_hypervolume_improvement_agrees_with_finite_differences(m: int, floor: float) -> None:
    front, reference = random_front(m, 2)
    boxes = undominated_boxes(front, reference, floor * np.ones(m))
    rng = np.random.default_rng(3)
    mean, variance = rng.random((20, m)), 0.1 * rng.random((20, m)) + 1e-3
    value, d_mean, d_variance = log_ehvi_with_gradient(mean, variance, boxes)
    np.testing.assert_allclose(value, log_ehvi(mean, variance, boxes))
    for k in range(m):
        step = np.zeros(m)
        step[k] = 1e-6
        by_mean = (log_ehvi(mean + step, variance, boxes) - log_ehvi(mean - step, variance, boxes)) / 2e-6
        by_variance = (log_ehvi(mean, variance + step, boxes) - log_ehvi(mean, variance - step, boxes)) / 2e-6
        np.testing.assert_allclose(d_mean[:, k], by_mean, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(d_variance[:, k], by_variance, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("m", [2, 3])
def test_the_hypervolume_improvement_stays_finite_far_from_the_front(m: int) -> None:
    front, reference = random_front(m, 2)
    boxes = undominated_boxes(front, reference)
    value, d_mean, _ = log_ehvi_with_gradient(np.full((1, m), 50.0), np.full((1, m), 1e-4), boxes)
    assert np.isfinite(value[0])
    assert np.all(d_mean < 0.0)
