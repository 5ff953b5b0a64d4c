"""Detail tables of trials and studies, and their rows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Union

from sweeper_core.distributions import BaseDistribution
from sweeper_core.storages._rules import as_json, attrs_of_point, check_name, distribution_text, internals
from sweeper_core.storages.base import Point
from sweeper_core.trial.data import TrialData
from sweeper_core.trial.record import TrialRecord

Row = tuple[Union[str, int, float, None], ...]
"""A row of a :class:`Table`, in the order of its columns, without the owner."""


@dataclass(frozen=True, eq=False)
class Table:
    """A table in which owner and first column of a row are unique together.

    Attributes:
        columns: Name and PostgreSQL type of each column except the owner's key.
        owner: The column with the owner's key.
        first_counts: Whether an existing row is kept instead of replaced.
    """

    name: str
    columns: Mapping[str, str]
    owner: str = "trial_id"
    first_counts: bool = False

    def values(self, owner: int, row: Row) -> dict[str, Any]:
        """Return a row as the values of :meth:`Dialect.upsert`."""
        return {"owner": owner, **{f"c{place}": value for place, value in enumerate(row)}}


_ATTR = {"key": "text", "value_json": "text"}

PARAMS = Table("trial_params", {"param_name": "text", "param_value": "float8", "distribution_json": "text"})
VALUES = Table("trial_values", {"objective": "integer", "value": "float8", "value_type": "trialvaluetype"})
REPORTS = Table(
    "trial_intermediate_values",
    {"step": "integer", "intermediate_value": "float8", "intermediate_value_type": "trialintermediatevaluetype"},
    first_counts=True,
)
USER_ATTRS = Table("trial_user_attributes", _ATTR)
SYSTEM_ATTRS = Table("trial_system_attributes", _ATTR)
STUDY_USER_ATTRS = Table("study_user_attributes", _ATTR, "study_id")
STUDY_SYSTEM_ATTRS = Table("study_system_attributes", _ATTR, "study_id")

OF_TRIALS = (PARAMS, VALUES, REPORTS, USER_ATTRS, SYSTEM_ATTRS)
ALL = (*OF_TRIALS, STUDY_USER_ATTRS, STUDY_SYSTEM_ATTRS)

Parts = Mapping[Table, Sequence[Row]]
"""Rows for several tables of one owner."""


def parts_of(data: TrialData) -> Parts:
    """Return the rows of a trial's data; raise for invalid data."""
    parts = {
        PARAMS: param_rows(internals(data.params, data.distributions)),
        REPORTS: report_rows(data.reports),
        USER_ATTRS: attr_rows(data.user_attrs),
        SYSTEM_ATTRS: attr_rows(data.system_attrs),
    }
    return {table: rows for table, rows in parts.items() if rows}


def parts_of_point(point: Point) -> Parts:
    """Return the rows of a WAITING trial."""
    return {USER_ATTRS: attr_rows(point.user_attrs), SYSTEM_ATTRS: attr_rows(attrs_of_point(point))}


def parts_of_trial(trial: TrialRecord) -> Parts:
    """Return all rows of a trial."""
    return {
        PARAMS: param_rows(described(trial)),
        VALUES: value_rows(trial.values or ()),
        REPORTS: report_rows(trial.reports),
        USER_ATTRS: attr_rows(trial.user_attrs),
        SYSTEM_ATTRS: attr_rows(trial.system_attrs),
    }


def described(trial: TrialRecord) -> dict[str, tuple[BaseDistribution, float]]:
    """Return the distribution and the internal value of each parameter."""
    layout = trial.layout
    return {
        name: (distribution, value)
        for name, distribution, value in zip(layout.names, layout.distributions, trial.internals, strict=True)
    }


def param_rows(params: Mapping[str, tuple[BaseDistribution, float]]) -> list[Row]:
    """Return rows of :data:`PARAMS`."""
    return [(name, value, distribution_text(distribution)) for name, (distribution, value) in params.items()]


def value_rows(values: Iterable[float]) -> list[Row]:
    """Return rows of :data:`VALUES`."""
    return [(objective, *stored(value)) for objective, value in enumerate(values)]


def report_rows(reports: Iterable[tuple[int, float]]) -> list[Row]:
    """Return rows of :data:`REPORTS`."""
    return [(int(step), *stored(float(value))) for step, value in reports]


def attr_rows(attrs: Mapping[str, Any]) -> list[Row]:
    """Return rows of a table of attributes."""
    return [(check_name("attribute", key), as_json(value, key)) for key, value in attrs.items()]


def stored(value: float) -> tuple[float | None, str]:
    """Return the two columns that represent a number: the number itself if finite, and its kind."""
    if math.isfinite(value):
        return value, "FINITE"
    return None, "NAN" if math.isnan(value) else "INF_POS" if value > 0 else "INF_NEG"
