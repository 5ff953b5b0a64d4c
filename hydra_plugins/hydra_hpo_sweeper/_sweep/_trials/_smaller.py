"""Trying a configuration that ran out of memory again, smaller: ``hydra.sweeper.oom_retry``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from omegaconf import OmegaConf

from hydra_plugins.hydra_hpo_sweeper._config._oom_retry import OomRetry
from hydra_plugins.hydra_hpo_sweeper._errors import ConfigError
from hydra_plugins.hydra_hpo_sweeper._lanes._base import JobResult
from hydra_plugins.hydra_hpo_sweeper._space._entries import Fixed
from hydra_plugins.hydra_hpo_sweeper._space._plan import Plan
from hydra_plugins.hydra_hpo_sweeper._sweep._trials._trial_result import TrialResult
from sweeper_core.storages import attrs_of_loss
from sweeper_core.study._session.session import Session
from sweeper_core.trial.attrs import CHECKPOINT, FAILURE, OOM, SMALLER

MAX_SMALLER = 8
"""Maximum number of smaller attempts of one configuration: a batch of 256 has become one sample by then."""

Compose = Callable[[list[str]], Any]


class Smaller:
    """Decides whether a failed configuration is tried again, and with which values.

    Args:
        compose: Composes a job's configuration from its overrides.
        forget: Deletes the checkpoints of a configuration, by its number.
    """

    def __init__(self, setting: OomRetry, compose: Compose, session: Session, forget: Callable[[int], None]) -> None:
        self._setting = setting
        self._compose = compose
        self._session = session
        self._forget = forget

    def again(
        self, result: TrialResult, number: int, values: Mapping[str, float], jobs: Sequence[JobResult]
    ) -> TrialResult:
        """Return a trial's result; of one that ran out of memory as lost, to be continued with smaller values.

        Args:
            values: The changed values that it ran with, which are kept with it.
            jobs: Results of its jobs, the failed one last.
        """
        result = replace(result, user_attrs={**result.user_attrs, **values})
        if not result.attrs.get(OOM) or not self._setting.steps:
            return result
        log = self._session.log
        attempts = log.attempts_until(number)
        before = sum(OOM in record.system_attrs for record in attempts[:-1])
        config = self._compose(list(jobs[-1].job.overrides))
        smaller = None if before >= MAX_SMALLER else self._setting.smaller(values_of(config, self._setting))
        if smaller is None:
            return result
        attrs = {**result.attrs, **attrs_of_loss(str(result.attrs[FAILURE])), SMALLER: smaller}
        if not self._setting.from_checkpoint:
            self._forget(log.attempts.id_of(number))
            attrs |= {name: None for name in attempts[-1].system_attrs if name.startswith(CHECKPOINT)}
        return replace(result, attrs=attrs, lost=True)


def values_of(config: Any, setting: OomRetry) -> dict[str, float]:
    """Return the values of the keys in a job's configuration.

    Raises:
        ConfigError: A key is missing, or its value is no number.
    """
    values: dict[str, float] = {}
    for key in setting.steps:
        value = OmegaConf.select(config, key)
        if value is None:
            raise ConfigError(f"hydra.sweeper.oom_retry: the configuration has no {key}.")
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ConfigError(f"hydra.sweeper.oom_retry: {key} must be a number, not {value!r}.")
        values[key] = value
    return values


def check_oom_retry(setting: OomRetry, plan: Plan, compose: Compose) -> None:
    """Check the keys of ``hydra.sweeper.oom_retry`` before the first job.

    Raises:
        ConfigError: A key is swept, is missing, or has no number.
    """
    if not setting.steps:
        return
    swept = {item.at.key for item in plan.items if not isinstance(item.entry, Fixed)} | set(plan.space.names)
    swept |= {key.lstrip("+") for key in swept}
    for key in setting.steps:
        if key in swept:
            raise ConfigError(
                f"hydra.sweeper.oom_retry: {key} is swept, so it is what was suggested. Name keys that are fixed."
            )
    middle = plan.space.from_unit(np.full((1, len(plan.space)), 0.5))
    middle[~plan.space.active_mask(middle)] = np.nan
    values_of(compose(plan.overrides(plan.space.decode(middle[0]))), setting)


def with_smaller(overrides: Sequence[str], values: Mapping[str, float] | None) -> list[str]:
    """Return overrides with the values that a smaller attempt has."""
    left = dict(values or {})
    lines = []
    for line in overrides:
        name, _, _ = line.partition("=")
        key = name.lstrip("+")
        lines.append(f"{name}={left.pop(key)!r}" if key in left else line)
    return lines + [f"{key}={value!r}" for key, value in left.items()]
