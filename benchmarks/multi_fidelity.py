"""Steps until a sweep over learning curves has found a good configuration: pausing and promoting beside stopping.

    python benchmarks/multi_fidelity.py --lcbench FOLDER --taskset FOLDER --hartmann [--arms NAME ...] [--seeds 3]
    python benchmarks/multi_fidelity.py ... --workers 8                simulated workers
    python benchmarks/multi_fidelity.py ... --fresh dehb --python dehb=/path/to/env/bin/python

``FOLDER`` are YAHPO Gym's surrogate of LCBench (52 epochs, evaluated at the suggested point itself) and TaskSet's
tables (50 points of a curve for each of 1,000 rows, without the loss before any training; every library's suggestion is
moved to the nearest row that it has not tried, and the library is told that row); ``--hartmann`` adds MFHartmann in 3
and 6 dimensions (100 steps). Workers are simulated: a step takes one unit of time, and a trial that is continued takes
only the steps that are new. Every study is asked and told as a user's script does it.

``steps`` is how many steps of training were spent until a trial was complete that is as good as the best of 100 random
points trained in full, as a share of what these 100 take; the geometric mean over tasks and seeds, with the 90 %
interval of a bootstrap over tasks. A sweep that has not got there after the share ``--budget`` of these steps counts
that share. ``vs`` is the ratio to the first arm over the same tasks and seeds. ``behind`` is on how many tasks an arm
is behind the best peer of that very task beyond the 90 % interval of a bootstrap over seeds.

Peers' trajectories (what was complete after how many steps) are kept in ``benchmarks/trajectories/multi-fidelity``, so
that nobody waits for them twice; ``--fresh NAME`` runs a peer again. Peers run with their defaults, from the first step
on, in an interpreter of their own (``--python NAME=PATH``), Optuna in this one. A value that is not finite is told to
them as the task's worst.

    optuna-*    pip install optuna==5.0.0 scipy
    syne-*      pip install syne-tune==0.16.0 huggingface_hub          (its ASHA stops; 0.16 has none with promotion)
    dehb        pip install dehb==0.1.2
    neps-*      pip install torch==2.13.0 neural-pipeline-search==0.17.0
"""

from __future__ import annotations

import argparse
import heapq
import json
import lzma
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

import numpy as np  # noqa: E402
from multi_fidelity_arms import ARMS, PEERS, PYTHONS, Contender  # noqa: E402
from multi_fidelity_tasks import RANDOM_POINTS, goal_of, makers  # noqa: E402

KEPT = ROOT / "benchmarks" / "trajectories" / "multi-fidelity"
IDLE = 1000
"""A peer that asks so often for results that are known already is taken to have ended."""

Trajectory = list[tuple[int, float]]
"""Steps spent and value of each complete trial that was the best so far; at last the steps spent in all, and NaN."""
Key = tuple[str, int, int]
"""Task, workers and seed."""


def simulate(contender: Contender, task: Any, goal: float, workers: int, limit: int) -> Trajectory:
    """Run a contender on simulated workers until a trial as good as the goal is complete.

    A configuration that is asked for on a second worker goes on from what was done then, beside the first one.
    """
    curves: dict[Any, np.ndarray] = {}
    done: dict[Any, int] = {}
    events: list[tuple[int, int, Any, int, int | None]] = []
    complete: Trajectory = []
    spent = asked = 0

    def ask(now: int) -> None:
        nonlocal asked
        for _ in range(IDLE):
            key, params, until = contender.ask()
            if key not in done:
                curves[key], done[key] = task.curve(params), 0
            asked += 1
            if until is None or until > done[key]:
                heapq.heappush(events, (now + 1, asked, key, done[key] + 1, until))
                return
            contender.report(key, until, float(curves[key][until - 1]))

    for _ in range(workers):
        ask(0)
    while events and spent < limit:
        now, order, key, step, until = heapq.heappop(events)
        spent += 1
        done[key] = max(done[key], step)
        value = float(curves[key][step - 1])
        going_on = contender.report(key, step, value) if until is None or step == until else True
        if step == task.steps and np.isfinite(value) and (not complete or value < complete[-1][1]):
            complete.append((spent, value))
            if value <= goal:
                break
        if going_on and step < task.steps:
            heapq.heappush(events, (now + 1, order, key, step + 1, until))
        else:
            ask(now)
    return [*complete, (spent, float("nan"))]


def share_of(trajectory: Trajectory, goal: float, whole: int, budget: float) -> float:
    """Return the share of the steps until a trial as good as the goal was complete."""
    reached = min((spent for spent, value in trajectory if reaches(value, goal)), default=np.inf)
    return min(reached / whole, budget)


def reaches(value: float, goal: float) -> bool:
    """Return whether a value is as good as the goal, up to the digits that are kept."""
    return value <= goal or bool(np.isclose(value, goal, rtol=1e-6, atol=0.0))


