"""Which trial is the best, and which are feasible: one answer, whoever is asked."""

from __future__ import annotations

import math
from typing import Any

import pytest

from sweeper_core import create_study, create_trial
from sweeper_core.study import Study
from sweeper_core.trial.attrs import CONSTRAINT_PREFIX, LIST_OF_CONSTRAINTS
from sweeper_core.trial.state import TrialState

NAN = math.nan
INFEASIBLE: list[dict[str, Any]] = [
    {LIST_OF_CONSTRAINTS: [NAN, -1.0]},
    {LIST_OF_CONSTRAINTS: [0.0, 1e-9]},
    {f"{CONSTRAINT_PREFIX}a": NAN},
    {f"{CONSTRAINT_PREFIX}a": math.inf},
    {f"{CONSTRAINT_PREFIX}a": -1.0, f"{CONSTRAINT_PREFIX}b": NAN},
]


def study_with(attrs: dict[str, Any], values: int = 1) -> Study:
    """Return a study of an infeasible trial 0 that would be the best, a feasible 1, and a 2 without constraints."""
    study = create_study(directions=["minimize"] * values)
    for value, its in [(0.0, attrs), (1.0, {LIST_OF_CONSTRAINTS: [0.0, -1.0]}), (2.0, {})]:
        study.add_trial(create_trial(values=[value] * values, system_attrs=its, intermediate_values={0: value}))
    return study


@pytest.mark.parametrize("attrs", INFEASIBLE, ids=str)
def test_infeasible_is_infeasible_for_everybody(attrs: dict[str, Any]) -> None:
    study = study_with(attrs)
    known = study.known_to(3)
    assert study.best_trial.number == 1
    assert known.curves.best == 1
    assert known.history.feasible.tolist() == [False, True, True]
    assert [trial.number for trial in study_with(attrs, values=2).best_trials] == [1]


def test_a_running_memory_agrees_with_what_is_read() -> None:
    study = create_study()
    for value, constraint in [(0.0, NAN), (1.0, -1.0)]:
        trial = study.ask()
        trial._set_system_attr(LIST_OF_CONSTRAINTS, [constraint])
        study.tell(trial, value)
    assert study.best_trial.number == 1
    assert study.get_trials(states=[TrialState.COMPLETE])[0].value == 0.0
