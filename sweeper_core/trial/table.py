"""A study's trials as a table: the one behind ``trials.csv`` of a sweep and what ``hpo export`` writes.

The caller chooses the columns, their names, and the format of the cells.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sweeper_core.search_space.lists import ListParameter, shown_names
from sweeper_core.trial.lists import shown_params
from sweeper_core.trial.record import TrialRecord


class Missing:
    """Marks a missing cell, as distinct from None."""


MISSING = Missing()


class TrialTable:
    """The rows and groups of columns of a study's trials.

    Args:
        lists: Each is one column, instead of the parameters that make it up.

    Attributes:
        records: One record per row.
        values: Names of the objectives' columns: ``value``, or ``value_0``, ``value_1``, ….
        params, constraints, user_attrs: Names that any trial has, in the order in which they first occur.
    """

    def __init__(self, records: Sequence[TrialRecord], n_objectives: int, lists: Sequence[ListParameter] = ()) -> None:
        self.records = records
        self._lists = lists
        self.values = ["value"] if n_objectives == 1 else [f"value_{index}" for index in range(n_objectives)]
        layouts = dict.fromkeys(record.layout for record in records)
        self.params = _union(shown_names(layout.names, lists) for layout in layouts)
        self.constraints = _union(record.constraints for record in records)
        self.user_attrs = _union(record.user_attrs for record in records)

    def values_of(self, record: TrialRecord) -> list[Any]:
        """Return a trial's cell for each objective."""
        known: list[Any] = list(record.values or ())
        return (known + [MISSING] * len(self.values))[: len(self.values)]

    def params_of(self, record: TrialRecord) -> list[Any]:
        """Return a trial's cell for each parameter."""
        return _cells(shown_params(record.params, self._lists), self.params)

    def constraints_of(self, record: TrialRecord) -> list[Any]:
        """Return a trial's cell for each constraint; it holds where the value is not above 0."""
        return _cells(record.constraints, self.constraints)

    def user_attrs_of(self, record: TrialRecord) -> list[Any]:
        """Return a trial's cell for each user attribute."""
        return _cells(record.user_attrs, self.user_attrs)


def _union(groups: Iterable[Iterable[str]]) -> list[str]:
    return list(dict.fromkeys(name for group in groups for name in group))


def _cells(given: Mapping[str, Any], names: Sequence[str]) -> list[Any]:
    return [given.get(name, MISSING) for name in names]
