"""The best trial of a study, kept while trials end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sweeper_core.directions import StudyDirection
from sweeper_core.trial.record import constraints_in


class Best(NamedTuple):
    """The best trial there is; without a number, there is none.

    Attributes:
        value: As the user gave it.
    """

    number: int | None = None
    value: float = 0.0


class BestSoFar:
    """The best feasible COMPLETE trial of a study with one objective, the earliest of equals; none with several.

    Being told of the same trials again, in any order, changes nothing.
    """

    def __init__(self, directions: Sequence[StudyDirection]) -> None:
        self._sign = directions[0].sign if len(directions) == 1 else None
        self._signed = 0.0
        self.best = Best()

    def take(self, number: int, values: Sequence[float] | None, system_attrs: Mapping[str, Any]) -> None:
        """Compare a COMPLETE trial with the best."""
        if self._sign is None or not values:
            return
        signed = values[0] * self._sign
        if self.best.number is not None and (signed, number) >= (self._signed, self.best.number):
            return
        if system_attrs and any(value > 0.0 for value in constraints_in(system_attrs).values()):
            return
        self.best, self._signed = Best(number, values[0]), signed
