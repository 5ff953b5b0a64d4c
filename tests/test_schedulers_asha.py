"""Promotion by ranks: where the rungs lie when nobody says so, and who pauses there."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import pytest

from sweeper_core.exceptions import TrialPruned
from sweeper_core.samplers import RandomSampler
from sweeper_core.schedulers import ASHAScheduler, Continue, FreezeThawScheduler, HyperbandScheduler, Scheduler, Vacancy
from sweeper_core.study.studies import create_study
from sweeper_core.testing.pruners import record
from sweeper_core.trial.curves import LearningCurves
from sweeper_core.trial.live import Trial
from sweeper_core.trial.record import TrialRecord
from sweeper_core.trial.state import TrialState

DONE, PAUSED = TrialState.COMPLETE, TrialState.PRUNED


def pauses(scheduler: Scheduler, steps: int, begin: int = 0, n_trials: int = 40) -> list[list[int]]:
    """Return for each trial, in order, the numbers of steps after which it paused or ended."""
    seen: dict[float, list[int]] = {}

    def objective(trial: Trial) -> float:
        x = trial.suggest_float("x", 0.0, 1.0)
        for step in range(max(trial.first_step, begin), steps + begin):
            trial.report(x + 1.0 / (step + 1), step)
            if trial.should_prune():
                seen.setdefault(x, []).append(step + 1 - begin)
                raise TrialPruned
        seen.setdefault(x, []).append(steps)
        return x

    study = create_study(sampler=RandomSampler(seed=2), scheduler=scheduler)
    study.optimize(objective, n_trials=n_trials)
    return list(seen.values())


def first_pause(
    scheduler: Scheduler, rivals: Sequence[tuple[TrialState, int]], begin: int, names: Sequence[str] = ("loss",)
) -> int:
    """Return after how many steps a trial pauses that is worse than all its rivals, which have so many steps."""
    curves = LearningCurves(1.0, metrics=[(name, 1.0) for name in names])
    curves.fold([reports(number, state, 0.0, steps, begin) for number, (state, steps) in enumerate(rivals)])
    own = len(rivals)
    for steps in itertools.count(1):
        curves.fold([reports(own, TrialState.RUNNING, 1.0, steps, begin)])
        if scheduler.judge(own, curves.curve(own), curves).stop:
            return steps
    raise AssertionError


def reports(number: int, state: TrialState, value: float, steps: int, begin: int) -> TrialRecord:
    return replace(record(number, state, [value]), reports=tuple((begin + step, value) for step in range(steps)))


@pytest.mark.parametrize("begin", [0, 1])
@pytest.mark.parametrize(("steps", "lowest"), [(5, 1), (19, 1), (20, 2), (39, 2), (40, 4), (79, 4), (80, 8), (300, 16)])
def test_the_lowest_rung_is_within_a_tenth_of_a_training(steps: int, lowest: int, begin: int) -> None:
    assert first_pause(ASHAScheduler(), [(DONE, steps), (DONE, steps)], begin) == lowest


@pytest.mark.parametrize("begin", [0, 1])
@pytest.mark.parametrize(("farthest", "lowest"), [(4, 2), (39, 2), (50, 4), (100, 8)])
def test_before_a_training_has_shown_its_length_it_is_the_second_step(farthest: int, lowest: int, begin: int) -> None:
    assert first_pause(ASHAScheduler(), [(PAUSED, farthest)] * 2, begin) == lowest


@pytest.mark.parametrize(("factor", "lowest"), [(None, 3), (2, 4), (5, 5)])
def test_with_several_objectives_rungs_are_three_times_apart(factor: int | None, lowest: int) -> None:
    scheduler = ASHAScheduler(reduction_factor=factor)
    assert first_pause(scheduler, [(DONE, 50)] * (factor or 3), 0, ["loss", "size"]) == lowest


@pytest.mark.parametrize(
    "scheduler", [ASHAScheduler(), ASHAScheduler(1, 3), HyperbandScheduler(), FreezeThawScheduler()]
)
def test_no_trial_is_continued_that_has_no_steps_left(scheduler: Scheduler) -> None:
    for steps in (1, 2, 3, 4, 5, 6, 8, 9, 10, 12, 15, 16, 17, 20, 30):
        left: list[int] = []

        def objective(trial: Trial, steps: int = steps, left: list[int] = left) -> float:
            x = trial.suggest_float("x", 0.0, 1.0)
            left.append(steps - trial.first_step)
            for step in range(trial.first_step, steps):
                trial.report(x, step)
                if trial.should_prune():
                    raise TrialPruned
            return x

        study = create_study(sampler=RandomSampler(seed=steps), scheduler=scheduler)
        study.optimize(objective, n_trials=12)
        assert min(left) > 0, f"with {steps} steps"
        assert study.best_trial.state is DONE


def test_trials_that_run_at_one_pace_pause_at_the_first_rungs() -> None:
    study = create_study(sampler=RandomSampler(seed=3), scheduler=ASHAScheduler())
    trials = [study.ask() for _ in range(8)]
    values = {trial.number: trial.suggest_float("x", 0.0, 1.0) for trial in trials}
    paused: dict[int, int] = {}
    for step, trial in itertools.product(range(1, 51), trials):
        if trial.number not in paused:
            trial.report(values[trial.number], step)
            if trial.should_prune():
                study.tell(trial, state=PAUSED)
                paused[trial.number] = step
    best_first = sorted(values, key=values.__getitem__)
    assert [paused.get(number, 50) for number in best_first] == [35, 19, 11, 11, 7, 7, 7, 7]


def test_a_given_rung_is_the_lowest() -> None:
    assert min(step for trial in pauses(ASHAScheduler(min_resource=2), 50) for step in trial) == 2


def test_freeze_thaw_pauses_no_trial_earlier() -> None:
    assert min(step for trial in pauses(FreezeThawScheduler(), 50) for step in trial) == 3


@pytest.mark.parametrize(("early", "promoted"), [(1.0, 1), (7.0, 2)])
def test_what_paused_before_the_length_was_known_is_promoted_by_its_rank_there(early: float, promoted: int) -> None:
    curves = LearningCurves(1.0)
    farther = [(PAUSED, 3, 4.0 + trial) for trial in range(1, 3)] if promoted == 2 else [(PAUSED, 3, 9.5)] * 2
    ends = [(DONE, 50, 9.0), (PAUSED, 1, early), *farther]
    curves.fold([record(number, state, [end] * count) for number, (state, count, end) in enumerate(ends)])
    decision = ASHAScheduler().next(Vacancy(), create_study().session.log.history(), curves)
    assert isinstance(decision, Continue)
    assert decision.number == promoted


@pytest.mark.parametrize("wrong", [0, "first"])
def test_wrong_resources_are_refused(wrong: int | str) -> None:
    with pytest.raises(ValueError, match=rf"`min_resource` must be 1 or more, or 'auto', but got {wrong!r}"):
        ASHAScheduler(min_resource=wrong)
