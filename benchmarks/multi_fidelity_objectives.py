"""Epochs until a sweep of two objectives under promotion has the front of one that trains everything in full.

    python benchmarks/multi_fidelity_objectives.py --lcbench FOLDER [--samplers auto tpe random] [--schedulers asha]

``FOLDER`` is YAHPO Gym's surrogate of LCBench: the error of networks on ten OpenML tasks, and the seconds that their
training of 52 epochs takes. The hypervolume is that of the complete trials, in units of the ranges of 100 random
points, from their worst values. ``epochs`` is how many epochs were spent until it was 98 % of what ``--trials`` trials
in full reach with the same sampler and seed, as a share of what these take: the median over tasks and seeds, the
largest, and the share of sweeps that got there within ``--limit`` times those epochs (what did not counts as that).
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

import numpy as np  # noqa: E402
from pruning import TASKS, Lcbench  # noqa: E402

import sweeper_core  # noqa: E402
from sweeper_core import distributions, samplers  # noqa: E402
from sweeper_core.maths.hypervolume import hypervolume  # noqa: E402
from sweeper_core.trial.state import TrialState  # noqa: E402

SAMPLERS = {"auto": "AutoSampler", "tpe": "TPESampler", "random": "RandomSampler"}
NAMES = ("error", "seconds")
ENOUGH = 0.98
RANDOM_POINTS = 100


class Task:
    """An LCBench task with two objectives."""

    def __init__(self, folder: Path, name: str) -> None:
        self._source = Lcbench(folder, name)
        self.steps = self._source.epochs
        self.space = {key: getattr(distributions, kind)(**ends) for key, (kind, ends) in self._source.space.items()}
        study = sweeper_core.create_study(sampler=samplers.RandomSampler(seed=10_000))
        ends = np.array([self.curves(study.ask(self.space).params)[-1] for _ in range(RANDOM_POINTS)])
        self._low, self._range = ends.min(axis=0), np.ptp(ends, axis=0)

    def curves(self, params: dict[str, Any]) -> np.ndarray:
        """Return both objectives after each epoch: ``(epochs, 2)``."""
        seconds, accuracy = self._source.time_and_accuracy(params).T
        return np.column_stack([100.0 - accuracy, seconds])

    def volume(self, ends: list[np.ndarray]) -> float:
        """Return the hypervolume of complete trials."""
        return float(hypervolume((np.array(ends) - self._low) / self._range, np.ones(2)))


def volumes(task: Task, sampler: str, scheduler: str, seed: int, limit: int) -> Iterator[tuple[int, float]]:
    """Yield the epochs spent and the hypervolume after each trial in full."""
    study = sweeper_core.create_study(
        directions=["minimize"] * 2, sampler=getattr(samplers, SAMPLERS[sampler])(seed=seed), scheduler=scheduler
    )
    study.set_metric_names(list(NAMES))
    ends: list[np.ndarray] = []
    spent = 0
    while spent < limit:
        trial = study.ask(task.space)
        curves = task.curves(trial.params)
        for step in range(trial.first_step, task.steps):
            spent += 1
            if scheduler != "stop":
                trial.report(dict(zip(NAMES, curves[step].tolist(), strict=True)), step)
                if step + 1 < task.steps and trial.should_prune():
                    study.tell(trial, state=TrialState.PRUNED)
                    break
        else:
            study.tell(trial, curves[-1].tolist())
            ends.append(curves[-1])
            yield spent, task.volume(ends)


def main() -> None:
    """Run all sweeps and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lcbench", type=Path, required=True, help="folder of the surrogate of LCBench")
    parser.add_argument("--samplers", nargs="+", choices=list(SAMPLERS), default=list(SAMPLERS))
    parser.add_argument("--schedulers", nargs="+", default=["asha", "hyperband"])
    parser.add_argument("--tasks", nargs="+", default=list(TASKS), help="of LCBench")
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--limit", type=float, default=1.0)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    sweeper_core.logging.set_verbosity(sweeper_core.logging.ERROR)
    tasks = [Task(options.lcbench, name) for name in options.tasks]
    print(f"{'sampler':<10}{'scheduler':<14}{'epochs':>8}{'most':>8}{'reached':>9}")
    for sampler in options.samplers:
        shares: dict[str, list[float]] = {scheduler: [] for scheduler in options.schedulers}
        for task in tasks:
            for seed in range(options.seeds):
                whole = options.trials * task.steps
                *_, (_, goal) = volumes(task, sampler, "stop", seed, whole)
                for scheduler, found in shares.items():
                    limit = int(options.limit * whole)
                    run = volumes(task, sampler, scheduler, seed, limit)
                    found.append(next((spent for spent, volume in run if volume >= ENOUGH * goal), limit) / whole)
        for scheduler, found in shares.items():
            reached = np.mean(np.array(found) < options.limit)
            print(f"{sampler:<10}{scheduler:<14}{np.median(found):>8.2f}{max(found):>8.2f}{reached:>9.2f}", flush=True)


if __name__ == "__main__":
    main()
