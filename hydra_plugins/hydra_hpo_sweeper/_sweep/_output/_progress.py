"""Console output of a running sweep: lines about trials that start and end. ``_live`` has the live view.

Lines are written where there is no terminal, and where jobs print to the same console. A terminal shows the beginning
of a trial's parameters; nothing is cut off in files.
"""

from __future__ import annotations

import logging
import sys
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hydra_plugins.hydra_hpo_sweeper._lanes._base import Lanes
from hydra_plugins.hydra_hpo_sweeper._sweep._trials._trial_result import TrialResult
from sweeper_core.study._session.session import Session
from sweeper_core.trial.feasible import is_feasible
from sweeper_core.trial.state import TrialState

if TYPE_CHECKING:
    from hydra_plugins.hydra_hpo_sweeper._sweep._trials._jobs import RunningTrial

log = logging.getLogger("hydra_plugins.hydra_hpo_sweeper")

LAUNCHER_LOG = "hydra._internal.core_plugins.basic_launcher"
MAX_PARAMETERS = 120
"""Characters of a trial's parameters that a line shows."""

WORDS = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}


class Progress:
    """Logs finished trials; also the base class of the live view.

    Args:
        total: Planned number of trials of this run; None when unknown.
        lanes: Number of lanes.
    """

    def __init__(self, session: Session, total: int | None, lanes: int) -> None:
        self.total = total
        self.lanes = lanes
        self.counts: Counter[TrialState] = Counter()
        self._ended: dict[int, TrialState] = {}
        self._sign = session.study.directions[0].sign
        self._single = len(session.study.directions) == 1
        self.best: tuple[float, int] | None = None
        number = session.log.statistics.best.number
        if number is not None:
            self._consider(session.log.attempts.id_of(number), session.log.record(number).values)

    def __enter__(self) -> Progress:
        # It says for each trial that one job is launched.
        logging.getLogger(LAUNCHER_LOG).addFilter(_announces_nothing)
        return self

    def __exit__(self, *exception: object) -> None:
        logging.getLogger(LAUNCHER_LOG).removeFilter(_announces_nothing)

    def finished(self, number: int, result: TrialResult, params: Mapping[str, Any], note: str = "") -> None:
        """Take in the end of a trial."""
        if not result.lost:
            paused = self._ended.get(number)
            if paused is not None:
                self.counts[paused] -= 1
            self.counts[result.state] += 1
            self._ended[number] = result.state
        if result.state is TrialState.COMPLETE and is_feasible(result.attrs):
            self._consider(number, result.values)
        self._show(number, result, params, note)

    def started(self, number: int, params: Mapping[str, Any]) -> None:
        """Take in that a trial has started."""
        log.info("Started trial %d: %s", number, _short(params))

    def turn(self, running: Mapping[int, RunningTrial], lanes: Lanes) -> None:
        """Take in the trials that have been started and not ended, by number, and the lanes of their jobs."""

    def _consider(self, number: int, values: tuple[float, ...] | None) -> None:
        if values and self._single and (self.best is None or values[0] * self._sign < self.best[0] * self._sign):
            self.best = values[0], number

    def _show(self, number: int, result: TrialResult, params: Mapping[str, Any], note: str) -> None:
        if result.failure is not None:
            return  # the warning already logged covers it
        values = "" if result.values is None else " " + ", ".join(f"{value:.6g}" for value in result.values)
        done = f"[{sum(self.counts.values())}{'' if self.total is None else f'/{self.total}'}]"
        best = "" if self.best is None else f" (best {self.best[0]:.6g}, trial {self.best[1]})"
        log.info("%s Trial %d %s%s%s: %s%s", done, number, WORDS[result.state], values, best, _short(params), note)


class Silent(Progress):
    """Logs only warnings."""

    def started(self, number: int, params: Mapping[str, Any]) -> None:
        pass

    def _show(self, number: int, result: TrialResult, params: Mapping[str, Any], note: str) -> None:
        pass


def _announces_nothing(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith("Launching ")


def _short(params: Mapping[str, Any]) -> str:
    items = (f"{name}={f'{value:.6g}' if isinstance(value, float) else value}" for name, value in params.items())
    text = " ".join(items)
    if len(text) <= MAX_PARAMETERS or not sys.stdout.isatty():
        return text
    return text[: MAX_PARAMETERS - 1] + "…"
