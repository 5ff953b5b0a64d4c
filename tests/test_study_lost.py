"""What becomes of a trial's result when its process was thought dead."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import sweeper_core as hpo
from sweeper_core.distributions import FloatDistribution
from sweeper_core.search_space.space import SearchSpace
from sweeper_core.storages import RDBStorage, this_process
from sweeper_core.storages._rules import attr_of_lease
from sweeper_core.study._job.handle import TrialHandle, activated
from sweeper_core.testing.storages import elsewhere
from sweeper_core.trial.attrs import LEASE, LOST, RETRY_OF
from sweeper_core.trial.data import TrialData
from sweeper_core.trial.state import TrialState


@pytest.fixture
def study(tmp_path: Path) -> Any:
    return hpo.create_study(storage=f"sqlite:///{tmp_path / 'study.db'}", sampler=hpo.samplers.RandomSampler(seed=0))


def give_up(study: Any, retries: int) -> None:
    """Let another process find every lease over."""
    storage = RDBStorage(study.session.storage.url)
    lease = json.dumps(attr_of_lease(elsewhere(grace=0.0)))
    with storage.engine.connect() as connection:
        connection.exec_driver_sql("UPDATE trial_heartbeats SET heartbeat = datetime('now', '-1 day')")
        connection.exec_driver_sql(f"UPDATE trial_system_attributes SET value_json = '{lease}' WHERE key = '{LEASE}'")
    storage.fail_stale(study.session.study.study_id, max_retries=retries)


def test_a_result_that_comes_late_counts_by_the_retry(study: Any) -> None:
    def objective(trial: Any) -> float:
        x = trial.suggest_float("x", 0, 1)
        if trial.number == 0:
            give_up(study, retries=1)
        return float(x)

    study.optimize(objective, n_trials=2)
    lost, counted, other = study.trials
    assert (lost.state, counted.state, other.state) == (TrialState.FAIL, TrialState.COMPLETE, TrialState.COMPLETE)
    assert counted.system_attrs[RETRY_OF] == 0
    assert counted.value == counted.params["x"]
    assert RETRY_OF not in other.system_attrs


def test_a_result_that_comes_after_the_retry_has_started_is_left_out(study: Any) -> None:
    def objective(trial: Any) -> float:
        give_up(study, retries=1)
        assert study.ask().number == 1
        return float(trial.suggest_float("x", 0, 1))

    study.optimize(objective, n_trials=1)
    assert [trial.state for trial in study.trials] == [TrialState.FAIL, TrialState.RUNNING]


def test_a_trial_that_was_given_up_before_it_had_parameters_is_begun_anew(
    study: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    suggest = study.sampler.suggest

    def slow(*arguments: Any) -> Any:
        monkeypatch.undo()
        give_up(study, retries=0)
        return suggest(*arguments)

    monkeypatch.setattr(study.sampler, "suggest", slow)
    space = SearchSpace.of({"x": FloatDistribution(0, 1)})
    started = study.session.start(space, lease=this_process())
    assert started is not None
    assert started.number == 1
    assert study.session.finish(1, TrialState.COMPLETE, [1.0])
    assert [trial.state for trial in study.trials] == [TrialState.FAIL, TrialState.COMPLETE]


def everything(trial: Any, first_step: int) -> None:
    """Store a bit of everything in a running trial."""
    trial.suggest_float(f"y{first_step}", 0, 1)
    trial.set_user_attr("a", 1)
    trial.set_constraint(f"c{first_step}", -1.0)
    for step in range(first_step, first_step + 3):
        trial.report(0.5, step)
        assert not trial.should_prune()


@pytest.mark.parametrize("retries", [0, 1])
def test_an_objective_whose_trial_has_gone_stale_runs_to_its_end(
    study: Any, retries: int, caplog: pytest.LogCaptureFixture
) -> None:
    ended = []

    def objective(trial: Any) -> float:
        everything(trial, 0)
        give_up(study, retries)
        everything(trial, 10)
        everything(trial, 20)
        ended.append(trial.number)
        return 1.0

    study.optimize(objective, n_trials=1)
    assert ended == [0]
    lost = study.trials[0]
    assert lost.state is TrialState.FAIL
    assert "y10" not in lost.params
    assert sum("Trial 0 was failed as stale" in line for line in caplog.messages) == 1
    assert [trial.value for trial in study.trials[1:]] == [1.0]  # its result counts by a retry


def test_a_stale_trial_beside_others_still_gets_values_of_a_finite_space(study: Any) -> None:
    trial, _ = study.ask(), study.ask()
    study.session.storage.finish(study._study_id, 0, TrialState.FAIL, None, TrialData(system_attrs={LOST: True}))
    assert 0 <= trial.suggest_int("n", 0, 3) <= 3
    assert trial.suggest_categorical("c", ["a", "b"]) in ("a", "b")


def test_a_trial_that_somebody_has_told_is_not_stale(study: Any) -> None:
    trial = study.ask()
    study.tell(0, 1.0)
    with pytest.raises(hpo.exceptions.UpdateFinishedTrialError):
        trial.set_user_attr("a", 1)
    with pytest.raises(hpo.exceptions.UpdateFinishedTrialError):
        trial.suggest_float("x", 0, 1)


def test_a_job_whose_trial_has_gone_stale_runs_to_its_end(
    study: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    study.session.start(SearchSpace.of({"x": FloatDistribution(0, 1)}), lease=this_process())
    TrialHandle(study.session.storage.url, study.study_name, 0).write(tmp_path / "0")
    with activated(tmp_path / "0"):
        trial = hpo.current_trial()
        trial.report(0.5, 0)
        give_up(study, retries=0)
        for step in (1, 2):
            trial.report(0.5, step)
            assert not trial.should_prune()
        trial.set_user_attr("a", 1)
        trial.set_constraint("c", 0.0)
    assert study.trials[0].intermediate_values == {0: 0.5}
    # The heartbeat, which also finds it out when the machine is slow, says so in other words.
    assert sum("Trial 0 was failed as stale while it ran" in line for line in caplog.messages) == 1


def test_callbacks_are_given_their_own_trials_only() -> None:
    study = hpo.create_study()
    seen = []

    def objective(trial: Any) -> float:
        if trial.number == 1:  # as after a crash that has undone the reservation, and another process took the number
            trial.trial_id += 1000
        return float(trial.number)

    study.optimize(objective, n_trials=3, callbacks=[lambda _, trial: seen.append(trial.number)])
    assert seen == [0, 2]
