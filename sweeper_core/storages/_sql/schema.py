"""Optuna's relational schema (revision v3.2.0.a), and the set-up of a database before its first use."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from sweeper_core.directions import StudyDirection
from sweeper_core.exceptions import StorageFormatError
from sweeper_core.storages._sql.database import Database, Link
from sweeper_core.trial.state import TrialState

REVISION = "v3.2.0.a"
SCHEMA_VERSION = 12
OLDER_REVISIONS = (
    "v0.9.0.a",
    "v1.2.0.a",
    "v1.3.0.a",
    "v2.4.0.a",
    "v2.6.0.a",
    "v3.0.0.a",
    "v3.0.0.b",
    "v3.0.0.c",
    "v3.0.0.d",
)

CHILDREN_OF_TRIALS = (
    "trial_user_attributes",
    "trial_system_attributes",
    "trial_params",
    "trial_values",
    "trial_intermediate_values",
    "trial_heartbeats",
)
CHILDREN_OF_STUDIES = ("study_directions", "study_user_attributes", "study_system_attributes")

# Indexes of our own; Optuna works with and without them.
UNIQUE_NUMBER = "ix_hpo_trials_study_id_number"
BY_STATE = "ix_hpo_trials_study_id_state_number"


def open_schema(database: Database, *, create: bool, check: bool) -> None:
    """Create missing tables, and check that the existing ones can be read.

    Raises:
        StorageFormatError: The database holds other tables, or a schema of another version.
    """
    found = database.autocommit(names_in)
    if create and not database.read_only and not _complete(found):
        database.exclusively(_create)
        found = database.autocommit(names_in)
    if check:
        database.autocommit(lambda link: _check_revision(database, link, found))


def _complete(found: set[str]) -> bool:
    tables = {*CHILDREN_OF_TRIALS, *CHILDREN_OF_STUDIES, "studies", "trials", "version_info", "alembic_version"}
    return found >= {*tables, UNIQUE_NUMBER, BY_STATE}


def names_in(link: Link) -> set[str]:
    """Return the names of all tables and indexes."""
    return {str(row[0]) for row in link.rows(_NAMES[link.dialect])}


def revision_of(link: Link, found: set[str]) -> str | None:
    """Return the revision of the tables that were found; None when there are no tables of studies."""
    if "alembic_version" in found:
        revisions = [str(row[0]) for row in link.rows("SELECT version_num FROM alembic_version")]
        if revisions:
            return revisions[0]
    if "studies" not in found or "trial_values" not in found:
        return None
    # Before v0.9 revisions were not stored; today a process may have been stopped before it stored one.
    return REVISION if _columns_are_new(link) else OLDER_REVISIONS[0]


def schema_revision(database: Database) -> str:
    """Return the revision of a database's tables.

    Raises:
        StorageFormatError: It has no tables of studies.
    """
    revision = database.autocommit(lambda link: revision_of(link, names_in(link)))
    if revision is None:
        raise StorageFormatError(f"{database.shown} holds no studies.")
    return revision


def older_revision(link: Link, found: set[str]) -> str | None:
    """Return the revision of the tables when they must be upgraded before use."""
    revision = revision_of(link, found)
    return revision if revision in OLDER_REVISIONS else None


_NAMES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type IN ('table', 'index')",
    "postgresql": (
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = ANY (current_schemas(false)) AND c.relkind IN ('r', 'p', 'i', 'I')"
    ),
    "mysql": (
        "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() "
        "UNION SELECT index_name FROM information_schema.statistics WHERE table_schema = DATABASE()"
    ),
}


def _create(database: Database, link: Link) -> None:
    if older_revision(link, names_in(link)) is None:
        finish_schema(database, link)


def finish_schema(database: Database, link: Link) -> None:
    """Create what is missing in a database whose existing tables have the current revision."""
    found = names_in(link)
    metadata = tables(link.dialect, collation_of(link))
    ours = set(metadata.tables)
    if "studies" not in found:
        _refuse_foreign(database, link, found, ours)
    refuse_namesakes(database, link, found)
    fresh = "trials" not in found
    # MySQL commits after each of these statements: a second process finds some tables and creates the others.
    metadata.create_all(link.connection, tables=[t for t in metadata.sorted_tables if t.name not in found])
    _stamp(link)
    for name, unique, columns in (
        (UNIQUE_NUMBER, "UNIQUE ", "study_id, number"),
        (BY_STATE, "", "study_id, state, number"),
    ):
        if name not in found:
            _create_index(database, link, f"CREATE {unique}INDEX {name} ON trials ({columns})", fresh)


def _refuse_foreign(database: Database, link: Link, found: set[str], ours: set[str]) -> None:
    """Raise when there are tables of another program: any in a file, those with our names on a server."""
    visible = {name for name in found if not name.startswith("sqlite_")}
    strange = visible if link.dialect == "sqlite" else visible & (ours - {"alembic_version"})
    if "alembic_version" in visible and not strange:
        revisions = {str(row[0]) for row in link.rows("SELECT version_num FROM alembic_version")}
        strange = {"alembic_version"} if revisions - {REVISION} else set()
    # A database in which Optuna was stopped while it created its tables is completed.
    if strange and not strange <= ours | {f"ix_{name}" for name in ("studies_study_name", "trials_study_id")}:
        raise StorageFormatError(
            f"{database.shown} holds other tables ({', '.join(sorted(strange)[:4])}) and no studies. "
            "Give a database of its own, or a new file."
        )
    if "alembic_version" in strange:
        raise StorageFormatError(
            f"The table alembic_version in {database.shown} belongs to another program. Give a database of its own."
        )


def refuse_namesakes(database: Database, link: Link, found: set[str]) -> None:
    """Raise when a table with one of our names belongs to another program: it lacks our key."""
    for table in tables(link.dialect).sorted_tables:
        if table.name in found:
            columns = {column["name"] for column in sa.inspect(link.connection).get_columns(table.name)}
            if not columns.issuperset(table.primary_key.columns.keys()):
                raise StorageFormatError(
                    f"The table {table.name} in {database.shown} belongs to another program. "
                    "Give a database of its own."
                )


def _stamp(link: Link) -> None:
    if not link.rows("SELECT 1 FROM version_info"):
        link.change(
            "INSERT INTO version_info (version_info_id, schema_version, library_version) "
            "VALUES (1, :version, :library)",
            version=SCHEMA_VERSION,
            library="hydra-hpo-sweeper",
        )
    if not link.rows("SELECT 1 FROM alembic_version"):
        link.change("INSERT INTO alembic_version (version_num) VALUES (:revision)", revision=REVISION)


def _columns_are_new(link: Link) -> bool:
    columns = {column["name"] for column in sa.inspect(link.connection).get_columns("trial_values")}
    return {"objective", "value_type"} <= columns


def _create_index(database: Database, link: Link, statement: str, fresh: bool) -> None:
    if fresh:
        link.change(statement)
        return
    with link.attempted(f"{database.shown}: an index could not be made, so some operations will be slower"):
        link.change(statement)


def _check_revision(database: Database, link: Link, found: set[str]) -> None:
    revision = revision_of(link, found)
    if revision == REVISION:
        return
    if revision in OLDER_REVISIONS:
        raise StorageFormatError(
            f"{database.shown} has an older schema of Optuna ({revision}; {REVISION} was expected). Make a copy of it, "
            f"then bring it up to date with: hpo-sweeper upgrade '{database.shown}'"
        )
    raise StorageFormatError(
        f"{database.shown} has schema revision {revision or 'unknown'}, but {REVISION} was expected. "
        "It was made by a newer Optuna or by another program: update this package, or give another database."
    )


def collation_of(link: Link) -> str:
    """Return the MySQL collation that distinguishes all names, including those that differ in trailing spaces."""
    if link.dialect != "mysql":
        return PADDING
    exact = "('utf8mb4_nopad_bin', 'utf8mb4_0900_bin')"
    rows = link.rows(f"SELECT collation_name FROM information_schema.collations WHERE collation_name IN {exact}")
    return str(rows[0][0]) if rows else PADDING


PADDING = "utf8mb4_bin"
"""Available in every MySQL; it treats "a" and "a " as one name."""


def tables(dialect: str, collation: str = PADDING) -> sa.MetaData:
    """Return the tables as Optuna declares them, for one kind of database.

    On MySQL they hold more than Optuna's: its usual collation treats "a" and "A" as the same parameter name, its
    times have no fractions of seconds, and its TEXT holds 64 KiB.
    """
    options: dict[str, Any] = {"mysql_charset": "utf8mb4", "mysql_collate": collation, "mysql_engine": "InnoDB"}
    metadata = sa.MetaData()

    def table(name: str, *items: sa.schema.SchemaItem) -> None:
        sa.Table(name, metadata, *items, **options)

    def key(name: str) -> sa.Column[int]:
        return sa.Column(name, sa.Integer, primary_key=True)

    def of(parent: str, nullable: bool, index: bool = False) -> sa.Column[int]:
        column = "study_id" if parent == "studies" else "trial_id"
        return sa.Column(column, sa.Integer, sa.ForeignKey(f"{parent}.{column}"), nullable=nullable, index=index)

    def attributes(name: str, parent: str) -> None:
        column = of(parent, nullable=True)
        table(
            name,
            key(name.removesuffix("s") + "_id"),
            column,
            sa.Column("key", sa.String(512)),
            sa.Column("value_json", _text(dialect)),
            sa.UniqueConstraint(column.name, "key"),
        )

    table(
        "version_info",
        sa.Column("version_info_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("schema_version", sa.Integer),
        sa.Column("library_version", sa.String(256)),
        sa.CheckConstraint("version_info_id=1"),
    )
    table(
        "alembic_version",
        sa.Column("version_num", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
    )
    table(
        "studies",
        key("study_id"),
        sa.Column("study_name", sa.String(512), index=True, unique=True, nullable=False),
    )
    table(
        "study_directions",
        key("study_direction_id"),
        sa.Column("direction", sa.Enum(*StudyDirection.__members__, name="studydirection"), nullable=False),
        of("studies", nullable=False),
        sa.Column("objective", sa.Integer, nullable=False),
        sa.UniqueConstraint("study_id", "objective"),
    )
    attributes("study_user_attributes", "studies")
    attributes("study_system_attributes", "studies")
    table(
        "trials",
        key("trial_id"),
        sa.Column("number", sa.Integer),
        of("studies", nullable=True, index=True),
        sa.Column("state", sa.Enum(*TrialState.__members__, name="trialstate"), nullable=False),
        sa.Column("datetime_start", _moment(dialect)),
        sa.Column("datetime_complete", _moment(dialect)),
    )
    attributes("trial_user_attributes", "trials")
    attributes("trial_system_attributes", "trials")
    table(
        "trial_params",
        key("param_id"),
        of("trials", nullable=True),
        sa.Column("param_name", sa.String(512)),
        sa.Column("param_value", sa.Float(53)),
        sa.Column("distribution_json", _text(dialect)),
        sa.UniqueConstraint("trial_id", "param_name"),
    )
    table(
        "trial_values",
        key("trial_value_id"),
        of("trials", nullable=False),
        sa.Column("objective", sa.Integer, nullable=False),
        sa.Column("value", sa.Float(53)),
        sa.Column("value_type", sa.Enum("FINITE", "INF_POS", "INF_NEG", name="trialvaluetype"), nullable=False),
        sa.UniqueConstraint("trial_id", "objective"),
    )
    kinds = sa.Enum("FINITE", "INF_POS", "INF_NEG", "NAN", name="trialintermediatevaluetype")
    table(
        "trial_intermediate_values",
        key("trial_intermediate_value_id"),
        of("trials", nullable=False),
        sa.Column("step", sa.Integer, nullable=False),
        sa.Column("intermediate_value", sa.Float(53)),
        sa.Column("intermediate_value_type", kinds, nullable=False),
        sa.UniqueConstraint("trial_id", "step"),
    )
    table(
        "trial_heartbeats",
        key("trial_heartbeat_id"),
        of("trials", nullable=False),
        sa.Column("heartbeat", sa.DateTime, nullable=False),
        sa.UniqueConstraint("trial_id"),
    )
    return metadata


def _text(dialect: str) -> sa.Text:
    if dialect != "mysql":
        return sa.Text()
    from sqlalchemy.dialects import mysql

    return sa.Text().with_variant(mysql.LONGTEXT(), "mysql")


def _moment(dialect: str) -> sa.DateTime:
    if dialect != "mysql":
        return sa.DateTime()
    from sqlalchemy.dialects import mysql

    return mysql.DATETIME(fsp=6)
