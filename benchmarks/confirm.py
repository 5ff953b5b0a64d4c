"""How good the announced winner of a noisy sweep is, and whether its stated interval holds.

    python benchmarks/confirm.py                       10 tasks x 20 seeds x 3 levels of noise,
    python benchmarks/confirm.py --seeds 2 --tasks own a quick look

Each simulated sweep runs in this process, without Hydra. All arms have the same total of runs:

=============  ====================================================================================================
observed       all runs are the search's; the winner is the best observed trial
expected       the same search; the winner is the trial that the model expects to be the best
confirmed      a search of ``trials - top x fresh`` runs, then the race of the ``top`` trials that the model expects to
               be the best, with its expectations as a prior, and ``fresh`` fresh values
no prior       the same, without the prior
plain          the same, of the ``top`` best observed trials
least          the trial of the whole search with the best true value: no choice among its trials can do better
least of n     the same of the first n trials, which leave runs for the race
=============  ====================================================================================================

The noise is normal, with a standard deviation of ``--noise`` times the spread of the best decile: the distance from the
best to the 10 % quantile of 1,500 random points. *Regret* is the winner's true value above the best value known.
Reported, for each level of noise: the ratio of each arm's mean regret to that of ``observed``, for each task and as
geometric mean over the tasks, with a bootstrap interval (95 %) over seeds; the share of sweeps in which the stated
90 % interval has the winner's true value; and how many of the runs of the race were used.
"""

# ruff: noqa: E402 (the number of threads has to be set before NumPy is imported)

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
sys.path.insert(0, str(Path(__file__).resolve().parent))

import numpy as np
from analytic import branin, hartmann6
from quality import stable
from quality_tasks import Function, Task, all_tasks

import sweeper_core as hpo
from sweeper_core.directions import StudyDirection
from sweeper_core.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from sweeper_core.samplers import AutoSampler, GPSampler, TPESampler
from sweeper_core.samplers._lattice import complete
from sweeper_core.search_space.space import Clause, Parameter, SearchSpace
from sweeper_core.storages import InMemoryStorage
from sweeper_core.study._session.session import Session
from sweeper_core.study.confirm import Confirmation, Confirming, best_candidates, confirming_session
from sweeper_core.study.expected import Expectation, expectation
from sweeper_core.trial.state import TrialState

SUITE = ("bbob-f8-5d", "bbob-f17-5d", "bbob-f21-5d", "bbob-f1-10d", "mixint-f8-5d", "mixint-f21-5d")
RANDOM_POINTS = 1500
DECILE = 0.1
SAMPLERS = {"auto": AutoSampler, "gp": GPSampler, "tpe": TPESampler}


# ------------------------------------------------------------------------------------------------------- tasks


def own_tasks() -> Iterator[Task]:
    """Yield analytic tasks: smooth, rugged, mixed, and conditional."""
    cube = {f"x{i}": FloatDistribution(0.0, 1.0) for i in range(6)}
    yield Function("own", "hartmann6", SearchSpace.of(cube), _hartmann6, -3.32237)
    plane = {"a": FloatDistribution(-5.0, 10.0), "b": FloatDistribution(0.0, 15.0)}
    yield Function("own", "branin", SearchSpace.of(plane), _branin, 0.397887)
    mixed = {
        "lr": FloatDistribution(1e-5, 1.0, log=True),
        "width": IntDistribution(8, 512, log=True),
        "depth": IntDistribution(1, 8),
        "act": CategoricalDistribution(["relu", "tanh", "gelu"]),
        "drop": FloatDistribution(0.0, 0.8),
    }
    yield Function("own", "mixed", SearchSpace.of(mixed), _mixed)
    when = {name: (Clause("model", "in", (name,)),) for name in ("svm", "tree")}
    conditional = [
        Parameter("model", CategoricalDistribution(["svm", "tree"])),
        Parameter("C", FloatDistribution(1e-3, 1e3, log=True), when=when["svm"]),
        Parameter("gamma", FloatDistribution(1e-4, 10.0, log=True), when=when["svm"]),
        Parameter("depth", IntDistribution(1, 20), when=when["tree"]),
        Parameter("leaf", IntDistribution(1, 50, log=True), when=when["tree"]),
    ]
    yield Function("own", "conditional", SearchSpace(conditional), _conditional)


def _hartmann6(params: dict[str, Any]) -> float:
    return hartmann6(np.array([params[f"x{i}"] for i in range(6)]))


def _branin(params: dict[str, Any]) -> float:
    return branin(params["a"], params["b"])


