"""Pareto ranks, fronts and crowding against definitions written out naively."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sweeper_core.maths import pareto
from sweeper_core.maths.pareto import (
    crowding_distance,
    non_domination_ranks,
    pareto_front,
    violation,
)


def naive_ranks(values: np.ndarray, penalty: np.ndarray | None = None) -> np.ndarray:
    values = np.where(np.isnan(values), np.inf, values)
    n = len(values)

    def beats(i: int, j: int) -> bool:
        a, b = (0.0, 0.0) if penalty is None else (max(penalty[i], 0.0), max(penalty[j], 0.0))
        return a < b or (a == b == 0.0 and bool(np.all(values[i] <= values[j]) and np.any(values[i] < values[j])))

    ranks = np.full(n, -1)
    rank = 0
    while np.any(ranks < 0):
        left = [i for i in range(n) if ranks[i] < 0]
        front = [i for i in left if not any(beats(j, i) for j in left)]
        ranks[front] = rank
        rank += 1
    return ranks


def point_sets(objectives: st.SearchStrategy[int]) -> st.SearchStrategy[np.ndarray]:
    """Small grids, so that ties and equal points are common; infinities and NaN too."""
    element = st.sampled_from([0.0, 1.0, 2.0, 3.0, 4.0, np.inf, -np.inf, np.nan])
    return objectives.flatmap(lambda m: st.integers(0, 25).flatmap(lambda n: arrays(float, (n, m), elements=element)))


@settings(deadline=None, max_examples=200)
@given(point_sets(st.integers(1, 5)))
def test_ranks_agree_with_the_definition(values: np.ndarray) -> None:
    assert non_domination_ranks(values).tolist() == naive_ranks(values).tolist()
    assert pareto_front(values).tolist() == (naive_ranks(values) == 0).tolist()


@settings(deadline=None, max_examples=200)
@given(point_sets(st.integers(1, 4)), st.randoms(use_true_random=False))
def test_feasible_points_come_first_and_infeasible_ones_follow_by_violation(values: np.ndarray, random) -> None:
    penalty = np.array([random.choice([-1.0, 0.0, 0.0, 0.5, 1.0, 2.0]) for _ in values])
    expected = naive_ranks(values, penalty)
    assert non_domination_ranks(values, penalty).tolist() == expected.tolist()
    assert pareto_front(values, penalty).tolist() == (expected == 0).tolist()


@settings(deadline=None, max_examples=100)
@given(point_sets(st.integers(2, 4)), st.integers(1, 30))
def test_enough_ranks_are_right_and_the_rest_share_the_next(values: np.ndarray, enough: int) -> None:
    full, part = naive_ranks(values), non_domination_ranks(values, enough=enough)
    known = full < part.max() if len(values) else np.zeros(0, bool)
    assert part[known].tolist() == full[known].tolist()
    assert np.all(full[~known] >= part[~known])
    assert known.sum() >= min(enough, len(values)) or np.array_equal(part, full)


def test_large_sets_are_peeled_to_the_same_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).random((300, 3))
    at_once = non_domination_ranks(values)
    monkeypatch.setattr(pareto, "MAX_MATRIX", 10)
    assert non_domination_ranks(values).tolist() == at_once.tolist()


def test_violation_sums_what_is_above_zero_and_ignores_unknown_constraints() -> None:
    constraints = np.array([[1.0, -5.0], [0.5, 2.0], [np.nan, 0.25], [np.nan, np.nan], [-1.0, 0.0]])
    assert violation(constraints).tolist() == [1.0, 2.5, 0.25, 0.0, 0.0]


def test_crowding_is_infinite_at_the_ends_and_the_scaled_gap_between_neighbours_inside() -> None:
    values = np.array([[0.0, 10.0], [1.0, 6.0], [4.0, 2.0], [5.0, 0.0]])
    assert crowding_distance(values).tolist() == [np.inf, 4 / 5 + 8 / 10, 4 / 5 + 6 / 10, np.inf]


def test_an_objective_without_differences_adds_nothing_to_crowding() -> None:
    values = np.array([[0.0, 7.0], [2.0, 7.0], [3.0, 7.0]])
    assert crowding_distance(values).tolist() == [np.inf, 1.0, np.inf]
    assert crowding_distance(np.full((3, 2), np.inf)).tolist() == [0.0, 0.0, 0.0]
    assert crowding_distance(np.empty((0, 2))).tolist() == []


def test_crowding_takes_infinite_values_without_becoming_nan() -> None:
    values = np.array([[-np.inf, 1.0], [0.0, 0.5], [np.inf, 0.0], [np.inf, -1.0]])
    assert not np.any(np.isnan(crowding_distance(values)))


@settings(deadline=None, max_examples=100)
@given(point_sets(st.integers(1, 3)))
def test_crowding_of_several_fronts_is_that_of_each_alone(values: np.ndarray) -> None:
    values = np.nan_to_num(values, nan=np.inf, posinf=np.inf, neginf=-np.inf)
    ranks = non_domination_ranks(values)
    together = crowding_distance(values, ranks)
    for rank in set(ranks.tolist()):
        assert together[ranks == rank] == pytest.approx(crowding_distance(values[ranks == rank]))
