"""A dry run shows a sweep as it was understood, and leaves nothing behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hydra.errors import CompactHydraException
from plugin_support import sweep

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
