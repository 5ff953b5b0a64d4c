"""A run of CMA-ES over the trials of a study: replayed from the history, restarted when it has converged.

The state is a function of the finished trials that the sampler suggested, in the order of their numbers, one
population at a time. A trial that ends late is inserted in its place, and the run is replayed from there.

Notation

========  ==============================================================================================
d         number of dimensions: parameters that are numbers or ordered choices, with two values at least
c         number of unordered choices, with two values at least
n         population size
========  ==============================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from sweeper_core._described import described
from sweeper_core.maths import cma
from sweeper_core.samplers._bounds import inside
from sweeper_core.search_space.axes import Axis
from sweeper_core.search_space.space import SearchSpace

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Allowed = Callable[[Floats, Integers], bool]

TRIES = (3, 6)
"""Number of draws to find a point within the bounds; after them one is reflected there. Reflected points do not
follow the distribution, so they should be few."""

PROPOSALS = 8
"""Maximum number of draws to find a point that is likely to survive, where trials have failed."""

MAX_RESAMPLED = 100
"""Number of redraws of a point that breaks a relation of the space."""

NEIGHBOURS = 5
"""Number of nearest trials from which a point's survival probability is estimated."""

ANOTHER_CHOICE = 4.0
"""Squared distance, in standard deviations, of two values of a choice: as far apart as two points of two dimensions
that were drawn independently."""


@dataclass(frozen=True)
class Dimensions:
    """The layout of a space's parameters for CMA-ES.

    Attributes:
        numbers, choices: Columns of the space that are dimensions, and that are unordered choices.
        axes: The axes of the dimensions.
        counts: Number of values of each choice.
        discrete: ``(d,)`` which dimensions have countably many values.
    """

    numbers: tuple[int, ...]
    choices: tuple[int, ...]
    axes: tuple[Axis, ...]
    counts: tuple[int, ...]
    discrete: npt.NDArray[np.bool_]

    def cells(self, units: Floats) -> tuple[Floats, Floats]:
        """Return the intervals ``(k, d)`` around coordinates ``(k, d)`` that stand for the same values."""
        low, high = np.full(units.shape, -np.inf), np.full(units.shape, np.inf)
        for j in np.flatnonzero(self.discrete):
            low[:, j], high[:, j] = self.axes[j].cells(units[:, j])
        return low, high


@lru_cache(maxsize=64)
def dimensions_of(space: SearchSpace) -> Dimensions:
    """Return the layout of a space."""
    axes = space.axes.axes
    several = [column for column, axis in enumerate(axes) if not axis.is_single]
    numbers = tuple(column for column in several if space.parameters[column].is_numeric)
    choices = tuple(column for column in several if not space.parameters[column].is_numeric)
    return Dimensions(
        numbers,
        choices,
        tuple(axes[column] for column in numbers),
        tuple(axes[column].count or 0 for column in choices),
        np.array([axes[column].count is not None for column in numbers], dtype=bool),
    )


@dataclass(frozen=True)
class Config:
    """Configuration of a run of CMA-ES; see :class:`sweeper_core.samplers.CmaEsSampler`.

    Attributes:
        mean: ``(d,)`` the initial mean.
        sigma, cov: Parameters of the initial distribution; ``cov`` None for the identity.
        popsize: None for the default of the dimension.
        restart: None, "ipop" or "bipop".
        growth: Factor of the population at each (large) restart.
    """

    mean: Floats
    sigma: float
    cov: Floats | None
    popsize: int | None
    restart: str | None
    growth: int
    separable: bool
    margin: bool
    lr_adapt: bool

    def constants(self, dim: int, popsize: int) -> cma.Strategy:
        """Return the constants for a population size."""
        return cma.strategy(max(dim, 1), popsize, self.separable, self.lr_adapt)


@dataclass(frozen=True)
class Run:
    """The state after some updates.

    Attributes:
        used: Number of trials processed; updates: number of populations.
        popsize: Of the current descent.
        bests: Best values of the recent generations of the current descent.
        restarts: Number of descents with a grown population; spent: trials of large and small descents.
        small: Whether the current descent is one of the small ones of BIPOP.
    """

    gaussian: cma.Gaussian
    choices: cma.Choices | None
    popsize: int
    used: int = 0
    updates: int = 0
    bests: tuple[float, ...] = ()
    restarts: int = 0
    spent: tuple[int, int] = (0, 0)
    small: bool = False


def begin(dims: Dimensions, config: Config) -> Run:
    """Return the state before the first update."""
    size = config.popsize or cma.default_popsize(len(dims.numbers) + len(dims.choices))
    choices = cma.start_choices(dims.counts) if dims.counts else None
    return Run(_corrected(dims, config, cma.start(config.mean, config.sigma, config.cov)), choices, max(size, 4))


