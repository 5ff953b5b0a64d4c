"""The check of a stop rule against a study, after each trial that has ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sweeper_core.directions import StudyDirection
from sweeper_core.search_space.space import SearchSpace
from sweeper_core.stopping.outlook import MIN_TRIALS, Outlook, gained_of, outlook_of, recent_gain, share_of
from sweeper_core.stopping.progress import Progress, progress_of
from sweeper_core.stopping.rule import StopRule
from sweeper_core.trial.history import History

EVERY = 5
"""Number of trials between two outlooks, each of which fits a model: after 20 trials, 25, 30, …"""
PATIENCE = 4
"""Number of outlooks in a row that have to be below the threshold: one model may be wrong for a moment."""
SURE = 0.3
"""Share of the threshold below which one outlook of a model is enough."""
STILL = 4
"""A search has stood still when the trials since a quarter of them had run have gained less than the threshold, from
``STILL * MIN_TRIALS`` trials on: what a few first trials have found is often luck."""


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
        self._outlooks: dict[int, Outlook | None] = {}
        """By the number of trials that had ended."""

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
        self.outlook = now = self._at(study, latest)
        if now is None:
            return None
        few = f"less than {100 * limit:g} %"
        sure = now.by == "model" and now.share < SURE * limit
        if sure or all(self._is_below(study, latest - EVERY * past, limit) for past in range(PATIENCE)):
            return f"{now} (by the {now.by}), {few}"
        if ended < STILL * MIN_TRIALS:
            return None
        count = ended - ended // STILL
        share = share_of(recent_gain(progress, count), gained_of(progress))
        added = f"the latest {count} trials have added {100 * share:.2g} % of what has been gained since the start"
        return f"{added}, {few}" if share < limit else None

    def _is_below(self, study: _Study, count: int, limit: float) -> bool:
        found = self._at(study, count)
        return found is not None and found.share < limit

    def _at(self, study: _Study, count: int) -> Outlook | None:
        if count < MIN_TRIALS:
            return None
        if count not in self._outlooks:
            self._outlooks[count] = study.outlook(count)
        return self._outlooks[count]


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
