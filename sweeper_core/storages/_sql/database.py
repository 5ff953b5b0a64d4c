"""A database as storages use it: whole operations, patient with a server that is away, errors that can be read."""

from __future__ import annotations

import importlib.util
import logging
import os
import random
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import datetime
from typing import Any, TypeVar

import sqlalchemy as sa
import sqlalchemy.exc
import sqlalchemy.pool

from sweeper_core._forks import reset_after_fork
from sweeper_core.exceptions import StorageFormatError, StorageInternalError, StorageUnavailableError
from sweeper_core.storages._filesystem import is_on_network
from sweeper_core.storages._sql.statements import COMMITTED, LATER

_logger = logging.getLogger(__name__)

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds for which an operation tries to reach a server that has been reached before."""

_BUSY = 60.0
"""Seconds that SQLite waits for other writers; a transaction of ours takes well under a millisecond."""

_SQLALCHEMY = tuple(int(part) for part in re.findall("[0-9]+", sa.__version__)[:3])

_OF_OTHER_POOLS = frozenset({"pool_size", "max_overflow", "pool_timeout", "pool_use_lifo"})

_SECRET = re.compile("pass|pwd|secret|token", re.IGNORECASE)


class Link:
    """A connection for the length of one operation. Statements are SQL with ``:name`` for values."""

    def __init__(self, database: Database, connection: sa.Connection, attempt: int) -> None:
        self.connection = connection
        self.dialect = database.dialect
        self.attempt = attempt
        """0; more when the connection was lost and the operation is being done again."""
        self._text = database.text
        self._errors = database.errors

    def rows(self, sql: str, **values: Any) -> Sequence[Any]:
        """Return all rows of a query."""
        return self.connection.execute(self._text(sql), values).fetchall()

    def all(self, sql: str) -> Sequence[tuple[Any, ...]]:
        """Return all rows of a query without values, as plain tuples (not remembered, may be long)."""
        rows: Sequence[tuple[Any, ...]] = self.connection.exec_driver_sql(sql).cursor.fetchall()
        return rows

    def stream(self, sql: str) -> Iterator[tuple[Any, ...]]:
        """Return an iterator over what :meth:`all` would return."""
        result = self.connection.exec_driver_sql(sql)
        while batch := result.cursor.fetchmany(1000):
            yield from batch

    def change(self, sql: str, **values: Any) -> int:
        """Return how many rows a statement has changed."""
        return self.connection.execute(self._text(sql), values).rowcount

    def insert(self, sql: str, key: str, **values: Any) -> int:
        """Insert one row and return the value of its column ``key``."""
        if self.dialect == "postgresql":
            return int(self.connection.execute(self._text(f"{sql} RETURNING {key}"), values).scalar_one())
        return int(self.connection.execute(self._text(sql), values).lastrowid)

    def one_message(self, sql: str, values: Any = None) -> Sequence[Any]:
        """Do statements that are sent together, as one transaction; return what the last query has found.

        Only where :attr:`Database.takes_scripts`.

        Args:
            sql: With the driver's own marks for values; several statements have ``;`` between them.
            values: In the form that the driver takes.
        """
        try:
            cursor = self.connection.connection.cursor()
            rows = _last_rows(cursor, sql, values)
            if self.dialect == "mysql":
                _last_rows(cursor, COMMITTED)
            cursor.close()
        except BaseException as error:
            self.connection.invalidate()  # which takes the transaction back
            if isinstance(error, self._errors):
                raise sa.exc.DBAPIError(sql, None, error, hide_parameters=True) from error
            raise
        return rows

    def many(self, sql: str, values: Sequence[Mapping[str, Any]]) -> None:
        """Do a statement once for each set of values."""
        if values:
            self.connection.execute(self._text(sql), values[0] if len(values) == 1 else list(values))

    @contextmanager
    def attempted(self, complaint: str) -> Iterator[None]:
        """Do without what the block does when the database refuses it; the rest of the operation stands."""
        if self.dialect == "postgresql":
            self.connection.exec_driver_sql("SAVEPOINT attempted")
        try:
            yield
        except sa.exc.DBAPIError as error:
            if self.dialect == "postgresql":
                self.connection.exec_driver_sql("ROLLBACK TO SAVEPOINT attempted")
            _logger.warning("%s: %s", complaint, _first_line(error))

    def moment(self, at: datetime) -> Any:
        """Return a time as the driver wants it."""
        return at.strftime("%Y-%m-%d %H:%M:%S.%f") if self.dialect == "sqlite" else at


class Database:
    """A database behind a URL; shared by threads; forked processes get connections of their own.

    Args:
        url: As SQLAlchemy understands it; without a driver, one that is installed is taken. For SQLite,
            ``?synchronous=FULL`` makes every commit survive a power failure too.
        engine_kwargs: Further arguments of ``sqlalchemy.create_engine``.

    Raises:
        ValueError: The URL cannot be understood.
        ImportError: The driver is not installed.
    """

    def __init__(self, url: str, engine_kwargs: Mapping[str, Any]) -> None:
        parsed = _parse(url)
        self._synchronous = str(parsed.query.get("synchronous", "NORMAL")).upper()
        parsed = _with_driver(parsed.difference_update_query(["synchronous"]))
        self.shown = shown(parsed)
        self.dialect = _known_dialect(parsed)
        self.path = parsed.database if self.dialect == "sqlite" else None
        self.in_memory = self.dialect == "sqlite" and _is_in_memory(parsed)
        self.takes_scripts = parsed.get_driver_name() in ("psycopg", "pymysql")
        """Whether the driver sends several statements at once and returns what each of them found."""
        self.quick_writes = self.dialect == "sqlite" and self._synchronous in ("NORMAL", "OFF")
        self._guard: AbstractContextManager[Any] = threading.RLock() if self.in_memory else nullcontext()
        self._reached = False
        self._texts: dict[str, sa.TextClause] = {}
        self.engine = self._engine(parsed, engine_kwargs)
        self.errors: tuple[type[Exception], ...] = (self.engine.dialect.loaded_dbapi.Error,)
        """What the driver raises."""
        reset_after_fork(self)

    def after_fork(self) -> None:
        """Take connections of one's own; the parent's stay open, unused, because closing is a message too."""
        if self.in_memory:
            self._guard = threading.RLock()
        else:
            _left_behind.append(self.engine.pool)
            self.engine.dispose(close=False)

    def _engine(self, url: sa.URL, engine_kwargs: Mapping[str, Any]) -> sa.Engine:
        options = {"pool_reset_on_return": None, **engine_kwargs, "isolation_level": "AUTOCOMMIT"}
        if _SQLALCHEMY >= (2, 0, 43):
            options.setdefault("skip_autocommit_rollback", True)  # saves one message to the server per operation
        if self.dialect == "sqlite":
            # A connection is used by one thread at a time, though not always by the one that made it.
            given = engine_kwargs.get("connect_args", {})
            options["connect_args"] = {"check_same_thread": False, "timeout": _BUSY, **given}
        if self.in_memory:
            options = {key: value for key, value in options.items() if key not in _OF_OTHER_POOLS}
            options["poolclass"] = sa.pool.StaticPool
        elif "poolclass" not in engine_kwargs:
            options.setdefault("max_overflow", -1)
        try:
            engine = sa.create_engine(url, **options)
        except ImportError as error:
            raise ImportError(f"The driver for {self.shown} is not installed: {error}. {_advice(url)}") from error
        except sa.exc.ArgumentError as error:
            raise ValueError(f"{self.shown} cannot be opened: {error}") from None
        sa.event.listen(engine, "connect", self._prepare)
        if url.get_driver_name() == "pymysql":
            sa.event.listen(engine, "do_connect", _allow_scripts)
        return engine

    def _prepare(self, connection: Any, _record: Any) -> None:
        """Set up a new connection of the driver."""
        cursor = connection.cursor()
        if self.dialect == "mysql":
            cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
        elif self.dialect == "sqlite" and not self.in_memory:
            self._choose_journal(cursor)
        cursor.close()

    def _choose_journal(self, cursor: Any) -> None:
        assert self.path is not None
        network = is_on_network(self.path)
        if network:
            # The write-ahead log needs memory shared by all processes, which no network file system offers.
            _say_once(
                f"{self.shown} lies on a network file system ({network}): SQLite works there without its "
                "write-ahead log, more slowly, and only as safely as that file system's locks. "
                "A journal (a path that ends in .log) or a database server suits it better."
            )
        wanted = "delete" if network else "wal"
        synchronous = "FULL" if network else self._synchronous
        cursor.execute(f"PRAGMA synchronous = {synchronous}")
        (mode,) = cursor.execute("PRAGMA journal_mode").fetchone()
        if mode != wanted and os.access(self.path, os.W_OK):
            cursor.execute(f"PRAGMA journal_mode = {wanted}")

    def text(self, sql: str) -> sa.TextClause:
        """Return a statement, prepared once."""
        clause = self._texts.get(sql)
        if clause is None:
            clause = self._texts[sql] = sa.text(sql)
        return clause

    def read(self, work: Callable[[Link], T]) -> T:
        """Return what ``work`` makes of a connection; each statement stands alone."""
        return self._patiently(lambda connection, attempt: work(Link(self, connection, attempt)))

    def write(self, work: Callable[[Link], T], *, at_once: bool = True) -> T:
        """Do ``work`` as one transaction. It may be done again from its beginning, so it must not keep anything.

        Args:
            at_once: Whether it must be on the server's disk when this returns. Where not, PostgreSQL releases its locks
                without waiting for the disk; the next transaction that waits for it brings this one along.
        """

        def transaction(connection: sa.Connection, attempt: int) -> T:
            connection.exec_driver_sql("BEGIN IMMEDIATE" if self.dialect == "sqlite" else "BEGIN")
            try:
                if not at_once and self.dialect == "postgresql":
                    connection.exec_driver_sql(LATER)
                result = work(Link(self, connection, attempt))
                connection.exec_driver_sql("COMMIT")
            except BaseException:
                _roll_back(connection)
                raise
            return result

        return self._patiently(transaction)

    def exclusively(self, work: Callable[[Database, Link], None]) -> None:
        """Do ``work`` as one transaction while nobody else does anything exclusively here."""

        def alone(link: Link) -> None:
            if self.dialect == "postgresql":
                link.rows("SELECT pg_advisory_xact_lock(7280116)")
            elif self.dialect == "mysql":
                link.rows("SELECT GET_LOCK('hydra-hpo-sweeper', 60)")
            try:
                work(self, link)
            finally:
                if self.dialect == "mysql":
                    link.rows("SELECT RELEASE_LOCK('hydra-hpo-sweeper')")

        self.write(alone)

    def _patiently(self, work: Callable[[sa.Connection, int], T]) -> T:
        deadline = time.monotonic() + PATIENCE
        attempt = 0
        while True:
            try:
                with self._guard, self.engine.connect() as connection:
                    result = work(connection, attempt)
                self._reached = True
                return result
            except (sa.exc.DBAPIError, sa.exc.TimeoutError) as error:
                if not self._worth_waiting(error) or time.monotonic() > deadline:
                    raise self._translated(error) from error
                _logger.info("%s: %s; trying again", self.shown, _first_line(error))
            time.sleep(random.uniform(0.5, 1.0) * min(2.0, 0.01 * 2**attempt))
            attempt += 1

    def _worth_waiting(self, error: Exception) -> bool:
        if not isinstance(error, sa.exc.DBAPIError):
            return False
        text = str(error.orig)
        if _CONFLICT.search(text) or _code(error) in _CONFLICT_CODES:
            return True
        return self._reached and self.dialect != "sqlite" and _is_away(error, text)

    def _translated(self, error: Exception) -> Exception:
        text = _first_line(error)
        for pattern, kind, advice in _EXPLAINED:
            if re.search(pattern, text, re.IGNORECASE):
                return kind(f"{self.shown}: {text.rstrip('.')}. {advice}")
        if isinstance(error, sa.exc.DBAPIError) and _is_away(error, text):
            return StorageUnavailableError(f"{self.shown} cannot be reached: {text}")
        return StorageInternalError(f"{self.shown}: {text}")

    def close(self) -> None:
        """Close all connections; the next operation opens new ones."""
        if not self.in_memory:
            if self.path is not None and os.path.exists(f"{self.path}-wal"):
                self._empty_log()
            self.engine.dispose()

    def _empty_log(self) -> None:
        """Bring what is in SQLite's write-ahead log to the file itself, also where others still have it open."""
        with suppress(sa.exc.SQLAlchemyError), self.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")


