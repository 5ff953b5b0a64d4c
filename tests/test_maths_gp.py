"""Gaussian processes, against dense textbook formulas and finite differences."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from sweeper_core.maths.gp import (
    JITTER,
    REACH,
    Columns,
    Data,
    Hyper,
    Posterior,
    default_prior,
    fit,
    matern52,
    matern52_slope,
    objective,
    trend,
)


def numbers(p: int) -> Columns:
    return Columns(np.arange(p), p)


def problem(n: int = 12, seed: int = 0) -> tuple[Data, Hyper]:
    """Three numbers and one categorical of three one-hot columns; the categorical's columns share a lengthscale."""
    rng = np.random.default_rng(seed)
    one_hot = np.eye(3)[rng.integers(3, size=n)] * np.sqrt(0.5)
    Z = np.column_stack([rng.random((n, 3)), one_hot])
    y = np.sin(4.0 * Z[:, 0]) + Z[:, 3] + 0.1 * rng.normal(size=n)
    data = Data(
        Z,
        Columns(np.array([0, 1, 2, 3, 3, 3]), 3),
        y,
        1.0 / rng.integers(1, 4, size=n),
        0.1 * rng.random(n),
    )
    return data, Hyper(np.array([0.4, 1.0, 2.0, 0.8]), 0.6, 1.3, 0.05)


def naive_kernel(data: Data, hyper: Hyper, A: np.ndarray, B: np.ndarray) -> np.ndarray:
    K = np.empty((len(A), len(B)))
    for i, a in enumerate(A):
        for j, b in enumerate(B):
            squares = [
                ((a[c] - b[c]) / hyper.lengthscales[data.columns.group[c]]) ** 2 for c in range(len(data.columns.group))
            ]
            r, far = np.sqrt(sum(squares)), sum(squares[:3]) / REACH**2 + sum(squares[3:])
            matern = (1 + np.sqrt(5) * r + 5 / 3 * r * r) * np.exp(-np.sqrt(5) * r)
            K[i, j] = hyper.signal * ((1 - hyper.trend) * matern + hyper.trend / (1 + far / 2))
    return K


def naive_covariance(data: Data, hyper: Hyper) -> np.ndarray:
    noise = hyper.noise * data.noise_factor + data.extra_noise + JITTER * hyper.signal
    return naive_kernel(data, hyper, data.Z, data.Z) + np.diag(noise)


def naive_prediction(data: Data, hyper: Hyper, Z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    inverse = np.linalg.inv(naive_covariance(data, hyper))
    k = naive_kernel(data, hyper, Z, data.Z)
    return k @ inverse @ data.y, hyper.signal - np.sum((k @ inverse) * k, axis=1)


def finite_differences(function, x: np.ndarray, step: float = 1e-5) -> np.ndarray:
    return np.array([(function(x + step * e) - function(x - step * e)) / (2 * step) for e in np.eye(len(x))])


def test_the_correlations_slopes_are_their_derivatives_by_the_squared_distance() -> None:
    r2 = np.linspace(0.01, 9.0, 50)
    value, slope = matern52_slope(r2)
    np.testing.assert_allclose(value, matern52(r2))
    np.testing.assert_allclose(slope, (matern52(r2 + 1e-6) - matern52(r2 - 1e-6)) / 2e-6, rtol=1e-6)
    np.testing.assert_allclose(-0.5 * trend(r2) ** 2, (trend(r2 + 1e-6) - trend(r2 - 1e-6)) / 2e-6, rtol=1e-6)


def test_the_objective_is_the_negative_log_density_with_the_priors() -> None:
    data, hyper = problem()
    prior = default_prior(data.columns)
    theta = hyper.theta
    value, _ = objective(theta, data, prior)
    likelihood = multivariate_normal.logpdf(data.y, cov=naive_covariance(data, hyper)) + 0.5 * len(data) * np.log(
        2 * np.pi
    )
    penalty = 0.5 * np.sum(((theta - prior.mean) / prior.deviation) ** 2)
    assert value == pytest.approx(penalty - likelihood, abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 20))
def test_the_objectives_gradient_agrees_with_finite_differences(seed: int, n: int) -> None:
    data, hyper = problem(n, seed)
    prior = default_prior(data.columns)
    theta = hyper.theta + 0.3 * np.random.default_rng(seed).normal(size=7)
    _, gradient = objective(theta, data, prior)
    numeric = finite_differences(lambda t: objective(t, data, prior)[0], theta)
    np.testing.assert_allclose(gradient, numeric, rtol=1e-5, atol=1e-5)


def test_predictions_agree_with_the_dense_formulas() -> None:
    data, hyper = problem()
    Z = problem(7, seed=5)[0].Z
    posterior = Posterior(data, hyper)
    mean, variance = posterior.predict(Z)
    expected_mean, expected_variance = naive_prediction(data, hyper, Z)
    np.testing.assert_allclose(mean, expected_mean, atol=1e-10)
    np.testing.assert_allclose(variance, expected_variance, atol=1e-10)
    np.testing.assert_allclose(posterior.mean(Z), expected_mean, atol=1e-10)


