"""What the next suggestions of a Gaussian process are expected to add.

Notation

======  =======================================================================================
q       number of further points
d, p    number of parameters, of embedded columns
======  =======================================================================================

The further points are chosen one after the other where the expected improvement is largest, each with the posterior
conditioned on its mean at those before it ("kriging believer", Ginsbourger et al. 2010). The sum of their expected
improvements is then that of the whole batch, without what would be learned on the way.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sweeper_core.maths.acquisition import log_ei
from sweeper_core.maths.gp import Posterior
from sweeper_core.maths.threads import one_blas_thread
from sweeper_core.samplers._gp.acquisition import ExpectedImprovement, Sum
from sweeper_core.samplers._gp.exploration import ExplorationStep
from sweeper_core.samplers._gp.models import model_of
from sweeper_core.samplers._gp.restricted import Restriction
from sweeper_core.samplers._gp.search import Search
from sweeper_core.samplers._gp.space import Encoding
from sweeper_core.samplers._gp.task import Task, elite_of, slope_at
from sweeper_core.samplers.base import Request
from sweeper_core.samplers.gp import MIN_POINTS, PARENTS, GPSampler
from sweeper_core.search_space.space import SearchSpace
from sweeper_core.trial.history import History

Floats = npt.NDArray[np.float64]

WIDE, MUTANTS = 500, 500
"""Candidates: of the whole space, and around the best points."""
KEPT = 150
"""Candidates whose improvement is worked out again after each point."""


@one_blas_thread()
def forecast(history: History, space: SearchSpace, count: int, rng: np.random.Generator) -> Floats | None:
    """Return ``(count,)`` the expected improvements that further points add; None with too few points for a model.

    For one objective, and in its units; constraints, failures and noise are part of the model.
    """
    encoding = Encoding(space)
    sampler = GPSampler(seed=0)
    task = Task(encoding, Request(space, len(history)), history, rng)
    y = task.observations.values[:, 0]
    elite = elite_of(task.observations, y, ExplorationStep().rows(task.observations))
    if len(y) < MIN_POINTS or len(elite) == 0 or not encoding.axes:
        return None
    model = model_of(sampler._target(task, y, warped=True), sampler._memo)
    means = model.posterior.mean(task.Z[elite])
    parents = task.observations.unit[elite[np.argsort(means, kind="stable")[:PARENTS]]]
    posterior = model.posterior.fantasize(task.pending_Z)
    lowest = float(np.min(np.append(means, model.posterior.mean(task.pending_Z))))
    feasible = Sum(sampler._feasibilities(task))
    candidates = _candidates(task, Sum([ExpectedImprovement(posterior, lowest), *feasible.terms]), parents)
    if len(candidates) == 0:
        return np.zeros(count)
    gains = _greedy(posterior, encoding.embed(candidates), lowest, feasible, count)
    return gains / slope_at(model.warp, float(y[elite[0]]))


def _candidates(task: Task, acquisition: Sum, parents: Floats) -> Floats:
    """Return new points ``(k, d)`` of the largest expected improvements."""
    encoding = task.encoding
    found = Search(encoding, acquisition, (), task.known, task.rng).best(parents)
    pool = np.concatenate([encoding.spread(WIDE, task.rng), encoding.mutants(parents, MUTANTS, task.rng)])
    if encoding.space.where:
        pool = Restriction(encoding, (), task.rng).filled(pool)
    pool = pool if found is None else np.concatenate([found[None], pool])
    fresh: dict[bytes, int] = {}
    for row, key in enumerate(encoding.keys(pool)):
        if key not in task.known:
            fresh.setdefault(key, row)
    pool = pool[list(fresh.values())]
    score = acquisition.score(encoding.embed(pool))
    return np.asarray(pool[np.argsort(-score, kind="stable")[:KEPT]])


def _greedy(posterior: Posterior, Z: Floats, lowest: float, feasible: Sum, count: int) -> Floats:
    """Return ``(count,)`` the expected improvements of the points that are chosen one after the other from ``Z``."""
    weight = feasible.score(Z)
    gains = np.zeros(count)
    for turn in range(min(count, len(Z))):
        mean, variance = posterior.predict(Z)
        score = log_ei(mean, variance**2 / (variance + posterior.hyper.noise), lowest) + weight
        best = int(np.argmax(score))
        gains[turn] = np.exp(score[best])
        posterior = posterior.fantasize(Z[best : best + 1])
        lowest = min(lowest, float(mean[best]))
    return gains
