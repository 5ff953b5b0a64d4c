"""Several jobs for one suggestion: the values of one key, each in a directory of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hydra_plugins.hydra_hpo_sweeper._config._settings import Repeat, Settings
from hydra_plugins.hydra_hpo_sweeper._hydra._values import as_text
from hydra_plugins.hydra_hpo_sweeper._lanes._base import Job
from sweeper_core.study._session.session import Session
from sweeper_core.trial.history import History

MIN_COMPLETE = 5
"""Minimum number of complete trials before a suggestion can count as clearly bad."""

BAD_QUANTILE = 0.75
"""A suggestion is clearly bad when even its optimistic estimate is among the worst quarter."""


def is_constant(subdirectory: str) -> bool:
    """Return whether ``hydra.sweep.subdir`` is the same for all jobs, which would overwrite one another's files."""
    return "${" not in subdirectory


def jobs_of(number: int, overrides: Sequence[str], repeat: Repeat | None, subdirectory: str) -> list[Job]:
    """Return the jobs of one trial.

    Args:
        subdirectory: ``hydra.sweep.subdir`` as the user wrote it; where it is the same for all jobs, trials run in
            ``<subdirectory>/<number>``, and repeats always in ``<r>`` below.
    """
    own = f"{subdirectory}/{number}" if is_constant(subdirectory) else subdirectory
    if repeat is None and own == subdirectory:
        return [Job(number, tuple(overrides))]
    return jobs_in(number, overrides, repeat, own)


def jobs_in(number: int, overrides: Sequence[str], repeat: Repeat | None, own: str) -> list[Job]:
    """Return the jobs of one trial that run in the directory ``own`` below the sweep's, repeats in ``<r>`` below it."""
    if repeat is None:
        return [Job(number, (*overrides, _subdirectory(own)))]
    return [
        Job(number, (*overrides, f"{repeat.key}={as_text(value)}", _subdirectory(f"{own}/{part}")), part)
        for part, value in enumerate(repeat.values)
    ]


def _subdirectory(whole: str) -> str:
    # Interpolations in it stay interpolations.
    return f"hydra.sweep.subdir={as_text(whole)}"


def clearly_bad(values: Sequence[float], history: History) -> bool:
    """Return whether the first repeats' values (signed: smaller is better) make the others unnecessary.

    The estimate is taken at two standard errors below its mean, with the spread that repeats of other
    trials have shown; before any has, nothing is called bad.
    """
    complete = history.completed
    spreads = history.spread[complete][history.repeats[complete] > 1]
    if len(complete) < MIN_COMPLETE or len(spreads) == 0:
        return False
    spread = float(np.sqrt(np.mean(spreads**2)))
    optimistic = float(np.mean(values)) - 2.0 * spread / np.sqrt(len(values))
    return bool(optimistic > np.quantile(history.values[complete, 0], BAD_QUANTILE))


def is_clearly_bad(settings: Settings, session: Session, values: Sequence[float]) -> bool:
    """Return whether the other repeats of a trial with these first values can be skipped.

    Args:
        values: In the sense of the objective.
    """
    repeat = settings.repeat
    if repeat is None or not repeat.early_stop or len(settings.directions) > 1:
        return False
    sign = settings.directions[0].sign
    session.log.sync()
    return clearly_bad([value * sign for value in values], session.log.history())
