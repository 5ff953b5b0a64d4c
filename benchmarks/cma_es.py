"""CMA-ES here beside the package cmaes (and pycma), on the functions of the BBOB suites.

    python benchmarks/cma_es.py                               bbob in 5, 10 and 20 dimensions, 5 instances, 200 trials
    python benchmarks/cma_es.py --suite bbob-mixint           with integers, beside cmaes.CMAwM
    python benchmarks/cma_es.py --noise 0.1                   values disturbed by a tenth of a random point's regret
    python benchmarks/cma_es.py --trials 1000 --dimensions 5 --functions 1 10 15

Needs the packages ``coco-experiment`` and ``cmaes``; ``cma`` (pycma) takes part where it is installed. All begin in the
middle of the bounds with a standard deviation of a sixth of their width, and keep within the bounds. The score is
the regret, without the noise, of the point that looked best, in units of that of the median of 1,500 random points, at
least 1e-3; the comparison is the ratio of
geometric means, with its 95 % bootstrap interval over functions and instances.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from sweeper_core.distributions import FloatDistribution, IntDistribution  # noqa: E402
from sweeper_core.samplers import CmaEsSampler  # noqa: E402
from sweeper_core.search_space.space import SearchSpace  # noqa: E402
from sweeper_core.testing.simulation import Simulation  # noqa: E402

Runner = Callable[[Any, int, int], np.ndarray]
SMALLEST_SCORE = 1e-3


def unit_to_point(problem: Any, unit: np.ndarray) -> np.ndarray:
    """Return the point of the suite for coordinates in the unit cube, integers rounded."""
    low, high = np.asarray(problem.lower_bounds), np.asarray(problem.upper_bounds)
    whole = problem.number_of_integer_variables
    point = low + np.clip(unit, 0.0, 1.0) * (high - low)
    point[:whole] = np.clip(np.round(low + unit * (high - low + 1) - 0.5), low, high)[:whole]
    return point


def ours(problem: Any, n: int, seed: int, **options: Any) -> np.ndarray:
    """Run this project's sampler."""
    whole = problem.number_of_integer_variables
    bounds = list(zip(problem.lower_bounds.tolist(), problem.upper_bounds.tolist(), strict=True))
    space = SearchSpace.of(
        {
            f"x{i:02d}": IntDistribution(int(low), int(high)) if i < whole else FloatDistribution(low, high)
            for i, (low, high) in enumerate(bounds)
        }
    )
    study = Simulation(CmaEsSampler(n_startup_trials=0, **options), space, seed=seed)
    study.run(lambda params: float(problem(np.array(list(params.values()), float))), n)
    return np.asarray(study.history.values[:, 0])


def cmaes_package(problem: Any, n: int, seed: int) -> np.ndarray:
    """Run cmaes.CMA, or cmaes.CMAwM where there are integers."""
    import cmaes

    d, whole = problem.dimension, problem.number_of_integer_variables
    if whole:
        bounds = np.column_stack([problem.lower_bounds, problem.upper_bounds]).astype(float)
        steps = np.array([1.0] * whole + [0.0] * (d - whole))
        # One sigma for all: in units of each range, as Optuna scales it.
        scale = bounds[:, 1] - bounds[:, 0]
        optimizer: Any = cmaes.CMAwM(np.full(d, 0.5), 1 / 6, np.tile([0.0, 1.0], (d, 1)), steps / scale, seed=seed)
        return _ask_and_tell(optimizer, lambda x: problem(bounds[:, 0] + x * scale), n, pair=True)
    optimizer = cmaes.CMA(np.full(d, 0.5), 1 / 6, np.tile([0.0, 1.0], (d, 1)), n_max_resampling=10 * d, seed=seed)
    return _ask_and_tell(optimizer, lambda x: problem(unit_to_point(problem, x)), n, pair=False)


def _ask_and_tell(optimizer: Any, function: Callable[[np.ndarray], float], n: int, pair: bool) -> np.ndarray:
    values: list[float] = []
    solutions: list[tuple[np.ndarray, float]] = []
    while len(values) < n:
        asked = optimizer.ask()
        point, told = asked if pair else (asked, asked)
        values.append(float(function(np.asarray(point))))
        solutions.append((told, values[-1]))
        if len(solutions) == optimizer.population_size:
            optimizer.tell(solutions)
            solutions = []
    return np.array(values)