def _mixed(params: dict[str, Any]) -> float:
    lr, width = np.log10(params["lr"]), np.log2(params["width"])
    shift = {"relu": 0.0, "tanh": 0.15, "gelu": -0.03}[params["act"]]
    steep = 0.15 * (lr + 3.0 + 0.1 * params["depth"]) ** 2
    return float(
        np.tanh(steep)
        + 0.02 * (width - 7) ** 2
        + 0.03 * (params["depth"] - 4) ** 2
        + shift
        + (params["drop"] - 0.2) ** 2
    )


def _conditional(params: dict[str, Any]) -> float:
    if params["model"] == "svm":
        return float(1 - np.exp(-0.3 * (np.log10(params["C"]) - 1) ** 2 - 0.4 * (np.log10(params["gamma"]) + 2) ** 2))
    return float(0.15 + 0.004 * (params["depth"] - 9) ** 2 + 0.1 * (np.log10(params["leaf"]) - 0.7) ** 2)


def tasks_of(names: Sequence[str]) -> list[Task]:
    """Return the tasks named: ``own``, ``suite`` or single names."""
    suite = [] if names == ["own"] else [task for task in all_tasks(("bbob", "mixint"), None) if task.name in SUITE]
    known = [*suite, *own_tasks()]
    return [task for task in known if {task.name, "own" if task.group == "own" else "suite"} & set(names)]


# ------------------------------------------------------------------------------------------------------ sweeps


@cache
def facts_of(task: Task) -> tuple[float, float]:
    """Return the best value known of random points and of the task itself, and the spread of the best decile."""
    rng = np.random.default_rng(stable("confirm", task.name))
    scores = [task.score(complete(task.space, {}, rng))[0] for _ in range(RANDOM_POINTS)]
    least = float(np.min(scores))
    return least if task.best is None else min(least, task.best), float(np.quantile(scores, DECILE)) - least


class Search:
    """A search by noisy runs, which may go on."""

    def __init__(self, task: Task, sampler: str, seed: int, noise_std: float) -> None:
        hpo.logging.set_verbosity(hpo.logging.ERROR)
        storage = InMemoryStorage()
        study = storage.create_or_open_study("search", [StudyDirection.MINIMIZE], exist_ok=False)
        self.session = Session.open(storage, study, SAMPLERS[sampler](seed=seed))
        self._task, self._noise_std = task, noise_std
        self._noise = np.random.default_rng([stable(task.name), seed, 2])

    def until(self, n_trials: int) -> Session:
        """Run until there are so many trials, and return the session."""
        while self.session.log.n_configurations < n_trials:
            started = self.session.start(self._task.space)
            assert started is not None
            value = self._task.score(started.params)[0] + self._noise_std * self._noise.normal()
            self.session.finish(started.number, TrialState.COMPLETE, [value])
            self.session.log.sync()
        return self.session


def simulate(task: Task, options: argparse.Namespace, level: float, seed: int) -> dict[str, Any]:
    """Return one sweep's results by arm: true value of the winner, and its interval."""
    best, spread = facts_of(task)
    noise_std = level * spread
    search = Search(task, options.sampler, seed, noise_std)
    found_by = {}
    kinds = (("confirmed", task.space, True), ("no prior", task.space, False), ("plain", None, False))
    for fresh in sorted(options.fresh, reverse=True):
        shorter = search.until(options.trials - options.top * fresh)  # no sampler knows how many trials there will be
        for arm, space, prior in kinds:
            if arm in options.arms:
                rng = np.random.default_rng([stable(task.name), seed, 3])
                found_by[f"{arm} {options.top}x{fresh}"] = confirmed(
                    task,
                    shorter,
                    options.top,
                    fresh,
                    space,
                    prior,
                    lambda true, rng=rng: true + noise_std * rng.normal(),
                )
    study = search.until(options.trials)
    true = [task.score(record.params)[0] for record in study.log.configurations]
    row: dict[str, Any] = {"task": task.name, "level": level, "seed": seed, "best": min(best, *true), "spread": spread}
    row["observed"] = {"true": true[study.log.best().number]}
    row |= {"least": {"true": min(true)}}
    for fresh in options.fresh:
        count = options.trials - options.top * fresh
        row[f"least of {count}"] = {"true": min(true[:count])}
    found = expectation(study.log.history(), task.space)
    if isinstance(found, Expectation):
        row["expected"] = {
            "true": true[found.number],
            "interval": found.intervals[0].tolist(),
            "best": float(found.best[0]),
        }
    row |= found_by
    row["best"] = min([row["best"], *(one["true"] for one in found_by.values())])
    return row


def confirmed(
    task: Task, search: Session, top: int, fresh: int, space: SearchSpace | None, prior: bool, measured: Any
) -> dict[str, Any]:
    """Return what a confirmation of a search says, and the truth of it."""

    def run(params: dict[str, Any]) -> float:
        return float(measured(task.score(params)[0]))

    result = race(search, run, list(range(fresh)), top, space, prior)
    assert result.winner is not None
    estimate = result.estimates[result.winner.number]
    best = min(result.candidates, key=lambda one: task.score(one.record.params)[0]).number
    return {
        "true": task.score(result.winner.record.params)[0],
        "interval": list(estimate.interval),
        "best": estimate.best,
        "runs": result.n_runs,
        "right": result.winner.number == best,
    }


