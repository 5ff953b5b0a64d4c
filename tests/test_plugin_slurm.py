"""Jobs on SLURM: what its programs say, and how often they are asked."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from hydra_plugins.hydra_hpo_sweeper._errors import ConfigError
from hydra_plugins.hydra_hpo_sweeper._hydra._slurm import GONE, SlurmState, SlurmStates, jobs_by_comment
from hydra_plugins.hydra_hpo_sweeper._lanes._base import Failure, Job
from hydra_plugins.hydra_hpo_sweeper._lanes._cluster import check_cluster
from hydra_plugins.hydra_hpo_sweeper._sweep._stopping._interrupt import Interrupt
from hydra_plugins.hydra_hpo_sweeper._sweep._trials import _adoption
from hydra_plugins.hydra_hpo_sweeper._sweep._trials._adoption import ClusterJobs
from hydra_plugins.hydra_hpo_sweeper._sweep._trials._trial_result import TrialResult, ended_from_outside
from sweeper_core.directions import StudyDirection
from sweeper_core.report import beacon
from sweeper_core.report.beacon import MAX_SILENCE, has_left
from sweeper_core.report.facts import seconds_of
from sweeper_core.samplers import RandomSampler
from sweeper_core.storages import get_storage, this_process
from sweeper_core.study._session.session import Session
from sweeper_core.trial.cluster import is_queued
from sweeper_core.trial.data import TrialData
from sweeper_core.trial.record import TrialRecord
from sweeper_core.trial.state import TrialState


class Programs:
    """Stands for ``squeue`` and ``sacct``: the text that each prints, or its error."""

    def __init__(self, squeue: Any, sacct: Any = "") -> None:
        self.answers = {"squeue": squeue, "sacct": sacct}
        self.calls: list[str] = []

    def __call__(self, command: Sequence[str]) -> str:
        self.calls.append(command[0])
        answer = self.answers[command[0]]
        if isinstance(answer, str):
            return answer
        raise answer


def failed(message: str) -> subprocess.CalledProcessError:
    return subprocess.CalledProcessError(1, "program", stderr=message)


DISABLED = failed("Slurm accounting storage is disabled")


@pytest.mark.parametrize(
    ("squeue", "sacct", "expected", "calls"),
    [
        # What the controller lists needs no accounting.
        ("5|PENDING|N/A\n6|RUNNING|2026-01-02T03:04:05", DISABLED, ["PENDING", "RUNNING"], ["squeue"]),
        ("5|CANCELLED|N/A\n6|TIMEOUT|N/A", DISABLED, ["CANCELLED", "TIMEOUT"], ["squeue"]),
        # What it does not list has ended.
        ("6|RUNNING|N/A", "5|CANCELLED by 1000|N/A", ["CANCELLED", "RUNNING"], ["squeue", "sacct"]),
        ("6|RUNNING|N/A", DISABLED, [GONE, "RUNNING"], ["squeue", "sacct"]),
        ("6|RUNNING|N/A", "5|RUNNING|N/A", [GONE, "RUNNING"], ["squeue", "sacct"]),
        (failed("slurm_load_jobs error: Invalid job id specified"), DISABLED, [GONE, GONE], ["squeue", "sacct"]),
        # A controller that does not answer ends nothing.
        (failed("Unable to contact slurm controller"), "5|OUT_OF_MEMORY|N/A", ["OUT_OF_MEMORY", None], None),
        (FileNotFoundError("squeue"), DISABLED, [None, None], None),
        (subprocess.TimeoutExpired("squeue", 60), "", [None, None], None),
    ],
)
def test_states_come_from_the_controller_and_then_from_the_accounting(
    squeue: Any, sacct: Any, expected: list[str | None], calls: list[str] | None
) -> None:
    programs = Programs(squeue, sacct)
    found = SlurmStates(programs).of(["5", "6"])
    assert [found[job].name if job in found else None for job in ("5", "6")] == expected
    assert programs.calls == (calls or ["squeue", "sacct"])


def test_a_job_that_waits_has_no_start() -> None:
    found = SlurmStates(Programs("5|PENDING|2026-01-02T03:04:05\n6_0|RUNNING|2026-01-02T03:04:05")).of(["5", "6_0"])
    assert (found["5"].started, found["5"].queued, found["5"].ended) == (None, True, False)
    assert found["6_0"].started is not None


def test_accounting_that_fails_is_left_alone_for_a_while() -> None:
    programs = Programs("", DISABLED)
    states = SlurmStates(programs)
    for _ in range(20):
        assert states.of(["5"]) == {"5": SlurmState(GONE)}
    assert programs.calls.count("sacct") == 1


class Cluster(SlurmStates):
    """A cluster of jobs with states that tests set."""

    def __init__(self) -> None:
        self.jobs: dict[str, str] = {}

    def of(self, ids: Any) -> dict[str, SlurmState]:
        return {job: SlurmState(self.jobs.get(job, GONE)) for job in ids}


def test_one_watcher_asks_for_all_lanes(tmp_path: Path) -> None:
    """Two hundred lanes that wait for five minutes: a query in 5 to 30 seconds; results are seen without one."""
    pytest.importorskip("submitit")
    from submitit.slurm.slurm import SlurmJob

    from hydra_plugins.hydra_hpo_sweeper._hydra._submitit import JobWatch

    now, cluster = [0.0], Cluster()
    watch = JobWatch(cluster, lambda: now[0])
    watch._running = True  # the turns are the test's
    entries = [watch._enter(SlurmJob(tmp_path / "%j", str(number))) for number in range(200)]
    cluster.jobs = {str(number): "PENDING" for number in range(200)}
    while now[0] < 300.0:
        now[0] += 0.5
        watch.turn()
    assert 10 <= watch.queries <= 20
    assert not any(entry.done.is_set() for entry in entries)
    assert entries[0].job.state == "PENDING"

    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "7_0_result.pkl").touch()
    asked = watch.queries
    watch.turn()
    assert [index for index, entry in enumerate(entries) if entry.done.is_set()] == [7]
    assert watch.queries == asked

    cluster.jobs["8"] = "CANCELLED"
    del cluster.jobs["9"]
    for misses in (1, 2):
        now[0] += 30.0
        watch.turn()
        # What the cluster does not know may only be late to be seen.
        assert [entries[8].done.is_set(), entries[9].done.is_set()] == [True, misses == 2]
    assert watch.queries == asked + 2
    watch.close()
    assert all(entry.done.is_set() for entry in entries)


def test_a_trial_whose_job_runs_elsewhere_outlives_its_sweep(tmp_path: Path) -> None:
    storage = get_storage(f"sqlite:///{tmp_path / 'study.db'}")
    study = storage.create_or_open_study("hpo", [StudyDirection.MINIMIZE], exist_ok=True)
    for elsewhere in (False, True):
        dead = replace(this_process(elsewhere=elsewhere), pid=2**22 + 1)
        storage.reserve(study.study_id, lease=dead)
    assert storage.fail_stale(study.study_id) == [0]
    records, _ = storage.changes(study.study_id)
    leases = [record.system_attrs["hpo:lease"] for record in records]
    # An earlier version that shares the study reads the leases that it knows.
    assert ["elsewhere" in lease for lease in leases] == [False, True]


def test_a_job_that_could_not_be_noted_is_found_by_its_comment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = get_storage(f"sqlite:///{tmp_path / 'study.db'}")
    study = storage.create_or_open_study("hpo", [StudyDirection.MINIMIZE], exist_ok=True)
    for _ in range(2):
        storage.reserve(study.study_id, lease=this_process(elsewhere=True))
    session = Session.open(storage, study, RandomSampler())
    launcher = {"submitit_folder": f"{tmp_path}/.submitit/%j", "tasks_per_node": 2}
    cluster = ClusterJobs(session, tmp_path, launcher)
    first, second = Job(0, ()), Job(0, (), attempt=1)
    text = f"17|{cluster.mark(second)}\n18|(null)\n19|\n"
    monkeypatch.setattr(_adoption, "jobs_by_comment", lambda: jobs_by_comment(lambda command: text))
    assert cluster.found(first) is None
    assert cluster.found(second) == {"cluster": "slurm", "id": "17", "folder": f"{tmp_path}/.submitit/17", "tasks": 2}
    records, _ = storage.changes(study.study_id)
    assert [record.system_attrs.get("hpo:cluster_job", {}).get("id") for record in records] == [None, "17"]
    assert ClusterJobs(session, tmp_path / "another", launcher).found(second) is None
    session.close()


def test_a_sweep_on_another_machine_has_left_when_its_file_is_gone_or_old(tmp_path: Path) -> None:
    here = this_process()
    there = replace(here, host="login2", boot="another")
    assert has_left(tmp_path, replace(here, pid=2**22 + 1))
    assert not has_left(tmp_path, here)
    assert has_left(tmp_path, there)
    path = beacon._path(tmp_path, there)
    path.touch()
    assert not has_left(tmp_path, there)
    os.utime(path, (path.stat().st_mtime - 2 * MAX_SILENCE,) * 2)
    assert has_left(tmp_path, there)
    assert os.listdir(tmp_path) == [path.name]


def test_the_time_in_a_queue_is_no_time_of_a_job(tmp_path: Path) -> None:
    storage = get_storage(f"sqlite:///{tmp_path / 'study.db'}")
    study = storage.create_or_open_study("hpo", [StudyDirection.MINIMIZE], exist_ok=True)
    storage.reserve(study.study_id)
    storage.describe(study.study_id, 0, TrialData(system_attrs={"hpo:cluster_job": {"id": "12"}}))

    def record() -> TrialRecord:
        (found,) = storage.changes(study.study_id)[0]
        return found

    started = record().started
    assert started is not None
    assert is_queued(record())
    assert seconds_of(record(), started + timedelta(seconds=100)) == 0.0
    began = started.replace(tzinfo=timezone.utc).timestamp() + 60
    storage.describe(study.study_id, 0, TrialData(system_attrs={"hpo:began": began}))
    assert not is_queued(record())
    assert seconds_of(record(), started + timedelta(seconds=100)) == pytest.approx(40.0)


CUT = Failure("Timeout", "the job ran longer than its launcher allows", "Traceback")


@pytest.mark.parametrize(("attempt", "lost"), [(None, False), (7, False), (3, True)])
def test_a_job_over_its_launchers_limit_goes_on_only_from_a_checkpoint_of_its_own(
    attempt: int | None, lost: bool
) -> None:
    """Without one, another attempt would be over the limit, too."""
    saved = {} if attempt is None else {"hpo:checkpoint": {"step": 4, "warning": None, "attempt": attempt}}
    record = TrialRecord(3, 3, TrialState.RUNNING, system_attrs=saved)
    result = TrialResult(TrialState.FAIL, failure=CUT)
    assert ended_from_outside(result, record).lost == lost


def test_the_third_interrupt_ends_the_sweep_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    interrupt = Interrupt(inline=False)
    for _ in range(3):
        assert codes == []
        interrupt._handle(2, None)
    assert codes == [130]


SLURM = "hydra_plugins.hydra_submitit_launcher.submitit_launcher.SlurmLauncher"


def test_without_slurm_and_in_a_directory_of_one_machine_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    check_cluster(SLURM.replace("Slurm", "Local"), tmp_path)
    with pytest.raises(ConfigError, match=r"no sbatch and no srun and no squeue .* Start the sweep on a login node"):
        check_cluster(SLURM, tmp_path)
    for name in ("sbatch", "srun", "squeue"):
        (tmp_path / name).touch(0o755)
    here = platform.node()
    for directory, nodes, told in (
        (Path("/tmp/sweep"), {here, "node7"}, True),
        (Path("/tmp/sweep"), {here}, False),
        (Path("/tmp/sweep"), set(), False),
        (Path("/shared/tmp/sweep"), {"node7"}, False),
    ):
        caplog.clear()
        check_cluster(SLURM, directory, lambda nodes=nodes: nodes)  # type: ignore[misc]
        assert bool(caplog.messages) == told
        assert all("node7" in message for message in caplog.messages)
