"""No suggestion of any sampler breaks a relation between parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from sweeper_core.directions import StudyDirection
from sweeper_core.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from sweeper_core.exceptions import SearchSpaceExhausted
from sweeper_core.samplers import Sampler
from sweeper_core.samplers.auto import AutoSampler
from sweeper_core.samplers.brute_force import BruteForceSampler
from sweeper_core.samplers.cmaes import CmaEsSampler
from sweeper_core.samplers.gp import GPSampler
from sweeper_core.samplers.grid import GridSampler
from sweeper_core.samplers.nsgaii import NSGAIISampler
from sweeper_core.samplers.nsgaiii import NSGAIIISampler
from sweeper_core.samplers.partial_fixed import PartialFixedSampler
from sweeper_core.samplers.qmc import QMCSampler
from sweeper_core.samplers.random import RandomSampler
from sweeper_core.samplers.tpe import TPESampler
from sweeper_core.search_space import Clause, ExpressionError, Parameter, SearchSpace
from sweeper_core.storages.memory import InMemoryStorage
from sweeper_core.study._session.session import Session
from sweeper_core.trial.state import TrialState

WHERE = (
    "lo <= hi",
    "not (opt == sgd and lr > 0.1)",
    "w1 + w2 + w3 <= 1",
    "momentum <= 1 - lr",
    "opt != adam or hi - lo >= 2",
)

MIXED = SearchSpace(
    [
        Parameter("opt", CategoricalDistribution(["sgd", "adam", "lion"])),
        Parameter("lr", FloatDistribution(1e-5, 1.0, log=True)),
        Parameter("momentum", FloatDistribution(0.0, 1.0), (Clause("opt", "in", ("sgd", "lion")),)),
        Parameter("lo", IntDistribution(1, 16)),
        Parameter("hi", IntDistribution(1, 16, step=3)),
        *(Parameter(f"w{k}", FloatDistribution(0.0, 1.0, step=0.05 if k == 1 else None)) for k in (1, 2, 3)),
    ],
    WHERE,
)
SMALL = SearchSpace(
    [
        Parameter("opt", CategoricalDistribution(["sgd", "adam"])),
        Parameter("lr", FloatDistribution(1e-5, 1.0, log=True)),
        Parameter("momentum", FloatDistribution(0.0, 1.0, step=0.05), (Clause("opt", "in", ("sgd",)),)),
        Parameter("layers", IntDistribution(1, 12)),
        Parameter("dropout", FloatDistribution(0.0, 0.9)),
    ],
    ["not (opt == sgd and lr > 0.1)", "momentum <= 1 - lr", "layers * dropout ** 2 <= 2"],
)
"""For samplers with a suggestion of which takes tenths of a second in the larger space."""
FINITE = SearchSpace(
    [
        Parameter("lo", IntDistribution(1, 12)),
        Parameter("hi", IntDistribution(1, 12)),
        Parameter("opt", CategoricalDistribution(["sgd", "adam"])),
        Parameter("momentum", FloatDistribution(0.0, 1.0, step=0.25), (Clause("opt", "in", ("sgd",)),)),
    ],
    ["lo < hi", "momentum * 10 <= hi"],
)


def breaks_mixed(p: Mapping[str, Any]) -> bool:
    """The relations of the mixed space, in Python's own words."""
    return (
        p["lo"] > p["hi"]
        or (p["opt"] == "sgd" and p["lr"] > 0.1)
        or p["w1"] + p["w2"] + p["w3"] > 1
        or ("momentum" in p and p["momentum"] > 1 - p["lr"])
        or (p["opt"] == "adam" and p["hi"] - p["lo"] < 2)
    )


def breaks_small(p: Mapping[str, Any]) -> bool:
    return bool(
        (p["opt"] == "sgd" and p["lr"] > 0.1)
        or p.get("momentum", 0.0) > 1 - p["lr"]
        or p["layers"] * p["dropout"] ** 2 > 2
    )


def breaks_finite(p: Mapping[str, Any]) -> bool:
    return bool(p["lo"] >= p["hi"] or p.get("momentum", 0.0) * 10 > p["hi"])


