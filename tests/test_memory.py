"""Failures for want of memory, recognised by exceptions, texts, counters of the kernel and exit statuses."""

from __future__ import annotations

import csv
import errno
import multiprocessing
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra.errors import CompactHydraException
from plugin_support import command, surroundings, sweep

from hydra_plugins.hydra_hpo_sweeper._lanes._base import failure_of
from hydra_plugins.hydra_hpo_sweeper._lanes._oom import KillCounter, memory_is_short
from sweeper_core import create_study, load_study
from sweeper_core.memory import is_out_of_memory, tells_kill, tells_out_of_memory
from sweeper_core.trial.attrs import FAILURE, OOM


def named(name: str, *bases: type[BaseException]) -> type[BaseException]:
    """Return an exception class as another library has it."""
    return type(name, bases or (RuntimeError,), {})


def huge() -> BaseException:
    try:
        np.empty(1 << 60, dtype=np.uint8)
    except MemoryError as error:
        return error
    raise AssertionError


def chained(error: BaseException, cause: BaseException | None, context: BaseException | None = None) -> BaseException:
    error.__context__ = context
    if cause is not None:
        error.__cause__ = cause
    return error


def silenced() -> BaseException:
    """Return what ``raise … from None`` leaves of a handled want of memory."""
    error = chained(ValueError("no"), None, MemoryError())
    error.__suppress_context__ = True
    return error


CUDA = "CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 23.65 GiB"
TRACE = 'Traceback (most recent call last):\n  File "train.py", line 3, in step\n    raise {source}\n{line}\n'

