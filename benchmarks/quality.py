"""How good the suggestions are: a public suite of problems, all contenders from the same initial points.

    python benchmarks/quality.py                                       tpe beside optuna-tpe, every group
    python benchmarks/quality.py --groups tables bbob --seeds 20       some groups, more seeds
    python benchmarks/quality.py --yahpo /path/to/yahpo                with the surrogate networks
    python benchmarks/quality.py --fresh optuna-tpe                    run a peer again, and keep it

    python benchmarks/quality.py --subset --seeds 5 --kept --arms auto gp tpe \\
        --against optuna-tpe optuna-gp smac-hpo smac-bb hebo ax ng catcma   beside all that is kept of the peers

    python benchmarks/quality.py --own-start --budgets 5 10 15 20 --seeds 5 --arms auto --against optuna-tpe optuna-gp
                                                                       short studies, everybody's own start

With ``--own-start`` nobody is given points: each begins by its own rule, its seed drawn for each task. The samplers of
this project are told the largest of the budgets, so a study of 10 trials is asked for with ``--budgets 10``. Peers'
trajectories are kept apart from those with common points, and the tables have bootstrap intervals (95 %).

What is reported. The *score* after t trials is the noise-free value of the trial that looked best among the first
t (for several objectives: the hypervolume of the first t). The *normalised regret* is 0 at the best score known
(in the kept trajectories, too: short runs alone would set the mark themselves) and 1 at the median of 1,500 random
points (hypervolume: of random studies of 25 points), floor 1e-3, and is averaged geometrically. Beside it: the mean
rank, both over the runs (task, seed) that all contenders have; then for each pair of them the share of runs won, of
tasks on which an arm is better than the peer, and of those on which it is worse beyond the paired bootstrap interval
(95 %) over seeds, and the ratio of regrets with its interval over tasks and seeds; at the end the share of tasks on
which an arm is worse, beyond that interval, than the best peer of that very task.

Peers' trajectories are kept in ``benchmarks/trajectories``, so that nobody waits for them twice. Optuna's TPE has run
on every task, 200 trials and 10 seeds. The others, which take up to seconds a suggestion, run on a fixed subset (every
k-th task by name, ``EVERY`` in ``quality_tasks.py``), 60 to 200 trials as their speed allows, and as many seeds as are
there; ``--kept`` compares where they have run, and the tables say on how many runs.

All get the same first 10 points, except ``catcma`` and ``ng``, which begin by their own rule. SMAC, HEBO, Ax, Nevergrad
(``NgIohTuned``) and cmaes (``CatCMAwM``) are asked with their defaults, on one objective; but for SMAC they know no
conditions and search the flat space.

A peer runs in an interpreter of its own, ``--python PEER=/path/to/env/bin/python``, else in this one:

    optuna-*           pip install optuna==5.0.0            optuna-gp also: torch==2.13.0 scipy
    smac-hpo, smac-bb  pip install smac==2.4.1
    hebo               pip install HEBO==0.3.6 torch==2.13.0            (Python 3.10: it wants an older NumPy)
    ax                 pip install ax-platform==1.3.1 torch==2.13.0
    ng                 pip install nevergrad==1.0.12 "scipy<1.15"       (it hangs with the COBYLA of newer ones)
    catcma             pip install cmaes==0.13.1

    python benchmarks/quality.py --subset --seeds 5 --arms smac-bb --against --budgets 60 --peer-trials 60 \\
        --python smac-bb=/path/to/env/bin/python
"""

# The number of threads and the path have to be set before the imports that heed them.
# ruff: noqa: E402

from __future__ import annotations

import argparse
import json
import lzma
import math
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
from quality_arms import ARMS, PYTHONS
from quality_peer import ONE_OBJECTIVE, PEERS
from quality_tasks import GROUPS, Task, all_tasks, subset

from sweeper_core.maths.hypervolume import hypervolume
from sweeper_core.samplers._lattice import complete

