"""Search spaces: conditions, unit coordinates, finite listings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeper_core.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from sweeper_core.search_space.intersection import intersection
from sweeper_core.search_space.space import Clause, Parameter, SearchSpace

MODELS = SearchSpace(
    [
        Parameter("depth", IntDistribution(1, 3), when=(Clause("model", "in", ("tree",)),)),
        Parameter("model", CategoricalDistribution(["tree", "linear"])),
        Parameter("prune", CategoricalDistribution([True, False]), when=(Clause("depth", ">", 1),)),
        Parameter("alpha", FloatDistribution(0.0, 1.0, step=0.5), when=(Clause("model", "not in", ("tree",)),)),
    ]
)

DISTRIBUTIONS = [
    FloatDistribution(-2.0, 3.0),
    FloatDistribution(1e-5, 1e-1, log=True),
    FloatDistribution(0.0, 1.0, step=0.1),
    FloatDistribution(2.0, 2.0),
    IntDistribution(0, 7),
    IntDistribution(1, 1000, log=True),
    IntDistribution(-4, 8, step=4),
    CategoricalDistribution(["a", "b", "c"]),
]


@pytest.mark.parametrize("distribution", DISTRIBUTIONS, ids=repr)
@given(u=st.floats(0.0, 1.0))
def test_unit_coordinates_come_back_as_valid_values_and_stay(distribution: BaseDistribution, u: float) -> None:
    space = SearchSpace.of({"x": distribution})
    raw = space.from_unit(np.array([[u]]))
    value = distribution.to_external_repr(raw[0, 0])
    assert distribution.contains(value)
    again = space.from_unit(space.to_unit(raw))
    np.testing.assert_allclose(again, raw, rtol=1e-9)


@pytest.mark.parametrize(
    "distribution", [IntDistribution(0, 7), FloatDistribution(0, 1, step=0.1), CategoricalDistribution(list("abcd"))]
)
def test_every_discrete_value_owns_an_interval_of_equal_width(distribution: BaseDistribution) -> None:
    space = SearchSpace.of({"x": distribution})
    count = distribution.cardinality
    assert count is not None
    middles = (np.arange(count * 100) + 0.5) / (count * 100)
    _, counts = np.unique(space.from_unit(middles[:, None]), return_counts=True)
    assert list(counts) == [100] * count


def test_an_inactive_parameter_and_its_children_are_left_out() -> None:
    everything = {"depth": 3, "model": "linear", "prune": True, "alpha": 0.5}
    assert MODELS.active_only(everything) == {"model": "linear", "alpha": 0.5}
    assert MODELS.active_only({**everything, "model": "tree"}) == {"depth": 3, "model": "tree", "prune": True}
    assert MODELS.active_only({**everything, "model": "tree", "depth": 1}) == {"depth": 1, "model": "tree"}


def test_the_points_of_a_conditional_space_are_listed_once() -> None:
    points = [tuple(sorted(point.items(), key=str)) for point in MODELS.points()]
    # tree: depth 1, depth 2 and 3 with or without pruning; linear: three alphas
    assert len(points) == len(set(points)) == 1 + 2 * 2 + 3


def test_decoding_drops_what_is_inactive() -> None:
    row = MODELS.encode({"depth": 1, "model": "tree", "prune": True, "alpha": 0.5})
    assert MODELS.decode(row) == {"depth": 1, "model": "tree"}
    assert np.isnan(MODELS.encode({"model": "tree"})[0])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ([Parameter("a", IntDistribution(0, 1), (Clause("b", "in", [1]),))], "not in the search space"),
        (
            [
                Parameter("a", IntDistribution(0, 1), (Clause("b", "in", [1]),)),
                Parameter("b", IntDistribution(0, 1), (Clause("a", "in", [1]),)),
            ],
            "circle",
        ),
        ([Parameter("a", IntDistribution(0, 1)), Parameter("a", IntDistribution(0, 2))], "twice"),
    ],
)
def test_impossible_spaces_are_refused(parameters: list[Parameter], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SearchSpace(parameters)


def test_an_unknown_operator_is_refused() -> None:
    with pytest.raises(ValueError, match="operator"):
        Clause("a", "~", 1)


@pytest.mark.parametrize(
    ("clause", "yes", "no"),
    [
        (Clause("p", "in", ("a", 1)), ["a", 1], ["b", True, 1.0]),
        (Clause("p", "not in", (1,)), [2, True], [1]),
        (Clause("p", "<=", 3), [3, 2.5], [4]),
        (Clause("p", ">", 3), [4], [3]),
    ],
)
def test_clauses(clause: Clause, yes: list[Any], no: list[Any]) -> None:
    assert all(clause.holds(value) for value in yes)
    assert not any(clause.holds(value) for value in no)


@pytest.mark.parametrize(
    "parent",
    [
        IntDistribution(1, 9),
        IntDistribution(1, 10**9),
        IntDistribution(1, 10**5, log=True),
    ],
    ids=str,
)
@pytest.mark.parametrize(
    ("one", "other", "exclude"),
    [
        ((">", 3), ("<", 4), True),
        ((">", 3), ("<", 3.9), True),
        ((">=", 4), ("<", 4), True),
        ((">", 3), ("<", 5), False),
        ((">=", 3), ("<=", 3), False),
        ((">", 3), (">", 7), False),
        (("in", (3, 4)), (">", 4), True),
        (("in", (3, 5)), (">", 4), False),
        (("not in", (4,)), (">", 3), False),
        (("in", (4,)), ("not in", (4,)), True),
    ],
)
def test_clauses_exclude_each_other_where_no_value_of_the_parent_passes_both(
    parent: BaseDistribution, one: tuple[str, Any], other: tuple[str, Any], exclude: bool
) -> None:
    a, b = Clause("p", *one), Clause("p", *other)
    assert a.excludes(b, parent) is exclude
    assert b.excludes(a, parent) is exclude


def test_clauses_on_a_continuous_parent_exclude_each_other_without_a_gap_only() -> None:
    parent = FloatDistribution(0.0, 9.0)
    assert not Clause("p", ">", 3).excludes(Clause("p", "<", 4), parent)
    assert not Clause("p", ">=", 3).excludes(Clause("p", "<=", 3), parent)
    assert Clause("p", ">", 3).excludes(Clause("p", "<=", 3), parent)


def test_selecting_parameters_drops_conditions_on_the_others() -> None:
    chosen = MODELS.select(["depth", "prune"])
    assert chosen.names == ("depth", "prune")
    assert chosen["depth"].when == ()
    assert chosen["prune"].when == MODELS["prune"].when


def test_intersection_keeps_what_all_trials_share() -> None:
    a, b = IntDistribution(0, 1), FloatDistribution(0, 1)
    assert intersection([{"y": a, "x": b}, {"x": b, "y": a, "z": a}]) == {"x": b, "y": a}
    assert intersection([{"x": a}, {"x": b}]) == {}
    assert intersection([]) == {}
