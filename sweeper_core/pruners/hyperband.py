"""Hyperband: successive halving in several brackets with different lowest rungs.

L. Li et al., Hyperband: A Novel Bandit-Based Approach to Hyperparameter Optimization, JMLR 18 (2018).

Notation

====  ==============================================================================
r     min_resource, R max_resource, eta reduction_factor
B     number of brackets, 1 + floor(log_eta(R / r))
b     one bracket; its lowest rung lies at step ``r * eta ** b``
====  ==============================================================================
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from sweeper_core.pruners._shares import golden_fraction
from sweeper_core.pruners.base import GO_ON, Pruner, Verdict
from sweeper_core.pruners.successive_halving import make_halving
from sweeper_core.trial.curves import Curve, Floats, LearningCurves


class HyperbandPruner(Pruner):
    """Stop trials by successive halving among the trials of the same bracket.

    A trial's bracket is a function of its number, so all processes compute the same one without communication:
    bracket ``b`` has a part of [0, 1) in proportion to its number of trials in Hyperband, and trial ``k`` belongs to
    the part with the fractional part of ``k`` times the golden ratio. So each bracket has its share, to one or two
    trials, after any number of trials.

    Args:
        min_resource: Step of the lowest rung of all.
        max_resource: Number of steps of a complete trial; ``"auto"``: one more than the last step of the longest
            COMPLETE trial (no trial is stopped before there is one).
        reduction_factor: One trial in this many continues from a rung.
        bootstrap_count: Number of first trials that are stopped at each rung.
        min_peers, smoothing: As for :class:`~sweeper_core.pruners.SuccessiveHalvingPruner`.

    Raises:
        ValueError: An argument is out of range, or ``bootstrap_count`` is combined with ``max_resource="auto"``.
    """

    def __init__(
        self,
        min_resource: int = 1,
        max_resource: str | int = "auto",
        reduction_factor: int = 3,
        bootstrap_count: int = 0,
        *,
        min_peers: int | None = None,
        smoothing: int = 1,
    ) -> None:
        if min_resource < 1:
            raise ValueError(f"`min_resource` must be 1 or more, but got {min_resource}.")
        if max_resource != "auto" and (not isinstance(max_resource, int) or max_resource < min_resource):
            raise ValueError(
                f"`max_resource` must be an integer not below `min_resource`, or 'auto', but got {max_resource!r}."
            )
        if bootstrap_count > 0 and max_resource == "auto":
            raise ValueError("`bootstrap_count` needs a number as `max_resource`, not 'auto'.")
        self._min_resource = min_resource
        self._max_resource = max_resource
        self._halving = make_halving(reduction_factor, bootstrap_count, min_peers, smoothing)

    def is_milestone(self, number: int, curve: Curve, curves: LearningCurves) -> bool:
        whole = self._whole(curves)
        if not len(curve) or whole is None:
            return False
        shares = bracket_shares(self._min_resource, whole, self._halving.eta)
        bracket = int(brackets_of(np.array([number]), shares)[0])
        return any(self._halving.crossed(curve, self._min_resource * self._halving.eta**bracket))

    @np.errstate(all="ignore")
    def judge(self, number: int, curve: Curve, curves: LearningCurves) -> Verdict:
        whole = self._whole(curves)
        if not len(curve) or whole is None:
            return GO_ON
        shares = bracket_shares(self._min_resource, whole, self._halving.eta)
        bracket = int(brackets_of(np.array([number]), shares)[0])
        for rung, value in self._halving.crossed(curve, self._min_resource * self._halving.eta**bracket):
            at_rung = curves.reached(rung, self._halving.window)
            rivals = (at_rung.rows != number) & (brackets_of(at_rung.rows, shares) == bracket)
            verdict = self._halving.verdict(rung, value, at_rung.values[rivals], curves.sign)
            if verdict.stop:
                return Verdict(True, f"{verdict.reason} (bracket {bracket})")
        return GO_ON

    def _whole(self, curves: LearningCurves) -> int | None:
        if isinstance(self._max_resource, int):
            return self._max_resource
        return None if curves.longest is None else max(curves.longest + 1, self._min_resource)


@lru_cache(maxsize=64)
def bracket_shares(min_resource: int, max_resource: int, eta: int) -> Floats:
    """Return ``(B,)`` the upper ends of the brackets' parts of [0, 1).

    Bracket ``b`` starts ``ceil(B * eta**s / (s + 1))`` trials, ``s = B - 1 - b`` (algorithm 1 of the paper).
    """
    count = 1
    while min_resource * eta**count <= max_resource:
        count += 1
    trials = np.array([math.ceil(count * eta**s / (s + 1)) for s in reversed(range(count))], float)
    shares = np.asarray(np.cumsum(trials) / trials.sum())
    shares.flags.writeable = False  # it is shared
    return shares


def brackets_of(numbers: npt.NDArray[np.int64], shares: Floats) -> npt.NDArray[np.int64]:
    """Return the bracket ``(n,)`` of each trial number ``(n,)``."""
    return np.minimum(np.searchsorted(shares, golden_fraction(numbers), side="right"), len(shares) - 1)
