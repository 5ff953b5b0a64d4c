"""The command line, and studies on their way between storages and files."""

from __future__ import annotations

import csv
import json
import math
import re
from pathlib import Path
from typing import Any

import pytest

from sweeper_core import create_study, load_study
from sweeper_core.cli import main
from sweeper_core.distributions import CategoricalDistribution, FloatDistribution
from sweeper_core.study import Study
from sweeper_core.trial import TrialState, create_trial

SPACE = {"x": FloatDistribution(0, 1), "c": CategoricalDistribution(["10", 10, None, [1, "ü,\n"]])}


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'a.db'}"


def fill(url: str, name: str = "s") -> Study:
    study = create_study(storage=url, study_name=name, direction="maximize")
    study.set_user_attr("who", {"name": "me"})
    for index, choice in enumerate(SPACE["c"].choices):  # type: ignore[attr-defined]
        study.add_trial(
            create_trial(
                params={"x": index / 10 + 1e-17, "c": choice},
                distributions=SPACE,
                value=math.inf if index == 3 else float(index),
                intermediate_values={0: math.nan, 2: 1.5},
                user_attrs={"note": f"n{index}"},
                constraints={"k": -1.0},
            )
        )
    study.add_trial(create_trial(state=TrialState.FAIL))
    study.enqueue_trial({"x": 0.5})
    return study


def content(url: str, name: str = "s") -> list[Any]:
    """Return all that counts of a study's trials."""
    return [
        {
            **vars(t),
            "_trial_id": None,
            "_system_attrs": t.constraints,
            "_params": repr(t.params),
            "intermediate_values": repr(t.intermediate_values),
        }
        for t in load_study(study_name=name, storage=url).trials
    ]


def test_export_and_import_give_the_study_back(url: str, tmp_path: Path) -> None:
    fill(url)
    file, other = str(tmp_path / "s.jsonl"), f"sqlite:///{tmp_path / 'b.db'}"
    assert main(["export", "--storage", url, "--study", "s", file]) == 0
    assert main(["import", "--storage", other, file]) == 0
    assert content(other) == content(url)
    again = load_study(study_name="s", storage=other)
    assert again.user_attrs == {"who": {"name": "me"}}
    assert again.direction.name == "MAXIMIZE"
    assert again.ask().params == {}  # the enqueued trial waits there too
    assert again.trials[5].state is TrialState.RUNNING


def test_repeated_transfers_add_only_what_is_new(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = fill(url)
    file, other = str(tmp_path / "s.jsonl"), str(tmp_path / "journal.log")
    transfers = [
        ["export", "--storage", url, "--study", "s", file],
        ["import", "--storage", f"sqlite:///{tmp_path / 'b.db'}", file],
        ["copy", "--storage", url, "--study", "s", "--to", other],
    ]
    for transfer in transfers:
        assert main(transfer) == 0
    study.add_trial(create_trial(value=9.0))
    with open(file, "a") as torn:
        torn.write('{"number": 6, "sta')
    capsys.readouterr()
    for transfer in transfers:
        assert main(transfer) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["1", "1", "1"]
    for copy in (f"sqlite:///{tmp_path / 'b.db'}", other):
        assert content(copy) == content(url)


def test_a_trial_that_waited_is_exported_again_when_it_has_ended(url: str, tmp_path: Path) -> None:
    study = fill(url)
    file, other = str(tmp_path / "s.jsonl"), f"sqlite:///{tmp_path / 'b.db'}"
    export = ["export", "--storage", url, "--study", "s", file]
    assert main(export) == 0
    waited = study.ask()
    waited.suggest_float("x", 0, 1)
    study.tell(waited, 7.0)
    assert main(export) == 0
    assert main(["import", "--storage", other, file]) == 0
    assert content(other) == content(url)
    assert load_study(study_name="s", storage=other).trials[5].value == 7.0


def test_a_running_trial_stays_with_its_runner(url: str, tmp_path: Path) -> None:
    study = create_study(storage=url, study_name="s")
    first, second = study.ask(), study.ask()
    study.tell(second, 1.0)
    copy = ["copy", "--storage", url, "--study", "s", "--to", url, "--to-study", "t"]
    assert main(copy) == 0
    assert len(load_study(study_name="t", storage=url).trials) == 1
    study.tell(first, 2.0)
    assert main(copy) == 0
    assert sorted(t.value or 0.0 for t in load_study(study_name="t", storage=url).trials) == [1.0, 2.0]


def test_a_table(url: str, tmp_path: Path) -> None:
    fill(url)
    assert main(["export", "--storage", url, "--study", "s", str(tmp_path / "s.csv")]) == 0
    with (tmp_path / "s.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["state"] for row in rows] == ["COMPLETE"] * 4 + ["FAIL", "WAITING"]
    assert [row["value"] for row in rows] == ["0.0", "1.0", "2.0", "inf", "", ""]
    assert rows[3]["params_c"] == json.dumps([1, "ü,\n"])
    assert rows[2]["params_c"] == "null"
    assert rows[1]["user_attrs_note"] == "n1"


def test_looking_and_deleting(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    fill(url)
    assert main(["studies", "--storage", url]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "s\tmaximize\t4 COMPLETE, 1 FAIL, 1 WAITING"
    assert main(["best", "--storage", url, "--study", "s"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["number"] == 3
    assert main(["delete", "--storage", url, "--study", "s"]) == 0
    capsys.readouterr()
    assert main(["studies", "--storage", url]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["best", "--storage", "URL", "--study", "t"], "no study 't'.*Studies: s"),
        (["best", "--storage", "nonsense", "--study", "s"], "'nonsense' does not exist"),
        (["export", "--storage", "URL", "--study", "s", "x.txt"], "must end in .jsonl"),
        (["import", "--storage", "URL", "README"], "not a study in JSON lines"),
        (["import", "--storage", "URL", "missing.jsonl"], "missing.jsonl"),
    ],
)
def test_mistakes_are_one_line(
    url: str, tmp_path: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(url)
    (tmp_path / "README").write_text("hello\n")
    capsys.readouterr()
    filled = [url if a == "URL" else str(tmp_path / a) if a in ("README", "missing.jsonl") else a for a in arguments]
    assert main(filled) == 1
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    assert re.search(message, error)


def test_there_is_no_best_trial_of_a_study_without_results(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    create_study(study_name="s", storage=url).ask()
    for options in ([], ["--json"], ["--overrides"]):
        capsys.readouterr()
        assert main(["best", "--storage", url, "--study", "s", *options]) == 1
        said = capsys.readouterr()
        assert said.out == ""
        assert "no complete trial" in said.err
