"""Running sweeps in tests: in this process, and as users run them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import forked
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.global_hydra import GlobalHydra

ROOT = Path(__file__).resolve().parent.parent
APPS = Path(__file__).resolve().parent / "apps"

SWEEP = (
    "hydra/sweeper=hpo",
    "hydra/sweeper/sampler=random",
    "hydra.sweeper.sampler.seed=1",
    "hydra.sweeper.progress=off",
    # Seeded trials are counted from the first one on; what tests the configuration's own trial turns it on.
    "hydra.sweeper.start=none",
)


def sweep(task: Callable[[Any], Any], directory: Path, overrides: Sequence[str], config: str = "x: 0\ny: 0\n") -> Any:
    """Run a sweep of a function in this process; return what ``sweep()`` returns.

    Args:
        directory: The sweep directory.
        config: Text of the application's configuration file.
    """
    folder = directory.parent / f"{directory.name}-conf"
    folder.mkdir(exist_ok=True)
    (folder / "config.yaml").write_text(config)
    GlobalHydra.instance().clear()
    running = Hydra.create_main_hydra2("app", create_config_search_path(str(folder)))
    try:
        return running.multirun(
            config_name="config",
            task_function=task,
            overrides=[*SWEEP, "hydra.mode=MULTIRUN", f"hydra.sweep.dir={directory}", *overrides],
            with_log_configuration=False,
        )
    finally:
        GlobalHydra.instance().clear()


def surroundings() -> dict[str, str]:
    """Return the environment for an application of ours in a process of its own."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONWARNINGS": "ignore", "OMP_NUM_THREADS": "1"}


def command(app: str, directory: Path, *overrides: str) -> list[str]:
    """Return the command line of a sweep of one of the applications in ``tests/apps``."""
    return [sys.executable, str(APPS / app), "--multirun", *SWEEP, f"hydra.sweep.dir={directory}", *overrides]


def finish(words: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command whose first word is this interpreter to its end."""
    if forked.available:
        return forked.run(words[1:], cwd=cwd, env=env)
    return subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=300)


def run(app: str, directory: Path, *overrides: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a sweep of one of the applications in ``tests/apps`` to its end."""
    answer = finish(command(app, directory, *overrides), cwd=directory.parent, env=surroundings())
    assert answer.returncode == 0 or not check, answer.stdout + answer.stderr
    return answer
