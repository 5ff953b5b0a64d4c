"""The best trial of a study, kept while trials end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sweeper_core.directions import StudyDirection
from sweeper_core.trial.feasible import is_feasible


class Best(NamedTuple):
    """The best trial there is; without a number, there is none.

    Attributes:
        value: As the user gave it.
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
        """Return that of a study: none with several objectives."""
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
