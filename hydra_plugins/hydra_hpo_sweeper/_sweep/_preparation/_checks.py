"""Checks before the first trial: whether settings, search space and configuration fit together."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.hydra_hpo_sweeper._config._confirm import ConfirmOptions
from hydra_plugins.hydra_hpo_sweeper._config._settings import Settings
from hydra_plugins.hydra_hpo_sweeper._errors import ConfigError, reason_of
from hydra_plugins.hydra_hpo_sweeper._space._plan import Plan
from hydra_plugins.hydra_hpo_sweeper._space._rehearsal import check_options, rehearse
from hydra_plugins.hydra_hpo_sweeper._sweep._preparation._fit import check_fit
from hydra_plugins.hydra_hpo_sweeper._sweep._trials._repeats import is_constant
from hydra_plugins.hydra_hpo_sweeper._sweep._trials._smaller import check_oom_retry
from sweeper_core.checkpoints.store import check_writable
from sweeper_core.samplers import Request, Sampler
from sweeper_core.samplers.asking import ask
from sweeper_core.trial.history import TrialTable

log = logging.getLogger("hydra_plugins.hydra_hpo_sweeper")


def checked(settings: Settings, plan: Plan, compose: Callable[[list[str]], Any], config: DictConfig) -> Settings:
    """Return the settings with the enqueued points as the search space has them.

    Args:
        compose: Composes a job's configuration from its overrides.
        config: The sweep's configuration as jobs are composed from it.

    Raises:
        ConfigError: The parameters do not fit the configuration, the enqueued points or the sampler not the search
            space, or the pruner not the objectives; or nothing is swept.
    """
    judged = "pruner" if settings.pruner is not None else "scheduler" if settings.scheduler is not None else None
    if judged and len(settings.directions) > 1 and settings.pruning_metric is None and settings.ladder is None:
        raise ConfigError(
            f"hydra.sweeper.{judged}: with several objectives, name the one that reports are about "
            "(one of hydra.sweeper.metric) in hydra.sweeper.pruning_metric."
        )
    _refuse_too_few_steps(settings)
    _refuse_read_only(settings.checkpoints.dir)
    _refuse_nothing_swept(settings, plan)
    _warn_of_one_directory(config)
    repeat = settings.repeat
    check_options(plan, compose, config)
    confirm = settings.confirm
    rehearse(
        plan if confirm is None else plan.without(confirm.key),
        compose,
        {} if repeat is None else {repeat.key: repeat.values[0]},
        {} if confirm is None else {confirm.key: confirm.seeds[0]},
    )
    _warn_of_used_seed(confirm, plan, compose)
    _rehearse(settings, plan)
    check_oom_retry(settings.oom_retry, plan, compose)
    open_ended = settings.custom_search_space is not None
    points = plan.points(settings.points, open_ended, "hydra.sweeper.points")
    enqueued = (*points, *plan.points(settings.enqueue, open_ended))
    if points and not open_ended and all(set(point) == set(plan.space.names) for point in points):
        # They are the whole sweep, in one run or several.
        return replace(settings, enqueue=enqueued, n_trials=len(enqueued), max_trials=len(enqueued))
    return replace(settings, enqueue=enqueued)


def _refuse_too_few_steps(settings: Settings) -> None:
    """Reject a budget of steps in which no trial can be trained in full, where its number of steps is known."""
    known = getattr(settings.scheduler, "max_resource", None)
    whole = settings.ladder.resources[-1] if settings.ladder is not None else known
    if settings.max_steps is not None and isinstance(whole, int) and settings.max_steps < whole:
        raise ConfigError(
            f"hydra.sweeper.max_steps={settings.max_steps} is less than one complete training, which takes {whole} "
            "steps."
        )


def _warn_of_used_seed(confirm: ConfirmOptions | None, plan: Plan, compose: Callable[[list[str]], Any]) -> None:
    """Warn where the search runs with one of the values that are to confirm its best trials."""
    if confirm is None:
        return
    with suppress(Exception):
        own = OmegaConf.select(compose(list(plan.fixed)), confirm.key.lstrip("+"))
        if any(type(own) is type(seed) and own == seed for seed in confirm.seeds):
            log.warning(
                "hydra.sweeper.confirm: the search itself runs with %s=%s, so that such a run repeats the one that its "
                "trial was chosen by, and confirms nothing; give other values.",
                confirm.key.lstrip("+"),
                own,
            )


def _refuse_read_only(checkpoints: str | None) -> None:
    """Refuse a folder for checkpoints that cannot be written."""
    try:
        if checkpoints is not None:
            check_writable(Path(checkpoints).expanduser())
    except OSError as error:
        raise ConfigError(
            f"hydra.sweeper.checkpoints.dir={checkpoints} cannot be written: {reason_of(error)}."
        ) from error


def _refuse_nothing_swept(settings: Settings, plan: Plan) -> None:
    """Reject a sweep that would run a single configuration repeatedly."""
    swept = len(plan.space) or settings.custom_search_space is not None
    if not swept and not settings.enqueue and settings.repeat is None and settings.n_trials != 1:
        fixed = f" ({', '.join(plan.fixed)} is fixed)" if plan.fixed else ""
        raise ConfigError(
            f"Nothing is swept{fixed}: every trial would run the same configuration. Name parameters on the command "
            "line (x=interval(0,1), x=choice(a,b)) or in hydra.sweeper.params; for one run, set "
            "hydra.sweeper.n_trials=1."
        )


def _warn_of_one_directory(config: DictConfig) -> None:
    """Say that a directory which is the same for all jobs gets one below it for each."""
    raw: Any = OmegaConf.to_container(config.hydra.sweep, resolve=False)
    if is_constant(str(raw["subdir"])):
        log.warning(
            "hydra.sweep.subdir=%s is the same for all jobs; each runs in a directory of its own below it, named by "
            "its number. Put ${hydra.job.num} into it to name them yourself.",
            raw["subdir"],
        )


def _rehearse(settings: Settings, plan: Plan) -> None:
    """Call the sampler, a pure function, for the first point, so that its errors are raised now."""
    if not len(plan.space):
        return
    check_fit(settings.sampler, plan.space)
    if not isinstance(settings.sampler, Sampler):
        return  # samplers in Optuna's form need a study and a trial
    history = TrialTable(settings.directions).history()
    request = Request(plan.space, 0, budget=settings.n_trials)
    try:
        ask(settings.sampler, request, history, np.random.default_rng(0))
    except Exception as error:
        raise ConfigError(f"hydra.sweeper.sampler: {error}") from error
