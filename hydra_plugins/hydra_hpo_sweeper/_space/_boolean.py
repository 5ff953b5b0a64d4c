"""Conditions with ``or``, ``not`` and parentheses that are equivalent to a conjunction of tests.

The language is that of :mod:`sweeper_core.search_space.expressions`, but what a key is compared with is a value of
Hydra's grammar (``model=cnn``, ``optimizer in [sgd,adam]``, ``path=/data/a b``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hydra_plugins.hydra_hpo_sweeper._space._brackets import Outside
from hydra_plugins.hydra_hpo_sweeper._space._entries import Condition
from sweeper_core.search_space.expressions import BooleanParser, ExpressionError, Junction, Negation, Node

ReadTest = Callable[[str], Condition]
Conjunction = tuple[Condition, ...]

_OPPOSITE = {"in": "not in", "not in": "in", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
_WORD = re.compile(r"\s*(and|or|not)(?=[\s(]|$)")


def is_boolean(text: str) -> bool:
    """Return whether a condition needs more than tests joined by ``and``."""
    return re.search(r"(^|[\s(])(or|not(?!\s+in\b))([\s(]|$)|^\s*\(|\band\s*\(", text) is not None


def parse_boolean(text: str, read_test: ReadTest) -> Conjunction:
    """Return the tests, all of which must hold, that are equivalent to a condition.

    Args:
        read_test: Reads one test.

    Raises:
        ValueError: It cannot be read, or alternatives are about several parameters; the message shows the place.
    """
    try:
        return _conjunction(text, _Parser(text, read_test).parse())
    except ExpressionError as error:
        before, behind = text[: error.at].rstrip(), text[error.at :].strip()
        raise ValueError(f"the condition {before!r} ▸ {behind!r}: {error.reason} at ▸") from error


@dataclass(frozen=True)
class _Test(Node):
    """One test."""

    condition: Condition


class _Parser(BooleanParser):
    def __init__(self, text: str, read_test: ReadTest) -> None:
        super().__init__(text)
        self._read_test = read_test
        self._open = 0

    def keyword(self, word: str) -> bool:
        found = _WORD.match(self.text, self.at)
        if found is None or found[1] != word:
            return False
        self.at = found.end()
        return True

    def test(self) -> Node:
        if self.sign("("):
            self._open += 1
            found = self.parenthesised()
            self._open -= 1
            return found
        start = self.at
        self.at = self._end_of_test()
        written = self.text[start : self.at].strip()
        if not written:
            raise self.error("expected a test such as model=cnn or depth>4")
        return _Test(start, self.at, self._read_test(written))

    def _end_of_test(self) -> int:
        """Return where the test ends that begins here: at ``and``, ``or``, or the closing parenthesis around it."""
        for index in Outside(self.text, self.at):
            letter = self.text[index]
            found = _WORD.match(self.text, index) if letter.isspace() else None
            if (letter == ")" and self._open) or (found is not None and found[1] != "not"):
                return index
        return len(self.text)


def _conjunction(text: str, node: Node) -> Conjunction:
    if isinstance(node, _Test):
        return (node.condition,)
    if isinstance(node, Negation):
        part = _conjunction(text, node.part)
        opposite = [(Condition(test.parent, _OPPOSITE[test.operator], test.operand),) for test in part]
        return opposite[0] if len(opposite) == 1 else _either(text, opposite, node)
    assert isinstance(node, Junction)
    found = [_conjunction(text, part) for part in node.parts]
    if node.operator == "and":
        return tuple(test for tests in found for test in tests)
    return _either(text, found, node)


def _either(text: str, found: Sequence[Conjunction], node: Node) -> Conjunction:
    tests = [test for tests in found for test in tests]
    if len(tests) > len(found) or {test.operator for test in tests} != {"in"} or len({t.parent for t in tests}) > 1:
        raise ExpressionError(
            text,
            node.start,
            "alternatives must be values of one parameter (model=cnn or model=mlp, model in [cnn,mlp]); write a "
            "block of its own for each other alternative,",
        )
    values = dict.fromkeys((type(value), value) for test in tests for value in test.operand)
    return (Condition(tests[0].parent, "in", tuple(value for _, value in values)),)
