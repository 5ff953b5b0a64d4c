"""When a study stops by ``expected_gain``, and what is lost by it; and what a space that is widened later costs.

    python benchmarks/stopping.py                                   the subset of the public suite, 200 trials possible
    python benchmarks/stopping.py --seeds 5 --share 0.01 0.02 0.05  more seeds, several thresholds
    python benchmarks/stopping.py --optuna --only tables --seeds 1   beside Optuna's terminator (slow)
    python benchmarks/stopping.py --widened                         widened after 30 trials, beside wide from the start

The tasks are those of ``quality.py`` with one objective; all runs begin with the same ten random points. The *gain* is
the noise-free score of the leader after ten trials minus that at the end. *Used* is the share of the trials that have
run when the study stops; *kept* the share of the full run's gain that it has by then. A rule sees the values with their
noise, and is checked after every trial. ``--runs FILE`` keeps the full runs, which take most of the time.

Optuna's terminator (``pip install optuna==4.5.0 torch``) is its default improvement (``RegretBoundEvaluator``) with
``MedianErrorEvaluator`` beside it, since these tasks have no cross-validation scores; it is checked after every tenth
trial.
"""

# The number of threads has to be set before the imports that heed it.
# ruff: noqa: E402

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

import numpy as np
from quality import FLOOR, INITIAL, reference_of, stable
from quality_tasks import Task, all_tasks, subset

from sweeper_core import samplers
from sweeper_core.directions import StudyDirection
from sweeper_core.distributions import FloatDistribution
from sweeper_core.samplers._lattice import complete
from sweeper_core.search_space.space import SearchSpace
from sweeper_core.stopping import StopCheck, StopRule
from sweeper_core.testing.simulation import Simulation, record_of
from sweeper_core.trial.history import History, TrialTable

GROUPS = ("tables", "bbob", "mixint", "conditional")
N_TRIALS = 200
WIDENED_AT, ENOUGH = 30, 100

Run = dict[str, Any]


def full_run(task: Task, seed: int, sampler: str) -> Run:
    """Return points, values and scores of a run of all trials."""
    start = np.random.default_rng([stable(task.name), seed])
    noise = np.random.default_rng([stable(task.name), seed, 1])
    initial = [complete(task.space, {}, start) for _ in range(INITIAL)]
    simulation = Simulation(getattr(samplers, sampler)(seed=seed), task.space, seed=seed, budget=N_TRIALS)
    run: Run = {"task": task.name, "seed": seed, "params": [], "values": [], "scores": []}
    for number in range(N_TRIALS):
        _, params = simulation.ask(initial[number] if number < INITIAL else None)
        value = task.evaluate(params, noise)
        simulation.tell(number, value)
        run["params"].append({key: getattr(x, "item", lambda x=x: x)() for key, x in params.items()})
        run["values"].append(float(value[0]))
        run["scores"].append(float(task.score(params)[0]))
    return run


def runs_of(tasks: list[Task], options: argparse.Namespace) -> Iterator[tuple[Task, Run]]:
    """Yield the full runs: those that are kept, and the missing ones."""
    lines = options.runs.read_text().splitlines() if options.runs and options.runs.exists() else []
    known = {(run["task"], run["seed"]): run for run in map(json.loads, lines)}
    for seed in range(options.seeds):
        for task in tasks:
            run = known.get((task.name, seed))
            if run is None and options.kept:
                continue
            if run is None:
                run = full_run(task, seed, options.sampler)
                if options.runs:
                    with open(options.runs, "a") as file:
                        file.write(json.dumps(run) + "\n")
            yield task, run


def histories(space: SearchSpace, run: Run) -> Iterator[History]:
    """Yield the history after each trial."""
    table = TrialTable([StudyDirection.MINIMIZE])
    for number, (params, value) in enumerate(zip(run["params"], run["values"], strict=True)):
        table.fold([record_of(number, space, params, values=[value])])
        yield table.history()


def stopped_at(space: SearchSpace, run: Run, shares: list[float]) -> dict[float, int]:
    """Return after how many trials the study stops, for each threshold."""
    checks = {share: StopCheck(StopRule(expected_gain=share), [StudyDirection.MINIMIZE]) for share in shares}
    found: dict[float, int] = {}
    for number, history in enumerate(histories(space, run), 1):
        for share in set(shares) - set(found):
            if number < N_TRIALS and checks[share].reason(history, space, N_TRIALS - number) is not None:
                found[share] = number
        if len(found) == len(shares):
            break
    return {share: found.get(share, N_TRIALS) for share in shares}


