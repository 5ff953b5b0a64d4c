"""The coordinates of TPE's models, and the history in these coordinates.

Numbers (and ordered choices) lie in [0, 1]; each value of integers, stepped numbers and ordered choices has a cell,
whose middle is its coordinate. Other choices are codes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sweeper_core.distributions import CategoricalDistribution, choice_key
from sweeper_core.maths.parzen import Points
from sweeper_core.search_space.axes import Axes
from sweeper_core.search_space.space import Parameter, SearchSpace
from sweeper_core.trial.history import History
from sweeper_core.trial.state import TrialState

# Arrays are compared with plain numbers faster than with members of an enum.
COMPLETE, FAIL = int(TrialState.COMPLETE), int(TrialState.FAIL)

if TYPE_CHECKING:
    from sweeper_core.samplers._memory import MemoryLimit

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


class Coordinates:
    """The coordinates of some parameters that exist under the same condition.

    Attributes:
        names: The parameters, numeric ones first.
        numeric: How many are numeric, p.
        choices: ``(q,)`` numbers of choices of the others.
        cells: ``(p,)`` width of the widest cell, the first, of each numeric coordinate; 0 where continuous.
        in_cells: Whether any of them is not continuous.
    """

    def __init__(self, parameters: tuple[Parameter, ...]) -> None:
        numeric = [parameter for parameter in parameters if parameter.is_numeric]
        others = [parameter for parameter in parameters if not parameter.is_numeric]
        self.parameters = (*numeric, *others)
        self.names = tuple(parameter.name for parameter in self.parameters)
        self.numeric = len(numeric)
        self.choices = np.array([parameter.distribution.cardinality for parameter in others], np.int64)
        self.axes = Axes([parameter.distribution.axis for parameter in numeric])
        self.cells = self.axes.widths(self.axes.to_unit(self.axes.low[None]))[0]
        self.in_cells = bool(np.any(self.cells > 0))

    def __len__(self) -> int:
        return len(self.names)

    def needs(self, names: Sequence[str]) -> bool:
        """Return whether these parameters exist under a condition on one of ``names``."""
        return any(clause.parent in names for clause in self.parameters[0].when)

    def numbers_of(self, raw: Floats) -> Floats:
        """Return coordinates ``(n, p)`` of internal values ``(n, p)``; outside the bounds they are clipped."""
        return self.axes.to_unit(raw)

    def snap(self, numbers: Floats) -> Floats:
        """Return coordinates ``(n, p)`` moved to the middle of the cells that they are in."""
        return self.axes.snap(numbers)

    def cells_at(self, numbers: Floats) -> Floats:
        """Return the widths ``(n, p)`` of the cells around coordinates; 0 for continuous and missing ones."""
        return np.nan_to_num(self.axes.widths(numbers), nan=0.0)

    def point_of(self, params: dict[str, Any]) -> Points:
        """Return the one point of (external) values; missing where there is none."""
        raw = np.full((1, self.numeric), np.nan)
        codes = np.full((1, len(self.choices)), -1, np.int64)
        for place, parameter in enumerate(self.parameters):
            if parameter.name in params and parameter.distribution.contains(params[parameter.name]):
                internal = parameter.distribution.to_internal_repr(params[parameter.name])
                if place < self.numeric:
                    raw[0, place] = internal
                else:
                    codes[0, place - self.numeric] = int(internal)
        return Points(self.numbers_of(raw), codes)

    def values_of(self, points: Points, row: int) -> dict[str, Any]:
        """Return the (external) values of one point without missing coordinates."""
        values: dict[str, Any] = {}
        for place, u in enumerate(points.numbers[row].tolist()):
            distribution = self.parameters[place].distribution
            values[self.names[place]] = distribution.to_external_repr(distribution.axis.value(u))
        for name, parameter, code in zip(
            self.names[self.numeric :], self.parameters[self.numeric :], points.codes[row].tolist(), strict=True
        ):
            values[name] = parameter.distribution.to_external_repr(code)
        return values


class AllowedCandidates:
    """Finds the points of a block that satisfy a space's relations, given the values already chosen.

    Relations with parameters of later blocks count as satisfied.
    """

    def __init__(self, space: SearchSpace, block: Coordinates, decided: Mapping[str, Any]) -> None:
        self._space, self._block = space, block
        self._decided = space.region.internal(decided)

    def __call__(self, points: Points) -> Flags:
        """Return ``(n,)``: which points satisfy the relations."""
        raw = np.full((len(points), len(self._space)), np.nan)
        columns = [self._space.position(name) for name in self._block.names]
        raw[:, columns[: self._block.numeric]] = self._block.axes.from_unit(points.numbers)
        raw[:, columns[self._block.numeric :]] = points.codes
        return self._space.allowed(np.where(np.isnan(self._decided), raw, self._decided))


class FittingCandidates:
    """Finds the points of a block that fit into memory, given the values already chosen.

    Parameters of later blocks count as being in the middle of their ranges.
    """

    def __init__(self, limit: MemoryLimit, space: SearchSpace, block: Coordinates, decided: Mapping[str, Any]) -> None:
        self._limit, self._block = limit, block
        self._decided = space.to_unit(space.encode(decided)[None])[0]
        self._columns = [space.position(name) for name in block.names]

    def safest(self, points: Points, count: int) -> Points:
        """Return the first ``count`` points that keep to the admissible risk; without any, the least risky ones."""
        unit = np.tile(self._decided, (len(points), 1))
        codes = np.where(points.codes < 0, np.nan, (points.codes + 0.5) / self._block.choices)
        unit[:, self._columns] = np.column_stack([points.numbers, codes])
        score = self._limit.log_fits_at(unit)
        fitting = np.flatnonzero(score >= self._limit.least)
        return points.take(fitting[:count] if len(fitting) else np.argsort(-score, kind="stable")[: max(count // 4, 1)])


EXTRA_DRAWS = 16
"""Draws per candidate where relations, or the memory, restrict the space."""


@dataclass(frozen=True)
class Drawing:
    """Arguments for drawing the candidates of a block.

    Attributes:
        rng: Source of all randomness.
        given: The block's coordinates that are already chosen; None when there are none.
        allowed: Which points satisfy the relations of the space; None when there are none.
        belief: Log density ``(k,)`` of the priors at ``k`` points, times their power; None without priors.
        fitting: Which points fit into memory; None where no trial ran out of it.
    """

    rng: np.random.Generator
    given: Points | None
    allowed: AllowedCandidates | None
    belief: Callable[[Points], Floats] | None = None
    fitting: FittingCandidates | None = None

    def with_priors(self, candidates: Points, score: Floats) -> Floats:
        """Return scores ``(k,)`` with the priors' log densities added."""
        return score if self.belief is None else score + self.belief(candidates)

    def candidates(self, block: Coordinates, draw: Callable[[int], Points], count: int) -> Points:
        """Return ``count`` points, or fewer where too few draws satisfy the relations, or fit into memory."""
        drawn = draw(count if self.allowed is None and self.fitting is None else EXTRA_DRAWS * count)
        found = Points(block.snap(drawn.numbers), drawn.codes)
        if self.allowed is not None:
            found = found.take(np.flatnonzero(self.allowed(found)))
        if self.fitting is not None and len(found):
            return self.fitting.safest(found, count)
        return found.take(np.arange(min(count, len(found))))


