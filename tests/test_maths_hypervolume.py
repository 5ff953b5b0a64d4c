"""Hypervolume against inclusion-exclusion and Monte Carlo integration."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sweeper_core.maths.hypervolume import (
    greedy_subset,
    hypervolume,
    low_discrepancy,
)


def by_inclusion_exclusion(points: np.ndarray, reference: np.ndarray) -> float:
    """Boxes' volumes added and subtracted over all subsets: an oracle without any geometry in it."""
    boxes = np.minimum(points, reference)
    return sum(
        (-1) ** (size + 1) * float(np.prod(reference - np.max(boxes[list(subset)], axis=0)))
        for size in range(1, len(boxes) + 1)
        for subset in itertools.combinations(range(len(boxes)), size)
    )


grids = st.integers(1, 5).flatmap(
    lambda m: st.integers(0, 7).flatmap(
        lambda n: arrays(float, (n, m), elements=st.sampled_from([0.0, 0.25, 0.5, 1.0, 2.0, 2.5]))
    )
)


@settings(deadline=None, max_examples=300)
@given(grids)
def test_volume_agrees_with_inclusion_and_exclusion(points: np.ndarray) -> None:
    reference = np.full(points.shape[1], 2.0)
    assert hypervolume(points, reference) == pytest.approx(by_inclusion_exclusion(points, reference))


@pytest.mark.parametrize("m", [2, 3, 4, 5])
def test_volume_of_many_points_agrees_with_monte_carlo(m: int) -> None:
    rng = np.random.default_rng(m)
    points = rng.random((60 if m < 5 else 25, m))
    sample = rng.random((200_000, m))
    share = np.zeros(len(sample), dtype=bool)
    for point in points:
        share |= np.all(sample >= point, axis=1)
    assert hypervolume(points, np.ones(m)) == pytest.approx(share.mean(), abs=0.006)


def test_points_beyond_the_reference_add_nothing() -> None:
    reference = np.array([1.0, 1.0])
    assert hypervolume(np.array([[0.0, 1.0], [2.0, -1.0], [np.nan, 0.0]]), reference) == 0.0


def test_volume_is_infinite_where_a_point_is() -> None:
    assert hypervolume(np.array([[-np.inf, 0.0], [0.0, -1.0]]), np.array([1.0, 1.0])) == np.inf


@pytest.mark.parametrize("m", [2, 3, 4])
def test_greedy_subset_is_as_good_as_the_theorem_promises_and_better_than_chance(m: int) -> None:
    rng = np.random.default_rng(1)
    points = rng.dirichlet(np.ones(m), size=14)
    reference = np.ones(m)
    volumes = [hypervolume(points[list(s)], reference) for s in itertools.combinations(range(14), 3)]
    found = hypervolume(points[greedy_subset(points, reference, 3)], reference)
    assert found >= (1 - 1 / np.e) * max(volumes)
    assert found > np.median(volumes)


@pytest.mark.parametrize("m", [2, 3, 4])
def test_greedy_subset_fills_up_with_points_that_add_nothing(m: int) -> None:
    points = np.array([np.full(m, 2.0), np.full(m, 0.5), np.full(m, 0.5)])
    assert greedy_subset(points, np.ones(m), 2).tolist() == [1, 0]
    assert greedy_subset(points, np.ones(m), 9).tolist() == [1, 0, 2]


@pytest.mark.parametrize("d", [1, 2, 5])
def test_low_discrepancy_points_fill_the_cube_more_evenly_than_random_ones(d: int) -> None:
    from scipy.stats import qmc

    points = low_discrepancy(256, d)
    assert points.min() >= 0.0
    assert points.max() < 1.0
    assert qmc.discrepancy(points) < qmc.discrepancy(np.random.default_rng(0).random((256, d)))
