"""Several jobs at once: every job has what is its own, and what goes wrong stays where it goes wrong."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import OmegaConf
from plugin_support import APPS, SWEEP, command, run, surroundings

from hydra_plugins.hydra_hpo_sweeper._errors import ConfigError
from hydra_plugins.hydra_hpo_sweeper._hydra._submitit import SubmititJobs
from hydra_plugins.hydra_hpo_sweeper._lanes import _base, _devices, _factory, _outcome, _worker
from hydra_plugins.hydra_hpo_sweeper._lanes._base import InlineLane, Job, JobResult, Lanes
from hydra_plugins.hydra_hpo_sweeper._lanes._environment import JobEnvironment
from hydra_plugins.hydra_hpo_sweeper._lanes._threads import ThreadLanes
from hydra_plugins.hydra_hpo_sweeper._sweep._output._live import Live
from sweeper_core import create_study
from sweeper_core.storages import get_storage
from sweeper_core.trial.attrs import CONTINUES, FAILURE, RETRY_HISTORY, STOPPED
from sweeper_core.trial.record import TrialRecord
from sweeper_core.trial.state import TrialState

COMPLETE, FAIL = TrialState.COMPLETE, TrialState.FAIL
GRID = ("hydra/sweeper/sampler=grid", "hydra.sweeper.sampler.seed=null")
TWO = "hydra.sweeper.n_jobs=2"


def records(directory: Path) -> list[TrialRecord]:
    """Return the trials that a sweep has left in its own storage."""
    storage = get_storage(f"sqlite:///{directory / 'study.db'}")
    (study,) = storage.list_studies()
    found, _ = storage.changes(study.study_id)
    storage.close()
    return sorted(found, key=lambda record: record.number)


def sees(directory: Path) -> list[dict[str, Any]]:
    """Return what the jobs of a sweep have seen."""
    return [json.loads(path.read_text()) for path in sorted(directory.glob("*/sees.json"))]


@pytest.fixture
def there(tmp_path: Path) -> Path:
    return tmp_path / "sweep"


# --- worker processes -----------------------------------------------------------------------------------------------


def test_every_job_has_what_is_its_own(there: Path) -> None:
    overrides = ["+x=interval(0,1)", "+how=choice(child)", "hydra.job.chdir=true", TWO, "hydra.sweeper.n_trials=6"]
    run("jobs.py", there, *overrides)
    found = {one["number"]: one for one in sees(there)}
    for record in records(there):
        job = found[record.number]
        assert job["cfg"]["x"] == record.params["+x"]
        assert job["overrides"][0] == f"+x={record.params['+x']!r}"
        assert job["directory"] == job["cwd"] == str(there / str(record.number))
        assert record.values == (record.params["+x"] + 1000.0 * record.number,)
        folder = Path(job["directory"])
        assert f"printed by {record.number}\n" in (folder / "output.log").read_text()
        assert f"logged by {record.number}\n" in (folder / "jobs.log").read_text()
    assert len(found) == 6
    assert len({job["pid"] for job in found.values()}) == 2, "workers are started once, not for each trial"
    assert not any(job["daemon"] for job in found.values())
    assert all(job["threads"] == ["MainThread", "hpo-sweeper-pipe"] for job in found.values())
    assert all(not alive(job["pid"]) for job in found.values())


def test_a_job_that_kills_its_process_is_lost_alone(there: Path) -> None:
    overrides = ["+how=return,exit,crash", "+x=choice(1,2)", *GRID, TWO, "hydra.sweeper.max_failure_rate=1"]
    run("jobs.py", there, *overrides)
    found = records(there)
    returned = [record for record in found if record.params["+how"] == "return"]
    assert [record.state for record in returned] == [COMPLETE, COMPLETE]
    for how, said in (("exit", "ended with exit status 3"), ("crash", "ended by SIGSEGV")):
        lost = [record for record in found if record.params["+how"] == how]
        assert len(lost) == 4, "each was tried twice"
        assert all(said in record.system_attrs[FAILURE] for record in lost)
        assert all(
            record.system_attrs["hpo:job_dir"] == str(there / str(record.system_attrs.get(CONTINUES, record.number)))
            for record in lost
        )
        again = [record for record in lost if RETRY_HISTORY in record.system_attrs]
        assert {record.params["+x"] for record in again} == {1, 2}
        assert not any("hpo:lost" in record.system_attrs for record in again), "the last attempt is a failure"


def test_a_job_over_its_time_is_ended_with_its_children(there: Path, tmp_path: Path) -> None:
    with listening(tmp_path) as pipe:
        process = start(
            "jobs.py", there, "+x=choice(1)", "+how=wait", "hydra.sweeper.trial_timeout=4", *ONE_TRY, pipe=pipe
        )
        word, *pids = pipe.readline().split()
        assert word == "waiting"
        assert process.wait() == 0
    assert not any(alive(int(pid)) for pid in pids)
    (record,) = records(there)
    assert record.system_attrs[FAILURE] == "Timeout: the job ran longer than hydra.sweeper.trial_timeout=4 seconds"


ONE_TRY = ("hydra.sweeper.n_trials=1", "hydra.sweeper.max_failure_rate=1", "hydra.sweeper.max_retries=0")


def test_each_lane_sees_its_devices_before_anything_is_imported(there: Path) -> None:
    overrides = ["+x=interval(0,1)", TWO, "hydra.sweeper.n_trials=4", "hydra.sweeper.devices=[4,7]"]
    run("jobs.py", there, *overrides)
    found = sees(there)
    assert {job["devices"] for job in found} == {"4", "7"}
    by_process = {(job["pid"], job["devices"]) for job in found}
    assert len(by_process) == 2


@pytest.mark.parametrize("way", ["module", "console script"])
def test_modules_and_console_scripts_work_as_scripts_do(there: Path, tmp_path: Path, way: str) -> None:
    script = tmp_path / "my-train"
    script.write_text(f"#!{sys.executable}\nimport sys\nfrom pkg.train import main\nsys.exit(main())\n")
    program = ["-m", "pkg.train"] if way == "module" else [str(script)]
    arguments = ["--multirun", *SWEEP, f"hydra.sweep.dir={there}", "+x=interval(0,1)", TWO, "hydra.sweeper.n_trials=2"]
    environment = surroundings()
    environment["PYTHONPATH"] += f"{os.pathsep}{APPS}"
    subprocess.run([sys.executable, *program, *arguments], env=environment, cwd=tmp_path, check=True, timeout=300)
    assert [record.state for record in records(there)] == [COMPLETE, COMPLETE]
    expected = {"module": "__main__", "console script": "pkg.train"}[way]
    assert [job["module"] for job in sees(there)] == [expected] * 2
    assert [job["same"] for job in sees(there)] == [way == "console script"] * 2


def test_a_script_that_cannot_be_pickled_is_imported(there: Path) -> None:
    run("locked.py", there, "+x=interval(0,1)", TWO, "hydra.sweeper.n_trials=2")
    assert [record.state for record in records(there)] == [COMPLETE, COMPLETE]


def test_a_worker_that_cannot_start_says_why(there: Path, tmp_path: Path) -> None:
    package = tmp_path / "breaks"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "train.py").write_text(
        "import os\nif os.environ.get('CUDA_VISIBLE_DEVICES') == '9':\n    raise ImportError('no driver')\n"
        "import hydra\n@hydra.main(version_base='1.3', config_path=None)\ndef main(cfg):\n    return 0.0\n"
    )
    (tmp_path / "app.py").write_text("from breaks.train import main\nmain()\n")
    arguments = [
        "--multirun",
        *SWEEP,
        f"hydra.sweep.dir={there}",
        "+x=choice(1)",
        "hydra.sweeper.devices=[9]",
        *ONE_TRY,
    ]
    subprocess.run([sys.executable, "app.py", *arguments], env=surroundings(), cwd=tmp_path, check=True)
    (record,) = records(there)
    assert record.system_attrs[FAILURE] == (
        "WorkerFailed: its process ended with exit status 1 and without a result, before the job began: "
        "ImportError: no driver"
    )


def test_one_interrupt_lets_running_jobs_finish_and_two_stop_them(there: Path, tmp_path: Path) -> None:
    with listening(tmp_path) as pipe:
        process = start("jobs.py", there, "+x=interval(0,1)", "+how=wait", TWO, pipe=pipe)
        pids = [int(pid) for _ in range(2) for pid in pipe.readline().split()[1:]]
        process.send_signal(signal.SIGINT)
        line = next(line for line in process.stdout if "Interrupted" in line)
        assert "running ones finish" in line
        assert all(alive(pid) for pid in pids)
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130
    assert not any(alive(pid) for pid in pids)
    stopped = [record for record in records(there) if record.state is FAIL]
    assert [record.system_attrs[FAILURE] for record in stopped] == ["lost: Stopped: stopped by the user"] * 2
    assert all(record.system_attrs[STOPPED] for record in stopped), "they are continued by the next run"


def test_workers_end_when_the_sweeper_is_killed_and_the_next_run_goes_on(there: Path, tmp_path: Path) -> None:
    overrides = ("+x=interval(0,1)", "+how=wait", TWO, "hydra.sweeper.n_trials=4")
    with listening(tmp_path) as pipe:
        process = start("jobs.py", there, *overrides, pipe=pipe)
        pids = [int(pid) for _ in range(2) for pid in pipe.readline().split()[1:]]
        process.kill()
        process.wait()
        for pid in pids:
            wait_for_end(pid)
    before = records(there)
    assert [record.state for record in before] == [TrialState.RUNNING] * 2
    subprocess.run(
        command("jobs.py", there, *overrides), env={**surroundings(), "TEST_GO": "1"}, cwd=tmp_path, check=True
    )
    after = records(there)
    assert [record.state for record in after] == [FAIL, FAIL] + [COMPLETE] * 4
    assert [record.params["+x"] for record in after[2:4]] == [record.params["+x"] for record in before]
    assert len({record.params["+x"] for record in after}) == 4


def test_a_worker_writes_the_result_that_its_sweeper_could_not(tmp_path: Path) -> None:
    code = """if True:
        import sys
        from multiprocessing.connection import Connection
        from pathlib import Path
        from hydra_plugins.hydra_hpo_sweeper._lanes._base import JobResult
        from hydra_plugins.hydra_hpo_sweeper._lanes._worker import Stage, Worker
        def record(done):
            Path(sys.argv[2]).write_text(str(done.returned))
        stage = Stage(lambda job: JobResult(job, "returned", 1.5 * job.number), lambda job: None)
        Worker(Connection(int(sys.argv[1])), lambda wait: stage, record).serve()
    """
    for told in (True, False):
        path = tmp_path / f"told-{told}"
        ours, theirs = pipe_pair()
        worker = subprocess.Popen(
            [sys.executable, "-c", code, str(theirs.fileno()), str(path)],
            pass_fds=[theirs.fileno()],
            env=surroundings(),
            start_new_session=True,
        )
        theirs.close()
        ours.send(Job(2, ()))
        assert ours.recv() == ("begun", (2, 0))
        assert ours.recv()[1].returned == 3.0
        if told:
            ours.send(None)
        ours.close()
        worker.wait()
        assert path.exists() != told
    assert (tmp_path / "told-False").read_text() == "3.0"


def pipe_pair() -> tuple[Any, Any]:
    """Return the two ends of a pipe."""
    import multiprocessing

    return multiprocessing.Pipe()


@contextmanager
def listening(folder: Path) -> Iterator[Any]:
    """Return the end of a pipe that jobs can write to, open for as long as it is needed."""
    path = folder / "pipe"
    os.mkfifo(path)
    descriptor = os.open(path, os.O_RDWR)
    with os.fdopen(descriptor, "r+b", buffering=0) as raw:

        def readline() -> str:
            # This end keeps the pipe open: a job that died before it wrote would be waited for without end.
            assert select.select([raw], [], [], 120.0)[0], "no job has written to the pipe"
            return raw.readline().decode()

        yield SimpleNamespace(path=path, readline=readline)


def start(app: str, directory: Path, *overrides: str, pipe: Any) -> subprocess.Popen[str]:
    """Start a sweep whose jobs write to the pipe."""
    return subprocess.Popen(
        command(app, directory, *overrides),
        env={**surroundings(), "TEST_PIPE": str(pipe.path)},
        cwd=directory.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def alive(pid: int) -> bool:
    """Return whether a process runs (one that nobody has reaped yet does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def wait_for_end(pid: int) -> None:
    """Wait until a process that is not our child has ended."""
    import select

    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([descriptor], [], [], 60)[0], f"process {pid} does not end"
    finally:
        os.close(descriptor)


# --- threads and this process ---------------------------------------------------------------------------------------


class Elsewhere:
    """A launcher that returns when it is told to."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.started = threading.Event()
        self.error: Exception | None = None

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> list[JobReturn]:
        self.started.set()
        self.go.wait()
        if self.error is not None:
            raise self.error
        answer = JobReturn(status=JobStatus.COMPLETED)
        answer.return_value = initial_job_idx
        return [answer]


def test_a_free_thread_lane_does_not_wait_for_a_busy_one() -> None:
    launchers: list[Elsewhere] = []

    def make() -> Any:
        launchers.append(Elsewhere())
        return launchers[-1], JobEnvironment()

    with ThreadLanes(make, 2) as lanes:
        lanes.start(Job(0, ()))
        lanes.start(Job(1, ()))
        assert (lanes.free, len(lanes.busy)) == (0, 2)
        assert lanes.wait(0.0) == []
        for launcher in launchers:
            launcher.started.wait()
        launchers[0].go.set()
        (first,) = lanes.wait()
        assert lanes.free == 1
        lanes.start(Job(2, ()))
        assert {job.number for job in lanes.busy} == {0, 1, 2} - {first.job.number}
        launchers[1].go.set()
        rest = lanes.wait()
        while lanes.busy:
            rest += lanes.wait()
        assert sorted([first.returned, *(done.returned for done in rest)]) == [0, 1, 2]


def test_jobs_in_a_clusters_queue_do_not_count_as_running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("submitit")
    from submitit.core.core import Executor
    from submitit.slurm.slurm import SlurmInfoWatcher, SlurmJob

    watcher = SlurmInfoWatcher()
    monkeypatch.setattr(SlurmJob, "watcher", watcher)
    monkeypatch.setattr(Executor, "map_array", lambda: [SlurmJob(tmp_path, "12_0")])

    class Submitting(Elsewhere):
        def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> list[JobReturn]:
            Executor.map_array()
            return super().launch(job_overrides, initial_job_idx)

    launcher, study = Submitting(), create_study()
    number = study.ask().number
    with ThreadLanes(lambda: (launcher, JobEnvironment()), 1, SubmititJobs()) as lanes:
        lanes.start(Job(number, ()))
        launcher.started.wait()
        assert lanes.queued == ()
        for state in ("PENDING", "RUNNING"):
            watcher._info_dict.update(watcher.read_info(f"JobID|State|NodeList\n12_0|{state}|"))
            assert len(lanes.queued) == (state == "PENDING")
            trial: Any = SimpleNamespace(params={}, begun=0.0)
            with Live(study.session, 1, 1) as live:
                live.turn({number: trial}, lanes)
                shown = live._summary()
            assert shown == ("0 running, 1 pending, lanes 1/1" if state == "PENDING" else "1 running, lanes 1/1")
        launcher.go.set()
        lanes.wait()
    assert watcher.num_calls == 0


def test_a_launcher_that_loses_its_worker_does_not_fail_the_trial() -> None:
    class UncompletedJobError(RuntimeError):
        pass

    for error, end in ((UncompletedJobError("preempted"), "lost"), (ValueError("wrong"), "raised")):
        launcher = Elsewhere()
        launcher.error = error
        launcher.go.set()
        with ThreadLanes(lambda launcher=launcher: (launcher, JobEnvironment()), 1) as lanes:
            lanes.start(Job(0, ()))
            (done,) = lanes.wait()
        assert done.end == end
        assert done.failure is not None
        assert str(error) in str(done.failure)


def test_the_lane_in_this_process_sets_a_jobs_variables_while_it_runs() -> None:
    seen: list[str | None] = []

    class Here(Elsewhere):
        def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> list[JobReturn]:
            seen.append(os.environ.get("HPO_TEST"))
            self.go.set()
            return super().launch(job_overrides, initial_job_idx)

    lane: Lanes = InlineLane(Here())  # type: ignore[arg-type]
    assert (lane.free, lane.busy, lane.wait()) == (1, (), [])
    job = Job(7, (), environment={"HPO_TEST": "1"})
    lane.start(job)
    assert (lane.free, lane.busy) == (0, (job,))
    assert lane.wait() == [JobResult(job, "returned", 7)]
    assert seen == ["1"]
    assert "HPO_TEST" not in os.environ


# --- decisions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("devices", "per_job", "lanes", "expected"),
    [
        (None, 1, 2, [None, None]),
        (("0", "1"), 1, 2, ["0", "1"]),
        (("0", "1"), 1, 4, ["0", "1", "0", "1"]),
        (("0", "1", "2"), 1, 2, ["0", "1"]),
        (("0", "1", "2", "3"), 2, 2, ["0,1", "2,3"]),
        (("0", "1", "2"), 2, 3, ["0,1", "2,0", "1,2"]),
        (("GPU-a",), 1, 1, ["GPU-a"]),
    ],
)
def test_lanes_share_the_devices_evenly(devices: Any, per_job: int, lanes: int, expected: list[str | None]) -> None:
    shares = _devices.environments(devices, per_job, lanes)
    assert [share.get("CUDA_VISIBLE_DEVICES") for share in shares] == expected
    assert [share.get("HIP_VISIBLE_DEVICES") for share in shares] == expected


def test_devices_are_found_where_they_are_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, 5")
    assert _devices.environments("auto", 1, 2)[1]["CUDA_VISIBLE_DEVICES"] == "5"
    with pytest.raises(ConfigError, match=r"a job needs 3 \(devices_per_job\), but there are 2: 3, 5"):
        _devices.environments("auto", 3, 1)


BASIC = "hydra._internal.core_plugins.basic_launcher.BasicLauncher"
JOBLIB = "hydra_plugins.hydra_joblib_launcher.joblib_launcher.JoblibLauncher"
SLURM = "hydra_plugins.hydra_submitit_launcher.submitit_launcher.SlurmLauncher"


@pytest.mark.parametrize(
    ("launcher", "settings", "kind"),
    [
        (BASIC, {}, "inline"),
        (BASIC, {"n_jobs": 4}, "process"),
        (BASIC, {"devices": ("0",)}, "process"),
        (BASIC, {"trial_timeout": 5.0}, "process"),
        (BASIC, {"lanes": "process"}, "process"),
        (JOBLIB, {}, "process"),
        (SLURM, {"n_jobs": 8}, "thread"),
        (SLURM, {}, "thread"),
        ("somebody.Else", {"n_jobs": 8}, "thread"),
        ("somebody.Else", {"lanes": "inline"}, "inline"),
        (BASIC, {"lanes": "inline", "n_jobs": 2}, "lanes=inline runs one job at a time, but hydra.sweeper.n_jobs=2"),
        (SLURM, {"devices": ("0",)}, "hydra.sweeper.devices needs lanes=process"),
        (SLURM, {"trial_timeout": 5.0}, "hydra.sweeper.trial_timeout needs lanes=process"),
    ],
)
def test_which_kind_of_lane_a_launcher_needs(launcher: str, settings: dict[str, Any], kind: str) -> None:
    chosen = {"lanes": "auto", "n_jobs": 1, "devices": None, "trial_timeout": None, "fresh_process": False, **settings}
    if " " in kind:
        with pytest.raises(ConfigError, match=kind.replace(".", r"\.")):
            _factory.kind_of_lane(SimpleNamespace(**chosen), launcher)  # type: ignore[arg-type]
    else:
        assert _factory.kind_of_lane(SimpleNamespace(**chosen), launcher) == kind  # type: ignore[arg-type]


def test_what_travels_between_processes_is_plain() -> None:
    import numpy as np

    class Tensor:
        def __init__(self, content: Any) -> None:
            self.content = content

        def __float__(self) -> float:
            return float(self.content)

        def tolist(self) -> Any:
            return self.content

    returned = {
        "a": np.float32(0.5),
        "b": (1, Tensor(2)),
        3: np.array([1.0, 2.0]),
        "c": Tensor([1, [2]]),
        "d": threading,
    }
    plain = _outcome.sendable({**returned, "d": threading})
    assert plain["a"] == 0.5
    assert (plain["b"], plain["3"], plain["c"]) == ([1, 2.0], [1.0, 2.0], [1, [2]])
    assert repr(plain["d"]).startswith("module: <module 'threading'")


def test_the_output_of_a_job_goes_to_its_directory(tmp_path: Path) -> None:
    code = """if True:
        import os, sys
        from types import SimpleNamespace
        from hydra_plugins.hydra_hpo_sweeper._lanes._worker import Printed
        config = SimpleNamespace(hydra=SimpleNamespace(runtime=SimpleNamespace(output_dir=sys.argv[1])))
        printed = Printed(os.dup(1))
        print("before")
        printed.on_job_start(config)
        print("during")
        os.system("echo from a child")
        printed.on_job_end(config, None)
        print("after")
    """
    command = [sys.executable, "-c", code, str(tmp_path)]
    answer = subprocess.run(command, env=surroundings(), capture_output=True, text=True, check=True)
    assert answer.stdout == "before\nafter\n"
    assert (tmp_path / _worker.OUTPUT).read_text() == "during\nfrom a child\n"


# --- limits and clusters of launchers ---------------------------------------------------------------------------------


class UncompletedJobError(RuntimeError):
    """As submitit names it."""


HARD = "Job 12 (task: 0) with path /x/12_0_result.pkl\nhas not produced any output (state: TIMEOUT)\nNo error stream"
SOFT = "Job not requeued because: timed-out too many times."


def ended_with(error: Exception, inside: bool) -> JobResult:
    """Return the result of a job whose launcher raises, or hands back, an exception."""
    launcher = Elsewhere()
    launcher.go.set()
    if inside:
        answer = JobReturn(status=JobStatus.FAILED)
        answer.return_value = error
        return _base.result_of(Job(0, ()), answer)
    launcher.error = error
    return _base.run_job(launcher, Job(0, ()))  # type: ignore[arg-type]


@pytest.mark.parametrize(("text", "inside"), [(HARD, False), (SOFT, True)])
def test_a_job_over_its_launchers_limit_fails_once(text: str, inside: bool) -> None:
    result = ended_with(UncompletedJobError(text), inside)
    assert (result.end, str(result.failure)) == ("timeout", "Timeout: the job ran longer than its launcher allows")
    assert result.failure is not None
    assert text in result.failure.trace


def test_a_job_that_says_the_same_is_no_launcher() -> None:
    assert ended_with(ValueError(SOFT), inside=True).end == "raised"


class Composes:
    """Composes a job's configuration."""

    def load_sweep_config(self, config: Any, overrides: list[str]) -> Any:
        composed = OmegaConf.merge(config, OmegaConf.from_dotlist(overrides))
        OmegaConf.set_struct(composed, True)
        return composed


def test_a_lost_job_has_a_directory(tmp_path: Path) -> None:
    config = OmegaConf.create(
        {"x": 0, "hydra": {"job": {"num": "???"}, "sweep": {"dir": str(tmp_path), "subdir": "${x}-${hydra.job.num}"}}}
    )
    launcher: Any = Elsewhere()
    launcher.go.set()
    launcher.error = UncompletedJobError("preempted")
    launcher.hydra_context, launcher.config = SimpleNamespace(config_loader=Composes()), config
    result = _base.run_job(launcher, Job(3, ("x=7",)))
    assert (result.end, result.directory) == ("lost", str(tmp_path / "7-3"))


def test_a_cancelled_job_is_handed_back_though_its_launcher_is_slow_to_tell() -> None:
    launcher = Elsewhere()
    canceller = SimpleNamespace(slow_to_tell=True, cancel=lambda thread: True, close=lambda: None)
    lanes = ThreadLanes(lambda: (launcher, JobEnvironment()), 1, canceller)  # type: ignore[arg-type, return-value]
    lanes.start(Job(0, ()))
    launcher.started.wait()
    lanes.stop((0, 0))
    (result,) = lanes.wait()
    assert (result.end, str(result.failure)) == ("stopped", "Stopped: stopped by the user")
    launcher.go.set()
    lanes.close()


@pytest.mark.parametrize(
    ("init", "environ", "told"),
    [
        ({"address": None}, {}, True),
        ({}, {}, True),
        ({"address": "local"}, {"RAY_ADDRESS": "auto"}, True),
        ({"address": "auto"}, {}, False),
        ({"address": "ray://head:10001"}, {}, False),
        ({"address": None}, {"RAY_ADDRESS": "10.0.0.1:6379"}, False),
    ],
)
def test_only_a_new_ray_cluster_is_told_its_memory(init: dict[str, Any], environ: dict[str, str], told: bool) -> None:
    assert ("object_store_memory" in _factory.ray_options(dict(init), environ)) is told
    assert _factory.ray_options({**init, "object_store_memory": 5}, environ)["object_store_memory"] == 5


def test_ray_repeats_no_job_that_dies_unless_asked_to() -> None:
    assert _factory.ray_task_options({"num_cpus": 2}) == {"num_cpus": 2, "max_retries": 0}
    assert _factory.ray_task_options({"max_retries": 3}) == {"max_retries": 3}


def test_a_time_limit_that_is_over_at_once_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"timeout_min=2 \(minutes\) is not longer than .*signal_delay_s=120 "):
        _factory.check_time_limit(OmegaConf.create({"timeout_min": 2, "signal_delay_s": 120}))
    for fine in ({"timeout_min": 3, "signal_delay_s": 120}, {"timeout_min": 1}, {}, {"timeout_min": "${no:where}"}):
        _factory.check_time_limit(OmegaConf.create(fine))
