"""The contenders of the search-quality suite. An arm is asked for points and told their values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from json_lines import process_of
from quality_peer import PEERS
from quality_tasks import Task

from sweeper_core import samplers
from sweeper_core.directions import StudyDirection
from sweeper_core.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from sweeper_core.search_space.space import Parameter, SearchSpace
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


class Other(Arm):
    """A peer, in this process or in another interpreter."""

    def __init__(self, name: str, task: Task, seed: int, n_trials: int) -> None:
        study = (described(task.space), task.objectives, seed, n_trials)
        self.names = task.space.names
        self.peer = PEERS[name](*study) if name not in PYTHONS else Worker(name, *study)

    def ask(self, start: Params | None) -> Params:
        params = self.peer.ask(start)
        return {name: params[name] for name in self.names if name in params}

    def tell(self, values: Sequence[float]) -> None:
        self.peer.tell([float(value) for value in values])


class Worker:
    """A study of a peer in another interpreter: ``quality_peer.py``; the one before it is forgotten."""

    def __init__(self, name: str, space: list[Params], objectives: int, seed: int, n_trials: int) -> None:
        self._process = process_of(name, PYTHONS[name], "quality_peer.py")
        study = {"space": space, "objectives": objectives, "seed": seed, "n_trials": n_trials}
        self._process.say({"begin": name, **study})

    def ask(self, start: Params | None) -> Params:
        params: Params = self._process.ask({"ask": start})["params"]
        return params

    def tell(self, values: Sequence[float]) -> None:
        self._process.say({"tell": list(values)})


PYTHONS: dict[str, str] = {}
"""The interpreters of the peers that do not run in this process."""


def described(space: SearchSpace) -> list[Params]:
    """Return a space as plain data, parents before children."""
    return [_described(parameter) for parameter in space.parents_first]


def _described(parameter: Parameter) -> Params:
    distribution = parameter.distribution
    entry: Params = {"name": parameter.name}
    if isinstance(distribution, CategoricalDistribution):
        entry |= {"kind": "categorical", "choices": list(distribution.choices)}
    else:
        assert isinstance(distribution, FloatDistribution | IntDistribution)
        entry |= {"kind": "float" if isinstance(distribution, FloatDistribution) else "int", **distribution._asdict()}
    if parameter.when:
        assert all(clause.operator == "in" for clause in parameter.when)
        entry["when"] = {clause.parent: list(clause.operand) for clause in parameter.when}
    return entry


def own(name: str, **arguments: Any) -> Callable[[Task, int, int], Arm]:
    """Return the maker of an arm from the name of one of this project's samplers."""
    return lambda task, seed, n_trials: Own(
        lambda s: getattr(samplers, name)(seed=s, **arguments), task, seed, n_trials
    )


ARMS: Mapping[str, Callable[[Task, int, int], Arm]] = {
    "random": own("RandomSampler"),
    "tpe": own("TPESampler"),
    "tpe-apart": own("TPESampler", multivariate=False),
    "cmaes": own("CmaEsSampler"),
    "nsgaii": own("NSGAIISampler"),
    "gp": own("GPSampler"),
    "auto": own("AutoSampler"),
    **{name: partial(Other, name) for name in PEERS},
}
"""Contenders by name; peers' trajectories are kept, those of this project are run anew."""
