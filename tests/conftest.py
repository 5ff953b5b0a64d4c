"""What all tests share: nothing may depend on how fast the machine is, and nothing is skipped unnoticed in CI."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from slurm_support import Slurm
from wheel_support import Environment, both

from sweeper_core.testing.servers import MariaDB, PostgreSQL, Server, ServerMissing

# A report of each of some hundred sweeps would take longer than all else; the tests of reports ask for theirs.
os.environ.setdefault("HPO_REPORT", "false")

settings.register_profile(
    "any-machine",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    # The same examples at every run of CI, so that it speaks of the change and not of luck.
    derandomize=bool(os.environ.get("CI")),
)
settings.load_profile("any-machine")

Started = TypeVar("Started")

WANTING = re.compile(r"could not import|not installed|No module named")
"""In the reasons of skips: something is missing here, which is another thing than a test that does not apply."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what CI needs to see that every test has run somewhere."""
    group = parser.getgroup("missing parts")
    group.addoption("--note-missing", metavar="FILE", help="append the tests that lack something to a file")
    group.addoption("--nothing-missing", action="store_true", help="let tests that lack something fail")


def pytest_configure(config: pytest.Config) -> None:
    """Watch the skips where that was asked for."""
    note, refuse = config.getoption("--note-missing"), config.getoption("--nothing-missing")
    if note or refuse:
        config.pluginmanager.register(Skips(Path(note) if note else None, refuse))


class Skips:
    """Notes, or lets fail, the tests that are skipped because something is missing."""

    def __init__(self, note: Path | None, refuse: bool) -> None:
        self.note = note
        self.refuse = refuse

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, Any, Any]:
        """Look at a test's report."""
        return self._seen((yield))

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self) -> Generator[None, Any, Any]:
        """Look at the report of a whole file."""
        return self._seen((yield))

    def _seen(self, report: Any) -> Any:
        reason = report.longrepr[2] if report.skipped and isinstance(report.longrepr, tuple) else ""
        if WANTING.search(reason):
            if self.note is not None:
                with open(self.note, "a") as notes:
                    notes.write(f"{report.nodeid}\n")
            if self.refuse:
                report.outcome, report.longrepr = "failed", f"Skipped, where nothing may be missing: {reason}"
        return report


def started(kind: Callable[[], Started]) -> Started:
    """Return a server, or a cluster; where it is not installed, skip the test, but in CI."""
    try:
        return kind()
    except ServerMissing as missing:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(missing))


@pytest.fixture(autouse=True)
def untraced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Hydra not take the measuring of coverage for a debugger, under which it raises errors instead of printing."""
    monkeypatch.setattr("hydra._internal.utils.is_under_debugger", lambda: False)


@pytest.fixture
def heard_interrupts() -> Iterator[None]:
    """Let interrupts be heard, which a process started in a script's background is told to ignore."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def postgresql() -> Iterator[Server]:
    with started(PostgreSQL) as server:
        yield server


@pytest.fixture(scope="module")
def mariadb() -> Iterator[Server]:
    with started(MariaDB) as server:
        yield server


@pytest.fixture(params=["postgresql", "mariadb"])
def server(request: pytest.FixtureRequest) -> Server:
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]


@contextmanager
def on_slurm(kind: Callable[[], Slurm]) -> Iterator[Slurm]:
    """Start a cluster, on which the programs that tests start submit their jobs."""
    with started(kind) as cluster, pytest.MonkeyPatch.context() as patch:
        for name, value in cluster.environment.items():
            patch.setenv(name, value)
        yield cluster


@pytest.fixture(scope="module")
def slurm() -> Iterator[Slurm]:
    """A cluster without accounting: ``sacct`` fails."""
    with on_slurm(Slurm) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def environments(tmp_path_factory: pytest.TempPathFactory) -> tuple[Environment, Environment]:
    """Environments that have the built wheel and do not see the checkout: with all extras, and with none."""
    base = tmp_path_factory.getbasetemp()
    return both(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base)


@pytest.fixture
def installed(environments: tuple[Environment, Environment]) -> Environment:
    return environments[0]


@pytest.fixture
def without_extras(environments: tuple[Environment, Environment]) -> Environment:
    return environments[1]
