"""A terminator as a callback of ``Study.optimize``."""

from __future__ import annotations

from typing import Any

from sweeper_core.logging import get_logger
from sweeper_core.terminator.terminator import BaseTerminator, Terminator
from sweeper_core.trial.frozen import FrozenTrial

__all__ = ["TerminatorCallback"]

_logger = get_logger(__name__)


class TerminatorCallback:
    """Stops a study when its terminator says so.

    Args:
        terminator: A :class:`Terminator` with its defaults by default.
    """

    def __init__(self, terminator: BaseTerminator | None = None) -> None:
        self._terminator = terminator or Terminator()

    def __call__(self, study: Any, trial: FrozenTrial) -> None:
        """Stop ``study`` when it may end."""
        if self._terminator.should_terminate(study):
            _logger.info("The study is stopped by its terminator.")
            study.stop()
