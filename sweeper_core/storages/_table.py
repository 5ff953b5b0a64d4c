"""The table of trials that storages keep in memory: rows that change in place, and a log of what has changed."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sweeper_core.distributions import BaseDistribution
from sweeper_core.storages._rules import may_continue, no_trial, repeats
from sweeper_core.storages.base import StudyRecord
from sweeper_core.trial.attrs import CONTINUES, LOST
from sweeper_core.trial.best import Best, BestSoFar
from sweeper_core.trial.record import NO_PARAMETERS, NOTHING, Layout, TrialRecord
from sweeper_core.trial.state import TrialState

COMPLETE = TrialState.COMPLETE  # looking up the member of an enum costs more than using it here


class TrialRow:
    """A trial, changed in place; the immutable record is built on demand.

    Attributes:
        reports: In order of step; a list of the row's own unless it is empty.
        started, completed: Seconds since the epoch until the first read: building a datetime costs many times as much.
        known: The last record built; None when it is out of date, and the log then has an entry for the change.
    """

    __slots__ = (
        "completed",
        "internals",
        "known",
        "layout",
        "number",
        "reports",
        "started",
        "state",
        "system_attrs",
        "trial_id",
        "user_attrs",
        "values",
    )

    def __init__(self, number: int, trial_id: int, state: TrialState) -> None:
        self.number = number
        self.trial_id = trial_id
        self.state = state
        self.layout = NO_PARAMETERS
        self.internals: tuple[float, ...] = ()
        self.values: tuple[float, ...] | None = None
        self.reports: list[tuple[int, float]] | tuple[()] = ()
        self.user_attrs = self.system_attrs = NOTHING
        self.started: datetime | float | None = None
        self.completed: datetime | float | None = None
        self.known: TrialRecord | None = None

    @classmethod
    def of(cls, record: TrialRecord, number: int, trial_id: int, layout: Layout) -> TrialRow:
        """Return the row of a trial record from another storage."""
        row = cls(number, trial_id, record.state)
        row.layout, row.internals, row.values = layout, record.internals, record.values
        row.reports = [*record.reports] or ()
        row.user_attrs, row.system_attrs = record.user_attrs, record.system_attrs
        row.started, row.completed = record.started, record.completed
        return row

    def copy(self) -> TrialRow:
        """Return an independent copy of the row."""
        row = TrialRow.of(self.record, self.number, self.trial_id, self.layout)
        row.known = self.record
        return row

    def report(self, step: int, value: float) -> bool:
        """Insert a report in order of step; return False when the step has one already."""
        reports = self.reports
        if not reports:
            self.reports = [(step, value)]
            return True
        if reports[-1][0] < step:
            reports.append((step, value))
            return True
        place = bisect_left(reports, step, key=lambda report: report[0])
        if reports[place][0] == step:
            return False
        reports.insert(place, (step, value))
        return True

    @property
    def record(self) -> TrialRecord:
        """The trial as an immutable record."""
        record = self.known
        if record is None:
            self.started, self.completed = _as_utc(self.started), _as_utc(self.completed)
            record = self.known = TrialRecord(
                self.number,
                self.trial_id,
                self.state,
                self.layout,
                self.internals,
                self.values,
                tuple(self.reports),
                self.user_attrs,
                self.system_attrs,
                self.started,
                self.completed,
            )
        return record

    def __getstate__(self) -> TrialRecord:
        return self.record

    def __setstate__(self, record: TrialRecord) -> None:
        for name in TrialRecord.__slots__:
            setattr(self, name, getattr(record, name))
        self.reports = [*record.reports] or ()
        self.known = record


_EPOCH = datetime(1970, 1, 1)


def _as_utc(time: datetime | float | None) -> datetime | None:
    if isinstance(time, float):
        return _EPOCH + timedelta(0, time)
    return time


@dataclass
class StudyRows:
    """A study, its trials by number, and the log of their changes."""

    record: StudyRecord
    rows: list[TrialRow] = field(default_factory=list)
    waiting: deque[int] = field(default_factory=deque)
    lost: int = 0
    resumed: int = 0
    """Attempts that continue one which was not lost."""
    heartbeats: dict[int, float] = field(default_factory=dict)
    """Last heartbeats of leased running trials."""
    log: list[int] = field(default_factory=list)
    """The trial's number for every change since its last read; the log's length is the study's version."""
    completed: list[int] = field(default_factory=list)
    """COMPLETE trials that have not been compared with the best."""

    def __post_init__(self) -> None:
        self._best = BestSoFar.of(self.record.directions)

    def row(self, number: int) -> TrialRow:
        """Return a trial.

        Raises:
            KeyError: There is none of this number.
        """
        if -1 < number < len(self.rows):
            return self.rows[number]
        raise no_trial(self.record.study_id, number)

    def changed(self, row: TrialRow) -> None:
        """Log that a trial has changed; once until its record is read again."""
        if row.known is not None:
            row.known = None
            self.log.append(row.number)

    def add(self, row: TrialRow) -> None:
        """Add a trial."""
        self.rows.append(row)
        self.log.append(row.number)
        if row.state is COMPLETE:
            self.completed.append(row.number)
        if row.system_attrs:
            self._count_attempt(row)

    def _count_attempt(self, row: TrialRow) -> None:
        earlier = row.system_attrs.get(CONTINUES)
        if isinstance(earlier, int) and 0 <= earlier < row.number:
            self.resumed += LOST not in self.rows[earlier].system_attrs

    @property
    def counted(self) -> int:
        """Number of configurations, without those that are WAITING or whose latest attempt was lost."""
        return len(self.rows) - len(self.waiting) - self.lost - self.resumed

    def may_continue(self, earlier: TrialRecord, limit: int | None) -> bool:
        """Return whether a trial may be continued that nothing has continued or retried; see :func:`may_continue`.

        Args:
            limit: Of configurations; only a lost one counts anew.
        """
        full = limit is not None and LOST in earlier.system_attrs and self.counted >= limit
        return not full and may_continue(earlier) and self.next_attempt(earlier.number) is None

    def next_attempt(self, number: int) -> TrialRow | None:
        """Return the attempt that continues or retries a trial."""
        return next((row for row in self.rows[number + 1 :] if repeats(row.system_attrs, number)), None)

    def since(self, version: int) -> list[TrialRecord]:
        """Return the trials that changed after a version, by number."""
        new = self.log[version:]
        return [self.rows[number].record for number in (sorted(set(new)) if len(new) > 1 else new)]

    def best(self) -> Best:
        """Return the best trial."""
        for number in self.completed:
            row = self.rows[number]
            self._best.take(number, row.values, row.system_attrs)
        self.completed.clear()
        return self._best.best

    def copy(self) -> StudyRows:
        """Return an independent copy of the study."""
        return replace(
            self,
            rows=[row.copy() for row in self.rows],
            waiting=deque(self.waiting),
            heartbeats=dict(self.heartbeats),
            log=list(self.log),
            completed=[row.number for row in self.rows if row.state is COMPLETE],
        )


