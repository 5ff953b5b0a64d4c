"""Check whether a sampler's settings fit the search space, before the first trial."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from hydra_plugins.hydra_hpo_sweeper._errors import ConfigError, closest
from hydra_plugins.hydra_hpo_sweeper._space._described import described
from sweeper_core.distributions import CategoricalDistribution
from sweeper_core.search_space.space import SearchSpace

log = logging.getLogger("hydra_plugins.hydra_hpo_sweeper")


def check_fit(sampler: object, space: SearchSpace) -> None:
    """Check a sampler's settings against the search space.

    Raises:
        ConfigError: The point at which it begins names another parameter, or lies outside of the space.
    """
    start = getattr(sampler, "x0", None)
    if isinstance(start, Mapping):
        _check_start(start, space)
    only_choices = all(isinstance(parameter.distribution, CategoricalDistribution) for parameter in space)
    if type(sampler).__name__ == "CmaEsSampler" and only_choices:
        log.warning(
            "hydra.sweeper.sampler: CMA-ES moves numbers, and all parameters of this sweep are choices, which it draws "
            "at random; use hydra/sweeper/sampler=tpe."
        )


def _check_start(start: Mapping[str, object], space: SearchSpace) -> None:
    for name, value in start.items():
        place = f"hydra.sweeper.sampler.x0.{name}"
        if name not in space:
            raise ConfigError(f"{place}: there is no such parameter.{closest(name, space.names)}")
        distribution = space[name].distribution
        if not distribution.contains(value):
            raise ConfigError(f"{place}: {value!r} is not possible; {name!r} is {described(distribution)}.")
