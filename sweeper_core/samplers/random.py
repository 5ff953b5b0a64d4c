"""Uniform random search."""

from __future__ import annotations

from typing import Any

import numpy as np

from sweeper_core.distributions import BaseDistribution
from sweeper_core.samplers._lattice import complete, is_finite
from sweeper_core.samplers.base import Request, Suggestion
from sweeper_core.samplers.optuna_face import OptunaFace
from sweeper_core.search_space.space import SearchSpace
from sweeper_core.trial.history import History


class RandomSampler(OptunaFace):
    """Draws every parameter independently and uniformly, on its own scale.

    On a finite space given in advance no point is drawn twice until all have been drawn; parameters of define-by-run
    trials are drawn independently.

    Args:
        seed: The generator of trial ``k`` derives from ``(seed, k)``; None draws a seed at random.
    """

    def suggest(self, request: Request, history: History, rng: np.random.Generator) -> Suggestion:
        params = complete(request.space, request.given, rng)
        return Suggestion(params, "random", if_known="draw")

    independent = True

    def draw(self, distribution: BaseDistribution, u: float) -> Any:
        return distribution.draw(u)

    def needs_history(self, space: SearchSpace) -> bool:
        return is_finite(space)
