"""One registry: what it names has its configuration, its conformance test and its row of the documentation."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hydra.core.config_store import ConfigStore
from plugin_support import sweep

from hydra_plugins.hydra_hpo_sweeper.config import store_algorithms
from sweeper_core.pruners import MedianPruner, Pruner
from sweeper_core.registry import PRUNERS, SAMPLERS, SCHEDULERS, TABLES, Entry, Kind, documentation
from sweeper_core.samplers import RandomSampler, Sampler
from sweeper_core.schedulers import Scheduler
from sweeper_core.study import load_study
from sweeper_core.testing.pruners import PrunerConformance
from sweeper_core.testing.samplers import SamplerConformance
from sweeper_core.testing.schedulers import SchedulerConformance

ROOT = Path(__file__).resolve().parent.parent
ENTRIES = [(kind, name) for kind, table in TABLES.items() for name in table]
IN_PAGES = {
    kind: ROOT / "docs" / f"{page}.md" for kind, page in zip(TABLES, ("samplers", "pruning", "schedulers"), strict=True)
}


class CornerSampler(Sampler):
    """Suggests like the random sampler, in one corner."""

    def __init__(self, seed: int | None = None, share: float = 0.5) -> None:
        super().__init__(seed)
        self.share = share
        self._inner = RandomSampler(seed)

    def suggest(self, request: Any, history: Any, rng: Any) -> Any:
        return self._inner.suggest(request, history, rng)


class StrictPruner(MedianPruner):
    """Stops early."""

    def __init__(self, n_startup_trials: int = 1) -> None:
        super().__init__(n_startup_trials=n_startup_trials)


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SAMPLERS, "corner", Entry(f"{__name__}.CornerSampler", "corners"))
    monkeypatch.setitem(PRUNERS, "strict", Entry(f"{__name__}.StrictPruner", "anything is wrong"))


@pytest.fixture
def stored(added: None) -> Iterator[None]:
    """Have what was added in Hydra's ConfigStore, for one test."""
    store_algorithms()
    yield
    groups = ConfigStore.instance().repo["hydra"]["sweeper"]
    del groups["sampler"]["corner.yaml"], groups["pruner"]["strict.yaml"]


class TestRegisteredSamplers(SamplerConformance):
    """Every registered sampler as it is by default, and one that is registered while the tests run."""

    @pytest.fixture(autouse=True, params=[*SAMPLERS, "corner"])
    def _entry(self, request: pytest.FixtureRequest, added: None) -> None:
        self.entry = SAMPLERS[request.param]
        if self.entry.finite:
            self.spaces = ("finite", "conditional")

    def make(self) -> Sampler:
        made: Sampler = self.entry.load()(seed=0)
        return made

    def test_a_changed_space_is_taken(self) -> None:
        if self.entry.finite:
            pytest.skip("the space then has a continuous parameter")
        super().test_a_changed_space_is_taken()


class TestRegisteredPruners(PrunerConformance):
    """Every registered pruner as it is by default, and one that is registered while the tests run."""

    @pytest.fixture(autouse=True, params=[*PRUNERS, "strict"])
    def _entry(self, request: pytest.FixtureRequest, added: None) -> None:
        self.entry = PRUNERS[request.param]
        self.relative = request.param != "threshold"

    def make(self) -> Pruner:
        wanted = {key: value for key, value in self.entry.preset.items() if value is not None}
        arguments = {"wrapped_pruner": None} if "wrapped_pruner" in self.entry.arguments() else {}
        made: Pruner = self.entry.load()(**{**arguments, **wanted, **self.entry.needed})
        return made


class TestRegisteredSchedulers(SchedulerConformance):
    """Every registered scheduler as it is by default."""

    @pytest.fixture(autouse=True, params=[name for name in SCHEDULERS if name != "stop"])
    def _entry(self, request: pytest.FixtureRequest) -> None:
        self.entry = SCHEDULERS[request.param]

    def make(self) -> Scheduler:
        made: Scheduler = self.entry.load()()
        return made


@pytest.mark.parametrize(("kind", "name"), ENTRIES)
def test_arguments_are_those_of_the_class(kind: Kind, name: str) -> None:
    entry = TABLES[kind][name]
    assert list(entry.arguments()) == list(inspect.signature(entry.load()).parameters)


def test_configurations_are_made_without_importing_a_class() -> None:
    code = (
        "import sys; from sweeper_core.registry import TABLES\n"
        "found = {name: entry.config() for table in TABLES.values() for name, entry in table.items()}\n"
        "assert found['tpe']['n_startup_trials'] is None and 'gamma' in found['tpe'], found['tpe']\n"
        "assert found['median'].keys() > {'n_warmup_steps'} and found['percentile']['percentile'] == 25.0\n"
        "print('numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout == "False\n", done.stderr


@pytest.mark.parametrize(("kind", "name"), ENTRIES)
def test_the_page_has_its_row(kind: Kind, name: str) -> None:
    row = next(line for line in documentation(kind).splitlines() if line.startswith(f"| `{name}` |"))
    assert row in IN_PAGES[kind].read_text(), f"put the table of sweeper_core.registry.documentation({kind!r}) there"


def test_what_is_added_is_chosen_by_its_name_and_documented(tmp_path: Path, stored: None) -> None:
    choices = ["hydra/sweeper/sampler=corner", "hydra.sweeper.sampler.share=0.25", "hydra/sweeper/pruner=strict"]
    sweep(lambda config: config.x, tmp_path / "s", [*choices, "x=interval(0,1)", "hydra.sweeper.n_trials=2"])
    text = (tmp_path / "s" / "multirun.yaml").read_text()
    assert "CornerSampler" in text
    assert "share: 0.25" in text
    assert "StrictPruner" in text
    assert "n_startup_trials: null" in text
    assert len(load_study(study_name=None, storage=f"sqlite:///{tmp_path}/s/study.db").trials) == 2
    assert "| `corner` | `CornerSampler` | corners |" in documentation("sampler")
    assert "| `strict` | `StrictPruner` | anything is wrong |" in documentation("pruner")


def test_the_plugin_imports_no_algorithm_before_it_is_chosen() -> None:
    """A sweep, and a dry run, load the chosen sampler only: each takes a good part of a second to import."""
    names = {entry.class_name for entry in SAMPLERS.values()} - {"RandomSampler"}
    found = []
    for file in (ROOT / "hydra_plugins").rglob("*.py"):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sweeper_core.samplers"):
                found += [(file.name, alias.name) for alias in node.names if alias.name in names]
    assert found == []
