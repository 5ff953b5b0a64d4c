"""Several jobs for one suggestion: the values of one key, each in a directory of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hydra_plugins.hydra_hpo_sweeper._config._settings import Repeat
from hydra_plugins.hydra_hpo_sweeper._hydra._values import as_text
from hydra_plugins.hydra_hpo_sweeper._lanes._base import Job
from sweeper_core.trial.history import History

PEERS = 5
"""Complete trials that are needed before a suggestion can be called clearly bad."""

BAD_QUANTILE = 0.75
"""A suggestion is clearly bad when even its optimistic estimate is among the worst quarter."""


def jobs_of(number: int, overrides: Sequence[str], repeat: Repeat | None, subdirectory: str) -> list[Job]:
    """Return the jobs of one trial.

    Args:
        subdirectory: ``hydra.sweep.subdir`` as the user wrote it; repeats run in ``<subdirectory>/<r>``.
    """
    if repeat is None:
        return [Job(number, tuple(overrides))]
    return [
        Job(number, (*overrides, f"{repeat.key}={as_text(value)}", _subdirectory(subdirectory, part)), part)
        for part, value in enumerate(repeat.values)
    ]


def _subdirectory(whole: str, part: int) -> str:
    # Interpolations in it stay interpolations.
    return f"hydra.sweep.subdir={as_text(f'{whole}/{part}')}"


def clearly_bad(values: Sequence[float], history: History) -> bool:
    """Return whether the first repeats' values (signed: smaller is better) make the others a waste.

    The estimate is taken at two standard errors below its mean, with the spread that repeats of other
    trials have shown; before any has, nothing is called bad.
    """
    complete = history.completed
    spreads = history.spread[complete][history.repeats[complete] > 1]
    if len(complete) < PEERS or len(spreads) == 0:
        return False
    spread = float(np.sqrt(np.mean(spreads**2)))
    optimistic = float(np.mean(values)) - 2.0 * spread / np.sqrt(len(values))
    return bool(optimistic > np.quantile(history.values[complete, 0], BAD_QUANTILE))
