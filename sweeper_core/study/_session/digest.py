"""What a study needs to know at every trial, kept up to date by folding instead of being computed anew."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sweeper_core.directions import StudyDirection
from sweeper_core.distributions import BaseDistribution
from sweeper_core.search_space.space import SearchSpace
from sweeper_core.trial.best import Best, BestSoFar
from sweeper_core.trial.record import Layout, TrialRecord
from sweeper_core.trial.state import TrialState

NO_SPACE = SearchSpace([])


class Digest:
    """The parameters that all trials share, and the best trial so far.

    Folding the same records again, in any order, changes nothing.
    """

    def __init__(self, directions: Sequence[StudyDirection]) -> None:
        self._best = BestSoFar.of(directions)
        self._counted: set[int] = set()
        self._common: dict[str, BaseDistribution] | None = None
        self._layout: Layout | None = None
        self._seen: Layout | None = None
        self.joint = NO_SPACE
        """The parameters that every COMPLETE and PRUNED trial has, with equal distributions, sorted by name.

        Empty when there is nothing to suggest, because each has a single value. Other threads may read it.
        """
        self.widest = NO_SPACE
        """What :attr:`joint` was after the first of these trials; since then it can only have become smaller."""
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
        mine = layout.as_dict()
        if self._common is None:
            self._common = mine
            self.joint = self.widest = _space_of(mine)
            return
        common = {name: there for name, there in self._common.items() if mine.get(name) == there}
        if len(common) < len(self._common):
            self._common = common
            self.joint = _space_of(common)

    @property
    def best(self) -> int | None:
        """Number of the best feasible trial of a study with one objective; the earliest of equals."""
        return self._best.best.number

    @property
    def leader(self) -> Best:
        """That trial, with its value."""
        return self._best.best


def _space_of(common: Mapping[str, BaseDistribution]) -> SearchSpace:
    if all(distribution.single() for distribution in common.values()):
        return NO_SPACE
    return SearchSpace.of(dict(sorted(common.items())))