KEPT = ROOT / "benchmarks" / "trajectories"
OWN_START = "own-start"
"""Where trajectories without common points are kept, in the folder of the others."""
INITIAL = 10
FLOOR = 1e-3
RANDOM_POINTS = 1500
LEAST_SEEDS = 3

Curve = list[float]


def stable(*words: object) -> int:
    """Return a number that depends on the words alone."""
    return zlib.crc32("|".join(map(str, words)).encode())


# ------------------------------------------------------------------------------------------------- running


def run(arm: str, task: Task, seed: int, n_trials: int, own_start: bool = False) -> Curve:
    """Return the score after each trial, one number per trial; with ``own_start`` nobody is given points."""
    start = np.random.default_rng([stable(task.name), seed])
    noise = np.random.default_rng([stable(task.name), seed, 1])
    initial = [] if own_start else [complete(task.space, {}, start) for _ in range(INITIAL)]
    contender = ARMS[arm](task, stable(task.name, seed) if own_start else seed, n_trials)
    seen, scores = [], []
    for number in range(n_trials):
        params = contender.ask(initial[number] if number < len(initial) else None)
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

    def __init__(self, name: str, folder: Path = KEPT) -> None:
        self.path = folder / f"{name}.json.xz"
        self.data = self._on_disk()

    def _on_disk(self) -> dict[str, Any]:
        return json.loads(lzma.decompress(self.path.read_bytes())) if self.path.exists() else {}

    def save(self) -> None:
        """Write what is known, together with what others have written in the meantime."""
        self.path.parent.mkdir(exist_ok=True)
        self.data = {**self._on_disk(), **self.data}
        text = json.dumps(self.data, sort_keys=True, separators=(",", ":")).encode()
        draft = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        draft.write_bytes(lzma.compress(text, preset=9))
        draft.replace(self.path)

    def get(self, task: str, seed: int) -> Curve:
        """Return what is known, perhaps nothing."""
        known = self.data.get(f"{task}|{seed}", {"n": 0, "changes": []})
        curve = np.full(known["n"], np.nan)
        for place, score in known["changes"]:
            curve[place:] = score
        return curve.tolist()

    def put(self, task: str, seed: int, curve: Curve) -> None:
        changes = [[place, score] for place, score in enumerate(curve) if place == 0 or score != curve[place - 1]]
        self.data[f"{task}|{seed}"] = {"n": len(curve), "changes": changes}


_tasks: dict[str, Task] = {}
_own_start = [False]


def _open_tasks(options: argparse.Namespace) -> None:
    tasks = list(all_tasks(tuple(options.groups), options.yahpo))
    chosen = subset(tasks) if options.subset else tasks
    _tasks.update({task.name: task for task in chosen if options.only in task.name})
    PYTHONS.update(options.python)
    _own_start[0] = options.own_start


def _open_quietly(options: argparse.Namespace) -> None:
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    _open_tasks(options)


def _job(job: tuple[str, str, int, int]) -> tuple[str, str, int, Any]:
    arm, task, seed, n_trials = job
    if arm == "reference":
        return arm, task, seed, reference_of(_tasks[task])
    try:
        return arm, task, seed, run(arm, _tasks[task], seed, n_trials, _own_start[0])
    except RuntimeError as error:  # a peer gave up; the others' runs are worth having
        print(f"{arm} on {task}, seed {seed}: {error}", file=sys.stderr, flush=True)
        return arm, task, seed, []


def stores_of(options: argparse.Namespace) -> dict[str, Store]:
    """Return where the arms' trajectories are kept: peers' beside the suite, this project's where asked for."""
    folder = KEPT / OWN_START if options.own_start else KEPT
    stores = {arm: Store(arm, folder) for arm in options.arms + options.against if arm in PEERS}
    if options.keep is not None:
        stores |= {arm: Store(arm, options.keep) for arm in options.arms + options.against if arm not in PEERS}
    return stores


