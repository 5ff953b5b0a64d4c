"""The contenders of the search-quality suite. An arm is asked for points and told their values."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from quality_tasks import Task

from sweeper_core import samplers
from sweeper_core.directions import StudyDirection
from sweeper_core.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from sweeper_core.testing.simulation import Simulation

Params = dict[str, Any]


class Arm:
    """One optimiser at work on one task."""

    def ask(self, start: Params | None) -> Params:
        """Return the next point; ``start`` itself when it is given (the initial points that all arms share)."""
        raise NotImplementedError

    def tell(self, values: Sequence[float]) -> None:
        """Give the values of the last point asked for."""
        raise NotImplementedError


class Own(Arm):
    """A sampler of this project."""

    def __init__(self, make: Callable[[int], samplers.Sampler], task: Task, seed: int, n_trials: int) -> None:
        directions = [StudyDirection.MINIMIZE] * task.objectives
        self.simulation = Simulation(make(seed), task.space, directions, seed=seed, budget=n_trials)

    def ask(self, start: Params | None) -> Params:
        self.number, params = self.simulation.ask(start)
        return params

    def tell(self, values: Sequence[float]) -> None:
        self.simulation.tell(self.number, values)


class Optuna(Arm):
    """A sampler of Optuna, asked define-by-run where parameters have conditions, else for all at once."""

    def __init__(self, make: Callable[[int], Any], task: Task, seed: int, n_trials: int) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        warnings.simplefilter("ignore")
        self.task = task
        self.distributions = {parameter.name: _for_optuna(parameter.distribution) for parameter in task.space}
        self.study = optuna.create_study(directions=["minimize"] * task.objectives, sampler=make(seed))

    def ask(self, start: Params | None) -> Params:
        if start is not None:
            self.study.enqueue_trial(start)
        space = self.task.space
        self.trial = self.study.ask(None if space.is_conditional else self.distributions)
        params: Params = {}
        for parameter in space.parents_first:
            if space.is_active(parameter.name, params):
                params[parameter.name] = self.trial._suggest(parameter.name, self.distributions[parameter.name])
        return {name: params[name] for name in space.names if name in params}

    def tell(self, values: Sequence[float]) -> None:
        self.study.tell(self.trial, list(values))


def _for_optuna(distribution: Any) -> Any:
    from optuna import distributions

    if isinstance(distribution, CategoricalDistribution):
        return distributions.CategoricalDistribution(distribution.choices)
    kind = {FloatDistribution: distributions.FloatDistribution, IntDistribution: distributions.IntDistribution}
    return kind[type(distribution)](**distribution._asdict())


def own(name: str, **arguments: Any) -> Callable[[Task, int, int], Arm]:
    """Return the maker of an arm from the name of one of this project's samplers."""
    return lambda task, seed, n_trials: Own(
        lambda s: getattr(samplers, name)(seed=s, **arguments), task, seed, n_trials
    )


def optuna(name: str, **arguments: Any) -> Callable[[Task, int, int], Arm]:
    """Return the maker of an arm from the name of one of Optuna's samplers."""

    def make(seed: int) -> Any:
        import optuna.samplers

        return getattr(optuna.samplers, name)(seed=seed, **arguments)

    return lambda task, seed, n_trials: Optuna(make, task, seed, n_trials)


ARMS: Mapping[str, Callable[[Task, int, int], Arm]] = {
    "random": own("RandomSampler"),
    "tpe": own("TPESampler"),
    "tpe-apart": own("TPESampler", multivariate=False),
    "cmaes": own("CmaEsSampler"),
    "nsgaii": own("NSGAIISampler"),
    "gp": own("GPSampler"),
    "auto": own("AutoSampler"),
    "optuna-tpe": optuna("TPESampler"),
    "optuna-tpe-apart": optuna("TPESampler", multivariate=False),
    "optuna-gp": optuna("GPSampler"),
    "optuna-cmaes": optuna("CmaEsSampler"),
    "optuna-nsgaii": optuna("NSGAIISampler"),
}
"""Contenders by name; peers' trajectories are kept, those of this project are run anew."""
