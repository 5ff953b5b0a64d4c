"""What a suggestion costs: ask, all suggestions and tell, beside Optuna, at studies of some size, in memory.

    python benchmarks/ask_tell.py                          all rows
    python benchmarks/ask_tell.py --rows tpe-1000 cmaes    some
    python benchmarks/ask_tell.py --list                   their names

Studies are filled with random trials (``add_trials``), or run up to their size where an algorithm keeps a state of
its own (CMA-ES, NSGA-II, GP). Then single trials are timed; the median counts. Each contender runs in a process of
its own, one after the other. rustuna takes part where it is installed. The row ``memory`` is the growth of the
resident memory by a study of 10,000 trials with 20 parameters.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import importlib.util
import json
import math
import random
import statistics
import subprocess
import sys
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LIBRARIES = ("sweeper_core", "optuna", "rustuna")


@dataclass(frozen=True)
class Row:
    """One measurement: ``sampler(**options)`` at a study of ``trials`` trials with ``width`` parameters."""

    sampler: str
    trials: int
    width: int
    objectives: int = 1
    mixed: bool = True
    filled: bool = True
    options: dict[str, Any] = field(default_factory=dict)
    libraries: tuple[str, ...] = ("sweeper_core", "optuna")


ALL = LIBRARIES
ROWS = {
    "tpe-1000": Row("TPESampler", 1_000, 20, options={"multivariate": False}),
    "tpe-1000-multivariate": Row("TPESampler", 1_000, 20, options={"multivariate": True}),
    "tpe-10000": Row("TPESampler", 10_000, 20, options={"multivariate": False}),
    "tpe-5000x50-multivariate": Row("TPESampler", 5_000, 50, options={"multivariate": True}),
    "tpe-1000x10": Row("TPESampler", 1_000, 10, mixed=False, libraries=ALL),
    "tpe-10000x10": Row("TPESampler", 10_000, 10, mixed=False, libraries=ALL),
    "tpe-2-objectives": Row("TPESampler", 500, 20, objectives=2),
    "tpe-4-objectives": Row("TPESampler", 600, 10, objectives=4),
    "nsgaii": Row("NSGAIISampler", 500, 20, objectives=2, filled=False),
    "nsgaii-floats": Row("NSGAIISampler", 500, 20, objectives=2, mixed=False, filled=False),
    "cmaes": Row("CmaEsSampler", 500, 20, mixed=False, filled=False),
    "gp": Row("GPSampler", 60, 8, mixed=False, filled=False),
    "random-10000": Row("RandomSampler", 10_000, 20),
}


def space_of(lib: Any, row: Row) -> dict[str, Any]:
    """Return the distributions of a row's parameters."""
    dists = lib.distributions
    kinds = [
        lambda: dists.FloatDistribution(-5.0, 5.0),
        lambda: dists.FloatDistribution(1e-5, 1.0, log=True),
        lambda: dists.IntDistribution(1, 100),
        lambda: dists.FloatDistribution(0.0, 1.0),
        lambda: dists.CategoricalDistribution(["a", "b", "c", "d"]),
    ]
    return {f"x{index:02d}": kinds[index % 5 if row.mixed else 0]() for index in range(row.width)}


def suggest(trial: Any, name: str, distribution: Any) -> Any:
    """Ask for one parameter as objectives do."""
    if hasattr(distribution, "choices"):
        return trial.suggest_categorical(name, list(distribution.choices))
    if type(distribution.low) is int:
        return trial.suggest_int(name, distribution.low, distribution.high)
    return trial.suggest_float(name, distribution.low, distribution.high, log=distribution.log)


def values_of(params: dict[str, Any], objectives: int) -> list[float]:
    """Return objective values that depend on every parameter."""
    numbers = [float(value) if not isinstance(value, str) else "abcd".index(value) for value in params.values()]
    return [sum((value - shift) ** 2 for value in numbers) for shift in range(objectives)]


def draw(distribution: Any, rng: random.Random) -> Any:
    """Return a random value."""
    if hasattr(distribution, "choices"):
        return rng.choice(distribution.choices)
    if type(distribution.low) is int:
        return rng.randint(distribution.low, distribution.high)
    if distribution.log:
        return math.exp(rng.uniform(math.log(distribution.low), math.log(distribution.high)))
    return rng.uniform(distribution.low, distribution.high)


def fill(lib: Any, study: Any, row: Row, space: dict[str, Any]) -> None:
    """Give the study its trials."""
    rng = random.Random(0)
    if not row.filled:
        for _ in range(row.trials):
            one_trial(study, row, space)
        return
    distributions = space_of(lib, row)
    for _ in range(row.trials):
        point = {name: draw(distribution, rng) for name, distribution in space.items()}
        values = values_of(point, row.objectives)
        study.add_trial(lib.trial.create_trial(params=point, distributions=distributions, values=values))


