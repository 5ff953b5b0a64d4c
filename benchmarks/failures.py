"""Where half of the optimum's neighbourhood crashes: how many trials still fail, and how near the search comes.

    python benchmarks/failures.py                          tpe, cmaes and Optuna's TPE
    python benchmarks/failures.py --arms gp auto --seeds 5

Problems of numbers, of mixed parameters with a choice that crashes, and of conditional parameters; the optimum lies on
the border of what crashes. *Failed* is the share of the trials from number 50 on that failed, the mean and the worst
over the seeds; *regret* is the best value found, of which 0 is the least possible (a random point: about 1).
"""

# The number of threads and the path have to be set before the imports that heed them.
# ruff: noqa: E402

from __future__ import annotations

import argparse
import math
import os
import sys
import warnings
from collections.abc import Callable, Mapping
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
FIRST = 50


def _cube(dimension: int) -> SearchSpace:
    return SearchSpace.of({f"x{place}": FloatDistribution(0.0, 1.0) for place in range(dimension)})


def _bowl(params: Params) -> float:
    return 4.0 * sum((value - 0.5) ** 2 for value in params.values())


MIXED = SearchSpace(
    [
        Parameter("rate", FloatDistribution(1e-5, 1.0, log=True)),
        Parameter("width", IntDistribution(8, 1024, log=True)),
        Parameter("dropout", FloatDistribution(0.0, 0.9, step=0.1)),
        Parameter("optimizer", CategoricalDistribution(["adam", "sgd", "lion", "rmsprop"])),
    ]
)


def _training(params: Params) -> float:
    loss = (math.log10(params["rate"]) + 2.0) ** 2 / 4 + math.log2(params["width"] / 256) ** 2 / 16
    return (
        loss
        + (params["dropout"] - 0.3) ** 2
        + {"adam": 0.0, "sgd": 0.1, "lion": 0.05, "rmsprop": 0.2}[params["optimizer"]]
    )


def _out_of_memory(params: Params) -> bool:
    """One of the choices always crashes, and so does everything wider than the best width."""
    return bool(params["optimizer"] == "lion" or params["width"] > 256)


def _diverges(params: Params) -> bool:
    """The best choice crashes at rates above the best one, which is where half of its good points are."""
    return bool(params["optimizer"] == "adam" and params["rate"] > 1e-2)


_NET, _TREE = (Clause("model", "in", ("net",)),), (Clause("model", "in", ("tree",)),)
CONDITIONAL = SearchSpace(
    [
        Parameter("model", CategoricalDistribution(["net", "tree", "broken"])),
        Parameter("rate", FloatDistribution(1e-5, 1.0, log=True), when=_NET),
        Parameter("layers", IntDistribution(1, 8), when=_NET),
        Parameter("depth", IntDistribution(1, 32), when=_TREE),
        Parameter("share", FloatDistribution(0.1, 1.0), when=_TREE),
        Parameter("decay", FloatDistribution(1e-6, 1e-1, log=True)),
    ]
)


def _model(params: Params) -> float:
    loss = (math.log10(params["decay"]) + 3.0) ** 2 / 8
    if params["model"] == "net":
        return loss + (math.log10(params["rate"]) + 2.5) ** 2 / 4 + (params["layers"] - 4) ** 2 / 16
    return 0.3 + loss + abs(params.get("depth", 0) - 12) / 20 + (params.get("share", 1.0) - 0.6) ** 2


def _breaks(params: Params) -> bool:
    return bool(params["model"] == "broken" or (params["model"] == "net" and params["rate"] > 10**-2.5))


PROBLEMS: dict[str, tuple[SearchSpace, Callable[[Params], float], Callable[[Params], bool]]] = {
    "one side, 3 numbers": (_cube(3), _bowl, lambda params: params["x0"] > 0.5),
    "slope, 3 numbers": (_cube(3), _bowl, lambda params: sum(params.values()) > 1.5),
    "slope, 8 numbers": (_cube(8), _bowl, lambda params: sum(params.values()) > 4.0),
    "mixed, memory": (MIXED, _training, _out_of_memory),
    "mixed, divergence": (MIXED, _training, _diverges),
    "conditional": (CONDITIONAL, _model, _breaks),
}


ARMS: dict[str, Callable[[int], samplers.Sampler]] = {
    "tpe": lambda seed: samplers.TPESampler(seed=seed),
    "tpe-apart": lambda seed: samplers.TPESampler(seed=seed, multivariate=False),
    "cmaes": lambda seed: samplers.CmaEsSampler(seed=seed),
    "gp": lambda seed: samplers.GPSampler(seed=seed),
    "auto": lambda seed: samplers.AutoSampler(seed=seed),
}
PEERS = {"optuna-tpe": "TPESampler", "optuna-gp": "GPSampler"}


def run(arm: str, problem: str, seed: int, n_trials: int) -> tuple[float, float]:
    """Return the share of failed trials after the first 50, and the best value."""
    space, objective, crashes = PROBLEMS[problem]
    values: list[float] = []

    def result(params: Params) -> float | None:
        values.append(math.inf if crashes(params) else objective(params))
        return None if math.isinf(values[-1]) else values[-1]

    if arm in PEERS:
        run_peer(PEERS[arm], space, result, seed, n_trials)
    else:
        Simulation(ARMS[arm](seed), space, seed=seed, budget=n_trials).run(result, n_trials)
    return float(np.mean(np.isinf(values[FIRST:]))), min(values)


def run_peer(name: str, space: SearchSpace, result: Callable[[Params], float | None], seed: int, n_trials: int) -> None:
    """Run a sampler of Optuna, define-by-run."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")
    study = optuna.create_study(sampler=getattr(optuna.samplers, name)(seed=seed))
    for _ in range(n_trials):
        trial, params = study.ask(), dict[str, Any]()
        for parameter in space.parents_first:
            if space.is_active(parameter.name, params):
                params[parameter.name] = suggest(trial, parameter)
        value = result(params)
        study.tell(trial, value, state=optuna.trial.TrialState.FAIL if value is None else None)


def suggest(trial: Any, parameter: Parameter) -> Any:
    """Ask a live trial for one parameter."""
    name, distribution = parameter.name, parameter.distribution
    if isinstance(distribution, CategoricalDistribution):
        return trial.suggest_categorical(name, list(distribution.choices))
    if isinstance(distribution, IntDistribution):
        return trial.suggest_int(name, **distribution._asdict())
    return trial.suggest_float(name, **distribution._asdict())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--arms", nargs="+", default=["tpe", "tpe-apart", "cmaes", "optuna-tpe"], choices=[*ARMS, *PEERS]
    )
    parser.add_argument("--only", default="", help="a part of the problems' names")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--trials", type=int, default=200)
    options = parser.parse_args()
    for problem in (name for name in PROBLEMS if options.only in name):
        for arm in options.arms:
            found = np.array([run(arm, problem, seed, options.trials) for seed in range(options.seeds)])
            print(
                f"{problem:<22}{arm:<14} failed {found[:, 0].mean():4.0%}, at worst {found[:, 0].max():4.0%}; "
                f"regret {np.median(found[:, 1]):.4f}, at worst {found[:, 1].max():.4f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
