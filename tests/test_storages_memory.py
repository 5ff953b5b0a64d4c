"""What memory keeps up to date by itself, whoever looks at it and whenever: what readers have missed, and the best."""

from __future__ import annotations

import contextlib
import copy
import pickle
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sweeper_core.directions import StudyDirection
from sweeper_core.distributions import FloatDistribution
from sweeper_core.exceptions import StorageInternalError, UpdateFinishedTrialError
from sweeper_core.storages import InMemoryStorage, Point
from sweeper_core.testing.storages import elsewhere
from sweeper_core.trial.best import Best
from sweeper_core.trial.data import TrialData
from sweeper_core.trial.record import Layout, TrialRecord
from sweeper_core.trial.state import TrialState

UNIT = FloatDistribution(0.0, 1.0)
NUMBERS = st.integers(0, 3)
VALUES = st.sampled_from([-1.0, 0.0, 1.0, float("inf"), float("-inf")])  # few, so that there are equals
LIMITS = st.sampled_from([{}, {"constraints": [-1.0, 0.0]}, {"constraints": [-1.0, 0.5]}, {"constraints:a": 2.0}])
CHANGES = st.one_of(
    st.tuples(st.just("reserve"), st.booleans()),
    st.tuples(st.just("enqueue")),
    st.tuples(st.just("report"), NUMBERS, st.integers(0, 3)),
    st.tuples(st.just("describe"), NUMBERS, st.sampled_from("xyz")),
    st.tuples(st.just("finish"), NUMBERS, st.sampled_from([TrialState.COMPLETE, TrialState.FAIL]), VALUES, LIMITS),
    st.tuples(st.just("add"), st.sampled_from(list(TrialState)), VALUES, LIMITS),
    st.tuples(st.just("fail_stale"), st.integers(0, 1)),
)

COPIES = st.sampled_from([lambda storage: storage, copy.copy, lambda storage: pickle.loads(pickle.dumps(storage))])


def change(storage: InMemoryStorage, study: int, kind: str, *told: Any) -> None:
    """Do one thing; what is refused changes nothing."""
    with contextlib.suppress(KeyError, StorageInternalError, UpdateFinishedTrialError):
        if kind == "reserve":
            storage.reserve(study, lease=elsewhere(grace=0.0) if told[0] else None)
        elif kind == "enqueue":
            storage.enqueue(study, [Point({"x": 0.5})])
        elif kind == "report":
            storage.report(study, *told, 0.5)
        elif kind == "describe":
            storage.describe(study, told[0], TrialData({told[1]: 0.5}, {told[1]: UNIT}))
        elif kind == "finish":
            values = [told[2]] if told[1] is TrialState.COMPLETE else None
            storage.finish(study, told[0], told[1], values, TrialData(system_attrs=told[3]))
        elif kind == "add":
            values = (told[1],) if told[0] is TrialState.COMPLETE else None
            layout = Layout.of({"x": UNIT})
            storage.add_finished(study, [TrialRecord(0, 0, told[0], layout, (0.5,), values, system_attrs=told[2])])
        else:
            storage.fail_stale(study, max_retries=told[0])


def best_of(records: list[TrialRecord], direction: StudyDirection) -> Best:
    """Return the best trial as all records tell."""
    sign = -1.0 if direction is StudyDirection.MAXIMIZE else 1.0
    candidates = [
        (sign * record.values[0], record.number, record.values[0])
        for record in records
        if record.state is TrialState.COMPLETE and record.values and all(it <= 0 for it in record.constraints.values())
    ]
    return Best(*min(candidates)[1:]) if candidates else Best()


@settings(deadline=None, max_examples=150)
@given(st.lists(st.one_of(CHANGES, st.tuples(st.just("read"), st.integers(0, 2))), min_size=20, max_size=60), COPIES)
def test_readers_miss_nothing_whenever_they_look(doings: list[tuple[Any, ...]], copied: Any) -> None:
    storage = InMemoryStorage()
    study = storage.create_or_open_study("s", [StudyDirection.MINIMIZE], exist_ok=False).study_id
    cursors: list[Any] = [None] * 3
    folded: list[dict[int, TrialRecord]] = [{}, {}, {}]

    def read(reader: int) -> None:
        records, cursors[reader] = storage.changes(study, cursors[reader])
        assert [record.number for record in records] == sorted({record.number for record in records})
        folded[reader].update((record.number, record) for record in records)

    for turn, (kind, *told) in enumerate(doings):
        if kind == "read":
            read(told[0])
        else:
            change(storage, study, kind, *told)
        if turn == len(doings) // 2:
            storage = copied(storage)
    for reader in range(3):
        read(reader)
    whole = {record.number: record for record in storage.changes(study)[0]}
    assert folded == [whole, whole, whole]


@settings(deadline=None, max_examples=150)
@given(st.lists(st.one_of(CHANGES, st.just(("best",))), max_size=60), st.sampled_from(list(StudyDirection)[1:]))
def test_the_best_is_the_best_of_all_trials(doings: list[tuple[Any, ...]], direction: StudyDirection) -> None:
    storage = InMemoryStorage()
    study = storage.create_or_open_study("s", [direction], exist_ok=False).study_id
    for kind, *told in doings:
        if kind == "best":
            assert storage.best(study) == best_of(storage.changes(study)[0], direction)
        else:
            change(storage, study, kind, *told)
    best = best_of(storage.changes(study)[0], direction)
    assert pickle.loads(pickle.dumps(storage)).best(study) == best
    assert storage.best(study) == best


def test_several_objectives_have_no_best() -> None:
    storage = InMemoryStorage()
    study = storage.create_or_open_study("s", [StudyDirection.MINIMIZE] * 2, exist_ok=False).study_id
    storage.reserve(study)
    storage.finish(study, 0, TrialState.COMPLETE, [1.0, 2.0])
    assert storage.best(study) == Best()


def test_equal_steps_share_a_layout_also_when_ranges_change() -> None:
    storage = InMemoryStorage()
    study = storage.create_or_open_study("s", [StudyDirection.MINIMIZE], exist_ok=False).study_id
    ranges = [FloatDistribution(0.0, 1.0), FloatDistribution(0.0, 2.0)]
    for number in range(6):
        storage.reserve(study)
        for name in "xy":
            storage.describe(study, number, TrialData({name: 0.25}, {name: ranges[number % 2]}))
        storage.describe(study, number, TrialData({"x": 0.5}, {"x": ranges[number % 2]}))
    records = storage.changes(study)[0]
    assert all(record.params == {"x": 0.5, "y": 0.25} for record in records)
    assert [record.layout.distributions for record in records] == [tuple(ranges[n % 2] for _ in "xy") for n in range(6)]
    assert len({id(record.layout) for record in records}) == 2
