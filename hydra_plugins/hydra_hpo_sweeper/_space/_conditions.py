"""Conditions under which a parameter exists: how they are written, and what they come to in a search space."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from omegaconf import DictConfig, OmegaConf

from hydra_plugins.hydra_hpo_sweeper._errors import ConfigError, closest
from hydra_plugins.hydra_hpo_sweeper._space._items import Condition, Item
from sweeper_core.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from sweeper_core.search_space.space import Clause

ReadValue = Callable[[str], Any]

_BLOCK = re.compile(r"when\s+(.+)", re.DOTALL)
_AND = re.compile(r"\s+and\s+(?=(?:[^'\"]|'[^']*'|\"[^\"]*\")*$)")
_TEST = re.compile(r"\s*([^\s=<>!]+?)\s*(==|!=|<=|>=|=|<|>|\snot\s+in\s|\sin\s)\s*(.+)", re.DOTALL)
_COMPARED = re.compile(r"(!=|<=|>=|<|>)\s*(.+)", re.DOTALL)
_EXAMPLES = "write for instance model=cnn, model in [cnn,mlp], model!=cnn or depth>4, several of them joined by 'and'"


def parse_block(key: str, read_value: ReadValue) -> tuple[Condition, ...] | None:
    """Return the conditions of a key ``when <condition>``, below which conditional parameters stand; None for others.

    Raises:
        ConfigError: The key begins with "when", but no condition follows.
    """
    found = _BLOCK.fullmatch(key.strip())
    if found is None:
        return None
    try:
        return parse_when(found[1], read_value)
    except ValueError as error:
        raise ConfigError(f"{key!r} in hydra.sweeper.params: {error}") from error


def parse_when(when: Any, read_value: ReadValue) -> tuple[Condition, ...]:
    """Return the conditions, all of which must hold, of a ``when:`` entry.

    Args:
        when: A text (``"model=cnn and depth>4"``), a mapping from parents to a value, a list of values, or a text
            with a comparison (``{model: [cnn, mlp], depth: "> 4"}``), or None.
        read_value: Reads a value in Hydra's grammar.

    Raises:
        ValueError: It is neither.
    """
    if when is None:
        return ()
    if isinstance(when, str):
        return tuple(_test(part, read_value) for part in _AND.split(when))
    if isinstance(when, Mapping) and when:
        return tuple(_of_entry(str(parent), value, read_value) for parent, value in when.items())
    raise ValueError(f"the condition {when!r} cannot be read; {_EXAMPLES}")


def _test(text: str, read_value: ReadValue) -> Condition:
    found = _TEST.fullmatch(text)
    if found is None:
        raise ValueError(f"the condition {text!r} cannot be read; {_EXAMPLES}")
    return _condition(found[1], " ".join(found[2].split()), read_value(found[3].strip()))


def _of_entry(parent: str, value: Any, read_value: ReadValue) -> Condition:
    if isinstance(value, str):
        compared = _COMPARED.fullmatch(value.strip())
        if compared:
            return _condition(parent, compared[1], read_value(compared[2]))
    return _condition(parent, "in", value if isinstance(value, list) else [value])


def _condition(parent: str, operator: str, operand: Any) -> Condition:
    operator = {"=": "in", "==": "in", "!=": "not in"}.get(operator, operator)
    if operator in ("in", "not in"):
        return Condition(parent, operator, tuple(operand) if isinstance(operand, list) else (operand,))
    if type(operand) not in (int, float):
        raise ValueError(f"the condition {parent}{operator}{operand} needs a number after {operator}")
    return Condition(parent, operator, operand)


def resolve(items: Sequence[Item], config: DictConfig | None) -> list[Item]:
    """Return the items with their names and clauses; those that can never exist are left out.

    A condition on something fixed (on the command line, or chosen in the configuration) is decided here.

    Raises:
        ConfigError: A condition looks at something unknown, or at a value that it cannot have, or in a circle;
            or two parameters with one key could exist at the same time.
    """
    resolver = _Resolver(items, config)
    resolved = [item for item in map(resolver.resolve, items) if item is not None]
    _refuse_overlap(resolved)
    return resolved


class _Resolver:
    def __init__(self, items: Sequence[Item], config: DictConfig | None) -> None:
        self.items = items
        self.config = config
        self.done: dict[int, Item | None] = {}
        self.open: list[Item] = []
        self.by_key: dict[str, list[Item]] = {}
        for item in items:
            self.by_key.setdefault(item.bare, []).append(item)

    def resolve(self, item: Item) -> Item | None:
        """Return an item with its clauses; None when it cannot exist."""
        if id(item) not in self.done:
            if any(item is other for other in self.open):
                circle = " and ".join(repr(other.key) for other in self.open)
                raise ConfigError(
                    f"The conditions of {circle} in hydra.sweeper.params form a circle; free one of them."
                )
            self.open.append(item)
            self.done[id(item)] = self._with_clauses(item)
            self.open.pop()
        return self.done[id(item)]

    def _with_clauses(self, item: Item) -> Item | None:
        clauses: list[Clause] = []
        for condition in item.conditions:
            found = self._clauses(item, condition, clauses)
            if found is None:
                return None
            clauses.extend(clause for clause in found if clause not in clauses)
        shared = len(self.by_key[item.bare]) > 1 and item.distribution is not None and item.conditions
        suffix = f" when {' and '.join(map(str, item.conditions))}" if shared else ""
        return replace(item, name=item.key + suffix, when=tuple(clauses))

    def _clauses(self, item: Item, condition: Condition, known: Sequence[Clause]) -> tuple[Clause, ...] | None:
        """Return the clauses of a condition, after those before it: none if it always holds, None if it never does."""
        parents = self.by_key.get(condition.parent.lstrip("+"), [])
        swept = [parent for parent in parents if parent.distribution is not None]
        if swept:
            resolved = [parent for parent in map(self.resolve, swept) if parent is not None]
            possible = [p for p in resolved if not any(_exclude(a, b) for a in p.when for b in known)]
            if len(possible) > 1:
                raise ConfigError(
                    f"{item.where}: the condition {condition} may look at {len(possible)} sweeps of that key; "
                    "put it into the block of one of them."
                )
            return (_clause(item, condition, possible[0]),) if possible else None
        if parents:
            parent = self.resolve(parents[-1])
            return parent.when if parent is not None and _holds(condition, parent.value) else None
        return () if _holds(condition, self._looked_up(item, condition)) else None

    def _looked_up(self, item: Item, condition: Condition) -> Any:
        """Return the value of a key that is neither swept nor fixed from the configuration."""
        choices = {} if self.config is None else OmegaConf.select(self.config, "hydra.runtime.choices") or {}
        if condition.parent in choices:
            return choices[condition.parent]
        value = None if self.config is None else OmegaConf.select(self.config, condition.parent)
        if value is None:
            known = list(self.by_key)
            raise ConfigError(
                f"{item.where}: the condition {condition} looks at {condition.parent!r}, which is no parameter of this "
                f"sweep; there are {', '.join(known)}.{closest(condition.parent, known)}"
            )
        return value


def _holds(condition: Condition, value: Any) -> bool:
    try:
        return Clause(condition.parent, condition.operator, condition.operand).holds(value)
    except TypeError:
        return False


def _clause(item: Item, condition: Condition, parent: Item) -> Clause:
    """Return a condition on a swept parent, its values checked and as the parent has them."""
    distribution = parent.distribution
    assert distribution is not None
    if isinstance(condition.operand, tuple):
        operand = tuple(_value_of(item, condition, parent, value) for value in condition.operand)
        return Clause(parent.name, condition.operator, operand)
    clause = Clause(parent.name, condition.operator, condition.operand)
    ends = _ends(distribution)
    if not all(type(value) in (int, float) for value in ends):
        raise ConfigError(f"{item.where}: the condition {condition} compares numbers, which {parent.key!r} has not.")
    if not any(clause.holds(value) for value in ends):
        raise ConfigError(
            f"{item.where}: the condition {condition} never holds: {parent.key!r} is {_said(distribution)}."
        )
    return clause


def _value_of(item: Item, condition: Condition, parent: Item, value: Any) -> Any:
    distribution = parent.distribution
    assert distribution is not None
    if not distribution.contains(value):
        raise ConfigError(
            f"{item.where}: the condition {condition} looks for {value!r}, but {parent.key!r} is {_said(distribution)}."
        )
    return distribution.to_external_repr(distribution.to_internal_repr(value))


def _ends(distribution: BaseDistribution) -> Sequence[Any]:
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices
    assert isinstance(distribution, (FloatDistribution, IntDistribution))
    return (distribution.low, distribution.high)


def _said(distribution: BaseDistribution) -> str:
    ends = _ends(distribution)
    if isinstance(distribution, CategoricalDistribution):
        return f"one of {', '.join(map(repr, ends))}"
    return f"between {ends[0]} and {ends[1]}"


def _refuse_overlap(items: Sequence[Item]) -> None:
    """Refuse two items with one key whose conditions could hold at the same time."""
    seen: dict[str, list[Item]] = {}
    for item in items:
        for other in seen.get(item.bare, []):
            swept = item.distribution is not None or other.distribution is not None
            if swept and not any(_exclude(a, b) for a in item.when for b in other.when):
                raise ConfigError(
                    f"{item.where} is given twice under conditions that can hold together "
                    f"({_said_of(other)}; {_said_of(item)}); make them exclude each other."
                )
        seen.setdefault(item.bare, []).append(item)


def _said_of(item: Item) -> str:
    return " and ".join(map(str, item.conditions)) or "always"


def _exclude(a: Clause, b: Clause) -> bool:
    """Return whether two clauses cannot both hold."""
    if a.parent != b.parent:
        return False
    if a.operator == "in":
        return not any(b.holds(value) for value in a.operand)
    if b.operator == "in":
        return _exclude(b, a)
    if a.operator[0] == ">" and b.operator[0] == "<":
        touching = a.operator == ">=" and b.operator == "<="
        return bool(a.operand > b.operand or (a.operand == b.operand and not touching))
    if a.operator[0] == "<" and b.operator[0] == ">":
        return _exclude(b, a)
    return False
