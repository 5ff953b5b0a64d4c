# ruff: noqa: RUF009 (a field with its reader is made by a function)
"""The sweep's settings, read from ``hydra.sweeper`` and checked before anything starts."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf

from hydra_plugins.hydra_hpo_sweeper._config import _readers as read
from hydra_plugins.hydra_hpo_sweeper._config._algorithms import build_pruner, build_sampler, build_scheduler
from hydra_plugins.hydra_hpo_sweeper._config._confirm import ConfirmOptions, refuse_unfit
from hydra_plugins.hydra_hpo_sweeper._config._confirm import confirm as read_confirm
from hydra_plugins.hydra_hpo_sweeper._config._constraints import Constraint, Inequality
from hydra_plugins.hydra_hpo_sweeper._config._constraints import constraints as read_constraints
from hydra_plugins.hydra_hpo_sweeper._config._costs import cost_plan
from hydra_plugins.hydra_hpo_sweeper._config._fidelity import FidelityOptions, Ladder
from hydra_plugins.hydra_hpo_sweeper._config._fidelity import fidelity as read_fidelity
from hydra_plugins.hydra_hpo_sweeper._config._lane_types import LaneType
from hydra_plugins.hydra_hpo_sweeper._config._oom_retry import OomRetry
from hydra_plugins.hydra_hpo_sweeper._config._oom_retry import oom_retry as read_oom_retry
from hydra_plugins.hydra_hpo_sweeper._config._other_names import setting_meant
from hydra_plugins.hydra_hpo_sweeper._config._points import points as read_points
from hydra_plugins.hydra_hpo_sweeper._config._readers import (
    CheckpointOptions,
    EarlierStudy,
    MlflowOptions,
    Repeat,
)
from hydra_plugins.hydra_hpo_sweeper._config._stop_rule import check_objectives, stop_rule
from hydra_plugins.hydra_hpo_sweeper._errors import ConfigError
from hydra_plugins.hydra_hpo_sweeper._hydra._nodes import merged_below
from hydra_plugins.hydra_hpo_sweeper.config import HPOSweeperConf
from sweeper_core.directions import StudyDirection
from sweeper_core.pruners.user import BasePruner
from sweeper_core.samplers import Sampler
from sweeper_core.samplers.user import BaseSampler
from sweeper_core.schedulers.base import Scheduler
from sweeper_core.search_space.lists import ListParameter
from sweeper_core.search_space.priors import Prior
from sweeper_core.stopping.rule import StopRule
from sweeper_core.storages.base import Storage
from sweeper_core.trial.cost import CostPlan

__all__ = ["ConfigError", "Constraint", "EarlierStudy", "MlflowOptions", "Repeat", "Settings", "read_settings"]

_CONF = HPOSweeperConf.__dataclass_fields__
_HYDRA_KEYS = {"_target_", "_recursive_", "_convert_", "_partial_", "defaults"}
KEYS = tuple(name for name in _CONF if name not in _HYDRA_KEYS)

log = logging.getLogger("hydra_plugins.hydra_hpo_sweeper")

_UNSET: Any = object()


def _setting(reader: Callable[[str, Any], Any]) -> Any:
    """Return a field that is read by ``reader``, and whose default is the structured config's."""
    return field(default=_UNSET, metadata={"reader": reader})


@dataclass(frozen=True)
class Settings:
    """The checked settings of ``hydra.sweeper``.

    The fields are documented, and have their defaults, in :class:`HPOSweeperConf`; a new setting is one field there and
    one here, with its reader.

    Attributes:
        metric: One entry's name for each objective; None when jobs return bare numbers.
        cost: ``cost`` and ``max_cost`` together.
        params: ``params`` and the older ``search_space`` together, to be read by ``_space._plan.read_plan``.
        storage: None means the sweep directory's own.
        ladder: The rungs of ``fidelity``, once the configuration is known.
        baseline: The configuration's own point, once the search space is known; None when it is not to be run.
        priors: Priors of the search space, once it is known.
        lists: The lists that parameters make up, once they are known.
        prior_point: The point with the priors' values; None without priors.
        n_trials: None means no limit.
        devices: None, ``"auto"`` or the devices' names.
        resume: Whether the last sweep of this application is continued.
    """

    directions: tuple[StudyDirection, ...]
    sampler: Sampler | BaseSampler = _setting(lambda key, value: build_sampler(value))
    pruner: BasePruner | None = _setting(lambda key, value: build_pruner(value))
    scheduler: Scheduler | None = _setting(lambda key, value: build_scheduler(value))
    fidelity: FidelityOptions | None = _setting(read_fidelity)
    ladder: Ladder | None = None
    metric: tuple[str, ...] | None = None
    pruning_metric: str | None = None
    params: DictConfig | None = None
    where: tuple[str, ...] = _setting(read.where)
    custom_search_space: Callable[..., Any] | None = _setting(read.function)
    enqueue: tuple[dict[str, Any], ...] = _setting(read.enqueue)
    start: str = _setting(read.start)
    baseline: Mapping[str, Any] | None = None
    priors: Mapping[str, Prior] = field(default_factory=dict)
    lists: tuple[ListParameter, ...] = ()
    prior_point: Mapping[str, Any] | None = None
    constraints: tuple[Constraint | Inequality, ...] = _setting(read_constraints)
    warm_start: tuple[EarlierStudy, ...] | str | None = _setting(read.warm_start)
    n_trials: int | None = _setting(read.count(1, optional=True))
    max_steps: int | None = _setting(read.count(1, optional=True))
    max_trials: int | None = _setting(read.count(1, optional=True))
    timeout: float | None = _setting(read.seconds)
    time_limit: float | None = _setting(read.seconds)
    stop: StopRule = _setting(stop_rule)
    max_failure_rate: float = _setting(read.rate)
    cost: CostPlan | None = None
    repeat: Repeat | None = None
    confirm: ConfirmOptions | None = _setting(read_confirm)
    storage: str | Storage | None = _setting(read.storage)
    storage_patience: float | None = _setting(read.seconds)
    study_name: str | None = _setting(read.text)
    points: tuple[dict[str, Any], ...] = _setting(read_points)
    resume: bool = _setting(read.resume)
    dry_run: bool = _setting(read.flag)
    role: str = _setting(read.one_of(read.ROLES))
    detach: bool = _setting(read.flag)
    n_jobs: int = _setting(read.jobs)
    lanes: str | LaneType = _setting(read.lanes)
    devices: tuple[str, ...] | str | int | None = _setting(read.devices)
    devices_per_job: int = _setting(read.count(1))
    trial_timeout: float | None = _setting(read.seconds)
    max_retries: int = _setting(read.count(0))
    max_retries_failed: int = _setting(read.count(0))
    fresh_process: bool = _setting(read.flag)
    oom_retry: OomRetry = _setting(read_oom_retry)
    progress: str = _setting(read.one_of(read.PROGRESS))
    report: bool = _setting(read.flag)
    top_k: int | None = _setting(read.count(1, optional=True))
    mlflow: MlflowOptions | None = _setting(read.mlflow)
    checkpoints: CheckpointOptions = _setting(read.checkpoints)

    def __post_init__(self) -> None:
        for name, reader in READERS.items():
            if getattr(self, name) is _UNSET:
                object.__setattr__(self, name, reader(name, _default(name)))


