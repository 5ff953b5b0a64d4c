"""Distributions: what they accept, what they say of themselves, and their JSON."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeper_core import create_study
from sweeper_core.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    check_distribution_compatibility,
    distribution_to_json,
    json_to_distribution,
)

plain_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def distributions(draw: st.DrawFn) -> BaseDistribution:
    kind = draw(st.sampled_from(["float", "log", "step", "int", "intlog", "categorical"]))
    if kind == "categorical":
        return CategoricalDistribution(draw(st.lists(plain_values, min_size=1, max_size=5)))
    if kind in ("int", "intlog"):
        low = draw(st.integers(1, 1000))
        step = 1 if kind == "intlog" else draw(st.integers(1, 7))
        return IntDistribution(low, low + step * draw(st.integers(0, 50)), log=kind == "intlog", step=step)
    low_float = draw(st.floats(1e-6, 1e3))
    if kind == "step":
        step_float = draw(st.sampled_from([0.1, 0.25, 0.5, 1.0, 3.0]))
        return FloatDistribution(0.0, step_float * draw(st.integers(1, 40)) * 1.0001, step=step_float)
    return FloatDistribution(low_float, low_float * draw(st.floats(1.0, 1e4)), log=kind == "log")


@pytest.mark.filterwarnings("ignore:The distribution is specified")
@given(distributions())
def test_json_says_a_distribution_back(distribution: BaseDistribution) -> None:
    again = json_to_distribution(distribution_to_json(distribution))
    assert again == distribution
    assert hash(again) == hash(distribution)
    assert repr(again) == repr(distribution)


@pytest.mark.filterwarnings("ignore")
@given(distributions())
def test_optuna_reads_our_json_and_we_read_optunas(distribution: BaseDistribution) -> None:
    theirs = optuna.distributions.json_to_distribution(distribution_to_json(distribution))
    hash(theirs)  # Optuna's tools collect distributions in sets
    if any(isinstance(choice, (list, dict)) for choice in getattr(distribution, "choices", ())):
        assert all(not isinstance(choice, (list, dict)) for choice in theirs.choices)  # type: ignore[attr-defined]
        return
    assert json_to_distribution(optuna.distributions.distribution_to_json(theirs)) == distribution


@pytest.mark.filterwarnings("ignore:The distribution is specified")
@given(distributions())
def test_every_value_of_a_finite_distribution_survives_its_internal_form(distribution: BaseDistribution) -> None:
    if distribution.cardinality is None:
        return
    values = list(distribution.values())
    assert len(values) == distribution.cardinality
    for value in values:
        again = distribution.to_external_repr(distribution.to_internal_repr(value))
        assert distribution.contains(value)
        assert repr(again) == repr(value) or values.count(value) > 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FloatDistribution(2, 1), "low <= high"),
        (lambda: FloatDistribution(float("nan"), 1), "low <= high"),
        (lambda: FloatDistribution(0, float("inf")), "finite"),
        (lambda: FloatDistribution(0, 1, log=True), "low > 0"),
        (lambda: FloatDistribution(1, 2, log=True, step=0.1), "step"),
        (lambda: FloatDistribution(0, 1, step=0), "step > 0"),
        (lambda: IntDistribution(2, 1), "low <= high"),
        (lambda: IntDistribution(0, 8, log=True), "low >= 1"),
        (lambda: IntDistribution(1, 8, log=True, step=2), "step"),
        (lambda: IntDistribution(1, 8, step=0), "step > 0"),
        (lambda: IntDistribution(1.5, 8), "integer"),  # type: ignore[arg-type]
        (lambda: IntDistribution(0, 2**60), "2\\*\\*53"),
        (lambda: CategoricalDistribution([]), "one or more"),
        (lambda: CategoricalDistribution("abc"), "list or tuple"),
        (lambda: json_to_distribution('{"name": "Odd", "attributes": {}}'), "Odd"),
        (lambda: json_to_distribution('{"type": "odd"}'), "odd"),
    ],
)
def test_what_cannot_mean_anything_is_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_choices_are_told_apart_by_type_and_value() -> None:
    distribution = CategoricalDistribution([1, True, 1.0, "1", [1], [1.0], None, float("nan")])
    for index, choice in enumerate(distribution.choices):
        assert distribution.to_internal_repr(choice) == index
    assert CategoricalDistribution([1]) != CategoricalDistribution([True])
    assert len({CategoricalDistribution([1]), CategoricalDistribution([1.0])}) == 2


def test_a_value_equal_to_one_choice_only_is_accepted_whatever_its_type() -> None:
    distribution = CategoricalDistribution([1, 2])
    assert distribution.to_internal_repr(1.0) == 0
    assert distribution.to_internal_repr(np.int64(2)) == 1
    with pytest.raises(ValueError, match="not in"):
        distribution.to_internal_repr(3)
    with pytest.raises(ValueError, match="not in"):
        CategoricalDistribution([1, True]).to_internal_repr(np.float64(1.0))


def test_stepped_floats_have_the_digits_of_their_notation() -> None:
    assert list(FloatDistribution(0.0, 0.5, step=0.1).values()) == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]


def test_a_range_that_the_step_does_not_divide_is_lowered_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="not divisible"):
        assert FloatDistribution(0.0, 1.0, step=0.3).high == 0.9
    with pytest.warns(UserWarning, match="not divisible"):
        assert IntDistribution(0, 10, step=3).high == 9


@pytest.mark.parametrize(
    ("distribution", "inside", "outside"),
    [
        (FloatDistribution(0, 1), [0, 0.5, 1], [-0.1, 1.1, "a", None, math.nan]),
        (FloatDistribution(0, 1, step=0.25), [0, 0.25, 1], [0.3]),
        (IntDistribution(1, 9, step=2), [1, 3, 9], [2, 10, 1.5]),
        (CategoricalDistribution(["a", None]), ["a", None], ["b", 0]),
    ],
)
def test_contains(distribution: BaseDistribution, inside: list[Any], outside: list[Any]) -> None:
    assert all(distribution.contains(value) for value in inside)
    assert not any(distribution.contains(value) for value in outside)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (FloatDistribution(0, 1), IntDistribution(0, 1), "kind"),
        (FloatDistribution(1, 2), FloatDistribution(1, 2, log=True), "log"),
        (CategoricalDistribution([1]), CategoricalDistribution([1, 2]), "dynamic value space"),
    ],
)
def test_incompatible_changes(old: BaseDistribution, new: BaseDistribution, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_distribution_compatibility(old, new)


def test_widening_a_range_is_compatible() -> None:
    check_distribution_compatibility(FloatDistribution(0, 1), FloatDistribution(-1, 5))


def test_single() -> None:
    assert FloatDistribution(1, 1).single()
    assert not FloatDistribution(0, 1).single()
    assert IntDistribution(1, 1).single()
    assert CategoricalDistribution(["a"]).single()


def test_names_of_old_databases_are_understood() -> None:
    for old in ("UniformDistribution", "LogUniformDistribution"):
        text = f'{{"name": "{old}", "attributes": {{"low": 1.0, "high": 2.0}}}}'
        assert json_to_distribution(text) == FloatDistribution(1, 2, log=old.startswith("Log"))
    text = '{"name": "DiscreteUniformDistribution", "attributes": {"low": 0.0, "high": 1.0, "q": 0.5}}'
    assert json_to_distribution(text) == FloatDistribution(0, 1, step=0.5)
    assert json_to_distribution('{"type": "int", "low": 1, "high": 4}') == IntDistribution(1, 4)


@pytest.mark.parametrize("in_one_go", [False, True])
def test_an_enqueued_text_that_names_a_list_gives_the_list(in_one_go: bool) -> None:
    study = create_study()
    study.enqueue_trial({"layers": "[128]"})
    layers = CategoricalDistribution([[64, 32], [128]])
    trial = study.ask({"layers": layers} if in_one_go else None)
    given = trial.params["layers"] if in_one_go else trial.suggest_categorical("layers", layers.choices)
    assert given == [128]
