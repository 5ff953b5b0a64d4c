"""Samplers use one thread of BLAS, and the caller's number of threads comes back."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import pytest
import scipy.linalg  # noqa: F401
from threadpoolctl import threadpool_info, threadpool_limits

import sweeper_core
from sweeper_core.maths import gp
from sweeper_core.maths.threads import one_blas_thread


def threads() -> set[int]:
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


@pytest.fixture(autouse=True)
def three_threads() -> Iterator[None]:
    with threadpool_limits(3, user_api="blas"):
        if threads() != {3}:
            pytest.skip("this BLAS does not set its number of threads")
        yield


def test_one_inside_and_the_callers_number_afterwards() -> None:
    with one_blas_thread(), one_blas_thread():
        assert threads() == {1}
    assert threads() == {3}
    with contextlib.suppress(ZeroDivisionError), one_blas_thread():
        raise ZeroDivisionError
    assert threads() == {3}


@pytest.mark.parametrize("last", ["the first", "the second"])
def test_the_callers_number_comes_back_in_whatever_order_threads_leave(last: str) -> None:
    entered, leave = threading.Event(), threading.Event()

    def stay() -> None:
        with one_blas_thread():
            entered.set()
            leave.wait()

    other = threading.Thread(target=stay)
    with one_blas_thread():
        other.start()
        entered.wait()
        if last == "the first":
            leave.set()
            other.join()
    leave.set()
    other.join()
    assert threads() == {3}


def test_a_model_is_fitted_on_one(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[set[int]] = []
    objective = gp.objective

    def watched(*args: object) -> object:
        seen.append(threads())
        return objective(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(gp, "objective", watched)
    study = sweeper_core.create_study(sampler=sweeper_core.samplers.GPSampler(seed=0, n_startup_trials=3))
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=5)
    assert seen
    assert set.union(*seen) == {1}
    assert threads() == {3}
