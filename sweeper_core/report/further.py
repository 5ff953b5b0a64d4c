"""Further numbers of trials in the report: what jobs report or return beside the objective."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from sweeper_core.report.numbers import evenly, rounded
from sweeper_core.report.texts import printable
from sweeper_core.trial.metrics import Curve, metric_curves
from sweeper_core.trial.record import TrialRecord

MAX_COLUMNS = 12
"""Further columns of the table of trials."""
MAX_CELLS = 120_000
"""Values in all of them: a study of very many trials has fewer, or none."""
MAX_METRICS = 6
"""Further metrics whose learning curves are drawn."""
MAX_POINTS = 100
"""Points of one further learning curve."""


def further_columns(shown: Sequence[TrialRecord], taken: Collection[str]) -> list[dict[str, Any]]:
    """Return the numeric user attributes that differ between trials, as columns of the table.

    Args:
        shown: The trials of the table.
        taken: Names that other columns have.
    """
    names = dict.fromkeys(name for record in shown for name in record.user_attrs if name not in taken)
    columns: list[dict[str, Any]] = []
    most = min(MAX_COLUMNS, MAX_CELLS // max(len(shown), 1))
    for name in names:
        values = [_number(record.user_attrs.get(name)) for record in shown]
        if len(columns) < most and len({value for value in values if value is not None}) > 1:
            columns.append({"name": printable(name), "values": values})
    return columns


def further_curves(records: Sequence[TrialRecord]) -> list[dict[str, Any]]:
    """Return the learning curves of each metric that trials report beside the judged one."""
    found: dict[str, list[tuple[TrialRecord, Curve]]] = {}
    for record in records:
        for name, curve in metric_curves(record).items():
            if curve != list(record.reports) and len(curve) > 1:
                found.setdefault(name, []).append((record, curve))
    return [
        {
            "name": printable(name),
            "curves": [drawn_curve(record, evenly(curve, MAX_POINTS), _number) for record, curve in curves],
        }
        for name, curves in list(found.items())[:MAX_METRICS]
    ]


def drawn_curve(
    record: TrialRecord, points: Sequence[tuple[int, float]], shown: Callable[[float], Any]
) -> dict[str, Any]:
    """Return the learning curve of a trial; ``shown`` converts its values."""
    steps, values = [step for step, _ in points], [shown(value) for _, value in points]
    return {"trial": record.number, "state": record.state.name[0], "steps": steps, "values": values}


def _number(value: Any) -> Any:
    """Return a number with few digits; None for anything else."""
    if not isinstance(value, (int, float)) or isinstance(value, bool) or value - value != 0.0:
        return None
    return rounded(float(value), 5)
