"""What every pruner has to do: subclass :class:`PrunerConformance` in a test module and give it a maker.

::

    class TestMyPruner(PrunerConformance):
        def make(self) -> Pruner:
            return MyPruner()
"""

from __future__ import annotations

import copy
import math
import pickle
import warnings
from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from sweeper_core.directions import StudyDirection
from sweeper_core.distributions import FloatDistribution
from sweeper_core.pruners.base import Pruner, Verdict
from sweeper_core.study.studies import create_study
from sweeper_core.trial.curves import LearningCurves
from sweeper_core.trial.record import TrialRecord
from sweeper_core.trial.state import TrialState

COMPLETE, PRUNED, FAIL, RUNNING = TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL, TrialState.RUNNING
NAN, INF = math.nan, math.inf

STUDIES: dict[str, list[tuple[TrialState, list[float]]]] = {
    "empty": [],
    "one": [(COMPLETE, [1.0, 0.5, 0.4])],
    "many": [(COMPLETE, [1.0 / (step + 1) + index / 20 for step in range(9)]) for index in range(12)],
    "states": [
        (COMPLETE, [1.0, 0.5, 0.25, 0.2]),
        (PRUNED, [2.0, 1.9]),
        (FAIL, [1.5]),
        (RUNNING, [0.9, 0.8, 0.7]),
        (RUNNING, []),
        (COMPLETE, [1.1, 0.6, 0.3, 0.1]),
        (COMPLETE, []),
    ],
    "no numbers": [(COMPLETE, [NAN, INF, 0.5]), (COMPLETE, [-INF, 1.0, NAN]), (PRUNED, [NAN]), (COMPLETE, [1.0] * 3)],
}
"""Other trials' states and reports."""

OWN: dict[str, list[float]] = {
    "nothing": [],
    "good": [0.5, 0.2, 0.05],
    "bad": [9.0, 9.5, 9.9, 9.9, 9.9],
    "long": [1.0 / (step + 1) for step in range(40)],
    "no numbers": [1.0, NAN, INF, -INF, NAN],
    "constant": [1.0] * 10,
}
"""Reports of the trial that is judged."""


def record(number: int, state: TrialState, values: Sequence[float], first: int = 0) -> TrialRecord:
    """Return a trial that has reported these values from a step on, and ended with the last of them."""
    final = (values[-1] if values and not math.isnan(values[-1]) else 0.0,) if state is COMPLETE else None
    return TrialRecord(number, number, state, values=final, reports=tuple(enumerate(map(float, values), first)))


def curves_of(others: Sequence[tuple[TrialState, list[float]]], sign: float = 1.0) -> LearningCurves:
    """Return the learning curves of some trials."""
    found = LearningCurves(sign)
    found.fold([record(number, state, values) for number, (state, values) in enumerate(others)])
    return found


def contents(curves: LearningCurves) -> list[str]:
    """Return, as texts, everything that a pruner might change."""
    return [repr((curves.state(one), curves.value(one), curves.curve(one))) for one in range(len(curves))]


class PrunerConformance:
    """The contract of a pruner, as tests."""

    def make(self) -> Pruner:
        """Return a new pruner."""
        raise NotImplementedError

    def judged(self, pruner: Pruner, curves: LearningCurves, own: Sequence[float], first: int = 0) -> Verdict:
        """Return the verdict on a new running trial with these reports, which warns of nothing."""
        number = len(curves)
        curves.fold([record(number, RUNNING, own, first)])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return pruner.judge(number, curves.curve(number), curves)

    def questions(self, sign: float = 1.0) -> Iterator[tuple[LearningCurves, list[float]]]:
        """Yield every combination of other trials and own reports."""
        for others in STUDIES.values():
            for own in OWN.values():
                signed = [(state, [sign * value for value in values]) for state, values in others]
                yield curves_of(signed, sign), [sign * value for value in own]

    def test_every_question_has_an_answer_with_a_reason(self) -> None:
        for curves, own in self.questions():
            verdict = self.judged(self.make(), curves, own)
            assert isinstance(verdict, Verdict)
            assert type(verdict.stop) is bool
            assert verdict.reason or not verdict.stop, "a trial is stopped for a reason"
            assert "\n" not in verdict.reason, "which can follow a colon"

    def test_a_forecast_is_a_value_and_a_standard_deviation(self) -> None:
        for curves, own in self.questions():
            forecast = self.judged(self.make(), curves, own).forecast
            if forecast is not None:
                value, deviation = forecast
                assert math.isfinite(value)
                assert deviation >= 0.0

    def test_a_trial_without_reports_goes_on(self) -> None:
        for others in STUDIES.values():
            assert not self.judged(self.make(), curves_of(others), []).stop

    def test_it_is_a_function_of_what_it_is_given(self) -> None:
        used = self.make()
        for (curves, own), (same, _) in zip(self.questions(), self.questions(), strict=True):
            verdict = self.judged(used, curves, own)
            number = len(curves) - 1
            assert used.judge(number, curves.curve(number), curves) == verdict, "asked twice"
            assert self.judged(self.make(), same, own) == verdict, "asked by another process"

    def test_copies_judge_alike(self) -> None:
        pruner = self.make()
        for again in (copy.deepcopy(pruner), pickle.loads(pickle.dumps(pruner))):
            for (curves, own), (same, _) in zip(self.questions(), self.questions(), strict=True):
                assert self.judged(again, same, own) == self.judged(pruner, curves, own)

    def test_nothing_that_it_is_given_changes(self) -> None:
        for curves, own in self.questions():
            number = len(curves)
            curves.fold([record(number, RUNNING, own)])
            curve = curves.curve(number)
            before = contents(curves)
            self.make().judge(number, curve, curves)
            assert contents(curves) == before
            assert np.array_equal(curve.values, np.array(own, float), equal_nan=True)

    def test_maximising_is_minimising_the_negative(self) -> None:
        """Values come signed: only an absolute limit, which is about values as they are reported, may tell."""
        if not self.relative:
            pytest.skip("this pruner compares with a fixed limit")
        for (curves, own), (mirrored, negated) in zip(self.questions(), self.questions(-1.0), strict=True):
            assert self.judged(self.make(), curves, own).stop == self.judged(self.make(), mirrored, negated).stop

    relative = True
    """Whether it compares trials with each other, and not with a value."""

    def test_steps_may_begin_anywhere_and_have_gaps(self) -> None:
        curves = LearningCurves(1.0)
        reports = ((3, 1.0), (10, 0.5), (1000, 0.25))
        curves.fold([TrialRecord(0, 0, COMPLETE, values=(0.25,), reports=reports)])
        curves.fold([TrialRecord(1, 1, RUNNING, reports=((7, 3.0), (11, 2.0)))])
        assert isinstance(self.make().judge(1, curves.curve(1), curves), Verdict)

    def test_a_study_asks_it(self) -> None:
        study = create_study(pruner=self.make(), direction=StudyDirection.MINIMIZE)
        for index in range(6):
            trial = study.ask({"x": FloatDistribution(0.0, 1.0)})
            for step in range(5):
                trial.report(index + 1.0 / (step + 1), step)
                assert isinstance(trial.should_prune(), bool)
            study.tell(trial, 1.0)
        assert len(study.trials) == 6
