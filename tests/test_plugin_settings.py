"""hydra.sweeper as checked settings: samplers and pruners built from data, everything else typed."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize
from omegaconf import OmegaConf

from hydra_plugins.hydra_hpo_sweeper._config._algorithms import build_pruner, build_sampler
from hydra_plugins.hydra_hpo_sweeper._config._settings import (
    Constraint,
    EarlierStudy,
    MlflowOptions,
    Repeat,
    Settings,
    read_settings,
)
from hydra_plugins.hydra_hpo_sweeper._errors import ConfigError
from sweeper_core import pruners, samplers
from sweeper_core.directions import StudyDirection
from sweeper_core.registry import PRUNERS, SAMPLERS, Entry
from sweeper_core.samplers import GridSampler, RandomSampler, TPESampler

ROOT = Path(__file__).resolve().parent.parent
MINIMIZE, MAXIMIZE = StudyDirection.MINIMIZE, StudyDirection.MAXIMIZE


def config_of(*overrides: str) -> Any:
    """Return a composed configuration with the sweeper's part."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with initialize(config_path=None, version_base="1.3"):
            chosen = ["hydra/sweeper=hpo", "hydra/sweeper/sampler=random", *overrides]
            return compose(overrides=chosen, return_hydra_config=True)


def settings_of(*overrides: str, **more: Any) -> Settings:
    """Return the settings under ``hydra/sweeper=hpo`` with some of them replaced."""
    config = config_of(*overrides)
    for key, value in more.items():
        config.hydra.sweeper[key] = value
    return read_settings(config)


def test_what_is_not_set_has_its_documented_default() -> None:
    settings = settings_of()
    assert settings == Settings(directions=(MINIMIZE,), sampler=settings.sampler)
    assert (settings.n_trials, settings.n_jobs, settings.max_failure_rate) == (20, 1, 0.5)
    assert (settings.max_retries, settings.max_retries_failed) == (1, 0)


DIRECTIONS: dict[str, tuple[Any, tuple[StudyDirection, ...]]] = {
    "minimize": ("minimize", (MINIMIZE,)),
    "upper-case": ("MAXIMIZE", (MAXIMIZE,)),
    "member's-name": ("Direction.maximize", (MAXIMIZE,)),
    "list": (["minimize", "maximize"], (MINIMIZE, MAXIMIZE)),
    "list-of-one": (["maximize"], (MAXIMIZE,)),
    "list-of-members": (["Direction.minimize", "Direction.minimize"], (MINIMIZE, MINIMIZE)),
    "enum": (StudyDirection.MAXIMIZE, (MAXIMIZE,)),
    "null": (None, (MINIMIZE,)),
}


@pytest.mark.parametrize(("direction", "expected"), DIRECTIONS.values(), ids=DIRECTIONS)
def test_directions_in_every_form(direction: Any, expected: tuple[StudyDirection, ...]) -> None:
    assert settings_of(direction=direction).directions == expected


def test_a_direction_may_be_an_interpolation() -> None:
    config = config_of("+mode=max", "hydra.sweeper.direction='${mode}imize'")
    assert read_settings(config).directions == (MAXIMIZE,)


