"""The project as its users get it: installed from its wheel, in an environment of its own."""

from __future__ import annotations

import fcntl
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from plugin_support import ROOT

NAME = "hydra-hpo-sweeper"
SOURCES = ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE", "hydra_hpo_sweeper_names.pth")
PACKAGES = ("sweeper_core", "hydra_plugins")


class Environment:
    """A virtual environment that has the wheel and nothing of the checkout."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def packages(self) -> Path:
        """Where its packages are installed."""
        version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
        return self.folder / "lib" / version / "site-packages"

    def variables(self) -> dict[str, str]:
        """Return the environment variables of a shell in which it is activated."""
        others = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
        path = os.pathsep.join([str(self.folder / "bin"), os.environ.get("PATH", os.defpath)])
        return {**others, "VIRTUAL_ENV": str(self.folder), "PATH": path, "OMP_NUM_THREADS": "1"}


def run(*command: str | Path, cwd: Path | None = None) -> None:
    """Run a command of the set-up; show what it printed where it fails."""
    done = subprocess.run([*map(str, command)], cwd=cwd, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def create(folder: Path) -> Environment:
    """Create an empty virtual environment."""
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    return Environment(folder)


def build(folder: Path) -> Path:
    """Build the wheel from a copy of the sources, so that nothing is left in the checkout; needs no network."""
    source = folder / "source"
    source.mkdir(parents=True)
    for name in SOURCES:
        shutil.copy(ROOT / name, source)
    for name in PACKAGES:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    alone = ("--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check")
    run(sys.executable, "-m", "pip", "wheel", "-q", *alone, "-w", folder, source)
    (wheel,) = folder.glob("*.whl")
    return wheel


def whole(folder: Path) -> Environment:
    """Install the wheel beside every package that the tests have, but not beside the checkout.

    Paths in a ``.pth`` are added as they are, so that the editable install of the checkout, which is such a file among
    those packages, does nothing here.
    """
    wheel = build(folder / "built")
    made = create(folder / "whole")
    options = ("--no-deps", "--no-index", "--disable-pip-version-check")
    run(sys.executable, "-m", "pip", "--python", made.python, "install", "-q", *options, wheel)
    theirs = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    (made.packages / "zz-theirs.pth").write_text("".join(f"{path}\n" for path in theirs))
    return made


def required(found: Distribution, seen: dict[str, Distribution]) -> None:
    """Add a distribution and what it requires without extras to those seen."""
    name = found.metadata["Name"].lower().replace("_", "-")
    if name in seen:
        return
    seen[name] = found
    for text in found.requires or []:
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            required(distribution(requirement.name), seen)


def entries(found: Distribution) -> Iterator[Path]:
    """Yield the files and folders that a distribution has among the packages."""
    for name in {file.parts[0] for file in found.files or []} - {"..", "__pycache__"}:
        yield Path(str(found.locate_file(name)))


def bare(folder: Path, installed: Environment) -> Environment:
    """Return an environment with the wheel and its run-time dependencies only: no extra is installed."""
    made = create(folder / "bare")
    (own,) = Distribution.discover(name=NAME, path=[str(installed.packages)])
    seen: dict[str, Distribution] = {}
    required(own, seen)
    for path in {path for found in seen.values() for path in entries(found)}:
        (made.packages / path.name).symlink_to(path)
    for script in ("hpo", "hpo-sweeper"):
        text = (installed.folder / "bin" / script).read_text().replace(str(installed.folder), str(made.folder))
        (made.folder / "bin" / script).write_text(text)
        (made.folder / "bin" / script).chmod(0o755)
    return made


def both(shared: Path) -> tuple[Environment, Environment]:
    """Return both environments; the first of the processes that run the tests makes them.

    Args:
        shared: A folder that all these processes see.
    """
    for name in ("pip", "setuptools"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed")
    folder = shared / "wheel"
    folder.mkdir(exist_ok=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "made").exists():
            bare(folder, whole(folder))
            (folder / "made").touch()
    return Environment(folder / "whole"), Environment(folder / "bare")
