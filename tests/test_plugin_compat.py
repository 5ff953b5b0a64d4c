"""The names of hydra-optuna-sweeper: ours where it is not installed, left alone where it is."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent

INSPECT = """
import json, sys, warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    from hydra import compose, initialize
    from hydra.core.plugins import Plugins
    plugins = Plugins.instance()
    seen = {"classes": sorted(name for name in plugins.class_name_to_class if "hydra_plugins" in name)}
    with initialize(config_path=None):
        for choice in json.loads(sys.argv[1]):
            config = compose(overrides=choice, return_hydra_config=True)
            node = config.hydra.sweeper
            sampler = node.get("sampler")
            seen[" ".join(choice)] = [node._target_, sampler and sampler.get("_target_"), node.get("max_failure_rate")]
    seen["warnings"] = [text for text in (str(warning.message) for warning in caught) if "sweeper" in text]
print(json.dumps(seen))
"""

THEIR_CONFIG = """
from dataclasses import dataclass, field
from typing import Any
from hydra.core.config_store import ConfigStore

@dataclass
class TPESamplerConfig:
    _target_: str = "optuna.samplers.TPESampler"
    seed: Any = None
    n_startup_trials: int = 10

@dataclass
class OptunaSweeperConf:
    _target_: str = "hydra_plugins.hydra_optuna_sweeper.optuna_sweeper.OptunaSweeper"
    defaults: Any = field(default_factory=lambda: ["_self_", {"sampler": "tpe"}])
    sampler: Any = None
    max_failure_rate: float = 0.0

store = ConfigStore.instance()
store.store(group="hydra/sweeper", name="optuna", node=OptunaSweeperConf, provider="optuna_sweeper")
store.store(group="hydra/sweeper/sampler", name="tpe", node=TPESamplerConfig, provider="optuna_sweeper")
"""

THEIR_SWEEPER = """
from hydra.plugins.sweeper import Sweeper

class OptunaSweeper(Sweeper):
    def __init__(self, **settings): self.settings = settings
    def setup(self, *, hydra_context, task_function, config): pass
    def sweep(self, arguments): print("THEIRS", self.settings["sampler"])
