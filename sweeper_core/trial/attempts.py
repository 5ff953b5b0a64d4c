"""Attempts: a configuration may run in several trials, each of which continues where the one before stopped.

The configuration's id is the number of its first attempt. The latest attempt represents it: its state, its values and
its curve, which begins with copies of the earlier reports, are the configuration's. A retry in the sense of Optuna
(``retry_history`` without ``hpo:continues``) is a configuration of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from sweeper_core.trial.attrs import CHECKPOINT, CONTINUES, FIRST_STEP, LOST, OOM, RAISED, RETRY_HISTORY, STOPPED
from sweeper_core.trial.data import TrialData
from sweeper_core.trial.record import TrialRecord
from sweeper_core.trial.state import TrialState

if TYPE_CHECKING:
    from sweeper_core.trial.frozen import FrozenTrial

T = TypeVar("T", "TrialRecord", "FrozenTrial")

NOT_COUNTED = (STOPPED, OOM, RAISED)
"""Attributes of lost trials that are continued whatever the limit of retries, and are not counted by it."""


class Attempts:
    """Maps trials to configurations. It grows by folding records, the earlier attempt first.

    Folding the same records again changes nothing.
    """

    def __init__(self) -> None:
        self._first: dict[int, int] = {}
        self._latest: dict[int, int] = {}

    def fold(self, records: Iterable[TrialRecord]) -> None:
        """Fold new and changed trials."""
        for record in records:
            if record.system_attrs:
                self.of(record)

    def of(self, record: TrialRecord | FrozenTrial) -> int:
        """Return the id of a trial's configuration, and store it."""
        number = record.number
        known = self._first.get(number)
        if known is not None:
            return known
        earlier = continued_by(record)
        if earlier is None:
            return number
        first = self._first[number] = self.id_of(earlier)
        self._latest[first] = max(number, self._latest.get(first, first))
        return first

    def id_of(self, number: int) -> int:
        """Return the id of the configuration of a trial that was folded."""
        return self._first.get(number, number)

    def latest(self, number: int) -> int:
        """Return the latest attempt of the configuration of a trial that was folded."""
        first = self.id_of(number)
        return self._latest.get(first, first)

    def __len__(self) -> int:
        """Return the number of trials that are not the first attempt of their configuration."""
        return len(self._first)


def continued_by(record: TrialRecord | FrozenTrial) -> int | None:
    """Return the number of the attempt that a trial continues; None for a first attempt."""
    earlier = record.system_attrs.get(CONTINUES)
    return earlier if isinstance(earlier, int) and 0 <= earlier < record.number else None


def first_step(record: TrialRecord) -> int:
    """Return the first new step of a trial; 0 for a first attempt."""
    return int(record.system_attrs.get(FIRST_STEP) or 0)


def made_progress(record: TrialRecord) -> bool:
    """Return whether a trial has reported a step that no earlier attempt had, or saved a checkpoint."""
    return (bool(record.reports) and record.reports[-1][0] >= first_step(record)) or bool(own_checkpoints(record))


def checkpoint_attr(repeat: int) -> str:
    """Return the name of the attribute that describes a repeat's newest checkpoint."""
    return f"{CHECKPOINT}:{repeat}" if repeat else CHECKPOINT


def checkpoint_data(attempt: int, repeat: int, step: int, warning: str | None) -> TrialData:
    """Return what is stored of a checkpoint that an attempt saved; see :func:`own_checkpoints`."""
    facts = {"step": step, "warning": warning, "attempt": attempt}
    return TrialData(system_attrs={checkpoint_attr(repeat): facts})


def saved_step(record: TrialRecord, repeat: int = 0) -> int | None:
    """Return the step of a repeat's newest checkpoint, saved by any attempt; None without one."""
    found = record.system_attrs.get(checkpoint_attr(repeat))
    return int(found["step"]) if isinstance(found, Mapping) else None


