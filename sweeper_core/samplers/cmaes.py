"""CMA-ES on mixed spaces, its state replayed from the history. Sources: :mod:`sweeper_core.maths.cma`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sweeper_core import logging
from sweeper_core.maths import cma
from sweeper_core.maths.pareto import violation
from sweeper_core.samplers._cma.run import (
    Config,
    Dimensions,
    Outcomes,
    Run,
    advance,
    begin,
    dimensions_of,
    draw,
    first_mean,
)
from sweeper_core.samplers._lattice import point_at
from sweeper_core.samplers._within_memory import within_memory
from sweeper_core.samplers.base import Request, Sampler, Suggestion
from sweeper_core.samplers.optuna_face import OptunaFace
from sweeper_core.samplers.random import RandomSampler
from sweeper_core.search_space.space import SearchSpace
from sweeper_core.trial.frozen import FrozenTrial
from sweeper_core.trial.history import History
from sweeper_core.trial.state import TrialState

_logger = logging.get_logger(__name__)

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

ORIGIN = "cmaes"
KEPT = 32
"""Number of earlier states cached, for trials that end late."""

MIDDLE_OF = 256
"""Number of allowed points whose middle one is the starting point, where the space has relations."""

REMEMBERED = 200
"""Number of newest trials from which failures are predicted."""


@dataclass(frozen=True)
class Memo:
    """Replayed states of one study and space.

    Attributes:
        serial: The trial table that they were replayed from.
        rows: The trials processed.
        runs: The last states, oldest first.
    """

    serial: int
    space: SearchSpace
    config: Config
    rows: Integers
    runs: tuple[Run, ...]


class CmaEsSampler(OptunaFace):
    """Covariance matrix adaptation evolution strategy, for 100 trials or more.

    Works in coordinates in which each parameter spans the unit interval on its own scale. Integers, stepped numbers
    and ordered choices are intervals of their coordinate; unordered choices have probabilities of their own
    (CatCMA). Parameters that a trial does not have (a condition) do not affect the learning of its other parameters.
    Failed trials count as worse than any value; infeasible ones as worse than feasible ones. Needs one objective.

    The state is replayed from the trials that this algorithm suggested. Concurrent trials need not end together: the
    next population consists of those that have ended.

    Args:
        x0: Initial values; the middle of the scale for parameters that are not in it.
        sigma0: Initial standard deviation in unit coordinates; 1/6 by default.
        n_startup_trials: Number of trials that must be complete before CMA-ES begins.
        independent_sampler: Suggests until then, and single parameters of define-by-run trials; random by default.
        warn_independent_sampling: Log when it suggests a parameter.
        seed: The generator of trial ``k`` derives from ``(seed, k)``; None draws a seed at random.
        consider_pruned_trials: Learn also from pruned trials, by their last report.
        restart_strategy: None, "ipop" (with larger populations) or "bipop" (large and small ones in turn): restart
            elsewhere when the search has converged.
        popsize: Trials per update; ``4 + floor(3 ln d)`` by default.
        inc_popsize: Factor of the population at a restart; -1 for 2.
        use_separable_cma: Learn variances only, no correlations: for many parameters.
        with_margin: Keep a minimum probability of leaving the current integer; None for yes where there are integers.
        lr_adapt: Adapt the learning rates to noisy and multimodal objectives.
        source_trials: Finished trials of a similar task, for a warm start from their best ones. By default the sources
            of the history, if there are any.

    Raises:
        ValueError: Arguments are out of range or mutually exclusive.
    """

    def __init__(
        self,
        *,
        x0: Mapping[str, Any] | None = None,
        sigma0: float | None = None,
        n_startup_trials: int = 1,
        independent_sampler: Sampler | None = None,
        warn_independent_sampling: bool = True,
        seed: int | None = None,
        consider_pruned_trials: bool = False,
        restart_strategy: str | None = None,
        popsize: int | None = None,
        inc_popsize: int = -1,
        use_separable_cma: bool = False,
        with_margin: bool | None = None,
        lr_adapt: bool = False,
        source_trials: Sequence[FrozenTrial] | None = None,
    ) -> None:
        super().__init__(seed)
        self.x0 = x0
        self.sigma0 = sigma0
        self.n_startup_trials = n_startup_trials
        self.independent_sampler = independent_sampler if independent_sampler is not None else RandomSampler(seed)
        self.warn_independent_sampling = warn_independent_sampling
        self.consider_pruned_trials = consider_pruned_trials
        self.restart_strategy = restart_strategy
        self.popsize = popsize
        self.inc_popsize = 2 if inc_popsize == -1 else inc_popsize
        self.use_separable_cma = use_separable_cma
        self.with_margin = with_margin
        self.lr_adapt = lr_adapt
        self.source_trials = None if source_trials is None else list(source_trials)
        self._check()
        self._memo: Memo | None = None
        self._sources_told = False

    def _check(self) -> None:
        if self.restart_strategy not in (None, "ipop", "bipop"):
            raise ValueError(f"`restart_strategy` is None, 'ipop' or 'bipop', not {self.restart_strategy!r}.")
        if self.sigma0 is not None and not self.sigma0 > 0.0:
            raise ValueError(f"`sigma0` must be positive, but it is {self.sigma0}.")
        if self.popsize is not None and self.popsize < 4:
            raise ValueError(f"`popsize` must be at least 4, but it is {self.popsize}.")
        if self.inc_popsize < 1:
            raise ValueError(f"`inc_popsize` must be at least 1 (or -1 for the default), but it is {self.inc_popsize}.")
        if self.source_trials is not None and (self.x0 is not None or self.sigma0 is not None):
            raise ValueError("`source_trials` decides where to begin; leave out `x0` and `sigma0`.")
        if self.source_trials is not None and self.use_separable_cma:
            raise ValueError("`source_trials` gives correlations to begin with; leave out `use_separable_cma`.")
        if self.lr_adapt and (self.use_separable_cma or self.with_margin):
            raise ValueError("`lr_adapt` cannot be used together with `use_separable_cma` or `with_margin`.")
        if self.use_separable_cma and self.with_margin:
            raise ValueError("`use_separable_cma` and `with_margin` cannot be used together.")

    def suggest(self, request: Request, history: History, rng: np.random.Generator) -> Suggestion:
        if history.n_objectives > 1:
            raise ValueError(
                f"CmaEsSampler optimises one objective, but the study has {history.n_objectives}. "
                "Use NSGAIISampler, NSGAIIISampler or TPESampler for several."
            )
        return within_memory(request, history, lambda _: self._suggest(request, history, rng))

    def _suggest(self, request: Request, history: History, rng: np.random.Generator) -> Suggestion:
        if len(history.completed) < self.n_startup_trials:
            return self.independent_sampler.suggest(request, history, rng)
        if len(request.space) > 1 and len(request.given) >= len(request.space) - 1:
            self._warn_once(request)
            return self.independent_sampler.suggest(request, history, rng)
        dims = dimensions_of(request.space)
        run = self._replayed(request.space, dims, history)
        unit, chosen = draw(
            dims,
            run,
            self._siblings(request.space, dims, run, history),
            rng,
            _outcomes(request.space, dims, history),
            _allowed(request, dims) if request.space.where else None,
        )
        params = _params(request, dims, unit, chosen)
        return Suggestion(params, ORIGIN, generation=run.updates + 1)

    def _warn_once(self, request: Request) -> None:
        alone = [name for name in request.space.names if name not in request.given]
        if self.warn_independent_sampling and alone:
            self.warn_independent_sampling = False
            _logger.warning(
                "The parameter %r is suggested by %s: it is asked for alone, after others, and CMA-ES models "
                "parameters together.",
                alone[0],
                type(self.independent_sampler).__name__,
            )

    # ------------------------------------------------------------------------------------------- replay

    def _replayed(self, space: SearchSpace, dims: Dimensions, history: History) -> Run:
        rows = self._own_rows(history)
        memo = self._memo
        if memo is None or memo.serial != history.version[0] or memo.space != space:
            config = self._config(space, dims, history)
            memo = Memo(history.version[0], space, config, rows[:0], (begin(dims, config),))
        known = min(len(rows), len(memo.rows))
        differs = np.flatnonzero(rows[:known] != memo.rows[:known])
        same = int(differs[0]) if len(differs) else known
        config = memo.config
        runs = [run for run in memo.runs if run.used <= same] or [begin(dims, config)]
        while len(rows) - runs[-1].used >= runs[-1].popsize:
            run = runs[-1]
            runs.append(self._advanced(space, dims, config, run, history, rows[run.used : run.used + run.popsize]))
        self._memo = Memo(memo.serial, space, config, rows[: runs[-1].used], tuple(runs[-KEPT:]))
        return runs[-1]

    def _own_rows(self, history: History) -> Integers:
        """Return the trials that CMA-ES suggested and that it learns from."""
        ended = (history.states == TrialState.COMPLETE) | (history.states == TrialState.FAIL)
        if self.consider_pruned_trials:
            ended |= (history.states == TrialState.PRUNED) & ~np.isnan(history.last_value)
        rows = np.flatnonzero(ended & (history.generation > 0))
        return np.array([row for row in rows.tolist() if history.origin[row] == ORIGIN], np.int64)

    def _siblings(self, space: SearchSpace, dims: Dimensions, run: Run, history: History) -> Floats:
        """Return the coordinates ``(k, d)`` of the trials that were suggested from this state and have all of them."""
        rows = np.flatnonzero(history.generation == run.updates + 1)
        rows = np.array([row for row in rows.tolist() if history.origin[row] == ORIGIN], np.int64)
        units = _encoded(space, dims, history, rows)[0]
        return np.asarray(units[~np.any(np.isnan(units), axis=1)])

    def _advanced(
        self, space: SearchSpace, dims: Dimensions, config: Config, run: Run, history: History, rows: Integers
    ) -> Run:
        units, chosen = _encoded(space, dims, history, rows)
        values = _values(history, rows)
        keys = np.column_stack([values, violation(history.constraints[rows]), history.states[rows] == TrialState.FAIL])
        return advance(dims, config, run, units, chosen, keys, values)

    # --------------------------------------------------------------------------------------------- start

    def _config(self, space: SearchSpace, dims: Dimensions, history: History) -> Config:
        sigma = self.sigma0 if self.sigma0 is not None else 1 / 6
        mean, cov = first_mean(dims, self.x0, space), None
        if space.where and self.x0 is None:
            mean = _middle(space)[list(dims.numbers)]
        points, values = self._source(space, history)
        if len(points) and dims.numbers and self.x0 is None and self.sigma0 is None and not self.use_separable_cma:
            mean, sigma, cov = cma.promising(points[:, list(dims.numbers)], values)
        margin = self.with_margin is not False and not self.use_separable_cma and not self.lr_adapt
        return Config(
            mean,
            sigma,
            cov,
            self.popsize,
            self.restart_strategy,
            self.inc_popsize,
            self.use_separable_cma,
            margin,
            self.lr_adapt,
        )

    def _source(self, space: SearchSpace, history: History) -> tuple[Floats, Floats]:
        """Return coordinates ``(k, d)`` and values ``(k,)`` of the source trials that have all numbers of the space."""
        if self.source_trials is not None:
            raw, values = self._of_trials(space, history.directions[0].sign)
        else:
            raw = [source.raw(space, source.completed) for source in history.sources if source.n_objectives == 1]
            values = [source.values[source.completed, 0] for source in history.sources if source.n_objectives == 1]
        if self.source_trials is not None:
            self._warn_of_sources(space, raw)
        if not raw:
            return np.zeros((0, len(space))), np.zeros(0)
        points = np.array(
            [[axis.unit(x) for axis, x in zip(space.axes.axes, row, strict=True)] for row in np.vstack(raw).tolist()]
        ).reshape(-1, len(space))
        numbers = list(dimensions_of(space).numbers)
        whole = ~np.any(np.isnan(points[:, numbers]), axis=1)
        return points[whole], np.concatenate(values)[whole]

    def _warn_of_sources(self, space: SearchSpace, raw: Sequence[Floats]) -> None:
        numbers = list(dimensions_of(space).numbers)
        if self._sources_told or any(not np.any(np.isnan(row[:, numbers])) for row in raw):
            return
        self._sources_told = True
        _logger.warning(
            "None of the %d `source_trials` is finished and has a value within the bounds for each of the parameters "
            "%s: CMA-ES begins without them.",
            len(self.source_trials or ()),
            ", ".join(space.names[column] for column in numbers),
        )

    def _of_trials(self, space: SearchSpace, sign: float) -> tuple[list[Floats], list[Floats]]:
        states = (TrialState.COMPLETE, TrialState.PRUNED) if self.consider_pruned_trials else (TrialState.COMPLETE,)
        trials = [t for t in self.source_trials or () if t.state in states and t.values is not None]
        raw = [space.encode(trial.params)[None, :] for trial in trials]
        return raw, [np.array([sign * (trial.values or [np.nan])[0]]) for trial in trials]


def _params(request: Request, dims: Dimensions, unit: Floats, chosen: Integers) -> dict[str, Any]:
    """Return the point of coordinates ``(d,)`` of the dimensions and values ``(c,)`` of the choices."""
    units = np.full(len(request.space), 0.5)
    units[list(dims.numbers)] = unit
    units[list(dims.choices)] = (chosen + 0.5) / np.array(dims.counts)
    return point_at(request.space, units.tolist(), request.given)


def _allowed(request: Request, dims: Dimensions) -> Callable[[Floats, Integers], bool]:
    return lambda unit, chosen: request.space.allows(_params(request, dims, unit, chosen))


def _middle(space: SearchSpace) -> Floats:
    """Return the coordinates ``(all parameters,)`` of an allowed point in the middle of the others."""
    unit = space.region.draw(np.random.default_rng(0), MIDDLE_OF)
    if len(unit) == 0:
        return np.full(len(space), 0.5)
    return np.asarray(unit[int(np.argmin(((unit - unit.mean(axis=0)) ** 2).sum(axis=1)))])


def _outcomes(space: SearchSpace, dims: Dimensions, history: History) -> Outcomes | None:
    """Return the outcomes of the newest trials; None when none has failed."""
    failed = history.states == TrialState.FAIL
    if not failed.any():
        return None
    rows = np.flatnonzero(failed | (history.states == TrialState.COMPLETE))[-REMEMBERED:]
    units, chosen = _encoded(space, dims, history, rows)
    return Outcomes(units, chosen, failed[rows])


def _encoded(space: SearchSpace, dims: Dimensions, history: History, rows: Integers) -> tuple[Floats, Integers]:
    """Return coordinates ``(k, d)``, NaN where unknown, and values of the choices ``(k, c)``, -1 where unknown."""
    raw = history.raw(space, rows)
    numbers, choices = raw[:, list(dims.numbers)], raw[:, list(dims.choices)]
    units = [[axis.unit(x) for axis, x in zip(dims.axes, row, strict=True)] for row in numbers.tolist()]
    return np.array(units).reshape(numbers.shape), np.where(np.isnan(choices), -1, choices).astype(np.int64)


def _values(history: History, rows: Integers) -> Floats:
    """Objective values ``(k,)``, the last reports of pruned trials, infinite for failures."""
    values = np.where(history.states[rows] == TrialState.PRUNED, history.last_value[rows], history.values[rows, 0])
    return np.where(np.isnan(values), np.inf, values)
