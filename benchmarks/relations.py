"""Relations between parameters: the regret when they are declared, relative to letting trials fail outside.

    python benchmarks/relations.py                              random, tpe, cmaes, gp
    python benchmarks/relations.py --arms auto --seeds 5 --trials 60

The regret of a run is the best allowed value minus the least possible one. A line shows the geometric means over the
seeds, declared (``where``) and not (a trial outside fails), and their ratio; the last lines the geometric mean of the
ratios of each sampler. Optima lie on the edge of the allowed part (Rosenbrock's and Mishra's functions within discs,
weights that add up to at most 1, ordered depths), inside of it, or beside a forbidden combination of a choice and a
number. Ax, with its linear constraints, is run by ``--arms ax`` where it is installed, on the problems that are linear.
"""

# The number of threads and the path have to be set before the imports that heed them.
# ruff: noqa: E402

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np

from sweeper_core import samplers
from sweeper_core.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from sweeper_core.search_space.space import Clause, Parameter, SearchSpace
from sweeper_core.testing.simulation import Simulation

Params = Mapping[str, Any]
MIN_REGRET = 1e-4
"""Smaller regrets count as this one."""


@dataclass(frozen=True)
class Problem:
    """A function to be minimised within relations, of which ``least`` is the least allowed value."""

    parameters: Sequence[Parameter]
    where: Sequence[str]
    objective: Callable[[Params], float]
    least: float
    linear: Sequence[str] = ()

    @property
    def free(self) -> SearchSpace:
        return SearchSpace(self.parameters)

    @property
    def declared(self) -> SearchSpace:
        return SearchSpace(self.parameters, self.where)


def _floats(names: str, low: float, high: float) -> list[Parameter]:
    return [Parameter(name, FloatDistribution(low, high)) for name in names.split()]


def _rosenbrock(p: Params) -> float:
    return math.log1p((1 - p["x"]) ** 2 + 100 * (p["y"] - p["x"] ** 2) ** 2)


def _mishra(p: Params) -> float:
    x, y = p["x"], p["y"]
    bird = math.sin(y) * math.exp((1 - math.cos(x)) ** 2) + math.cos(x) * math.exp((1 - math.sin(y)) ** 2)
    return bird + (x - y) ** 2


def _weights(p: Params) -> float:
    # Without the relation the optimum is (0.5, 0.4, 0.3, 0.2), whose sum is 1.4; within it, each is 0.1 less.
    return sum((p[f"w{k}"] - (0.6 - 0.1 * k)) ** 2 for k in (1, 2, 3, 4))


def _depths(p: Params) -> float:
    return ((p["lo"] - 9) / 8) ** 2 + ((p["mid"] - 7) / 8) ** 2 + ((p["hi"] - 5) / 8) ** 2 + (p["rate"] - 0.3) ** 2


def _training(p: Params) -> float:
    rate = math.log10(p["lr"])
    if p["opt"] == "sgd":
        return 0.02 + (rate + 0.5) ** 2 / 4 + (p["momentum"] - 0.9) ** 2
    return {"adam": 0.1, "lion": 0.15}[p["opt"]] + (rate + 3) ** 2 / 4 + 0.1 * (p["decay"] - 0.4) ** 2


