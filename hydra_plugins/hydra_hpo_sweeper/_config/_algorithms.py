"""Samplers, pruners and schedulers from their configurations, which are data until the sweep runs.

A ``_target_`` of Optuna's, of hydra-optuna-sweeper's or of ours names one of our classes by its last word; any other is
a class of the user's own. None as an argument means the class's own default.
"""

from __future__ import annotations

import importlib
import inspect
import logging
from collections.abc import Callable, Mapping
from typing import Any

from hydra_plugins.hydra_hpo_sweeper._config._numbers import real, truth, whole, without_quotes
from hydra_plugins.hydra_hpo_sweeper._config._other_names import algorithm_meant
from hydra_plugins.hydra_hpo_sweeper._errors import ConfigError, closest
from sweeper_core import pruners, samplers, schedulers
from sweeper_core.pruners import BasePruner, NopPruner
from sweeper_core.registry import TABLES, Kind
from sweeper_core.samplers import BaseSampler, Sampler
from sweeper_core.schedulers import Scheduler, StopScheduler

log = logging.getLogger(__name__)

OURS = ("optuna.", "sweeper_core.", "hydra_plugins.hydra_optuna_sweeper.")
RENAMED = {
    "create_nsgaii_sampler": "NSGAIISampler",
    "create_nsgaiii_sampler": "NSGAIIISampler",
    "raise_motpe_removed": "TPESampler",
    "MOTPESampler": "TPESampler",
    "motpe": "TPESampler",
    "ExtrapolatingPruner": "ExtrapolationPruner",
}
RETIRED = {
    # hydra-optuna-sweeper names these, and neither changes what is suggested here.
    "warn_independent_sampling",
    "warn_asynchronous_seeding",
    "consider_prior",
}
LEFTOVERS: dict[str, tuple[Any, ...]] = {
    # Defaults that hydra-optuna-sweeper's sampler configurations fill in.
    "n_startup_trials": (1, 10),
    "n_ei_candidates": (24,),
    "multivariate": (False,),
    "group": (False,),
    "constant_liar": (False,),
    "prior_weight": (1.0,),
    "consider_magic_clip": (True,),
    "consider_endpoints": (False,),
    "consider_pruned_trials": (False,),
    "inc_popsize": (-1, 2),
    "use_separable_cma": (False,),
    "with_margin": (False,),
    "lr_adapt": (False,),
    "population_size": (50,),
    "crossover_prob": (0.9,),
    "swapping_prob": (0.5,),
    "dividing_parameter": (3,),
    "deterministic_objective": (False,),
    "qmc_type": ("sobol",),
    "scramble": (False,),
}
_FUNCTIONS = (
    "constraints_func",
    "gamma",
    "weights",
    "elite_population_selection_strategy",
    "child_generation_strategy",
    "after_trial_strategy",
)
"""Arguments that are functions: in a configuration, dotted paths."""
_HYDRA_KEYS = ("_target_", "_partial_", "_recursive_", "_convert_", "_args_")
_LOCATORS = (
    "hydra.utils.get_method",
    "hydra.utils.get_object",
    "hydra.utils.get_class",
    "hydra.utils.get_static_method",
)
_MODULES = {"sampler": samplers, "pruner": pruners, "scheduler": schedulers}


def build_sampler(config: Any) -> Sampler | BaseSampler:
    """Return the sampler that a configuration describes: a mapping with ``_target_``, a short name, or None (auto).

    Raises:
        ConfigError: It is unknown, or an argument is unknown or wrong.
    """
    sampler = _build("sampler", "auto" if config is None else config)
    if not isinstance(sampler, (Sampler, BaseSampler)):
        raise _unusable("sampler", sampler, ", as in Optuna, sweeper_core.samplers.BaseSampler")
    return sampler


def build_pruner(config: Any) -> BasePruner | None:
    """Return the pruner that a configuration describes; None for no pruning.

    Raises:
        ConfigError: It is unknown, or an argument is unknown or wrong.
    """
    if config is None:
        return None
    pruner = _build("pruner", config)
    if not isinstance(pruner, BasePruner):
        raise _unusable("pruner", pruner, ", as in Optuna, sweeper_core.pruners.BasePruner")
    return None if isinstance(pruner, NopPruner) else pruner


