"""Readers: each takes a setting as the configuration has it, and returns its value or raises ``ConfigError``."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from importlib.metadata import entry_points
from typing import Any

from hydra_plugins.hydra_hpo_sweeper._config._algorithms import OURS, imported
from hydra_plugins.hydra_hpo_sweeper._config._lane_types import LaneType, own_lane_type, registered_lane_types
from hydra_plugins.hydra_hpo_sweeper._config._numbers import real, truth, whole, without_quotes
from hydra_plugins.hydra_hpo_sweeper._errors import ConfigError, closest
from sweeper_core.directions import StudyDirection
from sweeper_core.durations import EXAMPLES, SECONDS_OF, UnknownUnit, seconds_in
from sweeper_core.storages._open import GROUP
from sweeper_core.storages.base import Storage
from sweeper_core.storages.url import StorageURL

LANES = ("auto", "inline", "process", "thread", "batch")
PROGRESS = ("auto", "live", "lines", "off")
AGGREGATES = ("mean", "median", "max", "min")
STARTS = ("config", "none")
ROLES = ("sweep", "worker")
AUTO = "auto"


@dataclass(frozen=True)
class Repeat:
    """Each suggestion runs once with each of these values of one key.

    Attributes:
        key: The override's key.
        values: At least one value.
        aggregate: Aggregation of the repeats' values: mean, median, max or min.
        early_stop: Whether the other repeats are skipped when the first ones are clearly bad.
    """

    key: str
    values: tuple[Any, ...]
    aggregate: str = "mean"
    early_stop: bool = True


@dataclass(frozen=True)
class EarlierStudy:
    """An earlier study for transfer learning."""

    storage: str
    study_name: str


@dataclass(frozen=True)
class MlflowOptions:
    """Settings for MLflow; None: MLflow's own default."""

    tracking_uri: str | None = None
    experiment: str | None = None
    nested: bool = True


@dataclass(frozen=True)
class CheckpointOptions:
    """Settings for checkpoints: their folder, how often they are saved, and which are retained.

    Attributes:
        dir: None means below the sweep directory.
        every: Steps between two saves; None saves at the job's calls, at most once in 30 seconds.
        keep_best: Number of best trials whose checkpoints are kept.
        keep_last: Number of checkpoints kept of a trial that can be continued.
        max_gb: None means no limit.
    """

    dir: str | None = None
    every: int | None = None
    keep_best: int = 1
    keep_last: int = 1
    max_gb: float | None = None


def wrong(key: str, expected: str, value: Any) -> ConfigError:
    return ConfigError(f"hydra.sweeper.{key} must be {expected}, not {value!r}.")


def refuse_unknown(key: str, value: Mapping[Any, Any], known: Collection[str]) -> None:
    """Raise where a setting that is a mapping has a key that is not among the known ones."""
    for name in value:
        if name not in known:
            raise ConfigError(
                f"hydra.sweeper.{key}.{name} does not exist.{closest(str(name), known)} Known are {', '.join(known)}."
            )


def directions(value: Any) -> tuple[StudyDirection, ...]:
    """Return the directions of "minimize", "Direction.maximize", members of an enum, and lists of these."""
    given = value if isinstance(value, list) else ["minimize" if value is None else value]
    if not given:
        raise wrong("direction", "minimize or maximize, or a list of these", value)
    return tuple(_direction(item, value) for item in given)


def _direction(item: Any, whole: Any) -> StudyDirection:
    word = item.name if isinstance(item, Enum) else str(item).rpartition(".")[2]
    if word.lower() not in ("minimize", "maximize"):
        hint = closest(word.lower(), ("minimize", "maximize"))
        raise ConfigError(
            f"hydra.sweeper.direction must be minimize or maximize, or a list of these, not {whole!r}.{hint}"
        )
    return StudyDirection[word.upper()]