def optuna_stops_at(space: SearchSpace, run: Run) -> int:
    """Return after how many trials Optuna's terminator stops."""
    import optuna.terminator

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study()
    improvement = optuna.terminator.RegretBoundEvaluator(seed=0)
    terminator = optuna.terminator.Terminator(improvement, optuna.terminator.MedianErrorEvaluator(improvement))
    kinds = {"FloatDistribution": optuna.distributions.FloatDistribution}
    kinds["IntDistribution"] = optuna.distributions.IntDistribution
    for number, (params, value) in enumerate(zip(run["params"], run["values"], strict=True), 1):
        distributions = {}
        for name in params:
            one = space[name].distribution
            make = kinds.get(type(one).__name__)
            distributions[name] = (
                make(**one._asdict()) if make else optuna.distributions.CategoricalDistribution(one.choices)
            )
        study.add_trial(optuna.create_trial(params=params, distributions=distributions, value=value))
        if number % 10 == 0 and number < N_TRIALS and terminator.should_terminate(study):
            return number
    return N_TRIALS


def kept(run: Run, count: int) -> float:
    """Return the share of the full run's gain that there was after some trials; 1 where there was nothing to gain."""
    values, scores = np.array(run["values"]), np.array(run["scores"])
    after = [float(scores[int(np.argmin(values[:end]))]) for end in (INITIAL, count, N_TRIALS)]
    gain = after[0] - after[2]
    return (after[0] - after[1]) / gain if gain > 0 else 1.0


def stopping(tasks: list[Task], options: argparse.Namespace) -> None:
    """Print how early the rules stop, and what they keep."""
    rows: dict[str, list[tuple[float, float]]] = {}
    for task, run in runs_of(tasks, options):
        ends = {f"expected_gain={share:g}": at for share, at in stopped_at(task.space, run, options.share).items()}
        if options.optuna:
            ends["optuna"] = optuna_stops_at(task.space, run)
        for rule, at in ends.items():
            rows.setdefault(rule, []).append((at / N_TRIALS, kept(run, at)))
        print(
            f"  {task.name} {run['seed']}",
            *(f"{rule} {at} ({kept(run, at):.4f})" for rule, at in ends.items()),
            flush=True,
        )
    for rule, found in rows.items():
        used, shares = np.array(found).T
        print(
            f"{rule}: {len(found)} runs, used {np.median(used):.3f} (median; mean {used.mean():.3f}), kept "
            f"{np.median(shares):.4f} (median), below 95 % in {np.mean(shares < 0.95):.1%} of the runs"
        )


def widened(tasks: list[Task], options: argparse.Namespace) -> None:
    """Print the regret after ``ENOUGH`` trials of spaces that were widened, beside those that were wide at once."""
    ratios = []
    for task in tasks:
        narrow = narrowed(task.space)
        if narrow is None or task.best is None:
            continue
        median, _ = reference_of(task)
        for seed in range(options.seeds):
            logs = []
            for first in (narrow, task.space):
                simulation = Simulation(getattr(samplers, options.sampler)(seed=seed), first, seed=seed, budget=ENOUGH)
                for number in range(ENOUGH):
                    simulation.space = first if number < WIDENED_AT else task.space
                    _, params = simulation.ask()
                    simulation.tell(number, task.score(params))
                best = float(np.min(simulation.history.values[:, 0]))
                logs.append(np.log10(max((best - task.best) / max(median - task.best, 1e-300), FLOOR)))
            ratios.append(logs[0] - logs[1])
            print(f"  {task.name} {seed} widened {10 ** logs[0]:.4f} wide {10 ** logs[1]:.4f}", flush=True)
    if ratios:
        print(
            f"widened after {WIDENED_AT}: regret after {ENOUGH} is {10 ** np.mean(ratios):.3f} x ({len(ratios)} runs)"
        )


def narrowed(space: SearchSpace) -> SearchSpace | None:
    """Return a space whose ranges are the upper half of each; None where not all are continuous numbers."""
    found = {}
    for parameter in space:
        one = parameter.distribution
        if not isinstance(one, FloatDistribution) or one.log:
            return None
        found[parameter.name] = FloatDistribution((one.low + one.high) / 2, one.high)
    return SearchSpace.of(found)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--share", type=float, nargs="+", default=[0.01])
    parser.add_argument("--sampler", default="AutoSampler")
    parser.add_argument("--only", default="", help="part of the tasks' names")
    parser.add_argument("--all", action="store_true", help="all tasks instead of the subset")
    parser.add_argument("--runs", type=Path, help="file in which the full runs are kept")
    parser.add_argument("--kept", action="store_true", help="take only the runs that are kept")
    parser.add_argument("--optuna", action="store_true")
    parser.add_argument("--widened", action="store_true")
    options = parser.parse_args()
    tasks = [task for task in all_tasks(GROUPS, None) if task.objectives == 1]
    tasks = [task for task in (tasks if options.all else subset(tasks)) if options.only in task.name]
    (widened if options.widened else stopping)(tasks, options)


if __name__ == "__main__":
    main()
