"""Running statistics of a study, needed for every trial and updated record by record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sweeper_core.directions import StudyDirection
from sweeper_core.distributions import BaseDistribution
from sweeper_core.search_space.space import SearchSpace
from sweeper_core.trial.attrs import CONTINUES, LOST, RETRY_HISTORY
from sweeper_core.trial.best import Best, BestSoFar
from sweeper_core.trial.record import Layout, TrialRecord
from sweeper_core.trial.state import TrialState

NO_SPACE = SearchSpace([])


class RunningStatistics:
    """The parameters that all trials share, the RUNNING trials, and the best trial so far.

    Folding the same records again, in any order, changes nothing.
    """

    def __init__(self, directions: Sequence[StudyDirection]) -> None:
        self._best = BestSoFar.of(directions)
        self._ended: set[int] = set()
        self._common: dict[str, BaseDistribution] | None = None
        self._layout: Layout | None = None
        self._seen: Layout | None = None
        self.joint = NO_SPACE
        """The parameters that every COMPLETE and PRUNED trial has, with equal distributions, sorted by name.

        Empty when each of them has a single value. Other threads may read it.
        """
        self.widest = NO_SPACE
        """The value of :attr:`joint` after the first of these trials; since then it can only have lost parameters."""
        self.kinds: dict[str, BaseDistribution] = {}
        """The first distribution of each parameter."""
        self.completed = 0
        """Number of COMPLETE trials."""
        self.running: dict[int, TrialRecord] = {}
        """The RUNNING trials by number."""
        self.lost: dict[int, TrialRecord] = {}
        """The lost trials that no later one continues or retries, by number."""

    def fold(self, records: Iterable[TrialRecord]) -> None:
        """Fold new and changed trials."""
        for record in records:
            state = record.state
            if record.layout is not self._seen:
                self._seen = record.layout
                for name, distribution in zip(record.layout.names, record.layout.distributions, strict=True):
                    self.kinds.setdefault(name, distribution)
            if record.number in self._ended:  # a trial that has ended does not change any more
                continue
            if record.system_attrs and self.lost:
                self._find_again(record.system_attrs)
            if state is TrialState.RUNNING:
                self.running[record.number] = record
            elif state is not TrialState.WAITING:
                self._ended.add(record.number)
                self.running.pop(record.number, None)
                if state is not TrialState.FAIL:
                    self._count(record)
                elif LOST in record.system_attrs:
                    self.lost[record.number] = record

    def _find_again(self, system_attrs: Mapping[str, Any]) -> None:
        """Remove the lost trial that a trial with these attributes continues or retries."""
        for number in (system_attrs.get(CONTINUES, -1), (system_attrs.get(RETRY_HISTORY) or [-1])[-1]):
            self.lost.pop(number, None)

    def _count(self, record: TrialRecord) -> None:
        """Count a COMPLETE or PRUNED trial."""
        if record.layout is not self._layout:
            self._intersect(record.layout)
        if record.state is TrialState.COMPLETE:
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
    def best(self) -> Best:
        """The best feasible trial of a study with one objective; the earliest of equals."""
        return self._best.best


def _space_of(common: Mapping[str, BaseDistribution]) -> SearchSpace:
    if all(distribution.single() for distribution in common.values()):
        return NO_SPACE
    return SearchSpace.of(dict(sorted(common.items())))
