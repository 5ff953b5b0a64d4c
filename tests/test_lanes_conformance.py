"""Every lane type keeps the contract: those of the plugin, and one as a user writes it."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hydra._internal.callbacks import Callbacks
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.types import HydraContext, RunMode
from omegaconf import OmegaConf, open_dict
from plugin_support import sweep

from hydra_plugins.hydra_hpo_sweeper._config import _lane_types
from hydra_plugins.hydra_hpo_sweeper._config._settings import read_settings
from hydra_plugins.hydra_hpo_sweeper._errors import ConfigError
from hydra_plugins.hydra_hpo_sweeper._lanes._environment import JobEnvironment
from hydra_plugins.hydra_hpo_sweeper._lanes._factory import LaneFactory
from hydra_plugins.hydra_hpo_sweeper._lanes._guarded import Guarded
from hydra_plugins.hydra_hpo_sweeper._lanes._threads import ThreadLanes
from hydra_plugins.hydra_hpo_sweeper.lanes import Job, JobResult, Lanes, LaneSetup
from sweeper_core.study import load_study
from sweeper_core.testing.lanes import LanesConformance, task

X = "x=interval(0,1)"


class Jobs(LanesConformance):
    """Makes the plugin's jobs."""

    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        self.place = tmp_path

    def job(
        self, number: int, overrides: Sequence[str], part: int = 0, environment: Mapping[str, str] | None = None
    ) -> Job:
        return Job(number, tuple(overrides), part, environment or {})

    def opened(self, *overrides: str) -> Lanes:
        """Return the lanes that a sweep with some settings would have."""
        (self.place / "conf").mkdir(exist_ok=True)
        (self.place / "conf" / "config.yaml").write_text("how: return\nx: 0\n")
        GlobalHydra.instance().clear()
        hydra = Hydra.create_main_hydra2("app", create_config_search_path(str(self.place / "conf")))
        try:
            config = hydra.compose_config(
                config_name="config",
                overrides=["hydra/sweeper=hpo", f"hydra.sweep.dir={self.place / 'sweep'}", *overrides],
                run_mode=RunMode.MULTIRUN,
                with_log_configuration=False,
            )
            context = HydraContext(config_loader=hydra.config_loader, callbacks=Callbacks(config))
            factory = LaneFactory(read_settings(config), context, task, config, self.place / "sweep")
            return factory.open(None)
        finally:
            GlobalHydra.instance().clear()


class TestInline(Jobs):
    count = 1

    def make(self, count: int) -> Lanes:
        return self.opened("hydra.sweeper.lanes=inline")


class TestProcesses(Jobs):
    isolated = True

    def make(self, count: int) -> Lanes:
        return self.opened("hydra.sweeper.lanes=process", f"hydra.sweeper.n_jobs={count}")


class Direct:
    """A launcher that touches nothing that a process has once, as those whose jobs run elsewhere."""

    def __init__(self, environment: JobEnvironment) -> None:
        self.environment = environment

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> list[JobReturn]:
        """Run one job."""
        ended = JobReturn()
        self.environment.on_job_start(None)
        try:
            ended.return_value = Guarded(task)(OmegaConf.from_dotlist(list(job_overrides[0])))
            ended.status = JobStatus.COMPLETED
        except Exception as error:
            ended.return_value = error
            ended.status = JobStatus.FAILED
        self.environment.on_job_end(None, ended)
        return [ended]


class TestThreads(Jobs):
    def make(self, count: int) -> Lanes:
        def launcher() -> Any:
            environment = JobEnvironment()
            return Direct(environment), environment

        return ThreadLanes(launcher, count)


class PatientLane(Lanes):
    """A lane type of a user's own: one job at a time in this process, and none while a file exists."""

    in_process = True

    def __init__(self, setup: LaneSetup, pause: str = "pause") -> None:
        self._run = setup.runner()
        self._pause = Path(pause)
        self._job: Job | None = None

    @property
    def free(self) -> int:
        return int(self._job is None and not self._pause.exists())

    @property
    def busy(self) -> tuple[Job, ...]:
        return () if self._job is None else (self._job,)

    def start(self, job: Job) -> None:
        self._job = job

    def wait(self, timeout: float | None = None) -> list[JobResult]:
        if self._job is None:
            return []
        result, self._job = self._run(self._job), None
        return [result]

    def stop(self, key: tuple[int, int]) -> None:
        pass

    def close(self) -> None:
        self._job = None


OWN = f"hydra.sweeper.lanes={{_target_:{__name__}.PatientLane}}"


class TestOwn(Jobs):
    count = 1

    def make(self, count: int) -> Lanes:
        return self.opened(OWN)


def test_a_lane_type_of_ones_own_runs_a_sweep(tmp_path: Path) -> None:
    sweep(lambda config: config.x, tmp_path / "sweep", [X, "hydra.sweeper.n_trials=3", OWN])
    study = load_study(study_name="hpo", storage=f"sqlite:///{tmp_path / 'sweep' / 'study.db'}")
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"] * 3


def test_a_lane_type_is_found_by_the_name_of_an_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    point = importlib.metadata.EntryPoint("patient", f"{__name__}:PatientLane", _lane_types.GROUP)
    monkeypatch.setattr(_lane_types, "entry_points", lambda group: [point] if group == _lane_types.GROUP else [])
    read = settings("patient").lanes
    assert isinstance(read, _lane_types.LaneType)
    assert (read.name, read.in_process) == ("patient", True)
    with pytest.raises(ConfigError, match=r"must be one of auto, .*patient, not 'patent'.*patient"):
        settings("patent")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"pause": "x"}, "a mapping needs _target_"),
        ({"_target_": "nowhere.Lane"}, "'nowhere.Lane' cannot be imported"),
        ({"_target_": "os.sep"}, "'os.sep' is no class or function"),
        (["process"], r"must be one of auto, inline, process"),
    ],
)
def test_wrong_lane_types_are_refused(value: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        settings(value)


def test_what_makes_no_lanes_is_refused(tmp_path: Path) -> None:
    for target, said in (("builtins.repr", "returned str; it must return Lanes"), ("math.floor", "cannot be made")):
        with pytest.raises(Exception, match=said):
            sweep(lambda config: 0.0, tmp_path / target, [X, f"hydra.sweeper.lanes={{_target_:{target}}}"])


def settings(lanes: Any) -> Any:
    """Return the settings of a sweep with a value for ``lanes``."""
    from hydra import compose, initialize

    Plugins.instance()
    with initialize(version_base="1.3", config_path=None):
        config = compose(overrides=["hydra/sweeper=hpo"], return_hydra_config=True)
    with open_dict(config):
        config.hydra.sweeper.lanes = lanes
    return read_settings(config)
