"""Importances from a random forest: functional ANOVA, and mean decrease in impurity.

The forest is scikit-learn's: its trees are compiled, well maintained and usually installed where models are trained.
This module decomposes the trees' variance.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sweeper_core._extras import missing_extra
from sweeper_core.distributions import BaseDistribution, CategoricalDistribution
from sweeper_core.importance.base import (
    BaseImportanceEvaluator,
    Target,
    check_params,
    completed_trials,
    finite_trials,
    largest_first,
)
from sweeper_core.maths.fanova import Boxes, boxes_of_tree, main_effect_variance
from sweeper_core.maths.quiet import quiet
from sweeper_core.search_space.intersection import intersection
from sweeper_core.study.study import Study
from sweeper_core.trial.frozen import FrozenTrial

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Table:
    """Training data of a forest.

    Attributes:
        columns: ``(n, e)`` in [0, 1]: one column for a number, one indicator for each choice of a categorical.
        groups: which columns belong to which parameter.
        targets: ``(n,)``.
    """

    columns: Floats
    groups: dict[str, list[int]]
    targets: Floats


class _ForestEvaluator(BaseImportanceEvaluator):
    def __init__(self, *, n_trees: int = 64, max_depth: int = 64, seed: int | None = None) -> None:
        self.n_trees = n_trees
        self.max_depth = max_depth
        self.seed = seed

    @quiet()
    def evaluate(
        self, study: Study, params: list[str] | None = None, *, target: Target | None = None
    ) -> dict[str, float]:
        """See the base class; the parameters that all completed trials have are assessed by default."""
        if target is None and len(study.directions) > 1:
            raise ValueError(
                f"{type(self).__name__} explains one number: with several objectives give a `target`, "
                "for example target=lambda t: t.values[0] for the first one."
            )
        check_params(study, params)
        distributions = _distributions(completed_trials(study), params)
        varied = {name: distribution for name, distribution in distributions.items() if not distribution.single()}
        trials = [trial for trial in finite_trials(study, target) if all(name in trial.params for name in varied)]
        importances = dict.fromkeys(distributions, 0.0)
        if varied and len(trials) > 1:
            importances.update(self._judge(_table(trials, varied, target)))
        return largest_first(importances)

    @abstractmethod
    def _judge(self, table: _Table) -> dict[str, float]:
        """Return the importance of each group of columns."""

    def _fit(self, table: _Table) -> Any:
        try:
            from sklearn.ensemble import RandomForestRegressor
        except ModuleNotFoundError as error:
            needs = f"{type(self).__name__} needs scikit-learn"
            otherwise = "use PedAnovaImportanceEvaluator, which does not need it"
            raise missing_extra(needs, "importance", otherwise) from error
        forest = RandomForestRegressor(n_estimators=self.n_trees, max_depth=self.max_depth, random_state=self.seed)
        return forest.fit(table.columns, table.targets)


class FanovaImportanceEvaluator(_ForestEvaluator):
    """The share of the variance that each parameter explains by itself, averaged over a forest's trees.

    Hutter, Hoos, Leyton-Brown, ICML 2014.

    Args:
        n_trees: Number of trees.
        max_depth: Largest depth of a tree.
        seed: For the forest.
    """

    def _judge(self, table: _Table) -> dict[str, float]:
        trees = [_boxes(estimator.tree_, table.columns.shape[1]) for estimator in self._fit(table).estimators_]
        variances = np.array([tree.variance for tree in trees])
        if not np.any(variances > 0.0):
            return dict.fromkeys(table.groups, 0.0)
        shares = np.array(
            [
                [main_effect_variance(tree, columns) / variance for columns in table.groups.values()]
                for tree, variance in zip(trees, variances, strict=True)
                if variance > 0.0
            ]
        )
        return dict(zip(table.groups, shares.mean(axis=0).tolist(), strict=True))


class MeanDecreaseImpurityImportanceEvaluator(_ForestEvaluator):
    """How much the splits on each parameter reduce the variance within a forest's nodes.

    Args:
        n_trees: Number of trees.
        max_depth: Largest depth of a tree.
        seed: For the forest.
    """

    def _judge(self, table: _Table) -> dict[str, float]:
        decrease = self._fit(table).feature_importances_
        return {name: float(decrease[columns].sum()) for name, columns in table.groups.items()}


def _boxes(tree: Any, n_columns: int) -> Boxes:
    return boxes_of_tree(
        tree.children_left, tree.children_right, tree.feature, tree.threshold, tree.value[:, 0, 0], n_columns
    )


def _distributions(trials: list[FrozenTrial], params: list[str] | None) -> dict[str, BaseDistribution]:
    """Return the parameters to assess, with the distributions of the trials that have all of them.

    Raises:
        ValueError: A requested parameter's range changed, or no trial has all of them.
    """
    if params is None:
        return intersection([trial.distributions for trial in trials])
    having = [trial.distributions for trial in trials if all(name in trial.distributions for name in params)]
    if params and not having:
        raise ValueError(f"No completed trial has all of {params}; PedAnovaImportanceEvaluator does not need that.")
    common = intersection([{name: each[name] for name in params} for each in having])
    changed = [name for name in params if name not in common]
    if changed:
        raise ValueError(
            f"The ranges of {changed} changed during the study; PedAnovaImportanceEvaluator can deal with that."
        )
    return common


def _table(trials: list[FrozenTrial], distributions: dict[str, BaseDistribution], target: Target | None) -> _Table:
    columns: list[Floats] = []
    groups: dict[str, list[int]] = {}
    for name, distribution in distributions.items():
        internal = np.array([distribution.to_internal_repr(trial.params[name]) for trial in trials])
        start = len(columns)
        if isinstance(distribution, CategoricalDistribution):
            columns.extend((internal == index).astype(float) for index in range(len(distribution.choices)))
        else:
            axis = distribution.axis
            low, high = axis.low * axis.shrink, axis.high * axis.shrink
            columns.append((internal * axis.shrink - low) / (high - low))
        groups[name] = list(range(start, len(columns)))
    explain: Callable[[FrozenTrial], float] = target if target is not None else _objective_value
    return _Table(np.column_stack(columns), groups, np.array([explain(trial) for trial in trials]))


def _objective_value(trial: FrozenTrial) -> float:
    assert trial.values is not None
    return trial.values[0]