def race(
    session: Session, run: Any, seeds: list[int], top: int, space: SearchSpace | None, prior: bool
) -> Confirmation:
    """Confirm, as :func:`sweeper_core.study.confirm.confirm` does, in a study that is deleted afterwards."""
    candidates, belief = best_candidates(session, top, space, len(seeds))
    runs = confirming_session(session.storage, session.study)
    confirming = Confirming(runs, "search", candidates, "seed", seeds, belief=belief if prior else None)
    while (started := confirming.next()) is not None:
        runs.finish(started.number, TrialState.COMPLETE, [run(started.params)])
    state = confirming.state()
    session.storage.delete_study(runs.study.study_id)
    return state


# ----------------------------------------------------------------------------------------------------- figures


def regrets(rows: list[dict[str, Any]], arm: str) -> np.ndarray:
    """Return the regrets of an arm."""
    return np.array([row[arm]["true"] - row["best"] for row in rows])


def ratio(by_task: list[list[dict[str, Any]]], arm: str, pick: Callable[[int], Any]) -> float:
    """Return the geometric mean over tasks of the ratio of mean regrets to those of the best observed trials."""
    logs = []
    for rows in by_task:
        chosen = [rows[i] for i in pick(len(rows))]
        floor = 1e-3 * chosen[0]["spread"]
        logs.append(np.log((regrets(chosen, arm).mean() + floor) / (regrets(chosen, "observed").mean() + floor)))
    return float(np.exp(np.mean(logs)))


def report(rows: list[dict[str, Any]]) -> None:
    """Print the tables."""
    for level in sorted({row["level"] for row in rows}, reverse=True):
        here = [row for row in rows if row["level"] == level]
        print(f"\nnoise {level:g} x spread of the best decile: {len(here)} sweeps")
        kinds = {key: None for row in here for key in row if isinstance(row[key], dict) and key != "observed"}
        for arm in kinds:
            known = [row for row in here if arm in row]
            if not known:
                continue
            by_task = [[row for row in known if row["task"] == name] for name in sorted({row["task"] for row in known})]
            rng = np.random.default_rng(0)
            draws = [ratio(by_task, arm, lambda n, rng=rng: rng.integers(n, size=n)) for _ in range(500)]
            low, high = np.quantile(draws, [0.025, 0.975])
            tasks = ", ".join(f"{part[0]['task']} {ratio([part], arm, range):.2f}" for part in by_task)
            print(f"  {arm:13s} regret ratio {ratio(by_task, arm, range):.2f} [{low:.2f}, {high:.2f}]  ({tasks})")
            if arm.startswith("least"):
                continue
            covers = [row[arm]["interval"][0] <= row[arm]["true"] <= row[arm]["interval"][1] for row in known]
            print(f"            90 % interval covers the true value in {100 * np.mean(covers):.1f} % of {len(known)}")
            if arm != "expected":
                told, right = (np.mean([row[arm][key] for row in known]) for key in ("best", "right"))
                print(
                    f"            told to be the best of the candidates: {told:.2f}, was: {right:.2f}; "
                    f"runs {np.mean([row[arm]['runs'] for row in known]):.1f}"
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", nargs="+", default=["own", "suite"])
    parser.add_argument("--noise", nargs="+", type=float, default=[1.0, 0.3, 0.1])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--top", type=int, default=5)
    parser.add_argument("--fresh", nargs="+", type=int, default=[5, 2], help="fresh values, one race for each number")
    parser.add_argument("--sampler", default="tpe")
    parser.add_argument("--arms", nargs="+", default=["confirmed", "plain", "no prior"])
    parser.add_argument("--output", type=Path, help="JSON lines; what is in the file is not run again")
    options = parser.parse_args()
    rows = []
    if options.output is not None and options.output.exists():
        rows = [json.loads(line) for line in options.output.read_text().splitlines()]
    done = {(row["task"], row["level"], row["seed"]) for row in rows}
    begun = time.process_time()
    for seed in range(options.seeds):
        for task in tasks_of(options.tasks):
            for level in options.noise:
                if (task.name, level, seed) not in done:
                    rows.append(simulate(task, options, level, seed))
                    if options.output is not None:
                        with options.output.open("a") as file:
                            file.write(json.dumps(rows[-1]) + "\n")
    print(f"{time.process_time() - begun:.0f} s of CPU")
    report(rows)


if __name__ == "__main__":
    main()
