"""Running statistics of a study, needed for every trial and updated record by record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sweeper_core.directions import StudyDirection
from sweeper_core.distributions import BaseDistribution, CategoricalDistribution
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
        self._names: dict[str, None] | None = None
        self._newest: list[tuple[int, Layout]] = []
        """Negated numbers and layouts of the two latest COMPLETE or PRUNED trials, the latest first."""
        self._seen: Layout | None = None
        self.joint = NO_SPACE
        """The parameters that every COMPLETE and PRUNED trial has, sorted by name, with their present distributions.

        A range or list of choices that has changed counts as the present one once the two latest trials have it; while
        it changes from trial to trial, the parameter is left out. Empty when each parameter has a single value. Other
        threads may read it.
        """
        self.widest = NO_SPACE
        """The value of :attr:`joint` after the first of these trials; since then it has gained no parameter."""
        self.kinds: dict[str, BaseDistribution] = {}
        """The first distribution of each parameter; of choices, with those that came later."""
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
            if record.layout.names and record.layout is not self._seen:
                self._seen = record.layout
                for name, distribution in zip(record.layout.names, record.layout.distributions, strict=True):
                    self.know(name, distribution)
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

    def know(self, name: str, distribution: BaseDistribution) -> None:
        """Take in a distribution of a parameter."""
        known = self.kinds.setdefault(name, distribution)
        if known is not distribution and isinstance(known, CategoricalDistribution):
            self.kinds[name] = known.extended_by(distribution)

    def _find_again(self, system_attrs: Mapping[str, Any]) -> None:
        """Remove the lost trial that a trial with these attributes continues or retries."""
        for number in (system_attrs.get(CONTINUES, -1), (system_attrs.get(RETRY_HISTORY) or [-1])[-1]):
            self.lost.pop(number, None)

    def _count(self, record: TrialRecord) -> None:
        """Count a COMPLETE or PRUNED trial."""
        self._intersect(record.number, record.layout)
        if record.state is TrialState.COMPLETE:
            self.completed += 1
            self._best.take(record.number, record.values, record.system_attrs)

    def _intersect(self, number: int, layout: Layout) -> None:
        """Take in the layout of a COMPLETE or PRUNED trial."""
        known, newest = self._newest, sorted([*self._newest, (-number, layout)])[:2]
        self._newest = newest
        if len(known) == 2 and known[0][1] is layout is known[1][1]:
            return
        mine = layout.as_dict()
        self._names = dict.fromkeys(mine) if self._names is None else {n: None for n in self._names if n in mine}
        latest, *earlier = [one.as_dict() for _, one in newest]
        common = {
            name: latest[name]
            for name in self._names
            if name in latest and all(one.get(name) == latest[name] for one in earlier)
        }
        if common != self._common:
            first, self._common = self._common is None, common
            self.joint = _space_of(common)
            self.widest = self.joint if first else self.widest

    @property
    def best(self) -> Best:
        """The best feasible trial of a study with one objective; the earliest of equals."""
        return self._best.best


def _space_of(common: Mapping[str, BaseDistribution]) -> SearchSpace:
    if all(distribution.single() for distribution in common.values()):
        return NO_SPACE
    return SearchSpace.of(dict(sorted(common.items())))