def build_scheduler(config: Any) -> Scheduler | None:
    """Return the scheduler that a configuration describes; None where stopped trials are never continued.

    Raises:
        ConfigError: It is unknown, or an argument is unknown or wrong.
    """
    if config is None:
        return None
    scheduler = _build("scheduler", config)
    if not isinstance(scheduler, Scheduler):
        raise _unusable("scheduler", scheduler)
    return None if isinstance(scheduler, StopScheduler) else scheduler


def _unusable(kind: Kind, found: Any, or_else: str = "") -> ConfigError:
    base = f"sweeper_core.{kind}s.{kind.capitalize()}{f' or{or_else}' if or_else else ''}"
    return ConfigError(f"hydra.sweeper.{kind}: {type(found).__name__} cannot be used as a {kind}: subclass {base}.")


def _build(kind: Kind, config: Any, place: str = "") -> Any:
    place = place or f"hydra.sweeper.{kind}"
    if isinstance(config, str):
        config = {"_target_": config}
    if not isinstance(config, Mapping) or not isinstance(config.get("_target_"), str):
        raise ConfigError(
            f"{place} must be a mapping with _target_, or one of {_known(kind)}, not {config!r}; "
            f"on the command line choose one with hydra/sweeper/{kind}=<name>."
        )
    target = config["_target_"]
    build = _class_of(kind, target, place)
    arguments = _arguments(kind, build, config, place)
    try:
        return build(**arguments)
    except ConfigError:
        raise
    except Exception as error:
        raise ConfigError(f"{place}: {target.rpartition('.')[2]} refuses its arguments: {error}") from error


def _known(kind: Kind) -> str:
    return ", ".join(sorted(TABLES[kind]))


def _class_of(kind: Kind, target: str, place: str) -> Callable[..., Any]:
    word = target.rpartition(".")[2]
    if "." in target and not target.startswith(OURS):
        own = imported(target, f"{place}._target_")
        if not callable(own):
            raise ConfigError(f"{place}._target_: {target!r} is not a class or a function that makes a {kind}.")
        return own  # type: ignore[no-any-return]
    entries = TABLES[kind]
    by_class = {entry.class_name: entry for entry in reversed(entries.values())}
    name = RENAMED.get(word, word)
    entry = entries.get(name) or by_class.get(name)
    if entry is not None:
        return entry.load()  # type: ignore[no-any-return]
    module = _MODULES[kind]
    if name not in module.__all__ or not name.endswith(kind.capitalize()):
        known = [*entries, *by_class, *(entry for entry in module.__all__ if entry.endswith(kind.capitalize()))]
        raise ConfigError(
            f"{place}: unknown {kind} {target!r}.{algorithm_meant(kind, target, known)} There are {_known(kind)}."
        )
    found: Callable[..., Any] = getattr(module, name)
    return found


def imported(path: str, place: str) -> Any:
    """Return the object with a dotted path.

    Raises:
        ConfigError: There is no such module, or no such name in it.
    """
    parts = path.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        name = ".".join(parts[:cut])
        try:
            found = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{name}.".startswith(f"{error.name}."):
                raise ConfigError(f"{place}: importing {name!r} fails: {error}") from error
            continue
        try:
            for part in parts[cut:]:
                found = getattr(found, part)
        except AttributeError as error:
            raise ConfigError(f"{place}: module {name!r} has no {'.'.join(parts[cut:])!r}; check {path!r}.") from error
        return found
    raise ConfigError(
        f"{place}: {path!r} cannot be imported; give the dotted path of something in an importable module."
    )


def _arguments(kind: Kind, build: Callable[..., Any], config: Mapping[str, Any], place: str) -> dict[str, Any]:
    accepted, required = _accepted(build)
    arguments, dropped = {}, []
    for name, value in config.items():
        if name in _HYDRA_KEYS:
            continue
        if accepted is not None and name not in accepted:
            _refuse_unless_left_over(kind, build, name, value, place, accepted)
            if value is not None:
                dropped.append(name)
        elif value is not None or name in required:
            arguments[name] = _typed(build, name, _argument(name, value, f"{place}.{name}"), f"{place}.{name}")
    if dropped:
        log.warning(
            "%s: %s has no %s: left over from another sampler's defaults, and dropped.",
            place,
            build.__name__,
            ", ".join(dropped),
        )
    return arguments


