"""Wrong inputs: each is answered before any job starts, in one line with key and remedy, and with exit status 1."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import hydra
import pytest
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import CompactHydraException

ROOT = Path(__file__).resolve().parent.parent

pytestmark = pytest.mark.filterwarnings("ignore:The version_base parameter")

CONFIG = """
defaults:
  - model: cnn
  - override hydra/sweeper: hpo
  - override hydra/sweeper/sampler: random
  - _self_
lr: 0.1
depth: 3
opt: {name: adam, lr: 1}
hydra:
  sweeper:
    study_name: wrong
"""


class Kind(Enum):
    """What a typed key may be."""

    A = 1
    B = 2


@dataclass
class Typed:
    """A part of the configuration with types."""

    kind: Kind = Kind.A
    steps: int = 1


ConfigStore.instance().store(group="typed", name="base", node=Typed)

APP = """
import hydra

@hydra.main(config_path="conf", config_name="config", version_base="1.3")
def main(cfg):
    open("job-ran", "w").close()
    return 0.0

main()
"""


@dataclass(frozen=True)
class Answer:
    """What an application said to a wrong input."""

    status: int
    text: str
    jobs: int

    @property
    def lines(self) -> list[str]:
        """The lines of the answer without Hydra's own additions."""
        own = ("Set the environment variable", "See https://", "Warning", "Omit the version_base", "@hydra.main")
        return [line for line in self.text.splitlines() if line.strip() and not any(word in line for word in own)]


