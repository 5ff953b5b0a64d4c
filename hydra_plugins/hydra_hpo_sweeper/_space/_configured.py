"""What the sweep's configuration has for a name that is not swept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from sweeper_core.search_space.binding import UNKNOWN


def chosen_options(config: DictConfig | None) -> Mapping[str, Any]:
    """Return the options that are chosen of config groups."""
    return {} if config is None else OmegaConf.select(config, "hydra.runtime.choices") or {}


def configured(config: DictConfig | None, name: str) -> Any:
    """Return the option of a config group, or the value of a key; ``UNKNOWN`` for none, and for a group of values."""
    options = chosen_options(config)
    if name in options:
        return options[name]
    value = None if config is None else OmegaConf.select(config, name)
    return UNKNOWN if value is None or OmegaConf.is_config(value) else value
