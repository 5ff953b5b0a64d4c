"""Keep the points of trials that are asked for at the same moment apart.

Next to a converged optimum a Gaussian process expects the most from the same spot again, whatever runs beside it: of
several points that nobody has a result of yet, the later ones are moved away from the earlier ones. How far, depends on
how finely the results so far resolve the space: of many processes, all but one would otherwise stay that far from the
optimum for good.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from sweeper_core.samplers.base import Request, Suggestion
from sweeper_core.search_space.space import SearchSpace

Floats = npt.NDArray[np.float64]

APART = 0.01
"""Minimum distance on the unit interval, in at least one parameter, of points asked for at the same moment."""

COARSE = 40
"""Number of completed trials from which on the distance falls with the square of their number."""

MAX_MOVES = 32
"""Maximum number of moves that are tried; the last ones lead farther away."""


def unit_of(space: SearchSpace, params: Mapping[str, Any]) -> Floats:
    """Return the unit-cube coordinates ``(d,)`` of a point; see :func:`units_of`."""
    unit: Floats = units_of(space, [params])[0]
    return unit


def units_of(space: SearchSpace, points: Iterable[Mapping[str, Any]]) -> Floats:
    """Return unit-cube coordinates ``(m, d)``; NaN for a parameter that is not there or has another kind of value."""
    raw = np.array([_raw(space, params) for params in points]).reshape(-1, len(space))
    unit: Floats = space.to_unit(raw)
    return unit


def _raw(space: SearchSpace, params: Mapping[str, Any]) -> list[float]:
    raw = [np.nan] * len(space)
    for position, parameter in enumerate(space):
        if parameter.name in params:
            with suppress(ValueError):
                raw[position] = parameter.distribution.to_internal_repr(params[parameter.name])
    return raw


def distance_after(completed: int) -> float:
    """Return the minimum distance of points asked for at the same moment, after so many completed trials."""
    return APART * min(1.0, COARSE / max(completed, 1)) ** 2


def moved_apart(
    request: Request,
    suggestion: Suggestion,
    others: Iterable[Mapping[str, Any]],
    rng: np.random.Generator,
    distance: float = APART,
) -> Suggestion:
    """Return the suggestion, moved in its continuous parameters where it is closer than ``distance`` to another point.

    The values given in advance are kept, and a point of a space with relations stays allowed.
    """
    space = request.space
    free = [
        position
        for position, parameter in enumerate(space)
        if parameter.distribution.cardinality is None
        and parameter.name in suggestion.params
        and parameter.name not in request.given
    ]
    there = units_of(space, others)
    unit = unit_of(space, suggestion.params)
    if not free or not _close(unit, there, distance):
        return suggestion
    for attempt in range(MAX_MOVES):
        moved = unit.copy()
        moved[free] = _stepped(unit[free], distance * (1.05 + attempt / 8), rng)
        if not _close(moved, there, distance):
            params = {**suggestion.params, **_values(space, moved, free)}
            if space.allows(params) and space.active_only(params).keys() == params.keys():
                return replace(suggestion, params=params)
    return suggestion


def _close(unit: Floats, there: Floats, distance: float) -> bool:
    near = (np.abs(there - unit) < distance) | (np.isnan(there) & np.isnan(unit))
    return bool(np.any(np.all(near, axis=1)))


def _stepped(unit: Floats, length: float, rng: np.random.Generator) -> Floats:
    """Return a point whose largest coordinate difference from ``unit`` ``(k,)`` is ``length``, inside the cube."""
    step = rng.uniform(-1.0, 1.0, len(unit))
    step *= length / max(float(np.max(np.abs(step))), 1e-12)
    moved = unit + step
    return np.asarray(np.where((moved < 0.0) | (moved > 1.0), unit - step, moved))


def _values(space: SearchSpace, unit: Floats, free: list[int]) -> dict[str, Any]:
    raw = space.from_unit(unit[None])[0]
    names = space.names
    return {names[place]: space[names[place]].distribution.to_external_repr(float(raw[place])) for place in free}