MAX_STEPS = 4096
"""Maximum number of cached steps from one layout to the next."""


class Layouts:
    """The layouts of a storage's trials; equal ones are one object."""

    def __init__(self) -> None:
        self._known: dict[Layout, Layout] = {}
        self._no_parameters = Layout((), ())

    def extend(self, row: TrialRow, described: Mapping[str, tuple[BaseDistribution, float]]) -> None:
        """Add (or change) parameters of a trial: distribution and internal value."""
        layout = row.layout if row.internals else self._no_parameters
        if len(described) == 1:  # the usual case: objectives suggest one parameter after the other
            ((name, (distribution, value)),) = described.items()
            step = layout.steps.get(name)
            if step is None or step[0] is not distribution:
                step = self._step(layout, name, distribution)
            if step is not None:
                row.layout = step[1]
                row.internals += (value,)
                return
        values = dict(zip(layout.names, row.internals, strict=True))
        values.update({name: value for name, (_, value) in described.items()})
        row.layout = self.interned(
            Layout.of({**layout.as_dict(), **{name: distribution for name, (distribution, _) in described.items()}})
        )
        row.internals = tuple(values.values())

    def _step(
        self, layout: Layout, name: str, distribution: BaseDistribution
    ) -> tuple[BaseDistribution, Layout] | None:
        """Return the layout with one more parameter, and cache it; None when it has the parameter already."""
        if name in layout.names:
            return None
        longer = self.interned(Layout((*layout.names, name), (*layout.distributions, distribution)))
        if len(layout.steps) >= MAX_STEPS:
            layout.steps.clear()
        step = layout.steps[name] = distribution, longer
        return step

    def interned(self, layout: Layout) -> Layout:
        """Return the object shared by all trials with equal layouts."""
        return self._known.setdefault(layout, layout)