class Kept:
    """What is kept of an arm's trajectories in a file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._runs: dict[str, Trajectory] = json.loads(lzma.decompress(file.read_bytes())) if file.exists() else {}

    def get(self, key: Key, goal: float, limit: int) -> Trajectory | None:
        """Return a run that got to the goal or was long enough; None where there is none."""
        run = self._runs.get(self._name(key))
        enough = run is not None and (run[-1][0] >= limit or any(reaches(value, goal) for _, value in run))
        return run if enough else None

    def put(self, key: Key, trajectory: Trajectory) -> None:
        """Keep a run."""
        self._runs[self._name(key)] = [(spent, float(f"{value:.7g}")) for spent, value in trajectory]
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_bytes(lzma.compress(json.dumps(dict(sorted(self._runs.items()))).encode()))

    @staticmethod
    def _name(key: Key) -> str:
        return "|".join(map(str, key))


def interval(logs: np.ndarray) -> tuple[float, float]:
    """Return the ends of the 90 % interval of a geometric mean over ``(tasks, seeds)`` by a bootstrap over tasks."""
    rng = np.random.default_rng(0)
    means = logs.mean(axis=1)[rng.integers(len(logs), size=(2000, len(logs)))].mean(axis=1)
    low, high = np.exp(np.quantile(means, [0.05, 0.95]))
    return float(low), float(high)


def behind(logs: Mapping[str, np.ndarray], arm: str) -> str:
    """Return on how many tasks an arm is behind the best peer of the task beyond the interval over seeds."""
    peers = [name for name in logs if name in PEERS and name != arm]
    if not peers:
        return "-"
    rng = np.random.default_rng(0)
    lost = 0
    for place, own in enumerate(logs[arm]):
        best = min(peers, key=lambda name: logs[name][place].mean())
        gap = own - logs[best][place]
        means = gap[rng.integers(len(gap), size=(2000, len(gap)))].mean(axis=1)
        lost += bool(np.quantile(means, 0.05) > 0.0)
    return f"{lost}/{len(logs[arm])}"


def show(shares: Mapping[str, Sequence[Sequence[float]]], seconds: Mapping[str, list[float]]) -> None:
    """Print the table."""
    logs = {name: np.log(np.array(by_task)) for name, by_task in shares.items()}
    first = next(iter(logs.values()))
    print(f"{'arm':<24}{'steps':>8}{'90 %':>18}{'vs':>8}{'90 %':>18}{'behind':>8}{'s a run':>9}")
    for name, values in logs.items():
        parts = (values, values - first)
        cells = [f"{np.exp(part.mean()):>8.3f}{'{:.3f} to {:.3f}'.format(*interval(part)):>18}" for part in parts]
        took = f"{np.mean(seconds[name]):>9.1f}" if seconds[name] else f"{'kept':>9}"
        print(f"{name:<24}{cells[0]}{cells[1]}{behind(logs, name):>8}{took}")


def arguments() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lcbench", type=Path, help="folder of the surrogate of LCBench")
    parser.add_argument("--taskset", type=Path, help="folder of TaskSet's tables")
    parser.add_argument("--hartmann", action="store_true", help="with MFHartmann")
    parser.add_argument("--arms", nargs="+", choices=list(ARMS), default=list(ARMS), metavar="NAME")
    parser.add_argument("--tasks", type=int, default=6, help="of LCBench")
    parser.add_argument("--lcbench-tasks", nargs="+", help="these instead")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--budget", type=float, default=0.3, help="share of the random points' steps")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--fresh", nargs="+", default=[], choices=list(PEERS), metavar="NAME", help="run again")
    parser.add_argument("--python", nargs="+", default=[], metavar="NAME=PATH", help="a peer's interpreter")
    parser.add_argument("--keep", type=Path, help="keep what is ours in this folder, too")
    options = parser.parse_args()
    PYTHONS.update(pair.split("=", 1) for pair in options.python)
    if not (options.lcbench or options.taskset or options.hartmann):
        parser.exit(1, "Nothing to do: name --lcbench, --taskset or --hartmann.\n")
    return options


def run(arm: str, make: Any, seed: int, options: argparse.Namespace, seconds: list[float]) -> float:
    """Return an arm's share of steps on a task, kept or run now."""
    task = make()
    goal, whole = goal_of(make(), seed), RANDOM_POINTS * task.steps
    limit, key = int(options.budget * whole), (task.name, options.workers, seed)
    folder = KEPT if arm in PEERS else options.keep
    kept = Kept(folder / f"{arm}.json.xz") if folder else None
    found = kept.get(key, goal, limit) if kept and arm not in options.fresh else None
    if found is None:
        began = time.process_time()
        found = simulate(ARMS[arm](task, seed), task, goal, options.workers, limit)
        seconds.append(time.process_time() - began)
        if kept:
            kept.put(key, found)
    return share_of(found, goal, whole, options.budget)


def main() -> None:
    """Run all arms on all tasks and print the table."""
    options = arguments()
    warnings.simplefilter("ignore")
    shares: dict[str, list[list[float]]] = {name: [] for name in options.arms}
    seconds: dict[str, list[float]] = {name: [] for name in options.arms}
    for make in makers(options):
        for name in options.arms:
            shares[name].append([run(name, make, seed, options, seconds[name]) for seed in range(options.seeds)])
        each = " ".join(f"{name} {np.exp(np.mean(np.log(found[-1]))):.3f}" for name, found in shares.items())
        print(f"{make().name}: {each}", file=sys.stderr, flush=True)
    show(shares, seconds)


if __name__ == "__main__":
    main()
