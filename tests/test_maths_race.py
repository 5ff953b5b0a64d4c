"""Races of noisy candidates, against simulation and against closed forms."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sweeper_core.maths.belief import Belief, informed_draws, promising
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


def belief_of(means: list[float], deviation: float, noise: float, observed: list[float] | None = None) -> Belief:
    """Return a belief of one process in independent candidates."""
    covariance = deviation**2 * np.eye(len(means))
    seen = np.array(means if observed is None else observed)
    return Belief(np.ones(1), np.array([means]), covariance[None], np.array([noise**2]), seen)


def test_what_was_believed_before_counts_beside_the_runs() -> None:
    values = np.array([[0.0, 1.0, 0.5], [0.1, 0.9, 0.5]])
    plain, told = standing(values), standing(values, belief_of([0.5, 0.3], 0.1, 0.5))
    assert plain is not None
    assert told is not None
    assert told.best[1] > plain.best[1] + 0.05
    # Other conditions than the search's move all values: the level is the runs', the differences stay believed.
    moved = standing(values, belief_of([1000.5, 1000.3], 0.1, 0.5))
    assert moved is not None
    assert moved.means == pytest.approx([0.6, 0.4], abs=0.25)
    assert moved.best[1] > plain.best[1] + 0.05


def test_a_posterior_of_one_process_is_the_conjugate_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SCALES", "DETAILS", "SPREADS"):
        monkeypatch.setattr(f"sweeper_core.maths.belief.{name}", ((0.0 if name == "DETAILS" else 1.0, 1.0),))
    monkeypatch.setattr("sweeper_core.maths.belief.FLAT_SHIFTS", ())
    belief = belief_of([1.0, 2.0, 1.5], 0.7, 0.5)
    covariance = belief.covariances[0] + 0.2
    belief = Belief(belief.weights, belief.means, covariance[None], belief.noise, belief.observed)
    values = np.array([[1.2, np.nan, 0.7], [2.2, 1.0, np.nan], [np.nan, np.nan, np.nan]])
    rows, blocks = np.nonzero(np.isfinite(values))
    for effect in (0.0, 2.0):
        monkeypatch.setattr("sweeper_core.maths.belief.SHIFTS", ((effect, effect, 1.0),))
        # The same by brute force: joint normal distribution of the true values and the five runs.
        shared = covariance + effect**2 * 0.25
        K = shared[np.ix_(rows, rows)] + 0.25 * np.eye(len(rows))
        K += effect**2 * 0.25 * (blocks[:, None] == blocks[None])
        gain = np.linalg.solve(K, shared[rows]).T
        mean = belief.means[0] + gain @ (values[rows, blocks] - belief.means[0][rows])
        deviation = np.sqrt(np.diagonal(shared - gain @ shared[rows]))
        drawn = informed_draws(values, belief, 40_000)
        assert drawn.mean(axis=0) == pytest.approx(mean, abs=0.02)
        assert drawn.std(axis=0) == pytest.approx(deviation, rel=0.02)


def test_a_model_that_was_too_sure_is_not_believed_against_the_runs() -> None:
    rng = np.random.default_rng(5)
    values = np.array([[1.0], [0.0]]) + 0.3 * rng.normal(size=(2, 5))
    # It said the contrary, by fifty of its standard deviations, or saw no noise where the fresh runs have much.
    for belief in (belief_of([0.0, 1.0], 0.02, 0.3), belief_of([0.4, 0.6], 1e-3, 1e-3)):
        known = standing(values, belief)
        assert known is not None
        assert known.low[1] <= 0.0 <= known.high[1]
        assert known.best[1] > 0.6


def test_true_differences_taken_for_noise_are_told_by_the_runs() -> None:
    """The process is smooth and takes detail for noise; the observed values are exact, as the fresh runs show."""
    observed = [0.0, 1.0, 0.5]
    values = np.array(observed)[:, None] + np.array([0.0, 1e-3])
    values[0] = np.nan
    drawn = informed_draws(values, belief_of([0.5, 0.5, 0.5], 0.05, 0.4, observed), 4000)
    assert drawn[:, 0].mean() == pytest.approx(0.0, abs=0.15)
    assert drawn[:, 0].std() < 0.2


def test_probabilities_are_frequencies_where_the_model_is_right() -> None:
    rng = np.random.default_rng(11)
    covered, told, right, regret = [], [], [], []
    for _ in range(50):
        root = rng.normal(size=(5, 3))
        covariance = 0.3 * root @ root.T + 0.05 * np.eye(5)
        means = 0.5 * rng.normal(size=5)
        truth = rng.multivariate_normal(means, covariance)
        observed = truth + rng.normal(size=5)
        belief = Belief(np.ones(1), means[None], covariance[None], np.ones(1), observed)
        known = standing(truth[:, None] + rng.normal(size=(5, 4)), belief)
        assert known is not None
        covered.append(known.low[known.leader] <= truth[known.leader] <= known.high[known.leader])
        told.append(known.best[known.leader])
        right.append(known.leader == np.argmin(truth))
        regret.append(truth[known.leader] - truth.min())
    assert 0.85 <= np.mean(covered) <= 1.0
    assert abs(np.mean(told) - np.mean(right)) < 0.12
    assert np.mean(regret) < 0.2


def test_candidates_worth_a_run_are_good_and_differ() -> None:
    # 0, 1 and 2 are the same but for a trifle; 3 is less good and uncertain; 4 is hopeless; 5 is certainly worse.
    means = np.array([[0.0, 0.01, 0.02, 0.3, 9.0, 0.3]])
    covariance = np.diag([0.0, 0.0, 0.0, 0.5, 0.5, 1e-6])
    covariance[:3, :3] = 0.2 + 1e-6 * np.eye(3)
    belief = Belief(np.ones(1), means, covariance[None], np.full(1, 0.1), means[0])
    assert promising(belief, 2, 5) == [0, 3]
    assert promising(belief, 3, 5, anyway=4) == [0, 3, 4]
    assert promising(belief, 2, 5, anyway=3) == [0, 3]
    assert sorted(promising(belief, 6, 5)) == [0, 1, 2, 3, 4, 5]


def test_with_a_belief_a_clear_loser_runs_once() -> None:
    values, nothing = np.full((3, 4), np.nan), np.zeros((3, 4), dtype=bool)
    belief = belief_of([0.0, 5.0, 0.1], 0.3, 0.1)
    while (cell := next_cell(values, nothing, nothing[:, 0], belief)) is not None:
        values[cell] = (0.0, 5.0, 0.0)[cell[0]] + 0.01 * cell[1]
    assert np.sum(np.isfinite(values), axis=1).tolist() == [4, 1, 4]


def test_a_belief_survives_its_storage() -> None:
    belief = belief_of([1.0 / 3.0, 2.0], 0.7, 0.5).as_stored
    again = Belief.from_dict(json.loads(json.dumps(belief.as_dict())))
    for name in ("weights", "means", "covariances", "noise", "observed"):
        assert np.array_equal(getattr(again, name), getattr(belief, name))


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
