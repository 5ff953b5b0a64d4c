"""The default evaluator: PED-ANOVA over evenly spread points where the trials are not evenly spread.

PED-ANOVA compares the best trials with all. Where a search has converged, all trials have similar values of the most
important parameters, and the best ones differ from them only in unimportant ones. So where trials do not fill the
ranges evenly, a model predicts evenly spread points. It is fitted to trials that lie apart from one another: fitted to
all, it would resolve the many values near the optimum, and predict their mean wherever there are few.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sweeper_core.distributions import BaseDistribution, CategoricalDistribution
from sweeper_core.importance.base import BaseImportanceEvaluator, Target, finite_trials
from sweeper_core.importance.ped_anova import PedAnovaImportanceEvaluator
from sweeper_core.maths.surrogate import MAX_POINTS, MIN_POINTS, Surrogate
from sweeper_core.study.study import Study
from sweeper_core.trial.frozen import FrozenTrial, create_trial

Floats = npt.NDArray[np.float64]

MAX_UNEVEN = 1.63
"""Kolmogorov's statistic times the root of the sample size: even points exceed it once in a hundred samples."""
DRAWS = 600
SPACING = 0.04
"""Root mean square, over the parameters, of the distance on [0, 1] below which two trials count as one place."""


class SpreadImportanceEvaluator(BaseImportanceEvaluator):
    """PED-ANOVA of the trials; after convergence, of even points whose values a Gaussian process predicts.

    Every trial keeps its set of parameters (with conditional ones); new values are drawn from the ranges.
    For several objectives without a target it is PED-ANOVA of the trials.
    """

    @np.errstate(all="ignore")
    def evaluate(
        self, study: Study, params: list[str] | None = None, *, target: Target | None = None
    ) -> dict[str, float]:
        """See the base class; every parameter of a completed trial is assessed by default."""
        exact = PedAnovaImportanceEvaluator()
        trials = finite_trials(study, target)
        several = target is None and len(study.directions) > 1
        if several or len(trials) < 2 * MIN_POINTS or _are_even(trials):
            return exact.evaluate(study, params, target=target)
        sign = 1.0 if target is not None else study.directions[0].sign
        losses = np.array(
            [sign * (target(trial) if target is not None else (trial.values or [math.nan])[0]) for trial in trials]
        )
        found = exact.of_losses(*_spread(trials, losses))
        names = params if params is not None else [name for trial in trials for name in trial.distributions]
        known = {name: found.get(name, 0.0) for name in dict.fromkeys(names)}
        return dict(sorted(known.items(), key=lambda item: -item[1]))


def _are_even(trials: Sequence[FrozenTrial]) -> bool:
    """Return whether the trials fill each range of each number evenly."""
    by_range: dict[tuple[str, BaseDistribution], list[float]] = {}
    for trial in trials:
        for name, distribution in trial.distributions.items():
            if not isinstance(distribution, CategoricalDistribution) and not distribution.single():
                by_range.setdefault((name, distribution), []).append(_unit(distribution, trial.params[name]))
    limit = MAX_UNEVEN + 0.4 * math.log(max(len(by_range), 1))  # of many samples one exceeds what one may
    return all(_unevenness(np.sort(units)) <= limit for units in by_range.values())


def _unevenness(units: Floats) -> float:
    """Return Kolmogorov's statistic of sorted points ``(n,)`` on [0, 1], times the root of n."""
    n = len(units)
    above, below = np.arange(1, n + 1) / n - units, units - np.arange(n) / n
    return float(max(above.max(), below.max())) * math.sqrt(n)


def _unit(distribution: BaseDistribution, value: object) -> float:
    return float(distribution.axis.unit(distribution.to_internal_repr(value)))


def _spread(trials: Sequence[FrozenTrial], losses: Floats) -> tuple[list[FrozenTrial], Floats]:
    """Return even points as trials, and the model's prediction for each."""
    table = _Table(trials)
    rows = table.rows(trials)
    apart = _apart(rows, table.choices, losses)
    model = Surrogate(rows[apart], table.choices, losses[apart])
    rng = np.random.default_rng(0)  # the same study has the same importances
    drawn = [
        _redrawn(trials[int(index)], number, rng) for number, index in enumerate(rng.integers(len(trials), size=DRAWS))
    ]
    return drawn, model.predict(table.rows(drawn))[0]


def _apart(rows: Floats, choices: Sequence[int], losses: Floats) -> npt.NDArray[np.int64]:
    """Return trials that lie apart: the best one, then always the one that is farthest from those chosen.

    Args:
        rows: ``(n, d)``, as :class:`_Table` has them; a category, or a missing value, is 1 away from others.
    """
    least, most = 2 * (rows.shape[1] + MIN_POINTS), min(MAX_POINTS, len(rows))
    chosen, distance = [int(np.argmin(losses))], np.full(len(rows), np.inf)
    while len(chosen) < most:
        distance = np.minimum(distance, _distance(rows, rows[chosen[-1]], np.array(choices, dtype=bool)))
        farthest = int(np.argmax(distance))
        if distance[farthest] < (SPACING if len(chosen) >= least else np.finfo(float).tiny):
            break
        chosen.append(farthest)
    return np.sort(np.array(chosen)) if len(chosen) >= MIN_POINTS else np.arange(len(rows))


def _distance(rows: Floats, row: Floats, categories: npt.NDArray[np.bool_]) -> Floats:
    apart = np.where(categories, rows != row, np.abs(rows - row))
    lacking = np.isnan(rows), np.isnan(row)
    return np.asarray(np.sqrt(np.mean(np.where(lacking[0] | lacking[1], lacking[0] != lacking[1], apart) ** 2, axis=1)))


def _redrawn(trial: FrozenTrial, number: int, rng: np.random.Generator) -> FrozenTrial:
    params = {}
    for name, distribution in trial.distributions.items():
        if isinstance(distribution, CategoricalDistribution):
            internal = float(rng.integers(len(distribution.choices)))
        else:
            internal = distribution.axis.draw(float(rng.random()))
        params[name] = distribution.to_external_repr(internal)
    drawn = create_trial(params=params, distributions=dict(trial.distributions), value=0.0)
    drawn.number = number
    return drawn


class _Table:
    """Trials as a table for the model: a column for each parameter and range."""

    def __init__(self, trials: Sequence[FrozenTrial]) -> None:
        ranges = {(name, distribution) for trial in trials for name, distribution in trial.distributions.items()}
        self._place = {key: place for place, key in enumerate(sorted(ranges, key=repr)) if not key[1].single()}
        self._place = {key: place for place, key in enumerate(self._place)}
        self.choices = [len(d.choices) if isinstance(d, CategoricalDistribution) else 0 for _, d in self._place]

    def rows(self, trials: Sequence[FrozenTrial]) -> Floats:
        """Return ``(n, d)``; see :mod:`sweeper_core.maths.surrogate`."""
        U = np.full((len(trials), len(self._place)), np.nan)
        for row, trial in enumerate(trials):
            for name, distribution in trial.distributions.items():
                place = self._place.get((name, distribution))
                if place is None:
                    continue
                value = trial.params[name]
                category = isinstance(distribution, CategoricalDistribution)
                U[row, place] = distribution.to_internal_repr(value) if category else _unit(distribution, value)
        return U
