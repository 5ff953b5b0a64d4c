"""The loop behind ``Study.optimize``: one trial after the other, in one thread or several."""

from __future__ import annotations

import gc
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Union

from sweeper_core.exceptions import prunes
from sweeper_core.logging import INFO, get_logger
from sweeper_core.memory import REASON, is_out_of_memory
from sweeper_core.schedulers.base import New, Stop, Vacancy, Wait
from sweeper_core.storages.base import Lease
from sweeper_core.study._session.define_by_run import DefineByRun
from sweeper_core.study._session.log import TrialLog
from sweeper_core.study._session.outcome import COMPLETE, Outcome, outcome_of
from sweeper_core.study._session.session import Session
from sweeper_core.study.progress import Progress
from sweeper_core.trial.attrs import FAILURE, LOST, METRIC_NAMES, OOM
from sweeper_core.trial.data import NO_DATA, TrialData
from sweeper_core.trial.frozen import FrozenTrial
from sweeper_core.trial.live import Trial
from sweeper_core.trial.state import TrialState

Objective = Callable[[Trial], Union[float, Sequence[float]]]
Callback = Callable[[Any, FrozenTrial], None]

_logger = get_logger(__name__)

MAX_TEXT = 1_000
"""Characters of an exception's text that are kept with the trial that it ended."""


