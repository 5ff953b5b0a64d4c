"""Reset hooks for forked children: a child inherits locks held by threads that do not exist in it."""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Forked(Protocol):
    """What has to be put in order in a forked child."""

    def after_fork(self) -> None:
        """Do without whatever another thread of the parent was at."""


_known: weakref.WeakSet[Forked] = weakref.WeakSet()


def reset_after_fork(one: Forked) -> None:
    """Call an object's ``after_fork`` in every forked child, as long as it exists."""
    _known.add(one)


def _after_fork() -> None:
    for one in list(_known):
        one.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
