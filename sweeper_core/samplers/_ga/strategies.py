"""Individuals of the history as frozen trials, for users' strategies of genetic samplers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sweeper_core.distributions import BaseDistribution
from sweeper_core.trial.attrs import CONSTRAINT_PREFIX
from sweeper_core.trial.frozen import FrozenTrial
from sweeper_core.trial.history import History
from sweeper_core.trial.state import TrialState

EliteStrategy = Callable[[Any, list[FrozenTrial]], list[FrozenTrial]]
"""Maps the study's view and all candidates to the survivors."""

ChildStrategy = Callable[[Any, dict[str, BaseDistribution], list[FrozenTrial]], dict[str, Any]]
"""Maps the study's view, the requested parameters and the parents to a child's parameters."""

AfterStrategy = Callable[[Any, FrozenTrial, TrialState, Sequence[float] | None], None]
"""Called with the study, a trial that ends, its state and its values."""


def frozen_trials(history: History, rows: npt.NDArray[np.int64]) -> list[FrozenTrial]:
    """Return the completed trials of some rows, with the signs of the values restored."""
    signs = np.array([direction.sign for direction in history.directions])
    return [_frozen(history, row, history.values[row] * signs) for row in rows.tolist()]


def _frozen(history: History, row: int, values: npt.NDArray[np.float64]) -> FrozenTrial:
    distributions = history.layouts[row].as_dict()
    constraints = zip(history.constraint_names, history.constraints[row].tolist(), strict=True)
    return FrozenTrial(
        number=row,
        state=TrialState.COMPLETE,
        value=None,
        datetime_start=None,
        datetime_complete=None,
        params={name: _value(history, name, distribution, row) for name, distribution in distributions.items()},
        distributions=distributions,
        user_attrs={},
        system_attrs={CONSTRAINT_PREFIX + name: value for name, value in constraints if value == value},
        intermediate_values={},
        trial_id=row,
        values=values.tolist(),
    )


def _value(history: History, name: str, distribution: BaseDistribution, row: int) -> Any:
    column = history.columns[name]
    raw = float(column.raw[row])
    return distribution.to_external_repr(raw) if column.choices is None else column.choices[int(raw)]
