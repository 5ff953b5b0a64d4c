"""What a user writes about one parameter, before it is known what the others are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sweeper_core.distributions import BaseDistribution
from sweeper_core.search_space.space import Clause


@dataclass(frozen=True)
class Condition:
    """One test as the user wrote it: ``parent operator operand`` (operators as in a :class:`Clause`)."""

    parent: str
    operator: str
    operand: Any

    def __str__(self) -> str:
        if isinstance(self.operand, tuple):
            if len(self.operand) == 1:
                return f"{self.parent}{'=' if self.operator == 'in' else '!='}{self.operand[0]}"
            return f"{self.parent} {self.operator} [{','.join(map(str, self.operand))}]"
        return f"{self.parent}{self.operator}{self.operand}"


@dataclass(frozen=True)
class Item:
    """One override of a job: fixed (``line``) or swept (``distribution``).

    Attributes:
        key: The override's key with prefix and package.
        name: The parameter's name: the key, with its condition where several parameters share the key.
        place: Where the user wrote it, for messages.
        line: The whole override, when it is fixed.
        value: The value of a fixed override that has one.
        distribution: What is swept over.
        ordered: The choices lie on a scale.
        group: The key is a config group's.
        references: Choices that are interpolations, to be resolved in the job's configuration.
        conditions: Under which it exists, as written.
        when: Under which it exists, on the other parameters.
    """

    key: str
    place: str
    name: str = ""
    line: str | None = None
    value: Any = None
    distribution: BaseDistribution | None = None
    ordered: bool = False
    group: bool = False
    references: frozenset[Any] = frozenset()
    conditions: tuple[Condition, ...] = ()
    when: tuple[Clause, ...] = ()

    @property
    def bare(self) -> str:
        """The key without its prefix."""
        return self.key.lstrip("+~")

    @property
    def where(self) -> str:
        """The key and its place, for messages."""
        return f"{self.key!r} {self.place}"
