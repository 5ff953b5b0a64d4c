"""Configurations as public projects have them run unchanged, under both names of the sweeper."""

from __future__ import annotations

import copy
import logging
import runpy
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from sweeper_core.study import load_study
from sweeper_core.trial import FrozenTrial

SCRIPT = """
import hydra

@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(cfg):
    return cfg.optimizer.lr

if __name__ == "__main__":
    main()
"""
CONFIG = "defaults: [_self_, {experiment: null}, {search: null}]\noptimizer: {lr: 0.1, name: sgd}\nlayers: [8]\n"


@dataclass(frozen=True)
class Shape:
    """A project: its files, the arguments of its command, and what must have been swept."""

    files: dict[str, str]
    arguments: tuple[str, ...]
    swept: frozenset[str]
    needs: tuple[str, ...] = ()
    marks: tuple[pytest.MarkDecorator, ...] = ()
    folders: str = "[0-9]*"
    script: str = SCRIPT


SHAPES = {
    "search space in a group": Shape(
        {
            "conf/config.yaml": CONFIG,
            "conf/search/lr.yaml": "# @package _global_\ndefaults:\n  - override /hydra/sweeper: NAME\n"
            "hydra:\n  mode: MULTIRUN\n  sweeper:\n    n_trials: 2\n    n_jobs: 1\n    direction: maximize\n"
            "    params:\n      optimizer.lr: interval(0.01, 0.1)\n      optimizer.name: choice(sgd, adam)\n",
        },
        ("search=lr",),
        frozenset({"optimizer.lr", "optimizer.name"}),
    ),
    "experiment files": Shape(
        {
            "conf/config.yaml": CONFIG,
            "conf/experiment/deep.yaml": "# @package _global_\noptimizer: {lr: 0.5}\nlayers: [8, 8]\n",
            "conf/experiment/wide.yaml": "# @package _global_\nlayers: [64]\n",
        },
        ("hydra/sweeper=NAME", "experiment=deep,wide", "optimizer.lr=interval(0.01,0.1)"),
        frozenset({"experiment", "optimizer.lr"}),
    ),
    "ConfigStore only": Shape(
        {},
        ("hydra/sweeper=NAME", "optimizer.lr=tag(log,interval(0.01,0.1))", "kind=SMALL,LARGE"),
        frozenset({"optimizer.lr", "kind"}),
        script="""
from dataclasses import dataclass, field
from enum import Enum
import hydra
from hydra.core.config_store import ConfigStore

class Kind(Enum):
    SMALL = 1
    LARGE = 2

@dataclass
class Optimizer:
    lr: float = 0.1

@dataclass
class Config:
    optimizer: Optimizer = field(default_factory=Optimizer)
    kind: Kind = Kind.SMALL

ConfigStore.instance().store(name="shapes_config", node=Config)

@hydra.main(version_base="1.3", config_path=None, config_name="shapes_config")
def main(cfg):
    assert isinstance(cfg.kind, Kind)
    return cfg.optimizer.lr

main()
""",
    ),
    "hydra-zen": Shape(
        {},
        ("hydra/sweeper=NAME", "net.width=range(1,9)"),
        frozenset({"net.width"}),
        needs=("hydra_zen",),
        script="""
from hydra_zen import ZenStore, builds, zen

class Net:
    def __init__(self, width: int = 8):
        self.width = width

def task(net: Net) -> float:
    return float(net.width)

store = ZenStore()
store(builds(task, net=builds(Net, populate_full_signature=True), populate_full_signature=True), name="zen_task")

if __name__ == "__main__":
    store.add_to_hydra_store(overwrite_ok=True)
    zen(task).hydra_main(config_name="zen_task", version_base="1.3", config_path=None)
""",
    ),
    "single file, two lanes": Shape(
        {"conf/config.yaml": "net: {_target_: __main__.Narrow, width: 2}\n", "conf/net/.keep": ""},
        ("hydra/sweeper=NAME", "hydra.sweeper.n_jobs=2", "net._target_=__main__.Narrow,__main__.Wide"),
        frozenset({"net._target_"}),
        script="""
import hydra
from hydra.utils import instantiate

class Narrow:
    factor = 1
    def __init__(self, width):
        self.size = self.factor * width

class Wide(Narrow):
    factor = 10

@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(cfg):
    return instantiate(cfg.net).size

if __name__ == "__main__":
    main()
""",
    ),
    "override_dirname": Shape(
        {
            "conf/config.yaml": CONFIG + "hydra:\n  job: {config: {override_dirname: {exclude_keys: [experiment]}}}\n"
            "  sweep: {subdir: '${hydra.job.override_dirname}'}\n"
        },
        ("hydra/sweeper=NAME", "optimizer.lr=choice(0.25,0.5)"),
        frozenset({"optimizer.lr"}),
        folders="optimizer.lr=0.*",
    ),
    "a launcher of its own": Shape(
        {
            "conf/config.yaml": CONFIG,
            "hydra_plugins/shapes_launcher/own.py": "from hydra._internal.core_plugins import basic_launcher"
            "\n\nclass OwnLauncher(basic_launcher.BasicLauncher):\n    pass\n",
        },
        ("hydra/sweeper=NAME", "hydra/launcher=shapes_own", "optimizer.lr=interval(0.01,0.1)"),
        frozenset({"optimizer.lr"}),
        script="""
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra_plugins.shapes_launcher.own import OwnLauncher

Plugins.instance().register(OwnLauncher)
ConfigStore.instance().store(
    group="hydra/launcher", name="shapes_own", node={"_target_": "hydra_plugins.shapes_launcher.own.OwnLauncher"}
)
"""
        + SCRIPT,
    ),
    "colorlog": Shape(
        {
            "conf/config.yaml": "defaults:\n  - _self_\n  - override hydra/job_logging: colorlog\n"
            "  - override hydra/hydra_logging: colorlog\noptimizer: {lr: 0.1}\n"
        },
        ("hydra/sweeper=NAME", "optimizer.lr=interval(0.01,0.1)"),
        frozenset({"optimizer.lr"}),
        needs=("hydra_plugins.hydra_colorlog",),
    ),
    "submitit": Shape(
        {"conf/config.yaml": CONFIG},
        ("hydra/sweeper=NAME", "hydra/launcher=submitit_local", "optimizer.lr=interval(0.01,0.1)"),
        frozenset({"optimizer.lr"}),
        needs=("hydra_plugins.hydra_submitit_launcher",),
        marks=(pytest.mark.launcher,),
    ),
    "list elements": Shape(
        {"conf/config.yaml": CONFIG},
        ("hydra/sweeper=NAME", "layers=choice([8],[8,16],[])", "optimizer.lr=interval(0.01,0.1)"),
        frozenset({"layers", "optimizer.lr"}),
    ),
    "resolvers": Shape(
        {"conf/config.yaml": "width: 4\noptimizer: {lr: '${shapes_scaled:${width}}'}\n"},
        ("hydra/sweeper=NAME", "width=range(1,9)"),
        frozenset({"width"}),
        script="""
from omegaconf import OmegaConf

OmegaConf.register_new_resolver("shapes_scaled", lambda width: width / 100, replace=True)
"""
        + SCRIPT,
    ),
}


