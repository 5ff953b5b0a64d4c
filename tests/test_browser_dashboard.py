"""optuna-dashboard on a database of ours, while the study runs; its pages rendered in headless Chromium."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser

from sweeper_core import create_study
from sweeper_core.study import Study

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def need(condition: object, what: str) -> None:
    """Skip without a tool; fail where CI should have installed it."""
    if not condition:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{what} is not installed")


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as reply:
        return json.load(reply)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


def complete_trials(url: str) -> int:
    return sum(trial["state"] == "Complete" for trial in get(url)["trials"])


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 120.0) -> None:
    """Poll an outside process; fails when it never gets there."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what} was not to be seen"
        time.sleep(0.1)


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Return a study with trials in every state, one of them running."""
    study = create_study(storage=f"sqlite:///{tmp_path / 'study.db'}", study_name="shown", direction="minimize")

    def objective(trial: Any) -> float:
        x = trial.suggest_float("x", 1e-3, 1.0, log=True)
        kind = trial.suggest_categorical("kind", ["a", "b", [1, 2]])
        for step in range(4):
            trial.report(x + 1 / (step + 1), step)
        trial.set_constraint("size", x - 0.5)
        if trial.number == 3:
            raise ValueError("on purpose")
        return float(x + (kind == "b"))

    study.optimize(objective, n_trials=12, catch=(ValueError,))
    study.enqueue_trial({"x": 0.1})
    study.enqueue_trial({"x": 0.2})
    study.ask().suggest_float("x", 1e-3, 1.0, log=True)
    return study


@pytest.fixture
def dashboard(study: Study, tmp_path: Path) -> Iterator[str]:
    """Serve the study's database; return the address."""
    program = shutil.which("optuna-dashboard", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    need(program, "optuna-dashboard")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [str(program), f"sqlite:///{tmp_path / 'study.db'}", "--host", "127.0.0.1", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: answers(f"{address}/api/studies"), "optuna-dashboard")
        yield address
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def rendered(address: str, directory: Path) -> str:
    """Return the page's document after its scripts have run."""
    need(CHROMIUM, "Chromium")
    profile = f"--user-data-dir={directory / 'profile'}"
    done = subprocess.run(
        [str(CHROMIUM), *QUIET, profile, "--virtual-time-budget=20000", "--dump-dom", address],
        capture_output=True,
        text=True,
        timeout=180,
    )
    return done.stdout


def test_the_dashboard_shows_a_running_study(study: Study, dashboard: str, tmp_path: Path) -> None:
    (listed,) = get(f"{dashboard}/api/studies")["study_summaries"]
    assert listed["study_name"] == "shown"
    detail = get(f"{dashboard}/api/studies/{listed['study_id']}")
    states = [trial["state"] for trial in detail["trials"]]
    assert (states.count("Complete"), states.count("Fail")) == (11, 1)
    assert {"Running", "Waiting"} <= set(states)
    assert {entry["name"] for entry in detail["union_search_space"]} == {"x", "kind"}
    best = min(trial["values"][0] for trial in detail["trials"] if trial["state"] == "Complete")
    assert float(best) <= min(float(t.value or 9) for t in study.trials if t.values) + 1e-12
    page = rendered(f"{dashboard}/dashboard/studies/{listed['study_id']}", tmp_path)
    assert "shown" in page
    # A trial that ends while the dashboard is open is there at its next look.
    running = next(trial for trial in study.trials if trial.state.name == "RUNNING")
    study.tell(running.number, 0.5)
    wait_until(lambda: complete_trials(f"{dashboard}/api/studies/{listed['study_id']}") == 12, "the trial's end")


def test_its_pages_of_trials_and_analytics_render(study: Study, dashboard: str, tmp_path: Path) -> None:
    (listed,) = get(f"{dashboard}/api/studies")["study_summaries"]
    for page in ("trials", "analytics"):
        document = rendered(f"{dashboard}/dashboard/studies/{listed['study_id']}/{page}", tmp_path / page)
        assert "shown" in document
        assert "Unable to" not in document
