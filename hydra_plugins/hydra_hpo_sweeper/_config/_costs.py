"""Reading ``hydra.sweeper.cost`` and ``hydra.sweeper.max_cost``."""

from __future__ import annotations

from typing import Any

from hydra_plugins.hydra_hpo_sweeper._config._numbers import without_quotes
from hydra_plugins.hydra_hpo_sweeper._config._readers import limit_in, seconds, wrong
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
    limit = seconds if cost == DURATION else limit_in(cost)
    return CostPlan(cost, limit("max_cost", max_cost))