EXCEPTIONS = {
    "python": (MemoryError(), True),
    "numpy": (huge(), True),
    "torch": (named("OutOfMemoryError")(CUDA), True),
    "torch before 1.13": (RuntimeError(CUDA), True),
    "torch driver": (RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be asynchronously"), True),
    "torch rocm": (RuntimeError("HIP out of memory. Tried to allocate 2.00 GiB"), True),
    "torch mps": (RuntimeError("MPS backend out of memory (MPS allocated: 17 GB)"), True),
    "torch cpu": (
        RuntimeError("[enforce fail at alloc] . DefaultCPUAllocator: can't allocate memory"),
        True,
    ),
    "cublas": (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
    "jax": (named("XlaRuntimeError")("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 9 bytes."), True),
    "tensorflow": (named("ResourceExhaustedError")("OOM when allocating tensor with shape[8,9]"), True),
    "cupy": (
        named("OutOfMemoryError", MemoryError)("Out of memory allocating 8,192 bytes (allocated so far)"),
        True,
    ),
    "numba": (RuntimeError("[2] Call to cuMemAlloc results in CUDA_ERROR_OUT_OF_MEMORY"), True),
    "host": (OSError(errno.ENOMEM, "Cannot allocate memory"), True),
    "ray": (named("RayTaskError")("Task was killed due to the node running low on memory."), True),
    "slurm": (named("UncompletedJobError")("Job 1 has not produced any output (state: OUT_OF_MEMORY)"), True),
    "slurm's step": (named("E")("slurmstepd: error: Detected 1 oom_kill event in StepId=7.0"), True),
    "cause": (chained(RuntimeError("training failed"), MemoryError()), True),
    "context": (chained(KeyError("x"), None, RuntimeError(CUDA)), True),
    "silenced": (silenced(), False),
    "another": (RuntimeError("CUDA error: device-side assert triggered"), False),
    "a quota": (RuntimeError("RESOURCE_EXHAUSTED: Quota exceeded for requests per minute"), False),
    "no file": (FileNotFoundError(errno.ENOENT, "No such file"), False),
    "a disk": (OSError(errno.ENOSPC, "No space left on device"), False),
    "a value": (ValueError("memory_size must be positive"), False),
}


@pytest.mark.parametrize(("error", "expected"), EXCEPTIONS.values(), ids=EXCEPTIONS)
def test_want_of_memory_is_recognised_by_its_exception(error: BaseException, expected: bool) -> None:
    assert is_out_of_memory(error) is expected
    failure = failure_of(error)
    assert failure.reason == ("oom" if expected else "")
    assert str(failure).startswith("oom: ") is expected


def test_an_exception_that_refers_to_itself_ends_the_search() -> None:
    one, other = ValueError("one"), ValueError("other")
    one.__context__, other.__context__ = other, one
    assert not is_out_of_memory(one)


TEXTS = {
    "a worker's traceback": (TRACE.format(source="error", line=f"torch.OutOfMemoryError: {CUDA}"), True),
    "a line of source": (TRACE.format(source="MemoryError  # CUDA out of memory", line="ValueError: no"), False),
    "an aborted process": ("terminate called after throwing an instance of 'std::bad_alloc'\n", True),
    "nothing": ("", False),
}


@pytest.mark.parametrize(("text", "expected"), TEXTS.values(), ids=TEXTS)
def test_want_of_memory_is_recognised_in_texts(text: str, expected: bool) -> None:
    assert tells_out_of_memory(text) is expected


def test_a_child_that_was_killed_is_told_from_one_that_failed() -> None:
    assert tells_kill("RuntimeError: DataLoader worker (pid 12) is killed by signal: Killed. ")
    assert tells_kill("Command '['train']' died with <Signals.SIGKILL: 9>.")
    assert not tells_kill("Command '['train']' returned non-zero exit status 1.")


# --- the kernel's counters ------------------------------------------------------------------------------------------

MOUNTS = {
    2: ("0::/user/job\n", "30 23 0:26 / {root} rw - cgroup2 cgroup2 rw\n", "user/job", "memory.events"),
    1: (
        "4:memory,hugetlb:/box/job\n0::/\n",
        "31 23 0:27 /box {root} rw shared:9 - cgroup cgroup rw,memory\n",
        "job",
        "memory.oom_control",
    ),
    0: ("", "", "", ""),
}


@pytest.mark.parametrize("version", MOUNTS)
def test_the_counter_of_the_kernel_is_found(tmp_path: Path, version: int) -> None:
    groups, mounts, folder, name = MOUNTS[version]
    root, proc = tmp_path / "cgroup", tmp_path / "proc"
    (proc / "7").mkdir(parents=True)
    (proc / "7" / "cgroup").write_text(groups)
    (proc / "7" / "mountinfo").write_text(mounts.format(root=root))
    file = root / folder / name if version else proc / "vmstat"
    file.parent.mkdir(parents=True, exist_ok=True)
    (proc / "vmstat").write_text("oom_kill 9\n")
    file.write_text("oom_kill_disable 0\noom 5\noom_kill 2\n")
    counter = KillCounter.of(7, proc)
    assert (counter.file, counter.before, counter.grown) == (file, 2, False)
    file.write_text("oom 6\noom_kill 3\n")
    assert counter.grown
    assert not counter.again().grown


def test_without_any_counter_nothing_is_blamed_on_the_kernel(tmp_path: Path) -> None:
    assert not KillCounter.of(7, tmp_path).grown


# --- in the study ---------------------------------------------------------------------------------------------------


def test_optimize_records_why() -> None:
    def objective(trial: Any) -> float:
        if trial.suggest_int("x", 0, 3) >= 0:
            raise RuntimeError(CUDA)
        return 0.0

    study = create_study()
    study.optimize(objective, n_trials=1, catch=(RuntimeError,))
    (trial,) = study.trials
    assert trial.system_attrs[OOM] is True
    assert trial.system_attrs[FAILURE].startswith("oom: RuntimeError: CUDA out of memory")


def table(directory: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((directory / "trials.csv").open()))


def test_a_sweep_says_what_ran_out_of_memory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def task(config: Any) -> float:
        if config.x > 1:
            raise RuntimeError(CUDA)
        return float(config.x)

    found = sweep(task, tmp_path / "s", ["x=range(0,4)", "hydra.sweeper.max_failure_rate=1"])
    logged = capsys.readouterr().out
    assert found.out_of_memory == 2
    assert "2 complete, 2 failed (2 out of memory)" in logged
    assert "failed: oom: RuntimeError: CUDA out of memory" in logged
    reasons = {row["params.x"]: row["reason"][:8] for row in table(tmp_path / "s")}
    assert reasons == {"0": "", "1": "", "2": "oom: Run", "3": "oom: Run"}
    assert "out_of_memory: 2" in (tmp_path / "s" / "optimization_results.yaml").read_text()


def test_processes_without_memory_are_recognised(tmp_path: Path) -> None:
    """A limit of the address space, and a library that aborts; an exit without last words is lost, as ever."""

    def task(config: Any) -> float:
        import resource

        if config.x == "limit":
            resource.setrlimit(resource.RLIMIT_AS, (1 << 31, resource.RLIM_INFINITY))
            bytearray(1 << 33)
        if config.x == "abort":
            os.write(2, b"terminate called after throwing an instance of 'std::bad_alloc'\n")
            os.abort()
        if config.x == "exit":
            os._exit(7)
        return 0.0

    settings = ["hydra.sweeper.lanes=process", "hydra.sweeper.max_failure_rate=1", "hydra.sweeper.max_retries=0"]
    sweep(task, tmp_path / "s", ["x=limit,abort,exit", *settings], config="x: ''\n")
    reasons = {row["params.x"]: row["reason"] for row in table(tmp_path / "s")}
    assert reasons["limit"].startswith("oom: MemoryError")
    assert reasons["abort"].startswith("oom: WorkerLost: its process was ended by SIGABRT")
    assert reasons["exit"].startswith("WorkerLost")


LIMIT = 400 << 20


@pytest.fixture
def limited_group() -> Iterator[Path]:
    """A control group with a limit on its memory; skips where none can be made."""
    version_1 = Path("/sys/fs/cgroup/memory")
    parent, limit = (version_1, "memory.limit_in_bytes") if version_1.is_dir() else (version_1.parent, "memory.max")
    group = parent / f"hpo-test-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no control group can be made: {error}")
    try:
        (group / limit).write_text(str(LIMIT))
    except OSError as error:
        group.rmdir()
        pytest.skip(f"the memory of a control group cannot be limited: {error}")
    yield group
    group.rmdir()


def test_a_kill_by_the_kernel_is_out_of_memory(tmp_path: Path, limited_group: Path) -> None:
    enter = f'echo $$ > {limited_group}/cgroup.procs && exec "$@"'
    arguments = ["hydra.sweeper.lanes=process", "hydra.sweeper.max_failure_rate=1", "mb=10,1000"]
    line = ["sh", "-c", enter, "sh", *command("hungry.py", tmp_path / "s", *arguments)]
    done = subprocess.run(line, env=surroundings(), cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    reasons = {row["params.mb"]: row["reason"] for row in table(tmp_path / "s")}
    assert reasons["10"] == ""
    assert reasons["1000"].startswith("oom: OutOfMemory: its process was ended by SIGKILL: the kernel's OOM killer")
    assert len(reasons) == 2, "a kill for want of memory is not retried as a lost job is"


# --- a new process for each job -----------------------------------------------------------------------------------


def leaking(config: Any) -> float:
    """Leak 30 MB, take long to exit, and return the size of the process before, in MB; the earlier ones are gone."""
    import atexit
    import os
    import resource
    import sys
    import time

    from hydra.core.hydra_config import HydraConfig

    ended = Path(HydraConfig.get().sweep.dir, "ended")
    earlier = ended.read_text().split() if ended.exists() else []
    assert len(earlier) == HydraConfig.get().job.num, "its exit handlers have run"
    assert not [pid for pid in earlier if Path("/proc", pid).exists()]

    def end() -> None:
        time.sleep(0.2)
        ended.write_text(" ".join([*earlier, str(os.getpid())]))

    atexit.register(end)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    vars(sys).setdefault("_leaked", []).append(b"x" * (30 << 20))
    return pages * resource.getpagesize() / (1 << 20)


def grown(directory: Path, n_trials: int) -> tuple[float, float]:
    """Return the first and the largest size of the processes of jobs that leak, when they began."""
    settings = ["x=interval(0,1)", "hydra.sweeper.fresh_process=true", f"hydra.sweeper.n_trials={n_trials}"]
    sweep(leaking, directory, settings)
    sizes = [float(row["value"]) for row in table(directory)]
    assert len(sizes) == n_trials
    return sizes[0], max(sizes)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_memory_does_not_grow_from_job_to_job(tmp_path: Path) -> None:
    first, most = grown(tmp_path / "s", 3)
    assert most <= 1.02 * first + 10


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_memory_does_not_grow_over_200_jobs(tmp_path: Path) -> None:
    first, most = grown(tmp_path / "s", 200)
    assert most <= 1.02 * first + 10


def test_no_process_is_started_ahead_where_memory_is_short(tmp_path: Path) -> None:
    file = tmp_path / "meminfo"
    for free, short in ((10_000, True), (50_000, False)):
        file.write_text(f"MemTotal: 100000 kB\nMemFree: 5 kB\nMemAvailable: {free} kB\n")
        assert memory_is_short(file) is short
    assert memory_is_short(tmp_path / "missing") is False


# --- tried again, smaller -------------------------------------------------------------------------------------------

CONFIG = "x: 0\ndata:\n  batch: 40\n  workers: 1\ntrainer:\n  accumulate: 1\n"
SMALLER = "hydra.sweeper.oom_retry={data.batch:/2,trainer.accumulate:x2}"


def greedy(config: Any) -> float:
    if config.data.batch * config.data.workers > 10 * config.x:
        raise MemoryError
    return 5.0 if config.x == 1 else 6.0


def test_a_configuration_is_tried_again_until_it_fits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A key of the configuration and a fixed override get smaller; what is written is what ran."""
    found = sweep(greedy, tmp_path / "s", ["x=choice(1,4)", SMALLER, "data.batch=40"], config=CONFIG)
    assert (found.finished, found.out_of_memory) == ({"complete": 2}, 0)
    assert "it is tried again with data.batch=20, trainer.accumulate=2" in capsys.readouterr().out
    rows = {row["params.x"]: row for row in table(tmp_path / "s")}
    batch, accumulate = "user_attrs.data.batch", "user_attrs.trainer.accumulate"
    assert (rows["1"][batch], rows["1"][accumulate], rows["1"]["value"]) == ("10", "4", "5.0")
    assert (rows["4"][batch], rows["4"][accumulate], rows["4"]["value"]) == ("40", "", "6.0")
    overrides = (tmp_path / "s" / "best_overrides.txt").read_text().split()
    assert {"x=1", "data.batch=10", "trainer.accumulate=4"} <= set(overrides)
    assert "batch: 10" in (tmp_path / "s" / "best_config.yaml").read_text()


def interrupted_once(config: Any) -> float:
    mark = Path(config.mark)
    if config.data.batch == 10 and not mark.exists():
        mark.touch()
        raise KeyboardInterrupt
    return greedy(config)


def test_an_interrupted_sweep_goes_on_with_what_is_smaller(tmp_path: Path) -> None:
    settings = ["x=choice(1,1.5)", "hydra.sweeper.n_trials=1", SMALLER, f"+mark={tmp_path / 'mark'}"]
    with suppress(KeyboardInterrupt, CompactHydraException, SystemExit):
        sweep(interrupted_once, tmp_path / "s", settings, config=CONFIG)
    assert {row["state"] for row in table(tmp_path / "s")} == {"FAIL"}
    sweep(interrupted_once, tmp_path / "s", settings, config=CONFIG)
    (row,) = table(tmp_path / "s")
    assert (row["user_attrs.data.batch"], row["user_attrs.trainer.accumulate"], row["state"]) == ("10", "4", "COMPLETE")


def killing_once(config: Any) -> float:
    """Kill the sweep, and its worker, in the second attempt, which is smaller."""
    sweep_pid = Path(config.folder, "pid")
    if config.data.batch == 10 and sweep_pid.exists():
        pid = int(sweep_pid.read_text())
        sweep_pid.unlink()
        os.kill(pid, signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)
    return greedy(config)


def sweep_until_killed(folder: Path, settings: list[str]) -> None:
    (folder / "pid").write_text(str(os.getpid()))
    sweep(killing_once, folder / "s", settings, config=CONFIG)


@pytest.mark.skipif(os.name == "nt", reason="lanes are processes of POSIX")
def test_worker_processes_run_what_is_smaller_also_after_the_sweep_was_killed(tmp_path: Path) -> None:
    settings = ["x=choice(1,1.5)", "hydra.sweeper.n_trials=1", SMALLER, "hydra.sweeper.lanes=process"]
    settings += ["data.batch=20", f"+folder={tmp_path}"]
    killed = multiprocessing.get_context("fork").Process(target=sweep_until_killed, args=(tmp_path, settings))
    killed.start()
    killed.join(300)
    assert killed.exitcode == -signal.SIGKILL
    sweep(killing_once, tmp_path / "s", settings, config=CONFIG)
    (row,) = table(tmp_path / "s")
    assert (row["user_attrs.data.batch"], row["user_attrs.trainer.accumulate"], row["state"]) == ("10", "2", "COMPLETE")
    attempts = load_study(study_name="hpo", storage=f"sqlite:///{tmp_path / 's' / 'study.db'}").trials
    assert [OOM in attempt.system_attrs for attempt in attempts] == [True, False, False]


def test_what_cannot_get_smaller_fails(tmp_path: Path) -> None:
    settings = ["hydra.sweeper.n_trials=1", "hydra.sweeper.max_failure_rate=1"]
    found = sweep(greedy, tmp_path / "s", ["x=choice(0,0.01)", SMALLER, *settings], config=CONFIG)
    assert found.out_of_memory == 1
    (row,) = table(tmp_path / "s")
    assert (row["user_attrs.data.batch"], row["user_attrs.trainer.accumulate"]) == ("1", "32")


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        (
            "{x:/2}",
            "hydra.sweeper.oom_retry: x is swept, so it is what was suggested. Name keys that are fixed.",
        ),
        (
            "{z:/2}",
            "hydra.sweeper.oom_retry: z is swept, so it is what was suggested. Name keys that are fixed.",
        ),
        ("{data.size:/2}", "hydra.sweeper.oom_retry: the configuration has no data.size."),
        ("{y:/2}", "hydra.sweeper.oom_retry: y must be a number, not 'large'."),
    ],
    ids=["swept", "swept with a plus", "missing", "a text"],
)
def test_keys_that_cannot_get_smaller_are_refused_before_the_first_job(setting: str, line: str, tmp_path: Path) -> None:
    def task(config: Any) -> float:
        raise AssertionError

    arguments = ["x=interval(0,1)", "+z=interval(0,1)", f"hydra.sweeper.oom_retry={setting}"]
    with pytest.raises(CompactHydraException, match=re.escape(line)):
        sweep(task, tmp_path / "s", arguments, config="x: 0\ny: large\n")
    assert not (tmp_path / "s").exists()
