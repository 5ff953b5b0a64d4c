"""Asking a sampler for a point: what holds for the suggestions of all samplers is seen to here, once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sweeper_core.maths.quiet import quiet
from sweeper_core.samplers._distinct import make_distinct
from sweeper_core.samplers.base import Request, Sampler, Suggestion
from sweeper_core.trial.history import History


def ask(sampler: Sampler, request: Request, history: History, rng: np.random.Generator) -> Suggestion:
    """Return the sampler's suggestion, computed under an error state of its own.

    On a finite space a point that some trial has already is replaced as :attr:`Suggestion.if_known` says, until all
    points have been suggested.
    """
    with quiet():
        suggestion = sampler.suggest(request, history, rng)
        if suggestion.if_known == "keep":
            return suggestion
        params = make_distinct(request, history, rng, suggestion.params, near=suggestion.if_known == "move")
    return suggestion if params is suggestion.params else replace(suggestion, params=params)
