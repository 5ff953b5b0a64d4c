"""What priors are worth: PriorBand's protocol on LCBench and MFHartmann, each sampler with and without them.

    python benchmarks/priors.py --yahpo /path/to/yahpo                 auto, tpe and random, good and bad priors
    python benchmarks/priors.py --yahpo /path/to/yahpo --arms auto --seeds 10
    python benchmarks/priors.py --yahpo /path/to/yahpo --arms auto --neps /path/to/env/bin/python
                                                                       beside NePS's piBO and PriorBand

The protocol (Mallik et al. 2023): a good prior is the best of 25 random points, each coordinate perturbed by a normal
deviation of a tenth of its range; a bad one is the worst of the points. Every parameter has a prior, of medium
confidence. Without priors, the sampler begins by its own rule, with the same seed.

MFHartmann in 3 and 6 dimensions (Kandasamy et al. 2017, as in mf-prior-bench 1.10) is taken at its full fidelity, where
neither bias nor noise is left: Hartmann's functions. PriorBand alone sees earlier steps: LCBench's epochs, and for
MFHartmann the bias of 0.5 (no noise).

NePS (``pip install neural-pipeline-search==0.17.0 torch==2.13.0``) gets the same priors. A configuration that is
promoted costs its new steps alone, and until one has been trained in full, the one with the best value counts as found.

What is reported: the ratio of the regret with priors to that without, a geometric mean over tasks and seeds with a
bootstrap interval (95 %, over both), after 5, 10 and 20 full trainings. The regret is the distance to the best score
known (of 1,500 random points, all runs and the trajectories that ``quality.py`` keeps), floor 0.001 of the distance of
the median. Beside NePS: the regret of each arm with priors, relative to NePS's with the same.
"""

from __future__ import annotations

import argparse
import itertools
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

import numpy as np  # noqa: E402
from json_lines import process_of  # noqa: E402
from quality import FLOOR, best_known, interval, reference_of, stable  # noqa: E402
from quality_tasks import Function, Task, surrogates  # noqa: E402

from sweeper_core import samplers  # noqa: E402
from sweeper_core.distributions import FloatDistribution  # noqa: E402
from sweeper_core.samplers._lattice import complete  # noqa: E402
from sweeper_core.search_space.priors import Prior  # noqa: E402
from sweeper_core.search_space.space import SearchSpace  # noqa: E402
from sweeper_core.testing.simulation import Simulation  # noqa: E402

ARMS = {"auto": "AutoSampler", "gp": "GPSampler", "tpe": "TPESampler", "random": "RandomSampler"}
DRAWS = 25
PERTURBATION = 0.1
CHECKPOINTS = (5, 10, 20)
KINDS = ("good", "bad")
NEPS = ("neps-pibo", "neps-priorband")

ALPHA = np.array([1.0, 1.2, 3.0, 3.2])
HARTMANN = {
    "mfh3": (
        -3.86278,
        np.array([[3.0, 10, 30], [0.1, 10, 35], [3.0, 10, 30], [0.1, 10, 35]]),
        1e-4 * np.array([[3689, 1170, 2673], [4699, 4387, 7470], [1091, 8732, 5547], [381, 5743, 8828]]),
    ),
    "mfh6": (
        -3.32237,
        np.array(
            [
                [10, 3, 17, 3.5, 1.7, 8],
                [0.05, 10, 17, 0.1, 8, 14],
                [3, 3.5, 1.7, 10, 17, 8],
                [17, 8, 0.05, 10, 0.1, 14],
            ]
        ),
        1e-4
        * np.array(
            [
                [1312, 1696, 5569, 124, 8283, 5886],
                [2329, 4135, 8307, 3736, 1004, 9991],
                [2348, 1451, 3522, 2883, 3047, 6650],
                [4047, 8828, 8732, 5743, 1091, 381],
            ]
        ),
    ),
}
"""Minimum, and the matrices A and P, by name."""
HARTMANN_STEPS, BIAS = 100, 0.5
LCBENCH_STEPS = 52


