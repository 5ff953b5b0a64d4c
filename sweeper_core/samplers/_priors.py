"""Priors in a search: their weight given the results so far, and points drawn from them.

Notation

======  =====================================================================================
n       number of trials with a result
log π   log density of the priors at a trial's point, relative to the uniform one
β       trials after which a trusted prior has lost half of its weight
======  =====================================================================================

An acquisition function is multiplied by π to the power of ``trust * β / (β + n)``: the idea of πBO (Hvarfner et al.
2022), with a power that is at most 1 and falls like 1/n. Samplers without an acquisition function draw that share of
their points from π (Mallik et al. 2023, PriorBand). The trust is the probability that the priors are of use, given that
the best trials so far are or are not where π is larger than at all trials.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from sweeper_core.maths.pareto import pareto_front
from sweeper_core.samplers.base import Request, Suggestion
from sweeper_core.search_space.priors import Prior, PriorDensity
from sweeper_core.search_space.space import SearchSpace
from sweeper_core.trial.history import History
from sweeper_core.trial.state import TrialState

Floats = npt.NDArray[np.float64]

BETA = 5.0
INITIAL_TRUST = 0.8
"""Initial probability that the priors are useful."""
GOOD = 0.25
"""Share of the trials that counts as the best ones."""
MAX_EVIDENCE = 50.0
"""Keeps the exponential of the evidence finite."""


def density_of(request: Request) -> PriorDensity | None:
    """Return the density of a request's priors; None where no parameter of its space has one."""
    if not request.priors:
        return None
    density = _density(request.space, tuple(sorted(request.priors.items(), key=lambda item: item[0])))
    return density if density else None


def _density(space: SearchSpace, priors: tuple[tuple[str, Prior], ...]) -> PriorDensity:
    try:
        return _remembered(space, priors)
    except TypeError:  # a prior that is a list or a dictionary
        return PriorDensity(space, dict(priors))


_remembered = lru_cache(maxsize=16)(lambda space, priors: PriorDensity(space, dict(priors)))


def power(density: PriorDensity, history: History) -> float:
    """Return the power of the priors' density, in [0, 1]."""
    rows = history.having(TrialState.COMPLETE, TrialState.FAIL)
    rows = rows[history.within(density.space, rows)] if len(rows) else rows
    return _trust(density, history, rows) * BETA / (BETA + len(rows))


def _trust(density: PriorDensity, history: History, rows: npt.NDArray[np.int64]) -> float:
    """Return the probability that the priors are of use: a Bayes factor over the best trials among ``rows``."""
    best = _best(history, rows)
    if len(best) == 0:
        return INITIAL_TRUST
    log_pi = density.log(history.unit(density.space, rows))
    evidence = float(np.sum(density.log(history.unit(density.space, best)) - _log_mean_exp(log_pi)))
    odds = INITIAL_TRUST / (1.0 - INITIAL_TRUST) * math.exp(min(max(evidence, -MAX_EVIDENCE), MAX_EVIDENCE))
    return odds / (1.0 + odds)


def _best(history: History, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the best quarter of the trials; of several objectives, what no other trial dominates."""
    done: npt.NDArray[np.int64] = rows[
        (history.states[rows] == TrialState.COMPLETE) & ~np.any(np.isnan(history.values[rows]), axis=1)
    ]
    if len(done) == 0:
        return done
    values = history.values[done]
    if values.shape[1] > 1:
        return np.asarray(done[pareto_front(values)])
    return np.asarray(done[np.argsort(values[:, 0], kind="stable")[: math.ceil(GOOD * len(done))]])


def _log_mean_exp(x: Floats) -> float:
    top = float(x.max())
    return top + math.log(float(np.mean(np.exp(x - top))))


def drawn(request: Request, history: History, rng: np.random.Generator) -> Suggestion | None:
    """Return a point drawn from the priors, or None when the sampler suggests the point.

    The first trial gets the priors' own values.
    """
    density = density_of(request)
    if density is None:
        return None
    if request.number == 0:
        given: dict[str, Any] = {**density.mode(), **request.given}
        return Suggestion(density.draw(given, rng), "prior", "the values of the priors")
    if rng.random() >= power(density, history):
        return None
    return Suggestion(density.draw(request.given, rng), "prior", "drawn from the priors")
