"""What a study needs to know at every trial, kept up to date by folding instead of being computed anew."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sweeper_core.directions import StudyDirection
from sweeper_core.distributions import BaseDistribution
from sweeper_core.search_space import SearchSpace
from sweeper_core.trial.best import Best, BestSoFar
from sweeper_core.trial.record import Layout, TrialRecord
from sweeper_core.trial.state import TrialState

NO_SPACE = SearchSpace([])


class Digest:
    """The parameters that all trials share, and the best trial so far.

    Folding the same records again, in any order, changes nothing.
    """

    def __init__(self, directions: Sequence[StudyDirection]) -> None:
        self._best = BestSoFar(directions)
        self._counted: set[int] = set()
        self._common: dict[str, BaseDistribution] | None = None
        self._layout: Layout | None = None
        self._seen: Layout | None = None
        self._joint: SearchSpace | None = None
        self.kinds: dict[str, BaseDistribution] = {}
        """The first distribution of each parameter."""
        self.completed = 0
        """How many trials are COMPLETE."""

    def fold(self, records: Iterable[TrialRecord]) -> None:
        """Take in new and changed trials."""
        for record in records:
            state = record.state
            if record.layout is not self._seen:
                self._seen = record.layout
                for name, distribution in zip(record.layout.names, record.layout.distributions, strict=True):
                    self.kinds.setdefault(name, distribution)
            if (state is TrialState.COMPLETE or state is TrialState.PRUNED) and record.number not in self._counted:
                self._counted.add(record.number)
                if record.layout is not self._layout:
                    self._intersect(record.layout)
                if state is TrialState.COMPLETE:
                    self.completed += 1
                    self._best.take(record.number, record.values, record.system_attrs)

    def _intersect(self, layout: Layout) -> None:
        known, self._layout = self._layout, layout
        if known == layout:
            return
        if self._common is None:
            self._common = layout.as_dict()
        else:
            mine = layout.as_dict()
            self._common = {name: there for name, there in self._common.items() if mine.get(name) == there}
        self._joint = None

    @property
    def best(self) -> int | None:
        """Number of the best feasible trial of a study with one objective; the earliest of equals."""
        return self._best.best.number

    @property
    def leader(self) -> Best:
        """That trial, with its value."""
        return self._best.best

    @property
    def joint(self) -> SearchSpace:
        """The parameters that every COMPLETE and PRUNED trial has, with equal distributions, sorted by name.

        Empty when there is nothing to suggest, because each has a single value.
        """
        if self._joint is None:
            common = dict(sorted((self._common or {}).items()))
            self._joint = NO_SPACE if all(it.single() for it in common.values()) else SearchSpace.of(common)
        return self._joint
