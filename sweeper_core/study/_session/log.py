"""The trial log: one process's copy of a study's trials, kept up to date by reading what has changed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sweeper_core._forks import reset_after_fork
from sweeper_core.distributions import BaseDistribution, CategoricalDistribution
from sweeper_core.exceptions import StorageFormatError
from sweeper_core.search_space.priors import Priors, read_priors
from sweeper_core.storages.base import Storage, StudyRecord
from sweeper_core.trial.attempts import Attempts, configurations, continued_by
from sweeper_core.trial.attrs import FORMAT, KNOWN_FORMAT, METRIC_NAMES, PRIORS
from sweeper_core.trial.best import Best
from sweeper_core.trial.curves import LearningCurves
from sweeper_core.trial.ends import Floats, expected_ends
from sweeper_core.trial.history import History, TrialTable
from sweeper_core.trial.lists import lists_of, shown_params
from sweeper_core.trial.record import NOTHING, TrialRecord
from sweeper_core.trial.state import TrialState
from sweeper_core.trial.statistics import RunningStatistics

if TYPE_CHECKING:
    from sweeper_core.search_space.lists import ListParameter

MAX_WRITTEN = 1024
"""Maximum number of categorical distributions whose form in the study is cached."""


class TrialLog:
    """The trials of one stored study, as of the last :meth:`sync`. Thread-safe.

    Args:
        storage: The storage of the study.
        study: The stored study.
        sources: Histories of earlier studies, included in every history.
        objective: Index of the objective that the reports, and thus the learning curves, belong to.
        flush: Stores this process's buffered writes; called before every read.

    Raises:
        StorageFormatError: A newer version has given the study's attributes a meaning that is not known here.

    Attributes:
        attempts: Maps trials to configurations.
        statistics: Running statistics of all trials.
        empty: The history without trials, for samplers that need none.
        may_have_lost: Whether a trial was lost that nothing continues or retries; True while this is unknown.
        lock: Held while trials are read or folded; users of :attr:`curves` must hold it.
    """

    def __init__(
        self,
        storage: Storage,
        study: StudyRecord,
        *,
        sources: Sequence[History] = (),
        objective: int = 0,
        flush: Callable[[], None] | None = None,
    ) -> None:
        _check_format(study)
        self.storage = storage
        self.study = study
        self.study_id = study.study_id
        self.sources = tuple(sources)
        self.objective = objective
        self.lock = threading.RLock()
        self._flush = flush
        self._reset()
        reset_after_fork(self)

    def _reset(self) -> None:
        directions = self.study.directions
        self._table = TrialTable(directions, self.sources)
        self._curves = LearningCurves(directions[self.objective].sign, self.objective, self._metrics)
        self._ends: tuple[tuple[int, ...], Floats] | None = None
        self.empty = self._table.history()
        self.statistics = RunningStatistics(directions)
        self.attempts = Attempts()
        self._written_as: dict[tuple[str, CategoricalDistribution], CategoricalDistribution] = {}
        self._cursor: Any = None
        self.may_have_lost = True
        self._unread: list[TrialRecord] = []
        self._latest: dict[int, TrialRecord] = {}

    @property
    def _metrics(self) -> list[tuple[str, float]]:
        """Names and signs of the objectives."""
        directions = self.study.directions
        names = self.study.system_attrs.get(METRIC_NAMES) or range(len(directions))
        return [(str(name), direction.sign) for name, direction in zip(names, directions, strict=False)]

    def after_fork(self) -> None:
        """Replace a lock that a thread of the parent held, and read again what that thread was reading."""
        if self.lock.acquire(blocking=False):
            self.lock.release()
        else:
            self.lock = threading.RLock()
            self._reset()

    def sync_once(self) -> None:
        """Read the study unless it was read before."""
        if self._cursor is None:
            self.sync()

    def sync(self) -> None:
        """Read the changes from the storage."""
        if self._flush is not None:
            self._flush()
        with self.lock:
            records, self._cursor = self.storage.changes(self.study_id, self._cursor)
            if records:
                self.statistics.fold(records)
                self.attempts.fold(records)
                self._unread += records
                for record in records:
                    self._latest[record.number] = record
            self.may_have_lost = bool(self.statistics.lost)

    def _fold(self) -> None:
        # Table and curves are filled on first use: samplers that need no history never use them.
        if self._unread:
            records, self._unread = self._unread, []
            self._table.fold(records)
            self._curves.fold(records)

    def __len__(self) -> int:
        return len(self._latest)

    @property
    def priors(self) -> Priors:
        """The study's priors, as of the last time that its attributes were read."""
        stored = self.study.system_attrs.get(PRIORS)
        return read_priors(stored) if stored else NOTHING

    @property
    def lists(self) -> tuple[ListParameter, ...]:
        """The lists that parameters of the study make up."""
        return lists_of(self.study.system_attrs)

    def shown(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return a trial's parameters with each list instead of the parameters that make it up."""
        return shown_params(params, self.lists)

    @property
    def n_objectives(self) -> int:
        """Number of objectives."""
        return len(self.study.directions)

    @property
    def records(self) -> list[TrialRecord]:
        """All trials, by number."""
        with self.lock:
            return [self._latest[number] for number in sorted(self._latest)]

    def get(self, number: int) -> TrialRecord | None:
        """Return a trial as of the last :meth:`sync`; None when there was none of this number."""
        return self._latest.get(number)

    def record(self, number: int) -> TrialRecord:
        """Return a trial as currently stored.

        Raises:
            KeyError: There is none of this number.
        """
        self.sync()
        found = self._latest.get(number)
        if found is None:
            raise KeyError(f"Study {self.study.name!r} has no trial {number}; it has {len(self._latest)} trials.")
        return found

    @property
    def configurations(self) -> list[TrialRecord]:
        """The latest attempt of each configuration, with the number of the first one, by number."""
        return configurations(self.records)

    @property
    def n_configurations(self) -> int:
        """Number of configurations."""
        return len(self._latest) - len(self.attempts)

    def attempts_until(self, number: int) -> list[TrialRecord]:
        """Return the attempts of a configuration up to trial ``number``, the first one first."""
        found: list[TrialRecord] = []
        earlier: int | None = number
        while earlier is not None and (record := self._latest.get(earlier)) is not None:
            found.insert(0, record)
            earlier = continued_by(record)
        return found

    def of_configuration(self, number: int) -> TrialRecord:
        """Return the latest attempt of a trial's configuration, with the number of the first one."""
        return replace(self._latest[self.attempts.latest(number)], number=self.attempts.id_of(number))

    def running(self) -> dict[int, TrialRecord]:
        """Return the RUNNING trials, by number."""
        with self.lock:
            return dict(self.statistics.running)

    def history(self, rows: int | None = None) -> History:
        """Return the snapshot of the first ``rows`` trials (all by default)."""
        with self.lock:
            self._fold()
            history = self._table.history(rows)
            return history if history.n_objectives == 1 else replace(history, ends=self._ends_of(history))

    def _ends_of(self, history: History) -> Floats | None:
        """Return the expected ends of unfinished trials with several objectives."""
        if not len(history.having(TrialState.PRUNED)):
            return None
        key = (len(history), *history.version)
        if self._ends is None or self._ends[0] != key:
            self._ends = key, expected_ends(self._curves, history)
        return self._ends[1]

    @property
    def curves(self) -> LearningCurves:
        """All learning curves; they change with every :meth:`sync`, so hold :attr:`lock` while you use them."""
        with self.lock:
            self._fold()
            return self._curves

    def best(self) -> Best:
        """Return the current best trial."""
        known = self.storage.best(self.study_id)
        if known is None:
            self.sync()
            known = self.statistics.best
        return known

    def as_stored(self, distributions: Mapping[str, BaseDistribution]) -> Mapping[str, BaseDistribution]:
        """Return distributions in which lists and dictionaries have the form that the study already stores."""
        for name, distribution in distributions.items():  # called for each suggestion; a loop is fastest
            if type(distribution) is CategoricalDistribution:
                written = self._written(name, distribution)
                if written is not distribution:
                    distributions = {**distributions, name: written}
        return distributions

    def _written(self, name: str, distribution: CategoricalDistribution) -> CategoricalDistribution:
        stored = self.statistics.kinds.get(name)
        if stored is None or stored is distribution:
            return distribution
        known = self._written_as.get((name, distribution))
        if known is None:
            if len(self._written_as) >= MAX_WRITTEN:
                self._written_as.clear()
            known = self._written_as[name, distribution] = distribution.written_as(stored)
        return known

    def refresh(self) -> StudyRecord:
        """Read the study's own attributes again, and return it."""
        stored = self.storage.get_study(self.study_id)
        self.study = replace(self.study, user_attrs=stored.user_attrs, system_attrs=stored.system_attrs)
        with self.lock:
            self._curves.name(self._metrics)
            self._ends = None
        return self.study


def _check_format(study: StudyRecord) -> None:
    found = study.system_attrs.get(FORMAT, KNOWN_FORMAT)
    if found != KNOWN_FORMAT:
        raise StorageFormatError(
            f"The study {study.name!r} was written by a newer version of hydra-hpo-sweeper, whose attributes (format "
            f"{found!r}) this one does not understand: update it, or go on with a study of another name."
        )
