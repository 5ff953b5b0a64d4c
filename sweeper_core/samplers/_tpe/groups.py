"""The trials that TPE's densities are made of."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

KERNELS = 256
"""Kernels of g. Its resolution is set by the widths, which shrink as n^(-1/(d + 4)): more kernels change little."""


@dataclass(frozen=True)
class Group:
    """Trials ``(k,)`` and their weights ``(k,)``, how many trials each stands for."""

    rows: Integers
    weights: Floats

    def blamed(self, blame: Floats) -> Group:
        """Return the trials with weights times ``blame`` ``(n,)`` of all trials."""
        return Group(self.rows, self.weights * blame[self.rows])


NOBODY = Group(np.empty(0, np.int64), np.empty(0))


@dataclass(frozen=True)
class Groups:
    """The good and the bad trials (the bad with failed and running ones), and those that are of use or not.

    Of no use are failed trials and those that violate a constraint; where there are none, both groups are empty.
    ``caution`` is the exponent of the chance to be of use: 1 for constraints; 3 for failures, which cost as much as
    a result and say nothing of the objective.
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
    """Return at most KERNELS trials: the newer half as they are, the others an even sample of the older ones."""
    if len(rows) <= KERNELS:
        return Group(rows, np.ones(len(rows)))
    half = KERNELS // 2
    older, newer = rows[:-half], rows[-half:]
    sample = older[np.linspace(0, len(older) - 1, half).astype(np.int64)]
    return Group(np.concatenate([sample, newer]), np.repeat([len(older) / half, 1.0], half))


def log_survival(sound: Floats, failed: Floats, groups: Groups) -> Floats:
    """Return the log chance of a trial not to fail (Nadaraya-Watson, from log densities), times its importance."""
    sound = sound + math.log(groups.sound.weights.sum())
    failed = failed + math.log(groups.failed.weights.sum())
    return np.asarray(groups.caution * (sound - np.logaddexp(sound, failed)))
