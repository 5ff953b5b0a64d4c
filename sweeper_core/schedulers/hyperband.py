"""Asynchronous Hyperband: promotion by successive halving in several brackets, which differ in their lowest rung.

L. Li et al., Hyperband: A Novel Bandit-Based Approach to Hyperparameter Optimization, JMLR 18 (2018); asynchronous
brackets as in A. Klein et al., Model-based Asynchronous Hyperparameter and Neural Architecture Search, 2020.
"""

from __future__ import annotations

import numpy as np

from sweeper_core.pruners.hyperband import bracket_shares, brackets_of
from sweeper_core.schedulers.asha import ASHAScheduler
from sweeper_core.trial.curves import Integers, LearningCurves


class HyperbandScheduler(ASHAScheduler):
    """Promote trials as :class:`ASHAScheduler` does, each within its bracket.

    A configuration's bracket is a function of its number, in Hyperband's shares. Bracket ``b`` first pauses its trials
    after ``min_resource * reduction_factor ** b`` steps.

    Args:
        min_resource: Steps up to the lowest rung of all.
        max_resource: Number of steps of a complete trial; ``"auto"``: those of the longest COMPLETE trial (before there
            is one, all trials are in bracket 0).
        reduction_factor: One trial in this many is promoted.

    Raises:
        ValueError: An argument is out of its range.
    """

    def __init__(self, min_resource: int = 1, max_resource: str | int = "auto", reduction_factor: int = 3) -> None:
        super().__init__(min_resource, reduction_factor)
        if max_resource != "auto" and (not isinstance(max_resource, int) or max_resource < min_resource):
            raise ValueError(
                f"`max_resource` must be an integer not below `min_resource`, or 'auto', but got {max_resource!r}."
            )
        self.max_resource = max_resource

    def _lowest(self, number: int, curves: LearningCurves) -> int:
        bracket = self._group(number, curves)
        return self._given[bracket] if self._given else self._first * int(self._factor(curves) ** bracket)

    def _lowest_ever(self, number: int, curves: LearningCurves) -> int:
        # A longer trial would change the brackets.
        return self._first if isinstance(self.max_resource, str) else self._lowest(number, curves)

    def _groups(self, rows: Integers, curves: LearningCurves) -> Integers:
        factor = self._factor(curves)
        if self._given:
            return brackets_of(rows, bracket_shares(1, factor ** (len(self._given) - 1), factor))
        whole = self.max_resource
        if isinstance(whole, str):
            if curves.longest is None:
                return np.zeros(len(rows), np.int64)
            whole = max(curves.longest + 1, self.min_resource)
        return brackets_of(rows, bracket_shares(self.min_resource, whole, factor))
