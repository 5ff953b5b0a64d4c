"""Checks for values that servers refuse, or that MySQL would change silently: steps and texts too long for a column,
names that it treats as equal.

SQLite and PostgreSQL store texts of any length and distinguish all names. Tables created here do so on MySQL and
MariaDB, too; the limits of other tables are queried.
"""

from __future__ import annotations

import logging
from typing import NamedTuple

from sweeper_core.storages._sql.database import Database, Link
from sweeper_core.storages._sql.tables import PARAMS, REPORTS, Parts, Row, Table
from sweeper_core.storages.base import MAX_COMMON_STEP

_logger = logging.getLogger(__name__)

MIN_LIMIT = 65_535
"""Bytes that every text column holds; JSON as it is written here has one byte per character."""

SPARE = 65_536
"""Bytes of a message in addition to a long text."""


class Found(NamedTuple):
    """Limits of a server's tables.

    Attributes:
        bytes: Length of each text column, by table and column.
        message: Bytes of the longest message.
        pads: Whether names that differ in trailing spaces are equal.
        folds: Whether names that differ in case or accents are equal.
    """

    bytes: dict[tuple[str, str], int]
    message: int
    pads: bool
    folds: bool


class Limits:
    """The limits of one database, queried on first use."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._on_mysql = database.dialect == "mysql"
        self._on_server = database.dialect != "sqlite"
        self._found: Found | None = None

    def check(self, parts: Parts) -> Parts:
        """Return the rows; raise when the database would change them.

        Raises:
            ValueError: A step is too large, a text is too long, or its name equals another one to the server.
        """
        if self._on_server:
            for step, *_ in parts.get(REPORTS, ()):
                self.check_step(int(step or 0))
        if self._on_mysql:
            for table, rows in parts.items():
                if "text" in table.columns.values():
                    for row in rows:
                        self._check_row(table, row)
        return parts

    def check_step(self, step: int) -> None:
        """Raise ValueError when a report's step does not fit into its column."""
        if step > MAX_COMMON_STEP and self._on_server:
            raise ValueError(
                f"{self._database.shown}: a report has the step {step}, but its column holds steps up to "
                f"{MAX_COMMON_STEP:,}. Count in larger units."
            )

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
        """The server's limits, queried once."""
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