def hartmann_values(name: str, x: np.ndarray, step: float | np.ndarray) -> np.ndarray:
    """Return the value of one of Hartmann's functions after a step, or several: ``(k,)``, biased before the last."""
    _, a, p = HARTMANN[name]
    alpha = ALPHA - BIAS * np.square(steps_left(step))[..., None]
    return np.asarray(-alpha @ np.exp(-np.sum(a * (x - p) ** 2, axis=1)))


def steps_left(step: float | np.ndarray) -> np.ndarray:
    """Return the share of the steps that is left, on a logarithmic scale."""
    return np.asarray(1.0 - np.log(step) / np.log(HARTMANN_STEPS))


def hartmann(name: str) -> Task:
    """Return one of Hartmann's functions."""
    best, a, _ = HARTMANN[name]

    def value(params: Mapping[str, Any]) -> float:
        x = np.array([params[key] for key in space.names])
        return float(hartmann_values(name, x, params.get("epoch", HARTMANN_STEPS)))

    space = SearchSpace.of({f"X_{place}": FloatDistribution(0.0, 1.0) for place in range(a.shape[1])})
    return Function("hartmann", name, space, value, best)


def prior_point(task: Task, kind: str, seed: int) -> dict[str, Any]:
    """Return the values of a good or a bad prior."""
    rng = np.random.default_rng([stable("prior", task.name), seed])
    points = sorted((complete(task.space, {}, rng) for _ in range(DRAWS)), key=lambda point: task.score(point)[0])
    if kind == "bad":
        return points[-1]
    unit = task.space.to_unit(task.space.encode(points[0])[None])
    moved = np.clip(unit + PERTURBATION * rng.normal(size=unit.shape), 0.0, 1.0)
    return task.space.decode(task.space.from_unit(moved)[0])


def scores(arm: str, task: Task, priors: Mapping[str, Prior], seed: int, n_trials: int) -> list[float]:
    """Return the best score after each trial."""
    sampler = getattr(samplers, ARMS[arm])(seed=seed)
    study = Simulation(sampler, task.space, seed=stable(task.name, seed), budget=n_trials, priors=priors)
    found = []
    for _ in range(n_trials):
        number, params = study.ask()
        found.append(task.score(params)[0])
        study.tell(number, found[-1])
    return np.minimum.accumulate(found).tolist()


