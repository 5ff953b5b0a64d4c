"""Other projects' optimisers behind one small interface, each startable in an environment of its own.

``quality.py`` starts ``ENV/bin/python quality_peer.py`` and talks to it in lines of JSON, so that tasks are evaluated
in the suite's own process and an environment needs the peer alone. This file imports nothing of this project.

    -> {"begin": name, "space": [...], "objectives": 1, "seed": 0, "n_trials": 100}     a study
    -> {"ask": params or null}        <- {"params": {...}}, the next point (the initial point, where one is given)
    -> {"tell": [value, ...]}         the values of that point, to be minimised

A space is a list of ``{"name", "kind", "low", "high", "log", "step"}`` (kind ``float`` or ``int``) or
``{"name", "kind": "categorical", "choices"}``, each with ``"when": {parent: [values]}`` where it has conditions,
parents before children. Params have the active parameters only; a peer that knows no conditions searches the flat
space.
"""

from __future__ import annotations

import json
import math
import random
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from json_lines import serve_streams

Params = dict[str, Any]
Entry = Mapping[str, Any]
Space = Sequence[Entry]


def is_active(entry: Entry, params: Mapping[str, Any]) -> bool:
    """Return whether a parameter exists beside its parents' values."""
    return all(parent in params and params[parent] in values for parent, values in entry.get("when", {}).items())


def active_only(space: Space, params: Mapping[str, Any]) -> Params:
    """Return the parameters whose conditions hold."""
    kept: Params = {}
    for entry in space:
        if is_active(entry, kept):
            kept[entry["name"]] = params[entry["name"]]
    return kept


def filled(space: Space, params: Mapping[str, Any]) -> Params:
    """Return a value for every parameter: inactive ones lie in the middle."""
    return {entry["name"]: params.get(entry["name"], middle(entry)) for entry in space}


def middle(entry: Entry) -> Any:
    """Return the value in the middle of a range, on its own scale; the first choice."""
    if entry["kind"] == "categorical":
        return entry["choices"][0]
    low, high = entry["low"], entry["high"]
    value = math.sqrt(low * high) if entry["log"] else (low + high) / 2
    return round(value) if entry["kind"] == "int" else value


class Peer:
    """One optimiser at work on one task."""

    def __init__(self, space: Space, objectives: int, seed: int, n_trials: int) -> None:
        raise NotImplementedError

    def ask(self, start: Params | None) -> Params:
        """Return the next point; ``start`` itself when it is given and the method can take it."""
        raise NotImplementedError

    def tell(self, values: Sequence[float]) -> None:
        """Give the values of the last point asked for."""
        raise NotImplementedError


class Optuna(Peer):
    """A sampler of Optuna, asked define-by-run where parameters have conditions, else for all at once."""

    def __init__(self, sampler: Callable[[int], Any], space: Space, objectives: int, seed: int, n_trials: int) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.space = space
        self.distributions = {entry["name"]: self._distribution(entry) for entry in space}
        self.study = optuna.create_study(directions=["minimize"] * objectives, sampler=sampler(seed))

    @staticmethod
    def _distribution(entry: Entry) -> Any:
        from optuna import distributions

        if entry["kind"] == "categorical":
            return distributions.CategoricalDistribution(entry["choices"])
        kind = {"float": distributions.FloatDistribution, "int": distributions.IntDistribution}[entry["kind"]]
        return kind(entry["low"], entry["high"], log=entry["log"], step=entry["step"])

    def ask(self, start: Params | None) -> Params:
        if start is not None:
            self.study.enqueue_trial(start)
        conditional = any(entry.get("when") for entry in self.space)
        self.trial = self.study.ask(None if conditional else self.distributions)
        params: Params = {}
        for entry in self.space:
            if is_active(entry, params):
                params[entry["name"]] = self.trial._suggest(entry["name"], self.distributions[entry["name"]])
        return params

    def tell(self, values: Sequence[float]) -> None:
        self.study.tell(self.trial, list(values))