@dataclass(eq=False)
class Limits:
    """Limits after which no more trials are started.

    Attributes:
        n_trials: After this many; None for no limit.
        deadline: At this moment of the monotonic clock; None for none.
        taken: How many trials had started before the latest one.
        session: The study at work, where its costs have a limit; None elsewhere.
    """

    n_trials: int | None
    deadline: float | None
    session: Session | None = None
    stopped: bool = False
    taken: int = -1
    _counter: Iterator[int] = field(default_factory=itertools.count)

    @classmethod
    def of(cls, n_trials: int | None, timeout: float | None, session: Session | None = None) -> Limits:
        """Return the limits of an optimisation that begins now; ``timeout`` in seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        return cls(n_trials, deadline, None if session is None or session.costs is None else session)

    def take(self) -> bool:
        """Return whether one more trial may start, and count it."""
        if self.stopped or ((self.deadline is not None or self.session is not None) and not self.open):
            return False
        # One step of a counter is indivisible, so that threads need no lock here.
        self.taken = next(self._counter)
        return self.n_trials is None or self.taken < self.n_trials

    @property
    def open(self) -> bool:
        """Whether anything may still start."""
        if self.stopped or (self.deadline is not None and time.monotonic() >= self.deadline):
            return False
        return self.session is None or self.session.costs is None or self.session.may_spend()

    @property
    def left(self) -> int | None:
        """How many trials may still start; None for no limit."""
        return None if self.n_trials is None else max(self.n_trials - self.taken - 1, 0)

    def stop(self) -> None:
        """Start no more trials."""
        self.stopped = True


class Loop:
    """One call of ``Study.optimize``.

    Args:
        session: The study at work.
        trials: Begins trials.
        objective: Maps a trial to its value(s).
        limits: When to end.
        catch: Exceptions of the objective after which the study goes on.
        callbacks: Called with the study and a copy of each finished trial.
        collect: Collect garbage after each trial.
        progress: The bar; None for none.
        lease: Under which the trials run; None where the storage does not outlive the process.
        enough: Returns why no further trial starts, or None; asked before the first trial and after each. None for no
            such rule.
    """

    def __init__(
        self,
        session: Session,
        trials: DefineByRun,
        objective: Objective,
        limits: Limits,
        *,
        catch: tuple[type[BaseException], ...] = (),
        callbacks: Sequence[Callback] = (),
        collect: bool = False,
        progress: Progress | None = None,
        lease: Lease | None = None,
        enough: Callable[[], str | None] | None = None,
    ) -> None:
        self._session = session
        self._rules = session.rules
        self._enough = enough
        self._trials = trials
        self._n_objectives = session.n_objectives
        self._objective = objective
        self._limits = limits
        self._catch = catch
        self._callbacks = callbacks
        self._collect = collect
        self._progress = progress
        self._lease = lease
        self._is_watched = bool(callbacks) or progress is not None or enough is not None
        self._begun = self._looked = time.monotonic()
        self._reporter = Reporter(session.log)
        self._turn = threading.Condition()
        self._active = 0
        self._is_shared = False
        """Whether several threads run trials: one may begin between another's end and the look at what is left."""
        self._full = False

    def run(self, n_jobs: int, around: Callable[[Callable[[], None]], None]) -> None:
        """Run trials until a limit is reached.

        Args:
            n_jobs: Number of threads; -1 for one a processor.
            around: Calls the function that it is given, in the thread that will run trials.

        Raises:
            Exception: The first that an objective (unless caught) or a callback raised; other threads finish their
                trial first.
        """
        if self._lease is not None:
            self._session.fail_stale()
        if self._enough is not None:
            self._end_if(self._enough)
        workers = n_jobs if n_jobs != -1 else os.cpu_count() or 1
        self._is_shared = workers > 1
        if not self._is_shared:
            around(self._work)
        else:
            self._run_threads(workers, around)

    def _run_threads(self, workers: int, around: Callable[[Callable[[], None]], None]) -> None:
        errors: list[BaseException] = []

        def work() -> None:
            try:
                around(self._work)
            except BaseException as error:
                errors.append(error)
                self._limits.stop()

        threads = [threading.Thread(target=work, name=f"hpo-trials-{index}") for index in range(workers)]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            self._limits.stop()
            for thread in threads:
                if thread.ident is not None:
                    thread.join()
        if errors:
            raise errors[0]

    def _work(self) -> None:
        while True:
            if self._lease is not None:
                self._look_after_others(self._lease)
            in_turn = self._rules.scheduler is not None or self._session.native_sampler.ends
            if in_turn:
                trial = self._begin_in_turn()
            else:
                trial = self._trials.begin(self._lease) if self._limits.take() else None
            if trial is None:
                return
            try:
                self._run_one(trial)
            finally:
                if in_turn:
                    self._ended()
                if self._collect:
                    gc.collect()
            if in_turn or self._is_watched:
                self._after(trial)

    def _after(self, trial: Trial) -> None:
        """Show a trial that has ended to whoever watches, and look whether it was the last one."""
        if self._callbacks:
            self._call_back(trial)
        if self._progress is not None:
            self._show(self._progress)
        if self._session.native_sampler.ends:
            self._end_if_exhausted()
        if self._enough is not None:
            self._end_if(self._enough)

    def _look_after_others(self, lease: Lease) -> None:
        if time.monotonic() - self._looked >= lease.interval:
            self._looked = time.monotonic()
            self._session.fail_stale()

    def _begin_in_turn(self) -> Trial | None:
        """Return the next trial where it depends on the running ones; None when this thread is done."""
        with self._turn:
            found = self._untried() if self._rules.scheduler is None else self._scheduled()
            self._active += found is not None
            return found

    def _untried(self) -> Trial | None:
        """Return the next trial of a finite sampler; wait while running trials may take the points that are left.

        Such a trial may fail before it takes one, or find that there are more.
        """
        while self._is_shared and not self._has_left():
            if not self._active:
                return None
            self._turn.wait()
        return self._trials.begin(self._lease) if self._limits.take() else None

    def _has_left(self) -> bool:
        log = self._session.log
        log.sync()
        space, history = log.statistics.joint, log.history()
        enqueued = len(history.having(TrialState.WAITING)) > 0
        return enqueued or not len(space) or self._session.native_sampler.has_left(space, history)

    def _scheduled(self) -> Trial | None:
        """Return the trial that the scheduler chooses next; wait for other threads if it waits."""
        while self._limits.open:
            found = self._trials.scheduled(Vacancy(may_begin=not self._full), self._lease)
            if isinstance(found, Trial):
                return found
            if isinstance(found, New) and self._limits.take():
                return self._trials.begin(self._lease, scheduled=False)
            self._full |= isinstance(found, New)
            if isinstance(found, Stop) or (isinstance(found, Wait) and not self._active):
                return None  # the running trials belong to other processes, which continue them
            if isinstance(found, Wait):
                self._turn.wait()
        return None

    def _ended(self) -> None:
        """Notify waiting threads that a trial has ended."""
        with self._turn:
            self._active -= 1
            self._turn.notify_all()

    def _call_back(self, trial: Trial) -> None:
        for callback in self._callbacks:
            ended = self._trials.frozen(trial)
            if ended is None:
                return
            callback(self._session.view, ended)

    def _show(self, progress: Progress) -> None:
        number, value = self._session.log.best()
        best = "" if number is None else f"Best trial: {number}. Best value: {value:.6g}"
        progress.update(time.monotonic() - self._begun, best)

    def _end_if(self, enough: Callable[[], str | None]) -> None:
        reason = None if self._limits.stopped else enough()
        if reason is not None and not self._limits.stopped:
            self._limits.stop()
            _logger.info(f"The study stops: {reason}.")

    def _end_if_exhausted(self) -> None:
        if self._active:
            return
        log = self._session.log
        log.sync()
        if self._session.native_sampler.exhausted(log.statistics.joint, log.history()):
            self._limits.stop()

    def _run_one(self, trial: Trial) -> None:
        try:
            returned = self._objective(trial)
            outcome = outcome_of(returned, None, self._n_objectives, None)
        except BaseException as error:
            self._end_by(error, trial)
            if not prunes(error) and not isinstance(error, self._catch):
                raise
            return
        state, values, _ = outcome
        if not self._session.finish(trial.number, state, values):
            self._explain_refusal(trial, outcome)
        elif state is not COMPLETE or _logger.isEnabledFor(INFO):
            self._reporter.ended(trial, outcome, returned, None)

    def _end_by(self, error: BaseException, trial: Trial) -> None:
        """End a trial whose objective raised."""
        if prunes(error):
            outcome = outcome_of(None, TrialState.PRUNED, self._n_objectives, trial.last_report)
        else:
            outcome = Outcome(TrialState.FAIL, None, repr(error))
        if self._session.finish(trial.number, outcome.state, outcome.values, _facts_of(error, outcome.state)):
            self._reporter.ended(trial, outcome, None, error)
        else:
            self._explain_refusal(trial, outcome)

    def _explain_refusal(self, trial: Trial, outcome: Outcome) -> None:
        """Log or raise why a trial's end was not stored.

        Raises:
            ValueError: Another caller has ended it.
        """
        stored = self._trials.frozen(trial)
        if stored is None or not stored.state.is_finished():
            return
        if LOST not in stored.system_attrs:
            raise ValueError(f"Cannot tell a {stored.state.name} trial.")
        _logger.warning(
            f"Trial {trial.number} was failed as stale while it ran: its process gave no heartbeat for too long. Its "
            f"result {outcome.values} is not stored."
        )


