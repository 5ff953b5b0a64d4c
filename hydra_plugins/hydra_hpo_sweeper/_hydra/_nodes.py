"""Nodes of a configuration, and the private parts of OmegaConf that reading them unresolved needs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from omegaconf import DictConfig, ListConfig, Node, OmegaConf


def written(container: DictConfig | ListConfig, key: Any) -> Any:
    """Return a value as it was written, interpolations unresolved; None for mappings and lists."""
    node = container._get_node(key)
    return node._value() if isinstance(node, Node) else None


def keys_below(config: Any, prefix: str = "") -> Iterator[str]:
    """Yield the dotted keys of a configuration, without Hydra's own."""
    for key in map(str, config) if isinstance(config, DictConfig) else ():
        if prefix or key != "hydra":
            yield f"{prefix}{key}"
            yield from keys_below(config._get_node(key), f"{prefix}{key}.")


def merged_below(parent: DictConfig, *parts: Any) -> DictConfig:
    """Return merged mappings below ``parent``, from which their interpolations are resolved."""
    merged = OmegaConf.merge(*parts)
    merged._set_parent(parent)
    assert isinstance(merged, DictConfig)
    return merged
