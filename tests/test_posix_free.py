"""Without what only POSIX systems have, a sweep with its jobs in its own process runs all the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from plugin_support import surroundings

from hydra_plugins.hydra_hpo_sweeper._errors import ConfigError
from hydra_plugins.hydra_hpo_sweeper._lanes import _factory

# The libraries go first: on this system they may use what is then taken away.
WITHOUT = """
import asyncio, importlib.metadata, multiprocessing, os, platform, shutil, signal, socket, subprocess, sys, tempfile
import cloudpickle, hydra, numpy, scipy.optimize, scipy.stats, sqlalchemy, sqlalchemy.dialects.sqlite, tqdm
sys.modules.update(dict.fromkeys(("fcntl", "grp", "pwd", "resource", "termios", "tty")))
MISSING = "fchmod fchown fork getloadavg getpgid getuid killpg pread register_at_fork setsid uname waitid"
for name in MISSING.split():
    vars(os).pop(name, None)
for name in ("SIGALRM", "SIGHUP", "SIGKILL", "SIGQUIT", "SIGUSR1"):
    vars(signal).pop(name, None)

@hydra.main(version_base="1.3", config_path=None)
def main(config):
    return config.x

main()
"""


def test_an_inline_sweep_needs_nothing_of_posix(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(WITHOUT)
    arguments = ["-m", "hydra/sweeper=hpo", "+x=interval(0,1)", "hydra.sweeper.n_trials=2", "hydra.sweep.dir=sweep"]
    done = subprocess.run(
        [sys.executable, "train.py", *arguments],
        cwd=tmp_path,
        env=surroundings(),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Trials: 2 complete" in done.stdout
    assert (tmp_path / "sweep" / "trials.csv").exists()


def test_worker_processes_say_what_they_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_factory, "POSIX", False)
    settings = SimpleNamespace(lanes="process", n_jobs=2, devices=None, trial_timeout=None)
    with pytest.raises(ConfigError, match=r"lanes=process needs Linux or macOS"):
        _factory.kind_of_lane(settings, "somebody.Launcher")  # type: ignore[arg-type]
