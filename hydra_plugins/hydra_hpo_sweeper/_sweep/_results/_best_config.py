"""``best_config.yaml``: the whole composed configuration of the best trial, as a primary configuration.

``python train.py --config-dir SWEEP_DIRECTORY --config-name best_config`` runs it. Interpolations stay as they are
written: what ``${oc.env:…}`` gives, a password perhaps, is not in the file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import yaml
from omegaconf import DictConfig, OmegaConf, flag_override

NAME = "best_config.yaml"

Compose = Callable[[list[str]], DictConfig]


def best_config(
    number: int, overrides: Sequence[str], folder: str | None, saved: str | None, compose: Compose
) -> str | None:
    """Return the text of the file: the configuration that Hydra has saved for the job, or else one composed anew.

    Args:
        number: Of the trial.
        overrides: What the trial ran with.
        folder: The job's directory.
        saved: Where in it Hydra has saved the configuration and its overrides; None when it has not.
        compose: Makes the configuration of a job.
    """
    text = None if folder is None or saved is None else _saved(Path(folder) / saved, overrides)
    if text is None:
        with suppress(Exception):  # whatever a configuration may raise, the results are worth more
            text = _composed(compose(list(overrides)))
    if text is None:
        return None
    return f"# The configuration of trial {number}, the best of this sweep.\n{text}"


def _saved(folder: Path, overrides: Sequence[str]) -> str | None:
    """Return the configuration saved in a job's directory; None where it is missing, or another job's."""
    try:
        used = yaml.safe_load((folder / "overrides.yaml").read_text(encoding="utf-8"))
        if not isinstance(used, list) or not set(overrides) <= {str(line) for line in used}:
            return None  # jobs may share a directory
        return (folder / "config.yaml").read_text(encoding="utf-8")
    except (OSError, yaml.YAMLError):
        return None


def _composed(config: DictConfig) -> str:
    with flag_override(config, ["readonly", "struct"], False):
        config.pop("hydra", None)
        return OmegaConf.to_yaml(config, resolve=False)
