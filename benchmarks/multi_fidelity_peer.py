"""Other projects' multi-fidelity optimisers behind one small interface, each in an environment of its own.

``multi_fidelity.py`` starts ``ENV/bin/python multi_fidelity_peer.py`` and talks to it in lines of JSON. This file
imports nothing of this project.

    -> {"begin": name, "space": {...}, "steps": 52, "seed": 0}     a study; "more": {"priors": {...}} for NePS
    -> {"ask": 1}                 <- {"key": ..., "params": {...}, "until": 9 or null}
    -> {"at": {...}}              where that point has been moved to, if it has; before anything else
    -> {"report": [key, 3, 0.71]} <- {"go": true}                  the value after step 3, to be minimised

A space is ``{name: [class, {"low", "high", "log"}]}``, its classes named as Optuna's distributions. A key that was
asked before continues that configuration. Where ``until`` is given the configuration runs that far, and only the value
there is reported; else each is, and the answer says whether it goes on.
"""

from __future__ import annotations

import json
import logging
import math
import random
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from json_lines import serve_streams

Params = dict[str, Any]
Space = Mapping[str, Sequence[Any]]
Job = tuple[Any, Params, int | None]


class Peer:
    """One optimiser at work on one task."""

    def ask(self) -> Job:
        """Return the next configuration's key and point, and the number of steps until which it runs, if known."""
        raise NotImplementedError

    def move(self, params: Params) -> None:
        """Take other parameters for the point that was asked for last."""
        raise NotImplementedError

    def report(self, key: Any, step: int, value: float) -> bool:
        """Take a value; return whether the configuration goes on."""
        raise NotImplementedError


class SyneTune(Peer):
    """A scheduler of Syne Tune, used without its tuner and back-ends."""

    def __init__(self, name: str, space: Space, steps: int, seed: int) -> None:
        import numpy
        from syne_tune.optimizer import baselines

        numpy.random.seed(seed)  # noqa: NPY002  # the peer draws from it
        logging.disable(logging.WARNING)
        domain = {name: self._domain(*entry) for name, entry in space.items()}
        kind = getattr(baselines, name)
        self.scheduler = kind(domain, metric="loss", time_attr="step", max_t=steps, random_seed=seed)
        self.trials: dict[int, Any] = {}

    @staticmethod
    def _domain(kind: str, ends: Params) -> Any:
        from syne_tune import config_space

        name = {"FloatDistribution": "uniform", "IntDistribution": "randint"}[kind]
        return getattr(config_space, f"log{name}" if ends.get("log") else name)(ends["low"], ends["high"])

    def ask(self) -> Job:
        from datetime import datetime

        from syne_tune.backend.trial_status import Trial

        suggestion = self.scheduler.suggest()
        if not suggestion.spawn_new_trial_id:
            trial = self.trials[suggestion.checkpoint_trial_id]
        else:
            params = {name: _plain(value) for name, value in suggestion.config.items()}
            trial = Trial(len(self.trials), params, datetime(2026, 1, 1))
            self.scheduler.on_trial_add(trial)
            self.trials[trial.trial_id] = trial
        self.last = trial
        return trial.trial_id, trial.config, None

    def move(self, params: Params) -> None:
        self.last.config = dict(params)

    def report(self, key: Any, step: int, value: float) -> bool:
        trial, result = self.trials[key], {"loss": value, "step": step}
        going_on = bool(self.scheduler.on_trial_result(trial, result) == "CONTINUE")
        if not going_on:
            self.scheduler.on_trial_complete(trial, result)
        return going_on


class Dehb(Peer):
    """DEHB, on vectors of the unit cube; a configuration that is promoted unchanged is continued."""

    def __init__(self, space: Space, steps: int, seed: int) -> None:
        from dehb import DEHB

        logging.disable(logging.CRITICAL)
        self.space = space
        self.folder = tempfile.TemporaryDirectory()
        self.optimizer = DEHB(
            dimensions=len(space),
            min_fidelity=1,
            max_fidelity=steps,
            seed=seed,
            n_workers=1,
            output_path=self.folder.name,
            save_freq=None,
            log_level="CRITICAL",
        )
        self.jobs: dict[tuple[int, int], Params] = {}

    def ask(self) -> Job:
        self.last = self.optimizer.ask()
        key = int(self.last["config_id"])
        until = max(round(self.last["fidelity"]), 1)
        self.jobs[key, until] = self.last
        return key, _from_unit(self.space, self.last["config"]), until

    def move(self, params: Params) -> None:
        import numpy

        self.last["config"] = numpy.array(_to_unit(self.space, params))
        self.optimizer.config_repository.configs[self.last["config_id"]].config = self.last["config"]

    def report(self, key: Any, step: int, value: float) -> bool:
        self.optimizer.tell(self.jobs[key, step], {"fitness": value, "cost": float(step)})
        return False


