"""Reports of several metrics: one of them is judged, all of them are kept."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plugin_support import sweep

from sweeper_core import create_study, current_trial
from sweeper_core.storages import get_storage
from sweeper_core.trial.metrics import data_of, metric_curves, several
from sweeper_core.visualization.prepared.curves import curves

NUMBERS = st.dictionaries(st.text(min_size=1), st.floats(), min_size=1, max_size=4)


@settings(max_examples=50, deadline=None)
@given(NUMBERS, st.integers(0, 10**6))
def test_what_was_reported_is_read_back(numbers: dict[str, float], step: int) -> None:
    first = next(iter(numbers))
    data = data_of(step, *several(numbers, first))
    assert repr(data.reports) == repr([(step, numbers[first])])
    assert {name: repr(curve) for name, curve in metric_curves(data).items()} == {
        name: repr([(step, value)]) for name, value in numbers.items()
    }
    assert all(math.isfinite(value) for value in data.user_attrs.values())


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        ({}, {}, "report({}, step) has no metric; give at least one, such as {'loss': 0.5}."),
        ({"acc": "high"}, {}, "report(): metric 'acc' must be a number, not 'high' (str)."),
        ({"acc": None}, {}, "report(): metric 'acc' must be a number, not None (NoneType)."),
        ({3: 0.5}, {}, "report() takes metrics by name, and 3 (int) is no name."),
        ({"a": 1, "b": 2}, {"judged": "c"}, "report() has no metric 'c', which pruners judge; it has a, b."),
        (
            {"a": 1, "b": 2},
            {"judged": None, "needed": True},
            "report() has 2 metrics (a, b), and a pruner judges one: name it in hydra.sweeper.pruning_metric (with "
            "set_metric_names for a study).",
        ),
    ],
)
def test_a_wrong_report_is_one_line(values: dict[Any, Any], options: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        several(values, **{"judged": None, **options})
    assert str(caught.value) == message


def test_which_metric_is_judged() -> None:
    values = {"a": 1.0, "b": 2.0}
    assert several(values, None)[0] == 1.0
    assert several(values, None, usual="b", needed=True)[0] == 2.0
    assert several(values, None, usual="c")[0] == 1.0
    assert several(values, "b", usual="a")[0] == 2.0


def test_a_study_keeps_all_metrics_and_judges_the_named_one() -> None:
    study = create_study()
    study.set_metric_names(["loss"])
    trial = study.ask()
    for step in range(3):
        trial.report({"acc": 0.5 + step, "loss": 1.0 - step}, step)
    with pytest.raises(TypeError, match="'acc' must be a number"):
        trial.report({"acc": "high", "loss": 1.0}, 3)
    assert trial.user_attrs == {"acc": 2.5, "loss": -1.0}
    study.tell(trial, 0.0)
    (stored,) = study.trials
    assert stored.intermediate_values == {0: 1.0, 1: 0.0, 2: -1.0}
    assert stored.user_attrs == {"acc": 2.5, "loss": -1.0}
    assert curves(study, "acc").curves[0][2:] == ((0, 1, 2), (0.5, 1.5, 2.5))
    assert curves(study).curves[0][2:] == ((0, 1, 2), (1.0, 0.0, -1.0))
    with pytest.raises(ValueError, match=r"^No trial has reported the metric 'auc'; reported are acc, loss\.$"):
        curves(study, "auc")


def train(config: Any) -> dict[str, Any]:
    """Report a loss and an accuracy."""
    trial = current_trial()
    for step in range(4):
        trial.report_or_prune({"acc": step / 10, "loss": config.x + step}, step)
    return {"score": config.x, "size": 7, "kind": "small" if config.x < 1 else 3}


def test_a_sweep_keeps_all_metrics_and_prunes_by_the_named_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = tmp_path / "sweep"
    options = ("hydra.sweeper.metric=score", "hydra.sweeper.pruning_metric=loss", "hydra/sweeper/pruner=threshold")
    points = "hydra.sweeper.points=[{x: 0}, {x: 1}, {x: 5}]"
    sweep(train, there, [*options, "hydra.sweeper.pruner.upper=7", "x=interval(0,9)", points])
    storage = get_storage(f"sqlite:///{there}/study.db")
    records = storage.changes(storage.list_studies()[0].study_id)[0]
    storage.close()
    by_x = {record.params["x"]: record for record in records}
    assert [step for step, _ in by_x[5].reports] == [0, 1, 2, 3]
    assert by_x[5].state.name == "PRUNED"
    assert metric_curves(by_x[0])["acc"] == [(0, 0.0), (1, 0.1), (2, 0.2), (3, 0.3)]
    with (there / "trials.csv").open() as table:
        row = next(row for row in csv.DictReader(table) if float(row["params.x"]) == 0)
    assert (row["user_attrs.acc"], row["user_attrs.loss"], row["user_attrs.size"]) == ("0.3", "3.0", "7")
    assert capsys.readouterr().out.count("The job of trial 1 returned 3 as 'kind', which was a text before.") == 1
