"""The expression language of relations, conditions and constraints: a parser; nothing is evaluated as Python.

::

    alternatives := conjunction ("or" conjunction)*
    conjunction  := negation ("and" negation)*
    negation     := "not" negation | comparison
    comparison   := sum (("==" | "=" | "!=" | "<" | "<=" | ">" | ">=") sum)* | sum ["not"] "in" "[" sum ("," sum)* "]"
    sum          := product (("+" | "-") product)*
    product      := sign (("*" | "/" | "%") sign)*
    sign         := "-" sign | power
    power        := atom ["**" sign]
    atom         := number | "text" | word | function "(" sum ("," sum)* ")" | "(" alternatives ")"

A word is a name or a text without quotes; :mod:`sweeper_core.search_space.binding` resolves it. Names that look like
arithmetic (``db/engine``, ``my-lr``) are recognised when they are passed to the parser. Comparisons may be chained
(``1 < a <= b``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, fields

MAX_DEPTH = 50
"""Maximum nesting depth of parentheses and functions."""

FUNCTIONS = {"abs": (1, 1), "log": (1, 1), "sqrt": (1, 1), "min": (2, None), "max": (2, None)}
"""The least and the largest number (None: any) of arguments of each function."""

COMPARISONS = ("==", "!=", "<=", ">=", "=", "<", ">")

_FOREIGN = (
    ("===", "=="), ("!==", "!="), ("=<", "<="), ("=>", ">="), ("<>", "!="), ("≤", "<="), ("≥", ">="), ("≠", "!="),
    ("&&", "and"), ("||", "or"), ("&", "and"), ("|", "or"), ("!", "not"), ("^", "**"),
)  # fmt: skip
"""Signs of other languages, and what is written here instead."""

_SHOUTED = re.compile(r"(AND|And|OR|Or)\b")
_SPACE = re.compile(r"\s*")
_NUMBER = re.compile(r"(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?(?![\w.])")
_TEXT = re.compile(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"", re.DOTALL)
_WORD = re.compile(r"[^\W\d][\w.]*(?:@[\w.]+)?")
_END_OF_WORD = re.compile(r"(?![\w.@])")
_KEYWORDS = {"and", "or", "not", "in"}


class ExpressionError(ValueError):
    """An invalid expression; the message marks the place with the sign ▸.

    Attributes:
        text: The whole expression.
        at: The position of the error.
        reason: The error.
    """

    def __init__(self, text: str, at: int, reason: str) -> None:
        super().__init__(text, at, reason)
        self.text, self.at, self.reason = text, at, reason

    def __str__(self) -> str:
        return f"'{self.text[: self.at]}▸{self.text[self.at :]}': {self.reason}"


@dataclass(frozen=True)
class Node:
    """A part of an expression, and where it begins and ends in the text."""

    start: int
    end: int


@dataclass(frozen=True)
class Number(Node):
    """A number."""

    value: float


@dataclass(frozen=True)
class Text(Node):
    """A text in quotes."""

    value: str


@dataclass(frozen=True)
class Word(Node):
    """A name, or a text without quotes."""

    name: str


@dataclass(frozen=True)
class Operation(Node):
    """Arithmetic: an operator (``neg`` for a sign) or a function of numbers."""

    operator: str
    operands: tuple[Node, ...]


@dataclass(frozen=True)
class Comparison(Node):
    """``left operator right``; the operator ``=`` is written ``==`` here."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True)
class Membership(Node):
    """``item in [values]``, or ``not in``."""

    item: Node
    values: tuple[Node, ...]
    negated: bool


@dataclass(frozen=True)
class Junction(Node):
    """Parts joined by ``and`` or ``or``."""

    operator: str
    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Negation(Node):
    """``not part``."""

    part: Node


def words(node: Node) -> Iterator[str]:
    """Yield the names in a part of an expression, in order, as often as they are there."""
    if isinstance(node, Word):
        yield node.name
    for one in fields(node):
        value = getattr(node, one.name)
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, Node):
                yield from words(part)


