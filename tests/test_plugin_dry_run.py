"""A dry run shows a sweep as it was understood, and leaves nothing behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hydra.errors import CompactHydraException
from plugin_support import sweep

from sweeper_core import create_study
from sweeper_core.trial import create_trial

CONFIG = "lr: 1\nopt: adam\nmomentum: 0\nlayers: 1\n"
SPACE = [
    "lr=interval(1e-5,1e-2,log=true)",
    "opt=choice(adam,sgd)",
    "layers=range(1,4)",
    "+hydra.sweeper.params={momentum:{sweep:'interval(0,0.99)',when:'opt=sgd'}}",
    "hydra.sweeper.enqueue=[{lr:0.001,opt:sgd}]",
]


def never(cfg: Any) -> float:
    raise AssertionError("a job ran")


def test_a_dry_run_shows_the_space_the_search_and_the_first_jobs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = ["hydra.sweeper.dry_run=true", "hydra.sweeper.n_trials=7", "hydra.sweeper.n_jobs=2"]
    returned = sweep(never, tmp_path / "s", [*SPACE, *settings], CONFIG)
    printed = capsys.readouterr()
    said = printed.out + printed.err
    assert returned is None
    for line in (
        "Search space: 4 parameters, infinitely many points",
        "lr: interval(1e-05, 0.01, log=true)",
        "opt: choice(adam, sgd)",
        "layers: int(interval(1, 3))",
        "momentum: interval(0, 0.99), when opt in [sgd]",
        "Objective: minimize; sampler: RandomSampler; pruner: none",
        "Lanes: 2 (process); stops after: 7 trials, more than 50% failures",
        "lr=0.001 opt=sgd",
        "#2: ",
    ):
        assert line in said, said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s-conf"]


def test_a_small_space_is_shown_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep(never, tmp_path / "s", ["layers=1,2", "hydra.sweeper.dry_run=true"], CONFIG)
    printed = capsys.readouterr()
    said = printed.out + printed.err
    assert "1 parameters, 2 points" in said
    assert "that is every point of the search space" in said


def test_a_dry_run_refuses_what_a_sweep_refuses(tmp_path: Path) -> None:
    with pytest.raises(CompactHydraException, match=r"write \+lrr"):
        sweep(never, tmp_path / "s", ["lrr=1,2", "hydra.sweeper.dry_run=true"], CONFIG)


def test_a_dry_run_opens_the_storage_as_a_sweep_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    dry = ["lr=interval(0,1)", "hydra.sweeper.dry_run=true"]
    for wrong, message in (
        ("storage=sqlite://study.db", "sqlite:////absolute/path"),
        ("storage=sqlite:///nowhere/study.db", "folder .*nowhere does not exist"),
        ("storage=postgresql://u:p@127.0.0.1:1/db", "cannot be reached"),
        ("devices=2 hydra.sweeper.devices_per_job=3", "a job needs 3"),
    ):
        if wrong.startswith("storage=postgresql"):
            pytest.importorskip("psycopg")
        with pytest.raises(CompactHydraException, match=message):
            sweep(never, tmp_path / "s", [*dry, *f"hydra.sweeper.{wrong} hydra.sweeper.n_jobs=2".split()], CONFIG)
    assert [path.name for path in tmp_path.iterdir()] == ["s-conf"]
    study = create_study(storage="sqlite:///study.db", study_name="a")
    study.add_trial(create_trial(value=1.0))
    named = [*dry, "hydra.sweeper.storage=sqlite:///study.db", "hydra.sweeper.study_name=a"]
    with pytest.raises(CompactHydraException, match="study 'a' exists with minimize"):
        sweep(never, tmp_path / "s", [*named, "hydra.sweeper.direction=maximize"], CONFIG)
    capsys.readouterr()
    sweep(never, tmp_path / "s", named, CONFIG)
    printed = capsys.readouterr()
    assert "Study 'a' exists with 1 finished trials, and the sweep would go on" in printed.out + printed.err


def test_a_parameter_that_an_option_lacks_is_refused_before_the_sweep(tmp_path: Path) -> None:
    for name, text in (("sgd", "momentum: 0.9"), ("adam", "beta: 0.9")):
        (tmp_path / "s-conf/opt").mkdir(parents=True, exist_ok=True)
        (tmp_path / f"s-conf/opt/{name}.yaml").write_text(text)
    config = "defaults: [_self_, opt: sgd]\n"
    for order in ("sgd,adam", "adam,sgd"):
        with pytest.raises(
            CompactHydraException, match=r"'opt.momentum' .* does not exist with opt=adam.*when opt!=adam"
        ):
            sweep(never, tmp_path / "s", [f"opt={order}", "opt.momentum=interval(0,1)"], config)
    assert not (tmp_path / "s").exists()
