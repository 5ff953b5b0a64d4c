"""Call a sampler, and apply the rules for the suggestions of all samplers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from sweeper_core.maths.quiet import quiet
from sweeper_core.samplers._distinct import make_distinct
from sweeper_core.samplers._priors import drawn
from sweeper_core.samplers.base import Request, Sampler, Suggestion
from sweeper_core.trial.history import History


def ask(sampler: Sampler, request: Request, history: History, rng: np.random.Generator) -> Suggestion:
    """Return the sampler's suggestion, computed under a separate NumPy error state.

    Where the request has priors that the sampler does not use, some of the points are drawn from them.
    On a finite space a point that a trial already has is replaced according to :attr:`Suggestion.if_known`, until all
    points have been suggested. Where the space has relations, a point that breaks one is replaced by the nearest one
    found that satisfies all; the given values are kept, even if they break a relation.
    """
    with quiet():
        leave = sampler.heeds_priors or sampler.ends
        suggestion = (None if leave else drawn(request, history, rng)) or sampler.suggest(request, history, rng)
        params = _allowed(request, suggestion.params, rng)
        if suggestion.if_known != "keep":
            params = make_distinct(request, history, rng, params, near=suggestion.if_known == "move")
    return suggestion if params is suggestion.params else replace(suggestion, params=params)


def _allowed(request: Request, params: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    space = request.space
    if space.allows(params):
        return params
    found = space.region.nearest(params, request.given, rng)
    return params if found is None or not space.allows(found) else found
