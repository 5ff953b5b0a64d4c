"""Crossovers and mutations of genetic algorithms, on coordinates in which every parameter spans its bounds.

Notation

=============  ===================================================================================
p              number of parents
d              number of numerical parameters
parents        ``(p, d)``
bounds         ``(d, 2)``, lower and upper ends; the samplers here hand over the unit cube
=============  ===================================================================================

A child may leave the bounds; the sampler repairs it. Operators may only use ``directions`` of the argument
``study``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import numpy.typing as npt

from sweeper_core.trial.study_like import HasDirections

Floats = npt.NDArray[np.float64]

SMALLEST = 1e-10
"""Keeps quotients finite where parents are equal."""


class BaseCrossover(ABC):
    """Makes one child of several parents' numerical parameters (choices are always exchanged uniformly)."""

    def __str__(self) -> str:
        return type(self).__name__

    @property
    @abstractmethod
    def n_parents(self) -> int:
        """How many parents a child has."""

    @abstractmethod
    def crossover(
        self, parents_params: Floats, rng: np.random.RandomState, study: HasDirections, search_space_bounds: Floats
    ) -> Floats:
        """Return a child ``(d,)`` of the parents ``(n_parents, d)``.

        Args:
            parents_params: Coordinates of the parents, the first and the last being those that win exchanges.
            rng: Source of all randomness.
            study: Its ``directions`` tell how many objectives there are.
            search_space_bounds: ``(d, 2)``.
        """


class BaseMutation(ABC):
    """Changes one numerical parameter of a child."""

    def __str__(self) -> str:
        return type(self).__name__

    @abstractmethod
    def mutation(
        self, param: float, rng: np.random.RandomState, study: HasDirections, search_space_bounds: Floats
    ) -> float:
        """Return the changed coordinate of one parameter; bounds ``(2,)``, which the sampler enforces."""


class UniformCrossover(BaseCrossover):
    """Each parameter comes from either parent (Syswerda 1989).

    Args:
        swapping_prob: Probability of taking a parameter from the second parent.
    """

    n_parents = 2

    def __init__(self, swapping_prob: float = 0.5) -> None:
        self._swapping_prob = _probability("swapping_prob", swapping_prob)

    def crossover(
        self, parents_params: Floats, rng: np.random.RandomState, study: HasDirections, search_space_bounds: Floats
    ) -> Floats:
        second = rng.rand(parents_params.shape[1]) < self._swapping_prob
        return np.asarray(np.where(second, parents_params[1], parents_params[0]))


class BLXAlphaCrossover(BaseCrossover):
    """Uniform in the parents' bounding box, widened on each side (Eshelman, Schaffer 1993).

    Args:
        alpha: By how much of its width the box is widened.
    """

    n_parents = 2

    def __init__(self, alpha: float = 0.5) -> None:
        self._alpha = alpha

    def crossover(
        self, parents_params: Floats, rng: np.random.RandomState, study: HasDirections, search_space_bounds: Floats
    ) -> Floats:
        low, high = parents_params.min(axis=0), parents_params.max(axis=0)
        margin = self._alpha * (high - low)
        return np.asarray(low - margin + (high - low + 2 * margin) * rng.rand(len(low)))


class SPXCrossover(BaseCrossover):
    """Uniform in the parents' simplex, enlarged about its centre (Tsutsui, Yamamura, Higuchi 1999).

    Args:
        epsilon: Factor of enlargement; None for ``sqrt(d + 2)``, which keeps the population's variance when the
            simplex has ``d + 1`` corners.
    """

    n_parents = 3

    def __init__(self, epsilon: float | None = None) -> None:
        self._epsilon = epsilon

    def crossover(
        self, parents_params: Floats, rng: np.random.RandomState, study: HasDirections, search_space_bounds: Floats
    ) -> Floats:
        centre = parents_params.mean(axis=0)
        epsilon = np.sqrt(parents_params.shape[1] + 2) if self._epsilon is None else self._epsilon
        corners = centre + epsilon * (parents_params - centre)
        offset = np.zeros_like(centre)
        for k in range(1, len(corners)):
            offset = rng.rand() ** (1.0 / k) * (corners[k - 1] - corners[k] + offset)
        return np.asarray(corners[-1] + offset)


