"""The live view of a sweep on a terminal: one line in general, one about the best, and one for each trial that runs.

tqdm (small, pure Python, for every terminal) keeps the lines below the log lines. Where standard error is no
terminal, only the first line is kept.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from hydra_plugins.hydra_hpo_sweeper._lanes._base import Lanes
from hydra_plugins.hydra_hpo_sweeper._sweep._output._progress import WORDS, Progress, Silent
from sweeper_core.report.pictures import sparkline
from sweeper_core.report.texts import duration_text, number, one_line, params_text
from sweeper_core.study._session.session import Session
from sweeper_core.trial.state import TrialState

if TYPE_CHECKING:
    from hydra_plugins.hydra_hpo_sweeper._sweep._trials._jobs import RunningTrial
    from hydra_plugins.hydra_hpo_sweeper._sweep._trials._trial_result import TrialResult

log = logging.getLogger("hydra_plugins.hydra_hpo_sweeper")

MAX_LINES = 12
"""Running trials that have a line of their own."""

SPARK = 16
"""Characters of a curve."""

SECONDS_BETWEEN = 0.25
"""Between two paintings: a view that flickers is not read."""


class Live(Progress):
    """Lines that change in place."""

    def __init__(self, session: Session, total: int | None, lanes: int) -> None:
        super().__init__(session, total, lanes)
        self._session = session
        self._slots: dict[int, int] = {}
        self._running: Mapping[int, RunningTrial] = {}
        self._busy = 0
        self._pending: set[int] = set()
        self._painted = 0.0
        self._width = 0
        self._unicode = "utf" in (getattr(sys.stderr, "encoding", None) or "").lower()
        self._bests: list[float] = [] if self.best is None else [self.best[0]]

    def __enter__(self) -> Progress:
        from tqdm import tqdm
        from tqdm.contrib.logging import logging_redirect_tqdm  # imports asyncio, a tenth of what a sweep imports

        super().__enter__()
        self._open = ExitStack()
        # tqdm's monitor thread is for loops that rarely update.
        tqdm.monitor_interval = 0
        form = "{n_fmt}/{total_fmt} trials [{elapsed}<{remaining}]{postfix}"
        # A line that is wider than a terminal that has been made narrower would scroll it at each refresh.
        bars: dict[str, Any] = {"file": sys.stderr, "dynamic_ncols": True}
        self._bar = self._open.enter_context(tqdm(total=self.total, bar_format=form, leave=True, **bars))
        count = min(self.lanes, MAX_LINES, max(_size()[1] - 6, 0)) + 1 if sys.stderr.isatty() else 0
        self._lines = [
            self._open.enter_context(tqdm(bar_format="{desc}", leave=False, position=place + 1, **bars))
            for place in range(count)
        ]
        self._open.enter_context(logging_redirect_tqdm())
        return self

    def __exit__(self, *exception: object) -> None:
        self._running, self._busy, self._pending = {}, 0, set()
        self._paint()
        self._open.close()
        super().__exit__(*exception)

    def started(self, number: int, params: Mapping[str, Any]) -> None:
        """Show a trial at once; it has a line in the view."""
        self._painted = 0.0

    def turn(self, running: Mapping[int, RunningTrial], lanes: Lanes) -> None:
        """Take in the state of the lanes."""
        self._running = running
        if time.monotonic() - self._painted >= SECONDS_BETWEEN:
            busy, queued = lanes.busy, lanes.queued
            waits = {job.number for job in queued} - {job.number for job in busy if job not in queued}
            self._busy, self._pending = len(busy), waits & set(running)
            self._paint()

    def _consider(self, number: int, values: tuple[float, ...] | None) -> None:
        before = self.best
        super()._consider(number, values)
        self._is_new_best = self.best != before

    def _show(self, number_: int, result: TrialResult, params: Mapping[str, Any], note: str) -> None:
        if not result.lost:
            self._bar.update()
        if result.state is TrialState.COMPLETE and self._is_new_best and self.best is not None:
            self._is_new_best = False
            self._bests.append(self.best[0])
            log.info("New best %s (trial %d): %s", number(self.best[0]), number_, params_text(dict(params)))

    # --- painting -------------------------------------------------------------------------------------------------

    def _paint(self) -> None:
        self._painted = time.monotonic()
        width = _size()[0]
        if self._lines and width != self._width:
            # Lines printed for another width may have been wrapped.
            self._bar.fp.write("\r\x1b[J")
            self._width = width
        texts = [self._best_line(), *self._trial_lines()]
        for line, text in zip(self._lines, texts + [""] * len(self._lines), strict=False):
            line.set_description_str(one_line(text, width - 1), refresh=True)
        self._bar.set_postfix_str(self._summary(), refresh=True)

    def _summary(self) -> str:
        parts = [f"{len(self._running) - len(self._pending)} running"]
        parts += [f"{len(self._pending)} pending"] if self._pending else []
        parts.append(f"lanes {self._busy}/{self.lanes}")
        ended = (TrialState.FAIL, TrialState.PRUNED)
        parts += [f"{self.counts[state]} {WORDS[state]}" for state in ended if self.counts[state]]
        if self.best is not None:
            parts.append(f"best {number(self.best[0])} (trial {self.best[1]})")
        return ", ".join(parts)

    def _best_line(self) -> str:
        if self.best is None:
            return ""
        curve = sparkline(self._bests, SPARK, unicode=self._unicode)
        self._session.log.sync()
        record = self._session.log.of_configuration(self.best[1])
        return f"  best {curve}  {params_text(self._session.log.shown(record.params))}"

    def _trial_lines(self) -> list[str]:
        self._slots = {trial: slot for trial, slot in self._slots.items() if trial in self._running}
        for trial in self._running:
            if trial not in self._slots:
                taken = set(self._slots.values())
                self._slots[trial] = next(slot for slot in range(len(taken) + 1) if slot not in taken)
        lines = [""] * (max(self._slots.values(), default=-1) + 1)
        for trial, slot in self._slots.items():
            lines[slot] = self._trial_line(slot, trial, self._running[trial])
        room = len(self._lines) - 1
        if len(lines) > room > 0:
            lines[room - 1 :] = [f"  and {len(self._running) - room + 1} more"]
        return lines

    def _trial_line(self, slot: int, trial: int, running: RunningTrial) -> str:
        reports = self._session.log.record(self._session.log.attempts.latest(trial)).reports
        step = "  pending" if trial in self._pending else ""
        if reports:
            curve = sparkline([value for _, value in reports], SPARK, unicode=self._unicode)
            step = f"  step {reports[-1][0]}: {number(reports[-1][1], 4)} {curve}"
        age = duration_text(time.time() - running.begun)
        return f"  lane {slot}  trial {trial}  {age:>6}{step}  {params_text(self._session.log.shown(running.params))}"


def _size() -> tuple[int, int]:
    """Return columns and rows of the terminal."""
    try:
        size = os.get_terminal_size(sys.stderr.fileno())
        return size.columns, size.lines
    except (OSError, ValueError):
        return 200, 50


def open_progress(mode: str, session: Session, total: int | None, lanes: int, inline: bool) -> Progress:
    """Return what ``hydra.sweeper.progress`` asks for.

    Args:
        inline: Jobs print to this console; ``auto`` then writes lines.
    """
    if mode == "off":
        return Silent(session, total, lanes)
    lively = sys.stderr.isatty() and os.environ.get("TERM", "") != "dumb"
    if mode == "live" or (mode == "auto" and not inline and lively):
        return Live(session, total, lanes)
    return Progress(session, total, lanes)
