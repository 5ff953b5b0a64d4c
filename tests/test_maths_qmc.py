"""Sequences by index against SciPy's engines in order."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import qmc as scipy_qmc

from sweeper_core.maths.qmc import KINDS, point


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", [None, 3])
def test_points_are_those_of_the_sequence_whatever_the_order_of_asking(kind: str, seed: int | None) -> None:
    engine = {"sobol": scipy_qmc.Sobol, "halton": scipy_qmc.Halton}[kind](4, scramble=seed is not None, seed=seed)
    expected = engine.random(512)
    for index in (511, 0, 255, 256, 3):
        assert point(kind, 4, index, seed) == pytest.approx(expected[index])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", [None, 0])
def test_points_are_more_even_than_random_ones(kind: str, seed: int | None) -> None:
    points = np.array([point(kind, 3, index, seed) for index in range(128)])
    random = np.random.default_rng(0).random((128, 3))
    assert scipy_qmc.discrepancy(points) < 0.5 * scipy_qmc.discrepancy(random)


def test_another_seed_scrambles_otherwise() -> None:
    assert not np.allclose(point("sobol", 3, 5, 0), point("sobol", 3, 5, 1))
