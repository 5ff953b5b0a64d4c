"""The initial design: its length, its first point, and what its points may cost."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sweeper_core.samplers._gp.economy import ExpectedCost
from sweeper_core.samplers._gp.space import Encoding
from sweeper_core.samplers.base import Request

LONG = 10
"""Points before the first model where the budget is unknown, or large."""
SHORT = 3
"""Minimum number of points before the first model."""
SHARE = 4
"""A short study spends no more than a quarter of its trials on the start, and two."""
LONG_SHARE = 10
"""Share of a long study spent on the start, which guards against a wrong first model."""
FEW = LONG * LONG_SHARE
"""Fewer trials do not pay for a start of ``LONG`` points, nor for a search that waits until it stands still."""

CHEAP = 0.5
"""Share of the draws, the cheaper ones, of which a point of the start is taken once costs are known."""

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def cheaper(draws: Floats, Z: Floats, cost: ExpectedCost | None) -> Floats:
    """Return the draws ``(q, d)`` that the start may use: the cheaper ones, as far as the budget is not spent.

    Lee and others (2020) choose a design as wide and as cheap as can be had: of the points that are left, the most
    expensive and the closest ones are removed in turn. Here the start is drawn point by point: the farthest one of the
    cheaper draws.

    Args:
        Z: ``(q, p)`` the draws, embedded.
        cost: None where costs are not heeded, or equal.
    """
    if cost is None:
        return draws
    count = max(1, round(CHEAP * len(draws)))
    return draws[np.sort(np.argsort(cost.log_cost(Z), kind="stable")[:count])]


def start_length(request: Request, encoding: Encoding, priced: bool = False) -> int:
    """Return the number of points before the first model, between ``SHORT`` and ``LONG``.

    One more than there are columns, which determine a plane: a number has one, a categorical one less than it has
    choices, and parameters under conditions count like others. What was measured: ``docs/samplers.md``.

    Args:
        priced: Whether costs are heeded, so that a limit on them limits the number of trials, too.
    """
    budget = _trials(request, priced)
    if budget is None:
        return LONG
    held = {encoding.space.position(name) for name in request.given if name in encoding.space}
    features = [feature for feature in encoding.axes if feature.position not in held]
    columns = sum(1 if feature.numeric else (feature.count or 2) - 1 for feature in features)
    short = min(columns + 1, budget // SHARE + 2)
    return max(SHORT, min(LONG, max(short, budget // LONG_SHARE)))


def is_short(request: Request, priced: bool = False) -> bool:
    """Return whether a study is known to have fewer trials than pay for a start of ``LONG`` points."""
    budget = _trials(request, priced)
    return budget is not None and budget < FEW


def _trials(request: Request, priced: bool) -> int | None:
    affordable = request.economy.trials if priced and request.economy is not None else None
    return min((count for count in (request.budget, affordable) if count is not None), default=None)


def middle(encoding: Encoding, rng: np.random.Generator) -> Floats:
    """Return a point ``(1, d)`` with all numbers in the middle of their scales, and choices drawn.

    It is nearer to an optimum anywhere in the space than other points are: in many dimensions, at about half of their
    mean squared distance.
    """
    unit = rng.random((1, len(encoding.space)))
    unit[:, [axis.position for axis in encoding.axes if axis.numeric]] = 0.5
    return encoding.snap(unit)


def centred(encoding: Encoding, draws: Floats, unit: Floats, active: Flags) -> Floats:
    """Return the draws ``(q, d)`` with all numbers in the middle that no point of their branch has: its first ones.

    A parameter that several choices share begins there with each of them.

    Args:
        unit, active: ``(n, d)`` the points so far, and which parameters they have.
    """
    for axis in encoding.axes:
        if axis.numeric:
            place, choices = axis.position, encoding.choices_above(axis)
            tried = unit[active[:, place]][:, choices]
            again = np.any(np.all(np.isclose(draws[:, None, choices], tried[None]), axis=2), axis=1)
            draws[~again, place] = 0.5
    return encoding.snap(draws)
