"""Which characters of a text in Hydra's grammar stand in no brackets and no quotes."""

from __future__ import annotations

from collections.abc import Iterator

CLOSING = {"(": ")", "[": "]", "{": "}"}
QUOTES = ("'", '"')


class Outside:
    """Iterate over the positions of a text's characters, from ``start`` on, that are in no brackets and no quotes.

    A backslash before a quote inside of quotes makes it a part of the quoted text, as in Hydra's grammar. A closing
    bracket that nothing opened is outside.
    """

    def __init__(self, text: str, start: int = 0) -> None:
        self.text = text
        self.start = start
        self.awaited: list[str] = []
        """The quote and the brackets that have yet to be closed, innermost last."""

    def __iter__(self) -> Iterator[int]:
        escaped = False
        for index in range(self.start, len(self.text)):
            letter = self.text[index]
            awaited = self.awaited[-1] if self.awaited else ""
            if letter == awaited and not escaped:
                self.awaited.pop()
            elif awaited in QUOTES:
                escaped = letter == "\\" and not escaped
            elif letter in QUOTES:
                self.awaited.append(letter)
            elif letter in CLOSING:
                self.awaited.append(CLOSING[letter])
            elif not self.awaited:
                yield index