def nearest(word: str, known: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` when one of the known words resembles ``word``, else an empty text."""
    import difflib  # only for messages

    folded = {name.lower(): name for name in known}
    found = difflib.get_close_matches(word.lower(), list(folded), n=1, cutoff=0.5)
    return f" Did you mean {folded[found[0]]!r}?" if found else ""


def meant(text: str, at: int) -> str:
    """Return a hint at what is written here for a sign of another language that ends at or behind a place."""
    for sign, ours in _FOREIGN:
        for start in range(max(at - len(sign) + 1, 0), at + 1):
            if text.startswith(sign, start):
                return f"; write {ours!r} for {sign!r}"
    shouted = _SHOUTED.match(text, at)
    return f"; write {shouted[0].lower()!r} for {shouted[0]!r}" if shouted else ""


class BooleanParser:
    """Reads ``and``, ``or``, ``not`` and parentheses; what stands between them is read by :meth:`test`."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.depth = 0

    def parse(self) -> Node:
        """Return the whole expression.

        Raises:
            ExpressionError: It cannot be read.
        """
        found = self.alternatives()
        self.skip()
        if self.at < len(self.text):
            raise self.error(f"expected 'and', 'or' or the end{meant(self.text, self.at)}")
        return found

    def error(self, reason: str, at: int | None = None) -> ExpressionError:
        """Return an error at a place, by default where the parser is."""
        return ExpressionError(self.text, self.at if at is None else at, reason)

    def alternatives(self) -> Node:
        """Read parts joined by ``or``."""
        return self._joined("or", lambda: self._joined("and", self.negation))

    def _joined(self, word: str, read: Callable[[], Node]) -> Node:
        parts = [read()]
        while self.keyword(word):
            parts.append(read())
        return parts[0] if len(parts) == 1 else Junction(parts[0].start, parts[-1].end, word, tuple(parts))

    def negation(self) -> Node:
        """Read ``not …``, or a part without it."""
        self.skip()
        start = self.at
        if self.keyword("not"):
            self._deeper()
            part = self.negation()
            self.depth -= 1
            return Negation(start, part.end, part)
        return self.test()

    def test(self) -> Node:
        """Read an operand of ``and``, ``or`` and ``not``."""
        raise NotImplementedError

    def parenthesised(self) -> Node:
        """Read the alternatives behind an opening parenthesis, and the closing one."""
        self._deeper()
        found = self.alternatives()
        self.depth -= 1
        if not self.sign(")"):
            raise self.error("expected ')'")
        return found

    def skip(self) -> None:
        """Pass over white space."""
        found = _SPACE.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def sign(self, *signs: str) -> str | None:
        """Pass over the first of some signs that comes next and return it; None when none does."""
        self.skip()
        found = next((sign for sign in signs if self.text.startswith(sign, self.at)), None)
        self.at += len(found or "")
        return found

    def keyword(self, word: str) -> bool:
        """Pass over a word that comes next; return whether it does."""
        self.skip()
        end = self.at + len(word)
        if not self.text.startswith(word, self.at) or not _END_OF_WORD.match(self.text, end):
            return False
        self.at = end
        return True

    def _deeper(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.error(f"more than {MAX_DEPTH} parentheses within one another")


class ExpressionParser(BooleanParser):
    """Reads the whole language.

    Args:
        text: The expression.
        known: Names, to recognise those that have other signs in them than letters, digits, dots and underscores.
    """

    def __init__(self, text: str, known: Collection[str] = ()) -> None:
        super().__init__(text)
        odd = [name for name in known if not _WORD.fullmatch(name)]
        self._odd = sorted(odd, key=len, reverse=True)

    def test(self) -> Node:
        left = self._sum()
        at = self._behind()
        if self.keyword("not"):
            if not self.keyword("in"):
                raise self.error("expected 'in' after 'not'")
            return self._membership(left, negated=True)
        if self.keyword("in"):
            return self._membership(left, negated=False)
        self.at = at
        comparisons: list[Node] = []
        while (operator := self.sign(*COMPARISONS)) is not None:
            right = self._sum()
            operator = "==" if operator == "=" else operator
            comparisons.append(Comparison(left.start, right.end, operator, left, right))
            left = right
        if len(comparisons) <= 1:
            return comparisons[0] if comparisons else left
        return Junction(comparisons[0].start, comparisons[-1].end, "and", tuple(comparisons))

    def _behind(self) -> int:
        self.skip()
        return self.at

    def _membership(self, item: Node, negated: bool) -> Node:
        if not self.sign("["):
            raise self.error("expected a list such as [a, b]")
        values = self._list("]")
        return Membership(item.start, self.at, item, values, negated)

    def _list(self, closing: str) -> tuple[Node, ...]:
        self._deeper()
        values = [self._sum()]
        while self.sign(","):
            values.append(self._sum())
        self.depth -= 1
        if not self.sign(closing):
            raise self.error(f"expected ',' or '{closing}'")
        return tuple(values)

    def _sum(self) -> Node:
        return self._chain(("+", "-"), lambda: self._chain(("*", "/", "%"), self._signed))

    def _chain(self, operators: tuple[str, ...], read: Callable[[], Node]) -> Node:
        left = read()
        while (operator := self.sign(*operators)) is not None:
            right = read()
            left = Operation(left.start, right.end, operator, (left, right))
        return left

    def _signed(self) -> Node:
        self.skip()
        start = self.at
        if self.sign("-"):
            self._deeper()
            operand = self._signed()
            self.depth -= 1
            return Operation(start, operand.end, "neg", (operand,))
        base = self._atom()
        if not self.sign("**"):
            return base
        exponent = self._signed()
        return Operation(base.start, exponent.end, "**", (base, exponent))

    def _atom(self) -> Node:
        self.skip()
        start = self.at
        if self.sign("("):
            return self.parenthesised()
        if name := self._odd_name():
            return Word(start, self.at, name)
        for pattern, kind in ((_NUMBER, self._number), (_TEXT, self._text), (_WORD, self._word)):
            if found := pattern.match(self.text, self.at):
                self.at = found.end()
                return kind(found)
        raise self.error(f"expected a number, a name or '('{meant(self.text, self.at)}")

    def _odd_name(self) -> str | None:
        for name in self._odd:
            if self.text.startswith(name, self.at) and _END_OF_WORD.match(self.text, self.at + len(name)):
                self.at += len(name)
                return name
        return None

    def _number(self, found: re.Match[str]) -> Node:
        return Number(found.start(), found.end(), float(found[0]))

    def _text(self, found: re.Match[str]) -> Node:
        inner = found[1] if found[1] is not None else found[2]
        return Text(found.start(), found.end(), re.sub(r"\\(.)", r"\1", inner))

    def _word(self, found: re.Match[str]) -> Node:
        name = found[0]
        if name in _KEYWORDS:
            raise self.error("expected a number, a name or '('", found.start())
        if self.sign("("):
            return self._call(found)
        return Word(found.start(), found.end(), name)

    def _call(self, found: re.Match[str]) -> Node:
        name = found[0]
        if name not in FUNCTIONS:
            hint = nearest(name, FUNCTIONS)
            raise self.error(f"there is no function {name!r}.{hint} There are {', '.join(FUNCTIONS)}", found.start())
        operands = self._list(")")
        least, most = FUNCTIONS[name]
        if len(operands) < least or (most is not None and len(operands) > most):
            raise self.error(f"{name} takes {least}{'' if most else ' or more'} numbers", found.start())
        return Operation(found.start(), self.at, name, operands)


def parse(text: str, known: Collection[str] = ()) -> Node:
    """Return the parsed expression.

    Args:
        text: The expression.
        known: Names, to recognise those that look like arithmetic.

    Raises:
        ExpressionError: It cannot be read.
    """
    return ExpressionParser(text, known).parse()
