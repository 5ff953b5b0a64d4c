"""Grid search: every point of a finite space once."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Union

import numpy as np
import numpy.typing as npt

from sweeper_core._described import described
from sweeper_core.distributions import BaseDistribution, CategoricalDistribution, choice_key
from sweeper_core.samplers._lattice import MISSING, Lattice, ListDigits, digits_of, n_undecided
from sweeper_core.samplers.base import Request, Sampler, Suggestion
from sweeper_core.samplers.brute_force import BruteForceSampler
from sweeper_core.samplers.optuna_face import OptunaFace
from sweeper_core.search_space.space import SearchSpace
from sweeper_core.trial.history import History
from sweeper_core.trial.state import TrialState
from sweeper_core.trial.study_like import StudyLike

Integers = npt.NDArray[np.int64]

ORIGIN = "grid"

GridValueType = Union[str, float, int, bool, None]

MAX_GRID = 2**20
"""Maximum number of points of a grid; no sweep covers more, and their order would not fit into memory."""


class GridSampler(OptunaFace):
    """Suggests every point of a grid once; then the sampler is exhausted.

    Trial ``k`` takes point ``k`` of the order, so that concurrent processes do not choose the same one; where it
    is taken (enqueued, or shifted after a resume), the next free one. The history shows which points are taken, so
    an interrupted search continues where it stopped. Once the grid is covered, points repeat.

    Args:
        search_space: Values to combine, by name of parameter; None takes every value of the study's space,
            which must be finite, with its conditions. Where objectives suggest different parameters in different
            branches, the points come in random order, as those of :class:`BruteForceSampler`.
        seed: Seed for shuffling the order; None for no shuffling: the last parameter changes fastest.

    Raises:
        ValueError: A parameter has no values; :meth:`suggest` raises it when the space is not finite, or has
            parameters that are not in ``search_space``.
    """

    ends = True

    def __init__(
        self, search_space: Mapping[str, Sequence[GridValueType]] | None = None, seed: int | None = None
    ) -> None:
        super().__init__(seed)
        self.search_space = None if search_space is None else {name: list(v) for name, v in search_space.items()}
        self._own = None if self.search_space is None else _lattice_of_lists(self.search_space)
        """The lattice of the lists, without relations."""
        self._of_space: tuple[SearchSpace, Lattice] | None = None
        self._branches = BruteForceSampler()

    def suggest(self, request: Request, history: History, rng: np.random.Generator) -> Suggestion:
        lattice = self._lattice(request.space)
        self._check_names(request)
        if self._has_branches(request.space, history):
            return self._branches.suggest(request, history, rng)
        index = self._next(lattice, request, history)
        values = {**_held(request.space), **lattice.values(int(lattice.point(index))), **request.given}
        chosen = {name: values[name] for name in request.space.names if name in values}
        return Suggestion(
            _inside(request.space, request.space.active_only(chosen)), ORIGIN, generation=index + 1, if_known="keep"
        )

    def exhausted(self, space: SearchSpace, history: History) -> bool:
        if self._has_branches(space, history):
            return self._branches.exhausted(space, history)
        lattice = self._lattice(space)
        held = {} if self._own is None else _held(space)
        if held:
            left = lattice.matching(held)
            wanted = np.count_nonzero(left)
            left[self._covered(lattice, history)] = False
            return bool(wanted) and not left.any()
        return len(history) >= lattice.n_points and len(self._covered(lattice, history)) >= lattice.n_points

    def has_left(self, space: SearchSpace, history: History) -> bool:
        if self._has_branches(space, history):
            return self._branches.has_left(space, history)
        lattice = self._lattice(space)
        left = lattice.matching(_held(space)) if self._own is not None else np.ones(lattice.n_points, bool)
        left[self._covered(lattice, history)] = False
        return bool(np.count_nonzero(left) > (0 if self._own is not None else n_undecided(space, history)))

    @property
    def stand_in(self) -> Sampler:
        return self

    def _has_branches(self, space: SearchSpace, history: History) -> bool:
        """Return whether the grid is of the values that trials suggest, and some have parameters that others lack.

        A parameter that only earlier trials have was removed from the space; it is none of a branch.
        """
        if self._own is not None:
            return False
        beyond = {name for layout in set(history.layouts) for name in layout.names} - set(space.names)
        whole = (history.states == TrialState.COMPLETE) | (history.states == TrialState.PRUNED)
        return any(_comes_back(~np.isnan(history.columns[name].raw[whole])) for name in beyond)

    def is_exhausted(self, study: StudyLike) -> bool:
        """Return whether every point of the grid is among the study's trials; running ones count."""
        known = study.known_to(sys.maxsize)
        return self.exhausted(SearchSpace.of(known.joint), known.history)

    def _next(self, lattice: Lattice, request: Request, history: History) -> int:
        """Return the index of the first free point that has the given values, in order from the trial's own on."""
        order = _order(self.seed, lattice.n_points)
        start = request.number % lattice.n_points
        free = np.ones(lattice.n_points, bool)
        free[self._covered(lattice, history)] = False
        if request.given:
            fits = lattice.matching(request.given)
            free = free & fits if (free & fits).any() else fits
        if not free.any():
            return int(order[start])
        turn = np.flatnonzero(free[order])
        later = turn[np.searchsorted(turn, start) :]
        return int(order[later[0] if len(later) else turn[0]])

    def _covered(self, lattice: Lattice, history: History) -> Integers:
        """Return the points that trials have, and those assigned to trials that did not use all of their values.

        A trial may end early, and an objective may never suggest a parameter of the grid. The point assigned to such a
        trial is stored with it, or follows from its number.
        """
        if self._own is None:
            return lattice.visited(history)
        digits = lattice.digits(history)
        ended = (history.states >= TrialState.RUNNING) & (history.states <= TrialState.FAIL)
        ended &= history.states != TrialState.WAITING
        rows = np.flatnonzero(ended & np.any(digits == MISSING, axis=1))
        own = np.array([history.origin[row] == ORIGIN for row in rows.tolist()], bool) & (history.generation[rows] > 0)
        points = np.where(
            own, history.generation[rows] - 1, _order(self.seed, lattice.n_points)[rows % lattice.n_points]
        )
        points = np.minimum(points, lattice.n_points - 1)
        fits = np.all((digits[rows] == MISSING) | (digits[rows] == lattice.digits_at(points)), axis=1)
        return np.union1d(lattice.visited(history), points[fits])

    def _lattice(self, space: SearchSpace) -> Lattice:
        if self._own is not None and not space.where:
            return self._own
        if self._of_space is None or self._of_space[0] != space:
            own = None if self._own is None else Lattice(self._own.axes, where=space)
            self._of_space = (space, _some(own or _lattice_of_space(space)))
        return self._of_space[1]

    def _check_names(self, request: Request) -> None:
        if self.search_space is None:
            return
        for name in request.space.names:
            known = name in self.search_space or name in request.given
            if not known and not request.space[name].distribution.single():
                raise ValueError(
                    f"The parameter name, {name}, is not found in the given grid, "
                    f"which has {', '.join(self.search_space)}. Add its values to `search_space`."
                )


