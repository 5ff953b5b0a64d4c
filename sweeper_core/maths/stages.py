"""A model of learning curves that are observed at given stages, learnt from other curves.

Notation

======  =======================================================================
n       number of curves
J       number of stages, the last of them the end
y       value at a stage; x the value at the stage before
======  =======================================================================

From stage to stage a value follows a line, with normal noise: ``y = a + b x + e``. The value now is all that matters
(a Markov chain), so the end given the value at a stage is normal, too. Each step is a Bayesian linear regression whose
prior is the identity; it is learnt from the better half of the curves, since good curves are the ones to be told
apart, and bad ones follow other lines.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

MIN_CURVES = 5
"""At least this many curves are used for a step, where there are so many, even if half of them are fewer."""
PRIOR_CURVES = 2.0
"""The prior of a line counts as much as this many curves."""
PRIOR_SHARE = 0.25
"""Prior variance of the noise, as a share of the variance at the stage before."""


@dataclass(frozen=True)
class Chain:
    """The end value given the value at a stage: ``offset + slope * value``, give or take ``deviation``.

    Attributes:
        offset, slope, deviation: ``(J,)``; the last ones are 0, 1 and 0.
    """

    offset: Floats
    slope: Floats
    deviation: Floats

    def end(self, stage: npt.NDArray[np.int64], value: Floats) -> Floats:
        """Return the expected ends ``(n,)`` of curves with these values at these stages, from 0."""
        return np.asarray(self.offset[stage] + self.slope[stage] * value)


def learn(curves: Floats) -> Chain:
    """Return the chain learnt from curves ``(n, J)``; NaN where a curve has no value."""
    count = curves.shape[1]
    offset, slope, variance = np.zeros(count), np.ones(count), np.zeros(count)
    for stage in range(count - 2, -1, -1):
        a, b, noise = _line(curves[:, stage], curves[:, stage + 1])
        offset[stage] = offset[stage + 1] + slope[stage + 1] * a
        slope[stage] = slope[stage + 1] * b
        variance[stage] = variance[stage + 1] + slope[stage + 1] ** 2 * noise
    return Chain(offset, slope, np.sqrt(variance))


def _line(x: Floats, y: Floats) -> tuple[float, float, float]:
    """Return offset, slope and variance of the noise of the line through the better half of the points.

    Without any point it is the identity.
    """
    known = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    if not len(known):
        return 0.0, 1.0, 0.0
    chosen = known[np.argsort(x[known], kind="stable")][: max(MIN_CURVES, len(known) // 2)]
    x, y = x[chosen], y[chosen]
    centre, level = float(x.mean()), float(y.mean())
    spread = float(np.mean((x - centre) ** 2))
    # The prior's curves lie on the identity's slope, as far apart as these.
    both = float(np.sum((x - centre) * (y - level))) + PRIOR_CURVES * spread
    slope = max(both / ((len(x) + PRIOR_CURVES) * spread), 0.0) if spread > 0.0 else 1.0
    error = float(np.sum((y - level - slope * (x - centre)) ** 2))
    noise = (error + PRIOR_CURVES * PRIOR_SHARE * spread) / (len(x) + PRIOR_CURVES)
    return level - slope * centre, slope, noise
