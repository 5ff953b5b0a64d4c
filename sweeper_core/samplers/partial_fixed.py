"""The sampler that fixes some parameters and delegates the others to another sampler."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from sweeper_core._described import described
from sweeper_core.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from sweeper_core.samplers.asking import ask
from sweeper_core.samplers.base import Request, Sampler, Suggestion
from sweeper_core.samplers.optuna_face import OptunaFace
from sweeper_core.samplers.random import RandomSampler
from sweeper_core.samplers.user import BaseSampler
from sweeper_core.search_space.space import Parameter, SearchSpace
from sweeper_core.trial.frozen import FrozenTrial
from sweeper_core.trial.history import History
from sweeper_core.trial.state import TrialState
from sweeper_core.trial.study_like import StudyLike


class PartialFixedSampler(OptunaFace):
    """Fixes some parameters; another sampler suggests the others, given these.

    Enqueued values of a trial take precedence over the fixed values. Names that are not in a space are ignored. A
    finite space is exhausted when the points with the fixed values are.

    Args:
        fixed_params: Values by name of parameter.
        base_sampler: Suggests the other parameters; built in or a user's own.

    Raises:
        TypeError: ``base_sampler`` is no sampler.
    """

    heeds_priors = True

    def __init__(self, fixed_params: Mapping[str, Any], base_sampler: Sampler | BaseSampler) -> None:
        if not isinstance(base_sampler, (Sampler, BaseSampler)):
            raise TypeError(f"`base_sampler` must be a sampler, but it is {base_sampler!r}.")
        super().__init__(getattr(base_sampler, "seed", None))
        self.fixed_params = dict(fixed_params)
        self.base_sampler = base_sampler
        self.constraints_func = getattr(base_sampler, "constraints_func", None)
        self.after_trial_strategy = getattr(base_sampler, "after_trial_strategy", None)
        self.ends = bool(getattr(base_sampler, "ends", False))

    def suggest(self, request: Request, history: History, rng: np.random.Generator) -> Suggestion:
        assert isinstance(self.base_sampler, Sampler)  # users' samplers are called by the methods below
        given = {**self._fixed_in(request.space), **request.given}
        return replace(ask(self.base_sampler, replace(request, given=given), history, rng), if_known="keep")

    @property
    def stand_in(self) -> Sampler:
        other = self.base_sampler.stand_in if isinstance(self.base_sampler, Sampler) else None
        return PartialFixedSampler(self.fixed_params, other or RandomSampler())

    def exhausted(self, space: SearchSpace, history: History) -> bool:
        return isinstance(self.base_sampler, Sampler) and self.base_sampler.exhausted(self._kept(space), history)

    def has_left(self, space: SearchSpace, history: History) -> bool:
        return not isinstance(self.base_sampler, Sampler) or self.base_sampler.has_left(self._kept(space), history)

    def _kept(self, space: SearchSpace) -> SearchSpace:
        """Return the space in which fixed parameters have only their value."""
        fixed = self._fixed_in(space)
        kept = [
            replace(parameter, distribution=_only(parameter.distribution, fixed[parameter.name]))
            if parameter.name in fixed
            else parameter
            for parameter in space
        ]
        return SearchSpace(kept)

    # The following methods are for a user's base sampler.

    def infer_relative_search_space(self, study: StudyLike, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return the base sampler's relative search space without the fixed parameters."""
        if not isinstance(self.base_sampler, BaseSampler):
            return super().infer_relative_search_space(study, trial)
        space = self.base_sampler.infer_relative_search_space(study, trial)
        return {name: distribution for name, distribution in space.items() if name not in self.fixed_params}

    def sample_relative(
        self, study: StudyLike, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return the base sampler's values."""
        if not isinstance(self.base_sampler, BaseSampler):
            return super().sample_relative(study, trial, search_space)
        return self.base_sampler.sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: StudyLike, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Return the fixed value where there is one, else the base sampler's."""
        if param_name in self.fixed_params:
            return _checked(Parameter(param_name, param_distribution), self.fixed_params[param_name])
        if not isinstance(self.base_sampler, BaseSampler):
            return super().sample_independent(study, trial, param_name, param_distribution)
        return self.base_sampler.sample_independent(study, trial, param_name, param_distribution)

    def before_trial(self, study: StudyLike, trial: FrozenTrial) -> None:
        """Tell the base sampler."""
        if isinstance(self.base_sampler, BaseSampler):
            self.base_sampler.before_trial(study, trial)

    def after_trial(
        self, study: StudyLike, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """Tell the base sampler."""
        if isinstance(self.base_sampler, BaseSampler):
            self.base_sampler.after_trial(study, trial, state, values)
        else:
            super().after_trial(study, trial, state, values)

    def _fixed_in(self, space: SearchSpace) -> dict[str, Any]:
        fixed = {name: value for name, value in self.fixed_params.items() if name in space}
        for name, value in fixed.items():
            fixed[name] = _checked(space[name], value)
        return fixed


def _checked(parameter: Parameter, value: Any) -> Any:
    """Return the value converted to the parameter's kind; a value out of bounds is kept, with a warning."""
    distribution = parameter.distribution
    internal = distribution.to_internal_repr(value)
    if not distribution.contains(value):
        warnings.warn(
            f"Fixed parameter '{parameter.name}' with value {value} is out of range for {described(distribution)}.",
            stacklevel=5,
        )
        return value
    return distribution.to_external_repr(internal)


def _only(distribution: BaseDistribution, value: Any) -> BaseDistribution:
    if isinstance(distribution, CategoricalDistribution):
        return CategoricalDistribution([value])
    if isinstance(distribution, IntDistribution):
        return IntDistribution(int(value), int(value), log=distribution.log)
    assert isinstance(distribution, FloatDistribution)
    return FloatDistribution(value, value, log=distribution.log)
