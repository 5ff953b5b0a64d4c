"""Every command and configuration that the pages show is run with the built wheel; every Python block is run too."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import forked
import pytest
import yaml
from plugin_support import ROOT
from wheel_support import Environment

from sweeper_core import create_study
from sweeper_core.testing.pruners import PrunerConformance
from sweeper_core.testing.samplers import SamplerConformance

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PROJECT = Path(__file__).parent / "docs_project"
RUN_ELSEWHERE = ("make ", "pip ")
"""Set-up: the tests themselves run after it."""
IN_ORDER = ("first-script.md", "reproducibility.md")
"""Pages whose later commands need what the earlier ones left."""
SHORT = "hydra.sweeper.n_trials=2"
NEEDS = {"mlflow": "mlflow", "lightning": "lightning", "visualization": "plotly"}


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def blocks(language: str) -> list[Block]:
    """Return the blocks of a language on all pages."""
    found = []
    for page in PAGES:
        for match in re.finditer(r"^```(\w+)\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL):
            line = page.read_text()[: match.start()].count("\n") + 1
            found.append(Block(page, line, match[1], match[2]))
    return [block for block in found if block.language == language]


def test_every_block_is_of_a_kind_that_is_run() -> None:
    text = "".join(page.read_text() for page in PAGES)
    fences = re.findall(r"^```(\w*)$", text, re.MULTILINE)
    opening = {language for language in fences if language}
    # A diagram is a picture.
    assert opening - {"mermaid"} == {"bash", "python", "yaml"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    shutil.copytree(PROJECT, folder)
    return folder


def skip_without(text: str) -> None:
    """Skip what needs an optional package that is not installed."""
    for word, package in NEEDS.items():
        if word in text:
            pytest.importorskip(package)


def run(command: str, project: Path, installed: Environment) -> None:
    """Run a shell command as a user would, and see it succeed."""
    variables = {**installed.variables(), "PYTHONWARNINGS": "ignore"}
    if forked.available:
        folder = forked.programs(installed.python, variables)
        variables["PATH"] = os.pathsep.join([str(folder), variables["PATH"]])
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=project,
        env=variables,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def shortened(line: str) -> str:
    """Return a command that runs two trials only, unless it says how many."""
    sweeps = "--multirun" in line or " -m " in line
    return f"{line} {SHORT}" if sweeps and "n_trials" not in line else re.sub(r"n_trials=\d\d+", "n_trials=2", line)


def file_of(block: Block) -> str | None:
    """Return the name of the file that a block shows whole, which its first line gives."""
    name = re.match(r"# ([\w/]+\.(py|yaml))\n", block.text)
    return None if name is None else name[1]


def save_files(page: Path, project: Path) -> None:
    """Save the files that a page shows, for its commands to use."""
    for block in [*blocks("python"), *blocks("yaml")]:
        name = file_of(block)
        if block.page == page and name is not None:
            (project / name).write_text(block.text)


def runs() -> list[Block]:
    """Return what is run by itself: each block of commands, but those of a page that is read in order as one."""
    single = [block for block in blocks("bash") if block.page.name not in IN_ORDER]
    for name in IN_ORDER:
        own = [block for block in blocks("bash") if block.page.name == name]
        single.append(Block(own[0].page, own[0].line, "bash", "".join(block.text for block in own)))
    return single


@pytest.mark.parametrize("block", runs(), ids=str)
def test_commands(block: Block, project: Path, installed: Environment) -> None:
    skip_without(block.text)
    lines = [line for line in block.text.splitlines() if line and not line.startswith(("#", *RUN_ELSEWHERE))]
    lines = [shortened(line.split("    #")[0]) for line in lines]
    save_files(block.page, project)
    if any(line.rstrip().endswith("&") for line in lines):
        lines = ["\n".join([*lines, "wait"])]
    for line in lines:
        run(line, project, installed)


EXTENDING = ROOT / "docs" / "extending.md"


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Return a function that imports a class of the page about extending by its dotted path."""
    save_files(EXTENDING, tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    def load(path: str) -> Any:
        module, name = path.split(".")
        return getattr(importlib.import_module(module), name)

    return load


class TestOwnSampler(SamplerConformance):
    @pytest.fixture(autouse=True)
    def _load(self, own: Callable[[str], Any]) -> None:
        self.own = own

    def make(self) -> Any:
        return self.own("corner.CornerSampler")(seed=0)


class TestOwnPruner(PrunerConformance):
    @pytest.fixture(autouse=True)
    def _load(self, own: Callable[[str], Any]) -> None:
        self.own = own

    def make(self) -> Any:
        return self.own("slow.SlowPruner")()


@pytest.mark.parametrize("block", [block for block in blocks("yaml") if file_of(block) is None], ids=str)
def test_configurations(block: Block, project: Path, installed: Environment) -> None:
    skip_without(block.text)
    content: dict[str, Any] = yaml.safe_load(block.text)
    if not {"hydra", "defaults"} & set(content):
        content = {"hydra": {"sweeper": {"params": content}}}  # parameters by themselves
    theirs = [entry for entry in content.pop("defaults", []) if entry != "_self_"]
    overrides = [entry for entry in theirs if isinstance(entry, dict) and "override" in str(entry)]
    if not any("hydra/sweeper" in str(entry) for entry in overrides):
        overrides.append({"override hydra/sweeper": "hpo"})
    others = [entry for entry in theirs if entry not in overrides and entry != {"model": "svm"}]
    content["defaults"] = ["base", *others, "_self_", *overrides]
    if not content.get("hydra", {}).get("sweeper", {}).get("params") and not others:
        content.setdefault("hydra", {}).setdefault("sweeper", {})["params"] = {
            "lr": "interval(0,1)",
            "model": "choice(cnn, mlp)",
        }
    (project / "conf" / "block.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    run(f"python train.py --multirun --config-name block {SHORT}", project, installed)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python(page: Path, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks of a page follow one another, as a reader would paste them."""
    monkeypatch.chdir(project)
    (project / "multirun" / "sweep").mkdir(parents=True)
    study = create_study(storage="sqlite:///multirun/sweep/study.db", study_name="hpo")
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1) + trial.suggest_float("y", 0, 1), n_trials=10)
    namespace: dict[str, Any] = {"__name__": "pasted"}
    for block in blocks("python"):
        if block.page == page:
            skip_without(block.text)
            exec(compile(block.text, str(block), "exec"), namespace)