class UNDXCrossover(BaseCrossover):
    """Normal along the line of two parents, and across it as far as the third one lies (Kita, Ono, Kobayashi 1999).

    Args:
        sigma_xi: Spread along the line, in units of the parents' distance.
        sigma_eta: Spread across, in units of the third parent's distance from the line; None for
            ``0.35 / sqrt(d)``.
    """

    n_parents = 3

    def __init__(self, sigma_xi: float = 0.5, sigma_eta: float | None = None) -> None:
        self._sigma_xi = sigma_xi
        self._sigma_eta = sigma_eta

    def crossover(
        self, parents_params: Floats, rng: np.random.RandomState, study: HasDirections, search_space_bounds: Floats
    ) -> Floats:
        first, second, third = parents_params
        d = len(first)
        line = second - first
        direction = line / max(float(np.linalg.norm(line)), SMALLEST)
        sigma_eta = 0.35 / np.sqrt(d) if self._sigma_eta is None else self._sigma_eta
        # An isotropic normal vector without its part along the line is normal in the space across it.
        across = rng.normal(0.0, sigma_eta, size=d)
        across -= (across @ direction) * direction
        reach = third - first
        distance = np.linalg.norm(reach - (reach @ direction) * direction)
        child = (first + second) / 2 + rng.normal(0.0, self._sigma_xi) * line
        return np.asarray(child + distance * across)


class _TwoChildrenCrossover(BaseCrossover):
    """Base of the two forms of simulated binary crossover: one child is selected from two."""

    n_parents = 2

    def __init__(
        self, eta: float | None = None, uniform_crossover_prob: float = 0.5, use_child_gene_prob: float = 0.5
    ) -> None:
        if eta is not None and eta < 0.0:
            raise ValueError(f"The value of `eta` must be greater than or equal to 0.0, but it is {eta}.")
        if not 0.0 < use_child_gene_prob <= 1.0:
            raise ValueError(f"`use_child_gene_prob` must be in the range (0.0, 1.0], but it is {use_child_gene_prob}.")
        self._eta = eta
        self._uniform_crossover_prob = _probability("uniform_crossover_prob", uniform_crossover_prob)
        self._use_child_gene_prob = use_child_gene_prob

    def crossover(
        self, parents_params: Floats, rng: np.random.RandomState, study: HasDirections, search_space_bounds: Floats
    ) -> Floats:
        eta = self._eta if self._eta is not None else 20.0 if len(study.directions) > 1 else 2.0
        children = self._children(parents_params, eta, rng, search_space_bounds)
        d = parents_params.shape[1]
        genes = np.where(rng.rand(d) < self._use_child_gene_prob, children, parents_params)
        other = rng.rand(d) < self._uniform_crossover_prob
        which = rng.rand() < 0.5
        return np.asarray(np.where(other ^ which, genes[1], genes[0]))

    def _children(self, parents: Floats, eta: float, rng: np.random.RandomState, bounds: Floats) -> Floats:
        """Return two children ``(2, d)``."""
        raise NotImplementedError


class SBXCrossover(_TwoChildrenCrossover):
    """Simulated binary crossover within bounds (Deb, Agrawal 1995; bounded form of Deb's NSGA-II program).

    Args:
        eta: Distribution index: the larger, the nearer the parents. None for 2 with one objective and 20
            with several.
        uniform_crossover_prob: Probability, by parameter, of taking it from the other one of the two children.
        use_child_gene_prob: Probability, by parameter, of taking a child's value instead of a parent's.
    """

    def _children(self, parents: Floats, eta: float, rng: np.random.RandomState, bounds: Floats) -> Floats:
        low, high = parents.min(axis=0), parents.max(axis=0)
        gap = np.maximum(high - low, SMALLEST)
        u = rng.rand(len(low))
        below = _spread(u, 1 + 2 * (low - bounds[:, 0]) / gap, eta)
        above = _spread(u, 1 + 2 * (bounds[:, 1] - high) / gap, eta)
        return np.stack([0.5 * (low + high - below * gap), 0.5 * (low + high + above * gap)])


