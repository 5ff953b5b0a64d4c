"""The Gaussian-process sampler, the most sample-efficient one for up to a few hundred trials.

Notation

======  =======================================================================================
n       number of points with observations
m, c    number of objectives, of constraints
p       number of embedded columns
======  =======================================================================================

After a space-filling start, each suggestion fits a process to every objective (and constraint, and to failures), and
maximises the logarithm of an expected improvement over the space. Running trials are pending points: the posterior is
conditioned on its mean there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import log_ndtr

from sweeper_core.maths.acquisition import undominated_boxes
from sweeper_core.maths.gp import Hyper
from sweeper_core.maths.hypervolume import greedy_subset
from sweeper_core.maths.pareto import pareto_front
from sweeper_core.maths.threads import one_blas_thread
from sweeper_core.samplers._gp.acquisition import (
    Compressed,
    ExpectedImprovement,
    Feasibility,
    Fits,
    HypervolumeImprovement,
    LowestMean,
    Sum,
    Term,
)
from sweeper_core.samplers._gp.economy import ExpectedCost, expected_cost
from sweeper_core.samplers._gp.exploration import ExplorationStep, exploration_step, leap_step
from sweeper_core.samplers._gp.models import KNOWN_NOISE, Memo, Target, learn, model_of
from sweeper_core.samplers._gp.restricted import Restriction
from sweeper_core.samplers._gp.search import Search
from sweeper_core.samplers._gp.sources import best_of, informed_model
from sweeper_core.samplers._gp.space import Encoding, Feature, balanced, farthest, fix
from sweeper_core.samplers._gp.start import FEW, centred, cheaper, is_short, middle, start_length
from sweeper_core.samplers._gp.task import Task, elite_of, slope_at
from sweeper_core.samplers._priors import drawn
from sweeper_core.samplers._within_memory import within_memory
from sweeper_core.samplers.base import Request, Sampler, Suggestion
from sweeper_core.samplers.optuna_face import OptunaFace
from sweeper_core.trial.history import History

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

PARENTS = 10
DRAWS = 48
"""Draws of the space-filling start, of which the one farthest from all points is taken. With more of them every
point would lie in a corner of a high-dimensional space."""
EXPLORATION = 0.04
"""Share of the suggestions that use the least tried choice of a categorical: after one unlucky point a process can be
overconfident that a choice is bad."""
MIN_VISITS = 2
"""Minimum number of trials per choice once there are enough trials for all: first points may have been enqueued. In a
short study it is 1: the last trials are too few to be spent on choices that did badly."""
EXTRA_DRAWS = 8
"""Factor on the draws where relations restrict the space."""
WEIGHT_OF_FAILURE = 3.0
"""Visits that a failure counts as in the space-filling start: a choice that always fails is tried less often."""
MIN_POINTS = 4
"""Minimum number of points with values before the first model."""
WARM_START = 3
"""Points before the first model when earlier studies have been given."""
MAX_RECENT = 20
FAILURES_BORNE, CARE_FOR_FAILURES = 0.0, 8.0
VIOLATIONS_BORNE, CARE_FOR_VIOLATIONS = 0.3, 6.0
"""The share of lost runs among the ``MAX_RECENT`` above which a distance from the edge is kept, and how many standard
deviations a further share of 1 adds to it: 1.2 when three of twenty have failed. The observed share corrects itself;
modelled probabilities do not, because the search selects the points where they are wrong. A violated constraint has
a magnitude, and optima lie on its edge; a failure has none."""
BEYOND = 0.1
"""Limit of an objective's improvement on its best value, as a share of its range. The gain of a point at an end of
the front grows without bound with its distance beyond the end, so without a limit one corner of the space after
another would be suggested, wherever an objective is most uncertain."""
MAX_FAILURES_TO_EXPLORE = 0.1
"""With a larger share of failures among the ``MAX_RECENT`` there are no exploration steps, which suggest uncertain
points."""
NOISY = 0.03
"""Noise variance, in units of that of the targets, from which on the search heeds noise: an improvement counts by what
a run tells of it. Less is also what a process takes detail for that it does not resolve."""
SETTLE = 5
"""With such noise, every so many suggestions is the point with the lowest mean: a run tells most elsewhere, but what is
wanted in the end is a trial at the best point."""
MAX_FRONT = 32
"""A three-dimensional front is thinned to this many points before the decomposition into boxes."""


class GPSampler(OptunaFace):
    """Suggests where a Gaussian process expects the largest improvement.

    For numbers, logarithmic, integer and stepped ones, categoricals, ordered choices and conditional parameters;
    with noise, repeats, constraints, failures, running and pruned trials; for one objective or several (expected
    hypervolume improvement for two and three, random Chebyshev scalarisations beyond).

    Args:
        seed: Seed of the generators.
        independent_sampler: Makes the first ``n_startup_trials`` suggestions instead of the space-filling design.
        n_startup_trials: Number of points before the first model; None takes 10, or fewer when the study has a
            small budget.
        deterministic_objective: The objective has no noise; else noise is inferred.
        constraints_func: Takes a finished trial and returns its constraint values, satisfied where <= 0.
        warn_independent_sampling: Accepted for compatibility, without effect: every parameter is part of the
            model.
    """

    heeds_priors = True
    heeds_costs = True

    def __init__(
        self,
        *,
        seed: int | None = None,
        independent_sampler: Sampler | None = None,
        n_startup_trials: int | None = 10,
        deterministic_objective: bool = False,
        constraints_func: Callable[[Any], Sequence[float]] | None = None,
        warn_independent_sampling: bool = True,
    ) -> None:
        super().__init__(seed)
        if n_startup_trials is not None and n_startup_trials < 0:
            raise ValueError(f"`n_startup_trials` must not be negative, but got {n_startup_trials}.")
        self.independent_sampler = independent_sampler
        self.n_startup_trials = n_startup_trials
        self.deterministic_objective = deterministic_objective
        self.constraints_func = constraints_func
        self.warn_independent_sampling = warn_independent_sampling
        self._memo = Memo()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_memo": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _memo=Memo())

    @one_blas_thread()
    def suggest(self, request: Request, history: History, rng: np.random.Generator) -> Suggestion:
        """Return the point of the largest expected improvement, or one of the space-filling start."""
        encoding = self._memo.get("space", request.space, lambda: Encoding(request.space))
        task = Task(encoding, request, history, rng)
        if task.free == 0:
            return task.suggestion(task.fixed_point(), "nothing left to choose")
        task.cost = self._cost(task, history)
        if self._started(task):
            return task.suggestion(*self._improve(task))
        return within_memory(request, history, lambda _: self._begin(task, history))

    def _begin(self, task: Task, history: History) -> Suggestion:
        """Return a point before the first model."""
        from_priors = drawn(task.request, history, task.rng)
        if from_priors is not None:
            return from_priors
        if self.independent_sampler is not None:
            return self.independent_sampler.suggest(task.request, history, task.rng)
        return task.suggestion(*self._start(task))

    def _cost(self, task: Task, history: History) -> ExpectedCost | None:
        economy = task.request.economy
        return expected_cost(economy, history, task.encoding, task.observations, task.numbers, self._memo)

    def _started(self, task: Task) -> bool:
        """Return whether there are enough points for a model; failures count, besides some points with values."""
        if task.sources:
            return len(task.observations) >= max(min(self._length(task), WARM_START), 1)
        length, known = self._length(task), len(task.observations) + len(task.failed)
        least = min(max(length, 2), MIN_POINTS)
        return len(task.observations) >= least and known >= length

    def _length(self, task: Task) -> int:
        """Return the number of points before the first model."""
        own = self.n_startup_trials
        return start_length(task.request, task.encoding, task.cost is not None) if own is None else own

    def _is_short(self, task: Task) -> bool:
        """Return whether the start is chosen, and for a study that is known to have few trials."""
        return self.n_startup_trials is None and is_short(task.request, task.cost is not None)

    def _start(self, task: Task) -> tuple[Floats, str]:
        """Return a point of the space-filling start; with sources, every other one is the best of a source.

        Where its length is chosen, a short study begins in the middle of the space, and of each branch; with sources,
        after the best point.
        """
        if task.sources and len(task.seen) % 2 == 0:
            best = fix(best_of(task.sources), task.fixed)
            fresh = [row for row, key in enumerate(task.encoding.keys(best)) if key not in task.known]
            if fresh:
                return best[fresh[0]], "the best point of an earlier study"
        short, first = self._is_short(task), 1 if task.sources else 0
        if short and task.request.number == len(task.seen) == first:
            return fix(middle(task.encoding, task.rng), task.fixed)[0], "the middle of the space"
        return _spread_out(task, self._length(task), short), "space-filling start"

    def _improve(self, task: Task) -> tuple[Floats, str]:
        if task.sources:
            target = self._target(task, task.observations.values[:, 0], warped=True)
            task.informed = informed_model(target, task.sources, self._memo)
        turn = self._exploration_step(task)
        acquisition, parents = self._acquisition(task, turn)
        fixed = task.fixed + (list(turn.held) or self._explored(task))
        found = Search(task.encoding, acquisition, fixed, task.known, task.rng).best(parents)
        if len(fixed) > len(task.fixed) and found is not None and not task.fits(found):
            fixed = task.fixed
            found = Search(task.encoding, acquisition, fixed, task.known, task.rng).best(parents)
        if found is None:
            return _spread_out(task, self._length(task)), "all candidates known"
        found = task.beside_ends(found, parents if task.observations.values.shape[1] > 1 else parents[:1])
        if turn:
            return found, "a detour: a large step" if turn.leap else "a detour, for the search stands still"
        return found, "exploring a choice rarely tried" if len(fixed) > len(task.fixed) else ""

    def _explored(self, task: Task) -> list[tuple[int, float]]:
        """Return a rarely tried choice of a categorical, or at times the least tried one, to be held fixed."""
        held = {position for position, _ in task.fixed}
        axes = [axis for axis in task.encoding.categorical if axis.position not in held and not axis.conditional]
        if not axes:
            return []
        now_and_then = task.rng.random() < EXPLORATION
        favourite = int(task.rng.integers(len(axes)))
        tried, least = len(task.seen), 1 if self._is_short(task) else MIN_VISITS
        for index, axis in enumerate(axes):
            visits, chance = _visits(task.seen.unit, axis), _chance(task, axis)
            rare = int(np.argmin(visits / chance))
            neglected = visits[rare] < least and tried >= least * len(visits)
            if neglected or (now_and_then and index == favourite and task.rng.random() < chance[rare]):
                return [(axis.position, float(axis.values[rare]))]
        return []

    def _exploration_step(self, task: Task) -> ExplorationStep:
        """Return the exploration step of this suggestion.

        Only a process without noise keeps refining a converged optimum by negligible amounts. With noise it suggests
        other points anyway, so a significant improvement has to exceed the noise.
        """
        if (
            task.observations.values.shape[1] > 1
            or task.informed is not None
            or np.mean(task.lost[-MAX_RECENT:]) > MAX_FAILURES_TO_EXPLORE
        ):
            return ExplorationStep()
        turn = exploration_step(
            task.encoding, task.observations, task.seen.unit, task.request.number, task.fixed, task.rng
        )
        turn = turn or self._leap(task)
        return turn if turn.held or (turn and self._exceeds_noise(task, turn)) else ExplorationStep()

    def _leap(self, task: Task) -> ExplorationStep:
        """Return a large step of a short study, or of one that began with earlier ones' points, all in one place."""
        guided = bool(task.sources)
        if task.request.number >= FEW or not (guided or self._is_short(task)):
            return ExplorationStep()
        return leap_step(task.observations, task.request.number, always=guided)

    def _exceeds_noise(self, task: Task, turn: ExplorationStep) -> bool:
        """Return whether the improvement that the step requires can be told from noise."""
        y = task.observations.values[:, 0]
        learned = learn(self._target(task, y, warped=True), self._memo)
        if turn.leap:
            return _heeded_noise(task, learned.hyper) == 0.0
        return bool(turn.margin * slope_at(learned.warp, float(y.min())) >= np.sqrt(learned.hyper.noise))

    def _acquisition(self, task: Task, turn: ExplorationStep) -> tuple[Sum, Floats]:
        """Return the acquisition function, and the best points so far ``(k, d)``."""
        m = task.observations.values.shape[1]
        feasibilities = [*self._feasibilities(task), *task.beliefs, *([] if task.cost is None else [task.cost])]
        if m == 1 or m > 3:
            y = task.observations.values[:, 0] if m == 1 else _scalarised(task.observations.values, task.rng)
            return self._single(task, y, feasibilities, turn)
        return self._several(task, feasibilities)

    def _single(self, task: Task, y: Floats, feasibilities: list[Term], turn: ExplorationStep) -> tuple[Sum, Floats]:
        target = self._target(task, y, warped=True)
        model = task.informed or model_of(target, self._memo)
        elite = elite_of(task.observations, y, turn.rows(task.observations))
        if len(elite) == 0:
            return Sum(feasibilities), task.observations.unit[np.argsort(y)[:PARENTS]]
        means = model.posterior.mean(task.Z[elite])
        parents = task.observations.unit[elite[np.argsort(means, kind="stable")[:PARENTS]]]
        posterior = model.posterior.fantasize(task.pending_Z)
        # The incumbent includes the values fantasized for running trials.
        expected = np.append(means, [] if turn.held else model.posterior.mean(task.pending_Z))
        required = turn.margin * slope_at(model.warp, float(y[elite[0]]))
        lowest = float(np.min(expected)) - required - turn.leap * float(np.sqrt(model.posterior.hyper.signal))
        noise = _heeded_noise(task, model.posterior.hyper)
        if noise > 0.0 and self._settles(task, turn):
            return Sum([LowestMean(posterior), *feasibilities]), parents
        improvement = _within_limit(task, ExpectedImprovement(posterior, lowest, noise))
        return Sum([improvement, *feasibilities]), parents

    @staticmethod
    def _settles(task: Task, turn: ExplorationStep) -> bool:
        """Return whether this suggestion is the point with the lowest mean; not where else counts, such as costs."""
        several, other = task.observations.values.shape[1] > 1, task.cost is not None or bool(task.beliefs)
        return task.request.number % SETTLE == SETTLE - 1 and not (several or other or turn)

    def _several(self, task: Task, feasibilities: list[Term]) -> tuple[Sum, Floats]:
        observations = task.observations
        columns = observations.values.T
        models = [model_of(self._target(task, column, warped=False), self._memo) for column in columns]
        rows = np.flatnonzero(observations.feasible)
        if len(rows) == 0:
            return Sum(feasibilities), observations.unit[:PARENTS]
        everywhere = np.concatenate([task.Z[rows], task.pending_Z])
        means = np.column_stack([model.posterior.mean(everywhere) for model in models])
        on_front = np.flatnonzero(pareto_front(means))
        front, reference = means[on_front], _reference(means, means[on_front])
        if len(front) > MAX_FRONT:
            kept = greedy_subset(front, reference, MAX_FRONT)
            front, on_front = front[kept], on_front[kept]
        boxes = _boxes(front[np.all(front < reference, axis=1)], reference)
        posteriors = [model.posterior.fantasize(task.pending_Z) for model in models]
        units = np.concatenate([observations.unit[rows], task.pending.unit])
        return Sum([_within_limit(task, HypervolumeImprovement(posteriors, boxes)), *feasibilities]), units[on_front]

    def _target(self, task: Task, y: Floats, warped: bool) -> Target:
        observations = task.observations
        return Target(
            task.Z,
            task.encoding.columns,
            y,
            observations.noise_factor,
            observations.noise_std,
            observations.run_variance if warped else float("nan"),
            warped,
            KNOWN_NOISE if self.deterministic_objective else None,
        )

    def _feasibilities(self, task: Task) -> list[Term]:
        """Return the log probabilities that constraints hold and that the run does not fail."""
        terms = [self._constraint(task, column) for column in task.observations.constraints.T]
        memory = None if task.limit is None else Fits(task.limit)
        return [term for term in (*terms, self._failures(task), memory) if term is not None]

    def _constraint(self, task: Task, values: Floats) -> Term | None:
        rows = np.flatnonzero(np.isfinite(values))
        if len(rows) < 2:
            return None
        scale = float(np.median(np.abs(values[rows]))) or float(np.max(np.abs(values[rows]))) or 1.0
        # arcsinh keeps the sign and compresses violations that differ by orders of magnitude.
        y = np.arcsinh(values[rows] / scale)
        least = _least_log_probability(values[rows] > 0.0, VIOLATIONS_BORNE, CARE_FOR_VIOLATIONS)
        return self._feasibility(task, task.Z[rows], y, 0.0, least, outcome=False)

    def _failures(self, task: Task) -> Term | None:
        known = ~task.out_of_memory
        failed = task.lost[known]
        if not failed.any():
            return None
        Z = np.concatenate([task.Z, task.failed_Z])[task.order][known]
        least = _least_log_probability(failed, FAILURES_BORNE, CARE_FOR_FAILURES)
        return self._feasibility(task, Z, failed.astype(float), 0.5, least, outcome=True)

    def _feasibility(self, task: Task, Z: Floats, y: Floats, threshold: float, least: float, outcome: bool) -> Term:
        encoding = task.encoding
        ones = np.ones(len(y))
        model = model_of(Target(Z, encoding.columns, y, ones, np.zeros(len(y)), warped=False), self._memo)
        # Predict the next outcome with its noise, not the smooth latent function: at an edge, between failures and
        # successes, the latent function may be overconfident to be on the right side of one half.
        noise = model.posterior.hyper.noise if outcome else 0.0
        return Feasibility(model.posterior, float(model.warp(np.array([threshold]))[0]), least, noise)


