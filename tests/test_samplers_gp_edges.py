"""The Gaussian process's search reaches optima on the edges of relations, and where several edges meet."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sweeper_core.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from sweeper_core.samplers._gp.search import Acquisition, Search
from sweeper_core.samplers._gp.space import Encoding
from sweeper_core.search_space import Clause, Parameter, SearchSpace


class Near(Acquisition):
    """Minus the squared distance from a point of the embedding."""

    def __init__(self, target: Any) -> None:
        self.target = np.array(target)

    def score(self, Z: Any) -> Any:
        return -((Z - self.target) ** 2).sum(axis=1)

    def score_with_gradient(self, Z: Any) -> Any:
        return self.score(Z), -2.0 * (Z - self.target)


def numbers(count: int) -> list[Parameter]:
    return [Parameter(f"x{k}", FloatDistribution(0.0, 1.0)) for k in range(count)]


SQUARES = " + ".join(f"(x{k} - 0.5) ** 2" for k in range(5))
# The relations, the target outside of them, and the allowed point next to it.
EDGES: dict[str, tuple[list[str], list[float], list[float]]] = {
    "half-space": (["x0 + x1 + x2 + x3 + x4 + x5 <= 1.2"], [0.4] * 6, [0.2] * 6),
    "vertex": (["x0 + x1 <= 1", "x1 + x2 <= 0.8", "x2 <= x0 - 0.1"], [0.9, 0.6, 0.7], [0.6, 0.4, 0.4]),
    "order": (["x0 <= x1", "x1 <= x2", "x2 <= x3"], [0.9, 0.7, 0.3, 0.5], [0.6, 0.6, 0.6, 0.6]),
    "ball": ([f"{SQUARES} <= 0.05"], [1.0] * 5, [0.6] * 5),
    "outside of a ball": ([f"{SQUARES} >= 0.2"], [0.6] * 5, [0.7] * 5),
    "band": (["abs(x0 - x1) <= 0.02"], [0.3, 0.7], [0.49, 0.51]),
    "product": (["x0 * x1 >= 0.25"], [0.2, 0.2], [0.5, 0.5]),
    "one of two": (["x0 <= 0.2 or x0 + x1 <= 0.5"], [0.5, 0.8], [0.2, 0.8]),
}


@pytest.mark.parametrize(("where", "target", "nearest"), EDGES.values(), ids=EDGES)
def test_the_search_reaches_the_allowed_point_next_to_a_target(
    where: list[str], target: list[float], nearest: list[float]
) -> None:
    space = SearchSpace(numbers(len(target)), where)
    for seed in range(2):
        rng = np.random.default_rng(seed)
        parents = space.region.draw(rng, 5)
        found = Search(Encoding(space), Near(target), (), set(), rng).best(parents)
        assert found is not None
        assert space.region.allowed_at(found[None])[0]
        gap = np.linalg.norm(found - target) - np.linalg.norm(np.subtract(nearest, target))
        assert gap < 0.002


def test_margins_are_not_negative_exactly_where_relations_hold() -> None:
    space = SearchSpace(
        [
            Parameter("opt", CategoricalDistribution(["sgd", "adam"])),
            Parameter("m", FloatDistribution(0.0, 1.0), (Clause("opt", "in", ("sgd",)),)),
            Parameter("n", IntDistribution(1, 8)),
            *numbers(2),
        ],
        [
            "x0 + x1 <= 1 and not (opt == sgd and x0 > 0.5)",
            "m <= x1 or n != 3",
            "log(x0 - 0.2) > -5 or opt != adam",
            "n >= 3",
        ],
    )
    unit = np.random.default_rng(0).random((500, len(space)))
    raw = space.region.raw_at(unit)
    margins = space.region.margins(raw)
    allowed = space.region.allowed(raw)
    assert margins.shape == (500, 5)
    assert 50 < allowed.sum() < 450
    np.testing.assert_array_equal((margins >= 0.0).all(axis=1), allowed)
