"""The sweep's settings, read from ``hydra.sweeper`` and checked before anything starts."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf

from hydra_plugins.hydra_hpo_sweeper._config._algorithms import build_pruner, build_sampler, imported
from hydra_plugins.hydra_hpo_sweeper._errors import ConfigError, closest
from hydra_plugins.hydra_hpo_sweeper.config import HPOSweeperConf
from sweeper_core.directions import StudyDirection
from sweeper_core.pruners import Pruner
from sweeper_core.samplers import Sampler

__all__ = ["ConfigError", "Constraint", "EarlierStudy", "MlflowOptions", "Repeat", "Settings", "read_settings"]

LANES = ("auto", "inline", "process", "thread")
PROGRESS = ("auto", "live", "lines", "off")
AGGREGATES = ("mean", "median", "max", "min")


@dataclass(frozen=True)
class Constraint:
    """A limit on one entry of the mapping that a job returns.

    Attributes:
        entry: The entry's name.
        operator: ``<=`` or ``>=`` (``<`` and ``>`` are read as these).
        bound: The limit.
    """

    entry: str
    operator: str
    bound: float

    def violation(self, value: float) -> float:
        """Return by how much a value breaks the limit; 0 or less when it keeps it."""
        return value - self.bound if self.operator == "<=" else self.bound - value


@dataclass(frozen=True)
class Repeat:
    """Each suggestion runs once with each of these values of one key.

    Attributes:
        key: The override's key.
        values: At least one value.
        aggregate: How the repeats' values become the trial's: mean, median, max or min.
        early_stop: Whether a suggestion that is clearly bad after its first repeats is spared the others.
    """

    key: str
    values: tuple[Any, ...]
    aggregate: str = "mean"
    early_stop: bool = True


@dataclass(frozen=True)
class EarlierStudy:
    """A study to learn from."""

    storage: str
    study_name: str


@dataclass(frozen=True)
class MlflowOptions:
    """How the sweep is logged to MLflow; None: MLflow's own default."""

    tracking_uri: str | None = None
    experiment: str | None = None
    nested: bool = True


@dataclass(frozen=True)
class Settings:
    """Everything that ``hydra.sweeper`` says, checked. The fields are documented in :class:`HPOSweeperConf`.

    Attributes:
        metric: One entry's name for each objective; None when jobs return bare numbers.
        params: ``params`` and the older ``search_space`` together, to be read by ``_space._plan.read_plan``.
        storage: None means the sweep directory's own.
        n_trials: None means no limit.
        devices: None, ``"auto"`` or the devices' names.
    """

    directions: tuple[StudyDirection, ...]
    sampler: Sampler
    pruner: Pruner | None = None
    metric: tuple[str, ...] | None = None
    pruning_metric: str | None = None
    params: DictConfig | None = None
    custom_search_space: Callable[..., Any] | None = None
    enqueue: tuple[dict[str, Any], ...] = ()
    constraints: tuple[Constraint, ...] = ()
    warm_start: tuple[EarlierStudy, ...] = ()
    n_trials: int | None = 20
    max_trials: int | None = None
    timeout: float | None = None
    max_failure_rate: float = 0.5
    repeat: Repeat | None = None
    storage: str | None = None
    study_name: str | None = None
    n_jobs: int = 1
    lanes: str = "auto"
    devices: tuple[str, ...] | str | None = None
    devices_per_job: int = 1
    trial_timeout: float | None = None
    max_retries: int = 1
    max_retries_failed: int = 0
    progress: str = "auto"
    mlflow: MlflowOptions | None = None


_HYDRA_KEYS = {"_target_", "_recursive_", "_convert_", "_partial_", "defaults"}
KEYS = tuple(name for name in HPOSweeperConf.__dataclass_fields__ if name not in _HYDRA_KEYS)


