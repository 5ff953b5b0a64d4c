"""The report: what is in it, that nothing stored can run in it, and that it stays small."""

from __future__ import annotations

import json
import math
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sweeper_core import create_study
from sweeper_core.cli import hpo
from sweeper_core.cli.source import find_study
from sweeper_core.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from sweeper_core.report.data import MAX_CELLS, shown_trials, study_json
from sweeper_core.report.facts import StudyFacts
from sweeper_core.report.model import fitted, strongest_pairs
from sweeper_core.storages.base import StudyRecord
from sweeper_core.study import Study
from sweeper_core.trial import TrialState, create_trial
from sweeper_core.trial.record import Layout, TrialRecord

EVIL = "</script><script>alert('x')</script><img src=x onerror=alert(1)>&\u2028"
START = datetime(2026, 11, 1, 8)
SPACE = {
    "lr": FloatDistribution(1e-5, 0.1, log=True),
    "depth": IntDistribution(1, 4),
    "kind": CategoricalDistribution(["a", EVIL]),
}


def fill(url: str, n_trials: int = 30, name: str = "hpo") -> Study:
    """Return a study of a parabola of the learning rate with an interaction; some trials are pruned or failed."""
    study = create_study(storage=url, study_name=name, direction="minimize")
    study.set_metric_names(["loss"])
    trials = []
    for index in range(n_trials):
        lr, depth, kind = 10 ** -(1 + 4 * (index * 0.618 % 1)), 1 + index % 4, ["a", EVIL][index % 2]
        value = 1 + (math.log10(lr) + 3) ** 2 + 0.3 * (math.log10(lr) + 3) * (depth - 2)
        state = {7: TrialState.FAIL, 8: TrialState.PRUNED}.get(index % 10, TrialState.COMPLETE)
        attrs: dict[str, Any] = {"hpo:job_dir": f"/data/{EVIL}/{index}"}
        if state is TrialState.FAIL:
            attrs["hpo:failure"] = f"ValueError: {EVIL} {index} postgresql://me:hunter2@host/db"
        trial = create_trial(
            params={"lr": lr, "depth": depth, "kind": kind},
            distributions=SPACE,
            value=None if state is TrialState.FAIL else value,
            state=state,
            intermediate_values={0: value + 1, 1: value},
            system_attrs=attrs,
        )
        trial.datetime_start = START + timedelta(seconds=60 * (index // 2))
        trial.datetime_complete = trial.datetime_start + timedelta(seconds=50 if state is TrialState.COMPLETE else 10)
        trials.append(trial)
    study.add_trials(trials)
    return study


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    directory = tmp_path / "sweep"
    directory.mkdir()
    fill(f"sqlite:///{directory / 'study.db'}")
    return directory


def data_of(page: Path) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text(), re.DOTALL)
    assert found is not None
    content: dict[str, Any] = json.loads(found[1])
    return content


def test_the_page_answers_the_first_questions(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert hpo(["report", str(sweep)]) == 0
    assert capsys.readouterr().out.strip() == str(sweep / "report.html")
    (study,) = data_of(sweep / "report.html")["studies"]
    best = study["best"][0]
    assert study["metrics"] == ["loss"]
    assert study["trials"]["values"][0][best] == min(
        value for value in study["trials"]["values"][0] if value is not None
    )
    assert study["baseline"]["what"] == "the first trial"
    assert study["gain"] > 0
    assert study["command"].startswith("python train.py lr=")
    assert study["counts"] == {"RUNNING": 0, "COMPLETE": 24, "PRUNED": 3, "FAIL": 3, "WAITING": 0}
    assert study["seconds_saved"] == 3 * 40
    assert study["seconds_spent"] == 24 * 50 + 6 * 10
    assert [(group["count"], group["trials"]) for group in study["failures"]] == [(3, [7, 17, 27])]
    assert sorted(study["importances"]) == ["depth", "kind", "lr"]
    assert len(study["curves"]) == 30
    assert max(study["timeline"]["lanes"]) == 1


def test_nothing_stored_can_run(sweep: Path) -> None:
    assert hpo(["report", str(sweep)]) == 0
    text = (sweep / "report.html").read_text()
    assert text.count("<script") == 3  # the page's own: data, Plotly, script
    assert "onerror=alert(1)>" not in text
    assert "hunter2" not in text
    assert "default-src 'none'" in text
    assert not re.search(r'<(?:script|link|img)[^>]+(?:src|href)="(?!data:)', text)
    (study,) = data_of(sweep / "report.html")["studies"]
    assert study["params"][2]["choices"][1].startswith("</script>")


def test_several_studies_side_by_side(sweep: Path, tmp_path: Path) -> None:
    fill(f"sqlite:///{tmp_path / 'other.db'}", 12, "first")
    fill(f"sqlite:///{tmp_path / 'other.db'}", 3, "second")
    both = tmp_path / "both.html"
    assert hpo(["report", str(sweep), "-o", str(both)]) == 0
    assert hpo(["report", str(tmp_path / "other.db"), "-s", "first", "-s", "second", "-o", str(both)]) == 0
    assert [study["study"] for study in data_of(both)["studies"]] == ["first", "second"]


def test_a_report_that_cannot_be_written_is_one_line(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (sweep / "directory").mkdir()
    assert hpo(["report", str(sweep), "-o", str(sweep / "nowhere" / "r.html")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "The report cannot be written" in line
    assert str(sweep / "nowhere" / "r.html") in line
    assert not list(sweep.glob(".*.html.*"))


@pytest.mark.parametrize("n_trials", [0, 1, 2])
def test_a_study_with_hardly_any_trials(tmp_path: Path, n_trials: int) -> None:
    fill(f"sqlite:///{tmp_path / 'a.db'}", n_trials)
    assert hpo(["report", str(tmp_path / "a.db"), "-o", str(tmp_path / "r.html")]) == 0
    assert data_of(tmp_path / "r.html")["studies"][0]["slices"] == []


def test_several_objectives_and_infeasible_trials(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    study = create_study(storage=url, directions=["minimize", "maximize"])
    for index in range(12):
        x = index / 11
        study.add_trial(
            create_trial(
                params={"x": x},
                distributions={"x": FloatDistribution(0, 1)},
                values=[x, x if index % 2 else -1.0],
                constraints={"size": 1.0 if index in (9, 11) else 0.0},
            )
        )
    assert hpo(["report", str(tmp_path / "a.db"), "-o", str(tmp_path / "r.html")]) == 0
    (found,) = data_of(tmp_path / "r.html")["studies"]
    assert found["best"] == [0, 1, 3, 5, 7]
    assert found["trials"]["infeasible"] == [9, 11]
    assert found["command"] is None
    assert found["best_params"] is None


def test_the_model_sees_the_slope_and_the_interaction(sweep: Path) -> None:
    complete = find_study(str(sweep)).facts().having(TrialState.COMPLETE)
    model = fitted(complete, 1.0)
    assert model is not None
    assert model.names == ["lr", "depth", "kind"]
    slice_ = model.slice("lr")
    lowest = slice_.ticks[0][int(slice_.mean.argmin())]
    assert 2e-4 < lowest < 5e-3
    assert slice_.mean[0] > slice_.mean.min() + 1
    assert model.slice("kind").ticks == (["a", EVIL],)
    assert strongest_pairs(model, model.names)[0].names == ("lr", "depth")
    assert (slice_.deviation > 0).all()


def large(n_trials: int) -> StudyFacts:
    layout = Layout.of({f"p{index}": FloatDistribution(0, 1) for index in range(10)})
    study = StudyRecord(0, "large", create_study().directions and tuple(create_study().directions))
    records = [
        TrialRecord(
            number=number,
            trial_id=number,
            state=TrialState.COMPLETE,
            layout=layout,
            internals=tuple((number * (index + 1) * 0.6180339887) % 1 for index in range(10)),
            values=((number * 0.7548776662) % 1,),
            started=START + timedelta(seconds=number),
            completed=START + timedelta(seconds=number + 3),
            system_attrs={"hpo:job_dir": f"/sweeps/first/{number}"},
        )
        for number in range(n_trials)
    ]
    return StudyFacts.of(study, records)


def test_a_very_large_study_is_shown_in_part_with_its_best(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sweeper_core.report.data.MAX_CELLS", 16 * 150)
    facts = large(400)
    shown = shown_trials(facts)
    assert 130 <= len(shown) <= 152
    assert facts.best[0] in shown
    found = study_json(facts, None, None)
    assert found["trials_total"] == 400
    assert len(found["trials"]["number"]) == len(shown)
    text = json.dumps(found["trials"], separators=(",", ":"))
    assert len(text) / len(shown) * MAX_CELLS / 16 < 6_000_000


def test_further_metrics_have_curves_and_columns() -> None:
    study = create_study()
    study.set_metric_names(["loss"])
    for index in range(3):
        trial = study.ask()
        for step in range(4):
            trial.report({"loss": 1 + index / (step + 1), "accuracy": index * step / 10}, step)
        trial.set_user_attr("latency", 3 + index)
        trial.set_user_attr("batch", 32)  # the same in all
        trial.set_user_attr("note", f"text {index}")
        study.tell(trial, index)
    records = study._storage.changes(study._study_id)[0]
    (record,) = study._storage.list_studies()
    found = study_json(StudyFacts.of(record, records), None, None)
    assert found["further"] == [
        {"name": "accuracy", "values": [0.0, 0.3, 0.6]},
        {"name": "latency", "values": [3.0, 4.0, 5.0]},
    ]
    (accuracy,) = found["further_curves"]
    assert accuracy["name"] == "accuracy"
    assert accuracy["curves"][2] == {"trial": 2, "state": "C", "steps": [0, 1, 2, 3], "values": [0.0, 0.2, 0.4, 0.6]}


def test_each_objective_has_its_own_views() -> None:
    study = create_study(directions=["minimize", "maximize"])
    space = {"x": FloatDistribution(0, 1), "y": FloatDistribution(0, 1)}
    for index in range(40):
        x, y = index * 0.618 % 1, index * 0.414 % 1
        study.add_trial(create_trial(params={"x": x, "y": y}, distributions=space, values=[x, y]))
    records = study._storage.changes(study._study_id)[0]
    (record,) = study._storage.list_studies()
    found = study_json(StudyFacts.of(record, records), None, None)
    assert found["importances"]["x"] > 0.8
    (other,) = found["others"]
    assert other["importances"]["y"] > 0.8
    slices = {slice_["names"][0]: slice_["mean"] for slice_ in other["slices"]}
    assert slices["y"][-1] - slices["y"][0] > 0.5 > abs(slices["x"][-1] - slices["x"][0])
