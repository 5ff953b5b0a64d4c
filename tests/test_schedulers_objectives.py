"""Schedulers beside several objectives in Python: reports by name, ranked by non-domination."""

from __future__ import annotations

from typing import Any

import pytest

import sweeper_core
from sweeper_core.samplers import RandomSampler
from sweeper_core.schedulers import ASHAScheduler
from sweeper_core.trial.state import TrialState

STEPS = 9


def study_of_two(scheduler: Any = "asha") -> sweeper_core.Study:
    study = sweeper_core.create_study(
        directions=["minimize", "maximize"], sampler=RandomSampler(seed=0), scheduler=scheduler
    )
    study.set_metric_names(["loss", "speed"])
    return study


def objectives(x: float, step: int) -> dict[str, float]:
    """Return objectives that trade off for x below 0.5, and that are both bad above."""
    bad = max(x - 0.5, 0.0)
    return {"loss": 1.0 - x + 4.0 * bad + 1.0 / (step + 1), "speed": -x - 4.0 * bad}


def run(study: sweeper_core.Study, trials: int) -> None:
    for _ in range(trials):
        trial = study.ask()
        x = trial.suggest_float("x", 0.0, 1.0)
        for step in range(trial.first_step, STEPS):
            trial.report(objectives(x, step), step)
            if trial.should_prune():
                study.tell(trial, state=TrialState.PRUNED)
                break
        else:
            study.tell(trial, list(objectives(x, STEPS - 1).values()))


def test_asked_and_told_trials_pause_and_go_on_by_their_fronts() -> None:
    study = study_of_two(ASHAScheduler(min_resource=1))
    run(study, 40)
    steps: dict[float, int] = {}
    for trial in study.trials:
        steps[trial.params["x"]] = max(steps.get(trial.params["x"], 0), len(trial.intermediate_values))
    complete = [x for x, count in steps.items() if count == STEPS]
    assert 0 < len(complete) < len(steps) / 2
    assert max(complete) < 0.55
    assert {trial.params["x"] for trial in study.best_trials} <= set(complete)
    assert any(trial.system_attrs.get("hpo:continues") is not None for trial in study.trials)


def test_without_a_scheduler_nothing_is_reported() -> None:
    trial = study_of_two(None).ask()
    for call in (lambda: trial.report({"loss": 1.0, "speed": 1.0}, 0), trial.should_prune):
        with pytest.raises(NotImplementedError, match="not supported for multi-objective"):
            call()


@pytest.mark.parametrize("value", [1.0, {"loss": 1.0}])
def test_every_objective_is_reported_by_its_name(value: Any) -> None:
    trial = study_of_two().ask()
    with pytest.raises(ValueError, match=r"report\(\{'loss': …, 'speed': …\}, step\), not"):
        trial.report(value, 0)
    unnamed = sweeper_core.create_study(directions=["minimize", "minimize"], scheduler="asha").ask()
    with pytest.raises(ValueError, match="set_metric_names"):
        unnamed.report(value, 0)
