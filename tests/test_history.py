"""The columnar history: folding, snapshots, and its view of a space, against the records themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sweeper_core.directions import StudyDirection
from sweeper_core.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from sweeper_core.search_space.space import Clause, Parameter, SearchSpace
from sweeper_core.trial.attrs import REPEATS, SUGGESTION
from sweeper_core.trial.history import History, TrialTable
from sweeper_core.trial.record import Layout, TrialRecord
from sweeper_core.trial.state import TrialState

MINIMIZE, MAXIMIZE = StudyDirection.MINIMIZE, StudyDirection.MAXIMIZE
SPACES: list[dict[str, BaseDistribution]] = [
    {"x": FloatDistribution(0, 1), "c": CategoricalDistribution(["a", "b"])},
    {"x": FloatDistribution(-5, 5), "c": CategoricalDistribution(["b", "c", 1]), "k": IntDistribution(1, 4)},
    {"k": IntDistribution(1, 9)},
    {},
]


def record(number: int, state: TrialState, params: dict[str, Any], space: dict[str, Any], **more: Any) -> TrialRecord:
    chosen = {name: space[name] for name in params}
    internals = tuple(chosen[name].to_internal_repr(value) for name, value in params.items())
    return TrialRecord(number, number, state, Layout.of(chosen), internals, **more)


@st.composite
def lives(draw: st.DrawFn) -> list[list[TrialRecord]]:
    """The successive records of a few trials: running, then (for most) finished."""
    trials = []
    for number in range(draw(st.integers(1, 8))):
        space = draw(st.sampled_from(SPACES))
        params = {}
        for name, distribution in space.items():
            low, high = getattr(distribution, "low", 0), getattr(distribution, "high", 0)
            if isinstance(distribution, CategoricalDistribution):
                params[name] = draw(st.sampled_from(distribution.choices))
            elif isinstance(distribution, IntDistribution):
                params[name] = draw(st.integers(int(low), int(high)))
            else:
                params[name] = draw(st.floats(low, high))
        running = [record(number, TrialState.RUNNING, {}, {}), record(number, TrialState.RUNNING, params, space)]
        end = draw(st.sampled_from([None, TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL]))
        if end is not None:
            values = (draw(st.floats(-9, 9)), draw(st.floats(-9, 9))) if end is TrialState.COMPLETE else None
            reports = ((0, 1.5), (3, 2.5)) if end is TrialState.PRUNED else ()
            attrs = {"constraints:a": 1.0} if draw(st.booleans()) else {}
            running.append(record(number, end, params, space, values=values, reports=reports, system_attrs=attrs))
        trials.append(running)
    return trials


def assert_same_as_records(history: History, last: list[TrialRecord]) -> None:
    for row, trial in enumerate(last):
        assert history.states[row] == trial.state
        expected = (trial.values[0], -trial.values[1]) if trial.values else (np.nan, np.nan)
        np.testing.assert_array_equal(history.values[row], expected)
        for name, column in history.columns.items():
            raw = column.raw[row]
            if name not in trial.params:
                assert np.isnan(raw)
            elif column.choices is None:
                assert raw == trial.params[name]
            else:
                assert repr(column.choices[int(raw)]) == repr(trial.params[name])
        if trial.constraints:
            assert history.constraints[row][history.constraint_names.index("a")] == 1.0
        assert history.last_step[row] == (trial.reports[-1][0] if trial.reports else -1)


@given(trials=lives(), data=st.data())
def test_folding_in_any_order_gives_the_last_records(trials: list[list[TrialRecord]], data: st.DataObject) -> None:
    """Records of one trial come in their order; those of different trials interleave as they like."""
    table = TrialTable([MINIMIZE, MAXIMIZE])
    left = [list(records) for records in trials]
    while any(left):
        pick = data.draw(st.sampled_from([i for i, records in enumerate(left) if records]))
        table.fold([left[pick].pop(0)])
    last = [records[-1] for records in trials]
    assert_same_as_records(table.history(), last)
    table.fold([record for records in trials for record in records])
    assert_same_as_records(table.history(), last)
    assert table.finished == sum(trial.state.is_finished() for trial in last)


@settings(max_examples=50)
@given(trials=lives())
def test_a_snapshot_never_changes(trials: list[list[TrialRecord]]) -> None:
    table = TrialTable([MINIMIZE, MAXIMIZE])
    kept: list[tuple[History, dict[str, Any]]] = []
    for step in range(3):
        for records in trials:
            if step < len(records):
                table.fold([records[step]])
                history = table.history()
                columns = {name: column.raw.copy() for name, column in history.columns.items()}
                copy = {"states": history.states.copy(), "values": history.values.copy(), **columns}
                kept.append((history, copy))
    for history, copy in kept:
        np.testing.assert_array_equal(history.states, copy["states"])
        np.testing.assert_array_equal(history.values, copy["values"])
        for name, column in history.columns.items():
            np.testing.assert_array_equal(column.raw, copy[name])


def test_choices_are_seen_in_terms_of_the_space_as_it_is_now() -> None:
    table = TrialTable([MINIMIZE])
    old, new = {"c": CategoricalDistribution(["a", "b"])}, {"c": CategoricalDistribution(["b", 1, True])}
    table.fold(
        [
            record(0, TrialState.RUNNING, {"c": "a"}, old),
            record(1, TrialState.RUNNING, {"c": "b"}, old),
            record(2, TrialState.RUNNING, {"c": True}, new),
        ]
    )
    history = table.history()
    np.testing.assert_array_equal(history.raw(SearchSpace.of(new))[:, 0], [np.nan, 0, 2])
    np.testing.assert_array_equal(history.raw(SearchSpace.of(old))[:, 0], [0, 1, np.nan])
    assert list(history.within(SearchSpace.of(new))) == [False, True, True]


def test_within_looks_at_bounds_and_conditions() -> None:
    space = SearchSpace(
        [
            Parameter("m", CategoricalDistribution(["t", "l"])),
            Parameter("d", IntDistribution(1, 4), when=(Clause("m", "in", ("t",)),)),
        ]
    )
    d = space.distributions
    table = TrialTable([MINIMIZE])
    table.fold(
        [
            record(0, TrialState.COMPLETE, {"m": "t", "d": 2}, d, values=(1.0,)),
            record(1, TrialState.COMPLETE, {"m": "l"}, d, values=(1.0,)),
            record(2, TrialState.COMPLETE, {"m": "t"}, d, values=(1.0,)),
            record(3, TrialState.COMPLETE, {"m": "t", "d": 9}, {**d, "d": IntDistribution(1, 9)}, values=(1.0,)),
        ]
    )
    assert list(table.history().within(space)) == [True, True, False, False]


def test_what_samplers_and_repeats_stored_comes_back() -> None:
    table = TrialTable([MAXIMIZE])
    attrs = {SUGGESTION: {"origin": "tpe", "generation": 3}, REPEATS: {"count": 5, "spread": 0.25}}
    table.fold([record(0, TrialState.COMPLETE, {}, {}, values=(2.0,), system_attrs=attrs, reports=((4, 2.0),))])
    history = table.history()
    assert history.origin == ["tpe"]
    assert history.generation[0] == 3
    assert (history.repeats[0], history.spread[0]) == (5, 0.25)
    assert (history.values[0, 0], history.last_value[0], history.last_step[0]) == (-2.0, -2.0, 4)


def test_a_snapshot_of_the_first_rows_only() -> None:
    table = TrialTable([MINIMIZE])
    space = {"x": FloatDistribution(0, 1)}
    table.fold([record(k, TrialState.COMPLETE, {"x": k / 10}, space, values=(float(k),)) for k in range(10)])
    history = table.history(4)
    assert len(history) == 4
    assert list(history.completed) == [0, 1, 2, 3]
    assert len(history.columns["x"].raw) == 4
