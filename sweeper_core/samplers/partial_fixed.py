"""Some parameters fixed, the others left to another sampler."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from sweeper_core.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from sweeper_core.samplers.base import Request, Sampler, Suggestion
from sweeper_core.search_space import Parameter, SearchSpace
from sweeper_core.trial.history import History


class PartialFixedSampler(Sampler):
    """Fixes some parameters and asks another sampler for the rest, given these.

    What a trial brings with it (an enqueued point) is kept, also against the fixed values. Names that a space
    does not have are passed over. A finite space is exhausted when the points with the fixed values are.

    Args:
        fixed_params: Values by name of parameter.
        base_sampler: Suggests the other parameters.
    """

    def __init__(self, fixed_params: Mapping[str, Any], base_sampler: Sampler) -> None:
        super().__init__(base_sampler.seed)
        self.fixed_params = dict(fixed_params)
        self.base_sampler = base_sampler
        self.constraints_func = base_sampler.constraints_func
        self.ends = base_sampler.ends

    def suggest(self, request: Request, history: History, rng: np.random.Generator) -> Suggestion:
        given = {**self._fixed_in(request.space), **request.given}
        return self.base_sampler.suggest(replace(request, given=given), history, rng)

    def exhausted(self, space: SearchSpace, history: History) -> bool:
        fixed = self._fixed_in(space)
        kept = [
            replace(parameter, distribution=_only(parameter.distribution, fixed[parameter.name]))
            if parameter.name in fixed
            else parameter
            for parameter in space
        ]
        return self.base_sampler.exhausted(SearchSpace(kept), history)

    def _fixed_in(self, space: SearchSpace) -> dict[str, Any]:
        fixed = {name: value for name, value in self.fixed_params.items() if name in space}
        for name, value in fixed.items():
            fixed[name] = _checked(space[name], value)
        return fixed


def _checked(parameter: Parameter, value: Any) -> Any:
    """Return the value as the parameter's kind has it; outside of the bounds it is kept, with a warning."""
    distribution = parameter.distribution
    internal = distribution.to_internal_repr(value)
    if not distribution.contains(value):
        warnings.warn(
            f"Fixed parameter '{parameter.name}' with value {value} is out of range for distribution {distribution}.",
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
