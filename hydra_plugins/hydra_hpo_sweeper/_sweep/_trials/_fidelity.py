"""Fidelity: the rungs of a sweep, checked against its configuration, and a trial's way up them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from omegaconf import DictConfig, OmegaConf

from hydra_plugins.hydra_hpo_sweeper._config._fidelity import FidelityOptions, Ladder, Number, ladder_of, refuse_empty
from hydra_plugins.hydra_hpo_sweeper._config._settings import Settings
from hydra_plugins.hydra_hpo_sweeper._errors import ConfigError, closest
from hydra_plugins.hydra_hpo_sweeper._hydra._nodes import keys_below
from hydra_plugins.hydra_hpo_sweeper._hydra._values import as_text
from hydra_plugins.hydra_hpo_sweeper._lanes._base import Failure
from hydra_plugins.hydra_hpo_sweeper._space._entries import Address, Fixed, Placed, Swept
from hydra_plugins.hydra_hpo_sweeper._space._plan import Plan
from hydra_plugins.hydra_hpo_sweeper._sweep._preparation._baseline import composed
from hydra_plugins.hydra_hpo_sweeper._sweep._preparation._opening import objective_of
from hydra_plugins.hydra_hpo_sweeper._sweep._stopping._interrupt import Interrupt
from hydra_plugins.hydra_hpo_sweeper._sweep._trials._jobs import JobPlan, RunningTrial
from hydra_plugins.hydra_hpo_sweeper._sweep._trials._trial_result import TrialResult
from sweeper_core.pruners.base import Verdict
from sweeper_core.schedulers import AutoScheduler
from sweeper_core.schedulers.asha import THIRDS
from sweeper_core.storages import attrs_of_loss
from sweeper_core.study._session.session import Session
from sweeper_core.trial.attrs import CONSTRAINT_PREFIX, STOPPED, VERDICT
from sweeper_core.trial.data import TrialData
from sweeper_core.trial.metrics import data_of
from sweeper_core.trial.state import TrialState

log = logging.getLogger("hydra_plugins.hydra_hpo_sweeper")

FIDELITY = "in hydra.sweeper.fidelity"
MAX_SHOWN = 3
"""Keys named in a warning."""
AT_THE_END = Verdict(True, "the run starts no further job")


def with_fidelity(
    settings: Settings, plan: Plan, compose: Callable[[list[str]], Any], config: DictConfig
) -> tuple[Settings, Plan]:
    """Return settings with the rungs and a scheduler for them, and the plan with a complete training's override.

    Args:
        compose: Composes a job's configuration from its overrides.
        config: The sweep's configuration, looked at where composing without the swept keys fails.

    Raises:
        ConfigError: The key does not exist, is swept or repeated, is no number, or ``min`` is not below ``max``.
    """
    asked = settings.fidelity
    if asked is None:
        return settings, plan
    _refuse_swept(asked, settings, plan)
    job = composed(plan, compose, config)
    ladder = _ladder(asked, settings, job)
    _warn_of_references(asked.bare, job)
    scheduler = settings.scheduler
    if scheduler is None and settings.pruner is None:
        scheduler = AutoScheduler()
    if scheduler is not None:
        scheduler = scheduler.on_rungs(ladder.resources)
    return replace(settings, ladder=ladder, scheduler=scheduler), _with_maximum(plan, ladder)


def _refuse_swept(asked: FidelityOptions, settings: Settings, plan: Plan) -> None:
    swept = [
        key for item in plan.items if isinstance(item.entry, Swept) for key in (item.at.bare, *item.entry.member_keys)
    ]
    if asked.bare in swept:
        raise ConfigError(f"hydra.sweeper.fidelity: {asked.bare} is swept, too; keep one of them.")
    if settings.repeat is not None and settings.repeat.key.lstrip("+") == asked.bare:
        raise ConfigError(f"hydra.sweeper.fidelity: {asked.bare} is in hydra.sweeper.repeat, too; keep one of them.")


def _ladder(asked: FidelityOptions, settings: Settings, job: DictConfig) -> Ladder:
    value = _configured(asked, job)
    maximum = asked.maximum
    if maximum is None:
        if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            raise ConfigError(
                f"hydra.sweeper.fidelity: max is missing, and the configuration has {asked.bare}={as_text(value)}, "
                "which is no number above 0; give max."
            )
        maximum = value
        refuse_empty(asked.minimum, maximum)
    factor = int(getattr(settings.scheduler, "reduction_factor", None) or THIRDS)
    # A float of the configuration makes the key one of floats, also where min and max are written as integers.
    kind = float if isinstance(value, float) else type(maximum + asked.minimum)
    return ladder_of(asked.key, kind(asked.minimum), kind(maximum), factor)


def _configured(asked: FidelityOptions, job: DictConfig) -> Any:
    """Return the configuration's value of the key; None for a key that is added."""
    known = list(keys_below(job))
    if asked.bare not in known:
        if asked.key != asked.bare:
            return None
        raise ConfigError(
            f"hydra.sweeper.fidelity.key={asked.key} is not in the configuration.{closest(asked.key, known)} "
            f"Write +{asked.key} to add it."
        )
    try:
        return OmegaConf.select(job, asked.bare)
    except Exception:  # its interpolation cannot be resolved outside of a job
        return None