"""

OURS = "hydra_plugins.hydra_hpo_sweeper.sweeper.HPOSweeper"
THEIRS = "hydra_plugins.hydra_optuna_sweeper.optuna_sweeper.OptunaSweeper"


def inspect(*choices: list[str], path: Path | None = None) -> dict[str, Any]:
    """Return what a process of its own finds under some choices."""
    paths = [str(ROOT), *([str(path)] if path else [])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(
        [sys.executable, "-c", INSPECT, json.dumps(choices)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)  # type: ignore[no-any-return]


@pytest.fixture
def their_plugin(tmp_path: Path) -> Path:
    """A stand-in for hydra-optuna-sweeper, with the entries that both plugins have."""
    folder = tmp_path / "hydra_plugins" / "hydra_optuna_sweeper"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "config.py").write_text(THEIR_CONFIG)
    (folder / "optuna_sweeper.py").write_text(THEIR_SWEEPER)
    return tmp_path


def application(folder: Path) -> Callable[..., str]:
    """Write an application into a folder with plugins; return a function that sweeps it and returns what it says."""
    (folder / "train.py").write_text(
        "import hydra\n@hydra.main(config_path=None)\ndef main(cfg):\n    return cfg.x\nmain()\n"
    )
    paths = os.pathsep.join([str(ROOT), str(folder)])
    environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}

    def run(*arguments: str) -> str:
        command = [sys.executable, "train.py", "-m", *arguments]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    return run


class TestWithoutThePlugin:
    def test_its_names_lead_here(self) -> None:
        samplers = ["tpe", "random", "cmaes", "nsgaii", "nsgaiii", "grid", "gp", "qmc", "motpe"]
        choices = [["hydra/sweeper=optuna", f"hydra/sweeper/sampler={name}"] for name in samplers]
        seen = inspect(["hydra/sweeper=optuna"], *choices)
        assert seen["warnings"] == []
        assert seen["hydra/sweeper=optuna"] == [THEIRS, "sweeper_core.samplers.TPESampler", 0.0]
        assert {THEIRS, "hydra_plugins.hydra_optuna_sweeper.OptunaSweeper", OURS} <= set(seen["classes"])
        for (_, choice), name in zip(choices, samplers, strict=True):
            assert (
                seen[f"hydra/sweeper=optuna {choice}"][1]
                .lower()
                .startswith(f"sweeper_core.samplers.{name.removeprefix('mo')}")
            )

    def test_our_own_name_keeps_our_own_defaults(self) -> None:
        seen = inspect(["hydra/sweeper=hpo"])
        assert seen["hydra/sweeper=hpo"] == [OURS, "sweeper_core.samplers.AutoSampler", 0.5]


class TestBesideThePlugin:
    def test_it_keeps_its_names_and_ours_stay_ours(self, their_plugin: Path) -> None:
        seen = inspect(
            ["hydra/sweeper=optuna"],
            ["hydra/sweeper=hpo"],
            ["hydra/sweeper=hpo", "hydra/sweeper/sampler=tpe"],
            ["hydra/sweeper=hpo", "hydra/sweeper/sampler=cmaes"],
            path=their_plugin,
        )
        assert seen["warnings"] == []
        assert seen["hydra/sweeper=optuna"] == [THEIRS, "optuna.samplers.TPESampler", 0.0]
        assert seen["hydra/sweeper=hpo"][0] == OURS
        assert seen["hydra/sweeper=hpo hydra/sweeper/sampler=tpe"][:2] == [OURS, "optuna.samplers.TPESampler"]
        assert seen["hydra/sweeper=hpo hydra/sweeper/sampler=cmaes"][1] == "sweeper_core.samplers.CmaEsSampler"
        assert [name for name in seen["classes"] if "optuna" in name] == [THEIRS]

    @pytest.mark.launcher
    def test_workers_of_the_joblib_launcher_do_not_complain(self, their_plugin: Path) -> None:
        pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
        run = application(their_plugin)
        own = run("hydra/launcher=joblib", "+x=1,2")
        ours = run(
            *("hydra/sweeper=hpo", "hydra/sweeper/sampler=random", "hydra/launcher=joblib", "hydra.sweeper.n_jobs=2"),
            *("hydra.sweeper.n_trials=2", "+x=interval(0,1)"),
        )
        assert "already registered" not in own + ours

    def test_each_runs_under_its_own_name(self, their_plugin: Path) -> None:
        run = application(their_plugin)
        assert "THEIRS" in run("hydra/sweeper=optuna", "+x=interval(0,1)")
        ours = run("hydra/sweeper=hpo", "hydra/sweeper/sampler=tpe", "hydra.sweeper.n_trials=2", "+x=interval(0,1)")
        assert "hydra-hpo-sweeper: study 'hpo', sampler TPESampler" in ours
        assert "THEIRS" not in ours


NAMES = ROOT / "hydra_hpo_sweeper_names.pth"
"""One line that Python executes when it starts, where the package is installed."""


def python(code: str, *paths: Path) -> str:
    """Return what a program prints in a Python that has started with the line."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(str(path) for path in (ROOT, *paths))}
    others = "import sys; sys.meta_path[:] = [one for one in sys.meta_path if not hasattr(one, '_stands_in')]"
    prelude = f"{others}\n{NAMES.read_text()}"
    done = subprocess.run(
        [sys.executable, "-c", prelude + code],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


class TestModulesOfThePlugin:
    def test_what_scripts_import_is_there_before_hydra_looks_for_plugins(self) -> None:
        said = python(
            "from hydra_plugins.hydra_optuna_sweeper.config import OptunaSweeperConf, TPESamplerConfig, SamplerConfig\n"
            "from hydra_plugins.hydra_optuna_sweeper.config import Direction, DistributionConfig, DistributionType\n"
            "from hydra_plugins.hydra_optuna_sweeper.optuna_sweeper import OptunaSweeper\n"
            "from hydra_plugins.hydra_optuna_sweeper import config\n"
            "assert 'numpy' not in sys.modules\n"
            "assert isinstance(TPESamplerConfig(seed=3), SamplerConfig)\n"
            "given = OptunaSweeperConf(sampler=TPESamplerConfig(seed=3), direction=Direction.maximize)\n"
            "print(given.sampler['seed'], given.sampler['_target_'], given.direction.name, given.defaults)\n"
            "print(sorted(name for name in vars(config) if name.endswith('SamplerConfig')))\n"
            "from hydra.core.plugins import Plugins\n"
            "known = Plugins.instance().class_name_to_class\n"
            "print(known['hydra_plugins.hydra_optuna_sweeper.optuna_sweeper.OptunaSweeper'] is OptunaSweeper)\n"
        ).splitlines()
        assert said[0] == "3 optuna.samplers.TPESampler maximize [{'sampler': 'tpe'}, '_self_', {'pruner': 'none'}]"
        names = ("CmaEs", "GP", "Grid", "MOTPE", "NSGAIII", "NSGAII", "QMC", "Random", "", "TPE")
        assert said[1] == repr([f"{name}SamplerConfig" for name in names])
        assert said[2] == "True"

    def test_the_plugin_itself_goes_first(self, their_plugin: Path) -> None:
        said = python(
            "import hydra_plugins.hydra_optuna_sweeper.config as config\n"
            "print(config.__file__)\n"
            "try: import hydra_plugins.hydra_optuna_sweeper.missing\n"
            "except ModuleNotFoundError as error: print(error)\n",
            their_plugin,
        ).splitlines()
        assert said[0] == str(their_plugin / "hydra_plugins" / "hydra_optuna_sweeper" / "config.py")
        assert said[1:] == ["No module named 'hydra_plugins.hydra_optuna_sweeper.missing'"]

    def test_a_plugin_that_is_found_by_a_later_finder_goes_first(self, their_plugin: Path) -> None:
        folder = str(their_plugin / "hydra_plugins")
        said = python(
            "from importlib.machinery import PathFinder\n"
            "class Late:\n"
            "    find_spec = staticmethod(lambda name, path=None, target=None:\n"
            f"        PathFinder.find_spec(name, [{folder!r}]) if 'optuna' in name else None)\n"
            "sys.meta_path.append(Late)\n"
            "import hydra_plugins.hydra_optuna_sweeper.config as config\n"
            "print(config.__file__)\n"
        )
        assert said.strip() == str(their_plugin / "hydra_plugins" / "hydra_optuna_sweeper" / "config.py")

    def test_a_project_of_its_own_plugin_and_configuration_runs(self, tmp_path: Path) -> None:
        folder = tmp_path / "hydra_plugins" / "own_sweeper"
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text("")
        (folder / "sweeper.py").write_text(
            "from hydra_plugins.hydra_optuna_sweeper.optuna_sweeper import OptunaSweeper\n\n"
            "class OwnSweeper(OptunaSweeper):\n"
            "    def sweep(self, arguments):\n"
            "        print('OWN', arguments)\n"
            "        return super().sweep(arguments)\n"
        )
        (tmp_path / "train.py").write_text(
            f"exec({NAMES.read_text()!r})\n"
            "from dataclasses import dataclass\n"
            "import hydra\n"
            "from hydra.core.config_store import ConfigStore\n"
            "from hydra_plugins.hydra_optuna_sweeper.config import OptunaSweeperConf, RandomSamplerConfig\n\n"
            "@dataclass\n"
            "class Own(OptunaSweeperConf):\n"
            "    _target_: str = 'hydra_plugins.own_sweeper.sweeper.OwnSweeper'\n\n"
            "own = Own(sampler=RandomSamplerConfig(seed=7), n_trials=2)\n"
            "ConfigStore.instance().store(group='hydra/sweeper', name='own', node=own)\n\n"
            "@hydra.main(config_path=None, version_base='1.3')\n"
            "def main(cfg):\n"
            "    return cfg.x\n\n"
            "main()\n"
        )
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)]), "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [sys.executable, "train.py", "-m", "hydra/sweeper=own", "+x=interval(0,1)"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        assert "OWN ['+x=interval(0,1)']" in done.stdout
        assert "sampler RandomSampler" in done.stdout
        assert "Trials: 2 complete" in done.stdout

    def test_a_wheel_brings_the_line(self, tmp_path: Path) -> None:
        # Not imported here: setuptools refuses to be where Python's own distutils is already.
        if importlib.util.find_spec("setuptools") is None:
            pytest.skip("setuptools is not installed")
        command = ["setup.py", "-q", "build_py", "--build-lib", str(tmp_path / "built")]
        subprocess.run([sys.executable, *command], cwd=ROOT, check=True, capture_output=True, timeout=300)
        assert (tmp_path / "built" / NAMES.name).read_text() == NAMES.read_text()
        assert len(NAMES.read_text().splitlines()) == 1
