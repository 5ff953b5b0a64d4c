"""Distributions in messages: as a sweep writes them, whoever made them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest

from sweeper_core import create_study
from sweeper_core.samplers import BruteForceSampler, PartialFixedSampler, RandomSampler
from sweeper_core.study import Study


def kinds(study: Study) -> None:
    study.ask().suggest_float("x", 0, 1)
    study.ask().suggest_categorical("x", ["a", None, True])


def scales(study: Study) -> None:
    study.ask().suggest_int("x", 1, 8)
    study.ask().suggest_int("x", 1, 8, log=True)


def within_a_trial(study: Study) -> None:
    trial = study.ask()
    trial.suggest_float("x", 0, 1, step=0.5)
    trial.suggest_float("x", 0, 2)


def enqueued(study: Study) -> None:
    study.enqueue_trial({"x": 5})
    study.ask().suggest_float("x", 0, 1)


def fixed(study: Study) -> None:
    study.sampler = PartialFixedSampler({"x": 5.0}, RandomSampler(seed=0))
    study.ask().suggest_float("x", 0, 1)


def exhausted(study: Study) -> None:
    study.sampler = BruteForceSampler(seed=0)
    study.ask().suggest_float("x", 0, 1)


@pytest.mark.parametrize(
    ("misuse", "shown"),
    [
        (kinds, ["interval(0, 1)", "choice(a, null, true)"]),
        (scales, ["int(interval(1, 8))", "int(interval(1, 8, log=true))"]),
        (within_a_trial, ["interval(0, 1, step=0.5)", "interval(0, 2)"]),
        (enqueued, ["interval(0, 1)"]),
        (fixed, ["interval(0, 1)"]),
        (exhausted, ["interval(0, 1)"]),
    ],
)
def test_messages_name_a_distribution_as_it_is_written(misuse: Callable[[Study], Any], shown: list[str]) -> None:
    study = create_study(sampler=RandomSampler(seed=0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises((ValueError, UserWarning, RuntimeWarning)) as caught:
            misuse(study)
    text = str(caught.value)
    assert "Distribution(" not in text
    assert [word for word in shown if word not in text] == []
