"""The session: reserve, suggest, describe, finish, on a real storage."""

from __future__ import annotations

import multiprocessing
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from sweeper_core import samplers
from sweeper_core.directions import StudyDirection
from sweeper_core.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from sweeper_core.exceptions import SearchSpaceExhausted
from sweeper_core.pruners import NopPruner
from sweeper_core.pruners.base import Pruner, Verdict
from sweeper_core.samplers.base import Request, Sampler, Suggestion
from sweeper_core.samplers.random import RandomSampler
from sweeper_core.search_space.space import Clause, Parameter, SearchSpace
from sweeper_core.storages.base import Lease, Point
from sweeper_core.storages.memory import InMemoryStorage
from sweeper_core.study import create_study
from sweeper_core.study._session.define_by_run import DefineByRun
from sweeper_core.study._session.seeding import generator
from sweeper_core.study._session.session import Session
from sweeper_core.trial import Trial, TrialState
from sweeper_core.trial.history import History

MIXED = SearchSpace.of(
    {"x": FloatDistribution(-5, 5), "n": IntDistribution(1, 9), "kind": CategoricalDistribution(["a", "b"])}
)


def session_of(sampler: Sampler | None = None, **options: Any) -> Session:
    storage = InMemoryStorage()
    study = storage.create_or_open_study("s", [StudyDirection.MINIMIZE], exist_ok=False)
    return Session.open(storage, study, sampler or RandomSampler(seed=3), **options)


