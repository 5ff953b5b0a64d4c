"""CMA-ES against the package cmaes (skipped where it is not installed), closed forms and sampling."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from sweeper_core.maths import cma


def trajectory(dim: int, generations: int, **options: bool) -> list[tuple[np.ndarray, np.ndarray, cma.Gaussian]]:
    """Points and values of each generation on an ellipsoid, and the state that they led to."""
    rng = np.random.default_rng(dim)
    constants = cma.strategy(dim, None, **options)
    state, steps = cma.start(np.full(dim, 0.5), 0.2), []
    for _ in range(generations):
        points = state.sample(rng.standard_normal((constants.popsize, dim)))
        values = ((points - 0.3) ** 2 * 10 ** np.linspace(0, 3, dim)).sum(axis=1)
        state = cma.update(constants, state, points[np.argsort(values)])
        steps.append((points, values, state))
    return steps


@pytest.mark.parametrize("lr_adapt", [False, True])
@pytest.mark.parametrize("dim", [1, 2, 7, 15])
def test_states_are_those_of_an_independent_implementation(dim: int, lr_adapt: bool) -> None:
    cmaes = pytest.importorskip("cmaes")
    peer = cmaes.CMA(mean=np.full(dim, 0.5), sigma=0.2, lr_adapt=lr_adapt)
    for points, values, state in trajectory(dim, 40, lr_adapt=lr_adapt):
        assert len(points) == peer.population_size
        peer.tell(list(zip(points, values.tolist(), strict=True)))
        assert state.mean == pytest.approx(peer.mean, rel=1e-8, abs=1e-10)
        assert state.sigma == pytest.approx(peer._sigma, rel=1e-8)
        assert state.cov == pytest.approx(peer._C, rel=1e-6, abs=1e-9)


def test_constants_agree_with_pycma() -> None:
    pycma = pytest.importorskip("cma")
    peer = pycma.CMAEvolutionStrategy(10 * [0.5], 0.2, {"verbose": -9})
    ours = cma.strategy(10)
    assert ours.popsize == peer.popsize
    assert ours.weights[: ours.mu] == pytest.approx(np.array(peer.sp.weights.positive_weights))
    assert ours.mu_eff == pytest.approx(peer.sp.weights.mueff)


@pytest.mark.parametrize("separable", [False, True])
def test_the_minimum_of_an_ellipsoid_is_approached(separable: bool) -> None:
    steps = trajectory(6, 120, separable=separable)
    assert steps[-1][1].min() < 1e-6 < steps[0][1].min()


def test_a_separable_strategy_keeps_its_axes() -> None:
    state = trajectory(5, 30, separable=True)[-1][2]
    assert np.count_nonzero(state.cov - np.diag(np.diag(state.cov))) == 0
    assert state.sample(np.eye(5)) - state.mean == pytest.approx(np.diag(state.deviations))


def test_samples_have_the_states_mean_and_covariance() -> None:
    state = trajectory(4, 20)[-1][2]
    points = state.sample(np.random.default_rng(0).standard_normal((100_000, 4)))
    full = state.sigma**2 * state.cov
    assert points.mean(axis=0) == pytest.approx(state.mean, abs=0.02 * np.sqrt(full.max()))
    assert np.cov(points.T) == pytest.approx(full, abs=0.03 * full.max())


def test_standardising_undoes_sampling() -> None:
    state = replace(trajectory(5, 10)[-1][2], amplify=np.array([1.0, 2.0, 1.0, 0.5, 3.0]))
    normal = np.random.default_rng(0).standard_normal((7, 5))
    assert state.standardised(state.sample(normal)) == pytest.approx(normal)


def test_a_far_point_of_other_origin_moves_the_mean_by_a_bounded_step() -> None:
    constants, state = cma.strategy(3), cma.start(np.zeros(3), 0.1)
    points = np.vstack([[1e6, 0.0, 0.0], 0.1 * np.random.default_rng(0).standard_normal((constants.popsize - 1, 3))])
    after = cma.update(constants, state, points)
    assert np.linalg.norm(after.mean) < 0.1 * (np.sqrt(3) + cma.FARTHEST)
    assert np.all(np.isfinite(after.cov))


def test_learning_slows_down_in_pure_noise() -> None:
    rng = np.random.default_rng(0)
    constants, state = cma.strategy(5, None, lr_adapt=True), cma.start(np.zeros(5), 1.0)
    for _ in range(200):
        state = cma.update(constants, state, state.sample(rng.standard_normal((constants.popsize, 5))))
    assert state.of_mean.rate < 0.1
    assert state.of_cov.rate < 0.1


# ------------------------------------------------------------------------------------------------ margin


@pytest.mark.parametrize("sigma", [1e-6, 0.01, 0.3])
def test_both_neighbours_keep_the_margin(sigma: float) -> None:
    state = cma.start(np.array([0.52]), sigma)
    low, high = np.array([0.4]), np.array([0.6])
    after = cma.with_margin(state, low, high, 0.1)
    normal = stats.norm(after.mean[0], after.deviations[0] * after.amplify[0])
    assert normal.cdf(0.4) >= 0.05 - 1e-6
    assert normal.sf(0.6) >= 0.05 - 1e-6
    assert 0.4 < after.mean[0] < 0.6


def test_at_the_end_of_a_scale_the_one_neighbour_keeps_the_margin() -> None:
    state = cma.start(np.array([0.05, 0.95]), 1e-3)
    after = cma.with_margin(state, np.array([-np.inf, 0.8]), np.array([0.2, np.inf]), 0.1)
    spread = after.deviations * after.amplify
    assert stats.norm.sf(0.2, after.mean[0], spread[0]) == pytest.approx(0.1)
    assert stats.norm.cdf(0.8, after.mean[1], spread[1]) == pytest.approx(0.1)


def test_continuous_and_wide_dimensions_are_left_alone() -> None:
    state = cma.start(np.array([0.3, 0.5]), 0.4)
    after = cma.with_margin(state, np.array([-np.inf, 0.45]), np.array([np.inf, 0.55]), 0.05)
    assert after.mean == pytest.approx(state.mean)
    assert after.amplify == pytest.approx(state.amplify)


@pytest.mark.parametrize(
    ("low", "high"), [(-0.5, 0.2), (0.9, 1.4), (6.0, 7.0), (-9.0, -8.0), (-np.inf, 0.0), (0.5, np.inf)]
)
def test_coordinates_within_cells_have_the_truncated_normal_distribution(low: float, high: float) -> None:
    state = cma.start(np.array([0.1]), 1.3)
    quantile = (np.arange(2000)[:, None] + 0.5) / 2000
    points = cma.within_cells(state, np.full((2000, 1), low), np.full((2000, 1), high), quantile)
    a, b = (low - 0.1) / 1.3, (high - 0.1) / 1.3
    expected = stats.truncnorm(a, b, loc=0.1, scale=1.3).ppf(quantile[:, 0])
    assert points[:, 0] == pytest.approx(expected, abs=1e-6)


def test_coordinates_of_hopeless_cells_are_finite_and_inside() -> None:
    state = cma.start(np.array([0.0]), 1e-3)
    points = cma.within_cells(state, np.array([[0.5]]), np.array([[0.6]]), np.array([[0.5]]))
    assert 0.5 <= points[0, 0] <= 0.6


# ----------------------------------------------------------------------------------------------- choices


def test_the_best_choices_become_likely_and_none_impossible() -> None:
    rng = np.random.default_rng(0)
    state, weights = cma.start_choices((2, 5, 3)), np.array([0.6, 0.3, 0.1])
    for _ in range(150):
        chosen = np.array([state.sample(rng.random(3)) for _ in range(8)])
        losses = np.abs(chosen - [1, 3, 0]).sum(axis=1)
        state = cma.update_choices(state, chosen[np.argsort(losses, kind="stable")[:3]], weights)
    for q, best in zip(state.q, (1, 3, 0), strict=True):
        assert int(np.argmax(q)) == best
        assert q[best] > 0.6
        assert q.min() > 0.0
        assert q.sum() == pytest.approx(1.0)


def test_a_choice_that_no_point_had_stays_as_it_was() -> None:
    state = cma.start_choices((2, 4))
    after = cma.update_choices(state, np.array([[0, -1], [0, -1]]), np.array([0.7, 0.3]))
    assert after.q[1] == pytest.approx(np.full(4, 0.25))
    assert after.q[0][0] > 0.5


def test_choices_are_drawn_with_their_probabilities() -> None:
    state = replace(cma.start_choices((3,)), q=(np.array([0.5, 0.2, 0.3]),))
    drawn = [int(state.sample(np.array([u]))[0]) for u in np.linspace(0.0005, 0.9995, 1000)]
    assert np.bincount(drawn) / 1000 == pytest.approx([0.5, 0.2, 0.3], abs=0.002)


# -------------------------------------------------------------------------------------------- warm start


def test_the_promising_region_is_that_of_the_independent_implementation() -> None:
    cmaes = pytest.importorskip("cmaes")
    rng = np.random.default_rng(0)
    points = rng.random((50, 3))
    values = ((points - 0.7) ** 2).sum(axis=1)
    expected = cmaes.get_warm_start_mgd(list(zip(points, values.tolist(), strict=True)), gamma=0.1, alpha=0.1)
    for found, wanted in zip(cma.promising(points, values), expected, strict=True):
        assert found == pytest.approx(wanted)


def test_convergence_is_seen_by_small_steps_flat_values_and_degenerate_shapes() -> None:
    state = cma.start(np.zeros(2), 1.0)
    assert not cma.has_converged(state, 1e-12, np.array([1.0, 0.5]))
    assert not cma.has_converged(state, 1e-12, np.array([]))
    assert cma.has_converged(state, 1e-12, np.array([1.0, 1.0]))
    assert cma.has_converged(replace(state, sigma=1e-14), 1e-12, np.array([]))
    assert cma.has_converged(replace(state, scales=np.array([1e-8, 1.0])), 1e-12, np.array([]))
