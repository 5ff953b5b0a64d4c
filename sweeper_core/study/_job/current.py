"""``current_trial()``: the trial of the current job, and a stand-in outside of a sweep."""

from __future__ import annotations

import copy
import os
import threading
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweeper_core.checkpoints.saver import Saver, scratch
from sweeper_core.distributions import BaseDistribution
from sweeper_core.exceptions import StorageInternalError, TrialPruned, UpdateFinishedTrialError
from sweeper_core.logging import get_logger
from sweeper_core.plain import plain
from sweeper_core.pruners.base import Verdict
from sweeper_core.study._job.handle import TrialHandle, active_handle, unpacked
from sweeper_core.study._job.ranks import Relay, rank
from sweeper_core.study._job.saving import saver_alone, saver_of
from sweeper_core.trial.amounts import cost_argument
from sweeper_core.trial.attempts import awaited_step, checkpoint_data
from sweeper_core.trial.attrs import CONSTRAINT_PREFIX, LOST, SPENT_PREFIX, VERDICT
from sweeper_core.trial.base import constraint_argument, float_argument, step_argument
from sweeper_core.trial.checkpointing import Checkpointing
from sweeper_core.trial.data import NO_DATA, TrialData
from sweeper_core.trial.frozen import FrozenTrial
from sweeper_core.trial.metrics import data_of, several
from sweeper_core.trial.record import NOTHING
from sweeper_core.trial.study_like import StudyLike

if TYPE_CHECKING:
    from sweeper_core.study._session.session import Session

_logger = get_logger(__name__)


class CurrentTrial(Checkpointing, ABC):
    """The trial of the current job.

    Attributes:
        number: 0, 1, 2, … within the study.
        params: The trial's parameters by name; empty outside of a sweep.
        first_step: The first new step of this attempt: 0, unless it continues one that was lost or paused.
    """

    number: int = 0
    params: Mapping[str, Any] = NOTHING
    first_step: int = 0

    @property
    @abstractmethod
    def in_sweep(self) -> bool:
        """Whether the job belongs to a sweep."""

    @property
    @abstractmethod
    def study(self) -> StudyLike | None:
        """A read-only view of the study (its directions, trials, attributes); None outside of a sweep."""

    @property
    @abstractmethod
    def user_attrs(self) -> dict[str, Any]:
        """A copy of what :meth:`set_user_attr` has stored; empty outside of a sweep."""

    @property
    @abstractmethod
    def distributions(self) -> dict[str, BaseDistribution]:
        """Distributions of the parameters by name; empty outside of a sweep."""

    @property
    @abstractmethod
    def datetime_start(self) -> datetime | None:
        """When the trial started, as naive local time; None outside of a sweep."""

    @abstractmethod
    def report(self, value: float | Mapping[str, float], step: int) -> None:
        """Report the objective's value after ``step`` (0, 1, 2, …); it is stored when this returns.

        Of several metrics by name, pruners use ``hydra.sweeper.pruning_metric``; the others are stored with it.

        The first report of a step counts, later ones are ignored with a warning (those before :attr:`first_step`
        without one: an earlier attempt has reported them). In distributed training every process may report; only
        reports of rank zero are stored.

        Raises:
            TypeError: An argument, or a metric, is not a number.
            ValueError: The step is negative, or the metric that pruners judge is missing.
            UpdateFinishedTrialError: The sweep has ended the trial; for one that has gone stale a warning is logged.
        """

    @abstractmethod
    def should_prune(self) -> bool:
        """Return whether the trial should stop now, judging by its reports; never waits for other trials.

        In distributed training all processes must call it equally often; they get the result of rank zero.
        """

    @abstractmethod
    def set_user_attr(self, key: str, value: Any) -> None:
        """Store a JSON value with the trial under ``key``."""

    @abstractmethod
    def set_constraint(self, key: str, value: float) -> None:
        """Store a constraint's value; the trial is feasible when all of them are zero or less.

        Raises:
            TypeError: The value is not a number.
            ValueError: It is NaN.
        """

    @abstractmethod
    def set_cost(self, cost: float) -> None:
        """Store what this run has cost so far (``hydra.sweeper.cost``); the last value counts, also of a failed run.

        Raises:
            TypeError: It is not a number.
            ValueError: It is negative, NaN or infinite.
        """

    def report_or_prune(self, value: float | Mapping[str, float], step: int) -> None:
        """Report, and stop the job if :meth:`should_prune` returns True.

        Raises:
            TrialPruned: The trial should end here. Do not catch it: the sweep handles it.
        """
        self.report(value, step)
        if self.should_prune():
            raise TrialPruned(f"The trial was stopped at step {step}.")


