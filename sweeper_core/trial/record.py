"""The stored trial: an immutable record of one trial, compact enough to keep all of them in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sweeper_core.distributions import BaseDistribution, FloatDistribution
from sweeper_core.trial.attrs import CONSTRAINT_PREFIX, LIST_OF_CONSTRAINTS, LOST, OOM
from sweeper_core.trial.state import TrialState


class _Nothing(dict[str, Any]):
    """An immutable empty mapping, a singleton that can be pickled and converted to JSON."""

    __slots__ = ()

    def __setitem__(self, key: str, value: Any) -> None:
        raise TypeError("These attributes are read-only.")

    def __hash__(self) -> int:  # type: ignore[override]
        return 0

    def __reduce__(self) -> str:
        return "NOTHING"


NOTHING: Mapping[str, Any] = _Nothing()
"""The empty attributes that most trials share."""


def nothing() -> Mapping[str, Any]:
    """Return :data:`NOTHING`, as the default factory of dataclass fields: Python 3.10 rejects dictionaries there."""
    return NOTHING


class Layout:
    """Names and distributions of a trial's parameters; trials with equal ones share one object."""

    __slots__ = ("_decoders", "_hash", "distributions", "names", "steps")

    def __init__(self, names: tuple[str, ...], distributions: tuple[BaseDistribution, ...]) -> None:
        self.names = names
        self.distributions = distributions
        self._hash = hash((names, distributions))
        # The internal value of a float is the float.
        self._decoders = [None if type(it) is FloatDistribution else it.to_external_repr for it in distributions]
        self.steps: dict[str, tuple[BaseDistribution, Layout]] = {}
        """A cache of the layouts that extend this one: the next name, its distribution, and the resulting layout."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Layout, (self.names, self.distributions)  # hashes of strings differ between processes

    @classmethod
    def of(cls, distributions: Mapping[str, BaseDistribution]) -> Layout:
        """Return the layout of named distributions."""
        return cls(tuple(distributions), tuple(distributions.values()))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Layout):
            return NotImplemented
        return self is other or (self.names == other.names and self.distributions == other.distributions)

    def as_dict(self) -> dict[str, BaseDistribution]:
        """Return the distributions by name."""
        return dict(zip(self.names, self.distributions, strict=True))

    def decode(self, internals: tuple[float, ...]) -> dict[str, Any]:
        """Return the external values by name."""
        return {
            name: value if decoder is None else decoder(value)
            for name, decoder, value in zip(self.names, self._decoders, internals, strict=True)
        }


NO_PARAMETERS = Layout((), ())


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """A trial as stored. Immutable: a change is a new record.

    Attributes:
        number: 0, 1, 2, … within the study, without gaps.
        trial_id: The storage's own key.
        layout: Names and distributions of ``internals``, in the order in which they were described.
        internals: Internal value of each parameter.
        values: One value per objective as the user gave them (signs not changed); None before the end
            and for failed trials. A pruned trial has its last report here.
        reports: ``(step, value)`` in order of step.
        user_attrs, system_attrs: JSON values by name. System attributes carry Optuna's own (constraints,
            fixed parameters) and ours, whose names begin with ``hpo:``.
        started, completed: Naive UTC.
    """

    number: int
    trial_id: int
    state: TrialState
    layout: Layout = NO_PARAMETERS
    internals: tuple[float, ...] = ()
    values: tuple[float, ...] | None = None
    reports: tuple[tuple[int, float], ...] = ()
    user_attrs: Mapping[str, Any] = field(default_factory=nothing)
    system_attrs: Mapping[str, Any] = field(default_factory=nothing)
    started: datetime | None = None
    completed: datetime | None = None

    def __post_init__(self) -> None:
        if len(self.internals) != len(self.layout.names):
            raise ValueError(f"Trial {self.number} has {len(self.internals)} values for {self.layout.names}.")

    @property
    def params(self) -> dict[str, Any]:
        """The external values by name, a new dictionary at each call."""
        return self.layout.decode(self.internals)

    @property
    def constraints(self) -> dict[str, float]:
        """Constraint values by name; satisfied where not positive."""
        return constraints_in(self.system_attrs)


def constraints_in(system_attrs: Mapping[str, Any]) -> dict[str, float]:
    """Return the named constraint values in system attributes, in both of Optuna's forms."""
    found: dict[str, float] = {}
    if not system_attrs:
        return found
    for position, value in enumerate(system_attrs.get(LIST_OF_CONSTRAINTS) or ()):
        found[str(position)] = float(value)
    for key, value in system_attrs.items():
        if key.startswith(CONSTRAINT_PREFIX):
            found[key[len(CONSTRAINT_PREFIX) :]] = float(value)
    return found


def ran_out_of_memory(record: TrialRecord) -> bool:
    """Return whether a trial failed because memory ran out, and is not to be tried again with smaller values."""
    attrs = record.system_attrs
    return record.state is TrialState.FAIL and bool(attrs.get(OOM)) and LOST not in attrs


def out_of_memory(records: Iterable[TrialRecord]) -> int:
    """Return how many of the trials failed because memory ran out."""
    return sum(ran_out_of_memory(record) for record in records)
