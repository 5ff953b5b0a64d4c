"""Database access for storages: whole operations, retries while the server is unreachable, and clear errors."""

from __future__ import annotations

import logging
import random
import re
import threading
import time
import warnings
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from typing import Any, TypeVar

import sqlalchemy as sa
import sqlalchemy.exc
import sqlalchemy.pool

from sweeper_core._exit import close_at_exit
from sweeper_core._forks import reset_after_fork
from sweeper_core.storages._filesystem import is_on_network
from sweeper_core.storages._permissions import share
from sweeper_core.storages._sql.dialect import Dialect, Message
from sweeper_core.storages._sql.errors import first_line, is_away, is_passing, translated
from sweeper_core.storages._sql.mysql import MySQL
from sweeper_core.storages._sql.postgresql import PostgreSQL
from sweeper_core.storages._sql.sqlite import SQLite, is_read_only, leave, read_only_uri
from sweeper_core.storages._sql.urls import advice, dialect_of, is_in_memory, parse, shown, with_driver

_logger = logging.getLogger(__name__)

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds for which an operation retries to reach a server that was reached before."""

_BUSY = 60.0
"""Seconds that SQLite waits for other writers; our transactions take well under a millisecond."""

_SQLALCHEMY = tuple(int(part) for part in re.findall("[0-9]+", sa.__version__)[:3])

_OF_OTHER_POOLS = frozenset({"pool_size", "max_overflow", "pool_timeout", "pool_use_lifo"})

_DIALECTS: dict[str, type[Dialect]] = {kind.name: kind for kind in (SQLite, PostgreSQL, MySQL)}


class Link:
    """A connection for the length of one operation. Statements are SQL with ``:name`` for values."""

    def __init__(self, database: Database, connection: sa.Connection, attempt: int) -> None:
        self.connection = connection
        self.dialect = database.dialect
        self.sql = database.sql
        self.attempt = attempt
        """Number of earlier attempts of the operation, which failed by a transient error or a lost connection."""
        self._text = database.text
        self._errors = database.errors

    def rows(self, sql: str, **values: Any) -> Sequence[Any]:
        """Return all rows of a query."""
        return self.connection.execute(self._text(sql), values).fetchall()

    def all(self, sql: str) -> Sequence[tuple[Any, ...]]:
        """Return all rows of a query without values, as plain tuples (the statement is not cached, may be long)."""
        rows: Sequence[tuple[Any, ...]] = self.connection.exec_driver_sql(sql).cursor.fetchall()
        return rows

    def stream(self, sql: str) -> Iterator[tuple[Any, ...]]:
        """Return an iterator over what :meth:`all` would return."""
        result = self.connection.exec_driver_sql(sql)
        while batch := result.cursor.fetchmany(1000):
            yield from batch

    def change(self, sql: str, **values: Any) -> int:
        """Execute a statement and return the number of rows that it changed."""
        return self.connection.execute(self._text(sql), values).rowcount

    def insert(self, sql: str, key: str, **values: Any) -> int:
        """Insert one row and return the value of its column ``key``."""
        returning = self.sql.returning(key)
        result = self.connection.execute(self._text(sql + returning), values)
        return int(result.scalar_one() if returning else result.lastrowid)

    def send(self, message: Message) -> Sequence[Any]:
        """Execute statements that are sent together, as one transaction; return the rows of the last query.

        Only where :attr:`Database.takes_scripts`.
        """
        try:
            cursor = self.connection.connection.cursor()
            rows = _last_rows(cursor, message.sql, message.values)
            if self.sql.committed:
                _last_rows(cursor, self.sql.committed)
            cursor.close()
        except BaseException as error:
            self.connection.invalidate()  # this rolls the transaction back
            if isinstance(error, self._errors):
                raise sa.exc.DBAPIError(message.sql, None, error, hide_parameters=True) from error
            raise
        return rows

    def many(self, sql: str, values: Sequence[Mapping[str, Any]]) -> None:
        """Execute a statement once for each set of values."""
        if values:
            self.connection.execute(self._text(sql), values[0] if len(values) == 1 else list(values))

    @contextmanager
    def attempted(self, complaint: str) -> Iterator[None]:
        """Skip the block's changes when the database rejects them, and go on with the rest of the operation."""
        begin, take_back = self.sql.savepoint
        if begin:
            self.connection.exec_driver_sql(begin)
        try:
            yield
        except sa.exc.DBAPIError as error:
            if take_back:
                self.connection.exec_driver_sql(take_back)
            _logger.warning("%s: %s", complaint, first_line(error))

    def moment(self, at: datetime) -> Any:
        """Return a time in the driver's form."""
        return self.sql.moment(at)


