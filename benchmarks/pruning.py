"""Stopping bad trials early: epochs spent, and what is lost, beside Optuna's pruners on the same learning curves.

Run ``python benchmarks/pruning.py --data FOLDER`` with the folder of the YAHPO Gym's surrogate of LCBench (neural
networks on OpenML tasks, 52 epochs), or without for small networks trained on scikit-learn's digits. Trials run on
simulated workers: an epoch takes one unit of time on each, so the order of events is that of a real parallel sweep.

``--taskset FOLDER`` adds learning-curve tables of TaskSet (recurrent networks on IMDB; Metz et al. 2020, as published
with DyHPO), where most losses stay on a plateau and a few fall from it late. What is not given is left out.

Four tables are printed.

1. The same random points for everybody. ``spent`` is the epochs of the whole sweep, as a share of what no pruning
   takes; ``lost`` the share of sweeps whose best surviving trial is worse, by more than the noise, than the best
   would have been.
2. Each library's default sampler with each pruner: ``to quality`` is the epochs until a trial is complete that is as
   good, within the noise, as the best of the random search without pruning, as a share of that search's epochs
   (median over sweeps); ``reached`` the share of sweeps that got there within them.
3. The chances that ``extrapolate`` states beside what happens: each trial is asked about after a tenth, a fifth, two
   fifths and seven tenths of its steps while it runs, by how many times the chance is that of a new trial.
4. What ``should_prune`` costs in a study of 1,000 trials with 100 reports each, in a SQLite file, beside the insert of
   the report; milliseconds of processor time.
"""

from __future__ import annotations

import argparse
import heapq
import json
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import sweeper_core
from sweeper_core import distributions, pruners, samplers

try:
    import optuna
except ImportError:
    optuna = None

TASKS = ("167181", "167184", "167200", "168331", "168868", "168910", "189354", "189862", "189866", "189909")
"""LCBench tasks that differ in size and difficulty."""

COLUMNS = (
    "epoch", "batch_size", "learning_rate", "momentum", "weight_decay", "num_layers", "max_units", "max_dropout"
)  # fmt: skip
"""The surrogate's continuous inputs in the order that yahpo_gym's own configuration of LCBench gives."""


class Lcbench:
    """Validation accuracy of neural networks, in percent, as a surrogate knows it."""

    epochs = 52

    def __init__(self, folder: Path, task: str) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._model = onnxruntime.InferenceSession(str(folder / "model.onnx"), options)
        self._task = json.loads((folder / "encoding.json").read_text())["OpenML_task_id"][task]
        described = json.loads((folder / "config_space.json").read_text())["hyperparameters"]
        self._columns = [item["name"] for item in described if item["type"] != "categorical"]
        self.space = {
            item["name"]: _range(item) for item in described if item["name"] in set(self._columns) - {"epoch"}
        }

    def curve(self, params: dict[str, Any]) -> np.ndarray:
        """Return the accuracy after each epoch."""
        return self.time_and_accuracy(params)[:, 1]

    def time_and_accuracy(self, params: dict[str, Any]) -> np.ndarray:
        """Return the seconds until the end of each epoch, and the accuracy there: ``(epochs, 2)``."""
        rows = np.array([[params.get(name, 0.0) for name in COLUMNS]] * self.epochs, np.float32)
        rows[:, COLUMNS.index("epoch")] = np.arange(1, self.epochs + 1)
        tasks = np.full((self.epochs, 1), self._task, np.int32)
        # Outputs: time, val_accuracy, val_cross_entropy, val_balanced_accuracy, and two of the test set.
        return self._model.run(None, {"x_cat": tasks, "x_cont": rows})[0][:, :2].astype(float)


