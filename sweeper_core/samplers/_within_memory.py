"""Suggestions that fit into memory, as far as is known.

What the limit is learned with needs SciPy's linear algebra; it is imported once a trial has run out of memory.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from sweeper_core.maths.threads import one_blas_thread
from sweeper_core.samplers.base import Request, Suggestion
from sweeper_core.search_space.space import SearchSpace
from sweeper_core.trial.history import History

if TYPE_CHECKING:
    from sweeper_core.samplers._memory import MemoryLimit

PROPOSALS = 8
"""Maximum number of suggestions of which the first that keeps to the risk is taken, or the one with the least risk."""

Limit: TypeAlias = "MemoryLimit | None"
"""The learned limit; None where no trial of the space ran out of memory."""

Suggest = Callable[[Limit], Suggestion]


def limit_of(space: SearchSpace, history: History) -> Limit:
    """Return the limit learned from a history."""
    if not history.oom.any():
        return None
    from sweeper_core.samplers._memory import MemoryLimit

    return MemoryLimit.of(space, history)


def within_memory(request: Request, history: History, suggest: Suggest) -> Suggestion:
    """Return a suggestion that fits into memory as far as is known: the first of some, or the most probable one.

    Args:
        suggest: Returns another suggestion at each call; it is passed the limit, if there is one.
    """
    limit = limit_of(request.space, history) if len(request.given) < len(request.space) else None
    return suggest(None) if limit is None else _first_fitting(limit, suggest)


@one_blas_thread()
def _first_fitting(limit: MemoryLimit, suggest: Suggest) -> Suggestion:
    best, most = None, -math.inf
    for _ in range(PROPOSALS):
        found = suggest(limit)
        score = limit.of_suggestion(found)
        if score >= limit.least:
            return found
        if best is None or score > most:
            best, most = found, score
    assert best is not None
    return best
