"""What trials cost: the cost of each attempt, and the account of a study.

A cost is a number from 0 on in a unit of the user's: seconds of the jobs (``duration``), or an entry that jobs return
or report (tokens, GPU-seconds). It is stored with each attempt (``hpo:cost``); that of a configuration is the sum over
its attempts, and that of a study the sum over all attempts, however they ended. An attempt of which nothing is known
(its machine died) costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sweeper_core.trial.amounts import problem_with_cost
from sweeper_core.trial.attempts import Attempts, first_step
from sweeper_core.trial.attrs import CONTINUES, COST, LOST, SPENT_PREFIX, SUGGESTION
from sweeper_core.trial.cluster import seconds_of
from sweeper_core.trial.metrics import metric_curves
from sweeper_core.trial.record import TrialRecord
from sweeper_core.trial.state import TrialState

DURATION = "duration"
"""The cost is how long jobs run, in seconds."""

EXPECTED = "cost"
"""In the attribute of a trial's suggestion: its expected cost by the sampler's model."""


@dataclass(frozen=True)
class CostPlan:
    """What counts as cost in a study, and how much may be spent.

    Attributes:
        of: ``duration``, or the name of an entry that jobs return or report.
        limit: Of the whole study; None for no limit.
    """

    of: str
    limit: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return what is stored with the study."""
        return {"of": self.of, "limit": self.limit}

    @classmethod
    def stored(cls, attrs: Mapping[str, Any]) -> CostPlan | None:
        """Return the plan in a study's system attributes; None without one."""
        found = attrs.get(COST)
        if not isinstance(found, Mapping) or not isinstance(found.get("of"), str):
            return None
        limit = found.get("limit")
        return cls(found["of"], float(limit) if isinstance(limit, (int, float)) else None)


def reported_cost(record: TrialRecord, entry: str) -> float | None:
    """Return the latest value of an entry that this attempt itself reported or stored; None without one.

    A report is the total of the attempt so far.
    """
    begun = first_step(record)
    own = [value for step, value in metric_curves(record).get(entry, ()) if step >= begun]
    found = own[-1] if own else None if CONTINUES in record.system_attrs else record.user_attrs.get(entry)
    return float(found) if found is not None and problem_with_cost(found) is None else None


def cost_of(record: TrialRecord, of: str, at: datetime | None = None) -> float | None:
    """Return the cost of one attempt; None when it is unknown.

    Args:
        of: See :class:`CostPlan`.
        at: The current time (naive UTC), for attempts that run.
    """
    stored = record.system_attrs.get(COST)
    if problem_with_cost(stored) is None:
        return float(stored)  # type: ignore[arg-type]
    said = [float(value) for name, value in record.system_attrs.items() if name.startswith(SPENT_PREFIX)]
    if said:
        return sum(said)
    if of != DURATION:
        return reported_cost(record, of)
    return None if LOST in record.system_attrs else seconds_of(record, at)