def all_curves(options: argparse.Namespace) -> tuple[dict[tuple[str, str, int], Curve], dict[str, tuple[float, float]]]:
    """Return every arm's curve on every task and seed, and the random reference of every task; runs what is missing."""
    curves: dict[tuple[str, str, int], Curve] = {}
    stores = stores_of(options)
    references = Store("reference")
    jobs = [("reference", task, 0, 0) for task in _tasks if task not in references.data]
    for seed in range(options.seeds):
        for arm in options.arms + options.against:
            n_trials = max(options.budgets) if arm not in PEERS else min(max(options.budgets), options.peer_trials)
            for task in supported(arm):
                known = stores[arm].get(task, seed) if arm in stores and arm not in options.fresh else []
                curves[arm, task, seed] = known
                if len(known) < n_trials and not (options.kept and arm in PEERS):
                    jobs.append((arm, task, seed, n_trials))
    started = saved = time.perf_counter()
    with Pool(options.jobs, _open_quietly, (options,)) as pool:
        for done, (arm, task, seed, result) in enumerate(pool.imap_unordered(_job, jobs), 1):
            if arm == "reference":
                references.data[task] = result
            elif result:
                curves[arm, task, seed] = result
                if arm in stores:
                    stores[arm].put(task, seed, result)
            if time.perf_counter() - saved > 60 or done == len(jobs):
                saved = time.perf_counter()
                print(f"  {done}/{len(jobs)} runs, {saved - started:.0f} s", flush=True)
                for store in (*stores.values(), references):
                    store.save()
    return curves, {task: tuple(references.data[task]) for task in _tasks}


def supported(arm: str) -> list[str]:
    """Return the tasks that an arm can be asked for, the groups taking turns: a run that is cut short is balanced."""
    places: dict[str, int] = {}
    turns = {}
    for name, task in _tasks.items():
        turns[name] = places[task.group] = places.get(task.group, -1) + 1
    names = [name for name, task in _tasks.items() if task.objectives == 1 or arm not in ONE_OBJECTIVE]
    return sorted(names, key=lambda name: turns[name])


# ------------------------------------------------------------------------------------------------- reporting


def best_known(folder: Path = KEPT) -> dict[str, float]:
    """Return the best score of each task that any kept trajectory has seen."""
    best: dict[str, float] = {}
    for path in sorted([*folder.glob("*.json.xz"), *(folder / OWN_START).glob("*.json.xz")]):
        if path.name != "reference.json.xz":
            for key, known in Store(path.name.removesuffix(".json.xz"), path.parent).data.items():
                task = key.rpartition("|")[0]
                best[task] = min(best.get(task, math.inf), *(score for _, score in known["changes"]))
    return best


def regrets(
    options: argparse.Namespace,
    curves: dict[tuple[str, str, int], Curve],
    references: dict[str, tuple[float, float]],
) -> dict[str, np.ndarray]:
    """Return log10 of the normalised regret by arm, ``(tasks, seeds, budgets)``; nan where an arm has not run."""
    arms = options.arms + options.against
    known = best_known()
    out = {arm: np.full((len(_tasks), options.seeds, len(options.budgets)), np.nan) for arm in arms}
    for row, (name, task) in enumerate(_tasks.items()):
        median, lowest = references[name]
        seen = [min(curve) for (_, other, _), curve in curves.items() if other == name and curve]
        best = min(lowest, known.get(name, math.inf), *seen) if task.best is None else task.best
        scale = max(median - best, 1e-300)
        for arm in arms:
            for seed in range(options.seeds):
                curve = curves.get((arm, name, seed), [])
                score = np.array([curve[budget - 1] if budget <= len(curve) else np.nan for budget in options.budgets])
                out[arm][row, seed] = np.log10(np.maximum((score - best) / scale, FLOOR))
    return out


