"""What becomes of coordinates that an algorithm proposes beyond the unit cube."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

NEAR = 0.02
"""An end is searched itself once the algorithm's own centre is so near to it."""


END = 1e-4
"""A search that comes so near to an end has been stopped by it."""


def inside(unit: Floats, centre: Floats) -> Floats:
    """Return coordinates ``(d,)`` within the unit cube.

    Those beyond an end are mirrored there, so that no heap of points lies on it. Where ``centre`` ``(d,)``, what the
    algorithm searches around, is at the end already, they are put on it: an optimum at an end is met exactly.
    """
    if unit.size == 0 or (unit.min() >= 0.0 and unit.max() <= 1.0):
        return unit
    mirrored = np.abs(unit) % 2.0
    mirrored = np.where(mirrored > 1.0, 2.0 - mirrored, mirrored)
    at_end = ((unit < 0.0) & (centre < NEAR)) | ((unit > 1.0) & (centre > 1.0 - NEAR))
    return np.asarray(np.where(at_end, np.clip(unit, 0.0, 1.0), mirrored))


def beside_ends(unit: Floats, centres: Floats, rng: np.random.Generator) -> Floats:
    """Return the coordinates ``(d,)`` that a search within the cube ended at, those at an end moved beside it.

    What a model does not know is largest at the ends, so a search for what it might gain is stopped by one after
    another. A point beside the end says as much of that side, and ranges are often open in practice. So the end itself
    is for when the best points ``centres`` ``(k, d)`` are there; until then points are drawn between it and these.
    """
    far = np.full((2, len(unit)), NEAR)
    if len(centres):
        far = np.minimum(far, np.array([centres.min(axis=0), (1.0 - centres).min(axis=0)]))
    steps = rng.random(len(unit)) * far
    beside = np.where((unit < END) & (far[0] >= END), steps[0], unit)
    return np.where((unit > 1.0 - END) & (far[1] >= END), 1.0 - steps[1], beside)