def optuna(name: str, **arguments: Any) -> Callable[..., Peer]:
    """Return the maker of a peer from the name of one of Optuna's samplers."""

    def make(seed: int) -> Any:
        import optuna.samplers

        return getattr(optuna.samplers, name)(seed=seed, **arguments)

    return partial(Optuna, make)


class Smac(Peer):
    """A facade of SMAC3; the shared initial points stand in place of its own initial design."""

    def __init__(self, facade: str, space: Space, objectives: int, seed: int, n_trials: int) -> None:
        import ConfigSpace
        import smac

        if objectives > 1:
            raise ValueError("SMAC is asked for one objective.")

        kind = getattr(smac, facade)
        self.folder = tempfile.TemporaryDirectory()
        self.space = ConfigSpace.ConfigurationSpace(seed=seed)
        for entry in space:
            self.space.add(self._parameter(entry))
        self.space.add(*self._conditions(space))
        scenario = smac.Scenario(
            self.space,
            n_trials=n_trials,
            seed=seed,
            deterministic=True,
            output_directory=self.folder.name,
        )
        self.facade = kind(
            scenario,
            lambda config, seed=0: 0.0,
            initial_design=kind.get_initial_design(scenario, n_configs=0),
            logging_level=False,
            overwrite=True,
        )

    @staticmethod
    def _parameter(entry: Entry) -> Any:
        import ConfigSpace

        if entry["kind"] == "categorical":
            return ConfigSpace.CategoricalHyperparameter(entry["name"], entry["choices"])
        ends = (entry["low"], entry["high"])
        kind = {"float": ConfigSpace.Float, "int": ConfigSpace.Integer}[entry["kind"]]
        return kind(entry["name"], ends, log=entry["log"])

    def _conditions(self, space: Space) -> Iterator[Any]:
        import ConfigSpace

        for entry in space:
            clauses = [
                ConfigSpace.InCondition(self.space[entry["name"]], self.space[parent], values)
                for parent, values in entry.get("when", {}).items()
            ]
            if clauses:
                yield clauses[0] if len(clauses) == 1 else ConfigSpace.AndConjunction(*clauses)

    def ask(self, start: Params | None) -> Params:
        import ConfigSpace
        from smac.runhistory import TrialInfo

        if start is None:
            self.trial = self.facade.ask()
        else:
            self.trial = TrialInfo(ConfigSpace.Configuration(self.space, values=start), seed=0)
        return {name: _plain(value) for name, value in dict(self.trial.config).items()}

    def tell(self, values: Sequence[float]) -> None:
        from smac.runhistory import TrialValue

        self.facade.tell(self.trial, TrialValue(cost=values[0]), save=False)


class Hebo(Peer):
    """HEBO; the shared initial points stand in place of its own Sobol points."""

    def __init__(self, space: Space, objectives: int, seed: int, n_trials: int) -> None:
        import numpy
        import torch
        from hebo.design_space.design_space import DesignSpace
        from hebo.optimizers.hebo import HEBO

        if objectives > 1:
            raise ValueError("HEBO is asked for one objective.")
        random.seed(seed)
        numpy.random.seed(seed)  # noqa: NPY002  # the peer draws from it
        torch.manual_seed(seed)
        self.space = space
        self.optimizer = HEBO(DesignSpace().parse([self._parameter(entry) for entry in space]), scramble_seed=seed)

    @staticmethod
    def _parameter(entry: Entry) -> Params:
        if entry["kind"] == "categorical":
            return {"name": entry["name"], "type": "cat", "categories": list(map(repr, entry["choices"]))}
        kind = {
            ("float", False): "num", ("float", True): "pow", ("int", False): "int", ("int", True): "pow_int"
        }[entry["kind"], entry["log"]]  # fmt: skip
        return {"name": entry["name"], "type": kind, "lb": entry["low"], "ub": entry["high"]}

    def ask(self, start: Params | None) -> Params:
        import pandas

        if start is None:
            self.frame = self.optimizer.suggest(n_suggestions=1)
        else:
            self.optimizer.rand_sample = len(self.optimizer.X) + 1
            words = {
                entry["name"]: repr(value) if entry["kind"] == "categorical" else value
                for entry, value in zip(self.space, filled(self.space, start).values(), strict=True)
            }
            self.frame = pandas.DataFrame([words])
        row = self.frame.iloc[0]
        return active_only(self.space, {entry["name"]: self._value(entry, row[entry["name"]]) for entry in self.space})

    @staticmethod
    def _value(entry: Entry, value: Any) -> Any:
        if entry["kind"] == "categorical":
            return {repr(choice): choice for choice in entry["choices"]}[value]
        inside = min(max(float(value), entry["low"]), entry["high"])
        return round(inside) if entry["kind"] == "int" else inside

    def tell(self, values: Sequence[float]) -> None:
        import numpy

        self.optimizer.observe(self.frame, numpy.array([values], float))


