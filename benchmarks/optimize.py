"""``Study.optimize`` with objectives that cost nothing, beside Optuna: trials per second in memory, random search.

    python benchmarks/optimize.py                all rows
    python benchmarks/optimize.py --trials 5000 --rounds 9

Both libraries run the same objective through the same calls, in turns, in one process; the best round of each counts,
since whatever else runs on a machine only ever adds time. "quiet" shows nothing, "logged" writes the line of each
trial, as by default, to a file.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import logging
import os
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import optuna

import sweeper_core

Objective = Callable[[Any], float]


def nothing(trial: Any) -> float:
    return 0.0


def three_mixed(trial: Any) -> float:
    trial.suggest_int("n", 1, 9)
    trial.suggest_categorical("kind", ["a", "b", "c"])
    return float(trial.suggest_float("rate", 1e-5, 1.0, log=True))


def ten_floats(trial: Any) -> float:
    return float(sum(trial.suggest_float(f"x{index}", 0.0, 1.0) for index in range(10)))


def ten_reports(trial: Any) -> float:
    for step in range(10):
        trial.report(1.0, step)
    return 1.0


ROWS: dict[str, tuple[Objective, int, bool]] = {
    "no-op, quiet": (nothing, 1, False),
    "no-op, logged": (nothing, 1, True),
    "3 mixed parameters, quiet": (three_mixed, 1, False),
    "3 mixed parameters, logged": (three_mixed, 1, True),
    "10 floats, quiet": (ten_floats, 1, False),
    "10 reports, quiet": (ten_reports, 1, False),
    "no-op, 4 threads, quiet": (nothing, 4, False),
}


@contextlib.contextmanager
def log_lines(logged: bool) -> Iterator[None]:
    """Let both libraries write the line of each trial, in their own format, where nobody reads it; or none."""
    with open(os.devnull, "w") as sink:
        for lib in (optuna, sweeper_core):
            handler = logging.StreamHandler(sink)
            handler.setFormatter(lib.logging.create_default_formatter())
            lib.logging.set_verbosity(lib.logging.INFO if logged else lib.logging.WARNING)
            lib.logging.disable_default_handler()
            logging.getLogger(lib.__name__).handlers = [handler]
        yield


def seconds(lib: Any, objective: Objective, n_jobs: int, trials: int) -> float:
    """Return the time of one study."""
    study = lib.create_study(sampler=lib.samplers.RandomSampler(seed=1), pruner=lib.pruners.NopPruner())
    gc.collect()
    start = time.perf_counter()
    study.optimize(objective, n_trials=trials, n_jobs=n_jobs)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--trials", type=int, default=3000, help="trials of each study")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument(
        "--rows", nargs="*", default=list(ROWS), choices=list(ROWS), metavar="ROW", help="of: %(choices)s"
    )
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    print(f"{'':28s} {'Optuna ' + optuna.__version__:>18s} {'sweeper_core':>18s}   ratio")
    for row in options.rows:
        objective, n_jobs, logged = ROWS[row]
        best = {optuna: float("inf"), sweeper_core: float("inf")}
        with log_lines(logged):
            for _ in range(options.rounds):
                for lib in best:
                    best[lib] = min(best[lib], seconds(lib, objective, n_jobs, options.trials))
        peer, ours = (options.trials / best[lib] for lib in (optuna, sweeper_core))
        print(f"{row:28s} {peer:11,.0f} trials/s {ours:11,.0f} trials/s   {ours / peer:.1f} x", flush=True)


if __name__ == "__main__":
    main()
