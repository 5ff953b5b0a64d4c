"""Leave and come back: trials whose jobs outlived the sweep that started them are taken over by its next run.

A job on a cluster runs on when its sweep dies. The trial keeps the job's id and folder; the next run of the same
directory attaches to what still runs, and takes the results that are there. Nothing runs twice.
"""

from __future__ import annotations

import hashlib
import logging
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from hydra_plugins.hydra_hpo_sweeper._hydra._slurm import jobs_by_comment
from hydra_plugins.hydra_hpo_sweeper._lanes._base import Job
from hydra_plugins.hydra_hpo_sweeper._sweep._preparation._opening import Opened
from hydra_plugins.hydra_hpo_sweeper._sweep._trials._handles import folder_of
from hydra_plugins.hydra_hpo_sweeper._sweep._trials._jobs import JobPlan, RunningTrial
from sweeper_core.exceptions import StorageInternalError
from sweeper_core.report.beacon import has_left
from sweeper_core.samplers.base import Suggestion
from sweeper_core.search_space.space import SearchSpace
from sweeper_core.storages._leases import owner_is_dead
from sweeper_core.storages._rules import attr_of_lease, attrs_of_loss, lease_of_attr
from sweeper_core.study._session.session import Session, Started
from sweeper_core.trial.attrs import CLUSTER_JOB, FIRST_STEP, FIXED_PARAMS, LEASE
from sweeper_core.trial.data import TrialData
from sweeper_core.trial.record import NOTHING, TrialRecord
from sweeper_core.trial.state import TrialState

log = logging.getLogger("hydra_plugins.hydra_hpo_sweeper")


def name_of_part(part: int) -> str:
    """Return the name of the attribute that has a repeat's job."""
    return f"{CLUSTER_JOB}:{part}" if part else CLUSTER_JOB


class ClusterJobs:
    """Notes in the study which job of the cluster belongs to which trial, and finds those that could not be noted.

    Args:
        directory: The sweep's.
        launcher: The launcher's configuration.
    """

    def __init__(self, session: Session, directory: Path, launcher: Mapping[str, Any] = NOTHING) -> None:
        self._session = session
        self._launcher = launcher
        self._directory = str(directory.absolute())

    def __call__(self, job: Job, facts: Mapping[str, Any]) -> None:
        """Note the job of a trial; called when the cluster has it."""
        data = TrialData(system_attrs={name_of_part(job.part): {**facts, "sweep": self._directory, "rung": job.rung}})
        try:
            self._session.writer.store(job.trial, data)
        except (StorageInternalError, ValueError) as error:
            log.warning(
                "Trial %d: its job %s could not be noted (%s); a run that follows a crash would start it again.",
                *(job.number, facts.get("id"), error),
            )

    def mark(self, job: Job) -> str:
        """Return the comment of a trial's job in the cluster's queue: study and directory, trial, repeat and rung."""
        digest = hashlib.sha256(f"{self._directory}\n{self._session.study.name}".encode()).hexdigest()[:16]
        return f"hpo-{digest}-{job.trial}-{job.part}-{job.rung}"

    def found(self, job: Job) -> Mapping[str, Any] | None:
        """Return what is needed to wait for a trial's job that could not be noted, and note it; None without one."""
        folder = self._launcher.get("submitit_folder")
        number = self._in_queue.get(self.mark(job)) if folder else None
        if number is None:
            return None
        tasks = int(self._launcher.get("nodes") or 1) * int(self._launcher.get("tasks_per_node") or 1)
        place = str(Path(str(folder)).absolute()).replace("%j", number)
        facts = {"cluster": "slurm", "id": number, "folder": place, "tasks": tasks}
        self(job, facts)
        return facts

    @cached_property
    def _in_queue(self) -> Mapping[str, str]:
        return jobs_by_comment()


class Adoption:
    """Finds and takes over the trials that dead runs of this directory have left with jobs on a cluster."""

    def __init__(self, opened: Opened, directory: Path, space: SearchSpace, cluster: ClusterJobs) -> None:
        self._cluster = cluster
        self._session = opened.session
        self._lease = opened.lease
        self._directory = directory.absolute()
        self._space = space
        self._left = deque(self._found())
        if self._left and not (self._lease is not None and self._lease.elsewhere):
            names = ", ".join(str(record.number) for record in self._left)
            log.warning(
                "Trials %s have jobs on a cluster, from a run that has died. They are left alone; only the launcher "
                "that started them goes on with them (hydra/launcher=submitit_slurm).",
                names,
            )
            self._left.clear()
        elif self._left:
            log.info("%d trials were left by a run that died; their jobs are not run again.", len(self._left))

    def next(self, jobs: JobPlan) -> RunningTrial | None:
        """Take over the next trial; None when there is no more."""
        while self._left:
            record = self._left.popleft()
            if not record.internals and FIXED_PARAMS not in record.system_attrs:
                # Its run died before it had parameters.
                lost = TrialData(system_attrs=attrs_of_loss("its sweep has died"))
                self._session.finish(record.number, TrialState.FAIL, data=lost)
                continue
            return self._taken_over(record, jobs)
        return None

    def _taken_over(self, record: TrialRecord, jobs: JobPlan) -> RunningTrial:
        assert self._lease is not None
        owner = TrialData(system_attrs={LEASE: attr_of_lease(self._lease)})
        self._session.writer.store(record.number, owner)
        self._session.writer.keep_alive(record.number, self._lease)
        trial = jobs.prepare(self._started(record))
        trial.waiting = deque(self._attached(job, record) for job in trial.waiting)
        for job in trial.waiting:
            if job.attached is not None:
                log.info("Trial %d goes on in job %s.", trial.configuration, job.attached.get("id"))
        return trial

    def _started(self, record: TrialRecord) -> Started:
        known = {**record.params, **record.system_attrs.get(FIXED_PARAMS, {})}
        params = self._space.active_only({name: value for name, value in known.items() if name in self._space})
        configuration = self._session.log.attempts.id_of(record.number)
        step = record.system_attrs.get(FIRST_STEP, 0) - 1
        return Started(
            *(record.number, record.trial_id, dict(params), self._space, Suggestion(dict(params), "")),
            *(record.user_attrs, record.system_attrs, configuration, step, known),
        )

    def _found(self) -> list[TrialRecord]:
        if self._lease is None:
            return []
        self._session.log.sync()
        running = [record for record in self._session.log.records if record.state is TrialState.RUNNING]
        return [record for record in running if self._is_orphan(record)]

    def _is_orphan(self, record: TrialRecord) -> bool:
        """Return whether a trial's run had this directory, and has died."""
        lease = lease_of_attr(record.system_attrs.get(LEASE))
        if lease is None or not lease.elsewhere:
            return False
        if self._is_of_this_directory(record):
            return has_left(self._directory, lease)
        return CLUSTER_JOB not in record.system_attrs and owner_is_dead(lease)  # it had not prepared a job yet

    def _is_of_this_directory(self, record: TrialRecord) -> bool:
        note = record.system_attrs.get(CLUSTER_JOB)
        if isinstance(note, Mapping):
            return note.get("sweep") == str(self._directory)
        return (folder_of(self._directory) / str(record.number)).exists()

    def _attached(self, job: Job, record: TrialRecord) -> Job:
        note = record.system_attrs.get(name_of_part(job.part))
        if note is None:  # its run was killed between the job's start and its note
            note = self._cluster.found(job)
        fits = isinstance(note, Mapping) and note.get("rung", job.rung) == job.rung  # else of an earlier rung, and over
        return replace(job, attached=note) if fits else job