def _spread_out(task: Task, length: int, short: bool = False) -> Floats:
    """Return a point ``(d,)`` of the space-filling design: balanced in each parameter, and far from all others.

    Args:
        short: The study has few trials, so parameters begin in the middle.
    """
    encoding, seen = task.encoding, task.seen
    total = max(length, len(seen.unit) + 1)
    weights = np.append(np.ones(len(seen) - len(task.failed)), np.full(len(task.failed), WEIGHT_OF_FAILURE))
    weights = weights[:, None] * seen.active
    restricted = bool(encoding.space.where)
    count = DRAWS * (EXTRA_DRAWS if restricted else 1)
    draws = balanced(encoding, seen.unit, total, count, task.rng, weights)
    draws = fix(centred(encoding, draws, seen.unit, seen.active) if short else draws, task.fixed)
    if restricted:
        draws = Restriction(encoding, task.fixed, task.rng).some(draws, DRAWS)
    known = task.known
    fresh = [row for row, key in enumerate(encoding.keys(draws)) if key not in known]
    if fresh:
        draws = draws[fresh]
    draws = cheaper(draws, encoding.embed(draws), task.cost)
    return np.asarray(draws[farthest(encoding.embed(draws), encoding.embed(seen.unit, seen.active))])


def _heeded_noise(task: Task, hyper: Hyper) -> float:
    """Return the noise variance of a typical point, in units of that of the targets; 0 where it is not heeded."""
    noise = hyper.noise * float(np.median(task.observations.noise_factor))
    return noise if noise > NOISY else 0.0