def _last_rows(cursor: Any, sql: str, values: Any = None) -> Sequence[Any]:
    rows: Sequence[Any] = ()
    cursor.execute(sql, values)
    more: bool | None = True
    while more:
        if cursor.description is not None:
            rows = cursor.fetchall()
        more = cursor.nextset()
    return rows


def _allow_scripts(_dialect: Any, _record: Any, _args: Any, arguments: dict[str, Any]) -> None:
    """Ask MySQL to take several statements at once."""
    from pymysql.constants import CLIENT

    arguments["client_flag"] = arguments.get("client_flag", 0) | CLIENT.MULTI_STATEMENTS


_left_behind: list[sa.pool.Pool] = []

_CONFLICT = re.compile("database is locked|database table is locked|database schema is locked|is busy")
_CONFLICT_CODES = frozenset({"40001", "40P01", "55P03", "53300", "57P03", 1205, 1213, 1040})
"""Deadlock, serialisation, lock time-out, too many connections, server starting (PostgreSQL, MySQL)."""

_AWAY_CODES = frozenset({"57P01", "57P02", "08000", "08001", "08003", "08004", "08006", 2002, 2003, 2006, 2013, 1053})
_AWAY = re.compile(
    "connection refused|could not connect|connection failed|server closed the connection|connection is lost|"
    "consuming input failed|terminating connection|connection timed out|the connection is closed|broken pipe|"
    "connection reset|no route to host|starting up|shutting down|in recovery",
    re.IGNORECASE,
)
_REFUSED = re.compile("authentication failed|access denied|no pg_hba|does not exist|unknown database", re.IGNORECASE)

