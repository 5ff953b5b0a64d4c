"""Gradient steps that keep to relations: along the edges where an optimum lies, also where several of them meet.

Notation

======  =======================================================================================
m       number of coordinates that move
k       number of parts of the relations, all of which have to hold
margin  ``(k,)`` distance from the edge of each part in its own units, negative outside
======  =======================================================================================

Sequential quadratic programming (SLSQP; Kraft 1988). The margins' derivatives are differences.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

DIFFERENCE = 1e-6
"""Step of the differences."""
INSIDE = 1e-6
"""Margin that is kept, as a share of the margins' extent: rounding must not lead across an edge."""
FAR = 10.0
"""Margins in their extents are cut off here: what is farther away, or holds for good, is no edge."""
FIRST_STEP = 0.3
"""Length of the first step, at most."""
STEPS = 15

Score = Callable[[Floats], tuple[float, Floats]]
"""Of coordinates ``(m,)``: the score, and its derivatives ``(m,)``."""


def climb_along(
    score: Score, margins: Callable[[Floats], Floats], extent: Floats, start: Floats, low: Floats, high: Floats
) -> Floats:
    """Return a point ``(m,)`` uphill of an allowed start that satisfies the relations nearly or exactly.

    Args:
        score: What is to be increased.
        margins: Of points ``(q, m)``: ``(q, k)``.
        extent: ``(k,)`` how large margins are.
        start: ``(m,)``.
        low, high: Bounds of the coordinates ``(m,)``.
    """
    from scipy.optimize import minimize

    steep = float(np.linalg.norm(score(start)[1]))
    factor = 1.0 / max(1.0, steep / FIRST_STEP) if np.isfinite(steep) else 1.0

    def cost(x: Floats) -> tuple[float, Floats]:
        value, gradient = score(x)
        return -factor * value, -factor * gradient

    def distances(points: Floats) -> Floats:
        return np.asarray(np.clip(margins(points) / extent - INSIDE, -FAR, FAR))

    def derivatives(x: Floats) -> Floats:
        step = np.where(x + DIFFERENCE <= high, DIFFERENCE, -DIFFERENCE)
        found = distances(np.concatenate([x[None], x + np.diag(step)]))
        return np.asarray(((found[1:] - found[0]) / step[:, None]).T)

    search: Callable[..., Any] = minimize
    found = search(
        cost,
        start,
        jac=True,
        bounds=list(zip(low, high, strict=True)),
        constraints={"type": "ineq", "fun": lambda x: distances(x[None])[0], "jac": derivatives},
        method="SLSQP",
        options={"maxiter": STEPS, "ftol": 1e-5 * factor},
    )
    return np.clip(np.where(np.isfinite(found.x), found.x, start), low, high)
