"""The facts about a study that the command line and the report show, each of them worked out in one place.

Everything is derived from the records of a storage; nothing is written, so that a sweep may run beside it.
"""

from __future__ import annotations

import math
import re
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sweeper_core.directions import StudyDirection
from sweeper_core.masking import masked
from sweeper_core.report.texts import json_ready
from sweeper_core.storages.base import StudyRecord
from sweeper_core.study.abandoned import Presence
from sweeper_core.trial.attempts import configurations
from sweeper_core.trial.attrs import (
    BASELINE,
    CONTINUES,
    FAILURE,
    FIXED_PARAMS,
    JOB_DIRECTORY,
    LEASE,
    METRIC_NAMES,
    RETRY_OF,
    SUGGESTION,
    VERDICT,
)
from sweeper_core.trial.cluster import is_queued, seconds_of
from sweeper_core.trial.cost import Account, CostPlan, account
from sweeper_core.trial.lists import lists_of, shown_params
from sweeper_core.trial.record import TrialRecord
from sweeper_core.trial.state import TrialState

if TYPE_CHECKING:
    from sweeper_core.search_space.lists import ListParameter

RECENT = 30
"""Trials that ended last, from which the pace of a study is told."""

MAX_CURVE = 200
"""Reports of a running trial that its status has, evenly chosen; the last one is always there."""

_NUMBER = re.compile(r"\d+(?:\.\d*)?(?:[eE][-+]?\d+)?")
_TRIAL = re.compile(r"^BadResult: trial \d+ \(.*?\): ", re.DOTALL)


def now() -> datetime:
    """Return the time as storages keep it: naive UTC."""
    return datetime.now(timezone.utc).replace(tzinfo=None)


def moment(when: datetime | None) -> str | None:
    """Return a stored time as ISO 8601 in UTC."""
    return None if when is None else when.replace(microsecond=0).isoformat() + "Z"


def is_feasible(record: TrialRecord) -> bool:
    """Return whether a trial satisfies its constraints; what decides is imported only for a trial that has any."""
    constraints = record.constraints
    if not constraints:
        return True
    from sweeper_core.trial.feasible import satisfied

    return satisfied(constraints.values())


def origin_of(record: TrialRecord) -> str | None:
    """Return what suggested a trial: ``enqueued``, a retry, or the part of the sampler that did; None when unknown."""
    if RETRY_OF in record.system_attrs and CONTINUES not in record.system_attrs:
        return f"retry of trial {record.system_attrs[RETRY_OF]}"
    if BASELINE in record.system_attrs:
        return "baseline"
    suggestion = record.system_attrs.get(SUGGESTION)
    if isinstance(suggestion, Mapping) and suggestion.get("origin"):
        return str(suggestion["origin"])
    return "enqueued" if FIXED_PARAMS in record.system_attrs else None


def reason_of(record: TrialRecord) -> str | None:
    """Return why a trial was pruned or failed, passwords of URLs masked; None for all others."""
    if record.state is TrialState.FAIL:
        return masked(str(record.system_attrs.get(FAILURE, "no reason is stored")))
    if record.state is not TrialState.PRUNED:
        return None
    verdict = record.system_attrs.get(VERDICT)
    if not isinstance(verdict, Mapping):
        return "pruned itself"
    return f"stopped at step {verdict.get('step')}: {verdict.get('reason')}"


def trial_json(record: TrialRecord, at: datetime | None = None, lists: Sequence[ListParameter] = ()) -> dict[str, Any]:
    """Return what a trial is, as strict JSON.

    Args:
        at: The current time, for the ages of running trials.
        lists: Shown as one value each, instead of the parameters that make them up.
    """
    last = record.reports[-1] if record.reports else (None, None)
    found = {
        "number": record.number,
        "state": record.state.name,
        "values": None if record.values is None else list(record.values),
        "params": shown_params(record.params, lists),
        "constraints": record.constraints,
        "feasible": is_feasible(record),
        "started": moment(record.started),
        "completed": moment(record.completed),
        "seconds": seconds_of(record, at),
        "last_step": last[0],
        "last_report": last[1],
        "origin": origin_of(record),
        "reason": reason_of(record),
        "job_dir": record.system_attrs.get(JOB_DIRECTORY),
        "user_attrs": dict(record.user_attrs),
    }
    return {name: json_ready(value) for name, value in found.items()}


@dataclass(frozen=True)
class FailureGroup:
    """Failures that differ only in numbers.

    Attributes:
        reason: Of the first of them.
        numbers: Of the trials, in order.
    """

    reason: str
    numbers: list[int]