def metric(value: Any, objectives: int) -> tuple[str, ...] | None:
    if value is None:
        return None
    names = value if isinstance(value, list) else [value]
    if not names or not all(isinstance(name, str) and name for name in names):
        raise wrong("metric", "a name, or a list of names", value)
    if len(names) != objectives:
        raise ConfigError(
            f"hydra.sweeper.metric names {len(names)} entries ({', '.join(names)}), but hydra.sweeper.direction has "
            f"{objectives}; give one for each objective."
        )
    return tuple(names)


def pruning_metric(value: Any, metric: tuple[str, ...] | None) -> str | None:
    if isinstance(value, str) and value and len(metric or ()) < 2:
        return value  # of a report of several metrics
    if value is not None and value not in (metric or ()):
        raise wrong(
            "pruning_metric", f"one of hydra.sweeper.metric ({', '.join(metric or ()) or 'which is not set'})", value
        )
    return value  # type: ignore[no-any-return]


def count(least: int, optional: bool = False) -> Callable[[str, Any], Any]:
    def read(key: str, value: Any) -> int | None:
        if without_quotes(value) is None and optional:
            return None
        number = whole(value)
        if number is None or number < least:
            raise wrong(key, f"a whole number from {least} on{', or null for no limit' if optional else ''}", value)
        return number

    return read


def limit_in(unit: str) -> Callable[[str, Any], float | None]:
    """Return a reader of a positive number, or of null for no limit."""

    def read(key: str, value: Any) -> float | None:
        if without_quotes(value) is None:
            return None
        number = real(value)
        if number is None or number <= 0:
            raise wrong(key, f"a number of {unit} above 0, or null for no limit", value)
        return number

    return read


def seconds(key: str, value: Any) -> float | None:
    """Return a duration in seconds, of a number or of a text with units; None for no limit."""
    try:
        given = seconds_in(value) if isinstance(value, str) else None
    except UnknownUnit as error:
        raise ConfigError(
            f"hydra.sweeper.{key}={value}: the unit {str(error)!r} does not exist; known are {', '.join(SECONDS_OF)} "
            f"({EXAMPLES})."
        ) from None
    given = value if given is None else given
    try:
        return _plain_seconds(key, given)
    except ConfigError:
        expected = "a number of seconds above 0, or null for no limit"
        raise ConfigError(f"{wrong(key, expected, value)} With units: {EXAMPLES}.") from None


_plain_seconds = limit_in("seconds")


def resume(key: str, value: Any) -> bool:
    """Return whether the last sweep is continued: ``last``, or true and false."""
    if value in ("last", None) or type(value) is bool:
        return bool(value)
    raise wrong(key, "last (or true) to go on with this application's last sweep, or null", value)


def jobs(key: str, value: Any) -> int:
    if without_quotes(value) is None:
        return 1
    number = whole(value)
    if number == -1:
        return os.cpu_count() or 1
    if number is None or number < 1:
        raise wrong(key, "a whole number from 1 on (or -1: one for each processor)", value)
    return number


def rate(key: str, value: Any) -> float:
    number = real(value)
    if number is None or not 0 <= number <= 1:
        raise wrong(key, "a number from 0 to 1", value)
    return number


def lanes(key: str, value: Any) -> str | LaneType:
    """Read a kind of lane, or a lane type of the user's own: its name or a mapping with ``_target_``."""
    if isinstance(value, Mapping):
        return own_lane_type(value)
    if isinstance(value, str) and value not in LANES and value in (names := registered_lane_types()):
        return LaneType(value, names[value].load())
    return one_of((*LANES, *registered_lane_types()) if isinstance(value, str) else LANES)(key, value)


def one_of(names: tuple[str, ...]) -> Callable[[str, Any], str]:
    def read(key: str, value: Any) -> str:
        # YAML reads a bare off as false.
        bare = {None: names[0], False: "off", True: names[0]}
        word = bare.get(value, value) if not isinstance(value, (list, dict)) else ""
        if word not in names:
            raise ConfigError(
                f"hydra.sweeper.{key} must be one of {', '.join(names)}, not {value!r}.{closest(str(value), names)}"
            )
        return str(word)

    return read


def text(key: str, value: Any) -> str | None:
    if type(value) is int:
        return str(value)
    if value is not None and not (isinstance(value, str) and value):
        raise wrong(key, "a text, or null", value)
    return value


