"""Points of the unit cube."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def mirrored(unit: Floats) -> Floats:
    """Return coordinates of any shape within [0, 1]: those beyond an end are mirrored there."""
    folded = np.abs(unit) % 2.0
    return np.asarray(np.where(folded > 1.0, 2.0 - folded, folded))