PROBLEMS: dict[str, Problem] = {
    "Rosenbrock in a disc": Problem(_floats("x y", -1.5, 1.5), ["x ** 2 + y ** 2 <= 2"], _rosenbrock, 0.0),
    "Mishra in a disc": Problem(
        [*_floats("x", -10.0, 0.0), *_floats("y", -6.5, 0.0)],
        ["(x + 5) ** 2 + (y + 5) ** 2 < 25"],
        _mishra,
        -106.7645367,
    ),
    "weights": Problem(
        _floats("w1 w2 w3 w4", 0.0, 1.0),
        ["w1 + w2 + w3 + w4 <= 1"],
        _weights,
        0.04,
        ["w1 + w2 + w3 + w4 <= 1"],
    ),
    "ordered depths": Problem(
        [*(Parameter(name, IntDistribution(1, 16)) for name in ("lo", "mid", "hi")), *_floats("rate", 0.0, 1.0)],
        ["lo <= mid", "mid <= hi"],
        _depths,
        2 * (2 / 8) ** 2,
        ["lo <= mid", "mid <= hi"],
    ),
    "choice and number": Problem(
        [
            Parameter("opt", CategoricalDistribution(["sgd", "adam", "lion"])),
            Parameter("lr", FloatDistribution(1e-5, 1.0, log=True)),
            Parameter("momentum", FloatDistribution(0.0, 1.0), (Clause("opt", "in", ("sgd",)),)),
            *_floats("decay", 0.0, 1.0),
        ],
        ["not (opt == sgd and lr > 0.1)", "momentum <= 1 - lr"],
        _training,
        0.02 + 0.25 / 4,
    ),
}
ARMS: dict[str, Callable[[int], samplers.Sampler]] = {
    "random": lambda seed: samplers.RandomSampler(seed=seed),
    "tpe": lambda seed: samplers.TPESampler(seed=seed),
    "cmaes": lambda seed: samplers.CmaEsSampler(seed=seed),
    "nsgaii": lambda seed: samplers.NSGAIISampler(seed=seed, population_size=10),
    "gp": lambda seed: samplers.GPSampler(seed=seed),
    "auto": lambda seed: samplers.AutoSampler(seed=seed),
}


def regret(problem: Problem, arm: str, seed: int, trials: int, declared: bool) -> float:
    """Return the best allowed value of a run minus the least possible one."""
    space, values = problem.declared, [math.inf]

    def result(params: Params) -> float | None:
        if not space.allows(params):
            assert not declared, f"{arm} suggested {params}"
            return None
        values.append(problem.objective(params))
        return values[-1]

    Simulation(ARMS[arm](seed), space if declared else problem.free, seed=seed, budget=trials).run(result, trials)
    return max(min(min(values) - problem.least, 1e3), MIN_REGRET)


def regret_of_ax(problem: Problem, seed: int, trials: int) -> float:
    """Return the regret of Ax with linear constraints."""
    from ax.service.ax_client import AxClient, ObjectiveProperties

    client = AxClient(random_seed=seed, verbose_logging=False)
    parameters = [
        {
            "name": p.name,
            "type": "range",
            "bounds": [p.distribution.axis.low, p.distribution.axis.high],
            "value_type": "int" if isinstance(p.distribution, IntDistribution) else "float",
        }
        for p in problem.parameters
    ]
    client.create_experiment(
        parameters=parameters,
        parameter_constraints=list(problem.linear),
        objectives={"value": ObjectiveProperties(minimize=True)},
    )
    best = math.inf
    for _ in range(trials):
        params, index = client.get_next_trial()
        value = problem.objective(params)
        client.complete_trial(index, raw_data={"value": (value, 0.0)})
        best = min(best, value)
    return max(best - problem.least, MIN_REGRET)


def _mean(values: Sequence[float]) -> float:
    return float(np.exp(np.mean(np.log(values))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arms", nargs="+", default=["random", "tpe", "cmaes", "gp"], choices=[*ARMS, "ax"])
    parser.add_argument("--only", default="", help="a part of the problems' names")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--trials", type=int, default=50)
    options = parser.parse_args()
    print(f"{'problem':22} {'sampler':8} {'where':>9} {'outside':>9} {'ratio':>6}")
    ratios: dict[str, list[float]] = {}
    for name, problem in PROBLEMS.items():
        for arm in options.arms if options.only in name else ():
            seeds = range(options.seeds)
            if arm == "ax":
                if problem.linear:
                    print(f"{name:22} {arm:8} {_mean([regret_of_ax(problem, s, options.trials) for s in seeds]):9.2g}")
                continue
            inside, outside = (
                _mean([regret(problem, arm, s, options.trials, declared) for s in seeds]) for declared in (True, False)
            )
            ratios.setdefault(arm, []).append(inside / outside)
            print(f"{name:22} {arm:8} {inside:9.2g} {outside:9.2g} {inside / outside:6.2f}", flush=True)
    for arm, found in ratios.items():
        print(f"{'all':22} {arm:8} {'':9} {'':9} {_mean(found):6.2f}")


if __name__ == "__main__":
    main()