def advance(
    dims: Dimensions, config: Config, run: Run, units: Floats, chosen: Integers, keys: Floats, values: Floats
) -> Run:
    """Return the state after one population.

    Args:
        dims, config, run: The layout, the configuration, the state before.
        units: ``(n, d)`` coordinates of the evaluated points, NaN where unknown.
        chosen: ``(n, c)`` values of the choices, -1 where unknown.
        keys: ``(n, k)`` sort keys of the points, the last column first.
        values: ``(n,)`` objective values; infinite for failures.
    """
    order = np.lexsort(keys.T)
    if not np.any(np.isfinite(values)):
        return replace(run, used=run.used + run.popsize, updates=run.updates + 1)
    constants = config.constants(len(dims.numbers), run.popsize)
    gaussian, choices = run.gaussian, run.choices
    if dims.numbers:
        points = _coordinates(dims, gaussian, units, run.used)
        gaussian = _corrected(dims, config, cma.update(constants, gaussian, points[order]))
    if choices is not None:
        best = order[: constants.mu]
        choices = cma.update_choices(choices, chosen[best], constants.weights[: constants.mu])
    bests = (*run.bests, float(np.min(values)))[-cma.patience(constants) :]
    spent = (run.spent[0], run.spent[1] + run.popsize) if run.small else (run.spent[0] + run.popsize, run.spent[1])
    run = replace(
        run,
        gaussian=gaussian,
        choices=choices,
        used=run.used + run.popsize,
        updates=run.updates + 1,
        bests=bests,
        spent=spent,
    )
    return _restarted(dims, config, run, constants) if config.restart is not None else run


@dataclass(frozen=True)
class Outcomes:
    """Points of failed and of successful trials.

    Attributes:
        units: ``(n, d)`` coordinates, NaN where unknown.
        chosen: ``(n, c)`` values of the choices, -1 where unknown.
        failed: ``(n,)``.
    """

    units: Floats
    chosen: Integers
    failed: npt.NDArray[np.bool_]

    def survival(self, state: cma.Gaussian, unit: Floats, chosen: Integers) -> float:
        """Return the survival probability of a point: the share of survivors among its nearest neighbours.

        Distances are Mahalanobis distances of the search distribution.
        """
        known = np.where(np.isnan(self.units), unit, self.units)
        far = ((state.standardised(known) - state.standardised(unit[None])) ** 2).sum(axis=1)
        far += ANOTHER_CHOICE * (self.chosen != chosen).sum(axis=1)
        nearest = np.argsort(far, kind="stable")[:NEIGHBOURS]
        return float(np.count_nonzero(~self.failed[nearest]) + 0.5) / (len(nearest) + 0.5)


def draw(
    dims: Dimensions,
    run: Run,
    siblings: Floats,
    rng: np.random.Generator,
    outcomes: Outcomes | None = None,
    allowed: Allowed | None = None,
) -> tuple[Floats, Integers]:
    """Return coordinates ``(d,)`` in the unit cube, and values of the choices ``(c,)``.

    Where trials have failed, a point is accepted with its survival probability, else another one is drawn:
    a soft truncation of the distribution, beside the hard one at the bounds.

    Args:
        dims, run: The layout and the state.
        siblings: ``(k, d)`` coordinates drawn from this state before.
        rng: Source of all randomness.
        outcomes: Where trials failed; None when none has.
        allowed: Whether a point satisfies the relations of the space; None when there are none.
    """
    best, most = _draw_allowed(dims, run, siblings, rng, allowed), -1.0
    if outcomes is None:
        return best
    point = best
    for _ in range(PROPOSALS):
        chance = outcomes.survival(run.gaussian, *point)
        if rng.random() < chance:
            return point
        if chance > most:
            best, most = point, chance
        point = _draw_allowed(dims, run, siblings, rng, allowed)
    return best


def _draw_allowed(
    dims: Dimensions, run: Run, siblings: Floats, rng: np.random.Generator, allowed: Allowed | None
) -> tuple[Floats, Integers]:
    """Return a point of the distribution truncated to the allowed part, if one of many draws lies in it."""
    point = _draw_one(dims, run, siblings, rng)
    for _ in range(MAX_RESAMPLED if allowed is not None else 0):
        assert allowed is not None
        if allowed(*point):
            break
        point = _draw_one(dims, run, siblings, rng)
    return point


def _draw_one(dims: Dimensions, run: Run, siblings: Floats, rng: np.random.Generator) -> tuple[Floats, Integers]:
    d = len(dims.numbers)
    unit = np.empty(0)
    if d:
        point = _point_within(dims, run, siblings, rng)
        unit = np.where(dims.discrete, np.clip(point, 0.0, 1.0), inside(point, run.gaussian.mean))
    chosen = np.empty(0, np.int64) if run.choices is None else run.choices.sample(rng.random(len(dims.choices)))
    return unit, chosen