def _default(name: str) -> Any:
    """Return a setting's default, that of the structured config."""
    one = _CONF[name]
    return one.default if one.default_factory is MISSING else one.default_factory()


READERS: Mapping[str, Callable[[str, Any], Any]] = {
    one.name: one.metadata["reader"] for one in fields(Settings) if "reader" in one.metadata
}


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
                f"hydra.sweeper.{key} does not exist.{setting_meant(str(key), KEYS)} (known are {', '.join(KEYS)})"
            )
    _refuse_several(config)
    values = {key: _plain(node, key) for key in KEYS if key not in ("params", "search_space") and key in node}
    no_search = values.get("n_trials") == 0 and type(values["n_trials"]) is int and bool(values.get("confirm"))
    if no_search:
        values["n_trials"] = None
    if values.get("direction", "") is None:
        log.warning("hydra.sweeper.direction is null, which is read as minimize; write minimize or maximize.")
    directions = read.directions(values.get("direction"))
    metric = read.metric(values.get("metric"), len(directions))
    settings = Settings(
        directions=directions,
        metric=metric,
        pruning_metric=read.pruning_metric(values.get("pruning_metric"), metric),
        params=_params(node),
        cost=cost_plan(values.get("cost"), values.get("max_cost")),
        repeat=read.repeat(*(values.get(key) for key in ("repeat", "repeat_aggregate", "repeat_early_stop"))),
        **{key: reader(key, values[key]) for key, reader in READERS.items() if key in values},
    )
    check_objectives(settings.stop, directions)
    settings = replace(settings, n_trials=0) if no_search else settings
    refuse_unfit(settings.confirm, len(directions), [settings.repeat.key] if settings.repeat is not None else [])
    if settings.devices is None and settings.devices_per_job > 1:
        raise ConfigError(
            f"hydra.sweeper.devices_per_job={settings.devices_per_job} needs hydra.sweeper.devices: a count, a list of "
            "device numbers, or auto."
        )
    return settings


def _refuse_several(config: DictConfig) -> None:
    """Reject several samplers or pruners: Hydra merges their settings into one, and then has no choice."""
    choices = OmegaConf.select(config, "hydra.runtime.choices") or {}
    for kind in ("sampler", "pruner"):
        if choices.get("hydra/sweeper") in ("hpo", "optuna") and f"hydra/sweeper/{kind}" not in choices:
            raise ConfigError(f"hydra/sweeper/{kind} must be one name, not a list: a sweep has one {kind}.")


def _refuse_ranks(environ: Mapping[str, str]) -> None:
    """Raise inside a rank of torchrun: each rank would run a sweep of its own."""
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


def _params(node: DictConfig) -> DictConfig | None:
    """Return the parameters of both keys, unresolved."""
    given = {}
    for key in ("search_space", "params"):
        try:
            value = node.get(key)
        except Exception as error:
            raise ConfigError(f"hydra.sweeper.{key} cannot be resolved: {error}") from error
        if value is not None and not isinstance(value, DictConfig):
            raise read.wrong(key, "a mapping of parameters", value)
        if value:
            given[key] = value
    if len(given) < 2:
        return next(iter(given.values()), None)
    twice = sorted(set(given["search_space"]) & set(given["params"]))
    if twice:
        raise ConfigError(
            f"{twice[0]!r} is in hydra.sweeper.params and in hydra.sweeper.search_space; keep one of them."
        )
    return merged_below(node, given["search_space"], given["params"])
