"""The command that continues a sweep."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

from hydra_plugins.hydra_hpo_sweeper._config._settings import Settings
from hydra_plugins.hydra_hpo_sweeper._hydra._values import as_text, escape
from hydra_plugins.hydra_hpo_sweeper._sweep._preparation._opening import Opened
from sweeper_core.masking import masked

STOP = "hydra.sweeper.stop"


def command_to_continue(
    settings: Settings,
    opened: Opened,
    directory: Path,
    left: int | None = None,
    stopped: bool = False,
    nothing_left: bool = False,
) -> str | None:
    """Return the shell command line that continues this study; None where the study is in memory.

    Args:
        left: How many trials of this run have not ended; None or 0 for a run that is complete.
        stopped: Whether the stop rule has ended the study, so that it goes on only without the rule.
        nothing_left: The search is complete, and only its confirmation goes on.
    """
    if not opened.session.storage.outlives_process:
        return None
    words = [masked(word) for word in sys.orig_argv]
    words[0] = sys.executable if os.path.isabs(words[0]) else words[0]
    called = _called_from_code()
    if called:
        words = []
    if settings.storage is None:
        _add(words, "hydra.sweep.dir", _shorter(directory))
    else:
        _add(words, "hydra.sweeper.study_name", opened.session.study.name)
    if nothing_left or (left and left != settings.n_trials):
        words = [*_without(words, "hydra.sweeper.n_trials"), f"hydra.sweeper.n_trials={left or 0}"]
    if stopped:
        kept = [word for word in words if not word.lstrip("+").startswith(("hydra.sweeper.stop.", f"{STOP}="))]
        words = [*kept, f"{STOP}=null"]
    return f"the same call with the overrides {words}" if called else shlex.join(words)


def words_of_a_worker(directory: Path, study_name: str, settings: Settings) -> list[str] | None:
    """Return the words that start a worker of this sweep on any machine; None where no command line began it."""
    if _called_from_code():
        return None
    words = [sys.executable, *sys.orig_argv[1:]]
    given = {
        "hydra.sweep.dir": as_text(str(directory.absolute()), escape),
        "hydra.sweeper.role": "worker",
        "hydra.sweeper.detach": "false",
        "hydra.sweeper.n_jobs": "1",
        "hydra.sweeper.resume": "null",
    }
    if settings.devices is not None and settings.detach:
        given["hydra.sweeper.devices"] = "null"  # each worker's environment has its own
    for key, value in given.items():
        words = [*_without(words, key), f"{key}={value}"]
    if settings.storage is not None:
        _add(words, "hydra.sweeper.study_name", study_name)
    return words


def _called_from_code() -> bool:
    """Return whether a notebook or ``hydra_zen.launch`` began the sweep, whose overrides no command line has."""
    flagged = any(word in ("-m", "--multirun") or "hydra.mode=" in word for word in sys.argv[1:])
    return "ipykernel" in sys.modules or ("hydra_zen" in sys.modules and not flagged)


def _add(words: list[str], key: str, value: str) -> None:
    """Let the words of a command give a value, unless they do; what is resolved anew each time, does not."""
    given = [word for word in words if word.lstrip("+").startswith(f"{key}=")]
    if given and "${" not in given[-1]:
        return
    words[:] = _without(words, key)
    words.append(f"{key}={as_text(value, escape)}")


def _without(words: list[str], key: str) -> list[str]:
    return [word for word in words if not word.lstrip("+").startswith(f"{key}=")]


def _shorter(directory: Path) -> str:
    absolute = directory.absolute()
    return str(absolute.relative_to(Path.cwd())) if absolute.is_relative_to(Path.cwd()) else str(absolute)
