"""Explicit points run as they are, alone or beside a search, from a list or a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from plugin_support import sweep

from hydra_plugins.hydra_hpo_sweeper._config._points import points
from hydra_plugins.hydra_hpo_sweeper._errors import ConfigError
from hydra_plugins.hydra_hpo_sweeper._space._plan import read_plan
from sweeper_core.cli import main

CONFIG = "lr: 1\nname: a\nseed: 0\n"


def jobs_of(directory: Path, *overrides: str) -> list[tuple[Any, Any, Any]]:
    seen: list[tuple[Any, Any, Any]] = []

    def task(cfg: Any) -> float:
        seen.append((cfg.lr, cfg.name, cfg.seed))
        return float(cfg.lr or 0)

    sweep(task, directory, overrides, CONFIG)
    return seen


def test_points_alone_are_the_whole_sweep_and_are_not_run_again(tmp_path: Path) -> None:
    given = "hydra.sweeper.points=[{lr:0.1,name:'a b'},{lr:2,name:c},{lr:0.1,name:c}]"
    assert jobs_of(tmp_path / "s", given) == [(0.1, "a b", 0), (2, "c", 0), (0.1, "c", 0)]
    assert jobs_of(tmp_path / "s", given) == []


def test_points_beside_a_search_come_first(tmp_path: Path) -> None:
    given = ["hydra.sweeper.points=[{lr:0.1},{lr:0.2}]", "seed=range(100)", "hydra.sweeper.n_trials=3"]
    first, second, third = jobs_of(tmp_path / "s", *given)
    assert (first[0], second[0]) == (0.1, 0.2)
    assert third[0] in (0.1, 0.2)


def test_the_rows_of_points_stay_together_in_the_product_with_a_search(tmp_path: Path) -> None:
    given = ["hydra.sweeper.points=[{lr:0.1,name:a},{lr:0.2,name:b}]", "seed=1,2", "hydra.sweeper.n_trials=9"]
    found = jobs_of(tmp_path / "s", *given)
    assert [job[:2] for job in found[:2]] == [(0.1, "a"), (0.2, "b")]
    assert sorted(found) == [(0.1, "a", 1), (0.1, "a", 2), (0.2, "b", 1), (0.2, "b", 2)]


FILES = {
    "csv": ("p.csv", "lr,name\n0.1,a b\n1e-3,true\n\n2,'5'\n", [(0.1, "a b"), (1e-3, True), (2, "5")]),
    "json-lines": ("p.jsonl", '{"lr": 1, "name": null}\n{"lr": 2.5, "name": [1]}\n', [(1, None), (2.5, [1])]),
    "json": ("p.json", '[{"lr": 1, "name": null},\n {"lr": 2.5, "name": [1]}]\n', [(1, None), (2.5, [1])]),
}


@pytest.mark.parametrize(("name", "text", "expected"), FILES.values(), ids=FILES)
def test_a_file_holds_points(tmp_path: Path, name: str, text: str, expected: list[Any]) -> None:
    (tmp_path / name).write_text(text)
    found = points("points", str(tmp_path / name))
    assert [(type(p["lr"]), p["lr"], p["name"]) for p in found] == [(type(lr), lr, word) for lr, word in expected]


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl", "s/trials.csv"])
def test_what_a_study_exports_holds_points(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    overrides = [
        "lr=interval(0,1)",
        "name=permutation(a,'1',2)",
        "hydra.sweeper.n_trials=2",
        "hydra.sweeper.report=false",
    ]
    jobs = jobs_of(tmp_path / "s", *overrides)
    assert name == "s/trials.csv" or main(["export", str(tmp_path / name), str(tmp_path / "s")]) == 0
    assert points("points", str(tmp_path / name)) == tuple({"lr": lr, "name": list(word)} for lr, word, _ in jobs)


CONDITIONAL = [
    "name=a,b",
    "hydra.sweeper.params={lr:{type:float,low:0.1,high:0.9,when:'name == a'},"
    "seed:{type:int,low:1,high:9,when:'name == b'}}",
]


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl", "s/trials.csv"])
@pytest.mark.parametrize("declared", [False, True])
def test_trials_that_lacked_a_parameter_run_without_it(tmp_path: Path, name: str, declared: bool) -> None:
    jobs = jobs_of(tmp_path / "s", *CONDITIONAL, "hydra.sweeper.n_trials=5", "hydra.sweeper.report=false")
    assert {job[1] for job in jobs} == {"a", "b"}
    assert name == "s/trials.csv" or main(["export", str(tmp_path / name), str(tmp_path / "s")]) == 0
    space = [*CONDITIONAL, "hydra.sweeper.n_trials=5"] if declared else []
    assert jobs_of(tmp_path / "again", f"hydra.sweeper.points={tmp_path / name}", *space) == jobs


def test_an_exported_choice_of_nothing_is_no_lack_of_a_value(tmp_path: Path) -> None:
    jobs = jobs_of(tmp_path / "s", "lr=0,null", "name='',b", "hydra.sweeper.n_trials=4")
    assert main(["export", str(tmp_path / "t.csv"), str(tmp_path / "s")]) == 0
    assert [(p["lr"], p["name"]) for p in points("points", str(tmp_path / "t.csv"))] == [job[:2] for job in jobs]


WRONG = {
    "number": (5, "a list of mappings, or a .csv, .jsonl or .json file, not 5"),
    "empty-list": ([], "there is no point"),
    "empty-point": ([{}], "a list of mappings"),
    "missing": ([{"a": 1, "b": 2}, {"a": 1}], "points[1]: 'b' is missing"),
    "foreign": ([{"alpha": 1}, {"alpah": 1}], "points[1]: the first point has no 'alpah'. Did you mean 'alpha'?"),
    "nan": ([{"a": float("nan")}], "points[0]: 'a' is nan"),
    "other-file": ("p.txt", "must end in .csv"),
    "no-file": ("nowhere.csv", "cannot be read"),
    "empty-file": ("empty.csv", "the file is empty"),
    "header-only": ("header.csv", "there is no point"),
    "short-row": ("short.csv", "short.csv, line 3: 1 values, but there are 2 columns"),
    "empty-cell": ("cell.csv", "cell.csv, line 2: 'b' has no value"),
    "no-json": ("bad.jsonl", "bad.jsonl, line 2: this is no JSON"),
    "semicolons": (
        "semicolons.csv",
        "semicolons.csv, line 2: 'a;b' is no name of a parameter; columns are separated by",
    ),
    "json-list": ("list.jsonl", "list.jsonl, line 1: a point must be a mapping"),
}


@pytest.mark.parametrize(("value", "message"), WRONG.values(), ids=WRONG)
def test_wrong_points_are_answered_with_their_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: Any, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    texts = {"empty.csv": "", "header.csv": "a,b\n", "short.csv": "a,b\n1,2\n3\n", "cell.csv": "a,b\n1,\n"}
    texts["semicolons.csv"] = "a;b\n1;2\n"
    for name, text in {**texts, "bad.jsonl": '{"a": 1}\n{a', "list.jsonl": "[1]\n"}.items():
        Path(name).write_text(text)
    with pytest.raises(ConfigError) as answer:
        points("points", value)
    assert message in str(answer.value)
    assert "\n" not in str(answer.value)


@pytest.mark.parametrize(
    ("text", "message"), [("x,y\n1,0\n3,0\n", "'x<=2'"), ("x,y\n1,0\n1,7\n", "'y': 7 is not possible")]
)
def test_a_point_of_a_file_outside_of_the_space_is_answered_with_its_line(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "p.csv"
    path.write_text(text)
    plan = read_plan(["x=interval(0,4)", "y=interval(0,1)"], None, where=["x<=2"])
    with pytest.raises(ConfigError) as answer:
        plan.points(points("points", str(path)), place="hydra.sweeper.points")
    assert str(answer.value).startswith(f"{path}, line 3")
    assert message in str(answer.value)