_TYPES: Mapping[frozenset[str], tuple[Callable[[Any], Any], str]] = {
    frozenset({"int"}): (whole, "a whole number"),
    frozenset({"float"}): (real, "a number"),
    frozenset({"int", "float"}): (real, "a number"),
    frozenset({"bool"}): (truth, "true or false"),
}


def _typed(build: Callable[..., Any], name: str, value: Any, place: str) -> Any:
    """Return an argument as the number or flag of its annotation.

    Raises:
        ConfigError: It is none.
    """
    parameter = _parameters(build).get(name)
    annotation = getattr(parameter, "annotation", "")
    words = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
    kinds = frozenset(word.strip() for word in words.split("|")) - {"None"}
    if value is None or kinds not in _TYPES:
        return value
    convert, expected = _TYPES[kinds]
    converted = convert(value)
    if converted is None:
        raise ConfigError(f"{place} must be {expected}, not {value!r}.")
    return converted if isinstance(value, str) or convert is not real else value


def _parameters(build: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """Return the parameters of a callable; one without a signature accepts any."""
    try:
        return inspect.signature(build).parameters
    except ValueError:
        return {"arguments": inspect.Parameter("arguments", inspect.Parameter.VAR_KEYWORD)}


def _accepted(build: Callable[..., Any]) -> tuple[list[str] | None, list[str]]:
    """Return the names of a class's arguments (None when it takes any), and those without a default."""
    parameters = _parameters(build).values()
    required = [parameter.name for parameter in parameters if parameter.default is parameter.empty]
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return None, required
    return [parameter.name for parameter in parameters], required


def _refuse_unless_left_over(
    kind: Kind, build: Callable[..., Any], name: str, value: Any, place: str, accepted: list[str]
) -> None:
    others = {name for table in TABLES.values() for entry in table.values() for name in entry.arguments()}
    known = name in others or name in LEFTOVERS or name in RETIRED
    if known and (value is None or name in RETIRED or value in LEFTOVERS.get(name, ())):
        return
    allowed = ", ".join(accepted) or "none"
    raise ConfigError(
        f"{place}.{name}: {build.__name__} has no argument {name!r}.{closest(name, accepted)} Its arguments: {allowed}."
    )


def _argument(name: str, value: Any, place: str) -> Any:
    """Return an argument's Python value: objects are built, functions imported."""
    if isinstance(value, Mapping) and "_target_" in value:
        return _object(name, value, place)
    if isinstance(value, Mapping):
        return {key: _argument(str(key), item, f"{place}.{key}") for key, item in value.items()}
    if isinstance(value, list):
        return [_argument(name, item, f"{place}[{index}]") for index, item in enumerate(value)]
    if name == "seed":
        return _seed(value, place)
    if name in ("independent_sampler", "base_sampler", "wrapped_pruner") and isinstance(value, str):
        return _build("pruner" if name.endswith("pruner") else "sampler", value, place)
    if name in _FUNCTIONS and isinstance(value, str):
        return imported(value, place)
    return value


def _seed(value: Any, place: str) -> int | None:
    seed = whole(value)
    if without_quotes(value) is not None and (seed is None or seed < 0):
        raise ConfigError(f"{place} must be a whole number from 0 on, or null, not {value!r}.")
    return seed


def _object(name: str, config: Mapping[str, Any], place: str) -> Any:
    target = config["_target_"]
    for kind in TABLES:
        if name.endswith(kind):
            return _build(kind, config, place)
    if target in _LOCATORS:
        return imported(str(config.get("path")), f"{place}.path")
    found = imported(f"sweeper_core.{target[7:]}" if target.startswith("optuna.") else target, f"{place}._target_")
    arguments = {
        key: _argument(str(key), item, f"{place}.{key}") for key, item in config.items() if key not in _HYDRA_KEYS
    }
    try:
        return found(*config.get("_args_", ()), **arguments)
    except Exception as error:
        raise ConfigError(f"{place}: {target} refuses its arguments: {error}") from error
