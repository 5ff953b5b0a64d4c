"""The check of a stop rule against a study, after each trial that has ended."""

from __future__ import annotations

from collections.abc import Sequence

from sweeper_core.directions import StudyDirection
from sweeper_core.search_space.space import SearchSpace
from sweeper_core.stopping.outlook import MIN_TRIALS, Outlook, outlook_of
from sweeper_core.stopping.progress import Progress, progress_of
from sweeper_core.stopping.rule import StopRule
from sweeper_core.trial.history import History

EVERY = 5
"""Number of trials between two outlooks, each of which fits a model."""
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
        self._looked = -1
        self._below = 0

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
        return f"trial {progress.last_improvement} reached the target {self.rule.target:g} with {best:.6g}"

    def _no_improvement(self, progress: Progress) -> str | None:
        limit = self.rule.no_improvement
        if limit is None or progress.last_improvement is None or progress.since < limit:
            return None
        return f"no improvement in {progress.since} trials (since trial {progress.last_improvement})"

    def _gain(self, history: History, progress: Progress, space: SearchSpace | None, left: int | None) -> str | None:
        limit, ended = self.rule.expected_gain, len(progress.ended)
        if limit is None or ended < MIN_TRIALS:
            return None
        if self._looked < 0 or ended >= self._looked + EVERY:
            self._looked = ended
            self.outlook = outlook_of(history, space, left)
            self._below = self._below + 1 if self.outlook is not None and self.outlook.share < limit else 0
        if self._below < PATIENCE:
            return None
        return f"{self.outlook} (by the {self.outlook.by}), less than {100 * limit:g} %" if self.outlook else None
