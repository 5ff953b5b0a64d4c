"""Freeze-thaw: what its model of the curves makes it continue, begin and pause."""

from __future__ import annotations

from typing import Any

import pytest

from sweeper_core.schedulers import Continue, FreezeThawScheduler, New, Scheduler, Vacancy
from sweeper_core.study.studies import create_study
from sweeper_core.testing.pruners import record
from sweeper_core.trial.curves import LearningCurves
from sweeper_core.trial.state import TrialState

STEPS = 20
DONE, PAUSED, RUNNING = TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING


def curve(end: float, steps: int = STEPS) -> list[float]:
    return [end + 4.0 / (step + 1) for step in range(steps)]


def curves_of(*trials: tuple[TrialState, list[float]]) -> LearningCurves:
    curves = LearningCurves(1.0)
    curves.fold([record(number, state, values) for number, (state, values) in enumerate(trials)])
    return curves


def following(curves: LearningCurves, scheduler: Scheduler | None = None) -> Any:
    history = create_study().session.log.history()
    return (scheduler or FreezeThawScheduler()).next(Vacancy(), history, curves)


COMPLETE = [(DONE, curve(end)) for end in (3.0, 2.0, 2.5, 4.0)]
POOR = [(PAUSED, curve(end, 2)) for end in (6.0, 7.0, 5.5, 8.0, 6.5, 7.5)]


def test_the_trial_that_is_expected_to_end_best_goes_on() -> None:
    curves = curves_of(*COMPLETE, *POOR, (PAUSED, curve(1.5, 4)), (PAUSED, curve(1.0, 4)), (PAUSED, curve(4.0, 4)))
    decision = following(curves)
    assert isinstance(decision, Continue)
    assert decision.number == len(COMPLETE) + len(POOR) + 1
    assert "expected to gain" in decision.reason


@pytest.mark.parametrize("scale", [2.0**1000, 2.0**-900])
def test_values_as_large_or_small_as_doubles_get_are_no_different(scale: float) -> None:
    trials = [*COMPLETE, *POOR, (PAUSED, curve(1.5, 4)), (PAUSED, curve(1.0, 4)), (RUNNING, curve(1.2, 4))]
    scaled = [(state, [scale * value for value in values]) for state, values in trials]
    assert following(curves_of(*scaled)).number == following(curves_of(*trials)).number
    number = len(trials) - 1
    both = curves_of(*trials), curves_of(*scaled)
    plain, other = (FreezeThawScheduler().judge(number, curves.curve(number), curves) for curves in both)
    assert plain.stop
    assert other.stop
    assert plain.forecast is not None
    assert other.forecast == pytest.approx([scale * value for value in plain.forecast], rel=1e-9)


def test_where_no_paused_trial_is_worth_its_steps_another_begins() -> None:
    good = [(DONE, curve(end)) for end in (1.0, 1.1, 1.2, 0.9, 1.05, 0.95)]
    assert following(curves_of(*POOR, *good)) == New()


def test_a_trial_close_to_its_end_goes_on_before_an_equal_one_that_has_all_of_it_to_do() -> None:
    decision = following(curves_of(*COMPLETE, *POOR, (PAUSED, curve(1.8, 2)), (PAUSED, curve(1.8, 14))))
    assert isinstance(decision, Continue)
    assert decision.number == len(COMPLETE) + len(POOR) + 1


@pytest.mark.parametrize(("end", "pauses"), [(9.0, True), (0.5, False)])
def test_a_running_trial_pauses_when_another_is_worth_more(end: float, pauses: bool) -> None:
    curves = curves_of(*COMPLETE, *POOR, (PAUSED, curve(1.5, 4)), (RUNNING, curve(end, 4)))
    number = len(curves) - 1
    verdict = FreezeThawScheduler().judge(number, curves.curve(number), curves)
    assert verdict.stop == pauses
    assert not pauses or "those of trial 10" in verdict.reason


def test_no_trial_pauses_at_its_last_step_or_between_places() -> None:
    curves = curves_of(*COMPLETE, *POOR, (RUNNING, curve(9.0)), (RUNNING, curve(9.0, 10)))
    for number in (len(curves) - 2, len(curves) - 1):
        assert FreezeThawScheduler().judge(number, curves.curve(number), curves).stop == (number == len(curves) - 1)
    curves.mark_judged(len(curves) - 1)
    assert not FreezeThawScheduler().judge(len(curves) - 1, curves.curve(len(curves) - 1), curves).stop


def test_on_given_rungs_trials_pause_only_there() -> None:
    scheduler = FreezeThawScheduler().on_rungs([5, STEPS])
    curves = curves_of(*COMPLETE, *POOR, (RUNNING, curve(9.0, 4)), (RUNNING, curve(9.0, 5)))
    four, five = len(curves) - 2, len(curves) - 1
    assert not scheduler.judge(four, curves.curve(four), curves).stop
    assert scheduler.judge(five, curves.curve(five), curves).stop


def test_trials_that_report_only_their_end_are_no_error() -> None:
    curves = curves_of(*[(DONE, [1.0]), (DONE, [2.0]), (PAUSED, [float("nan")]), (PAUSED, [float("inf")])])
    assert following(curves) == New()


def test_without_enough_complete_trials_ranks_decide() -> None:
    trials = [(PAUSED, curve(end, 1)) for end in (3.0, 1.0, 2.0)]
    decision = following(curves_of(*trials))
    assert isinstance(decision, Continue)
    assert "rank 1 of 3" in decision.reason
    with pytest.raises(ValueError, match="`n_startup_trials` must be 1 or more"):
        FreezeThawScheduler(n_startup_trials=0)
