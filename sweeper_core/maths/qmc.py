"""Points of low-discrepancy sequences by index, from SciPy's engines."""

from __future__ import annotations

import warnings
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

KINDS = ("sobol", "halton")
FIRST_TABLE = 256


def point(kind: str, dimension: int, index: int, scramble_seed: int | None) -> Floats:
    """Return point ``index`` ``(dimension,)`` of a sequence in [0, 1).

    Args:
        kind: "sobol" or "halton".
        dimension: At most 21,201 for Sobol'.
        index: 0, 1, 2, …
        scramble_seed: Seed of a random scrambling (Owen 1995); None for the plain sequence.
    """
    row: Floats = points(kind, dimension, index + 1, scramble_seed)[index]
    return row


def points(kind: str, dimension: int, count: int, scramble_seed: int | None) -> Floats:
    """Return at least the first ``count`` points ``(k, dimension)`` of a sequence; see :func:`point`."""
    size = FIRST_TABLE
    while size < count:
        size *= 2
    return _table(kind, dimension, scramble_seed, size)


@lru_cache(maxsize=4)
def _table(kind: str, dimension: int, scramble_seed: int | None, size: int) -> Floats:
    # Imported late: scipy.stats takes longer to load than all the rest together.
    from scipy.stats import qmc

    engine_type = {"sobol": qmc.Sobol, "halton": qmc.Halton}[kind]
    with warnings.catch_warnings():
        # SciPy is renaming `seed`; the old name works in all versions that are supported.
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        engine = engine_type(dimension, scramble=scramble_seed is not None, seed=scramble_seed)
        table = np.asarray(engine.random(size), dtype=float)
    table.flags.writeable = False
    return table