class NoTrial(CurrentTrial):
    """The trial outside of a sweep: it checks its arguments, and only saves checkpoints.

    Args:
        checkpoint_dir: Folder of the checkpoints; None saves none.
    """

    def __init__(self, checkpoint_dir: Path | None = None) -> None:
        self._saver = saver_alone(checkpoint_dir)

    @property
    def in_sweep(self) -> bool:
        return False

    @property
    def study(self) -> None:
        return None

    @property
    def user_attrs(self) -> dict[str, Any]:
        return {}

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        return {}

    @property
    def datetime_start(self) -> None:
        return None

    def report(self, value: float | Mapping[str, float], step: int) -> None:
        if isinstance(value, Mapping):
            several(value, None)
        else:
            float_argument("value", value)
        step_argument(step)
        self._saver.reported()

    def should_prune(self) -> bool:
        return False

    def set_user_attr(self, key: str, value: Any) -> None:
        """Nothing."""

    def set_constraint(self, key: str, value: float) -> None:
        constraint_argument(key, value)

    def set_cost(self, cost: float) -> None:
        cost_argument(cost)


class SweptTrial(CurrentTrial):
    """The trial that a sweep runs in this job. Thread-safe; opens the storage on first use.

    Args:
        path: Path of the handle.
    """

    def __init__(self, path: Path) -> None:
        self._handle = TrialHandle.read(path)
        self._path = path
        self._lock = threading.RLock()
        self._relays: dict[str, Relay] = {}
        self._reported: set[int] = set()
        self._constraints: set[str] = set()
        self._stopped = False
        self._stale = False
        self._looked_for = False
        self.number = self._handle.number
        self.first_step = self._handle.first_step
        self.params = copy.deepcopy(dict(self._handle.params))

    @property
    def in_sweep(self) -> bool:
        return not self._handle.repeat

    @property
    def study(self) -> StudyLike:
        return self._session.view

    @property
    def user_attrs(self) -> dict[str, Any]:
        return self._stored.user_attrs

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        return self._stored.distributions

    @property
    def datetime_start(self) -> datetime | None:
        return self._stored.datetime_start

    @property
    def _stored(self) -> FrozenTrial:
        return FrozenTrial.of(self._session.log.record(self.number))

    def report(self, value: float | Mapping[str, float], step: int) -> None:
        step = step_argument(step)
        if type(value) is not float and isinstance(value, Mapping):
            it = self._handle
            data = data_of(step, *several(value, it.judged, it.metric, self._is_judged))
        else:
            number, data = float_argument("value", value), NO_DATA
        with self._lock:
            if step < self.first_step or not self._handle.reports:
                return
            if step in self._reported:
                warnings.warn(f"The report is ignored: step {step} has been reported already.", stacklevel=2)
                return
            if self._speaks:
                if data:
                    self._store(lambda session: session.writer.describe(self.number, data))
                else:
                    self._store(lambda session: session.writer.report(self.number, step, number))
            self._reported.add(step)
        if self._saver.waits:
            if self._speaks:
                self._store(lambda session: session.writer.flush())
            self._saver.reported(step)

    def should_prune(self) -> bool:
        with self._lock:
            return self._agreed("should_prune", self._judge)

    def should_save(self, step: int) -> bool:
        step = step_argument(step)
        with self._lock:
            return self._agreed("should_save", lambda: self._saver.should_save(step))

    @contextmanager
    def save_checkpoint(self, step: int) -> Iterator[Path]:
        with scratch() if rank(self._handle.outside) else super().save_checkpoint(step) as folder:
            yield folder

    @property
    def checkpoint(self) -> Path | None:
        found, expected = super().checkpoint, self._handle.saved
        if expected is not None and not self._looked_for:
            self._looked_for = True
            if self.step < expected:
                begins = f"goes on after step {self.step}" if found else "begins from the start"
                _logger.warning(
                    f"Trial {self.number}: the checkpoint of step {expected} is not in {self._handle.checkpoints} any "
                    f"more (deleted?); the job {begins}."
                )
        return found

    @cached_property
    def _saver(self) -> Saver:  # type: ignore[override]
        return saver_of(self._handle, self._is_milestone, self._saved, self._awaited)

    def _is_milestone(self, step: int) -> bool:
        return self._is_judged and self._session.rules.is_milestone(self.number, step)

    def _saved(self, step: int, warning: str | None) -> None:
        data = checkpoint_data(self.number, self._handle.repeat, step, warning)
        with suppress(StorageInternalError):  # the checkpoint itself is saved
            self._store(lambda session: session.writer.describe(self.number, data))

    def _awaited(self) -> int | None:
        """Return the step that the job would report next."""
        if self._handle.repeat or not self._handle.reports:
            return None
        try:
            log = self._session.log
            return awaited_step(log.record(self.number), lambda: log.records)
        except StorageInternalError:
            return None

    def _agreed(self, method: str, decide: Callable[[], bool]) -> bool:
        """Return rank zero's decision in all processes of the job."""
        own = rank(self._handle.outside)
        if own is None:
            return decide()
        relay = self._relays.setdefault(method, Relay(self._path, method))
        if own:
            return relay.hear()
        answer = decide()
        relay.tell(answer)
        return answer

    def set_user_attr(self, key: str, value: Any) -> None:
        if self._speaks:
            data = TrialData(user_attrs={key: plain(value)})
            self._store(lambda session: session.writer.describe(self.number, data))

    def set_constraint(self, key: str, value: float) -> None:
        number = constraint_argument(key, value)
        with self._lock:
            if key in self._constraints:
                warnings.warn(f"The constraint {key!r} is set already; {number} is ignored.", stacklevel=2)
                return
            if self._speaks:
                data = TrialData(system_attrs={CONSTRAINT_PREFIX + key: number})
                self._store(lambda session: session.writer.describe(self.number, data))
            self._constraints.add(key)

    def set_cost(self, cost: float) -> None:
        number = cost_argument(cost)
        if self._speaks:
            data = TrialData(system_attrs={f"{SPENT_PREFIX}{self._handle.repeat}": number})
            self._store(lambda session: session.writer.describe(self.number, data))

    @property
    def _speaks(self) -> bool:
        return not self._handle.repeat and not rank(self._handle.outside)

    @property
    def _is_judged(self) -> bool:
        it = self._handle
        return bool(it.pruner or it.scheduler) and it.objective is not None and not it.repeat

    @property
    def _session(self) -> Session:
        it = self._handle
        with _opening:
            return _open(
                (os.getpid(), it.sweep), it.storage, it.study_name, it.objective or 0, (it.pruner, it.scheduler)
            )

    def _store(self, write: Callable[[Session], None]) -> None:
        """Store data of the trial, unless it is stale.

        Raises:
            UpdateFinishedTrialError: The sweep has ended the trial.
        """
        try:
            write(self._session)
        except UpdateFinishedTrialError:
            if LOST not in self._session.log.record(self.number).system_attrs:
                raise
            if not self._stale:
                self._stale = True
                _logger.warning(
                    f"Trial {self.number} was failed as stale while it ran: the sweep gave no heartbeat for it for too "
                    "long. What this job stores from now on is ignored; its result counts unless the trial has been "
                    "started again."
                )

    def _judge(self) -> bool:
        if self._stopped or not self._is_judged:
            return self._stopped
        session = self._session
        verdict = session.judge(self.number)
        record = session.log.get(self.number)
        assert record is not None
        if VERDICT in record.system_attrs:  # another process of this job has stopped the trial
            self._stopped = True
        elif verdict.stop:
            self._stop(verdict, record.reports[-1][0] if record.reports else -1)
        return self._stopped

    def _stop(self, verdict: Verdict, step: int) -> None:
        self._stopped = True
        _logger.debug(f"Trial {self.number} stopped at step {step}: {verdict.reason}")
        facts: dict[str, Any] = {"step": step, "reason": verdict.reason}
        if verdict.forecast is not None:
            facts["forecast"] = list(verdict.forecast)
        data = TrialData(system_attrs={VERDICT: facts})
        self._store(lambda session: session.writer.describe(self.number, data))


