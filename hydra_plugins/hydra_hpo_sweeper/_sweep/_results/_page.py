"""The sweep's report in its directory: a child process renews it periodically, and this process writes it last."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra_plugins.hydra_hpo_sweeper._sweep._preparation._opening import Opened
from sweeper_core.masking import masked
from sweeper_core.report.facts import StudyFacts
from sweeper_core.storages.base import Storage

if TYPE_CHECKING:
    from sweeper_core.study.expected import Expectation

log = logging.getLogger("hydra_plugins.hydra_hpo_sweeper")

NAME = "report.html"

SECONDS_BETWEEN = 30.0
"""Minimum seconds between two renewals; the first one is due this long after the beginning."""

SHARE_OF_TIME = 0.05
"""Maximum share of the time in which a child works on the report: large studies are renewed less often."""

SWITCH = "HPO_REPORT"
"""Environment variable: ``false`` disables reports, regardless of the settings."""


def is_wanted(setting: bool) -> bool:
    """Return whether the sweep makes reports."""
    return setting and os.environ.get(SWITCH, "true").lower() not in ("false", "0", "off", "no")


class Page:
    """Keeps ``report.html`` of one sweep.

    Args:
        wanted: Whether there is to be one.
        application: Name of the script, without its ending.
    """

    def __init__(self, directory: Path, opened: Opened, wanted: bool, application: str) -> None:
        self.path = directory / NAME
        self.written = False
        self.expected: Expectation | str | None = None
        """What a model expects of the trials, where it is known when the sweep ends."""
        self._directory = directory
        self._session = opened.session
        # Other processes cannot read a storage in memory; the report is made at the end then.
        self._url = opened.url if opened.session.storage.outlives_process else None
        self._wanted = is_wanted(wanted)
        self._program = ("python", f"{application}.py")
        self._child: subprocess.Popen[bytes] | None = None
        self._begun = 0.0
        self._next = time.monotonic() + SECONDS_BETWEEN

    def refresh(self) -> None:
        """Start a child that renews the report, if it is time; takes a few milliseconds at most."""
        if self._child is not None and self._child.poll() is not None:
            self._child = None
            took = time.monotonic() - self._begun
            self._next = self._begun + max(SECONDS_BETWEEN, took / SHARE_OF_TIME)
        if self._wanted and self._url is not None and self._child is None and time.monotonic() >= self._next:
            self._start(self._url)

    def _start(self, url: str) -> None:
        self._begun = time.monotonic()
        command = [sys.executable, "-m", "sweeper_core.cli", "report", str(self._directory.absolute())]
        command += ["--study", self._session.study.name, "--output", str(self.path.absolute())]
        if shutil.which("nice"):
            command = ["nice", "-n", "19", *command]
        # The URL may have a password, which must not be visible in the list of processes.
        environment = {**os.environ, "HPO_STORAGE": url, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        silent: Any = subprocess.DEVNULL
        with suppress(OSError):
            self._child = subprocess.Popen(
                command, env=environment, stdin=silent, stdout=silent, stderr=silent, start_new_session=True
            )
        self._next = self._begun + SECONDS_BETWEEN

    def finish(self) -> None:
        """Stop a child that is at work, and write the report as of now.

        Errors are only logged in one line.
        """
        self.close()
        if not self._wanted or not self._session.log.records:
            return
        try:
            from sweeper_core.report.page import write_report

            write_report(self.path, [self])
            self.written = True
        except Exception as error:
            log.warning("The report was not written (%s: %s); `hpo report` makes it.", type(error).__name__, error)

    def close(self) -> None:
        """Stop a child that is at work."""
        if self._child is not None:
            self._child.terminate()
            self._child.wait()
            self._child = None

    @property
    def directory(self) -> Path:
        """The sweep's directory."""
        return self._directory

    @property
    def shown_url(self) -> str:
        """The storage without its password."""
        return "memory" if self._url is None else masked(self._url)

    @property
    def storage(self) -> Storage:
        """The study's storage."""
        return self._session.storage

    def facts(self) -> StudyFacts:
        """Return the study's facts from this process's log of trials."""
        return StudyFacts.of(self._session.study, self._session.log.records)

    def command(self, facts: StudyFacts) -> str | None:
        """Return the command that runs the best trial."""
        from sweeper_core.report.overrides import in_shell, overrides_of

        if len(facts.best) != 1:
            return None
        return " ".join([*self._program, *in_shell(overrides_of(self._directory, facts.best[0], facts.lists))])
