"""Conditions with ``or``, ``not`` and parentheses, as far as tests that must all hold can say the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from hydra_plugins.hydra_hpo_sweeper._space._entries import Condition

ReadTest = Callable[[str], Condition]
Conjunction = tuple[Condition, ...]

_OPPOSITE = {"in": "not in", "not in": "in", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
_WORD = re.compile(r"\s*(and|or|not)(?=[\s(]|$)")
_CLOSING = {"[": "]", "{": "}", "(": ")"}


def is_boolean(text: str) -> bool:
    """Return whether a condition needs more than tests joined by ``and``."""
    return re.search(r"(^|[\s(])(or|not(?!\s+in\b))([\s(]|$)|^\s*\(|\band\s*\(", text) is not None


def parse_boolean(text: str, read_test: ReadTest) -> Conjunction:
    """Return the tests, all of which must hold, that a condition comes to.

    Args:
        read_test: Reads one test.

    Raises:
        ValueError: It cannot be read, or alternatives are about several parameters; the message shows the place.
    """
    parser = _Parser(text, read_test)
    found = parser.alternatives()
    if parser.text[parser.at :].strip():
        raise parser.error("expected 'and', 'or' or the end")
    return found


class _Parser:
    def __init__(self, text: str, read_test: ReadTest) -> None:
        self.text = text
        self.at = 0
        self._read_test = read_test
        self._depth = 0

    def error(self, reason: str) -> ValueError:
        """Return an error that marks the place."""
        return ValueError(f"the condition {self.text[: self.at]!r} ▸ {self.text[self.at :].strip()!r}: {reason} at ▸")

    def alternatives(self) -> Conjunction:
        start = self.at
        found = [self._all()]
        while self._word("or"):
            found.append(self._all())
        return found[0] if len(found) == 1 else self._either(found, start)

    def _all(self) -> Conjunction:
        found = self._negated()
        while self._word("and"):
            found += self._negated()
        return found

    def _negated(self) -> Conjunction:
        start = self.at
        if self._word("not"):
            opposite = [(Condition(test.parent, _OPPOSITE[test.operator], test.operand),) for test in self._negated()]
            return opposite[0] if len(opposite) == 1 else self._either(opposite, start)
        return self._primary()

    def _primary(self) -> Conjunction:
        self.at += len(self.text[self.at :]) - len(self.text[self.at :].lstrip())
        if not self.text.startswith("(", self.at):
            return (self._test(),)
        self.at += 1
        self._depth += 1
        found = self.alternatives()
        self._depth -= 1
        if not self.text[self.at :].lstrip().startswith(")"):
            raise self.error("expected ')'")
        self.at = self.text.index(")", self.at) + 1
        return found

    def _either(self, found: Sequence[Conjunction], start: int) -> Conjunction:
        tests = [test for tests in found for test in tests]
        if len(tests) > len(found) or {test.operator for test in tests} != {"in"} or len({t.parent for t in tests}) > 1:
            self.at = start
            raise self.error(
                "alternatives must be values of one parameter (model=cnn or model=mlp, model in [cnn,mlp]); write a "
                "block of its own for each other alternative,"
            )
        values = dict.fromkeys((type(value), value) for test in tests for value in test.operand)
        return (Condition(tests[0].parent, "in", tuple(value for _, value in values)),)

    def _word(self, word: str) -> bool:
        found = _WORD.match(self.text, self.at)
        if found is None or found[1] != word:
            return False
        self.at = found.end()
        return True

    def _test(self) -> Condition:
        start = self.at
        self.at = self._end_of_test()
        written = self.text[start : self.at].strip()
        if not written:
            raise self.error("expected a test such as model=cnn or depth>4")
        return self._read_test(written)

    def _end_of_test(self) -> int:
        """Return where the test ends that begins here: at ``and``, ``or``, or the closing parenthesis around it."""
        open_brackets: list[str] = []
        quote = ""
        for index in range(self.at, len(self.text)):
            letter = self.text[index]
            if quote:
                quote = "" if letter == quote else quote
            elif letter in "'\"":
                quote = letter
            elif letter in _CLOSING:
                open_brackets.append(_CLOSING[letter])
            elif open_brackets and letter == open_brackets[-1]:
                open_brackets.pop()
            elif not open_brackets:
                found = _WORD.match(self.text, index) if letter.isspace() else None
                if (letter == ")" and self._depth) or (found is not None and found[1] != "not"):
                    return index
        return len(self.text)
