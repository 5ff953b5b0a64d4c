"""Steps until a sweep over learning curves has found a good configuration: pausing and promoting beside stopping.

    python benchmarks/multi_fidelity.py --lcbench FOLDER --taskset FOLDER [--arms NAME ...] [--seeds 3] [--workers 1]

``FOLDER`` are YAHPO Gym's surrogate of LCBench (52 epochs, evaluated at the suggested point itself) and TaskSet's
tables (50 points of a curve for each of 1,000 rows, without the loss before any training; every library's suggestion is
moved to the nearest row that it has not tried, and the library is told that row). Workers are simulated: a step takes
one unit of time, and a trial that is continued takes only the steps that are new. Every study is asked and told as a
user's script does it.

``steps`` is how many steps of training were spent until a trial was complete that is as good as the best of 100 random
points trained in full, as a share of what these 100 take; the geometric mean over tasks and seeds, with the 90 %
interval of a bootstrap over tasks. A sweep that has not got there after the share ``--budget`` of these steps counts
that share. ``vs`` is the ratio to the first arm over the same tasks and seeds.
"""

from __future__ import annotations

import argparse
import heapq
import json
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pruning import TASKS, Lcbench

import sweeper_core
from sweeper_core import pruners, samplers, schedulers
from sweeper_core.samplers.base import Request, Sampler, Suggestion
from sweeper_core.trial.history import History

try:
    import optuna
except ImportError:
    optuna = None

Point = dict[str, Any]
Snap = Callable[[Mapping[str, Any]], Point]
RANDOM_POINTS = 100


class Surrogate:
    """A task whose curves are known at every point."""

    snap = None

    def __init__(self, folder: Path, task: str) -> None:
        self._source = Lcbench(folder, task)
        self.name, self.space, self.steps = f"lcbench {task}", self._source.space, self._source.epochs

    def curve(self, params: Mapping[str, Any]) -> np.ndarray:
        """Return the error after each step."""
        return 100.0 - self._source.curve(dict(params))


class Rows:
    """A table of curves; suggestions move to the nearest row that has not been tried."""

    def __init__(self, file: Path) -> None:
        data = np.load(file)
        self.name, self._points, self._curves = (
            f"taskset {file.stem}",
            data["hp"],
            data["valid"][:, 1:],
        )  # the first is before any training
        self._names = [str(name) for name in data["names"]]
        self._scaled = self._scale(self._points)
        low, high = self._points.min(axis=0), self._points.max(axis=0)
        self.space = {
            name: ("FloatDistribution", {"low": float(a), "high": float(b), "log": True})
            for name, a, b in zip(self._names, low, high, strict=True)
        }
        self.steps = self._curves.shape[1]
        self._rows = {self._key(point): row for row, point in enumerate(self._points)}
        self._free = np.ones(len(self._points), bool)

    def _scale(self, points: np.ndarray) -> np.ndarray:
        logs = np.log(self._points)
        return (np.log(points) - logs.min(axis=0)) / np.ptp(logs, axis=0)

    def _key(self, point: np.ndarray) -> tuple[float, ...]:
        return tuple(point.tolist())

    def snap(self, params: Mapping[str, Any]) -> Point:
        """Return the nearest row that has not been tried, and count it as tried."""
        point = self._scale(np.array([[params[name] for name in self._names]]))
        distance = np.where(self._free, np.sum((self._scaled - point) ** 2, axis=1), np.inf)
        row = int(np.argmin(distance))
        self._free[row] = False
        return dict(zip(self._names, self._points[row].tolist(), strict=True))

    def curve(self, params: Mapping[str, Any]) -> np.ndarray:
        """Return the validation loss after each step."""
        return np.asarray(self._curves[self._rows[tuple(params[name] for name in self._names)]], float)


class Moved(Sampler):
    """A sampler whose suggestions are moved to the rows of a table."""

    def __init__(self, inner: Sampler, snap: Snap) -> None:
        super().__init__(inner.seed)
        self._inner, self._snap = inner, snap

    def suggest(self, request: Request, history: History, rng: np.random.Generator) -> Suggestion:
        """Return the row nearest to the inner sampler's suggestion."""
        suggestion = self._inner.suggest(request, history, rng)
        return Suggestion(self._snap(suggestion.params), suggestion.origin)


