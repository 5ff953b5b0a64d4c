"""``hydra.sweeper.oom_retry``: how a configuration is made smaller after it ran out of memory."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from hydra_plugins.hydra_hpo_sweeper._errors import ConfigError

_STEP = re.compile(r"\s*([/x*])\s*(\d+(?:\.\d*)?|\.\d+)\s*")

FROM = "from"
STARTS = ("start", "checkpoint")


@dataclass(frozen=True)
class Step:
    """A change of one key: times ``factor``."""

    factor: float

    def of(self, value: float) -> float:
        """Return the changed value; an integer stays one, from 1 on, and is rounded down where it gets smaller."""
        if not isinstance(value, int):
            return value * self.factor
        return max(math.floor(value * self.factor + 1e-9), min(value, 1))


@dataclass(frozen=True)
class OomRetry:
    """Changes by configuration key; none where there is no setting.

    Attributes:
        from_checkpoint: Whether the smaller attempt goes on from a checkpoint.
    """

    steps: Mapping[str, Step] = field(default_factory=dict)
    from_checkpoint: bool = False

    def smaller(self, values: Mapping[str, float]) -> dict[str, float] | None:
        """Return the changed values; None where those that shrink cannot do so any more."""
        changed = {key: step.of(values[key]) for key, step in self.steps.items()}
        shrinking = [key for key, step in self.steps.items() if step.factor < 1.0] or list(self.steps)
        return changed if any(changed[key] != values[key] for key in shrinking) else None


def oom_retry(key: str, value: Any) -> OomRetry:
    """Return the changes of ``hydra.sweeper.oom_retry``.

    Raises:
        ConfigError: One cannot be read; the message names it.
    """
    place = f"hydra.sweeper.{key}"
    if value is None:
        return OomRetry()
    if not isinstance(value, Mapping) or not value:
        raise ConfigError(f"{place} must be a mapping such as {{data.batch_size: /2}}, not {value!r}.")
    start = value.get(FROM, STARTS[0])
    if start not in STARTS:
        raise ConfigError(f"{place}.{FROM} must be start or checkpoint, not {start!r}.")
    steps = {name: _step(f"{place}.{name}", text) for name, text in _flat(value) if name != FROM}
    if not steps:
        raise ConfigError(f"{place} must name a key that gets smaller, such as {{data.batch_size: /2}}.")
    return OomRetry(steps, start == STARTS[1])


def _flat(value: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, inner in value.items():
        if isinstance(inner, Mapping):
            yield from _flat(inner, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", inner


def _step(place: str, text: Any) -> Step:
    found = _STEP.fullmatch(text) if isinstance(text, str) else None
    number = float(found[2]) if found else 0.0
    if found is None or number in (0.0, 1.0):
        raise ConfigError(f'{place} must be a division or a multiplication such as "/2" or "x2", not {text!r}.')
    return Step(1.0 / number if found[1] == "/" else number)
