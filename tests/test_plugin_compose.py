"""A job's configuration composed once equals the one that Hydra composes for it, in every detail."""

from __future__ import annotations

import copy
import os
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import hydra
import pytest
from hydra.core.config_loader import ConfigLoader
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from hydra.utils import get_original_cwd  # noqa: F401  (imported by applications; must not disturb)
from omegaconf import MISSING, DictConfig, ListConfig, OmegaConf
from omegaconf.basecontainer import BaseContainer

from hydra_plugins.hydra_hpo_sweeper._hydra._compose import ComposedOnce


class Kind(Enum):
    small = 1
    large = 2


@dataclass
class Optimizer:
    lr: float = 0.1
    betas: tuple[float, float] = (0.9, 0.999)
    kind: Kind = Kind.small
    name: str = MISSING
    extra: dict[str, Any] = field(default_factory=dict)
    limit: int | None = None


@dataclass
class App:
    defaults: list[Any] = field(default_factory=lambda: ["_self_", {"opt": "structured"}])
    opt: Optimizer = MISSING
    seed: int = 0
    folder: Path = Path("data")


FILES = {
    "plain.yaml": "x: 1.0\ny: 2\ntext: a\nnested: {lr: 0.1, list: [1, 2, {deep: 3}], none: null}\n",
    "groups.yaml": (
        "defaults:\n  - _self_\n  - db: mysql\n  - opt@trainer.opt: sgd\n  - optional extra: null\n"
        "x: 1\nurl: ${db.driver}://${db.host}\n"
    ),
    "db/mysql.yaml": "driver: mysql\nhost: localhost\nport: 3306\n",
    "db/postgresql.yaml": "driver: postgresql\nhost: remote\nuser: me\n",
    "opt/sgd.yaml": "name: sgd\nlr: 0.1\nmomentum: 0.9\n",
    "opt/adam.yaml": "name: adam\nlr: 0.001\nbetas: [0.9, 0.999]\n",
    "extra/more.yaml": "# @package _global_\nx: 5\nmore: {a: 1}\n",
    "interpolated.yaml": "defaults:\n  - db: mysql\n  - opt: sgd\n  - pair: ${db}_${opt}\n  - _self_\nx: 1\n",
    "pair/mysql_sgd.yaml": "which: first\n",
    "pair/mysql_adam.yaml": "which: second\n",
    "pair/postgresql_sgd.yaml": "which: third\n",
    "pair/postgresql_adam.yaml": "which: fourth\n",
    "headers.yaml": "defaults:\n  - exp: one\n  - _self_\nmodel: {width: 1}\nx: 1\n",
    "exp/one.yaml": (
        "# @package _global_\ndefaults:\n  - override /hydra/job_logging: disabled\nmodel: {width: 3, depth: 2}\n"
    ),
    "exp/two.yaml": "# @package foo.bar\nwidth: 7\n",
    "resolvers.yaml": (
        "x: 1\ny: ${twice:${x}}\nwhen: ${now:%H}\ncounted: ${count:}\ncached: ${count_once:}\nenv: ${oc.env:HOME}\n"
        "job: ${hydra:job.num}\nlist: ${oc.dict.keys:nested}\nnested: {a: 1, b: 2}\n"
    ),
    "dirname.yaml": (
        "x: 1\ny: 2\nseed: 0\nhydra:\n  sweep:\n    subdir: ${hydra.job.override_dirname}\n  job:\n    config:\n"
        "      override_dirname: {exclude_keys: [seed], kv_sep: '-', item_sep: '_'}\n"
    ),
    "environment.yaml": "x: 1\nhydra:\n  job:\n    env_copy: [HPO_TEST_VARIABLE]\n    env_set: {A: '${x}'}\n",
    "launcher.yaml": "x: 1\nhydra:\n  verbose: true\n  job: {chdir: true, name: special}\n  output_subdir: null\n",
    "packaged.yaml": "defaults:\n  - db@source: mysql\n  - db@target: postgresql\n  - _self_\nx: 1\n",
    "several.yaml": "defaults:\n  - db: [mysql, postgresql]\n  - _self_\nx: 1\n",
    "nestedgroups.yaml": "defaults:\n  - model: outer\n  - _self_\n",
    "model/outer.yaml": "defaults:\n  - part: a\n  - _self_\nsize: 1\n",
    "model/part/a.yaml": "kind: a\nw: 1\n",
    "model/part/b.yaml": "kind: b\nv: 2\n",
    "searchpath.yaml": "defaults:\n  - elsewhere: far\n  - _self_\nx: 1\nhydra:\n  searchpath: [file://{elsewhere}]\n",
    "readonly.yaml": "x: 1\nlist: [1, 2, 3]\nsweep_me: {a: {b: {c: 1}}}\n",
}

