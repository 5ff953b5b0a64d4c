"""The live trial: the trial object passed to an objective."""

from __future__ import annotations

import copy
import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from sweeper_core._changes import check_change
from sweeper_core._described import described
from sweeper_core.checkpoints.saver import Saver
from sweeper_core.distributions import BaseDistribution, CategoricalDistribution
from sweeper_core.plain import plain
from sweeper_core.trial.attempts import first_step
from sweeper_core.trial.base import MAX_STEP, BaseTrial, float_argument, step_argument, warn_if_outside
from sweeper_core.trial.checkpointing import NOWHERE, Checkpointing
from sweeper_core.trial.data import TrialData
from sweeper_core.trial.metrics import data_of, several
from sweeper_core.trial.record import NOTHING, TrialRecord, constraints_in

# The constructor of the plain tuple avoids the Python call of the named one.
_new_tuple = tuple.__new__


class Suggestions(Protocol):
    """Source of the values of one trial's parameters.

    Attributes:
        unstored: Attributes to be stored with the next parameter.
    """

    unstored: Mapping[str, Any]

    def value(self, trial: Trial, name: str, distribution: BaseDistribution) -> Any:
        """Return a value for a new parameter of the trial."""


class TrialHost(ABC):
    """Runs live trials: chooses their parameters and stores their data.

    Attributes:
        n_objectives: Number of objectives.
    """

    n_objectives: int

    @property
    @abstractmethod
    def takes_reports(self) -> bool:
        """Whether trials may report: of several objectives only to a scheduler, which ranks by all of them."""

    @property
    @abstractmethod
    def study(self) -> Any:
        """The user's study object."""

    @abstractmethod
    def choose(self, trial: Trial, name: str, distribution: BaseDistribution) -> Any:
        """Choose the trial's source of parameter values, and return the value of its first parameter."""

    @abstractmethod
    def describe(self, trial: Trial, name: str, value: Any, distribution: BaseDistribution) -> None:
        """Store a new parameter of the running trial."""

    @abstractmethod
    def store(self, trial: Trial, data: TrialData) -> None:
        """Store reports and attributes of the running trial."""

    def saver(self, trial: Trial) -> Saver:
        """Return the saver of the trial's checkpoints."""
        return NOWHERE

    @abstractmethod
    def report(self, trial: Trial, step: int, value: float) -> None:
        """Record one report; it is stored before :meth:`should_prune` returns, or within a second."""

    @abstractmethod
    def should_prune(self, trial: Trial) -> bool:
        """Return whether the trial should stop."""

    @abstractmethod
    def started_at(self, trial: Trial) -> datetime | None:
        """Return the start, as naive local time."""