CONTINUOUS: dict[str, Any] = {
    "random": lambda seed: RandomSampler(seed=seed),
    "sobol": lambda seed: QMCSampler(seed=seed, scramble=True),
    "halton": lambda seed: QMCSampler(qmc_type="halton", seed=seed),
    "tpe": lambda seed: TPESampler(seed=seed),
    "tpe of single parameters": lambda seed: TPESampler(seed=seed, multivariate=False),
    "gp": lambda seed: GPSampler(seed=seed, n_startup_trials=6),
    "cmaes": lambda seed: CmaEsSampler(seed=seed, popsize=5),
    "nsgaii": lambda seed: NSGAIISampler(seed=seed, population_size=8),
    "nsgaiii": lambda seed: NSGAIIISampler(seed=seed, population_size=8),
    "auto": lambda seed: AutoSampler(seed=seed),
    "partly fixed": lambda seed: PartialFixedSampler({"opt": "sgd"}, TPESampler(seed=seed)),
}
EXHAUSTIVE: dict[str, Any] = {
    "grid": lambda seed: GridSampler(seed=seed),
    "grid of lists": lambda seed: GridSampler(
        {"lo": list(range(1, 13)), "hi": list(range(1, 13)), "opt": ["sgd", "adam"], "momentum": [0.0, 0.5]}
    ),
    "brute force": lambda seed: BruteForceSampler(seed=seed),
}


def value(params: Mapping[str, Any]) -> float:
    """An objective whose free optimum breaks the relations."""
    numbers = [v for v in params.values() if isinstance(v, (int, float))]
    return -sum(math.log1p(v) for v in numbers)


def suggested(sampler: Sampler, space: SearchSpace, trials: int, threads: int = 1) -> list[dict[str, Any]]:
    session = Session.open(
        storage := InMemoryStorage(),
        storage.create_or_open_study(None, (StudyDirection.MINIMIZE,), exist_ok=True),
        sampler,
        None,
    )
    points: list[dict[str, Any]] = []

    def one(_: int) -> None:
        try:
            started = session.start(space, distinct=True)
        except SearchSpaceExhausted:
            return
        assert started is not None
        points.append(started.params)
        failed = len(points) % 7 == 0
        session.finish(
            started.number,
            TrialState.FAIL if failed else TrialState.COMPLETE,
            None if failed else (value(started.params),),
        )

    if threads == 1:
        for number in range(trials):
            one(number)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(one, range(trials)))
    session.close()
    return points


@pytest.mark.parametrize("make", CONTINUOUS.values(), ids=CONTINUOUS)
def test_a_sampler_stays_inside(make: Any) -> None:
    points = suggested(make(1), MIXED, 12)
    assert len(points) == 12
    assert not [point for point in points if breaks_mixed(point)]


@pytest.mark.parametrize("make", {**CONTINUOUS, **EXHAUSTIVE}.values(), ids={**CONTINUOUS, **EXHAUSTIVE})
def test_a_sampler_stays_inside_of_a_finite_space(make: Any) -> None:
    points = suggested(make(2), FINITE, 14)
    assert len(points) == 14
    assert not [point for point in points if breaks_finite(point)]


@pytest.mark.slow
@pytest.mark.parametrize("name", CONTINUOUS)
def test_none_of_ten_thousand_suggestions_breaks_a_relation(name: str) -> None:
    space, breaks = (SMALL, breaks_small) if name in ("gp", "auto") else (MIXED, breaks_mixed)
    broken = [p for seed in range(100) for p in suggested(CONTINUOUS[name](seed), space, 100, 8) if breaks(p)]
    assert not broken


@pytest.mark.slow
@pytest.mark.parametrize("make", EXHAUSTIVE.values(), ids=EXHAUSTIVE)
def test_none_of_ten_thousand_points_of_a_list_breaks_a_relation(make: Any) -> None:
    broken = [p for seed in range(100) for p in suggested(make(seed), FINITE, 100, 8) if breaks_finite(p)]
    assert not broken


@pytest.mark.parametrize("make", [EXHAUSTIVE["grid"], EXHAUSTIVE["brute force"]], ids=["grid", "brute force"])
def test_an_exhaustive_search_ends_when_all_allowed_points_are_tried(make: Any) -> None:
    space = SearchSpace([Parameter("a", IntDistribution(1, 5)), Parameter("b", IntDistribution(1, 5))], ["a < b"])
    points = suggested(make(0), space, 30)
    assert sorted((p["a"], p["b"]) for p in points) == [(a, b) for a in range(1, 6) for b in range(a + 1, 6)]


