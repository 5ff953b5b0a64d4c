"""Lazy entries of Hydra's config store: most applications never use them."""

import contextlib
import importlib
import sys
from functools import partial
from importlib.machinery import ModuleSpec
from typing import Any

from hydra.core.config_store import ConfigNode, ConfigStore
from omegaconf import DictConfig, OmegaConf

PROVIDER = "hydra_hpo_sweeper"
OPTUNA_SWEEPER = "hydra_plugins.hydra_optuna_sweeper"
STAND_IN = "_stands_in"
"""Marks the stand-in modules for hydra-optuna-sweeper while it is not installed, and their finder."""


def optuna_sweeper_is_installed() -> bool:
    """Return whether hydra-optuna-sweeper itself can be imported."""
    present = sys.modules.get(OPTUNA_SWEEPER)
    if present is not None:
        return not hasattr(present, STAND_IN)
    return optuna_sweeper_spec() is not None


def optuna_sweeper_spec() -> ModuleSpec | None:
    """Return the location of hydra-optuna-sweeper itself; stand-ins for it are ignored."""
    import hydra_plugins

    for finder in sys.meta_path:
        if not hasattr(finder, STAND_IN) and hasattr(finder, "find_spec"):
            spec = finder.find_spec(OPTUNA_SWEEPER, hydra_plugins.__path__)
            if spec is not None:
                return spec
    return None


def let_optuna_sweeper_go_first() -> None:
    """Import hydra-optuna-sweeper's entries into the config store, where it is installed.

    Hydra would import its configuration a moment later anyway. Existing entries keep their names: Hydra 1.4 warns of
    two plugins that store one name.
    """
    if optuna_sweeper_is_installed():
        # When it cannot be imported, Hydra reports it.
        with contextlib.suppress(Exception):
            importlib.import_module(f"{OPTUNA_SWEEPER}.config")


class LazyNode(ConfigNode):
    """A config node with unconverted content: a dataclass, a dictionary or a ``partial``."""

    def __init__(self, name: str, group: str, content: Any) -> None:
        self._content = content
        self.name = name
        self.group = group
        self.package = None
        self.provider = PROVIDER

    # The base class, a dataclass, has a plain attribute here.
    @property
    def node(self) -> DictConfig:
        """The config, not in struct mode: it accepts unknown keys, so that the sweeper's own error rejects them."""
        if not isinstance(self._content, DictConfig):
            content = self._content() if isinstance(self._content, partial) else self._content
            self._content = OmegaConf.structured(content) if isinstance(content, type) else OmegaConf.create(content)
            OmegaConf.set_struct(self._content, False)
        return self._content

    @node.setter
    def node(self, content: DictConfig) -> None:
        self._content = content


def store_if_absent(group: str, name: str, content: Any) -> None:
    """Put a configuration into the config store, unless another plugin has an entry of that name.

    Args:
        content: A dataclass, a dictionary, or a ``partial`` that makes a dictionary when the entry is chosen.
    """
    place: Any = ConfigStore.instance().repo
    for part in group.split("/"):
        place = place.setdefault(part, {})
    present = place.get(f"{name}.yaml")
    if present is None or present.provider == PROVIDER:
        place[f"{name}.yaml"] = LazyNode(f"{name}.yaml", group, content)
