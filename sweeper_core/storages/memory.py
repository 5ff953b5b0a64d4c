"""Studies in the memory of one process."""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sweeper_core.directions import StudyDirection
from sweeper_core.distributions import BaseDistribution
from sweeper_core.storages._rules import (
    LEASE,
    attr_of_lease,
    attrs_of_loss,
    attrs_of_point,
    check_directions,
    check_end,
    check_name,
    check_runs,
    duplicate,
    fixed_of,
    internals,
    lease_of_attr,
    new_study_name,
    no_study,
    no_trial,
    now,
    once_attr,
    reason_to_give_up,
    retry_of,
)
from sweeper_core.storages.base import Claim, Lease, Point, Storage, StudyRecord
from sweeper_core.trial.record import LOST, NOTHING, Layout, TrialRecord
from sweeper_core.trial.state import TrialState


@dataclass
class _Study:
    record: StudyRecord
    trials: list[TrialRecord] = field(default_factory=list)
    waiting: deque[int] = field(default_factory=deque)
    lost: int = 0
    beats: dict[int, float] = field(default_factory=dict)
    """Last sign of life of leased running trials."""
    version: int = 0
    changed: dict[int, int] = field(default_factory=dict)
    """Version of each trial, the latest change last."""

    def put(self, record: TrialRecord) -> None:
        """Store a trial's new state of affairs."""
        if record.number == len(self.trials):
            self.trials.append(record)
        else:
            self.trials[record.number] = record
            del self.changed[record.number]
        self.version += 1
        self.changed[record.number] = self.version

    def since(self, version: int) -> list[TrialRecord]:
        """Return the trials that changed after a version, by number."""
        numbers = []
        for number in reversed(self.changed):
            if self.changed[number] <= version:
                break
            numbers.append(number)
        return [self.trials[number] for number in sorted(numbers)]


