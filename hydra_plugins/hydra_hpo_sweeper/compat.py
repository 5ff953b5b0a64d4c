"""The names of hydra-optuna-sweeper, so that commands and configurations written for it run here unchanged.

Where that plugin is installed, the names stay its own. Hydra finds sweeper classes in this file because its name has no
underscore in front; like every scanned file it imports next to nothing.
"""

import importlib
from functools import partial

from hydra_plugins.hydra_hpo_sweeper import _optuna_names
from hydra_plugins.hydra_hpo_sweeper._hydra._store import (
    OPTUNA_SWEEPER,
    optuna_sweeper_is_installed,
    store_if_absent,
)
from hydra_plugins.hydra_hpo_sweeper.sweeper import HPOSweeper
from sweeper_core.registry import config_of

__all__ = ["HPOSweeper"]

if not optuna_sweeper_is_installed():
    _optuna_names.install()
    OptunaSweeper = importlib.import_module(f"{OPTUNA_SWEEPER}.optuna_sweeper").OptunaSweeper
    ShortOptunaSweeper = importlib.import_module(OPTUNA_SWEEPER).OptunaSweeper
    store_if_absent("hydra/sweeper", "optuna", _optuna_names.OptunaSweeperConf)
    store_if_absent("hydra/sweeper/sampler", "motpe", partial(config_of, "sampler", "tpe"))
