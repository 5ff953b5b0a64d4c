"""Upgrade databases that older releases of Optuna wrote to the current schema.

Every step checks the state of the tables, so that an interrupted upgrade can be repeated from its beginning. SQLite and
PostgreSQL execute all steps as one transaction. MySQL cannot, so the revision is written last: until then the database
counts as old, and only an upgrade uses it.
"""

from __future__ import annotations

import logging
import math
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.schema import CreateIndex, CreateTable

from sweeper_core.distributions import distribution_to_json, json_to_distribution
from sweeper_core.exceptions import StorageFormatError, StorageInternalError, StorageUnavailableError
from sweeper_core.storages._sql.database import Database, Link
from sweeper_core.storages._sql.schema import (
    OLDER_REVISIONS,
    REVISION,
    collation_of,
    finish_schema,
    names_in,
    older_revision,
    refuse_namesakes,
    schema_revision,
    tables,
)
from sweeper_core.storages._sql.tables import stored

_logger = logging.getLogger(__name__)

_CHUNK = 1000
"""Number of rows that one statement changes or reads."""

LOCK_TIMEOUT = 10
"""Seconds that a statement waits for a locked table; then the waiting statements of other clients go first."""

_SINGLE_MAX = 3.4028234663852886e38
"""Largest number of single precision: some releases stored infinity as this number, and MySQL rounds it."""

_LATE_COLUMNS = (
    ("trials", "number"),
    ("trial_values", "objective"),
    ("trial_values", "value_type"),
    ("trial_intermediate_values", "intermediate_value_type"),
)
"""Columns that later releases added."""

_LEFTOVERS = (("studies", "direction"), ("trials", "value"), ("trial_values", "step"))
"""Columns that tables had before v2.4."""

_WITH_LEFTOVERS = ("studies", "trials", "trial_values")


def upgrade(url: str) -> str | None:
    """Upgrade a database of an older release of Optuna to the current schema; no other process may use it meanwhile.

    Args:
        url: URL of the database, as for ``RDBStorage``.

    Returns:
        The revision that it had; None when it is up to date already.

    Raises:
        ValueError: It is not the URL of a database.
        FileNotFoundError: There is no such file.
        StorageFormatError: It holds no studies, or something that is not understood.
        StorageUnavailableError: It cannot be reached, or other programs have kept it locked for a minute.
    """
    if "://" not in url or url.startswith("journal:"):
        raise ValueError(f"{url!r} is not the URL of a database. Only databases have a schema; journals never change.")
    database = Database(url, {})
    path = database.path or ""
    if not (database.dialect != "sqlite" or path.startswith("file:") or os.path.exists(path)):
        raise FileNotFoundError(f"There is no file {path or ':memory:'}: there is nothing to upgrade.")
    try:
        return upgrade_database(database)
    finally:
        database.close()


def upgrade_database(database: Database) -> str | None:
    """Bring a database to today's schema.

    Returns:
        The revision that it had; None when it is up to date already.

    Raises:
        StorageFormatError: It holds no studies, or something that is not understood.
        StorageUnavailableError: Other programs have kept it locked for a minute.
    """
    revision = schema_revision(database)
    if revision == REVISION:
        return None
    if revision not in OLDER_REVISIONS:
        raise StorageFormatError(
            f"{database.shown} has schema revision {revision}, which is not one of the older revisions of Optuna that "
            "can be upgraded. It was made by a newer Optuna or by another program."
        )
    try:
        database.exclusively(_upgrade)
    except StorageInternalError as error:
        if re.search("lock (wait )?timeout", str(error), re.IGNORECASE):
            raise StorageUnavailableError(f"{error}. Other programs use the database: stop them first.") from error
        raise
    return revision