CORPUS: list[tuple[str, list[list[str]]]] = [
    ("plain", [["x=2.5", "y=3"], ["x=1e-5", "y=-1"], ["text='10'", "nested.lr=1"], ["text='a,b=c \\'q\\' ünï'"]]),
    ("plain", [["nested.list=[4,5]", "nested.none=true"], ["nested.list.1=9"], ["nested={a:1}"], ["x=null"]]),
    ("plain", [["+new=1"], ["+new.deep=[1,{a:b}]"], ["++x=3", "++other=1"], ["~text"], ["~nested.lr", "x=2"]]),
    ("plain", [["text='${nested.lr}'"], ["text=${x}"], ["text='\\${x}'"], ["x=1", "x=2"], []]),
    ("plain", [["+hydra.job.env_set.A='b c'", "x=1"], ["hydra.sweep.subdir='${hydra.job.num}/1'", "x=2"]]),
    ("groups", [["x=2", "db.host=far"], ["db=postgresql", "x=3"], ["db=postgresql", "db.user=you"], ["x=9"]]),
    ("groups", [["opt@trainer.opt=adam", "trainer.opt.lr=1"], ["+extra=more", "more.a=2"], ["~db", "~url", "x=2"]]),
    ("groups", [["db={driver:d,host:h}", "x=1"], ["+opt@second=adam", "x=1", "second.lr=5"]]),
    ("interpolated", [["x=2"], ["db=postgresql", "x=1"], ["opt=adam"], ["opt=adam", "db=postgresql", "pair.which=z"]]),
    ("headers", [["model.width=4"], ["exp=two", "foo.bar.width=8"], ["exp=one", "model.depth=9", "x=2"]]),
    ("resolvers", [["x=2"], ["x=3", "nested.a=5"], ["y=1"]]),
    ("dirname", [["x=2", "seed=1"], ["y=b", "x=3"], ["+z=[1,2]", "seed=3"], ["seed=4"]]),
    ("environment", [["x=2"], ["x=3"]]),
    ("launcher", [["x=2"], ["x=3"]]),
    ("packaged", [["db@source=postgresql", "source.user=a"], ["target.host=x", "x=4"], ["source.port=1"]]),
    ("several", [["x=2", "db.host=h"], ["db=[postgresql]", "x=3"]]),
    ("nestedgroups", [["model/part=b", "model.part.v=3"], ["model.part.w=5"], ["model.size=2"]]),
    ("searchpath", [["x=2", "elsewhere.y=1"], ["elsewhere=near", "x=3"]]),
    ("readonly", [["list.0=5"], ["sweep_me.a.b.c=2"], ["list=[]"]]),
    ("structured_app", [["seed=3", "opt.lr=1"], ["opt.kind=large", "opt.name=n"], ["opt.limit=4", "+opt.extra.a=1"]]),
    ("structured_app", [["folder=/tmp/x"], ["opt.betas=[0.1,0.2]"], ["opt.limit=null"], ["seed=1"]]),
]
CASES = [pytest.param(name, jobs, id=f"{position}-{name}") for position, (name, jobs) in enumerate(CORPUS)]


