"""The contenders of the benchmark of schedulers: this project's, Optuna's in this process, and other peers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from json_lines import process_of
from multi_fidelity_peer import PEERS as OTHERS
from multi_fidelity_tasks import space_of

import sweeper_core
from sweeper_core import pruners, samplers, schedulers
from sweeper_core.samplers.base import Request, Sampler, Suggestion
from sweeper_core.trial.history import History

try:
    import optuna
except ImportError:
    optuna = None

Job = tuple[Any, Mapping[str, Any], int | None]


class Contender:
    """One optimiser at work on one task."""

    def ask(self) -> Job:
        """Return a configuration's key and point, and the number of steps until which it runs, if known.

        A key that was asked before is to be continued.
        """
        raise NotImplementedError

    def report(self, key: Any, step: int, value: float) -> bool:
        """Take the value after a step, which counts from 1; return whether the configuration goes on."""
        raise NotImplementedError


class Moved(Sampler):
    """A sampler whose suggestions are moved to the rows of a table."""

    def __init__(self, inner: Sampler, snap: Callable[[Mapping[str, Any]], dict[str, Any]]) -> None:
        super().__init__(inner.seed)
        self._inner, self._snap = inner, snap

    def suggest(self, request: Request, history: History, rng: np.random.Generator) -> Suggestion:
        """Return the row nearest to the inner sampler's suggestion."""
        suggestion = self._inner.suggest(request, history, rng)
        return Suggestion(self._snap(suggestion.params), suggestion.origin)


class Asked(Contender):
    """A study that is asked and told, this project's or Optuna's."""

    def __init__(self, library: Any, study: Any, task: Any) -> None:
        self._states = library.trial.TrialState
        self._study, self._steps = study, task.steps
        self._space = space_of(library.distributions, task)
        self._running: dict[Any, Any] = {}
        self._keys: dict[Any, Any] = {}

    def ask(self) -> Job:
        trial = self._study.ask(self._space)
        point = tuple(trial.params.items())
        key = self._keys[point] if getattr(trial, "first_step", 0) else trial.number
        self._keys[point] = key
        self._running[key] = trial
        return key, trial.params, None

    def report(self, key: Any, step: int, value: float) -> bool:
        trial = self._running[key]
        trial.report(value, step - 1)
        if step < self._steps:
            if not trial.should_prune():
                return True
            self._study.tell(trial, state=self._states.PRUNED)
        elif math.isfinite(value):
            self._study.tell(trial, value)
        else:
            self._study.tell(trial, state=self._states.FAIL)
        return False


def own(sampler: str, pruner: Any, scheduler: Callable[[int], Any] | None, task: Any, seed: int) -> Contender:
    """Return a study of this project's."""
    sweeper_core.logging.set_verbosity(sweeper_core.logging.ERROR)
    inner = getattr(samplers, sampler)(seed=seed)
    more = {} if scheduler is None else {"scheduler": scheduler(task.steps)}
    study = sweeper_core.create_study(
        sampler=inner if task.snap is None else Moved(inner, task.snap), pruner=pruner or pruners.NopPruner(), **more
    )
    return Asked(sweeper_core, study, task)


def moved_tpe(space: Mapping[str, Any], snap: Any, seed: int) -> Any:
    """Return Optuna's TPE with suggestions moved to the rows of a table; parameters are drawn as by default."""

    class MovedTpe(optuna.samplers.TPESampler):  # type: ignore[misc, name-defined]
        def infer_relative_search_space(self, study: Any, trial: Any) -> Any:
            return dict(space)

        def sample_relative(self, study: Any, trial: Any, search_space: Any) -> Any:
            drawn = {name: self.sample_independent(study, trial, name, it) for name, it in search_space.items()}
            return snap(drawn)

    return MovedTpe(seed=seed)


def optunas(pruner: Callable[[int], Any], task: Any, seed: int) -> Contender:
    """Return a study of Optuna's with its TPE."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    moved = task.snap is not None
    space = space_of(optuna.distributions, task)
    sampler = moved_tpe(space, task.snap, seed) if moved else optuna.samplers.TPESampler(seed=seed)
    return Asked(optuna, optuna.create_study(sampler=sampler, pruner=pruner(task.steps)), task)


class Other(Contender):
    """A peer in another interpreter: ``multi_fidelity_peer.py``, spoken to in lines of JSON."""

    def __init__(self, name: str, task: Any, seed: int) -> None:
        if name not in PYTHONS:
            raise SystemExit(f"Name the interpreter of {name}: --python {name}=PATH.")
        self._process = process_of(name, PYTHONS[name], "multi_fidelity_peer.py")
        self._snap, self._worst, self._known = task.snap, -math.inf, set[Any]()
        self._process.say({"begin": name, "space": task.space, "steps": task.steps, "seed": seed})

    def ask(self) -> Job:
        job = self._process.ask({"ask": 1})
        key, params = job["key"], job["params"]
        if key not in self._known and self._snap is not None:
            params = self._snap(params)
            self._process.say({"at": params})
        self._known.add(key)
        return key, params, job["until"]

    def report(self, key: Any, step: int, value: float) -> bool:
        if math.isfinite(value):
            self._worst = max(self._worst, value)
        told = value if math.isfinite(value) else max(self._worst, 0.0) + 1.0
        return bool(self._process.ask({"report": [key, step, told]})["go"])


PYTHONS: dict[str, str] = {}
"""The interpreters of the peers."""


def _optunas_asha(steps: int) -> Any:
    return optuna.pruners.SuccessiveHalvingPruner(1, 3)


def _optunas_hyperband(steps: int) -> Any:
    return optuna.pruners.HyperbandPruner(1, steps - 1, 3)


PEERS: Mapping[str, Callable[[Any, int], Contender]] = {
    "optuna-tpe-asha": partial(optunas, _optunas_asha),
    "optuna-tpe-hyperband": partial(optunas, _optunas_hyperband),
    **{name: partial(Other, name) for name in OTHERS},
}
"""Peers by name: task and seed -> contender."""
ARMS: Mapping[str, Callable[[Any, int], Contender]] = {
    "stop-asha": partial(own, "AutoSampler", pruners.SuccessiveHalvingPruner(1, 3), None),
    "asha": partial(own, "AutoSampler", None, lambda steps: schedulers.ASHAScheduler()),
    "hyperband": partial(own, "AutoSampler", None, lambda steps: schedulers.HyperbandScheduler(1, steps)),
    "freeze-thaw": partial(own, "AutoSampler", None, lambda steps: schedulers.FreezeThawScheduler()),
    "no-pruning": partial(own, "AutoSampler", None, None),
    "random": partial(own, "RandomSampler", None, None),
    "random-asha": partial(own, "RandomSampler", None, lambda steps: schedulers.ASHAScheduler()),
    **PEERS,
}
"""Contenders by name; peers' trajectories are kept, those of this project are run anew. ``auto`` is ``asha``."""
