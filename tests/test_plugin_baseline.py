"""The study's first trial runs the values that the configuration has."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from plugin_support import sweep

from hydra_plugins.hydra_hpo_sweeper._config._settings import Settings
from hydra_plugins.hydra_hpo_sweeper._optuna_names import OptunaSweeperConf
from hydra_plugins.hydra_hpo_sweeper._sweep._preparation._directory import SweepDirectory
from hydra_plugins.hydra_hpo_sweeper._sweep._preparation._opening import open_study
from sweeper_core import load_study
from sweeper_core.directions import StudyDirection
from sweeper_core.samplers import RandomSampler

CONFIG = "lr: 0.25\nname: b\nepochs: 4\nseed: ???\nwidth: null\nfar: 7.0\nold: ${lr}\n"
START = "hydra.sweeper.start=config"


def jobs_of(directory: Path, *overrides: str, keys: str = "lr", config: str = CONFIG) -> list[tuple[Any, ...]]:
    """Return what each job of a sweep got for some keys."""
    seen: list[tuple[Any, ...]] = []

    def task(cfg: Any) -> float:
        seen.append(tuple(cfg.get(key) for key in keys.split()))
        return float(len(seen))

    sweep(task, directory, [START, *overrides], config)
    return seen


TWO = "hydra.sweeper.n_trials=2"
SPACE = ("lr=interval(0,1)", "name=choice(a,b)", "epochs=int(interval(1,9))", "old=interval(0,1)")


def test_the_configuration_is_the_first_trial_of_the_study_and_only_that(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = jobs_of(tmp_path / "s", *SPACE, TWO, keys="lr name epochs old")
    assert first == (0.25, "b", 4, 0.25) != second
    shown = capsys.readouterr().out
    assert "Trial 0 runs your configuration: lr=0.25 name=b epochs=4 old=0.25 (" in shown
    assert first not in jobs_of(tmp_path / "s", *SPACE, TWO, keys="lr name epochs old")
    assert "runs your configuration" not in capsys.readouterr().out


def test_what_the_configuration_lacks_is_sampled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    overrides = ["lr=interval(0,1)", "name=choice(a,b)", "seed=range(3)", "far=interval(0,1)", TWO]
    first = jobs_of(tmp_path / "s", *overrides, keys="lr name seed far")[0]
    assert first[:2] == (0.25, "b")
    assert first[2] in range(3)
    assert 0 <= first[3] <= 1
    assert "the sampler gives seed from choice(0, 1, 2); far from interval(0, 1)" in re.sub(
        r"int\(interval\(0, 2\)\)|range\(3\)|range\(0, 3\)", "choice(0, 1, 2)", capsys.readouterr().out
    )


def test_with_fewer_than_half_of_the_values_there_is_no_such_trial(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert jobs_of(tmp_path / "s", "lr=interval(0,1)", "seed=range(3)", "width=range(4)", TWO)[0] != (0.25,)
    assert "it has a value in the search space for 1 of 3 swept keys" in capsys.readouterr().out


def test_null_is_a_value_where_it_is_a_choice(tmp_path: Path) -> None:
    assert jobs_of(tmp_path / "s", "lr=interval(0,1)", "width=choice(null,1)", TWO, keys="width")[0] == (None,)


def test_fixed_overrides_are_part_of_the_configuration(tmp_path: Path) -> None:
    assert jobs_of(tmp_path / "s", "lr=0.5", "old=interval(0,1)", TWO, keys="old")[0] == (0.5,)


@pytest.mark.parametrize("epochs", [4, 5])
def test_conditions_decide_on_the_configurations_own_values(tmp_path: Path, epochs: int) -> None:
    config = (
        f"epochs: {epochs}\nlr: 0.25\nname: x\n"
        "hydra: {sweeper: {params: {epochs: 'choice(4, 5)', "
        "'when epochs=4': {lr: 'interval(0, 1)', name: 'choice(x, y)'}}}}\n"
    )
    assert jobs_of(tmp_path / "s", TWO, keys="epochs lr name", config=config)[0] == (epochs, 0.25, "x")


def test_enqueued_points_come_before(tmp_path: Path) -> None:
    found = jobs_of(tmp_path / "s", "lr=interval(0,1)", "hydra.sweeper.enqueue=[{lr:0.75}]", TWO)
    assert found == [(0.75,), (0.25,)]


@pytest.mark.parametrize(
    "overrides",
    [
        ["hydra/sweeper/sampler=grid", "epochs=range(1,4)", "hydra.sweeper.n_trials=9"],
        ["hydra/sweeper/sampler=bruteforce", "epochs=range(1,4)", "hydra.sweeper.n_trials=9"],
        ["hydra.sweeper.start=none", "epochs=range(1,4)", "hydra.sweeper.n_trials=9"],
        ["hydra.sweeper.points=[{epochs:1},{epochs:2},{epochs:3}]"],
    ],
    ids=["grid", "brute-force", "none", "points"],
)
def test_what_lists_its_points_runs_no_other(tmp_path: Path, overrides: list[str]) -> None:
    config = CONFIG.replace("epochs: 4", "epochs: 2")
    found = [epochs for (epochs,) in jobs_of(tmp_path / "s", *overrides, keys="epochs", config=config)]
    assert sorted(found) == [1, 2, 3]
    study = load_study(study_name="hpo", storage=f"sqlite:///{tmp_path / 's' / 'study.db'}")
    assert not any("hpo:baseline" in trial.system_attrs for trial in study.trials)


def test_processes_that_begin_together_run_it_once(tmp_path: Path) -> None:
    settings = Settings(
        directions=(StudyDirection.MINIMIZE,),
        sampler=RandomSampler(seed=0),
        storage=f"sqlite:///{tmp_path / 'study.db'}",
        study_name="s",
        enqueue=({"x": 0.5},),
        baseline={"x": 0.25},
    )

    def numbers(index: int) -> int | None:
        opened = open_study(settings, SweepDirectory(tmp_path / f"sweep{index}"))
        opened.session.close()
        return opened.begun.get("config")

    with ThreadPoolExecutor(8) as pool:
        assert sorted(map(str, pool.map(numbers, range(8)))) == ["1", *["None"] * 7]
    study = load_study(study_name="s", storage=settings.storage)
    assert [trial.system_attrs["fixed_params"] for trial in study.trials] == [{"x": 0.5}, {"x": 0.25}]


def test_a_study_that_has_trials_gets_none(tmp_path: Path) -> None:
    sweep(lambda cfg: 0.0, tmp_path / "s", ["lr=interval(0,1)", "hydra.sweeper.n_trials=1"], CONFIG)
    assert jobs_of(tmp_path / "s", "lr=interval(0,1)", "hydra.sweeper.n_trials=1") != [(0.25,)]


def test_the_end_compares_the_best_with_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    overrides = [START, "lr=interval(0,1)", "hydra.sweeper.enqueue=[{lr:0.5}]", "hydra.sweeper.n_trials=8"]
    sweep(lambda cfg: float(cfg.lr) + 1.0, tmp_path / "s", overrides, CONFIG)
    assert re.search(r"That is .* % better than your configuration \(1\.25\)\.", capsys.readouterr().out)


def test_under_optunas_name_the_sampler_begins() -> None:
    assert OptunaSweeperConf().start == "none"
