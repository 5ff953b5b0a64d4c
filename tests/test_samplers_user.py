"""What users add to samplers in a study: strategies, genetic samplers of their own, fixed parameters around them."""

from __future__ import annotations

from typing import Any

import pytest

import sweeper_core as hpo
from sweeper_core.distributions import FloatDistribution
from sweeper_core.samplers import (
    BaseGASampler,
    BaseSampler,
    GridSampler,
    NSGAIIISampler,
    NSGAIISampler,
    PartialFixedSampler,
    RandomSampler,
    TPESampler,
)
from sweeper_core.search_space.space import SearchSpace
from sweeper_core.trial import TrialState


def objective(trial: Any) -> float:
    x = trial.suggest_float("x", 0, 1)
    return float(x + trial.suggest_int("n", 0, 3) + trial.suggest_categorical("c", ["a", "b"]).count("a"))


@pytest.mark.parametrize("sampler", [NSGAIISampler, NSGAIIISampler])
@pytest.mark.parametrize("fixed", [False, True], ids=["alone", "partially fixed"])
def test_what_is_to_be_done_after_a_trial_is_done_before_its_end_is_stored(sampler: Any, fixed: bool) -> None:
    seen: list[tuple[Any, ...]] = []

    def after(study: hpo.Study, trial: Any, state: Any, values: Any) -> None:
        seen.append((study.study_name, trial.number, trial.state.name, state.name, values, "x" in trial.params))

    base = sampler(seed=0, population_size=4, after_trial_strategy=after)
    study = hpo.create_study(study_name="own", sampler=PartialFixedSampler({"n": 1}, base) if fixed else base)
    study.optimize(objective, n_trials=6)
    study.tell(study.ask(), state=TrialState.FAIL)
    assert [entry[1] for entry in seen] == list(range(7))
    assert seen[0] == ("own", 0, "RUNNING", "COMPLETE", [study.trials[0].value], True)
    assert seen[6][3:5] == ("FAIL", None)


def test_a_trial_ends_although_the_strategy_fails() -> None:
    def after(*_: Any) -> None:
        raise RuntimeError("no")

    study = hpo.create_study(sampler=NSGAIISampler(after_trial_strategy=after))
    with pytest.raises(RuntimeError, match="no"):
        study.optimize(objective, n_trials=1)
    assert study.trials[0].state is TrialState.COMPLETE


class Halves(BaseGASampler):
    """Every generation's values are half of its best parent's."""

    def __init__(self) -> None:
        super().__init__(population_size=3)
        self.selections: list[int] = []

    def select_parent(self, study: Any, generation: int) -> list[Any]:
        self.selections.append(generation)
        return sorted(self.get_population(study, generation - 1), key=lambda trial: trial.value)[:2]

    def infer_relative_search_space(self, study: Any, trial: Any) -> dict[str, Any]:
        return {}

    def sample_relative(self, study: Any, trial: Any, search_space: dict[str, Any]) -> dict[str, Any]:
        return {}

    def sample_independent(self, study: Any, trial: Any, param_name: str, param_distribution: Any) -> Any:
        generation = self.get_trial_generation(study, trial)
        parents = self.get_parent_population(study, generation)
        return min((parent.params["x"] for parent in parents), default=1.0) / 2 + trial.number / 1000


def test_a_users_genetic_sampler_has_generations_and_parents() -> None:
    sampler = Halves()
    study = hpo.create_study(sampler=sampler)
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=10)
    generations = [sampler.get_trial_generation(study, trial) for trial in study.trials]
    assert generations == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3]
    assert sampler.selections == [1, 2, 3]
    assert [trial.number for trial in sampler.get_parent_population(study, 2)] == [3, 4]
    assert study.best_trial.number == 9
    assert study.best_value < 0.1


def test_another_process_knows_generations_and_parents(tmp_path: Any) -> None:
    url = f"sqlite:///{tmp_path}/study.db"
    first = hpo.create_study(study_name="ga", storage=url, sampler=Halves())
    first.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=5)
    sampler = Halves()
    second = hpo.load_study(study_name="ga", storage=url, sampler=sampler)
    second.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    assert sampler.get_trial_generation(second, second.trials[5]) == 1
    assert sampler.selections == []


def test_a_genetic_sampler_without_a_population_is_told_so() -> None:
    sampler = Halves()
    sampler.population_size = None  # type: ignore[assignment]
    study = hpo.create_study(sampler=sampler)
    with pytest.raises(ValueError, match="population_size"):
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)


