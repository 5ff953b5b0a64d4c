"""What the next steps of a training are worth, where it may be given up whenever it disappoints.

Notation

======  =====================================================================================================
n       number of trainings
J       number of places at which a training may pause, the last of them its end
goal    the best end value so far; a training gains what it ends below it, or nothing
======  =====================================================================================================

The index of a training is the largest charge for each step at which beginning it still pays: it runs to one of the
places, where its end is known better, and goes on to its end only if that pays, too. With all later places instead of
one of them that is the index of J. Gittins, Bandit Processes and Dynamic Allocation Indices, JRSS B 41 (1979).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

Floats = npt.NDArray[np.float64]

NODES = np.linspace(-5.0, 5.0, 41)
"""Values of a standard normal, close enough for sums over them to be integrals; the gains lie in its tail."""
WEIGHTS = np.exp(-0.5 * NODES**2) / np.sum(np.exp(-0.5 * NODES**2))
MAX_DISTANCE = 40.0
"""Standard deviations beyond which a normal has no mass in floating-point numbers."""
ITERATIONS = 12
"""Newton's method on a convex, piecewise linear function; it ends after as many pieces as it meets."""
SMALLEST = 1e-300


def expected_improvement(mean: Floats, deviation: Floats, goal: float) -> Floats:
    """Return how far below ``goal`` normal values lie on average, values above it counting as 0."""
    safe = np.maximum(deviation, SMALLEST)
    z = np.clip((goal - mean) / safe, -MAX_DISTANCE, MAX_DISTANCE)
    density = np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi)
    return np.asarray(np.where(z < MAX_DISTANCE, safe * (z * ndtr(z) + density), goal - mean))


def worth_per_step(means: Floats, deviation: Floats, residual: Floats, until: Floats, goal: float) -> Floats:
    """Return the index ``(n,)`` of each training, in units of the value per step.

    Args:
        means: ``(n, q)`` expected end value, in q equally likely cases between which the first place ahead decides.
        deviation: ``(n,)`` standard deviation of the end value in each case.
        residual: ``(n, J)`` standard deviation that is left at each place; not above ``deviation``.
        until: ``(n, J)`` steps from now to each place, ascending; 0 or less where the place lies behind.
        goal: The best end value so far; smaller is better.
    """
    ahead = until > 0.0
    rest = until[:, -1:] - until
    learnt = np.sqrt(np.maximum(deviation[:, None] ** 2 - residual**2, 0.0))
    drawn = means[:, None, :, None] + learnt[:, :, None, None] * NODES
    gains = expected_improvement(drawn, np.broadcast_to(residual[:, :, None, None], drawn.shape), goal)
    shares = np.broadcast_to(WEIGHTS / means.shape[1], drawn.shape)
    charge = np.zeros(until.shape)
    for _ in range(ITERATIONS):
        going_on = gains > (charge * rest)[..., None, None]
        gained = np.sum(gains * shares, axis=(2, 3), where=going_on)
        steps = until + rest * np.sum(shares, axis=(2, 3), where=going_on)
        charge = np.where(ahead, gained / np.where(ahead, steps, 1.0), 0.0)
    return np.asarray(charge.max(axis=1))
