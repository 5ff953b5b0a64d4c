"""Base of the genetic samplers: the population replayed from the history, and the generation of children.

The population is elitist and steady-state: every completed trial, of any origin, competes for a place
as soon as it ends, so that parallel lanes never wait for a generation. It is a function of the history alone:
trials are folded in blocks of ``population_size`` numbers, in which the survivors of the previous blocks compete with
the trials of the next one. The fold over blocks whose trials have all ended is memoised.

Children are generated in unit coordinates. A parameter that a parent does not have (a condition, a changed range)
comes from another parent, or is drawn uniformly.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sweeper_core.directions import StudyDirection
from sweeper_core.maths.pareto import violation
from sweeper_core.samplers._bounds import inside
from sweeper_core.samplers._ga.crossovers import BaseCrossover, BaseMutation, OwnMutation, own_crossover
from sweeper_core.samplers._ga.strategies import AfterStrategy, ChildStrategy, EliteStrategy, frozen_trials
from sweeper_core.samplers._lattice import complete, is_known, point_at
from sweeper_core.samplers.base import Request, Suggestion
from sweeper_core.samplers.optuna_face import OptunaFace
from sweeper_core.samplers.user_genetic import BaseGASampler
from sweeper_core.search_space.space import Parameter, SearchSpace
from sweeper_core.trial.attrs import SUGGESTION
from sweeper_core.trial.frozen import FrozenTrial
from sweeper_core.trial.history import FURTHER_ATTEMPT, History
from sweeper_core.trial.state import TrialState
from sweeper_core.trial.study_like import StudyLike

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

COMPLETE = TrialState.COMPLETE
MAX_DRAWS = 8
"""Maximum number of attempts to generate a child that is within the bounds and not a known point."""
EXTRA_DRAWS = 4
"""Factor on these attempts where the space has relations."""


@dataclass(frozen=True)
class Survivors:
    """The individuals that may become parents.

    Attributes:
        rows: ``(k,)`` numbers of their trials.
        rank: ``(k,)`` of their fronts, 0 the best.
        crowding: ``(k,)`` crowding distance within their front; the larger the better.
    """

    rows: Integers
    rank: Integers
    crowding: Floats

    def take(self, places: npt.NDArray[Any]) -> Survivors:
        """Return some of them."""
        return Survivors(self.rows[places], self.rank[places], self.crowding[places])


@dataclass(frozen=True)
class Memo:
    """The survivors of the first ``blocks`` blocks of the trial table ``serial``, all of whose trials have ended.

    ``content`` identifies the data of the last block: constraints may be stored after a trial's end.
    """

    serial: int
    blocks: int
    rows: Integers
    content: bytes


@dataclass(frozen=True)
class StudyView:
    """The part of the study passed to operators and strategies."""

    directions: tuple[StudyDirection, ...]


class GeneticSampler(OptunaFace, BaseGASampler):
    """Base of the genetic samplers; see :class:`sweeper_core.samplers.NSGAIISampler` for the arguments."""

    origin: str

    def __init__(
        self,
        *,
        population_size: int,
        mutation: BaseMutation | None,
        mutation_prob: float | None,
        crossover: BaseCrossover | None,
        crossover_prob: float,
        swapping_prob: float,
        seed: int | None,
        constraints_func: Callable[[Any], Sequence[float]] | None,
        elite_population_selection_strategy: EliteStrategy | None,
        child_generation_strategy: ChildStrategy | None,
        after_trial_strategy: AfterStrategy | None,
    ) -> None:
        super().__init__(seed)
        _check_probability("mutation_prob", mutation_prob)
        _check_probability("crossover_prob", crossover_prob)
        _check_probability("swapping_prob", swapping_prob)
        if mutation is not None and not isinstance(mutation, BaseMutation):
            raise ValueError(f"`mutation` must be a BaseMutation or None, but it is {mutation!r}.")
        if crossover is not None and not isinstance(crossover, BaseCrossover):
            raise ValueError(f"`crossover` must be a BaseCrossover or None, but it is {crossover!r}.")
        self.crossover = crossover if crossover is not None else own_crossover()
        if population_size < max(2, self.crossover.n_parents):
            raise ValueError(
                f"`population_size` must be at least {max(2, self.crossover.n_parents)}, the number of parents that "
                f"{self.crossover} needs, but it is {population_size}."
            )
        self.population_size = population_size
        self.mutation = mutation if mutation is not None else OwnMutation()
        self.mutation_prob = mutation_prob
        self.crossover_prob = crossover_prob
        self.swapping_prob = swapping_prob
        self.constraints_func = constraints_func
        """Called by the study when a trial has ended; its results are the history's constraints."""
        self.elite_population_selection_strategy = elite_population_selection_strategy
        self.child_generation_strategy = child_generation_strategy
        self.after_trial_strategy = after_trial_strategy
        self._memo: Memo | None = None

    @property
    def population_size(self) -> int:
        """Number of individuals that survive."""
        return self._size

    @population_size.setter
    def population_size(self, value: int) -> None:
        self._size = value

    def get_trial_generation(self, study: StudyLike, trial: FrozenTrial) -> int:
        """Return the generation of a trial: the stored one, or how many populations were complete before it."""
        known = trial.system_attrs.get(SUGGESTION)
        if known is not None:
            return int(known.get("generation", 0))
        return len(study.known_to(trial.number).history.completed) // self.population_size

    def get_population(self, study: StudyLike, generation: int) -> list[FrozenTrial]:
        """Return the complete trials of a generation."""
        complete = study.get_trials(states=(COMPLETE,))
        return [trial for trial in complete if self.get_trial_generation(study, trial) == generation]

    def get_parent_population(self, study: StudyLike, generation: int) -> list[FrozenTrial]:
        """Return the parents of a generation, by number; none for the first."""
        return self.select_parent(study, generation) if generation else []

    def select_parent(self, study: StudyLike, generation: int) -> list[FrozenTrial]:
        """Return the survivors of the generations before one, by number."""
        trials = study.get_trials()
        ended = [trial.number for trial in trials if trial.state is COMPLETE]
        before = ended[: generation * self.population_size]
        if not before:
            return []
        survivors = self._survivors(study.known_to(before[-1] + 1).history)
        return [trials[row] for row in sorted(survivors.rows.tolist())]

    @abstractmethod
    def select(self, values: Floats, penalty: Floats, size: int) -> tuple[Integers, Integers, Floats]:
        """Return the places, ranks and crowding distances of the at most ``size`` survivors among individuals.

        Args:
            values: ``(n, m)`` to be minimised.
            penalty: ``(n,)`` total constraint violation.
        """

    def suggest(self, request: Request, history: History, rng: np.random.Generator) -> Suggestion:
        completed, running = (int(np.count_nonzero(history.states == s)) for s in (COMPLETE, TrialState.RUNNING))
        generation = completed // self.population_size
        if completed + running >= self.population_size:
            survivors = self._survivors(history)
            make = self._child if self.child_generation_strategy is None else self._users_child
            params = make(request, history, survivors, rng)
            if params is not None:
                return Suggestion(params, self.origin, generation=generation)
        params = complete(request.space, request.given, rng)
        return Suggestion(params, self.origin, "random: the population is not full yet", generation, "draw")

    # --------------------------------------------------------------------------------------- population

    def _survivors(self, history: History) -> Survivors:
        size, individuals = self.population_size, history.completed
        closed = _closed(history) // size
        done, rows = self._remembered(history, closed)
        for block in range(done, closed):
            rows = self._fold(history, rows, individuals, block * size, size).rows
        self._memo = Memo(history.version[0], closed, rows, _content(history, closed, size))
        last = len(history) // size
        for block in range(closed, last):
            rows = self._fold(history, rows, individuals, block * size, size).rows
        return self._fold(history, rows, individuals, last * size, size)

    def _remembered(self, history: History, closed: int) -> tuple[int, Integers]:
        """Return the number of memoised blocks, and their survivors."""
        memo = self._memo
        if (
            memo is not None
            and memo.serial == history.version[0]
            and memo.blocks <= closed
            and memo.content == _content(history, memo.blocks, self.population_size)
        ):
            return memo.blocks, memo.rows
        return 0, np.zeros(0, np.int64)

    def _fold(self, history: History, rows: Integers, individuals: Integers, start: int, count: int) -> Survivors:
        first, last = np.searchsorted(individuals, (start, start + count))
        rows = np.concatenate([rows, individuals[first:last]])
        if self.elite_population_selection_strategy is not None and len(rows):
            elite = self.elite_population_selection_strategy(
                StudyView(history.directions), frozen_trials(history, rows)
            )
            rows = np.array([trial.number for trial in elite], np.int64)
        places, rank, crowding = self.select(
            history.values[rows], violation(history.constraints[rows]), self.population_size
        )
        return Survivors(rows[places], rank, crowding)

    # ------------------------------------------------------------------------------------------ children

    def _child(
        self, request: Request, history: History, survivors: Survivors, rng: np.random.Generator
    ) -> dict[str, Any] | None:
        """Return a child of the survivors that have any of the requested parameters; None if there are too few."""
        space = request.space
        raw = history.raw(space, survivors.rows)
        wanted = [column for column, name in enumerate(space.names) if name not in request.given]
        useful = np.flatnonzero(np.any(~np.isnan(raw[:, wanted]), axis=1))
        if len(useful) < self.crossover.n_parents:
            return None
        survivors, raw = survivors.take(useful), raw[useful]
        random = np.random.RandomState(rng.bit_generator)
        for _ in range(MAX_DRAWS * (EXTRA_DRAWS if space.where else 1)):
            parents = _units(space, raw[self._parents(survivors, random)])
            child = self._cross(space, parents, history, random)
            child = self._mutate(space, child, parents[0], np.array(wanted), history, random)
            params = point_at(space, child.tolist(), request.given)
            # A known point gives no new information.
            if space.allows(params) and not is_known(space, history, params):
                break
        return params

    def _users_child(
        self, request: Request, history: History, survivors: Survivors, rng: np.random.Generator
    ) -> dict[str, Any]:
        """Return the point of the user's strategy, its missing parameters drawn uniformly."""
        assert self.child_generation_strategy is not None
        asked = {name: it for name, it in request.space.distributions.items() if name not in request.given}
        parents = frozen_trials(history, survivors.rows)
        child = self.child_generation_strategy(StudyView(history.directions), asked, parents)
        return complete(request.space, {**child, **request.given}, rng)

    def _parents(self, survivors: Survivors, random: np.random.RandomState) -> list[int]:
        """Binary tournaments by rank, then crowding; no individual twice."""
        chosen: list[int] = []
        left = list(range(len(survivors.rows)))
        for _ in range(self.crossover.n_parents):
            one, two = (left[int(random.randint(len(left)))] for _ in range(2))
            best = one if _better(survivors, one, two) else two
            chosen.append(best)
            left.remove(best)
        return chosen

    def _cross(self, space: SearchSpace, parents: Floats, history: History, random: np.random.RandomState) -> Floats:
        child = parents[0].copy()
        if random.rand() < self.crossover_prob:
            swap = random.rand(len(child)) < self.swapping_prob
            child = np.where(swap & ~np.isnan(parents[-1]), parents[-1], child)
            numeric = np.array([parameter.is_numeric for parameter in space]) & ~np.any(np.isnan(parents), axis=0)
            if numeric.any():
                child[numeric] = self._cross_numbers(parents[:, numeric], history, random)
        for other in parents[1:]:
            child = np.where(np.isnan(child), other, child)
        return np.where(np.isnan(child), random.rand(len(child)), child)

    def _cross_numbers(self, parents: Floats, history: History, random: np.random.RandomState) -> Floats:
        cube = np.tile([0.0, 1.0], (parents.shape[1], 1))
        for _ in range(MAX_DRAWS):
            child = self.crossover.crossover(parents, random, StudyView(history.directions), cube)
            if np.all((child >= 0.0) & (child <= 1.0)):
                break
        return inside(child, parents[0])

    def _mutate(
        self,
        space: SearchSpace,
        child: Floats,
        parent: Floats,
        free: Integers,
        history: History,
        random: np.random.RandomState,
    ) -> Floats:
        """Change each free column with some probability, and one for certain when the child is its parent's copy."""
        prob = self.mutation_prob if self.mutation_prob is not None else 1.0 / max(1, len(free))
        chosen = free[random.rand(len(free)) < prob]
        if len(chosen) == 0 and len(free) and np.array_equal(child[free], parent[free]):
            chosen = free[random.randint(len(free), size=1)]
        child = child.copy()
        for column in chosen.tolist():
            child[column] = self._mutated(space.parameters[column], float(child[column]), history, random)
        return inside(child, np.where(np.isnan(parent), 0.5, parent))

    def _mutated(self, parameter: Parameter, unit: float, history: History, random: np.random.RandomState) -> float:
        if not parameter.is_numeric:
            return float(random.rand())
        moved = float(self.mutation.mutation(unit, random, StudyView(history.directions), np.array([0.0, 1.0])))
        cells = parameter.distribution.cardinality
        if cells is None or getattr(parameter.distribution, "log", False) or int(moved * cells) != int(unit * cells):
            return moved
        # The step was too small to reach another value: take the neighbour on that side, or at an end on the other.
        up = unit < 1.0 / cells or (moved > unit and unit < 1.0 - 1.0 / cells)
        return unit + (1.0 if up else -1.0) / cells


def _units(space: SearchSpace, raw: Floats) -> Floats:
    return np.array([[axis.unit(x) for axis, x in zip(space.axes.axes, row, strict=True)] for row in raw.tolist()])


def _content(history: History, blocks: int, size: int) -> bytes:
    last = slice(max(blocks - 1, 0) * size, blocks * size)
    return history.values[last].tobytes() + history.constraints[last].tobytes()


def _closed(history: History) -> int:
    """Return how many trials from the first on have ended."""
    ended = history.states == FURTHER_ATTEMPT
    for state in (COMPLETE, TrialState.PRUNED, TrialState.FAIL):
        ended |= history.states == state
    return len(history) if ended.all() else int(np.argmin(ended))


def _better(survivors: Survivors, one: int, two: int) -> bool:
    if survivors.rank[one] != survivors.rank[two]:
        return bool(survivors.rank[one] < survivors.rank[two])
    return bool(survivors.crowding[one] >= survivors.crowding[two])


def _check_probability(name: str, value: float | None) -> None:
    if value is not None and not 0.0 <= value <= 1.0:
        raise ValueError(f"`{name}` must be within the range [0.0, 1.0], but it is {value}.")
