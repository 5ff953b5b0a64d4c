"""Spaces where 40 % of the points run out of memory: how many trials still do, and how good the best one is.

    python benchmarks/memory.py                          auto and tpe, with and without the limit
    python benchmarks/memory.py --arms gp cmaes --seeds 3

The constants of ``sweeper_core/samplers/_memory.py`` were chosen on other spaces. *Out of memory* is the share of the
trials from number 20 on, the mean over the seeds and the worst one; *random* is the same kind of failure without its
reason, as the samplers take crashes; *best* is the mean of the best losses, of which 0 is that of the best point that
fits, of 20,000 random ones.
"""

# The number of threads and the path have to be set before the imports that heed them.
# ruff: noqa: E402

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
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
from sweeper_core.trial.state import TrialState

Params = Mapping[str, Any]
FIRST, BUDGET, SHARE = 20, 60, 0.4


@dataclass(frozen=True)
class Task:
    """A space, the memory that a point needs (in any unit), and its loss; 40 % of the points need too much."""

    space: SearchSpace
    memory: Callable[[Params], float]
    loss: Callable[[Params], float]

    @cached_property
    def random(self) -> list[Params]:
        """Random points, the same at each call."""
        draws = np.random.default_rng(0).random((20_000, len(self.space)))
        raw = self.space.from_unit(draws)
        raw[~self.space.active_mask(raw)] = np.nan
        return [self.space.decode(row) for row in raw]

    @cached_property
    def limit(self) -> float:
        """The memory that there is."""
        return float(np.quantile([self.memory(point) for point in self.random], 1.0 - SHARE))

    @cached_property
    def least(self) -> float:
        """The least loss of the random points that fit."""
        return min(self.loss(point) for point in self.random if self.memory(point) <= self.limit)


def _number(low: float, high: float, log: bool = False) -> FloatDistribution:
    return FloatDistribution(low, high, log=log)


def _whole(low: int, high: int, log: bool = False, step: int = 1) -> IntDistribution:
    return IntDistribution(low, high, log=log, step=step)


def _one_of(*choices: Any) -> CategoricalDistribution:
    return CategoricalDistribution(list(choices))


def _rate(params: Params, best: float) -> float:
    return 0.1 * (math.log10(params["rate"]) - best) ** 2


TREES = Task(
    SearchSpace.of({"leaves": _whole(8, 4096, log=True), "bins": _whole(32, 512), "rate": _number(1e-3, 1.0, True)}),
    lambda p: p["leaves"] * p["bins"] * 8.0 + 2e5,
    lambda p: _rate(p, -1.0) + 1.0 / math.log2(p["leaves"]) + 8.0 / p["bins"],
)
WINDOWS = Task(
    SearchSpace.of({"hop": _whole(8, 512), "seconds": _number(1.0, 30.0)}),
    lambda p: (p["seconds"] / p["hop"]) ** 2,
    lambda p: p["hop"] / 512.0 + 2.0 / p["seconds"],
)
RECURRENT = Task(
    SearchSpace.of(
        {
            "hidden": _whole(32, 1024, log=True),
            "layers": _whole(1, 6),
            "steps": _one_of(64, 128, 256, 512, 1024),
            "optimizer": _one_of("sgd", "adam", "adafactor"),
            "rate": _number(1e-5, 1e-1, True),
        }
    ),
    lambda p: p["layers"] * p["hidden"] * (4.0 * p["hidden"] * _STATE[p["optimizer"]] + 32.0 * p["steps"]),
    lambda p: (
        _rate(p, -3.0)
        + 2.0 / math.log2(p["hidden"])
        + abs(p["layers"] - 3) / 20.0
        - 0.02 * math.log2(p["steps"])
        + {"sgd": 0.1, "adam": 0.0, "adafactor": 0.03}[p["optimizer"]]
    ),
)
_STATE = {"sgd": 2.0, "adam": 4.0, "adafactor": 2.2}
DIFFUSION = Task(
    SearchSpace.of(
        {
            "size": _one_of(32, 64, 96, 128),
            "batch": _whole(1, 64, log=True),
            "channels": _whole(32, 320, step=32),
            "attention": _one_of(True, False),
            "dropout": _number(0.0, 0.5),
            "rate": _number(1e-6, 1e-2, True),
        }
    ),
    lambda p: p["batch"] * p["size"] ** 2 * p["channels"] * (1.0 + (p["size"] / 64.0 if p["attention"] else 0.0)),
    lambda p: (
        _rate(p, -4.0)
        + 20.0 / p["size"]
        + 10.0 / p["channels"]
        + (0.0 if p["attention"] else 0.15)
        + (p["dropout"] - 0.1) ** 2
        + 0.02 * abs(math.log2(p["batch"]) - 4.0)
    ),
)
_TEXT, _IMAGE = (Clause("model", "in", ("text",)),), (Clause("model", "in", ("image",)),)
BRANCHES = Task(
    SearchSpace(
        [
            Parameter("model", _one_of("text", "image")),
            Parameter("tokens", _whole(128, 4096, log=True), when=_TEXT),
            Parameter("pixels", _whole(64, 512), when=_IMAGE),
            Parameter("batch", _whole(1, 128, log=True)),
            Parameter("rate", _number(1e-5, 1e-1, True)),
        ]
    ),
    lambda p: p["batch"] * (p["tokens"] * 12.0 if p["model"] == "text" else p["pixels"] ** 2 / 2.0),
    lambda p: (
        _rate(p, -3.0)
        - 0.03 * math.log2(p["batch"])
        + (0.1 + 4.0 / math.log2(p["tokens"]) if p["model"] == "text" else 32.0 / p["pixels"])
    ),
)

TASKS = {
    "windows, 2": WINDOWS,
    "trees, 3": TREES,
    "recurrent, 5": RECURRENT,
    "branches, 5": BRANCHES,
    "diffusion, 6": DIFFUSION,
}
ARMS: dict[str, Callable[[int], samplers.Sampler]] = {
    "auto": lambda seed: samplers.AutoSampler(seed=seed),
    "gp": lambda seed: samplers.GPSampler(seed=seed),
    "tpe": lambda seed: samplers.TPESampler(seed=seed),
    "cmaes": lambda seed: samplers.CmaEsSampler(seed=seed),
}


def run(arm: str, task: Task, seed: int, oom: bool = True, n_trials: int = BUDGET) -> tuple[float, float]:
    """Return the share of the trials from number 20 on that ran out of memory, and how far the best one is from 0.

    Args:
        oom: Whether the study is told why they failed.
    """
    study, losses = Simulation(ARMS[arm](seed), task.space, seed=seed, budget=n_trials), []
    for _ in range(n_trials):
        number, params = study.ask()
        short = task.memory(params) > task.limit
        losses.append(math.inf if short else task.loss(params))
        if short:
            study.tell(number, None, TrialState.FAIL, oom=oom)
        else:
            study.tell(number, losses[-1])
    return float(np.mean(np.isinf(losses[FIRST:]))), min(losses) - task.least


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arms", nargs="+", default=["auto", "tpe"], choices=list(ARMS))
    parser.add_argument("--only", default="", help="a part of the tasks' names")
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    for name in (name for name in TASKS if options.only in name):
        for arm in options.arms:
            for reason, oom in (("random", False), ("limit", True)):
                found = np.array([run(arm, TASKS[name], seed, oom) for seed in range(options.seeds)])
                share, best = found.T
                print(
                    f"{name:<14}{arm:<7}{reason:<8} out of memory {share.mean():5.1%}, at worst {share.max():5.1%}; "
                    f"best {best.mean():.4f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