def read_settings(config: DictConfig) -> Settings:
    """Read the settings of a sweep.

    Args:
        config: The sweep's whole configuration.

    Raises:
        ConfigError: A value is wrong or a key unknown; the message names it and what is allowed.
    """
    _refuse_ranks(os.environ)
    node = config.hydra.sweeper
    for key in node:
        if key not in KEYS and key not in _HYDRA_KEYS:
            raise ConfigError(
                f"hydra.sweeper.{key} does not exist; known are {', '.join(KEYS)}.{closest(str(key), KEYS)}"
            )
    values = {key: _plain(node, key) for key in KEYS if key not in ("params", "search_space") and key in node}
    directions = _directions(values.pop("direction", None))
    metric = _metric(values.pop("metric", None), len(directions))
    repeat = _repeat(*(values.pop(key, None) for key in ("repeat", "repeat_aggregate", "repeat_early_stop")))
    return Settings(
        directions=directions,
        metric=metric,
        pruning_metric=_pruning_metric(values.pop("pruning_metric", None), metric),
        params=_params(node),
        repeat=repeat,
        **{key: _READERS[key](key, value) for key, value in values.items()},
    )


def _refuse_ranks(environ: Mapping[str, str]) -> None:
    """Refuse to run inside a rank of torchrun: each of them would run a sweep of its own."""
    if "TORCHELASTIC_RUN_ID" in environ:
        raise ConfigError(
            "torchrun started this sweep, so that each of its ranks would run one; start the sweep with python "
            "(python train.py -m …) and let the job start its ranks."
        )


def _plain(node: DictConfig, key: str) -> Any:
    """Return a setting as plain Python, interpolations resolved."""
    try:
        if OmegaConf.is_missing(node, key):
            return None
        value = node[key]
        return OmegaConf.to_container(value, resolve=True) if isinstance(value, (DictConfig, ListConfig)) else value
    except Exception as error:
        raise ConfigError(f"hydra.sweeper.{key} cannot be resolved: {error}") from error


def _fail(key: str, expected: str, value: Any) -> ConfigError:
    return ConfigError(f"hydra.sweeper.{key} must be {expected}, not {value!r}.")


def _params(node: DictConfig) -> DictConfig | None:
    """Return the parameters of both keys, unresolved."""
    given = {}
    for key in ("search_space", "params"):
        try:
            value = node.get(key)
        except Exception as error:
            raise ConfigError(f"hydra.sweeper.{key} cannot be resolved: {error}") from error
        if value is not None and not isinstance(value, DictConfig):
            raise _fail(key, "a mapping of parameters", value)
        if value:
            given[key] = value
    if len(given) < 2:
        return next(iter(given.values()), None)
    twice = sorted(set(given["search_space"]) & set(given["params"]))
    if twice:
        raise ConfigError(
            f"{twice[0]!r} is in hydra.sweeper.params and in hydra.sweeper.search_space; keep one of them."
        )
    # Both stay below the sweep's configuration, where their interpolations look.
    merged = OmegaConf.merge(given["search_space"], given["params"])
    merged._set_parent(node)
    assert isinstance(merged, DictConfig)
    return merged


# --- one setting each ----------------------------------------------------------------------------------------------


def _directions(value: Any) -> tuple[StudyDirection, ...]:
    """Return the directions of "minimize", "Direction.maximize", members of an enum, and lists of these."""
    given = value if isinstance(value, list) else ["minimize" if value is None else value]
    if not given:
        raise _fail("direction", "minimize or maximize, or a list of these", value)
    return tuple(_direction(item, value) for item in given)


def _direction(item: Any, whole: Any) -> StudyDirection:
    word = item.name if isinstance(item, Enum) else str(item).rpartition(".")[2]
    if word.lower() not in ("minimize", "maximize"):
        hint = closest(word.lower(), ("minimize", "maximize"))
        raise ConfigError(
            f"hydra.sweeper.direction must be minimize or maximize, or a list of these, not {whole!r}.{hint}"
        )
    return StudyDirection[word.upper()]


def _metric(value: Any, objectives: int) -> tuple[str, ...] | None:
    if value is None:
        return None
    names = value if isinstance(value, list) else [value]
    if not names or not all(isinstance(name, str) and name for name in names):
        raise _fail("metric", "a name, or a list of names", value)
    if len(names) != objectives:
        raise ConfigError(
            f"hydra.sweeper.metric names {len(names)} entries ({', '.join(names)}), but hydra.sweeper.direction has "
            f"{objectives}; give one for each objective."
        )
    return tuple(names)


def _pruning_metric(value: Any, metric: tuple[str, ...] | None) -> str | None:
    if value is not None and value not in (metric or ()):
        raise _fail(
            "pruning_metric", f"one of hydra.sweeper.metric ({', '.join(metric or ()) or 'which is not set'})", value
        )
    return value  # type: ignore[no-any-return]


