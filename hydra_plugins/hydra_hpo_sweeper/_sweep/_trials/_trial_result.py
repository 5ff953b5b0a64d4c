"""The result of a trial, from the results of its jobs."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hydra_plugins.hydra_hpo_sweeper._config._constraints import Constraint, Inequality
from hydra_plugins.hydra_hpo_sweeper._config._settings import Settings
from hydra_plugins.hydra_hpo_sweeper._lanes._base import OVER, Failure, JobResult
from hydra_plugins.hydra_hpo_sweeper._lanes._outcome import values_of
from hydra_plugins.hydra_hpo_sweeper._space._entries import Fixed
from hydra_plugins.hydra_hpo_sweeper._space._plan import Plan
from sweeper_core.masking import masked
from sweeper_core.memory import REASON
from sweeper_core.storages import attrs_of_loss, get_storage
from sweeper_core.storages.base import Storage
from sweeper_core.trial.attempts import own_checkpoints, was_warned
from sweeper_core.trial.attrs import CONSTRAINT_PREFIX, FAILURE, JOB_DIRECTORY, OOM, REPEATS, TRACEBACK, VERDICT
from sweeper_core.trial.data import TrialData
from sweeper_core.trial.record import TrialRecord
from sweeper_core.trial.state import TrialState

MAX_TEXT, MAX_TRACE = 5_000, 20_000
"""Characters of a failure's text (its beginning) and of its traceback (its end) that are kept in the study; the job's
directory has all of it."""

MAX_ATTRIBUTE = 60_000
"""Bytes of JSON that every database takes as one attribute."""

MAX_KEPT = 1_000
"""Characters of a fixed override or of a further metric that are kept with a trial."""

AGGREGATES: Mapping[str, Callable[[Sequence[float]], float]] = {
    "mean": statistics.fmean,
    "median": statistics.median,
    "max": max,
    "min": min,
}


@dataclass(frozen=True)
class TrialResult:
    """The stored result of a finished trial.

    Attributes:
        failure: Present when the trial failed.
        lost: The job gave no answer; the same parameters may be tried again.
        user_attrs: What is kept beside: fixed overrides, and what the job returned beside the objectives.
        unusable: The job returned something that no other job of the same configuration will do better.
    """

    state: TrialState
    values: tuple[float, ...] | None = None
    attrs: dict[str, Any] = field(default_factory=dict)
    failure: Failure | None = None
    lost: bool = False
    user_attrs: Mapping[str, Any] = field(default_factory=dict)
    unusable: bool = False


@dataclass(frozen=True)
class Judge:
    """Decides what a trial's jobs amount to.

    Attributes:
        aggregate: How repeats are put together.
        fixed: Fixed overrides by key, which are kept with each trial.
    """

    n_objectives: int
    metric: tuple[str, ...] | None = None
    constraints: tuple[Constraint | Inequality, ...] = ()
    aggregate: str = "mean"
    fixed: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: Settings, plan: Plan) -> Judge:
        """Return the judge that the settings describe, with the fixed overrides of the search space."""
        aggregate = settings.repeat.aggregate if settings.repeat else "mean"
        return cls(len(settings.directions), settings.metric, settings.constraints, aggregate, fixed_values(plan))

    def result(self, results: Sequence[JobResult]) -> TrialResult:
        """Return the result of a trial whose jobs have ended so."""
        each = [self._one(job) for job in results]
        worst = next((result for result in each if result.state is not TrialState.COMPLETE), None)
        if worst is not None or len(each) == 1:
            return worst or each[0]
        return self._together(each)

    def _one(self, done: JobResult) -> TrialResult:
        result = self._ended(done)
        kept = {**self.fixed, **further_metrics(done.returned, self.metric)}
        return replace(result, user_attrs={name: value for name, value in kept.items() if _fits(value)})

    def _ended(self, done: JobResult) -> TrialResult:
        about = {} if done.directory is None else {JOB_DIRECTORY: done.directory}
        if done.end == "pruned":
            return TrialResult(TrialState.PRUNED, attrs=about)
        if done.end == "returned":
            return self._measured(done, about)
        failure = done.failure or Failure("Failed", "nothing is known of the reason")
        if done.end in ("lost", "stopped"):
            attrs = {**attrs_of_loss(_kept(str(failure), slice(MAX_TEXT))), **about}
            return TrialResult(TrialState.FAIL, attrs=attrs, failure=failure, lost=True)
        return _failed(failure, about)

    def _measured(self, done: JobResult, about: Mapping[str, Any]) -> TrialResult:
        try:
            values = values_of(done.returned, self.n_objectives, self.metric)
            return TrialResult(TrialState.COMPLETE, values, {**about, **self._violations(done.returned)})
        except ValueError as error:
            text = f"trial {done.job.number} ({' '.join(done.job.overrides)}): {error}"
            failed = _failed(Failure("BadResult", text), about)
            return replace(failed, unusable=not has_nan(done.returned))

    def _violations(self, returned: Any) -> dict[str, float]:
        found = {}
        for constraint in self.constraints:
            found[CONSTRAINT_PREFIX + constraint.entry] = constraint.of(returned)
        return found

    def _together(self, each: Sequence[TrialResult]) -> TrialResult:
        rows = [result.values or () for result in each]
        values = tuple(AGGREGATES[self.aggregate](column) for column in zip(*rows, strict=True))
        attrs = dict(each[0].attrs)
        for name in attrs:
            if name.startswith(CONSTRAINT_PREFIX):
                attrs[name] = statistics.fmean(result.attrs[name] for result in each)
        attrs[REPEATS] = {"count": len(rows), "spread": statistics.stdev(row[0] for row in rows)}
        return replace(each[0], values=values, attrs=attrs, user_attrs=_averaged([one.user_attrs for one in each]))


def fixed_values(plan: Plan) -> dict[str, Any]:
    """Return the overrides that are the same for all jobs, by key; passwords in them are masked."""
    values = {
        item.at.key: item.entry.value
        for item in plan.items
        if isinstance(item.entry, Fixed) and not item.when and not item.at.key.startswith("~")
    }
    return {key: masked(value) if isinstance(value, str) else value for key, value in values.items()}


def further_metrics(returned: Any, metric: Sequence[str] | None) -> dict[str, Any]:
    """Return the plain entries of a returned mapping beside the objectives."""
    if not isinstance(returned, Mapping):
        return {}
    objectives = metric or (tuple(returned) if len(returned) == 1 else ())
    return {
        name: value
        for name, value in returned.items()
        if name not in objectives and isinstance(value, (bool, int, float, str))
    }


def has_nan(returned: Any) -> bool:
    """Return whether a returned object contains NaN: the next job may do better."""
    if isinstance(returned, Mapping):
        return any(has_nan(value) for value in returned.values())
    if isinstance(returned, (list, tuple)):
        return any(has_nan(value) for value in returned)
    return isinstance(returned, float) and math.isnan(returned)


def _fits(value: Any) -> bool:
    """Return whether a value is kept as an attribute: JSON that is not long, and no infinite number."""
    try:
        return len(json.dumps(value, allow_nan=False)) <= MAX_KEPT
    except (TypeError, ValueError):
        return False


def _averaged(each: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return attributes of repeats as one: numbers that differ become their mean."""
    first = dict(each[0])
    for name, value in first.items():
        values = [attrs.get(name) for attrs in each]
        numbers = [item for item in values if isinstance(item, (int, float)) and not isinstance(item, bool)]
        if len(numbers) == len(values) and any(item != value for item in numbers):
            first[name] = statistics.fmean(numbers)
    return first