class Ax(Peer):
    """Ax with its default strategy, BoTorch's Gaussian process; the shared points stand in place of its own first."""

    def __init__(self, space: Space, objectives: int, seed: int, n_trials: int) -> None:
        import torch
        from ax.api.client import Client

        torch.manual_seed(seed)
        torch.set_num_threads(1)
        self.names = [f"value{place}" for place in range(objectives)]
        self.space = space
        self.client = Client(random_seed=seed)
        self.client.configure_experiment([self._parameter(entry, space) for entry in space])
        self.client.configure_optimization(", ".join(f"-{name}" for name in self.names))

    @staticmethod
    def _parameter(entry: Entry, space: Space) -> Any:
        from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig

        if entry["kind"] != "categorical":
            scale = "log" if entry["log"] else "linear"
            ends = (entry["low"], entry["high"])
            return RangeParameterConfig(entry["name"], ends, entry["kind"], scaling=scale)
        kind = "bool" if isinstance(entry["choices"][0], bool) else "str"
        return ChoiceParameterConfig(entry["name"], entry["choices"], kind, is_ordered=False)

    def ask(self, start: Params | None) -> Params:
        if start is None:
            ((self.number, params),) = self.client.get_next_trials(1).items()
        else:
            params = filled(self.space, start)
            self.number = self.client.attach_trial(params)
        return active_only(self.space, {name: _plain(value) for name, value in params.items()})

    def tell(self, values: Sequence[float]) -> None:
        self.client.complete_trial(self.number, dict(zip(self.names, values, strict=True)))


class Nevergrad(Peer):
    """An optimiser of Nevergrad by its name, told the budget; NgIohTuned hangs when points of others come first."""

    def __init__(self, name: str, space: Space, objectives: int, seed: int, n_trials: int) -> None:
        import nevergrad
        import numpy

        if objectives > 1:
            raise ValueError("Nevergrad is asked for one objective.")
        random.seed(seed)
        numpy.random.seed(seed)  # noqa: NPY002  # the peer draws from it
        self.space = space
        domain = nevergrad.p.Dict(**{entry["name"]: self._parameter(entry) for entry in space})
        domain.random_state.seed(seed)
        self.optimizer = nevergrad.optimizers.registry[name](domain, budget=n_trials, num_workers=1)

    @staticmethod
    def _parameter(entry: Entry) -> Any:
        import nevergrad

        if entry["kind"] == "categorical":
            return nevergrad.p.Choice(entry["choices"])
        kind = nevergrad.p.Log if entry["log"] else nevergrad.p.Scalar
        parameter = kind(lower=entry["low"], upper=entry["high"])
        return parameter.set_integer_casting() if entry["kind"] == "int" else parameter

    def ask(self, start: Params | None) -> Params:
        self.point = self.optimizer.ask()
        return active_only(self.space, {name: _plain(value) for name, value in self.point.value.items()})

    def tell(self, values: Sequence[float]) -> None:
        self.optimizer.tell(self.point, values[0])


