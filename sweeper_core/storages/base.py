"""The contract of a storage: a few atomic operations.

Every operation either happens completely or not at all, under any number of threads, processes and
machines, and is durable when it returns. Callers never read a state and then set it: the storage itself decides
what depends on a trial's state. A trial is identified by the study's key and its number.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sweeper_core.directions import StudyDirection
from sweeper_core.trial.attrs import FIXED_PARAMS
from sweeper_core.trial.best import Best
from sweeper_core.trial.data import NO_DATA, TrialData
from sweeper_core.trial.frozen import FrozenTrial
from sweeper_core.trial.record import NOTHING, TrialRecord, nothing
from sweeper_core.trial.state import TrialState

MAX_COMMON_STEP = 2**31 - 1
"""Maximum step of a report that every storage takes: database servers take no larger ones."""


@dataclass(frozen=True)
class StudyRecord:
    """A study as stored."""

    study_id: int
    name: str
    directions: tuple[StudyDirection, ...]
    user_attrs: Mapping[str, Any] = field(default_factory=nothing)
    system_attrs: Mapping[str, Any] = field(default_factory=nothing)


@dataclass(frozen=True)
class Lease:
    """The owner of a running trial, and how long the trial counts as running without a heartbeat.

    Attributes:
        host, boot, pid, process_started: Identify the owner so that processes of the same machine can check on it
            (boot: an identifier that changes when the machine restarts; process_started: distinguishes
            processes that were given the same pid).
        interval: Seconds between two heartbeats.
        grace: Seconds without a heartbeat after which the trial is stale, by the storage's own clock.
        elsewhere: Whether the trial's job outlives the owner (on a cluster), so that the owner's death alone does not
            make it stale: the owner's next run takes the trial over.
    """

    host: str
    boot: str
    pid: int
    process_started: str
    interval: float = 15.0
    grace: float = 60.0
    elsewhere: bool = False


class Claim(NamedTuple):
    """A trial that the caller alone runs.

    Attributes:
        fixed: Parameters (external values) that were enqueued with it.
        started: None where the storage does not return it; the trial's record has it in any case.
        reports: Reports copied from the attempt that it continues.
    """

    number: int
    trial_id: int
    fixed: Mapping[str, Any] = NOTHING
    user_attrs: Mapping[str, Any] = NOTHING
    system_attrs: Mapping[str, Any] = NOTHING
    started: datetime | None = None
    reports: tuple[tuple[int, float], ...] = ()

    @classmethod
    def of(cls, record: TrialRecord) -> Claim:
        """Return the claim of a trial that continues another one with the same parameters."""
        fixed = {**record.params, **record.system_attrs.get(FIXED_PARAMS, NOTHING)}
        attrs = record.user_attrs, record.system_attrs
        return cls(record.number, record.trial_id, fixed, *attrs, record.started, record.reports)


@dataclass(frozen=True)
class Point:
    """Parameters (external values, possibly only some) to be evaluated, and attributes of their trial."""

    params: Mapping[str, Any]
    user_attrs: Mapping[str, Any] = field(default_factory=nothing)
    system_attrs: Mapping[str, Any] = field(default_factory=nothing)


class Storage(ABC):
    """Base class of storages, which store studies and their trials. Thread-safe; see the module for the guarantees.

    All operations raise ``KeyError`` for a study or trial that does not exist, :class:`StorageUnavailableError` when
    the server or file stays unreachable, and other :class:`StorageInternalError` with a clear message.
    """

    outlives_process: bool = True
    """Whether trials outlive the process (and therefore need leases)."""

    quick_writes: bool = True
    """Whether a small write takes well under a millisecond, since it waits for neither disk nor network."""

    heartbeat_interval: float | None = None
    """Seconds between heartbeats of trials of a bare ``ask``; None: these are not leased."""

    grace_period: float | None = None
    """Seconds after which such a trial is stale; None: twice the interval."""

    heartbeat_stale_trial_callback: Callable[[Any, FrozenTrial], None] | None = None
    """Called with the study and each stale trial that was failed; None: nothing."""

    @abstractmethod
    def create_or_open_study(
        self, name: str | None, directions: Sequence[StudyDirection] | None, *, exist_ok: bool
    ) -> StudyRecord:
        """Return the study of that name, created when there is none.

        Args:
            name: None makes a new study with a name of its own.
            directions: None only opens.
            exist_ok: Whether an existing study may be returned (with its stored directions).

        Raises:
            DuplicatedStudyError: It exists and ``exist_ok`` is false.
            KeyError: It does not exist and ``directions`` is None.
        """

    @abstractmethod
    def list_studies(self) -> list[StudyRecord]:
        """Return all studies, oldest first."""

    @abstractmethod
    def get_study(self, study_id: int) -> StudyRecord:
        """Return the current study with its attributes."""

    @abstractmethod
    def delete_study(self, study_id: int) -> None:
        """Remove a study and its trials."""

    @abstractmethod
    def set_study_attrs(
        self, study_id: int, *, user: Mapping[str, Any] = NOTHING, system: Mapping[str, Any] = NOTHING
    ) -> None:
        """Merge attributes into the study's."""

    @abstractmethod
    def reserve(self, study_id: int, *, limit: int | None = None, lease: Lease | None = None) -> Claim | None:
        """Take the oldest WAITING trial, or else a new number; it is RUNNING when this returns.

        Numbers are unique and gapless under any concurrency.

        Only its owner uses a leased trial, so a reservation with a lease need not be on disk when this returns: if a
        database server crashes within the next moments, the reservation may be lost, unless something else of the study
        has been stored since. Only this trial is lost, for which nothing was stored: :meth:`describe` and
        :meth:`report` raise ``UpdateFinishedTrialError`` in its owner, :meth:`finish` returns False, and they never
        change the trial of another process that got the same number.

        Args:
            limit: Return None when the study has this many configurations already. Attempts of one configuration
                count once; WAITING ones do not count, nor those whose latest attempt was lost (attribute ``hpo:lost``).
            lease: None: the trial is never failed by :meth:`fail_stale`.
        """

    @abstractmethod
    def continue_trial(
        self, study_id: int, number: int, *, limit: int | None = None, lease: Lease | None = None
    ) -> Claim | None:
        """Begin the next attempt of the configuration whose latest attempt is trial ``number``.

        The attempt is a new trial, RUNNING when this returns (never WAITING, so that no other program can reserve it),
        with the attributes ``hpo:continues`` (``number``) and ``hpo:first_step`` (one more than the last step reported,
        or 0), and with copies of parameters, user attributes and reports of the attempt before. Of several concurrent
        callers only one gets it.

        Args:
            number: A trial that was paused (PRUNED) or lost (FAIL with ``hpo:lost``).
            limit: As for :meth:`reserve`; only the continuation of a lost configuration adds to the count.
            lease: As for :meth:`reserve`.

        Returns:
            The new attempt; None when another caller has continued or retried the trial, when it is neither paused nor
            lost, or when the limit is reached.
        """

    @abstractmethod
    def describe(self, study_id: int, number: int, data: TrialData) -> None:
        """Merge data into a RUNNING trial; may be called again.

        Raises:
            UpdateFinishedTrialError: The trial has ended.
            StorageInternalError: The trial is still WAITING.
            ValueError: A parameter has no distribution, or a value of the wrong kind.
        """

    def check(self, data: TrialData) -> None:  # noqa: B027 (optional)
        """Raise what :meth:`describe` would raise because of this data; store nothing.

        Callers that buffer their writes use it.
        """

    @abstractmethod
    def report(self, study_id: int, number: int, step: int, value: float) -> None:
        """Store one intermediate value (NaN and infinities too); the first report of a step counts.

        Raises:
            UpdateFinishedTrialError: The trial has ended.
            StorageInternalError: The trial is still WAITING.
        """

    @abstractmethod
    def finish(
        self,
        study_id: int,
        number: int,
        state: TrialState,
        values: Sequence[float] | None = None,
        data: TrialData = NO_DATA,
    ) -> bool:
        """End a RUNNING trial; return False (and change nothing) when it is not RUNNING any more.

        A result (COMPLETE or PRUNED) of a trial that :meth:`fail_stale` has ended still counts when no retry has
        started: the WAITING retry, or else a new one, ends at once with this result and with the parameters and
        reports of the stale attempt, and is not run. The stale trial itself does not change.

        ``data`` is merged as by :meth:`describe`, in the same transaction. ``values`` may contain infinities, not NaN.
        """

    @abstractmethod
    def enqueue(self, study_id: int, points: Sequence[Point], *, idempotency_key: str | None = None) -> list[int]:
        """Add WAITING trials; return their numbers.

        Args:
            idempotency_key: If this key was used before in this study, nothing is added and [] is returned.
        """

    @abstractmethod
    def add_finished(self, study_id: int, trials: Sequence[TrialRecord]) -> list[int]:
        """Add trials unchanged (in any state) except for new numbers and ids; return the numbers."""

    @abstractmethod
    def changes(self, study_id: int, cursor: Any = None) -> tuple[list[TrialRecord], Any]:
        """Return every trial that is new or different since ``cursor`` (None: all), and the next cursor.

        The records are complete. The cost depends on the changed and the unfinished trials, not on the size of
        the study. The cursor is opaque, picklable, and valid for this storage and study only.
        """

    def best(self, study_id: int) -> Best | None:
        """Return the best feasible COMPLETE trial of a study with one objective, the earliest of equals.

        None (not a :class:`Best` without a trial) where the storage would have to read the trials.
        """
        return None

    @abstractmethod
    def heartbeat(self, study_id: int, numbers: Sequence[int]) -> list[int]:
        """Renew the leases of running trials; return those that are no longer RUNNING (failed as stale elsewhere)."""

    @abstractmethod
    def fail_stale(self, study_id: int, *, max_retries: int = 0) -> list[int]:
        """Fail leased trials whose owner is dead or whose lease has expired; return their numbers.

        Wall clocks jump, so an expired lease counts only when there was no heartbeat between two calls of one process,
        an interval apart. A process never fails its own trials.

        Each becomes FAIL with ``hpo:lost`` and ``hpo:failure``, and, unless it is already the
        ``max_retries``-th retry, its parameters are enqueued again with ``failed_trial`` (number of the first
        attempt) and ``retry_history`` (numbers of all attempts), exactly once under concurrent calls.
        """

    def close(self) -> None:  # noqa: B027 (optional: memory has nothing to release)
        """Release files and connections."""


BaseStorage = Storage
"""Alias for users of Optuna."""
