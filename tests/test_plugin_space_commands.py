"""Wrong uses that only a composed configuration shows, each answered in one line before the first job."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import hydra
import pytest
from hydra.errors import CompactHydraException
from plugin_support import sweep


def refused(directory: Path, *overrides: str, config: str = "x: 0\n", groups: dict[str, str] | None = None) -> str:
    """Return the one-line answer to a sweep that is refused; no job runs."""
    folder = directory / "s-conf"
    for name, text in (groups or {}).items():
        path = folder / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def task(cfg: Any) -> float:
        raise AssertionError("a job ran")

    with pytest.raises(CompactHydraException) as answer:
        sweep(task, directory / "s", [*overrides, "hydra.sweeper.n_trials=1"], config)
    (line,) = str(answer.value).splitlines()
    return line


def test_an_interpolation_that_does_not_resolve_is_answered_with_its_key(tmp_path: Path) -> None:
    line = refused(tmp_path, "+hydra.sweeper.params={x: {sweep: '${nope}'}}")
    assert "hydra.sweeper.params.x.sweep" in line
    assert "Interpolation key 'nope' not found" in line


OTHER_LAUNCHER = "defaults: [{override /hydra/launcher: joblib}]"
OTHER_SETTING = "hydra: {sweeper: {max_retries: 7}}"


@pytest.mark.parametrize(("part", "text"), [("launcher", OTHER_LAUNCHER), ("sweeper", OTHER_SETTING)])
def test_an_option_that_changes_how_the_sweep_runs_is_refused(tmp_path: Path, part: str, text: str) -> None:
    if part == "launcher":
        pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    config = "defaults: [{model: a}, _self_]\nx: 0\n"
    groups = {"model/a": "{}", "model/b": f"# @package _global_\n{text}\n"}
    line = refused(tmp_path, "model=a,b", config=config, groups=groups)
    assert line.startswith("'model' on the command line: its option 'b' changes h")
    assert part in line


def test_numbers_for_a_config_group_are_refused(tmp_path: Path) -> None:
    config = "defaults: [{model: a}, _self_]\nx: 0\n"
    groups = {"model/a": "w: 1", "model/b": "w: 2"}
    for sweep_text in ("model=interval(0,1)", "+hydra.sweeper.params={model: {type: int, low: 0, high: 3}}"):
        assert "choice(a, b)" in refused(tmp_path, sweep_text, config=config, groups=groups)


def test_several_samplers_are_refused(tmp_path: Path) -> None:
    line = refused(tmp_path, "x=interval(0,1)", "hydra/sweeper/sampler=[tpe,gp]")
    assert line.startswith("hydra/sweeper/sampler must be one name")


@pytest.mark.parametrize(
    ("start", "answer"),
    [("{x: 5}", "x0.x: 5 is not possible; 'x' is interval(0, 1)"), ("{y: 5}", "x0.y: there is no such parameter")],
)
def test_a_start_outside_of_the_space_is_refused(tmp_path: Path, start: str, answer: str) -> None:
    overrides = ["x=interval(0,1)", "hydra/sweeper/sampler=cmaes", f"+hydra.sweeper.sampler.x0={start}"]
    assert answer in refused(tmp_path, *overrides)


@pytest.mark.skipif(not hydra.__version__.startswith("1.3"), reason="Hydra 1.4 knows it before")
def test_a_directory_that_only_a_job_knows_is_answered_with_the_remedy(tmp_path: Path) -> None:
    line = refused(tmp_path, "x=interval(0,1)", "hydra.sweep.dir=${hydra:runtime.cwd}/o")
    assert "Write ${hydra.runtime.cwd}/o" in line


@pytest.mark.parametrize("module", ["ipykernel", "hydra_zen"])
def test_a_sweep_that_code_began_is_continued_by_the_same_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, ModuleType(module))
    monkeypatch.setattr(sys, "argv", ["app.py"])
    sweep(lambda cfg: float(cfg.x), tmp_path / "s", ["x=interval(0,1)", "hydra.sweeper.n_trials=1"], "x: 0\n")
    said = capsys.readouterr()
    assert f"the same call with the overrides ['hydra.sweep.dir={tmp_path}/s']" in said.out + said.err
