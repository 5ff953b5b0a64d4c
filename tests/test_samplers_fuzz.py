"""Random programs over all samplers: whatever is asked for, and whatever becomes of trials, they keep on suggesting.

Each program is a search space of odd parameters, some under conditions, and an objective that fails, prunes, returns
NaN and infinities, and has constraints and several objectives. ``SWEEPER_FUZZ`` sets how many there are (of 2,000).
"""

from __future__ import annotations

import math
import os
import random
import warnings
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sweeper_core
from sweeper_core.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from sweeper_core.exceptions import TrialPruned
from sweeper_core.samplers import (
    AutoSampler,
    BruteForceSampler,
    CmaEsSampler,
    GPSampler,
    GridSampler,
    NSGAIIISampler,
    NSGAIISampler,
    PartialFixedSampler,
    QMCSampler,
    RandomSampler,
    TPESampler,
)
from sweeper_core.trial.state import TrialState

PROGRAMS = int(os.environ.get("SWEEPER_FUZZ", "2000"))
CHUNKS = 20


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Write no line for each of thousands of trials."""
    before = sweeper_core.logging.get_verbosity()
    sweeper_core.logging.set_verbosity(sweeper_core.logging.CRITICAL)
    yield
    sweeper_core.logging.set_verbosity(before)


FINITE: list[Callable[[random.Random], BaseDistribution]] = [
    lambda r: IntDistribution(low := r.randint(-5, 5), low + r.randint(0, 6)),
    lambda r: IntDistribution(1, r.choice([1, 2, 3, 9]), log=True),
    lambda r: IntDistribution(-6, 6, step=r.choice([2, 3, 4])),
    lambda r: FloatDistribution(0.2, 0.3, step=0.1),
    lambda r: FloatDistribution(-1.0, 1.0, step=r.choice([0.25, 0.5, 1.0])),
    lambda r: FloatDistribution(1e8, 1e8 + 0.5, step=0.1),
    lambda r: FloatDistribution(0.5, 0.5),
    lambda r: CategoricalDistribution(r.sample(["a", None, 1, True, 1.0, [1, "2"], {"d": 1}, "b"], r.randint(1, 5))),
]
INFINITE: list[Callable[[random.Random], BaseDistribution]] = [
    lambda r: FloatDistribution(0.0, 1.0),
    lambda r: FloatDistribution(-1e-9, 1e-9),
    lambda r: FloatDistribution(1e8, 1e8 + 1e-6),
    lambda r: FloatDistribution(-1.7e308, 1.7e308),
    lambda r: FloatDistribution(0.0, 5e-324),
    lambda r: FloatDistribution(1e-300, 1e300, log=True),
    lambda r: FloatDistribution(1e-5, 1e-1, log=True),
    lambda r: FloatDistribution(1.0, 1.0 + 2**-50, log=True),
    lambda r: FloatDistribution(0.0, 1e6, step=0.01),
    lambda r: FloatDistribution(0.0, 1e300, step=1e290),
    lambda r: IntDistribution(1, 2**53, log=True),
    lambda r: IntDistribution(-(2**53), 2**53),
    lambda r: IntDistribution(1, 5000, log=True),
    lambda r: IntDistribution(0, 7 * 10**5, step=7),
]
SAMPLERS: dict[str, Callable[[int, random.Random], Any]] = {
    "random": lambda seed, r: RandomSampler(seed=seed),
    "tpe": lambda seed, r: TPESampler(
        seed=seed, n_startup_trials=r.randint(0, 6), multivariate=r.random() < 0.5, constant_liar=r.random() < 0.5
    ),
    "cmaes": lambda seed, r: CmaEsSampler(
        seed=seed,
        n_startup_trials=r.randint(0, 3),
        popsize=4,
        restart_strategy=r.choice([None, "ipop", "bipop"]),
        use_separable_cma=r.random() < 0.2,
    ),
    "nsga2": lambda seed, r: NSGAIISampler(seed=seed, population_size=r.randint(3, 8)),
    "nsga3": lambda seed, r: NSGAIIISampler(seed=seed, population_size=r.randint(3, 8)),
    "qmc": lambda seed, r: QMCSampler(seed=seed, qmc_type=r.choice(["sobol", "halton"]), scramble=r.random() < 0.5),
    "gp": lambda seed, r: GPSampler(
        seed=seed, n_startup_trials=r.randint(1, 6), deterministic_objective=r.random() < 0.3
    ),
    "auto": lambda seed, r: AutoSampler(seed=seed),
    "partial": lambda seed, r: PartialFixedSampler({"p0": 1}, TPESampler(seed=seed, n_startup_trials=3)),
    "brute": lambda seed, r: BruteForceSampler(seed=seed),
    "grid": lambda seed, r: GridSampler(seed=seed),
}
COSTLY = {"gp", "auto"}
WHOLE = {"grid", "partial"}  # asked on spaces that are known and without conditions


@dataclass(frozen=True)
class Program:
    """A search space, a sampler and an objective, all of which follow from the number."""

    number: int
    sampler: str
    objectives: int
    trials: int
    threads: int
    constrained: bool
    together: bool
    parameters: tuple[tuple[str, BaseDistribution, str | None], ...]  # with the parent whose hash decides

    @classmethod
    def of(cls, number: int) -> Program:
        r = random.Random(number)
        names = list(SAMPLERS)
        sampler = names[number % len(names)]
        kinds = FINITE if sampler in {"brute", "grid"} else FINITE + INFINITE
        parameters: list[tuple[str, BaseDistribution, str | None]] = []
        for place in range(r.randint(1, 3 if sampler in {"brute", "grid"} else 6)):
            parent = f"p{r.randrange(place)}" if place and sampler not in WHOLE and r.random() < 0.35 else None
            parameters.append((f"p{place}", r.choice(kinds)(r), parent))
        if sampler == "partial":
            parameters[0] = ("p0", IntDistribution(0, 3), None)
        conditional = any(parent for *_, parent in parameters)
        return cls(
            number,
            sampler,
            1 if sampler == "cmaes" else r.choice([1, 1, 1, 2, 3]),
            r.randint(6, 11) if sampler in COSTLY else r.randint(6, 30),
            2 if r.random() < 0.1 else 1,
            r.random() < 0.3,
            not conditional and (sampler in WHOLE or r.random() < 0.3),
            tuple(parameters),
        )

    def chance(self, *what: Any) -> float:
        """Return a number in [0, 1) that depends on the program and on ``what`` alone."""
        return zlib.crc32(repr((self.number, what)).encode()) / 2**32

    def suggest(self, trial: Any) -> dict[str, Any]:
        params: dict[str, Any] = {}
        for name, distribution, parent in self.parameters:
            if parent is not None and (parent not in params or self.chance(name, params[parent]) < 0.4):
                continue
            params[name] = suggest(trial, name, distribution)
            if self.chance("early", trial.number, name) < 0.04:
                raise RuntimeError("early end")
        return params

    def objective(self, trial: Any) -> float | list[float]:
        params = self.suggest(trial)
        kind = self.chance("end", trial.number)
        if kind < 0.08:
            raise RuntimeError("failed")
        if kind < 0.14 and self.objectives == 1:
            trial.report([1.0, math.nan, math.inf, -1e300][trial.number % 4], 0)
            raise TrialPruned
        if self.constrained:
            trial.set_user_attr("c", [self.chance("c", trial.number) - 0.5, 1e300, 0.0][trial.number % 3])
        odd = [math.nan, math.inf, -math.inf, 1e308, -1e308, 1e-320, 0.0][trial.number % 7]
        point = sorted(map(repr, params.items()))
        values = [
            odd if self.chance("odd", trial.number, m) < 0.15 else self.chance("value", point, m)
            for m in range(self.objectives)
        ]
        return values if self.objectives > 1 else values[0]

    def run(self, storage: str | None = None, threads: int | None = None) -> list[tuple[Any, ...]]:
        """Return the trials' states and parameters."""
        sampler = SAMPLERS[self.sampler](self.number, random.Random(self.number))
        if self.constrained and hasattr(sampler, "constraints_func") and self.sampler != "partial":
            sampler.constraints_func = lambda trial: [trial.user_attrs.get("c", 1.0)]
        study = sweeper_core.create_study(
            sampler=sampler, storage=storage, directions=["minimize", "maximize", "minimize"][: self.objectives]
        )
        with warnings.catch_warnings(), np.errstate(all="raise"):
            warnings.simplefilter("error")
            if self.together:
                self.ask_together(study)
            else:
                study.optimize(self.objective, self.trials, n_jobs=threads or self.threads, catch=(RuntimeError,))
        return [(trial.number, trial.state, repr(trial.params)) for trial in self.checked(study)]

    def ask_together(self, study: Any) -> None:
        """Ask for all parameters at once, two trials at a time."""
        distributions = {name: distribution for name, distribution, _ in self.parameters}
        for _ in range(self.trials // 2):
            for trial in [study.ask(distributions), study.ask(distributions)]:
                try:
                    values = self.objective(trial)
                except TrialPruned:
                    study.tell(trial, state=TrialState.PRUNED)
                except RuntimeError:
                    study.tell(trial, state=TrialState.FAIL)
                else:
                    known = not np.isnan(values).any()  # NaN is told with a warning
                    study.tell(trial, values if known else None, state=None if known else TrialState.FAIL)

    def checked(self, study: Any) -> list[Any]:
        """Return the trials, all of them finished, with values of their distributions."""
        for trial in study.trials:
            assert trial.state.is_finished()
            for name, value in trial.params.items():
                distribution = trial.distributions[name]
                assert distribution.contains(value), f"{name}={value!r} is none of {distribution}"
                axis = distribution.axis
                if axis.first > axis.low:  # there are doubles between the ends
                    assert axis.low < value < axis.high
        return list(study.trials)


def suggest(trial: Any, name: str, distribution: BaseDistribution) -> Any:
    if isinstance(distribution, CategoricalDistribution):
        return trial.suggest_categorical(name, distribution.choices)
    assert isinstance(distribution, (FloatDistribution, IntDistribution))
    ask = trial.suggest_int if isinstance(distribution, IntDistribution) else trial.suggest_float
    return ask(name, distribution.low, distribution.high, step=distribution.step, log=distribution.log)


def check(number: int, folder: Path) -> None:
    program = Program.of(number)
    trials = program.run(threads=program.threads)
    if program.threads == 1:
        assert program.run() == trials, "not reproducible"
    if number % 25 == 0:
        storages = [f"sqlite:///{folder}/{number}.db", f"journal:///{folder}/{number}.log"]
        first, second = (program.run(storage, threads=1) for storage in storages)
        assert first == second
        if program.threads == 1:
            assert first == trials, "another storage, other suggestions"


def test_a_few_programs(tmp_path: Path) -> None:
    for number in range(len(SAMPLERS)):
        check(number, tmp_path)


@pytest.mark.slow
@pytest.mark.storm
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_many_programs(chunk: int, tmp_path: Path) -> None:
    failed: dict[str, str] = {}
    for number in range(chunk, PROGRAMS, CHUNKS):
        try:
            check(number, tmp_path)
        except Exception as error:
            failed[f"{number} ({Program.of(number).sampler})"] = f"{type(error).__name__}: {str(error)[:200]}"
    assert not failed
