"""Optuna's terminators under their names."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

import sweeper_core as hpo
from sweeper_core.directions import StudyDirection
from sweeper_core.terminator import (
    BestValueStagnationEvaluator,
    CrossValidationErrorEvaluator,
    EMMREvaluator,
    MedianErrorEvaluator,
    RegretBoundEvaluator,
    StaticErrorEvaluator,
    Terminator,
    TerminatorCallback,
    report_cross_validation_scores,
)

MINIMIZE = StudyDirection.MINIMIZE


def study_of(count: int, direction: str = "minimize", scores: bool = False) -> Any:
    study = hpo.create_study(direction=direction, sampler=hpo.samplers.QMCSampler(seed=1))
    sign = 1.0 if direction == "minimize" else -1.0

    def objective(trial: Any) -> float:
        x = trial.suggest_float("x", 0.0, 1.0)
        if scores:
            report_cross_validation_scores(trial, [x, x + 0.1, x - 0.1])
        return float(sign * 10.0 * (x - 0.3) ** 2)

    study.optimize(objective, n_trials=count)
    return study


def test_the_error_is_the_corrected_one_of_the_best_trials_scores() -> None:
    study = study_of(5, scores=True)
    error = CrossValidationErrorEvaluator().evaluate(study.trials, MINIMIZE)
    scores = study.best_trial.system_attrs["terminator:cv_scores"]
    assert error == pytest.approx(np.sqrt((1 / 3 + 1 / 2) * np.var(scores)))
    with pytest.raises(ValueError, match="has no cross-validation scores"):
        CrossValidationErrorEvaluator().evaluate(study_of(3).trials, MINIMIZE)
    with pytest.raises(ValueError, match="two or more numbers"):
        report_cross_validation_scores(hpo.trial.FixedTrial({}), [0.5])


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_the_regret_bound_holds_and_falls(direction: str) -> None:
    few, many = study_of(4, direction), study_of(32, direction)
    evaluator = RegretBoundEvaluator(seed=1)
    bounds = [evaluator.evaluate(study.trials, study.direction) for study in (few, many)]
    assert bounds[0] > bounds[1] >= abs(many.best_value)
    assert bounds[1] < 0.5


def test_stagnation_counts_the_trials_that_are_left() -> None:
    study = hpo.create_study()
    for value in (2.0, 1.0, 3.0, 1.5):
        study.add_trial(hpo.create_trial(value=value))
    assert BestValueStagnationEvaluator(5).evaluate(study.trials, MINIMIZE) == 3.0
    with pytest.raises(ValueError, match="must not be negative"):
        BestValueStagnationEvaluator(-1)


def test_the_gap_of_regrets_falls_below_a_share_of_its_first_ones() -> None:
    study = study_of(24)
    gap = EMMREvaluator(deterministic_objective=True, seed=1)
    assert gap.evaluate(study.trials[:1], MINIMIZE) == sys.float_info.max
    assert 0.0 < gap.evaluate(study.trials, MINIMIZE) < gap.evaluate(study.trials[:4], MINIMIZE)
    median = MedianErrorEvaluator(gap, warm_up_trials=2, n_initial_trials=4, threshold_ratio=0.5)
    assert median.evaluate(study.trials[:5], MINIMIZE) < -1e300
    expected = 0.5 * np.median([gap.evaluate(study.trials[:count], MINIMIZE) for count in (3, 4, 5, 6)])
    assert median.evaluate(study.trials, MINIMIZE) == pytest.approx(expected)


def test_terminators_stop_studies() -> None:
    study = hpo.create_study(sampler=hpo.samplers.RandomSampler(seed=1))
    stagnation = Terminator(BestValueStagnationEvaluator(4), min_n_trials=3)
    study.optimize(lambda trial: float(trial.number), n_trials=30, callbacks=[TerminatorCallback(stagnation)])
    assert len(study.trials) == 6
    again = hpo.create_study(sampler=hpo.samplers.RandomSampler(seed=1))
    again.optimize(lambda trial: float(trial.number), n_trials=30, stop=stagnation)
    assert len(again.trials) == 6
    assert not Terminator(error_evaluator=StaticErrorEvaluator(1e9)).should_terminate(study)  # fewer than 20 trials
    with pytest.raises(ValueError, match="min_n_trials"):
        Terminator(min_n_trials=0)