class Recorder(RandomSampler):
    """Remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__(seed=0)
        self.requests: list[Request] = []
        self.histories: list[History] = []

    def suggest(self, request: Request, history: History, rng: np.random.Generator) -> Suggestion:
        self.requests.append(request)
        self.histories.append(history)
        return super().suggest(request, history, rng)

    def needs_history(self, space: SearchSpace) -> bool:
        return True


def test_a_started_trial_is_stored_with_its_parameters() -> None:
    session = session_of()
    started = session.start(MIXED)
    assert started is not None
    stored = session.log.record(started.number)
    assert (stored.state, stored.params) == (TrialState.RUNNING, started.params)
    assert session.finish(started.number, TrialState.COMPLETE, [1.5])
    assert session.log.record(0).values == (1.5,)
    assert not session.finish(started.number, TrialState.COMPLETE, [2.5])
    assert session.log.record(0).values == (1.5,)


def test_the_history_holds_the_trials_before_and_running_ones() -> None:
    sampler = Recorder()
    session = session_of(sampler)
    for _ in range(3):
        session.start(MIXED, budget=7)
    assert [len(history) for history in sampler.histories] == [0, 1, 2]
    assert [(request.number, request.budget) for request in sampler.requests] == [(0, 7), (1, 7), (2, 7)]
    assert list(sampler.histories[2].running) == [0, 1]


def test_the_same_seed_suggests_the_same_whether_interrupted_or_not() -> None:
    def points(sessions: list[Session]) -> list[dict[str, Any]]:
        found = []
        for session in sessions:
            started = session.start(MIXED)
            assert started is not None
            session.finish(started.number, TrialState.COMPLETE, [started.params["x"] ** 2])
            found.append(started.params)
        return found

    through = session_of()
    resumed = session_of()
    parts = [Session.open(resumed.storage, resumed.study, RandomSampler(seed=3)) for _ in range(6)]
    assert points([through] * 6) == points(parts)


def test_the_limit_counts_all_trials_of_the_study() -> None:
    session = session_of()
    assert session.start(MIXED, limit=2) is not None
    assert session.start(MIXED, limit=2) is not None
    assert session.start(MIXED, limit=2) is None


def test_waiting_trials_come_first_and_keep_their_values() -> None:
    sampler = Recorder()
    session = session_of(sampler)
    session.storage.enqueue(0, [Point({"x": 1.0, "n": 2, "kind": "b"}), Point({"n": 5})])
    full, part, free = (session.start(MIXED) for _ in range(3))
    assert full is not None
    assert part is not None
    assert free is not None
    assert full.params == {"x": 1.0, "n": 2, "kind": "b"}
    assert full.suggestion.origin == "enqueued"
    assert part.params["n"] == 5
    assert [dict(request.given) for request in sampler.requests] == [{"n": 5}, {}]


def test_a_waiting_trial_that_fits_nothing_fails_with_a_reason() -> None:
    session = session_of()
    session.storage.enqueue(0, [Point({"kind": "c"})])
    with pytest.raises(ValueError, match="Trial 0 was enqueued with kind='c'"):
        session.start(MIXED)
    assert session.log.record(0).state is TrialState.FAIL
    assert session.start(MIXED) is not None


def test_inactive_parameters_of_a_waiting_trial_are_left_out() -> None:
    space = SearchSpace(
        [
            Parameter("opt", CategoricalDistribution(["sgd", "adam"])),
            Parameter("momentum", FloatDistribution(0, 1), when=(Clause("opt", "in", ["sgd"]),)),
        ]
    )
    session = session_of()
    session.storage.enqueue(0, [Point({"opt": "adam", "momentum": 0.5}), Point({"opt": "sgd"})])
    first, second = session.start(space), session.start(space)
    assert first is not None
    assert second is not None
    assert first.params == {"opt": "adam"}
    assert set(second.params) == {"opt", "momentum"}


def test_an_exhausted_space_reserves_nothing_but_the_queue_still_runs() -> None:
    space = SearchSpace.of({"n": IntDistribution(1, 3)})
    session = session_of()
    seen = {session.start(space, distinct=True).params["n"] for _ in range(3)}  # type: ignore[union-attr]
    assert seen == {1, 2, 3}
    with pytest.raises(SearchSpaceExhausted, match="n"):
        session.start(space, distinct=True)
    assert len(session.log) == 3
    session.storage.enqueue(0, [Point({"n": 2})])
    again = session.start(space, distinct=True)
    assert again is not None
    assert again.params == {"n": 2}


def test_a_sampler_that_raises_leaves_no_running_trial() -> None:
    class Broken(RandomSampler):
        def suggest(self, request: Request, history: History, rng: np.random.Generator) -> Suggestion:
            raise ZeroDivisionError("no")

    session = session_of(Broken())
    with pytest.raises(ZeroDivisionError):
        session.start(MIXED)
    assert session.log.record(0).state is TrialState.FAIL


def test_a_live_trial_on_top_suggests_more_parameters() -> None:
    session = session_of()
    started = session.start(MIXED)
    assert started is not None
    trial = DefineByRun(session).resume(started)
    assert trial.params == started.params
    assert trial.suggest_int("n", 1, 9) == started.params["n"]
    extra = trial.suggest_float("extra", 0, 1)
    assert session.log.record(0).params == {**started.params, "extra": extra}


def test_the_pruner_sees_every_curve() -> None:
    class WorstOfTwo(Pruner):
        def judge(self, number: int, curve: Any, peers: Any) -> Verdict:
            other = peers.curve(1 - number)
            worse = len(other) > 0 and curve.values[-1] > other.values[-1]
            return Verdict(bool(worse), f"worst at step {curve.steps[-1]}")

    session = session_of(pruner=WorstOfTwo())
    for value in (1.0, 2.0):
        started = session.start(MIXED)
        assert started is not None
        session.writer.report(started.number, 0, value)
    assert not session.judge(0).stop
    assert session.judge(1) == Verdict(True, "worst at step 0")


def test_another_process_view_keeps_up_by_syncing() -> None:
    one = session_of()
    two = Session.open(one.storage, one.study, RandomSampler(seed=3))
    started = one.start(MIXED)
    assert started is not None
    one.finish(started.number, TrialState.COMPLETE, [0.25])
    two.log.sync()
    assert two.log.history().values.tolist() == [[0.25]]
    assert two.log.statistics.best.number == 0
    assert set(two.log.statistics.joint.names) == {"x", "n", "kind"}


def test_a_session_can_be_pickled() -> None:
    session = session_of()
    session.start(MIXED)
    copy = pickle.loads(pickle.dumps(session))
    copy.log.sync()
    assert len(copy.log) == 1
    assert copy.start(MIXED).number == 1


def test_leases_are_renewed_until_the_trial_ends() -> None:
    class Counting(InMemoryStorage):
        def __init__(self) -> None:
            super().__init__()
            self.beaten = threading.Semaphore(0)

        def heartbeat(self, study_id: int, numbers: Any) -> list[int]:
            self.beaten.release()
            return super().heartbeat(study_id, numbers)

    others = set(threading.enumerate())
    storage = Counting()
    study = storage.create_or_open_study("s", [StudyDirection.MINIMIZE], exist_ok=False)
    session = Session.open(storage, study, RandomSampler(seed=1))
    lease = Lease("host", "boot", 1, "now", interval=0.001, grace=60.0)
    started = session.start(MIXED, lease=lease)
    assert started is not None
    assert storage.beaten.acquire(timeout=30)
    assert storage.beaten.acquire(timeout=30)
    session.finish(started.number, TrialState.COMPLETE, [1.0])
    for thread in set(threading.enumerate()) - others:
        if thread.name == "hpo-heartbeat":
            thread.join(timeout=30)
            assert not thread.is_alive()


def test_a_forked_child_renews_its_own_leases_and_no_others() -> None:
    context = multiprocessing.get_context("fork")
    heard, beaten = context.Pipe(duplex=False)

    class Telling(InMemoryStorage):
        def heartbeat(self, study_id: int, numbers: Any) -> list[int]:
            if multiprocessing.parent_process() is not None:
                beaten.send(list(numbers))
            return []

    storage = Telling()
    study = storage.create_or_open_study("s", [StudyDirection.MINIMIZE], exist_ok=False)
    session = Session.open(storage, study, RandomSampler(seed=1))
    session.start(MIXED, lease=Lease("host", "boot", 1, "now", interval=600.0, grace=6000.0))
    lease = Lease("host", "boot", 2, "now", interval=0.001, grace=60.0)

    def work() -> None:
        session.start(MIXED, lease=lease)
        threading.Event().wait()

    child = context.Process(target=work, daemon=True)
    child.start()
    assert heard.poll(60)
    assert heard.recv() == [1]
    child.kill()
    child.join()
    session.close()


def test_threads_share_a_session_without_losing_a_trial() -> None:
    session = session_of()

    def work(_: int) -> int:
        started = session.start(MIXED)
        assert started is not None
        assert session.finish(started.number, TrialState.COMPLETE, [started.params["x"]])
        return started.number

    with ThreadPoolExecutor(4) as pool:
        numbers = list(pool.map(work, range(60)))
    assert sorted(numbers) == list(range(60))
    session.log.sync()
    assert session.log.statistics.completed == 60


def test_generators_of_trials_differ_and_repeat() -> None:
    first, again, other = (generator(7, number).random() for number in (0, 0, 1))
    assert first == again != other


@pytest.mark.parametrize("sampler", ["RandomSampler", "TPESampler", "AutoSampler", "GPSampler", "QMCSampler"])
def test_define_by_run_repeats_no_point_of_a_finite_space_before_all_have_been(sampler: str) -> None:
    study = create_study(sampler=getattr(samplers, sampler)(seed=3), pruner=NopPruner())

    def objective(trial: Trial) -> float:
        trial.suggest_int("only", 5, 5)
        return trial.suggest_int("n", 1, 4) + len(trial.suggest_categorical("kind", ["a", "bb", "ccc"]))

    study.optimize(objective, n_trials=14)
    points = [tuple(trial.params.values()) for trial in study.trials]
    assert len(set(points[:12])) == 12
    assert len(points) == 14


def test_a_sampler_of_the_users_own_serves_a_session_without_a_study() -> None:
    class Corner(samplers.BaseSampler):
        def __init__(self) -> None:
            self.ended: list[tuple[int, str]] = []

        def infer_relative_search_space(self, study: Any, trial: Any) -> dict[str, Any]:
            return {"n": IntDistribution(1, 9)}

        def sample_relative(self, study: Any, trial: Any, search_space: Any) -> dict[str, Any]:
            return {"n": 9}

        def sample_independent(self, study: Any, trial: Any, param_name: str, param_distribution: Any) -> Any:
            assert study.study_name == "s"
            return getattr(param_distribution, "low", "b")

        def after_trial(self, study: Any, trial: Any, state: TrialState, values: Any) -> None:
            self.ended.append((trial.number, state.name))

    corner = Corner()
    session = session_of(corner)  # type: ignore[arg-type]
    session.storage.enqueue(0, [Point({"kind": "a"})])
    first, second = session.start(MIXED), session.start(MIXED)
    assert first is not None
    assert second is not None
    assert first.params == {"x": -5.0, "n": 9, "kind": "a"}
    assert second.params == {"x": -5.0, "n": 9, "kind": "b"}
    assert second.suggestion.origin == "Corner"
    session.finish(1, TrialState.COMPLETE, [1.0])
    session.finish(0, TrialState.FAIL)
    assert corner.ended == [(1, "COMPLETE"), (0, "FAIL")]


def test_what_is_no_sampler_is_refused_with_what_is_one() -> None:
    with pytest.raises(TypeError, match=r"A sampler is an instance of a class in sweeper_core\.samplers"):
        session_of("tpe")  # type: ignore[arg-type]


def test_a_constraint_function_is_evaluated_at_the_end_and_stored() -> None:
    sampler = RandomSampler(seed=1)
    sampler.constraints_func = lambda trial: (trial.params["x"], -1.0)
    session = session_of(sampler)
    started = session.start(MIXED)
    assert started is not None
    session.finish(started.number, TrialState.COMPLETE, [1.0])
    assert session.log.record(0).constraints == {"0": started.params["x"], "1": -1.0}


@pytest.mark.parametrize("told", ["abc", [1.0, 2.0], None, {"a": 1}, 10**400], ids=lambda told: str(told)[:9])
def test_what_is_no_value_fails_its_trial_and_no_more(told: Any) -> None:
    study = create_study(sampler=RandomSampler(seed=1))
    study.optimize(lambda trial: told if trial.number == 0 else 1.0, n_trials=2)
    assert [(trial.state, trial.value) for trial in study.trials] == [
        (TrialState.FAIL, None),
        (TrialState.COMPLETE, 1.0),
    ]