def moved_tpe(space: Mapping[str, Any], snap: Snap, seed: int) -> Any:
    """Return Optuna's TPE with suggestions moved to the rows of a table; parameters are drawn as by default."""

    class MovedTpe(optuna.samplers.TPESampler):  # type: ignore[misc, name-defined]
        def infer_relative_search_space(self, study: Any, trial: Any) -> Any:
            return dict(space)

        def sample_relative(self, study: Any, trial: Any, search_space: Any) -> Any:
            drawn = {name: self.sample_independent(study, trial, name, it) for name, it in search_space.items()}
            return snap(drawn)

    return MovedTpe(seed=seed)


@dataclass(frozen=True)
class Arm:
    """A contender: library, sampler, and the rule for its curves."""

    library: Any
    sampler: str
    pruner: Callable[[], Any] | None = None
    scheduler: Callable[[int], Any] | None = None

    def study(self, task: Any, seed: int) -> Any:
        """Return a new study."""
        if self.library is optuna:
            optuna.logging.set_verbosity(optuna.logging.ERROR)
            return optuna.create_study(sampler=self._peers_sampler(task, seed), pruner=self._pruner(optuna.pruners))
        sweeper_core.logging.set_verbosity(sweeper_core.logging.ERROR)
        sampler = getattr(samplers, self.sampler)(seed=seed)
        more = {} if self.scheduler is None else {"scheduler": self.scheduler(task.steps)}
        return sweeper_core.create_study(
            sampler=sampler if task.snap is None else Moved(sampler, task.snap), pruner=self._pruner(pruners), **more
        )

    def _pruner(self, module: Any) -> Any:
        return module.NopPruner() if self.pruner is None else self.pruner()

    def _peers_sampler(self, task: Any, seed: int) -> Any:
        if task.snap is None:
            return getattr(optuna.samplers, self.sampler)(seed=seed)
        return moved_tpe(space_of(optuna, task), task.snap, seed)


ARMS: dict[str, Arm] = {
    "here: stop, asha": Arm(sweeper_core, "AutoSampler", lambda: pruners.SuccessiveHalvingPruner(1, 3)),
    "here: promote, asha": Arm(sweeper_core, "AutoSampler", None, lambda steps: schedulers.ASHAScheduler()),
    "here: promote, hyperband": Arm(
        sweeper_core, "AutoSampler", None, lambda steps: schedulers.HyperbandScheduler(1, steps)
    ),
    "here: freeze-thaw": Arm(sweeper_core, "AutoSampler", None, lambda steps: schedulers.FreezeThawScheduler()),
    "here: no pruning": Arm(sweeper_core, "AutoSampler"),
    "here: random": Arm(sweeper_core, "RandomSampler"),
    "here: random, promote": Arm(sweeper_core, "RandomSampler", None, lambda steps: schedulers.ASHAScheduler()),
}
if optuna is not None:
    ARMS |= {
        "optuna: TPE, asha": Arm(optuna, "TPESampler", lambda: optuna.pruners.SuccessiveHalvingPruner(1, 3)),
        "optuna: TPE, hyperband": Arm(optuna, "TPESampler", lambda: optuna.pruners.HyperbandPruner(1, 51, 3)),
    }


def space_of(library: Any, task: Any) -> dict[str, Any]:
    """Return the task's distributions in a library's classes."""
    return {name: getattr(library.distributions, kind)(**args) for name, (kind, args) in task.space.items()}


def goal_of(task: Any, seed: int) -> float:
    """Return the best final value of random points."""
    study = sweeper_core.create_study(sampler=samplers.RandomSampler(seed=10_000 + seed))
    drawn = [study.ask(space_of(sweeper_core, task)).params for _ in range(RANDOM_POINTS)]
    if task.snap is not None:
        drawn = [task.snap(point) for point in drawn]
    return float(np.nanmin([task.curve(point)[-1] for point in drawn]))


