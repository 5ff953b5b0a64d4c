"""A sweep under a scheduler pauses trials and continues the best of them."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from hydra.errors import CompactHydraException
from plugin_support import sweep

import sweeper_core as hpo
from sweeper_core.trial.attrs import CONTINUES
from sweeper_core.trial.state import TrialState

ASHA = "hydra/sweeper/scheduler=asha"
X, STEPS = "x=interval(0,1)", 9


class Training:
    """A job that counts its epochs, saves each, and goes on where it stopped."""

    def __init__(self) -> None:
        self.epochs: list[tuple[float, int]] = []

    def __call__(self, cfg: Any) -> float:
        trial, done = hpo.current_trial(), []
        if trial.checkpoint:
            done = json.loads((trial.checkpoint / "done").read_text())
        for epoch in range(len(done), STEPS):
            self.epochs.append((cfg.x, epoch))
            done.append(loss := (cfg.x - 0.3) ** 2 + 0.1 / (epoch + 1))
            with trial.save_checkpoint(epoch) as folder:
                (folder / "done").write_text(json.dumps(done))
            trial.report_or_prune(loss, epoch)
        return float(done[-1])


@pytest.fixture
def there(tmp_path: Path) -> Path:
    return tmp_path / "sweep"


def trials_of(there: Path) -> list[Any]:
    return hpo.load_study(study_name=None, storage=f"sqlite:///{there / 'study.db'}").trials


def test_no_epoch_is_trained_twice_and_one_trial_is_trained_in_full(there: Path) -> None:
    training = Training()
    sweep(training, there, [ASHA, X, "hydra.sweeper.n_trials=20"])
    trials = trials_of(there)
    assert len(set(training.epochs)) == len(training.epochs) < 20 * STEPS / 2
    assert [trial.system_attrs.get(CONTINUES) for trial in trials].count(None) == 20 < len(trials)
    with (there / "trials.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 20
    assert any(row["state"] == "COMPLETE" for row in rows)
    assert not any(trial.state is TrialState.RUNNING for trial in trials)


def test_checkpoints_of_paused_trials_stay_while_they_may_be_needed(there: Path) -> None:
    sweep(Training(), there, [ASHA, X, "hydra.sweeper.n_trials=6"])
    paused = [trial for trial in trials_of(there) if trial.state is TrialState.PRUNED]
    assert paused
    sweep(training := Training(), there, [ASHA, X, "hydra.sweeper.n_trials=12"])
    assert len(set(training.epochs)) == len(training.epochs)


def test_the_budget_of_steps_ends_the_sweep(there: Path) -> None:
    training = Training()
    sweep(training, there, [ASHA, X, "hydra.sweeper.n_trials=100", "hydra.sweeper.max_steps=20"])
    assert 20 <= len(training.epochs) < 20 + STEPS


def test_a_pruner_beside_a_scheduler_ends_trials_for_good(there: Path) -> None:
    training = Training()
    pruner = ["hydra/sweeper/pruner=threshold", "hydra.sweeper.pruner.upper=0.0"]
    sweep(training, there, [ASHA, X, *pruner, "hydra.sweeper.n_trials=5"])
    assert [epoch for _, epoch in training.epochs] == [0] * 5


def test_without_a_scheduler_nothing_is_continued(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep(Training(), there, [X, "hydra/sweeper/pruner=asha", "hydra.sweeper.n_trials=16"])
    assert not any(CONTINUES in trial.system_attrs for trial in trials_of(there))
    hints = [line for line in capsys.readouterr().out.splitlines() if "scheduler=auto" in line]
    assert len(hints) == 1
    assert "of their 9 steps" in hints[0]


def test_a_job_that_never_reports_is_warned_of_once(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep(lambda cfg: float(cfg.x), there, [ASHA, X, "hydra.sweeper.n_trials=3"])
    warned = [line for line in capsys.readouterr().out.splitlines() if "without a report" in line]
    assert len(warned) == 1
    assert "Trial 0" in warned[0]


@pytest.mark.parametrize("rule", [ASHA, "hydra/sweeper/pruner=asha"])
def test_a_job_that_returns_when_it_was_to_stop_is_warned_of_once(
    rule: str, there: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def job(cfg: Any) -> float:
        trial = hpo.current_trial()
        for epoch in range(trial.first_step, STEPS):
            trial.report(cfg.x, epoch)
            if trial.should_prune():
                break
        return float(cfg.x)

    sweep(job, there, [rule, X, "hydra.sweeper.n_trials=12"])
    assert len({len(trial.intermediate_values) for trial in trials_of(there)}) > 1
    warned = [line for line in capsys.readouterr().out.splitlines() if "was to stop after step" in line]
    assert len(warned) == 1
    assert "report_or_prune" in warned[0]


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ([ASHA, "hydra.sweeper.direction=[minimize,minimize]", "hydra.sweeper.metric=[a,b]"], "pruning_metric"),
        (["hydra.sweeper.scheduler=ashaa"], "Did you mean 'asha'?"),
        (["hydra.sweeper.scheduler={_target_: asha, reduction_factor: 1}"], "must be 2 or more"),
        ([ASHA, "hydra.sweeper.max_steps=0"], "hydra.sweeper.max_steps"),
        (
            ["hydra.sweeper.scheduler={_target_: hyperband, max_resource: 9}", "hydra.sweeper.max_steps=8"],
            "less than one complete training, which takes 9 steps",
        ),
    ],
)
def test_wrong_settings_are_answered_in_one_line(there: Path, overrides: list[str], said: str) -> None:
    with pytest.raises(CompactHydraException) as answer:
        sweep(Training(), there, [X, *overrides])
    assert said in str(answer.value)
    assert "\n" not in str(answer.value)


def test_with_several_objectives_the_named_one_has_its_own_direction(there: Path) -> None:
    trained: dict[float, int] = {}

    def job(cfg: Any) -> Any:
        trial = hpo.current_trial()
        for epoch in range(trial.first_step, STEPS):
            trained[cfg.x] = epoch
            trial.report_or_prune(cfg.x, epoch)
        return {"a": 0.0, "b": cfg.x}

    several = ["hydra.sweeper.direction=[minimize,maximize]", "hydra.sweeper.metric=[a,b]"]
    rung = "hydra.sweeper.scheduler.min_resource=1"
    more = [*several, "hydra.sweeper.pruning_metric=b", "hydra.sweeper.n_trials=9", rung]
    sweep(job, there, [ASHA, X, *more])
    first = next(iter(trained))
    later = {x: steps for x, steps in trained.items() if x != first}
    assert max(later, key=lambda x: later[x]) == max(later)