def _facts_of(raised: BaseException, state: TrialState) -> TrialData:
    """Return what is stored with a trial about the exception that ended it."""
    if state is not TrialState.FAIL or not is_out_of_memory(raised):
        return NO_DATA
    return TrialData(system_attrs={OOM: True, FAILURE: f"{REASON}: {type(raised).__name__}: {raised}"[:MAX_TEXT]})


class Reporter:
    """Writes the log line of each finished trial.

    Args:
        log: The study's trials.
    """

    def __init__(self, log: TrialLog) -> None:
        self._trials = log
        self._best: tuple[int | None, str] = (None, "")

    def ended(self, trial: Trial, outcome: Outcome, returned: Any, raised: BaseException | None) -> None:
        """Log the end of a trial."""
        if outcome.values is None and outcome.state is TrialState.FAIL:
            exc_info = raised if raised is not None and raised.__traceback__ is not None else None
            _logger.warning(
                f"Trial {trial.number} failed with parameters: {trial.known} because of the following error: "
                f"{outcome.problem}.",
                exc_info=exc_info,
            )
            _logger.warning(f"Trial {trial.number} failed with value {returned!r}.")
        elif not _logger.isEnabledFor(INFO):
            return
        elif outcome.state is TrialState.PRUNED:
            _logger.info(f"Trial {trial.number} pruned. {raised or ''}")
        else:
            self._say(self._line(trial, outcome.values or []))

    def _say(self, line: str) -> None:
        # Like `Logger.info`, but without the search of the stack for the caller, which is always this line.
        _logger.handle(_logger.makeRecord(_logger.name, INFO, __file__, 0, line, (), None))

    def _line(self, trial: Trial, values: list[float]) -> str:
        names = self._trials.study.system_attrs.get(METRIC_NAMES)
        if len(values) > 1:
            shown: Any = values if names is None else dict(zip(names, values, strict=True))
            return f"Trial {trial.number} finished with values: {shown} and parameters: {trial.known}."
        shown = values[0] if names is None else {names[0]: values[0]}
        line = f"Trial {trial.number} finished with value: {shown} and parameters: {trial.known}."
        return line + self._about_best()

    def _about_best(self) -> str:
        number, value = self._trials.best()
        said = self._best
        if said[0] != number:  # this is rare
            said = self._best = (number, f" Best is trial {number} with value: {value}.")
        return said[1]
