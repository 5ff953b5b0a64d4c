"""What can be known to go wrong before the first trial: settings, search space and configuration beside each other."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from hydra_plugins.hydra_hpo_sweeper._config._settings import Settings
from hydra_plugins.hydra_hpo_sweeper._errors import ConfigError
from hydra_plugins.hydra_hpo_sweeper._space._plan import Plan
from hydra_plugins.hydra_hpo_sweeper._space._rehearsal import rehearse
from sweeper_core.samplers import Request, Sampler
from sweeper_core.trial.history import TrialTable

log = logging.getLogger("hydra_plugins.hydra_hpo_sweeper")


def checked(settings: Settings, plan: Plan, compose: Callable[[list[str]], Any]) -> Settings:
    """Return the settings with the enqueued points as the search space has them.

    Args:
        compose: Composes a job's configuration from its overrides.

    Raises:
        ConfigError: The parameters do not fit the configuration, the enqueued points or the sampler not the search
            space, or the pruner not the objectives.
    """
    if settings.pruner is not None and len(settings.directions) > 1 and settings.pruning_metric is None:
        raise ConfigError(
            "hydra.sweeper.pruner: with several objectives, name the one that reports are about "
            "(one of hydra.sweeper.metric) in hydra.sweeper.pruning_metric."
        )
    repeat = settings.repeat
    rehearse(plan, compose, {} if repeat is None else {repeat.key: repeat.values[0]})
    _rehearse(settings, plan)
    return replace(settings, enqueue=plan.points(settings.enqueue, settings.custom_search_space is not None))


def _rehearse(settings: Settings, plan: Plan) -> None:
    """Ask the sampler, a pure function, for the first point: what it cannot do it says now."""
    if not len(plan.space):
        if settings.custom_search_space is None:
            log.warning(
                "Nothing is swept: every trial runs the same configuration. Name parameters in hydra.sweeper.params."
            )
        return
    if not isinstance(settings.sampler, Sampler):
        return  # one written in Optuna's way is asked with a study and a trial
    history = TrialTable(settings.directions).history()
    request = Request(plan.space, 0, budget=settings.n_trials, lanes=settings.n_jobs)
    try:
        settings.sampler.suggest(request, history, np.random.default_rng(0))
    except Exception as error:
        raise ConfigError(f"hydra.sweeper.sampler: {error}") from error
