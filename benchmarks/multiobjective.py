"""Search with several objectives: hypervolume of NSGA-II here, in Optuna and in pymoo, over the same problems.

    python benchmarks/multiobjective.py                                  all problems, 5 seeds, 600 trials
    python benchmarks/multiobjective.py --problems zdt1 dtlz2 --seeds 3

Problems: ZDT 1, 2, 3, 4, 6 and DTLZ 1, 2, 7 as published; rotated and multimodal pairs with optima inside; pairs of
the bbob-biobj suite in 5 dimensions where the package ``coco-experiment`` is installed; a mixed-integer pair. The
population is 50 everywhere; the rest is each library's default. Contenders that are not installed are left out.

The hypervolume is measured up to the component-wise 95 % quantile of 1,500 random points, in units of the box between
it and the best value that anybody found for each objective. Intervals are 95 % bootstrap intervals over problems and
seeds.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from sweeper_core.directions import StudyDirection  # noqa: E402
from sweeper_core.distributions import BaseDistribution, FloatDistribution, IntDistribution  # noqa: E402
from sweeper_core.maths.hypervolume import hypervolume  # noqa: E402
from sweeper_core.samplers import NSGAIIISampler, NSGAIISampler, TPESampler  # noqa: E402
from sweeper_core.search_space.space import SearchSpace  # noqa: E402
from sweeper_core.testing.simulation import Simulation  # noqa: E402

Values = tuple[float, ...]
POPULATION = 50


@dataclass(frozen=True)
class Problem:
    """``n_objectives`` functions of a vector within bounds; ``integers`` are the first coordinates that are whole."""

    function: Callable[[np.ndarray], Values]
    low: np.ndarray
    high: np.ndarray
    n_objectives: int = 2
    integers: int = 0

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        """The parameters, for the libraries that want them."""
        return {
            f"x{i:02d}": IntDistribution(int(low), int(high)) if i < self.integers else FloatDistribution(low, high)
            for i, (low, high) in enumerate(zip(self.low.tolist(), self.high.tolist(), strict=True))
        }

    def random(self, n: int, seed: int) -> np.ndarray:
        """Return the values of random points."""
        points = np.random.default_rng(seed).uniform(self.low, self.high, (n, len(self.low)))
        points[:, : self.integers] = np.round(points[:, : self.integers])
        return np.array([self.function(point) for point in points])


# ---------------------------------------------------------------------------------------------- problems


def zdt(number: int, x: np.ndarray) -> Values:
    """Zitzler, Deb, Thiele 2000, on the unit cube."""
    first, rest = float(x[0]), x[1:]
    if number == 4:
        z = 10 * rest - 5
        g = 1 + 10 * len(z) + float((z**2 - 10 * np.cos(4 * np.pi * z)).sum())
    elif number == 6:
        first = 1 - float(np.exp(-4 * x[0]) * np.sin(6 * np.pi * x[0]) ** 6)
        g = 1 + 9 * float(rest.mean()) ** 0.25
    else:
        g = 1 + 9 * float(rest.mean())
    ratio = first / g
    shape = {1: 1 - ratio**0.5, 4: 1 - ratio**0.5, 2: 1 - ratio**2, 6: 1 - ratio**2}.get(number)
    if shape is None:
        shape = 1 - ratio**0.5 - ratio * np.sin(10 * np.pi * first)
    return first, g * float(shape)


def dtlz(number: int, x: np.ndarray) -> Values:
    """Deb, Thiele, Laumanns, Zitzler 2005, three objectives."""
    position, rest = x[:2], x[2:]
    if number == 7:
        g = 1 + 9 * float(rest.mean())
        last = 3 - float(sum(f / (1 + g) * (1 + np.sin(3 * np.pi * f)) for f in position))
        return float(position[0]), float(position[1]), (1 + g) * last
    if number == 1:
        g = 100 * (len(rest) + float(((rest - 0.5) ** 2 - np.cos(20 * np.pi * (rest - 0.5))).sum()))
        a, b = position.tolist()
        return tuple(0.5 * (1 + g) * v for v in (a * b, a * (1 - b), 1 - a))
    g = float(((rest - 0.5) ** 2).sum())
    a, b = (position * np.pi / 2).tolist()
    shapes = (np.cos(a) * np.cos(b), np.cos(a) * np.sin(b), np.sin(a))
    return tuple((1 + g) * float(v) for v in shapes)


def inside(kind: str, d: int = 8) -> Callable[[np.ndarray], Values]:
    """Return a pair whose optima lie inside: a rotated ellipsoid or Rastrigin's function against a sphere."""
    rotation = np.linalg.qr(np.random.default_rng(7).normal(size=(d, d)))[0]
    scales = 10 ** np.linspace(0, 2, d)

    def pair(x: np.ndarray) -> Values:
        y, z = x - 0.65, (x - 0.35) @ rotation
        if kind == "rotated":
            first = float((scales * z**2).sum())
        else:
            first = float((16 * (x - 0.35) ** 2 + 3 - 3 * np.cos(8 * np.pi * (x - 0.35))).sum())
        return first, float((y**2).sum())

    return pair


