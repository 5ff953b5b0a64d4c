"""What every storage has to do: subclass :class:`StorageConformance` in a test module and give it an opener.

::

    class TestMyStorage(StorageConformance):
        @pytest.fixture
        def opener(self, tmp_path):
            return functools.partial(MyStorage, tmp_path / "studies")
"""

from __future__ import annotations

import functools
import math
import multiprocessing
import pickle
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from sweeper_core.directions import StudyDirection
from sweeper_core.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from sweeper_core.exceptions import DuplicatedStudyError, StorageInternalError, UpdateFinishedTrialError
from sweeper_core.storages import this_process
from sweeper_core.storages.base import Lease, Point, Storage, StudyRecord
from sweeper_core.trial.attrs import CONTINUES, FAILURE, FIRST_STEP, FIXED_PARAMS, LOST, RETRY_HISTORY, RETRY_OF
from sweeper_core.trial.data import TrialData
from sweeper_core.trial.record import Layout, TrialRecord
from sweeper_core.trial.state import TrialState

Opener = Callable[[], Storage]

UNIT = FloatDistribution(0.0, 1.0)
AWKWARD_ATTRS: dict[str, Any] = {
    "number": 1,
    "fraction": 0.1 + 0.2,
    "text": "ä'\"\n,${x} \U0001f600",
    "list": [1, [2.5, None], {"a": True}],
    "nothing": None,
    "": "empty name",
    "a": "small",
    "A": "large",
}
ODD_NAMES = ("a", "a ", " a", "a\t", "a\n", "A", "ä", "a\u0308", "á", "ß", "ss", "%s", ":x", "'", '"', "`", "\\",
             "NULL", "a.b", "a b", "\U0001f600", "\u6f22", "x" * 512, "X" * 512)  # fmt: skip
"""Names of which some database takes two for one."""
AWKWARD: dict[str, tuple[BaseDistribution, Any]] = {
    "tiny": (FloatDistribution(5e-324, 1.0, log=True), 5e-324),
    "huge": (FloatDistribution(-1.7976931348623157e308, 1.7976931348623157e308), 1.7976931348623157e308),
    "digits": (FloatDistribution(0.0, 1.0), 0.1 + 0.2),
    "grid": (FloatDistribution(0.0, 1.0, step=0.1), 0.3),
    "large": (IntDistribution(-(2**53), 2**53), 2**53),
    "log": (IntDistribution(1, 1024, log=True), 7),
    "step": (IntDistribution(0, 10, step=5), 5),
    "text": (CategoricalDistribution(["10", "a'b\"c\n,ü", ""]), "a'b\"c\n,ü"),
    "types": (CategoricalDistribution([1, True, 1.0, None, "1"]), True),
    "nested": (CategoricalDistribution([[1, 2], {"a": [None, 1.5]}, []]), {"a": [None, 1.5]}),
    "Nested": (CategoricalDistribution([math.inf, -math.inf]), -math.inf),
    "a.b/c=d": (UNIT, 0.5),
}


def elsewhere(grace: float = 0.0) -> Lease:
    """Return the lease of a process that cannot be seen from here."""
    return replace(this_process(), host="elsewhere", boot="another", grace=grace)


