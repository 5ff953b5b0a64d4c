"""Storages beside Optuna's: trials per second, opening a large study, many processes on one server.

    python benchmarks/storage.py                 SQLite and the journal
    python benchmarks/storage.py --servers       also PostgreSQL and MariaDB, started here
    python benchmarks/storage.py --quick         fewer trials

Both sides run the same objective through the same calls (``create_study``, ``optimize``), with random search, so
that what differs is the storage. Servers and files are durable, as in use.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import multiprocessing
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

PARAMETERS = 20
REPORTS = 10
LARGE, WIDE = 10_000, 10
MODES = {"no reports": (0, False), "10 reports": (REPORTS, False), "10 reports, should_prune": (REPORTS, True)}
OURS, PEER = "sweeper_core", "optuna"


def library(name: str) -> Any:
    """Return one of the two libraries, quiet."""
    warnings.simplefilter("ignore")
    module = importlib.import_module(name)
    module.logging.set_verbosity(module.logging.ERROR)
    return module


def objective_of(lib: Any, reports: int, prune: bool) -> Callable[[Any], float]:
    def objective(trial: Any) -> float:
        total = sum(trial.suggest_float(f"x{index}", 0.0, 1.0) for index in range(PARAMETERS))
        for step in range(reports):
            trial.report(total, step)
            if prune:
                trial.should_prune()
        return float(total)

    return objective


def storage_of(lib: Any, where: str) -> Any:
    """Return the storage at a URL, or at a journal's path."""
    if "://" in where:
        return where if lib.__name__ == OURS else lib.storages.RDBStorage(with_driver(where))
    backend = lib.storages.journal.JournalFileBackend(where)
    return lib.storages.JournalStorage(backend)


def with_driver(url: str) -> str:
    """Return a URL with the driver that this package takes by itself."""
    return url.replace("postgresql://", "postgresql+psycopg://").replace("mysql://", "mysql+pymysql://")


def rate(name: str, where: str, mode: str, trials: int) -> float:
    """Return trials per second after two to warm up."""
    lib = library(name)
    reports, prune = MODES[mode]
    study = lib.create_study(
        storage=storage_of(lib, where), sampler=lib.samplers.RandomSampler(seed=0), pruner=lib.pruners.MedianPruner()
    )
    objective = objective_of(lib, reports, prune)
    study.optimize(objective, n_trials=2)
    begun = time.perf_counter()
    study.optimize(objective, n_trials=trials)
    return trials / (time.perf_counter() - begun)


def throughput(backend: str, fresh: Callable[[], str], quick: bool) -> None:
    """Print trials per second of both, for every mode."""
    for mode in MODES:
        theirs = rate(PEER, fresh(), mode, 5 if quick else 20)
        ours = rate(OURS, fresh(), mode, 50 if quick else 300)
        print(
            f"{backend:10} {mode:26} {ours:9.1f} trials/s   optuna {theirs:7.1f}   ratio {ours / theirs:6.1f}",
            flush=True,
        )


OPENING = """
import gc, importlib, sys, time, warnings
warnings.simplefilter("ignore")
name, url = sys.argv[1:]
lib = importlib.import_module(name)
lib.logging.set_verbosity(lib.logging.ERROR)
lib.create_study(storage="sqlite:///:memory:").optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 1e6
before, begun = resident(), time.perf_counter()
study = lib.load_study(study_name="large", storage=url)
trials = study.trials
took = time.perf_counter() - begun
assert len(trials) == 10_000 and all(len(trial.params) == 10 for trial in trials[:3])
print(took, resident() - before)
"""


