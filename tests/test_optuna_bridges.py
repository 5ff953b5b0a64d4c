"""Names that are private in Optuna and that samplers and callbacks written for it use all the same."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from sweeper_core import create_study, current_trial
from sweeper_core.directions import StudyDirection
from sweeper_core.distributions import BaseDistribution, FloatDistribution
from sweeper_core.exceptions import TrialPruned
from sweeper_core.pruners import ThresholdPruner
from sweeper_core.samplers import BaseGASampler, BaseSampler, NSGAIIISampler, NSGAIISampler, RandomSampler
from sweeper_core.study._job.handle import TrialHandle, activated, packed
from sweeper_core.study.study import Study
from sweeper_core.trial import FrozenTrial, Trial, TrialState


class FromTheHub(BaseSampler):
    """Keeps its state in the storage, as samplers of OptunaHub do."""

    def __init__(self) -> None:
        self._independent = RandomSampler(seed=1)
        self.seen: list[dict[str, Any]] = []

    def infer_relative_search_space(self, study: Any, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        self._raise_error_if_multi_objective(study)
        return {}

    def sample_relative(self, study: Any, trial: FrozenTrial, search_space: dict[str, BaseDistribution]) -> Any:
        return {}

    def sample_independent(self, study: Any, trial: FrozenTrial, name: str, distribution: BaseDistribution) -> Any:
        done = study._get_trials(deepcopy=False, states=(TrialState.COMPLETE,), use_cache=True)
        study._storage.set_trial_system_attr(trial._trial_id, "hub:done", len(done))
        study._storage.set_study_system_attr(study._study_id, "hub:latest", trial.number)
        self.seen.append(study._storage.get_study_system_attrs(study._study_id))
        return self._independent.sample_independent(study, trial, name, distribution)


@pytest.mark.parametrize("url", [None, "sqlite:///{}/s.db", "{}/s.log"], ids=["memory", "sqlite", "journal"])
def test_a_sampler_of_optunahub_runs(url: str | None, tmp_path: Path) -> None:
    sampler = FromTheHub()
    study = create_study(storage=None if url is None else url.format(tmp_path), sampler=sampler)
    study.optimize(lambda trial: trial.suggest_float("x", 0.0, 1.0), n_trials=3)
    assert [trial.system_attrs["hub:done"] for trial in study.trials] == [0, 1, 2]
    assert sampler.seen[-1] == study.system_attrs
    assert study.system_attrs == {"hub:latest": 2}
    storage = study._storage
    key = study.trials[1]._trial_id
    assert storage.get_trial(key).number == 1
    assert storage.get_trial_system_attrs(key)["hub:done"] == 1
    assert len(storage.get_all_trials(study._study_id, states=(TrialState.COMPLETE,))) == 3
    with pytest.raises(KeyError, match="999"):
        storage.get_trial(999)


def test_a_sampler_may_refuse_several_objectives() -> None:
    study = create_study(directions=["minimize"] * 2, sampler=FromTheHub())
    with pytest.raises(ValueError, match="FromTheHub is for studies with one objective"):
        study.ask().suggest_float("x", 0.0, 1.0)


class LightGBMCallback:
    """Does what Optuna's callback for LightGBM does with its trial."""

    def __init__(self, trial: Any, higher_is_better: bool) -> None:
        self._trial = trial
        self._wanted = StudyDirection.MAXIMIZE if higher_is_better else StudyDirection.MINIMIZE

    def __call__(self, iteration: int, score: float) -> None:
        if self._trial.study.direction != self._wanted:
            raise ValueError("The intermediate values are inconsistent with the objective values.")
        self._trial.report(score, step=iteration)
        if self._trial.should_prune():
            raise TrialPruned(f"Trial was pruned at iteration {iteration}.")


def test_a_callback_written_for_optuna_runs_in_a_sweeps_job(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/s.db"
    study = create_study(study_name="s", storage=url, direction="maximize")
    study.ask({"x": FloatDistribution(0.0, 1.0)})
    TrialHandle(url, "s", 0, pruner=packed(ThresholdPruner(lower=0.0))).write(tmp_path / "0")
    with activated(tmp_path / "0"):
        trial = current_trial()
        callback = LightGBMCallback(trial, higher_is_better=True)
        callback(0, 0.5)
        with pytest.raises(TrialPruned):
            callback(1, -0.5)
        with pytest.raises(ValueError, match="inconsistent"):
            LightGBMCallback(trial, higher_is_better=False)(2, 0.0)
        trial.set_user_attr("a", [1])
        assert trial.user_attrs == {"a": [1]}
        assert trial.distributions == {"x": FloatDistribution(0.0, 1.0)}
        assert trial.datetime_start == study.trials[0].datetime_start
        assert trial.study.study_name == "s"  # type: ignore[union-attr]


def test_outside_of_a_sweep_there_is_no_study() -> None:
    trial = current_trial()
    assert (trial.study, trial.user_attrs, trial.distributions, trial.datetime_start) == (None, {}, {}, None)


def two_objectives(trial: Trial) -> Sequence[float]:
    x = trial.suggest_float("x", 0.0, 1.0)
    return x, 1.0 - x


@pytest.mark.parametrize("kind", [NSGAIISampler, NSGAIIISampler])
def test_nsga_samplers_are_genetic_samplers(kind: type[NSGAIISampler | NSGAIIISampler]) -> None:
    sampler = kind(population_size=4, seed=1)
    assert isinstance(sampler, BaseGASampler)
    study: Study = create_study(directions=["minimize"] * 2, sampler=sampler)
    study.optimize(two_objectives, n_trials=13)
    assert sampler.population_size == 4
    assert [sampler.get_trial_generation(study, trial) for trial in study.trials] == [k // 4 for k in range(13)]
    assert [trial.number for trial in sampler.get_population(study, 1)] == [4, 5, 6, 7]
    assert sampler.get_parent_population(study, 0) == []
    assert {trial.number for trial in sampler.get_parent_population(study, 1)} == {0, 1, 2, 3}
    parents = sampler.get_parent_population(study, 3)
    assert len(parents) == 4
    assert all(trial.number < 12 for trial in parents)


def test_a_running_trial_has_the_storages_key_by_its_private_name() -> None:
    study = create_study()
    trial = study.ask()
    study._storage.set_trial_system_attr(trial._trial_id, "key", 1)
    assert study.trials[0].system_attrs["key"] == 1
