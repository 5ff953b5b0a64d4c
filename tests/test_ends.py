"""Unfinished trials of several objectives: where they are expected to end, and that samplers learn from it."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest

import sweeper_core
from sweeper_core.samplers import RandomSampler
from sweeper_core.samplers._gp.observations import gather
from sweeper_core.samplers._gp.space import Encoding
from sweeper_core.samplers._tpe.split import best_of
from sweeper_core.schedulers import ASHAScheduler
from sweeper_core.trial.history import History
from sweeper_core.trial.state import TrialState

STEPS = 27


def objectives(x: float, step: int) -> dict[str, float]:
    """Return a loss that falls, and seconds that add up."""
    return {"loss": x + (1.0 + x) / (step + 1), "seconds": (3.0 - x) * (step + 1)}


def study_of_two() -> sweeper_core.Study:
    return sweeper_core.create_study(
        directions=["minimize"] * 2, sampler=RandomSampler(seed=1), scheduler=ASHAScheduler(min_resource=3)
    )


@lru_cache
def history_of(scale: float = 1.0) -> tuple[History, sweeper_core.Study]:
    study = study_of_two()
    study.set_metric_names(["loss", "seconds"])
    for _ in range(24):
        trial = study.ask()
        x = trial.suggest_float("x", 0.0, 1.0)
        for step in range(trial.first_step, STEPS):
            trial.report({name: scale * value for name, value in objectives(x, step).items()}, step)
            if step + 1 < STEPS and trial.should_prune():
                study.tell(trial, state=TrialState.PRUNED)
                break
        else:
            study.tell(trial, [scale * value for value in objectives(x, STEPS - 1).values()])
    return study.session.log.history(), study


@pytest.mark.parametrize("scale", [1.0, 1e200, 1e-200])
def test_each_objective_is_expected_to_end_where_its_own_curve_leads(scale: float) -> None:
    history, _ = history_of(scale=scale)
    paused = history.having(TrialState.PRUNED)
    assert history.ends is not None
    assert len(paused) > 8
    true = np.array([list(objectives(x, STEPS - 1).values()) for x in history.columns["x"].raw[paused]])
    far = np.abs(history.ends[paused] / scale - true) / np.ptp(true, axis=0)
    assert np.median(far, axis=0) == pytest.approx([0.0, 0.0], abs=0.15)
    others = np.setdiff1d(np.arange(len(history)), paused)
    assert np.all(np.isnan(history.ends[others]))


def test_the_gaussian_process_observes_expected_ends() -> None:
    history, study = history_of()
    observations, rows = gather(history, Encoding(study.session.log.statistics.joint))
    assert history.ends is not None
    assert set(rows) == {*history.completed, *history.having(TrialState.PRUNED)}
    paused = history.states[rows] == TrialState.PRUNED
    assert np.array_equal(observations.values[paused], history.ends[rows[paused]])
    assert np.array_equal(observations.noise_std > 0.0, paused)


def test_tpe_ranks_unfinished_trials_among_the_complete_ones() -> None:
    history, _ = history_of()
    rows = np.sort(np.concatenate([history.completed, history.having(TrialState.PRUNED)]))
    promising = int(history.having(TrialState.PRUNED)[-1])
    assert history.ends is not None
    ends = history.ends.copy()
    ends[promising] = -1.0
    assert best_of(replace(history, ends=ends), rows, 1).tolist() == [promising]


def test_the_first_trials_of_a_history_keep_their_ends() -> None:
    history, _ = history_of()
    some = history.head(len(history) // 2)
    assert history.ends is not None
    assert some.ends is not None
    assert np.array_equal(some.ends, history.ends[: len(some)], equal_nan=True)


def test_trials_are_ranked_by_objectives_that_were_named_after_they_began() -> None:
    study = study_of_two()
    trials = [study.ask() for _ in range(3)]
    study.set_metric_names(["loss", "seconds"])
    for trial, loss, seconds in zip(trials, (1.0, 2.0, 3.0), (5.0, 6.0, 1.0), strict=True):
        trial.report({"loss": loss, "seconds": seconds}, 0)
    log = study.session.log
    log.sync()
    scores = log.curves.scores(0)
    assert scores.rows[np.argmax(scores.values)] == 1  # the only one that is dominated has not the largest loss
