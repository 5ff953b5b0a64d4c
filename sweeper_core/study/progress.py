"""The progress bar of ``Study.optimize``."""

from __future__ import annotations

import logging
import threading
import warnings
from typing import Any

from sweeper_core import logging as core_logging


class Progress:
    """A bar over trials, or over time when only that is limited. Needs tqdm; without it there is none.

    While the bar is shown, log lines are written above it.

    Args:
        n_trials, timeout: The limits of the optimisation; without either there is nothing to measure.
    """

    def __init__(self, n_trials: int | None, timeout: float | None) -> None:
        self._by_time = n_trials is None
        self._shown = 0.0
        self._lock = threading.Lock()
        self._bar = _bar(n_trials, timeout)
        self._handler: logging.Handler | None = None
        if self._bar is not None:
            self._handler = _AboveBar(type(self._bar))
            self._handler.setFormatter(core_logging.create_default_formatter())
            core_logging.disable_default_handler()
            core_logging.get_logger(core_logging.ROOT).addHandler(self._handler)

    def update(self, elapsed: float, best: str) -> None:
        """Show that one more trial has ended.

        Args:
            elapsed: Seconds since the optimisation began.
            best: Text about the best trial.
        """
        if self._bar is None:
            return
        with self._lock:
            self._bar.set_description(best)
            if self._by_time:
                elapsed = min(elapsed, float(self._bar.total))
                self._bar.update(elapsed - self._shown)
                self._shown = elapsed
            else:
                self._bar.update(1)

    def close(self) -> None:
        """Leave the bar as it is, and log to standard error again."""
        if self._bar is not None and self._handler is not None:
            self._bar.close()
            core_logging.get_logger(core_logging.ROOT).removeHandler(self._handler)
            core_logging.enable_default_handler()


class _AboveBar(logging.Handler):
    def __init__(self, bar: Any) -> None:
        super().__init__()
        self._bar = bar

    def emit(self, record: logging.LogRecord) -> None:
        self._bar.write(self.format(record))


def _bar(n_trials: int | None, timeout: float | None) -> Any:
    if n_trials is None and timeout is None:
        warnings.warn("Progress bar won't be displayed because n_trials and timeout are None.", stacklevel=4)
        return None
    try:
        from tqdm.auto import tqdm
    except ImportError:
        warnings.warn("The progress bar needs tqdm, which is not installed; going on without.", stacklevel=4)
        return None
    if n_trials is not None:
        return tqdm(total=n_trials)
    layout = "{desc} {percentage:3.0f}%|{bar}| {elapsed}/" + tqdm.format_interval(timeout)
    return tqdm(total=timeout, bar_format=layout)
