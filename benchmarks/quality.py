"""How good the suggestions are: a public suite of problems, all contenders from the same initial points.

    python benchmarks/quality.py                                       tpe beside optuna-tpe, every group
    python benchmarks/quality.py --groups tables bbob --seeds 20       some groups, more seeds
    python benchmarks/quality.py --arms gp auto --against optuna-gp --budgets 25 50
    python benchmarks/quality.py --yahpo /path/to/yahpo                with the surrogate networks
    python benchmarks/quality.py --fresh optuna-tpe                    run a peer again, and keep it

What is reported. The *score* after t trials is the noise-free value of the trial that looked best among the first
t (for several objectives: the hypervolume of the first t). The *normalised regret* is 0 at the best score known and
1 at the median of 1,500 random points (hypervolume: of random studies of 25 points), floor 1e-3, and is averaged
geometrically. Beside it: mean rank, share of pairs (task, seed) won, tasks on which an arm is better than the peer,
and those on which it is worse beyond the paired bootstrap interval (95 %) over seeds; at the end the ratio of
regrets with its interval over tasks and seeds.

Peers' trajectories are kept in ``benchmarks/trajectories``, so that nobody waits for them twice.
"""

# The number of threads and the path have to be set before the imports that heed them.
# ruff: noqa: E402

from __future__ import annotations

import argparse
import json
import lzma
import os
import sys
import time
import zlib
from collections.abc import Iterable, Sequence
from multiprocessing import Pool
from pathlib import Path
from typing import Any

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

import numpy as np
from quality_arms import ARMS
from quality_tasks import GROUPS, Task, all_tasks

from sweeper_core.maths.hypervolume import hypervolume
from sweeper_core.samplers._lattice import complete

KEPT = ROOT / "benchmarks" / "trajectories"
INITIAL = 10
FLOOR = 1e-3
RANDOM_POINTS = 1500

Curve = list[float]


def stable(*words: object) -> int:
    """Return a number that depends on the words alone."""
    return zlib.crc32("|".join(map(str, words)).encode())


# ------------------------------------------------------------------------------------------------- running


def run(arm: str, task: Task, seed: int, n_trials: int) -> Curve:
    """Return the score after each trial, one number per trial."""
    start = np.random.default_rng([stable(task.name), seed])
    noise = np.random.default_rng([stable(task.name), seed, 1])
    initial = [complete(task.space, {}, start) for _ in range(INITIAL)]
    contender = ARMS[arm](task, seed, n_trials)
    seen, scores = [], []
    for number in range(n_trials):
        params = contender.ask(initial[number] if number < INITIAL else None)
        values = task.evaluate(params, noise)
        contender.tell(values)
        seen.append(values)
        scores.append(task.score(params))
    return curve_of(task, np.array(seen), np.array(scores))


def curve_of(task: Task, seen: np.ndarray, scores: np.ndarray) -> Curve:
    """Return the score after each trial, rounded to what matters; smaller is better."""
    if task.reference is not None:
        volumes = [-hypervolume(scores[: count + 1], task.reference) for count in range(len(scores))]
        return [float(f"{volume:.7g}") for volume in volumes]
    leader = np.array([int(np.argmin(seen[: count + 1, 0])) for count in range(len(seen))])
    return [float(f"{score:.9g}") for score in scores[leader, 0]]


