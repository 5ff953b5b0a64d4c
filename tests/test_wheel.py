"""The built wheel in an environment that has its run-time dependencies and no extra."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from wheel_support import Environment

PROJECT = Path(__file__).parent / "docs_project"
IMPORTS = """
import importlib, pkgutil, sys
import sweeper_core, hydra_plugins.hydra_hpo_sweeper as plugin
for package in (sweeper_core, plugin):
    assert package.__file__.startswith(sys.prefix), package.__file__
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if module.name.endswith("__main__"):
            continue
        try:
            importlib.import_module(module.name)
            print(module.name)
        except ImportError as error:
            print(f"{module.name}: {error}")
"""
EXTRAS = """
import sys
import sweeper_core
from sweeper_core.cli import hpo

study = sweeper_core.create_study(storage="sqlite:///study.db", study_name="hpo")
study.optimize(lambda trial: trial.suggest_float("x", 0, 1) + trial.suggest_float("y", 0, 1), n_trials=4)
for command in sys.argv[1:]:
    assert hpo(command.removeprefix("! ").split()) == int(command.startswith("! ")), command
"""
EXTRA = {
    "plot slice study.db": "plot",
    "plot slice study.db -o slice.png": "plot",
    "export study.parquet study.db": "parquet",
    "studies postgresql://someone@localhost/hpo": "postgresql",
    "studies mysql://someone@localhost/hpo": "mysql",
}
WORKS = [
    "report study.db",
    "show study.db",
    "best --overrides study.db",
    "export trials.csv study.db",
    "status study.db",
]


def python(environment: Environment, script: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [str(environment.python), "-c", script, *arguments]
    return subprocess.run(
        command, cwd=cwd, env=environment.variables(), capture_output=True, text=True, timeout=300, check=True
    )


def test_every_module_imports_without_extras(without_extras: Environment, tmp_path: Path) -> None:
    lines = python(without_extras, IMPORTS, cwd=tmp_path).stdout.splitlines()
    assert len(lines) > 150
    refused = {line.split(":")[0]: line for line in lines if ":" in line}
    assert "pip install 'hydra-hpo-sweeper[lightning]'" in refused.pop("sweeper_core.integrations.lightning")
    # The suites for samplers, storages and the like of one's own are pytest's.
    assert all(name.startswith("sweeper_core.testing.") for name in refused)
    assert all("pytest" in line for line in refused.values())


def test_commands_work_or_say_what_to_install(without_extras: Environment, tmp_path: Path) -> None:
    lines = python(
        without_extras, EXTRAS, *WORKS, *(f"! {command}" for command in EXTRA), cwd=tmp_path
    ).stderr.splitlines()
    told = [line for line in lines if line.startswith("hpo: ")]
    for line, extra in zip(told, EXTRA.values(), strict=True):
        assert f"pip install 'hydra-hpo-sweeper[{extra}]'" in line
    assert not any("Traceback" in line for line in lines)


def test_a_sweep_needs_no_extra(without_extras: Environment, tmp_path: Path) -> None:
    shutil.copytree(PROJECT, tmp_path / "project")
    command = "python train.py -m hydra/sweeper=hpo hydra.sweep.dir=sweep hydra.sweeper.n_trials=2 'lr=interval(0,1)'"
    subprocess.run(
        ["bash", "-c", f"{command} && python train.py $(hpo best --overrides sweep)"],
        cwd=tmp_path / "project",
        env={**without_extras.variables(), "HPO_REPORT": "true"},
        capture_output=True,
        check=True,
        timeout=300,
    )
    assert (tmp_path / "project" / "sweep" / "report.html").exists()


@pytest.mark.parametrize("script", ["hpo", "hpo-sweeper"])
def test_the_scripts_are_installed(script: str, without_extras: Environment, tmp_path: Path) -> None:
    done = subprocess.run(
        [without_extras.folder / "bin" / script, "--version"],
        cwd=tmp_path,
        env=without_extras.variables(),
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    assert done.stdout.startswith("hydra-hpo-sweeper ")
