"""NePS with priors, in an environment of its own: ``priors.py`` starts it and talks to it in lines of JSON.

    -> {"begin": name, "space": {...}, "priors": {...}, "steps": 52, "seed": 0}     a study
    -> {"ask": 1}     <- {"key": ..., "params": {...}, "until": 9}     run this configuration to its ninth step
    -> {"tell": 0.71}                                                  the value there, to be minimised

A space is ``{name: [class, {"low", "high", "log"}]}``, its classes named as Optuna's. Every prior has medium
confidence. This file imports nothing of this project.
"""

from __future__ import annotations

import json
import os
import random
import sys
import warnings
from typing import Any


class Study:
    """An algorithm of NePS: ``pibo`` trains in full, ``priorband`` from the first step on."""

    def __init__(self, name: str, space: dict[str, Any], priors: dict[str, Any], steps: int, seed: int) -> None:
        import neps
        import numpy
        import torch

        random.seed(seed)
        numpy.random.seed(seed)  # noqa: NPY002  # the peer draws from it
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        self.names, self.steps = list(space), steps
        makers = {"FloatDistribution": neps.Float, "IntDistribution": neps.Integer}
        entries = {
            name: makers[kind](
                ends["low"], ends["high"], log=bool(ends.get("log")), prior=priors[name], prior_confidence="medium"
            )
            for name, (kind, ends) in space.items()
        }
        if name == "priorband":
            entries["until"] = neps.IntegerFidelity(1, steps)
        self.study = neps.AskAndTell(getattr(neps.algorithms, name)(type("Domain", (neps.PipelineSpace,), entries)()))

    def ask(self) -> dict[str, Any]:
        self.trial = self.study.ask()
        params = {name: _plain(self.trial.config[name]) for name in self.names}
        until = int(self.trial.config.get("until", self.steps))
        return {"key": self.trial.id.partition("_rung_")[0], "params": params, "until": until}

    def tell(self, value: float) -> None:
        self.study.tell(self.trial, value)


def _plain(value: Any) -> Any:
    """Return a NumPy scalar as Python's own."""
    return value.item() if hasattr(value, "item") else value


def main() -> None:
    """Serve on the standard streams; what the peer prints goes to the standard error."""
    warnings.simplefilter("ignore")
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    study: Study | None = None
    for line in iter(sys.stdin.readline, ""):
        word = json.loads(line)
        if "begin" in word:
            study = Study(word["begin"], word["space"], word["priors"], word["steps"], word["seed"])
        elif study is not None and "ask" in word:
            print(json.dumps(study.ask()), file=out, flush=True)
        elif study is not None:
            study.tell(word["tell"])
    os._exit(0)  # the peer may leave threads behind


if __name__ == "__main__":
    main()
