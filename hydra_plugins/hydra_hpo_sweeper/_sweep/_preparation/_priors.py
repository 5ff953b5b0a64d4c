"""Priors that a sweep's search space states: read beside the configuration, and checked before the first job."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from hydra_plugins.hydra_hpo_sweeper._errors import ConfigError, closest
from hydra_plugins.hydra_hpo_sweeper._space._described import described
from hydra_plugins.hydra_hpo_sweeper._space._entries import Placed, Swept
from hydra_plugins.hydra_hpo_sweeper._space._functions import CONFIG, Stated
from hydra_plugins.hydra_hpo_sweeper._space._plan import Plan
from sweeper_core.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from sweeper_core.search_space.priors import CONFIDENCES, DEFAULT_CONFIDENCE, Prior, PriorDensity


def priors_of(plan: Plan, values: Mapping[str, Any]) -> dict[str, Prior]:
    """Return the priors by parameter.

    Args:
        values: What the configuration has for the swept parameters, for ``prior=config``.

    Raises:
        ConfigError: A prior is not in its parameter's distribution, a confidence is unknown, or the configuration has
            no value.
    """
    return {
        item.name: _prior(item, item.entry.distribution, item.entry.prior, values)
        for item in plan.items
        if isinstance(item.entry, Swept) and item.entry.prior is not None
    }


def _prior(item: Placed, distribution: BaseDistribution, stated: Stated, values: Mapping[str, Any]) -> Prior:
    confidence = DEFAULT_CONFIDENCE if stated.confidence is None else stated.confidence
    if confidence not in CONFIDENCES:
        hint = closest(str(confidence), CONFIDENCES)
        raise ConfigError(f"{item.at}: confidence must be one of {', '.join(CONFIDENCES)}, not {confidence!r}.{hint}")
    value, whose = stated.value, "the prior"
    if value == CONFIG and not distribution.contains(value):
        if values.get(item.name) is None:
            raise ConfigError(f"{item.at}: prior=config, but the configuration has no value for it; give one here.")
        value, whose = values[item.name], "the configuration's value"
    value = _number(distribution, value)
    if not distribution.contains(value):
        raise ConfigError(f"{item.at}: {whose} {value!r} is no prior here; it has to be in {described(distribution)}.")
    return Prior(distribution.canonical(value), confidence)


def _number(distribution: BaseDistribution, value: Any) -> Any:
    """Return a number of a numeric parameter as it would be read: some YAML readers take 1e-5 for a text."""
    if isinstance(distribution, CategoricalDistribution) or type(value) not in (str, float):
        return value
    try:
        number = float(value)
    except ValueError:
        return value
    whole = isinstance(distribution, IntDistribution) and math.isfinite(number) and number == int(number)
    return int(number) if whole else number


def point_of(plan: Plan, priors: Mapping[str, Prior], known: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the point that has the priors' values, and the configuration's in the other parameters; None without any.

    Args:
        known: The configuration's values that are in the space.
    """
    if not priors:
        return None
    point = plan.space.active_only({**known, **PriorDensity(plan.space, priors).mode()})
    return point if point and plan.space.allows(point) else None
