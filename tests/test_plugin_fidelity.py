"""A sweep trains its jobs up to rungs of a key, and the best ones further."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hydra.errors import CompactHydraException
from plugin_support import sweep

import sweeper_core as hpo
from sweeper_core.trial.state import TrialState

CONFIG = "x: 0\ny: 0\nepochs: 27\nshare: 1.0\nhalf: ${epochs}\nname: run\n"
X = "x=interval(0,1)"
EPOCHS = "hydra.sweeper.fidelity={key: epochs, min: 1}"


class Job:
    """A job without reports, whose loss falls with its epochs."""

    def __init__(self, key: str = "epochs", ends: Callable[[Any], Any] | None = None) -> None:
        self.key, self.ends = key, ends
        self.runs: list[tuple[float, float]] = []

    def __call__(self, cfg: Any) -> Any:
        self.runs.append((cfg.x, cfg[self.key]))
        loss = (cfg.x - 0.3) ** 2 + 0.1 / cfg[self.key]
        return loss if self.ends is None else self.ends((cfg, loss))


@pytest.fixture
def there(tmp_path: Path) -> Path:
    return tmp_path / "sweep"


def trials_of(there: Path) -> list[Any]:
    return hpo.load_study(study_name=None, storage=f"sqlite:///{there / 'study.db'}").trials


def test_jobs_climb_the_rungs_and_only_the_best_are_trained_in_full(there: Path) -> None:
    sweep(job := Job(), there, [X, EPOCHS, "hydra.sweeper.n_trials=12"], CONFIG)
    assert {epochs for _, epochs in job.runs} == {1, 3, 9, 27}
    counts = [sum(epochs == rung for _, epochs in job.runs) for rung in (1, 3, 9, 27)]
    assert counts[0] == 12
    assert sorted(counts, reverse=True) == counts
    assert counts[-1] >= 1
    assert len(set(job.runs)) == len(job.runs)
    complete = [trial for trial in trials_of(there) if trial.state is TrialState.COMPLETE]
    assert len(complete) == counts[-1]
    assert all(trial.intermediate_values.keys() == {1, 3, 9, 27} for trial in complete)
    assert "epochs=27" in (there / "best_overrides.txt").read_text()
    with (there / "trials.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 12


def test_a_float_key_has_the_number_of_its_rung_as_step(there: Path) -> None:
    fidelity = "hydra.sweeper.fidelity={key: share, min: 0.1}"
    sweep(job := Job("share"), there, [X, fidelity, "hydra.sweeper.n_trials=9"], CONFIG)
    assert {share for _, share in job.runs} == {0.1, 0.3, 1.0}
    trials = trials_of(there)
    assert {step for trial in trials for step in trial.intermediate_values} == {0, 1, 2}
    assert {trial.user_attrs["share"] for trial in trials if trial.state is TrialState.PRUNED} <= {0.1, 0.3}
    assert {trial.user_attrs["share"] for trial in trials if trial.state is TrialState.COMPLETE} == {1.0}


def test_a_job_goes_on_from_its_checkpoint(there: Path) -> None:
    trained: list[tuple[float, int]] = []

    def job(cfg: Any) -> float:
        trial = hpo.current_trial()
        for epoch in range(trial.first_step, cfg.epochs):
            trained.append((cfg.x, epoch))
            trial.report(0.0, epoch)  # the sweep reports what the job returns
            with trial.save_checkpoint(epoch) as folder:
                (folder / "epoch").write_text(str(epoch))
            assert not trial.should_prune()
        return (cfg.x - 0.3) ** 2 + 0.1 / cfg.epochs

    sweep(job, there, [X, EPOCHS, "hydra.sweeper.n_trials=6"], CONFIG)
    assert len(set(trained)) == len(trained)
    assert max(epoch for _, epoch in trained) == 26


def test_low_rungs_bind_no_constraint_and_are_never_the_best(there: Path) -> None:
    # The fewer the epochs, the better and the more infeasible the result.
    job = Job(ends=lambda it: {"loss": it[1] + it[0].epochs, "size": 30 - it[0].epochs})
    more = ["hydra.sweeper.metric=loss", "hydra.sweeper.constraints={size: '<= 5'}", "hydra.sweeper.n_trials=6"]
    sweep(job, there, [X, EPOCHS, *more], CONFIG)
    study = hpo.load_study(study_name=None, storage=f"sqlite:///{there / 'study.db'}")
    paused = [trial for trial in study.trials if trial.state is TrialState.PRUNED]
    assert paused
    assert not any("constraint" in name for trial in paused for name in trial.system_attrs)
    assert study.best_trial.state is TrialState.COMPLETE
    assert study.best_trial.value > 27


def test_a_sweep_that_ended_goes_on_with_what_paused(there: Path) -> None:
    job = Job()
    sweep(job, there, [X, EPOCHS, "hydra.sweeper.n_trials=100", "hydra.sweeper.max_steps=27"], CONFIG)
    assert not any(trial.state is TrialState.RUNNING for trial in trials_of(there))
    before = len(job.runs)
    sweep(job, there, [X, EPOCHS, "hydra.sweeper.n_trials=1"], CONFIG)
    assert len(set(job.runs)) == len(job.runs) > before
    assert any(trial.state is TrialState.COMPLETE for trial in trials_of(there))


def test_a_pruner_alone_stops_at_rungs_for_good(there: Path) -> None:
    pruner = ["hydra/sweeper/pruner=threshold", "hydra.sweeper.pruner.upper=0.2"]
    sweep(job := Job(), there, [X, EPOCHS, *pruner, "hydra.sweeper.n_trials=5"], CONFIG)
    full = {x for x, epochs in job.runs if epochs == 27}
    assert full == {x for x, _ in job.runs if (x - 0.3) ** 2 + 0.1 <= 0.2}


def test_repeats_run_at_each_rung(there: Path) -> None:
    sweep(job := Job(), there, [X, EPOCHS, "hydra.sweeper.repeat={y: [0, 1]}", "hydra.sweeper.n_trials=3"], CONFIG)
    assert all(job.runs.count(run) == 2 for run in job.runs)


def test_what_depends_on_the_key_is_told(there: Path, caplog: pytest.LogCaptureFixture) -> None:
    sweep(Job(), there, [X, EPOCHS, "hydra.sweeper.n_trials=1"], CONFIG)
    assert any("half of the configuration refers to epochs" in record.message for record in caplog.records)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["hydra.sweeper.fidelity={key: epoch, min: 1, max: 9}"], "Did you mean 'epochs'?"),
        (["hydra.sweeper.fidelity={key: x, min: 1, max: 9}"], "x is swept, too"),
        (["hydra.sweeper.fidelity={key: epochs, min: 27}"], "min=27 must be below max=27"),
        (["hydra.sweeper.fidelity={key: name, min: 1}"], "give max"),
        ([EPOCHS, "hydra.sweeper.max_steps=26"], "less than one complete training, which takes 27 steps"),
        ([EPOCHS, "hydra.sweeper.repeat={epochs: [1, 2]}"], "in hydra.sweeper.repeat, too"),
    ],
)
def test_wrong_settings_are_answered_in_one_line(there: Path, overrides: list[str], said: str) -> None:
    with pytest.raises(CompactHydraException) as answer:
        sweep(Job(), there, [X, *overrides], CONFIG)
    assert said in str(answer.value)
    assert "\n" not in str(answer.value)


def test_of_several_objectives_the_undominated_go_on(there: Path) -> None:
    # Every x in (0, 0.5) is a compromise, every other one is dominated.
    job = Job(ends=lambda it: (max(it[0].x, 0.5 - it[0].x), it[0].x + 1 / it[0].epochs))
    more = ["hydra.sweeper.direction=[minimize,minimize]", "hydra.sweeper.n_trials=9"]
    sweep(job, there, [X, EPOCHS, *more], CONFIG)
    assert max(x for x, epochs in job.runs if epochs == 1) > 0.6
    assert all(x <= 0.5 for x, epochs in job.runs if epochs >= 9)