_EXPLAINED: tuple[tuple[str, type[Exception], str], ...] = (
    ("file is not a database|file is encrypted", StorageFormatError, "The file is not an SQLite database."),
    (
        "unable to open database file",
        StorageUnavailableError,
        "Does its directory exist, and may you write there (SQLite keeps files beside the database)?",
    ),
    ("readonly database|read-only", StorageInternalError, "It is read-only: nothing can be stored in it."),
    (
        "disk is full|no space left|the table '.*' is full",
        StorageInternalError,
        "The disk is full: free some space; nothing was damaged.",
    ),
    ("database is locked", StorageUnavailableError, "Another program has kept it locked for a minute."),
    ("malformed", StorageFormatError, "The database file is damaged."),
    (
        "password authentication failed|access denied|no password supplied",
        StorageInternalError,
        "The server refused the user or the password.",
    ),
    ("permission denied|command denied", StorageInternalError, "The server does not let this user do that."),
    ('database "[^"]*" does not exist|unknown database', StorageInternalError, "Create that database first."),
)


def _is_away(error: sa.exc.DBAPIError, text: str) -> bool:
    if _REFUSED.search(text):
        return False
    return error.connection_invalidated or _code(error) in _AWAY_CODES or bool(_AWAY.search(text))


def _code(error: sa.exc.DBAPIError) -> Any:
    origin: Any = error.orig
    state = getattr(origin, "sqlstate", None) or getattr(origin, "pgcode", None)
    return state or (origin.args[0] if getattr(origin, "args", None) else None)