def awaited_step(record: TrialRecord, others: Callable[[], Iterable[TrialRecord]]) -> int | None:
    """Return the step that a trial would report next; None where that is unknown.

    A checkpoint of that step was saved by a job that was ended before it reported the step. One that was saved on a
    warning counts nevertheless: a job that is given too little time has to get further.

    Args:
        record: The trial.
        others: Returns the study's trials, whose reports tell where a trial without any begins.
    """
    steps = [step for step, _ in record.reports[-2:]]
    if steps:
        awaited: int | None = 2 * steps[-1] - steps[0] if len(steps) > 1 else steps[0] + 1
    else:
        awaited = min((other.reports[0][0] for other in others() if other.reports), default=None)
    found = record.system_attrs.get(CHECKPOINT)
    warned = isinstance(found, Mapping) and found.get("warning") and found.get("step") == awaited
    return None if warned else awaited


def own_checkpoints(record: TrialRecord) -> list[Mapping[str, Any]]:
    """Return the descriptions of the newest checkpoints that this attempt itself saved, one per repeat."""
    found = (value for name, value in record.system_attrs.items() if name.startswith(CHECKPOINT))
    return [one for one in found if isinstance(one, Mapping) and one.get("attempt") == record.number]


def was_warned(record: TrialRecord) -> bool:
    """Return whether a trial saved a checkpoint on a warning that its job would end, so that it can be continued."""
    return any(one.get("warning") for one in own_checkpoints(record))


def new_steps(records: Iterable[TrialRecord]) -> int:
    """Return how many steps trials have reported, without those that an attempt copied from earlier ones.

    Steps that a job skipped between two reports count, too.
    """
    total = 0
    for record in records:
        if record.reports:
            begun = record.reports[0][0] if CONTINUES not in record.system_attrs else first_step(record)
            total += max(record.reports[-1][0] + 1 - begun, 0)
    return total


def configurations(records: Iterable[TrialRecord]) -> list[TrialRecord]:
    """Return one record for each configuration: its latest attempt, with the configuration's id as its number.

    They are in the order of the first attempts.
    """
    return _latest(records, lambda record, first: replace(record, number=first))


def latest_attempts(trials: Iterable[FrozenTrial]) -> list[FrozenTrial]:
    """Return what :func:`configurations` returns, for frozen trials of this library or of Optuna."""

    def renumbered(trial: FrozenTrial, first: int) -> FrozenTrial:
        trial = copy(trial)
        trial.number = first
        return trial

    return _latest(trials, renumbered)


def _latest(trials: Iterable[T], renumbered: Callable[[T, int], T]) -> list[T]:
    attempts, found = Attempts(), {}
    for trial in sorted(trials, key=lambda trial: trial.number):
        first = attempts.of(trial)
        found[first] = trial if first == trial.number else renumbered(trial, first)
    return [found[first] for first in sorted(found)]


def is_lost(record: TrialRecord) -> bool:
    """Return whether a trial ended without a result because its job or process disappeared."""
    return record.state is TrialState.FAIL and LOST in record.system_attrs


def count_raised(attempts: Sequence[TrialRecord]) -> int:
    """Return how many earlier attempts of a configuration failed by themselves; the last one is not counted."""
    retries = attempts[0].system_attrs.get(RETRY_HISTORY) or () if attempts else ()
    return len(retries) + sum(RAISED in record.system_attrs for record in attempts[:-1])


def count_retries(attempts: Iterable[TrialRecord]) -> int:
    """Return how many attempts of a configuration made no progress; the last one counts as lost.

    Attempts that reported a new step, or whose job was ended on purpose, are not counted.
    """
    *earlier, last = attempts
    lost = [it for it in earlier if is_lost(it)] + [last]
    retries = (earlier or lost)[0].system_attrs.get(RETRY_HISTORY) or ()
    counting = (it for it in lost if it.system_attrs.keys().isdisjoint(NOT_COUNTED))
    return len(retries) + sum(not made_progress(it) for it in counting)
