"""Feasibility of trials, for best trials, pruners, samplers, plots and results.

A trial is feasible when all its constraint values are zero or less. A NaN constraint is not satisfied, because its
value is unknown. A trial without constraint values is feasible.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from sweeper_core.trial.record import constraints_in

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def satisfied(values: Iterable[float]) -> bool:
    """Return whether constraint values all hold."""
    return all(value <= 0.0 for value in values)


def is_feasible(system_attrs: Mapping[str, Any]) -> bool:
    """Return whether a trial with these system attributes is feasible."""
    return not system_attrs or satisfied(constraints_in(system_attrs).values())


def violation(value: float) -> float:
    """Return a constraint value as stored in constraint columns: infinite for NaN, which means "missing" there."""
    return math.inf if math.isnan(value) else value


def feasible_rows(constraints: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Return ``(n,)``: which rows of constraints ``(n, c)`` are feasible; NaN where a trial has no such constraint."""
    import numpy as np  # imported late: storages and the command line do not need NumPy

    if not constraints.shape[1]:
        return np.ones(len(constraints), dtype=bool)
    return np.asarray(~np.any(constraints > 0.0, axis=1))