class Trial(Checkpointing, BaseTrial):
    """One run of the objective.

    The study creates it and passes it to the objective (see :class:`FixedTrial` for tests).

    Args:
        host: The host that runs the trial.
        number: 0, 1, 2, … within the study.
        trial_id: The storage's key.
        fixed: Enqueued values of parameters.
        user_attrs, system_attrs: Attributes that the trial already has.
    """

    plan: Suggestions | None = None
    """Source of the values of further parameters; set by the host."""

    stale: bool = False
    """Whether the trial was failed as stale; set by the host."""

    number: int = -1

    def __init__(
        self,
        host: TrialHost,
        number: int,
        trial_id: int,
        fixed: Mapping[str, Any] = NOTHING,
        user_attrs: Mapping[str, Any] = NOTHING,
        system_attrs: Mapping[str, Any] = NOTHING,
    ) -> None:
        self._host = host
        self.number = number
        self.trial_id = trial_id
        self.fixed = fixed
        self.first_step = 0
        """The first new step of this attempt: 0, unless the trial continues one that was lost or paused."""
        self.known: dict[str, Any] = {}
        """The parameters so far; do not modify the mapping."""
        self.known_distributions: dict[str, BaseDistribution] = {}
        """Their distributions; do not modify the mapping."""
        self._user_attrs = user_attrs
        self._system_attrs = system_attrs
        self._reports: dict[int, float] = {}

    def go_on(self, attempt: TrialRecord) -> None:
        """Take over the parameters and reports of the previous attempts.

        Args:
            attempt: This trial as it was stored when it began.
        """
        self.known = attempt.params
        self.known_distributions = attempt.layout.as_dict()
        self._reports = dict(attempt.reports)
        self.first_step = first_step(attempt)

    @property
    def step(self) -> int:
        """The step of :attr:`checkpoint`; where no checkpoints are kept, the last one reported. -1 without one."""
        saver = self._saver
        return super().step if saver.keeps else max(self._reports, default=-1)

    @property
    def _saver(self) -> Saver:  # type: ignore[override]
        return self._host.saver(self)

    def suggest(self, name: str, distribution: BaseDistribution) -> Any:
        if name in self.known_distributions:
            return self._again(name, distribution)
        if name in self.fixed:
            value = self.fixed[name]
            warn_if_outside(name, value, distribution, "Fixed parameter")
            if type(distribution) is CategoricalDistribution:
                value = distribution.as_given(value)
        elif distribution.single():
            value = _only_value(distribution)
        elif (plan := self.plan) is None:
            value = self._host.choose(self, name, distribution)
        else:
            value = plan.value(self, name, distribution)
        if type(distribution) is CategoricalDistribution and distribution.given is not None:
            value = distribution.as_given(value)
        self._host.describe(self, name, value, distribution)
        self.known[name] = value
        self.known_distributions[name] = distribution
        return value

    def take(self, params: Mapping[str, Any], distributions: Mapping[str, BaseDistribution]) -> None:
        """Record parameters that the host has already chosen and stored."""
        self.known.update(params)
        for name, distribution in distributions.items():
            if type(distribution) is CategoricalDistribution:
                self.known[name] = distribution.as_given(self.known[name])
        self.known_distributions.update(distributions)

    def _again(self, name: str, distribution: BaseDistribution) -> Any:
        """Return the value of a parameter that the trial has."""
        known = self.known_distributions[name]
        if known is not distribution and known != distribution:
            self._check_change(name, known, distribution)
        if self.first_step and type(distribution) is CategoricalDistribution:
            return distribution.as_given(self.known[name])
        return self.known[name]

    def _check_change(self, name: str, known: BaseDistribution, distribution: BaseDistribution) -> None:
        check_change(name, known, distribution, within_trial=True)
        warnings.warn(
            f'Inconsistent parameter values for distribution with name "{name}"! The trial keeps the value that was '
            f"suggested for {described(known)}; what is asked for now, {described(distribution)}, is not used. Give "
            "the parameters different names if both are meant.",
            RuntimeWarning,
            stacklevel=5,
        )

    def report(self, value: float | Mapping[str, float], step: int) -> None:
        """Report the objective's value after ``step``; stored before :meth:`should_prune` returns or within a second.

        Args:
            value: Anything that ``float()`` accepts, including NaN and infinities, or several metrics by name: pruners
                use the one that ``set_metric_names`` names, else the first one; the others are stored with it.
            step: 0, 1, 2, …; the first report of a step counts, later ones are ignored with a warning. In a trial that
                continues another those before :attr:`first_step` are ignored, because they are reported already.

        Raises:
            NotImplementedError: The study has several objectives and no scheduler.
            TypeError: An argument is not a number.
            ValueError: The step is negative or above 2**63 - 1, or an objective of several is missing.
        """
        if self._host.n_objectives > 1:
            self._refuse_unless_ranked("report")
            self._check_names(value)
        metrics: Mapping[str, float] | None = None
        if type(value) is float:
            number = value
        elif isinstance(value, Mapping):
            number, metrics = several(value, None, next(iter(self.study.metric_names or ()), None))
        else:
            number = float_argument("value", value)
        step = step if type(step) is int and 0 <= step <= MAX_STEP else step_argument(step)
        if step < self.first_step:
            return
        if step in self._reports:
            warnings.warn(
                f"The reported value is ignored because this `step` {step} is already reported.", stacklevel=2
            )
            return
        if metrics:
            data = data_of(step, number, metrics)
            self._host.store(self, data)
            self._user_attrs = {**self._user_attrs, **data.user_attrs}
        else:
            self._host.report(self, step, number)
        self._reports[step] = number

    def should_prune(self) -> bool:
        """Return whether the study's pruner would stop this trial, judging by its reports so far.

        Raises:
            NotImplementedError: The study has several objectives and no scheduler.
        """
        if self._host.n_objectives > 1:
            self._refuse_unless_ranked("should_prune")
        return self._host.should_prune(self)

    def _refuse_unless_ranked(self, method: str) -> None:
        """Refuse reports of several objectives that nothing could rank."""
        if not self._host.takes_reports:
            raise NotImplementedError(f"Trial.{method} is not supported for multi-objective optimization.")

    def _check_names(self, value: Any) -> None:
        """Refuse a report that lacks one of several objectives."""
        names = self.study.metric_names
        if not names:
            raise ValueError("Name the objectives before they are reported: study.set_metric_names([…]).")
        if not isinstance(value, Mapping) or not set(names) <= set(value):
            expected = ", ".join(f"{name!r}: …" for name in names)
            raise ValueError(f"Report every objective by its name, report({{{expected}}}, step), not {value!r}.")

    def set_user_attr(self, key: str, value: Any) -> None:
        value = plain(value)
        self._host.store(self, _new_tuple(TrialData, (NOTHING, NOTHING, (), {key: value}, NOTHING)))
        self._user_attrs = {**self._user_attrs, key: value}

    def _set_system_attr(self, key: str, value: Any) -> None:
        value = plain(value)
        self._host.store(self, _new_tuple(TrialData, (NOTHING, NOTHING, (), NOTHING, {key: value})))
        self._system_attrs = {**self._system_attrs, key: value}

    @property
    def _trial_id(self) -> int:
        """The storage's key, by the name under which samplers and callbacks for Optuna ask for it."""
        return self.trial_id

    @property
    def last_report(self) -> float | None:
        """The value of the largest step reported; None without reports."""
        return self._reports[max(self._reports)] if self._reports else None

    @property
    def study(self) -> Any:
        """The study that this trial belongs to."""
        return self._host.study

    @property
    def params(self) -> dict[str, Any]:
        return copy.deepcopy(self.known)

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        return dict(self.known_distributions)

    @property
    def user_attrs(self) -> dict[str, Any]:
        return copy.deepcopy({**self._user_attrs})

    @property
    def system_attrs(self) -> dict[str, Any]:
        """Attributes for internal use of the library."""
        return copy.deepcopy({**self._system_attrs})

    @property
    def datetime_start(self) -> datetime | None:
        return self._host.started_at(self)

    @property
    def constraints(self) -> dict[str, float]:
        return constraints_in(self._system_attrs)


def _only_value(distribution: BaseDistribution) -> Any:
    """Return the value of a distribution with a single value."""
    low = getattr(distribution, "low", None)
    return distribution.to_external_repr(0.0 if low is None else low)