class Low(BaseSampler):
    """Suggests the least of everything, numbers together."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def before_trial(self, study: Any, trial: Any) -> None:
        self.calls.append("before")

    def after_trial(self, study: Any, trial: Any, state: Any, values: Any) -> None:
        self.calls.append("after")

    def infer_relative_search_space(self, study: Any, trial: Any) -> dict[str, Any]:
        return {"x": hpo.distributions.FloatDistribution(0, 1), "n": hpo.distributions.IntDistribution(0, 3)}

    def sample_relative(self, study: Any, trial: Any, search_space: dict[str, Any]) -> dict[str, Any]:
        self.calls.append("+".join(search_space))
        return {name: distribution.low for name, distribution in search_space.items()}

    def sample_independent(self, study: Any, trial: Any, param_name: str, param_distribution: Any) -> Any:
        self.calls.append(param_name)
        return param_distribution.choices[0]


def test_parameters_may_be_fixed_around_a_users_sampler() -> None:
    low = Low()
    study = hpo.create_study(sampler=PartialFixedSampler({"n": 2}, low))
    study.optimize(objective, n_trials=1)
    assert study.trials[0].params == {"x": 0.0, "n": 2, "c": "a"}
    assert low.calls == ["before", "x", "c", "after"]


def test_parameters_may_be_fixed_around_a_class_derived_from_a_built_in_one() -> None:
    class Mine(TPESampler):
        def sample_independent(self, study: Any, trial: Any, param_name: str, param_distribution: Any) -> Any:
            return (
                "b" if param_name == "c" else super().sample_independent(study, trial, param_name, param_distribution)
            )

    study = hpo.create_study(sampler=PartialFixedSampler({"n": 2}, Mine(seed=0)))
    study.optimize(objective, n_trials=1)
    assert study.trials[0].params["n"] == 2
    assert study.trials[0].params["c"] == "b"


def test_only_a_sampler_can_be_partially_fixed() -> None:
    with pytest.raises(TypeError, match="must be a sampler"):
        PartialFixedSampler({}, "tpe")  # type: ignore[arg-type]


def test_a_grid_says_whether_a_study_has_covered_it() -> None:
    for sampler in (GridSampler({"n": [0, 1, 2]}), GridSampler(seed=0)):
        study = hpo.create_study(sampler=sampler)
        answers = []
        for _ in range(3):
            study.optimize(lambda trial: trial.suggest_int("n", 0, 2), n_trials=1)
            answers.append(sampler.is_exhausted(study))
        assert answers == [False, False, True]


def test_a_partially_fixed_grid_ends_by_itself() -> None:
    study = hpo.create_study(sampler=PartialFixedSampler({"n": 2}, GridSampler({"n": [0, 1, 2], "c": ["a", "b"]})))
    study.optimize(lambda t: t.suggest_int("n", 0, 2) + len(t.suggest_categorical("c", ["a", "b"])), n_trials=20)
    assert sorted(trial.params["c"] for trial in study.trials) == ["a", "b"]


def test_a_random_sampler_serves_a_users_sampler_in_a_study() -> None:
    class Mine(BaseSampler):
        def __init__(self) -> None:
            self.random = RandomSampler(seed=0)

        def infer_relative_search_space(self, study: Any, trial: Any) -> dict[str, Any]:
            return {}

        def sample_relative(self, study: Any, trial: Any, search_space: dict[str, Any]) -> dict[str, Any]:
            return {}

        def sample_independent(self, study: Any, trial: Any, param_name: str, param_distribution: Any) -> Any:
            return self.random.sample_independent(study, trial, param_name, param_distribution)

    study = hpo.create_study(sampler=Mine())
    study.optimize(objective, n_trials=8)
    assert len({trial.params["x"] for trial in study.trials}) == 8


class Generous(BaseSampler):
    """Returns a value for a parameter that it does not suggest together with others."""

    def __init__(self) -> None:
        self.random = RandomSampler(seed=0)

    def infer_relative_search_space(self, study: Any, trial: Any) -> dict[str, Any]:
        return {"x": FloatDistribution(0.0, 1.0)}

    def sample_relative(self, study: Any, trial: Any, search_space: dict[str, Any]) -> dict[str, Any]:
        return {"x": 0.25, "other": 3}

    def sample_independent(self, study: Any, trial: Any, param_name: str, param_distribution: Any) -> Any:
        return self.random.sample_independent(study, trial, param_name, param_distribution)


def test_values_beside_the_relative_space_are_ignored() -> None:
    study = hpo.create_study(sampler=Generous())
    study.optimize(lambda trial: trial.suggest_float("x", 0.0, 1.0) + trial.suggest_float("y", 0.0, 1.0), n_trials=2)
    assert [trial.params["x"] for trial in study.trials] == [0.25, 0.25]
    started = study.session.start(SearchSpace.of({"x": FloatDistribution(0.0, 1.0)}))
    assert started is not None
    assert started.params == {"x": 0.25}


def test_a_value_beside_the_relative_space_cannot_be_asked_for() -> None:
    study = hpo.create_study(sampler=Generous())
    with pytest.raises(ValueError, match=r"other.*not contained in the relative search space"):
        study.ask().suggest_int("other", 1, 5)
