"""Importances: time and agreement beside Optuna's, on the same studies, in one run.

python benchmarks/importance.py [--trials 500] [--parameters 10]
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import optuna

import sweeper_core
from sweeper_core import importance
from sweeper_core.distributions import FloatDistribution
from sweeper_core.trial import create_trial

EVALUATORS = (
    "PedAnovaImportanceEvaluator",
    "FanovaImportanceEvaluator",
    "MeanDecreaseImpurityImportanceEvaluator",
)


def studies(trials: int, parameters: int) -> tuple[Any, Any]:
    """Return the same study twice: ours and Optuna's."""
    rng = np.random.default_rng(0)
    names = [f"x{index}" for index in range(parameters)]
    ours, theirs = sweeper_core.create_study(), optuna.create_study()
    their_space = {name: optuna.distributions.FloatDistribution(0, 1) for name in names}
    our_space = {name: FloatDistribution(0, 1) for name in names}
    for _ in range(trials):
        params = {name: float(rng.uniform()) for name in names}
        value = sum((2.0**-index) * value**2 for index, value in enumerate(params.values()))
        ours.add_trial(create_trial(params=params, distributions=our_space, value=value))
        theirs.add_trial(optuna.create_trial(params=params, distributions=their_space, value=value))
    return ours, theirs


def timed(call: Callable[[], dict[str, float]], repeats: int = 5) -> tuple[float, dict[str, float]]:
    """Return the median seconds of a call, and its last result."""
    seconds, result = [], {}
    for _ in range(repeats):
        start = time.perf_counter()
        result = call()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds), result


def main() -> None:
    """Print a line for each evaluator."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=500)
    parser.add_argument("--parameters", type=int, default=10)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sweeper_core.logging.set_verbosity(sweeper_core.logging.ERROR)
    ours, theirs = studies(options.trials, options.parameters)
    print(f"{options.trials} trials x {options.parameters} parameters, median of 5")
    print(f"{'evaluator':42} {'ours':>10} {'optuna':>10} {'ratio':>7} {'largest difference':>19}")
    for name in EVALUATORS:
        seeded = {} if name.startswith("Ped") else {"seed": 0}
        mine, my_shares = timed(
            lambda name=name, seeded=seeded: importance.get_param_importances(
                ours, evaluator=getattr(importance, name)(**seeded)
            )
        )
        other, other_shares = timed(
            lambda name=name, seeded=seeded: optuna.importance.get_param_importances(
                theirs, evaluator=getattr(optuna.importance, name)(**seeded)
            )
        )
        difference = max(abs(my_shares[key] - other_shares[key]) for key in my_shares)
        print(f"{name:42} {mine * 1e3:7.1f} ms {other * 1e3:7.1f} ms {other / mine:6.1f}x {difference:19.4f}")


if __name__ == "__main__":
    main()