def _within_limit(task: Task, improvement: ExpectedImprovement | HypervolumeImprovement) -> Term:
    """Return an improvement on a scale on which the limit of memory prevails."""
    return improvement if task.limit is None else Compressed(improvement)


def _visits(unit: Floats, axis: Feature) -> Integers:
    """Return how many of the points ``(n, d)`` have each value of a discrete parameter."""
    return np.asarray(np.sum(axis.which(unit), axis=0))


def _chance(task: Task, axis: Feature) -> Floats:
    """Return each choice's survival probability, by the rule of succession."""
    good, bad = _visits(task.observations.unit, axis), _visits(task.failed.unit, axis)
    return np.asarray((good + 1.0) / (good + bad + 2.0))


def _least_log_probability(lost: Flags, borne: float, care: float) -> float:
    """Return the required log probability of success, from which of the runs (in order) were lost."""
    excess = float(np.mean(lost[-MAX_RECENT:])) - borne
    return float(log_ndtr(care * excess)) if excess > 0.0 else -np.inf


def _scalarised(values: Floats, rng: np.random.Generator) -> Floats:
    """Return the augmented Chebyshev values ``(n,)`` of objectives ``(n, m)`` for random weights (Knowles 2006)."""
    low, high = values.min(axis=0), values.max(axis=0)
    scaled = (values - low) / np.where(high > low, high - low, 1.0)
    weighted = rng.dirichlet(np.ones(values.shape[1])) * scaled
    return np.asarray(weighted.max(axis=1) + 0.05 * weighted.sum(axis=1))


def _reference(means: Floats, front: Floats) -> Floats:
    """Return the reference point ``(m,)`` for points ``(n, m)`` and their front.

    With two objectives it is a tenth of their extent beyond the worst of all points: with a reference close to the
    front, missing ends would have no gain. With three, most of the volume up to such a distant point lies at the
    ends, and the middle would be neglected: the reference is beyond the front and the better three quarters.
    """
    if means.shape[1] == 2:
        return np.asarray(means.max(axis=0) + 0.1 * np.ptp(means, axis=0) + 1e-6)
    beyond = front.max(axis=0) + 0.1 * np.ptp(front, axis=0)
    return np.asarray(np.maximum(np.quantile(means, 0.75, axis=0), beyond) + 1e-6)


def _boxes(front: Floats, reference: Floats) -> tuple[Floats, Floats]:
    """Return the boxes that a new point can gain: those that ``front`` ``(k, m)`` leaves, and a bit beyond its ends."""
    if len(front) == 0:
        return undominated_boxes(front, reference)
    best = front.min(axis=0)
    return undominated_boxes(front, reference, best - BEYOND * (reference - best))