def _comes_back(present: npt.NDArray[np.bool_]) -> bool:
    """Return whether a trial has a parameter, by ``present``, that an earlier one lacks."""
    return bool(np.any(present[1:] & ~present[:-1]))


def _some(lattice: Lattice) -> Lattice:
    if lattice.n_points == 0:
        raise ValueError("No point of the grid satisfies the relations of the search space.")
    return lattice


@lru_cache(maxsize=8)
def _order(seed: int | None, count: int) -> Integers:
    return np.arange(count) if seed is None else np.random.default_rng([seed, count]).permutation(count)


def _lattice_of_lists(lists: Mapping[str, Sequence[Any]]) -> Lattice:
    for name, values in lists.items():
        if isinstance(values, (str, bytes)) or len(values) == 0:
            raise ValueError(f"The grid needs a list of values for parameter {name!r}, not {values!r}.")
    choices = {name: CategoricalDistribution(values).choices for name, values in lists.items()}
    # Duplicate values of a list count once.
    distinct = {name: list({choice_key(value): value for value in values}.values()) for name, values in choices.items()}
    lattice = Lattice([ListDigits(name, values) for name, values in distinct.items()])
    _check_size(lattice.size)
    return lattice


def _lattice_of_space(space: SearchSpace) -> Lattice:
    for parameter in space:
        if parameter.distribution.cardinality is None:
            raise ValueError(
                f"A grid needs finitely many values, but parameter {parameter.name!r} is continuous "
                f"({described(parameter.distribution)}). Give it a `step` or a list of choices, "
                "or give `search_space` to the sampler."
            )
    _check_size(space.cardinality or 1)
    return Lattice([digits_of(parameter.name, parameter.distribution) for parameter in space], space)


def _check_size(count: int) -> None:
    if count > MAX_GRID:
        raise ValueError(
            f"The grid has {count} points, more than the {MAX_GRID} that can be covered. "
            "Give fewer values, or use the random sampler."
        )


def _held(space: SearchSpace) -> dict[str, Any]:
    """Return the parameters with a single value, which are held fixed around a grid of lists."""
    held = [parameter for parameter in space if parameter.distribution.single()]
    return {parameter.name: digits_of(parameter.name, parameter.distribution).value(0) for parameter in held}


def _inside(space: SearchSpace, params: dict[str, Any]) -> dict[str, Any]:
    for name, value in params.items():
        distribution: BaseDistribution = space[name].distribution
        if not distribution.contains(value):
            warnings.warn(f"The value {value!r} of the grid is out of the range of parameter {name!r}.", stacklevel=4)
    return params
