"""The summary of a study, for lists of studies."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sweeper_core.directions import StudyDirection
from sweeper_core.trial.frozen import FrozenTrial


class StudySummary:
    """Summary of a study, from :func:`get_all_study_summaries`.

    Attributes:
        study_name: Its name.
        directions, direction: Directions of its objectives; ``direction`` where there is only one.
        best_trial: The best one; None without a COMPLETE trial and with several objectives.
        user_attrs: The user's attributes.
        n_trials: Number of trials in any state.
        datetime_start: When the first trial started.
    """

    def __init__(
        self,
        study_name: str,
        direction: StudyDirection | None,
        best_trial: FrozenTrial | None,
        user_attrs: dict[str, Any],
        n_trials: int,
        datetime_start: datetime | None,
        study_id: int,
        *,
        directions: Sequence[StudyDirection] | None = None,
    ) -> None:
        if (direction is None) == (directions is None):
            raise ValueError("Specify exactly one of `direction` and `directions`.")
        self.study_name = study_name
        self._directions = list(directions) if directions is not None else [StudyDirection(direction or 0)]
        self.best_trial = best_trial
        self.user_attrs = user_attrs
        self.n_trials = n_trials
        self.datetime_start = datetime_start
        self._study_id = study_id

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, StudySummary):
            return NotImplemented
        return other.__dict__ == self.__dict__

    def __hash__(self) -> int:
        return hash((self._study_id, self.study_name))

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, StudySummary):
            return NotImplemented
        return self._study_id < other._study_id

    def __le__(self, other: object) -> bool:
        if not isinstance(other, StudySummary):
            return NotImplemented
        return self._study_id <= other._study_id

    @property
    def direction(self) -> StudyDirection:
        """The only direction."""
        if len(self._directions) > 1:
            raise RuntimeError("This attribute is not available during multi-objective optimization.")
        return self._directions[0]

    @property
    def directions(self) -> Sequence[StudyDirection]:
        """All directions."""
        return self._directions