ACCEPTED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "n_jobs-null": ({"n_jobs": None}, {"n_jobs": 1}),
    "n_jobs-all": ({"n_jobs": -1}, {"n_jobs": os.cpu_count()}),
    "n_trials-null": ({"n_trials": None}, {"n_trials": None}),
    "n_trials-whole-float": ({"n_trials": 1e3}, {"n_trials": 1000}),
    "timeout-int": ({"timeout": 60}, {"timeout": 60.0}),
    "timeout-h": ({"timeout": "8h"}, {"timeout": 28800.0}),
    "timeout-hm": ({"timeout": "1h30m", "trial_timeout": "90m"}, {"timeout": 5400.0, "trial_timeout": 5400.0}),
    "timeout-d": ({"timeout": "2d", "storage_patience": "1.5h"}, {"timeout": 172800.0, "storage_patience": 5400.0}),
    "timeout-s": ({"timeout": "45s"}, {"timeout": 45.0}),
    "max_failure_rate-int": ({"max_failure_rate": 1}, {"max_failure_rate": 1.0}),
    "study_name-number": ({"study_name": 2026}, {"study_name": "2026"}),
    "metric-one": ({"metric": "loss"}, {"metric": ("loss",)}),
    "metric-several": (
        {"metric": ["a", "b"], "direction": ["minimize", "maximize"], "pruning_metric": "b"},
        {"metric": ("a", "b"), "pruning_metric": "b"},
    ),
    "progress-off-in-yaml": ({"progress": False}, {"progress": "off"}),
    "lanes": ({"lanes": "process"}, {"lanes": "process"}),
    "devices-auto": ({"devices": "auto"}, {"devices": "auto"}),
    "devices-list": ({"devices": [0, "MIG-1"]}, {"devices": ("0", "MIG-1")}),
    "devices-count": ({"devices": 3}, {"devices": 3}),
    "devices-text": ({"devices": "0,1"}, {"devices": ("0", "1")}),
    "numbers-as-texts": (
        {"n_trials": "3", "n_jobs": " 2", "max_failure_rate": "0.5", "timeout": "1e3", "max_retries": "00"}
        | {"max_trials": "null"},
        {"n_trials": 3, "n_jobs": 2, "max_failure_rate": 0.5, "timeout": 1000.0, "max_retries": 0, "max_trials": None},
    ),
    "flags-as-texts": (
        {"repeat": {"seed": [1]}, "repeat_early_stop": "false"},
        {"repeat": Repeat("seed", (1,), early_stop=False)},
    ),
    "enqueue-list": ({"enqueue": [{"x": 1}, {"x": 2}]}, {"enqueue": ({"x": 1}, {"x": 2})}),
    "enqueue-one": ({"enqueue": {"x": 1}}, {"enqueue": ({"x": 1},)}),
    "repeat": (
        {"repeat": {"seed": [0, 1]}, "repeat_aggregate": "median", "repeat_early_stop": False},
        {"repeat": Repeat("seed", (0, 1), "median", False)},
    ),
    "constraints": (
        {"constraints": {"latency": "<= 10", "accuracy": ">0.5"}},
        {"constraints": (Constraint("latency", "<=", 10.0), Constraint("accuracy", ">=", 0.5))},
    ),
    "warm_start": (
        {"warm_start": [{"storage": "sqlite:///a.db", "study_name": "a"}]},
        {"warm_start": (EarlierStudy("sqlite:///a.db", "a"),)},
    ),
    "mlflow": (
        {"mlflow": {"tracking_uri": "sqlite:///m.db", "experiment": "e"}},
        {"mlflow": MlflowOptions("sqlite:///m.db", "e", True)},
    ),
    "storage-url": ({"storage": "postgresql://host/db"}, {"storage": "postgresql://host/db"}),
    "storage-of-optuna": (
        {"storage": {"_target_": "optuna.storages.RDBStorage", "url": "sqlite:///x.db"}},
        {"storage": "sqlite:///x.db"},
    ),
    "storage-journal": ({"storage": "runs/study.log"}, {"storage": "runs/study.log"}),
    "journal-of-optuna": (
        {
            "storage": {
                "_target_": "optuna.storages.JournalStorage",
                "log_storage": {
                    "_target_": "optuna.storages.journal.JournalFileBackend",
                    "file_path": "/data/study.log",
                },
            }
        },
        {"storage": "journal:////data/study.log"},
    ),
    "custom_search_space": ({"custom_search_space": "os.path.join"}, {"custom_search_space": os.path.join}),
    "custom_search_space-mapping": (
        {"custom_search_space": {"_target_": "os.path.join", "_partial_": True}},
        {"custom_search_space": os.path.join},
    ),
}


@pytest.mark.parametrize(("given", "expected"), ACCEPTED.values(), ids=ACCEPTED)
def test_settings_in_the_forms_that_people_write(given: dict[str, Any], expected: dict[str, Any]) -> None:
    settings = settings_of(**given)
    assert {key: getattr(settings, key) for key in expected} == expected


