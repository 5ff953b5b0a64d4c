"""The session: one process's working view of a stored study, on which sweeps and ``Study`` both stand."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from sweeper_core._forks import reset_after_fork
from sweeper_core.distributions import BaseDistribution
from sweeper_core.exceptions import SearchSpaceExhausted, UpdateFinishedTrialError
from sweeper_core.pruners.base import GO_ON, Pruner, Verdict
from sweeper_core.pruners.user import BasePruner
from sweeper_core.samplers.base import Request, Sampler, Suggestion
from sweeper_core.samplers.user import BaseSampler
from sweeper_core.search_space.space import SearchSpace
from sweeper_core.storages.base import Claim, Lease, Storage, StudyRecord
from sweeper_core.study._session.adapters import UserPruner, UserSampler, native_pruner, native_sampler
from sweeper_core.study._session.beats import Beats
from sweeper_core.study._session.digest import Digest
from sweeper_core.study._session.grouping import Grouping
from sweeper_core.study._session.hosts import DefineByRun, StepByStep, told
from sweeper_core.study._session.seeding import generator
from sweeper_core.study._session.view import StudyView
from sweeper_core.trial.attrs import FAILURE, LIST_OF_CONSTRAINTS, SUGGESTION
from sweeper_core.trial.best import Best
from sweeper_core.trial.curves import LearningCurves
from sweeper_core.trial.data import NO_DATA, TrialData
from sweeper_core.trial.frozen import FrozenTrial
from sweeper_core.trial.history import History, TrialTable
from sweeper_core.trial.live import Trial
from sweeper_core.trial.record import TrialRecord, nothing
from sweeper_core.trial.state import TrialState

MOST_SPACES = 1024
"""How many search spaces are kept for reuse; an objective whose ranges change all the time makes many."""


@dataclass(frozen=True)
class Started:
    """A trial that this process now runs.

    Attributes:
        params: A value (external) for every active parameter of ``space``.
        suggestion: Where they come from.
        user_attrs, system_attrs: What the trial had when it was taken (those of an enqueued one).
    """

    number: int
    trial_id: int
    params: dict[str, Any]
    space: SearchSpace
    suggestion: Suggestion
    user_attrs: Mapping[str, Any] = field(default_factory=nothing)
    system_attrs: Mapping[str, Any] = field(default_factory=nothing)


class Session:
    """One process's working view of one stored study. Thread-safe.

    Args:
        storage: Where the study lives.
        study: The study as stored.
        sampler: Suggests; its ``seed`` decides the generators, None draws one for this session. A user's own
            subclass of :class:`BaseSampler` runs behind an adapter.
        pruner: Judges; None never stops a trial. Users' own as above.
        sources: Histories of earlier studies, as evidence for the sampler.
        objective: Which objective reports are about.
    """

    def __init__(
        self,
        storage: Storage,
        study: StudyRecord,
        sampler: Sampler | BaseSampler,
        pruner: BasePruner | None = None,
        *,
        sources: Sequence[History] = (),
        objective: int = 0,
    ) -> None:
        self.storage = storage
        self.study = study
        self.study_id = study.study_id
        self.view = StudyView(self)
        """The study as users' samplers and pruners see it."""
        self.beats = Beats(storage, study.study_id)
        self.grouping = Grouping(storage, study.study_id, self.beats)
        self.leases = False
        """Whether any trial has been kept alive: only what such ones tell is grouped."""
        self._drawn_seed = secrets.randbits(63)
        self._lock = threading.RLock()
        self._spaces: dict[tuple[Any, ...], SearchSpace] = {}
        self._know_nothing(tuple(sources), objective)
        self.sampler = sampler
        self.pruner = pruner
        reset_after_fork(self)

    def _know_nothing(self, sources: tuple[History, ...], objective: int) -> None:
        self._ledger = TrialTable(self.study.directions, sources)
        self._no_history = self._ledger.history()
        self._peers = LearningCurves(self.study.directions[objective].sign, objective)
        self._digest = Digest(self.study.directions)
        self._cursor: Any = None
        self._unread: list[TrialRecord] = []
        self._latest: dict[int, TrialRecord] = {}

    def after_fork(self) -> None:
        """Take a lock of one's own; what another thread was taking in has to be read again."""
        if self._lock.acquire(blocking=False):
            self._lock.release()
        else:
            self._lock = threading.RLock()
            self._know_nothing(self._ledger.sources, self._peers.objective)
            self.sampler = self._given_sampler

    def __getstate__(self) -> dict[str, Any]:
        with self._lock:
            return {
                "storage": self.storage,
                "study": self.study,
                "sampler": self._given_sampler,
                "pruner": self.pruner.inner if isinstance(self.pruner, UserPruner) else self.pruner,
                "sources": self._ledger.sources,
                "objective": self._peers.objective,
            }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    @property
    def _given_sampler(self) -> Sampler | BaseSampler:
        return self._sampler.inner if isinstance(self._sampler, UserSampler) else self._sampler

    @property
    def sampler(self) -> Sampler:
        """What suggests; a user's own sampler is shown behind its adapter."""
        return self._sampler

    @sampler.setter
    def sampler(self, sampler: Sampler | BaseSampler) -> None:
        self._sampler = native_sampler(sampler, self)
        self.host: DefineByRun = StepByStep(self) if isinstance(self._sampler, UserSampler) else DefineByRun(self)
        """Who runs live trials."""
        self.may_end = self._sampler.ends
        """Whether ``optimize`` stops by itself once the sampler is exhausted."""
        self._ends_plainly = (
            self._sampler.constraints_func is None
            and self._sampler.after_trial_strategy is None
            and not isinstance(self._sampler, UserSampler)
        )

    @property
    def pruner(self) -> Pruner | None:
        """What judges; a user's own pruner is shown behind its adapter."""
        return self._pruner

    @pruner.setter
    def pruner(self, pruner: BasePruner | None) -> None:
        self._pruner = native_pruner(pruner, self)

    @property
    def seed(self) -> int:
        """The sampler's seed, or the one drawn for this session."""
        seed = self._sampler.seed
        return self._drawn_seed if seed is None else seed

    @property
    def n_objectives(self) -> int:
        """Number of objectives."""
        return len(self.study.directions)

    @property
    def ledger(self) -> TrialTable:
        """The account of all trials, as of the last :meth:`sync`."""
        with self._lock:
            self._read()
            return self._ledger

    @property
    def peers(self) -> LearningCurves:
        """All learning curves, as of the last :meth:`sync`."""
        with self._lock:
            self._read()
            return self._peers

    @property
    def digest(self) -> Digest:
        """What is known of all trials together, as of the last :meth:`sync`."""
        return self._digest

    def sync(self) -> None:
        """Take in what has changed in the storage."""
        if self.leases:
            self.grouping.flush()
        with self._lock:
            records, self._cursor = self.storage.changes(self.study.study_id, self._cursor)
            if records:
                self._digest.fold(records)
                self._unread += records
                for record in records:
                    self._latest[record.number] = record

    def _read(self) -> None:
        # The columns are filled when somebody looks at them: samplers that need no history never do.
        if self._unread:
            records, self._unread = self._unread, []
            self._ledger.fold(records)
            self._peers.fold(records)

    @property
    def records(self) -> list[TrialRecord]:
        """All trials by number, as of the last :meth:`sync`."""
        with self._lock:
            return [self._latest[number] for number in sorted(self._latest)]

    def best(self) -> Best:
        """Return the best trial as of now."""
        known = self.storage.best(self.study_id)
        if known is None:
            self.sync()
            known = self._digest.leader
        return known

    def space_of(self, distributions: Mapping[str, BaseDistribution]) -> SearchSpace:
        """Return the space of named distributions; the same object when the very same are asked for again."""
        key = (*distributions, *map(id, distributions.values()))
        space = self._spaces.get(key)
        if space is None:
            if len(self._spaces) >= MOST_SPACES:
                self._spaces.clear()
            # The space keeps the distributions alive, so that their ids stay theirs.
            space = self._spaces[key] = SearchSpace.of(distributions)
        return space

    def record(self, number: int) -> TrialRecord:
        """Return a trial as it is stored now.

        Raises:
            KeyError: There is none of this number.
        """
        self.sync()
        found = self._latest.get(number)
        if found is None:
            raise KeyError(f"Study {self.study.name!r} has no trial {number}; it has {len(self._latest)} trials.")
        return found

    def start(
        self,
        space: SearchSpace,
        *,
        limit: int | None = None,
        lease: Lease | None = None,
        budget: int | None = None,
        lanes: int = 1,
        distinct: bool = False,
    ) -> Started | None:
        """Take a trial and decide on its parameters; both are stored when this returns.

        Args:
            space: All parameters of the point.
            limit: Start nothing when the study has this many trials.
            lease: Signs of life are given in the background until :meth:`finish`.
            budget, lanes: Told to the sampler.
            distinct: Start nothing when every point of a finite space has been suggested.

        Returns:
            The trial; None when ``limit`` is reached.

        Raises:
            SearchSpaceExhausted: ``distinct``, nothing is left, and nothing waits in the queue.
            ValueError: A waiting trial has a value that ``space`` cannot express; that trial is FAIL now.
        """
        if distinct:
            self._refuse_repetition(space)
        claim = self.storage.reserve(self.study.study_id, limit=limit, lease=lease)
        if claim is None:
            return None
        if lease is not None:
            self.keep(claim.number, lease)
        try:
            suggestion = self._decide(claim, Request(space, claim.number, _given(space, claim), budget, lanes))
            self._describe(claim.number, space, suggestion)
        except UpdateFinishedTrialError:  # given up, or forgotten by a server that crashed, before it could begin
            self.beats.discard(claim.number)
            return self.start(space, limit=limit, lease=lease, budget=budget, lanes=lanes, distinct=distinct)
        except BaseException as error:
            reason = {FAILURE: f"no suggestion: {error!r}"}
            self.finish(claim.number, TrialState.FAIL, data=TrialData(system_attrs=reason))
            raise
        return Started(
            claim.number, claim.trial_id, suggestion.params, space, suggestion, claim.user_attrs, claim.system_attrs
        )

    def keep(self, number: int, lease: Lease) -> None:
        """Give signs of life for a trial in the background until it ends."""
        self.leases = True
        self.beats.add(number, lease)

    def _refuse_repetition(self, space: SearchSpace) -> None:
        self.sync()
        history = self.history()
        if self.sampler.exhausted(space, history) and not len(history.having(TrialState.WAITING)):
            raise SearchSpaceExhausted(
                f"All points of the search space ({', '.join(space.names)}) have been suggested; none is left to try."
            )

    def _decide(self, claim: Claim, request: Request) -> Suggestion:
        params = request.space.active_only(request.given)
        if _is_complete(request.space, params):
            return Suggestion(params, "enqueued" if claim.fixed else "")
        self.sync()
        return self._ask_sampler(request, generator(self.seed, claim.number))

    def _ask_sampler(self, request: Request, rng: np.random.Generator) -> Suggestion:
        with self._lock:
            sampler = self.sampler
            known = self.history(request.number) if sampler.needs_history(request.space) else self._no_history
            return sampler.suggest(request, known, rng)

    def _describe(self, number: int, space: SearchSpace, suggestion: Suggestion) -> None:
        distributions = {name: space[name].distribution for name in suggestion.params}
        attrs = {SUGGESTION: told(suggestion)}
        data = TrialData(suggestion.params, distributions, system_attrs=attrs)
        self.storage.describe(self.study.study_id, number, data)

    def history(self, rows: int | None = None) -> History:
        """Return the snapshot of the first ``rows`` trials (all by default), as of the last :meth:`sync`."""
        with self._lock:
            return self.ledger.history(rows)

    def trial(self, started: Started) -> Trial:
        """Return a live trial that has the started one's parameters and may suggest more."""
        return Trial(
            self.host,
            started.number,
            started.trial_id,
            user_attrs=started.user_attrs,
            system_attrs=started.system_attrs,
            params=started.params,
            distributions={name: started.space[name].distribution for name in started.params},
        )

    def suggest(
        self, number: int, space: SearchSpace, given: Mapping[str, Any], rng: np.random.Generator
    ) -> Suggestion:
        """Return a point of ``space`` for a trial that runs already (define-by-run); nothing is stored.

        Args:
            number: The trial.
            given: Values (external) that are fixed already.
            rng: The trial's own generator.
        """
        return self._ask_sampler(Request(space, number, given), rng)

    def report(self, number: int, step: int, value: float) -> None:
        """Store one report of a running trial; it is stored when this returns."""
        self.storage.report(self.study.study_id, number, step, value)

    def judge(self, number: int) -> Verdict:
        """Return whether a running trial should stop now, by its reports and its peers'."""
        if self.pruner is None:
            return GO_ON
        self.sync()
        with self._lock:
            peers = self.peers
            verdict = self.pruner.judge(number, peers.curve(number), peers)
            peers.mark_judged(number)
            return verdict

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
        if self._ends_plainly and not self.leases:
            return self.storage.finish(self.study_id, number, state, values, data)
        sampler = self._sampler
        try:
            if sampler.constraints_func is not None and state in (TrialState.COMPLETE, TrialState.PRUNED):
                data = data.merged(TrialData(system_attrs={LIST_OF_CONSTRAINTS: self._constraints(number)}))
            if isinstance(sampler, UserSampler):
                sampler.end(number, state, values)
            elif sampler.after_trial_strategy is not None:
                sampler.after_trial_strategy(self.view, FrozenTrial.of(self.record(number)), state, values)
        finally:
            ended = self._end(number, state, values, data)
        return ended

    def _end(
        self,
        number: int,
        state: TrialState,
        values: Sequence[float] | None,
        data: TrialData,
    ) -> bool:
        self.beats.discard(number)
        data = self.grouping.take(number).merged(data)
        return self.storage.finish(self.study_id, number, state, values, data)

    def _constraints(self, number: int) -> list[float]:
        assert self.sampler.constraints_func is not None
        values = [float(value) for value in self.sampler.constraints_func(FrozenTrial.of(self.record(number)))]
        if any(value != value for value in values):
            raise ValueError(f"`constraints_func` returned {values} for trial {number}; constraints cannot be NaN.")
        return values

    def describe(self, number: int, data: TrialData) -> None:
        """Store data of an unfinished trial."""
        self.storage.describe(self.study.study_id, number, data)

    def refresh(self) -> StudyRecord:
        """Read the study's own attributes again, and return it."""
        stored = self.storage.get_study(self.study.study_id)
        self.study = replace(self.study, user_attrs=stored.user_attrs, system_attrs=stored.system_attrs)
        return self.study

    def close(self) -> None:
        """Stop the signs of life; trials that still run are given up when their leases are over."""
        self.grouping.flush()
        self.beats.close()


def _given(space: SearchSpace, claim: Claim) -> dict[str, Any]:
    """Return the values that were decided when the trial was enqueued, as far as the space has them.

    A value out of a number's range is kept: somebody wanted it so.
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
