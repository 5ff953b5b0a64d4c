"""Priors as a term of the score that TPE's candidates are ranked by, over one block of parameters."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from sweeper_core.maths.parzen import Points
from sweeper_core.samplers._priors import density_of, power
from sweeper_core.samplers._tpe.space import Coordinates
from sweeper_core.samplers.base import Request
from sweeper_core.trial.history import History

Floats = npt.NDArray[np.float64]

Belief = Callable[[Points], Floats]
"""Returns the log density of the priors times their power, ``(k,)`` for ``k`` candidates."""


def belief_of(block: Coordinates, request: Request, history: History) -> Belief | None:
    """Return the priors' part of a block's score; None where none of its parameters has one."""
    density = density_of(request)
    if density is None:
        return None
    names = density.space.names
    factors = [(block.names.index(names[f.position]), f) for f in density.factors if names[f.position] in block.names]
    share = power(density, history)

    def belief(points: Points) -> Floats:
        logs = (factor.log(_coordinate(block, place, points)) for place, factor in factors)
        return share * sum(logs, np.zeros(len(points)))

    return belief if factors else None


def _coordinate(block: Coordinates, place: int, points: Points) -> Floats:
    """Return the unit coordinate of a parameter ``(k,)``; NaN where it is missing."""
    if place < block.numeric:
        return points.numbers[:, place]
    codes = points.codes[:, place - block.numeric]
    return np.where(codes < 0, np.nan, (codes + 0.5) / block.choices[place - block.numeric])
