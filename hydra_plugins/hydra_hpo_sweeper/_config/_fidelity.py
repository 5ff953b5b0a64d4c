"""``hydra.sweeper.fidelity``: the key that says how much of a training a job gets, and its values (rungs)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from hydra_plugins.hydra_hpo_sweeper._config._numbers import real, whole
from hydra_plugins.hydra_hpo_sweeper._config._readers import refuse_unknown, wrong
from hydra_plugins.hydra_hpo_sweeper._errors import ConfigError
from hydra_plugins.hydra_hpo_sweeper._hydra._values import as_text
from sweeper_core.trial.attempts import continued_by, first_step, new_steps
from sweeper_core.trial.record import TrialRecord

Number = int | float

KEYS = ("key", "min", "max")


@dataclass(frozen=True)
class FidelityOptions:
    """The setting as written.

    Attributes:
        key: A key of the configuration, as an override names it.
        minimum, maximum: Its values at the lowest rung, and of a complete training; None: the configuration's value.
    """

    key: str
    minimum: Number
    maximum: Number | None = None

    @property
    def bare(self) -> str:
        """The key without a prefix."""
        return self.key.lstrip("+")


@dataclass(frozen=True)
class Ladder:
    """The rungs of a training.

    Attributes:
        values: The key's value at each rung, ascending; the last one is a complete training.
    """

    key: str
    values: tuple[Number, ...]

    @property
    def is_whole(self) -> bool:
        """Whether values are integers, which are the steps of reports then; else steps are the rungs' numbers."""
        return all(isinstance(value, int) for value in self.values)

    @property
    def steps(self) -> tuple[int, ...]:
        """The step at which a result is reported, for each rung."""
        return tuple(int(value) for value in self.values) if self.is_whole else tuple(range(len(self.values)))

    @property
    def resources(self) -> tuple[int, ...]:
        """The number of steps that a trial has taken at each rung."""
        return self.steps if self.is_whole else tuple(step + 1 for step in self.steps)

    @property
    def last(self) -> int:
        """The index of the last rung."""
        return len(self.values) - 1

    def above(self, step: int) -> int:
        """Return the index of the first rung above a step (-1: before the first), the last one if there is none."""
        return next((rung for rung, at in enumerate(self.steps) if at > step), self.last)

    def line(self, rung: int) -> str:
        """Return the override of a rung."""
        return f"{self.key}={as_text(self.values[rung])}"

    def at(self, rung: int, overrides: Sequence[str]) -> list[str]:
        """Return a complete training's overrides with those of a rung."""
        complete = self.line(self.last)
        return [self.line(rung) if line == complete else line for line in overrides]

    def spent(self, records: Iterable[TrialRecord]) -> int:
        """Return how many steps trials have taken, without those that an attempt copied from earlier ones."""
        if not self.is_whole:
            return new_steps(records)
        reported = (record for record in records if record.reports)
        return sum(max(record.reports[-1][0] - _begun(record), 0) for record in reported)

    def __str__(self) -> str:
        return f"{self.key}: {', '.join(f'{value:g}' for value in self.values)}"


def _begun(record: TrialRecord) -> int:
    return 0 if continued_by(record) is None else max(first_step(record) - 1, 0)


def ladder_of(key: str, minimum: Number, maximum: Number, factor: int) -> Ladder:
    """Return the rungs from ``minimum`` on, ``factor`` times more each, and ``maximum``.

    A rung that is nearly the maximum is left out: it would save next to nothing.
    """
    values: list[Number] = [minimum]
    while values[-1] * factor * factor**0.5 <= maximum:
        above = values[-1] * factor
        values.append(above if isinstance(above, int) else float(f"{above:.12g}"))  # 0.3, not 0.1 * 3
    return Ladder(key, (*values, maximum))


def fidelity(setting: str, value: Any) -> FidelityOptions | None:
    """Read the setting."""
    if value is None:
        return None
    if not isinstance(value, dict):
        raise wrong(setting, "a mapping such as {key: trainer.max_epochs, min: 2, max: 50}", value)
    refuse_unknown(setting, value, KEYS)
    key, minimum, maximum = (value.get(name) for name in KEYS)
    if not isinstance(key, str) or not key.lstrip("+") or "=" in key:
        raise wrong(f"{setting}.key", "a key of the configuration, such as trainer.max_epochs", key)
    least = number(f"{setting}.min", minimum)
    most = None if maximum is None else number(f"{setting}.max", maximum)
    if most is not None:
        refuse_empty(least, most)
    return FidelityOptions(key, least, most)


def number(key: str, value: Any) -> Number:
    """Return a number above zero, an integer where it is written as one."""
    found = value if isinstance(value, int) and not isinstance(value, bool) else real(value)
    if found is None or found <= 0:
        raise wrong(key, "a number above 0", value)
    return _exact(value, found)


def _exact(value: Any, found: Number) -> Number:
    integer = whole(value)
    return found if integer is None or isinstance(value, float) else integer


def refuse_empty(minimum: Number, maximum: Number) -> None:
    """Reject a minimum that is not below the maximum."""
    if minimum >= maximum:
        raise ConfigError(
            f"hydra.sweeper.fidelity: min={minimum:g} must be below max={maximum:g}, which is a complete training."
        )
