"""A lane's process when a scheduler ends the worker that it belongs to."""

from __future__ import annotations

import os
import signal
from types import FrameType

from sweeper_core.checkpoints.warned import note

SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGUSR1") if hasattr(signal, name))
"""Signals by which schedulers tell processes that they will be ended."""


def end_after_save() -> None:
    """Ignore a scheduler's signals in this process until its job has saved a checkpoint and passes them on.

    The worker, which gets them, too, ends its lanes in time; it sends SIGUSR1 where it alone was told.
    """
    for number in SIGNALS:
        signal.signal(number, _handle)


def _handle(number: int, frame: FrameType | None) -> None:
    if signal.getsignal(number) is _handle:
        note(number)
    else:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)
