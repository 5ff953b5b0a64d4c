"""How many points come before the first model, by budget and columns; and how a sweep knows its budget."""

from __future__ import annotations

from itertools import pairwise

import pytest

from hydra_plugins.hydra_hpo_sweeper._config._settings import Settings
from hydra_plugins.hydra_hpo_sweeper._sweep._output._tally import Tally
from hydra_plugins.hydra_hpo_sweeper._sweep._stopping import _stop
from hydra_plugins.hydra_hpo_sweeper._sweep._stopping._interrupt import Interrupt
from hydra_plugins.hydra_hpo_sweeper._sweep._stopping._stop import StopRules
from sweeper_core.directions import StudyDirection
from sweeper_core.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from sweeper_core.samplers import AutoSampler, GPSampler
from sweeper_core.samplers._gp.space import Encoding
from sweeper_core.samplers._gp.start import start_length
from sweeper_core.samplers.base import Request
from sweeper_core.search_space.space import Clause, Parameter, SearchSpace
from sweeper_core.testing.simulation import Simulation
from sweeper_core.trial.state import TrialState

MODEL = "fewer than 1000 trials"


def space_of(numbers: int, *choices: int) -> SearchSpace:
    floats = [Parameter(f"x{index}", FloatDistribution(0, 1)) for index in range(numbers)]
    kinds = [Parameter(f"c{index}", CategoricalDistribution(list(range(k)))) for index, k in enumerate(choices)]
    return SearchSpace([*floats, *kinds])


@pytest.mark.parametrize(
    ("space", "budget", "length"),
    [
        (space_of(1), 10, 3),
        (space_of(3), 10, 4),
        (space_of(8), 10, 4),
        (space_of(8), 20, 7),
        (space_of(2, 3), 20, 5),
        (space_of(8), 60, 9),
        (space_of(2), 100, 10),
        (space_of(2), 200, 10),
        (space_of(8), None, 10),
    ],
)
def test_the_start_follows_budget_and_columns(space: SearchSpace, budget: int | None, length: int) -> None:
    assert start_length(Request(space, 0, budget=budget), Encoding(space)) == length


def reasons(sampler: AutoSampler | GPSampler, budget: int | None) -> list[str]:
    study = Simulation(sampler, space_of(2), seed=0, budget=budget)
    for _ in range(11):
        number, params = study.ask()
        study.tell(number, params["x0"])
    return [suggestion.why.rpartition("; ")[2] for suggestion in study.suggestions]


def test_a_short_study_has_its_model_early_and_a_given_number_is_kept() -> None:
    assert reasons(AutoSampler(seed=0), 12)[:4] == ["the middle of the space", *["space-filling start"] * 2, MODEL]
    assert reasons(AutoSampler(seed=0), None) == [*["space-filling start"] * 10, MODEL]
    assert reasons(AutoSampler(seed=0), 100) == [*["space-filling start"] * 10, MODEL]
    assert reasons(GPSampler(seed=0), 12)[:10] == ["space-filling start"] * 10


def test_a_short_study_begins_in_the_middle_of_numbers_and_draws_choices() -> None:
    log = Parameter("log", FloatDistribution(1e-4, 1.0, log=True))
    depth = Parameter("depth", IntDistribution(1, 9), when=(Clause("c0", "in", (0, 1)),))
    space = SearchSpace([*space_of(1, 4), log, depth])
    first = [Simulation(AutoSampler(seed=0), space, seed=seed, budget=20).ask()[1] for seed in range(20)]
    assert {(point["x0"], round(point["log"], 9), point.get("depth", 5)) for point in first} == {(0.5, 0.01, 5)}
    assert {point["c0"] for point in first} == {0, 1, 2, 3}
    study = Simulation(AutoSampler(seed=0), space, seed=0, budget=20)
    assert study.ask({"x0": 0.1})[1]["x0"] == 0.1
    assert study.ask()[1]["x0"] != 0.5  # a second lane, while the first trial runs


BRANCHES = SearchSpace(
    [
        Parameter("model", CategoricalDistribution(["a", "b"])),
        Parameter("rate", FloatDistribution(1e-4, 1.0, log=True), when=(Clause("model", "in", ("a",)),)),
        Parameter("kind", CategoricalDistribution(["p", "q"]), when=(Clause("model", "in", ("a",)),)),
        Parameter("depth", IntDistribution(1, 9), when=(Clause("model", "in", ("b",)),)),
    ]
)


def test_each_branch_of_a_short_study_begins_in_the_middle() -> None:
    study = Simulation(AutoSampler(seed=0), BRANCHES, seed=0, budget=40)
    points = [study.ask()[1] for _ in range(6)]
    rates = [round(point["rate"], 9) for point in points if "rate" in point]
    depths = [point["depth"] for point in points if "depth" in point]
    assert (rates[0], depths[0]) == (0.01, 5)
    assert len(set(rates)) == len(rates) == 3
    assert len(set(depths)) == len(depths) == 3


def test_a_number_that_branches_share_begins_in_the_middle_of_each() -> None:
    shared = Parameter("rate", FloatDistribution(1e-4, 1.0, log=True), when=(Clause("model", "in", ("a", "b", "c")),))
    space = SearchSpace([Parameter("model", CategoricalDistribution(["a", "b", "c", "d"])), shared])
    study = Simulation(AutoSampler(seed=0), space, seed=0, budget=12)
    points = [study.ask()[1] for _ in range(5)]
    first = {point["model"]: point for point in reversed(points)}
    assert set(first) == {"a", "b", "c", "d"}
    assert {round(point["rate"], 9) for point in first.values() if "rate" in point} == {0.01}


@pytest.mark.parametrize("seed", range(5))
def test_a_short_study_tries_a_choice_that_did_badly_once(seed: int) -> None:
    study = Simulation(AutoSampler(seed=0), space_of(1, 4), seed=seed, budget=12)
    tried = []
    for _ in range(10):
        number, params = study.ask()
        tried.append(params["c0"])
        study.tell(number, params["x0"] + (0.0 if params["c0"] == 2 else 10.0))
    assert min(tried.count(choice) for choice in range(4)) == 1
    assert tried.count(2) >= 6


def test_points_of_other_branches_do_not_count_for_the_choices_of_a_branch() -> None:
    for seed in range(5):
        study = Simulation(AutoSampler(seed=0), BRANCHES, seed=seed)
        kinds = [point["kind"] for point in (study.ask()[1] for _ in range(10)) if "kind" in point]
        assert min(kinds.count("p"), kinds.count("q")) >= 2


def test_points_at_once_are_spread_before_any_result() -> None:
    study = Simulation(AutoSampler(seed=0), space_of(1), seed=0, budget=12)
    at_once = sorted(study.ask()[1]["x0"] for _ in range(4))
    assert min(b - a for a, b in pairwise(at_once)) > 0.05


def test_a_timeout_tells_the_budget_by_the_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(_stop.time, "monotonic", lambda: clock[0])
    settings = Settings(directions=(StudyDirection.MINIMIZE,), n_trials=100, timeout=60.0)
    tally = Tally()
    rules = StopRules(settings, tally, Interrupt(True), lambda: 0, lambda: None)
    assert rules.budget(0) == 100
    tally.started = 2
    tally.states[TrialState.COMPLETE] = 2
    clock[0] = 10.0
    assert rules.budget(2) == 12
