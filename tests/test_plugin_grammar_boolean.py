"""Conditions with ``or``, ``not`` and parentheses."""

from __future__ import annotations

from typing import Any

import pytest

import hydra_plugins.hydra_hpo_sweeper.config  # noqa: F401  (widens Hydra's own grammar, as Hydra's start does)
from hydra_plugins.hydra_hpo_sweeper._space._plan import read_plan
from sweeper_core.search_space.space import Clause

BOOLEAN: dict[str, list[tuple[str, str, Any]]] = {
    "m=a or m=b": [("m", "in", ("a", "b"))],
    "m=a or m in [b,c]": [("m", "in", ("a", "b", "c"))],
    "(m=a or m=b) and d>2": [("m", "in", ("a", "b")), ("d", ">", 2)],
    "d<=4 and (m=a or m=b)": [("d", "<=", 4), ("m", "in", ("a", "b"))],
    "not m=a": [("m", "not in", ("a",))],
    "not (d>2)": [("d", "<=", 2)],
    "not (m!=a and m!=b)": [("m", "in", ("a", "b"))],
    "not not d<3 and m not in [a]": [("d", "<", 3), ("m", "not in", ("a",))],
    "((m=a))": [("m", "in", ("a",))],
    "m='x or y' or m=a": [("m", "in", ("x or y", "a"))],
}


@pytest.mark.parametrize(("text", "expected"), BOOLEAN.items(), ids=BOOLEAN)
def test_a_boolean_condition_comes_to_tests_that_all_hold(text: str, expected: list[tuple[str, str, Any]]) -> None:
    params = {"m": "choice(a,b,c,'x or y')", "d": "range(6)", f"when {text}": {"x": "1,2"}}
    assert list(read_plan([], params).space["x"].when) == [Clause(*parts) for parts in expected]


def test_a_quote_within_a_quoted_text_does_not_end_it() -> None:
    params = {"m": "choice(a,'x\\' or y')", r"when m='x\' or y' or m=a": {"x": "1,2"}}
    assert read_plan([], params).space["x"].when == (Clause("m", "in", ("x' or y", "a")),)


def test_what_was_read_before_means_what_it_meant() -> None:
    params = {"m": "choice('a or b',c)", "when m='a or b'": {"x": "1,2"}}
    assert read_plan([], params).space["x"].when == (Clause("m", "in", ("a or b",)),)
