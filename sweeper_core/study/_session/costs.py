"""The costs of one study: what its trials cost, what is left, and how samplers are to heed it."""

from __future__ import annotations

from datetime import datetime, timezone

from sweeper_core.samplers.base import Economy
from sweeper_core.study._session.log import TrialLog
from sweeper_core.trial.attrs import COST
from sweeper_core.trial.cost import DURATION, Account, CostPlan, account, cost_of
from sweeper_core.trial.data import TrialData


class Costs:
    """The account of a study, as of the last time that its trials were read.

    Args:
        log: The study's trials.
        plan: What counts as cost.
    """

    def __init__(self, log: TrialLog, plan: CostPlan) -> None:
        self._log = log
        self.plan = plan

    def account(self) -> Account:
        """Return the account at this moment."""
        return account(self.plan, self._log.records, _now())

    def fits(self, chooses: bool = False) -> bool:
        """Return whether a further trial may start.

        Args:
            chooses: The sampler heeds what is left, so that it suggests a cheap trial when little is.
        """
        if self.plan.limit is None:
            return True
        self._log.sync()
        return self.account().fits(chooses)

    def economy(self, number: int, budget: int | None) -> Economy:
        """Return how a sampler is to heed costs for a trial, by the share of the budget that is left.

        Args:
            budget: Planned number of trials of the study; None when unknown.
        """
        found = self.account()
        if found.share_left is not None:
            return Economy(found.share_left, found.left, found.trials_in_all)
        return Economy(1.0 if not budget else max(0.0, 1.0 - number / budget))

    def data_at_end(self, number: int) -> TrialData:
        """Return the cost of a running trial that ends now, as it is stored; no data when it is unknown."""
        record = self._log.record(number)
        found = cost_of(record, self.plan.of, _now())
        return TrialData() if found is None or COST in record.system_attrs else TrialData(system_attrs={COST: found})


def store_plan(log: TrialLog, plan: CostPlan | None) -> None:
    """Store what counts as cost with the study, unless it is known there."""
    if CostPlan.stored(log.study.system_attrs) != plan:
        log.storage.set_study_attrs(log.study_id, system={COST: {} if plan is None else plan.to_json()})
        log.refresh()


def plan_of(cost: str | None, max_cost: float | None) -> CostPlan:
    """Return the plan of a user's arguments.

    Raises:
        TypeError: An argument has another type.
        ValueError: The name is empty, or the limit not above 0.
    """
    if cost is None:
        raise ValueError(f"`max_cost`={max_cost!r} needs a `cost`: {DURATION!r}, or the name of an entry.")
    if not isinstance(cost, str):
        raise TypeError(f"`cost` must be {DURATION!r} or the name of an entry that trials report, not {cost!r}.")
    if not cost:
        raise ValueError(f"`cost` must be {DURATION!r} or the name of an entry that trials report, not an empty text.")
    if max_cost is None:
        return CostPlan(cost)
    if isinstance(max_cost, bool) or not isinstance(max_cost, (int, float)):
        raise TypeError(f"`max_cost` must be a number above 0 or None, not {max_cost!r}.")
    if not 0 < max_cost < float("inf"):
        raise ValueError(f"`max_cost` must be a finite number above 0 or None, not {max_cost!r}.")
    return CostPlan(cost, float(max_cost))


def _now() -> datetime:
    return datetime.now(timezone.utc).replace(tzinfo=None)
