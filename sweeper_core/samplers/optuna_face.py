"""The methods of Optuna's samplers on top of :class:`Sampler`.

Users' classes may delegate to a built-in sampler through these methods, or subclass one and override some.
"""

from __future__ import annotations

import secrets
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sweeper_core.distributions import BaseDistribution
from sweeper_core.samplers.asking import ask
from sweeper_core.samplers.base import Request, Sampler, Suggestion
from sweeper_core.samplers.user import BaseSampler
from sweeper_core.search_space.space import SearchSpace
from sweeper_core.trial.frozen import FrozenTrial
from sweeper_core.trial.state import TrialState
from sweeper_core.trial.study_like import StudyLike


class OptunaFace(Sampler, BaseSampler):
    """A :class:`Sampler` that can also be called as a :class:`BaseSampler`; base class of the built-in samplers."""

    def infer_relative_search_space(self, study: StudyLike, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return the parameters that all finished trials share."""
        return dict(study.known_to(trial.number).joint)

    def sample_relative(
        self, study: StudyLike, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return values for the parameters of ``search_space``."""
        if not search_space:
            return {}
        return self._sample(study, trial, SearchSpace.of(search_space), {}, "").params

    def sample_independent(
        self, study: StudyLike, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Return a value for one parameter, given those of the trial."""
        space = SearchSpace.of({**trial.distributions, param_name: param_distribution})
        given = {name: value for name, value in trial.params.items() if name != param_name}
        return self._sample(study, trial, space, given, param_name).params[param_name]

    def after_trial(
        self, study: StudyLike, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """Call :attr:`after_trial_strategy` where there is one."""
        if self.after_trial_strategy is not None:
            self.after_trial_strategy(study, trial, state, values)

    def _sample(
        self, study: StudyLike, trial: FrozenTrial, space: SearchSpace, given: Mapping[str, Any], salt: str
    ) -> Suggestion:
        seed = secrets.randbits(63) if self.seed is None else self.seed
        rng = np.random.default_rng([seed, trial.number, zlib.crc32(salt.encode())])
        return ask(self, Request(space, trial.number, given), study.known_to(trial.number).history, rng)
