"""Parameters whose value is a list: permutations and points of a simplex, made of several numeric parameters."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from scipy import stats

from sweeper_core import create_study
from sweeper_core.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from sweeper_core.samplers import (
    BruteForceSampler,
    CmaEsSampler,
    GPSampler,
    GridSampler,
    NSGAIIISampler,
    NSGAIISampler,
    QMCSampler,
    RandomSampler,
    TPESampler,
)
from sweeper_core.samplers.auto import AutoSampler
from sweeper_core.search_space import Clause, ListParameter, Parameter, Permutation, SearchSpace, Simplex
from sweeper_core.search_space.lists import (
    lists_to_json,
    read_lists,
    shown_names,
    with_lists,
    with_parts,
)
from sweeper_core.testing.simulation import record_of
from sweeper_core.trial.fixed import FixedTrial
from sweeper_core.trial.table import TrialTable

ORDER = ListParameter("order", Permutation(("a", "b", 1, True)))
WEIGHTS = ListParameter("w", Simplex(3))


def test_each_order_is_one_point_of_the_parts() -> None:
    points = SearchSpace(ORDER.parameters()).points()
    orders = [ORDER.value(point) for point in points]
    assert len(orders) == 24
    assert sorted(map(repr, orders)) == sorted(repr(list(each)) for each in itertools.permutations(["a", "b", 1, True]))
    assert all(ORDER.value(ORDER.params(order)) == order for order in orders)


def test_a_part_that_changes_by_one_swaps_two_neighbours() -> None:
    shape = Permutation(tuple("abcdef"))
    for parts in ([0, 1, 2, 3, 4], [1, 0, 3, 2, 1]):
        before = shape.value(parts)
        after = shape.value([parts[0], parts[1] + 1, *parts[2:]])
        places = [place for place in range(6) if before[place] != after[place]]
        among = [item for item in before if item in "abc"], [item for item in after if item in "abc"]
        assert len(places) == 2
        assert among[0] != among[1]


def test_random_orders_are_uniform() -> None:
    rng = np.random.default_rng(0)
    space = SearchSpace(ORDER.parameters())
    parts = space.from_unit(rng.random((4800, 3))).astype(int)
    counts = Counter(repr(ORDER.shape.value(row)) for row in parts.tolist())
    assert len(counts) == 24
    assert stats.chisquare(list(counts.values())).pvalue > 0.01


@pytest.mark.parametrize("size", [2, 3, 6])
def test_random_weights_are_uniform_on_the_simplex(size: int) -> None:
    """They have the margins of the flat Dirichlet distribution, Beta(1, n - 1), and its negative correlations."""
    shape = Simplex(size)
    drawn = np.array([shape.value(row) for row in np.random.default_rng(1).random((4000, size - 1))])
    assert np.abs(drawn.sum(axis=1) - 1).max() < 1e-14
    assert drawn.min() >= 0
    for column in drawn.T:
        assert stats.kstest(column, stats.beta(1, size - 1).cdf).pvalue > 0.01
    off_diagonal = np.corrcoef(drawn.T)[~np.eye(size, dtype=bool)]
    assert np.abs(off_diagonal + 1 / (size - 1)).max() < 0.06
    pairs = drawn[:, 0] / (drawn[:, 0] + drawn[:, -1])  # uniform for the flat Dirichlet distribution
    assert stats.kstest(pairs, "uniform").pvalue > 0.01


@pytest.mark.parametrize(
    "weights",
    [[0.2, 0.3, 0.5], [1.0, 0.0, 0.0], [0, 0, 1], [0.99, 0.01, 0.0], [1 / 3] * 3, [1e-9, 0.5, 0.5 - 1e-9]],
    ids=str,
)
def test_weights_come_back(weights: list[float]) -> None:
    back = Simplex(3).value(Simplex(3).parts(weights))
    assert back == pytest.approx(weights, abs=1e-12, rel=0)
    assert back == weights or weights[0] == 1 / 3


def test_many_weights_come_back() -> None:
    rng = np.random.default_rng(3)
    for size in (20, 100):
        weights = [round(float(weight), 6) for weight in rng.dirichlet(np.full(size, 0.3))]
        weights[0] = round(1 - math.fsum(weights[1:]), 6)
        assert Simplex(size).value(Simplex(size).parts(weights)) == pytest.approx(weights, abs=1e-11)


WRONG: dict[str, Any] = {
    "a permutation has 2 to 100 items, not 1": lambda: Permutation(("a",)),
    "the item 'a' is in the permutation twice": lambda: Permutation(("a", "b", "a")),
    "a simplex has 2 to 100 weights, not 1": lambda: Simplex(1),
    "an int, not 3.0": lambda: Simplex(3.0),  # type: ignore[arg-type]
    "an int, not True": lambda: Simplex(True),
    "is no order of a, b, 1, True": lambda: ORDER.params(["a", "b", 1, 1]),
    "'ab' is no order": lambda: ORDER.params("ab"),
    "[0.5, 0.6, 0] is no list of 3": lambda: WEIGHTS.params([0.5, 0.6, 0]),
    "[-0.5, 0.5, 1] is no list": lambda: WEIGHTS.params([-0.5, 0.5, 1]),
    "[nan, 0.5, 0.5] is no list": lambda: WEIGHTS.params([math.nan, 0.5, 0.5]),
    "too near to a corner": lambda: Simplex(100).parts([1 - 1e-4] + [1e-4 / 99] * 99),
}


@pytest.mark.parametrize(("message", "make"), WRONG.items(), ids=WRONG)
def test_mistakes(message: str, make: Any) -> None:
    with pytest.raises(ValueError, match=r"permutation|simplex|list|order") as caught:
        make()
    assert message in str(caught.value)


def test_a_point_is_shown_with_lists_and_read_with_them() -> None:
    lists = read_lists(lists_to_json([ORDER, WEIGHTS]))
    assert lists == (ORDER, WEIGHTS)
    shown = {"x": 0.5, "order": ["b", "a", True, 1], "w": [0.2, 0.3, 0.5]}
    params = with_parts(shown, lists)
    assert list(params) == ["x", "order[1]", "order[2]", "order[3]", "w[0]", "w[1]"]
    assert with_lists(params, lists) == shown
    assert shown_names(list(params), lists) == list(shown)
    partial = {"order[1]": 0, "x": 1.0}
    assert with_lists(partial, lists) == partial
    space = SearchSpace([Parameter("x", FloatDistribution(0, 1)), *ORDER.parameters(), *WEIGHTS.parameters()])
    records = [record_of(0, space, params), record_of(1, space, {"x": 0.5})]
    table = TrialTable(records, 1, lists)
    assert table.params == list(shown)
    assert table.params_of(records[0]) == list(shown.values())


def test_a_list_under_a_condition_has_it_behind_the_index() -> None:
    one = ListParameter("k when model=a", Permutation(("u", "v")))
    assert one.part_names == ("k[1] when model=a",)


def test_trials_suggest_lists() -> None:
    study = create_study(sampler=RandomSampler(seed=0))

    def objective(trial: Any) -> float:
        order = trial.suggest_permutation("order", ["a", "b", "c"])
        weights = trial.suggest_simplex("w", 3)
        assert sorted(order) == ["a", "b", "c"]
        assert math.fsum(weights) == pytest.approx(1)
        return float(weights[order.index("a")])

    study.optimize(objective, 5)
    assert study.trials[0].distributions["order[2]"] == IntDistribution(0, 2)
    fixed = FixedTrial({"order[1]": 0, "order[2]": 2, "w[0]": 1.0, "w[1]": 0.0})
    assert fixed.suggest_permutation("order", ["a", "b", "c"]) == ["b", "a", "c"]
    assert fixed.suggest_simplex("w", 3) == [0.0, 1.0, 0.0]


SAMPLERS: dict[str, Any] = {
    "random": lambda: RandomSampler(seed=0),
    "sobol": lambda: QMCSampler(seed=0),
    "tpe": lambda: TPESampler(seed=0, n_startup_trials=4),
    "gp": lambda: GPSampler(seed=0, n_startup_trials=4),
    "cmaes": lambda: CmaEsSampler(seed=0, popsize=4),
    "nsgaii": lambda: NSGAIISampler(seed=0, population_size=4),
    "nsgaiii": lambda: NSGAIIISampler(seed=0, population_size=4),
    "auto": lambda: AutoSampler(seed=0),
    "grid": lambda: GridSampler(seed=0),
    "brute force": lambda: BruteForceSampler(seed=0),
}


@pytest.mark.parametrize("make", SAMPLERS.values(), ids=SAMPLERS)
def test_every_sampler_tries_each_order_once(make: Any) -> None:
    order = ListParameter("order", Permutation(("a", "b", "c")))
    study = create_study(sampler=make())
    seen = []
    for _ in range(6):
        trial = study.ask(SearchSpace(order.parameters()))
        seen.append(tuple(order.value(trial.params) or ()))
        study.tell(trial, float(seen[-1].index("a") + 2 * seen[-1].index("c")))
    assert sorted(seen) == sorted(itertools.permutations("abc"))


def test_a_trial_is_asked_from_a_space_with_conditions_and_relations() -> None:
    model = CategoricalDistribution(["cnn", "mlp"])
    space = SearchSpace(
        [
            Parameter("model", model),
            Parameter("depth", IntDistribution(1, 9), (Clause("model", "in", ("cnn",)),)),
            Parameter("width", IntDistribution(1, 9)),
        ],
        ["depth < width"],
    )
    study = create_study(sampler=TPESampler(seed=0, n_startup_trials=5))
    study.enqueue_trial({"model": "cnn", "depth": 3, "width": 4})
    for number in range(20):
        trial = study.ask(space)
        assert set(trial.params) == (
            {"model", "depth", "width"} if trial.params["model"] == "cnn" else {"model", "width"}
        )
        assert trial.params.get("depth", 0) < trial.params["width"]
        assert number > 0 or trial.params == {"model": "cnn", "depth": 3, "width": 4}
        assert trial.suggest_int("width", 1, 9) == trial.params["width"]
        study.tell(trial, float(trial.params["width"] - trial.params.get("depth", 2)))
    assert study.ask(SearchSpace([])).params == {}
