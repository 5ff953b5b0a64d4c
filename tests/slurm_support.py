"""A real SLURM for tests: on loopback, with ports, keys and state of its own, one node that counts as eight CPUs.

The programs are those of Debian's packages ``slurm-wlm``, ``slurmdbd`` and ``munge``. Jobs run as the user of the test
session, and their programs find this cluster by ``SLURM_CONF``, which :attr:`Slurm.environment` holds.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from sweeper_core.testing.servers import MariaDB, ServerMissing

MAX_STARTUP = 60.0
"""Seconds until the cluster takes jobs, at most."""

CPUS = 8

REQUEUE_DELAY = 10
"""Seconds until a job that was requeued may start again (the lifetime of credentials; 120 by default)."""

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "sacct", "squeue", "scontrol")
PLACES = "/usr/sbin:/sbin"

CONFIGURATION = """
ClusterName=hpo
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
SlurmctldPort={controller_port}
SlurmdPort={node_port}
AuthType=auth/munge
AuthInfo=socket={directory}/munge.socket,cred_expire={requeue_delay}
CredType=cred/munge
StateSaveLocation={directory}/state
SlurmdSpoolDir={directory}/spool
SlurmctldPidFile={directory}/slurmctld.pid
SlurmdPidFile={directory}/slurmd.pid
SlurmctldParameters=enable_configless
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
SchedulerParameters=defer,sched_interval=1,bf_interval=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
KillWait=5
MinJobAge={min_job_age}
InactiveLimit=0
ReturnToService=2
JobRequeue=1
{accounting}
NodeName=one NodeHostname={host} NodeAddr=127.0.0.1 CPUs={cpus} State=UNKNOWN
PartitionName=usual Nodes=one Default=YES MaxTime=INFINITE State=UP PriorityTier=1
PartitionName=urgent Nodes=one MaxTime=INFINITE State=UP PriorityTier=2
"""

ACCOUNTING = """
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={port}
AccountingStoragePass={directory}/munge.socket
"""

DATABASE = """
AuthType=auth/munge
AuthInfo=socket={directory}/munge.socket
DbdHost={host}
DbdAddr=127.0.0.1
DbdPort={port}
SlurmUser={user}
PidFile={directory}/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={database_port}
StorageUser=slurm
StoragePass=accounting
StorageLoc=accounting
"""


class Slurm:
    """A running cluster; use it as a context manager.

    Args:
        accounting: Whether ``sacct`` works. Without, it fails, as on many small clusters.
        min_job_age: Seconds for which ended jobs are remembered by the controller.

    Raises:
        ServerMissing: Something is not installed; the message says what.
    """

    def __init__(self, accounting: bool = False, min_job_age: int = 300) -> None:
        for name in PROGRAMS:
            _program(name)
        self.directory = Path(tempfile.mkdtemp(prefix="hpo-slurm-"))
        self.up = False
        self._daemons: list[subprocess.Popen[bytes]] = []
        self._database: MariaDB | None = None
        self._min_job_age = min_job_age
        try:
            self._start(accounting)
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self) -> Slurm:
        return self

    def __exit__(self, *_: object) -> None:
        if self.up:
            self.clear()
        for daemon in reversed(self._daemons):
            daemon.terminate()
        for daemon in reversed(self._daemons):
            try:
                daemon.wait(5.0)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        if self._database is not None:
            self._database.__exit__()
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def environment(self) -> dict[str, str]:
        """Variables by which SLURM's programs find this cluster."""
        return {"SLURM_CONF": str(self.directory / "slurm.conf")}

    def run(self, *command: str, check: bool = True) -> str:
        """Run one of SLURM's programs, and return what it prints."""
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=self._environ(), timeout=60)
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def jobs(self) -> dict[str, str]:
        """Return the states of the jobs that the controller knows, by id."""
        lines = self.run("squeue", "--noheader", "--array", "--states=all", "--format=%i %T").splitlines()
        return dict(line.split() for line in lines)

    def clear(self) -> None:
        """Cancel all jobs, and wait until none is left."""
        self.run("scancel", "--quiet", "--user", self._names()["user"], check=False)
        self.wait(lambda: not self.run("squeue", "--noheader"), 30.0)

    def wait(self, condition: Callable[[], object], seconds: float = 60.0) -> None:
        """Wait until something holds."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"not in {seconds:g} s; jobs: {self.jobs()}")
            time.sleep(0.1)

    # --- starting -------------------------------------------------------------------------------------------------

    def _start(self, accounting: bool) -> None:
        for name in ("state", "spool"):
            (self.directory / name).mkdir()
        self.directory.chmod(0o755)
        key = self.directory / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        place = str(self.directory)
        self._daemon(
            "munged", "--foreground", "--force", "--num-threads=10", f"--key-file={key}",
            f"--socket={place}/munge.socket",
            f"--pid-file={place}/munge.pid", f"--log-file={place}/munge.log", f"--seed-file={place}/munge.seed",
        )  # fmt: skip
        more = self._start_accounting() if accounting else "AccountingStorageType=accounting_storage/none"
        configuration = CONFIGURATION.format(
            **self._names(),
            controller_port=_free_port(),
            node_port=_free_port(),
            cpus=CPUS,
            requeue_delay=REQUEUE_DELAY,
            min_job_age=self._min_job_age,
            accounting=more,
        )
        (self.directory / "slurm.conf").write_text(configuration)
        if accounting:
            self.wait_for_program("sacctmgr", "--immediate", "add", "cluster", "hpo")
        self._daemon("slurmctld", "-D", "-i", "-f", f"{place}/slurm.conf")
        self._daemon("slurmd", "-D", "-N", "one", "-f", f"{place}/slurm.conf")
        self._until(lambda: "idle" in self.run("sinfo", "--noheader", "--format=%t", check=False))
        self.up = True

    def _start_accounting(self) -> str:
        _program("slurmdbd")
        self._database = MariaDB()
        for statement in (
            "CREATE DATABASE accounting",
            "CREATE USER slurm@'127.0.0.1' IDENTIFIED BY 'accounting'",
            "GRANT ALL ON accounting.* TO slurm@'127.0.0.1'",
        ):
            self._database.execute(statement)
        port = _free_port()
        text = DATABASE.format(**self._names(), port=port, database_port=self._database.port)
        path = self.directory / "slurmdbd.conf"
        path.write_text(text)
        path.chmod(0o600)
        self._daemon("slurmdbd", "-D")
        return ACCOUNTING.format(port=port, directory=self.directory)

    def wait_for_program(self, *command: str) -> None:
        """Run a program until it succeeds."""
        self._until(lambda: not subprocess.run(command, capture_output=True, env=self._environ()).returncode)

    def _until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + MAX_STARTUP
        while not condition():
            ended = [daemon for daemon in self._daemons if daemon.poll() is not None]
            if ended or time.monotonic() > deadline:
                logs = {path.name: path.read_text(errors="replace")[-2000:] for path in self.directory.glob("*.log")}
                raise RuntimeError(f"SLURM does not start: {json.dumps(logs, indent=1)}")
            time.sleep(0.1)

    def _daemon(self, name: str, *arguments: str) -> None:
        with (self.directory / f"{name}.out.log").open("ab") as log:
            process = subprocess.Popen(
                [_program(name), *arguments],
                stdout=log,
                stderr=log,
                env=self._environ(),
                cwd=self.directory,
                start_new_session=True,
            )
        self._daemons.append(process)

    def _names(self) -> Mapping[str, str]:
        user = pwd.getpwuid(os.getuid()).pw_name
        return {"host": socket.gethostname().partition(".")[0], "user": user, "directory": str(self.directory)}

    def _environ(self) -> dict[str, str]:
        return {**os.environ, **self.environment}


def _program(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:{PLACES}")
    if found is None:
        raise ServerMissing(f"The program {name} is not installed.")
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