_DATABASE = r"(sqlite|postgres|postgresql|mysql|mariadb|journal)(\+\w+)?://.*"
_STORAGE = re.compile(rf"{_DATABASE}|(?!.*://).*\.(log|journal)", re.DOTALL)


def storage(key: str, value: Any) -> Any:
    """Return the storage's URL (also of a mapping for one of Optuna's storages), or a storage of the user's own."""
    if isinstance(value, dict):
        value = _described(key, value)
    if isinstance(value, Storage):
        return value
    if value is not None and not (isinstance(value, str) and _names_storage(value)):
        # The message omits the value, which may contain a password.
        raise ConfigError(
            f"hydra.sweeper.{key} must be a URL such as sqlite:///study.db, postgresql://user@host/name, "
            "mysql://user@host/name or journal:///study.log, or the path of a journal that ends in .log or .journal."
        )
    return value


def _names_storage(text: str) -> bool:
    """Return whether a text is a URL of a known scheme (packages may add some by entry points) or a journal's path."""
    if _STORAGE.fullmatch(text):
        return True
    return "://" in text and any(point.name == StorageURL(text).scheme for point in entry_points(group=GROUP))


def _described(key: str, config: Mapping[str, Any]) -> Any:
    """Return the URL of one of Optuna's storages, or the storage that a mapping with ``_target_`` describes."""
    target = str(config.get("_target_", ""))
    word = target.rpartition(".")[2]
    url = config.get("url")
    if word == "RDBStorage" and isinstance(url, str) and set(config) <= {"_target_", "url"}:
        return url
    backend = config.get("log_storage")
    if word == "JournalStorage" and isinstance(backend, Mapping) and isinstance(backend.get("file_path"), str):
        return f"journal:///{backend['file_path']}"
    if "." in target and not target.startswith(OURS):
        return _own_storage(key, target, config)
    raise ConfigError(
        f"hydra.sweeper.{key} must be a URL such as sqlite:///study.db, postgresql://… or journal:///study.log, or a "
        f"mapping whose _target_ is a storage of your own, not one with the keys {', '.join(map(str, config))}."
    )


def _own_storage(key: str, target: str, config: Mapping[str, Any]) -> Storage:
    arguments = {str(name): value for name, value in config.items() if name != "_target_"}
    try:
        made = imported(target, f"hydra.sweeper.{key}._target_")(**arguments)
    except ConfigError:
        raise
    except Exception as error:
        raise ConfigError(f"hydra.sweeper.{key}: {target} refuses its arguments: {error}") from error
    if not isinstance(made, Storage):
        raise ConfigError(f"hydra.sweeper.{key}: {target} is no storage; subclass sweeper_core.storages.base.Storage.")
    return made


def enqueue(key: str, value: Any) -> tuple[dict[str, Any], ...]:
    if value is None:
        return ()
    points = [value] if isinstance(value, dict) else value
    if not isinstance(points, list) or not all(isinstance(point, dict) and point for point in points):
        raise wrong(key, "a list of mappings from parameters to values", value)
    return tuple({str(name): item for name, item in point.items()} for point in points)


def function(key: str, value: Any) -> Callable[..., Any] | None:
    path = value.get("_target_") if isinstance(value, dict) else value
    if path is None:
        return None
    if not isinstance(path, str):
        raise wrong(key, "the dotted path of a function (cfg, trial)", value)
    found = imported(path, f"hydra.sweeper.{key}")
    if not callable(found):
        raise wrong(key, "the dotted path of a function (cfg, trial)", value)
    return found  # type: ignore[no-any-return]


def where(key: str, value: Any) -> tuple[str, ...]:
    given = [value] if isinstance(value, str) else value or []
    if not isinstance(given, list) or not all(isinstance(text, str) and text.strip() for text in given):
        raise wrong(key, 'a list of relations such as ["a + b <= 1"]', value)
    return tuple(given)


