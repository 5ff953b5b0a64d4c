"""URLs of databases, as SQLAlchemy writes them."""

from __future__ import annotations

import importlib.util
import re

import sqlalchemy as sa
import sqlalchemy.exc

from sweeper_core._extras import install_line
from sweeper_core.masking import is_secret, masked_url


def parse(url: str) -> sa.URL:
    """Return the parts of a URL.

    Raises:
        ValueError: It cannot be parsed.
    """
    try:
        parsed = sa.make_url(url)
        # The text after an unescaped @ in the password would be parsed as the host, and shown in errors.
        on_server = "" if parsed.get_backend_name() == "sqlite" else parsed.database
        understood = "@" not in f"{parsed.username}{parsed.host}{on_server}"
        if understood:
            return parsed.set(drivername=re.sub("^postgres(?=$|[+])", "postgresql", parsed.drivername))
    except (sa.exc.ArgumentError, ValueError):
        pass  # the error's text may show the URL, and so the password
    raise ValueError(
        f"The storage's URL cannot be understood: {masked_url(url)}. It has the form "
        "dialect://user:password@host:port/database, where special characters of the password are percent-encoded "
        "(@ is %40, / is %2F, : is %3A, ? is %3F, # is %23, % is %25); for SQLite it is sqlite:///path."
    )


def shown(url: sa.URL | str) -> str:
    """Return a URL with its secrets masked, for messages."""
    parsed = parse(url) if isinstance(url, str) else url
    if parsed.get_backend_name() == "sqlite":
        return f"sqlite:///{parsed.database or ''}"
    hidden = {key: "***" for key in parsed.query if is_secret(key)}
    return parsed.update_query_dict(hidden).render_as_string(hide_password=True).replace("%2A", "*")


_DRIVERS = {
    "postgresql": (("psycopg", "psycopg"), ("psycopg2", "psycopg2"), ("pg8000", "pg8000")),
    "mysql": (("pymysql", "pymysql"), ("mysqldb", "MySQLdb"), ("mysqlconnector", "mysql.connector")),
}
_EXTRAS = {"postgresql": "postgresql", "mysql": "mysql", "mariadb": "mysql"}


def with_driver(url: sa.URL) -> sa.URL:
    """Return the URL with an installed driver when it names none."""
    dialect = "mysql" if url.drivername == "mariadb" else url.drivername
    for driver, module in _DRIVERS.get(dialect, ()):
        if _installed(module):
            return url.set(drivername=f"{url.drivername}+{driver}")
    if dialect in _DRIVERS:
        raise ImportError(f"No driver for {shown(url)} is installed. {advice(url)}")
    return url


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def advice(url: sa.URL) -> str:
    """Return the advice on installing a driver."""
    extra = _EXTRAS.get(url.get_backend_name())
    return f"Install it with: {install_line(extra)}" if extra else "Install it with pip."


def dialect_of(url: sa.URL) -> str:
    """Return the kind of database.

    Raises:
        ValueError: This kind of database is not supported.
    """
    name = url.get_backend_name()
    dialect = "mysql" if name == "mariadb" else name
    if dialect not in ("sqlite", "postgresql", "mysql"):
        raise ValueError(f"{shown(url)}: studies are kept in sqlite, postgresql or mysql databases, not in {name}.")
    return dialect


def is_in_memory(url: sa.URL) -> bool:
    """Return whether the URL names an SQLite database in memory."""
    named = url.database in (None, "", ":memory:", "file::memory:") or "mode=memory" in (url.database or "")
    return named or url.query.get("mode") == "memory"
