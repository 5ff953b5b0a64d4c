"""Priors as a term of the Gaussian process's acquisition function, over embedded points.

Notation

======  =======================================================================================
q, p    number of candidates, of embedded columns
Z       ``(q, p)`` embedded points (see :mod:`sweeper_core.samplers._gp.space`)
======  =======================================================================================
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sweeper_core.samplers._gp.space import Encoding, Feature
from sweeper_core.samplers._priors import density_of, power
from sweeper_core.samplers.base import Request
from sweeper_core.search_space.priors import Density
from sweeper_core.trial.history import History

Floats = npt.NDArray[np.float64]


class Belief:
    """The log density of the priors times a power (πBO).

    Args:
        power: In [0, 1].
    """

    def __init__(self, factors: list[tuple[Feature, Density]], power: float) -> None:
        self.factors = factors
        self.power = power

    def score(self, Z: Floats) -> Floats:
        """Return ``(q,)``; inactive parameters contribute nothing."""
        total = np.zeros(len(Z))
        for feature, density in self.factors:
            total += self.power * density.log(_coordinate(feature, Z))
        return total

    def score_with_gradient(self, Z: Floats) -> tuple[Floats, Floats]:
        """Return the score ``(q,)`` and its derivatives ``(q, p)`` along numbers; those along choices are zero."""
        slope = np.zeros_like(Z)
        for feature, density in self.factors:
            if feature.numeric:
                inside = density.slope(_coordinate(feature, Z))
                slope[:, feature.columns[0]] = np.nan_to_num(self.power * inside * (feature.high - feature.low))
        return self.score(Z), slope


def _coordinate(feature: Feature, Z: Floats) -> Floats:
    """Return the unit coordinate of a parameter ``(q,)``; NaN where it is inactive."""
    own = feature.columns[: len(feature.columns) - feature.conditional]
    if feature.numeric:
        unit = feature.low + Z[:, own[0]] * (feature.high - feature.low)
    else:
        choice = Z[:, own[0]] if len(own) == 1 else np.argmax(Z[:, own], axis=1)
        unit = (choice + 0.5) / (feature.count or 1)
    return np.where(Z[:, feature.columns[-1]] > 0.0, np.nan, unit) if feature.conditional else np.asarray(unit)


def beliefs_of(request: Request, history: History, encoding: Encoding) -> list[Belief]:
    """Return the term of a request's priors; none where no parameter of the space has one."""
    density = density_of(request)
    if density is None:
        return []
    features = {feature.position: feature for feature in encoding.axes}
    factors = [(features[factor.position], factor) for factor in density.factors if factor.position in features]
    return [Belief(factors, power(density, history))]
