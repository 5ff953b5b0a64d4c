"""Regret with earlier studies of the same space: four pairs of alike studies, and two of unlike ones.

    python benchmarks/warm_start.py [--lcbench /path/to/yahpo] [--seeds 3] [--trials 40] [--pairs 6]

The earlier study has 40 trials of the default sampler. Regret is the distance from the best of many random points and
of all trials of both arms, after 10 and after all trials.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from analytic import HARTMANN_WEIGHTS, branin, hartmann6
from costs import draw, lcbench

import sweeper_core as hpo
from sweeper_core.directions import StudyDirection
from sweeper_core.distributions import BaseDistribution, FloatDistribution
from sweeper_core.search_space.space import SearchSpace
from sweeper_core.storages import InMemoryStorage
from sweeper_core.study._session.session import Session
from sweeper_core.trial.history import History
from sweeper_core.trial.state import TrialState

EARLY = 10
RANDOM_POINTS = 2000
SOURCE_TRIALS = 40

Function = Callable[[Mapping[str, Any]], float]
Pair = tuple[str, bool, dict[str, BaseDistribution], Function, Function]
"""Name, whether the studies are alike, the space, the earlier function and the one of now."""


def cube(dimension: int) -> dict[str, BaseDistribution]:
    """Return a space of numbers from 0 to 1."""
    return {f"x{place}": FloatDistribution(0.0, 1.0) for place in range(dimension)}


def hartmann(weights: tuple[float, ...] = HARTMANN_WEIGHTS, shift: float = 0.0) -> Function:
    """Return Hartmann's function in six dimensions with other weights, moved."""
    return lambda params: hartmann6(np.array(list(params.values())) - shift, weights)


def moved_branin(shift: float, scale: float) -> Function:
    """Return Branin's function, moved and stretched."""

    def call(params: Mapping[str, Any]) -> float:
        x, y = (15.0 * (value + shift) for value in params.values())
        return scale * branin(x - 5.0, y)

    return call


def bowl(centre: float) -> Function:
    """Return a bowl in five dimensions."""
    return lambda params: float(sum((value - centre) ** 2 for value in params.values()))


def pairs(folder: Path | None) -> Iterator[Pair]:
    """The pairs of studies."""
    yield "hartmann, other weights", True, cube(6), hartmann((1.2, 1.0, 2.8, 3.3), 0.02), hartmann()
    yield "branin, moved", True, cube(2), moved_branin(0.03, 3.0), moved_branin(0.0, 1.0)
    if folder is not None:
        networks = {task.name: task for task in lcbench(folder, 8)}
        for earlier, now in (("34539", "126026"), ("189862", "189909")):
            one, other = networks[f"lcbench {earlier}"], networks[f"lcbench {now}"]
            yield (
                f"lcbench {earlier} to {now}", True, other.space,
                lambda params, one=one: one.evaluate(params)[0],
                lambda params, other=other: other.evaluate(params)[0],
            )  # fmt: skip
    yield "bowl at the other end", False, cube(5), bowl(0.85), bowl(0.2)
    yield "hartmann, upside down", False, cube(6), lambda params: -hartmann()(params), hartmann()


def run(
    space: dict[str, BaseDistribution], function: Function, seed: int, trials: int, sources: tuple[History, ...] = ()
) -> tuple[list[float], History]:
    """Return the values in order, and the history."""
    storage = InMemoryStorage()
    study = storage.create_or_open_study("study", (StudyDirection.MINIMIZE,), exist_ok=True)
    session = Session.open(storage, study, hpo.samplers.AutoSampler(seed=seed), sources=sources)
    swept, values = SearchSpace.of(space), []
    for _ in range(trials):
        started = session.start(swept, budget=trials)
        assert started is not None
        values.append(function(started.params))
        session.finish(started.number, TrialState.COMPLETE, [values[-1]])
    session.log.sync()
    return values, session.log.history()


def compare(pair: Pair, seeds: int, trials: int) -> tuple[float, float]:
    """Print the regrets of a pair, and return their ratios after ``EARLY`` and after all trials."""
    name, alike, space, earlier, now = pair
    rng = np.random.default_rng(1)
    least = min(now({n: draw(d, rng) for n, d in space.items()}) for _ in range(RANDOM_POINTS))
    found: dict[str, list[list[float]]] = {"cold": [], "auto": []}
    for seed in range(seeds):
        _, history = run(space, earlier, 100 + seed, SOURCE_TRIALS)
        found["cold"].append(run(space, now, seed, trials)[0])
        found["auto"].append(run(space, now, seed, trials, (history,))[0])
    least = min(least, *(min(values) for arm in found.values() for values in arm))
    ratios = []
    for count in (EARLY, trials):
        regret = {arm: np.mean([min(values[:count]) - least for values in runs]) for arm, runs in found.items()}
        ratios.append(float(regret["auto"] / max(regret["cold"], 1e-12)))
        print(
            f"{name:26} {'alike' if alike else 'unlike':6} after {count:3}: regret cold {regret['cold']:.4g}, "
            f"auto {regret['auto']:.4g}, ratio {ratios[-1]:.2f}",
            flush=True,
        )
    return ratios[0], ratios[1]


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lcbench", type=Path, help="folder with the YAHPO networks")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--pairs", type=int, default=6)
    parser.add_argument("--only", default="", help="a part of the pairs' names")
    options = parser.parse_args()
    hpo.logging.set_verbosity(hpo.logging.ERROR)
    if options.lcbench is None:
        print("No --lcbench: its two pairs are skipped.", file=sys.stderr)
    chosen = [pair for pair in pairs(options.lcbench) if options.only in pair[0]]
    for pair in chosen[: options.pairs]:
        compare(pair, options.seeds, options.trials)


if __name__ == "__main__":
    main()