class CatCma(Peer):
    """CatCMA with margin of the package cmaes; it draws generations and cannot take points of others."""

    def __init__(self, space: Space, objectives: int, seed: int, n_trials: int) -> None:
        if objectives > 1:
            raise ValueError("CatCMA with margin is asked for one objective.")
        self.space = space
        self.seed = seed
        self.floats = [entry for entry in space if entry["kind"] == "float" or self._is_wide(entry)]
        self.choices = [entry for entry in space if entry["kind"] == "categorical"]
        self.integers = [entry for entry in space if entry not in self.floats and entry not in self.choices]
        self._start()

    @staticmethod
    def _is_wide(entry: Entry) -> bool:
        """Whether an integer has more values than a margin is meant for."""
        return entry["kind"] == "int" and entry["high"] - entry["low"] > 100

    def _start(self) -> None:
        from cmaes import CatCMAwM

        self.optimizer = CatCMAwM(
            x_space=[self._ends(entry) for entry in self.floats] or None,
            z_space=[self._scaled(entry) for entry in self.integers] or None,
            c_space=[len(entry["choices"]) for entry in self.choices] or None,
            seed=self.seed,
        )
        self.told: list[Any] = []

    @staticmethod
    def _ends(entry: Entry) -> list[float]:
        return [math.log(entry[end]) if entry["log"] else float(entry[end]) for end in ("low", "high")]

    @staticmethod
    def _scaled(entry: Entry) -> list[float]:
        values = range(entry["low"], entry["high"] + 1, entry["step"] or 1)
        return [math.log(value) if entry["log"] else float(value) for value in values]

    def ask(self, start: Params | None) -> Params:
        self.point = point = self.optimizer.ask()
        params = {}
        for entry, value in zip(self.floats + self.integers, [*_list(point.x), *_list(point.z)], strict=True):
            raw = math.exp(value) if entry["log"] else value
            inside = min(max(raw, entry["low"]), entry["high"])
            params[entry["name"]] = round(inside) if entry["kind"] == "int" else inside
        for entry, row in zip(self.choices, _list(point.c), strict=True):
            params[entry["name"]] = entry["choices"][row.index(True)]
        return active_only(self.space, params)

    def tell(self, values: Sequence[float]) -> None:
        self.told.append((self.point, values[0]))
        if len(self.told) == self.optimizer.population_size:
            self.optimizer.tell(self.told)
            self.told = []
            if self.optimizer.should_stop():
                self.seed += 1000
                self._start()


def _list(array: Any) -> list[Any]:
    return [] if array is None else list(array.tolist())


def _plain(value: Any) -> Any:
    """Return a NumPy scalar as Python's own."""
    return value.item() if hasattr(value, "item") else value


PEERS: Mapping[str, Callable[..., Peer]] = {
    "optuna-tpe": optuna("TPESampler"),
    "optuna-tpe-apart": optuna("TPESampler", multivariate=False),
    "optuna-gp": optuna("GPSampler"),
    "optuna-cmaes": optuna("CmaEsSampler"),
    "optuna-nsgaii": optuna("NSGAIISampler"),
    "smac-hpo": partial(Smac, "HyperparameterOptimizationFacade"),
    "smac-bb": partial(Smac, "BlackBoxFacade"),
    "hebo": Hebo,
    "ax": Ax,
    "ng": partial(Nevergrad, "NgIohTuned"),
    "catcma": CatCma,
}
"""Makers of peers: space, objectives, seed and number of trials -> peer."""
ONE_OBJECTIVE = ("smac-hpo", "smac-bb", "hebo", "ax", "ng", "catcma")
"""Peers that are asked for one objective only."""


def serve(lines: Iterator[str], answer: Callable[[str], None]) -> None:
    """Do what the lines say until they end."""
    peer: Peer | None = None
    for line in lines:
        word = json.loads(line)
        if "begin" in word:
            peer = PEERS[word["begin"]](word["space"], word["objectives"], word["seed"], word["n_trials"])
        elif "ask" in word and peer is not None:
            answer(json.dumps({"params": peer.ask(word["ask"])}))
        elif peer is not None:
            peer.tell(word["tell"])


if __name__ == "__main__":
    serve_streams(serve)
