"""The session: one process's work on a stored study, used by sweeps and ``Study``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from sweeper_core.distributions import BaseDistribution
from sweeper_core.exceptions import SearchSpaceExhausted, UpdateFinishedTrialError
from sweeper_core.logging import get_logger
from sweeper_core.pruners.base import Verdict
from sweeper_core.pruners.user import BasePruner
from sweeper_core.samplers.base import Request, Sampler, Suggestion
from sweeper_core.samplers.user import BaseSampler
from sweeper_core.schedulers.base import New, Scheduler, Vacancy
from sweeper_core.search_space.space import SearchSpace
from sweeper_core.storages.base import Claim, Lease, Storage, StudyRecord
from sweeper_core.study._session.adapters import UserSampler, native_sampler
from sweeper_core.study._session.continuations import Continuations
from sweeper_core.study._session.costs import Costs
from sweeper_core.study._session.log import TrialLog
from sweeper_core.study._session.points import PointSource
from sweeper_core.study._session.rivals import Rivals, facts_of
from sweeper_core.study._session.rules import Rules
from sweeper_core.study._session.seeding import generator
from sweeper_core.study._session.view import StudyView
from sweeper_core.study._session.writer import TrialWriter
from sweeper_core.trial.attrs import CONTINUES, COST, FAILURE, LIST_OF_CONSTRAINTS, SUGGESTION
from sweeper_core.trial.cost import CostPlan
from sweeper_core.trial.data import NO_DATA, TrialData
from sweeper_core.trial.frozen import FrozenTrial
from sweeper_core.trial.history import History
from sweeper_core.trial.record import NOTHING, TrialRecord, nothing
from sweeper_core.trial.state import TrialState
from sweeper_core.trial.study_like import StudyLike

_logger = get_logger(__name__)

ENQUEUED = "enqueued"
"""Origin of points that were fixed in advance."""

MAX_SPACES = 1024
"""Maximum number of cached search spaces; an objective whose ranges always change creates many."""


@dataclass(frozen=True)
class Started:
    """A trial that this process runs.

    Attributes:
        params: A value (external) for every active parameter of ``space``.
        suggestion: Their suggestion.
        user_attrs, system_attrs: Attributes of the trial when it was reserved (those of an enqueued one, or of the
            attempt that it continues).
        configuration: Number of its first attempt: its own, unless it continues another.
        step: The last step that an earlier attempt has reported; -1 without one.
        fixed: All values (external) fixed in advance, whether ``space`` has these parameters or not.
    """

    number: int
    trial_id: int
    params: dict[str, Any]
    space: SearchSpace
    suggestion: Suggestion
    user_attrs: Mapping[str, Any] = field(default_factory=nothing)
    system_attrs: Mapping[str, Any] = field(default_factory=nothing)
    configuration: int = -1
    step: int = -1
    fixed: Mapping[str, Any] = field(default_factory=nothing)

    def __post_init__(self) -> None:
        if self.configuration < 0:
            object.__setattr__(self, "configuration", self.number)

    @classmethod
    def of(cls, claim: Claim, space: SearchSpace, suggestion: Suggestion, configuration: int) -> Started:
        """Return a reserved trial with its parameters."""
        continues = CONTINUES in claim.system_attrs
        return cls(
            claim.number,
            claim.trial_id,
            suggestion.params,
            space,
            suggestion,
            claim.user_attrs,
            claim.system_attrs,
            configuration,
            claim.reports[-1][0] if claim.reports else -1,
            claim.fixed if continues else NOTHING,
        )

    @property
    def first_step(self) -> int:
        """The first new step of this attempt; 0 unless it continues another."""
        return self.step + 1


class Session:
    """One process's work on a stored study: it starts, suggests, judges and finishes trials. Thread-safe.

    Args:
        log: The log of the study's trials.
        writer: Stores the data of this process's trials.
        sampler: The sampler; its ``seed`` seeds the generators, None draws one for this session. A user's own
            subclass of :class:`BaseSampler` runs behind an adapter.
        pruner: The pruner; None never stops a trial. Users' own as above.
        view: The study passed to users' functions and classes; None creates a read-only one.
        scheduler: Pauses and continues trials; None never continues a stopped one.

    Attributes:
        rules: Pruner and scheduler; they may be replaced between trials.
        costs: What trials cost, where samplers and limits are to heed it; None, the default, when they are not.
    """

    def __init__(
        self,
        log: TrialLog,
        writer: TrialWriter,
        sampler: Sampler | BaseSampler,
        pruner: BasePruner | None = None,
        view: StudyLike | None = None,
        scheduler: Scheduler | None = None,
    ) -> None:
        self.log = log
        self.writer = writer
        self.view = StudyView(log) if view is None else view
        self.continuations = Continuations(log)
        self._rivals = Rivals(log, writer)
        writer.watch(lambda: tuple(log.statistics.running))
        self._points = PointSource(log, self._rivals)
        self._spaces: dict[tuple[Any, ...], SearchSpace] = {}
        self.sampler = sampler
        self.costs: Costs | None = None
        self.rules = Rules(log, writer, self.view)
        self.rules.pruner, self.rules.scheduler = pruner, scheduler

    @classmethod
    def open(
        cls,
        storage: Storage,
        study: StudyRecord,
        sampler: Sampler | BaseSampler,
        pruner: BasePruner | None = None,
        *,
        sources: Sequence[History] = (),
        objective: int = 0,
        view: StudyLike | None = None,
        scheduler: Scheduler | None = None,
    ) -> Session:
        """Return a session of a stored study.

        Args:
            sources: Histories of earlier studies, for transfer learning.
            objective: Index of the objective that is reported.
        """
        writer = TrialWriter(storage, study.study_id)
        log = TrialLog(storage, study, sources=sources, objective=objective, flush=writer.flush)
        return cls(log, writer, sampler, pruner, view, scheduler)

    def __reduce__(self) -> tuple[Any, ...]:
        log = self.log
        reopen = partial(Session.open, sources=log.sources, objective=log.objective, scheduler=self.rules.scheduler)
        return reopen, (log.storage, log.study, self.sampler, self.pruner)

    @property
    def storage(self) -> Storage:
        """The storage of the study."""
        return self.log.storage

    @property
    def study(self) -> StudyRecord:
        """The study as stored."""
        return self.log.study

    @property
    def n_objectives(self) -> int:
        """Number of objectives."""
        return self.log.n_objectives

    @property
    def sampler(self) -> Sampler | BaseSampler:
        """The given sampler; it may be replaced between trials."""
        return self._sampler

    @sampler.setter
    def sampler(self, sampler: Sampler | BaseSampler) -> None:
        native = native_sampler(sampler, self.log, self.view)
        user = native if isinstance(native, UserSampler) else None
        self._sampler = sampler
        self._points.sampler = native
        self.native_sampler = native
        """The sampler itself, or the adapter around a user's own."""
        self.user_sampler = user
        """The adapter around a user's own sampler; None for others."""
        self._calls_at_end = user is not None or native.constraints_func is not None
        self._calls_at_end |= native.after_trial_strategy is not None

    @property
    def pruner(self) -> BasePruner | None:
        """The given pruner; it may be replaced between trials."""
        return self.rules.pruner

    @pruner.setter
    def pruner(self, pruner: BasePruner | None) -> None:
        self.rules.pruner = pruner

    def heed_costs(self, plan: CostPlan | None) -> None:
        """Heed the costs of trials from now on; None ends it."""
        self.costs = None if plan is None else Costs(self.log, plan)

    @property
    def seed(self) -> int:
        """The sampler's seed, or one of this study that nobody gave."""
        return self._points.seed

    def space_of(self, distributions: Mapping[str, BaseDistribution]) -> SearchSpace:
        """Return the space of named distributions, cached by the identity of the distributions."""
        key = (*distributions, *map(id, distributions.values()))
        space = self._spaces.get(key)
        if space is None:
            if len(self._spaces) >= MAX_SPACES:
                self._spaces.clear()
            # The space holds references to the distributions, so that their ids are not reused.
            space = self._spaces[key] = SearchSpace.of(distributions)
        return space

    def start(
        self,
        space: SearchSpace,
        *,
        limit: int | None = None,
        lease: Lease | None = None,
        budget: int | None = None,
        distinct: bool = False,
        max_retries: int = 0,
        may_begin: bool = True,
    ) -> Started | None:
        """Reserve a trial and choose its parameters; both are stored when this returns.

        It continues a configuration whose latest attempt was lost, or that the scheduler chooses, or begins one.

        Args:
            space: All parameters of the point.
            limit: Start nothing when the study has this many configurations.
            lease: Renewed in the background until :meth:`finish`.
            budget: Planned number of trials, for the sampler.
            distinct: Start nothing when every point of a finite space has been suggested.
            max_retries: Limit on continuing lost trials; see :meth:`Continuations.may_retry`.
            may_begin: Whether a new configuration may begin.

        Returns:
            The trial; None when ``limit`` is reached, or when the scheduler has no work now.

        Raises:
            SearchSpaceExhausted: ``distinct`` is set, no point is left, and no trial is WAITING.
            ValueError: A WAITING trial has a value that ``space`` cannot express; that trial is FAIL now.
        """
        while True:
            claim = self.continuations.claim(max_retries, limit=limit, lease=lease)
            if claim is None and self.rules.scheduler is not None:
                found = self.continuations.scheduled(self.rules.scheduler, Vacancy(may_begin), lease)
                claim, may_begin = (found, may_begin) if isinstance(found, Claim) else (None, isinstance(found, New))
            if claim is None and may_begin:
                if distinct:
                    _refuse_repetition(self.log, self.native_sampler, space)
                claim = self.storage.reserve(self.log.study_id, limit=limit, lease=lease)
            if claim is None and self.rules.scheduler is not None and may_begin:
                may_begin = False
                continue
            if claim is None:
                return None
            started = self.begin(claim, space, lease, budget)
            if started is not None:
                return started

    def begin(
        self, claim: Claim, space: SearchSpace, lease: Lease | None = None, budget: int | None = None
    ) -> Started | None:
        """Choose and store the parameters of a reserved trial (see :meth:`start`); None where it runs no more."""
        if lease is not None:
            self.writer.keep_alive(claim.number, lease)
        try:
            return self._begin(claim, space, budget)
        except UpdateFinishedTrialError:  # stale, or lost in a crash of the server, before it could begin
            self.writer.let_go(claim.number)
            return None
        except BaseException as error:
            self.finish(claim.number, TrialState.FAIL, data=_no_suggestion(error))
            raise

    def _begin(self, claim: Claim, space: SearchSpace, budget: int | None) -> Started:
        suggestion = self._decide(claim, Request(space, claim.number, _given(space, claim), budget, self.log.priors))
        distributions = self.log.as_stored({name: space[name].distribution for name in suggestion.params})
        data = TrialData(suggestion.params, distributions, system_attrs={SUGGESTION: facts_of(suggestion)})
        continues = CONTINUES in claim.system_attrs
        stored = self.log.record(claim.number).layout.names if continues else ()
        if not continues or not set(stored).issuperset(suggestion.params):
            self.writer.store(claim.number, data)
        return Started.of(claim, space, suggestion, self.log.attempts.id_of(claim.number))

    def _decide(self, claim: Claim, request: Request) -> Suggestion:
        params = request.space.active_only(request.given)
        if _is_complete(request.space, params):
            return Suggestion(params, ENQUEUED if claim.fixed else "")
        self.log.sync()
        return self._points.propose(self._heeding(request), generator(self.seed, claim.number), 0.0)

    def propose(
        self,
        number: int,
        space: SearchSpace,
        given: Mapping[str, Any],
        rng: np.random.Generator,
        look_again_after: float,
    ) -> Suggestion:
        """Return a point for a running trial, if possible one that no other running trial has.

        Args:
            number, given, rng: See :meth:`suggest`.
            look_again_after: Seconds; when the sampler took longer, trials begun meanwhile are read from the storage.
        """
        request = self._heeding(Request(space, number, given, priors=self.log.priors))
        return self._points.propose(request, rng, look_again_after)

    def may_spend(self) -> bool:
        """Return whether the expected cost of another trial fits into what is left."""
        return self.costs is None or self.costs.fits(self.native_sampler.heeds_costs)

    def _heeding(self, request: Request) -> Request:
        """Return the request with how costs are to be heeded, by the trials read so far."""
        if self.costs is None or not self.native_sampler.heeds_costs:
            return request
        return replace(request, economy=self.costs.economy(request.number, request.budget))

    def suggest(
        self, number: int, space: SearchSpace, given: Mapping[str, Any], rng: np.random.Generator
    ) -> Suggestion:
        """Return a point of ``space`` for a running trial (define-by-run); nothing is stored.

        Args:
            number: The trial.
            given: Fixed values (external).
            rng: The trial's own generator.
        """
        return self._points.extend(Request(space, number, given, priors=self.log.priors), rng)

    def judge(self, number: int) -> Verdict:
        """Return whether a running trial should stop now, by its reports and the other trials'."""
        return self.rules.judge(number)

    def finish(
        self,
        number: int,
        state: TrialState,
        values: Sequence[float] | None = None,
        data: TrialData = NO_DATA,
    ) -> bool:
        """End a running trial; return False (and change nothing) when it is not RUNNING any more.

        The sampler's ``constraints_func`` and ``after_trial_strategy``, and a user's sampler's ``after_trial``, are
        called before; the trial ends also when they raise.
        """
        if self._rivals.chosen:
            self._rivals.forget(number)
        if self.costs is not None and COST not in data.system_attrs:
            data = self.costs.data_at_end(number).merged(data)
        if not self._calls_at_end:
            return self.writer.finish(number, state, values, data)
        sampler = self.native_sampler
        try:
            if sampler.constraints_func is not None and state in (TrialState.COMPLETE, TrialState.PRUNED):
                found = _constraints(sampler.constraints_func, self.log.record(number))
                data = data.merged(TrialData(system_attrs={LIST_OF_CONSTRAINTS: found}))
            if self.user_sampler is not None:
                self.user_sampler.end(number, state, values)
            elif sampler.after_trial_strategy is not None:
                sampler.after_trial_strategy(self.view, FrozenTrial.of(self.log.record(number)), state, values)
        finally:
            ended = self.writer.finish(number, state, values, data)
        return ended

    def fail_stale(self) -> None:
        """Fail running trials whose process is dead, and let the storage's callback retry them."""
        self.writer.beat()  # so that other processes do not find these trials stale
        callback = self.storage.heartbeat_stale_trial_callback
        retries = getattr(callback, "retries_in_storage", None)
        for number in self.storage.fail_stale(self.log.study_id, max_retries=retries or 0):
            trial = FrozenTrial.of(self.log.record(number))
            _logger.warning(f"Trial {number} is stale: {trial.system_attrs.get(FAILURE, 'its process died')}")
            if callback is not None and retries is None:
                callback(self.view, trial)

    def close(self) -> None:
        """Flush the buffer and stop the heartbeat; running trials become stale when their leases expire."""
        self.writer.close()