def _count(least: int, optional: bool = False) -> Callable[[str, Any], Any]:
    def read(key: str, value: Any) -> int | None:
        if value is None and optional:
            return None
        number = int(value) if type(value) is float and value.is_integer() else value
        if type(number) is not int or number < least:
            raise _fail(key, f"a whole number from {least} on{', or null for no limit' if optional else ''}", value)
        return number

    return read


def _seconds(key: str, value: Any) -> float | None:
    if value is None:
        return None
    if type(value) not in (int, float) or not (value > 0 and math.isfinite(value)):
        raise _fail(key, "a number of seconds above 0, or null for no limit", value)
    return float(value)


def _jobs(key: str, value: Any) -> int:
    if value is None:
        return 1
    if value == -1 and type(value) is int:
        return os.cpu_count() or 1
    if type(value) is not int or value < 1:
        raise _fail(key, "a whole number from 1 on (or -1: one for each processor)", value)
    return value


def _rate(key: str, value: Any) -> float:
    if type(value) not in (int, float) or not 0 <= value <= 1:
        raise _fail(key, "a number from 0 to 1", value)
    return float(value)


def _one_of(names: tuple[str, ...]) -> Callable[[str, Any], str]:
    def read(key: str, value: Any) -> str:
        # YAML takes a bare off for false.
        word = (
            {None: "auto", False: "off", True: "auto"}.get(value, value) if not isinstance(value, (list, dict)) else ""
        )
        if word not in names:
            raise ConfigError(
                f"hydra.sweeper.{key} must be one of {', '.join(names)}, not {value!r}.{closest(str(value), names)}"
            )
        return str(word)

    return read


def _text(key: str, value: Any) -> str | None:
    if type(value) is int:
        return str(value)
    if value is not None and not (isinstance(value, str) and value):
        raise _fail(key, "a text, or null", value)
    return value


_DATABASE = r"(sqlite|postgres|postgresql|mysql|mariadb|journal)(\+\w+)?://.*"
_STORAGE = re.compile(rf"{_DATABASE}|(?!.*://).*\.(log|journal)", re.DOTALL)


def _storage(key: str, value: Any) -> str | None:
    """Return the storage's URL, also of a mapping that describes one of Optuna's storages."""
    if isinstance(value, dict):
        value = _storage_url(value)
    if value is not None and not (isinstance(value, str) and _STORAGE.fullmatch(value)):
        # Without the value, in which there may be a password.
        raise ConfigError(
            f"hydra.sweeper.{key} must be a URL such as sqlite:///study.db, postgresql://user@host/name, "
            "mysql://user@host/name or journal:///study.log, or the path of a journal that ends in .log or .journal."
        )
    return value


def _storage_url(config: Mapping[str, Any]) -> str:
    word = str(config.get("_target_", "")).rpartition(".")[2]
    url = config.get("url")
    if word == "RDBStorage" and isinstance(url, str) and set(config) <= {"_target_", "url"}:
        return url
    backend = config.get("log_storage")
    if word == "JournalStorage" and isinstance(backend, Mapping) and isinstance(backend.get("file_path"), str):
        return f"journal:///{backend['file_path']}"
    raise ConfigError(
        "hydra.sweeper.storage must be a URL such as sqlite:///study.db, postgresql://… or journal:///study.log, "
        f"not {dict(config)!r}."
    )


def _enqueue(key: str, value: Any) -> tuple[dict[str, Any], ...]:
    if value is None:
        return ()
    points = [value] if isinstance(value, dict) else value
    if not isinstance(points, list) or not all(isinstance(point, dict) and point for point in points):
        raise _fail(key, "a list of mappings from parameters to values", value)
    return tuple({str(name): item for name, item in point.items()} for point in points)


def _function(key: str, value: Any) -> Callable[..., Any] | None:
    path = value.get("_target_") if isinstance(value, dict) else value
    if path is None:
        return None
    if not isinstance(path, str):
        raise _fail(key, "the dotted path of a function (cfg, trial)", value)
    found = imported(path, f"hydra.sweeper.{key}")
    if not callable(found):
        raise _fail(key, "the dotted path of a function (cfg, trial)", value)
    return found  # type: ignore[no-any-return]


_LIMIT = re.compile(r"\s*(<=|>=|<|>)\s*(\S+)\s*")


