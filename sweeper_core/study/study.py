"""The study: the user's interface to an optimisation."""

from __future__ import annotations

import math
import os
import threading
import warnings
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from numbers import Real
from pathlib import Path
from typing import Any

from sweeper_core import pruners, samplers
from sweeper_core.distributions import BaseDistribution
from sweeper_core.logging import get_logger
from sweeper_core.plain import plain
from sweeper_core.pruners.user import BasePruner
from sweeper_core.samplers.base import Sampler
from sweeper_core.samplers.user import BaseSampler
from sweeper_core.schedulers.base import Scheduler
from sweeper_core.schedulers.named import scheduler_of
from sweeper_core.search_space.priors import DEFAULT_CONFIDENCE
from sweeper_core.search_space.space import SearchSpace
from sweeper_core.storages import get_storage, this_process
from sweeper_core.storages.base import Lease, Point, Storage
from sweeper_core.study._session.define_by_run import DefineByRun
from sweeper_core.study._session.outcome import Outcome, outcome_of
from sweeper_core.study._session.priors import store_prior
from sweeper_core.study._session.session import Session
from sweeper_core.study._session.stopping import Stop, stopping_of
from sweeper_core.study._session.view import StudyView
from sweeper_core.study._session.with_costs import WithCosts
from sweeper_core.study.optimize import Callback, Limits, Loop, Objective
from sweeper_core.study.progress import Progress
from sweeper_core.trial.attrs import FIXED_PARAMS, LOST, METRIC_NAMES
from sweeper_core.trial.cost import CostPlan
from sweeper_core.trial.frozen import FrozenTrial
from sweeper_core.trial.live import Trial
from sweeper_core.trial.record import TrialRecord
from sweeper_core.trial.state import TrialState

_logger = get_logger(__name__)


