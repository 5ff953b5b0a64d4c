"""The points of trials that run at this moment: no two of them should be the same.

Between the reservation of a trial and the moment when its parameters are stored lies the sampler's work, and
meanwhile the other trials are RUNNING without parameters for everybody else.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from sweeper_core.samplers.base import Request
from sweeper_core.search_space.space import SearchSpace
from sweeper_core.study._session.log import TrialLog

SAME = 1e-6
"""Distance on the unit interval, in every parameter, below which two points count as one: below what matters to an
objective, and above the differences between optima that two processes find from the same data."""


class Rivals:
    """Knows the points of the study's running trials, and those that this process has chosen lately. Thread-safe.

    Args:
        log: The study's trials.
    """

    def __init__(self, log: TrialLog) -> None:
        self._log = log
        self._lock = threading.Lock()
        self._chosen: dict[int, Mapping[str, Any]] = {}

    def claim(self, request: Request, params: Mapping[str, Any]) -> bool:
        """Take a point for a trial, unless another running trial has it already; return whether it is taken."""
        number = request.number
        with self._lock:
            if self._chosen or len(self._log.statistics.running) > 1:
                others = self._others(number)
                if others and self._is_whole(request.space) and _has(request.space, others, params):
                    return False
            self._chosen[number] = params
            return True

    def _others(self, number: int) -> list[Mapping[str, Any]]:
        """Return the points of the other running trials."""
        for other in [*self._chosen]:
            stored = self._log.get(other)
            if stored is not None and stored.state.is_finished():
                del self._chosen[other]
        running = {other: record.params for other, record in self._log.running().items() if record.internals}
        return [point for other, point in {**running, **self._chosen}.items() if other != number]

    def _is_whole(self, space: SearchSpace) -> bool:
        """Return whether a trial is known to have no parameters but those of the space."""
        return all(name in space for name in self._log.statistics.kinds)

    def forget(self, number: int) -> None:
        """Forget the point of a trial that ends."""
        self._chosen.pop(number, None)


def _has(space: SearchSpace, others: list[Mapping[str, Any]], params: Mapping[str, Any]) -> bool:
    own = _unit(space, params)
    return any(np.allclose(_unit(space, other), own, rtol=0.0, atol=SAME, equal_nan=True) for other in others)


def _unit(space: SearchSpace, params: Mapping[str, Any]) -> npt.NDArray[np.float64]:
    """Return unit-cube coordinates ``(d,)``; NaN for a parameter that is not there or has another kind of value."""
    raw = np.full((1, len(space)), np.nan)
    for position, parameter in enumerate(space):
        if parameter.name in params:
            try:
                raw[0, position] = parameter.distribution.to_internal_repr(params[parameter.name])
            except ValueError:
                continue
    unit: npt.NDArray[np.float64] = space.to_unit(raw)[0]
    return unit