def interval(rows: list[np.ndarray], rng: np.random.Generator, draws: int = 1000) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of the mean over tasks of the mean over seeds; both are resampled."""
    means = np.empty((len(rows), draws, len(rows)))  # of a task's seeds, as often as the task may be drawn
    for place, row in enumerate(rows):
        means[place] = row[rng.integers(len(row), size=(draws, len(rows), len(row)))].mean(axis=2)
    chosen = rng.integers(len(rows), size=(draws, len(rows)))
    totals = means[chosen, np.arange(draws)[:, None], np.arange(len(rows))].mean(axis=1)
    return float(np.quantile(totals, 0.025)), float(np.quantile(totals, 0.975))


def report(options: argparse.Namespace, logs: dict[str, np.ndarray]) -> None:
    """Print the tables."""
    groups = np.array([task.group for task in _tasks.values()])
    for group in (*dict.fromkeys(groups), "all"):
        _table(options, {arm: log[(groups == group) | (group == "all")] for arm, log in logs.items()}, group)
    if options.own_start:
        _with_intervals(options, logs)
    for peer in options.against:
        for arm in options.arms:
            if arm != peer:
                compare(options, f"{arm} beside {peer}", logs[arm] - logs[peer])
    if len(options.against) > 1:
        for arm in options.arms:
            beside_the_best(options, arm, logs)


def _table(options: argparse.Namespace, logs: dict[str, np.ndarray], group: str) -> None:
    """Print regret and rank at each budget, over the runs (task, seed) that all who have any at that budget have."""
    columns = {}
    for place, budget in enumerate(options.budgets):
        present = {arm: log[:, :, place] for arm, log in logs.items() if not np.isnan(log[:, :, place]).all()}
        if present:
            stacked = np.stack(list(present.values()))
            common = stacked[:, ~np.isnan(stacked).any(axis=0)]
            columns[budget] = dict(
                zip(present, zip(10 ** common.mean(axis=1), _ranks(common), strict=True), strict=True)
            )
            columns[budget]["runs"] = (common.shape[1], 0)
    print(f"\n{group}: {len(next(iter(logs.values())))} tasks; regret and mean rank after")
    print(f"{'':<18}" + "".join(f"{budget:>16}" for budget in columns))
    for arm in logs:
        cells = [columns[budget].get(arm) for budget in columns]
        print(
            f"{arm:<18}" + "".join(f"{'-':>16}" if cell is None else f"{cell[0]:9.3f} {cell[1]:6.2f}" for cell in cells)
        )
    print(f"{'runs compared':<18}" + "".join(f"{column['runs'][0]:>16}" for column in columns.values()))


def _with_intervals(options: argparse.Namespace, logs: dict[str, np.ndarray]) -> None:
    """Print the geometric mean of each arm's regret at each budget, with its interval over tasks and seeds."""
    rng = np.random.default_rng(0)
    print("\nregret (95 % interval) after")
    for arm, log in logs.items():
        cells = []
        for place, budget in enumerate(options.budgets):
            rows = [row[~np.isnan(row)] for row in log[:, :, place] if not np.isnan(row).all()]
            if rows:
                low, high = interval(rows, rng)
                mean = np.mean([row.mean() for row in rows])
                cells.append(f"{budget}: {10**mean:.3f} ({10**low:.3f} to {10**high:.3f})")
        print(f"{arm:<18}" + ", ".join(cells))


def _ranks(values: np.ndarray) -> np.ndarray:
    """Return the mean rank of ``(arms, runs)``, ties shared."""
    above = (values[:, None] > values[None]).sum(axis=1) + 0.5 * (values[:, None] == values[None]).sum(axis=1)
    return (above + 0.5).mean(axis=1)


