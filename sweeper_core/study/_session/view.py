"""Read-only view of a study: its trials, the best of them, its directions and attributes."""

from __future__ import annotations

import copy
from collections.abc import Container
from typing import TYPE_CHECKING, Any

import numpy as np

from sweeper_core._garbage import uncollected
from sweeper_core.directions import StudyDirection
from sweeper_core.maths.pareto import pareto_front
from sweeper_core.plain import plain
from sweeper_core.study._session.bridges import OptunaStorage
from sweeper_core.study._session.log import TrialLog
from sweeper_core.study.dataframe import DEFAULT_COLUMNS, trials_dataframe
from sweeper_core.trial.attrs import METRIC_NAMES
from sweeper_core.trial.data import TrialData
from sweeper_core.trial.feasible import is_feasible
from sweeper_core.trial.frozen import FrozenTrial
from sweeper_core.trial.record import TrialRecord
from sweeper_core.trial.state import TrialState
from sweeper_core.trial.study_like import Known

if TYPE_CHECKING:
    import pandas as pd


class StudyView:
    """Read-only access to a study. Every call returns the current state."""

    def __init__(self, log: TrialLog) -> None:
        self._log = log

    @property
    def study_name(self) -> str:
        """The name, unique in its storage."""
        return self._log.study.name

    @property
    def _study_id(self) -> int:
        return self._log.study_id

    @property
    def _storage(self) -> OptunaStorage:
        return OptunaStorage(self._log)

    @property
    def directions(self) -> list[StudyDirection]:
        """One direction for each objective."""
        return list(self._log.study.directions)

    @property
    def direction(self) -> StudyDirection:
        """The direction of a study with one objective.

        Raises:
            RuntimeError: There are several objectives.
        """
        if self._is_multi_objective():
            raise RuntimeError("A study with several objectives has no single direction; use `directions`.")
        return self._log.study.directions[0]

    def _is_multi_objective(self) -> bool:
        return len(self._log.study.directions) > 1

    @property
    def user_attrs(self) -> dict[str, Any]:
        """A copy of what :meth:`Study.set_user_attr` has stored."""
        return copy.deepcopy(dict(self._log.refresh().user_attrs))

    @property
    def system_attrs(self) -> dict[str, Any]:
        """A copy of the attributes for internal use of the library."""
        return copy.deepcopy(dict(self._log.refresh().system_attrs))

    @property
    def metric_names(self) -> list[str] | None:
        """The names of the objectives, if any were set."""
        names = self._log.refresh().system_attrs.get(METRIC_NAMES)
        return None if names is None else list(names)

    @property
    def trials(self) -> list[FrozenTrial]:
        """Copies of all trials, by number."""
        return self.get_trials()

    def get_trials(self, deepcopy: bool = True, states: Container[TrialState] | None = None) -> list[FrozenTrial]:
        """Return copies of the trials, by number.

        Args:
            deepcopy: Accepted for compatibility; the trials returned are always the caller's own.
            states: Only those in one of these states; None for all.
        """
        records = self._records()
        with uncollected():
            return [FrozenTrial.of(record) for record in records if states is None or record.state in states]

    def _get_trials(
        self, deepcopy: bool = True, states: Container[TrialState] | None = None, use_cache: bool = False
    ) -> list[FrozenTrial]:
        return self.get_trials(deepcopy, states)  # samplers written for Optuna call this method

    def _records(self) -> list[TrialRecord]:
        self._log.sync()
        return self._log.records

    @property
    def best_trial(self) -> FrozenTrial:
        """The best feasible trial of a study with one objective; the earliest of equals.

        Raises:
            RuntimeError: There are several objectives.
            ValueError: No trial is COMPLETE, or none of them is feasible.
        """
        if self._is_multi_objective():
            raise RuntimeError(
                "A single best trial cannot be retrieved from a multi-objective study. Consider using "
                "Study.best_trials to retrieve a list containing the best trials."
            )
        self._log.sync()
        statistics = self._log.statistics
        if statistics.best.number is None:
            raise ValueError(f"No {'feasible ' if statistics.completed else ''}trials are completed yet.")
        return FrozenTrial.of(self._log.record(statistics.best.number))

    @property
    def best_trials(self) -> list[FrozenTrial]:
        """The COMPLETE and feasible trials that no other dominates, by number."""
        records = [record for record in self._records() if record.state is TrialState.COMPLETE and record.values]
        feasible = [record for record in records if is_feasible(record.system_attrs)]
        if not feasible:
            return []
        signs = [direction.sign for direction in self._log.study.directions]
        front = pareto_front(np.array([record.values for record in feasible], float) * signs)
        return [FrozenTrial.of(record) for record, best in zip(feasible, front, strict=True) if best]

    @property
    def best_params(self) -> dict[str, Any]:
        """Parameters of :attr:`best_trial`."""
        return self.best_trial.params

    @property
    def best_value(self) -> float:
        """Value of :attr:`best_trial`."""
        value = self.best_trial.value
        assert value is not None
        return value

    @property
    def best_values(self) -> list[float]:
        """Value of :attr:`best_trial`, in a list."""
        return [self.best_value]

    def trials_dataframe(self, attrs: tuple[str, ...] = DEFAULT_COLUMNS, multi_index: bool = False) -> pd.DataFrame:
        """Return the trials as a pandas ``DataFrame``, one row per trial.

        Args:
            attrs: Attributes of :class:`FrozenTrial`; those that are mappings become a column for each key.
            multi_index: Columns in two levels (``("params", "x")``) instead of joined names (``"params_x"``).

        Raises:
            ImportError: pandas is not installed.
        """
        return trials_dataframe(self.get_trials(), attrs, multi_index, len(self.directions), self.metric_names)

    def known_to(self, number: int) -> Known:
        """Return the data for a decision about trial ``number``."""
        self._log.sync()
        return Known(self._log.history(number), self._log.statistics.joint.distributions, self._log.curves)

    def set_system_attr(self, key: str, value: Any) -> None:
        """Store a system attribute of the study."""
        self._log.storage.set_study_attrs(self._study_id, system={key: plain(value)})

    def set_trial_system_attr(self, number: int, key: str, value: Any) -> None:
        """Store a system attribute of a running trial."""
        self._log.storage.describe(self._study_id, number, TrialData(system_attrs={key: plain(value)}))