def scores_of_neps(name: str, python: str, task: Task, priors: Mapping[str, Prior], seed: int) -> list[float]:
    """Return the best score of NePS after as many full trainings' steps, each checkpoint's entry among them."""
    steps = HARTMANN_STEPS if task.group == "hartmann" else LCBENCH_STEPS
    space = {key: _described(task.space[key].distribution) for key in task.space.names}
    values = {key: prior.value for key, prior in priors.items()}
    peer = process_of(name, python, "multi_fidelity_peer.py")
    peer.say({"begin": name, "space": space, "steps": steps, "seed": seed, "more": {"priors": values}})
    done: dict[str, int] = {}
    spent, complete, leader = 0, math.inf, (math.inf, math.inf)
    found = np.full(CHECKPOINTS[-1], math.nan)
    while True:
        job = peer.ask({"ask": 1})
        spent += max(job["until"] - done.get(job["key"], 0), 1)
        if spent > steps * CHECKPOINTS[-1]:
            return [float(score) for score in found]
        done[job["key"]] = job["until"]
        value, score = task.score({**job["params"], "epoch": job["until"]})[0], task.score(job["params"])[0]
        peer.ask({"report": [job["key"], job["until"], value]})
        leader = min(leader, (value, score))
        complete = min(complete, score) if job["until"] >= steps else complete
        found[(spent - 1) // steps :] = complete if complete < math.inf else leader[1]


def _described(distribution: Any) -> tuple[str, dict[str, Any]]:
    ends = {"low": distribution.low, "high": distribution.high, "log": distribution.log}
    return type(distribution).__name__, ends


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--yahpo", type=Path, required=True, help="folder with the YAHPO networks")
    parser.add_argument("--arms", nargs="+", default=["auto", "tpe", "random"], choices=list(ARMS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--tasks", type=int, default=8, help="how many of the LCBench tasks")
    parser.add_argument("--neps", metavar="PYTHON", help="interpreter that has NePS, to compare with it")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Run every arm on every task, and print the ratios."""
    options = arguments(argv)
    tasks = [task for task in surrogates(options.yahpo) if task.name.startswith("lcbench")][: options.tasks]
    if not tasks:
        sys.exit(f"There are no LCBench networks in {options.yahpo}.")
    tasks += [hartmann(name) for name in HARTMANN]
    references = {task.name: _reference(task, best_known()) for task in tasks}
    peers = _runs_of_neps(options.neps, tasks, options.seeds) if options.neps else {}
    for arm in options.arms:
        runs = {
            (task.name, seed, kind): scores(arm, task, _priors(task, kind, seed), seed, CHECKPOINTS[-1])
            for task in tasks
            for seed in range(options.seeds)
            for kind in ("none", *KINDS)
        }
        for kind, (part, names) in itertools.product(KINDS, _parts(tasks).items()):
            known = {name: references[name] for name in names}
            _report(f"{arm:<8}{kind:<6}{part:<10}", (kind, "none"), runs, known, options.seeds)
            for peer in NEPS if peers else ():
                both = {**peers, **runs}
                _report(
                    f"{arm:<8}{kind:<6}{part:<10}/ {peer:<15}", (kind, f"{peer} {kind}"), both, known, options.seeds
                )


def _runs_of_neps(python: str, tasks: Sequence[Task], seeds: int) -> dict[Any, list[float]]:
    return {
        (task.name, seed, f"{name} {kind}"): scores_of_neps(name, python, task, _priors(task, kind, seed), seed)
        for task in tasks
        for seed in range(seeds)
        for name in NEPS
        for kind in KINDS
    }


def _reference(task: Task, known: Mapping[str, float]) -> tuple[float, float]:
    """Return the median of random points, and the best score known."""
    median, lowest = reference_of(task)
    return median, task.best if task.best is not None else min(lowest, known.get(task.name, lowest))


def _priors(task: Task, kind: str, seed: int) -> dict[str, Prior]:
    return {} if kind == "none" else {name: Prior(value) for name, value in prior_point(task, kind, seed).items()}


def _parts(tasks: Sequence[Task]) -> dict[str, list[str]]:
    """Return the tasks' names, all and by benchmark."""
    parts = {"all": [task.name for task in tasks]}
    for task in tasks:
        parts.setdefault("lcbench" if task.name.startswith("lcbench") else task.group, []).append(task.name)
    return parts


def _report(
    title: str, kinds: tuple[str, str], runs: dict[Any, list[float]], references: dict[str, Any], seeds: int
) -> None:
    """Print the ratios of the regrets of the first kind of runs to those of the second."""
    cells = []
    for count in CHECKPOINTS:
        rows = []
        for name, (median, lowest) in references.items():
            best = min(lowest, *(min(run) for (other, _, _), run in runs.items() if other == name))
            floor = FLOOR * max(median - best, 1e-300)
            regret = {key: np.log10(max(run[count - 1] - best, floor)) for key, run in runs.items() if key[0] == name}
            rows.append(np.array([regret[name, s, kinds[0]] - regret[name, s, kinds[1]] for s in range(seeds)]))
        low, high = interval(rows, np.random.default_rng(0))
        mean = np.mean([row.mean() for row in rows])
        cells.append(f"{count}: {10**mean:.2f} ({10**low:.2f} to {10**high:.2f})")
    print(title + ", ".join(cells), flush=True)


if __name__ == "__main__":
    main()
