"""Conditions with arithmetic: ``when 2 * depth > 9``, ``when 1 < depth <= base``."""

from __future__ import annotations

from typing import Any

import pytest
from omegaconf import OmegaConf

from hydra_plugins.hydra_hpo_sweeper._errors import ConfigError
from hydra_plugins.hydra_hpo_sweeper._space._plan import read_plan

SWEPT = [
    "depth=range(1,9)",
    "lr=interval(1e-5,1,log=true)",
    "model=choice(cnn,mlp)",
    "big=int(interval(1,100000))",
    "opt/kind=choice(a,b)",
    "p=zip(u=[1,2,3],v=[a,b,c])",
    "fix=4",
]
CONFIG = {"base": 5, "name": "x"}


def when(condition: str) -> Any:
    params = {"z": {"type": "float", "low": 0, "high": 1, "when": condition}}
    space = read_plan(SWEPT, params, config=OmegaConf.create(CONFIG)).space
    return [str(clause) for clause in space["z"].when] if "z" in space else "never"


MEANINGS = {
    "2*depth > 9": ["depth >= 5"],
    "depth + 1 > 4": ["depth >= 4"],
    "-depth < -3": ["depth >= 4"],
    "depth % 2 == 0": ["depth in [2, 4, 6, 8]"],
    "1 < depth <= base": ["depth >= 2", "depth <= 5"],
    "depth - fix > 0": ["depth >= 5"],
    "not (depth*2 > 8)": ["depth <= 4"],
    "depth*2 > 14 or depth < 2": ["depth in [1, 8]"],
    "(depth + 1) * 2 > 16 and model=cnn": ["depth >= 8", "model in ['cnn']"],
    "opt/kind == a and depth*2 > 15": ["opt/kind in ['a']", "depth >= 8"],
    "log(lr) < -3": ["lr <= 0.04978706836786393"],
    "abs(depth - 4) < 2": ["depth >= 3", "depth <= 5"],
    "abs(lr - 0.5) < 0.25": ["lr >= 0.25000000000000006", "lr <= 0.7499999999999999"],
    "big / 2 > 1000": ["big >= 2001"],
    "sqrt(big) >= 100": ["big >= 10000"],
    "u * 2 > 3": ["p in ['u=2 v=b', 'u=3 v=c']"],
    "base * 2 > 9": [],
    "base * 2 < 9": "never",
    "depth>4": ["depth > 4"],  # not an expression: as it always was
}


@pytest.mark.parametrize(("condition", "clauses"), MEANINGS.items(), ids=MEANINGS)
def test_an_expression_becomes_tests_of_its_parameter(condition: str, clauses: Any) -> None:
    assert when(condition) == clauses


MISTAKES = {
    "abs(lr - 0.5) > 0.1": "holds in several ranges of 'lr'; write a block for each of them",
    "depth + lr > 1": "computes with depth and lr, but a condition looks at one parameter",
    "2*depth > 99": "the condition '2*depth>99' never holds",
    "depht*2 > 8": "'▸depht*2>8': 'depht' is no parameter. Did you mean 'depth'?",
    "depth*name > 3": "'depth*▸name>3': expected a number, but this is 'x'",
    "z*2 > 1": "form a circle",
    "depth > base": "needs a number after >; for a value of the configuration write depth - base > 0",
}


@pytest.mark.parametrize(("condition", "message"), MISTAKES.items(), ids=MISTAKES)
def test_a_mistake_is_told_in_one_line(condition: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        when(condition)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_block_takes_an_expression() -> None:
    params = {"when 2*depth > 9 and model=cnn": {"z": "interval(0,1)"}}
    space = read_plan(SWEPT, params).space
    assert [str(clause) for clause in space["z"].when] == ["depth >= 5", "model in ['cnn']"]