def lease_of_the_dead(grace: float = 3600.0) -> Lease:
    """Return the lease of a process of this machine that has ended."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    child = context.Process(target=lambda: theirs.send(this_process(grace=grace)))
    child.start()
    lease = ours.recv()
    child.join()
    assert isinstance(lease, Lease)
    return lease


def new_study(storage: Storage, name: str | None = None, directions: int = 1) -> StudyRecord:
    """Return a new study that minimises."""
    return storage.create_or_open_study(name, [StudyDirection.MINIMIZE] * directions, exist_ok=False)


def trials_of(storage: Storage, study_id: int) -> list[TrialRecord]:
    """Return all trials."""
    return storage.changes(study_id)[0]


def run_one(storage: Storage, study_id: int, value: float = 0.0, x: float = 0.5, **claim: Any) -> int:
    """Run one trial to its end; return its number."""
    claimed = storage.reserve(study_id, **claim)
    assert claimed is not None
    storage.describe(study_id, claimed.number, TrialData({"x": x}, {"x": UNIT}))
    assert storage.finish(study_id, claimed.number, TrialState.COMPLETE, [value])
    return claimed.number


def in_threads(count: int, work: Callable[[int], Any]) -> list[Any]:
    """Return what ``work(0)``, ``work(1)``, … return, all begun at the same moment."""
    barrier = threading.Barrier(count)

    def begin(index: int) -> Any:
        barrier.wait()
        return work(index)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(begin, range(count)))


def in_processes(count: int, work: Callable[[Storage, int], Any], opener: Opener) -> list[Any]:
    """Return what ``work(opener(), index)`` returns in as many processes, all begun at the same moment."""
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(count)
    results = context.SimpleQueue()

    def begin(index: int) -> None:
        storage = opener()
        barrier.wait()
        try:
            results.put((index, work(storage, index), None))
        except BaseException as error:
            results.put((index, None, repr(error)))

    children = [context.Process(target=begin, args=(index,)) for index in range(count)]
    for child in children:
        child.start()
    found = sorted(results.get() for _ in children)
    for child in children:
        child.join()
    assert [error for _, _, error in found if error] == []
    return [result for _, result, _ in found]


def utc_now() -> datetime:
    """Return the time as it is stored: naive UTC."""
    return datetime.now(timezone.utc).replace(tzinfo=None)


class StorageConformance:
    """The promises of :class:`Storage`, each with a test."""

    by_processes = True
    """Whether several processes can open the same store."""

    @pytest.fixture
    def opener(self) -> Opener:
        """Return a callable that opens the same, at first empty, store at each call."""
        raise NotImplementedError("Give the fixture `opener` in your subclass.")

    @pytest.fixture
    def storage(self, opener: Opener) -> Storage:
        """Return one handle on the store."""
        return opener()

    @pytest.fixture
    def study(self, storage: Storage) -> int:
        """Return the key of a study with one objective."""
        return new_study(storage, "study").study_id

    # Studies

    def test_a_study_is_found_again_by_its_name(self, opener: Opener) -> None:
        made = new_study(opener(), "näme 'quoted'")
        found = opener().create_or_open_study("näme 'quoted'", None, exist_ok=True)
        assert found == made
        assert found.directions == (StudyDirection.MINIMIZE,)

    def test_stored_directions_win(self, storage: Storage) -> None:
        directions = [StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE]
        storage.create_or_open_study("s", directions, exist_ok=True)
        again = storage.create_or_open_study("s", [StudyDirection.MINIMIZE], exist_ok=True)
        assert again.directions == tuple(directions)

    def test_a_second_study_of_the_same_name_is_refused(self, storage: Storage) -> None:
        new_study(storage, "s")
        with pytest.raises(DuplicatedStudyError, match="'s'"):
            new_study(storage, "s")

    def test_opening_a_study_that_does_not_exist(self, storage: Storage) -> None:
        with pytest.raises(KeyError, match="nobody"):
            storage.create_or_open_study("nobody", None, exist_ok=True)

    def test_a_study_needs_a_direction(self, storage: Storage) -> None:
        with pytest.raises(ValueError, match="direction"):
            storage.create_or_open_study("s", [], exist_ok=True)

    def test_a_name_that_no_schema_holds_is_refused(self, storage: Storage) -> None:
        with pytest.raises(ValueError, match="512"):
            new_study(storage, "x" * 513)

    def test_names_are_given_to_studies_without_one(self, storage: Storage) -> None:
        first, second = new_study(storage), new_study(storage)
        assert first.name != second.name
        assert [study.name for study in storage.list_studies()] == [first.name, second.name]

    def test_names_differ_by_case(self, storage: Storage) -> None:
        assert new_study(storage, "s").study_id != new_study(storage, "S").study_id

    def test_study_attributes_are_merged(self, opener: Opener) -> None:
        storage = opener()
        study = new_study(storage).study_id
        storage.set_study_attrs(study, user=AWKWARD_ATTRS, system={"one": 1})
        storage.set_study_attrs(study, user={"number": 2}, system={"two": [2]})
        seen = opener().get_study(study) if self.by_processes else storage.get_study(study)
        assert seen.user_attrs == {**AWKWARD_ATTRS, "number": 2}
        assert seen.system_attrs == {"one": 1, "two": [2]}
        assert storage.list_studies() == [seen]

    def test_a_deleted_study_is_gone_with_its_trials(self, storage: Storage, study: int) -> None:
        run_one(storage, study)
        storage.set_study_attrs(study, user={"a": 1}, system={"b": 1})
        kept = new_study(storage, "kept").study_id
        run_one(storage, kept)
        storage.delete_study(study)
        assert [record.name for record in storage.list_studies()] == ["kept"]
        assert len(trials_of(storage, kept)) == 1
        again = new_study(storage, "study")
        assert (again.user_attrs, again.system_attrs) == ({}, {})
        assert trials_of(storage, again.study_id) == []

    def test_nothing_of_a_deleted_study_meets_the_next_one(self, storage: Storage, opener: Opener, study: int) -> None:
        run_one(storage, study)
        gone = new_study(storage, "gone").study_id
        storage.reserve(gone)
        run_one(storage, study)
        storage.delete_study(gone)
        other = opener() if storage.outlives_process else storage
        following = new_study(other, "next").study_id  # whose key, and whose first trial's number, may be the old ones
        other.reserve(following)
        storage.describe(following, 0, TrialData({"x": 0.5}, {"x": UNIT}))
        assert storage.finish(following, 0, TrialState.COMPLETE, [1.0])
        (trial,) = trials_of(other, following)
        assert (trial.state, trial.params, trial.values) == (TrialState.COMPLETE, {"x": 0.5}, (1.0,))

    def test_unknown_studies_and_trials(self, storage: Storage, study: int) -> None:
        unknown = study + 1000
        for operation in (
            lambda: storage.get_study(unknown),
            lambda: storage.delete_study(unknown),
            lambda: storage.set_study_attrs(unknown, user={"a": 1}),
            lambda: storage.reserve(unknown),
            lambda: storage.enqueue(unknown, [Point({})]),
            lambda: storage.changes(unknown),
            lambda: storage.describe(study, 0, TrialData({"x": 0.5}, {"x": UNIT})),
            lambda: storage.report(study, 0, 1, 1.0),
            lambda: storage.finish(study, 0, TrialState.FAIL),
            lambda: storage.heartbeat(study, [0]),
        ):
            with pytest.raises(KeyError):
                operation()

    def test_studies_do_not_mix(self, storage: Storage) -> None:
        one, two = new_study(storage, "one").study_id, new_study(storage, "two").study_id
        for turn in range(3):
            assert run_one(storage, one, value=1.0) == turn
            assert run_one(storage, two, value=2.0) == turn
        assert {trial.values for trial in trials_of(storage, one)} == {(1.0,)}
        assert {trial.values for trial in trials_of(storage, two)} == {(2.0,)}

    # Reserving

    def test_numbers_count_from_zero(self, storage: Storage, study: int) -> None:
        claims = [storage.reserve(study) for _ in range(3)]
        assert [claim.number for claim in claims if claim] == [0, 1, 2]
        assert len({claim.trial_id for claim in claims if claim}) == 3
        assert {trial.state for trial in trials_of(storage, study)} == {TrialState.RUNNING}

    def test_times_are_kept(self, storage: Storage, study: int) -> None:
        before = utc_now()
        claim = storage.reserve(study)
        assert claim is not None
        assert storage.finish(study, claim.number, TrialState.COMPLETE, [1.0])
        (trial,) = trials_of(storage, study)
        slack = timedelta(seconds=1)  # some databases keep whole seconds
        assert trial.started is not None
        assert trial.completed is not None
        assert claim.started is None or abs(trial.started - claim.started) <= slack
        assert before - slack <= trial.started <= trial.completed + slack <= utc_now() + 2 * slack

    def test_the_limit_holds(self, storage: Storage, study: int) -> None:
        assert [storage.reserve(study, limit=2) is None for _ in range(4)] == [False, False, True, True]
        assert storage.reserve(study, limit=3) is not None

    def test_waiting_and_lost_trials_do_not_count_against_the_limit(self, storage: Storage, study: int) -> None:
        storage.enqueue(study, [Point({"x": 0.1})] * 3)
        assert storage.reserve(study, limit=1, lease=elsewhere()) is not None
        assert storage.reserve(study, limit=1) is None
        assert storage.fail_stale(study) == [0]
        claim = storage.reserve(study, limit=1)
        assert claim is not None
        assert claim.number == 1
        assert storage.reserve(study, limit=1) is None

    def test_enqueued_points_are_taken_first_and_in_order(self, storage: Storage, study: int) -> None:
        numbers = storage.enqueue(
            study, [Point({"x": 0.25}, {"note": "good"}, {"from": "user"}), Point({"y": [1, {"z": None}]})]
        )
        assert numbers == [0, 1]
        assert {trial.state for trial in trials_of(storage, study)} == {TrialState.WAITING}
        first, second, third = (storage.reserve(study) for _ in range(3))
        assert first is not None
        assert second is not None
        assert third is not None
        assert (first.number, dict(first.fixed), dict(first.user_attrs)) == (0, {"x": 0.25}, {"note": "good"})
        assert first.system_attrs["from"] == "user"
        assert first.system_attrs[FIXED_PARAMS] == {"x": 0.25}
        assert (second.number, dict(second.fixed)) == (1, {"y": [1, {"z": None}]})
        assert (third.number, dict(third.fixed)) == (2, {})

    def test_enqueue_once(self, opener: Opener) -> None:
        storage = opener()
        study, other = new_study(storage, "a").study_id, new_study(storage, "b").study_id
        for key in ("key", "k" * 2000):
            assert len(storage.enqueue(study, [Point({"x": 1}), Point({"x": 2})], idempotency_key=key)) == 2
            assert opener().enqueue(study, [Point({"x": 1}), Point({"x": 2})], idempotency_key=key) == []
        assert storage.enqueue(other, [Point({"x": 1})], idempotency_key="key") == [0]
        assert len(trials_of(storage, study)) == 4

    # Describing and reporting

    def test_parameters_come_back_exactly(self, opener: Opener) -> None:
        storage = opener()
        study = new_study(storage, "s").study_id
        storage.reserve(study)
        params = {name: value for name, (_, value) in AWKWARD.items()}
        distributions = {name: distribution for name, (distribution, _) in AWKWARD.items()}
        storage.describe(study, 0, TrialData(params, distributions))
        (trial,) = trials_of(opener(), study)
        assert trial.params == params
        assert list(trial.params) == list(params)
        assert {name: type(value) for name, value in trial.params.items()} == {k: type(v) for k, v in params.items()}
        assert trial.layout.as_dict() == distributions
        assert trial.params["types"] is True

    def test_long_texts_are_stored_whole(self, opener: Opener) -> None:
        storage = opener()
        study = new_study(storage, "s").study_id
        longer, longest = "x" * 70_000, ["'\"\\"] * 20_000
        choices = CategoricalDistribution([f"choice {number}" for number in range(6_000)])
        lists = CategoricalDistribution([[number] * 200 for number in range(129)])
        storage.set_study_attrs(study, user={"long": longest}, system={"long": longer})
        storage.enqueue(study, [Point({"c": "choice 1"}, {"early": longer})])
        storage.reserve(study)
        data = TrialData({"c": "choice 5999", "l": [3] * 200}, {"c": choices, "l": lists}, user_attrs={"log": longer})
        storage.describe(study, 0, data)
        assert storage.finish(study, 0, TrialState.COMPLETE, [1.0], TrialData(system_attrs={"log": longest}))
        (trial,) = trials_of(opener() if storage.outlives_process else storage, study)
        assert trial.params == {"c": "choice 5999", "l": [3] * 200}
        assert trial.layout.as_dict() == {"c": choices, "l": lists}
        assert (trial.user_attrs, trial.system_attrs["log"]) == ({"early": longer, "log": longer}, longest)
        assert (storage.get_study(study).user_attrs, storage.get_study(study).system_attrs) == (
            {"long": longest},
            {"long": longer},
        )

    def test_odd_names_are_all_different(self, opener: Opener) -> None:
        storage = opener()
        for name in ODD_NAMES:
            new_study(storage, name)
        assert [study.name for study in storage.list_studies()] == list(ODD_NAMES)
        study = storage.list_studies()[3].study_id
        params = {name: number / 64 for number, name in enumerate(ODD_NAMES)}
        attrs = {name: number for number, name in enumerate(ODD_NAMES)}
        storage.set_study_attrs(study, user=attrs)
        storage.reserve(study)
        storage.describe(study, 0, TrialData(params, dict.fromkeys(params, UNIT), user_attrs=attrs))
        assert storage.finish(study, 0, TrialState.COMPLETE, [1.0], TrialData(system_attrs=attrs))
        (trial,) = trials_of(storage, study)
        assert (trial.params, trial.user_attrs, trial.system_attrs) == (params, attrs, attrs)
        assert storage.get_study(study).user_attrs == attrs

    @pytest.mark.parametrize("name", ["x" * 513, "a\0b", "\ud800"], ids=["too long", "null", "half a character"])
    def test_a_name_that_cannot_be_stored_is_refused(self, storage: Storage, study: int, name: str) -> None:
        storage.reserve(study)
        with pytest.raises(ValueError, match="parameter"):
            storage.describe(study, 0, TrialData({name: 0.5}, {name: UNIT}))
        assert trials_of(storage, study)[0].params == {}

    def test_descriptions_are_merged(self, storage: Storage, study: int) -> None:
        storage.reserve(study)
        storage.describe(
            study, 0, TrialData({"b": 0.1}, {"b": UNIT}, user_attrs={"u": 1, **AWKWARD_ATTRS}, system_attrs={"s": 1})
        )
        storage.describe(study, 0, TrialData({"a": 0.2}, {"a": UNIT}, user_attrs={"u": 2}))
        storage.describe(study, 0, TrialData({"b": 0.3}, {"b": UNIT}, system_attrs={"t": [2]}))
        (trial,) = trials_of(storage, study)
        assert list(trial.params.items()) == [("b", 0.3), ("a", 0.2)]
        assert trial.user_attrs == {**AWKWARD_ATTRS, "u": 2}
        assert trial.system_attrs == {"s": 1, "t": [2]}

    def test_a_parameter_needs_a_distribution_and_a_value_of_its_kind(self, storage: Storage, study: int) -> None:
        storage.reserve(study)
        with pytest.raises(ValueError, match="'y'"):
            storage.describe(study, 0, TrialData({"x": 0.5, "y": 0.5}, {"x": UNIT}))
        with pytest.raises(ValueError, match="nan"):
            storage.describe(study, 0, TrialData({"x": 0.5, "y": math.nan}, {"x": UNIT, "y": UNIT}))
        assert trials_of(storage, study)[0].params == {}
        with pytest.raises(ValueError, match="'y'"):
            storage.check(TrialData({"x": 0.5, "y": 0.5}, {"x": UNIT}))
        storage.check(TrialData({"x": 0.5}, {"x": UNIT}, user_attrs=AWKWARD_ATTRS))

    def test_reports_are_kept_in_order_of_step_and_the_first_counts(self, storage: Storage, study: int) -> None:
        storage.reserve(study)
        for step, value in ((5, 0.5), (1, math.inf), (3, math.nan), (5, 9.0), (1, 9.0), (7, -math.inf), (0, 0.1 + 0.2)):
            storage.report(study, 0, step, value)
        reports = trials_of(storage, study)[0].reports
        assert [step for step, _ in reports] == [0, 1, 3, 5, 7]
        assert [repr(value) for _, value in reports] == [repr(0.1 + 0.2), "inf", "nan", "0.5", "-inf"]

    def test_waiting_and_finished_trials_are_not_changed(self, storage: Storage, study: int) -> None:
        storage.enqueue(study, [Point({"x": 0.5})])
        with pytest.raises(StorageInternalError, match="waits"):
            storage.describe(study, 0, TrialData({"x": 0.5}, {"x": UNIT}))
        with pytest.raises(StorageInternalError, match="waits"):
            storage.report(study, 0, 0, 1.0)
        run_one(storage, study)
        before = trials_of(storage, study)
        with pytest.raises(UpdateFinishedTrialError, match="0"):
            storage.describe(study, 0, TrialData({"x": 0.1}, {"x": UNIT}, user_attrs={"a": 1}))
        with pytest.raises(UpdateFinishedTrialError, match="0"):
            storage.report(study, 0, 1, 1.0)
        assert trials_of(storage, study) == before

    # Finishing

    @pytest.mark.parametrize("state", [TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL])
    def test_a_trial_is_finished_once(self, storage: Storage, study: int, state: TrialState) -> None:
        storage.reserve(study)
        values = None if state is TrialState.FAIL else [0.1 + 0.2]
        assert storage.finish(study, 0, state, values, TrialData(user_attrs={"a": 1}, system_attrs={"b": [2]})) is True
        assert storage.finish(study, 0, TrialState.COMPLETE, [2.0], TrialData(user_attrs={"a": 3})) is False
        (trial,) = trials_of(storage, study)
        assert (trial.state, trial.values) == (state, None if values is None else tuple(values))
        assert (trial.user_attrs, trial.system_attrs) == ({"a": 1}, {"b": [2]})

    def test_everything_may_come_with_the_end(self, storage: Storage, study: int) -> None:
        storage.reserve(study)
        storage.describe(study, 0, TrialData({"x": 0.1}, {"x": UNIT}, reports=[(3, 1.0), (1, math.inf), (3, 9.0)]))
        assert storage.finish(
            study,
            0,
            TrialState.COMPLETE,
            [2.0],
            TrialData(
                params={"x": 0.2, "y": 0.5},
                distributions={"x": UNIT, "y": UNIT},
                reports=[(3, 9.0), (5, -math.inf), (0, 0.5)],
                user_attrs={"a": 1},
            ),
        )
        (trial,) = trials_of(storage, study)
        assert trial.params == {"x": 0.2, "y": 0.5}
        assert trial.reports == ((0, 0.5), (1, math.inf), (3, 1.0), (5, -math.inf))
        assert (
            storage.finish(study, 0, TrialState.FAIL, data=TrialData(params={"z": 1.0}, distributions={"z": UNIT}))
            is False
        )
        assert trials_of(storage, study) == [trial]

    def test_a_waiting_trial_is_not_finished(self, storage: Storage, study: int) -> None:
        storage.enqueue(study, [Point({})])
        assert storage.finish(study, 0, TrialState.COMPLETE, [1.0]) is False
        assert trials_of(storage, study)[0].state is TrialState.WAITING

    def test_several_values_infinite_ones_too(self, storage: Storage) -> None:
        study = new_study(storage, directions=4).study_id
        values = (math.inf, -math.inf, 0.1 + 0.2, 5e-324)
        storage.reserve(study)
        assert storage.finish(study, 0, TrialState.COMPLETE, values)
        assert repr(trials_of(storage, study)[0].values) == repr(values)

    def test_what_no_trial_ends_with(self, storage: Storage, study: int) -> None:
        storage.reserve(study)
        with pytest.raises(ValueError, match="NaN"):
            storage.finish(study, 0, TrialState.COMPLETE, [math.nan])
        with pytest.raises(ValueError, match="RUNNING"):
            storage.finish(study, 0, TrialState.RUNNING)
        assert trials_of(storage, study)[0].state is TrialState.RUNNING

    @pytest.mark.parametrize("bad", [(1, "many"), ("late", 0.5)], ids=["value", "step"])
    def test_a_refused_report_leaves_no_trace(self, storage: Storage, study: int, bad: Any) -> None:
        storage.reserve(study)
        given = TrialData({"x": 0.5}, {"x": UNIT}, [(0, 1.0), bad])
        for tell in (storage.describe, functools.partial(storage.finish, state=TrialState.COMPLETE, values=[1.0])):
            with pytest.raises(ValueError, match=r"many|late"):
                tell(study, 0, data=given)
        (trial,) = trials_of(storage, study)
        assert (trial.state, trial.params, trial.reports) == (TrialState.RUNNING, {}, ())

    def test_a_refused_attribute_leaves_no_trace(self, storage: Storage, study: int) -> None:
        if not storage.outlives_process:
            pytest.skip("what is only in memory may be any object")
        storage.reserve(study)
        with pytest.raises(TypeError, match=r"'a'.*JSON"):
            storage.check(TrialData(user_attrs={"a": object()}))
        with pytest.raises(TypeError, match=r"'a'.*JSON"):
            storage.describe(study, 0, TrialData(user_attrs={"a": object()}))
        with pytest.raises(TypeError, match="JSON"):
            storage.describe(study, 0, TrialData({"x": 0.5}, {"x": UNIT}, user_attrs={"a": object()}))
        with pytest.raises(TypeError, match="JSON"):
            storage.finish(study, 0, TrialState.COMPLETE, [1.0], TrialData(system_attrs={"a": {1, 2}}))
        (trial,) = trials_of(storage, study)
        assert (trial.state, trial.params, trial.user_attrs) == (TrialState.RUNNING, {}, {})

    def test_trials_are_added_as_they_are(self, opener: Opener) -> None:
        storage = opener()
        study = new_study(storage, "s").study_id
        run_one(storage, study)
        layout = Layout.of({name: distribution for name, (distribution, _) in AWKWARD.items()})
        values = tuple(distribution.to_internal_repr(value) for distribution, value in AWKWARD.values())
        finished = TrialRecord(
            number=77,
            trial_id=99,
            state=TrialState.PRUNED,
            layout=layout,
            internals=values,
            values=(-math.inf,),
            reports=((-1, 0.5), (3, math.inf)),
            user_attrs=AWKWARD_ATTRS,
            system_attrs={"s": [1]},
            started=datetime(2020, 2, 29, 23, 59, 59),
            completed=datetime(2020, 3, 1),
        )
        waiting = TrialRecord(0, 0, TrialState.WAITING, Layout.of({"x": UNIT}), (0.25,))
        assert storage.add_finished(study, [finished, waiting, finished]) == [1, 2, 3]
        trials = trials_of(opener(), study)
        assert trials[1] == replace(finished, number=1, trial_id=trials[1].trial_id)
        assert trials[3] == replace(finished, number=3, trial_id=trials[3].trial_id)
        claim = storage.reserve(study)
        assert claim is not None
        assert (claim.number, dict(claim.fixed)) == (2, {"x": 0.25})

    def test_nothing_added(self, storage: Storage, study: int) -> None:
        assert storage.add_finished(study, []) == []
        assert storage.enqueue(study, []) == []
        assert storage.heartbeat(study, []) == []
        assert trials_of(storage, study) == []

    # Reading

    def test_changes_tell_what_is_new_or_different(self, opener: Opener) -> None:
        writer, reader = opener(), opener()
        study = new_study(writer, "s").study_id
        seen, cursor = reader.changes(study)
        assert seen == []

        def difference() -> dict[int, TrialRecord]:
            nonlocal cursor
            records, cursor = reader.changes(study, pickle.loads(pickle.dumps(cursor)))
            return {record.number: record for record in records}

        run_one(writer, study)
        writer.reserve(study)
        writer.enqueue(study, [Point({"x": 0.5})])
        assert list(difference()) == [0, 1, 2]
        assert difference() == {}
        writer.report(study, 1, 0, 0.5)
        assert difference()[1].reports == ((0, 0.5),)
        writer.describe(study, 1, TrialData({"x": 0.5}, {"x": UNIT}, user_attrs={"a": 1}))
        changed = difference()
        assert (list(changed), changed[1].params, changed[1].user_attrs) == ([1], {"x": 0.5}, {"a": 1})
        writer.describe(study, 1, TrialData({"x": 0.75}, {"x": UNIT}, user_attrs={"a": 2}))
        changed = difference()
        assert (changed[1].params, changed[1].user_attrs) == ({"x": 0.75}, {"a": 2})
        writer.reserve(study)
        assert difference()[2].state is TrialState.RUNNING
        writer.finish(study, 2, TrialState.COMPLETE, [2.0])
        writer.finish(study, 1, TrialState.FAIL)
        changed = difference()
        assert {number: record.state for number, record in changed.items()} == {
            1: TrialState.FAIL,
            2: TrialState.COMPLETE,
        }
        assert difference() == {}

    def test_folding_changes_gives_the_whole(self, storage: Storage, study: int) -> None:
        cursor, folded = None, {}
        for turn in range(30):
            if turn % 7 == 3:
                storage.enqueue(study, [Point({"x": 0.5})] * 2)
            claim = storage.reserve(study)
            assert claim is not None
            storage.report(study, claim.number, turn, float(turn))
            if turn % 3:
                storage.finish(study, claim.number, TrialState.COMPLETE, [float(turn)])
            records, cursor = storage.changes(study, cursor)
            folded.update({record.number: record for record in records})
        assert [folded[number] for number in sorted(folded)] == trials_of(storage, study)

    def test_records_can_be_pickled(self, storage: Storage, study: int) -> None:
        run_one(storage, study)
        storage.reserve(study)
        trials = trials_of(storage, study)
        assert pickle.loads(pickle.dumps(trials)) == trials

    def test_the_storage_can_be_pickled(self, storage: Storage, study: int) -> None:
        run_one(storage, study)
        copy = pickle.loads(pickle.dumps(storage))
        assert trials_of(copy, study) == trials_of(storage, study)
        assert run_one(copy, study) == 1

    def test_close_may_be_followed_by_more(self, storage: Storage, study: int) -> None:
        storage.close()
        assert run_one(storage, study) == 0

    # Leases

    def test_a_trial_with_a_lease_that_is_kept_stays(self, storage: Storage, study: int) -> None:
        storage.reserve(study, lease=this_process(grace=3600.0))
        storage.reserve(study, lease=elsewhere(grace=3600.0))
        assert storage.heartbeat(study, [0, 1]) == []
        assert storage.fail_stale(study, max_retries=3) == []
        assert {trial.state for trial in trials_of(storage, study)} == {TrialState.RUNNING}

    def test_a_trial_without_a_lease_is_left_alone(self, storage: Storage, study: int) -> None:
        storage.reserve(study)
        assert storage.fail_stale(study) == []
        assert storage.heartbeat(study, [0]) == []
        assert storage.fail_stale(study) == []

    def test_a_lease_that_is_over_ends_the_trial(self, storage: Storage, study: int) -> None:
        storage.reserve(study, lease=elsewhere(grace=0.0))
        storage.describe(
            study, 0, TrialData({"x": 0.5}, {"x": UNIT}, user_attrs={"u": 1}, system_attrs={"constraints": [1.0]})
        )
        assert storage.fail_stale(study) == [0]
        (trial,) = trials_of(storage, study)
        assert trial.state is TrialState.FAIL
        assert trial.completed is not None
        assert trial.system_attrs[LOST] is True
        assert "elsewhere" in trial.system_attrs[FAILURE]
        assert storage.finish(study, 0, TrialState.FAIL) is False
        with pytest.raises(UpdateFinishedTrialError):
            storage.report(study, 0, 1, 0.5)
        assert storage.heartbeat(study, [0]) == [0]
        assert storage.fail_stale(study) == []

    def test_a_dead_owner_on_this_machine_is_recognised_at_once(self, storage: Storage, study: int) -> None:
        storage.reserve(study, lease=lease_of_the_dead(grace=3600.0))
        storage.reserve(study, lease=this_process(grace=3600.0))
        assert storage.fail_stale(study) == [0]
        assert "died" in trials_of(storage, study)[0].system_attrs[FAILURE]

    def test_a_reused_process_number_does_not_keep_a_lease_alive(self, storage: Storage, study: int) -> None:
        storage.reserve(study, lease=replace(this_process(grace=3600.0), process_started="1"))
        assert storage.fail_stale(study) == [0]

    def test_a_lost_trial_is_tried_again_so_many_times(self, storage: Storage, study: int) -> None:
        storage.enqueue(study, [Point({"x": 0.25}, {"note": "mine"}, {"mark": 7})])
        histories = []
        for attempt in range(3):
            claim = storage.reserve(study, lease=elsewhere())
            assert claim is not None
            assert claim.number == attempt
            assert claim.fixed["x"] == 0.25
            assert claim.user_attrs["note"] == "mine"
            assert claim.system_attrs["mark"] == 7
            assert LOST not in claim.system_attrs
            histories.append((claim.system_attrs.get(RETRY_OF), claim.system_attrs.get(RETRY_HISTORY)))
            storage.describe(study, claim.number, TrialData({"x": 0.25, "y": 0.5}, {"x": UNIT, "y": UNIT}))
            assert storage.fail_stale(study, max_retries=2) == [attempt]
            if attempt:
                assert claim.fixed == {"x": 0.25, "y": 0.5}
        assert histories == [(None, None), (0, [0]), (0, [0, 1])]
        assert len(trials_of(storage, study)) == 3

    @pytest.mark.parametrize("max_retries", [0, 1], ids=["no retry", "a retry waits"])
    def test_a_late_result_counts_when_no_retry_has_started(self, opener: Opener, max_retries: int) -> None:
        storage, reader = opener(), opener()
        study = new_study(storage, "s").study_id
        storage.enqueue(study, [Point({"x": 0.25}, {"u": 1})])
        claim = storage.reserve(study, lease=elsewhere())
        assert claim is not None
        storage.describe(study, 0, TrialData({"x": 0.25}, {"x": UNIT}, reports=[(0, 0.5)]))
        assert storage.fail_stale(study, max_retries=max_retries) == [0]
        seen, cursor = reader.changes(study)
        late: dict[str, Any] = {"params": {"y": 0.75}, "distributions": {"y": UNIT}, "reports": [(0, 9.0), (1, 0.25)]}
        assert storage.finish(study, 0, TrialState.COMPLETE, [2.0], TrialData(user_attrs={"v": 2}, **late)) is True
        assert storage.finish(study, 0, TrialState.COMPLETE, [3.0]) is False, "it counts once"
        changed, _ = reader.changes(study, cursor)
        assert [trial.number for trial in changed] == [1]
        lost, counted = trials_of(opener(), study)
        assert lost == seen[0], "what has ended stays as it is"
        assert changed == [counted]
        assert (counted.state, counted.values) == (TrialState.COMPLETE, (2.0,))
        assert counted.params == {"x": 0.25, "y": 0.75}
        assert counted.reports == ((0, 0.5), (1, 0.25))
        assert counted.user_attrs == {"u": 1, "v": 2}
        assert (counted.system_attrs[RETRY_OF], counted.system_attrs[RETRY_HISTORY]) == (0, [0])
        assert LOST not in counted.system_attrs
        assert counted.started == lost.started
        following = storage.reserve(study, limit=2)
        assert following is not None
        assert (following.number, dict(following.fixed)) == (2, {}), "the retry is not run"
        assert storage.reserve(study, limit=2) is None

    def test_a_late_result_is_left_out_when_a_retry_has_started(self, storage: Storage, study: int) -> None:
        storage.reserve(study, lease=elsewhere())
        assert storage.fail_stale(study, max_retries=1) == [0]
        assert storage.finish(study, 0, TrialState.FAIL) is False, "a failure leaves the retry to run"
        claim = storage.reserve(study)
        assert claim is not None
        assert claim.number == 1
        before = trials_of(storage, study)
        assert storage.finish(study, 0, TrialState.COMPLETE, [1.0]) is False
        assert trials_of(storage, study) == before
        assert storage.finish(study, 1, TrialState.COMPLETE, [2.0])
        assert storage.finish(study, 0, TrialState.COMPLETE, [1.0]) is False
        assert len(trials_of(storage, study)) == 2

    def test_a_late_result_and_the_start_of_the_retry_exclude_each_other(self, opener: Opener) -> None:
        storage, other = opener(), opener()
        study = new_study(storage, "s").study_id
        for turn in range(5):
            claim = storage.reserve(study, lease=elsewhere())
            assert claim is not None
            storage.fail_stale(study, max_retries=1)
            counted, retried = in_threads(2, functools.partial(_tell_or_reserve, storage, other, study, claim.number))
            assert retried is not None
            assert (RETRY_OF in retried.system_attrs) is not counted, turn
            assert storage.finish(study, retried.number, TrialState.COMPLETE, [2.0])

    def test_many_who_notice_a_loss_repeat_it_once(self, opener: Opener) -> None:
        storage = opener()
        study = new_study(storage, "s").study_id
        for _ in range(3):
            storage.reserve(study, lease=elsewhere())
        handles = [opener() for _ in range(4)]
        noticed = in_threads(4, lambda index: handles[index].fail_stale(study, max_retries=1))
        assert sorted(number for numbers in noticed for number in numbers) == [0, 1, 2]
        retried = [trial for trial in trials_of(storage, study) if trial.state is TrialState.WAITING]
        assert sorted(trial.system_attrs[RETRY_OF] for trial in retried) == [0, 1, 2]

    # Attempts

    def test_a_continuation_begins_with_what_the_attempt_before_had(self, opener: Opener) -> None:
        storage, reader = opener(), opener()
        study = new_study(storage, "s").study_id
        storage.enqueue(study, [Point({"x": 0.25}, {"u": 1})])
        storage.reserve(study, lease=elsewhere())
        described = TrialData({"x": 0.25, "y": 0.5}, {"x": UNIT, "y": UNIT}, [(0, 0.5), (3, float("nan"))], {"v": 2})
        storage.describe(study, 0, described)
        storage.describe(study, 0, TrialData(system_attrs={"constraints": [1.0], "mark": 7}))
        assert storage.fail_stale(study) == [0]
        (lost,), cursor = reader.changes(study)
        claim = storage.continue_trial(study, 0, lease=this_process(grace=3600.0))
        assert claim is not None
        assert (claim.number, claim.fixed) == (1, {"x": 0.25, "y": 0.5})
        assert (claim.user_attrs, claim.reports[0], claim.reports[1][0]) == ({"u": 1, "v": 2}, (0, 0.5), 3)
        (found,), _ = reader.changes(study, cursor)
        assert (found.number, found.state, found.trial_id) == (1, TrialState.RUNNING, claim.trial_id)
        assert (found.layout, found.internals, found.user_attrs) == (lost.layout, lost.internals, lost.user_attrs)
        assert str(found.reports) == str(lost.reports), "a NaN is unlike itself"
        assert (found.system_attrs[CONTINUES], found.system_attrs[FIRST_STEP]) == (0, 4)
        assert (found.system_attrs[RETRY_OF], found.system_attrs[RETRY_HISTORY]) == (0, [0])
        assert found.system_attrs["mark"] == 7
        assert not found.system_attrs.keys() & {LOST, FAILURE, "constraints"}
        storage.report(study, 1, 3, 9.0)
        storage.report(study, 1, 4, 0.125)
        assert storage.finish(study, 1, TrialState.COMPLETE, [2.0])
        first, second = trials_of(opener(), study)
        assert replace(first, reports=()) == replace(lost, reports=()), "what has ended stays as it is"
        assert [step for step, _ in second.reports] == [0, 3, 4]
        assert math.isnan(second.reports[1][1]), "a step reported again counts once"
        assert storage.finish(study, 0, TrialState.COMPLETE, [3.0]) is False

    def test_only_the_latest_attempt_of_what_was_paused_or_lost_is_continued(
        self, storage: Storage, study: int
    ) -> None:
        run_one(storage, study)
        storage.enqueue(study, [Point({})])
        assert storage.continue_trial(study, 0) is None, "it is complete"
        assert storage.continue_trial(study, 1) is None, "it waits"
        storage.reserve(study)
        assert storage.continue_trial(study, 1) is None, "it runs"
        assert storage.finish(study, 1, TrialState.PRUNED, [1.0])
        claim = storage.continue_trial(study, 1)
        assert claim is not None
        assert (claim.number, claim.system_attrs[CONTINUES], claim.system_attrs[FIRST_STEP]) == (2, 1, 0)
        assert RETRY_OF not in claim.system_attrs, "what was paused is no retry"
        assert storage.continue_trial(study, 1) is None, "it is continued already"
        storage.finish(study, 2, TrialState.FAIL)
        assert storage.continue_trial(study, 2) is None, "it has failed"
        with pytest.raises(KeyError):
            storage.continue_trial(study, 3)

    def test_what_is_retried_is_not_continued(self, storage: Storage, study: int) -> None:
        storage.reserve(study, lease=elsewhere())
        assert storage.fail_stale(study, max_retries=1) == [0]
        assert storage.continue_trial(study, 0) is None

    def test_limits_count_configurations(self, storage: Storage, study: int) -> None:
        for number, state in enumerate((TrialState.COMPLETE, TrialState.PRUNED)):
            storage.reserve(study)
            storage.finish(study, number, state, [1.0])
        assert storage.continue_trial(study, 1, limit=1) is not None, "what was paused counts already"
        assert storage.reserve(study, limit=2) is None
        lost = storage.reserve(study, limit=3, lease=elsewhere())
        assert lost is not None
        assert storage.fail_stale(study) == [3]
        assert storage.continue_trial(study, 3, limit=2) is None, "what was lost counts anew"
        assert storage.continue_trial(study, 3, limit=3, lease=elsewhere()) is not None
        assert storage.reserve(study, limit=3) is None
        assert storage.fail_stale(study) == [4]
        assert storage.reserve(study, limit=3) is not None
        assert storage.continue_trial(study, 4, limit=3) is None
        assert len(trials_of(storage, study)) == 6

    def test_of_many_who_continue_a_trial_one_succeeds(self, opener: Opener) -> None:
        handles = [opener() for _ in range(4)]
        storage = handles[0]
        study = new_study(storage, "s").study_id
        for number in range(0, 6, 2):
            storage.reserve(study)
            storage.finish(study, number, TrialState.PRUNED, [1.0])
            claims = in_threads(4, functools.partial(_continue, handles, study, number))
            assert [claim.number for claim in claims if claim] == [number + 1]

    def test_of_processes_that_continue_a_trial_one_succeeds(self, opener: Opener) -> None:
        if not self.by_processes:
            pytest.skip("lives in one process")
        storage = opener()
        study = new_study(storage, "s").study_id
        for number in range(10):
            storage.reserve(study)
            storage.finish(study, number, TrialState.PRUNED, [1.0])
        continued = in_processes(3, lambda mine, _: [_continues(mine, study, number) for number in range(10)], opener)
        assert [sum(column) for column in zip(*continued, strict=True)] == [1] * 10
        trials = trials_of(opener(), study)
        assert [trial.number for trial in trials] == list(range(20))
        assert sorted(trial.system_attrs[CONTINUES] for trial in trials[10:]) == list(range(10))

    # Concurrency

    def test_threads_share_a_handle(self, storage: Storage, study: int) -> None:
        storage.enqueue(study, [Point({"x": index / 10}) for index in range(10)])
        taken = in_threads(6, lambda _: _take_and_finish(storage, study, 8))
        _check_shared_work(storage, study, taken, queued=10, total=48)

    def test_processes_share_a_store(self, opener: Opener) -> None:
        if not self.by_processes:
            pytest.skip("lives in one process")
        storage = opener()
        study = new_study(storage, "s").study_id
        storage.enqueue(study, [Point({"x": index / 10}) for index in range(10)])
        taken = in_processes(4, lambda mine, _: _take_and_finish(mine, study, 10), opener)
        _check_shared_work(opener(), study, taken, queued=10, total=40)

    def test_processes_may_use_a_handle_from_before_the_fork(self, storage: Storage, study: int) -> None:
        if not self.by_processes:
            pytest.skip("lives in one process")
        storage.enqueue(study, [Point({"x": 0.5})])
        taken = in_processes(3, lambda _, __: _take_and_finish(storage, study, 5), lambda: storage)
        assert run_one(storage, study) == 15
        _check_shared_work(storage, study, taken, queued=1, total=15)

    def test_the_limit_holds_among_many(self, opener: Opener) -> None:
        storage = opener()
        study = new_study(storage, "s").study_id
        handles = [opener() for _ in range(4)]
        claims = in_threads(4, lambda index: [handles[index].reserve(study, limit=10) for _ in range(5)])
        numbers = sorted(claim.number for mine in claims for claim in mine if claim)
        assert numbers == list(range(10))

    def test_one_of_many_finishes_a_trial(self, opener: Opener) -> None:
        storage = opener()
        study = new_study(storage, "s").study_id
        handles = [opener() for _ in range(4)]
        for number in range(5):
            storage.reserve(study)
            won = in_threads(4, functools.partial(_finish_by, handles, study, number))
            assert Counter(won) == {True: 1, False: 3}
            trial = trials_of(storage, study)[number]
            assert (trial.values, trial.user_attrs) == ((float(won.index(True)),), {"who": won.index(True)})

    def test_all_create_the_same_study_at_once(self, opener: Opener) -> None:
        handles = [opener() for _ in range(4)]
        directions = [StudyDirection.MINIMIZE]
        found = in_threads(4, lambda i: handles[i].create_or_open_study("s", directions, exist_ok=True))
        assert len({study.study_id for study in found}) == 1
        assert len(handles[0].list_studies()) == 1

    def test_all_enqueue_the_same_points_once(self, opener: Opener) -> None:
        storage = opener()
        study = new_study(storage, "s").study_id
        handles = [opener() for _ in range(4)]
        points = [Point({"x": 0.5}), Point({"x": 0.75})]
        numbers = in_threads(4, lambda index: handles[index].enqueue(study, points, idempotency_key="k"))
        assert sorted(numbers) == [[], [], [], [0, 1]]

    def test_a_fresh_store_may_be_opened_by_many_at_once(self, opener: Opener) -> None:
        if not self.by_processes:
            pytest.skip("lives in one process")
        names = in_processes(4, _create_and_run, opener)
        assert names == ["shared"] * 4
        storage = opener()
        study = storage.create_or_open_study("shared", None, exist_ok=True).study_id
        assert [trial.number for trial in trials_of(storage, study)] == [0, 1, 2, 3]


def _finish_by(handles: list[Storage], study: int, number: int, index: int) -> bool:
    return handles[index].finish(
        study, number, TrialState.COMPLETE, [float(index)], TrialData(user_attrs={"who": index})
    )


def _tell_or_reserve(one: Storage, other: Storage, study: int, number: int, index: int) -> Any:
    return other.reserve(study) if index else one.finish(study, number, TrialState.COMPLETE, [1.0])


def _continue(handles: list[Storage], study: int, number: int, index: int) -> Any:
    return handles[index].continue_trial(study, number)


def _continues(storage: Storage, study: int, number: int) -> bool:
    return storage.continue_trial(study, number) is not None


def _create_and_run(storage: Storage, index: int) -> str:
    study = storage.create_or_open_study("shared", [StudyDirection.MINIMIZE], exist_ok=True)
    run_one(storage, study.study_id, value=float(index))
    return study.name


def _take_and_finish(storage: Storage, study: int, count: int) -> list[tuple[int, float | None]]:
    taken = []
    for _ in range(count):
        claim = storage.reserve(study)
        assert claim is not None
        x = claim.fixed.get("x")
        storage.describe(study, claim.number, TrialData({"x": 0.5 if x is None else x}, {"x": UNIT}))
        storage.report(study, claim.number, 0, float(claim.number))
        assert storage.finish(study, claim.number, TrialState.COMPLETE, [float(claim.number)])
        taken.append((claim.number, x))
    return taken


def _check_shared_work(
    storage: Storage, study: int, taken: list[list[tuple[int, float | None]]], queued: int, total: int
) -> None:
    numbers = sorted(number for mine in taken for number, _ in mine)
    assert numbers == list(range(total))
    assert sum(x is not None for mine in taken for _, x in mine) == queued
    trials = trials_of(storage, study)[:total]
    assert [trial.number for trial in trials] == numbers
    assert [trial.values for trial in trials] == [(float(number),) for number in numbers]
    assert [trial.reports for trial in trials] == [((0, float(number)),) for number in numbers]