def _failed(failure: Failure, about: Mapping[str, Any]) -> TrialResult:
    text, trace = _kept(str(failure), slice(MAX_TEXT)), _kept(failure.trace, slice(-MAX_TRACE, None))
    attrs = {FAILURE: text, TRACEBACK: trace, OOM: failure.reason == REASON, **about}
    return TrialResult(TrialState.FAIL, attrs={name: text for name, text in attrs.items() if text}, failure=failure)


def failed_result(failure: Failure, result: TrialResult) -> TrialResult:
    """Return the result of a trial as a failure, in the place of another result."""
    return replace(_failed(failure, _about(result)), user_attrs=result.user_attrs)


def _about(result: TrialResult) -> dict[str, Any]:
    """Return what stays of a result's attributes, whatever else becomes of it."""
    return {name: value for name, value in result.attrs.items() if name == JOB_DIRECTORY}


def _kept(text: str, part: slice) -> str:
    """Return a part of a text, or half of that part and so on, that fits into an attribute."""
    while len(json.dumps(text[part])) > MAX_ATTRIBUTE:
        part = slice(part.start and part.start // 2, part.stop and part.stop // 2)
    return text[part]


def given_up(result: TrialResult) -> TrialResult:
    """Return the result of a trial that was lost once too often: a failure like others."""
    assert result.failure is not None
    return failed_result(result.failure, result)


def ended_from_outside(result: TrialResult, record: TrialRecord) -> TrialResult:
    """Return the result of a trial; one that was ended from outside, but can go on where it was, is lost.

    It has saved because it was warned, or it was over its launcher's limit of time and has saved before. Without a
    checkpoint another attempt would be over the limit, too.
    """
    if result.failure is None or result.failure.reason or result.lost:
        return result
    over_time = replace(result.failure, trace="") == OVER and bool(own_checkpoints(record))
    if not over_time and not was_warned(record):
        return result
    reason = _kept(str(result.failure), slice(MAX_TEXT))
    return replace(result, attrs={**attrs_of_loss(reason), **_about(result)}, lost=True)


def pruned(result: TrialResult, record: TrialRecord, n_objectives: int) -> TrialResult:
    """Return the result of a pruned trial with its last report as value."""
    if n_objectives > 1 or not record.reports or math.isnan(record.reports[-1][1]):
        return result
    return replace(result, values=(record.reports[-1][1],))


def why_pruned(record: TrialRecord) -> str:
    """Return what was decided of a pruned trial, as the end of a sentence."""
    verdict = record.system_attrs.get(VERDICT)
    if verdict is None:
        return "pruned itself"
    return f"stopped at step {verdict['step']}: {verdict['reason']}"


@dataclass(frozen=True)
class Recorder:
    """Stores the result of a trial in place of a sweeper that has died.

    Attributes:
        charge: Adds the trial's cost to its result; None where costs are not heeded.
    """

    storage: str | Storage
    study_id: int
    judge: Judge
    charge: Callable[[TrialResult, JobResult, TrialRecord], TrialResult] | None = None

    def __call__(self, done: JobResult) -> bool:
        """Store the result; return whether the trial was still open."""
        result = self.judge.result([done])
        storage = get_storage(self.storage, known=True)
        try:
            if result.state is not TrialState.COMPLETE or self.charge is not None:
                records, _ = storage.changes(self.study_id)
                record = next(record for record in records if record.number == done.job.trial)
                if self.charge is not None:
                    result = self.charge(result, done, record)
                result = ended_from_outside(result, record)
                if result.state is TrialState.PRUNED:
                    result = pruned(result, record, self.judge.n_objectives)
            if result.lost or (done.job.rung is not None and result.state is TrialState.COMPLETE):
                return False  # the next run finds it, and tries its parameters again
            data = TrialData(user_attrs=result.user_attrs, system_attrs=result.attrs)
            return storage.finish(self.study_id, done.job.trial, result.state, result.values, data)
        finally:
            storage.close()