def opening(directory: Path, quick: bool) -> None:
    """Print how long a study of 10,000 trials takes to open and list, and by how much memory grows."""
    url = f"sqlite:///{directory / 'large.db'}"
    fill(url)
    found: dict[str, list[tuple[float, float]]] = {OURS: [], PEER: []}
    for _ in range(1 if quick else 3):
        for name in found:
            command = [sys.executable, "-c", OPENING, name, url]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            seconds, megabytes = map(float, done.stdout.split())
            found[name].append((seconds, megabytes))
    ours, theirs = ([statistics.median(column) for column in zip(*found[name], strict=True)] for name in (OURS, PEER))
    print(
        f"open and list {LARGE} x {WIDE}: {ours[0]:.3f} s, {ours[1]:.0f} MB   optuna {theirs[0]:.3f} s, "
        f"{theirs[1]:.0f} MB   ratio {theirs[0] / ours[0]:.1f} in time, {theirs[1] / ours[1]:.1f} in memory",
        flush=True,
    )


def fill(url: str) -> None:
    """Make the large study."""
    lib = library(OURS)
    study = lib.create_study(study_name="large", storage=url)
    distributions = {f"x{index}": lib.distributions.FloatDistribution(0.0, 1.0) for index in range(WIDE)}
    study.add_trials(
        [
            lib.create_trial(
                value=float(number),
                params={name: (number * 7919 + index) % 1000 / 1000 for index, name in enumerate(distributions)},
                distributions=distributions,
            )
            for number in range(LARGE)
        ]
    )


def crowd(url: str, quick: bool) -> None:
    """Print how the throughput of reserving and finishing on one server grows with processes."""
    storage = library(OURS).storages.get_storage(url)
    library(OURS)
    directions = [importlib.import_module(f"{OURS}.directions").StudyDirection.MINIMIZE]
    study = storage.create_or_open_study(None, directions, exist_ok=False)
    rates = {}
    for processes in (1, 2, 4, 8, 16):
        each = (400 if quick else 2000) // processes
        context = multiprocessing.get_context("spawn")
        barrier = context.Barrier(processes + 1)
        workers = [
            context.Process(target=reserve_and_finish, args=(url, study.study_id, each, barrier))
            for _ in range(processes)
        ]
        for worker in workers:
            worker.start()
        barrier.wait()
        begun = time.perf_counter()
        barrier.wait()
        rates[processes] = each * processes / (time.perf_counter() - begun)
        for worker in workers:
            worker.join()
        print(f"{processes:2} processes: {rates[processes]:8.1f} trials/s", flush=True)
    print(f"16 processes keep {rates[16] / max(rates[n] for n in (1, 2, 4, 8)):.2f} of the best of 1 to 8")


def reserve_and_finish(url: str, study_id: int, trials: int, barrier: Any) -> None:
    """Be one of the crowd; the time runs from one meeting at the barrier to the next, after a few trials to warm up."""
    storage = library(OURS).storages.get_storage(url)
    state = importlib.import_module(f"{OURS}.trial").TrialState.COMPLETE
    for count in (3, trials):
        for _ in range(count):
            claim = storage.reserve(study_id)
            assert storage.finish(study_id, claim.number, state, [0.0])
        barrier.wait()


def files(directory: Path) -> Iterator[tuple[str, Callable[[], str]]]:
    """Yield each kind of file with a way to a fresh one."""
    count = iter(range(1000))
    yield "sqlite", lambda: f"sqlite:///{directory / f'{next(count)}.db'}"
    yield "journal", lambda: str(directory / f"{next(count)}.log")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", action="store_true", help="also PostgreSQL and MariaDB")
    parser.add_argument("--quick", action="store_true", help="fewer trials")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        directory = Path(name)
        for backend, fresh in files(directory):
            throughput(backend, fresh, arguments.quick)
        opening(directory, arguments.quick)
        if arguments.servers:
            from sweeper_core.testing.servers import MariaDB, PostgreSQL

            for kind in (PostgreSQL, MariaDB):
                server = stack.enter_context(kind(durable=True))
                throughput(kind.__name__.lower(), server.new_database, arguments.quick)
                crowd(server.new_database(), arguments.quick)


if __name__ == "__main__":
    main()