class Study(WithCosts, StudyView):
    """An optimisation: its trials, sampler, pruner and scheduler.

    Made by :func:`create_study` and :func:`load_study`.

    Args:
        study_name: The name of an existing study.
        storage: A URL, a path or a storage.
        sampler: None chooses by the problem (see :class:`AutoSampler`).
        pruner: None is :class:`MedianPruner`, and :class:`NopPruner` beside a scheduler. Beside one, a trial that the
            pruner stops is never continued.
        scheduler: What pauses trials and continues the best of them, or its name; None for none.

    Raises:
        KeyError: There is no study of that name.
    """

    def __init__(
        self,
        study_name: str,
        storage: str | Storage,
        sampler: Sampler | BaseSampler | None = None,
        pruner: BasePruner | None = None,
        scheduler: Scheduler | str | None = None,
        checkpoint_dir: str | os.PathLike[str] | None = None,
    ) -> None:
        opened = get_storage(storage)
        record = opened.create_or_open_study(study_name, None, exist_ok=True)
        sampler = samplers.AutoSampler() if sampler is None else sampler
        scheduler = scheduler_of(scheduler)
        if pruner is None:
            pruner = pruners.MedianPruner() if scheduler is None else pruners.NopPruner()
        self._bind(partial(Session.open, opened, record, sampler, pruner, scheduler=scheduler), checkpoint_dir)

    def _bind(self, open_session: Callable[..., Session], checkpoint_dir: str | os.PathLike[str] | None = None) -> None:
        self.session = open_session(view=self)
        super().__init__(self.session.log)
        self.session.heed_costs(CostPlan.stored(self.session.study.system_attrs))
        self._trials = DefineByRun(self.session, checkpoint_dir)
        self._loops: set[Limits] = set()
        self._local = threading.local()

    def __reduce__(self) -> tuple[Any, ...]:
        open_session, arguments = self.session.__reduce__()
        return _reopened, (type(self), partial(open_session, *arguments), self._trials.checkpoint_dir)

    @property
    def sampler(self) -> Sampler | BaseSampler:
        """The sampler; it may be replaced between trials."""
        return self.session.sampler

    @sampler.setter
    def sampler(self, sampler: Sampler | BaseSampler) -> None:
        self.session.sampler = sampler

    @property
    def pruner(self) -> BasePruner:
        """The pruner; it may be replaced between trials."""
        pruner = self.session.pruner
        assert pruner is not None
        return pruner

    @pruner.setter
    def pruner(self, pruner: BasePruner) -> None:
        self.session.pruner = pruner

    @property
    def scheduler(self) -> Scheduler | None:
        """The scheduler; it may be replaced between trials, also by a name."""
        return self.session.rules.scheduler

    @scheduler.setter
    def scheduler(self, scheduler: Scheduler | str | None) -> None:
        self.session.rules.scheduler = scheduler_of(scheduler)

    def optimize(
        self,
        func: Objective,
        n_trials: int | None = None,
        timeout: float | None = None,
        n_jobs: int = 1,
        catch: Iterable[type[Exception]] | type[Exception] = (),
        callbacks: Iterable[Callback] | None = None,
        gc_after_trial: bool = False,
        show_progress_bar: bool = False,
        *,
        scheduler: Scheduler | str | None = None,
        stop: Stop | None = None,
    ) -> None:
        """Run trials of the objective.

        Args:
            func: Maps a :class:`Trial` to a number, or to a sequence with one number for each objective. It may
                raise :class:`TrialPruned`.
            n_trials: Number of trials to start; None for no limit. Trials that a scheduler continues do not count.
            timeout: Seconds after which no trial is started; running trials are finished.
            n_jobs: Number of threads; -1 for one per processor.
            catch: Exceptions of ``func`` after which the study goes on; the trial is FAIL in any case.
            callbacks: Each called with the study and a copy of the trial after every trial.
            gc_after_trial: Collect garbage after each trial.
            show_progress_bar: Show a bar (with tqdm, if installed).
            scheduler: From now on the study's; None leaves it as it is.
            stop: When it is enough: a mapping such as ``{"no_improvement": 30, "target": 0.95, "expected_gain": 0.01}``
                (see :class:`sweeper_core.stopping.StopRule`), or a function of the study that returns whether to stop.

        Raises:
            RuntimeError: It was called from within an objective or a callback of this study.
            TypeError: ``stop`` is of another type.
            ValueError: ``n_jobs`` is neither positive nor -1, or ``stop`` is wrong.
        """
        if self._optimizes:
            raise RuntimeError("Nested invocation of `Study.optimize` method isn't allowed.")
        _check_jobs(n_jobs)
        if scheduler is not None:
            self.scheduler = scheduler
        if show_progress_bar and n_trials is None and timeout is not None and n_jobs != 1:
            warnings.warn("The timeout-based progress bar is not supported with n_jobs != 1.", stacklevel=2)
            show_progress_bar = False
        limits = Limits.of(n_trials, timeout, self.session)
        enough = stopping_of(self.session, stop, lambda: limits.left)
        progress = Progress(n_trials, timeout) if show_progress_bar else None
        loop = Loop(
            self.session,
            self._trials,
            func,
            limits,
            catch=tuple(catch) if isinstance(catch, Iterable) else (catch,),
            callbacks=() if callbacks is None else tuple(callbacks),
            collect=gc_after_trial,
            progress=progress,
            lease=lease_of_optimize(self._log.storage),
            enough=enough,
        )
        self._loops.add(limits)
        try:
            loop.run(n_jobs, self._inside if n_jobs == 1 else self._inside_worker)
        finally:
            self._loops.discard(limits)
            if progress is not None:
                progress.close()

    @property
    def _optimizes(self) -> bool:
        """Whether this thread runs trials of this study."""
        return getattr(self._local, "optimizes", False)

    def _inside(self, work: Callable[[], None]) -> None:
        self._local.optimizes = True
        try:
            work()
        finally:
            self._local.optimizes = False

    def _inside_worker(self, work: Callable[[], None]) -> None:
        sampler = self.sampler
        if isinstance(sampler, BaseSampler):
            sampler.reseed_rng()
        self._inside(work)

    def stop(self) -> None:
        """Let running trials finish and start no more; an objective or a callback calls it.

        Raises:
            RuntimeError: The study is not being optimised by this thread.
        """
        if not self._optimizes:
            raise RuntimeError("`Study.stop` is supposed to be invoked inside an objective function or a callback.")
        for limits in self._loops:
            limits.stop()

    def ask(self, fixed_distributions: dict[str, BaseDistribution] | SearchSpace | None = None) -> Trial:
        """Return a new trial (or the first WAITING one); pass its result to :meth:`tell`.

        Args:
            fixed_distributions: Parameters to suggest together: by name, or a space with conditions and relations.
        """
        trial = self._trials.begin(None if self._optimizes else lease_of_ask(self._log.storage))
        if fixed_distributions:
            self._trials.suggest_together(trial, fixed_distributions)
        return trial

    def fail_stale(self) -> None:
        """Fail running trials whose process is dead, and let the storage's callback retry them."""
        self.session.fail_stale()

    def tell(
        self,
        trial: Trial | int,
        values: Any = None,
        state: TrialState | None = None,
        skip_if_finished: bool = False,
    ) -> FrozenTrial:
        """Finish a trial that :meth:`ask` returned.

        Args:
            trial: The trial, or its number.
            values: A number, or a sequence with one for each objective. With invalid values (NaN, wrong count) the
                trial becomes FAIL, with a warning, when ``state`` is None.
            state: COMPLETE, PRUNED (the last report becomes the value) or FAIL; None decides by the values.
            skip_if_finished: Do nothing for a finished trial instead of raising.

        Returns:
            A copy of the finished trial.

        Raises:
            TypeError: ``trial`` is neither.
            ValueError: There is no such trial, it is not running, or state and values contradict each other.
        """
        number = self._number_of(trial)
        outcome = self._outcome_told(trial, number, values, state, skip_if_finished)
        if outcome is not None:
            if outcome.problem is not None:
                warnings.warn(outcome.problem, stacklevel=2)
            if not self.session.finish(number, outcome.state, outcome.values):
                _refuse_finished(self._log.record(number), values, state, skip_if_finished)
        return FrozenTrial.of(self._log.record(number))

    def _number_of(self, trial: Trial | int) -> int:
        if isinstance(trial, Trial):
            return trial.number
        if not isinstance(trial, int):
            raise TypeError("Trial must be a trial object or trial number.")
        try:
            self._log.record(trial)
        except KeyError as error:
            raise ValueError(f"Cannot tell for trial with number {trial} since it has not been created.") from error
        return trial

    def _outcome_told(
        self, trial: Trial | int, number: int, values: Any, state: TrialState | None, skip_if_finished: bool
    ) -> Outcome | None:
        if isinstance(trial, Trial) and not skip_if_finished:
            return outcome_of(values, state, self.session.n_objectives, trial.last_report)
        stored = self._log.record(number)
        if stored.state is not TrialState.RUNNING:
            _refuse_finished(stored, values, state, skip_if_finished)
            return None
        return outcome_of(values, state, self.session.n_objectives, stored.reports[-1][1] if stored.reports else None)

    def enqueue_trial(
        self, params: dict[str, Any], user_attrs: dict[str, Any] | None = None, skip_if_exists: bool = False
    ) -> None:
        """Enqueue a trial with fixed values of parameters.

        Args:
            params: Values by name; parameters that are left out are suggested.
            user_attrs: The trial's attributes.
            skip_if_exists: Do nothing when some trial has, or waits with, equal parameters.

        Raises:
            TypeError: ``params`` is not a dictionary.
        """
        params = _plain_params(params)
        if skip_if_exists and any(_same_params(_wanted(record), params) for record in self._records()):
            _logger.info(f"Trial with params {params} already exists. Skipping enqueue.")
            return
        self._log.storage.enqueue(self._study_id, [Point(params, plain(user_attrs or {}))])

    def add_trial(self, trial: FrozenTrial) -> None:
        """Add a trial as it is; it is given the next number. See :func:`create_trial`.

        Raises:
            ValueError: Its parts contradict each other, or it has a wrong number of values.
        """
        self.add_trials([trial])

    def add_trials(self, trials: Iterable[FrozenTrial]) -> None:
        """Add trials as they are, all or none; they are given the next numbers."""
        checked = list(trials)
        for trial in checked:
            trial.validate()
            if trial.values is not None and len(trial.values) != len(self.directions):
                raise ValueError(
                    f"The added trial has {len(trial.values)} values, which is different from the number of "
                    f"objectives {len(self.directions)} in the study (determined by Study.directions)."
                )
        self._log.storage.add_finished(self._study_id, [trial.to_record() for trial in checked])

    def set_user_attr(self, key: str, value: Any) -> None:
        """Store a JSON value with the study under ``key``."""
        self._log.storage.set_study_attrs(self._study_id, user={key: plain(value)})

    def set_metric_names(self, metric_names: list[str]) -> None:
        """Name the objectives, for logs, data frames and plots.

        Raises:
            ValueError: There are not as many names as objectives.
        """
        if len(metric_names) != len(self.directions):
            raise ValueError("The number of objectives must match the length of the metric names.")
        self._log.storage.set_study_attrs(self._study_id, system={METRIC_NAMES: list(metric_names)})
        self._log.refresh()

    def set_prior(self, name: str, value: Any, confidence: str = DEFAULT_CONFIDENCE) -> None:
        """Set a user prior: a value of a parameter expected to be good; None removes it (unless it is a choice).

        Raises:
            ValueError: The confidence is not low, medium or high, or no trial could have the value.
        """
        store_prior(self._log, name, value, confidence)


