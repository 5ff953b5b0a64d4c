"""SQLite does what memory does, whatever is asked of both, in whatever order."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from sweeper_core.directions import StudyDirection
from sweeper_core.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from sweeper_core.storages import InMemoryStorage, Point, RDBStorage, Storage
from sweeper_core.testing.storages import elsewhere
from sweeper_core.trial.attrs import FAILURE
from sweeper_core.trial.data import TrialData
from sweeper_core.trial.record import Layout, TrialRecord
from sweeper_core.trial.state import TrialState

DISTRIBUTIONS = {
    "f": FloatDistribution(-1e6, 1e6),
    "i": IntDistribution(0, 100),
    "c": CategoricalDistribution(["a", None, [1, {"b": 2.5}], True]),
}
names = st.sampled_from(["a", "b", "", "ü '\"", "A"])
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)
attributes = st.dictionaries(names, plain, max_size=3)
parameters = st.fixed_dictionaries(
    {},
    optional={
        "f": st.floats(-1e6, 1e6),
        "i": st.integers(0, 100),
        "c": st.sampled_from(DISTRIBUTIONS["c"].choices),  # type: ignore[attr-defined]
    },
)
values = st.floats(allow_nan=False).map(lambda value: value + 0.0)  # SQLite does not tell -0.0 from 0.0
numbers = st.integers(0, 12)
some_reports = st.lists(st.tuples(st.integers(-3, 5), st.floats()), max_size=3)
finished = st.sampled_from([TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL])


def outcome(operation: Callable[[], Any]) -> Any:
    """Return what an operation returns, or the type of what it raises."""
    try:
        return operation()
    except Exception as error:
        return type(error)


def plainly(record: TrialRecord) -> TrialRecord:
    """Return a record without what storages may differ in."""
    reports = tuple((step, "nan" if math.isnan(value) else value) for step, value in record.reports)
    # The reason of a loss tells the seconds of silence.
    system_attrs = {key: value for key, value in record.system_attrs.items() if key != FAILURE}
    attrs = {"user_attrs": dict(record.user_attrs), "system_attrs": system_attrs}
    return replace(record, trial_id=0, reports=reports, started=None, completed=None, **attrs)  # type: ignore[arg-type]


class Both(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.storages: tuple[Storage, ...] = (InMemoryStorage(), RDBStorage("sqlite:///:memory:"))
        self.studies = [
            storage.create_or_open_study("s", [StudyDirection.MINIMIZE], exist_ok=False).study_id
            for storage in self.storages
        ]
        self.cursors: list[Any] = [None, None]
        self.folded: list[dict[int, TrialRecord]] = [{}, {}]

    def teardown(self) -> None:
        for storage in self.storages:
            storage.close()

    def both(self, operation: Callable[[Storage, int], Any]) -> Any:
        """Do it on both and check that the same comes back."""
        one, two = (
            outcome(lambda storage=storage, study=study: operation(storage, study))
            for storage, study in zip(self.storages, self.studies, strict=True)
        )
        assert one == two
        return one

    @rule(limit=st.none() | st.integers(0, 6), leased=st.booleans())
    def reserve(self, limit: int | None, leased: bool) -> None:
        lease = elsewhere(grace=0.0) if leased else None

        def operation(storage: Storage, study: int) -> Any:
            claim = storage.reserve(study, limit=limit, lease=lease)
            if claim is None:
                return None
            return claim.number, dict(claim.fixed), dict(claim.user_attrs)

        self.both(operation)

    @rule(number=numbers, params=parameters, reports=some_reports, user=attributes, system=attributes)
    def describe(
        self,
        number: int,
        params: dict[str, Any],
        reports: list[tuple[int, float]],
        user: dict[str, Any],
        system: dict[str, Any],
    ) -> None:
        self.both(
            lambda storage, study: storage.describe(
                study, number, TrialData(params, DISTRIBUTIONS, reports=reports, user_attrs=user, system_attrs=system)
            )
        )

    @rule(number=numbers, step=st.integers(-3, 5), value=st.floats())
    def report(self, number: int, step: int, value: float) -> None:
        self.both(lambda storage, study: storage.report(study, number, step, value))

    @rule(number=numbers, state=finished, value=st.none() | values, params=parameters, reports=some_reports)
    def finish(
        self,
        number: int,
        state: TrialState,
        value: float | None,
        params: dict[str, Any],
        reports: list[tuple[int, float]],
    ) -> None:
        ending = None if value is None else [value]
        self.both(
            lambda storage, study: storage.finish(
                study, number, state, ending, TrialData(params=params, distributions=DISTRIBUTIONS, reports=reports)
            )
        )

    @rule(number=numbers, user=attributes, system=attributes)
    def finish_with_attributes(self, number: int, user: dict[str, Any], system: dict[str, Any]) -> None:
        self.both(
            lambda storage, study: storage.finish(
                study, number, TrialState.FAIL, data=TrialData(user_attrs=user, system_attrs=system)
            )
        )

    @rule(params=st.lists(parameters, max_size=3), user=attributes, key=st.none() | st.sampled_from(["k", "l"]))
    def enqueue(self, params: list[dict[str, Any]], user: dict[str, Any], key: str | None) -> None:
        points = [Point(each, user, {"order": position}) for position, each in enumerate(params)]
        self.both(lambda storage, study: storage.enqueue(study, points, idempotency_key=key))

    @rule(state=st.sampled_from(list(TrialState)), value=values, params=parameters)
    def add(self, state: TrialState, value: float, params: dict[str, Any]) -> None:
        layout = Layout.of({name: DISTRIBUTIONS[name] for name in params})
        internal = tuple(DISTRIBUTIONS[name].to_internal_repr(value) for name, value in params.items())
        given = (value,) if state is TrialState.COMPLETE else None
        trial = TrialRecord(0, 0, state, layout, internal, given, ((1, value),))
        self.both(lambda storage, study: storage.add_finished(study, [trial]))

    @rule(chosen=st.lists(numbers, max_size=3))
    def heartbeat(self, chosen: list[int]) -> None:
        self.both(lambda storage, study: storage.heartbeat(study, chosen))

    @rule(retries=st.integers(0, 2))
    def fail_stale(self, retries: int) -> None:
        self.both(lambda storage, study: storage.fail_stale(study, max_retries=retries))

    @rule(user=attributes, system=attributes)
    def set_study_attrs(self, user: dict[str, Any], system: dict[str, Any]) -> None:
        self.both(lambda storage, study: storage.set_study_attrs(study, user=user, system=system))

    @rule()
    def read_what_is_new(self) -> None:
        for index, (storage, study) in enumerate(zip(self.storages, self.studies, strict=True)):
            records, self.cursors[index] = storage.changes(study, self.cursors[index])
            self.folded[index].update({record.number: record for record in records})
            assert storage.changes(study, self.cursors[index])[0] == []
            whole = {record.number: plainly(record) for record in storage.changes(study)[0]}
            assert {number: plainly(record) for number, record in self.folded[index].items()} == whole

    @invariant()
    def the_same_is_stored(self) -> None:
        one, two = (
            [plainly(record) for record in storage.changes(study)[0]]
            for storage, study in zip(self.storages, self.studies, strict=True)
        )
        assert one == two
        assert [record.number for record in one] == list(range(len(one)))
        first, second = (storage.get_study(study) for storage, study in zip(self.storages, self.studies, strict=True))
        assert dict(first.user_attrs) == dict(second.user_attrs)
        assert dict(first.system_attrs) == dict(second.system_attrs)


TestBoth = Both.TestCase
TestBoth.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
