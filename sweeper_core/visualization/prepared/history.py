"""Values over trials: each study's history, the mean of several, their distribution, and when trials ran."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from sweeper_core.study.abandoned import Presence
from sweeper_core.study.study import Study
from sweeper_core.trial.state import TrialState
from sweeper_core.visualization.prepared.values import (
    Floats,
    ObjectiveTarget,
    Studies,
    Target,
    as_studies,
    check_target,
    configurations_of,
    is_feasible,
    minimises,
    plotted_trials,
    value_of,
)

MIN_ROWS = 5
"""A timeline has room for at least so many trials: the only one is no beam."""


@dataclass(frozen=True)
class Progress:
    """Values of one study over its trials, with the best so far (feasible trials only).

    Attributes:
        pruned: ``(k, 2)`` numbers of the PRUNED trials and their last reports, which are not final values.
    """

    label: str
    numbers: tuple[int, ...]
    values: Floats
    feasible: npt.NDArray[np.bool_]
    best: Floats | None
    pruned: Floats


@dataclass(frozen=True)
class MeanProgress:
    """Several studies as one: mean and standard deviation of their values at each trial number."""

    numbers: tuple[int, ...]
    mean: Floats
    spread: Floats
    best_mean: Floats | None
    best_spread: Floats | None


@dataclass(frozen=True)
class Steps:
    """A staircase from 0: the empirical distribution of one study's values; both are ``(n + 1,)``, or empty."""

    label: str
    values: Floats
    share: Floats


@dataclass(frozen=True)
class Span:
    """When a trial ran."""

    number: int
    state: TrialState
    start: datetime
    end: datetime
    text: str


def progress(studies: Studies, target: Target | None, target_name: str) -> list[Progress]:
    """Return the history of values of each study."""
    found = []
    for study in as_studies(studies):
        check_target(study, target)
        trials = plotted_trials(study, target)
        values = np.array([value_of(trial, target) for trial in trials])
        feasible = np.array([is_feasible(trial) for trial in trials], dtype=bool)
        best = _best_so_far(values, feasible, minimises(study, target)) if _is_objective(target) else None
        label = target_name if len(as_studies(studies)) == 1 else f"{target_name} of {study.study_name}"
        found.append(
            Progress(label, tuple(trial.number for trial in trials), values, feasible, best, _pruned(study, target))
        )
    return found


def _is_objective(target: Target | None) -> bool:
    """Return whether the plotted values are such that one can be the best."""
    return target is None or isinstance(target, ObjectiveTarget)


def _pruned(study: Study, target: Target | None) -> Floats:
    pruned = configurations_of(study, TrialState.PRUNED) if target is None else []
    last = [(t.number, t.intermediate_values[max(t.intermediate_values)]) for t in pruned if t.intermediate_values]
    return np.array([pair for pair in last if math.isfinite(pair[1])], float).reshape(-1, 2)


def _best_so_far(values: Floats, feasible: npt.NDArray[np.bool_], smaller: bool) -> Floats:
    worst = math.inf if smaller else -math.inf
    counted = np.where(feasible, values, worst)
    running = np.minimum.accumulate(counted) if smaller else np.maximum.accumulate(counted)
    return np.where(np.isinf(running), math.nan, running)


def mean_progress(studies: Studies, target: Target | None, target_name: str) -> MeanProgress:
    """Return mean and spread over several studies at each trial number that any of them has."""
    each = progress(studies, target, target_name)
    numbers = sorted({number for study in each for number in study.numbers})
    mean, spread = _mean_and_spread([dict(zip(s.numbers, s.values, strict=True)) for s in each], numbers)
    if target is not None:
        return MeanProgress(tuple(numbers), mean, spread, None, None)
    bests = [dict(zip(s.numbers, s.best, strict=True)) for s in each if s.best is not None]
    best_mean, best_spread = _mean_and_spread(bests, numbers)
    return MeanProgress(tuple(numbers), mean, spread, best_mean, best_spread)


def _mean_and_spread(columns: Sequence[dict[int, float]], numbers: Sequence[int]) -> tuple[Floats, Floats]:
    samples = [[column[number] for column in columns if number in column] for number in numbers]
    return np.array([np.mean(s) for s in samples]), np.array([np.std(s) for s in samples])


def distribution_steps(studies: Studies, target: Target | None) -> list[Steps]:
    """Return the empirical distribution of each study's values."""
    found = []
    for study in as_studies(studies):
        check_target(study, target)
        values = np.sort([value_of(trial, target) for trial in plotted_trials(study, target)])
        share = np.arange(0, len(values) + 1) / max(len(values), 1)
        # The first step rises from 0: else a single value would leave no line.
        found.append(
            Steps(study.study_name, np.concatenate([values[:1], values]), share if len(values) else np.empty(0))
        )
    return found


def timeline(study: Study, n_recent_trials: int | None) -> list[Span]:
    """Return when each trial ran; running ones end now, or at the last sign of life of an abandoned study.

    Raises:
        ValueError: ``n_recent_trials`` is not positive.
    """
    if n_recent_trials is not None and n_recent_trials <= 0:
        raise ValueError(f"`n_recent_trials` must be positive, but got {n_recent_trials}.")
    trials = [trial for trial in study.get_trials(deepcopy=False) if trial.datetime_start is not None]
    times = [(trial.datetime_start, trial.datetime_complete) for trial in trials]
    presence = Presence.of(times, datetime.now())
    trials = trials[-n_recent_trials:] if n_recent_trials is not None else trials
    spans = []
    for trial in trials:
        assert trial.datetime_start is not None
        end = trial.datetime_complete or presence.end_of(trial.system_attrs)
        text = f"trial {trial.number}: {trial.state.name}" + (f", values {trial.values}" if trial.values else "")
        spans.append(Span(trial.number, trial.state, trial.datetime_start, end, text))
    return spans


def few_rows(spans: Sequence[Span]) -> tuple[float, float] | None:
    """Return the range of a timeline's axis of trials where these are few; None: as it comes."""
    if not 0 < len(spans) < MIN_ROWS:
        return None
    return spans[0].number - 0.6, spans[0].number + MIN_ROWS - 0.4
