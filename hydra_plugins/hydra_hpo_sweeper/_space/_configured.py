"""What the sweep's configuration has for a name that is not swept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from sweeper_core.search_space.binding import UNKNOWN


def chosen_options(config: DictConfig | None) -> Mapping[str, Any]:
    """Return the options that are chosen of config groups."""
    return {} if config is None else OmegaConf.select(config, "hydra.runtime.choices") or {}


def key_above(name: str, keys: Iterable[str]) -> str | None:
    """Return which of some keys, of config groups or of values, holds a name below it; None for none."""
    for key in keys:
        package = key.partition("@")[2] or key.replace("/", ".")
        if name.startswith((f"{package}.", f"{package}[")):
            return key
    return None


def names_of(config: DictConfig | None) -> list[str]:
    """Return all keys of a configuration but Hydra's own, with dots between their parts."""
    if config is None:
        return []
    plain = OmegaConf.to_container(config, resolve=False)
    assert isinstance(plain, dict)
    return [name for key, value in plain.items() if key != "hydra" for name in _names(str(key), value)]


def _names(prefix: str, value: Any) -> list[str]:
    below = value.items() if isinstance(value, dict) else ()
    return [prefix, *(name for key, inner in below for name in _names(f"{prefix}.{key}", inner))]


def configured(config: DictConfig | None, name: str) -> Any:
    """Return the option of a config group, or the value of a key; ``UNKNOWN`` for none, and for a group of values."""
    options = chosen_options(config)
    if name in options:
        return options[name]
    value = None if config is None else OmegaConf.select(config, name)
    return UNKNOWN if value is None or OmegaConf.is_config(value) else value
