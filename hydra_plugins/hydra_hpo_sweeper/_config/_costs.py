"""Reading ``hydra.sweeper.cost`` and ``hydra.sweeper.max_cost``."""

from __future__ import annotations

from typing import Any

from hydra_plugins.hydra_hpo_sweeper._config._numbers import real, without_quotes
from hydra_plugins.hydra_hpo_sweeper._config._readers import seconds, wrong
from hydra_plugins.hydra_hpo_sweeper._errors import ConfigError
from sweeper_core.trial.cost import DURATION, CostPlan


def cost_plan(cost: Any, max_cost: Any) -> CostPlan | None:
    """Return what counts as cost, and the limit; None when costs are not heeded."""
    cost, max_cost = without_quotes(cost), without_quotes(max_cost)
    if cost is None:
        if max_cost is not None:
            raise ConfigError(
                f"hydra.sweeper.max_cost={max_cost} needs hydra.sweeper.cost: {DURATION}, or the entry that jobs "
                "return or report as their cost."
            )
        return None
    if not isinstance(cost, str) or not cost.strip():
        raise wrong("cost", f"{DURATION}, or the name of an entry that jobs return or report", cost)
    if cost != DURATION and cost.lower() == DURATION:
        raise ConfigError(f"hydra.sweeper.cost={cost} is written {DURATION}.")
    return CostPlan(cost, None if max_cost is None else _limit(cost, max_cost))


def _limit(cost: str, value: Any) -> float:
    if cost == DURATION:
        limit = seconds("max_cost", value)
        assert limit is not None
        return limit
    number = real(value)
    if number is None or number <= 0:
        raise wrong("max_cost", f"a number of {cost} above 0, or null for no limit", value)
    return number
