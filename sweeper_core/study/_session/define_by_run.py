"""The host of live, define-by-run trials: it suggests their parameters and stores their data."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from sweeper_core._changes import check_change
from sweeper_core.checkpoints.saver import Saver
from sweeper_core.distributions import BaseDistribution
from sweeper_core.exceptions import UpdateFinishedTrialError
from sweeper_core.logging import get_logger
from sweeper_core.schedulers.base import Decision, Vacancy
from sweeper_core.search_space.space import SearchSpace
from sweeper_core.storages.base import Claim, Lease
from sweeper_core.study._session.adapters import UserSampler
from sweeper_core.study._session.checkpoints import StudyCheckpoints
from sweeper_core.study._session.rivals import facts_of
from sweeper_core.study._session.seeding import generator, quantiles
from sweeper_core.study._session.session import Session, Started
from sweeper_core.trial.attrs import LOST, SUGGESTION
from sweeper_core.trial.base import warn_if_outside
from sweeper_core.trial.checkpointing import NOWHERE
from sweeper_core.trial.data import TrialData
from sweeper_core.trial.frozen import FrozenTrial, to_local
from sweeper_core.trial.live import Suggestions, Trial, TrialHost
from sweeper_core.trial.record import NOTHING

_logger = get_logger(__name__)

# The constructor of the plain tuple avoids the Python call of the named one.
_new_tuple = tuple.__new__

LOOK_AGAIN_AFTER = 0.02
"""Seconds; a suggestion that took longer is compared with points that other processes have begun meanwhile. The query
is cheap relative to it; faster suggestions are drawn at random and hardly ever equal."""

MAX_RETRIES = 1
"""Maximum number of continuations without progress of a lost trial; see :meth:`Continuations.may_retry`."""


class Independent:
    """Draws each parameter independently.

    Args:
        draw: Maps a distribution and a number in [0, 1) to a value.
        numbers: The numbers.
    """

    unstored: Mapping[str, Any] = NOTHING

    def __init__(self, draw: Callable[[BaseDistribution, float], Any], numbers: Iterator[float]) -> None:
        self._draw = draw
        self._numbers = numbers

    def value(self, trial: Trial, name: str, distribution: BaseDistribution) -> Any:
        return self._draw(distribution, next(self._numbers))


class Joint:
    """Returns parameters suggested together; any other is suggested separately, given those of the trial.

    Args:
        session: Source of suggestions.
        rng: The trial's own generator, also for later suggestions.
        space, params: Distributions and values (external) of the parameters suggested together.
    """

    def __init__(
        self,
        session: Session,
        rng: np.random.Generator,
        space: Mapping[str, BaseDistribution] = NOTHING,
        params: Mapping[str, Any] = NOTHING,
        unstored: Mapping[str, Any] = NOTHING,
    ) -> None:
        self._session = session
        self._rng = rng
        self._space = space
        self._params = params
        self.unstored = unstored

    def value(self, trial: Trial, name: str, distribution: BaseDistribution) -> Any:
        if name in self._params:
            value = self._params[name]
            known = self._space[name]
            if known is distribution or known == distribution:
                return value
            check_change(name, known, distribution)  # its range is another one from now on
        space = self._session.space_of({**trial.known_distributions, name: distribution})
        return self._session.suggest(trial.number, space, trial.known, self._rng).params[name]


class UserMade:
    """Calls a user's own sampler for each parameter.

    Args:
        sampler: Its adapter.
        number: The trial.
    """

    unstored: Mapping[str, Any] = NOTHING

    def __init__(self, sampler: UserSampler, number: int) -> None:
        self._sampler = sampler
        self._together = sampler.together(number)

    def value(self, trial: Trial, name: str, distribution: BaseDistribution) -> Any:
        return self._sampler.value(self._sampler.frozen(trial.number), name, distribution, self._together)


class DefineByRun(TrialHost):
    """The host of live trials.

    The parameters that all earlier trials share are suggested together at a trial's first suggest call; any other
    parameter is suggested separately, given those that the trial has by then.

    Args:
        session: Source of suggestions, and writer of all data.
        checkpoint_dir: Root folder of the trials' checkpoints; None saves none.
    """

    def __init__(self, session: Session, checkpoint_dir: str | os.PathLike[str] | None = None) -> None:
        self._session = session
        self._log = session.log
        self._writer = session.writer
        self._drawing: Any = None
        """The sampler known to draw every parameter of this study independently."""
        self.n_objectives = session.log.n_objectives
        self._checkpoints = None if checkpoint_dir is None else StudyCheckpoints(session, checkpoint_dir)

    @property
    def takes_reports(self) -> bool:
        return self.n_objectives == 1 or self._session.rules.scheduler is not None

    @property
    def checkpoint_dir(self) -> Path | None:
        """Root folder of the trials' checkpoints."""
        return None if self._checkpoints is None else self._checkpoints.folder

    @property
    def study(self) -> Any:
        """The study, as the user knows it."""
        return self._session.view

    def begin(self, lease: Lease | None = None, scheduled: bool = True) -> Trial:
        """Return the next attempt of a lost or paused trial, or the first WAITING trial, or a new one.

        Args:
            lease: The trial's lease; None for none.
            scheduled: Whether the scheduler, if there is one, may continue a paused trial.
        """
        log = self._log
        if log.may_have_lost and (found := self._continuation(lease)) is not None:
            return self._go_on(found, lease)
        if scheduled and self._session.rules.scheduler is not None:
            trial = self.scheduled(Vacancy(), lease)
            if isinstance(trial, Trial):
                return trial
        claim = log.storage.reserve(log.study_id, lease=lease)
        assert claim is not None, "There is no limit to reach."
        return self._run(claim, lease)

    def scheduled(self, vacancy: Vacancy, lease: Lease | None = None) -> Trial | Decision:
        """Return the next attempt of the trial that the scheduler continues, or the scheduler's other decision."""
        found = self._session.continuations.scheduled(self._session.rules.scheduler, vacancy, lease)
        return self._go_on(found, lease) if isinstance(found, Claim) else found

    def _go_on(self, claim: Claim, lease: Lease | None) -> Trial:
        trial = self._run(claim, lease)
        trial.go_on(self._log.record(claim.number))
        return trial

    def _run(self, claim: Claim, lease: Lease | None) -> Trial:
        number, trial_id, fixed, user_attrs, system_attrs, _, _ = claim
        if lease is not None:
            self._writer.keep_alive(number, lease)
        if self._session.user_sampler is not None:
            self._session.user_sampler.begin(number)
        return Trial(self, number, trial_id, fixed, user_attrs, system_attrs)

    def _continuation(self, lease: Lease | None) -> Claim | None:
        """Return the next attempt of a lost trial; None without one, or when a callback handles retries."""
        if self._log.storage.heartbeat_stale_trial_callback is not None:
            return None
        return self._session.continuations.claim(MAX_RETRIES, lease=lease)

    def resume(self, started: Started) -> Trial:
        """Return a live trial that has the started one's parameters and may suggest more."""
        known, trial_id = started.params, started.trial_id
        trial = Trial(self, started.number, trial_id, started.fixed, started.user_attrs, started.system_attrs)
        trial.take(known, {name: started.space[name].distribution for name in known})
        return trial

    def _suggest_point(self, trial: Trial, space: SearchSpace) -> None:
        """Suggest a point of a search space with its conditions and relations, and store it in one go."""
        for name in trial.fixed:
            if name in space:
                warn_if_outside(name, trial.fixed[name], space[name].distribution, "Fixed parameter")
        given = {name: value for name, value in {**trial.fixed, **trial.known}.items() if name in space}
        self._log.sync()
        rng = generator(self._session.seed, trial.number)
        suggestion = self._session.propose(trial.number, space, given, rng, LOOK_AGAIN_AFTER)
        trial.plan = Joint(self._session, rng, unstored={SUGGESTION: facts_of(suggestion)})
        params = {name: value for name, value in suggestion.params.items() if name not in trial.known}
        distributions = {name: space[name].distribution for name in params}
        self._describe(trial, TrialData(params, distributions))
        trial.take(params, distributions)

    def suggest_together(self, trial: Trial, distributions: Mapping[str, BaseDistribution] | SearchSpace) -> None:
        """Suggest several parameters at once, and store them in one go."""
        if isinstance(distributions, SearchSpace):
            self._suggest_point(trial, distributions)
            return
        if self._session.user_sampler is not None:
            for name, distribution in distributions.items():
                trial.suggest(name, distribution)
            return
        wanted = {name: it for name, it in distributions.items() if name not in trial.known}
        space = self._session.space_of({**trial.known_distributions, **wanted})
        for name in wanted.keys() & trial.fixed.keys():
            warn_if_outside(name, trial.fixed[name], wanted[name], "Fixed parameter")
        given = {name: value for name, value in {**trial.fixed, **trial.known}.items() if name in space}
        if len(given) < len(space):
            self._log.sync()
            rng = generator(self._session.seed, trial.number)
            suggestion = self._session.propose(trial.number, space, given, rng, LOOK_AGAIN_AFTER)
            trial.plan = Joint(self._session, rng, unstored={SUGGESTION: facts_of(suggestion)})
            given = suggestion.params
        params = {name: given[name] for name in wanted}
        self._describe(trial, TrialData(params, wanted))
        trial.take(params, wanted)

    def choose(self, trial: Trial, name: str, distribution: BaseDistribution) -> Any:
        """Choose the trial's source of parameter values, and return the value of its first parameter."""
        trial.plan = self._plan(trial)
        return trial.plan.value(trial, name, distribution)

    def _plan(self, trial: Trial) -> Suggestions:
        """Choose the trial's source of parameter values; suggest those that all earlier trials share."""
        session = self._session
        sampler = session.native_sampler
        if sampler is self._drawing:
            return Independent(sampler.draw, quantiles(session.seed, trial.number))
        if session.user_sampler is not None:
            return UserMade(session.user_sampler, trial.number)
        self._log.sync()
        statistics = self._log.statistics
        space, widest = statistics.joint, statistics.widest
        # Where points cannot repeat, a sampler of independent parameters never needs the history. The first trial
        # decides this, so that it does not depend on the order in which this process sees trials end.
        alone = sampler.independent and not session.log.priors
        if alone and len(widest) > 0 and not sampler.needs_history(widest):
            self._drawing = sampler
        if sampler is self._drawing or (alone and not len(space)):
            return Independent(sampler.draw, quantiles(session.seed, trial.number))
        rng = generator(session.seed, trial.number)
        if not len(space):
            return Joint(session, rng)
        fixed = {**trial.known, **trial.fixed}
        given = {
            name: value for name, value in fixed.items() if name in space and space[name].distribution.contains(value)
        }
        suggestion = session.propose(trial.number, space, given, rng, LOOK_AGAIN_AFTER)
        return Joint(session, rng, space.distributions, suggestion.params, {SUGGESTION: facts_of(suggestion)})

    def describe(self, trial: Trial, name: str, value: Any, distribution: BaseDistribution) -> None:
        data = _new_tuple(TrialData, ({name: value}, {name: distribution}, (), NOTHING, NOTHING))
        plan = trial.plan
        if self._log.statistics.kinds.get(name) is distribution and (plan is None or not plan.unstored):
            self.store(trial, data)  # the usual case
        else:
            self._describe(trial, data)

    def _describe(self, trial: Trial, data: TrialData) -> None:
        """Store new parameters of the running trial, as :meth:`store` does.

        Raises:
            ValueError: An earlier trial of the study had one of the parameters as something else (see
                :func:`check_change`).
        """
        statistics, changes = self._log.statistics, False
        for name, distribution in data.distributions.items():
            kind = statistics.kinds.setdefault(name, distribution)
            if kind is not distribution:
                changes = True
                check_change(name, kind, distribution)
                statistics.know(name, distribution)
        if changes:
            data = data.with_distributions(self._log.as_stored(data.distributions))
        plan = trial.plan
        if plan is not None and plan.unstored:
            data, plan.unstored = TrialData(system_attrs=plan.unstored).merged(data), NOTHING
        self.store(trial, data)

    def store(self, trial: Trial, data: TrialData) -> None:
        """Store data of the running trial; nothing is stored for a stale one.

        Raises:
            UpdateFinishedTrialError: The trial has ended.
        """
        try:
            self._writer.describe(trial.number, data)
        except UpdateFinishedTrialError:
            self._accept_stale(trial)

    def saver(self, trial: Trial) -> Saver:
        """Return the saver of the trial's checkpoints."""
        return NOWHERE if self._checkpoints is None else self._checkpoints.saver(trial.number)

    def report(self, trial: Trial, step: int, value: float) -> None:
        """Record one report; it is stored before :meth:`should_prune` returns, or within a second."""
        try:
            self._writer.report(trial.number, step, value)
        except UpdateFinishedTrialError:
            self._accept_stale(trial)
        if self._checkpoints is not None:
            self._checkpoints.reported(trial.number, step)

    def should_prune(self, trial: Trial) -> bool:
        """Return whether the trial should stop."""
        return self._session.judge(trial.number).stop

    def started_at(self, trial: Trial) -> datetime | None:
        """Return the start, as naive local time."""
        return to_local(self._log.record(trial.number).started)

    def frozen(self, trial: Trial) -> FrozenTrial | None:
        """Return a copy of the stored trial; None when its number now belongs to another trial."""
        try:
            record = self._log.record(trial.number)
        except KeyError:  # a crash of the server has rolled back the reservation; the storage has logged it
            return None
        return FrozenTrial.of(record) if record.trial_id == trial.trial_id else None

    def _accept_stale(self, trial: Trial) -> None:
        """Log once that a trial's data is no longer stored; call it while an error is handled.

        Raises:
            UpdateFinishedTrialError: The trial is not stale but has ended; the error being handled.
        """
        if trial.stale:
            return
        stored = self.frozen(trial)
        if stored is not None and LOST not in stored.system_attrs:
            raise
        trial.stale = True
        _logger.warning(
            f"Trial {trial.number} was failed as stale while it ran: its process gave no heartbeat for too long. "
            "What it stores from now on is ignored; its result counts unless it has been started again."
        )