class Neps(Peer):
    """An algorithm of NePS; without priors PriorBand samples around the best configuration and uniformly.

    Args:
        priors: Values by name, of medium confidence.
    """

    def __init__(self, name: str, space: Space, steps: int, seed: int, priors: Params | None = None) -> None:
        import neps
        import numpy
        import torch

        random.seed(seed)
        numpy.random.seed(seed)  # noqa: NPY002  # the peer draws from it
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        self.names, self.steps = list(space), steps
        believed = {name: {"prior": prior, "prior_confidence": "medium"} for name, prior in (priors or {}).items()}
        entries = {key: self._parameter(*entry, **believed.get(key, {})) for key, entry in space.items()}
        if name != "pibo":  # which trains in full
            entries["until"] = neps.IntegerFidelity(1, steps)
        domain = type("Domain", (neps.PipelineSpace,), entries)()
        self.study = neps.AskAndTell(getattr(neps.algorithms, name)(domain))
        self.jobs: dict[str, Any] = {}

    @staticmethod
    def _parameter(kind: str, ends: Params, **prior: Any) -> Any:
        import neps

        make = {"FloatDistribution": neps.Float, "IntDistribution": neps.Integer}[kind]
        return make(ends["low"], ends["high"], log=bool(ends.get("log")), **prior)

    def ask(self) -> Job:
        self.last = self.study.ask()
        key = self.last.id.partition("_rung_")[0]
        self.jobs[key] = self.last
        params = {name: _plain(self.last.config[name]) for name in self.names}
        return key, params, int(self.last.config.get("until", self.steps))

    def move(self, params: Params) -> None:
        self.last.config = {**self.last.config, **params}

    def report(self, key: Any, step: int, value: float) -> bool:
        self.study.tell(self.jobs[key], value)
        return False


def _from_unit(space: Space, vector: Sequence[float]) -> Params:
    """Return the parameters at a point of the unit cube."""
    params: Params = {}
    for (name, (kind, ends)), share in zip(space.items(), vector, strict=True):
        low, high = _ends(kind, ends)
        value = math.exp(low + float(share) * (high - low)) if ends.get("log") else low + float(share) * (high - low)
        inside = min(max(value, ends["low"]), ends["high"])
        params[name] = round(inside) if kind == "IntDistribution" else inside
    return params


def _to_unit(space: Space, params: Params) -> list[float]:
    """Return the point of the unit cube of parameters."""
    vector = []
    for name, (kind, ends) in space.items():
        low, high = _ends(kind, ends)
        value = math.log(params[name]) if ends.get("log") else params[name]
        vector.append(min(max((value - low) / (high - low), 0.0), 1.0))
    return vector


def _ends(kind: str, ends: Params) -> tuple[float, float]:
    """Return the ends of a range on its own scale; integers have the middle of their cells."""
    margin = 0.5 if kind == "IntDistribution" else 0.0
    low, high = ends["low"] - margin, ends["high"] + margin
    return (math.log(low), math.log(high)) if ends.get("log") else (low, high)


def _plain(value: Any) -> Any:
    """Return a NumPy scalar as Python's own."""
    return value.item() if hasattr(value, "item") else value


PEERS: Mapping[str, Callable[..., Peer]] = {
    "syne-asha": partial(SyneTune, "ASHA"),
    "syne-asha-cqr": partial(SyneTune, "ASHACQR"),
    "syne-asha-bore": partial(SyneTune, "ASHABORE"),
    "syne-bohb": partial(SyneTune, "BOHB"),
    "dehb": Dehb,
    "neps-asha": partial(Neps, "asha"),
    "neps-hyperband": partial(Neps, "hyperband"),
    "neps-priorband": partial(Neps, "priorband"),
    "neps-pibo": partial(Neps, "pibo"),
}
"""Makers of peers: space, steps and seed -> peer."""


def serve(lines: Iterator[str], answer: Callable[[str], None]) -> None:
    """Do what the lines say until they end."""
    peer: Peer | None = None
    for line in lines:
        word = json.loads(line)
        if "begin" in word:
            peer = PEERS[word["begin"]](word["space"], word["steps"], word["seed"], **word.get("more", {}))
        elif peer is None:
            continue
        elif "ask" in word:
            key, params, until = peer.ask()
            answer(json.dumps({"key": key, "params": params, "until": until}))
        elif "at" in word:
            peer.move(word["at"])
        else:
            answer(json.dumps({"go": peer.report(*word["report"])}))


if __name__ == "__main__":
    serve_streams(serve)