@dataclass
class StudyFacts:
    """A study with its trials at one moment.

    Attributes:
        records: The latest attempt of each configuration, with the number of the first one, in order of number.
        budget: Planned number of trials of the study; None when unknown.
        at: The moment, naive UTC.
        attempts: All trials.
    """

    study: StudyRecord
    records: Sequence[TrialRecord]
    budget: int | None = None
    at: datetime = field(default_factory=now)
    attempts: Sequence[TrialRecord] = ()

    @classmethod
    def of(cls, study: StudyRecord, records: Iterable[TrialRecord], budget: int | None = None) -> StudyFacts:
        """Return the facts of records in any order."""
        attempts = list(records)
        return cls(study, configurations(attempts), budget, attempts=attempts)

    @property
    def directions(self) -> tuple[StudyDirection, ...]:
        return self.study.directions

    @property
    def single(self) -> bool:
        """Whether there is one objective."""
        return len(self.directions) == 1

    @cached_property
    def metrics(self) -> list[str]:
        """Names of the objectives."""
        names = self.study.system_attrs.get(METRIC_NAMES)
        if isinstance(names, (list, tuple)) and len(names) == len(self.directions):
            return [str(name) for name in names]
        return ["value"] if self.single else [f"value {index}" for index in range(len(self.directions))]

    @cached_property
    def parameters(self) -> list[str]:
        """Names of all parameters, in the order in which trials have brought them."""
        layouts = dict.fromkeys(record.layout for record in self.records)
        return list(dict.fromkeys(name for layout in layouts for name in layout.names))

    def having(self, *states: TrialState) -> list[TrialRecord]:
        """Return the trials in some states."""
        return [record for record in self.records if record.state in states]

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many trials are in each state, states without any left out."""
        found = Counter(record.state for record in self.records)
        return {state.name: found[state] for state in TrialState if found[state]}

    @cached_property
    def finished(self) -> list[TrialRecord]:
        """The trials that have ended."""
        return [record for record in self.records if record.state.is_finished()]

    @cached_property
    def best(self) -> list[TrialRecord]:
        """The best feasible complete trial, the earliest of equals; with several objectives the Pareto front."""
        complete = [r for r in self.having(TrialState.COMPLETE) if r.values and is_feasible(r)]
        if not complete:
            return []
        if self.single:
            sign = self.directions[0].sign
            return [min(complete, key=lambda r: (r.values[0] * sign, r.number))]  # type: ignore[index]
        return self._front(complete)

    def _front(self, complete: Sequence[TrialRecord]) -> list[TrialRecord]:
        import numpy as np

        from sweeper_core.maths.pareto import pareto_front

        signs = np.array([direction.sign for direction in self.directions])
        chosen = np.flatnonzero(pareto_front(np.array([record.values for record in complete]) * signs))
        return [complete[int(row)] for row in chosen]

    @cached_property
    def baseline(self) -> tuple[TrialRecord, str] | None:
        """The complete trial to compare with, and what it is: the configuration's own values, or the first trial."""
        complete = self.having(TrialState.COMPLETE)
        marked = next((record for record in complete if BASELINE in record.system_attrs), None)
        if marked is not None:
            return marked, "your configuration"
        return (complete[0], "the first trial") if complete else None

    @cached_property
    def gain(self) -> float | None:
        """By which share of its size the baseline's value has been improved; None when that cannot be said."""
        if not self.single or not self.best or self.baseline is None:
            return None
        first, best = self.baseline[0].values, self.best[0].values
        if not first or not best or not math.isfinite(first[0] * best[0]) or first[0] * best[0] <= 0:
            return None  # a share of a number near zero, or across it, says nothing
        return (first[0] - best[0]) * self.directions[0].sign / abs(first[0])

    @cached_property
    def stopped(self) -> str | None:
        """Why the study stopped by itself; None when it did not, or has gone on since."""
        from sweeper_core.study._session.stopping import end_of  # only the report needs it

        end = end_of(self.study, len(self.records))
        return None if end is None else end[0]

    @cached_property
    def failures(self) -> list[FailureGroup]:
        """Failures grouped by their reason, the most frequent first."""
        groups: dict[str, FailureGroup] = {}
        for record in self.having(TrialState.FAIL):
            reason = reason_of(record) or ""
            gist = _NUMBER.sub("#", _TRIAL.sub("", reason))
            groups.setdefault(gist, FailureGroup(reason, [])).numbers.append(record.number)
        return sorted(groups.values(), key=lambda group: -len(group.numbers))

    @cached_property
    def account(self) -> Account | None:
        """What the study has spent, where costs are heeded."""
        plan = CostPlan.stored(self.study.system_attrs)
        return None if plan is None else account(plan, self.attempts or self.records, self.at)

    # --- time -----------------------------------------------------------------------------------------------------

    @cached_property
    def spent(self) -> float:
        """Seconds that jobs have run, all lanes added up."""
        return sum(self.seconds_of(record) or 0.0 for record in self.attempts or self.records)

    def seconds_of(self, record: TrialRecord) -> float | None:
        """Return how long a trial has run, an abandoned one until its study's last sign of life; None when unknown."""
        presence = self._presence
        runs = record.state is TrialState.RUNNING
        return seconds_of(record, presence.end_of(record.system_attrs) if runs else presence.until)

    @cached_property
    def _presence(self) -> Presence:
        """Until when trials run that have not ended: this moment, or the last one that an abandoned study knows."""
        return Presence.of(((r.started, r.completed) for r in self.attempts or self.records), self.at)

    @cached_property
    def saved(self) -> float:
        """Seconds that pruning has saved: for each pruned trial, how much sooner it ended than the median one does."""
        whole = [span for r in self.having(TrialState.COMPLETE) if (span := seconds_of(r)) is not None]
        cut = [span for r in self.having(TrialState.PRUNED) if (span := seconds_of(r)) is not None]
        if not whole or not cut:
            return 0.0
        typical = statistics.median(whole)
        return sum(max(typical - span, 0.0) for span in cut)

    @cached_property
    def wall(self) -> float | None:
        """Seconds from the first start to the last end, or to now while trials run."""
        starts = [record.started for record in self.records if record.started is not None]
        ends = [record.completed for record in self.records if record.completed is not None]
        if not starts:
            return None
        end = self._presence.until if self.running or not ends else max(ends)
        return max((end - min(starts)).total_seconds(), 0.0)

    @cached_property
    def running(self) -> list[TrialRecord]:
        """The trials that run, the oldest first."""
        return self.having(TrialState.RUNNING)

    @cached_property
    def expected_end(self) -> datetime | None:
        """When the budget will be used up at the pace of the trials that ended last; None when that is unknown."""
        planned = None if self.budget is None else self.budget - len(self.finished)
        paid = None if self.account is None else self.account.trials_left
        left = min((limit for limit in (planned, paid) if limit is not None), default=None)
        if left is None or left <= 0 or not self.running:
            return None
        ended = sorted((r for r in self.finished if r.completed and r.started), key=lambda r: r.completed or self.at)
        recent = ended[-RECENT:]
        starts = [record.started for record in recent if record.started is not None]
        if not recent:
            return None
        span = (self.at - min(starts)).total_seconds()
        return self.at + timedelta(seconds=min(span / len(recent) * left, 1e9))

    # --- lists ----------------------------------------------------------------------------------------------------

    @cached_property
    def lists(self) -> tuple[ListParameter, ...]:
        """The lists that parameters make up."""
        return lists_of(self.study.system_attrs)

    def shown(self, record: TrialRecord) -> dict[str, Any]:
        """Return a trial's parameters, each list as one value."""
        return shown_params(record.params, self.lists)

    def shown_names(self, names: Sequence[str]) -> Sequence[str]:
        """Return the names of parameters, each list's as one."""
        if not self.lists:
            return names
        from sweeper_core.search_space.lists import shown_names

        return shown_names(names, self.lists)

    def trial_json(self, record: TrialRecord) -> dict[str, Any]:
        """Return :func:`trial_json` of a trial of the study."""
        return trial_json(record, self.at, self.lists)

    # --- as JSON --------------------------------------------------------------------------------------------------

    def status_json(self) -> dict[str, Any]:
        """Return how the study stands, as strict JSON."""
        expected = self.expected_end
        baseline = self.baseline
        return {
            "study": self.study.name,
            "directions": [direction.name.lower() for direction in self.directions],
            "metrics": self.metrics,
            "at": moment(self.at),
            "trials": len(self.records),
            "finished": len(self.finished),
            "budget": self.budget,
            "counts": {state.name: self.counts.get(state.name, 0) for state in TrialState},
            "best": [self.trial_json(record) for record in self.best],
            "baseline": None if baseline is None else {"what": baseline[1], **self.trial_json(baseline[0])},
            "gain": json_ready(self.gain),
            "running": [self._running_json(record) for record in self.running],
            "failures": [
                {"reason": group.reason, "count": len(group.numbers), "trials": group.numbers}
                for group in self.failures
            ],
            "seconds_spent": self.spent,
            "seconds_saved": self.saved,
            "expected_end": moment(expected),
            "cost": None if self.account is None else json_ready(self.account.to_json()),
        }

    def _running_json(self, record: TrialRecord) -> dict[str, Any]:
        lease = record.system_attrs.get(LEASE)
        owner = lease if isinstance(lease, Mapping) else {}
        every = max(len(record.reports) // MAX_CURVE, 1)
        curve = [[step, json_ready(value)] for step, value in record.reports[::-every][::-1]]
        shown = {**self.trial_json(record), "queued": is_queued(record)}
        return {**shown, "host": owner.get("host"), "pid": owner.get("pid"), "curve": curve}


def best_so_far(facts: StudyFacts) -> list[tuple[int, float]]:
    """Return for each complete trial its number and the best feasible value up to it (one objective)."""
    sign = facts.directions[0].sign
    found: list[tuple[int, float]] = []
    best: float | None = None
    for record in facts.having(TrialState.COMPLETE):
        if record.values and is_feasible(record) and (best is None or record.values[0] * sign < best * sign):
            best = record.values[0]
        if best is not None:
            found.append((record.number, best))
    return found
