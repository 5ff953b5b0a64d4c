"""Points of trials that run at the same moment: nobody is given one that another running trial has."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sweeper_core import create_study, load_study
from sweeper_core.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from sweeper_core.samplers import BruteForceSampler, GridSampler, PartialFixedSampler, TPESampler
from sweeper_core.samplers.base import Request, Sampler, Suggestion
from sweeper_core.search_space.space import SearchSpace
from sweeper_core.storages import Storage, get_storage
from sweeper_core.study._session import define_by_run
from sweeper_core.study._session.session import Session
from sweeper_core.testing.storages import new_study
from sweeper_core.trial import Trial, TrialState
from sweeper_core.trial.data import TrialData
from sweeper_core.trial.history import History

SPACE = SearchSpace.of({"x": FloatDistribution(0.0, 1.0), "kind": CategoricalDistribution(["a", "b"])})


class Same(Sampler):
    """Suggests one point, as an optimiser does whose data have not changed; another one when the history has.

    Args:
        meanwhile: Called during the first suggestion.
    """

    def __init__(self, meanwhile: Callable[[], object] | None = None) -> None:
        super().__init__(seed=1)
        self.meanwhile = meanwhile
        self.asked = 0

    def suggest(self, request: Request, history: History, rng: np.random.Generator) -> Suggestion:
        self.asked += 1
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        column = history.columns.get("x")
        taken = (
            0 if column is None else int(np.count_nonzero(~np.isnan(column.raw[history.states == TrialState.RUNNING])))
        )
        point = {"x": min(0.5 + 0.01 * taken, 1.0), "kind": "a", "n": 2}
        return Suggestion({**{name: point[name] for name in request.space.names}, **request.given}, "same")


@pytest.fixture(params=["sqlite:///{}/s.db", "{}/s.log"], ids=["sqlite", "journal"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(request.param.format(tmp_path))


@pytest.fixture(params=["memory", "sqlite", "journal"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    named = {"memory": None, "sqlite": f"sqlite:///{tmp_path}/s.db", "journal": f"{tmp_path}/s.log"}
    return get_storage(named[request.param])


def points(storage: Storage, study_id: int) -> list[dict[str, Any]]:
    return [record.params for record in sorted(storage.changes(study_id)[0], key=lambda record: record.number)]


def begun_elsewhere(storage: Storage, study_id: int) -> None:
    """Begin a trial as another program does, that knows nothing of this one."""
    claim = storage.reserve(study_id)
    assert claim is not None
    storage.describe(study_id, claim.number, TrialData({"x": 0.5, "kind": "a"}, SPACE.distributions))


def test_a_sweep_looks_again_before_it_describes(storage: Storage) -> None:
    if not storage.outlives_process:
        pytest.skip("no other process sees it")
    study = new_study(storage, "s")
    one = Session.open(storage, study, Same(meanwhile=lambda: begun_elsewhere(storage, study.study_id)))
    assert one.start(SPACE) is not None
    assert points(storage, study.study_id) == [{"x": 0.51, "kind": "a"}, {"x": 0.5, "kind": "a"}]


class Together(Same):
    """Suggests the first point only when others are about to, too."""

    def __init__(self, gate: threading.Barrier) -> None:
        super().__init__(meanwhile=lambda: gate.wait(60))


def in_threads(works: list[Callable[[], object]]) -> None:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_sessions_that_have_the_same_point_at_the_same_moment(url: str) -> None:
    study = new_study(get_storage(url), "s")
    gate = threading.Barrier(3)
    sessions = [Session.open(get_storage(url), study, Together(gate)) for _ in range(3)]
    in_threads([lambda session=session: session.start(SPACE) for session in sessions])  # type: ignore[misc]
    assert len({point["x"] for point in points(get_storage(url), study.study_id)}) == 3


def test_studies_that_have_the_same_point_at_the_same_moment(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(define_by_run, "LOOK_AGAIN_AFTER", 0.0)
    study = create_study(study_name="s", storage=url)
    study.tell(asked_by(url, Same()), 1.0)
    gate = threading.Barrier(3)
    in_threads([lambda: asked_by(url, Together(gate)) for _ in range(3)])
    assert len({trial.params["x"] for trial in study.trials[1:]}) == 3


def test_points_that_hardly_differ_are_the_same(storage: Storage) -> None:
    study = new_study(storage, "s")
    values = iter([0.5, 0.5 + 1e-9, 0.7])

    class Near(Same):
        def suggest(self, request: Request, history: History, rng: np.random.Generator) -> Suggestion:
            return Suggestion({"x": next(values), "kind": "a"}, "near")

    session = Session.open(storage, study, Near())
    session.start(SPACE)
    session.start(SPACE)
    assert [point["x"] for point in points(storage, study.study_id)] == [0.5, 0.7]


def asked_by(url: str, sampler: Sampler) -> Trial:
    study = load_study(study_name="s", storage=url, sampler=sampler)
    trial = study.ask()
    trial.suggest_float("x", 0.0, 1.0)
    trial.suggest_categorical("kind", ["a", "b"])
    return trial


def test_ask_looks_again_before_it_describes(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(define_by_run, "LOOK_AGAIN_AFTER", 0.0)
    study = create_study(study_name="s", storage=url)
    study.tell(asked_by(url, Same()), 1.0)
    trial = asked_by(url, Same(meanwhile=lambda: begun_elsewhere(get_storage(url), study._study_id)))
    assert [each.params["x"] for each in study.trials] == [0.5, 0.51, 0.5]
    assert trial.number == 1


def test_ask_for_fixed_distributions_looks_again(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(define_by_run, "LOOK_AGAIN_AFTER", 0.0)
    space = {"x": FloatDistribution(0.0, 1.0), "kind": CategoricalDistribution(["a", "b"])}
    study = create_study(study_name="s", storage=url)
    study.sampler = Same(meanwhile=lambda: begun_elsewhere(get_storage(url), study._study_id))
    study.ask(space)
    assert [each.params["x"] for each in study.trials] == [0.51, 0.5]


def test_threads_of_one_study_have_points_of_their_own() -> None:
    study = create_study(sampler=Same())
    study.tell(study.ask({"x": FloatDistribution(0.0, 1.0)}), 1.0)
    gate = threading.Barrier(4)

    def objective(trial: Trial) -> float:
        x = trial.suggest_float("x", 0.0, 1.0)
        gate.wait(60)
        return x

    study.optimize(objective, n_trials=4, n_jobs=4)
    assert len({trial.params["x"] for trial in study.trials[1:]}) == 4


def test_a_part_of_a_point_may_be_the_same() -> None:
    study = create_study(sampler=Same())
    study.optimize(lambda trial: trial.suggest_float("x", 0.0, 1.0) + trial.suggest_int("n", 1, 3), n_trials=1)
    study.optimize(lambda trial: trial.suggest_float("x", 0.0, 1.0), n_trials=1)
    sampler = study.sampler
    assert isinstance(sampler, Same)
    one, two = study.ask(), study.ask()
    one.suggest_float("x", 0.0, 1.0)
    before = sampler.asked
    two.suggest_float("x", 0.0, 1.0)  # more may follow, in which they differ
    assert sampler.asked == before + 1


def test_a_small_space_has_no_other_point(storage: Storage) -> None:
    study = new_study(storage, "s")
    session = Session.open(storage, study, Same())
    space = SearchSpace.of({"n": IntDistribution(2, 2)})
    for _ in range(3):
        assert session.start(space) is not None
    assert points(storage, study.study_id) == [{"n": 2}] * 3


def test_what_was_enqueued_is_run_as_it_is(storage: Storage) -> None:
    study = create_study(storage=storage, sampler=Same())
    for _ in range(2):
        study.enqueue_trial({"x": 0.25, "kind": "b"})
    session = study.session
    started = [session.start(SPACE), session.start(SPACE)]
    assert [each.params for each in started if each is not None] == [{"x": 0.25, "kind": "b"}] * 2


def test_what_has_ended_is_no_rival(storage: Storage) -> None:
    study = create_study(storage=storage, sampler=Same())
    for _ in range(3):
        started = study.session.start(SPACE)
        assert started is not None
        assert started.params["x"] == 0.5
        storage.finish(study._study_id, started.number, TrialState.COMPLETE, [1.0])


def branches(trial: Trial) -> float:
    if trial.suggest_categorical("k", ["p", "q"]) == "p":
        return trial.suggest_int("d", 1, 6)
    return trial.suggest_int("u", 1, 3) + trial.suggest_categorical("w", [0, 1])


def test_trials_that_suggest_in_any_order_share_out_the_branches_of_a_finite_space() -> None:
    study = create_study(sampler=BruteForceSampler(seed=1))
    first = study.ask()
    study.tell(first, branches(first))
    for trial in reversed([study.ask() for _ in range(11)]):
        branches(trial)
    assert len({tuple(sorted(trial.params.items())) for trial in study.trials}) == 12


@pytest.mark.parametrize("sampler", [GridSampler(), BruteForceSampler(seed=1)], ids=str)
def test_threads_cover_a_finite_space_once_and_all_of_them_end(sampler: Sampler) -> None:
    study = create_study(sampler=sampler)
    study.optimize(lambda trial: trial.suggest_int("a", 0, 3) * trial.suggest_int("b", 0, 2), n_trials=60, n_jobs=4)
    assert len(study.trials) == len({tuple(sorted(trial.params.items())) for trial in study.trials}) == 12


def test_a_running_trial_of_unknown_depth_does_not_end_the_search() -> None:
    study = create_study(sampler=BruteForceSampler(seed=1))
    study.enqueue_trial({"k": "q"})
    running = study.ask()
    running.suggest_categorical("k", ["p", "q"])
    study.optimize(branches, n_trials=40)
    points = {tuple(sorted(trial.params.items())) for trial in study.trials[1:]}
    assert {dict(point)["k"] for point in points} == {"p", "q"}
    assert len([point for point in points if dict(point)["k"] == "p"]) == 6


def test_points_of_a_grid_that_are_close_together_stay_on_it() -> None:
    study = create_study(sampler=GridSampler({"x": [0.1, 0.10001, 0.10002, 0.10003], "y": [0.5]}))
    for trial in [study.ask()]:
        study.tell(trial, trial.suggest_float("x", 0.0, 1.0) + trial.suggest_float("y", 0.0, 1.0))
    for trial in reversed([study.ask() for _ in range(3)]):
        trial.suggest_float("x", 0.0, 1.0)
        trial.suggest_float("y", 0.0, 1.0)
    assert sorted(trial.params["x"] for trial in study.trials) == [0.1, 0.10001, 0.10002, 0.10003]


@pytest.mark.parametrize("sampler", [PartialFixedSampler({"x": 0.25}, TPESampler(seed=1)), GridSampler({"x": [0.25]})])
def test_many_trials_at_once_keep_what_the_sampler_fixes(sampler: Sampler) -> None:
    study = create_study(sampler=sampler)
    study.tell(study.ask({"x": FloatDistribution(0.0, 1.0)}), 1.0)
    last = [study.ask() for _ in range(20)][-1]
    assert last.suggest_float("x", 0.0, 1.0) == 0.25
