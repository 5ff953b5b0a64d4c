"""Asking a sampler for a point: what holds for the suggestions of all samplers is seen to here, once."""

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
    """Return the sampler's suggestion, computed under an error state of its own.

    Where the request has priors of which the sampler takes no account, they draw some of the points.
    On a finite space a point that some trial has already is replaced as :attr:`Suggestion.if_known` says, until all
    points have been suggested. Where the space has relations, a point that breaks one is replaced by the nearest that
    is found to satisfy all; the given values are kept, also where they break one themselves.
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