@lru_cache(maxsize=256)
def blocks_of(space: SearchSpace) -> tuple[Coordinates, ...]:
    """Return the parameters in blocks of equal conditions, parents first."""
    blocks: dict[Any, list[Parameter]] = {}
    for parameter in space.parents_first:
        key = tuple((clause.parent, clause.operator, repr(clause.operand)) for clause in parameter.when)
        blocks.setdefault(key, []).append(parameter)
    return tuple(Coordinates(tuple(block)) for block in blocks.values())


class EncodedTrials:
    """A history in the coordinates of one block; it is cached, so that only new rows are converted."""

    def __init__(self, block: Coordinates) -> None:
        self.block = block
        self._numbers = np.empty((0, block.numeric))
        self._codes = np.empty((0, len(block.choices)), np.int64)
        self._there = np.empty(0, bool)
        self._final = np.empty(0, bool)
        self._tables: list[tuple[int, Integers]] = [(-1, np.empty(0, np.int64))] * len(block.choices)

    def read(self, history: History) -> tuple[Points, Flags]:
        """Return the coordinates of all trials (missing where a trial lacks a parameter), and which trials have any."""
        n, known = len(history), len(self._final)
        if n > known:
            self._grow(n)
        stale = np.flatnonzero(~self._final[:n])
        if len(stale):
            self._convert(history, stale)
            states = history.states[stale]
            self._final[stale] = (states >= COMPLETE) & (states <= FAIL)
        return Points(self._numbers[:n], self._codes[:n]), self._there[:n]

    def _grow(self, n: int) -> None:
        size = max(n, 2 * len(self._final), 64)
        extra = size - len(self._final)
        self._numbers = np.concatenate([self._numbers, np.full((extra, self.block.numeric), np.nan)])
        self._codes = np.concatenate([self._codes, np.full((extra, len(self.block.choices)), -1, np.int64)])
        self._there = np.concatenate([self._there, np.zeros(extra, bool)])
        self._final = np.concatenate([self._final, np.zeros(extra, bool)])

    def _convert(self, history: History, rows: Integers) -> None:
        block = self.block
        raw = np.full((len(rows), block.numeric), np.nan)
        for place, parameter in enumerate(block.parameters):
            column = history.columns.get(parameter.name)
            if column is None:
                continue
            if place >= block.numeric:
                self._codes[rows, place - block.numeric] = self._translate(place, column.choices, column.raw[rows])
            elif column.choices is None and type(parameter.distribution) is not CategoricalDistribution:
                raw[:, place] = column.raw[rows]
            elif column.choices is not None and type(parameter.distribution) is CategoricalDistribution:
                codes = _table(parameter.distribution, column.choices)[_places(column.raw[rows], len(column.choices))]
                raw[:, place] = np.where(codes < 0, np.nan, codes)
        self._numbers[rows] = block.numbers_of(raw)
        self._there[rows] = Points(self._numbers[rows], self._codes[rows]).present()

    def _translate(self, place: int, choices: tuple[Any, ...] | None, raw: Floats) -> Integers:
        if choices is None:
            return np.full(len(raw), -1, np.int64)
        slot = place - self.block.numeric
        if self._tables[slot][0] != len(choices):
            distribution = self.block.parameters[place].distribution
            assert isinstance(distribution, CategoricalDistribution)
            self._tables[slot] = (len(choices), _table(distribution, choices))
        return self._tables[slot][1][_places(raw, len(choices))]


def _table(distribution: CategoricalDistribution, choices: tuple[Any, ...]) -> Integers:
    """Return the code in ``distribution`` of each of a column's choices, -1 for unknown ones and at the end."""
    code_of = {choice_key(choice): code for code, choice in reversed(list(enumerate(distribution.choices)))}
    return np.array([code_of.get(choice_key(choice), -1) for choice in choices] + [-1], np.int64)


def _places(raw: Floats, missing: int) -> Integers:
    return np.where(np.isnan(raw), missing, raw).astype(np.int64)
