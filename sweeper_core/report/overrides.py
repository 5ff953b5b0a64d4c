"""Trials as overrides of Hydra's command line."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweeper_core.trial.attrs import JOB_DIRECTORY, REPEATS
from sweeper_core.trial.lists import shown_params
from sweeper_core.trial.record import TrialRecord

if TYPE_CHECKING:
    from sweeper_core.search_space.lists import ListParameter

_PLAIN = re.compile(r"[A-Za-z_./][\w./:+@%-]*")
_SPECIAL = frozenset({"null", "true", "false", "inf", "nan", "none"})


def overrides_of(directory: Path | None, record: TrialRecord, lists: Sequence[ListParameter] = ()) -> list[str]:
    """Return what a trial's job ran with: what the sweep or the job wrote, or else the trial's parameters.

    The files also have what was fixed on the sweep's command line.

    Args:
        lists: The lists that parameters of the study make up.
    """
    own = [f"{name}={as_override(value)}" for name, value in shown_params(record.params, lists).items()]
    if directory is None:
        return own
    best, lines = _written_best(directory)
    if best == record.number:
        return lines
    mode = [line for line in lines[:1] if line.startswith("hydra.mode=")]
    saved = _saved(record, own)
    return own if saved is None else [*mode, *saved]


def _written_best(directory: Path) -> tuple[int | None, list[str]]:
    """Return the number and the overrides of the best trial in a sweep's directory (one objective)."""
    summary = _yaml(directory / "optimization_results.yaml")
    lines = _yaml(directory / "best_overrides.yaml")
    if not isinstance(summary, dict) or not isinstance(lines, list):
        return None, []
    return summary.get("best_trial"), [str(line) for line in lines]


def _saved(record: TrialRecord, own: Sequence[str]) -> list[str] | None:
    """Return the overrides that Hydra saved in a job's directory, when they are of this trial: jobs may share one."""
    folder = record.system_attrs.get(JOB_DIRECTORY)
    # A repeat's own overrides name its value of the repeated key.
    if folder is None or REPEATS in record.system_attrs:
        return None
    saved = _yaml(Path(folder) / ".hydra" / "overrides.yaml")
    lines = [str(line) for line in saved] if isinstance(saved, list) else []
    bare = {line.lstrip("+").replace("'", "") for line in lines}
    return lines if bare and all(_among(line.replace("'", ""), bare) for line in own) else None


def _among(line: str, saved: set[str]) -> bool:
    """Return whether an override, or each one of the row that a choice of a zip stands for, is among the saved ones."""
    rest = f" {line.partition('=')[2]} ".replace("\\", "").replace(" +", " ")
    for each in sorted(saved, key=len, reverse=True):
        rest = rest.replace(f" {each} ", " ")
    return line in saved or ("=" in line.partition("=")[2] and not rest.strip())


def _yaml(path: Path) -> Any:
    """Return what a file says; None where it cannot be read."""
    import yaml

    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return None


def as_override(value: Any) -> str:
    """Return a value in Hydra's grammar, with its exact type: a string that could be something else is quoted."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(as_override(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{name}:{as_override(item)}" for name, item in value.items()) + "}"
    return _string(str(value))


def _string(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.lower() not in _SPECIAL:
        return text
    # Hydra reads a backslash as one unless a quote follows it.
    escaped = re.sub(r"(\\*)('|$)", lambda found: found[1] * 2 + ("\\'" if found[2] else ""), text)
    return "'" + escaped.replace("${", "\\${") + "'"


def in_shell(overrides: Sequence[str]) -> list[str]:
    """Return the overrides quoted for a shell or for xargs."""
    return [shlex.quote(line) for line in overrides]


def without_quotes(overrides: Sequence[str]) -> Sequence[str]:
    """Return the overrides for ``$(…)``, whose result a shell splits at blanks.

    Raises:
        ValueError: One has a blank, or a mark that a shell would take for a file's name.
    """
    bad = next((line for line in overrides if re.search(r"[\s*?]", line)), None)
    if bad is not None:
        raise ValueError(
            f"{bad} does not survive $(…) in a shell; use: hpo best --overrides --quote DIR | xargs python train.py"
        )
    return overrides
