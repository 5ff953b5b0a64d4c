"""The best trial as overrides of Hydra's command line."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sweeper_core.trial.record import TrialRecord

_PLAIN = re.compile(r"[A-Za-z_./][\w./:+@%-]*")
_SPECIAL = frozenset({"null", "true", "false", "inf", "nan", "none"})


def best_overrides(directory: Path | None, record: TrialRecord) -> list[str]:
    """Return what a trial's job ran with: the file that the sweep wrote, or else the trial's parameters.

    The file also has what was fixed on the sweep's command line.
    """
    if directory is not None:
        written = _written(directory, record.number)
        if written is not None:
            return written
    return [f"{name}={as_override(value)}" for name, value in record.params.items()]


def _written(directory: Path, number: int) -> list[str] | None:
    """Return the overrides in a sweep's directory when they are of this trial."""
    import yaml

    try:
        summary = yaml.safe_load((directory / "optimization_results.yaml").read_text(encoding="utf-8"))
        lines = yaml.safe_load((directory / "best_overrides.yaml").read_text(encoding="utf-8"))
        same = summary["best_trial"] == number
    except (OSError, yaml.YAMLError, KeyError, TypeError):
        return None
    return [str(line) for line in lines] if same and isinstance(lines, list) else None


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
