"""Learning curves, as pruners see them: signed so that smaller is better."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sweeper_core.trial.record import TrialRecord
from sweeper_core.trial.state import TrialState

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """The reports of one trial.

    Attributes:
        steps: ``(k,)`` ascending.
        values: ``(k,)`` signed so that smaller is better; NaN where NaN was reported.
    """

    steps: npt.NDArray[np.int64]
    values: Floats

    def __len__(self) -> int:
        return len(self.steps)


EMPTY_CURVE = Curve(np.empty(0, np.int64), np.empty(0))


class Peers:
    """All trials' curves of one study, grown by folding records; columnar, indexed by step.

    Row ``i`` belongs to trial ``i``.
    """

    def __init__(self, sign: float) -> None:
        self.sign = sign
        self._records: list[TrialRecord | None] = []
        self._at: dict[int, dict[int, float]] = {}

    def __len__(self) -> int:
        return len(self._records)

    def fold(self, records: Iterable[TrialRecord]) -> None:
        """Take in new and changed trials."""
        for record in records:
            row = record.number
            self._records.extend([None] * (row + 1 - len(self._records)))
            known = self._records[row]
            seen = len(known.reports) if known is not None else 0
            if known is not None and record.reports[:seen] != known.reports:
                seen = 0  # a report was filed before the last one
            for step, value in record.reports[seen:]:
                self._at.setdefault(step, {})[row] = value * self.sign
            self._records[row] = record

    def state(self, number: int) -> TrialState | None:
        """Return the state of a trial; None when it has not been read."""
        record = self._records[number]
        return None if record is None else record.state

    def value(self, number: int) -> float:
        """Return the final value of the first objective, signed; NaN without one."""
        record = self._records[number]
        return float("nan") if record is None or not record.values else record.values[0] * self.sign

    def at(self, step: int) -> dict[int, float]:
        """Return the values reported at exactly this step, by trial number. Do not change it."""
        return self._at.get(step, {})

    def curve(self, number: int) -> Curve:
        """Return the whole curve of a trial."""
        record = self._records[number] if number < len(self._records) else None
        if record is None or not record.reports:
            return EMPTY_CURVE
        steps, values = zip(*record.reports, strict=True)
        return Curve(np.array(steps, np.int64), np.array(values, float) * self.sign)
