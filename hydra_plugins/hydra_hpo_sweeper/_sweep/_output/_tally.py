"""Tally of a run's trials: counts by state, failures by their message, and lines that are logged once."""

from __future__ import annotations

import logging
import re
from collections import Counter

from hydra_plugins.hydra_hpo_sweeper._errors import in_short
from hydra_plugins.hydra_hpo_sweeper._sweep._trials._trial_result import TrialResult
from sweeper_core.trial.state import TrialState

log = logging.getLogger("hydra_plugins.hydra_hpo_sweeper")


class Failures:
    """Counts failures; those that differ only in numbers or in their trial count as one."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._examples: dict[str, str] = {}

    def add(self, text: str) -> None:
        """Count one failure."""
        gist = _NUMBER.sub("#", _TRIAL.sub("", text))
        self._counts[gist] += 1
        self._examples.setdefault(gist, text)

    def most_frequent(self) -> tuple[str, int]:
        """Return the text of the first of the most frequent failures, and how many there were."""
        gist, count = self._counts.most_common(1)[0]
        return self._examples[gist], count


_TRIAL = re.compile(r"^BadResult: trial \d+ \(.*?\): ", re.DOTALL)
_NUMBER = re.compile(r"\d+(\.\d*)?([eE][-+]?\d+)?")


class Tally:
    """The account of one run.

    Args:
        forgiving: Only exceptions count as failures; a result that is no number does not.

    Attributes:
        started: Trials that count against ``n_trials``: begun, and not lost.
        states: Ended trials by state.
        failed: Ended trials that count against ``max_failure_rate``.
        unusable: Trials whose jobs returned what no job of this configuration could be measured by.
    """

    def __init__(self, forgiving: bool = False) -> None:
        self.started = 0
        self.states: Counter[TrialState] = Counter()
        self.failed = 0
        self.unusable = 0
        self.failures = Failures()
        self._forgiving = forgiving
        self._said: set[str] = set()

    @property
    def finished(self) -> int:
        """Number of finished trials."""
        return sum(self.states.values())

    @property
    def useful(self) -> int:
        """Number of finished trials that did not fail."""
        return self.finished - self.states[TrialState.FAIL]

    def add(self, result: TrialResult) -> None:
        """Count a trial that has ended; a lost one makes room for another."""
        if result.lost:
            self.started -= 1
            return
        self.states[result.state] += 1
        if result.failure is not None:
            forgiven = self._forgiving and result.failure.kind == "BadResult"
            self.failed += not forgiven
            self.unusable += result.unusable and not forgiven
            self.failures.add(str(result.failure))

    def refused(self, text: str) -> None:
        """Count a trial that could not begin."""
        self.started += 1
        self.states[TrialState.FAIL] += 1
        self.failed += 1
        self.failures.add(text)

    def what_failed(self) -> str:
        """Return the most frequent failure, as the end of a message."""
        text, count = self.failures.most_frequent()
        return f"Most frequent failure ({count} of {self.states[TrialState.FAIL]}): {in_short(text)}"

    def say_once(self, line: str) -> None:
        """Log a line unless that has been done."""
        if line not in self._said:
            self._said.add(line)
            log.info(line)