def current_trial(checkpoint_dir: str | os.PathLike[str] | None = None) -> CurrentTrial:
    """Return the trial of the current job, in any process or thread of the job.

    Outside of a sweep it is a stand-in that does nothing, so that the same code runs alone::

        trial = current_trial()
        for epoch in range(epochs):
            loss = train(epoch)
            trial.report_or_prune(loss, epoch)

    Args:
        checkpoint_dir: Folder of the checkpoints outside of a sweep; None saves none there. In a sweep
            ``hydra.sweeper.checkpoints`` sets the folder.
    """
    path = active_handle()
    if path is None:
        return _no_trial(os.getpid(), None if checkpoint_dir is None else os.path.abspath(checkpoint_dir))
    with _opening:
        return _trial((os.getpid(), *_identity(path)), path)


_opening = threading.RLock()


@lru_cache(maxsize=16)
def _no_trial(process: int, checkpoint_dir: str | None) -> NoTrial:
    return NoTrial(None if checkpoint_dir is None else Path(checkpoint_dir))


@lru_cache(maxsize=16)
def _trial(key: tuple[int, ...], path: str) -> SweptTrial:
    """Return the trial of a handle, one per process (a forked child creates its own)."""
    return SweptTrial(Path(path))


def _identity(path: str) -> tuple[int, ...]:
    """Return a key that distinguishes a handle from an earlier one of the same name."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return ()
    return found.st_ino, found.st_mtime_ns


@lru_cache(maxsize=4)
def _open(
    key: tuple[int, str], storage: str, study_name: str, objective: int, rules: tuple[str | None, ...]
) -> Session:
    """Return the session shared by a process's trials of one study, sequential or concurrent ones."""
    # A job that never reports does not need these modules.
    from sweeper_core.samplers.random import RandomSampler
    from sweeper_core.storages import get_storage
    from sweeper_core.study._session.session import Session

    opened = get_storage(storage, known=True)  # by the sweep that started the job
    study = opened.create_or_open_study(study_name, None, exist_ok=True)
    pruner, scheduler = map(unpacked, rules)
    return Session.open(opened, study, RandomSampler(), pruner, objective=objective, scheduler=scheduler)
