"""Conditions under which a parameter exists: their syntax, and their clauses in a search space."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from omegaconf import DictConfig, OmegaConf

from hydra_plugins.hydra_hpo_sweeper._errors import ConfigError, closest
from hydra_plugins.hydra_hpo_sweeper._space._arithmetic import EXPRESSION, is_expression, tests
from hydra_plugins.hydra_hpo_sweeper._space._boolean import is_boolean, parse_boolean
from hydra_plugins.hydra_hpo_sweeper._space._configured import chosen_options, configured, key_above
from hydra_plugins.hydra_hpo_sweeper._space._described import number
from hydra_plugins.hydra_hpo_sweeper._space._entries import (
    Address,
    Condition,
    Entry,
    Fixed,
    Listed,
    Placed,
    Swept,
    is_set_in_jobs,
)
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
_WORDS = {"when", "if", "where", "only", "unless", "for", "whenever", "case"}
_OR = re.compile(r"\s+(OR|Or|\|\|?)\s+(?=(?:[^'\"]|'[^']*'|\"[^\"]*\")*$)")
_EXAMPLES = "write for instance model=cnn, model in [cnn,mlp], model!=cnn or depth>4, several of them joined by 'and'"


def parse_block(key: str, read_value: ReadValue, holds_mapping: bool = True) -> tuple[Condition, ...] | None:
    """Return the conditions of a key ``when <condition>``, below which conditional parameters stand; None for others.

    Raises:
        ConfigError: The key begins with "when" or a word like it, but no condition can be read.
    """
    found = _BLOCK.fullmatch(key.strip())
    if found is None:
        _refuse_other_words(key, holds_mapping)
        return None
    try:
        return parse_when(found[1], read_value)
    except ValueError as error:
        raise ConfigError(f"{key!r} in hydra.sweeper.params: {error}") from error


def _refuse_other_words(key: str, holds_mapping: bool) -> None:
    """Refuse a key with spaces, and ``when`` alone above a mapping: both are meant as blocks."""
    words = key.split()
    if (len(words) > 1 and "\\" not in key) or (key.strip().lower() == "when" and holds_mapping):
        rest = " ".join(words[next((at for at, word in enumerate(words) if word.lower() not in _WORDS), len(words)) :])
        hint = f"write 'when {rest}'" if rest and words[0].lower() in _WORDS else _EXAMPLES
        raise ConfigError(
            f"{key!r} in hydra.sweeper.params: a key has no spaces, and a block of conditional parameters begins with "
            f"'when' and a condition; {hint}."
        )


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
        try:
            if is_boolean(when):
                return parse_boolean(when, lambda text: _test(text, read_value))
            return tuple(_test(part, read_value) for part in _AND.split(when))
        except ValueError:
            if not is_expression(when):
                raise
            return (Condition(when, EXPRESSION, None),)
    if isinstance(when, Mapping) and when:
        return tuple(_of_entry(str(parent), value, read_value) for parent, value in when.items())
    raise ValueError(f"the condition {when!r} cannot be read; {_EXAMPLES}")


def _test(text: str, read_value: ReadValue) -> Condition:
    if _OR.search(text):
        raise ValueError(
            f"the condition {text!r} has alternatives; write model=cnn or model=mlp (in small letters) for values "
            "of one parameter, and a block for each of several parameters"
        )
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
        raise ValueError(
            f"the condition {parent}{operator}{operand} needs a number after {operator}; for a value of the "
            f"configuration write {parent} - {operand} {operator} 0"
        )
    return Condition(parent, operator, operand)


def resolve(entries: Sequence[Entry], config: DictConfig | None) -> list[Placed]:
    """Return the entries with their names and clauses; those that can never exist are left out.

    A condition on something fixed (on the command line, or chosen in the configuration) is decided here.

    Raises:
        ConfigError: A condition tests an unknown key or an impossible value, or conditions are circular;
            or two parameters with one key could exist at the same time.
    """
    resolver = _Resolver(entries, config)
    resolved = [placed for placed in map(resolver.resolve, entries) if placed is not None]
    _refuse_overlap(resolved)
    return resolved


class _Resolver:
    def __init__(self, entries: Sequence[Entry], config: DictConfig | None) -> None:
        self.config = config
        self.done: dict[int, Placed | None] = {}
        self.open: list[Entry] = []
        self.by_key: dict[str, list[Entry]] = {}
        for entry in entries:
            for key in (entry.at.bare, *(entry.member_keys if isinstance(entry, Swept) else ())):
                self.by_key.setdefault(key, []).append(entry)

    def resolve(self, entry: Entry) -> Placed | None:
        """Return an entry with its clauses; None when it cannot exist."""
        if id(entry) not in self.done:
            if any(entry is other for other in self.open):
                circle = " and ".join(repr(other.at.key) for other in self.open)
                raise ConfigError(
                    f"The conditions of {circle} in hydra.sweeper.params form a circle; free one of them."
                )
            self.open.append(entry)
            self.done[id(entry)] = self._placed(entry)
            self.open.pop()
        return self.done[id(entry)]

    def _placed(self, entry: Entry) -> Placed | None:
        clauses: list[Clause] = []
        for condition in entry.conditions:
            found = self._clauses(entry.at, condition, clauses)
            if found is None:
                return None
            clauses.extend(clause for clause in found if clause not in clauses)
        shared = len(self.by_key[entry.at.bare]) > 1 and not isinstance(entry, Fixed) and entry.conditions
        suffix = f" when {_said_of(entry)}" if shared else ""
        return Placed(entry, entry.at.key + suffix, tuple(clauses))

    def _clauses(self, at: Address, condition: Condition, known: Sequence[Clause]) -> tuple[Clause, ...] | None:
        """Return the clauses of a condition, after those before it: none if it always holds, None if it never does."""
        parents = self.by_key.get(condition.parent.lstrip("+"), [])
        if condition.operator == EXPRESSION or (not parents and is_expression(str(condition))):
            return self._computed_clauses(at, condition, known)
        swept = [parent for parent in parents if isinstance(parent, Swept)]
        if any(isinstance(parent, Listed) for parent in parents):
            raise ConfigError(f"{at}: the condition {condition} looks at a list; it can look at one value only.")
        if swept:
            return self._swept_clauses(at, condition, swept, known)
        if parents and isinstance(last := parents[-1], Fixed):
            parent = self.resolve(last)
            return parent.when if parent is not None and _holds(condition, last.value) else None
        return () if _holds(condition, self._looked_up(at, condition)) else None

    def _swept_clauses(
        self, at: Address, condition: Condition, swept: Sequence[Swept], known: Sequence[Clause]
    ) -> tuple[Clause, ...] | None:
        resolved = [(entry, placed) for entry in swept if (placed := self.resolve(entry)) is not None]
        possible = [pair for pair in resolved if not self._exclude(pair[1].when, known)]
        if len(possible) > 1:
            raise ConfigError(
                f"{at}: the condition {condition} may look at {len(possible)} sweeps of that key; "
                "put it into the block of one of them."
            )
        return (_clause(at, condition, *possible[0]),) if possible else None

    def _computed_clauses(
        self, at: Address, condition: Condition, known: Sequence[Clause]
    ) -> tuple[Clause, ...] | None:
        text = condition.parent if condition.operator == EXPRESSION else str(condition)
        try:
            found = tests(text, partial(self._distribution, known), self._constant, list(self.by_key))
        except ValueError as error:
            raise ConfigError(f"{at}: {error}") from error
        if found is None:
            return None
        each = [self._clauses(at, test, known) for test in found]
        return None if None in each else tuple(clause for clauses in each for clause in clauses or ())

    def _distribution(self, known: Sequence[Clause], key: str) -> BaseDistribution | None:
        """Return the distribution of the swept entry of a key that can exist beside the known clauses."""
        for entry in self.by_key.get(key, []):
            if isinstance(entry, Swept) and (placed := self.resolve(entry)) and not self._exclude(placed.when, known):
                values = [row[key] for row in entry.members.values() if key in row]
                return CategoricalDistribution(values) if values else entry.distribution
        return None

    def _constant(self, key: str) -> Any:
        """Return the value of a key that is not swept."""
        entry = next(iter(self.by_key.get(key, [])), None)
        if isinstance(entry, Fixed) and not entry.conditions:
            return entry.value
        if above := self._set_above(key):
            raise ValueError(f"{key!r} depends on {above!r}, which the sweep sets; name {above!r} itself instead")
        return configured(self.config, key)

    def _set_above(self, key: str) -> str | None:
        """Return the key, set for each job, on which the value of another one depends."""
        return key_above(key, (each for each, entries in self.by_key.items() if any(map(is_set_in_jobs, entries))))

    def _exclude(self, some: Sequence[Clause], others: Sequence[Clause]) -> bool:
        return any(_exclude(a, b, self.done.values()) for a in some for b in others)

    def _looked_up(self, at: Address, condition: Condition) -> Any:
        """Return the value of a key that is neither swept nor fixed from the configuration."""
        choices = chosen_options(self.config)
        if above := self._set_above(condition.parent):
            raise ConfigError(
                f"{at}: the condition {condition} looks at what depends on {above!r}, which the sweep sets; let it "
                f"look at {above!r} itself."
            )
        if condition.parent in choices:
            return choices[condition.parent]
        value = None if self.config is None else OmegaConf.select(self.config, condition.parent)
        if value is None:
            known = list(self.by_key)
            outside = [str(key) for key in [*choices, *(self.config or ())] if not str(key).startswith("hydra")]
            raise ConfigError(
                f"{at}: the condition {condition} looks at {condition.parent!r}, which is no parameter of this "
                f"sweep and not in the configuration.{closest(condition.parent, [*known, *outside])} "
                f"(there are {', '.join(known)})"
            )
        return value


def _holds(condition: Condition, value: Any) -> bool:
    try:
        return Clause(condition.parent, condition.operator, condition.operand).holds(value)
    except TypeError:
        return False


def _clause(at: Address, condition: Condition, parent: Swept, placed: Placed) -> Clause:
    """Return a condition on a swept parent, its values checked and as the parent has them."""
    if condition.parent.lstrip("+") in parent.member_keys:
        return _clause_on_rows(at, condition, parent, placed)
    if isinstance(condition.operand, tuple):
        operand = tuple(_value_of(at, condition, parent, value) for value in condition.operand)
        return Clause(placed.name, condition.operator, operand)
    clause = Clause(placed.name, condition.operator, condition.operand)
    ends = _ends(parent.distribution)
    if not all(type(value) in (int, float) for value in ends):
        raise ConfigError(f"{at}: the condition {condition} compares numbers, which {parent.at.key!r} has not.")
    if not any(clause.holds(value) for value in ends):
        raise ConfigError(
            f"{at}: the condition {condition} never holds: {parent.at.key!r} is {_said(parent.distribution)}."
        )
    return clause


def _clause_on_rows(at: Address, condition: Condition, parent: Swept, placed: Placed) -> Clause:
    """Return a condition on a member of a zip as one on its rows."""
    key = condition.parent.lstrip("+")
    rows = tuple(row for row, values in parent.members.items() if key in values and _holds(condition, values[key]))
    if not rows:
        raise ConfigError(f"{at}: the condition {condition} holds in no row of {parent.at.key!r}.")
    return Clause(placed.name, "in", rows)


def _value_of(at: Address, condition: Condition, parent: Swept, value: Any) -> Any:
    distribution = parent.distribution
    if not distribution.contains(value):
        raise ConfigError(
            f"{at}: the condition {condition} looks for {value!r}, but {parent.at.key!r} is {_said(distribution)}."
        )
    return distribution.canonical(value)


def _ends(distribution: BaseDistribution) -> Sequence[Any]:
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices
    assert isinstance(distribution, (FloatDistribution, IntDistribution))
    return (distribution.low, distribution.high)


def _said(distribution: BaseDistribution) -> str:
    ends = _ends(distribution)
    if isinstance(distribution, CategoricalDistribution):
        return f"one of {', '.join(map(repr, ends))}"
    return f"between {number(ends[0])} and {number(ends[1])}"


def _refuse_overlap(items: Sequence[Placed]) -> None:
    """Refuse two items with one key whose conditions could hold at the same time."""
    seen: dict[str, list[Placed]] = {}
    for item in items:
        for other in seen.get(item.at.bare, []):
            swept = not (isinstance(item.entry, Fixed) and isinstance(other.entry, Fixed))
            if swept and not any(_exclude(a, b, items) for a in item.when for b in other.when):
                raise ConfigError(
                    f"{item.at} is given twice under conditions that can hold together "
                    f"({_said_of(other.entry) or 'always'}; {_said_of(item.entry) or 'always'}); make them exclude "
                    "each other."
                )
        seen.setdefault(item.at.bare, []).append(item)


def _said_of(entry: Entry) -> str:
    return " and ".join(map(str, entry.conditions))


def _exclude(a: Clause, b: Clause, known: Iterable[Placed | None]) -> bool:
    """Return whether two clauses, whose parents are among the known, cannot both hold."""
    if a.parent != b.parent:
        return False
    parents = [placed.entry for placed in known if placed is not None and placed.name == a.parent]
    return any(isinstance(parent, Swept) and a.excludes(b, parent.distribution) for parent in parents)
