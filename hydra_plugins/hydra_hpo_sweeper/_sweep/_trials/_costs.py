"""What the trials of a sweep cost: how long their jobs ran, or the entry that they return or report."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hydra_plugins.hydra_hpo_sweeper._errors import closest
from hydra_plugins.hydra_hpo_sweeper._lanes._base import Failure, JobResult, Lanes
from hydra_plugins.hydra_hpo_sweeper._sweep._trials._trial_result import TrialResult, failed_result, has_nan
from sweeper_core.report.facts import now
from sweeper_core.study._session.session import Session
from sweeper_core.trial.amounts import problem_with_cost
from sweeper_core.trial.attrs import COST
from sweeper_core.trial.cost import DURATION, CostPlan, account, cost_of, costs_of_configurations, shown
from sweeper_core.trial.record import TrialRecord
from sweeper_core.trial.state import TrialState


class Meter:
    """How long jobs have run, and what they returned; a job that waits in a cluster's queue does not run."""

    def __init__(self) -> None:
        self._begun: dict[tuple[int, int], float] = {}
        self._seconds: dict[int, float] = {}
        self._ended: dict[int, list[JobResult]] = {}

    def look(self, lanes: Lanes) -> None:
        """Take in which jobs run."""
        unseen = [job for job in lanes.busy if job.key not in self._begun]
        if unseen:  # with hundreds of lanes, to ask which are queued takes longest
            queued = {job.key for job in lanes.queued}
            self._begun.update({job.key: time.monotonic() for job in unseen if job.key not in queued})

    def ended(self, done: JobResult) -> None:
        """Take in that a job has ended."""
        job = done.job
        self._ended.setdefault(job.trial, []).append(done)
        begun = self._begun.pop(job.key, None)
        if begun is not None:
            self._seconds[job.trial] = self._seconds.get(job.trial, 0.0) + time.monotonic() - begun

    def seconds(self, trial: int) -> float | None:
        """Return the seconds of the jobs of a trial that have ended; None when they are unknown."""
        return self._seconds.get(trial)

    def jobs(self, trial: int) -> list[JobResult]:
        """Return the jobs of a trial that have ended, those of all its rungs."""
        return self._ended.get(trial, [])

    def forget(self, trial: int) -> None:
        """Remove a trial whose result is stored."""
        self._seconds.pop(trial, None)
        self._ended.pop(trial, None)


def charged(
    result: TrialResult, jobs: Sequence[JobResult], record: TrialRecord, plan: CostPlan, seconds: float | None = None
) -> TrialResult:
    """Return the result with the trial's cost; a complete trial without a usable cost has failed.

    Args:
        jobs: The trial's, all of which have ended.
        seconds: How long they ran together; None takes the time since the trial began.
    """
    if plan.of == DURATION:
        cost = seconds if seconds is not None else cost_of(record, DURATION, now())
        return result if cost is None else _with(result, cost)
    returned = [one.returned[plan.of] for one in jobs if isinstance(one.returned, Mapping) and plan.of in one.returned]
    problem = next((text for value in returned if (text := problem_with_cost(value)) is not None), None)
    cost = sum(map(float, returned)) if returned and problem is None else cost_of(record, plan.of)
    if problem is None and cost is not None:
        return _with(result, cost)
    if result.state is not TrialState.COMPLETE:
        return result if cost is None else _with(result, cost)
    text = f"the entry {problem}." if problem else _missing(plan.of, jobs)
    failed = failed_result(Failure("BadResult", f"hydra.sweeper.cost={plan.of}: {text} {_wanted(plan.of)}"), result)
    return replace(failed, unusable=not has_nan(returned))


@dataclass(frozen=True)
class Charge:
    """Adds the cost to the result of a trial of one job, in place of a sweeper that has died."""

    plan: CostPlan

    def __call__(self, result: TrialResult, done: JobResult, record: TrialRecord) -> TrialResult:
        return charged(result, [done], record, self.plan)


def _missing(entry: str, jobs: Sequence[JobResult]) -> str:
    returned = jobs[-1].returned if jobs else None
    if not isinstance(returned, Mapping):
        return f"the job returned no mapping with this entry ({returned!r}), and has not reported it."
    return f"the job returned {', '.join(map(str, returned))}, and has not reported it.{closest(entry, returned)}"


def _wanted(entry: str) -> str:
    return f"Return or report the trial's cost as {entry!r}, a number from 0 on, or take hydra.sweeper.cost=duration."


def _with(result: TrialResult, cost: float) -> TrialResult:
    return replace(result, attrs={**result.attrs, COST: cost})


def note_of(session: Session, number: int) -> str:
    """Return what a trial that has ended has cost, and what the study has spent, as the end of a line."""
    if session.costs is None:
        return ""
    cost, found = cost_of(session.log.record(number), session.costs.plan.of), session.costs.account()
    own = "cost unknown" if cost is None else f"cost {shown(found.plan, cost)}"
    return f" ({own}; spent {found.spent_text})"


def closing_lines(session: Session) -> list[str]:
    """Return what a sweep has spent."""
    if session.costs is None:
        return []
    session.log.sync()
    found = session.costs.account()
    each = "" if found.per_trial is None else f", {shown(found.plan, found.per_trial)} per trial"
    more = "" if found.trials_left is None else f"; {found.trials_left} more would fit"
    lost = f" {found.unknown} ended without a known cost." if found.unknown else ""
    return [f"Spent: {found.spent_text}{each}{more}.{lost}"]


def as_data(session: Session) -> dict[str, Any]:
    """Return what the results file says of costs; empty when they are not heeded."""
    return {} if session.costs is None else {"cost": account(session.costs.plan, session.log.records).to_json()}


def costs_by_number(session: Session) -> dict[int, float] | None:
    """Return what configurations that have ended have cost; None when costs are not heeded."""
    if session.costs is None:
        return None
    return costs_of_configurations(session.costs.plan.of, session.log.records)
