"""How a trial ends, from how its jobs ended."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hydra_plugins.hydra_hpo_sweeper._config._settings import Constraint, Settings
from hydra_plugins.hydra_hpo_sweeper._lanes._base import Failure, JobResult
from hydra_plugins.hydra_hpo_sweeper._lanes._outcome import values_of
from sweeper_core.storages import attrs_of_loss, get_storage
from sweeper_core.trial.attrs import CONSTRAINT_PREFIX, FAILURE, JOB_DIRECTORY, REPEATS, TRACEBACK, VERDICT
from sweeper_core.trial.data import TrialData
from sweeper_core.trial.record import TrialRecord
from sweeper_core.trial.state import TrialState

LONGEST_TEXT, LONGEST_TRACE = 5_000, 20_000
"""Characters of a failure's text (its beginning) and of its traceback (its end) that are kept in the study; the job's
directory has all of it."""

LARGEST_ATTRIBUTE = 60_000
"""Bytes of JSON that every database takes as one attribute."""

AGGREGATES: Mapping[str, Callable[[Sequence[float]], float]] = {
    "mean": statistics.fmean,
    "median": statistics.median,
    "max": max,
    "min": min,
}


@dataclass(frozen=True)
class TrialResult:
    """What the study is told of a trial.

    Attributes:
        failure: Present when the trial failed.
        lost: The job gave no answer; the same parameters may be tried again.
    """

    state: TrialState
    values: tuple[float, ...] | None = None
    attrs: dict[str, Any] = field(default_factory=dict)
    failure: Failure | None = None
    lost: bool = False


@dataclass(frozen=True)
class Judge:
    """Decides what a trial's jobs amount to.

    Attributes:
        aggregate: How repeats are put together.
    """

    n_objectives: int
    metric: tuple[str, ...] | None = None
    constraints: tuple[Constraint, ...] = ()
    aggregate: str = "mean"

    @classmethod
    def of(cls, settings: Settings) -> Judge:
        """Return the judge that the settings describe."""
        aggregate = settings.repeat.aggregate if settings.repeat else "mean"
        return cls(len(settings.directions), settings.metric, settings.constraints, aggregate)

    def ending(self, done: Sequence[JobResult]) -> TrialResult:
        """Return what to tell the study of a trial whose jobs have ended so."""
        endings = [self._one(job) for job in done]
        worst = next((ending for ending in endings if ending.state is not TrialState.COMPLETE), None)
        if worst is not None or len(endings) == 1:
            return worst or endings[0]
        return self._together(endings)

    def _one(self, done: JobResult) -> TrialResult:
        about = {} if done.directory is None else {JOB_DIRECTORY: done.directory}
        if done.end == "pruned":
            return TrialResult(TrialState.PRUNED, attrs=about)
        if done.end == "returned":
            try:
                values = values_of(done.returned, self.n_objectives, self.metric)
                return TrialResult(TrialState.COMPLETE, values, {**about, **self._violations(done.returned)})
            except ValueError as error:
                text = f"trial {done.job.number} ({' '.join(done.job.overrides)}): {error}"
                return _failed(Failure("BadResult", text), about)
        failure = done.failure or Failure("Failed", "nothing is known of the reason")
        if done.end in ("lost", "stopped"):
            attrs = {**attrs_of_loss(_kept(str(failure), slice(LONGEST_TEXT))), **about}
            return TrialResult(TrialState.FAIL, attrs=attrs, failure=failure, lost=True)
        return _failed(failure, about)

    def _violations(self, returned: Any) -> dict[str, float]:
        found = {}
        for constraint in self.constraints:
            try:
                value = float(returned[constraint.entry])
            except (TypeError, KeyError, ValueError, IndexError):
                raise ValueError(
                    f"hydra.sweeper.constraints limits {constraint.entry!r}, but the job returned {returned!r}"
                ) from None
            found[CONSTRAINT_PREFIX + constraint.entry] = constraint.violation(value)
        return found

    def _together(self, endings: Sequence[TrialResult]) -> TrialResult:
        rows = [ending.values or () for ending in endings]
        values = tuple(AGGREGATES[self.aggregate](column) for column in zip(*rows, strict=True))
        attrs = dict(endings[0].attrs)
        for name in attrs:
            if name.startswith(CONSTRAINT_PREFIX):
                attrs[name] = statistics.fmean(ending.attrs[name] for ending in endings)
        attrs[REPEATS] = {"count": len(rows), "spread": statistics.stdev(row[0] for row in rows)}
        return replace(endings[0], values=values, attrs=attrs)


def _failed(failure: Failure, about: Mapping[str, Any]) -> TrialResult:
    text, trace = _kept(str(failure), slice(LONGEST_TEXT)), _kept(failure.trace, slice(-LONGEST_TRACE, None))
    attrs = {FAILURE: text, TRACEBACK: trace, **about}
    return TrialResult(TrialState.FAIL, attrs={name: text for name, text in attrs.items() if text}, failure=failure)


def _kept(text: str, part: slice) -> str:
    """Return a part of a text, or half of that part and so on, that fits into an attribute."""
    while len(json.dumps(text[part])) > LARGEST_ATTRIBUTE:
        part = slice(part.start and part.start // 2, part.stop and part.stop // 2)
    return text[part]


def given_up(ending: TrialResult) -> TrialResult:
    """Return the ending of a trial that was lost once too often: a failure like others."""
    assert ending.failure is not None
    about = {name: value for name, value in ending.attrs.items() if name == JOB_DIRECTORY}
    return _failed(ending.failure, about)


def pruned(ending: TrialResult, record: TrialRecord, n_objectives: int) -> TrialResult:
    """Return the ending of a pruned trial with its last report as value."""
    if n_objectives > 1 or not record.reports or math.isnan(record.reports[-1][1]):
        return ending
    return replace(ending, values=(record.reports[-1][1],))


def why_pruned(record: TrialRecord) -> str:
    """Return what was decided of a pruned trial, as the end of a sentence."""
    verdict = record.system_attrs.get(VERDICT)
    if verdict is None:
        return "pruned itself"
    return f"stopped at step {verdict['step']}: {verdict['reason']}"


@dataclass(frozen=True)
class Recorder:
    """Tells a study of a trial in place of a sweeper that has died."""

    storage: str
    study_id: int
    judge: Judge

    def __call__(self, done: JobResult) -> bool:
        """Write the ending; return whether the trial was still open."""
        ending = self.judge.ending([done])
        if ending.lost:
            return False  # the next run finds it, and tries its parameters again
        storage = get_storage(self.storage, known=True)
        try:
            if ending.state is TrialState.PRUNED:
                records, _ = storage.changes(self.study_id)
                record = next(record for record in records if record.number == done.job.number)
                ending = pruned(ending, record, self.judge.n_objectives)
            return storage.finish(
                self.study_id, done.job.number, ending.state, ending.values, TrialData(system_attrs=ending.attrs)
            )
        finally:
            storage.close()
