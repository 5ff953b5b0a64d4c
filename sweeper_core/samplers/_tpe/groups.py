"""Groups of trials for TPE's density estimates."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

KERNELS = 256
"""Maximum number of kernels of g. The widths shrink as n^(-1/(d + 4)) only, so that more kernels change little."""


@dataclass(frozen=True)
class Group:
    """Trials ``(k,)`` and their weights ``(k,)``: the number of trials that each represents."""

    rows: Integers
    weights: Floats

    def weighted(self, factors: Floats) -> Group:
        """Return the trials with weights times ``factors`` ``(n,)`` of all trials."""
        return Group(self.rows, self.weights * factors[self.rows])


NOBODY = Group(np.empty(0, np.int64), np.empty(0))


@dataclass(frozen=True)
class Groups:
    """The good and the bad trials (the bad with failed and running ones), and the useful and useless trials.

    Failed trials and those that violate a constraint are useless; where there are none, both groups are empty.
    ``caution`` is the exponent of the probability to be useful: 1 for constraints; 3 for failures, which cost as
    much as a result and give no objective value.
    """

    good: Group
    bad: Group
    sound: Group
    failed: Group
    caution: float

    @property
    def outcomes_differ(self) -> bool:
        return len(self.sound.rows) > 0 and len(self.failed.rows) > 0


def even(rows: Integers) -> Group:
    """Return at most KERNELS trials: half of them the newest, the others an even sample of the older ones."""
    if len(rows) <= KERNELS:
        return Group(rows, np.ones(len(rows)))
    half = KERNELS // 2
    older, newer = rows[:-half], rows[-half:]
    sample = older[np.linspace(0, len(older) - 1, half).astype(np.int64)]
    return Group(np.concatenate([sample, newer]), np.repeat([len(older) / half, 1.0], half))


def log_survival(sound: Floats, failed: Floats, groups: Groups) -> Floats:
    """Return the weighted log survival probability of a trial (Nadaraya-Watson, from log densities)."""
    sound = sound + math.log(groups.sound.weights.sum())
    failed = failed + math.log(groups.failed.weights.sum())
    return np.asarray(groups.caution * (sound - np.logaddexp(sound, failed)))
