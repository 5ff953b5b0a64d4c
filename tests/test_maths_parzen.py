"""Parzen estimates on the unit cube, against kernels written out one by one with SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

from sweeper_core.maths.parzen import Marginals, Mixture, Points, own_mass, scott_widths

PRIOR = 0.7


def some_mixture(law: type, rng: np.random.Generator, k: int = 6, missing: bool = False) -> tuple:
    numbers, codes = rng.random((k, 2)), np.column_stack([rng.integers(0, 3, k), rng.integers(0, 2, k)])
    if missing:
        numbers[0, 1], codes[1, 0], numbers[2], codes[2] = np.nan, -1, np.nan, -1
    widths = rng.uniform(0.05, 0.6, (k, 2))
    choices = np.array([3, 2])
    own = own_mass(choices, k)
    weights = rng.random(k) + 0.1
    return law(weights, Points(numbers, codes), widths, choices, own, PRIOR), weights, numbers, codes, widths, own


def kernel_by_hand(x, code, numbers, codes, widths, own) -> np.ndarray:
    """Factors ``(4,)`` of one kernel at one point."""
    factors = []
    for value, centre, width in zip(x, numbers, widths, strict=True):
        law = stats.truncnorm(-centre / width, (1 - centre) / width, loc=centre, scale=width)
        factors.append(1.0 if np.isnan(centre) else law.pdf(value))
    for value, centre, mass, count in zip(code, codes, own, (3, 2), strict=True):
        factors.append(1 / count if centre < 0 else mass if value == centre else (1 - mass) / (count - 1))
    return np.array(factors)


@pytest.mark.parametrize("missing", [False, True])
def test_the_joint_density_is_the_sum_of_products(missing: bool) -> None:
    rng = np.random.default_rng(1)
    mixture, weights, numbers, codes, widths, own = some_mixture(Mixture, rng, missing=missing)
    at = Points(rng.random((5, 2)), np.column_stack([rng.integers(0, 3, 5), rng.integers(0, 2, 5)]))
    expected = [
        (
            PRIOR / 6
            + sum(
                w * kernel_by_hand(x, code, *kernel, own).prod()
                for w, *kernel in zip(weights, numbers, codes, widths, strict=True)
            )
        )
        / (PRIOR + weights.sum())
        for x, code in zip(at.numbers, at.codes, strict=True)
    ]
    assert np.exp(mixture.log_density(at)) == pytest.approx(expected, rel=1e-9)


def test_coordinates_left_out_are_integrated_out() -> None:
    rng = np.random.default_rng(2)
    mixture = some_mixture(Mixture, rng, missing=True)[0]
    known = Points(np.array([[0.3, np.nan]]), np.array([[-1, 1]]))

    def joint(y: float) -> float:
        codes = np.array([[c, 1] for c in range(3)])
        return float(np.exp(mixture.log_density(Points(np.array([[0.3, y]] * 3), codes))).sum())

    assert np.exp(mixture.log_density(known))[0] == pytest.approx(integrate.quad(joint, 0, 1)[0], rel=1e-6)


@pytest.mark.parametrize("missing", [False, True])
def test_draws_follow_the_density(missing: bool) -> None:
    rng = np.random.default_rng(3)
    mixture = some_mixture(Mixture, rng, missing=missing)[0]
    drawn = mixture.draw(4000, rng)
    for column in range(2):
        grid = np.linspace(0, 1, 2001)
        only = np.full((len(grid), 2), np.nan)
        only[:, column] = grid
        density = np.exp(mixture.log_density(Points(only, np.full(only.shape, -1))))
        cdf = np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2) / 2000])
        assert stats.kstest(drawn.numbers[:, column], lambda x, c=cdf, g=grid: np.interp(x, g, c)).pvalue > 1e-3
    codes = np.column_stack([np.arange(3), np.full(3, -1)])
    shares = np.exp(mixture.log_density(Points(np.full((3, 2), np.nan), codes)))
    assert stats.chisquare(np.bincount(drawn.codes[:, 0]), 4000 * shares / shares.sum()).pvalue > 1e-3


def test_conditional_draws_keep_what_is_given_and_follow_what_it_tells() -> None:
    centres = Points(np.array([[0.1, 0.9], [0.9, 0.1]]), np.zeros((2, 0), np.int64))
    mixture = Mixture(np.ones(2), centres, np.full((2, 2), 0.05), np.zeros(0, np.int64), np.zeros(0))
    given = Points(np.array([[0.12, np.nan]]), np.zeros((1, 0), np.int64))
    drawn = mixture.draw(200, np.random.default_rng(0), given)
    assert np.all(drawn.numbers[:, 0] == 0.12)
    assert np.all(drawn.numbers[:, 1] > 0.5)


@pytest.mark.parametrize("missing", [False, True])
def test_marginal_densities_are_those_of_the_joint_one(missing: bool) -> None:
    rng = np.random.default_rng(4)
    joint, weights, numbers, codes, widths, own = some_mixture(Mixture, rng, missing=missing)
    apart = Marginals(weights, Points(numbers, codes), widths, np.array([3, 2]), own, PRIOR)
    at = Points(rng.random((5, 2)), np.column_stack([rng.integers(0, 3, 5), rng.integers(0, 2, 5)]))
    in_numbers, in_codes = apart.densities(at)
    for column in range(2):
        only = np.full((5, 2), np.nan)
        only[:, column] = at.numbers[:, column]
        assert in_numbers[:, column] == pytest.approx(np.exp(joint.log_density(Points(only, np.full((5, 2), -1)))))
        only_codes = np.full((5, 2), -1)
        only_codes[:, column] = at.codes[:, column]
        expected = np.exp(joint.log_density(Points(np.full((5, 2), np.nan), only_codes)))
        assert in_codes[:, column] == pytest.approx(expected)


def test_binned_marginals_are_close_to_exact_ones() -> None:
    rng = np.random.default_rng(5)
    n = 1500
    numbers = rng.beta(2, 5, (n, 1))
    width = 0.03
    nothing = np.zeros((n, 0), np.int64)
    apart = Marginals(np.ones(n), Points(numbers, nothing), np.full((n, 1), width), np.zeros(0, np.int64), np.zeros(0))
    grid = np.linspace(0, 1, 50)
    exact = stats.truncnorm(-numbers / width, (1 - numbers) / width, loc=numbers, scale=width).pdf(grid).mean(axis=0)
    ours = apart.densities(Points(grid[:, None], np.zeros((50, 0), np.int64)))[0][:, 0]
    assert ours == pytest.approx(exact, rel=0.02, abs=0.02)


def test_marginal_draws_follow_the_marginal_density() -> None:
    rng = np.random.default_rng(6)
    apart = some_mixture(Marginals, rng, missing=True)[0]
    drawn = apart.draw(4000, rng)
    grid = np.linspace(0, 1, 2001)
    density = apart.densities(Points(np.column_stack([grid, grid]), np.zeros((2001, 2), np.int64)))[0][:, 0]
    cdf = np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2) / 2000])
    assert stats.kstest(drawn.numbers[:, 0], lambda x: np.interp(x, grid, cdf)).pvalue > 1e-3


def test_widths_follow_scotts_rule_and_never_vanish() -> None:
    numbers = np.random.default_rng(7).random((400, 2)) * np.array([1.0, 0.1])
    widths = scott_widths(numbers, 1, 1.0, 0.0)
    assert widths[0] == pytest.approx(numbers.std(axis=0) * 400 ** (-1 / 5), rel=0.15)
    assert np.all(scott_widths(np.full((5, 1), 0.5), 1, 1.0, 0.0) > 0.01)
    assert np.all(scott_widths(np.full((5, 1), np.nan), 1, 1.0, 0.0) > 0.1)
