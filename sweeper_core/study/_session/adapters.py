"""Adapters of users' samplers and pruners to the contracts of the built-in ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sweeper_core._changes import check_change
from sweeper_core.distributions import BaseDistribution
from sweeper_core.pruners.base import Pruner, Verdict
from sweeper_core.pruners.patient import PatientPruner
from sweeper_core.pruners.user import BasePruner
from sweeper_core.samplers.base import Request, Sampler, Suggestion
from sweeper_core.samplers.optuna_face import OptunaFace
from sweeper_core.samplers.partial_fixed import PartialFixedSampler
from sweeper_core.samplers.user import BaseSampler
from sweeper_core.study._session.log import TrialLog
from sweeper_core.trial.curves import Curve, LearningCurves
from sweeper_core.trial.frozen import FrozenTrial
from sweeper_core.trial.history import History
from sweeper_core.trial.state import TrialState
from sweeper_core.trial.study_like import StudyLike

REPLACEABLE = ("infer_relative_search_space", "sample_relative", "sample_independent", "before_trial", "after_trial")
"""Methods of built-in samplers that a subclass may override."""


def native_sampler(sampler: Sampler | BaseSampler, log: TrialLog, view: StudyLike) -> Sampler:
    """Return a sampler for the session: built-in ones unchanged, users' behind an adapter.

    Raises:
        TypeError: It is no sampler.
    """
    if isinstance(sampler, Sampler) and _is_built_in(sampler):
        return sampler
    if isinstance(sampler, BaseSampler):
        return UserSampler(sampler, log, view)
    raise TypeError(
        f"A sampler is an instance of a class in sweeper_core.samplers or of your own subclass of BaseSampler, not "
        f"{sampler!r}."
    )


def _is_built_in(sampler: Sampler | BaseSampler) -> bool:
    """Return whether a sampler, and the one that it delegates to, implement only the contract."""
    if type(sampler) is PartialFixedSampler:
        return _is_built_in(sampler.base_sampler)
    if not isinstance(sampler, OptunaFace):
        return isinstance(sampler, Sampler)
    return all(getattr(type(sampler), name) is getattr(OptunaFace, name) for name in REPLACEABLE)


def native_pruner(pruner: BasePruner | None, log: TrialLog, view: StudyLike) -> Pruner | None:
    """Return a pruner for the session.

    Raises:
        TypeError: It is no pruner.
    """
    if isinstance(pruner, PatientPruner):
        wrapped = native_pruner(pruner.wrapped_pruner, log, view)
        return pruner if wrapped is None or wrapped is pruner.wrapped_pruner else pruner.around(wrapped)
    if pruner is None or (isinstance(pruner, Pruner) and type(pruner).prune is Pruner.prune):
        return pruner
    if isinstance(pruner, BasePruner):
        return UserPruner(pruner, log, view)
    raise TypeError(
        f"A pruner is an instance of a class in sweeper_core.pruners or of your own subclass of BasePruner, not "
        f"{pruner!r}."
    )


class UserSampler(Sampler):
    """Adapter of a user's sampler, which gets the study and the trial.

    Args:
        inner: The user's sampler.
        log: The log of the study's trials.
        view: The study passed to the sampler.
    """

    heeds_priors = True
    """True: a user's sampler is called for every trial."""

    def __init__(self, inner: BaseSampler, log: TrialLog, view: StudyLike) -> None:
        super().__init__(getattr(inner, "seed", None))
        self.inner = inner
        self.ends = bool(getattr(inner, "ends", False))
        self.constraints_func = getattr(inner, "constraints_func", None)
        self._log = log
        self._view = view

    def suggest(self, request: Request, history: History, rng: np.random.Generator) -> Suggestion:
        """Return a whole point, in the same steps as a define-by-run trial."""
        trial = self.begin(request.number)
        together = self.together(request.number)
        for parameter in request.space.parents_first:
            name, distribution = parameter.name, parameter.distribution
            if name in request.given:
                value = request.given[name]
            elif request.space.is_active(name, trial.params):
                value = self.value(trial, name, distribution, together)
            else:
                continue
            trial.params[name] = value
            trial.distributions[name] = distribution
        return Suggestion(request.space.active_only(trial.params), str(self.inner), if_known="keep")

    def exhausted(self, space: Any, history: History) -> bool:
        return self.inner.exhausted(space, history) if isinstance(self.inner, Sampler) else False

    def begin(self, number: int) -> FrozenTrial:
        """Call the user's ``before_trial``; return the trial."""
        trial = self.frozen(number)
        self.inner.before_trial(self._view, trial)
        return trial

    def together(self, number: int) -> tuple[Mapping[str, BaseDistribution], Mapping[str, Any]]:
        """Return the parameters that are suggested together: their distributions and values."""
        trial = self.frozen(number)
        space = self.inner.infer_relative_search_space(self._view, trial)
        return space, self.inner.sample_relative(self._view, trial, space)

    def value(
        self,
        trial: FrozenTrial,
        name: str,
        distribution: BaseDistribution,
        together: tuple[Mapping[str, BaseDistribution], Mapping[str, Any]],
    ) -> Any:
        """Return the value of one parameter: the one suggested together with others if it fits, else its own.

        Raises:
            ValueError: It was suggested together with others without belonging to them.
        """
        space, values = together
        if name in values:
            if name not in space:
                raise ValueError(
                    f"The parameter {name} was sampled by `sample_relative` method but it is not contained in the "
                    "relative search space."
                )
            check_change(name, space[name], distribution)
            distribution.to_internal_repr(values[name])
            if distribution.contains(values[name]):
                return values[name]
        return self.inner.sample_independent(self._view, trial, name, distribution)

    def end(self, number: int, state: TrialState, values: Sequence[float] | None) -> None:
        """Call the user's ``after_trial`` before the end is stored."""
        self.inner.after_trial(self._view, self.frozen(number), state, None if values is None else list(values))

    def frozen(self, number: int) -> FrozenTrial:
        """Return the stored trial."""
        return FrozenTrial.of(self._log.record(number))


class UserPruner(Pruner):
    """Adapter of a user's pruner, which gets the study and the trial."""

    def __init__(self, inner: BasePruner, log: TrialLog, view: StudyLike) -> None:
        self.inner = inner
        self._log = log
        self._view = view

    def judge(self, number: int, curve: Curve, curves: LearningCurves) -> Verdict:
        trial = FrozenTrial.of(self._log.record(self._log.attempts.latest(number)))
        return Verdict(bool(self.inner.prune(self._view, trial)), f"{type(self.inner).__name__} says so")
