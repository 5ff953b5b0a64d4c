"""A Gaussian-process search that stands still looks elsewhere."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sweeper_core.distributions import CategoricalDistribution, FloatDistribution
from sweeper_core.samplers import GPSampler
from sweeper_core.search_space.space import Clause, Parameter, SearchSpace
from sweeper_core.testing.simulation import Simulation

FAMILIES = SearchSpace(
    [
        Parameter("family", CategoricalDistribution(["smooth", "flat", "hidden"])),
        *(
            Parameter(name, FloatDistribution(0.0, 1.0), when=(Clause("family", "in", (name,)),))
            for name in ("smooth", "flat", "hidden")
        ),
    ]
)


def narrow(params: dict[str, Any]) -> float:
    """Return a loss whose minimum lies in a valley of the branch that is the worst of the three elsewhere."""
    if params["family"] == "smooth":
        return float((params["smooth"] - 0.3) ** 2)
    if params["family"] == "flat":
        return 0.5
    return 1.0 - 1.5 * math.exp(-(((params["hidden"] - 0.75) / 0.1) ** 2))


def reasons(simulation: Simulation) -> list[str]:
    return [suggestion.why for suggestion in simulation.suggestions]


def test_a_branch_is_not_given_up_for_its_first_points() -> None:
    simulation = Simulation(GPSampler(seed=0), FAMILIES, seed=0)
    for place in (0.0, 0.15, 0.3, 0.45):  # far from the valley
        number, params = simulation.ask({"family": "hidden", "hidden": place})
        simulation.tell(number, narrow(params))
    simulation.run(narrow, 70)
    assert min(simulation.history.values[:, 0]) < -0.45


def test_detours_begin_when_nothing_is_gained_and_leave_every_other_trial_to_the_search() -> None:
    space = SearchSpace.of({"x": FloatDistribution(0.0, 1.0), "y": FloatDistribution(0.0, 1.0)})
    simulation = Simulation(GPSampler(seed=0), space, seed=0)
    simulation.run(lambda params: (params["x"] - 0.3) ** 2 + (params["y"] - 0.6) ** 2, 60)
    detours = np.flatnonzero(["detour" in why for why in reasons(simulation)])
    assert len(detours) >= 10
    assert detours.min() >= 20
    assert np.all(np.diff(detours) >= 2)


def test_there_is_no_detour_as_long_as_much_is_gained() -> None:
    space = SearchSpace.of({"x": FloatDistribution(0.0, 1.0), "y": FloatDistribution(0.0, 1.0)})
    simulation = Simulation(GPSampler(seed=0), space, seed=0)
    for number in range(50):  # whatever is suggested, the values fall
        number, _ = simulation.ask()
        simulation.tell(number, -float(number))
    assert not any("detour" in why for why in reasons(simulation))


def test_a_fixed_branch_stays_fixed() -> None:
    simulation = Simulation(GPSampler(seed=0), FAMILIES, seed=0)
    simulation.run(narrow, 12)
    for _ in range(40):
        number, params = simulation.ask({"family": "smooth"})
        simulation.tell(number, narrow(params))
        assert params["family"] == "smooth"
    assert any("detour" in why for why in reasons(simulation))


def test_detours_do_not_go_on_into_a_branch_where_everything_fails() -> None:
    simulation = Simulation(GPSampler(seed=0), FAMILIES, seed=0)
    families: list[str] = []

    def failing(params: dict[str, Any]) -> float | None:
        families.append(params["family"])
        return None if params["family"] == "hidden" else narrow(params)

    simulation.run(failing, 100)
    assert families[50:].count("hidden") <= 8
    assert any("detour" in why for why in reasons(simulation))


SQUARE = SearchSpace.of({"x": FloatDistribution(0.0, 1.0), "y": FloatDistribution(0.0, 1.0)})


def two_valleys(params: dict[str, Any]) -> float:
    """Return a loss with a wide valley, where the search begins, and a deeper one in a corner."""
    wide = (params["x"] - 0.45) ** 2 + (params["y"] - 0.55) ** 2
    deep = ((params["x"] - 0.93) ** 2 + (params["y"] - 0.07) ** 2) / 0.15**2
    return wide - 1.5 * math.exp(-deep)


def detours_of(simulation: Simulation) -> list[int]:
    return [number for number, why in enumerate(reasons(simulation)) if "detour" in why]


def test_a_short_study_looks_elsewhere_as_soon_as_it_is_slow() -> None:
    short = Simulation(GPSampler(seed=0, n_startup_trials=None), SQUARE, seed=0, budget=40)
    short.run(two_valleys, 40)
    found = detours_of(short)
    assert found
    assert found[0] < 20
    assert all(number % 2 == 1 for number in found)
    long = Simulation(GPSampler(seed=0, n_startup_trials=None), SQUARE, seed=0, budget=100)
    long.run(two_valleys, 20)
    assert not detours_of(long)


def test_noise_is_no_reason_to_look_elsewhere() -> None:
    simulation = Simulation(GPSampler(seed=0, n_startup_trials=None), SQUARE, seed=0, budget=40)
    noise = np.random.default_rng(0)
    simulation.run(lambda params: params["x"] ** 2 + noise.normal(), 40)
    assert not detours_of(simulation)


def test_what_began_from_an_earlier_study_looks_elsewhere_in_turn() -> None:
    source = Simulation(GPSampler(seed=1), SQUARE, seed=1)
    source.run(lambda params: (params["x"] - 0.3) ** 2 + (params["y"] - 0.6) ** 2, 30)
    study = Simulation(GPSampler(seed=0, n_startup_trials=None), SQUARE, seed=0, budget=40)
    study.table.sources = (source.history,)
    study.run(two_valleys, 40)
    assert [number for number in detours_of(study) if 20 <= number < 40] == list(range(21, 40, 2))
    assert reasons(study)[:2] == ["the best point of an earlier study", "the middle of the space"]