def clock() -> float:
    """Return seconds: of the wall, or of this process's CPU with ``--cpu``."""
    return time.process_time() if "--cpu" in sys.argv else time.perf_counter()


def one_trial(study: Any, row: Row, space: dict[str, Any]) -> float:
    """Run one trial; return its seconds, the objective not counted."""
    start = clock()
    trial = study.ask()
    params = {name: suggest(trial, name, distribution) for name, distribution in space.items()}
    asked = clock()
    values = values_of(params, row.objectives)
    told = clock()
    # rustuna knows trials by their numbers.
    study.tell(trial if hasattr(trial, "params") else trial.number, values if row.objectives > 1 else values[0])
    return asked - start + clock() - told


def measure(library: str, name: str, repeats: int) -> dict[str, float]:
    """Return the median and the 90th percentile of a row in milliseconds."""
    warnings.simplefilter("ignore")
    lib, row = importlib.import_module(library), ROWS[name]
    if hasattr(lib, "logging"):
        lib.logging.set_verbosity(40)
    sampler = getattr(lib.samplers, row.sampler)(seed=1, **(row.options if library != "rustuna" else {}))
    directions = {"directions": ["minimize"] * row.objectives} if row.objectives > 1 else {}
    study = lib.create_study(sampler=sampler, **directions)
    space = space_of(lib if library != "rustuna" else importlib.import_module("optuna"), row)
    fill(lib, study, row, space)
    one_trial(study, row, space)
    gc.collect()
    times = sorted(1000 * one_trial(study, row, space) for _ in range(repeats))
    return {"median": statistics.median(times), "p90": times[int(0.9 * len(times))]}


def memory(library: str) -> dict[str, float]:
    """Return the growth of resident memory by a study of 10,000 x 20 in MB."""
    warnings.simplefilter("ignore")
    lib, row = importlib.import_module(library), ROWS["random-10000"]
    lib.logging.set_verbosity(40)
    space = space_of(lib, row)
    study = lib.create_study(sampler=lib.samplers.RandomSampler(seed=1))
    one_trial(study, row, space)
    gc.collect()
    before = resident()
    for _ in range(row.trials):
        one_trial(study, row, space)
    gc.collect()
    return {"median": resident() - before, "p90": math.nan}


def resident() -> float:
    """Return the resident memory of this process in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def contend(library: str, name: str, repeats: int, cpu: bool) -> dict[str, float] | None:
    """Measure in a process of its own; None where the library is not installed or cannot do it."""
    if importlib.util.find_spec(library) is None:
        return None
    command = [sys.executable, __file__, "--one", library, name, "--repeats", str(repeats), *["--cpu"] * cpu]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"  {library} failed at {name}: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        return None
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    names = [*ROWS, "memory"]
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", nargs="*", default=names, choices=names, metavar="ROW")
    parser.add_argument("--repeats", type=int, default=25, help="timed trials of each contender")
    parser.add_argument("--cpu", action="store_true", help="count CPU time: for a machine that is busy")
    parser.add_argument("--list", action="store_true", help="show the names of the rows")
    parser.add_argument("--one", nargs=2, metavar=("LIBRARY", "ROW"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.list:
        print("\n".join(names))
    elif options.one:
        library, name = options.one
        sys.path.insert(0, str(ROOT))
        print(json.dumps(memory(library) if name == "memory" else measure(library, name, options.repeats)))
    else:
        sys.path.insert(0, str(ROOT))
        compare(options.rows, options.repeats, options.cpu)


def compare(names: list[str], repeats: int, cpu: bool) -> None:
    """Print a line for each row."""
    print(f"{'':26s} {'sweeper_core':>16s} {'Optuna':>16s} {'rustuna':>16s}   Optuna : ours")
    for name in names:
        libraries = ROWS[name].libraries if name in ROWS else ("sweeper_core", "optuna")
        found = {library: contend(library, name, repeats, cpu) for library in libraries}
        unit = "MB" if name == "memory" else "ms"
        cells = [
            f"{it['median']:13.2f} {unit}" if (it := found.get(library)) else f"{'-':>16s}" for library in LIBRARIES
        ]
        ours, peer = found.get("sweeper_core"), found.get("optuna")
        ratio = f"{peer['median'] / ours['median']:8.1f} x" if ours and peer else ""
        print(f"{name:26s} {' '.join(cells)}   {ratio}", flush=True)


if __name__ == "__main__":
    main()