class VSBXCrossover(_TwoChildrenCrossover):
    """Simulated binary crossover that leaves out no region of the space (Ballester, Carter 2003, section 3.2).

    Args:
        eta: Distribution index: the larger, the nearer the parents. None for 2 with one objective and 20
            with several.
        uniform_crossover_prob: Probability, by parameter, of taking it from the other one of the two children.
        use_child_gene_prob: Probability, by parameter, of taking a child's value instead of a parent's.
    """

    def _children(self, parents: Floats, eta: float, rng: np.random.RandomState, bounds: Floats) -> Floats:
        first, second = parents
        u = rng.rand(len(first))
        power = 1.0 / (eta + 1.0)
        near = (1.0 / np.maximum(2.0 * u, SMALLEST)) ** power
        far = (1.0 / np.maximum(2.0 * (1.0 - u), SMALLEST)) ** power
        if rng.rand() <= 0.5:
            one = 0.5 * ((1 + near) * first + (1 - far) * second)
        else:
            one = 0.5 * ((1 - near) * first + (1 + far) * second)
        if rng.rand() <= 0.5:
            two = 0.5 * ((3 - near) * first - (1 - far) * second)
        else:
            two = 0.5 * (-(1 - near) * first + (3 - far) * second)
        return np.stack([one, two])


def _spread(u: Floats, beta: Floats, eta: float) -> Floats:
    """Return the spread factor of SBX for quantiles ``u``, cut off where a child would pass ``beta`` (the bound)."""
    alpha = 2.0 - beta ** -(eta + 1.0)
    power = 1.0 / (eta + 1.0)
    return np.where(u <= 1.0 / alpha, (u * alpha) ** power, (1.0 / (2.0 - u * alpha)) ** power)


class PolynomialMutation(BaseMutation):
    """Polynomial mutation within bounds (Deb et al. 2002; the form of Deb's NSGA-II program).

    Args:
        eta: Distribution index: the larger, the smaller the step.
    """

    def __init__(self, eta: float = 20.0) -> None:
        if eta < 0:
            raise ValueError(f"`eta` must be a non-negative float value, but it is {eta}.")
        self._eta = eta

    def mutation(
        self, param: float, rng: np.random.RandomState, study: HasDirections, search_space_bounds: Floats
    ) -> float:
        low, high = search_space_bounds
        u, width, power = rng.rand(), float(high - low), self._eta + 1.0
        if width <= 0.0:
            return param
        if u <= 0.5:
            free = (high - param) / width
            return float(param + width * ((2 * u + (1 - 2 * u) * free**power) ** (1 / power) - 1))
        free = (param - low) / width
        return float(param + width * (1 - (2 * (1 - u) + (2 * u - 1) * free**power) ** (1 / power)))


class UniformMutation(BaseMutation):
    """A new value, uniform between the bounds."""

    def mutation(
        self, param: float, rng: np.random.RandomState, study: HasDirections, search_space_bounds: Floats
    ) -> float:
        low, high = search_space_bounds
        return float(low + (high - low) * rng.rand())


class OwnMutation(PolynomialMutation):
    """The samplers' default: polynomial steps; every tenth one is a uniform draw, which finds other basins."""

    def mutation(
        self, param: float, rng: np.random.RandomState, study: HasDirections, search_space_bounds: Floats
    ) -> float:
        if rng.rand() < 0.1:
            return float(rng.uniform(*search_space_bounds))
        return super().mutation(param, rng, study, search_space_bounds)


def own_crossover() -> BaseCrossover:
    """Return the samplers' default, the best of the crossovers here over rotated, multimodal and separable tasks."""
    return SBXCrossover(eta=15.0, uniform_crossover_prob=0.1, use_child_gene_prob=1.0)


def _probability(name: str, value: float) -> float:
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"`{name}` must be in the range [0.0, 1.0], but it is {value}.")
    return float(value)
