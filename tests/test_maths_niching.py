"""Reference points and niches of NSGA-III."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest

from sweeper_core.maths.niching import associate, fill_niches, normalise, simplex_lattice


@pytest.mark.parametrize(("m", "divisions"), [(2, 1), (2, 4), (3, 3), (4, 2)])
def test_the_lattice_has_all_points_of_the_simplex_with_such_coordinates(m: int, divisions: int) -> None:
    points = simplex_lattice(m, divisions)
    assert len(np.unique(points, axis=0)) == len(points) == comb(m + divisions - 1, divisions)
    assert points.sum(axis=1) == pytest.approx(1.0)
    assert points * divisions == pytest.approx(np.round(points * divisions))


def test_normalised_front_meets_the_axes_at_one() -> None:
    corners = np.eye(3) * [5.0, 0.1, 300.0] + [1.0, 2.0, -7.0]
    front = np.vstack([corners, corners.mean(axis=0)])
    assert normalise(front)[:3] == pytest.approx(np.eye(3))
    assert normalise(front)[3] == pytest.approx(np.full(3, 1 / 3))


@pytest.mark.parametrize(
    "values",
    [
        np.full((4, 3), 2.0),
        np.array([[0.0, 1.0], [0.0, 3.0], [0.0, 2.0]]),
        np.array([[np.inf, 0.0], [1.0, -np.inf], [2.0, 5.0]]),
        np.array([[np.inf, 0.0], [np.inf, 1.0]]),
        np.array([[1.0, 2.0]]),
    ],
    ids=["equal", "line", "infinite", "no finite value", "single"],
)
def test_normalising_degenerate_sets_stays_finite_and_starts_at_zero(values: np.ndarray) -> None:
    normalised = normalise(values)
    assert np.all(np.isfinite(normalised))
    assert normalised.min(axis=0) == pytest.approx(0.0)


def test_association_agrees_with_distances_computed_one_by_one() -> None:
    rng = np.random.default_rng(0)
    points, references = rng.random((30, 3)), simplex_lattice(3, 4)
    nearest, distance = associate(points, references)
    for point, index, d in zip(points, nearest, distance, strict=True):
        every = [np.linalg.norm(point - (point @ r) / (r @ r) * r) for r in references]
        assert d == pytest.approx(min(every))
        assert every[index] == pytest.approx(min(every))


def test_niches_are_filled_from_the_emptiest_one_nearest_point_first() -> None:
    niche = np.array([0, 0, 0, 1, 1, 2])
    distance = np.array([0.0, 0.3, 0.2, 0.5, 0.4, 0.9])
    taken = fill_niches(niche, distance, np.array([0]), np.array([1, 2, 3, 4, 5]), 4)
    assert taken == [4, 5, 2, 3]
