"""What a sweep leaves for people: its report, and the best trial's whole configuration."""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from plugin_support import finish, surroundings, sweep

from hydra_plugins.hydra_hpo_sweeper._sweep._results import _page
from sweeper_core.report.beacon import beacons
from sweeper_core.study import expected

CONFIG = """
x: 0
db:
  user: me
  password: ${oc.env:HPO_TEST_SECRET}
twice: ${x}${x}
"""
CHOICES = (
    "x=choice(3,1,2)",
    "hydra/sweeper/sampler=grid",
    "hydra.sweeper.sampler.seed=null",
    "hydra.sweeper.n_trials=3",
)


@pytest.fixture(autouse=True)
def _with_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HPO_REPORT", raising=False)
    monkeypatch.setenv("HPO_TEST_SECRET", "hunter2")


def task(cfg: Any) -> float:
    """Return the parameter; the directory knows that a sweep runs in it."""
    assert len(beacons(Path(os.environ["HPO_TEST_SWEEP"]))) == 1
    return float(cfg.x)


def test_a_sweep_leaves_its_report_and_best_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    directory = tmp_path / "sweep"
    monkeypatch.setenv("HPO_TEST_SWEEP", str(directory))
    sweep(task, directory, [*CHOICES, "hydra.sweeper.progress=lines"], CONFIG)
    said = capfd.readouterr().out
    assert f"] Report: {directory / 'report.html'}\n" in said
    assert "] That is 67 % better than the first trial (3).\n" in said
    assert "] Started trial 0: x=3\n" in said
    page = (directory / "report.html").read_text()
    assert '"best":[1]' in page
    config = yaml.safe_load((directory / "best_config.yaml").read_text())
    assert config == {
        "x": 1,
        "db": {"user": "me", "password": "${oc.env:HPO_TEST_SECRET}"},
        "twice": "${x}${x}",
    }
    assert not any("hunter2" in path.read_text() for path in directory.glob("*.*ml"))
    assert list(directory.glob(".sweep-*")) == []


def test_the_model_of_a_sweep_is_fitted_once_and_said_alike_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    fits = []
    monkeypatch.setattr(expected, "expectation", lambda *given, fit=expected.expectation: fits.append(1) or fit(*given))
    noisy = ["x=interval(0,1)", "hydra.sweeper.n_trials=20", "hydra.sweeper.progress=lines"]
    sweep(lambda cfg: (cfg.x - 0.5) ** 2 + 0.1 * math.sin(1e5 * cfg.x), tmp_path / "sweep", noisy)
    assert len(fits) == 1
    (line,) = [line.partition("] ")[2] for line in capfd.readouterr().out.splitlines() if "Best expected: " in line]
    assert line.partition(" (")[0] in (tmp_path / "sweep" / "report.html").read_text()


@pytest.mark.parametrize("override", ["hydra.sweeper.report=false", "hydra.output_subdir=null"])
def test_no_report_where_none_is_wanted_and_a_configuration_without_hydras_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, override: str
) -> None:
    directory = tmp_path / "sweep"
    monkeypatch.setenv("HPO_TEST_SWEEP", str(directory))
    sweep(task, directory, [*CHOICES, override], CONFIG)
    assert (directory / "report.html").exists() is (override == "hydra.output_subdir=null")
    config = yaml.safe_load((directory / "best_config.yaml").read_text())
    assert (config["x"], config["db"]["password"]) == (1, "${oc.env:HPO_TEST_SECRET}")


def test_a_report_that_cannot_be_made_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setenv("HPO_TEST_SWEEP", str(tmp_path / "sweep"))
    monkeypatch.setattr("sweeper_core.report.page.write_report", broken)
    sweep(task, tmp_path / "sweep", CHOICES, CONFIG)
    assert "The report was not written (OSError: no space left); `hpo report` makes it." in capfd.readouterr().out


def test_the_best_configuration_runs(tmp_path: Path) -> None:
    """As the documentation says, with an application of its own."""
    (tmp_path / "app.py").write_text(
        "import hydra\n\n\n@hydra.main(version_base=None, config_path='.', config_name='config')\n"
        "def app(cfg):\n    print('ran with', cfg.x)\n    return float(cfg.x)\n\n\n"
        "if __name__ == '__main__':\n    app()\n"
    )
    (tmp_path / "config.yaml").write_text("defaults:\n  - _self_\n  - override hydra/sweeper: hpo\nx: 0\n")
    start = [sys.executable, "app.py"]
    words = ["--multirun", "hydra.sweep.dir=sweep", *CHOICES, "hydra.sweeper.n_jobs=1", "hydra.sweeper.lanes=inline"]
    again = ["--config-dir", "sweep", "--config-name", "best_config", "hydra.run.dir=again"]
    for arguments in (words, again):
        done = finish([*start, *arguments], cwd=tmp_path, env=surroundings())
        assert done.returncode == 0, done.stderr
    assert done.stdout == "ran with 1\n"


class Clock:
    """A clock that tests put forward."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_running_sweep_renews_its_report_in_a_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []
    clock = Clock()

    class Child:
        ended = False

        def __init__(self, command: list[str], env: dict[str, str], **_: Any) -> None:
            started.append(command)
            assert "s3cret" in env["HPO_STORAGE"]

        def poll(self) -> int | None:
            return 0 if self.ended else None

    session: Any = type(
        "S", (), {"study": type("R", (), {"name": "hpo"}), "storage": type("T", (), {"outlives_process": True})}
    )
    opened: Any = type("O", (), {"session": session, "url": "postgresql://me:s3cret@host/db"})
    monkeypatch.setattr(_page.time, "monotonic", clock)
    monkeypatch.setattr(_page.subprocess, "Popen", Child)
    page = _page.Page(tmp_path, opened, True, "train")
    for seconds, count in ((29, 0), (1, 1), (60, 1)):
        clock.now += seconds
        page.refresh()
        assert len(started) == count
    Child.ended = True
    page.refresh()  # it took 60 s: at most a twentieth of the time may go into reports
    clock.now += 60 * 19 - 1
    page.refresh()
    assert len(started) == 1
    clock.now += 1
    page.refresh()
    assert len(started) == 2
    assert not any("s3cret" in word for word in started[0])


@pytest.mark.parametrize(("text", "shown"), [("=cmd()", '"=cmd()"'), ("@x", '"@x"'), ("-1e", '"-1e"'), ("a=1", "a=1")])
def test_the_table_of_a_sweep_holds_no_formulas(text: str, shown: str) -> None:
    from hydra_plugins.hydra_hpo_sweeper._sweep._results._files import cell

    assert cell(text) == shown
    assert cell(-1.5) == "-1.5"
