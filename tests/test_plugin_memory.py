"""What a job held is let go of before the next job begins, however the job ended."""

from __future__ import annotations

import builtins
import gc
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hydra.core.utils import JobReturn, JobStatus
from plugin_support import sweep

from hydra_plugins.hydra_hpo_sweeper._lanes._base import Job, run_job
from hydra_plugins.hydra_hpo_sweeper._lanes._environment import JobEnvironment
from hydra_plugins.hydra_hpo_sweeper._lanes._guarded import Guarded, JobExit, trace_of
from sweeper_core import create_study
from sweeper_core.exceptions import TrialPruned


class Model:
    """Counts its living instances."""

    alive = 0

    def __init__(self) -> None:
        Model.alive += 1

    def __del__(self) -> None:
        Model.alive -= 1


def out_of_memory(model: Model) -> None:
    raise MemoryError("out of memory")


def caught_and_kept(model: Model) -> None:
    try:
        out_of_memory(model)
    except MemoryError as error:
        kept = error
        raise RuntimeError("training failed") from kept


def grouped(model: Model) -> None:
    group: Any = getattr(builtins, "ExceptionGroup", None)  # since Python 3.11
    try:
        out_of_memory(model)
    except MemoryError as error:
        raise (group("several", [error]) if group else error) from None


def leaving(model: Model) -> None:
    sys.exit(3)


def pruned(model: Model) -> None:
    raise TrialPruned


ENDINGS: list[Callable[[Model], None]] = [out_of_memory, caught_and_kept, grouped, leaving, pruned]


@pytest.fixture(autouse=True)
def without_the_collector() -> Iterator[None]:
    """Only what nobody refers to goes away."""
    gc.collect()
    Model.alive = 0
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("ending", ENDINGS)
def test_six_failing_jobs_hold_nothing_for_the_next(tmp_path: Path, ending: Callable[[Model], None]) -> None:
    alive = []

    def task(config: Any) -> None:
        alive.append(Model.alive)
        model = Model()
        ending(model)

    settings = ["hydra.sweeper.n_trials=6", "hydra.sweeper.max_failure_rate=1"]
    sweep(task, tmp_path / "sweep", ["x=interval(0,1)", *settings])
    assert alive == [0] * 6


class Launcher:
    """Runs a job as Hydra does, and keeps Hydra's record of it."""

    def __init__(self, task: Callable[[Any], Any]) -> None:
        self._task = task
        self.environment = JobEnvironment()

    def launch(self, overrides: Any, initial_job_idx: int) -> list[JobReturn]:
        """Run the job."""
        self.record = record = JobReturn(hydra_cfg=None)
        self.environment.on_job_start(SimpleNamespace())
        try:
            record.return_value = self._task(None)
            record.status = JobStatus.COMPLETED
        except Exception as error:
            record.return_value = error
            record.status = JobStatus.FAILED
        self.environment.on_job_end(SimpleNamespace(), record)
        return [record]


def test_a_record_that_is_kept_has_no_value_and_no_frames() -> None:
    def task(config: Any) -> Model:
        return Model()

    launcher: Any = Launcher(task)
    assert "Model" in repr(run_job(launcher, Job(0, ())).returned)
    assert Model.alive == 0


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_exception_that_travels_has_lost_its_frames_and_kept_its_text(ending: Callable[[Model], None]) -> None:
    launcher = Launcher(Guarded(lambda config: ending(Model())))
    launcher.launch([[]], 0)
    assert Model.alive == 0
    assert f"in {ending.__name__}" in trace_of(launcher.record._return_value)


def test_what_is_handled_around_a_sweep_keeps_its_traceback() -> None:
    launcher: Any = Launcher(Guarded(lambda config: out_of_memory(Model())))
    try:
        raise KeyError("around")
    except KeyError as around:
        run_job(launcher, Job(0, ()))
        trace = around.__traceback__
    assert trace is not None


def test_an_exit_names_the_line_that_left() -> None:
    launcher = Launcher(Guarded(lambda config: leaving(Model())))
    launcher.launch([[]], 0)
    assert isinstance(launcher.record._return_value, JobExit)
    assert "sys.exit(3)" in trace_of(launcher.record._return_value)


def test_failed_trials_of_a_study_hold_nothing_for_the_next(caplog: pytest.LogCaptureFixture) -> None:
    alive = []
    # pytest would keep the log's records, which have the tracebacks.
    caplog.set_level(logging.CRITICAL, logger="sweeper_core")

    def objective(trial: Any) -> float:
        alive.append(Model.alive)
        model = Model()
        out_of_memory(model)
        return 0.0

    create_study().optimize(objective, n_trials=4, catch=(MemoryError,))
    assert alive == [0] * 4
