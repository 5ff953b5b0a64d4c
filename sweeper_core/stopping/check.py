"""The check of a stop rule against a study, after each trial that has ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sweeper_core.directions import StudyDirection
from sweeper_core.search_space.space import SearchSpace
from sweeper_core.stopping.outlook import MEMORY, MIN_TRIALS, Outlook, kept_of, outlook_of
from sweeper_core.stopping.progress import Progress, progress_of
from sweeper_core.stopping.rule import StopRule
from sweeper_core.trial.history import History

EVERY = 5
"""Number of trials between two outlooks, each of which fits a model: after 20 trials, 25, 30, …"""
PATIENCE = 2
"""Number of outlooks in a row that have to be below the threshold: one model may be wrong for a moment."""


class StopCheck:
    """Checks a rule; it keeps only what spares it work, so that another process would decide alike.

    Args:
        rule: The rule.
        directions: Of the study.

    Attributes:
        outlook: The latest outlook; None when there was none.
    """

    def __init__(self, rule: StopRule, directions: Sequence[StudyDirection]) -> None:
        rule.check_objectives(directions)
        self.rule = rule
        self.outlook: Outlook | None = None
        self._directions = tuple(directions)
        self._plain: dict[int, Outlook | None] = {}
        """Outlooks as the model has them, by the number of trials that had ended."""

    def reason(self, history: History, space: SearchSpace | None = None, left: int | None = None) -> str | None:
        """Return why no further trial should start; None while there is no reason.

        Args:
            history: All trials of the study.
            space: The search space of the next trials; None where it is not known.
            left: Number of trials that may still start; None for no limit.
        """
        progress = progress_of(history)
        return self._target(progress) or self._no_improvement(progress) or self._gain(history, progress, space, left)

    def _target(self, progress: Progress) -> str | None:
        best = progress.best * self._directions[0].sign
        if progress.last_improvement is None or not self.rule.reached(best, self._directions[0]):
            return None
        reached = f"trial {progress.last_improvement} reached the target {self.rule.target:g} with {best:.6g}"
        values = progress.values[np.isfinite(progress.values)] * self._directions[0].sign
        if not all(self.rule.reached(float(value), self._directions[0]) for value in values):
            return reached
        return f"{reached}, as every trial so far ({self._directions[0].name.lower()}: is that the direction meant?)"

    def _no_improvement(self, progress: Progress) -> str | None:
        limit = self.rule.no_improvement
        if limit is None or progress.last_improvement is None or progress.since < limit:
            return None
        return f"no improvement in {progress.since} trials (since trial {progress.last_improvement})"

    def _gain(self, history: History, progress: Progress, space: SearchSpace | None, left: int | None) -> str | None:
        limit, ended = self.rule.expected_gain, len(progress.ended)
        if limit is None or ended < MIN_TRIALS:
            return None
        study = _Study(history, progress, space, left)
        latest = ended - (ended - MIN_TRIALS) % EVERY
        self.outlook = self._corrected(study, latest, limit)
        counts = range(latest - EVERY, latest - PATIENCE * EVERY, -EVERY)
        found = [self.outlook, *(self._corrected(study, count, limit) for count in counts)]
        if any(one is None or one.share >= limit for one in found):
            return None
        return f"{self.outlook} (by the {self.outlook.by}), less than {100 * limit:g} %" if self.outlook else None

    def _corrected(self, study: _Study, count: int, limit: float) -> Outlook | None:
        """Return the outlook after some trials; where it matters, as far as earlier promises were kept."""
        found = self._at(study, count)
        if found is None or found.by != "model" or found.share < limit or found.recent >= limit * found.gained:
            return found
        counts = range(max(MIN_TRIALS, count - MEMORY + (MEMORY % EVERY)), count, EVERY)
        earlier = [one for one in (self._at(study, past) for past in counts) if one is not None and one.by == "model"]
        return found.corrected(kept_of(found, earlier, EVERY, limit * found.gained))

    def _at(self, study: _Study, count: int) -> Outlook | None:
        if count < MIN_TRIALS:
            return None
        if count not in self._plain:
            self._plain[count] = study.outlook(count)
        return self._plain[count]


@dataclass(frozen=True)
class _Study:
    """What an outlook needs."""

    history: History
    progress: Progress
    space: SearchSpace | None
    left: int | None

    def outlook(self, count: int) -> Outlook | None:
        """Return the outlook after the first ``count`` trials that have ended."""
        later = len(self.progress.ended) - count
        history = self.history if later == 0 else self.history.head(int(self.progress.ended[count - 1]) + 1)
        return outlook_of(history, self.space, None if self.left is None else self.left + later)
