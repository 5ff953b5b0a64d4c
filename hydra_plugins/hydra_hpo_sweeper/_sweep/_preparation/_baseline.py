"""The configuration's own point: the values that it has where the sweep varies it, as the study's first trial."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from hydra_plugins.hydra_hpo_sweeper._config._settings import Settings
from hydra_plugins.hydra_hpo_sweeper._hydra._values import as_text
from hydra_plugins.hydra_hpo_sweeper._space._described import described
from hydra_plugins.hydra_hpo_sweeper._space._entries import Listed, Placed, Swept
from hydra_plugins.hydra_hpo_sweeper._space._plan import Plan
from sweeper_core.samplers import PartialFixedSampler
from sweeper_core.search_space.space import SearchSpace

log = logging.getLogger("hydra_plugins.hydra_hpo_sweeper")

MIN_SHARE = 0.5
"""Share of the swept keys that must have a value of the configuration: a point with fewer would not be it."""
_ABSENT: Any = object()

Compose = Callable[[list[str]], DictConfig]
"""Composes a job's configuration from its overrides."""


def listed(settings: Settings) -> bool:
    """Return whether the points of a sweep are listed, so that there is no room for others."""
    return bool(settings.points) or bool(getattr(settings.sampler, "ends", False))


def values_of(plan: Plan, compose: Compose, config: DictConfig) -> dict[str, Any]:
    """Return the values that the configuration has for the swept parameters, also those outside of the space.

    Args:
        config: The sweep's own configuration, looked at where composing without the swept keys fails.
    """
    return dict(_values(plan, composed(plan, compose, config))) if len(plan.space) else {}


def baseline(settings: Settings, plan: Plan, known: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the point of the configuration: None where ``start`` is none, or too few keys have a value in the space.

    Args:
        known: The configuration's values that are in the space.
    """
    if settings.start != "config" or listed(settings) or not len(plan.space):
        return None
    if isinstance(settings.sampler, PartialFixedSampler):
        known = {name: value for name, value in known.items() if name not in settings.sampler.fixed_params}
    params = plan.space.active_only(known)
    active = [name for name in plan.space.names if _may_exist(plan.space, name, params)]
    if not params or len(params) < MIN_SHARE * len(active):
        log.info(
            "No trial runs the configuration as it is: it has a value in the search space for %d of %d swept keys.",
            len(params),
            len(active),
        )
        return None
    if (broken := plan.space.broken_by(params)) is not None:
        log.info("No trial runs the configuration as it is: it breaks the relation %r of hydra.sweeper.where.", broken)
        return None
    return params


def composed(plan: Plan, compose: Compose, config: DictConfig) -> DictConfig:
    """Return a job's configuration without what is swept; the sweep's own where that cannot be composed."""
    try:
        return compose(list(plan.fixed))
    except Exception:  # a config group that has no default and is swept
        return config


def _values(plan: Plan, config: DictConfig) -> Iterator[tuple[str, Any]]:
    for item in plan.items:
        if isinstance(item.entry, Swept):
            value = _value(item, item.entry, config)
            if value is not _ABSENT:
                yield item.name, value
        if isinstance(item.entry, Listed) and item.listed is not None:
            with suppress(ValueError):  # the configuration's is no such list
                yield from item.listed.params(_value(item, item.entry.element, config)).items()


def _value(item: Placed, entry: Swept, config: DictConfig) -> Any:
    """Return what the configuration has for an entry; absent where it has nothing."""
    if entry.group:
        choices = OmegaConf.select(config, "hydra.runtime.choices") or {}
        return choices.get(item.at.bare, _ABSENT)
    if entry.members:
        return next((choice for choice, row in entry.members.items() if _has(config, row)), _ABSENT)
    return _selected(config, item.at.bare)


def _has(config: DictConfig, row: Mapping[str, Any]) -> bool:
    """Return whether the configuration has all values of a zip's row."""
    choices = OmegaConf.select(config, "hydra.runtime.choices") or {}
    return all(value in (choices.get(key), _selected(config, key)) for key, value in row.items())


def _selected(config: DictConfig, key: str) -> Any:
    """Return what the configuration has for a key; absent where it has none, or one that cannot be resolved."""
    try:
        return _plain(OmegaConf.select(config, key, default=_ABSENT))
    except (OmegaConfBaseException, ValueError, TypeError, KeyError, AttributeError):
        return _ABSENT


def _plain(value: Any) -> Any:
    if isinstance(value, (DictConfig, ListConfig)):
        return OmegaConf.to_container(value, resolve=True, throw_on_missing=True, enum_to_str=True)
    if isinstance(value, Enum):
        return value.name
    return str(value) if isinstance(value, Path) else value


def in_space(plan: Plan, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that the space contains, as it has them."""
    kinds = {name: plan.space[name].distribution for name in values}
    return {name: kinds[name].canonical(value) for name, value in values.items() if kinds[name].contains(value)}


def _may_exist(space: SearchSpace, name: str, params: Mapping[str, Any]) -> bool:
    """Return whether a parameter exists beside these values; one whose parent has none is not counted."""
    return all(clause.parent in params and clause.holds(params[clause.parent]) for clause in space[name].when)


def announcement(number: int, params: Mapping[str, Any], plan: Plan, whose: str, more: str = "") -> str:
    """Return the line on a trial of the study's start."""
    values = " ".join(f"{name}={as_text(value)}" for name, value in plan.shown(params).items())
    missing = [name for name in plan.space.names if _may_exist(plan.space, name, params) and name not in params]
    whole = {name: (one.name, str(one.shape)) for one in plan.lists for name in one.part_names}
    kinds = dict(whole.get(name, (name, described(plan.space[name].distribution))) for name in missing)
    sampled = "; ".join(f"{name} from {kind}" for name, kind in kinds.items())
    tail = f"; the sampler gives {sampled}" if sampled else ""
    return f"Trial {number} runs {whose}: {values}{tail}{more}."