def reference_of(task: Task) -> tuple[float, float]:
    """Return the median of random points (studies of 25 for several objectives), and the best of them."""
    rng = np.random.default_rng(stable("reference", task.name))
    count = RANDOM_POINTS if task.group != "conditional" else 300  # real trainings take their time
    scores = np.array([task.score(complete(task.space, {}, rng)) for _ in range(count)])
    if task.reference is None:
        return float(np.median(scores)), float(scores.min())
    volumes = [-hypervolume(part, task.reference) for part in np.array_split(scores, count // 25)]
    return float(np.median(volumes)), -hypervolume(scores, task.reference)


class Store:
    """Trajectories of one arm, and of what random points give: compressed JSON, ``task|seed`` -> changes of score."""

    def __init__(self, name: str) -> None:
        self.path = KEPT / f"{name}.json.xz"
        self.data = self._on_disk()

    def _on_disk(self) -> dict[str, Any]:
        return json.loads(lzma.decompress(self.path.read_bytes())) if self.path.exists() else {}

    def save(self) -> None:
        """Write what is known, together with what others have written in the meantime."""
        KEPT.mkdir(exist_ok=True)
        self.data = {**self._on_disk(), **self.data}
        text = json.dumps(self.data, sort_keys=True, separators=(",", ":")).encode()
        draft = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        draft.write_bytes(lzma.compress(text, preset=9))
        draft.replace(self.path)

    def get(self, task: str, seed: int, n_trials: int) -> Curve | None:
        known = self.data.get(f"{task}|{seed}")
        if known is None or known["n"] < n_trials:
            return None
        curve = np.full(known["n"], np.nan)
        for place, score in known["changes"]:
            curve[place:] = score
        return curve[:n_trials].tolist()

    def put(self, task: str, seed: int, curve: Curve) -> None:
        changes = [[place, score] for place, score in enumerate(curve) if place == 0 or score != curve[place - 1]]
        self.data[f"{task}|{seed}"] = {"n": len(curve), "changes": changes}


_tasks: dict[str, Task] = {}


def _open_tasks(groups: tuple[str, ...], yahpo: Path | None, only: str) -> None:
    _tasks.update({task.name: task for task in all_tasks(groups, yahpo) if only in task.name})


def _open_quietly(groups: tuple[str, ...], yahpo: Path | None, only: str) -> None:
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    _open_tasks(groups, yahpo, only)


def _job(job: tuple[str, str, int, int]) -> tuple[str, str, int, Any]:
    arm, task, seed, n_trials = job
    if arm == "reference":
        return arm, task, seed, reference_of(_tasks[task])
    return arm, task, seed, run(arm, _tasks[task], seed, n_trials)


def all_curves(options: argparse.Namespace) -> tuple[dict[tuple[str, str, int], Curve], dict[str, tuple[float, float]]]:
    """Return every arm's curve on every task and seed, and the random reference of every task; runs what is missing."""
    n_trials = max(options.budgets)
    curves: dict[tuple[str, str, int], Curve] = {}
    stores = {arm: Store(arm) for arm in options.arms + options.against if is_peer(arm)}
    references = Store("reference")
    jobs: list[tuple[str, str, int, int]] = []
    for task in _tasks:
        if task not in references.data:
            jobs.append(("reference", task, 0, 0))
        for arm in options.arms + options.against:
            for seed in range(options.seeds):
                kept = stores[arm].get(task, seed, n_trials) if arm in stores and arm not in options.fresh else None
                if kept is None:
                    jobs.append((arm, task, seed, n_trials))
                else:
                    curves[arm, task, seed] = kept
    started = time.perf_counter()
    with Pool(options.jobs, _open_quietly, (tuple(options.groups), options.yahpo, options.only)) as pool:
        for done, (arm, task, seed, result) in enumerate(pool.imap_unordered(_job, jobs), 1):
            if arm == "reference":
                references.data[task] = result
            else:
                curves[arm, task, seed] = result
            if arm in stores:
                stores[arm].put(task, seed, result)
            if done % 200 == 0 or done == len(jobs):
                print(f"  {done}/{len(jobs)} runs, {time.perf_counter() - started:.0f} s", flush=True)
                for store in (*stores.values(), references):
                    store.save()
    return curves, {task: tuple(references.data[task]) for task in _tasks}


def is_peer(arm: str) -> bool:
    """Return whether an arm is somebody else's: its trajectories are kept."""
    return arm.startswith("optuna")


# ------------------------------------------------------------------------------------------------- reporting


def regrets(
    options: argparse.Namespace,
    curves: dict[tuple[str, str, int], Curve],
    references: dict[str, tuple[float, float]],
) -> dict[str, np.ndarray]:
    """Return log10 of the normalised regret by arm, ``(tasks, seeds, budgets)``."""
    arms = options.arms + options.against
    out = {arm: np.empty((len(_tasks), options.seeds, len(options.budgets))) for arm in arms}
    places = np.array(options.budgets) - 1
    for row, (name, task) in enumerate(_tasks.items()):
        median, lowest = references[name]
        seen = [min(curve) for (_, other, _), curve in curves.items() if other == name]
        best = min(lowest, *seen) if task.best is None else task.best
        scale = max(median - best, 1e-300)
        for arm in arms:
            for seed in range(options.seeds):
                score = np.array(curves[arm, name, seed])[places]
                out[arm][row, seed] = np.log10(np.maximum((score - best) / scale, FLOOR))
    return out


def interval(values: np.ndarray, rng: np.random.Generator, draws: int = 1000) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of the mean of ``(tasks, seeds)``, both resampled."""
    tasks, seeds = values.shape
    means = np.empty(draws)
    for draw in range(draws):
        chosen = values[rng.integers(tasks, size=tasks)]
        means[draw] = chosen[np.arange(tasks)[:, None], rng.integers(seeds, size=(tasks, seeds))].mean()
    return float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))


def report(options: argparse.Namespace, logs: dict[str, np.ndarray]) -> None:
    """Print the tables."""
    groups = np.array([task.group for task in _tasks.values()])
    arms = options.arms + options.against
    header = "  ".join(f"{budget:>6}" for budget in options.budgets)
    for group in (*dict.fromkeys(groups), "all"):
        rows = np.ones(len(groups), bool) if group == "all" else groups == group
        print(f"\n{group}: {rows.sum()} tasks x {options.seeds} seeds\n{'regret after':<22}{header}    mean rank")
        stacked = np.stack([logs[arm][rows] for arm in arms])
        ranks = (
            (stacked[:, None] > stacked[None]).sum(axis=1) + 0.5 * (stacked[:, None] == stacked[None]).sum(axis=1) + 0.5
        )
        for place, arm in enumerate(arms):
            means = 10 ** stacked[place].mean(axis=(0, 1))
            print(f"{arm:<22}" + "  ".join(f"{mean:6.3f}" for mean in means) + f"  {ranks[place].mean():10.2f}")
    for peer in options.against:
        for arm in options.arms:
            if arm != peer:
                compare(options, arm, peer, logs[arm] - logs[peer])


def compare(options: argparse.Namespace, arm: str, peer: str, difference: np.ndarray) -> None:
    """Print how an arm does beside a peer; the difference is in log10 of the regret."""
    rng = np.random.default_rng(0)
    per_run = difference.mean(axis=2)
    won = (per_run < 0).mean() + 0.5 * (per_run == 0).mean()
    better = per_run.mean(axis=1) < 0
    worse = np.array([interval(row[None], rng)[0] > 0 for row in per_run])
    low, high = interval(per_run, rng)
    print(
        f"\n{arm} beside {peer}: better on {better.mean():.0%} of {len(better)} tasks, worse beyond the interval on "
        f"{worse.mean():.0%}; {won:.0%} of the pairs won;\n  ratio of regrets {10 ** per_run.mean():.3f} "
        f"(95 %: {10**low:.3f} to {10**high:.3f}); by budget "
        + ", ".join(f"{b}: {10**r:.3f}" for b, r in zip(options.budgets, difference.mean(axis=(0, 1)), strict=True))
    )
    if options.verbose:
        for name, row in zip(_tasks, per_run, strict=True):
            low, high = interval(row[None], rng)
            print(f"    {name:<28} {10 ** row.mean():7.3f}  ({10**low:.3f} to {10**high:.3f})")


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arms", nargs="+", default=["tpe"], choices=list(ARMS))
    parser.add_argument("--against", nargs="*", default=["optuna-tpe"], choices=list(ARMS))
    parser.add_argument("--groups", nargs="+", default=list(GROUPS), choices=GROUPS)
    parser.add_argument("--only", default="", help="a part of the tasks' names")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--budgets", nargs="+", type=int, default=[25, 50, 100, 200])
    parser.add_argument("--yahpo", type=Path, help="folder with the YAHPO networks")
    parser.add_argument("--jobs", type=int, default=max(1, (os.cpu_count() or 2) // 2))
    parser.add_argument("--fresh", nargs="*", default=[], choices=list(ARMS), help="peers to run again")
    parser.add_argument("--verbose", action="store_true", help="every task")
    return parser.parse_args(argv)


def main(argv: Iterable[str] | None = None) -> None:
    """Run what is missing, then report."""
    options = arguments(None if argv is None else list(argv))
    _open_tasks(tuple(options.groups), options.yahpo, options.only)
    curves, references = all_curves(options)
    report(options, regrets(options, curves, references))


if __name__ == "__main__":
    main()