def _first_line(error: Exception) -> str:
    origin = getattr(error, "orig", None) or error
    return " ".join(str(origin).split())[:500]


def _roll_back(connection: sa.Connection) -> None:
    try:
        connection.exec_driver_sql("ROLLBACK")
    except sa.exc.SQLAlchemyError:
        connection.invalidate()


_said: set[str] = set()


def _say_once(message: str) -> None:
    if message not in _said:
        _said.add(message)
        _logger.warning(message)


def _parse(url: str) -> sa.URL:
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        pass  # the error's text may show the URL, and so the password
    else:
        return parsed.set(drivername=re.sub("^postgres(?=$|[+])", "postgresql", parsed.drivername))
    raise ValueError(
        "The storage's URL cannot be understood. It has the form dialect://user:password@host:port/database, "
        "where special characters in the password are percent-encoded; for SQLite sqlite:///path."
    )


def shown(url: sa.URL | str) -> str:
    """Return a URL without its secrets, fit for messages."""
    parsed = _parse(url) if isinstance(url, str) else url
    if parsed.get_backend_name() == "sqlite":
        return f"sqlite:///{parsed.database or ''}"
    hidden = {key: "***" for key in parsed.query if _SECRET.search(key)}
    return parsed.update_query_dict(hidden).render_as_string(hide_password=True).replace("%2A", "*")


def absolute(url: str) -> str:
    """Return the URL of a file such that it means the same after a change of the working directory."""
    parsed = _parse(url)
    path = parsed.database or ""
    if parsed.get_backend_name() != "sqlite" or _is_in_memory(parsed) or os.path.isabs(path) or path[:5] == "file:":
        return url
    return parsed.set(database=os.path.abspath(path)).render_as_string(hide_password=False)


_DRIVERS = {
    "postgresql": (("psycopg", "psycopg"), ("psycopg2", "psycopg2"), ("pg8000", "pg8000")),
    "mysql": (("pymysql", "pymysql"), ("mysqldb", "MySQLdb"), ("mysqlconnector", "mysql.connector")),
}
_EXTRAS = {"postgresql": "postgresql", "mysql": "mysql", "mariadb": "mysql"}


def _with_driver(url: sa.URL) -> sa.URL:
    """Return the URL with a driver that is installed, when it names none."""
    dialect = "mysql" if url.drivername == "mariadb" else url.drivername
    for driver, module in _DRIVERS.get(dialect, ()):
        if _installed(module):
            return url.set(drivername=f"{url.drivername}+{driver}")
    if dialect in _DRIVERS:
        raise ImportError(f"No driver for {shown(url)} is installed. {_advice(url)}")
    return url


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _advice(url: sa.URL) -> str:
    extra = _EXTRAS.get(url.get_backend_name())
    return f"Install it with: pip install 'hydra-hpo-sweeper[{extra}]'" if extra else "Install it with pip."


def _known_dialect(url: sa.URL) -> str:
    name = url.get_backend_name()
    dialect = "mysql" if name == "mariadb" else name
    if dialect not in ("sqlite", "postgresql", "mysql"):
        raise ValueError(f"{shown(url)}: studies are kept in sqlite, postgresql or mysql databases, not in {name}.")
    return dialect


def _is_in_memory(url: sa.URL) -> bool:
    return url.database in (None, "", ":memory:") or "mode=memory" in (url.database or "")