def _by_task(difference: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """Return each task's differences by seed, the mean over the budgets both have; tasks not run are left out."""
    rows = []
    for name, runs in zip(_tasks, difference, strict=True):
        known = runs[~np.isnan(runs).all(axis=1)]
        if len(known):
            rows.append((name, np.nanmean(known, axis=1)))
    return rows


def _worse(rows: list[np.ndarray]) -> str:
    """Return the share of tasks that are worse beyond the interval over seeds, where there are seeds enough."""
    rng = np.random.default_rng(0)
    judged = [interval([row], rng)[0] > 0 for row in rows if len(row) >= LEAST_SEEDS]
    return f"{np.mean(judged):.0%} of {len(judged)}" if judged else "none judged (too few seeds)"


def compare(options: argparse.Namespace, title: str, difference: np.ndarray) -> None:
    """Print how an arm does beside a peer; the difference is in log10 of the regret."""
    rng = np.random.default_rng(0)
    rows = _by_task(difference)
    if not rows:
        print(f"\n{title}: no run in common")
        return
    means = np.array([row.mean() for _, row in rows])
    runs = np.concatenate([row for _, row in rows])
    won = (runs < 0).mean() + 0.5 * (runs == 0).mean()
    low, high = interval([row for _, row in rows], rng)
    budgets = [
        f"{budget}: {10 ** np.nanmean(difference[:, :, place]):.3f}"
        for place, budget in enumerate(options.budgets)
        if not np.isnan(difference[:, :, place]).all()
    ]
    print(
        f"\n{title}: better on {(means < 0).mean():.0%} of {len(rows)} tasks, "
        f"worse beyond the interval on {_worse([row for _, row in rows])}; {won:.0%} of the {len(runs)} runs won;\n"
        f"  ratio of regrets {10 ** means.mean():.3f} (95 %: {10**low:.3f} to {10**high:.3f}); by budget "
        + ", ".join(budgets)
    )
    if options.verbose:
        for name, row in rows:
            low, high = interval([row], rng)
            print(f"    {name:<28} {10 ** row.mean():7.3f}  ({10**low:.3f} to {10**high:.3f})")


def beside_the_best(options: argparse.Namespace, arm: str, logs: dict[str, np.ndarray]) -> None:
    """Print on how many tasks an arm holds its own beside whichever peer is the best on that very task."""
    rows = {peer: dict(_by_task(logs[arm] - logs[peer])) for peer in options.against if peer != arm}
    best = [
        max((rows[peer][name] for peer in rows if name in rows[peer]), key=lambda row: float(row.mean()))
        for name in sorted(set().union(*rows.values()))
    ]
    print(f"\n{arm} beside the best peer of each task, chosen afterwards: worse beyond the interval on {_worse(best)}")


def _pair(text: str) -> tuple[str, str]:
    name, found, path = text.partition("=")
    if not found or name not in PEERS:
        raise argparse.ArgumentTypeError(f"expected PEER=PYTHON with a peer of {', '.join(PEERS)}, got {text!r}")
    return name, path


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arms", nargs="+", default=["tpe"], choices=list(ARMS))
    parser.add_argument("--against", nargs="*", default=["optuna-tpe"], choices=list(ARMS))
    parser.add_argument("--groups", nargs="+", default=list(GROUPS), choices=GROUPS)
    parser.add_argument("--own-start", action="store_true", help="every arm begins by its own rule")
    parser.add_argument("--subset", action="store_true", help="every k-th task of each group, for slow peers")
    parser.add_argument("--only", default="", help="a part of the tasks' names")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--budgets", nargs="+", type=int, default=[25, 50, 100, 200])
    parser.add_argument("--peer-trials", type=int, default=200, help="trials of a peer that has to be run")
    parser.add_argument("--yahpo", type=Path, help="folder with the YAHPO networks")
    parser.add_argument("--jobs", type=int, default=max(1, (os.cpu_count() or 2) // 2))
    parser.add_argument("--fresh", nargs="*", default=[], choices=list(ARMS), help="peers to run again")
    parser.add_argument("--kept", action="store_true", help="run no peer: compare with what is kept of them")
    parser.add_argument("--python", nargs="*", default=[], type=_pair, metavar="PEER=PYTHON", help="their interpreters")
    parser.add_argument("--keep", type=Path, help="folder that keeps this project's trajectories, to go on from")
    parser.add_argument("--verbose", action="store_true", help="every task")
    return parser.parse_args(argv)


def main(argv: Iterable[str] | None = None) -> None:
    """Run what is missing, then report."""
    options = arguments(None if argv is None else list(argv))
    _open_tasks(options)
    curves, references = all_curves(options)
    report(options, regrets(options, curves, references))


if __name__ == "__main__":
    main()