@pytest.fixture(scope="module")
def config_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("conf")
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "elsewhere").mkdir()
    (elsewhere / "elsewhere" / "far.yaml").write_text("y: 0\n")
    (elsewhere / "elsewhere" / "near.yaml").write_text("z: 0\n")
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text.replace("{elsewhere}", str(elsewhere)))
    return root


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("HPO_TEST_VARIABLE", "before")
    counter = iter(range(10**6))
    resolvers = copy.copy(BaseContainer._resolvers)
    OmegaConf.register_new_resolver("twice", lambda x: 2 * x, replace=True)
    OmegaConf.register_new_resolver("count", lambda: 0 * next(counter), replace=True)
    OmegaConf.register_new_resolver("count_once", lambda: next(counter), use_cache=True, replace=True)
    store = ConfigStore.instance()
    store.store(name="structured_app", node=App)
    store.store(group="opt", name="structured", node=Optimizer)
    yield
    # A config group that stayed would make a group choice of a key of that name in other tests.
    for name in ("structured_app.yaml", "opt"):
        del store.repo[name]
    GlobalHydra.instance().clear()
    BaseContainer._resolvers = resolvers


def loader_and_master(config_dir: Path, name: str, *lines: str) -> tuple[ConfigLoader, DictConfig]:
    GlobalHydra.instance().clear()
    hydra.initialize_config_dir(str(config_dir), version_base="1.3", job_name="app")
    running = GlobalHydra.instance().hydra
    assert running is not None
    loader = running.config_loader
    return loader, loader.load_configuration(name, list(lines), RunMode.MULTIRUN)


@contextmanager
def counted(loader: ConfigLoader) -> Iterator[list[Any]]:
    """Collect the calls of Hydra's own composition of a job."""
    calls: list[Any] = []
    original = loader.load_sweep_config
    loader.load_sweep_config = lambda *a, **k: (calls.append(a), original(*a, **k))[1]  # type: ignore[method-assign]
    try:
        yield calls
    finally:
        del loader.load_sweep_config


def details(node: Any) -> Any:
    """Return everything there is to know about a node, for comparison."""
    meta = node._metadata
    kind = DictConfig if isinstance(node, DictConfig) else type(node)
    about = (kind, meta.ref_type, meta.object_type, meta.optional, meta.key, sorted((meta.flags or {}).items()))
    if not isinstance(node, (DictConfig, ListConfig)):
        return (*about, node._value(), type(node._value()))
    content = node._content
    if content is None or isinstance(content, str):
        return (*about, content)
    items = content.items() if isinstance(content, dict) else enumerate(content)
    return (*about, meta.resolver_cache, [(key, details(value)) for key, value in items])


def outcome(load: Callable[[], DictConfig]) -> Any:
    try:
        config = load()
    except Exception as error:
        return type(error), str(error)
    return details(config), OmegaConf.to_yaml(config), resolved(config)


def resolved(config: DictConfig) -> Any:
    task = copy.deepcopy(config)
    OmegaConf.set_struct(task, False)
    task.pop("hydra")
    try:
        return OmegaConf.to_container(task, resolve=True)
    except Exception as error:
        return type(error), str(error)


@pytest.mark.parametrize(("name", "jobs"), CASES)
def test_every_job_gets_the_configuration_that_hydra_composes(
    config_dir: Path, name: str, jobs: list[list[str]]
) -> None:
    loader, master = loader_and_master(config_dir, name)
    composed = ComposedOnce(loader)
    for job in [*jobs, *reversed(jobs)]:
        expected = outcome(lambda job=job: loader.load_sweep_config(master, list(job)))
        with counted(loader) as asked:
            assert outcome(lambda job=job: composed.load_sweep_config(master, list(job))) == expected
        assert len(asked) == (0 if len(expected) == 3 else 1), "Hydra was asked without need, or did not word an error"


@pytest.mark.parametrize(
    "lines",
    [
        ["hydra.sweep.dir=/tmp/elsewhere", "hydra.job.chdir=true"],
        ["hydra/job_logging=none", "hydra.verbose=[a,b]"],
        ["hydra.job.name=other"],
        ["hydra.sweep.subdir=a_${hydra.job.num}", "hydra.job.chdir=${oc.env:HPO_TEST_CHDIR,false}"],
    ],
    ids=" ".join,
)
def test_hydras_own_overrides_of_the_command_line_stay(config_dir: Path, lines: list[str]) -> None:
    loader, master = loader_and_master(config_dir, "groups", *lines)
    composed = ComposedOnce(loader)
    for job in (["x=2"], ["x=3", "db=postgresql"]):
        expected = outcome(lambda job=job: loader.load_sweep_config(master, list(job)))
        with counted(loader) as asked:
            assert outcome(lambda job=job: composed.load_sweep_config(master, list(job))) == expected
        assert asked == []


