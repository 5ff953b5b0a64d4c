"""Storage outages: jobs run on, and their results are kept and stored later."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from sweeper_core.exceptions import StorageUnavailableError

log = logging.getLogger("hydra_plugins.hydra_hpo_sweeper")

T = TypeVar("T")


class Outage:
    """Retries failed operations of a storage for as long as the settings allow.

    Args:
        patience: Seconds; None for no limit.
    """

    def __init__(self, patience: float | None) -> None:
        self._patience = patience
        self._since: float | None = None

    @property
    def now(self) -> bool:
        """Whether the last operation could not reach the storage."""
        return self._since is not None

    def attempt(self, work: Callable[[], T], otherwise: T) -> T:
        """Return what ``work`` returns; ``otherwise`` while the storage cannot be reached.

        Raises:
            StorageUnavailableError: It has been away for longer than the settings allow.
        """
        try:
            done = work()
        except StorageUnavailableError as error:
            self._away(error)
            return otherwise
        if self._since is not None:
            log.info("The storage answers again after %.0f s; the sweep goes on.", time.monotonic() - self._since)
            self._since = None
        return done

    def _away(self, error: StorageUnavailableError) -> None:
        now = time.monotonic()
        limit = "no limit" if self._patience is None else f"{self._patience:g} s"
        if self._since is None:
            self._since = now
            log.warning(
                "%s. Running jobs run on, and their results are kept until it answers (hydra.sweeper.storage_patience: "
                "%s).",
                str(error).rstrip("."),
                limit,
            )
        if self._patience is not None and now - self._since >= self._patience:
            raise StorageUnavailableError(
                f"{str(error).rstrip('.')}. It has not answered for {now - self._since:.0f} s "
                f"(hydra.sweeper.storage_patience={limit})."
            ) from error
