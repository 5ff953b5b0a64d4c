"""Exhaustive search, also of define-by-run spaces."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sweeper_core._described import described
from sweeper_core.distributions import BaseDistribution
from sweeper_core.samplers._lattice import code_in_column, complete, exhausted, lattice_of, n_undecided
from sweeper_core.samplers.base import Request, Sampler, Suggestion
from sweeper_core.samplers.optuna_face import OptunaFace
from sweeper_core.search_space.space import SearchSpace
from sweeper_core.trial.history import History
from sweeper_core.trial.state import TrialState

Integers = npt.NDArray[np.int64]


class BruteForceSampler(OptunaFace):
    """Suggests every point of a finite space once, in random order; then the study stops.

    The space may be defined by run: where objectives suggest one parameter after the other, and different ones in
    different branches, a tree of all suggestions so far shows which values are left. Once all points have been
    tried, points repeat.

    Args:
        seed: The generator of trial ``k`` derives from ``(seed, k)``; None draws a seed at random.
        avoid_premature_stop: Suggest values again that only running trials have; otherwise these count as tried,
            and the search may end although such a trial fails or enters new branches.

    Raises:
        ValueError: A parameter has no finite list of values (raised by :meth:`suggest`).
    """

    ends = True

    def __init__(self, seed: int | None = None, avoid_premature_stop: bool = False) -> None:
        super().__init__(seed)
        self.avoid_premature_stop = avoid_premature_stop

    def suggest(self, request: Request, history: History, rng: np.random.Generator) -> Suggestion:
        space = request.space
        for parameter in space:
            _check_finite(parameter.name, parameter.distribution)
        if _knows_all(space, history):
            return Suggestion(self._listed(request, history, rng), "bruteforce", if_known="draw")
        return Suggestion(self._grown(request, history, rng), "bruteforce", if_known="keep")

    def exhausted(self, space: SearchSpace, history: History) -> bool:
        """Return whether all points of the space, or of the tree of suggestions so far, have been tried."""
        if len(history) == 0:
            return False
        if len(space) and _knows_all(space, history):
            return exhausted(space, history) and not (self.avoid_premature_stop and len(history.running))
        tree = _Tree(history, self.avoid_premature_stop, until_known=True)
        return not tree.is_open(tree.rows, frozenset())

    def has_left(self, space: SearchSpace, history: History) -> bool:
        if self.avoid_premature_stop:
            return not self.exhausted(space, history)
        lattice = lattice_of(space)
        if len(space) and lattice is not None and _knows_all(space, history):
            return lattice.n_points - len(lattice.visited(history)) > n_undecided(space, history)
        tree = _Tree(history, False, until_known=True)
        coming = sum(not history.layouts[row].names for row in history.running.tolist())
        return tree.n_left(coming + 1) > coming

    @property
    def stand_in(self) -> Sampler:
        return self

    def _listed(self, request: Request, history: History, rng: np.random.Generator) -> dict[str, Any]:
        """Return a point of a space given in advance."""
        lattice = lattice_of(request.space)
        if lattice is not None:
            left = lattice.matching(request.given)
            left[lattice.visited(history)] = False
            gaps = np.flatnonzero(left)
            if len(gaps):
                values = lattice.values(int(lattice.point(int(rng.choice(gaps)))))
                return request.space.active_only({**values, **request.given})
        return complete(request.space, request.given, rng)

    def _grown(self, request: Request, history: History, rng: np.random.Generator) -> dict[str, Any]:
        """Return a point, built one parameter after the other from values with untried points."""
        tree = _Tree(history, self.avoid_premature_stop)
        rows = tree.matching(request.given)
        params = dict(request.given)
        for parameter in request.space.parents_first:
            if parameter.name in params or not request.space.is_active(parameter.name, params):
                continue
            values = list(parameter.distribution.values())
            fixed = frozenset((*params, parameter.name))
            below = [tree.with_value(rows, parameter.name, value) for value in values]
            left = [v for v, at in zip(values, below, strict=True) if tree.is_open(at, fixed)]
            left = left or [values[place] for place in tree.least_crowded(below, fixed)] or values
            choice = left[int(rng.integers(len(left)))]
            params[parameter.name] = choice
            rows = tree.with_value(rows, parameter.name, choice)
        return {name: params[name] for name in request.space.names if name in params}


class _Tree:
    """The tree of suggested values, as sets of trials that share values.

    A node is the set of trials with certain values; its next parameter is one that all of them have.

    Args:
        history: All trials.
        retry_running: Whether points that only running trials have count as untried.
        until_known: Whether there may be untried points below values that only running trials have, as long as no
            trial has ended that had no parameters beyond these.
    """

    def __init__(self, history: History, retry_running: bool, until_known: bool = False) -> None:
        self._history = history
        self._retry_running = retry_running
        self._until_known = until_known
        self._running = history.states == TrialState.RUNNING
        self._failed = history.states == TrialState.FAIL
        asked = np.fromiter((len(layout.names) > 0 for layout in history.layouts), bool, len(history))
        self.rows = np.flatnonzero(asked & (history.states >= 0) & (history.states != TrialState.WAITING))

    def matching(self, given: Mapping[str, Any]) -> Integers:
        """Return the trials that have these (external) values."""
        rows = self.rows
        for name, value in given.items():
            rows = self.with_value(rows, name, value)
        return rows

    def with_value(self, rows: Integers, name: str, value: Any) -> Integers:
        """Return those of the trials that have an (external) value."""
        column = self._history.columns.get(name)
        distribution = None if column is None or len(rows) == 0 else self._distribution(rows, name)
        if column is None or distribution is None:
            return rows[:0]
        code = code_in_column(column, distribution, value) if distribution.contains(value) else None
        return rows[:0] if code is None else rows[column.raw[rows] == code]

    def is_open(self, rows: Integers, fixed: frozenset[str]) -> bool:
        """Return whether untried points are left below the node of these trials, which share the fixed parameters."""
        return self._left(rows, fixed, 1) > 0

    def n_left(self, wanted: int) -> int:
        """Return the number of untried points that no trial with parameters is about to take; ``wanted`` if more."""
        return self._left(self.rows, frozenset(), wanted) if len(self.rows) else wanted

    def least_crowded(self, nodes: Sequence[Integers], fixed: frozenset[str]) -> list[int]:
        """Return the places of the nodes with the fewest trials, of those where only running trials leave no point."""
        retrying = _Tree(self._history, True)
        trees = [retrying if self._running[rows].any() else self for rows in nodes]
        counts = [
            len(rows) if tree.is_open(rows, fixed) else sys.maxsize for rows, tree in zip(nodes, trees, strict=True)
        ]
        return [place for place, count in enumerate(counts) if count == min(counts) < sys.maxsize]

    def _left(self, rows: Integers, fixed: frozenset[str], wanted: int) -> int:
        """Return the number of untried points below a node that nobody is about to take; ``wanted`` if more.

        A value without trials counts as one point.
        """
        if len(rows) == 0:
            return 1
        known = rows[~self._running[rows]]
        if len(known) == 0:
            known = np.array([row for row in rows.tolist() if self._goes_beyond(row, fixed)], np.int64)
            if self._retry_running or (len(known) == 0 and self._until_known and not self._is_leaf(fixed)):
                return wanted
        name = self._next(known, fixed) if len(known) else None
        if name is None:
            return 0
        distribution = self._distribution(known, name)
        assert distribution is not None
        _check_finite(name, distribution)
        coming = int(np.count_nonzero(self._running[rows] & np.isnan(self._history.columns[name].raw[rows])))
        left = 0
        for value in distribution.values():
            left += self._left(self.with_value(rows, name, value), fixed | {name}, wanted + coming - left)
            if left >= wanted + coming:
                break
        return max(0, left - coming)

    def _goes_beyond(self, row: int, fixed: frozenset[str]) -> bool:
        return not fixed.issuperset(self._history.layouts[row].names)

    def _is_leaf(self, fixed: frozenset[str]) -> bool:
        """Return whether a trial has ended with exactly these parameters."""
        ended = self.rows[~self._running[self.rows] & ~self._failed[self.rows]]
        return any(
            fixed == frozenset(layout.names) for layout in {self._history.layouts[row] for row in ended.tolist()}
        )

    def _next(self, ended: Integers, fixed: frozenset[str]) -> str | None:
        """Return a parameter that all trials have; failed trials may have ended before they suggested it."""
        whole = ended[~self._failed[ended]]
        layouts = {self._history.layouts[row] for row in (whole if len(whole) else ended).tolist()}
        first = next(iter(sorted(layouts, key=lambda layout: layout.names)))
        others = [set(layout.names) for layout in layouts]
        return next((n for n in first.names if n not in fixed and all(n in names for names in others)), None)

    def _distribution(self, rows: Integers, name: str) -> BaseDistribution | None:
        for row in reversed(rows.tolist()):  # the newest: ranges may have grown
            layout = self._history.layouts[row]
            if name in layout.names:
                distribution: BaseDistribution = layout.distributions[layout.names.index(name)]
                return distribution
        return None


def _knows_all(space: SearchSpace, history: History) -> bool:
    """Return whether the space is complete: no trial has a parameter that is not in the space, and none failed
    before it had suggested all parameters."""
    names = frozenset(space.names)
    if not all(names.issuperset(layout.names) for layout in set(history.layouts)):
        return False
    raw = history.raw(space, history.having(TrialState.FAIL))
    asked = ~np.isnan(raw)
    return not np.any(asked.any(axis=1) & np.any(space.active_mask(raw) & ~asked, axis=1))


def _check_finite(name: str, distribution: BaseDistribution) -> None:
    if distribution.cardinality is None:
        raise ValueError(
            f"BruteForceSampler needs finitely many values, but parameter {name!r} is continuous "
            f"({described(distribution)}). Give it a `step`, or a list of choices."
        )
