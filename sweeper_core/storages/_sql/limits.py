"""What MySQL would change without a word: texts too long for a column, names that it takes for equal.

SQLite and PostgreSQL keep texts of any length and tell all names apart. Tables that are made here do so on MySQL and
MariaDB, too; tables of others are asked what they hold.
"""

from __future__ import annotations

import logging
from typing import NamedTuple

from sweeper_core.storages._sql.database import Database, Link
from sweeper_core.storages._sql.tables import PARAMS, Parts, Row, Table

_logger = logging.getLogger(__name__)

MIN_LIMIT = 65_535
"""Bytes that every column for texts holds; JSON as it is written here has one byte for each character."""

SPARE = 65_536
"""Bytes of a message beside a long text."""


class Found(NamedTuple):
    """What a server says of its tables.

    Attributes:
        bytes: Length of each column of texts, by table and column.
        message: Bytes of the longest message.
        pads: Whether names are equal that differ in spaces at their ends.
        folds: Whether names are equal that differ in case or accents.
    """

    bytes: dict[tuple[str, str], int]
    message: int
    pads: bool
    folds: bool


class Limits:
    """The limits of one database, asked for when they matter."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._on_mysql = database.dialect == "mysql"
        self._found: Found | None = None

    def check(self, parts: Parts) -> Parts:
        """Return rows that can be stored as they are.

        Raises:
            ValueError: A text is too long, or its name would be taken for another's.
        """
        if self._on_mysql:
            for table, rows in parts.items():
                if "text" in table.columns.values():
                    for row in rows:
                        self._check_row(table, row)
        return parts

    def _check_row(self, table: Table, row: Row) -> None:
        name, text = str(row[0]), str(row[-1])
        what = f"the distribution of {name!r}" if table is PARAMS else f"the attribute {name!r}"
        if len(text) > MIN_LIMIT:
            column = list(table.columns)[-1]
            limit = self.found.bytes.get((table.name, column), MIN_LIMIT)
            if len(text) > limit:
                raise ValueError(
                    f"{self._database.shown}: {what} has {len(text):,} bytes as JSON, but its column holds {limit:,}. "
                    f"Shorten it, or enlarge the column: ALTER TABLE {table.name} MODIFY {column} LONGTEXT."
                )
            size = len(text) + sum(text.count(mark) for mark in "\\\"'") + SPARE
            if size > self.found.message:
                raise ValueError(
                    f"{self._database.shown}: {what} has {len(text):,} bytes as JSON, but the server takes messages of "
                    f"{self.found.message:,} bytes. Shorten it, or let the server take more (max_allowed_packet)."
                )
        if name != name.rstrip() and self.found.pads:
            raise ValueError(
                f"{self._database.shown}: {what} ends with a space, and the tables of this database, which were made "
                "by another program, take it for the same name without. Choose another name."
            )

    @property
    def found(self) -> Found:
        """What the server says, asked once."""
        if self._found is None:
            self._found = self._database.autocommit(_ask)
            if self._found.folds:
                _logger.warning(
                    "%s: the tables of this database, which were made by another program, take names that differ only "
                    "in case or accents for one name. Do not use such names in it.",
                    self._database.shown,
                )
        return self._found


def _ask(link: Link) -> Found:
    rows = link.rows(
        "SELECT table_name, column_name, character_octet_length, collation_name FROM information_schema.columns "
        "WHERE table_schema = DATABASE() AND character_octet_length IS NOT NULL"
    )
    ((message,),) = link.rows("SELECT @@max_allowed_packet")
    names = [collation for _, column, _, collation in rows if column in ("key", "param_name", "study_name")]
    return Found(
        {(table, column): int(length) for table, column, length, _ in rows},
        int(message),
        any("nopad" not in collation and "0900" not in collation for collation in names),
        any(not collation.endswith("_bin") for collation in names),
    )