def _refuse_repetition(log: TrialLog, sampler: Sampler, space: SearchSpace) -> None:
    log.sync()
    history = log.history()
    if sampler.exhausted(space, history) and not len(history.having(TrialState.WAITING)):
        raise SearchSpaceExhausted(
            f"All points of the search space ({', '.join(space.names)}) have been suggested; none is left to try."
        )


def _constraints(constraints_func: Callable[[FrozenTrial], Sequence[float]], record: TrialRecord) -> list[float]:
    values = [float(value) for value in constraints_func(FrozenTrial.of(record))]
    if any(value != value for value in values):
        raise ValueError(f"`constraints_func` returned {values} for trial {record.number}; constraints cannot be NaN.")
    return values


def _no_suggestion(error: BaseException) -> TrialData:
    return TrialData(system_attrs={FAILURE: f"no suggestion: {error!r}"})


def _given(space: SearchSpace, claim: Claim) -> dict[str, Any]:
    """Return the enqueued values of a trial for the parameters of the space.

    A value out of a number's range is kept.
    """
    given = {name: value for name, value in claim.fixed.items() if name in space}
    for name, value in given.items():
        try:
            space[name].distribution.to_internal_repr(value)
        except ValueError as error:
            raise ValueError(
                f"Trial {claim.number} was enqueued with {name}={value!r}, which {space[name].distribution} cannot "
                f"express: {error}"
            ) from error
    return given


def _is_complete(space: SearchSpace, params: Mapping[str, Any]) -> bool:
    return all(name in params or not space.is_active(name, params) for name in space.names)
