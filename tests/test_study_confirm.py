"""How sure the best trial of a study is: by a model of its trials, and by running the best ones again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import sweeper_core as hpo
from sweeper_core.distributions import CategoricalDistribution, FloatDistribution
from sweeper_core.search_space.space import Clause, Parameter, SearchSpace
from sweeper_core.study.confirm import Confirming, best_candidates, confirm, confirming_session, stored_confirmation
from sweeper_core.study.expected import Expectation, expectation

X = SearchSpace.of({"x": FloatDistribution(0.0, 1.0)})


def truth(params: dict[str, Any]) -> float:
    return float(4.0 * (params["x"] - 0.3) ** 2)


def study_of(
    n_trials: int,
    noise: float,
    seed: int,
    space: SearchSpace = X,
    value: Callable[[dict[str, Any]], float] = truth,
    direction: str = "minimize",
) -> hpo.Study:
    study = hpo.create_study(sampler=hpo.samplers.RandomSampler(seed=seed), direction=direction)
    rng = np.random.default_rng(seed)
    for _ in range(n_trials):
        started = study.session.start(space)
        assert started is not None
        noisy = value(started.params) + noise * rng.normal()
        study.session.finish(started.number, hpo.trial.TrialState.COMPLETE, [noisy])
    study.session.log.sync()
    return study


def expected_of(study: hpo.Study, space: SearchSpace = X) -> Expectation:
    found = expectation(study.session.log.history(), space)
    assert isinstance(found, Expectation)
    return found


def test_the_best_expected_trial_is_less_lucky_than_the_best_observed_one() -> None:
    observed, expected, covered = [], [], []
    for seed in range(8):
        study = study_of(40, 0.3, seed)
        found = expected_of(study)
        trials = study.trials
        observed.append(truth(study.best_trial.params))
        expected.append(truth(trials[found.number].params))
        low, high = found.intervals[0]
        covered.append(low <= expected[-1] <= high)
        assert found.noise_std == pytest.approx(0.3, rel=0.5)
        assert found.undecided, "so much noise leaves neighbours that are as good"
    assert np.median(expected) < 0.5 * np.median(observed)
    assert np.mean(covered) >= 0.6


def test_an_objective_without_noise_has_no_doubts() -> None:
    study = study_of(40, 0.0, 1, direction="maximize", value=lambda params: -truth(params))
    found = expected_of(study)
    assert (found.number, found.noise_std) == (study.best_trial.number, 0.0)
    assert found.means[0] == pytest.approx(study.best_value, abs=1e-3)
    assert np.ptp(found.intervals[0]) < 0.01
    assert found.best[0] > 0.9


def test_conditional_spaces_have_a_model_too() -> None:
    space = SearchSpace(
        [
            Parameter("kind", CategoricalDistribution(["a", "b"])),
            Parameter("x", FloatDistribution(0.0, 1.0), when=(Clause("kind", "in", ("a",)),)),
        ]
    )
    study = study_of(40, 0.05, 2, space, lambda params: truth(params) if params["kind"] == "a" else 1.0)
    found = expected_of(study, space)
    best = study.trials[found.number].params
    assert best["kind"] == "a"
    assert truth(best) < 0.1
    assert not {trial.number for trial in study.trials if trial.params["kind"] == "b"} & set(found.undecided)


def test_without_a_model_the_reason_is_said() -> None:
    few = study_of(19, 0.1, 0)
    assert "fewer than 20 trials" in str(expectation(few.session.log.history(), X))
    other = SearchSpace.of({"y": FloatDistribution(0.0, 1.0)})
    assert "fewer than 20 trials" in str(expectation(few.session.log.history(), other))
    same = study_of(25, 0.0, 0, value=lambda params: 1.0)
    assert "the same value" in str(expectation(same.session.log.history(), X))


def test_a_study_confirms_its_best_trials_once() -> None:
    study = study_of(30, 0.3, 3)
    rng = np.random.default_rng(0)
    runs: list[tuple[float, int]] = []

    def objective(trial: hpo.Trial, seed: int) -> float:
        x = trial.suggest_float("x", 0.0, 1.0)
        runs.append((x, seed))
        return truth({"x": x}) + 0.3 * rng.normal()

    before = (study.best_trial.number, len(study.trials))
    found = confirm(study, objective, seeds=[11, 12, 13], top=4)
    assert found.winner is not None
    assert len(set(runs)) == len(runs) == found.n_runs <= 12
    assert study.best_trial.number in [one.number for one in found.candidates]
    assert (study.best_trial.number, len(study.trials)) == before
    assert abs(sum(estimate.best for estimate in found.estimates.values()) - 1.0) < 1e-9
    again = confirm(study, objective, seeds=[11, 12, 13], top=4)
    assert len(runs) == found.n_runs, "nothing runs twice"
    assert again.winner.number == found.winner.number
    session = study.session
    stored = stored_confirmation(session.storage, session.study, session.log.configurations)
    assert stored is not None
    assert stored.estimates == found.estimates


@pytest.mark.parametrize(("seeds", "top"), [([], 5), ([1, 1], 5), ([1], 0)])
def test_seeds_that_confirm_nothing_are_refused(seeds: list[int], top: int) -> None:
    with pytest.raises(ValueError, match="different seeds"):
        confirm(study_of(3, 0.1, 0), lambda trial, seed: 0.0, seeds=seeds, top=top)
    with pytest.raises(ValueError, match="no complete, feasible trial"):
        confirm(hpo.create_study(), lambda trial, seed: 0.0, seeds=[1])


def test_a_run_that_is_stale_before_it_could_begin_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    study = study_of(5, 0.0, 1)
    candidates, _ = best_candidates(study.session, 2)
    session = confirming_session(study.session.storage, study.session.study)
    reserve = session.storage.reserve

    def reserve_and_lose(study_id: int, **others: Any) -> Any:
        monkeypatch.undo()
        claim = reserve(study_id, **others)
        assert claim is not None
        session.storage.finish(study_id, claim.number, hpo.trial.TrialState.FAIL)
        return claim

    monkeypatch.setattr(session.storage, "reserve", reserve_and_lose)
    started = Confirming(session, study.study_name, candidates, "seed", (1, 2)).next()
    assert started is not None
    session.log.sync()
    assert [record.state.name for record in session.log.records] == ["FAIL", "RUNNING"]
