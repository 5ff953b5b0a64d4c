"""Hosts of live trials: they find out the search space while objectives run, and store what trials tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Protocol

import numpy as np

from sweeper_core.distributions import BaseDistribution, check_distribution_compatibility
from sweeper_core.pruners.base import Verdict
from sweeper_core.samplers.base import Sampler, Suggestion
from sweeper_core.search_space.space import SearchSpace
from sweeper_core.storages.base import Claim, Storage
from sweeper_core.study._session.adapters import UserSampler
from sweeper_core.study._session.digest import Digest
from sweeper_core.study._session.grouping import Grouping
from sweeper_core.study._session.seeding import generator, quantiles
from sweeper_core.study._session.view import StudyView
from sweeper_core.trial.attrs import SUGGESTION
from sweeper_core.trial.base import warn_if_outside
from sweeper_core.trial.data import TrialData
from sweeper_core.trial.frozen import to_local
from sweeper_core.trial.live import Trial
from sweeper_core.trial.record import NOTHING, TrialRecord, nothing


class Working(Protocol):
    """The session, as far as hosts are concerned."""

    view: StudyView
    storage: Storage
    grouping: Grouping
    leases: bool

    @property
    def study_id(self) -> int: ...
    @property
    def seed(self) -> int: ...
    @property
    def n_objectives(self) -> int: ...
    @property
    def sampler(self) -> Sampler: ...
    @property
    def digest(self) -> Digest: ...
    def sync(self) -> None: ...
    def record(self, number: int) -> TrialRecord: ...
    def judge(self, number: int) -> Verdict: ...
    def space_of(self, distributions: Mapping[str, BaseDistribution]) -> SearchSpace: ...
    def suggest(
        self, number: int, space: SearchSpace, given: Mapping[str, Any], rng: np.random.Generator
    ) -> Suggestion: ...


@dataclass
class Plan:
    """What has been decided for a define-by-run trial beyond the parameters that it has asked for.

    Attributes:
        space, params: Distributions and values (external) of the parameters suggested together.
        rng: The trial's own generator, from which later suggestions go on.
        untold: Attributes to be stored with the next parameter.
    """

    space: Mapping[str, BaseDistribution]
    params: Mapping[str, Any]
    rng: np.random.Generator
    untold: Mapping[str, Any] = field(default_factory=nothing)


@dataclass
class Draws:
    """The plan of a trial whose sampler draws each parameter by itself.

    Attributes:
        draw: Makes a value of a number in [0, 1).
        quantiles: These numbers.
    """

    draw: Callable[[BaseDistribution, float], Any]
    quantiles: Iterator[float]
    untold: ClassVar[Mapping[str, Any]] = NOTHING


class DefineByRun:
    """The host of live trials: finds out the search space while objectives run.

    What all earlier trials have in common is suggested together, when a trial asks for its first parameter;
    any other parameter is suggested by itself, beside those that the trial has by then.

    Args:
        session: Where suggestions come from and everything is stored.
    """

    def __init__(self, session: Working) -> None:
        self.session = session
        self.n_objectives = session.n_objectives
        self._draws_freely = False
        self._kinds = session.digest.kinds

    @property
    def study(self) -> Any:
        """The study, as the user knows it."""
        return self.session.view

    def begin(self, claim: Claim) -> Trial:
        """Return the live trial of a claim, about which nothing has been suggested."""
        number, trial_id, fixed, user_attrs, system_attrs, _ = claim
        return Trial(self, number, trial_id, fixed, user_attrs, system_attrs)

    def suggest_together(self, trial: Trial, distributions: Mapping[str, BaseDistribution]) -> None:
        """Suggest several parameters at once, and store them in one go."""
        wanted = {name: it for name, it in distributions.items() if name not in trial.known}
        space = self.session.space_of({**trial.known_distributions, **wanted})
        for name in wanted.keys() & trial.fixed.keys():
            warn_if_outside(name, trial.fixed[name], wanted[name], "Fixed parameter")
        given = {name: value for name, value in {**trial.fixed, **trial.known}.items() if name in space}
        if len(given) < len(space):
            self.session.sync()
            trial.plan = Plan(NOTHING, NOTHING, generator(self.session.seed, trial.number))
            suggestion = self.session.suggest(trial.number, space, given, trial.plan.rng)
            trial.plan.untold = {SUGGESTION: told(suggestion)}
            given = suggestion.params
        params = {name: given[name] for name in wanted}
        self.describe(trial, TrialData(params, wanted))
        trial.take(params, wanted)

    def choose(self, trial: Trial, name: str, distribution: BaseDistribution) -> Any:
        """Return a value for a parameter that the trial does not have yet."""
        plan: Plan | Draws = trial.plan
        if plan is None:
            plan = trial.plan = self.plan(trial)
        if isinstance(plan, Draws):
            return plan.draw(distribution, next(plan.quantiles))
        if name in plan.params:
            value = plan.params[name]
            known = plan.space[name]
            if known is distribution or known == distribution:
                return value
            check_distribution_compatibility(known, distribution)
            if distribution.contains(value):
                return value
        return self.alone(trial, name, distribution)

    def plan(self, trial: Trial) -> Plan | Draws:
        """Return a suggestion for the parameters that all earlier trials share."""
        session = self.session
        sampler = session.sampler
        if self._draws_freely:
            return Draws(sampler.draw, quantiles(session.seed, trial._number))
        session.sync()
        space, widest = session.digest.joint, session.digest.widest
        # Where no point can come up twice, a sampler of independent parameters need know nothing, for good: by the
        # first trial, so that it does not matter which trials this process has seen when they ended.
        self._draws_freely = sampler.independent and len(widest) > 0 and not sampler.needs_history(widest)
        if self._draws_freely or (sampler.independent and not len(space)):
            return Draws(sampler.draw, quantiles(session.seed, trial._number))
        rng = generator(session.seed, trial.number)
        if not len(space):
            return Plan(NOTHING, NOTHING, rng)
        fixed = {**trial.known, **trial.fixed}
        given = {
            name: value for name, value in fixed.items() if name in space and space[name].distribution.contains(value)
        }
        suggestion = session.suggest(trial.number, space, given, rng)
        return Plan(space.distributions, suggestion.params, rng, untold={SUGGESTION: told(suggestion)})

    def alone(self, trial: Trial, name: str, distribution: BaseDistribution) -> Any:
        """Return a value for one parameter beside those that the trial has."""
        space = self.session.space_of({**trial.known_distributions, name: distribution})
        return self.session.suggest(trial.number, space, trial.known, trial.plan.rng).params[name]

    def describe(self, trial: Trial, data: TrialData) -> None:
        """Store data of the running trial.

        Raises:
            ValueError: An earlier trial of the study had one of the parameters as something else (see
                :func:`check_distribution_compatibility`).
        """
        for name, distribution in data.distributions.items():
            kind = self._kinds.setdefault(name, distribution)
            if kind is not distribution:
                check_distribution_compatibility(kind, distribution)
        plan = trial.plan
        if plan is not None and plan.untold:
            data, plan.untold = TrialData(system_attrs=plan.untold).merged(data), NOTHING
        session = self.session
        if session.leases:
            session.grouping.describe(trial._number, data)
        else:
            session.storage.describe(session.study_id, trial._number, data)

    def report(self, trial: Trial, step: int, value: float) -> None:
        """Take in one report; it is stored before :meth:`should_prune` returns, or within a second."""
        session = self.session
        if session.leases:
            session.grouping.report(trial._number, step, value)
        else:
            session.storage.report(session.study_id, trial._number, step, value)

    def should_prune(self, trial: Trial) -> bool:
        """Return whether the trial should stop."""
        return self.session.judge(trial.number).stop

    def started_at(self, trial: Trial) -> datetime | None:
        """Return the start, as naive local time."""
        return to_local(self.session.record(trial.number).started)


class StepByStep(DefineByRun):
    """The host of live trials whose sampler is the user's own."""

    def begin(self, claim: Claim) -> Trial:
        self._sampler.begin(claim.number)
        return super().begin(claim)

    def suggest_together(self, trial: Trial, distributions: Mapping[str, BaseDistribution]) -> None:
        for name, distribution in distributions.items():
            trial._suggest(name, distribution)

    def choose(self, trial: Trial, name: str, distribution: BaseDistribution) -> Any:
        if trial.plan is None:
            space, params = self._sampler.together(trial.number)
            trial.plan = Plan(space, params, generator(self.session.seed, trial.number))
        frozen = self._sampler.frozen(trial.number)
        return self._sampler.value(frozen, name, distribution, (trial.plan.space, trial.plan.params))

    @property
    def _sampler(self) -> UserSampler:
        assert isinstance(self.session.sampler, UserSampler)
        return self.session.sampler


def told(suggestion: Suggestion) -> dict[str, Any]:
    """Return what is stored of a suggestion beside its parameters."""
    facts: dict[str, Any] = {"origin": suggestion.origin}
    if suggestion.generation:
        facts["generation"] = suggestion.generation
    if suggestion.why:
        facts["why"] = suggestion.why
    return facts