@pytest.mark.parametrize(
    ("constraint", "value", "violation"),
    [("<= 10", 12.0, 2.0), ("<= 10", 7.0, -3.0), (">= 0.5", 0.25, 0.25)],
)
def test_a_constraint_tells_by_how_much_it_is_broken(constraint: str, value: float, violation: float) -> None:
    (limit,) = settings_of(constraints={"entry": constraint}).constraints
    assert limit.violation(value) == violation


class TestSearchSpaceKeys:
    def test_the_older_key_and_the_newer_one_make_one_search_space(self) -> None:
        config = OmegaConf.create({"low": 3, "hydra": config_of().hydra})
        config.hydra.sweeper.search_space = {"x": {"type": "int", "low": "${low}", "high": 9}}
        config.hydra.sweeper.params = {"y": "range(${low})"}
        params = read_settings(config).params
        assert params is not None
        assert OmegaConf.to_container(params, resolve=True) == {
            "x": {"type": "int", "low": 3, "high": 9},
            "y": "range(3)",
        }

    def test_a_key_in_both_is_refused(self) -> None:
        with pytest.raises(ConfigError, match=r"'x' is in hydra.sweeper.params and in hydra.sweeper.search_space"):
            settings_of(params={"x": "range(3)"}, search_space={"x": "range(4)"})

    def test_parameters_may_come_through_an_interpolation(self) -> None:
        config = config_of("+space={x:'range(3)'}", "hydra.sweeper.params='${space}'")
        assert OmegaConf.to_container(read_settings(config).params) == {"x": "range(3)"}  # type: ignore[arg-type]


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_sampler_of_the_group_can_be_built(name: str) -> None:
    sampler = read_settings(config_of(f"hydra/sweeper/sampler={name}", "hydra.sweeper.sampler.seed=3")).sampler
    assert type(sampler).__name__ == SAMPLERS[name].class_name
    assert sampler.seed == 3


@pytest.mark.parametrize(
    ("module", "entry"),
    [*((samplers, entry) for entry in SAMPLERS.values()), *((pruners, entry) for entry in PRUNERS.values())],
    ids=lambda value: value.class_name if isinstance(value, Entry) else "",
)
def test_every_argument_in_a_group_is_one_of_its_class(module: Any, entry: Entry) -> None:
    built = getattr(module, entry.class_name)
    assert entry.config().keys() - {"_target_"} <= inspect.signature(built).parameters.keys()


@pytest.mark.parametrize("name", PRUNERS)
def test_every_pruner_of_the_group_can_be_built(name: str) -> None:
    more = ["hydra.sweeper.pruner.upper=1"] if name == "threshold" else []
    pruner = read_settings(config_of(f"hydra/sweeper/pruner={name}", *more)).pruner
    assert (pruner is None) == (name == "none")
    if pruner is not None:
        assert isinstance(pruner, getattr(pruners, PRUNERS[name].class_name))


