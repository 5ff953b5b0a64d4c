"""Bind an expression to parameters: resolve its words, and check its types."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sweeper_core.distributions import BaseDistribution, CategoricalDistribution
from sweeper_core.search_space import expressions as syntax
from sweeper_core.search_space.expressions import ExpressionError, nearest
from sweeper_core.search_space.relations import (
    Always,
    Chosen,
    Columns,
    Compared,
    Computed,
    Const,
    Joined,
    Numeric,
    Relation,
    SameChoice,
    Truth,
    Value,
    equal,
)

UNKNOWN = object()
"""The result of a lookup for an unknown name."""

_LITERALS = {"true": True, "false": False, "null": None}
MAX_SHOWN = 6
"""Maximum number of choices in a message."""

Kinds = Mapping[str, Sequence[tuple[str, BaseDistribution]]]
"""By key, the parameters (names and distributions) of which at most one is active at a time."""


def relation(
    text: str,
    kinds: Kinds,
    constant: Callable[[str], Any] = lambda name: UNKNOWN,
    known: Iterable[str] = (),
) -> Relation:
    """Return the relation between parameters that a text expresses.

    Args:
        text: An expression (:mod:`sweeper_core.search_space.expressions`) that is true or false.
        kinds: The parameters by key.
        constant: Returns the value of a name that is no parameter's key; ``UNKNOWN`` where there is none.
        known: Further names, for the message about an unknown one.

    Raises:
        ExpressionError: It cannot be read, names something unknown, compares what cannot be compared, or is an equality
            of continuous parameters; the message shows the place.
    """
    if not isinstance(text, str) or not text.strip():
        raise ExpressionError(str(text), 0, "expected a relation such as a + b <= 1")
    return bound(text, syntax.parse(text, [*kinds, *known]), kinds, constant, known)


def bound(
    text: str,
    node: syntax.Node,
    kinds: Kinds,
    constant: Callable[[str], Any] = lambda name: UNKNOWN,
    known: Iterable[str] = (),
) -> Relation:
    """Return the relation that a part of a parsed text expresses; see :func:`relation`."""
    binder = _Binder(text, kinds, constant, [*kinds, *known])
    truth = binder.truth(node)
    return Relation(" ".join(text.split()), truth, tuple(binder.used.values()), tuple(binder.constants.items()))


@dataclass(frozen=True)
class _Choice:
    """A key whose values are not all numbers."""

    key: str
    names: tuple[str, ...]
    choices: tuple[Any, ...]


@dataclass(frozen=True)
class _Literal:
    """A text, true, false or null."""

    value: Any


@dataclass(frozen=True)
class _Unknown:
    """A word that is no name."""

    word: str


_Side = Const | Value | Computed | _Choice | _Literal | _Unknown


class _Binder:
    def __init__(self, text: str, kinds: Kinds, constant: Callable[[str], Any], known: Sequence[str]) -> None:
        self.text = text
        self.kinds = kinds
        self.constant = constant
        self.known = known
        self.used: dict[str, tuple[str, ...]] = {}
        self.constants: dict[str, Any] = {}

    def error(self, node: syntax.Node, reason: str) -> ExpressionError:
        return ExpressionError(self.text, node.start, reason)

    # ------------------------------------------------------------------------------------------------ truths

    def truth(self, node: syntax.Node) -> Truth:
        if isinstance(node, syntax.Junction):
            return Joined(tuple(map(self.truth, node.parts)), node.operator == "and")
        if isinstance(node, syntax.Negation):
            return self.truth(node.part).negated()
        if isinstance(node, syntax.Comparison):
            return self._compared(node, node.operator, node.left, node.right)
        if isinstance(node, syntax.Membership):
            parts = tuple(self._compared(node, "==", node.item, value) for value in node.values)
            return Joined(parts, False).negated() if node.negated else Joined(parts, False)
        return self._true_value(node)

    def _true_value(self, node: syntax.Node) -> Truth:
        """Return whether a parameter, or a value of the configuration, that is true or false is true."""
        side = self.side(node)
        if isinstance(side, _Unknown):
            raise self._unknown(node, side)
        if isinstance(side, _Choice) and all(isinstance(choice, bool) for choice in side.choices):
            return Chosen(side.names, (True,))
        if isinstance(side, _Literal) and isinstance(side.value, bool):
            return Always(side.value)
        raise self.error(node, "expected a comparison such as a + b <= 1")

    def _compared(self, node: syntax.Node, operator: str, left: syntax.Node, right: syntax.Node) -> Truth:
        one, other = self.side(left), self.side(right)
        if isinstance(one, _Choice) and isinstance(other, _Choice):
            return self._same(node, operator, one, other)
        if isinstance(one, _Choice):
            return self._chosen(node, operator, one, right, other)
        if isinstance(other, _Choice):
            return self._chosen(node, operator, other, left, one)
        one, other = self._text_beside(right, other, one), self._text_beside(left, one, other)
        for side, place in ((one, left), (other, right)):
            if isinstance(side, _Unknown):
                raise self._unknown(place, side)
        for side, place, opposite in ((one, left, right), (other, right, left)):
            if isinstance(side, _Literal) and not isinstance(opposite, _Literal) and not self._both_literal(one, other):
                raise self.error(place, f"{self._source(opposite)} is a number, which cannot be compared with this")
        if isinstance(one, _Literal) and isinstance(other, _Literal):
            self._only_equality(node, operator, self._source(left))
            return Always(equal(one.value, other.value) == (operator == "=="))
        assert isinstance(one, Numeric)
        assert isinstance(other, Numeric)
        if operator in ("==", "!="):
            self._refuse_continuous(node, (left, right))
        return Compared(operator, one, other)

    def _text_beside(self, place: syntax.Node, opposite: _Side, side: _Side) -> _Side:
        """Return a word as the text that it is where it is compared with a text of the configuration (``place``)."""
        named = isinstance(place, syntax.Word) and isinstance(opposite, _Literal) and isinstance(opposite.value, str)
        return _Literal(side.word) if named and isinstance(side, _Unknown) and side.word not in self.known else side

    @staticmethod
    def _both_literal(one: _Side, other: _Side) -> bool:
        return isinstance(one, _Literal) and isinstance(other, _Literal)

    def _chosen(self, node: syntax.Node, operator: str, choice: _Choice, place: syntax.Node, other: _Side) -> Truth:
        """Return the comparison of a choice with a value, which must be one of its choices."""
        self._only_equality(node, operator, f"{choice.key!r}, which is one of {_listed(choice.choices)},")
        written = self.text[place.start : place.end]
        found = [item for item in choice.choices if _written(item) == written]
        if not found:
            value = other.number if isinstance(other, Const) else getattr(other, "value", UNKNOWN)
            found = [item for item in choice.choices if value is not UNKNOWN and equal(item, value)]
        if not found:
            words = list(map(_written, choice.choices))
            hint = nearest(written.strip("'\""), words) or nearest(written, self.known)
            raise self.error(place, f"{choice.key!r} is never that, but one of {_listed(choice.choices)}.{hint}")
        return Chosen(choice.names, tuple(found), without=operator == "!=")

    def _same(self, node: syntax.Node, operator: str, one: _Choice, other: _Choice) -> Truth:
        self._only_equality(node, operator, f"{one.key!r}, which is one of {_listed(one.choices)},")
        return SameChoice(one.names, other.names, without=operator == "!=")

    def _only_equality(self, node: syntax.Node, operator: str, what: str) -> None:
        if operator not in ("==", "!="):
            raise self.error(node, f"{what} has no order; compare it by == or !=, or by in [..]")

    def _refuse_continuous(self, node: syntax.Node, sides: Sequence[syntax.Node]) -> None:
        """Reject an equality that no sampled values would satisfy."""
        continuous = [
            word
            for side in sides
            for word in syntax.words(side)
            if any(distribution.cardinality is None for _, distribution in self.kinds.get(word, ()))
        ]
        if continuous:
            left, right = (self.text[side.start : side.end] for side in sides)
            raise self.error(
                node,
                f"values of the continuous parameter {continuous[0]!r} are equal to nothing; write "
                f"abs({left} - ({right})) <= 0.01, give it a step, or leave it out and compute it in the configuration",
            )

    # ----------------------------------------------------------------------------------------------- numbers

    def number(self, node: syntax.Node) -> Numeric:
        side = self.side(node)
        if isinstance(side, Numeric):
            return side
        if isinstance(side, _Unknown):
            raise self._unknown(node, side)
        what = f"one of {_listed(side.choices)}" if isinstance(side, _Choice) else repr(side.value)
        raise self.error(node, f"expected a number, but this is {what}")

    def side(self, node: syntax.Node) -> _Side:
        """Return a part of an expression that is no comparison."""
        if isinstance(node, syntax.Number):
            return Const(node.value)
        if isinstance(node, syntax.Text):
            return _Literal(node.value)
        if isinstance(node, syntax.Word):
            return self._named(node)
        if isinstance(node, syntax.Operation):
            return self._computed(node)
        raise self.error(node, "expected a number or a name, but this is a comparison")

    def _computed(self, node: syntax.Operation) -> _Side:
        sides = [self.side(operand) for operand in node.operands]
        if any(isinstance(side, _Unknown) for side in sides) and not any(isinstance(s, _Choice) for s in sides):
            word = self.text[node.start : node.end]
            if any(word in map(_written, choice.choices) for choice in self._choices()):
                return _Unknown(word)  # a choice such as resnet-50, written without quotes
        return _folded(Computed(node.operator, tuple(map(self.number, node.operands))))

    def _choices(self) -> Iterable[_Choice]:
        for key, parameters in self.kinds.items():
            yield _Choice(key, (), _choices_of(parameters))

    def _named(self, node: syntax.Word) -> _Side:
        parameters = self.kinds.get(node.name)
        if parameters is not None:
            names = tuple(name for name, _ in parameters)
            self.used[node.name] = names
            choices = _choices_of(parameters)
            numeric = all(type(choice) in (int, float) for choice in choices)
            return Value(names) if numeric else _Choice(node.name, names, choices)
        value = self.constant(node.name)
        if value is UNKNOWN:
            return _Literal(_LITERALS[node.name]) if node.name in _LITERALS else _Unknown(node.name)
        self.constants[node.name] = value
        if type(value) in (int, float):
            return Const(float(value))
        return _Literal(value)

    def _unknown(self, node: syntax.Node, side: _Unknown) -> ExpressionError:
        if side.word in self.known:
            return self.error(node, f"{side.word!r} is a group of values; name one of them")
        hint = nearest(side.word, self.known)
        there = f" There are {_some(list(self.kinds))}." if self.kinds else ""
        return self.error(node, f"{side.word!r} is no parameter.{hint or there}")

    def _source(self, node: syntax.Node) -> str:
        return repr(self.text[node.start : node.end].strip())


def _folded(computed: Computed) -> Numeric:
    """Return a computation, or its result where no parameter takes part."""
    if all(isinstance(operand, Const) for operand in computed.operands):
        from sweeper_core.maths.quiet import quiet

        with quiet():
            return Const(float(computed.evaluate(Columns({}, {}, 1))[0]))
    return computed


def _choices_of(parameters: Sequence[tuple[str, BaseDistribution]]) -> tuple[Any, ...]:
    return tuple(
        choice
        for _, distribution in parameters
        for choice in (distribution.choices if isinstance(distribution, CategoricalDistribution) else (0.0,))
    )


def _written(choice: Any) -> str:
    """Return a choice as it is written in an expression without quotes."""
    if isinstance(choice, bool) or choice is None:
        return {True: "true", False: "false", None: "null"}[choice]
    return str(choice)


def _listed(choices: Sequence[Any]) -> str:
    return _some(list(map(_written, choices)))


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:MAX_SHOWN]) + (", …" if len(names) > MAX_SHOWN else "")
