"""Regret at equal cost: improvement per cost against the default, which does not know costs.

    python benchmarks/costs.py --lcbench /path/to/yahpo [--tasks 8] [--seeds 5] [--trials 25]
    python benchmarks/costs.py --lcbench /path/to/yahpo --others 12    instances drawn at random from the other ones

Tasks are the surrogate networks of LCBench with their training times, and two functions: one whose cost varies
forty-fold and one whose cost is the same everywhere (where heeding costs must not lose anything). The budget is what
``--trials`` random points cost on the average. A trial that would end after the budget does not count. Regret is the
distance from the best of many random points and of all trials of both arms, after half, three quarters and all of the
budget.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import sweeper_core as hpo
from sweeper_core.distributions import BaseDistribution, FloatDistribution, IntDistribution

INSTANCES = ("3945", "34539", "126026", "146212", "167168", "168330", "189862", "189909")
INPUTS = ("epoch", "batch_size", "learning_rate", "momentum", "weight_decay", "num_layers", "max_units", "max_dropout")
"""The network's numeric inputs in its order."""
RANDOM_POINTS = 2000
MOMENTS = (0.5, 0.75, 1.0)
"""Shares of the budget after which the regret is taken."""

Params = Mapping[str, Any]


@dataclass(frozen=True)
class Task:
    """A function to be minimised, and its cost."""

    name: str
    space: dict[str, BaseDistribution]
    evaluate: Callable[[Params], tuple[float, float]]


