"""Studies mirrored to MLflow, checked through MLflow's own client."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

mlflow: Any = pytest.importorskip("mlflow")
pytestmark = pytest.mark.training

from plugin_support import command, surroundings

from sweeper_core import create_study
from sweeper_core.distributions import FloatDistribution
from sweeper_core.integrations.mlflow import MirrorOptions, MlflowMirror
from sweeper_core.study import Study
from sweeper_core.testing.storages import elsewhere
from sweeper_core.trial import TrialState, create_trial
from sweeper_core.trial.data import TrialData


def new_study(directory: Path, direction: str = "minimize") -> Study:
    return create_study(storage=f"sqlite:///{directory / 'study.db'}", study_name="mirrored", direction=direction)


def mirror_of(study: Study, uri: str, **options: Any) -> MlflowMirror:
    session = study.session
    return MlflowMirror(session.storage, session.study, MirrorOptions(tracking_uri=uri, experiment="e", **options))


def runs_of(uri: str) -> tuple[list[Any], dict[int, Any]]:
    """Return the parent runs, and the children by trial number."""
    client = mlflow.MlflowClient(uri)
    found = client.search_runs([client.get_experiment_by_name("e").experiment_id])
    children = [run for run in found if "hpo.trial" in run.data.tags]
    assert len({run.data.tags["hpo.trial"] for run in children}) == len(children), "a trial has two runs"
    parents = [run for run in found if "hpo.trial" not in run.data.tags]
    return parents, {int(run.data.tags["hpo.trial"]): run for run in children}


@pytest.fixture(autouse=True)
def _own_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # MLflow puts artifacts beside the process


@pytest.fixture
def uri(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'mlflow.db'}"


def objective(trial: Any) -> float:
    x = trial.suggest_float("x", -1, 1)
    kind = trial.suggest_categorical("kind", ["a", [1, 2]])
    for step in range(3):
        trial.report(x + step, step)
    if trial.number == 2:
        raise ValueError("on purpose")
    return float(x * x + (0 if kind == "a" else 1))


def test_a_study_in_mlflow(tmp_path: Path, uri: str) -> None:
    study = new_study(tmp_path)
    mirror = mirror_of(study, uri)
    mirror.start()
    study.optimize(objective, n_trials=6, catch=(ValueError,))
    study.add_trial(
        create_trial(state=TrialState.PRUNED, value=7.0, intermediate_values={0: 8.0, 4: 7.0}, constraints={"c": 2.0})
    )
    artifact = tmp_path / "results.yaml"
    artifact.write_text("name: study")
    assert mirror.close([artifact])
    (parent,), children = runs_of(uri)
    assert parent.info.status == "FINISHED"
    assert {number: run.info.status for number, run in children.items()} == {
        0: "FINISHED",
        1: "FINISHED",
        2: "FAILED",
        3: "FINISHED",
        4: "FINISHED",
        5: "FINISHED",
        6: "KILLED",
    }
    client = mlflow.MlflowClient(uri)
    for trial in study.trials:
        run = children[trial.number]
        assert run.data.params == {name: str(value) for name, value in trial.params.items()}
        assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
        reported = client.get_metric_history(run.info.run_id, "hpo/report")
        assert {metric.step: metric.value for metric in reported} == pytest.approx(trial.intermediate_values)
        if trial.values:
            assert run.data.metrics["value"] == pytest.approx(trial.value)
    assert children[6].data.metrics["hpo/constraint/c"] == 2.0
    best = study.best_trial.number
    assert parent.data.tags["hpo.best_trial"] == str(best)
    assert [number for number, run in children.items() if "hpo.best" in run.data.tags] == [best]
    assert [each.path for each in client.list_artifacts(parent.info.run_id)] == ["results.yaml"]


def test_going_on_with_a_study_goes_on_with_its_runs(tmp_path: Path, uri: str) -> None:
    study = new_study(tmp_path, "maximize")
    for _ in range(2):
        mirror = mirror_of(study, uri)
        study.optimize(objective, n_trials=4, catch=(ValueError,))
        assert mirror.close()
    (parent,), children = runs_of(uri)
    assert sorted(children) == list(range(8))
    best = study.best_trial.number
    assert [number for number, run in children.items() if "hpo.best" in run.data.tags] == [best]
    assert parent.data.tags["hpo.best_trial"] == str(best)


def test_attempts_of_a_configuration_share_a_run(tmp_path: Path, uri: str) -> None:
    study = new_study(tmp_path)
    storage, key = study.session.storage, study.session.study.study_id
    mirror = mirror_of(study, uri)
    storage.reserve(key, lease=elsewhere())
    unit = FloatDistribution(0.0, 1.0)
    storage.describe(key, 0, TrialData({"x": 0.5}, {"x": unit}, [(0, 0.5)]))
    assert storage.fail_stale(key) == [0]
    mirror.update()
    trial = study.ask()
    assert trial.first_step == 1
    _, runs = runs_of(uri)
    assert mirror.environment(0)["MLFLOW_RUN_ID"] == runs[0].info.run_id
    trial.report(0.25, 1)
    mirror.update()
    study.tell(trial, 1.0)
    mirror.update()
    mirror_of(study, uri).update()
    _, runs = runs_of(uri)
    assert list(runs) == [0]
    assert (runs[0].info.status, runs[0].data.metrics["value"]) == ("FINISHED", 1.0)
    assert "hpo.failure" not in runs[0].data.tags
    history = mlflow.MlflowClient(uri).get_metric_history(runs[0].info.run_id, "hpo/report")
    assert [(entry.step, entry.value) for entry in history] == [(0, 0.5), (1, 0.25)]


def test_a_job_that_logs_by_itself_is_joined(tmp_path: Path, uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    study = new_study(tmp_path)
    mirror = mirror_of(study, uri)
    mirror.update()
    trial = study.ask()
    trial.suggest_float("x", 0, 1)
    with monkeypatch.context() as patch:
        for name, value in mirror.environment(trial.number).items():
            patch.setenv(name, value)
        mlflow.set_tracking_uri(uri)
        mlflow.set_experiment("e")
        with mlflow.start_run():
            mlflow.log_metric("accuracy", 0.5)
    study.tell(trial, 0.25)
    assert mirror.close()
    _, children = runs_of(uri)
    assert list(children) == [0]
    assert children[0].data.metrics.items() >= {"accuracy": 0.5, "value": 0.25}.items()
    assert children[0].info.run_name == "trial 0"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def server(directory: Path, port: int) -> Iterator[None]:
    """Run MLflow's own server, killed at the end."""
    store = f"sqlite:///{directory / 'server.db'}"
    arguments = ["server", "--backend-store-uri", store, "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    arguments += ["--artifacts-destination", str(directory / "artifacts")]
    process = subprocess.Popen(
        [sys.executable, "-m", "mlflow", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd=directory,
    )
    try:
        wait_until(lambda: answers(port))
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def wait_until(condition: Callable[[], bool], seconds: float = 120.0) -> None:
    """Poll an outside process; fails when it never gets there."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the server did not come up"
        time.sleep(0.1)


def test_a_server_that_is_killed_and_restarted_costs_a_warning_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port()
    address = f"http://user:secret@127.0.0.1:{port}"
    study = new_study(tmp_path)
    with server(tmp_path, port):
        mirror = mirror_of(study, address)
        mirror.update()
        study.optimize(objective, n_trials=2, catch=(ValueError,))
        mirror.update()
    study.optimize(objective, n_trials=3, catch=(ValueError,))
    assert not mirror.try_update()
    assert not mirror.try_update()
    warnings = [record.getMessage() for record in caplog.records if "cannot be written" in record.getMessage()]
    assert len(warnings) == 1
    assert "secret" not in caplog.text
    with server(tmp_path, port):
        assert mirror.close()
        _, children = runs_of(f"http://127.0.0.1:{port}")
        assert sorted(children) == list(range(5))
        assert all("hpo.state" in run.data.tags for run in children.values())


def test_a_sweep_on_four_lanes(tmp_path: Path, uri: str) -> None:
    sweep = tmp_path / "sweep"
    line = command(
        "curve.py",
        sweep,
        "hydra.sweeper.n_trials=8",
        "hydra.sweeper.n_jobs=4",
        f"hydra.sweeper.mlflow={{tracking_uri: '{uri}', experiment: e}}",
        "+x=interval(0,1)",
    )
    done = subprocess.run(line, env=surroundings(), capture_output=True, text=True, timeout=300, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    (parent,), children = runs_of(uri)
    assert sorted(children) == list(range(8))
    assert all(run.data.tags["hpo.job_dir"] == str(sweep / str(number)) for number, run in children.items())
    artifacts = {each.path for each in mlflow.MlflowClient(uri).list_artifacts(parent.info.run_id)}
    assert {"optimization_results.yaml", "trials.csv", "best_overrides.txt"} <= artifacts
