"""Avoid duplicate points on a finite space until all its points were suggested."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sweeper_core.samplers._lattice import complete, exhausted, is_finite, is_known, lattice_of
from sweeper_core.samplers.base import Request
from sweeper_core.search_space.space import SearchSpace
from sweeper_core.trial.history import History

TRIES = 64
"""Number of neighbours of a known point that are tried before the remaining points are listed."""


def make_distinct(
    request: Request, history: History, rng: np.random.Generator, params: dict[str, Any], *, near: bool = True
) -> dict[str, Any]:
    """Return ``params``, or another point when a trial has it already and the finite space has points left.

    It costs one comparison of each column when the point is new. The given values are kept.

    Args:
        near: Prefer a neighbour of ``params`` (for algorithms that have chosen it); else draw uniformly.
    """
    space = request.space
    if not is_finite(space) or not is_known(space, history, params):
        return params
    free = [name for name in params if name not in request.given and not space[name].distribution.single()]
    if not free or exhausted(space, history):
        return params
    for attempt in range(TRIES):
        base = _neighbour(space, params, free, attempt, rng) if near else {}
        other = complete(space, {**base, **request.given}, rng)
        if not is_known(space, history, other) and space.allows(other):
            return other
    return _any_gap(request, history, rng) or params


def _neighbour(
    space: SearchSpace, params: Mapping[str, Any], free: Sequence[str], attempt: int, rng: np.random.Generator
) -> dict[str, Any]:
    """Return the values of a neighbour: one parameter moves at first, later more of them, and farther."""
    moved = dict(params)
    count = min(1 + attempt // 16, len(free))
    for place in rng.choice(len(free), size=count, replace=False):
        name = free[place]
        parameter = space[name]
        axis = parameter.distribution.axis
        if not parameter.is_numeric:
            del moved[name]  # to be drawn anew
            continue
        digit = axis.digit(parameter.distribution.to_internal_repr(params[name])) or 0
        digit += int(rng.choice((-1, 1))) * int(rng.integers(1, 2 + attempt // 4))
        digit = min(max(digit, 0), (axis.count or 1) - 1)
        moved[name] = parameter.distribution.to_external_repr(axis.nth(digit))
    return moved


def _any_gap(request: Request, history: History, rng: np.random.Generator) -> dict[str, Any] | None:
    lattice = lattice_of(request.space)
    if lattice is None:
        return None
    left = lattice.matching(request.given)
    left[lattice.visited(history)] = False
    gaps = np.flatnonzero(left)
    if len(gaps) == 0:
        return None
    code = int(lattice.point(int(rng.choice(gaps))))
    return request.space.active_only(lattice.values(code))
