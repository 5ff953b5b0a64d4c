"""The best trial of a study, updated as trials end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sweeper_core.directions import StudyDirection
from sweeper_core.trial.feasible import is_feasible
from sweeper_core.trial.record import Layout, TrialRecord
from sweeper_core.trial.state import TrialState

MIN_FOR_A_MODEL = 20
"""Complete trials of which a model can say how sure the best one is; fewer say too little about noise."""


class Best(NamedTuple):
    """The best trial; its number is None when there is none.

    Attributes:
        value: The objective's value, its sign not changed.
    """

    number: int | None = None
    value: float = 0.0


class BestSoFar:
    """The best feasible COMPLETE trial by one objective, the earliest of equals.

    Taking the same trials again, in any order, changes nothing.

    Args:
        sign: Factor that turns values of the objective into ones to be minimised; None for no objective, and no best.
        objective: Position of the objective.
    """

    def __init__(self, sign: float | None, objective: int = 0) -> None:
        self._sign = sign
        self._objective = objective
        self._signed = 0.0
        self.best = Best()

    @classmethod
    def of(cls, directions: Sequence[StudyDirection]) -> BestSoFar:
        """Return the tracker for a study; it finds no best trial with several objectives."""
        return cls(directions[0].sign if len(directions) == 1 else None)

    def take(self, number: int, values: Sequence[float] | None, system_attrs: Mapping[str, Any]) -> None:
        """Compare a COMPLETE trial with the best."""
        if self._sign is None or not values:
            return
        value = values[self._objective]
        signed = value * self._sign
        if signed != signed:
            return
        if self.best.number is not None and (signed, number) >= (self._signed, self.best.number):
            return
        if not is_feasible(system_attrs):
            return
        self.best, self._signed = Best(number, value), signed


def best_first(records: Iterable[TrialRecord], directions: Sequence[StudyDirection], count: int) -> list[TrialRecord]:
    """Return up to ``count`` feasible COMPLETE trials, the best first and the earliest of equals first.

    With several objectives the trials are ordered by non-domination rank: the Pareto front comes first.
    Of trials with the same parameters only the first is returned.
    """
    complete = [
        record
        for record in records
        if record.state is TrialState.COMPLETE
        and record.values
        and not any(value != value for value in record.values)
        and is_feasible(record.system_attrs)
    ]
    order = sorted(zip(_ranks(complete, directions), (record.number for record in complete), complete, strict=True))
    seen: dict[tuple[Layout, tuple[float, ...]], TrialRecord] = {}
    for _, _, record in order:
        seen.setdefault((record.layout, record.internals), record)
        if len(seen) == count:
            break
    return list(seen.values())


def _ranks(records: Sequence[TrialRecord], directions: Sequence[StudyDirection]) -> Iterable[float]:
    """Return a number for each trial, lower for better ones."""
    if len(directions) == 1:
        return (record.values[0] * directions[0].sign for record in records if record.values)
    import numpy as np  # imported late: storages do not need NumPy

    from sweeper_core.maths.pareto import non_domination_ranks

    values = np.array([record.values for record in records], dtype=float).reshape(len(records), len(directions))
    return map(float, non_domination_ranks(values * [direction.sign for direction in directions]))
