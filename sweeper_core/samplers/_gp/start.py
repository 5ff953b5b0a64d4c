"""The length of the initial design."""

from __future__ import annotations

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


def start_length(request: Request, encoding: Encoding) -> int:
    """Return the number of points before the first model, between ``SHORT`` and ``LONG``.

    One more than there are columns, which determine a plane: a number has one, a categorical one less than it has
    choices, and parameters under conditions count like others. What was measured: ``docs/samplers.md``.
    """
    budget = request.budget
    if budget is None:
        return LONG
    held = {encoding.space.position(name) for name in request.given if name in encoding.space}
    features = [feature for feature in encoding.axes if feature.position not in held]
    columns = sum(1 if feature.numeric else (feature.count or 2) - 1 for feature in features)
    short = min(columns + 1, budget // SHARE + 2)
    return max(SHORT, min(LONG, max(short, budget // LONG_SHARE)))