@pytest.fixture
def hydra_left_alone() -> Iterator[None]:
    """Give Hydra, OmegaConf, logging and other tests' sweeps back what they had."""
    store, before = ConfigStore.instance(), copy.copy(ConfigStore.instance().repo)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    GlobalHydra.instance().clear()
    store.repo = before
    root.handlers[:], root.level = handlers, level
    OmegaConf.clear_resolver("shapes_scaled")
    sys.modules.pop("hydra_zen", None)  # where it is imported, code is taken to have begun a sweep


def run(project: Path, shape: Shape, name: str, monkeypatch: pytest.MonkeyPatch) -> list[FrozenTrial]:
    """Run the project's script as Python does, in this process; return the trials of its sweep."""
    for place, text in {**shape.files, "train.py": shape.script}.items():
        path = project / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("NAME", name))
    arguments = [argument.replace("NAME", name) for argument in shape.arguments]
    usual = [f"hydra.sweep.dir={project / 'sweep'}", "hydra.sweeper.n_trials=2", "hydra.sweeper.progress=off"]
    jobs = [] if any("n_jobs" in argument for argument in arguments) else ["hydra.sweeper.n_jobs=1"]
    monkeypatch.chdir(project)
    monkeypatch.syspath_prepend(project)
    # A job of submitit unpickles all that is in Hydra's ConfigStore, classes of other test files among it.
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    monkeypatch.setattr(sys, "argv", ["train.py", "-m", *arguments, *usual, *jobs])
    GlobalHydra.instance().clear()
    runpy.run_path(str(project / "train.py"), run_name="__main__")
    return load_study(study_name=None, storage=f"sqlite:///{project / 'sweep' / 'study.db'}").trials


@pytest.mark.parametrize("name", ["hpo", "optuna"])
@pytest.mark.parametrize("shape", [pytest.param(shape, id=title, marks=shape.marks) for title, shape in SHAPES.items()])
def test_a_project_of_this_shape_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hydra_left_alone: None, shape: Shape, name: str
) -> None:
    for module in shape.needs:
        pytest.importorskip(module)
    trials = run(tmp_path, shape, name, monkeypatch)
    assert [trial.state.name for trial in trials] == ["COMPLETE"] * 2
    assert {frozenset(trial.params) for trial in trials} == {shape.swept}
    assert len([path for path in (tmp_path / "sweep").glob(shape.folders) if path.is_dir()]) == 2
