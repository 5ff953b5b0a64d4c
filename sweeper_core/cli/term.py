"""Writing to a terminal, to a pipe, or as JSON."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sweeper_core.report.texts import one_line

if TYPE_CHECKING:
    from rich.console import Console

MAX_TABLE = 200
"""Rows that are laid out as a table; longer lists are written as plain lines, which takes no time."""

MAX_CELL = 60
"""Characters of a cell in a table."""


def is_terminal() -> bool:
    """Return whether a person reads this as it is written."""
    return sys.stdout.isatty()


def speaks_unicode() -> bool:
    """Return whether standard output can show what is not ASCII."""
    return "utf" in (getattr(sys.stdout, "encoding", None) or "ascii").lower() and os.environ.get("TERM") != "linux"


def width() -> int:
    """Return the columns of the terminal."""
    return shutil.get_terminal_size((100, 30)).columns


def console() -> Console:
    """Return a console for tables: it knows NO_COLOR, dumb terminals, and terminals without UTF-8."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=False, markup=False, emoji=False)


def write_json(content: Any) -> None:
    """Print JSON in strict form, one object."""
    json.dump(content, sys.stdout, indent=2 if is_terminal() else None, allow_nan=False, ensure_ascii=False)
    sys.stdout.write("\n")


def write_json_lines(contents: Iterable[Any]) -> None:
    """Print one JSON object a line."""
    for content in contents:
        sys.stdout.write(json.dumps(content, allow_nan=False, ensure_ascii=False) + "\n")


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, header: bool = True) -> None:
    """Print rows: a table on a terminal, lines separated by tabs elsewhere.

    Args:
        rows: Cells as text; control characters are written out here.
        header: Whether lines begin with the names of the columns.
    """
    if is_terminal() and len(rows) <= MAX_TABLE:
        _draw(columns, rows)
        return
    lines = [columns, *rows] if header else rows
    sys.stdout.write("".join("\t".join(map(one_line, line)) + "\n" for line in lines))


def _draw(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    short = [[one_line(cell, MAX_CELL) for cell in row] for row in rows]
    for index, name in enumerate(columns):
        numeric = all(_is_number(row[index]) for row in short) and bool(short)
        drawn.add_column(Text(one_line(name)), justify="right" if numeric else "left", overflow="ellipsis")
    for row in short:
        drawn.add_row(*[Text(cell, style=_style(cell)) for cell in row])
    console().print(drawn)


_STYLES = {"COMPLETE": "green", "PRUNED": "yellow", "FAIL": "red", "RUNNING": "cyan", "WAITING": "dim"}


def _style(cell: str) -> str:
    return _STYLES.get(cell, "")


def _is_number(cell: str) -> bool:
    if cell in ("", "–"):
        return True
    try:
        float(cell)
    except ValueError:
        return False
    return True


def say(line: str) -> None:
    """Print one line that may contain stored text."""
    sys.stdout.write(one_line(line) + "\n")


def note(line: str) -> None:
    """Print one line for people, beside what a program may read on standard output."""
    sys.stderr.write(one_line(line) + "\n")


@contextmanager
def progress(text: str, total: int | None = None) -> Iterator[Any]:
    """Show a progress bar on a terminal while something long happens; yields a function ``advance(n)``."""
    from tqdm import tqdm

    hidden = not sys.stderr.isatty()
    with tqdm(total=total, desc=text, disable=hidden, leave=False, file=sys.stderr, delay=0.5) as bar:
        yield bar.update