def _reopened(kind: type[Study], open_session: Callable[..., Session], checkpoint_dir: Path | None = None) -> Study:
    """Return a study that was pickled."""
    study = kind.__new__(kind)
    study._bind(open_session, checkpoint_dir)
    return study


def _check_jobs(n_jobs: int) -> None:
    if n_jobs < 1 and n_jobs != -1:
        raise ValueError(f"`n_jobs` must be 1 or more, or -1 for one a processor, but got {n_jobs}.")


def _plain_params(params: Any) -> dict[str, Any]:
    if not isinstance(params, dict):
        raise TypeError("params must be a dictionary.")
    return {name: plain(value) for name, value in params.items()}


def _wanted(record: TrialRecord) -> Mapping[str, Any]:
    """Return the parameters that a trial was enqueued with, or else has."""
    fixed = record.system_attrs.get(FIXED_PARAMS)
    return record.params if fixed is None else fixed


def _same_params(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)


def _same(stored: Any, wanted: Any) -> bool:
    if not isinstance(wanted, type(stored)):
        return False
    if isinstance(wanted, Real):
        both_nan = stored != stored and wanted != wanted
        return both_nan or math.isclose(float(stored), float(wanted), rel_tol=1e-5)
    return bool(stored == wanted)


def lease_of_ask(storage: Storage) -> Lease | None:
    """Return the lease of a trial of ``ask``; None where the storage expects no heartbeat."""
    interval, grace = storage.heartbeat_interval, storage.grace_period
    return None if interval is None else this_process(interval, 2 * interval if grace is None else grace)


def lease_of_optimize(storage: Storage) -> Lease | None:
    """Return the lease of the trials of ``optimize``; None where the storage does not outlive the process."""
    if storage.heartbeat_interval is not None:
        return lease_of_ask(storage)
    return this_process() if storage.outlives_process else None


def _refuse_finished(stored: TrialRecord, values: Any, state: TrialState | None, skip: bool) -> None:
    if not (skip and stored.state.is_finished()):
        lost = " It was failed as stale: its process gave no heartbeat." if LOST in stored.system_attrs else ""
        raise ValueError(f"Cannot tell a {stored.state.name} trial.{lost}")
    _logger.info(
        f"Skipped telling trial {stored.number} with values {values} and state {state} since trial was already "
        f"finished. Finished trial has values {stored.values} and state {stored.state}."
    )