def pycma(problem: Any, n: int, seed: int) -> np.ndarray:
    """Run pycma with its handling of bounds; only without integers."""
    import cma

    d = problem.dimension
    options = {"bounds": [0, 1], "seed": seed + 1, "verbose": -9}
    strategy = cma.CMAEvolutionStrategy(d * [0.5], 1 / 6, options)
    values: list[float] = []
    while len(values) < n:
        points = strategy.ask()
        told = [float(problem(unit_to_point(problem, np.asarray(x)))) for x in points]
        strategy.tell(points, told)
        values += told
    return np.array(values[:n])


def contenders(integers: bool) -> dict[str, Runner]:
    """Return the runners by name."""
    found: dict[str, Runner] = {"sweeper_core": ours, "cmaes": cmaes_package}
    if importlib.util.find_spec("cma") and not integers:
        found["pycma"] = pycma
    return found


class Noisy:
    """A function of the suite whose values are disturbed by normal noise.

    Attributes:
        truth: The values of all calls without the noise.
    """

    def __init__(self, problem: Any, sigma: float, seed: int) -> None:
        self._problem, self._sigma = problem, sigma
        self._rng = np.random.default_rng([seed, 1])
        self.truth: list[float] = []

    def __call__(self, point: np.ndarray) -> float:
        self.truth.append(float(self._problem(point)))
        return self.truth[-1] + self._sigma * float(self._rng.standard_normal())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._problem, name)


def score(value: float, best: float, median: float) -> float:
    """Return the normalised regret of a value."""
    return max((value - best) / max(median - best, 1e-12), SMALLEST_SCORE)


def optimum(problem: Any) -> float:
    """Return the least value of a function of the suite (which knows it, and writes it nowhere else)."""
    problem._best_parameter("print")
    point = np.loadtxt("._bbob_problem_best_parameter.txt")
    Path("._bbob_problem_best_parameter.txt").unlink()
    return float(problem(point))


def random_median(problem: Any) -> float:
    """Return the median value of random points."""
    units = np.random.default_rng(12345).random((1500, problem.dimension))
    return float(np.median([problem(unit_to_point(problem, unit)) for unit in units]))


def interval(ratios: np.ndarray) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of the geometric mean over functions (rows) and instances (columns)."""
    rng = np.random.default_rng(0)
    rows, columns = ratios.shape
    means = []
    for _ in range(2000):
        chosen = ratios[rng.integers(rows, size=rows)]
        means.append(np.mean(np.take_along_axis(chosen, rng.integers(columns, size=(rows, columns)), axis=1)))
    low, high = np.exp(np.quantile(means, [0.025, 0.975]))
    return float(low), float(high)


def main() -> None:
    """Run, print a row for each function and dimension, and the comparison over all of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", choices=("bbob", "bbob-mixint"), default="bbob")
    parser.add_argument("--functions", type=int, nargs="*", default=list(range(1, 25)))
    parser.add_argument("--dimensions", type=int, nargs="*", default=[5, 10, 20])
    parser.add_argument("--instances", type=int, default=5)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--noise", type=float, default=0.0, help="standard deviation, in a random point's regret")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    import cocoex

    runners = contenders(options.suite == "bbob-mixint")
    logs: dict[str, list[list[float]]] = {name: [] for name in runners}
    print(f"{'':14}" + "".join(f"{name:>14}" for name in runners))
    for d in options.dimensions:
        suite = cocoex.Suite(options.suite, "", f"dimensions:{d} instance_indices:1-{options.instances}")
        for number in options.functions:
            rows: dict[str, list[float]] = {name: [] for name in runners}
            for instance in range(1, options.instances + 1):
                problem = suite.get_problem_by_function_dimension_instance(number, d, instance)
                best, median = optimum(problem), random_median(problem)
                for name, run in runners.items():
                    seed = 100 * number + instance
                    noisy = Noisy(problem, options.noise * (median - best), seed)
                    looked_best = int(np.argmin(run(noisy, options.trials, seed)))
                    rows[name].append(float(np.log(score(noisy.truth[looked_best], best, median))))
            for name, row in rows.items():
                logs[name].append(row)
            means = (f"{np.exp(np.mean(rows[name])):14.4f}" for name in runners)
            print(f"f{number:02d} {d:3d}-D     " + "".join(means), flush=True)
    _compare({name: np.array(rows) for name, rows in logs.items()})


def _compare(logs: dict[str, np.ndarray]) -> None:
    mine = logs["sweeper_core"]
    print()
    for name, other in logs.items():
        if name != "sweeper_core":
            ratios = mine - other
            low, high = interval(ratios)
            print(
                f"regret, sweeper_core : {name:6} {np.exp(ratios.mean()):.3f} [{low:.3f}, {high:.3f}]   "
                f"better on {np.mean(ratios.mean(axis=1) < 0):.0%} of the functions"
            )


if __name__ == "__main__":
    main()