MISTAKES = {
    "a <= bb": "'a <= ▸bb': 'bb' is no parameter. Did you mean 'b'?",
    "a <= ": "'a <= ▸': expected a number, a name or '('",
    "(a <= 1": "'(a <= 1▸': expected ')'",
    "a + b": "'▸a + b': expected a comparison",
    "opt > 1": "'▸opt > 1': 'opt', which is one of sgd, adam, has no order",
    "opt == adma": "'opt == ▸adma': 'opt' is never that, but one of sgd, adam. Did you mean 'adam'?",
    "a == 'x'": "'a == ▸'x'': 'a' is a number, which cannot be compared with this",
    "a + x == 1": "'▸a + x == 1': values of the continuous parameter 'x' are equal to nothing; write abs(a + x",
    "exp(a) < 1": "'▸exp(a) < 1': there is no function 'exp'",
    "__import__('os') == a": "'▸__import__('os') == a': there is no function '__import__'",
    "a ≤ b": "'a ▸≤ b': expected 'and', 'or' or the end; write '<=' for '≤'",
    "a < b && b < 3": "'a < b ▸&& b < 3': expected 'and', 'or' or the end; write 'and' for '&&'",
    "a => b": "'a =▸> b': expected a number, a name or '('; write '>=' for '=>'",
    "'sgd' == optt": "''sgd' == ▸optt': 'optt' is no parameter. Did you mean 'opt'?",
    "a > 10": "No point satisfies the relations (a > 10)",
    "": "expected a relation such as a + b <= 1",
    "(" * 60 + "a < 1" + ")" * 60: "more than 50 parentheses",
}


@pytest.mark.parametrize(("text", "message"), MISTAKES.items(), ids=[text[:20] or "empty" for text in MISTAKES])
def test_a_mistake_is_shown_at_its_place(text: str, message: str) -> None:
    parameters = [
        Parameter("a", IntDistribution(1, 5)),
        Parameter("b", IntDistribution(1, 5)),
        Parameter("x", FloatDistribution(0.0, 1.0)),
        Parameter("opt", CategoricalDistribution(["sgd", "adam"])),
    ]
    with pytest.raises(ValueError, match=r"relation|▸") as caught:
        SearchSpace(parameters, [text])
    assert message in str(caught.value)
    assert isinstance(caught.value, ExpressionError) == ("▸" in message or not text or "parentheses" in message)


MEANINGS = {
    "a + 2 * b ** 2 <= 9": lambda a, b, c: a + 2 * b**2 <= 9,
    "-a < -2 or a % 2 == 1": lambda a, b, c: a > 2 or a % 2 == 1,
    "1 < a <= b": lambda a, b, c: 1 < a <= b,
    "not (a < b and not b == 3)": lambda a, b, c: not (a < b and b != 3),
    "c in [x, 'y z'] and a not in [1, 2]": lambda a, b, c: c in ("x", "y z") and a not in (1, 2),
    "min(a, b, 3) = 3 or abs(a - b) > 2": lambda a, b, c: min(a, b, 3) == 3 or abs(a - b) > 2,
    "c != x-1 or 1 / (a - 2) > 0": lambda a, b, c: c != "x-1" or (a != 2 and 1 / (a - 2) > 0),
    "log(a) >= sqrt(b) - 1": lambda a, b, c: math.log(a) >= math.sqrt(b) - 1,
}


@pytest.mark.parametrize(("text", "means"), MEANINGS.items(), ids=MEANINGS)
def test_a_relation_means_what_python_means_by_it(text: str, means: Any) -> None:
    space = SearchSpace(
        [
            Parameter("a", IntDistribution(1, 4)),
            Parameter("b", IntDistribution(1, 4)),
            Parameter("c", CategoricalDistribution(["x", "y z", "x-1"])),
        ],
        [text],
    )
    everything = list(SearchSpace(space.parameters).points())
    assert list(space.points()) == [point for point in everything if means(**point)]
