"""Reports of several metrics: pruners use one of them, the others are stored as attributes.

Optuna's formats have one value per step of a trial. The other metrics of a step are one attribute,
``hpo:metrics:<step>``, and the latest of each is a user attribute under its own name, so that tables show it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from sweeper_core.trial.attrs import METRICS_PREFIX
from sweeper_core.trial.data import TrialData

Curve = list[tuple[int, float]]


def several(
    values: Mapping[Any, Any], judged: str | None, usual: str | None = None, needed: bool = False
) -> tuple[float, dict[str, float]]:
    """Return the value for pruners, and all metrics by name.

    Args:
        values: The reported metrics.
        judged: Name of the metric for pruners; None takes ``usual`` if it was reported, else the first one.
        needed: Whether there is a pruner, so that the first one must not be taken by default.

    Raises:
        TypeError: A name is no text, or a value no number.
        ValueError: There are none, or the metric for pruners is not among them.
    """
    if not values:
        raise ValueError("report({}, step) has no metric; give at least one, such as {'loss': 0.5}.")
    numbers = {_name(name): _number(name, value) for name, value in values.items()}
    known = ", ".join(numbers)
    if judged is None and usual in numbers:
        judged = usual
    if judged is None and needed and len(numbers) > 1:
        raise ValueError(
            f"report() has {len(numbers)} metrics ({known}), and a pruner judges one: name it in "
            "hydra.sweeper.pruning_metric (with set_metric_names for a study)."
        )
    if judged is None:
        judged = next(iter(numbers))
    if judged not in numbers:
        raise ValueError(f"report() has no metric {judged!r}, which pruners judge; it has {known}.")
    return numbers[judged], numbers


def data_of(step: int, value: float, metrics: Mapping[str, float]) -> TrialData:
    """Return a report of several metrics as storages take it."""
    finite = {name: number for name, number in metrics.items() if number - number == 0.0}
    texts = {name: repr(number) for name, number in metrics.items() if name not in finite}
    attrs = {f"{METRICS_PREFIX}{step}": {**finite, **texts}}
    return TrialData(reports=[(step, value)], user_attrs=finite, system_attrs=attrs)


class HasAttributes(Protocol):
    """A trial with system attributes."""

    @property
    def system_attrs(self) -> Mapping[str, Any]:
        """Attributes for internal use of the library."""


def metric_curves(record: HasAttributes) -> dict[str, Curve]:
    """Return ``(step, value)`` of each metric of a trial's reports of several, by step."""
    curves: dict[str, Curve] = {}
    for name, values in record.system_attrs.items():
        if name.startswith(METRICS_PREFIX) and isinstance(values, Mapping):
            for metric, value in values.items():
                curves.setdefault(metric, []).append((int(name[len(METRICS_PREFIX) :]), float(value)))
    return {metric: sorted(curve) for metric, curve in curves.items()}


def _name(name: Any) -> str:
    if not isinstance(name, str) or not name:
        raise TypeError(f"report() takes metrics by name, and {name!r} ({type(name).__name__}) is no name.")
    return name


def _number(name: Any, value: Any) -> float:
    try:
        if isinstance(value, (str, bytes)):
            raise TypeError
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(
            f"report(): metric {name!r} must be a number, not {value!r} ({type(value).__name__})."
        ) from None