def _upgrade(database: Database, link: Link) -> None:
    found = names_in(link)
    if older_revision(link, found) is None:
        return  # another process has upgraded it meanwhile
    refuse_namesakes(database, link, found)
    if link.dialect == "postgresql":
        link.change(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}s'")
    elif link.dialect == "mysql":
        link.change(f"SET SESSION lock_wait_timeout = {LOCK_TIMEOUT}")
    one = _Upgrade(link)
    one.add_what_is_missing()
    one.move_what_lies_elsewhere()
    one.settle()
    one.convert(database)
    one.stamp()
    finish_schema(database, link)


class _Upgrade:
    """The steps, in the order in which they are done."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._metadata = tables(link.dialect, collation_of(link))
        self._key = "`key`" if link.dialect == "mysql" else '"key"'

    def add_what_is_missing(self) -> None:
        """Add tables and columns, and widen the columns that data is moved into."""
        present = names_in(self._link)
        self._metadata.create_all(
            self._link.connection, tables=[t for t in self._metadata.sorted_tables if t.name not in present]
        )
        if not self._link.rows("SELECT 1 FROM alembic_version"):
            self._note(OLDER_REVISIONS[0])
        for table, column in _LATE_COLUMNS:
            if column not in self._columns(table):
                self._add_column(self._metadata.tables[table].c[column])
        if self._link.dialect == "postgresql":
            self._link.change("ALTER TYPE trialstate ADD VALUE IF NOT EXISTS 'WAITING'")
        self._settle_all(name for name in self._metadata.tables if not self._leftovers(name))

    def move_what_lies_elsewhere(self) -> None:
        """Move data out of columns and attributes that the current schema does not have."""
        if self._link.dialect == "mysql":
            self._link.change("START TRANSACTION")  # the changes of tables have ended the first
        self._move_numbers()
        if self._leftovers("studies"):
            self._link.change(
                "INSERT INTO study_directions (direction, study_id, objective) SELECT direction, study_id, 0 "
                "FROM studies WHERE study_id NOT IN (SELECT study_id FROM study_directions)"
            )
        if self._leftovers("trial_values"):
            self._link.change(
                "INSERT INTO trial_intermediate_values (trial_id, step, intermediate_value, intermediate_value_type) "
                "SELECT trial_id, step, value, 'FINITE' FROM trial_values WHERE step IS NOT NULL "
                "ORDER BY trial_value_id"
            )
            self._link.change("DELETE FROM trial_values WHERE step IS NOT NULL")
        if self._leftovers("trials"):
            self._link.change(
                "INSERT INTO trial_values (trial_id, objective, value, value_type) "
                "SELECT trial_id, 0, value, 'FINITE' FROM trials WHERE value IS NOT NULL ORDER BY trial_id"
            )
            self._link.change("UPDATE trials SET value = NULL")

    def settle(self) -> None:
        """Drop what is empty now, and give the tables their current definitions."""
        for table, column in _LEFTOVERS:
            if self._link.dialect != "sqlite" and column in self._columns(table):
                self._drop_column(table, column)
        self._settle_all(_WITH_LEFTOVERS)

    def convert(self, database: Database) -> None:
        """Convert numbers and distributions to their current form."""
        if self._link.dialect == "mysql":
            self._link.change("START TRANSACTION")
        self._convert_numbers("trial_values", "value")
        self._convert_numbers("trial_intermediate_values", "intermediate_value")
        self._convert_distributions(database)
        failed = self._link.change(
            "UPDATE trials SET state = 'FAIL' WHERE state = 'COMPLETE' AND NOT EXISTS "
            "(SELECT 1 FROM trial_values WHERE trial_values.trial_id = trials.trial_id)"
        )
        if failed:
            _logger.warning("%s: %d complete trials had no value; they count as failed.", database.shown, failed)

    def stamp(self) -> None:
        """Store the new revision."""
        present = names_in(self._link)
        for table in self._metadata.tables.values():
            for index in table.indexes:
                if index.name not in present:
                    self._link.connection.execute(CreateIndex(index))
        self._link.change("DELETE FROM version_info")
        self._link.change("DELETE FROM alembic_version")
        self._note(REVISION)

    def _note(self, revision: str) -> None:
        self._link.change("INSERT INTO alembic_version (version_num) VALUES (:revision)", revision=revision)

    # Tables

    def _columns(self, table: str) -> list[str]:
        return [column["name"] for column in sa.inspect(self._link.connection).get_columns(table)]

    def _leftovers(self, table: str) -> bool:
        columns = self._columns(table)
        return any(name == table and column in columns for name, column in _LEFTOVERS)

    def _add_column(self, column: sa.Column[Any]) -> None:
        of_kind = isinstance(column.type, sa.Enum)
        if isinstance(column.type, sa.Enum) and self._link.dialect == "postgresql":
            column.type.create(self._link.connection, checkfirst=True)
        self._link.change(
            f"ALTER TABLE {column.table.name} ADD COLUMN {column.name} {self._type(column)}"
            + (" DEFAULT 'FINITE' NOT NULL" if of_kind else "")
        )

    def _drop_column(self, table: str, column: str) -> None:
        also = ""
        if self._link.dialect == "mysql":
            if (table, column) == ("trial_values", "step"):
                # The table's other key satisfies the foreign key when this one is dropped.
                self._add_uniqueness(self._metadata.tables[table])
            also = "".join(f"DROP INDEX `{name}`, " for name in self._indexes_with(table, column))
        self._link.change(f"ALTER TABLE {table} {also}DROP COLUMN {column}")

    def _indexes_with(self, table: str, column: str) -> list[str]:
        indexes = sa.inspect(self._link.connection).get_indexes(table)
        return [str(index["name"]) for index in indexes if column in index["column_names"]]

    def _settle_all(self, names: Iterable[str]) -> None:
        for name in names:
            if name in ("alembic_version", "version_info"):
                continue
            if self._link.dialect == "sqlite":
                self._rebuild(self._metadata.tables[name])
            else:
                self._redefine(self._metadata.tables[name])
                self._add_uniqueness(self._metadata.tables[name])

    def _rebuild(self, table: sa.Table) -> None:
        """Replace a table of SQLite, whose definition can hardly be altered, by a new one."""
        present = self._columns(table.name)
        columns = ", ".join(f'"{column.name}"' for column in table.columns if column.name in present)
        metadata = tables("sqlite")
        successor = metadata.tables[table.name].to_metadata(metadata, name=f"hpo_{table.name}")
        self._link.connection.execute(CreateTable(successor))
        self._link.change(f"INSERT INTO {successor.name} ({columns}) SELECT {columns} FROM {table.name}")
        self._link.change(f"DROP TABLE {table.name}")
        self._link.change(f"ALTER TABLE {successor.name} RENAME TO {table.name}")

    def _redefine(self, table: sa.Table) -> None:
        """Give columns their current definitions."""
        changed = [
            column
            for column in table.columns
            if isinstance(column.type, (sa.Text, sa.Float, sa.Enum))
            or (isinstance(column.type, sa.Integer) and not (column.nullable or column.primary_key))
        ]
        if not changed:
            return
        if self._link.dialect == "mysql":
            parts = [
                f"MODIFY COLUMN {column.name} {self._type(column)} {'NULL' if column.nullable else 'NOT NULL'}"
                for column in changed
            ]
        else:
            parts = [
                f"ALTER COLUMN {column.name} {part}"
                for column in changed
                for part in (
                    "DROP DEFAULT",
                    f"TYPE {self._type(column)}",
                    f"{'DROP' if column.nullable else 'SET'} NOT NULL",
                )
            ]
        self._link.change(f"ALTER TABLE {table.name} {', '.join(parts)}")

    def _add_uniqueness(self, table: sa.Table) -> None:
        there = [tuple(each["column_names"]) for each in self._unique_constraints(table.name)]
        for constraint in table.constraints:
            if isinstance(constraint, sa.UniqueConstraint):
                columns = tuple(column.name for column in constraint.columns)
                if columns not in there:
                    names = ", ".join(self._key if name == "key" else name for name in columns)
                    self._link.change(f"ALTER TABLE {table.name} ADD UNIQUE ({names})")

    def _unique_constraints(self, table: str) -> Sequence[Any]:
        return sa.inspect(self._link.connection).get_unique_constraints(table)

    def _type(self, column: sa.Column[Any]) -> str:
        return column.type.compile(self._link.connection.dialect)

    # Contents

    def _move_numbers(self) -> None:
        """Set the numbers of trials: before v1.3 they were in an attribute, before v0.9 nowhere."""
        attribute = f"FROM trial_system_attributes WHERE {self._key} = '_number'"
        numbers = {
            trial_id: int(text) for trial_id, text in self._link.rows(f"SELECT trial_id, value_json {attribute}")
        }
        counted: defaultdict[int, int] = defaultdict(int)
        missing = []
        for trial_id, study_id, number in self._link.rows(
            "SELECT trial_id, study_id, number FROM trials ORDER BY trial_id"
        ):
            if number is None:
                missing.append({"trial": trial_id, "number": numbers.get(trial_id, counted[study_id])})
            counted[study_id] += 1
        self._link.many("UPDATE trials SET number = :number WHERE trial_id = :trial", missing)
        self._link.change(f"DELETE {attribute}")

    def _convert_numbers(self, table: str, column: str) -> None:
        """Store the kind of non-finite numbers, which databases treat differently, in the column beside them."""
        (key,) = (item.name for item in self._metadata.tables[table].primary_key)
        changed = []
        for row_id, number in self._link.rows(
            f"SELECT {key}, {column} FROM {table} WHERE {column}_type = 'FINITE' "
            f"AND ({column} IS NULL OR {column} > 1e16 OR {column} < -1e16)"
        ):
            value, kind = stored(_meant(number))
            if kind != "FINITE":
                changed.append({"id": row_id, "value": value, "kind": kind})
        if table == "trial_values":  # a trial without a value has no row
            self._delete(table, key, [row["id"] for row in changed if row["kind"] == "NAN"])
            changed = [row for row in changed if row["kind"] != "NAN"]
        self._link.many(f"UPDATE {table} SET {column} = :value, {column}_type = :kind WHERE {key} = :id", changed)

    def _delete(self, table: str, key: str, row_ids: Sequence[int]) -> None:
        for chunk in _chunks(row_ids):
            self._link.change(f"DELETE FROM {table} WHERE {key} IN ({','.join(map(str, chunk))})")

    def _convert_distributions(self, database: Database) -> None:
        old: defaultdict[str, list[int]] = defaultdict(list)
        for param_id, text in self._link.stream("SELECT param_id, distribution_json FROM trial_params"):
            old[text].append(param_id)
        for text, param_ids in old.items():
            today = _distribution_of_today(database, text)
            for chunk in _chunks(param_ids) if today != text else ():
                chosen = ",".join(map(str, chunk))
                self._link.change(
                    f"UPDATE trial_params SET distribution_json = :text WHERE param_id IN ({chosen})", text=today
                )


def _meant(number: float | None) -> float:
    """Return the number that an older release stored as a large number, or as NULL."""
    if number is None:
        return math.nan
    if math.isfinite(number) and math.isclose(abs(number), _SINGLE_MAX, rel_tol=1e-5):
        return math.copysign(math.inf, number)
    return number


def _distribution_of_today(database: Database, text: str) -> str:
    try:
        return distribution_to_json(json_to_distribution(text))
    except (ValueError, KeyError, TypeError) as error:
        raise StorageFormatError(f"{database.shown}: a distribution is not understood, {text}: {error}") from error


def _chunks(items: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(items), _CHUNK):
        yield items[start : start + _CHUNK]
