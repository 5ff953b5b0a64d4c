"""The names of hydra-optuna-sweeper, so that commands and configurations written for it run here unchanged.

Where that plugin is installed, the names stay its own. Hydra finds sweeper classes in this file because its name has no
underscore in front; like every scanned file it imports next to nothing.
"""

import sys
from dataclasses import dataclass, field
from functools import partial
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from hydra_plugins.hydra_hpo_sweeper._hydra._store import (
    OPTUNA_SWEEPER,
    STAND_IN,
    optuna_sweeper_is_installed,
    store_if_absent,
)
from hydra_plugins.hydra_hpo_sweeper.config import HPOSweeperConf
from hydra_plugins.hydra_hpo_sweeper.sweeper import HPOSweeper
from sweeper_core.registry import config_of


@dataclass
class OptunaSweeperConf(HPOSweeperConf):
    """``hydra.sweeper`` under ``hydra/sweeper=optuna``: the first failure ends the sweep, as it does there."""

    _target_: str = f"{OPTUNA_SWEEPER}.optuna_sweeper.OptunaSweeper"
    defaults: Any = field(default_factory=lambda: ["_self_", {"sampler": "tpe"}, {"pruner": "none"}])
    max_failure_rate: Any = 0.0


def _stand_in(name: str, **content: Any) -> ModuleType:
    """Put a module into ``sys.modules`` that Hydra can locate a sweeper's ``_target_`` in."""
    module = ModuleType(name, "A name kept for configurations written for hydra-optuna-sweeper.")
    module.__spec__ = ModuleSpec(name, None, is_package=name == OPTUNA_SWEEPER)
    vars(module).update(content, **{STAND_IN: True})
    if name == OPTUNA_SWEEPER:
        module.__path__ = []
    sys.modules[name] = module
    return module


if not optuna_sweeper_is_installed():
    # One class a name: Hydra knows a plugin by its class's module and name.
    OptunaSweeper = type("OptunaSweeper", (HPOSweeper,), {"__module__": f"{OPTUNA_SWEEPER}.optuna_sweeper"})
    ShortOptunaSweeper = type("OptunaSweeper", (HPOSweeper,), {"__module__": OPTUNA_SWEEPER})
    _long = _stand_in(f"{OPTUNA_SWEEPER}.optuna_sweeper", OptunaSweeper=OptunaSweeper)
    _short = _stand_in(OPTUNA_SWEEPER, OptunaSweeper=ShortOptunaSweeper, optuna_sweeper=_long)
    sys.modules["hydra_plugins"].hydra_optuna_sweeper = _short  # type: ignore[attr-defined]
    store_if_absent("hydra/sweeper", "optuna", OptunaSweeperConf)
    store_if_absent("hydra/sweeper/sampler", "motpe", partial(config_of, "sampler", "tpe"))
