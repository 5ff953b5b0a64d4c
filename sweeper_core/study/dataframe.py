"""Trials as a pandas data frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from sweeper_core._extras import missing_extra
from sweeper_core.trial.attrs import OURS
from sweeper_core.trial.frozen import FrozenTrial
from sweeper_core.trial.state import TrialState

if TYPE_CHECKING:
    import pandas as pd

DEFAULT_COLUMNS = (
    "number",
    "value",
    "datetime_start",
    "datetime_complete",
    "duration",
    "params",
    "user_attrs",
    "system_attrs",
    "state",
)

Cell = tuple[tuple[str, Any], Any]
"""Column (group, key within the group or "") and value."""


def trials_dataframe(
    trials: Sequence[FrozenTrial],
    attrs: tuple[str, ...],
    multi_index: bool,
    n_objectives: int,
    metric_names: Sequence[str] | None,
) -> pd.DataFrame:
    """Return one row a trial; see :meth:`Study.trials_dataframe`."""
    pandas = _pandas()
    if not trials:
        return pandas.DataFrame()
    if n_objectives > 1:
        attrs = tuple("values" if attr == "value" else attr for attr in attrs)
    names: Sequence[Any] = list(range(n_objectives)) if metric_names is None else metric_names
    rows: list[dict[tuple[str, Any], Any]] = []
    found: dict[str, dict[tuple[str, Any], None]] = {attr: {} for attr in attrs}
    for trial in trials:
        row: dict[tuple[str, Any], Any] = {}
        for attr in attrs:
            for column, value in _cells(trial, attr, names, metric_names is not None):
                row[column] = value
                found[attr][column] = None
        rows.append(row)
    columns = [column for attr in attrs for column in _ordered(attr, found[attr])]
    frame = pandas.DataFrame(rows, columns=pandas.MultiIndex.from_tuples(columns))
    if not multi_index:
        frame.columns = ["_".join(str(part) for part in column if part != "") for column in columns]
    return frame


def _cells(trial: FrozenTrial, attr: str, names: Sequence[Any], named: bool) -> Iterator[Cell]:
    group = attr.lstrip("_")
    value = getattr(trial, attr)
    if attr == "values":
        yield from (((group, name), item) for name, item in zip(names, value or [None] * len(names), strict=True))
    elif attr == "value" and named:
        yield (group, names[0]), value
    elif isinstance(value, dict):
        yield from (((group, key), item) for key, item in value.items() if not str(key).startswith(OURS))
    elif isinstance(value, TrialState):
        yield (group, ""), value.name
    else:
        yield (group, ""), value


def _ordered(attr: str, columns: dict[tuple[str, Any], None]) -> list[tuple[str, Any]]:
    """Objectives stay in their order, all else is sorted."""
    return list(columns) if attr == "values" else sorted(columns)


def _pandas() -> Any:
    try:
        import pandas
    except ImportError as error:
        raise missing_extra("`trials_dataframe` needs pandas", "pandas") from error
    return pandas
