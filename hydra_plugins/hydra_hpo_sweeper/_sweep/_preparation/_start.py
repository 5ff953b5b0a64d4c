"""The first points of a study: the configuration's own point, and that of the priors."""

from __future__ import annotations

import logging
from dataclasses import replace

from omegaconf import DictConfig

from hydra_plugins.hydra_hpo_sweeper._config._settings import Settings
from hydra_plugins.hydra_hpo_sweeper._space._plan import Plan
from hydra_plugins.hydra_hpo_sweeper._sweep._preparation._baseline import (
    Compose,
    announcement,
    baseline,
    in_space,
    listed,
    values_of,
)
from hydra_plugins.hydra_hpo_sweeper._sweep._preparation._opening import Opened
from hydra_plugins.hydra_hpo_sweeper._sweep._preparation._priors import point_of, priors_of

log = logging.getLogger("hydra_plugins.hydra_hpo_sweeper")

LEAVE_OUT = " (hydra.sweeper.start=none leaves it out)"


def with_start(settings: Settings, plan: Plan, compose: Compose, config: DictConfig) -> Settings:
    """Return the settings with the configuration's own point, the priors and their point.

    Args:
        config: The sweep's own configuration.

    Raises:
        ConfigError: A prior is wrong.
    """
    values = values_of(plan, compose, config)
    priors, known = priors_of(plan, values), in_space(plan, values)
    prior_point = None if listed(settings) else point_of(plan, priors, known)
    own = baseline(settings, plan, known)
    if own is not None and prior_point is not None:
        # What the configuration lacks is a prior's where there is one.
        own = plan.space.active_only({**prior_point, **own})
    # Either may break a relation of the sweep, the first one by what it has from the priors.
    if own is not None and plan.space.broken_by(own) is not None:
        own = None
    if prior_point is not None and (broken := plan.space.broken_by(prior_point)) is not None:
        log.info("No trial runs the values of your priors: they break the relation %r of hydra.sweeper.where.", broken)
        prior_point = None
    return replace(settings, baseline=own, priors=priors, prior_point=prior_point, lists=plan.lists)


def tell_start(opened: Opened, settings: Settings, plan: Plan) -> None:
    """Log which trials run the configuration's own values and those of the priors."""
    if "config" in opened.begun and settings.baseline is not None:
        log.info("%s", announcement(opened.begun["config"], settings.baseline, plan, "your configuration", LEAVE_OUT))
    if "prior" in opened.begun and settings.prior_point is not None:
        log.info("%s", announcement(opened.begun["prior"], settings.prior_point, plan, "the values of your priors"))
