"""The part of ``Study`` that is about costs."""

from __future__ import annotations

from sweeper_core.study._session.costs import plan_of, store_plan
from sweeper_core.study._session.session import Session
from sweeper_core.trial.cost import CostPlan


class WithCosts:
    """A study whose trials may have costs."""

    session: Session

    def set_cost(self, cost: str | None, max_cost: float | None = None) -> None:
        """Say what trials cost: samplers then weigh the expected improvement by the expected cost.

        Args:
            cost: ``"duration"`` (seconds of each trial), or the name of an entry that trials report as their total so
                far; ``trial.set_cost`` goes before both. None: costs are no longer heeded.
            max_cost: Of the whole study: :meth:`optimize` starts no trial whose expected cost does not fit; None for no
                limit.

        Raises:
            TypeError: An argument has another type.
            ValueError: The name is empty, the limit not above 0, or there is a limit without a cost.
        """
        store_plan(self.session.log, None if cost is None and max_cost is None else plan_of(cost, max_cost))
        self.session.heed_costs(CostPlan.stored(self.session.log.study.system_attrs))