def test_gradients_of_predictions_agree_with_finite_differences() -> None:
    data, hyper = problem()
    Z = problem(4, seed=5)[0].Z
    posterior = Posterior(data, hyper)
    mean, variance, d_mean, d_variance = posterior.predict_with_gradient(Z)
    np.testing.assert_allclose(mean, posterior.predict(Z)[0])
    np.testing.assert_allclose(variance, posterior.predict(Z)[1])
    for row, z in enumerate(Z):
        by_z = finite_differences(lambda z: np.array(posterior.predict(z[None]))[:, 0], z)
        np.testing.assert_allclose(d_mean[row], by_z[:, 0], atol=1e-7)
        np.testing.assert_allclose(d_variance[row], by_z[:, 1], atol=1e-7)


@pytest.mark.parametrize("k", [1, 3])
def test_an_extended_posterior_equals_one_made_from_all_points(k: int) -> None:
    data, hyper = problem(15)
    Z = problem(6, seed=3)[0].Z
    extended = Posterior(data.rows(slice(0, 15 - k)), hyper).extended(data.rows(slice(15 - k, 15)))
    for found, expected in zip(extended.predict(Z), Posterior(data, hyper).predict(Z), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-9)


def test_believing_keeps_the_mean_and_shrinks_the_variance_nearby() -> None:
    data, hyper = problem()
    Z = problem(6, seed=3)[0].Z
    posterior = Posterior(data, hyper)
    fantasize = posterior.fantasize(Z[:2])
    mean, variance = fantasize.predict(Z)
    np.testing.assert_allclose(mean, posterior.predict(Z)[0], atol=1e-9)
    assert np.all(variance <= posterior.predict(Z)[1] + 1e-12)
    assert np.all(variance[:2] < 0.2 * posterior.predict(Z)[1][:2] + hyper.noise)
    assert posterior.fantasize(Z[:0]) is posterior


def test_leave_one_out_agrees_with_leaving_each_point_out() -> None:
    data, hyper = problem(8)
    mean, variance = Posterior(data, hyper).leave_one_out()
    noise = hyper.noise * data.noise_factor + data.extra_noise + JITTER * hyper.signal
    for row in range(8):
        others = data.rows(np.delete(np.arange(8), row))
        expected_mean, expected_variance = naive_prediction(others, hyper, data.Z[row : row + 1])
        assert mean[row] == pytest.approx(expected_mean[0], abs=1e-9)
        assert variance[row] == pytest.approx(expected_variance[0] + noise[row], abs=1e-9)


def test_fitting_finds_which_parameter_matters_and_how_noisy_the_data_are() -> None:
    rng = np.random.default_rng(1)
    Z = rng.random((80, 3))
    y = np.sin(6.0 * Z[:, 0]) + 0.1 * rng.normal(size=80)
    y = (y - y.mean()) / y.std()
    found = fit(Data.plain(Z, numbers(3), y), default_prior(numbers(3))).hyper
    assert found.lengthscales[0] < 0.5 * found.lengthscales[1:].min()
    assert 0.005 < found.noise < 0.06  # the truth is 0.02


def test_a_trend_leads_beyond_the_points() -> None:
    rng = np.random.default_rng(0)
    Z = 0.5 + 0.5 * rng.random((30, 6))
    y = Z.sum(axis=1)
    y = (y - y.mean()) / y.std()
    far = np.zeros((1, 6))
    with_trend, without = (
        Posterior(Data.plain(Z, numbers(6), y), Hyper(np.full(6, 0.8), share, 4.0, 1e-6)).mean(far)[0]
        for share in (0.99, 1e-6)
    )
    assert with_trend < 1.5 * y.min()
    assert without > y.min()  # back to the prior mean


def test_choices_are_as_far_apart_in_the_trend() -> None:
    columns = Columns(np.array([0, 1, 1]), 1)
    Z = np.array([[0.0, np.sqrt(0.5), 0.0], [1.0, np.sqrt(0.5), 0.0], [0.0, 0.0, np.sqrt(0.5)]])
    posterior = Posterior(Data.plain(Z[:1], columns, np.ones(1)), Hyper(np.full(2, 0.3), 0.99, 1.0, 1e-6))
    same, far_number, other_choice = posterior.mean(Z)
    assert same > 0.99
    assert far_number > 0.9
    assert other_choice < 0.2


def test_fitting_never_ends_above_its_starts() -> None:
    data, hyper = problem(20)
    prior = default_prior(data.columns)
    found = fit(data, prior, [hyper])
    assert found.cost <= objective(hyper.theta, data, prior)[0]
    assert found.cost <= objective(prior.mean, data, prior)[0]


def test_a_known_noise_stays() -> None:
    data, _ = problem(20)
    assert fit(data, default_prior(data.columns, noise=1e-3)).hyper.noise == pytest.approx(1e-3)


def test_equal_points_without_noise_do_not_break_the_factorisation() -> None:
    Z = np.vstack([np.full((30, 2), 0.5), np.random.default_rng(0).random((5, 2))])
    y = np.concatenate([np.zeros(30), np.ones(5)])
    posterior = Posterior(Data.plain(Z, numbers(2), y), Hyper(np.ones(2), 0.5, 1.0, 1e-12))
    mean, variance = posterior.predict(Z)
    assert np.all(np.isfinite(mean))
    assert np.all(variance > 0.0)
    np.testing.assert_allclose(mean, y, atol=1e-2)
