"""The settings of a stop rule."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sweeper_core.directions import StudyDirection

EXAMPLE = "{no_improvement: 30, target: 0.95, expected_gain: 0.01}"


@dataclass(frozen=True)
class StopRule:
    """When a study starts no further trial: as soon as any of the given conditions holds.

    Attributes:
        no_improvement: Number of configurations that have ended since the best feasible one (with several objectives:
            since one last entered the Pareto front).
        target: Value that a feasible trial has to reach: from above when minimising, from below when maximising.
        expected_gain: The gain that the next trials are expected to bring, as a share of the gain so far (see
            :mod:`sweeper_core.stopping.outlook`); between 0 and 1.
    """

    no_improvement: int | None = None
    target: float | None = None
    expected_gain: float | None = None

    def __post_init__(self) -> None:
        for name, (expected, read) in _READERS.items():
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, _read(name, value, expected, read))

    @classmethod
    def of(cls, value: Any) -> StopRule:
        """Return the rule of a mapping (or the rule itself).

        Raises:
            TypeError: It is neither.
            ValueError: A key is unknown, or a value wrong.
        """
        if isinstance(value, cls):
            return value
        if not isinstance(value, Mapping):
            raise TypeError(f"must be a mapping such as {EXAMPLE}, not {value!r}.")
        known = [one.name for one in fields(cls)]
        for name in value:
            if name not in known:
                near = difflib.get_close_matches(str(name), known, 1)
                hint = f" Did you mean {near[0]!r}?" if near else ""
                raise ValueError(f".{name} does not exist.{hint} Known are {', '.join(known)}.")
        return cls(**value)

    @property
    def active(self) -> bool:
        """Whether there is any condition."""
        return any(getattr(self, one.name) is not None for one in fields(self))

    def check_objectives(self, directions: Sequence[StudyDirection]) -> None:
        """Raise a ``ValueError`` when a condition that needs a single objective is given for several."""
        for name in ("target", "expected_gain"):
            if getattr(self, name) is not None and len(directions) > 1:
                raise ValueError(
                    f".{name} needs a single objective, and this study has {len(directions)}; no_improvement works "
                    "with several."
                )

    def reached(self, value: float, direction: StudyDirection) -> bool:
        """Return whether a value reaches the target."""
        return self.target is not None and value * direction.sign <= self.target * direction.sign

    def __str__(self) -> str:
        given = {one.name: getattr(self, one.name) for one in fields(self)}
        return ", ".join(f"{name} {value!r}" for name, value in given.items() if value is not None)


def _whole(value: Any) -> int | None:
    number = _real(value)
    return int(number) if number is not None and number.is_integer() and number >= 1 else None


def _real(value: Any) -> float | None:
    try:
        number = float(value) if not isinstance(value, bool) else math.nan
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    return number if math.isfinite(number) else None


def _share(value: Any) -> float | None:
    number = _real(value)
    return number if number is not None and 0.0 < number < 1.0 else None


_READERS: Mapping[str, tuple[str, Callable[[Any], float | None]]] = {
    "no_improvement": ("a whole number of trials from 1 on", _whole),
    "target": ("a finite number", _real),
    "expected_gain": ("a share above 0 and below 1 (0.01: one percent)", _share),
}


def _read(name: str, value: Any, expected: str, read: Callable[[Any], float | None]) -> float:
    found = read(value)
    if found is None:
        raise ValueError(f".{name} must be {expected}, or null, not {value!r}.")
    return found
