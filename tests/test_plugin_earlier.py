"""Earlier studies of the same task: found on request, and mentioned otherwise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from plugin_support import sweep

from hydra_plugins.hydra_hpo_sweeper._sweep._preparation import _earlier
from sweeper_core.storages import get_storage
from sweeper_core.storages.base import StudyRecord

HINT = "hydra.sweeper.warm_start=auto learns from what helps"
SPACE = ["x=interval(0,1)", "y=3", "hydra.sweeper.n_trials=4"]
GP = ["hydra/sweeper/sampler=gp", "hydra.sweeper.sampler.seed=0", "hydra.sweeper.warm_start=auto"]


def task(cfg: Any) -> float:
    return (float(cfg.x) - 0.4321) ** 2


def study_in(url: str, name: str = "hpo") -> StudyRecord:
    storage = get_storage(url)
    found = storage.create_or_open_study(name, None, exist_ok=True)
    storage.close()
    return found


def params_of(directory: Path) -> list[float]:
    storage = get_storage(f"sqlite:///{directory}/study.db")
    (study,) = storage.list_studies()
    records = storage.changes(study.study_id)[0]
    storage.close()
    return [record.params["x"] for record in sorted(records, key=lambda record: record.number)]


def test_studies_of_the_same_task_are_found_in_the_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = tmp_path / "first"
    sweep(task, first, SPACE)
    assert HINT not in capsys.readouterr().out
    for name, swept, fixed in (("other", "x=interval(0,2)", "y=3"), ("fixed", SPACE[0], "y=4")):
        sweep(
            task, tmp_path / name, [swept, fixed, "hydra.sweeper.n_trials=1"]
        )  # another space, another fixed override
    assert HINT not in capsys.readouterr().out

    warm = tmp_path / "warm"
    sweep(task, warm, [*SPACE, *GP, "hydra.sweeper.n_trials=2"])
    said = capsys.readouterr().out
    assert f"earlier studies of the same task: {first} (4 trials)." in said
    assert HINT not in said
    # The best point of the earlier study is the first one.
    assert params_of(warm)[0] == pytest.approx(min(params_of(first), key=lambda x: (x - 0.4321) ** 2), abs=1e-6)

    # A continued sweep learns from the same study, whatever has come since.
    sweep(task, tmp_path / "later", [*SPACE, "hydra.sweeper.n_trials=1"])
    assert (
        f"2 earlier studies with the same application, search space and fixed overrides: {HINT}"
        in capsys.readouterr().out
    )
    sweep(task, warm, [*SPACE, *GP, "hydra.sweeper.n_trials=1"])
    assert f"earlier studies of the same task: {first} (4 trials)." in capsys.readouterr().out
    assert study_in(f"sqlite:///{warm}/study.db").system_attrs["hpo:sources"] == [str(first)]


def test_nothing_is_said_of_earlier_studies_when_that_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep(task, tmp_path / "first", [*SPACE, "hydra.sweeper.n_trials=1"])
    opened: list[str] = []
    monkeypatch.setattr(_earlier, "get_storage", lambda url, **_: opened.append(url))
    sweep(task, tmp_path / "told", [*SPACE, "hydra.sweeper.n_trials=1"])
    assert HINT in capsys.readouterr().out
    sweep(task, tmp_path / "quiet", [*SPACE, "hydra.sweeper.n_trials=1", "hydra.sweeper.warm_start=[]"])
    assert HINT not in capsys.readouterr().out
    assert not opened  # no database is opened for a hint


def test_studies_of_the_same_task_are_found_in_the_storage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"sqlite:///{tmp_path}/all.db"
    stored = [f"hydra.sweeper.storage={url}", "hydra.sweeper.study_name=first"]
    sweep(task, tmp_path / "first", [*SPACE, *stored])
    sweep(task, tmp_path / "up", [*SPACE, stored[0], "hydra.sweeper.study_name=up", "hydra.sweeper.direction=maximize"])
    capsys.readouterr()
    sweep(
        task, tmp_path / "warm", [*SPACE, *GP, stored[0], "hydra.sweeper.study_name=warm", "hydra.sweeper.n_trials=1"]
    )
    assert "earlier studies of the same task: first (4 trials)." in capsys.readouterr().out
    assert study_in(url, "warm").system_attrs["hpo:sources"] == ["first"]


def test_what_cannot_be_read_is_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep(task, tmp_path / "first", [*SPACE, "hydra.sweeper.n_trials=1"])
    marker = json.loads((tmp_path / "first" / ".study.json").read_text())
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / ".study.json").write_text(json.dumps(marker))
    (broken / "study.db").write_text("no database")
    sweep(task, tmp_path / "warm", [*SPACE, *GP, "hydra.sweeper.n_trials=1"])
    assert "no earlier study of the same task" in capsys.readouterr().out