def multirun(conf: Path, task: Callable[[Any], Any], arguments: Sequence[str]) -> tuple[int, str]:
    """Run only the sweep of an application; return the exit status and text that Hydra would end with.

    Hydra's own ``main`` composes the configuration once more; it prints a CompactHydraException and exits with 1.
    """
    running = Hydra.create_main_hydra2("train", create_config_search_path(str(conf)))
    overrides = ["hydra.mode=MULTIRUN", *arguments]
    try:
        running.multirun(config_name="config", task_function=task, overrides=overrides, with_log_configuration=False)
        return 0, ""
    except CompactHydraException as error:
        return 1, str(error)
    finally:
        GlobalHydra.instance().clear()


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Run an application in this process with command line arguments and lines below ``hydra.sweeper``."""
    conf = tmp_path / "conf"
    (conf / "model").mkdir(parents=True)
    for name in ("cnn", "mlp"):
        (conf / "model" / f"{name}.yaml").write_text(f"name: {name}\nwidth: 8\n")
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, yaml: str = "", whole: bool = True) -> Answer:
        (conf / "config.yaml").write_text(CONFIG + "".join(f"    {line}\n" for line in yaml.splitlines()))
        jobs: list[Any] = []

        @hydra.main(config_path=str(conf), config_name="config", version_base="1.3")
        def main(cfg: Any) -> float:
            jobs.append(cfg)
            return 0.0

        GlobalHydra.instance().clear()
        if not whole:
            return Answer(*multirun(conf, main.__wrapped__, arguments), len(jobs))
        monkeypatch.setattr(sys, "argv", ["train.py", "-m", *arguments])
        try:
            main()
            status = 0
        except SystemExit as end:
            status = int(end.code or 0)
        finally:
            GlobalHydra.instance().clear()
            HydraConfig.instance().cfg = None
        return Answer(status, capsys.readouterr().err, len(jobs))

    return run


# id -> (hydra.sweeper YAML, the key that the answer names, a part of the remedy)
IN_YAML: dict[str, tuple[str, str, str]] = {
    # settings
    "unknown-setting": ("n_trails: 3", "hydra.sweeper.n_trails", "Did you mean 'n_trials'?"),
    "unknown-setting-far": ("qqq: 3", "hydra.sweeper.qqq", "known are sampler"),
    "n_trials-text": ("n_trials: many", "hydra.sweeper.n_trials", "whole number from 1"),
    "n_trials-zero": ("n_trials: 0", "hydra.sweeper.n_trials", "whole number from 1"),
    "n_trials-fraction": ("n_trials: 1.5", "hydra.sweeper.n_trials", "whole number from 1"),
    "n_trials-bool": ("n_trials: true", "hydra.sweeper.n_trials", "whole number from 1"),
    "max_trials-negative": ("max_trials: -1", "hydra.sweeper.max_trials", "null for no limit"),
    "n_jobs-zero": ("n_jobs: 0", "hydra.sweeper.n_jobs", "from 1 on"),
    "n_jobs-text": ("n_jobs: all", "hydra.sweeper.n_jobs", "-1: one for each processor"),
    "timeout-zero": ("timeout: 0", "hydra.sweeper.timeout", "seconds above 0"),
    "timeout-text": ("timeout: soon", "hydra.sweeper.timeout", "seconds above 0"),
    "trial_timeout-negative": ("trial_timeout: -5", "hydra.sweeper.trial_timeout", "seconds above 0"),
    "max_failure_rate-percent": ("max_failure_rate: 50", "hydra.sweeper.max_failure_rate", "from 0 to 1"),
    "max_retries-negative": ("max_retries: -1", "hydra.sweeper.max_retries", "from 0 on"),
    "direction-typo": ("direction: minimise", "hydra.sweeper.direction", "Did you mean 'minimize'?"),
    "direction-number": ("direction: 1", "hydra.sweeper.direction", "minimize or maximize"),
    "direction-empty-list": ("direction: []", "hydra.sweeper.direction", "minimize or maximize"),
    "direction-one-of-two-wrong": ("direction: [minimize, max]", "hydra.sweeper.direction", "minimize or maximize"),
    "metric-count": ("metric: [a, b]", "hydra.sweeper.metric", "one for each objective"),
    "metric-number": ("metric: 3", "hydra.sweeper.metric", "a name, or a list of names"),
    "pruning_metric-unknown": (
        "metric: [a, c]\ndirection: [minimize, minimize]\npruning_metric: b",
        "hydra.sweeper.pruning_metric",
        "one of hydra.sweeper.metric",
    ),
    "lanes-unknown": ("lanes: threads", "hydra.sweeper.lanes", "Did you mean 'thread'?"),
    "progress-unknown": ("progress: loud", "hydra.sweeper.progress", "auto, live, lines, off"),
    "devices-wrong": ("devices: {a: 1}", "hydra.sweeper.devices", "list of device numbers, or auto"),
    "devices-twice": ("devices: [0, 0]", "hydra.sweeper.devices", "different devices"),
    "devices_per_job-zero": ("devices_per_job: 0", "hydra.sweeper.devices_per_job", "from 1 on"),
    "repeat-list": ("repeat: [0, 1]", "hydra.sweeper.repeat", "{seed: [0, 1, 2]}"),
    "repeat-empty": ("repeat: {seed: []}", "hydra.sweeper.repeat", "{seed: [0, 1, 2]}"),
    "repeat_aggregate-unknown": (
        "repeat: {seed: [0]}\nrepeat_aggregate: avg",
        "hydra.sweeper.repeat_aggregate",
        "mean, median, max, min",
    ),
    "enqueue-text": ("enqueue: lr=1", "hydra.sweeper.enqueue", "list of mappings"),
    "constraints-text": ("constraints: latency<10", "hydra.sweeper.constraints", "<= 10"),
    "constraints-no-operator": ("constraints: {latency: 10}", "hydra.sweeper.constraints.latency", "<= 10"),
    "constraints-no-number": ("constraints: {latency: <= ten}", "hydra.sweeper.constraints.latency", "<= 10"),
    "warm_start-incomplete": ("warm_start: [{storage: x}]", "hydra.sweeper.warm_start", "study_name: name"),
    "mlflow-unknown-key": (
        "mlflow: {trackin_uri: x}",
        "hydra.sweeper.mlflow.trackin_uri",
        "Did you mean 'tracking_uri'?",
    ),
    "mlflow-text": ("mlflow: x", "hydra.sweeper.mlflow", "tracking_uri: URL"),
    "storage-mapping": ("storage: {_target_: optuna.storages.X}", "hydra.sweeper.storage", "sqlite:///study.db"),
    "storage-unknown": ("storage: mongodb://host/db", "hydra.sweeper.storage", "postgresql://user@host/name"),
    "storage-a-word": ("storage: study", "hydra.sweeper.storage", "sqlite:///study.db"),
    "sampler-without-end": (
        "sampler: grid\nparams: {lr: 'interval(0,1)'}",
        "hydra.sweeper.sampler",
        "parameter 'lr' is continuous",
    ),
    "sampler-for-one-objective": (
        "sampler: cmaes\ndirection: [minimize, minimize]\nparams: {lr: 'interval(0,1)'}",
        "hydra.sweeper.sampler",
        "Use NSGAIISampler",
    ),
    "sampler-knows-other-names": (
        "sampler: {_target_: GridSampler, search_space: {depth: [1]}}\nparams: {lr: '1,2'}",
        "hydra.sweeper.sampler",
        "Add its values",
    ),
    "custom-module-missing": (
        "custom_search_space: nowhere.f",
        "hydra.sweeper.custom_search_space",
        "importable module",
    ),
    "custom-function-missing": (
        "custom_search_space: os.nothing",
        "hydra.sweeper.custom_search_space",
        "has no 'nothing'",
    ),
    "custom-not-callable": ("custom_search_space: os.sep", "hydra.sweeper.custom_search_space", "(cfg, trial)"),
    # samplers and pruners
    "sampler-unknown": ("sampler: {_target_: optuna.samplers.TPSampler}", "hydra.sweeper.sampler", "Did you mean"),
    "sampler-without-target": ("sampler: {_target_: null}", "hydra.sweeper.sampler", "hydra/sweeper/sampler=<name>"),
    "sampler-short-name-unknown": ("sampler: randon", "hydra.sweeper.sampler", "Did you mean 'random'?"),
    "sampler-argument-unknown": ("sampler: {sed: 1}", "hydra.sweeper.sampler.sed", "Did you mean 'seed'?"),
    "sampler-argument-of-another": ("sampler: {n_ei_candidates: 7}", "hydra.sweeper.sampler.n_ei_candidates", "seed"),
    "sampler-seed-text": ("sampler: {seed: x}", "hydra.sweeper.sampler.seed", "whole number from 0"),
    "sampler-own-class-missing": ("sampler: {_target_: my.Sampler}", "hydra.sweeper.sampler._target_", "importable"),
    "sampler-own-class-wrong": (
        "sampler: {_target_: decimal.Decimal}",
        "hydra.sweeper.sampler",
        "subclass sweeper_core",
    ),
    "pruner-unknown": ("pruner: medium", "hydra.sweeper.pruner", "Did you mean 'median'?"),
    "pruner-for-several-objectives": (
        "pruner: median\ndirection: [minimize, minimize]",
        "hydra.sweeper.pruner",
        "hydra.sweeper.pruning_metric",
    ),
    "pruner-argument-unknown": (
        "pruner: {_target_: optuna.pruners.MedianPruner, n_warmup: 1}",
        "hydra.sweeper.pruner.n_warmup",
        "n_warmup_steps",
    ),
    "pruner-argument-wrong": (
        "pruner: {_target_: optuna.pruners.PercentilePruner, percentile: 500}",
        "hydra.sweeper.pruner",
        "refuses its arguments",
    ),
    # search spaces
    "params-list": ("params: [lr]", "hydra.sweeper.params", "a mapping of parameters"),
    "bounds-reversed": ("params: {lr: 'interval(1,0)'}", "'lr'", "swap them"),
    "int-bounds-reversed": ("params: {lr: 'int(interval(8,1))'}", "'lr'", "swap them"),
    "log-of-zero": ("params: {lr: 'interval(0,1,log=true)'}", "'lr'", "bounds above 0, but the lower bound is 0"),
    "log-of-negative": ("params: {lr: 'tag(log, range(-1e3, 1e3, 10))'}", "'lr'", "the lower bound is -1000"),
    "log-with-step": ("params: {lr: 'interval(1,9,log=true,step=2)'}", "'lr'", "leave one of them out"),
    "log-range-with-step": ("params: {lr: 'tag(log, range(1, 9, 2))'}", "'lr'", "leave one of them out"),
    "log-of-choices": ("params: {lr: 'tag(log, choice(1,2))'}", "'lr'", "tag(ordered"),
    "ordered-interval": ("params: {lr: 'tag(ordered, interval(0,1))'}", "'lr'", "leave it out"),
    "tag-unknown": ("params: {lr: 'tag(lgo, interval(1,2))'}", "'lr'", "the tags are log and ordered"),
    "tag-of-nothing": ("params: {lr: 'tag(log, 5)'}", "'lr'", "choice(), range() or interval()"),
    "range-empty": ("params: {lr: 'range(5,5)'}", "'lr'", "the stop is not included"),
    "range-wrong-way": ("params: {lr: 'range(1,9,-1)'}", "'lr'", "is empty"),
    "range-no-step": ("params: {lr: 'range(1,9,0)'}", "'lr'", "must not be 0"),
    "interval-step-negative": ("params: {lr: 'interval(0,1,step=-0.1)'}", "'lr'", "step must be above 0"),
    "interval-of-words": ("params: {lr: 'interval(a,b)'}", "'lr'", "must be a finite number"),
    "interval-infinite": ("params: {lr: 'interval(0,inf)'}", "'lr'", "must be a finite number"),
    "interval-one-bound": ("params: {lr: 'interval(1)'}", "'lr'", "end"),
    "interval-keyword-unknown": ("params: {lr: 'interval(1,2,lg=true)'}", "'lr'", "lg"),
    "interval-log-number": ("params: {lr: 'interval(1,2,log=1)'}", "'lr'", "true or false"),
    "interval-as-text": ("params: {lr: 'str(interval(1,2))'}", "'lr'", "cannot be cast to str"),
    "choices-empty": ("params: {lr: 'choice()'}", "'lr'", "at least one value"),
    "choice-of-sweep": ("params: {lr: 'choice(range(1,3))'}", "'lr'", "cannot be a choice"),
    "choice-missing-mark": ("params: {lr: {choices: ['???']}}", "'lr'", "missing value"),
    "choice-key-with-quotes": ('params: {lr: {choices: [{"a\'b": 1}]}}', "'lr'", "plain words"),
    "function-unknown": ("params: {lr: 'intervall(1,2)'}", "'lr'", "Available: "),
    "grammar-broken": ("params: {lr: 'interval(1,2'}", "'lr'", "cannot read"),
    "text-with-special-characters": ("params: {lr: 'hello! #'}", "'lr'", "into quotes"),
    "mapping-without-type": ("params: {lr: {low: 0, high: 1}}", "'lr'", "float, int, categorical"),
    "mapping-type-unknown": ("params: {lr: {type: flaot, low: 0, high: 1}}", "'lr'", "Did you mean 'float'?"),
    "mapping-key-unknown": ("params: {lr: {type: float, lo: 0, high: 1}}", "'lr'", "Did you mean 'low'?"),
    "mapping-bound-missing": ("params: {lr: {type: float, low: 0}}", "'high'", "finite number"),
    "mapping-bound-text": ("params: {lr: {type: float, low: a, high: 1}}", "'low'", "finite number"),
    "mapping-int-fraction": ("params: {lr: {type: int, low: 0.5, high: 1}}", "'low'", "must be an integer"),
    "mapping-log-text": ("params: {lr: {type: float, low: 1, high: 2, log: often}}", "'log'", "true or false"),
    "mapping-choices-empty": ("params: {lr: {type: categorical, choices: []}}", "'choices'", "at least one value"),
    "mapping-choices-text": ("params: {lr: {type: categorical, choices: a}}", "'choices'", "must be a list"),
    "int-too-large": ("params: {lr: {type: int, low: 0, high: 1e20}}", "'lr'", "2**53"),
    "missing-value": ("params: {lr: '???'}", "'lr'", "missing"),
    "twice-with-prefix": ("params: {lr: 'range(3)', +lr: 'range(4)'}", "'lr'", "keep one of them"),
    "twice-in-old-key": ("params: {lr: 'range(3)'}\nsearch_space: {lr: 'range(4)'}", "'lr'", "keep one of them"),
    "key-near-one-in-config": ("params: {opt: {lrr: 'range(3)'}}", "'opt.lrr'", "Did you mean 'opt.lr'?"),
    "value-of-the-wrong-type": ("params: {opt: 'range(3)', opt.lr: '1,2'}", "'opt.lr'", "cannot be composed"),
    "repeat-and-swept": ("params: {depth: 'range(3)'}\nrepeat: {depth: [1, 2]}", "'depth'", "keep one of them"),
    "repeat-not-in-config": (
        "params: {depth: 'range(3)'}\nrepeat: {sede: [1, 2]}",
        "'sede' in hydra.sweeper.repeat",
        "write +sede",
    ),
    "hydras-own-key": ("params: {hydra.job.name: 'a,b'}", "'hydra.job.name'", "a key of the application"),
    "deletion-of-several": ("params: {~lr: '1,2'}", "'~lr'", "one value or none"),
    "key-not-in-config": ("params: {lrr: 'range(3)'}", "'lrr'", "write +lrr to add it"),
    "nested-key-not-in-config": ("params: {opt: {rate: 'range(3)'}}", "'opt.rate'", "write +opt.rate to add it"),
    "group-not-in-config": ("params: {modl: 'a,b'}", "'modl'", "write +modl to add it"),
    "group-option-unknown": ("params: {model: 'choice(cnn,mpl)'}", "'model'", "Did you mean 'mlp'?"),
    "glob-finds-nothing": ("params: {model: 'glob(x*)'}", "'model'", "cnn, mlp"),
    # conditions
    "condition-unknown-parent": (
        "params: {lr: {sweep: '1,2', when: {modle: cnn}}}",
        "'lr'",
        "'modle', which is no parameter",
    ),
    "condition-unknown-value": (
        "params: {model: 'cnn,mlp', when model=cn: {lr: '1,2'}}",
        "'lr'",
        "one of 'cnn', 'mlp'",
    ),
    "condition-never": ("params: {depth: 'range(3)', when depth>5: {lr: '1,2'}}", "'lr'", "between 0 and 2"),
    "condition-unreadable": (
        "params: {model: 'cnn,mlp', when model: {lr: '1,2'}}",
        "'when model'",
        "write for instance",
    ),
    "condition-number": ("params: {lr: {sweep: '1,2', when: 5}}", "'lr'", "write for instance"),
    "condition-compares-words": ("params: {model: 'cnn,mlp', when model>3: {lr: '1,2'}}", "'lr'", "compares numbers"),
    "condition-compares-with-word": (
        "params: {depth: '1,2', when depth>x: {lr: '1,2'}}",
        "'when depth>x'",
        "a number after >",
    ),
    "conditions-in-a-circle": (
        "params:\n  lr: {sweep: '1,2', when: depth=1}\n  depth: {sweep: '1,2', when: lr=1}",
        "'lr' and 'depth'",
        "circle",
    ),
    "condition-on-itself": ("params: {lr: {sweep: '1,2', when: lr=1}}", "'lr'", "circle"),
    "conditions-overlap": (
        "params: {model: 'cnn,mlp', when model=cnn: {lr: '1,2'}, when model!=mlp: {lr: '3,4'}}",
        "'lr'",
        "exclude each other",
    ),
    "block-without-mapping": (
        "params: {model: 'cnn,mlp', when model=cnn: lr}",
        "'when model=cnn'",
        "a mapping of parameters",
    ),
    # points
    "enqueued-unknown": ("params: {lr: 'interval(0,1)'}\nenqueue: [{lrr: 1}]", "enqueue[0]", "Did you mean 'lr'?"),
    "enqueued-outside": (
        "params: {lr: 'interval(0,1)'}\nenqueue: [{lr: 0.5}, {lr: 2}]",
        "enqueue[1].lr",
        "interval(0, 1)",
    ),
}


@pytest.mark.parametrize(("yaml", "key", "remedy"), IN_YAML.values(), ids=IN_YAML)
def test_what_cannot_mean_anything_is_answered_in_one_line(
    ask: Callable[..., Answer], yaml: str, key: str, remedy: str
) -> None:
    answer = ask(yaml=yaml, whole=False)
    assert answer.status == 1
    assert answer.jobs == 0
    assert len(answer.lines) == 1, answer.text
    assert key in answer.lines[0]
    assert remedy in answer.lines[0]


# id -> (arguments, the key that the answer names, a part of the remedy)
ONE = "hydra.sweeper.n_trials=1"

TYPED: dict[str, tuple[list[str], str, str]] = {
    "bounds-reversed": (["lr=interval(1,0)"], "'lr' on the command line", "swap them"),
    "log-of-zero": (["lr=tag(log,interval(0,1))"], "'lr' on the command line", "above 0"),
    "fixed-and-swept": (["lr=1", "lr=1,2"], "'lr' on the command line", "keep one of them"),
    "swept-twice": (["lr=1,2", "++lr=3,4"], "'++lr' on the command line", "keep one of them"),
    "not-in-config": (["lrr=1,2"], "'lrr' on the command line", "write +lrr"),
    "option-unknown": (["model=cnn,resnet"], "'model' on the command line", "cnn, mlp"),
    "unknown-tag": (["lr=tag(logg,interval(1,2))"], "'lr' on the command line", "the tags are log and ordered"),
    "unknown-setting": (["hydra.sweeper.n_trails=3"], "hydra.sweeper.n_trails", "Did you mean 'n_trials'?"),
    "storage-in-two-slashes": (
        ["hydra.sweeper.storage=sqlite://a.db", ONE],
        "hydra.sweeper.storage",
        "sqlite:///relative",
    ),
    "storage-without-driver": (
        ["hydra.sweeper.storage=postgres+nothing://me:pw@host/db", ONE],
        "hydra.sweeper.storage: ",
        "postgresql+nothing://me:***@host/db",
    ),
    "earlier-study-in-two-slashes": (
        ["hydra.sweeper.warm_start=[{storage:'sqlite://a.db',study_name:a}]", ONE],
        "hydra.sweeper.warm_start",
        "sqlite:///relative",
    ),
    "choice-of-another-type": (["+typed=base", "typed.kind=A,B,C"], "'typed.kind' on the command line", "kind=C: "),
    "number-of-another-type": (
        ["+typed=base", "typed.steps=interval(0.5,2)"],
        "'typed.steps' on the command line",
        "typed.steps=0.5: Value '0.5' of type 'float' could not be converted to Integer",
    ),
    "directory-of-a-job": (["hydra.sweep.dir=${hydra.job.num}"], "hydra.sweep.dir", "the same for all jobs"),
    "setting-text": (["hydra.sweeper.n_jobs=two"], "hydra.sweeper.n_jobs", "from 1 on"),
    "sampler-as-value": (["hydra.sweeper.sampler=tpa"], "hydra.sweeper.sampler", "Did you mean 'tpe'?"),
    "condition-no-longer-possible": (
        ["model=cnn", "+hydra.sweeper.params={lr: {sweep: '1,2', when: {nothing: mlp}}}"],
        "'nothing'",
        "there are lr, model",
    ),
}


@pytest.mark.parametrize(("arguments", "key", "remedy"), TYPED.values(), ids=TYPED)
def test_the_command_line_is_answered_in_one_line(
    ask: Callable[..., Answer], arguments: list[str], key: str, remedy: str
) -> None:
    answer = ask(*arguments)
    assert (answer.status, answer.jobs) == (1, 0)
    assert len(answer.lines) == 1, answer.text
    assert key in answer.lines[0]
    assert remedy in answer.lines[0]


# What Hydra itself refuses while it reads the command line, in words of its own.
BY_HYDRA: dict[str, tuple[str, str]] = {
    "function-unknown": ("lr=intervall(0,1)", "Available"),
    "choices-empty": ("lr=choice()", "at least one value"),
    "interval-one-bound": ("lr=interval(0)", "'end'"),
    "interval-keyword-unknown": ("lr=interval(0,1,lgo=true)", "lgo"),
    "interval-prior-of-another-type": ("lr=interval(0,1,prior=[0,1])", "has to be in interval(0, 1)"),
    "range-confidence-of-another-type": ("lr=range(0,9,prior=3,confidence=3)", "low, medium, high"),
    "argument-of-another-type": ("lr=shuffle(choice(1,2),list=3)", "shuffle takes"),
    "sampler-unknown": ("hydra/sweeper/sampler=tpee", "tpe"),
    "pruner-unknown": ("hydra/sweeper/pruner=medium", "median"),
    "sweep-of-a-setting": ("hydra.sweeper.n_trials=1,2", "not supported"),
}


@pytest.mark.parametrize(("argument", "remedy"), BY_HYDRA.values(), ids=BY_HYDRA)
def test_what_hydra_refuses_names_key_and_remedy_too(ask: Callable[..., Answer], argument: str, remedy: str) -> None:
    answer = ask(argument)
    assert (answer.status, answer.jobs) == (1, 0)
    assert "Traceback" not in answer.text
    assert argument.partition("=")[0] in answer.text
    assert remedy in answer.text


def test_an_interpolation_to_nowhere_is_answered(ask: Callable[..., Answer]) -> None:
    # Hydra 1.3 resolves the sweeper's configuration itself before it makes the sweeper, and answers with a stack trace.
    answer = ask(yaml="params: {lr: 'range(${nowhere})'}")
    assert (answer.status, answer.jobs) == (1, 0)
    assert "Interpolation key 'nowhere' not found" in answer.lines[-1]
    assert len(answer.lines) == 1 or hydra.__version__.startswith("1.3")


def test_torchrun_is_refused(ask: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    answer = ask("lr=interval(0,1)")
    assert (answer.status, answer.jobs) == (1, 0)
    assert len(answer.lines) == 1
    assert "torchrun" in answer.lines[0]
    assert "python train.py -m" in answer.lines[0]


@pytest.mark.parametrize("override", ["lr=0.5", "lr=null", "lr=[0, 1]"])
def test_a_sweep_over_nothing_is_refused(ask: Callable[..., Answer], override: str) -> None:
    answer = ask(override, yaml="n_trials: 2", whole=False)
    assert (answer.status, answer.jobs) == (1, 0)
    assert any("Nothing is swept" in line and "n_trials=1" in line for line in answer.lines)


@pytest.mark.parametrize(
    ("more", "jobs"), [("n_trials: 1", 1), ("n_trials: 2\nrepeat: {lr: [1, 2]}", 4)], ids=["one", "repeats"]
)
def test_one_configuration_runs_where_that_is_meant(ask: Callable[..., Answer], more: str, jobs: int) -> None:
    answer = ask("depth=2", yaml=more, whole=False)
    assert (answer.status, answer.jobs) == (0, jobs)


def test_a_real_command_ends_with_status_1_and_without_a_stack_trace(tmp_path: Path) -> None:
    (tmp_path / "conf" / "model").mkdir(parents=True)
    (tmp_path / "conf" / "model" / "cnn.yaml").write_text("name: cnn\n")
    (tmp_path / "conf" / "config.yaml").write_text(CONFIG + "    params: {lr: 'interval(0,1,log=true)'}\n")
    (tmp_path / "train.py").write_text(APP)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "train.py", "-m"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "'lr' in hydra.sweeper.params: a logarithmic scale needs bounds above 0" in done.stderr
    assert not list(tmp_path.rglob("job-ran"))
