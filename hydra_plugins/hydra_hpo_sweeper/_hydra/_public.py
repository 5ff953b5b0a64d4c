"""The configuration that launchers get.

Hydra saves it beside every job, and composes each job's configuration from the overrides listed in it. So where a value
must differ from the user's (a password is masked, a launcher runs one job at a time) both are changed: the
value, and the list of overrides, such that composing gives the changed value again.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf, flag_override

from hydra_plugins.hydra_hpo_sweeper._hydra._values import as_text
from sweeper_core.masking import masked

BASIC_LAUNCHER = "hydra._internal.core_plugins.basic_launcher.BasicLauncher"
"""``_target_`` of ``hydra/launcher=basic``."""


def for_launchers(config: DictConfig, changes: Mapping[str, Any] | None = None) -> DictConfig:
    """Return the configuration with secrets masked and values changed: itself when there is nothing to do.

    Args:
        changes: New values by key (``hydra.launcher.n_jobs``).
    """
    values = dict(changes or {})
    for key, text in _strings("hydra.sweeper", OmegaConf.to_container(config.hydra.sweeper, resolve=False)):
        if masked(text) != text:
            values[key] = masked(text)
    before = hydra_overrides(config)
    lines = [masked(line) for line in before if line.split("=")[0].lstrip("+") not in values]
    lines += [f"++{key}={as_text(value)}" for key, value in values.items()]
    if lines == before:
        return config
    changed = copy.deepcopy(config)
    with flag_override(changed, ["readonly", "struct"], False), flag_override(changed.hydra, "readonly", False):
        changed.hydra.overrides.hydra = lines
        for key, value in values.items():
            OmegaConf.update(changed, key, value, force_add=True)
    return changed


def with_basic_launcher(config: DictConfig) -> DictConfig:
    """Return the configuration with Hydra's basic launcher, which runs jobs in the process that calls it."""
    if str(config.hydra.launcher.get("_target_")) == BASIC_LAUNCHER:
        return config
    changed = copy.deepcopy(config)
    with flag_override(changed, ["readonly", "struct"], False), flag_override(changed.hydra, "readonly", False):
        changed.hydra.launcher = {"_target_": BASIC_LAUNCHER}
    return changed


def hydra_overrides(config: DictConfig) -> list[str]:
    """Return the overrides of Hydra's own configuration as they were written; interpolations stay as they are."""
    lines = OmegaConf.to_container(config.hydra.overrides.hydra, resolve=False)
    assert isinstance(lines, list)
    return [str(line) for line in lines]


def _strings(key: str, content: Any) -> Iterator[tuple[str, str]]:
    if isinstance(content, str):
        yield key, content
    elif isinstance(content, (dict, list)):
        for name, item in content.items() if isinstance(content, dict) else enumerate(content):
            yield from _strings(f"{key}.{name}", item)
