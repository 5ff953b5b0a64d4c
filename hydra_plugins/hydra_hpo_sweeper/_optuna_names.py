"""Stand-ins for the modules of hydra-optuna-sweeper that scripts import, where it is not installed.

A line in ``hydra_hpo_sweeper_names.pth`` appends a finder to ``sys.meta_path`` when Python starts. The finder calls
:func:`find_spec` for modules under ``hydra_plugins.hydra_optuna_sweeper`` that no other finder has found. So the names
can be imported before Hydra searches for plugins, no file is where pip would install the plugin's, and an installed
plugin is found first.
"""

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, is_dataclass, make_dataclass
from enum import Enum
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from omegaconf import MISSING

from hydra_plugins.hydra_hpo_sweeper._hydra._store import OPTUNA_SWEEPER, STAND_IN, optuna_sweeper_spec
from hydra_plugins.hydra_hpo_sweeper.config import HPOSweeperConf
from hydra_plugins.hydra_hpo_sweeper.sweeper import HPOSweeper

MODULES = ("", ".config", ".optuna_sweeper")


class Direction(Enum):
    """Directions of an objective."""

    minimize = 1
    maximize = 2


class DistributionType(Enum):
    """Kinds of parameters in a search space of mappings."""

    int = 1
    float = 2
    categorical = 3


@dataclass
class SamplerConfig:
    """Any sampler."""

    _target_: str = MISSING


@dataclass
class DistributionConfig:
    """One parameter of a search space of mappings."""

    type: DistributionType = MISSING
    choices: Any = None
    low: Any = None
    high: Any = None
    log: bool = False
    step: Any = None


@dataclass
class OptunaSweeperConf(HPOSweeperConf):
    """``hydra.sweeper`` under ``hydra/sweeper=optuna``: the first failure ends the sweep, and the first trial is the
    sampler's, as it is there.
    """

    _target_: str = f"{OPTUNA_SWEEPER}.optuna_sweeper.OptunaSweeper"
    defaults: Any = field(default_factory=lambda: ["_self_", {"sampler": "tpe"}, {"pruner": "none"}])
    max_failure_rate: Any = 0.0
    start: Any = "none"

    def __post_init__(self) -> None:
        """Let a sampler given here take precedence over the one of the defaults list."""
        if self.sampler is not None:
            self.defaults = [{"sampler": "tpe"}, "_self_", {"pruner": "none"}]
            self.sampler = asdict(self.sampler) if is_dataclass(self.sampler) else self.sampler  # type: ignore[arg-type]


_GENETIC = {
    "population_size": 50,
    "mutation_prob": None,
    "mutation": None,
    "crossover": None,
    "crossover_prob": 0.9,
    "swapping_prob": 0.5,
    "constraints_func": None,
}

SAMPLERS: dict[str, dict[str, Any]] = {
    "Grid": {"_partial_": True, "seed": None},
    "Random": {"seed": None},
    "TPE": {
        "seed": None,
        "consider_prior": None,
        "prior_weight": None,
        "consider_magic_clip": None,
        "consider_endpoints": None,
        "n_startup_trials": 10,
        "n_ei_candidates": 24,
        "multivariate": False,
        "group": False,
        "warn_independent_sampling": None,
        "constant_liar": False,
        "constraints_func": None,
    },
    "MOTPE": {
        "seed": None,
        "consider_prior": None,
        "prior_weight": None,
        "consider_magic_clip": None,
        "consider_endpoints": None,
        "n_startup_trials": 10,
        "n_ehvi_candidates": 24,
    },
    "CmaEs": {
        "seed": None,
        "x0": None,
        "sigma0": None,
        "n_startup_trials": 1,
        "independent_sampler": None,
        "warn_independent_sampling": True,
        "consider_pruned_trials": False,
        "restart_strategy": None,
        "popsize": None,
        "inc_popsize": -1,
        "use_separable_cma": False,
        "with_margin": False,
        "lr_adapt": False,
        "source_trials": None,
    },
    "NSGAII": {"seed": None, **_GENETIC},
    "NSGAIII": {"seed": None, **_GENETIC, "reference_points": None, "dividing_parameter": 3},
    "GP": {
        "seed": None,
        "independent_sampler": None,
        "n_startup_trials": 10,
        "deterministic_objective": False,
        "constraints_func": None,
        "warn_independent_sampling": True,
    },
    "QMC": {
        "seed": None,
        "qmc_type": "sobol",
        "scramble": False,
        "independent_sampler": None,
        "warn_asynchronous_seeding": True,
        "warn_independent_sampling": True,
    },
}
"""The fields of each sampler's configuration, with that plugin's defaults."""


def _sampler_config(name: str, fields: dict[str, Any]) -> type:
    named = [("_target_", str, field(default=f"optuna.samplers.{name}Sampler"))]
    named += [(key, Any, field(default=value)) for key, value in fields.items()]  # type: ignore[misc]
    made = make_dataclass(f"{name}SamplerConfig", named, bases=(SamplerConfig,))
    made.__module__ = f"{OPTUNA_SWEEPER}.config"
    return made


def _config() -> dict[str, Any]:
    plain = (Direction, DistributionType, SamplerConfig, DistributionConfig, OptunaSweeperConf)
    names: dict[str, Any] = {kind.__name__: kind for kind in plain}
    for name, fields in SAMPLERS.items():
        names[f"{name}SamplerConfig"] = _sampler_config(name, fields)
    return names


def _sweeper(module: str) -> type:
    # One class per name: Hydra identifies a plugin by its class's module and name.
    return type("OptunaSweeper", (HPOSweeper,), {"__module__": module})


class StandIn(Loader):
    """Fills a module with the plugin's names."""

    def create_module(self, spec: ModuleSpec) -> None:
        """Use Python's default module creation."""

    def exec_module(self, module: ModuleType) -> None:
        """Put the names in."""
        setattr(module, STAND_IN, True)
        if module.__name__.endswith(".config"):
            vars(module).update(_config())
        else:
            vars(module)["OptunaSweeper"] = _sweeper(module.__name__)


class Finder(MetaPathFinder):
    """Finds the stand-ins where no line of a ``.pth`` file has made a finder: in a source tree on the path."""

    _stands_in = True

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Find one."""
        return find_spec(name)


def find_spec(name: str) -> ModuleSpec | None:
    """Return a stand-in's specification; None for other names, and where the plugin itself is installed."""
    short = name.removeprefix(OPTUNA_SWEEPER)
    package = sys.modules.get(OPTUNA_SWEEPER)
    if short not in MODULES or (package is not None and not hasattr(package, STAND_IN)):
        return None
    # Finders of editable installs come after ours.
    theirs = None if short else optuna_sweeper_spec()
    return theirs or ModuleSpec(name, StandIn(), is_package=not short)


def install() -> None:
    """Install the finder."""
    if not any(hasattr(finder, STAND_IN) for finder in sys.meta_path):
        sys.meta_path.append(Finder())