def _point_within(dims: Dimensions, run: Run, siblings: Floats, rng: np.random.Generator) -> Floats:
    """Return a point ``(d,)`` within the bounds if one of some draws is."""
    for tries in TRIES:
        normal = rng.standard_normal((tries, len(dims.numbers)))
        points = run.gaussian.sample(orthogonal(normal, run.gaussian.standardised(siblings)))
        within = np.all(dims.discrete | ((points >= 0.0) & (points <= 1.0)), axis=1)
        if within.any():
            break
    return np.asarray(points[int(np.argmax(within))])


def orthogonal(normal: Floats, others: Floats) -> Floats:
    """Return normal vectors ``(t, d)`` turned at right angles to ``others`` ``(k, d)``, their lengths kept.

    Each vector still has the normal distribution, but the population covers the space more evenly
    (Wang, Emmerich, Bäck 2014, "Mirrored orthogonal sampling"). After d vectors a new set of axes begins.
    """
    d = normal.shape[1]
    others = others[len(others) - len(others) % d :]
    if len(others) == 0:
        return normal
    axes = np.linalg.qr(others.T)[0]
    turned = normal - (normal @ axes) @ axes.T
    lengths = np.linalg.norm(normal, axis=1) / np.maximum(np.linalg.norm(turned, axis=1), 1e-12)
    return np.asarray(turned * lengths[:, None])


def _coordinates(dims: Dimensions, state: cma.Gaussian, units: Floats, seed: int) -> Floats:
    """Return the coordinates behind evaluated values.

    Continuous coordinates do not change; a discrete value becomes the median of the distribution within its cell
    (steadier than a draw from it); a missing value becomes a draw from the distribution.
    """
    unknown = np.isnan(units)
    vague = unknown | dims.discrete
    if not vague.any():
        return units
    low, high = dims.cells(np.where(unknown, 0.5, units))
    low[unknown], high[unknown] = -np.inf, np.inf
    quantile = np.where(dims.discrete & ~unknown, 0.5, np.random.default_rng(seed).random(units.shape))
    return np.where(vague, cma.within_cells(state, low, high, np.clip(quantile, 1e-9, 1 - 1e-9)), units)


def _corrected(dims: Dimensions, config: Config, state: cma.Gaussian) -> cma.Gaussian:
    """Return the distribution with its mean within the bounds, and with margins where they are configured."""
    state = replace(state, mean=np.where(dims.discrete, state.mean, np.clip(state.mean, 0.0, 1.0)))
    if not config.margin or not dims.discrete.any():
        return state
    low, high = dims.cells(state.mean[None, :])
    dimensions = len(dims.numbers) + len(dims.choices)
    margin = 1 / (dimensions * cma.default_popsize(dimensions))  # Hamano et al. 2022, section 4.3
    return cma.with_margin(state, low[0], high[0], margin)


def _restarted(dims: Dimensions, config: Config, run: Run, constants: cma.Strategy) -> Run:
    """Restart elsewhere when the current descent has converged (Auger, Hansen 2005; Hansen 2009)."""
    recent = run.bests if len(run.bests) == cma.patience(constants) else ()
    if not dims.numbers or not cma.has_converged(run.gaussian, 1e-12 * config.sigma, np.array(recent)):
        return run
    rng = np.random.default_rng([run.used, run.updates])
    mean = rng.random(len(dims.numbers))
    first = begin(dims, config).popsize
    small = config.restart == "bipop" and run.restarts > 0 and run.spent[1] < run.spent[0]
    restarts = run.restarts + (not small)
    large = first * config.growth**restarts
    popsize, sigma = large, config.sigma
    if small:
        popsize = max(int(first * (0.5 * large / first) ** (rng.random() ** 2)), first)
        sigma = config.sigma * 10 ** (-2 * rng.random())
    fresh = begin(dims, replace(config, mean=mean, sigma=sigma, cov=None))
    return replace(
        run,
        gaussian=fresh.gaussian,
        choices=fresh.choices,
        popsize=popsize,
        bests=(),
        restarts=restarts,
        small=small,
    )


def first_mean(dims: Dimensions, x0: Mapping[str, Any] | None, space: SearchSpace) -> Floats:
    """Return ``(d,)`` the coordinates of a user's starting point, the middle for missing parameters.

    Raises:
        ValueError: A value is outside its parameter's bounds.
    """
    mean = np.full(len(dims.numbers), 0.5)
    for place, (column, axis) in enumerate(zip(dims.numbers, dims.axes, strict=True)):
        name, distribution = space.names[column], space.parameters[column].distribution
        if x0 is not None and name in x0:
            unit = axis.unit(distribution.to_internal_repr(x0[name]))
            if unit != unit:
                raise ValueError(f"`x0` has {name}={x0[name]!r}, which is outside {described(distribution)}.")
            mean[place] = unit
    return mean