def lcbench(folder: Path, count: int, others: bool = False) -> Iterator[Task]:
    """Networks trained for 52 epochs: error in percent, and training time in seconds.

    Args:
        others: Instances drawn from those that are not among ``INSTANCES``: for choices that these are to judge.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(folder / "lcbench" / "model.onnx"), options)
    entries = json.loads((folder / "lcbench" / "config_space.json").read_text())["hyperparameters"]
    codes = json.loads((folder / "lcbench" / "encoding.json").read_text())["OpenML_task_id"]
    space: dict[str, BaseDistribution] = {}
    for entry in entries:
        if entry["name"] not in ("OpenML_task_id", "epoch"):
            kind = IntDistribution if entry["type"] == "uniform_int" else FloatDistribution
            space[entry["name"]] = kind(entry["lower"], entry["upper"], log=entry["log"])
    rest = sorted(set(codes) - set(INSTANCES))
    chosen = [str(name) for name in np.random.default_rng(7).permutation(rest)] if others else INSTANCES
    for instance in chosen[:count]:
        code = np.array([[codes[instance]]], np.int32)

        def evaluate(params: Params, code: Any = code) -> tuple[float, float]:
            numbers = {"epoch": 52, **params}
            row = np.array([[numbers[name] for name in INPUTS]], np.float32)
            output = session.run(None, {"x_cat": code, "x_cont": row})[0][0]
            return 100.0 - float(output[1]), max(float(output[0]), 0.1)

        yield Task(f"lcbench {instance}", space, evaluate)


def functions() -> Iterator[Task]:
    """A bowl in four dimensions, with costs that vary and that do not."""
    space: dict[str, BaseDistribution] = {f"x{i}": FloatDistribution(0.0, 1.0) for i in range(4)}

    def bowl(params: Params) -> float:
        return sum((value - 0.3 - 0.1 * i) ** 2 for i, value in enumerate(params.values()))

    yield Task("bowl, cost 1 to 40", space, lambda params: (bowl(params), float(40.0 ** params["x0"])))
    yield Task("bowl, equal costs", space, lambda params: (bowl(params), 1.0))


def run(task: Task, arm: str, seed: int, budget: float) -> tuple[list[float], int]:
    """Return the best values that an arm finds until each of ``MOMENTS``, and its number of trials."""
    study = hpo.create_study(sampler=hpo.samplers.AutoSampler(seed=seed))
    if arm == "cost":
        study.set_cost("seconds", max_cost=budget)
    best, spent, trials = [np.inf] * len(MOMENTS), 0.0, 0
    while spent < budget:
        if not study.session.may_spend():
            break
        trial = study.ask(task.space)
        value, cost = task.evaluate(trial.params)
        if arm == "cost":
            trial.set_cost(cost)
        study.tell(trial, value)
        spent, trials = spent + cost, trials + 1
        best = [min(one, value) if spent <= share * budget else one for one, share in zip(best, MOMENTS, strict=True)]
    return best, trials


def compare(task: Task, seeds: int, trials: int) -> dict[str, Any]:
    """Return the regrets of both arms on a task, ``(seeds, moments)``, and the ratios of their means."""
    rng = np.random.default_rng(1)
    points = [{n: draw(d, rng) for n, d in task.space.items()} for _ in range(RANDOM_POINTS)]
    values, costs = zip(*map(task.evaluate, points), strict=True)
    budget = trials * float(np.mean(costs))
    found = {arm: [run(task, arm, seed, budget) for seed in range(seeds)] for arm in ("blind", "cost")}
    least = min(min(values), *(best[-1] for results in found.values() for best, _ in results))
    # Before the first trial has ended it is that of a random point.
    regret = {
        arm: np.minimum([best for best, _ in results], float(np.median(values))) - least
        for arm, results in found.items()
    }
    return {
        "task": task.name,
        "spread": float(np.quantile(costs, 0.9) / np.quantile(costs, 0.1)),
        "regret": regret,
        "trials": {arm: float(np.mean([count for _, count in results])) for arm, results in found.items()},
        "ratios": regret["cost"].mean(axis=0) / np.maximum(regret["blind"].mean(axis=0), 1e-12),
        "scale": float(np.median(values)) - least,
    }


def draw(distribution: BaseDistribution, rng: np.random.Generator) -> Any:
    """Return a random value."""
    low, high = distribution.low, distribution.high  # type: ignore[attr-defined]
    value = np.exp(rng.uniform(np.log(low), np.log(high))) if distribution.log else rng.uniform(low, high)  # type: ignore[attr-defined]
    return round(value) if isinstance(distribution, IntDistribution) else float(value)


def main() -> None:
    """Run the comparison and print a line for each task."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lcbench", type=Path, help="folder with the YAHPO networks")
    parser.add_argument("--tasks", type=int, default=8)
    parser.add_argument("--others", type=int, default=0, help="other instances, drawn at random, in place of the eight")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--trials", type=int, default=25, help="mean trials that the budget pays")
    options = parser.parse_args()
    hpo.logging.set_verbosity(hpo.logging.ERROR)
    tasks = list(functions())
    if options.lcbench is None:
        print("No --lcbench: its tasks are skipped.", file=sys.stderr)
    else:
        tasks = [*lcbench(options.lcbench, options.others or options.tasks, options.others > 0), *tasks]
    networks = []
    for task in tasks:
        result = compare(task, options.seeds, options.trials)
        if task.name.startswith("lcbench"):
            networks.append(result)
        arms = ", ".join(
            f"{arm} {np.mean(regret[:, -1]):.4g} ({result['trials'][arm]:.0f} trials)"
            for arm, regret in result["regret"].items()
        )
        ratios = " ".join(f"{ratio:.2f}" for ratio in result["ratios"])
        print(f"{task.name:20} costs differ {result['spread']:5.1f}-fold  regret {arms}  ratios {ratios}", flush=True)
    if networks:
        geometric = np.exp(np.mean(np.log(np.maximum([result["ratios"] for result in networks], 1e-3)), axis=0))
        means = {
            arm: np.mean([result["regret"][arm].mean(axis=0) / result["scale"] for result in networks], axis=0)
            for arm in ("blind", "cost")
        }
        shares = " ".join(f"{share:.0%}" for share in MOMENTS)
        print(f"LCBench after {shares} of the budget: geometric mean of the ratios {geometric.round(2)}")
        ratio = (means["cost"] / means["blind"]).round(2)
        print(f"ratio of the mean regrets, each as a share of a random point's: {ratio}")


if __name__ == "__main__":
    main()