class _Pool:
    """Connections to one database, and whether it was ever reached."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.reached = False


_pools: weakref.WeakValueDictionary[str, _Pool] = weakref.WeakValueDictionary()


class Database:
    """A database behind a URL; shared by threads; forked processes get connections of their own.

    Args:
        url: As SQLAlchemy understands it; without a driver, one that is installed is taken. For SQLite,
            ``?synchronous=FULL`` makes every commit survive a power failure too.
        engine_kwargs: Further arguments of ``sqlalchemy.create_engine``.
        known: Whether the server was reached before, by any process: then the first connection waits for it, too.

    Raises:
        ValueError: The URL cannot be understood.
        ImportError: The driver is not installed.
    """

    def __init__(self, url: str, engine_kwargs: Mapping[str, Any], *, known: bool = False) -> None:
        parsed = parse(url)
        self._synchronous = str(parsed.query.get("synchronous", "NORMAL")).upper()
        parsed = with_driver(parsed.difference_update_query(["synchronous"]))
        self.shown = shown(parsed)
        self.dialect = dialect_of(parsed)
        self.sql = _DIALECTS[self.dialect]()
        self.path = parsed.database if self.dialect == "sqlite" else None
        self.in_memory = self.dialect == "sqlite" and is_in_memory(parsed)
        self._is_file = self.path is not None and not self.in_memory and not self.path.startswith("file:")
        self.read_only = self._is_file and is_read_only(self.path or "")
        """Whether the file is read-only."""
        self.takes_scripts = parsed.get_driver_name() in ("psycopg", "pymysql")
        """Whether the driver sends several statements at once and returns the result of each."""
        self.quick_writes = self.dialect == "sqlite" and self._synchronous in ("NORMAL", "OFF")
        self._guard: AbstractContextManager[Any] = threading.RLock() if self.in_memory else nullcontext()
        self._texts: dict[str, sa.TextClause] = {}
        self._pool = self._shared_pool(parsed, engine_kwargs)
        self._pool.reached |= known
        self.engine = self._pool.engine
        self.errors: tuple[type[Exception], ...] = (self.engine.dialect.loaded_dbapi.Error,)
        """Exceptions of the driver."""
        reset_after_fork(self)
        close_at_exit(self)

    def after_fork(self) -> None:
        """Use new connections; the parent's stay open and unused, because closing them sends a message too."""
        if self.in_memory:
            self._guard = threading.RLock()
        else:
            _left_behind.append(self.engine.pool)
            self.engine.dispose(close=False)

    def _shared_pool(self, url: sa.URL, engine_kwargs: Mapping[str, Any]) -> _Pool:
        """Return the connection pool of a server, shared by the whole process, for example by a job and its sweep."""
        if self.dialect == "sqlite" or engine_kwargs:
            return _Pool(self._engine(url, engine_kwargs))
        key = url.render_as_string(hide_password=False)
        pool = _pools.get(key)
        if pool is None:
            pool = _pools[key] = _Pool(self._engine(url, {}))
        return pool

    def _engine(self, url: sa.URL, engine_kwargs: Mapping[str, Any]) -> sa.Engine:
        options = {"pool_reset_on_return": None, **engine_kwargs, "isolation_level": "AUTOCOMMIT"}
        if _SQLALCHEMY >= (2, 0, 43):
            options.setdefault("skip_autocommit_rollback", True)  # saves one message to the server per operation
        if self.dialect == "sqlite":
            # One thread at a time uses a connection, but not always the thread that opened it.
            given = engine_kwargs.get("connect_args", {})
            options["connect_args"] = {"check_same_thread": False, "timeout": _BUSY, **given}
        if self.in_memory:
            options = {key: value for key, value in options.items() if key not in _OF_OTHER_POOLS}
            options["poolclass"] = sa.pool.StaticPool
        elif "poolclass" not in engine_kwargs:
            options.setdefault("max_overflow", -1)
            options.setdefault("pool_use_lifo", True)
        if self.read_only:
            assert self.path is not None
            url = _as_uri(url, read_only_uri(self.path))
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("error", "Query string argument", sa.exc.SAWarning)
                engine = sa.create_engine(url, **options)
        except (sa.exc.SAWarning, ValueError) as error:  # the latter for a wrong value
            raise ValueError(_wrong_option(self.shown, error)) from None
        except ImportError as error:
            raise ImportError(f"The driver for {self.shown} is not installed: {error}. {advice(url)}") from error
        except sa.exc.ArgumentError as error:
            raise ValueError(f"{self.shown} cannot be opened: {error}") from None
        sa.event.listen(engine, "connect", self._prepare)
        if url.get_driver_name() == "pymysql":
            sa.event.listen(engine, "do_connect", _allow_scripts)
        return engine

    def _prepare(self, connection: Any, _record: Any) -> None:
        """Set up a new connection of the driver."""
        cursor = connection.cursor()
        self.sql.set_up(cursor)
        if self._is_file and not self.read_only:
            self._choose_journal(cursor)
        cursor.close()

    def _choose_journal(self, cursor: Any) -> None:
        assert self.path is not None
        share(self.path)
        network = is_on_network(self.path)
        if network:
            # The write-ahead log needs memory shared by all processes, which network file systems do not offer.
            _say_once(
                f"{self.shown} lies on a network file system ({network}): SQLite works there without its "
                "write-ahead log, more slowly, and only as safely as that file system's locks. "
                "A journal (a path that ends in .log) or a database server suits it better."
            )
        wanted = "delete" if network else "wal"
        synchronous = "FULL" if network else self._synchronous
        cursor.execute(f"PRAGMA synchronous = {synchronous}")
        (mode,) = cursor.execute("PRAGMA journal_mode").fetchone()
        if mode != wanted:
            cursor.execute(f"PRAGMA journal_mode = {wanted}")

    def text(self, sql: str) -> sa.TextClause:
        """Return a statement, prepared once."""
        clause = self._texts.get(sql)
        if clause is None:
            clause = self._texts[sql] = sa.text(sql)
        return clause

    def autocommit(self, work: Callable[[Link], T]) -> T:
        """Return what ``work`` makes of a connection; each statement is a transaction of its own."""
        return self._patiently(lambda connection, attempt: work(Link(self, connection, attempt)))

    def transaction(self, work: Callable[[Link], T], *, at_once: bool = True) -> T:
        """Execute ``work`` as one transaction. It may be repeated from its beginning, so it must have no side effects.

        Args:
            at_once: Whether the transaction must be on the server's disk when this returns. If not, PostgreSQL releases
                its locks without waiting for the disk; the next transaction that waits for it flushes this one, too.
        """

        def whole(connection: sa.Connection, attempt: int) -> T:
            connection.exec_driver_sql(self.sql.begin)
            try:
                if not at_once and self.sql.later:
                    connection.exec_driver_sql(self.sql.later)
                result = work(Link(self, connection, attempt))
                connection.exec_driver_sql("COMMIT")
            except BaseException:
                _roll_back(connection)
                raise
            return result

        return self._patiently(whole)

    def exclusively(self, work: Callable[[Database, Link], None]) -> None:
        """Execute ``work`` as one transaction under the database's exclusive lock."""
        before, after = self.sql.exclusively

        def alone(link: Link) -> None:
            if before:
                link.rows(before)
            try:
                work(self, link)
            finally:
                if after:
                    link.rows(after)

        self.transaction(alone)

    def _patiently(self, work: Callable[[sa.Connection, int], T]) -> T:
        deadline = time.monotonic() + PATIENCE
        attempt = 0
        while True:
            try:
                with self._guard, self._connect() as connection:
                    result = work(connection, attempt)
                self._pool.reached = True
                return result
            except (sa.exc.DBAPIError, sa.exc.TimeoutError) as error:
                if not self._worth_waiting(error) or time.monotonic() > deadline:
                    raise translated(error, self.shown) from error
                _logger.info("%s: %s; trying again", self.shown, first_line(error))
            time.sleep(random.uniform(0.5, 1.0) * min(2.0, 0.01 * 2**attempt))
            attempt += 1

    def _connect(self) -> sa.Connection:
        try:
            return self.engine.connect()
        except TypeError as error:  # the driver raises it for an unknown argument
            raise ValueError(_wrong_option(self.shown, error)) from error

    def _worth_waiting(self, error: Exception) -> bool:
        if not isinstance(error, sa.exc.DBAPIError):
            return False
        return is_passing(error) or (self._pool.reached and self.dialect != "sqlite" and is_away(error))

    def close(self) -> None:
        """Close all connections, and checkpoint an SQLite file; the next operation opens new connections."""
        if self.in_memory:
            return
        self.engine.dispose()
        if self._is_file:
            assert self.path is not None
            leave(self.path)


def _wrong_option(shown: str, error: Exception) -> str:
    return (
        f"{shown}: the driver does not understand an option after the `?` of the URL: {first_line(error)}. "
        "Correct it or leave it out."
    )


def _as_uri(url: sa.URL, uri: str) -> sa.URL:
    """Return an SQLite URL for a file that is named by a URI."""
    path, _, arguments = uri.partition("?")
    options = dict(option.split("=") for option in arguments.split("&"))
    return url.set(database=path).update_query_dict({**options, "uri": "true"})


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
    """Enable several statements per message on MySQL."""
    from pymysql.constants import CLIENT

    arguments["client_flag"] = arguments.get("client_flag", 0) | CLIENT.MULTI_STATEMENTS


_left_behind: list[sa.pool.Pool] = []


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
