"""An application with a learning curve that ends at ``x``; by itself, or in a process that the job starts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import hydra

from sweeper_core import TrialPruned, current_trial

STEPS = 3


def train(x: float) -> float:
    """Report the curve, until it ends or is stopped."""
    trial = current_trial()
    for step in range(STEPS):
        trial.report_or_prune(x + 1.0 / (step + 1), step)
    return x


@hydra.main(version_base="1.3", config_path=None)
def main(cfg: Any) -> float:
    """Train here or elsewhere."""
    if not cfg.get("elsewhere"):
        return train(float(cfg.x))
    ranks = range(2 if cfg.elsewhere == "ranks" else 1)
    variables = [{"RANK": str(rank)} if len(ranks) > 1 else {} for rank in ranks]
    started = [
        subprocess.Popen([sys.executable, Path(__file__).absolute(), "--train", str(cfg.x)], env={**os.environ, **own})
        for own in variables
    ]
    statuses = {process.wait() for process in started}
    assert statuses in ({0}, {3}), statuses
    if current_trial().should_prune():
        raise TrialPruned
    return float(cfg.x)


if __name__ == "__main__":
    if sys.argv[1] == "--train":
        try:
            train(float(sys.argv[2]))
        except TrialPruned:
            sys.exit(3)
    else:
        main()
