"""The model of costs: improvement per cost, with an exponent that falls to 0 as the budget is spent.

Lee, Perrone, Archambeau, Seeger, "Cost-aware Bayesian optimization" (2020): EI / cost^alpha with
alpha = (budget left) / budget ("EI cooling", CArBO). In logarithms the expected log cost is subtracted ``alpha`` times.

Notation

======  =======================================================================================
n       number of points with a known cost
p       number of embedded columns
======  =======================================================================================
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sweeper_core.maths.gp import Posterior
from sweeper_core.samplers._gp.models import Memo, Target, model_of
from sweeper_core.samplers._gp.observations import Observations
from sweeper_core.samplers._gp.space import Encoding
from sweeper_core.samplers.base import Economy
from sweeper_core.trial.history import History
from sweeper_core.trial.state import TrialState

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

MIN_POINTS = 4
"""Minimum number of costs for a model of them."""
MIN_SPREAD = 2.0
"""Costs that differ by less over the middle 80 % of the points are taken as equal: a model would follow their noise."""
TAIL = 0.1
LEAST = 1e-3
"""Costs are at least this share of their median: a cost of nothing has no logarithm."""
STEEP = 1e3
"""How steeply the acquisition falls where the expected log cost exceeds the log of what is left."""


@dataclass(frozen=True)
class ExpectedCost:
    """The expected log cost, as a term of the acquisition; and its excess over what is left.

    Attributes:
        posterior: Of the standardised log cost.
        shift, scale: log cost = ``shift + scale`` times the posterior's.
        weight: The exponent of the cost.
        limit: Log of what the trial may cost; infinite for no limit.
    """

    posterior: Posterior
    shift: float
    scale: float
    weight: float
    limit: float

    def log_cost(self, Z: Floats) -> Floats:
        """Return the expected log cost ``(q,)`` at points ``(q, p)``."""
        return np.asarray(self.shift + self.scale * self.posterior.mean(Z))

    def at(self, Z: Floats) -> float:
        """Return the expected cost of a point ``(1, p)``."""
        return float(np.exp(self.log_cost(Z)[0]))

    def score(self, Z: Floats) -> Floats:
        cost = self.log_cost(Z)
        return np.asarray(-self.weight * cost - STEEP * np.maximum(cost - self.limit, 0.0))

    def score_with_gradient(self, Z: Floats) -> tuple[Floats, Floats]:
        mean, _, slope, _ = self.posterior.predict_with_gradient(Z)
        cost = self.shift + self.scale * mean
        weight = self.weight + np.where(cost > self.limit, STEEP, 0.0)
        score = -self.weight * cost - STEEP * np.maximum(cost - self.limit, 0.0)
        return np.asarray(score), np.asarray(-(weight * self.scale)[:, None] * slope)


def expected_cost(
    economy: Economy | None,
    history: History,
    encoding: Encoding,
    observations: Observations,
    numbers: Integers,
    memo: Memo,
) -> ExpectedCost | None:
    """Return the term for the costs; None where they are not heeded, too few are known, or they hardly differ.

    Args:
        numbers: ``(n,)`` the rows of the history that the observations are.
    """
    if economy is None:
        return None
    costs = history.costs[numbers]
    # A trial that was pruned cost less than its point would.
    rows = np.flatnonzero(np.isfinite(costs) & (history.states[numbers] == TrialState.COMPLETE))
    if len(rows) < MIN_POINTS:
        return None
    known = costs[rows]
    typical = float(np.median(known))
    low, high = np.quantile(known, (TAIL, 1.0 - TAIL))
    if typical <= 0.0 or high <= MIN_SPREAD * low:
        return None
    y = np.log(np.maximum(known, LEAST * typical))
    Z = encoding.embed(observations.unit[rows], observations.active[rows])
    target = Target(Z, encoding.columns, y, np.ones(len(rows)), np.zeros(len(rows)), warped=False)
    model = model_of(target, memo)
    shift, scale = model.warp.line
    limit = np.inf if economy.left is None else float(np.log(max(economy.left, LEAST * typical)))
    return ExpectedCost(model.posterior, shift, scale, economy.weight, limit)