class TestSamplers:
    @pytest.mark.parametrize(
        ("config", "kind"),
        [
            ("random", RandomSampler),
            ("motpe", TPESampler),
            ({"_target_": "optuna.samplers.TPESampler"}, TPESampler),
            ({"_target_": "optuna.samplers.MOTPESampler"}, TPESampler),
            ({"_target_": "sweeper_core.samplers.GridSampler", "_partial_": True}, GridSampler),
            ({"_target_": "TPESampler"}, TPESampler),
            ({"_target_": "hydra_plugins.hydra_optuna_sweeper.config.raise_motpe_removed"}, TPESampler),
        ],
        ids=str,
    )
    def test_a_target_is_mapped_by_its_last_word(self, config: Any, kind: type) -> None:
        assert type(build_sampler(config)) is kind

    @pytest.mark.parametrize("number", ["ii", "iii"])
    def test_factories_of_the_other_plugin_are_known(self, number: str) -> None:
        target = f"hydra_plugins.hydra_optuna_sweeper._impl.create_nsga{number}_sampler"
        sampler = build_sampler({"_target_": target, "population_size": 8, "mutation": None})
        assert type(sampler) is getattr(samplers, f"NSGA{number.upper()}Sampler")

    def test_arguments_reach_the_sampler_and_null_means_its_own_default(self) -> None:
        sampler = build_sampler({"_target_": "optuna.samplers.TPESampler", "seed": 7, "n_startup_trials": None})
        assert isinstance(sampler, TPESampler)
        assert (sampler.seed, sampler.n_startup_trials) == (7, TPESampler().n_startup_trials)

    def test_what_another_samplers_defaults_left_over_is_dropped_with_a_warning(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        left = {"_target_": "optuna.samplers.RandomSampler", "seed": 1, "n_startup_trials": 10, "multivariate": False}
        assert build_sampler({**left, "constraints_func": None}).seed == 1
        (record,) = caplog.records
        assert "RandomSampler has no n_startup_trials, multivariate" in record.getMessage()

    def test_what_somebody_wrote_for_another_sampler_is_refused(self) -> None:
        with pytest.raises(ConfigError, match="RandomSampler has no argument 'n_startup_trials'"):
            build_sampler({"_target_": "optuna.samplers.RandomSampler", "n_startup_trials": 11})

    def test_samplers_inside_a_sampler_are_built_too(self) -> None:
        sampler = build_sampler(
            {
                "_target_": "optuna.samplers.GPSampler",
                "independent_sampler": {"_target_": "optuna.samplers.RandomSampler"},
            }
        )
        assert type(vars(sampler)["independent_sampler"]) is RandomSampler

    @pytest.mark.parametrize(
        "written", ["os.path.exists", {"_target_": "hydra.utils.get_method", "path": "os.path.exists"}], ids=str
    )
    def test_functions_are_given_by_their_path(self, written: Any) -> None:
        sampler = build_sampler({"_target_": "optuna.samplers.TPESampler", "constraints_func": written})
        assert isinstance(sampler, TPESampler)
        assert sampler.constraints_func is os.path.exists

    @pytest.mark.parametrize(
        "argument", ["elite_population_selection_strategy", "child_generation_strategy", "after_trial_strategy"]
    )
    def test_strategies_are_given_by_their_path(self, argument: str) -> None:
        sampler = build_sampler({"_target_": "optuna.samplers.NSGAIISampler", argument: "os.path.exists"})
        assert vars(sampler)[argument] is os.path.exists

    def test_parameters_are_fixed_around_another_sampler(self) -> None:
        base = {"_target_": "sweeper_core.samplers.TPESampler", "n_startup_trials": 3}
        config = {"_target_": "sweeper_core.samplers.PartialFixedSampler", "fixed_params": {"x": 1}}
        for written, kind in ((base, TPESampler), ("random", RandomSampler)):
            sampler = build_sampler({**config, "base_sampler": written})
            assert vars(sampler)["fixed_params"] == {"x": 1}
            assert type(vars(sampler)["base_sampler"]) is kind

    def test_a_sampler_of_ones_own(self) -> None:
        sampler = build_sampler({"_target_": f"{__name__}.Own", "greeting": "hello"})
        assert isinstance(sampler, Own)
        assert sampler.greeting == "hello"


class Own(RandomSampler):
    """A user's own sampler."""

    def __init__(self, greeting: str) -> None:
        super().__init__()
        self.greeting = greeting


def test_a_pruner_inside_a_pruner_is_built_too() -> None:
    pruner = build_pruner({"_target_": "optuna.pruners.PatientPruner", "wrapped_pruner": "median", "patience": 2})
    assert isinstance(vars(pruner)["wrapped_pruner"], pruners.MedianPruner)


def test_hydra_does_not_build_the_sampler_itself() -> None:
    config = config_of()
    assert config.hydra.sweeper._recursive_ is False
    assert config.hydra.sweeper.sampler._target_ == "sweeper_core.samplers.RandomSampler"


def test_the_scanned_modules_bring_nothing_heavy_into_an_application() -> None:
    code = """
import sys
from hydra.core.plugins import Plugins
Plugins.instance()
assert "hydra_plugins.hydra_hpo_sweeper.config" in sys.modules
light = {"sweeper_core", "sweeper_core._lazy", "sweeper_core.registry"}
core = {name for name in sys.modules if name.startswith("sweeper_core")}
print(sorted({"numpy", "scipy", "sqlalchemy"} & set(sys.modules) | core - light))
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
