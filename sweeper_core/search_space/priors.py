"""User priors over good values of parameters, and their densities on the unit interval.

Notation

======  =====================================================================================
n, d    number of points, of parameters
u       coordinate of a value in [0, 1] of :mod:`sweeper_core.search_space.axes`
c       coordinate of the prior's value
s       spread of the prior, as a share of the interval
density relative to the uniform one: 1 without a prior
======  =====================================================================================

A number's prior is a normal density around its value, cut off at the ends of the interval and mixed with the uniform
one; a choice's is a mixture of the choice itself and the uniform one. The uniform part leaves every value possible:
Hvarfner et al. 2022, "πBO: Augmenting Acquisition Functions with User Beliefs for Bayesian Optimization";
Mallik et al. 2023, "PriorBand: Practical Hyperparameter Optimization in the Age of Deep Learning".
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sweeper_core.search_space.space import Parameter, SearchSpace

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[np.float64]

SPREAD = {"low": 0.5, "medium": 0.25, "high": 0.125}
"""Standard deviation of a number's prior, as a share of the interval on its scale (those of PriorBand)."""
STRENGTH = {"low": 0.25, "medium": 0.5, "high": 0.75}
"""Share of the probability that a choice's prior takes from the uniform density."""
UNIFORM = 0.1
"""Share of the uniform density in a number's prior."""
CONFIDENCES = tuple(SPREAD)
DEFAULT_CONFIDENCE = "medium"


@dataclass(frozen=True)
class Prior:
    """A user prior: a value that is expected to be good.

    Attributes:
        value: External.
        confidence: ``low``, ``medium`` or ``high``.

    Raises:
        ValueError: There is no such confidence.
    """

    value: Any
    confidence: str = DEFAULT_CONFIDENCE

    def __post_init__(self) -> None:
        if self.confidence not in CONFIDENCES:
            raise ValueError(f"confidence must be one of {', '.join(CONFIDENCES)}, not {self.confidence!r}")

    def to_json(self) -> dict[str, Any]:
        """Return the stored form."""
        return {"value": self.value, "confidence": self.confidence}


Priors = Mapping[str, Prior]
"""By the parameters' names."""


def read_priors(stored: Any) -> dict[str, Prior]:
    """Return priors from their stored form; invalid entries are ignored."""
    if not isinstance(stored, Mapping):
        return {}
    return {
        str(name): Prior(one["value"], one.get("confidence", DEFAULT_CONFIDENCE))
        for name, one in stored.items()
        if isinstance(one, Mapping) and "value" in one and one.get("confidence", DEFAULT_CONFIDENCE) in CONFIDENCES
    }


class Density:
    """The density of one parameter's prior.

    Attributes:
        position: Column of the parameter in the space.
        centre: c.
        strength: Of a choice's prior; 0 for numbers.
    """

    def __init__(self, position: int, parameter: Parameter, prior: Prior) -> None:
        axis = parameter.distribution.axis
        self.position = position
        self.centre = axis.unit(parameter.distribution.to_internal_repr(prior.value))
        self.numeric = parameter.is_numeric
        self.spread = SPREAD[prior.confidence]
        self.strength = STRENGTH[prior.confidence]
        self.count = axis.count or 1
        self._below, self._above = (_normal((end - self.centre) / self.spread) for end in (0.0, 1.0))

    def log(self, u: Array) -> Array:
        """Return the log density at coordinates ``(n,)``; 0 where missing."""
        import numpy as np

        if self.numeric:
            density = np.asarray((1.0 - UNIFORM) * self._bell(u) + UNIFORM, dtype=float)
        else:
            same = np.abs(u - self.centre) < 0.5 / self.count
            density = 1.0 - self.strength + self.strength * self.count * same
        return np.asarray(np.where(np.isnan(u), 0.0, np.log(np.where(np.isnan(u), 1.0, density))))

    def slope(self, u: Array) -> Array:
        """Return the derivative of a number's log density ``(n,)``."""
        import numpy as np

        bell = (1.0 - UNIFORM) * self._bell(u)
        return np.asarray(bell / (bell + UNIFORM) * (self.centre - u) / self.spread**2)

    def _bell(self, u: Array) -> Array:
        import numpy as np

        scale = self.spread * math.sqrt(2.0 * math.pi) * (self._above - self._below)
        return np.asarray(np.exp(-0.5 * ((u - self.centre) / self.spread) ** 2) / scale)

    def draw(self, rng: np.random.Generator) -> float:
        """Return a coordinate drawn from the prior."""
        uniform, other = rng.random(2).tolist()
        if not self.numeric:
            return float(self.centre if uniform < self.strength else other)
        if uniform < UNIFORM:
            return float(other)
        from scipy.special import ndtri

        place = self._below + other * (self._above - self._below)
        return float(min(max(self.centre + self.spread * float(ndtri(place)), 0.0), 1.0))


def _normal(z: float) -> float:
    return 0.5 * math.erfc(-z / math.sqrt(2.0))


class PriorDensity:
    """The density of the priors of a space, a product over its parameters.

    Args:
        priors: Those whose value the space does not have are left out.
    """

    def __init__(self, space: SearchSpace, priors: Priors) -> None:
        self.space = space
        self.priors = {
            name: prior for name, prior in priors.items() if name in space and _fits(space[name], prior.value)
        }
        self.factors = [
            Density(space.position(name), space[name], prior)
            for name, prior in self.priors.items()
            if not space[name].distribution.single()
        ]

    def __bool__(self) -> bool:
        return bool(self.factors)

    def log(self, unit: Array) -> Array:
        """Return the log density at points ``(n, d)``, whose inactive coordinates are NaN: ``(n,)``."""
        import numpy as np

        return sum((factor.log(unit[:, factor.position]) for factor in self.factors), np.zeros(len(unit)))

    def draw(self, given: Mapping[str, Any], rng: np.random.Generator) -> dict[str, Any]:
        """Return a point drawn from the priors, uniform in the other parameters, with the ``given`` values."""
        by_name = {self.space.names[factor.position]: factor for factor in self.factors}
        point: dict[str, Any] = {}
        for parameter in self.space.parents_first:
            name, distribution = parameter.name, parameter.distribution
            factor, u = by_name.get(name), float(rng.random())
            drawn = u if factor is None else factor.draw(rng)
            if self.space.is_active(name, point):
                known = (
                    given.get(name) if name in given else distribution.to_external_repr(distribution.axis.value(drawn))
                )
                point[name] = known
        return {name: point[name] for name in self.space.names if name in point}

    def mode(self) -> dict[str, Any]:
        """Return the values of the priors."""
        return {name: self.space[name].distribution.canonical(prior.value) for name, prior in self.priors.items()}


def _fits(parameter: Parameter, value: Any) -> bool:
    return parameter.distribution.contains(value)


def check_prior(parameter: Parameter, prior: Prior, words: str) -> None:
    """Reject a prior that a parameter cannot have.

    Args:
        words: The distribution in the user's terms.

    Raises:
        ValueError: The value is outside, not on the grid, or none of the choices.
    """
    if not _fits(parameter, prior.value):
        raise ValueError(f"the prior {prior.value!r} is not one of its values; it is {words}")


__all__: Sequence[str] = [
    "CONFIDENCES",
    "DEFAULT_CONFIDENCE",
    "Density",
    "Prior",
    "PriorDensity",
    "Priors",
    "check_prior",
    "read_priors",
]
