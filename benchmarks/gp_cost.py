"""What a suggestion of the Gaussian-process sampler costs: ask and tell, beside Optuna's where PyTorch is installed.

    python benchmarks/gp_cost.py                             this environment
    python benchmarks/gp_cost.py --peer /venv/bin/python     Optuna from another environment (Optuna and PyTorch)

Studies are in memory and filled with random trials; then single trials are timed on one thread. The median is what a
trial usually costs; the mean has the refits of hyperparameters in it. ``memory`` is the growth of the resident
memory, above the imports, by a study of 1,000 trials with 20 parameters of which the last ten were suggested.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

ROOT = Path(__file__).resolve().parent.parent
GOALS = {"100x10 mixed": 20.0, "200x20 numeric": 20.0, "1000x20 numeric": 50.0, "1000x20 mixed": 50.0}
OPTUNA_ROWS = ("100x10 mixed", "200x20 numeric")
OPTUNA_TRIALS = 5


def space_of(lib: Any, row: str) -> dict[str, Any]:
    """Return the distributions of a row."""
    width = int(row.split()[0].split("x")[1])
    dists = lib.distributions
    kinds = [
        lambda: dists.FloatDistribution(-5.0, 5.0),
        lambda: dists.FloatDistribution(1e-5, 1.0, log=True),
        lambda: dists.IntDistribution(1, 100),
        lambda: dists.CategoricalDistribution(["a", "b", "c", "d"]),
        lambda: dists.FloatDistribution(0.0, 1.0, step=0.1),
    ]
    return {f"x{index:02d}": kinds[index % (5 if "mixed" in row else 2)]() for index in range(width)}


def draw(distribution: Any, rng: random.Random) -> Any:
    """Return a random value."""
    if hasattr(distribution, "choices"):
        return rng.choice(distribution.choices)
    if type(distribution.low) is int:
        return rng.randint(distribution.low, distribution.high)
    if distribution.log:
        return 10.0 ** rng.uniform(-5.0, 0.0)
    return round(rng.uniform(distribution.low, distribution.high), 1 if distribution.step else 12)


def loss(params: dict[str, Any]) -> float:
    """Return a value that depends on every parameter, unequally."""
    numbers = ["abcd".index(value) / 4 if isinstance(value, str) else float(value) for value in params.values()]
    return sum((1 + index % 4) * (number - 0.5) ** 2 for index, number in enumerate(numbers))


def filled(lib: Any, row: str) -> tuple[Any, dict[str, Any]]:
    """Return a study with its random trials, and its space."""
    rng = random.Random(0)
    space = space_of(lib, row)
    study = lib.create_study(sampler=lib.samplers.GPSampler(seed=0))
    points = [{name: draw(dist, rng) for name, dist in space.items()} for _ in range(int(row.split("x")[0]))]
    study.add_trials([lib.trial.create_trial(params=point, distributions=space, value=loss(point)) for point in points])
    return study, space


def measure(library: str, row: str, trials: int) -> dict[str, float]:
    """Return the milliseconds of one trial: the median, the mean, and the slowest."""
    lib = __import__(library)
    study, space = filled(lib, row)
    times = []
    for _ in range(trials + 1):
        start = time.perf_counter()
        trial = study.ask(space)
        study.tell(trial, loss(trial.params))
        times.append(1000.0 * (time.perf_counter() - start))
    times = times[1:]  # the first one fits from scratch
    return {"median": statistics.median(times), "mean": statistics.fmean(times), "slowest": max(times)}


def memory() -> float:
    """Return the growth of the resident memory in megabytes, and check that PyTorch stays out."""
    import sweeper_core
    from sweeper_core.samplers import GPSampler

    GPSampler()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    study, space = filled(sweeper_core, "1000x20 numeric")
    for _ in range(10):
        trial = study.ask(space)
        study.tell(trial, loss(trial.params))
    assert "torch" not in sys.modules
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024.0


def in_process(python: str, *arguments: str) -> Any:
    """Run one measurement in a process of its own; None where its library is missing."""
    done = subprocess.run([python, __file__, "--one", *arguments], capture_output=True, text=True, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else None


def one(arguments: list[str]) -> None:
    """The measuring process."""
    sys.path.insert(0, str(ROOT))
    warnings.simplefilter("ignore")
    if arguments[0] == "memory":
        print(json.dumps(memory()))
        return
    if arguments[0] == "optuna":
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
    print(json.dumps(measure(arguments[0], arguments[1], int(arguments[2]))))


def main() -> None:
    """Measure all rows and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=30, help="trials timed per row (default 30)")
    parser.add_argument("--peer", default=sys.executable, help="interpreter that has Optuna and PyTorch")
    parser.add_argument("--one", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        one(options.one)
        return
    print(f"{'study':18s} {'median ms':>10s} {'goal':>6s} {'mean':>8s} {'slowest':>8s} {'Optuna':>10s} {'ratio':>7s}")
    for row, goal in GOALS.items():
        own = in_process(sys.executable, "sweeper_core", row, str(options.trials))
        peer = in_process(options.peer, "optuna", row, str(OPTUNA_TRIALS)) if row in OPTUNA_ROWS else None
        beside = f"{peer['median']:10.1f} {peer['median'] / own['median']:7.1f}" if peer else f"{'-':>10s} {'-':>7s}"
        print(
            f"{row:18s} {own['median']:10.1f} {goal:6.0f} {own['mean']:8.1f} {own['slowest']:8.1f} {beside}", flush=True
        )
    print(f"memory growth, 1000x20: {in_process(sys.executable, 'memory'):.0f} MB (goal 60)")


if __name__ == "__main__":
    main()