def _constraints(key: str, value: Any) -> tuple[Constraint, ...]:
    if value is None:
        return ()
    if not isinstance(value, dict):
        raise _fail(key, 'a mapping such as {latency: "<= 10"}', value)
    return tuple(_constraint(f"{key}.{entry}", str(entry), limit) for entry, limit in value.items())


def _constraint(key: str, entry: str, limit: Any) -> Constraint:
    found = _LIMIT.fullmatch(limit) if isinstance(limit, str) else None
    try:
        bound = float(found[2]) if found else math.nan
    except ValueError:
        bound = math.nan
    if found is None or not math.isfinite(bound):
        raise _fail(key, 'a limit such as "<= 10" or ">= 0.5"', limit)
    return Constraint(entry, f"{found[1][0]}=", bound)


def _warm_start(key: str, value: Any) -> tuple[EarlierStudy, ...]:
    studies = [value] if isinstance(value, dict) else value or []
    if not isinstance(studies, list) or not all(isinstance(study, dict) for study in studies):
        raise _fail(key, "a list of {storage: URL, study_name: name}", value)
    for study in studies:
        if set(study) != {"storage", "study_name"} or not all(isinstance(part, str) for part in study.values()):
            raise _fail(key, "a list of {storage: URL, study_name: name}", value)
    return tuple(EarlierStudy(**study) for study in studies)


def _repeat(value: Any, aggregate: Any, early_stop: Any) -> Repeat | None:
    how = _one_of(AGGREGATES)("repeat_aggregate", "mean" if aggregate is None else aggregate)
    stop = _flag("repeat_early_stop", True if early_stop is None else early_stop)
    if value is None:
        return None
    if not isinstance(value, dict) or len(value) != 1:
        raise _fail("repeat", "a mapping of one key to a list of values, such as {seed: [0, 1, 2]}", value)
    ((key, values),) = value.items()
    if not isinstance(values, list) or not values:
        raise _fail("repeat", "a mapping of one key to a list of values, such as {seed: [0, 1, 2]}", value)
    return Repeat(str(key), tuple(values), how, stop)


def _flag(key: str, value: Any) -> bool:
    if type(value) is not bool:
        raise _fail(key, "true or false", value)
    return value


def _devices(key: str, value: Any) -> tuple[str, ...] | str | None:
    if value is None or value == "auto":
        return value  # type: ignore[no-any-return]
    given = value if isinstance(value, list) else [value]
    names = [str(item) for item in given if type(item) in (int, str) and str(item).strip() and str(item)[0] != "-"]
    if not names or len(names) < len(given):
        raise _fail(key, "a list of device numbers, or auto", value)
    if len(set(names)) < len(names):
        raise _fail(key, "a list of different devices", value)
    return tuple(names)


def _mlflow(key: str, value: Any) -> MlflowOptions | None:
    if value is None or value is False:
        return None
    if not isinstance(value, dict):
        raise _fail(key, "a mapping such as {tracking_uri: URL, experiment: name, nested: true}", value)
    known = tuple(MlflowOptions.__dataclass_fields__)
    for name in value:
        if name not in known:
            raise ConfigError(
                f"hydra.sweeper.{key}.{name} does not exist; known are {', '.join(known)}.{closest(str(name), known)}"
            )
    return MlflowOptions(
        _text(f"{key}.tracking_uri", value.get("tracking_uri")),
        _text(f"{key}.experiment", value.get("experiment")),
        _flag(f"{key}.nested", value.get("nested", True)),
    )


_READERS: dict[str, Callable[[str, Any], Any]] = {
    "sampler": lambda key, value: build_sampler(value),
    "pruner": lambda key, value: build_pruner(value),
    "custom_search_space": _function,
    "enqueue": _enqueue,
    "constraints": _constraints,
    "warm_start": _warm_start,
    "n_trials": _count(1, optional=True),
    "max_trials": _count(1, optional=True),
    "timeout": _seconds,
    "max_failure_rate": _rate,
    "storage": _storage,
    "study_name": _text,
    "n_jobs": _jobs,
    "lanes": _one_of(LANES),
    "devices": _devices,
    "devices_per_job": _count(1),
    "trial_timeout": _seconds,
    "max_retries": _count(0),
    "max_retries_failed": _count(0),
    "progress": _one_of(PROGRESS),
    "mlflow": _mlflow,
}