class InMemoryStorage(Storage):
    """Keeps everything in memory: nothing is on disk, nothing outlives the process.

    Thread-safe; can be pickled (also by joblib), with all studies.
    """

    outlives_process = False

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._studies: dict[int, _Study] = {}
        self._ids: dict[str, int] = {}
        self._next_study = 0
        self._next_trial = 0
        self._layouts: dict[Layout, Layout] = {}

    def __getstate__(self) -> dict[str, Any]:
        with self._lock:
            state = {**self.__dict__, "_studies": {key: _copy_of(study) for key, study in self._studies.items()}}
        del state["_lock"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.RLock()

    def create_or_open_study(
        self, name: str | None, directions: Sequence[StudyDirection] | None, *, exist_ok: bool
    ) -> StudyRecord:
        with self._lock:
            if name is not None and name in self._ids:
                if not exist_ok:
                    raise duplicate(name)
                return self._studies[self._ids[name]].record
            if directions is None:
                raise no_study("" if name is None else name)
            record = StudyRecord(
                self._next_study,
                new_study_name() if name is None else check_name("study", name),
                check_directions(directions),
            )
            self._next_study += 1
            self._ids[record.name] = record.study_id
            self._studies[record.study_id] = _Study(record)
            return record

    def list_studies(self) -> list[StudyRecord]:
        with self._lock:
            return [study.record for study in self._studies.values()]

    def get_study(self, study_id: int) -> StudyRecord:
        with self._lock:
            return self._study(study_id).record

    def delete_study(self, study_id: int) -> None:
        with self._lock:
            del self._ids[self._study(study_id).record.name]
            del self._studies[study_id]

    def set_study_attrs(
        self, study_id: int, *, user: Mapping[str, Any] = NOTHING, system: Mapping[str, Any] = NOTHING
    ) -> None:
        with self._lock:
            study = self._study(study_id)
            record = study.record
            study.record = replace(
                record, user_attrs=_merged(record.user_attrs, user), system_attrs=_merged(record.system_attrs, system)
            )

    def reserve(self, study_id: int, *, limit: int | None = None, lease: Lease | None = None) -> Claim | None:
        with self._lock:
            study = self._study(study_id)
            if limit is not None and len(study.trials) - len(study.waiting) - study.lost >= limit:
                return None
            if study.waiting:
                record = study.trials[study.waiting.popleft()]
            else:
                record = TrialRecord(len(study.trials), self._new_trial_id(), TrialState.RUNNING)
            attrs = record.system_attrs
            if lease is not None:
                attrs = _merged(attrs, {LEASE: attr_of_lease(lease)})
                study.beats[record.number] = self._clock()
            record = replace(record, state=TrialState.RUNNING, started=now(), system_attrs=attrs)
            study.put(record)
            fixed = fixed_of(record.params, attrs)
            return Claim(record.number, record.trial_id, fixed, record.user_attrs, attrs, record.started)

    def describe(
        self,
        study_id: int,
        number: int,
        params: Mapping[str, Any] = NOTHING,
        distributions: Mapping[str, BaseDistribution] = NOTHING,
        *,
        user_attrs: Mapping[str, Any] = NOTHING,
        system_attrs: Mapping[str, Any] = NOTHING,
    ) -> None:
        described = internals(params, distributions)
        with self._lock:
            study, record = self._running(study_id, number)
            layout, values = self._described(record, described)
            study.put(
                replace(
                    record,
                    layout=layout,
                    internals=values,
                    user_attrs=_merged(record.user_attrs, user_attrs),
                    system_attrs=_merged(record.system_attrs, system_attrs),
                )
            )

    def _described(
        self, record: TrialRecord, described: Mapping[str, tuple[BaseDistribution, float]]
    ) -> tuple[Layout, tuple[float, ...]]:
        if not described:
            return record.layout, record.internals
        known = zip(record.layout.names, record.layout.distributions, record.internals, strict=True)
        merged = {name: (distribution, value) for name, distribution, value in known}
        merged.update(described)
        layout = Layout(tuple(merged), tuple(distribution for distribution, _ in merged.values()))
        return self._layouts.setdefault(layout, layout), tuple(value for _, value in merged.values())

    def report(self, study_id: int, number: int, step: int, value: float) -> None:
        step, value = int(step), float(value)
        with self._lock:
            study, record = self._running(study_id, number)
            reports = record.reports
            if not reports or reports[-1][0] < step:
                study.put(replace(record, reports=(*reports, (step, value))))
                return
            place = bisect_left(reports, step, key=lambda report: report[0])
            if reports[place][0] != step:
                study.put(replace(record, reports=(*reports[:place], (step, value), *reports[place:])))

    def finish(
        self,
        study_id: int,
        number: int,
        state: TrialState,
        values: Sequence[float] | None = None,
        *,
        user_attrs: Mapping[str, Any] = NOTHING,
        system_attrs: Mapping[str, Any] = NOTHING,
    ) -> bool:
        checked = check_end(state, values)
        with self._lock:
            study = self._study(study_id)
            record = self._trial(study, number)
            if record.state is not TrialState.RUNNING:
                return False
            study.beats.pop(number, None)
            study.lost += LOST in system_attrs and LOST not in record.system_attrs
            study.put(
                replace(
                    record,
                    state=state,
                    values=checked,
                    completed=now(),
                    user_attrs=_merged(record.user_attrs, user_attrs),
                    system_attrs=_merged(record.system_attrs, system_attrs),
                )
            )
            return True

    def enqueue(self, study_id: int, points: Sequence[Point], *, once_key: str | None = None) -> list[int]:
        with self._lock:
            study = self._study(study_id)
            if once_key is not None:
                if once_attr(once_key) in study.record.system_attrs:
                    return []
                self.set_study_attrs(study_id, system={once_attr(once_key): True})
            return [self._enqueue(study, point) for point in points]

    def _enqueue(self, study: _Study, point: Point) -> int:
        number = len(study.trials)
        record = TrialRecord(
            number,
            self._new_trial_id(),
            TrialState.WAITING,
            user_attrs=_merged(NOTHING, point.user_attrs),
            system_attrs=attrs_of_point(point),
        )
        study.put(record)
        study.waiting.append(number)
        return number

    def add_finished(self, study_id: int, trials: Sequence[TrialRecord]) -> list[int]:
        with self._lock:
            study = self._study(study_id)
            first = len(study.trials)
            for trial in trials:
                layout = self._layouts.setdefault(trial.layout, trial.layout)
                record = replace(trial, number=len(study.trials), trial_id=self._new_trial_id(), layout=layout)
                study.put(record)
                study.lost += LOST in record.system_attrs
                if record.state is TrialState.WAITING:
                    study.waiting.append(record.number)
            return list(range(first, len(study.trials)))

    def changes(self, study_id: int, cursor: Any = None) -> tuple[list[TrialRecord], Any]:
        with self._lock:
            study = self._study(study_id)
            return study.since(cursor or 0), study.version

    def beat(self, study_id: int, numbers: Sequence[int]) -> list[int]:
        with self._lock:
            study = self._study(study_id)
            gone = []
            for number in numbers:
                if self._trial(study, number).state is not TrialState.RUNNING:
                    gone.append(number)
                elif number in study.beats:
                    study.beats[number] = self._clock()
            return gone

    def reap(self, study_id: int, *, max_retries: int = 0) -> list[int]:
        with self._lock:
            study = self._study(study_id)
            lost = {number: reason for number in sorted(study.beats) if (reason := self._reason(study, number))}
            for number, reason in lost.items():
                record = study.trials[number]
                self.finish(study_id, number, TrialState.FAIL, system_attrs=attrs_of_loss(reason))
                point = retry_of(record, max_retries)
                if point is not None:
                    self._enqueue(study, point)
            return list(lost)

    def _reason(self, study: _Study, number: int) -> str | None:
        lease = lease_of_attr(study.trials[number].system_attrs.get(LEASE))
        return None if lease is None else reason_to_give_up(lease, self._clock() - study.beats[number])

    def _study(self, study_id: int) -> _Study:
        study = self._studies.get(study_id)
        if study is None:
            raise no_study(study_id)
        return study

    def _trial(self, study: _Study, number: int) -> TrialRecord:
        if not 0 <= number < len(study.trials):
            raise no_trial(study.record.study_id, number)
        return study.trials[number]

    def _running(self, study_id: int, number: int) -> tuple[_Study, TrialRecord]:
        study = self._study(study_id)
        record = self._trial(study, number)
        check_runs(number, record.state)
        return study, record

    def _new_trial_id(self) -> int:
        self._next_trial += 1
        return self._next_trial - 1

    @staticmethod
    def _clock() -> float:
        return time.monotonic()


def _merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**old, **new} if new else old


def _copy_of(study: _Study) -> _Study:
    return replace(
        study,
        trials=list(study.trials),
        waiting=deque(study.waiting),
        beats=dict(study.beats),
        changed=dict(study.changed),
    )