def warm_start(key: str, value: Any) -> tuple[EarlierStudy, ...] | str | None:
    """Return the earlier studies, ``auto``, or None where nothing is said about them."""
    if value in (None, AUTO):
        return value  # type: ignore[no-any-return]
    studies = [value] if isinstance(value, dict) else value or []
    if not isinstance(studies, list) or not all(isinstance(study, dict) for study in studies):
        raise wrong(key, "auto, or a list of {storage: URL, study_name: name}", value)
    for study in studies:
        if set(study) != {"storage", "study_name"} or not all(isinstance(part, str) for part in study.values()):
            raise wrong(key, "auto, or a list of {storage: URL, study_name: name}", value)
    return tuple(EarlierStudy(**study) for study in studies)


def repeat(value: Any, aggregate: Any, early_stop: Any) -> Repeat | None:
    how = one_of(AGGREGATES)("repeat_aggregate", "mean" if aggregate is None else aggregate)
    stop = flag("repeat_early_stop", True if early_stop is None else early_stop)
    if value is None:
        return None
    if not isinstance(value, dict) or len(value) != 1:
        raise wrong("repeat", "a mapping of one key to a list of values, such as {seed: [0, 1, 2]}", value)
    ((key, values),) = value.items()
    if not isinstance(values, list) or not values:
        raise wrong("repeat", "a mapping of one key to a list of values, such as {seed: [0, 1, 2]}", value)
    return Repeat(str(key), tuple(values), how, stop)


def start(key: str, value: Any) -> str:
    """Return the kind of the first trial; null and false mean none."""
    return one_of(STARTS)(
        key, {None: "none", False: "none", True: "config"}.get(value, value) if value in (None, False, True) else value
    )


def flag(key: str, value: Any) -> bool:
    answer = truth(value)
    if answer is None:
        raise wrong(key, "true or false", value)
    return answer


_DEVICE = re.compile(r"\d+|(GPU|MIG)-[\w/-]+", re.IGNORECASE)


def devices(key: str, value: Any) -> tuple[str, ...] | str | int | None:
    """Return the devices' names, their number, ``auto`` for all of the machine's, or None."""
    value = without_quotes(value)
    if value is None or value == "auto":
        return value  # type: ignore[no-any-return]
    count = None if isinstance(value, list) else whole(value)
    if count is not None and count > 0:
        return count
    given = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else [value]
    names = [str(item).strip() for item in given if type(item) in (int, str)]
    if count is not None or len(names) < len(given) or not all(map(_DEVICE.fullmatch, names)) or not names:
        hint = closest(str(value), ("auto",))
        expected = "a count, a list of device numbers, or auto (2: two devices; [2]: the third; [GPU-…]: by UUID)"
        raise ConfigError(f"{wrong(key, expected, value)}{hint}")
    if len(set(names)) < len(names):
        raise wrong(key, "a list of different devices", value)
    return tuple(names)


def checkpoints(key: str, value: Any) -> CheckpointOptions:
    if value is None:
        return CheckpointOptions()
    if not isinstance(value, dict):
        raise wrong(key, "a mapping such as {every: 10, keep_best: 1, keep_last: 1}", value)
    readers: Mapping[str, Callable[[str, Any], Any]] = {
        "dir": text,
        "every": count(1, optional=True),
        "keep_best": count(0),
        "keep_last": count(1),
        "max_gb": limit_in("gigabytes"),
    }
    refuse_unknown(key, value, readers)
    return CheckpointOptions(**{name: readers[name](f"{key}.{name}", given) for name, given in value.items()})


def mlflow(key: str, value: Any) -> MlflowOptions | None:
    if value is None or value is False:
        return None
    if not isinstance(value, dict):
        raise wrong(key, "a mapping such as {tracking_uri: URL, experiment: name, nested: true}", value)
    refuse_unknown(key, value, MlflowOptions.__dataclass_fields__)
    return MlflowOptions(
        text(f"{key}.tracking_uri", value.get("tracking_uri")),
        text(f"{key}.experiment", value.get("experiment")),
        flag(f"{key}.nested", value.get("nested", True)),
    )