def mixed_pair(x: np.ndarray) -> Values:
    """Four integers in 0 … 15 and four floats: cost against error of something like a network."""
    size, rest = x[:4], x[4:]
    cost = float(size.sum() + (size > 8).sum() * 3)
    error = float(np.exp(-0.1 * size).sum() + 4 * ((rest - 0.02 * size - 0.2) ** 2).sum())
    return cost, error


def problems() -> dict[str, Problem]:
    """Return all problems by name."""

    def cube(function: Callable[[np.ndarray], Values], d: int, m: int = 2) -> Problem:
        return Problem(function, np.zeros(d), np.ones(d), m)

    found = {f"zdt{k}": cube(lambda x, k=k: zdt(k, x), 10) for k in (1, 2, 3, 4, 6)}  # type: ignore[misc]
    found |= {f"dtlz{k}": cube(lambda x, k=k: dtlz(k, x), 7, 3) for k in (1, 2, 7)}  # type: ignore[misc]
    found |= {kind: cube(inside(kind), 8) for kind in ("rotated", "rastrigin")}
    found["mixed"] = Problem(mixed_pair, np.zeros(8), np.array([15.0] * 4 + [1.0] * 4), integers=4)
    if importlib.util.find_spec("cocoex"):
        import cocoex

        suite = cocoex.Suite("bbob-biobj", "", "dimensions:5 instance_indices:1")
        for index in range(0, len(suite), 6):
            found[f"biobj-{index + 1:02d}"] = _coco(suite, index)
    return found


def _coco(suite: Any, index: int) -> Problem:
    function = suite[index]
    d = function.dimension
    # The suite's own region of interest is far wider than where its optima are.
    return Problem(lambda x: tuple(function(x)), np.full(d, -5.0), np.full(d, 5.0))


# -------------------------------------------------------------------------------------------- contenders


def ours(make: Callable[[], Any]) -> Callable[[Problem, int, int], np.ndarray]:
    """Return the runner of a sampler of this project."""

    def run(problem: Problem, n: int, seed: int) -> np.ndarray:
        space = SearchSpace.of(problem.distributions)
        study = Simulation(make(), space, [StudyDirection.MINIMIZE] * problem.n_objectives, seed)
        study.run(lambda params: problem.function(np.array(list(params.values()), float)), n)
        return np.asarray(study.history.values)

    return run


def optunas(problem: Problem, n: int, seed: int) -> np.ndarray:
    """Run Optuna's NSGA-II."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.NSGAIISampler(population_size=POPULATION, seed=seed)
    study = optuna.create_study(directions=["minimize"] * problem.n_objectives, sampler=sampler)

    def objective(trial: Any) -> Values:
        point = [
            trial.suggest_int(name, it.low, it.high)
            if isinstance(it, IntDistribution)
            else trial.suggest_float(name, it.low, it.high)  # type: ignore[attr-defined]
            for name, it in problem.distributions.items()
        ]
        return problem.function(np.array(point, float))

    study.optimize(objective, n_trials=n)
    return np.array([trial.values for trial in study.trials])


def pymoos(problem: Problem, n: int, seed: int) -> np.ndarray:
    """Run pymoo's NSGA-II; integers are rounded."""
    from pymoo.algorithms.moo.nsga2 import NSGA2
    from pymoo.core.problem import ElementwiseProblem
    from pymoo.optimize import minimize

    values: list[Values] = []

    class Wrapped(ElementwiseProblem):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(n_var=len(problem.low), n_obj=problem.n_objectives, xl=problem.low, xu=problem.high)

        def _evaluate(self, x: np.ndarray, out: dict[str, Any], *args: Any, **kwargs: Any) -> None:
            point = x.copy()
            point[: problem.integers] = np.round(point[: problem.integers])
            values.append(problem.function(point))
            out["F"] = list(values[-1])

    minimize(Wrapped(), NSGA2(pop_size=POPULATION), ("n_eval", n), seed=seed)
    return np.array(values[:n])


