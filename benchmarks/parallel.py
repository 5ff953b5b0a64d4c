"""What several lanes cost a search: the regret after as many trials, beside that of one lane.

    python benchmarks/parallel.py --yahpo /path/to/yahpo                     auto, 1, 4 and 8 lanes, 25 trials
    python benchmarks/parallel.py --yahpo /path/to/yahpo --budget 100        the first 25 trials of a study of 100

Lanes are simulated: whenever a trial ends, the sampler is asked for the next one, while the others are still running
and have no values. Durations are log-normal, independent of the values. One lane knows all earlier values each time.

Tasks are those of ``quality.py`` with one objective, every k-th by name (``--all-tasks`` takes all). What is reported:
the ratio of the normalised regret to that of one lane with the same seed, a geometric mean over tasks and seeds with a
bootstrap interval (95 %, over both), over all tasks and by group. The regret is 0 at the best score known and 1 at the
median of random points, floor 0.001; a score is the noise-free value of the trial that looked best. ``--keep`` names
a folder that keeps the runs, to go on from.
"""

from __future__ import annotations

import argparse
import heapq
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

import numpy as np  # noqa: E402
from quality import FLOOR, Store, best_known, curve_of, interval, reference_of, stable  # noqa: E402
from quality_tasks import GROUPS, Task, all_tasks, subset  # noqa: E402

from sweeper_core import samplers  # noqa: E402
from sweeper_core.testing.simulation import Simulation  # noqa: E402

ARMS = {"auto": "AutoSampler", "gp": "GPSampler", "tpe": "TPESampler", "random": "RandomSampler"}
SPREAD = 0.5
"""Standard deviation of the logarithm of a trial's duration."""
Runs = dict[tuple[str, int, int], list[float]]


def scores(arm: str, task: Task, lanes: int, seed: int, n_trials: int, budget: int) -> list[float]:
    """Return the score after each trial that ended, in the order of their ends."""
    sampler = getattr(samplers, ARMS[arm])(seed=seed)
    study = Simulation(sampler, task.space, seed=stable(task.name, seed), budget=budget)
    noise = np.random.default_rng([stable(task.name), seed, 1])
    durations = np.random.default_rng([stable(task.name), seed, 2])
    running: list[tuple[float, int, dict[str, Any]]] = []
    now, seen, found = 0.0, [], []
    for asked in range(n_trials + lanes):
        if asked >= lanes:
            now, number, params = heapq.heappop(running)
            seen.append(task.evaluate(params, noise))
            found.append(task.score(params))
            study.tell(number, seen[-1])
        if asked < n_trials:
            number, params = study.ask()
            heapq.heappush(running, (now + durations.lognormal(0.0, SPREAD), number, params))
        if len(found) == n_trials:
            break
    return curve_of(task, np.array(seen), np.array(found))


def all_runs(options: argparse.Namespace, tasks: Sequence[Task]) -> Runs:
    """Return the scores by task, seed and number of lanes; runs what is missing."""
    runs: Runs = {}
    n_trials = max(options.after)
    budget = options.budget or n_trials
    for seed in range(options.seeds):
        for lanes in dict.fromkeys([1, *options.lanes]):
            kept = None if options.keep is None else Store(f"{options.arm}-{budget}-{lanes}", options.keep)
            for task in tasks:
                known = [] if kept is None else kept.get(task.name, seed)
                if len(known) < n_trials:
                    known = scores(options.arm, task, lanes, seed, n_trials, budget)
                runs[task.name, seed, lanes] = known
                if kept is not None:
                    kept.put(task.name, seed, known)
            if kept is not None:
                kept.save()
    return runs


def logs_of(tasks: Sequence[Task], runs: Runs) -> dict[tuple[str, int, int], np.ndarray]:
    """Return log10 of the normalised regret after each trial."""
    references, best = Store("reference").data, best_known()
    marks = {}
    for task in tasks:
        median, lowest = references.get(task.name) or reference_of(task)
        seen = [min(run) for (name, *_), run in runs.items() if name == task.name]
        lowest = min(lowest, best.get(task.name, lowest), *seen) if task.best is None else task.best
        marks[task.name] = lowest, max(median - lowest, 1e-300)
    return {
        key: np.log10(np.maximum((np.array(run) - marks[key[0]][0]) / marks[key[0]][1], FLOOR))
        for key, run in runs.items()
    }


def report(options: argparse.Namespace, tasks: Sequence[Task], runs: Runs) -> None:
    """Print the regret of one lane, and the ratios of the others, for all tasks and by group."""
    logs = logs_of(tasks, runs)
    print(
        f"{options.arm}: {len(tasks)} tasks x {options.seeds} seeds; regret with one lane, then relative to it, after"
    )
    for group in ("all", *dict.fromkeys(task.group for task in tasks)):
        names = [task.name for task in tasks if group in ("all", task.group)]
        alone = np.array([logs[name, seed, 1] for name in names for seed in range(options.seeds)]).mean(axis=0)
        cells = [f"{count}: {10 ** alone[count - 1]:.3f}" for count in options.after]
        print(f"{group:<13} 1 lane    " + "   ".join(cells))
        for lanes in (lanes for lanes in options.lanes if lanes > 1):
            cells = [_ratio(options, lanes, count, names, logs) for count in options.after]
            print(f"{group:<13}{lanes:>2} lanes   " + "   ".join(cells))


def _ratio(
    options: argparse.Namespace,
    lanes: int,
    count: int,
    names: Sequence[str],
    logs: dict[tuple[str, int, int], np.ndarray],
) -> str:
    rows = [
        np.array([logs[name, seed, lanes][count - 1] - logs[name, seed, 1][count - 1] for seed in range(options.seeds)])
        for name in names
    ]
    low, high = interval(rows, np.random.default_rng(0))
    return f"{count}: {10 ** np.mean([row.mean() for row in rows]):.2f} ({10**low:.2f} to {10**high:.2f})"


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--yahpo", type=Path, help="folder with the YAHPO networks")
    parser.add_argument("--arm", default="auto", choices=list(ARMS))
    parser.add_argument("--lanes", nargs="+", type=int, default=[1, 4, 8])
    parser.add_argument(
        "--after", nargs="+", type=int, default=[15, 25], help="numbers of trials; runs end at the last"
    )
    parser.add_argument("--budget", type=int, help="trials that the sampler is told of; the last of --after")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--groups", nargs="+", default=[g for g in GROUPS if g != "biobjective"], choices=GROUPS)
    parser.add_argument("--keep", type=Path, help="folder that keeps the runs, to go on from")
    parser.add_argument("--all-tasks", action="store_true", help="all tasks, not every k-th")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Run what is missing, then report."""
    options = arguments(argv)
    found = list(all_tasks(tuple(options.groups), options.yahpo))
    tasks = [task for task in (found if options.all_tasks else subset(found)) if task.objectives == 1]
    report(options, tasks, all_runs(options, tasks))


if __name__ == "__main__":
    main()
