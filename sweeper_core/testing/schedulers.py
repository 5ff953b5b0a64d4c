"""What every scheduler has to do: subclass :class:`SchedulerConformance` in a test module and give it a maker.

::

    class TestMyScheduler(SchedulerConformance):
        def make(self) -> Scheduler:
            return MyScheduler()
"""

from __future__ import annotations

import math
import pickle
import random
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sweeper_core.exceptions import TrialPruned
from sweeper_core.pruners.base import Verdict
from sweeper_core.samplers.random import RandomSampler
from sweeper_core.schedulers.base import Continue, Decision, New, Scheduler, Stop, Vacancy, Wait
from sweeper_core.study.studies import create_study, load_study
from sweeper_core.study.study import Study
from sweeper_core.testing.pruners import NAN, OWN, STUDIES, record
from sweeper_core.trial.attrs import CONTINUES, ENDED
from sweeper_core.trial.curves import LearningCurves
from sweeper_core.trial.live import Trial
from sweeper_core.trial.state import TrialState

VACANCIES = [Vacancy(), Vacancy(may_begin=False)]
STEPS = 27
CONFIGURATIONS = 30


def objective(trial: Trial) -> float:
    """Report a curve whose order at its end is that of its beginning, but for a little."""
    x = trial.suggest_float("x", 0.0, 1.0)
    values = [curve_at(x, step) for step in range(STEPS)]
    for step in range(trial.first_step, STEPS):
        trial.report(values[step], step)
        if trial.should_prune():
            raise TrialPruned
    return values[-1]


def curve_at(x: float, step: int) -> float:
    """Return the value of a curve after a step."""
    return (x - 0.3) ** 2 + (0.5 + 0.1 * math.sin(50 * x)) / (step + 1)