@pytest.mark.parametrize(
    "job",
    [
        ["unknown=1"],
        ["x=[1,"],
        ["nested.lr.deeper=1"],
        ["~absent"],
        ["+x=3"],
        ["x=1,2"],
        ["absent/group=1"],
        ["hydra.sweep.dir=elsewhere"],
        ["hydra/launcher=basic"],
        ["hydra.sweeper.params={}"],
    ],
    ids=" ".join,
)
def test_what_hydra_refuses_is_refused_in_hydras_words(config_dir: Path, job: list[str]) -> None:
    loader, master = loader_and_master(config_dir, "plain")
    composed = ComposedOnce(loader)
    for _ in range(2):
        expected = outcome(lambda: loader.load_sweep_config(master, list(job)))
        assert outcome(lambda: composed.load_sweep_config(master, list(job))) == expected


def test_files_are_read_once_for_each_combination_of_groups(config_dir: Path) -> None:
    loader, master = loader_and_master(config_dir, "groups")
    composed = ComposedOnce(loader)
    jobs = [["db=mysql", "x=1"], ["db=postgresql", "x=1"]]
    for job in jobs:
        composed.load_sweep_config(master, job)
    calls: list[Any] = []
    loader.load_configuration = lambda *a, **k: calls.append((a, k))  # type: ignore[method-assign,assignment]
    try:
        for x in range(20):
            config = composed.load_sweep_config(master, [jobs[x % 2][0], f"x={x}"])
            assert config.x == x
            assert config.db.driver == ("mysql", "postgresql")[x % 2]
    finally:
        del loader.load_configuration
    assert calls == []


def test_the_environment_and_the_directory_of_the_moment_are_noted(
    config_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loader, master = loader_and_master(config_dir, "environment")
    composed = ComposedOnce(loader)
    composed.load_sweep_config(master, ["x=1"])
    monkeypatch.setenv("HPO_TEST_VARIABLE", "after")
    monkeypatch.chdir(tmp_path)
    config = composed.load_sweep_config(master, ["x=2"])
    assert config.hydra.job.env_set.HPO_TEST_VARIABLE == "after"
    assert config.hydra.runtime.cwd == os.getcwd()


def test_jobs_do_not_share_what_they_are_given(config_dir: Path) -> None:
    loader, master = loader_and_master(config_dir, "plain")
    composed = ComposedOnce(loader)
    first = composed.load_sweep_config(master, ["x=1"])
    first.nested.list[2].deep = 99
    first.hydra.job.num = 7
    second = composed.load_sweep_config(master, ["x=1"])
    assert second.nested.list[2].deep == 3
    assert OmegaConf.is_missing(second.hydra.job, "num")


def test_copies_of_the_configuration_are_as_omegaconf_makes_them(config_dir: Path) -> None:
    loader, master = loader_and_master(config_dir, "resolvers")
    ours = ComposedOnce(loader).load_sweep_config(master, ["x=2"])
    theirs = loader.load_sweep_config(master, ["x=2"])
    for node, other in ((ours, theirs), (ours.hydra, theirs.hydra)):
        copied, expected = copy.deepcopy(node), copy.deepcopy(other)
        assert details(copied) == details(expected)
        assert details(copy.deepcopy(copied)) == details(expected)
        assert copied._get_parent() is node._get_parent()
        OmegaConf.update(copied, "hydra.job.name" if "hydra" in copied else "job.name", "changed")
        assert details(node) == details(other)
    assert type(pickle.loads(pickle.dumps(ours)).hydra) is DictConfig


def test_a_loader_travels_to_another_process(config_dir: Path) -> None:
    loader, master = loader_and_master(config_dir, "groups")
    composed = ComposedOnce(loader)
    composed.load_sweep_config(master, ["x=2"])
    arrived = pickle.loads(pickle.dumps(composed))
    assert details(arrived.load_sweep_config(master, ["x=3"])) == details(loader.load_sweep_config(master, ["x=3"]))