def contenders(names: list[str] | None) -> dict[str, Callable[[Problem, int, int], np.ndarray]]:
    """Return the runners by name, those of packages that are not installed left out."""
    found = {
        "nsgaii": ours(lambda: NSGAIISampler(population_size=POPULATION)),
        "optuna": optunas,
        "pymoo": pymoos,
        "nsgaiii": ours(lambda: NSGAIIISampler(population_size=POPULATION)),
        "tpe": ours(TPESampler),
    }
    found = {name: run for name, run in found.items() if name in ("nsgaii", "nsgaiii", "tpe") or _installed(name)}
    return {name: run for name, run in found.items() if names is None or name in names}


def _installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


# ------------------------------------------------------------------------------------------------ scores


def scores(runs: dict[str, list[np.ndarray]], problem: Problem, budgets: list[int]) -> dict[str, np.ndarray]:
    """Return each contender's normalised hypervolumes ``(seeds, budgets)``."""
    reference = np.quantile(problem.random(1500, seed=12345), 0.95, axis=0)
    ideal = np.min([values.min(axis=0) for several in runs.values() for values in several], axis=0)
    box = reference - ideal
    return {
        name: np.array(
            [
                [hypervolume((values[:n] - ideal) / box, np.ones(problem.n_objectives)) for n in budgets]
                for values in several
            ]
        )
        for name, several in runs.items()
    }


def interval(ratios: np.ndarray) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of the geometric mean over problems (rows) and seeds (columns)."""
    rng = np.random.default_rng(0)
    rows, columns = ratios.shape
    means = []
    for _ in range(2000):
        chosen = ratios[rng.integers(rows, size=rows)]
        means.append(np.mean(np.take_along_axis(chosen, rng.integers(columns, size=(rows, columns)), axis=1)))
    low, high = np.exp(np.quantile(means, [0.025, 0.975]))
    return float(low), float(high)


def main() -> None:
    """Run, print a row for each problem, and the comparison over all of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", nargs="*", help="names (default: all)")
    parser.add_argument("--contenders", nargs="*", help="nsgaii, nsgaiii, tpe, optuna, pymoo (default: all)")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--trials", type=int, default=600)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    budgets = sorted({options.trials // 3, options.trials})
    runners = contenders(options.contenders)
    chosen = {name: p for name, p in problems().items() if not options.problems or name in options.problems}
    print(f"{'':12}" + "".join(f"{name:>20}" for name in runners))
    print(f"{'trials':12}" + "".join(f"{'/'.join(map(str, budgets)):>20}" for _ in runners))
    table: dict[str, list[np.ndarray]] = {name: [] for name in runners}
    for label, problem in chosen.items():
        runs = {name: [run(problem, options.trials, s) for s in range(options.seeds)] for name, run in runners.items()}
        found = scores(runs, problem, budgets)
        for name, values in found.items():
            table[name].append(values)
        means = ("/".join(f"{value:.3f}" for value in found[name].mean(axis=0)) for name in runners)
        print(f"{label:12}" + "".join(f"{mean:>20}" for mean in means), flush=True)
    _compare(table, budgets)


def _compare(table: dict[str, list[np.ndarray]], budgets: list[int]) -> None:
    first = next(iter(table))
    print()
    for place, n in enumerate(budgets):
        for name in list(table)[1:]:
            mine, other = (np.array([problem[:, place] for problem in table[who]]) for who in (first, name))
            ratios = np.log(np.maximum(mine, 1e-3) / np.maximum(other, 1e-3))
            low, high = interval(ratios)
            wins = np.mean(np.mean(ratios, axis=1) > 0)
            print(
                f"after {n:4d} trials, {first} : {name:8}  hypervolume ratio {np.exp(ratios.mean()):.3f} "
                f"[{low:.3f}, {high:.3f}]   better on {wins:.0%} of the problems"
            )


if __name__ == "__main__":
    main()