class SchedulerConformance:
    """Behaviour that sweeps rely on."""

    def make(self) -> Scheduler:
        """Return a new scheduler."""
        raise NotImplementedError

    def study(self, storage: Any = None, name: str = "s", **options: Any) -> Study:
        """Return a new study under the scheduler."""
        options = {"sampler": RandomSampler(seed=1), "scheduler": self.make(), **options}
        return create_study(storage=storage, study_name=name, **options)

    def next(self, trials: Sequence[Any], vacancy: Vacancy = VACANCIES[0]) -> Decision:
        """Return the decision in a study with these trials."""
        curves = LearningCurves(1.0)
        curves.fold(trials)
        return self.make().next(vacancy, create_study().session.log.history(), curves)

    def judge(self, trials: Sequence[Any], number: int) -> Verdict:
        """Return the verdict on one of these trials."""
        curves = LearningCurves(1.0)
        curves.fold(trials)
        return self.make().judge(number, curves.curve(number), curves)

    @pytest.fixture(params=STUDIES)
    def trials(self, request: pytest.FixtureRequest) -> list[Any]:
        """Studies that differ in the states and curves of their trials."""
        return [record(number, state, values) for number, (state, values) in enumerate(STUDIES[request.param])]

    @pytest.mark.parametrize("vacancy", VACANCIES, ids=str)
    def test_only_what_is_paused_is_continued(self, trials: list[Any], vacancy: Vacancy) -> None:
        decision = self.next(trials, vacancy)
        assert isinstance(decision, New | Continue | Wait | Stop)
        if isinstance(decision, Continue):
            assert trials[decision.number].state is TrialState.PRUNED
        assert vacancy.may_begin or not isinstance(decision, New)
        assert not vacancy.may_begin or not isinstance(decision, Stop)

    def test_the_same_is_decided_wherever_it_is_decided(self, trials: list[Any]) -> None:
        mixed = [trials[place] for place in np.random.default_rng(0).permutation(len(trials))]
        copy = pickle.loads(pickle.dumps(self.make()))
        curves = LearningCurves(1.0)
        curves.fold(mixed)
        history = create_study().session.log.history()
        for vacancy in VACANCIES:
            assert copy.next(vacancy, history, curves) == self.next(trials, vacancy)

    @pytest.mark.parametrize("own", OWN)
    def test_a_running_trial_is_judged_whatever_it_reports(self, trials: list[Any], own: str) -> None:
        number = len(trials)
        verdict = self.judge([*trials, record(number, TrialState.RUNNING, OWN[own])], number)
        assert isinstance(verdict.stop, bool)
        assert OWN[own] or not verdict.stop
        assert bool(verdict.reason) == verdict.stop

    def test_an_empty_study_begins(self) -> None:
        assert self.next([]) == New()
        assert isinstance(self.next([], Vacancy(may_begin=False)), Stop)

    def test_what_a_pruner_has_ended_is_not_continued(self) -> None:
        ended = {ENDED: "it was bad"}
        trials = [replace(record(number, TrialState.PRUNED, [1.0 + number]), system_attrs=ended) for number in range(9)]
        assert self.next(trials) == New()
        assert isinstance(self.next(trials, Vacancy(may_begin=False)), Stop)

    def test_a_study_ends_with_a_trial_of_full_length(self) -> None:
        study = self.study()
        study.optimize(objective, n_trials=CONFIGURATIONS)
        assert [trial.system_attrs.get(CONTINUES) for trial in study.trials].count(None) == CONFIGURATIONS
        assert study.best_trial.last_step == STEPS - 1
        assert isinstance(study.session.continuations.scheduled(study.scheduler, Vacancy(may_begin=False)), Stop)

    def test_reports_are_whole_curves(self) -> None:
        study = self.study()
        study.optimize(objective, n_trials=CONFIGURATIONS)
        for trial in study.trials:
            steps = list(trial.intermediate_values)
            assert steps == list(range(len(steps)))
            assert trial.intermediate_values == {step: curve_at(trial.params["x"], step) for step in steps}

    def test_a_study_that_is_opened_anew_for_each_trial_decides_alike(self, tmp_path: Path) -> None:
        url = f"sqlite:///{tmp_path}/study.db"
        whole, opened = self.study(), self.study(url)
        for _ in range(25):
            opened = load_study(study_name="s", storage=url, sampler=opened.sampler, scheduler=self.make())
            for study in (whole, opened):
                ask_and_tell(study)
        assert _told(opened) == _told(whole)

    def test_threads_continue_nothing_twice(self) -> None:
        study, both = self.study(), threading.Barrier(4, timeout=60)

        def first_together(trial: Trial) -> float:
            if trial.number < 4:
                both.wait()
            return objective(trial)

        study.optimize(first_together, n_trials=CONFIGURATIONS, n_jobs=4)
        continued = [number for trial in study.trials if (number := trial.system_attrs.get(CONTINUES)) is not None]
        assert len(set(continued)) == len(continued)
        assert not study.get_trials(states=(TrialState.RUNNING,))
        assert study.best_trial.last_step == STEPS - 1

    def test_a_trial_pauses_only_after_a_step_that_it_was_to_save(self, tmp_path: Path) -> None:
        study, chance = self.study(checkpoint_dir=tmp_path), random.Random(1)
        running = [_train(study) for _ in range(4)]
        for _ in range(500):
            lane = chance.randrange(4)
            if next(running[lane], "ended") == "ended":
                running[lane] = _train(study)
        assert study.get_trials(states=(TrialState.PRUNED,))

    def test_ask_never_waits(self) -> None:
        study = self.study()
        trials = [study.ask() for _ in range(5)]
        assert [trial.number for trial in trials] == list(range(5))

    def test_asked_and_told_as_users_do(self) -> None:
        study = self.study(direction="maximize")
        for _ in range(40):
            ask_and_tell(study, -1.0)
        assert all(trial.state.is_finished() for trial in study.trials)

    def test_nan_is_never_continued(self) -> None:
        trials = [record(number, TrialState.PRUNED, [NAN]) for number in range(9)]
        assert self.next(trials) == New()
        assert isinstance(self.next(trials, Vacancy(may_begin=False)), Stop)


def _train(study: Study) -> Iterator[None]:
    """Run one trial; other trials may report whenever this yields."""
    trial = study.ask()
    x = trial.suggest_float("x", 0.0, 1.0)
    for step in range(trial.first_step, STEPS):
        saves = trial.should_save(step)
        yield
        trial.report(curve_at(x, step), step)
        if trial.should_prune():
            assert saves
            study.tell(trial, state=TrialState.PRUNED)
            return
    study.tell(trial, curve_at(x, STEPS - 1))


def ask_and_tell(study: Study, sign: float = 1.0) -> None:
    """Run one trial as a script without ``optimize`` does."""
    trial = study.ask()
    x = trial.suggest_float("x", 0.0, 1.0)
    for step in range(trial.first_step, STEPS):
        value = sign * curve_at(x, step)
        trial.report(value, step)
        if trial.should_prune():
            study.tell(trial, state=TrialState.PRUNED)
            return
    study.tell(trial, value)


def _told(study: Study) -> list[tuple[Any, ...]]:
    return [(trial.state, trial.params, trial.intermediate_values, trial.values) for trial in study.trials]