def _warn_of_references(key: str, job: DictConfig) -> None:
    """Warn where other values depend on the key: a rung is another training then, and not the first part of one."""
    found = [name for name, text in _texts(OmegaConf.to_container(job, resolve=False)) if _refers(text, key)]
    if found:
        more = f" and {len(found) - MAX_SHOWN} more" if len(found) > MAX_SHOWN else ""
        log.warning(
            "hydra.sweeper.fidelity: %s%s of the configuration refers to %s, so that a job with less of it is another "
            "training and not the beginning of a complete one.",
            ", ".join(found[:MAX_SHOWN]),
            more,
            key,
        )


def _texts(node: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield all texts of a configuration with their keys, those of Hydra itself left out."""
    if isinstance(node, dict):
        for name, value in node.items():
            if path or name != "hydra":
                yield from _texts(value, f"{path}.{name}" if path else str(name))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _texts(value, f"{path}.{index}")
    elif isinstance(node, str):
        yield path, node


def _refers(text: str, key: str) -> bool:
    """Return whether a text interpolates a key, absolutely or relative to its own node."""
    name = key.rpartition(".")[2]
    compact = text.replace(" ", "")
    return f"${{{key}}}" in compact or (f".{name}}}" in compact and "${." in compact)


def _with_maximum(plan: Plan, ladder: Ladder) -> Plan:
    """Return the plan with the override of a complete training, in the place of one that the user gave."""
    at = Address(ladder.key, FIDELITY)
    line = ladder.line(ladder.last)
    own = Placed(Fixed(at, line, ladder.values[-1]), ladder.key)
    others = [item for item in plan.items if item.at.bare != at.bare]
    gone = {item.line for item in plan.items if item.at.bare == at.bare}
    return replace(plan, fixed=(*(it for it in plan.fixed if it not in gone), line), items=(*others, own))


class Climber:
    """Reports the results of rungs, and lets trials pause or go on to the next one.

    Args:
        may_continue: Whether a trial that paused may be continued now.
    """

    def __init__(
        self,
        settings: Settings,
        session: Session,
        jobs: JobPlan,
        interrupt: Interrupt,
        may_continue: Callable[[], bool],
    ) -> None:
        self._ladder = settings.ladder
        self._names = settings.metric
        self._objective = objective_of(settings) or 0
        self._has_scheduler = settings.scheduler is not None
        self._session = session
        self._jobs = jobs
        self._interrupt = interrupt
        self._may_continue = may_continue

    def climb(self, trial: RunningTrial, result: TrialResult) -> TrialResult | None:
        """Return the result of a trial whose jobs have ended; None where it goes on, with jobs for its next rung."""
        ladder, rung = self._ladder, trial.rung
        if ladder is None or rung is None or result.values is None or result.state is not TrialState.COMPLETE:
            return result
        step = ladder.steps[rung]
        self._report(trial.number, step, result.values)
        if rung == ladder.last:
            return result
        verdict = self._session.judge(trial.number)
        if not verdict.stop and self._has_scheduler and not self._may_continue():
            verdict = AT_THE_END
        if not verdict.stop and self._interrupt.requested:
            return _left_off()
        if verdict.stop:
            return _paused(result, verdict, step, {ladder.key: ladder.values[rung]})
        self._jobs.climb(trial)
        return None

    def _report(self, number: int, step: int, values: tuple[float, ...]) -> None:
        data = TrialData(reports=[(step, values[self._objective])])
        if len(values) > 1:
            names = self._names or [str(index) for index in range(len(values))]
            data = data_of(step, values[self._objective], dict(zip(names, values, strict=True)))
            if self._names is None:
                data = TrialData(reports=data.reports, system_attrs=data.system_attrs)
        self._session.writer.describe(number, data)


def _left_off() -> TrialResult:
    """Return the result of a trial without a scheduler that the next run continues."""
    attrs = {**attrs_of_loss(AT_THE_END.reason), STOPPED: True}
    return TrialResult(TrialState.FAIL, attrs=attrs, failure=Failure("Stopped", AT_THE_END.reason), lost=True)


def _paused(result: TrialResult, verdict: Verdict, step: int, at: dict[str, Number]) -> TrialResult:
    """Return the result of a trial that pauses; what a partial training says of constraints does not bind."""
    facts: dict[str, Any] = {"step": step, "reason": verdict.reason}
    if verdict.forecast is not None:
        facts["forecast"] = list(verdict.forecast)
    kept = {name: value for name, value in result.attrs.items() if not name.startswith(CONSTRAINT_PREFIX)}
    return replace(
        result,
        state=TrialState.PRUNED,
        values=None,
        attrs={**kept, VERDICT: facts},
        user_attrs={**result.user_attrs, **at},
    )
