"""Database servers for tests and benchmarks: on loopback, on a free port, in a temporary directory, unprivileged.

The programs are those of Debian's packages ``postgresql`` and ``mariadb-server``; the drivers those of our extras.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from glob import glob
from pathlib import Path
from typing import Any
from urllib.parse import quote

PASSWORD = "p@ss/word %1"
"""Awkward on purpose."""

_STARTUP = 60.0


class ServerMissing(RuntimeError):
    """The server's programs or its driver are not installed."""


class Server(ABC):
    """A running database server; use it as a context manager.

    Args:
        durable: Whether commits wait for the disk, as in production; tests need not.

    Raises:
        ServerMissing: Something is not installed; the message says what.
    """

    scheme: str
    account: str

    def __init__(self, durable: bool = False) -> None:
        self.durable = durable
        self.directory = Path(tempfile.mkdtemp(prefix="hpo-server-", dir=None if durable else _quick_place()))
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._databases = 0
        self._user = self.account if os.geteuid() == 0 else None
        try:
            self._take_over()
            self._install()
            self.start()
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def url(self, database: str, password: str = PASSWORD) -> str:
        """Return the URL of a database."""
        return f"{self.scheme}://hpo:{quote(password, safe='')}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """Create an empty database; return its URL."""
        self._databases += 1
        name = f"studies_{self._databases}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def start(self) -> None:
        """Start the server (again) and wait until it answers."""
        log = (self.directory / "log").open("ab")
        with log:
            self._process = subprocess.Popen(
                self._command(), stdout=log, stderr=log, cwd=self.directory, user=self._user, start_new_session=True
            )
        deadline = time.monotonic() + _STARTUP
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                text = (self.directory / "log").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"{type(self).__name__} does not start:\n{text}")
            time.sleep(0.05)

    def kill(self) -> None:
        """Stop the server at once, as a power failure of its machine would, but for what the kernel holds."""
        if self._process is not None:
            self._stop_at_once(self._process)
            self._process.wait()
            self._process = None

    def run(self, command: Sequence[str]) -> None:
        """Run one of the server's tools as its user."""
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.directory, user=self._user)
        if done.returncode:
            raise RuntimeError(f"{command[0]} failed:\n{done.stdout}\n{done.stderr}")

    def _take_over(self) -> None:
        if self._user is not None:
            try:
                account = pwd.getpwnam(self._user)
            except KeyError:
                raise ServerMissing(f"There is no user {self._user}: is the server installed?") from None
            os.chown(self.directory, account.pw_uid, account.pw_gid)

    def _answers(self) -> bool:
        try:
            self.execute("SELECT 1")
        except self._driver_errors():
            return False
        return True

    @abstractmethod
    def execute(self, sql: str) -> None:
        """Do a statement as administrator."""

    @abstractmethod
    def _driver_errors(self) -> tuple[type[Exception], ...]:
        """Return what the driver raises when the server does not answer."""

    @abstractmethod
    def _install(self) -> None:
        """Fill the directory."""

    @abstractmethod
    def _command(self) -> list[str]:
        """Return the command that runs the server in the foreground."""

    @abstractmethod
    def _stop_at_once(self, process: subprocess.Popen[bytes]) -> None:
        """Stop the server without any tidying."""


class PostgreSQL(Server):
    """PostgreSQL, with passwords checked by SCRAM."""

    scheme = "postgresql"
    account = "postgres"

    def _install(self) -> None:
        secret = self.directory / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        self.run(
            [_program("initdb", "/usr/lib/postgresql/*/bin"), "-D", f"{self.directory}/data", "-U", "hpo", "-A",
             "scram-sha-256", f"--pwfile={secret}", "-E", "UTF8", "--no-sync"]
        )  # fmt: skip

    def _command(self) -> list[str]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self.directory),
            "max_connections": "200",
            "fsync": "on" if self.durable else "off",
        }
        options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        program = _program("postgres", "/usr/lib/postgresql/*/bin")
        return [program, "-D", f"{self.directory}/data", "-p", str(self.port), *options]

    def _stop_at_once(self, process: subprocess.Popen[bytes]) -> None:
        process.send_signal(3)  # SIGQUIT: immediate shutdown, the next start recovers from the log

    def execute(self, sql: str) -> None:
        with _driver("psycopg").connect(
            host="127.0.0.1", port=self.port, user="hpo", password=PASSWORD, dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(sql)

    def _driver_errors(self) -> tuple[type[Exception], ...]:
        return (_driver("psycopg").OperationalError,)


class MariaDB(Server):
    """MariaDB."""

    scheme = "mysql"
    account = "mysql"

    def _install(self) -> None:
        self.run(
            [_program("mariadb-install-db", "/usr/bin"), "--no-defaults", f"--datadir={self.directory}/data",
             "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"]
        )  # fmt: skip

    def _command(self) -> list[str]:
        return [
            _program("mariadbd", "/usr/sbin"),
            "--no-defaults",
            f"--datadir={self.directory}/data",
            f"--socket={self.directory}/socket",
            f"--pid-file={self.directory}/pid",
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            "--skip-name-resolve",
            "--max-connections=200",
            f"--innodb-flush-log-at-trx-commit={1 if self.durable else 2}",
        ]

    def start(self) -> None:
        super().start()
        self.execute(f"CREATE USER IF NOT EXISTS hpo@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'")
        self.execute("GRANT ALL ON *.* TO hpo@'127.0.0.1'")

    def _stop_at_once(self, process: subprocess.Popen[bytes]) -> None:
        process.kill()

    def execute(self, sql: str) -> None:
        connection: Any = _driver("pymysql").connect(
            unix_socket=f"{self.directory}/socket", user="root", autocommit=True
        )
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql)
        finally:
            connection.close()

    def _driver_errors(self) -> tuple[type[Exception], ...]:
        return (_driver("pymysql").err.OperationalError,)


def _driver(name: str) -> Any:
    try:
        return __import__(name)
    except ImportError:
        raise ServerMissing(f"The driver {name} is not installed.") from None


def _program(name: str, places: str) -> str:
    found = shutil.which(name) or next(iter(sorted(glob(f"{places}/{name}"), reverse=True)), None)
    if found is None:
        raise ServerMissing(f"The program {name} is not installed.")
    return os.path.realpath(found)


def _quick_place() -> str | None:
    """Return a directory in memory, when there is one with room."""
    place = "/dev/shm"
    roomy = os.path.isdir(place) and shutil.disk_usage(place).free > 2 * 2**30
    return place if roomy else None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