def steps_needed(arm: Arm, task: Any, goal: float, seed: int, workers: int, budget: float = 1.0) -> tuple[float, float]:
    """Return the share of steps until the goal was reached, and the seconds of CPU for each new trial."""
    whole = RANDOM_POINTS * task.steps
    limit = int(budget * whole)
    study, space = arm.study(task, seed), space_of(arm.library, task)
    pruned, failed = arm.library.trial.TrialState.PRUNED, arm.library.trial.TrialState.FAIL
    events: list[tuple[int, int, Any, int, np.ndarray]] = []
    spent = asked = 0
    began = time.process_time()

    def ask(now: int) -> None:
        nonlocal asked
        trial = study.ask(space)
        step = getattr(trial, "first_step", 0)
        heapq.heappush(events, (now + 1, asked, trial, step, task.curve(trial.params)))
        asked += 1

    for _ in range(workers):
        ask(0)
    while spent < limit:
        now, order, trial, step, curve = heapq.heappop(events)
        spent += 1
        value = float(curve[step])
        trial.report(value, step)
        if step + 1 == task.steps and not np.isfinite(value):
            study.tell(trial, state=failed)
        elif step + 1 == task.steps:
            study.tell(trial, value)
            if value <= goal:
                break
        elif trial.should_prune():
            study.tell(trial, state=pruned)
        else:
            heapq.heappush(events, (now + 1, order, trial, step + 1, curve))
            continue
        ask(now)
    return spent / whole, (time.process_time() - began) / asked


def tasks(options: argparse.Namespace) -> Iterator[Callable[[], Any]]:
    """Yield makers of the tasks: a task remembers what has been tried."""
    for file in sorted(options.taskset.glob("*.npz")) if options.taskset else ():
        yield lambda file=file: Rows(file)
    for name in TASKS[: options.tasks] if options.lcbench else ():
        yield lambda name=name: Surrogate(options.lcbench, name)


def interval(logs: np.ndarray) -> tuple[float, float]:
    """Return the ends of the 90 % interval of a geometric mean over ``(tasks, seeds)`` by a bootstrap over tasks."""
    rng = np.random.default_rng(0)
    means = logs.mean(axis=1)[rng.integers(len(logs), size=(2000, len(logs)))].mean(axis=1)
    low, high = np.exp(np.quantile(means, [0.05, 0.95]))
    return float(low), float(high)


def show(results: dict[str, list[list[float]]], seconds: dict[str, list[float]]) -> None:
    """Print the table."""
    first = None
    print(f"{'arm':<28}{'steps':>8}{'90 %':>18}{'vs':>8}{'90 %':>18}{'ms a trial':>12}")
    for name, by_task in results.items():
        logs = np.log(np.array(by_task))
        first = logs if first is None else first
        ratio = logs - first[: len(logs)]
        cells = [
            f"{np.exp(part.mean()):>8.3f}{'{:.3f} to {:.3f}'.format(*interval(part)):>18}" for part in (logs, ratio)
        ]
        print(f"{name:<28}{cells[0]}{cells[1]}{1e3 * float(np.mean(seconds[name])):>12.1f}")


def main() -> None:
    """Run all arms on all tasks and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lcbench", type=Path, help="folder of the surrogate of LCBench")
    parser.add_argument("--taskset", type=Path, help="folder of TaskSet's tables")
    parser.add_argument("--arms", nargs="+", choices=list(ARMS), default=list(ARMS))
    parser.add_argument("--tasks", type=int, default=6, help="of LCBench")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--budget", type=float, default=1.0, help="share of the random points' steps")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="append each result to this file as a line of JSON")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    results: dict[str, list[list[float]]] = {name: [] for name in options.arms}
    seconds: dict[str, list[float]] = {name: [] for name in options.arms}
    for make in tasks(options):
        for name in options.arms:
            results[name].append([])
            for seed in range(options.seeds):
                goal = goal_of(make(), seed)
                share, took = steps_needed(ARMS[name], make(), goal, seed, options.workers, options.budget)
                results[name][-1].append(share)
                seconds[name].append(took)
                if options.keep is not None:
                    with options.keep.open("a") as lines:
                        lines.write(json.dumps([make().name, name, seed, options.workers, share, took]) + "\n")
        print(f"{make().name} done", file=sys.stderr)
    if not any(results.values()):
        parser.exit(1, "Nothing to do: name --lcbench or --taskset.\n")
    show(results, seconds)


if __name__ == "__main__":
    main()
