"""Races of noisy candidates, against simulation and against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from sweeper_core.maths.race import LEVEL, next_cell, standing


def race(truth: np.ndarray, effects: np.ndarray, noise: float, rng: np.random.Generator) -> np.ndarray:
    """Return the measurements of a whole race."""
    values = np.full((len(truth), len(effects)), np.nan)
    nothing = np.zeros(values.shape, dtype=bool)
    while (cell := next_cell(values, nothing, nothing[:, 0])) is not None:
        values[cell] = truth[cell[0]] + effects[cell[1]] + noise * rng.normal()
    return values


def test_the_interval_of_the_winner_covers_its_true_mean_although_it_was_chosen() -> None:
    rng = np.random.default_rng(7)
    covered, probabilities, right, runs = [], [], [], []
    for _ in range(40):
        truth = rng.normal(0.0, rng.choice([0.3, 1.0, 3.0]), size=5)
        values = race(truth, rng.normal(0.0, rng.choice([0.0, 2.0]), size=5), 1.0, rng)
        known = standing(values)
        assert known is not None
        winner = known.leader
        covered.append(known.low[winner] <= truth[winner] <= known.high[winner])
        probabilities.append(known.best[winner])
        right.append(winner == np.argmin(truth))
        runs.append(np.isfinite(values).sum())
    assert 0.82 <= np.mean(covered) <= 0.99
    assert abs(np.mean(probabilities) - np.mean(right)) < 0.12, "probabilities are frequencies"
    assert np.mean(runs) < 22, "losers are dropped"


def test_with_many_measurements_the_interval_is_that_of_students_t() -> None:
    from scipy import stats

    rng = np.random.default_rng(1)
    values = np.array([0.0, 50.0, 100.0])[:, None] + rng.normal(size=(3, 40))
    known = standing(values)
    assert known is not None
    pooled = np.sqrt(np.mean(np.var(values, axis=1, ddof=1)) / 40)
    half = pooled * stats.t.ppf((1 + LEVEL) / 2, 117)
    assert known.means == pytest.approx(values.mean(axis=1), abs=0.05)
    assert (known.high - known.low) / 2 == pytest.approx(half, rel=0.12)


def test_pairs_are_compared_within_their_blocks() -> None:
    rng = np.random.default_rng(3)
    truth, effects = np.array([0.0, 0.5]), 20.0 * rng.normal(size=6)
    values = truth[:, None] + effects + 0.1 * rng.normal(size=(2, 6))
    known = standing(values)
    assert known is not None
    assert known.best[0] > 0.95
    assert known.high[0] - known.low[0] > 5.0, "the level itself is not known better than the blocks allow"


def test_without_noise_the_interval_collapses_and_ties_are_shared() -> None:
    known = standing(np.array([[1.0, 1.0], [2.0, 2.0], [1.5, 1.5]]))
    assert known is not None
    assert known.high[0] - known.low[0] < 1e-3
    assert known.best.tolist() == [1.0, 0.0, 0.0]
    same = standing(np.full((4, 2), 7.0))
    assert same is not None
    assert same.best == pytest.approx(0.25, abs=0.01)
    assert same.high[0] - same.low[0] < 1e-6
    assert bool(np.all(same.open))


def test_one_measurement_says_nothing() -> None:
    assert standing(np.array([[1.0, np.nan], [np.nan, np.nan]])) is None


def test_what_was_expected_before_counts_by_its_differences() -> None:
    values = np.array([[0.0, 1.0, 0.5], [0.1, 0.9, 0.5]])
    plain, told = standing(values), standing(values, np.array([0.5, 0.3]))
    assert plain is not None
    assert told is not None
    assert told.best[1] > plain.best[1] + 0.05
    moved = standing(values, np.array([1000.5, 1000.3]))
    assert moved is not None
    assert told.means == pytest.approx(moved.means, abs=1e-3)


def test_cells_are_chosen_by_blocks_and_nothing_is_chosen_twice() -> None:
    values, pending = np.full((3, 3), np.nan), np.zeros((3, 3), dtype=bool)
    out = np.array([False, True, False])
    chosen = []
    while (cell := next_cell(values, pending, out)) is not None:
        pending[cell] = True
        chosen.append(cell)
    # Without a result nobody is dropped; who is out is not measured. Later blocks wait for the first results.
    assert chosen[:4] == [(0, 0), (2, 0), (0, 1), (2, 1)]
    assert len(chosen) == len(set(chosen)) == 6
