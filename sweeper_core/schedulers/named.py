"""Schedulers by name."""

from __future__ import annotations

import difflib

from sweeper_core.registry import SCHEDULERS
from sweeper_core.schedulers.base import Scheduler


def scheduler_of(chosen: Scheduler | str | None) -> Scheduler | None:
    """Return a scheduler, or the one of that name with its default arguments; None for None and ``"stop"``.

    Raises:
        ValueError: There is none of that name.
        TypeError: It is neither.
    """
    if chosen is None or chosen == "stop":
        return None
    if isinstance(chosen, Scheduler):
        return chosen
    if not isinstance(chosen, str):
        raise TypeError(f"`scheduler` must be a name ({', '.join(SCHEDULERS)}) or a Scheduler, but got {chosen!r}.")
    if chosen not in SCHEDULERS:
        near = difflib.get_close_matches(chosen, SCHEDULERS, 1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"There is no scheduler {chosen!r}, only {', '.join(SCHEDULERS)}.{hint}")
    found = SCHEDULERS[chosen].load()()
    assert isinstance(found, Scheduler)
    return found
