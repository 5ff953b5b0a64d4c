"""Repair of coordinates that an algorithm proposes outside or on the bounds of the unit cube."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sweeper_core.maths.cube import mirrored

Floats = npt.NDArray[np.float64]

NEAR = 0.02
"""Distance from an end within which the algorithm's centre must be for points on the end."""


END = 1e-4
"""Distance within which a coordinate counts as being at an end."""

MIN_STEP = 0.1
"""Smallest distance from an end to which a point is moved, as a share of the best points' distance, while that is
large: no point is at the end before these are almost there."""


def inside(unit: Floats, centre: Floats) -> Floats:
    """Return coordinates ``(d,)`` within the unit cube.

    Coordinates beyond an end are reflected there, so that points do not accumulate on it. Where ``centre`` ``(d,)``,
    the centre of the search, is at the end, they are clipped to it, so that an optimum at an end is met exactly.
    """
    if unit.size == 0 or (unit.min() >= 0.0 and unit.max() <= 1.0):
        return unit
    at_end = ((unit < 0.0) & (centre < NEAR)) | ((unit > 1.0) & (centre > 1.0 - NEAR))
    return np.asarray(np.where(at_end, np.clip(unit, 0.0, 1.0), mirrored(unit)))


def beside_ends(unit: Floats, centres: Floats, rng: np.random.Generator) -> Floats:
    """Return the coordinates ``(d,)`` that a search within the cube found, those at an end moved beside it.

    A model's variance is largest at the ends, so the maximum of an acquisition function lies at one end after another.
    A point beside the end is as informative, and ranges are often open in practice. So the end itself is suggested only
    when the best points ``centres`` ``(k, d)`` are there; until then points are drawn between it and these, and not
    much nearer to it than these: a model sees an optimum beside the end only from points that are not beyond it.
    """
    far = np.full((2, len(unit)), NEAR)
    if len(centres):
        far = np.minimum(far, np.array([centres.min(axis=0), (1.0 - centres).min(axis=0)]))
    steps = rng.uniform(np.where(far > END / MIN_STEP, MIN_STEP, 0.0), 1.0) * far
    beside = np.where((unit < END) & (far[0] >= END), steps[0], unit)
    return np.where((unit > 1.0 - END) & (far[1] >= END), 1.0 - steps[1], beside)
