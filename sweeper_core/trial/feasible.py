"""Feasibility of trials, decided here for everybody: best trials, pruners, samplers, plots and results.

A trial is feasible when every constraint value that it has is zero or less. NaN is not: a constraint whose value nobody
knows is not known to hold. A trial without constraint values is feasible.
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
    """Return a constraint value as columns of constraints hold it: infinite for NaN, which means "none" there."""
    return math.inf if math.isnan(value) else value


def feasible_rows(constraints: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Return ``(n,)``: which rows of constraints ``(n, c)`` are feasible; NaN where a trial has no such constraint."""
    import numpy as np  # storages and the command line do without

    if not constraints.shape[1]:
        return np.ones(len(constraints), dtype=bool)
    return np.asarray(~np.any(constraints > 0.0, axis=1))