@dataclass(frozen=True)
class Account:
    """What a study has spent at one moment.

    Attributes:
        plan: What counts as cost.
        spent: By all attempts that have ended, and those that run so far.
        trials: Configurations that have ended with a known cost.
        per_trial: Their mean cost; None without any.
        cheap: A low quantile of their costs; None without any.
        committed: Expected further cost of the attempts that run.
        unknown: Attempts that have ended with an unknown cost.
    """

    plan: CostPlan
    spent: float = 0.0
    trials: int = 0
    per_trial: float | None = None
    cheap: float | None = None
    committed: float = 0.0
    unknown: int = 0

    @property
    def left(self) -> float | None:
        """What a further trial may cost; None without a limit."""
        limit = self.plan.limit
        return None if limit is None else limit - self.spent - self.committed

    @property
    def share_left(self) -> float | None:
        """The share of the limit that is not spent; None without a limit."""
        limit = self.plan.limit
        return None if limit is None else max(0.0, 1.0 - self.spent / limit)

    def fits(self, chooses: bool = False) -> bool:
        """Return whether a further trial may start: its expected cost does not exceed what is left.

        Args:
            chooses: The sampler heeds what is left, so that a cheap trial can be had.
        """
        left = self.left
        if left is None:
            return True
        expected = self.cheap if chooses else self.per_trial
        return left > 0 and (expected is None or expected <= left * (1 + 1e-9))

    @property
    def trials_left(self) -> int | None:
        """How many further trials of the mean cost fit; None when that is unknown."""
        left = self.left
        return None if left is None or not self.per_trial else max(0, int(left / self.per_trial * (1 + 1e-9)))

    @property
    def trials_in_all(self) -> int | None:
        """How many trials of the mean cost the limit pays; None when that is unknown."""
        return int(self.plan.limit / self.per_trial) if self.plan.limit and self.per_trial else None

    def in_words(self) -> str:
        """Return what is spent, the limit and the mean cost, as part of a line."""
        each = "" if self.per_trial is None else f" ({shown(self.plan, self.per_trial)} per trial)"
        return f"{self.spent_text} spent{each}"

    @property
    def spent_text(self) -> str:
        """What is spent, and the limit, with their unit."""
        if self.plan.limit is None:
            return shown(self.plan, self.spent)
        return f"{self.spent:.{_DIGITS[self.plan.of == DURATION]}g} of {shown(self.plan, self.plan.limit)}"

    def to_json(self) -> dict[str, Any]:
        """Return the account for results and status."""
        return {"of": self.plan.of, "spent": self.spent, "per_trial": self.per_trial, "max_cost": self.plan.limit}


_DIGITS = {True: 4, False: 6}
"""Significant digits of seconds, and of other costs."""

CHEAP = 0.1
"""The quantile of the costs that a sampler which heeds costs can be expected to get."""


def account(plan: CostPlan, records: Iterable[TrialRecord], at: datetime | None = None) -> Account:
    """Return the account of a study's trials (all attempts).

    Args:
        at: The current time (naive UTC), for attempts that run.
    """
    attempts, costs, running = Attempts(), dict[int, float](), dict[int, TrialRecord]()
    spent, unknown, open_ = 0.0, 0, set[int]()
    for record in sorted(records, key=lambda record: record.number):
        if record.state is TrialState.WAITING:
            continue
        first = attempts.of(record)
        own = cost_of(record, plan.of, at)
        spent += own or 0.0
        if record.state is TrialState.RUNNING:
            open_.add(first)
            running[record.number] = record
        elif own is None:
            unknown += 1
        if own is not None:
            costs[first] = costs.get(first, 0.0) + own
    ended = sorted(cost for first, cost in costs.items() if first not in open_)
    mean = sum(ended) / len(ended) if ended else None
    cheap = ended[int(CHEAP * len(ended))] if ended else None
    committed = sum(
        (max(_expected(record, mean) - costs.get(attempts.of(record), 0.0), 0.0) for record in running.values()), 0.0
    )
    return Account(plan, spent, len(ended), mean, cheap, committed, unknown)


def costs_of_configurations(of: str, records: Iterable[TrialRecord]) -> dict[int, float]:
    """Return what configurations have cost with all their ended attempts, by number, where that is known."""
    attempts, costs = Attempts(), dict[int, float]()
    for record in sorted(records, key=lambda record: record.number):
        first = attempts.of(record)
        own = cost_of(record, of) if record.state.is_finished() else None
        if own is not None:
            costs[first] = costs.get(first, 0.0) + own
    return costs


def _expected(record: TrialRecord, mean: float | None) -> float:
    """Return the expected cost of a running trial's configuration: by the sampler's model, else the mean."""
    suggestion = record.system_attrs.get(SUGGESTION)
    predicted = suggestion.get(EXPECTED) if isinstance(suggestion, Mapping) else None
    return float(predicted) if problem_with_cost(predicted) is None else mean or 0.0  # type: ignore[arg-type]


def shown(plan: CostPlan, cost: float) -> str:
    """Return a cost with its unit."""
    timed = plan.of == DURATION
    return f"{cost:.{_DIGITS[timed]}g} {'s' if timed else plan.of}"
