"""Attempts: what was lost goes on where it stopped, and counts once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest

import sweeper_core as hpo
from sweeper_core.directions import StudyDirection
from sweeper_core.distributions import FloatDistribution
from sweeper_core.search_space.space import SearchSpace
from sweeper_core.storages import RDBStorage, get_storage, this_process
from sweeper_core.study._job.handle import TrialHandle, activated
from sweeper_core.testing.storages import elsewhere
from sweeper_core.trial.attempts import Attempts, configurations
from sweeper_core.trial.attrs import CONTINUES, FIRST_STEP, LOST, STOPPED
from sweeper_core.trial.curves import LearningCurves
from sweeper_core.trial.data import TrialData
from sweeper_core.trial.history import FURTHER_ATTEMPT, TrialTable
from sweeper_core.trial.record import Layout, TrialRecord
from sweeper_core.trial.state import TrialState

UNIT = FloatDistribution(0.0, 1.0)
SPACE = SearchSpace.of({"x": UNIT})


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'study.db'}"


def lose_one(url: str, *, steps: int = 0, x: float = 0.25, attrs: dict[str, Any] | None = None) -> int:
    """Let a process begin a trial, report some steps, and die; return its number."""
    storage = get_storage(url)
    study = storage.create_or_open_study("s", [StudyDirection.MINIMIZE], exist_ok=True).study_id
    claim = storage.reserve(study, lease=elsewhere())
    assert claim is not None
    reports = [(step, 1.0 / (step + 1)) for step in range(steps)]
    storage.describe(study, claim.number, TrialData({"x": x}, {"x": UNIT}, reports, system_attrs=attrs or {}))
    assert storage.fail_stale(study) == [claim.number]
    storage.close()
    return claim.number


def lose_again(url: str, *, steps: range = range(0)) -> int:
    """Let another process continue the last trial, and die, too."""
    storage = RDBStorage(url)
    study = storage.create_or_open_study("s", None, exist_ok=True).study_id
    last = storage.changes(study)[0][-1].number
    claim = storage.continue_trial(study, last, lease=elsewhere())
    assert claim is not None
    for step in steps:
        storage.report(study, claim.number, step, 0.5)
    assert storage.fail_stale(study) == [claim.number]
    storage.close()
    return claim.number


def load(url: str, **more: Any) -> Any:
    return hpo.load_study(study_name="s", storage=url, sampler=hpo.samplers.RandomSampler(seed=0), **more)


def test_ask_continues_a_lost_trial(url: str) -> None:
    assert lose_one(url, steps=3) == 0
    study = load(url)
    trial = study.ask()
    assert (trial.number, trial.first_step, trial.step) == (1, 3, 2)
    assert trial.suggest_float("x", 0, 1) == 0.25
    trial.report(9.0, 1)  # a checkpoint may be older than the last report
    trial.report(0.125, 3)
    assert trial.step == 3
    study.tell(trial, 0.5)
    lost, continued = study.trials
    assert (lost.state, continued.state) == (TrialState.FAIL, TrialState.COMPLETE)
    assert continued.intermediate_values == {0: 1.0, 1: 0.5, 2: 1 / 3, 3: 0.125}
    assert study.ask().first_step == 0, "it is continued once"


def test_optimize_continues_what_another_process_has_left(url: str) -> None:
    lose_one(url, steps=2)
    study = load(url)
    seen = []

    def objective(trial: Any) -> float:
        seen.append((trial.number, trial.first_step, trial.suggest_float("x", 0, 1)))
        return float(trial.number)

    study.optimize(objective, n_trials=2)
    assert seen[0] == (1, 2, 0.25)
    assert seen[1][:2] == (2, 0)
    assert study.best_trial.number == 1


def test_what_makes_no_progress_is_continued_once(url: str) -> None:
    lose_one(url)
    assert lose_again(url) == 1
    assert CONTINUES not in load(url).ask().system_attrs


def test_attempts_that_make_progress_do_not_count(url: str) -> None:
    lose_one(url, steps=1)
    lose_again(url, steps=range(2))
    lose_again(url, steps=range(3))
    lose_again(url, steps=range(3))
    trial = load(url).ask()
    assert (trial.number, trial.first_step) == (4, 3)
    storage = RDBStorage(url)
    study = storage.create_or_open_study("s", None, exist_ok=True).study_id
    storage.finish(study, 4, TrialState.FAIL, data=TrialData(system_attrs={LOST: True}))
    assert load(url).ask().first_step == 0, "the second attempt in vain was one too many"


def test_what_was_stopped_on_purpose_is_continued_however_often(url: str) -> None:
    lose_one(url, attrs={STOPPED: True})
    session = load(url).session
    session.log.sync()
    assert session.continuations.may_retry(0, 0)
    started = session.start(SPACE, lease=this_process())
    assert (started.number, started.configuration, started.params, started.step) == (1, 0, {"x": 0.25}, -1)


def test_a_sweep_that_retries_nothing_begins_anew(url: str) -> None:
    lose_one(url, steps=2)
    started = load(url).session.start(SPACE, lease=this_process(), max_retries=0)
    assert (started.configuration, started.first_step) == (1, 0)


def test_a_continuation_keeps_where_its_parameters_come_from(url: str) -> None:
    lose_one(url, attrs={"hpo:suggestion": {"origin": "CMA-ES", "generation": 3}})
    session = load(url).session
    session.log.sync()
    session.start(SPACE, lease=this_process(), max_retries=1)
    session.log.sync()
    history = session.log.history()
    assert (history.origin[0], history.generation[0]) == ("CMA-ES", 3)


def test_a_job_does_not_report_anew_what_was_reported(url: str, tmp_path: Path) -> None:
    lose_one(url, steps=2)
    study = load(url)
    started = study.session.start(SPACE, lease=this_process(), max_retries=1)
    TrialHandle(url, "s", started.number, first_step=started.first_step).write(tmp_path / "1")
    with activated(tmp_path / "1"):
        trial = hpo.current_trial()
        assert trial.first_step == 2
        trial.report(9.0, 1)
        trial.report(0.25, 2)
    assert study.trials[1].intermediate_values == {0: 1.0, 1: 0.5, 2: 0.25}


# --- folding ----------------------------------------------------------------------------------------------------------


def attempt(number: int, state: TrialState, reports: int, **attrs: Any) -> TrialRecord:
    curve = tuple((step, float(step)) for step in range(reports))
    values = (1.0,) if state in (TrialState.COMPLETE, TrialState.PRUNED) else None
    return TrialRecord(number, number, state, Layout(("x",), (UNIT,)), (0.5,), values, curve, system_attrs=attrs)


PAUSED = [
    attempt(0, TrialState.PRUNED, 2, **{"hpo:verdict": {"step": 1, "reason": "", "forecast": [1.0, 0.5]}}),
    attempt(1, TrialState.COMPLETE, 3),
    attempt(2, TrialState.FAIL, 4, **{CONTINUES: 0, FIRST_STEP: 2, LOST: True}),
    attempt(3, TrialState.COMPLETE, 6, **{CONTINUES: 2, FIRST_STEP: 4}),
]


def test_the_latest_attempt_speaks_for_a_configuration() -> None:
    attempts = Attempts()
    attempts.fold(PAUSED)
    assert [attempts.id_of(number) for number in range(4)] == [0, 1, 0, 0]
    assert (attempts.latest(0), attempts.latest(1), attempts.latest(2), len(attempts)) == (3, 1, 3, 2)
    found = configurations(reversed(PAUSED))
    assert [(record.number, record.trial_id, len(record.reports)) for record in found] == [(0, 3, 6), (1, 1, 3)]


@pytest.mark.parametrize("batch", [1, 2, 4])
def test_a_history_has_the_latest_attempt_in_the_row_of_the_first(batch: int) -> None:
    table = TrialTable([StudyDirection.MINIMIZE])
    for start in range(0, 4, batch):
        table.fold(PAUSED[start : start + batch])
        before, serial = table.history(), table.serial
    table.fold(PAUSED)
    history = table.history()
    complete = TrialState.COMPLETE
    assert history.states.tolist() == [complete, complete, FURTHER_ATTEMPT, FURTHER_ATTEMPT]
    assert history.last_step.tolist()[:2] == [5, 2]
    assert np.isnan(history.forecast).all(), "an earlier attempt's verdict is over"
    assert table.finished == 2
    assert (before.states.tolist(), table.serial) == (history.states.tolist(), serial), "folding again changes nothing"
    assert [layout.names for layout in history.layouts] == [("x",), ("x",), (), ()]


@pytest.mark.parametrize("batch", [1, 4])
def test_pruners_see_one_curve_of_a_configuration(batch: int) -> None:
    curves = LearningCurves(1.0)
    for start in range(0, 4, batch):
        curves.fold(PAUSED[start : start + batch])
        assert curves.n_completed == sum(it.state is TrialState.COMPLETE for it in PAUSED[: start + batch])
    assert sorted(curves.at(1).rows.tolist()) == [0, 1]
    assert curves.reached(5).rows.tolist() == [0]
    assert (curves.state(3), curves.state(0), curves.row_of(3)) == (TrialState.COMPLETE, TrialState.COMPLETE, 0)
    assert len(curves.curve(2)) == len(curves.curve(0)) == 6


# --- Optuna -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["sqlite", "journal"])
def test_optuna_reads_whole_curves_and_is_never_handed_a_continuation(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "study"
    url = f"sqlite:///{path}" if kind == "sqlite" else f"journal:///{path}"
    their_storage: Any = url
    if kind == "journal":
        their_storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(path)))
    lose_one(url, steps=2)
    study = load(url)
    trial = study.ask()
    joined = optuna.load_study(study_name="s", storage=their_storage)
    theirs = joined.ask()
    assert theirs.number == 2
    assert "x" not in theirs.params
    joined.tell(theirs, 7.0)
    trial.report(0.25, 2)
    study.tell(trial, 0.5)
    whole = optuna.load_study(study_name="s", storage=their_storage).trials[1]
    assert whole.intermediate_values == {0: 1.0, 1: 0.5, 2: 0.25}
    assert (whole.params, whole.value) == ({"x": 0.25}, 0.5)
    assert json.loads(json.dumps(whole.system_attrs))[CONTINUES] == 0
    assert joined.best_trial.number == 1
