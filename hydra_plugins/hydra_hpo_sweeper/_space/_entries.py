"""One override of a search space in its three stages.

1. An :class:`Address`: which key, written where.
2. :class:`Fixed`, :class:`Swept` or (several parameters that make up a list) :class:`Listed`: what the user wrote
   about it, before it is known what the other entries are.
3. :class:`Placed`: an entry beside the others, its conditions resolved to clauses on parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from hydra_plugins.hydra_hpo_sweeper._hydra._values import as_text, escape
from hydra_plugins.hydra_hpo_sweeper._space._functions import Stated
from sweeper_core.distributions import BaseDistribution, CategoricalDistribution, choice_key
from sweeper_core.search_space.lists import ListParameter, Shape
from sweeper_core.search_space.space import Clause, Parameter

COMMAND_LINE = "on the command line"
PARAMS = "in hydra.sweeper.params"


@dataclass(frozen=True)
class Address:
    """The key of an override and the place where the user wrote it.

    Attributes:
        key: With prefix and package.
        place: For messages.
    """

    key: str
    place: str

    @property
    def bare(self) -> str:
        """The key without its prefix."""
        return self.key.lstrip("+~")

    def __str__(self) -> str:
        return f"{self.key!r} {self.place}"


@dataclass(frozen=True)
class Condition:
    """One test as the user wrote it: ``parent operator operand`` (operators as in a :class:`Clause`)."""

    parent: str
    operator: str
    operand: Any

    def __str__(self) -> str:
        if self.operand is None:
            return self.parent  # an expression
        if isinstance(self.operand, tuple):
            if len(self.operand) == 1:
                return f"{self.parent}{'=' if self.operator == 'in' else '!='}{self.operand[0]}"
            return f"{self.parent} {self.operator} [{','.join(map(str, self.operand))}]"
        return f"{self.parent}{self.operator}{self.operand}"


@dataclass(frozen=True)
class Fixed:
    """An override with one value.

    Attributes:
        line: The whole override as it goes to the job.
        value: None for a deletion.
        conditions: Under which the job gets it, as written.
    """

    at: Address
    line: str
    value: Any = None
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True)
class Swept:
    """An override with many values.

    Attributes:
        ordered: The choices lie on a scale.
        group: The key is a config group's.
        references: Keys (:func:`choice_key`) of choices that are interpolations, to be resolved in the job's
            configuration.
        conditions: Under which the parameter exists, as written.
        rows, members: Of a zip, the overrides that each choice stands for, and the value of each of its keys.
        prior: As written.
    """

    at: Address
    distribution: BaseDistribution
    ordered: bool = False
    group: bool = False
    references: frozenset[Any] = frozenset()
    conditions: tuple[Condition, ...] = ()
    prior: Stated | None = None
    rows: Mapping[Any, tuple[str, ...]] = field(default_factory=dict, compare=False)
    members: Mapping[Any, Mapping[str, Any]] = field(default_factory=dict, compare=False)

    @cached_property
    def member_keys(self) -> tuple[str, ...]:
        """The keys without prefix that a zip sets, in one of its rows at least."""
        return tuple(dict.fromkeys(key for row in self.members.values() for key in row))

    def lines(self, value: Any) -> list[str]:
        """Return the overrides that give the parameter a value."""
        return list(self.rows[value]) if self.rows else [self.line(value)]

    def line(self, value: Any) -> str:
        """Return the override that gives the parameter a value, its type and text intact."""

        if isinstance(value, str) and isinstance(self.distribution, CategoricalDistribution):
            place = self.distribution.position(value)  # of a list or dictionary that stands in the study as a text
            value = value if place is None else self.distribution.choices[place]

        def string(text: str) -> str:
            return text if choice_key(text) in self.references else escape(text)

        return f"{self.at.key}={as_text(value, string)}"


@dataclass(frozen=True)
class Listed:
    """An override whose value is a list: a permutation, or a point of a simplex.

    Attributes:
        element: Writes the override of a list.
        conditions: Under which the parameters exist, as written.
    """

    at: Address
    shape: Shape
    element: Swept
    conditions: tuple[Condition, ...] = ()


Entry = Fixed | Swept | Listed


def is_set_in_jobs(entry: Entry) -> bool:
    """Return whether only the jobs' configurations have what an entry sets, and not the sweep's own."""
    return not isinstance(entry, Fixed) or entry.at.place == PARAMS


@dataclass(frozen=True)
class Placed:
    """An entry among the others.

    Attributes:
        name: The parameter's name: the key, with its condition where several parameters share the key.
        when: Under which it exists, on the other parameters.
    """

    entry: Entry
    name: str
    when: tuple[Clause, ...] = ()

    @property
    def at(self) -> Address:
        """The entry's address."""
        return self.entry.at

    @property
    def distribution(self) -> BaseDistribution | None:
        """What is swept over; None for an entry that has not one parameter."""
        return self.entry.distribution if isinstance(self.entry, Swept) else None

    @cached_property
    def listed(self) -> ListParameter | None:
        """The list that the entry's parameters make up; None for other entries."""
        return ListParameter(self.name, self.entry.shape) if isinstance(self.entry, Listed) else None

    @property
    def parameters(self) -> list[Parameter]:
        """The entry's parameters of a search space."""
        if self.listed is not None:
            return self.listed.parameters(self.when)
        entry = self.entry
        return [Parameter(self.name, entry.distribution, self.when, entry.ordered)] if isinstance(entry, Swept) else []

    @property
    def line(self) -> str | None:
        """The whole override; None for an entry that varies."""
        return self.entry.line if isinstance(self.entry, Fixed) else None
