"""Several objectives: the Pareto front and the hypervolume."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sweeper_core.maths.hypervolume import hypervolume
from sweeper_core.maths.pareto import pareto_front
from sweeper_core.study.study import Study
from sweeper_core.trial.feasible import satisfied
from sweeper_core.trial.frozen import FrozenTrial
from sweeper_core.trial.state import TrialState
from sweeper_core.visualization.prepared.values import MAX_DRAWN, Floats, configurations_of, is_feasible

MAX_DRAWN_IN_SPACE = 1e100
"""As ``MAX_DRAWN``, of three objectives: projections multiply numbers."""


@dataclass(frozen=True)
class Front:
    """Trials in objective space.

    Attributes:
        values: ``(n, m)`` as the user gave them, but for numbers too large to be drawn.
        best, feasible: ``(n,)``; ``best`` marks the Pareto front of the feasible trials.
    """

    numbers: tuple[int, ...]
    values: Floats
    names: tuple[str, ...]
    best: npt.NDArray[np.bool_]
    feasible: npt.NDArray[np.bool_]


def front(
    study: Study,
    target_names: Sequence[str] | None,
    constraints_func: Callable[[FrozenTrial], Sequence[float]] | None,
    targets: Callable[[FrozenTrial], Sequence[float]] | None,
) -> Front:
    """Return the trials in objective space (two or three objectives).

    Raises:
        ValueError: Another number of objectives, or of names.
    """
    trials = [t for t in configurations_of(study, TrialState.COMPLETE) if t.values]
    rows = [list(targets(t)) if targets is not None else list(t.values or ()) for t in trials]
    finite = [index for index, row in enumerate(rows) if all(map(math.isfinite, row))]
    width = len(rows[0]) if rows else len(study.directions)
    if width not in (2, 3):
        raise ValueError(f"plot_pareto_front shows two or three objectives, but there are {width}; use `targets`.")
    names = tuple(target_names or study.metric_names or [f"Objective {i}" for i in range(width)])[:width]
    if len(names) != width:
        raise ValueError(f"`target_names` must have {width} names, but got {list(names)}.")
    values = np.array([rows[i] for i in finite]).reshape(len(finite), width)
    kept = [trials[i] for i in finite]
    feasible = np.array([_satisfies(t, constraints_func) for t in kept], dtype=bool)
    signs = np.array([d.sign for d in study.directions]) if targets is None else np.ones(width)
    best = np.zeros(len(kept), dtype=bool)
    if feasible.any():
        best[feasible] = pareto_front(values[feasible] * signs)
    far = MAX_DRAWN if width == 2 else MAX_DRAWN_IN_SPACE
    return Front(tuple(t.number for t in kept), np.clip(values, -far, far), names, best, feasible)


def _satisfies(trial: FrozenTrial, constraints_func: Callable[[FrozenTrial], Sequence[float]] | None) -> bool:
    return is_feasible(trial) if constraints_func is None else satisfied(constraints_func(trial))


def hypervolumes(study: Study, reference_point: Sequence[float]) -> tuple[tuple[int, ...], Floats]:
    """Return the numbers of the complete trials and the hypervolume after each.

    Raises:
        ValueError: One objective only, or a reference point of another length.
    """
    if len(study.directions) < 2:
        raise ValueError("plot_hypervolume_history needs a study with several objectives.")
    if len(reference_point) != len(study.directions):
        raise ValueError(
            f"The reference point must have {len(study.directions)} coordinates, one for each objective, "
            f"but got {list(reference_point)}."
        )
    signs = np.array([direction.sign for direction in study.directions])
    reference = np.asarray(reference_point, float) * signs
    trials = [t for t in configurations_of(study, TrialState.COMPLETE) if t.values]
    known = np.empty((0, len(signs)))
    volume, volumes = 0.0, []
    for trial in trials:
        row = np.asarray(trial.values) * signs
        outside = not is_feasible(trial) or not np.all(np.isfinite(row)) or np.any(row > reference)
        if not outside and not np.any(np.all(known <= row, axis=1)):
            known = np.vstack([known[~np.all(row <= known, axis=1)], row])
            volume = hypervolume(known, reference)
        volumes.append(volume)
    return tuple(trial.number for trial in trials), np.array(volumes)
