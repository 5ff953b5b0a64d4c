"""When jobs on a cluster begin to run: a job touches a file beside its trial's handle, and the sweep notes the time."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from hydra_plugins.hydra_hpo_sweeper._lanes._base import Job
from sweeper_core.exceptions import StorageInternalError
from sweeper_core.study._job.handle import VARIABLE, begun_mark
from sweeper_core.study._session.session import Session
from sweeper_core.trial.attrs import BEGAN
from sweeper_core.trial.data import TrialData

INTERVAL = 2.0
"""Seconds between two looks."""


class BegunJobs:
    """Notes in the study when jobs begin.

    Args:
        looks: Whether jobs may have waited in a queue; otherwise nothing is done.
    """

    def __init__(self, session: Session, looks: bool) -> None:
        self._session = session
        self._looks = looks
        self._known: set[int] = set()
        self._next = 0.0

    def look(self, jobs: Iterable[Job]) -> None:
        """Look for jobs that have begun, if it is time."""
        if self._looks and time.monotonic() >= self._next:
            for job in jobs:
                self.note(job)
            self._next = time.monotonic() + INTERVAL

    def note(self, job: Job) -> None:
        """Note the time of a job that has begun, once for each trial."""
        handle = job.environment.get(VARIABLE)
        if not self._looks or handle is None or job.trial in self._known:
            return
        with suppress(OSError, StorageInternalError, ValueError):
            # By the clock of the file system: the job's machine may have another.
            began = begun_mark(Path(handle)).stat().st_mtime
            self._session.writer.describe(job.trial, TrialData(system_attrs={BEGAN: began}))
            self._known.add(job.trial)
