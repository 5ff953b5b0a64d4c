"""Trials asked for at the same moment by several processes: each knows what the others are about to run."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sweeper_core.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from sweeper_core.samplers import (
    AutoSampler,
    BruteForceSampler,
    CmaEsSampler,
    GPSampler,
    GridSampler,
    NSGAIISampler,
    RandomSampler,
    TPESampler,
)
from sweeper_core.samplers.base import Request, Sampler, Suggestion
from sweeper_core.search_space.space import SearchSpace
from sweeper_core.storages import Storage, get_storage, this_process
from sweeper_core.study._session import fantasies
from sweeper_core.study._session.apart import APART, moved_apart
from sweeper_core.study._session.fantasies import MAX_FANTASIES, WINDOW
from sweeper_core.study._session.session import Session, Started
from sweeper_core.testing.storages import new_study
from sweeper_core.trial.data import TrialData
from sweeper_core.trial.state import TrialState

CUBE = SearchSpace.of({name: FloatDistribution(0.0, 1.0) for name in "abcd"})
FINITE = SearchSpace.of({"n": IntDistribution(0, 2), "kind": CategoricalDistribution(["a", "b", "c"])})
GRID = {"n": [0, 1, 2], "kind": ["a", "b", "c"]}


def study_at(path: Path, finished: int = 0) -> tuple[Storage, Session]:
    """Return a study of ``CUBE`` with finished trials, and a session of it with the default sampler."""
    storage = get_storage(str(path))
    study = new_study(storage, "s")
    session = Session.open(storage, study, RandomSampler(seed=0))
    for _ in range(finished):
        started = session.start(CUBE)
        assert started is not None
        session.finish(started.number, TrialState.COMPLETE, [sum((x - 0.3) ** 2 for x in started.params.values())])
    return storage, session


def one_after_the_other(path: Path, sampler: Sampler, space: SearchSpace, count: int, finished: int) -> list[Started]:
    _, session = study_at(path, finished)
    session.sampler = sampler
    return [started for _ in range(count) if (started := session.start(space)) is not None]


def at_the_same_moment(path: Path, sampler: Sampler, space: SearchSpace, others: int, finished: int) -> Started:
    """Return the trial of a process that reserves it when ``others`` have reserved theirs, and not said more."""
    storage, session = study_at(path, finished)
    for _ in range(others):
        storage.reserve(session.study.study_id, lease=this_process())
    session.sampler = sampler
    started = session.start(space)
    assert started is not None
    return started


@pytest.mark.parametrize(
    ("make", "space", "finished"),
    [
        (AutoSampler, CUBE, 0),
        (AutoSampler, CUBE, 12),
        (AutoSampler, FINITE, 0),
        (GPSampler, CUBE, 12),
        (CmaEsSampler, CUBE, 12),
        (NSGAIISampler, FINITE, 0),
        (TPESampler, FINITE, 0),
        (RandomSampler, FINITE, 0),
        (BruteForceSampler, FINITE, 0),
        (lambda seed: GridSampler(GRID, seed=seed), FINITE, 0),
    ],
    ids=["auto", "auto-12", "auto-finite", "gp", "cmaes", "nsgaii", "tpe", "random", "brute-force", "grid"],
)
def test_each_gets_the_point_that_one_process_would_choose(
    tmp_path: Path, make: type[AutoSampler], space: SearchSpace, finished: int
) -> None:
    count = 6
    alone = one_after_the_other(tmp_path / "alone.log", make(seed=3), space, count, finished)
    for others in (1, count - 1):
        beside = at_the_same_moment(tmp_path / f"{others}.log", make(seed=3), space, others, finished)
        assert beside.number == alone[others].number
        assert beside.params == alone[others].params


def test_processes_without_a_seed_expect_the_same_points(tmp_path: Path) -> None:
    storage, session = study_at(tmp_path / "s.log", 3)
    other = Session.open(storage, session.study, AutoSampler())
    session.sampler = AutoSampler()
    session.log.sync()
    other.log.sync()
    assert session.seed == other.seed
    assert session.seed != study_at(tmp_path / "t.log", 3)[1].seed


def test_a_stored_point_counts_and_not_the_expected_one(tmp_path: Path) -> None:
    storage, session = study_at(tmp_path / "s.log")
    alone = one_after_the_other(tmp_path / "alone.log", GridSampler(GRID, seed=1), FINITE, 2, 0)
    claim = storage.reserve(session.study.study_id)
    assert claim is not None
    storage.describe(session.study.study_id, claim.number, TrialData(alone[1].params, FINITE.distributions))
    session.sampler = GridSampler(GRID, seed=1)
    started = session.start(FINITE)
    assert started is not None
    assert started.params != alone[1].params


def test_of_very_many_the_last_are_drawn_at_random(tmp_path: Path) -> None:
    many = at_the_same_moment(tmp_path / "many.log", AutoSampler(seed=3), CUBE, MAX_FANTASIES + 1, 0)
    assert many.suggestion.origin == "random"
    assert "same moment" in many.suggestion.why


@pytest.mark.parametrize(("seconds", "readings"), [(0.0, 9), (1.0, 1)], ids=["quick", "slow"])
def test_a_study_that_is_slow_to_read_is_read_seldom_between_expected_points(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, readings: int
) -> None:
    """A thousand running trials on a server take longer to read than a point of TPE takes."""
    storage, session = study_at(tmp_path / "s.log")
    clock = SimpleNamespace(now=0.0, read=0)
    monkeypatch.setattr(fantasies, "time", SimpleNamespace(perf_counter=lambda: clock.now))
    changes, suggest = storage.changes, RandomSampler.suggest

    def slow(*arguments: Any) -> Any:
        clock.now += seconds
        clock.read += 1
        return changes(*arguments)

    def slower(*arguments: Any) -> Any:
        clock.now += 0.1
        return suggest(*arguments)

    for _ in range(10):
        claim = storage.reserve(session.study.study_id, lease=this_process())
    assert claim is not None
    session.sampler = RandomSampler(seed=3)
    session.log.sync()
    monkeypatch.setattr(storage, "changes", slow)
    monkeypatch.setattr(RandomSampler, "suggest", slower)
    session.propose(claim.number, FINITE, {}, np.random.default_rng(0), np.inf)
    assert clock.read == readings + 2  # twice when the point is claimed


def test_abandoned_trials_are_not_expected_to_get_parameters(tmp_path: Path) -> None:
    storage, session = study_at(tmp_path / "s.log")
    for _ in range(MAX_FANTASIES + 1):
        storage.reserve(session.study.study_id)
    for _ in range(WINDOW):
        session.start(CUBE)
    session.sampler = AutoSampler(seed=3)
    started = session.start(CUBE)
    assert started is not None
    assert started.suggestion.origin == "gp"


def test_points_are_moved_apart_in_the_free_parameters() -> None:
    rng = np.random.default_rng(0)
    space = SearchSpace.of({**CUBE.distributions, "kind": CategoricalDistribution(["a", "b"])})
    point = {"a": 1.0, "b": 0.0, "c": 0.5, "d": 0.5, "kind": "a"}
    request = Request(space, 1, given={"d": 0.5})
    moved = moved_apart(request, Suggestion(point, "x"), [point], rng).params
    assert max(abs(moved[name] - point[name]) for name in "abc") >= APART  # type: ignore[operator]
    assert all(0.0 <= moved[name] <= 1.0 for name in "abc")
    assert (moved["d"], moved["kind"]) == (0.5, "a")
    elsewhere = {**point, "kind": "b"}
    assert moved_apart(request, Suggestion(point, "x"), [elsewhere], rng).params == point