def _range(item: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    kind = "IntDistribution" if item["type"] == "uniform_int" else "FloatDistribution"
    return kind, {"low": item["lower"], "high": item["upper"], "log": item["log"]}


class Taskset:
    """Minus the validation loss of recurrent networks, a thousand rows of a table; NaN where training diverged."""

    def __init__(self, file: Path) -> None:
        self._curves = -np.load(file)["valid"]
        self.epochs = self._curves.shape[1]
        self.space: dict[str, Any] = {"row": ("IntDistribution", {"low": 0, "high": len(self._curves) - 1})}

    def curve(self, params: dict[str, Any]) -> np.ndarray:
        """Return minus the loss after each step."""
        return np.asarray(self._curves[params["row"]], float)

    def points(self, count: int, seed: int) -> list[dict[str, Any]]:
        """Return random rows, none twice."""
        rows = np.random.default_rng(seed).permutation(len(self._curves))[:count]
        return [{"row": int(row)} for row in rows]


class Digits:
    """Validation accuracy, in percent, of small networks on scikit-learn's digits."""

    epochs = 27
    space: ClassVar = {
        "learning_rate_init": ("FloatDistribution", {"low": 1e-4, "high": 1.0, "log": True}),
        "alpha": ("FloatDistribution", {"low": 1e-6, "high": 1.0, "log": True}),
        "momentum": ("FloatDistribution", {"low": 0.1, "high": 0.99}),
        "batch_size": ("IntDistribution", {"low": 16, "high": 256, "log": True}),
        "units": ("IntDistribution", {"low": 8, "high": 64, "log": True}),
    }

    def __init__(self) -> None:
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split

        x, y = load_digits(return_X_y=True)
        self._parts = train_test_split(x / 16.0, y, test_size=0.4, random_state=0)

    def curve(self, params: dict[str, Any]) -> np.ndarray:
        """Train; return the accuracy after each epoch."""
        from sklearn.neural_network import MLPClassifier

        train, valid, target, truth = self._parts
        options = {name: value for name, value in params.items() if name != "units"}
        model = MLPClassifier((params["units"],), solver="sgd", random_state=0, **options)
        accuracy = []
        for _ in range(self.epochs):
            model.partial_fit(train, target, classes=np.arange(10))
            accuracy.append(100.0 * model.score(valid, truth))
        return np.array(accuracy)


@dataclass(frozen=True)
class Sweep:
    """What a simulated sweep did.

    Attributes:
        epochs: Spent in all.
        completed: ``(epochs spent until then, true final value)`` of each complete trial.
    """

    epochs: int
    completed: list[tuple[int, float]]

    @property
    def best(self) -> float:
        return max((value for _, value in self.completed), default=-np.inf)

    def reached(self, goal: float) -> float:
        """Return the epochs until a trial as good as ``goal`` was complete; infinity when none was."""
        return min((spent for spent, value in self.completed if value >= goal), default=np.inf)


def simulate(library: Any, study: Any, source: Any, noise: Callable[[int], np.ndarray], options: Limits) -> Sweep:
    """Run a study on simulated workers."""
    space = {name: getattr(library.distributions, kind)(**args) for name, (kind, args) in source.space.items()}
    pruned = library.trial.TrialState.PRUNED
    events: list[tuple[int, int, int, Any, np.ndarray]] = []
    spent = started = 0
    completed: list[tuple[int, float]] = []

    def start(now: int) -> None:
        nonlocal started
        if started < options.trials and spent < options.epochs:
            trial = study.ask(space)
            heapq.heappush(events, (now + 1, started, 0, trial, source.curve(trial.params)))
            started += 1

    for _ in range(options.workers):
        start(0)
    while events:
        now, order, step, trial, curve = heapq.heappop(events)
        spent += 1
        value = float(curve[step] + noise(trial.number)[step])
        trial.report(value, step)
        if step + 1 == source.epochs and not np.isfinite(value):
            study.tell(trial, state=library.trial.TrialState.FAIL)
            start(now)
        elif step + 1 == source.epochs:
            study.tell(trial, value)
            completed.append((spent, float(curve[-1])))
            if completed[-1][1] >= options.goal:
                break
            start(now)
        elif trial.should_prune():
            study.tell(trial, state=pruned)
            start(now)
        else:
            heapq.heappush(events, (now + 1, order, step + 1, trial, curve))
    return Sweep(spent, completed)


@dataclass(frozen=True)
class Limits:
    """When a sweep ends: trials started, epochs spent, or a complete trial at least as good as the goal."""

    trials: int
    workers: int
    epochs: float = np.inf
    goal: float = np.inf


RULES: dict[str, Callable[[Any], Any]] = {
    "none": lambda p: p.NopPruner(),
    "median": lambda p: p.MedianPruner(),
    "best quarter": lambda p: p.PercentilePruner(25.0),
    "patient, median": lambda p: p.PatientPruner(p.MedianPruner(), 3),
    "asha": lambda p: p.SuccessiveHalvingPruner(),
    "asha, r 1": lambda p: p.SuccessiveHalvingPruner(1),
    "asha, r 5, eta 2": lambda p: p.SuccessiveHalvingPruner(5, 2),
    "asha, r 5, eta 3": lambda p: p.SuccessiveHalvingPruner(5, 3),
    "hyperband": lambda p: p.HyperbandPruner(),
    "hyperband, r 3": lambda p: p.HyperbandPruner(3, 52, 3),
    "extrapolate": lambda p: p.ExtrapolationPruner(),
}
"""Not Wilcoxon's: it takes steps for cases in any order, and these are points in time."""

MARKS = (0.1, 0.2, 0.4, 0.7)
"""Shares of the steps after which the chances that ``extrapolate`` states are looked at."""
EDGES = (0.0, 0.25, 1.0, 4.0, np.inf)
"""Bounds of the groups of chances, as multiples of that of a new trial."""


class Stating(pruners.ExtrapolationPruner):
    """Writes down the chances that it states.

    Attributes:
        stated: (trial, chance, the same as a multiple of a new trial's, value to be beaten).
    """

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self._marks = {int(share * epochs) for share in MARKS}
        self.stated: list[tuple[int, float, float, float]] = []

    def judge(self, number: int, curve: Any, curves: Any) -> pruners.Verdict:
        end = self.forecast(curve, curves) if len(curve) in self._marks and len(curve) >= 5 else None
        if end is not None and curves.n_completed >= 5:
            goal = float(np.nanmin(curves.finals.values))
            chance = self.chance(end, goal, curves)
            self.stated.append((number, chance, chance * len(curves), goal * curves.sign))
        return super().judge(number, curve, curves)


class Reliability:
    """Collects stated chances, and whether what they are of has happened."""

    def __init__(self) -> None:
        self.rows: dict[str, list[tuple[float, float, bool]]] = {}

    def run(self, kind: str, tried: list[Any], source: Any, noise: Any, workers: int) -> None:
        """Run the trials and add what was stated of each."""
        rule = Stating(source.epochs)
        same_points(sweeper_core, rule, tried, source, noise, workers)
        for number, chance, times, goal in rule.stated:
            end = source.curve(tried[number])[-1] + noise(number)[-1]
            self.rows.setdefault(kind, []).append((chance, times, bool(end > goal)))

    def show(self) -> None:
        print(f"{'curves':<12}{'times a new one':<18}{'asked':>8}{'stated':>10}{'happened':>10}")
        for kind, rows in self.rows.items():
            chance, times, happened = np.array(rows, float).T
            for low, high in pairwise(EDGES):
                inside = (times >= low) & (times < high)
                sums = f"{inside.sum():>8}{chance[inside].sum():>10.2f}{happened[inside].sum():>10.0f}"
                print(f"{kind:<12}{f'{low:g} to {high:g}':<18}{sums}")


def libraries(rule: str) -> Iterator[tuple[str, Any, Any]]:
    """Yield name, package and pruner of each library that has the rule."""
    yield "here", sweeper_core, RULES[rule](pruners)
    if optuna is not None and rule not in ("none", "extrapolate"):
        yield "optuna", optuna, RULES[rule](optuna.pruners)


def sources(data: Path | None, tasks: int) -> Iterator[tuple[str, Any]]:
    """Yield the problems."""
    if data is None:
        print("No --data folder: LCBench is left out; small networks on scikit-learn's digits instead.")
        yield "digits", Digits()
        return
    for task in TASKS[:tasks]:
        yield task, Lcbench(data, task)


def points(source: Any, count: int, seed: int) -> list[dict[str, Any]]:
    """Return random points."""
    space = {name: getattr(distributions, kind)(**args) for name, (kind, args) in source.space.items()}
    study = sweeper_core.create_study(sampler=samplers.RandomSampler(seed=seed), pruner=pruners.NopPruner())
    return [study.ask(space).params for _ in range(count)]


def tables(folder: Path | None) -> Iterator[tuple[str, Taskset]]:
    """Yield TaskSet's tables."""
    if folder is None:
        print("No --taskset folder: TaskSet is left out.")
        return
    for file in sorted(folder.glob("*.npz")):
        yield file.stem, Taskset(file)


class Cached:
    """A source that remembers curves."""

    def __init__(self, source: Any) -> None:
        self.space, self.epochs = source.space, source.epochs
        self._find = lru_cache(maxsize=None)(lambda key: source.curve(dict(key)))

    def curve(self, params: dict[str, Any]) -> np.ndarray:
        return self._find(tuple(params.items()))


def noise_of(seed: int, size: float, epochs: int) -> Callable[[int], np.ndarray]:
    """Return the errors of a trial's reports."""
    return lambda number: np.random.default_rng([seed, number]).normal(0.0, size, epochs)


class Table:
    """Collects results by rule and library."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], list[tuple[float, float]]] = {}

    def add(self, rule: str, library: str, first: float, second: float) -> None:
        self.rows.setdefault((rule, library), []).append((first, second))

    def show(self, first: str, second: str, combine: Callable[[list[float]], float]) -> None:
        print(f"{'pruner':<20}{'library':<10}{first:>12}{second:>12}")
        for (rule, library), pairs in self.rows.items():
            one, two = zip(*pairs, strict=True)
            print(f"{rule:<20}{library:<10}{combine(list(one)):>12.3f}{statistics.fmean(two):>12.3f}")


def cost_of_a_verdict(rule: str, trials: int = 1000, steps: int = 100) -> tuple[float, float]:
    """Return the mean milliseconds of ``report`` and of ``should_prune`` in the last trial of a study."""
    rng = np.random.default_rng(0)
    curves = rng.uniform(0, 1, (trials, 1)) + rng.uniform(0, 2, (trials, 1)) / np.arange(1, steps + 1)
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/study.db"
        study = sweeper_core.create_study(storage=url, study_name="s", pruner=RULES[rule](pruners))
        done = [
            sweeper_core.create_trial(value=curve[-1], intermediate_values=dict(enumerate(curve.tolist())))
            for curve in curves[:-1]
        ]
        study.add_trials(done)
        trial = study.ask()
        took = [(_time_of(lambda: trial.report(0.0, step)), _time_of(trial.should_prune)) for step in range(steps)]  # noqa: B023
        report, verdict = np.array(took[10:]).mean(axis=0)  # the first ones read the study and index its curves
        return float(report), float(verdict)


def _time_of(work: Callable[[], Any]) -> float:
    began = time.process_time()
    work()
    return 1e3 * (time.process_time() - began)


def main() -> None:
    """Print all tables."""
    options = _arguments()
    same, default, reliability = Table(), Table(), Reliability()
    for task, plain in sources(options.data, options.tasks):
        source = Cached(plain)
        for seed in range(options.seeds):
            noise = noise_of(seed, options.noise, source.epochs)
            tried = points(source, options.trials, seed)
            compare(same, source, tried, noise, options)
            if "extrapolate" in options.rules:
                reliability.run("data", tried, source, noise, options.workers)
            best = max(float(source.curve(point)[-1]) for point in tried)
            whole = options.trials * source.epochs
            for rule in options.rules if options.sampler else ():
                for name, library, pruner in libraries(rule):
                    limits = Limits(10 * options.trials, options.workers, whole, best - options.noise)
                    study = _study(library, pruner, options.sampler, seed)
                    spent = simulate(library, study, source, noise, limits).reached(limits.goal)
                    default.add(rule, name, spent / whole, spent <= whole)
            print(f"task {task}, seed {seed} done", file=sys.stderr)
    by_table = run_taskset(options, reliability)
    print(f"\n1. The same {options.trials} random points, {options.workers} workers, noise {options.noise}")
    same.show("spent", "lost", statistics.fmean)
    for name, table in by_table.items():
        print(f"\n1. {name}: {TASKSET_ROWS} random rows, one after the other")
        table.show("spent", "lost", statistics.fmean)
    if options.sampler:
        print(f"\n2. Sampler {options.sampler!r} here, TPE in Optuna, {options.workers} workers")
        default.show("to quality", "reached", statistics.median)
    print("\n3. Chances to beat the best")
    reliability.show()
    print(f"\n4. {'pruner':<17}{'report':>12}{'verdict':>12}")
    for rule in options.rules if options.cost else ():
        report, verdict = cost_of_a_verdict(rule)
        print(f"{rule:<20}{report:>12.3f}{verdict:>12.3f}")


TASKSET_ROWS = 200


def run_taskset(options: argparse.Namespace, reliability: Reliability) -> dict[str, Table]:
    """Return a table of results for each of TaskSet's tables."""
    found: dict[str, Table] = {}
    alone = argparse.Namespace(**{**vars(options), "workers": 1, "noise": 0.0})
    for name, source in tables(options.taskset):
        found[name] = Table()
        noise = noise_of(0, 0.0, source.epochs)
        for seed in range(options.seeds):
            tried = source.points(TASKSET_ROWS, seed)
            compare(found[name], source, tried, noise, alone)
            if "extrapolate" in options.rules:
                reliability.run("taskset", tried, source, noise, 1)
            print(f"{name}, seed {seed} done", file=sys.stderr)
    return found


def compare(table: Table, source: Any, tried: list[Any], noise: Any, options: argparse.Namespace) -> None:
    """Run every rule over the same points; add the share of epochs spent, and whether the best was lost."""
    best = float(np.nanmax([source.curve(point)[-1] for point in tried]))
    for rule in options.rules:
        for name, library, pruner in libraries(rule):
            sweep = same_points(library, pruner, tried, source, noise, options.workers)
            table.add(rule, name, sweep.epochs / (len(tried) * source.epochs), sweep.best < best - options.noise)


def same_points(library: Any, pruner: Any, tried: list[Any], source: Any, noise: Any, workers: int) -> Sweep:
    """Run a sweep over given points."""
    study = library.create_study(direction="maximize", pruner=pruner, sampler=library.samplers.RandomSampler(seed=0))
    for point in tried:
        study.enqueue_trial(point)
    return simulate(library, study, source, noise, Limits(len(tried), workers))


def _study(library: Any, pruner: Any, sampler: str, seed: int) -> Any:
    if library is sweeper_core:
        made = {"auto": samplers.AutoSampler, "tpe": samplers.TPESampler, "random": samplers.RandomSampler}[sampler]
    else:
        made = library.samplers.TPESampler if sampler != "random" else library.samplers.RandomSampler
    return library.create_study(direction="maximize", pruner=pruner, sampler=made(seed=seed))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare pruners.")
    parser.add_argument("--data", type=Path, help="folder of the LCBench surrogate (model.onnx …)")
    parser.add_argument("--taskset", type=Path, help="folder of TaskSet's learning-curve tables (*.npz)")
    parser.add_argument("--cost", action=argparse.BooleanOptionalAction, default=True, help="part 4")
    parser.add_argument("--tasks", type=int, default=len(TASKS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--noise", type=float, default=0.25, help="standard deviation of a report, percent accuracy")
    parser.add_argument("--rules", nargs="+", choices=RULES, default=list(RULES))
    parser.add_argument("--sampler", choices=["", "auto", "tpe", "random"], default="auto", help="empty: only part 1")
    return parser.parse_args()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sweeper_core.logging.set_verbosity(sweeper_core.logging.ERROR)
    if optuna is not None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
    main()
