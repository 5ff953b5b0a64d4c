"""Databases that older releases of Optuna left on servers, brought up to date."""

from __future__ import annotations

import itertools
import math
import threading
from typing import Any

import pytest
import sqlalchemy as sa
from test_storages_upgrade import REVISIONS, SCHEMAS, names_in, schema, what_it_read, what_we_read

from sweeper_core.cli import main
from sweeper_core.exceptions import StorageFormatError, StorageUnavailableError
from sweeper_core.storages import RDBStorage, upgrade
from sweeper_core.storages._sql import database as patience
from sweeper_core.storages._sql import upgrade as _upgrade
from sweeper_core.storages._sql.database import Database
from sweeper_core.storages._sql.schema import REVISION
from sweeper_core.storages._sql.upgrade import upgrade_database
from sweeper_core.testing.servers import PASSWORD, Server
from sweeper_core.testing.storages import new_study, run_one

pytestmark = pytest.mark.server

ON_SERVERS = ["1.1.0", "2.3.0", "2.10.1", "3.0.6"]


def written_by(version: str, server: Server) -> str:
    """Make the database that a release left; return its URL."""
    url = server.new_database()
    text = (SCHEMAS / f"optuna-{version}.{server.scheme}.sql").read_text()
    statements = ["SET FOREIGN_KEY_CHECKS = 0", *text.split(";\n")[:-1]] if server.scheme == "mysql" else [text]
    database = Database(url, {})
    with database.engine.connect() as connection:
        cursor = connection.connection.cursor()
        for statement in statements:
            cursor.execute(statement)
    database.engine.dispose()
    return url


def rounded(content: Any) -> Any:
    """Return what was read with its numbers as precise as MySQL showed them, whose floats were single ones."""
    if isinstance(content, float) and math.isfinite(content):
        return float(f"{content:.6g}")
    if isinstance(content, dict):
        return {key: rounded(value) for key, value in content.items()}
    return [rounded(item) for item in content] if isinstance(content, list) else content


def assert_as_the_old_release_read_it(url: str, version: str, server: Server, **options: Any) -> None:
    expected = what_it_read(f"optuna-{version}.{server.scheme}")
    assert rounded(what_we_read(url, **options)) == rounded(expected)


@pytest.mark.parametrize("version", ON_SERVERS)
def test_all_that_the_old_release_read_is_there(
    version: str, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    url = written_by(version, server)
    with pytest.raises(StorageFormatError, match="hpo-sweeper upgrade '") as caught:
        RDBStorage(url)
    assert PASSWORD not in str(caught.value)
    assert "p%40ss" not in str(caught.value)
    assert main(["upgrade", url]) == 0
    assert REVISIONS[version] in capsys.readouterr().out
    assert_as_the_old_release_read_it(url, version, server)
    storage = RDBStorage(url)
    assert run_one(storage, storage.create_or_open_study("second", None, exist_ok=True).study_id) == 1
    assert run_one(storage, new_study(storage).study_id) == 0


@pytest.mark.parametrize("version", ON_SERVERS)
def test_the_schema_is_the_one_of_a_new_database(version: str, server: Server) -> None:
    url, fresh = written_by(version, server), server.new_database()
    upgrade(url)
    RDBStorage(fresh).close()
    assert comparable(url) == comparable(fresh)


def comparable(url: str) -> Any:
    """Return a schema without what the dump's server chose: names of keys, collations, and the precision of times."""
    found = schema(str(Database(url, {}).engine.url.render_as_string(hide_password=False)))
    for table in found.values():
        uniques = [(name, columns) for name, columns in table["indexes"] if columns in table["unique"]]
        # MySQL's index for a foreign key gives way to a better one, except when a dump has named it.
        hidden = [*uniques, ("study_id", ("study_id",))]
        table["indexes"] = [each for each in table["indexes"] if each not in hidden]
        table["columns"] = {
            name: (kind.split(" COLLATE")[0].replace("(fsp=6)", ""), nullable, default and default.split("(")[0])
            for name, (kind, nullable, default) in table["columns"].items()
        }
    return found


@pytest.mark.parametrize("version", ON_SERVERS)
def test_optuna_reads_the_same(version: str, server: Server) -> None:
    optuna = pytest.importorskip("optuna")
    url = written_by(version, server)
    upgrade(url)

    def load(study_name: str, storage: str) -> Any:
        with_driver = Database(storage, {}).engine.url.render_as_string(hide_password=False)
        return optuna.load_study(study_name=study_name, storage=with_driver)

    assert_as_the_old_release_read_it(url, version, server, load=load)


@pytest.mark.filterwarnings("ignore")  # Optuna's of its own old names
@pytest.mark.parametrize("version", ["2.10.1", "3.0.6"])
def test_optunas_own_upgrade_gives_the_same(version: str, server: Server) -> None:
    optuna = pytest.importorskip("optuna")
    ours, theirs = written_by(version, server), written_by(version, server)
    upgrade(ours)
    ours, theirs = (Database(url, {}).engine.url.render_as_string(hide_password=False) for url in (ours, theirs))
    optuna.storages.RDBStorage(theirs, skip_compatibility_check=True, skip_table_creation=True).upgrade()
    for name in names_in(ours):
        one, other = (optuna.load_study(study_name=name, storage=url).trials for url in (ours, theirs))
        assert one == other


class Interruption(Exception):
    """Stands for a process that is killed."""


def upgrade_up_to(url: str, statements: int) -> bool:
    """Upgrade a database, but stop before a statement; return whether that was the whole upgrade."""
    database = Database(url, {})
    count = itertools.count()

    def stop(_connection: Any, _cursor: Any, sql: str, *_: Any) -> None:
        if sql.lstrip().startswith(("ALTER", "INSERT", "UPDATE", "DELETE", "CREATE")) and next(count) == statements:
            raise Interruption

    sa.event.listen(database.engine, "before_cursor_execute", stop)
    try:
        upgrade_database(database)
    except Interruption:
        return False
    finally:
        database.engine.dispose()
    return True


@pytest.mark.parametrize("version", ["1.1.0", "2.10.1"])
def test_an_upgrade_that_was_interrupted_anywhere_is_gone_on_with(version: str, server: Server) -> None:
    # Only MySQL commits on the way.
    for statements in itertools.count(0, 20 if server.scheme == "postgresql" else 1 if version == "1.1.0" else 4):
        url = written_by(version, server)
        done = upgrade_up_to(url, statements)
        if not done and revision(url) != REVISION:
            with pytest.raises(StorageFormatError, match="hpo-sweeper upgrade"):
                RDBStorage(url)
            assert upgrade(url)
        assert_as_the_old_release_read_it(url, version, server)
        if done:
            break
    assert statements > 20


def revision(url: str) -> str:
    return RDBStorage(url, skip_compatibility_check=True, skip_table_creation=True).get_current_version()


def test_two_at_once(server: Server) -> None:
    url = written_by("2.3.0", server)
    results: list[str | None] = []
    threads = [threading.Thread(target=lambda: results.append(upgrade(url))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert "v1.3.0.a" in results
    assert_as_the_old_release_read_it(url, "2.3.0", server)


def test_a_database_in_use_is_not_waited_for_for_ever(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    url = written_by("2.3.0", server)
    monkeypatch.setattr(patience, "PATIENCE", 0.0)
    monkeypatch.setattr(_upgrade, "LOCK_TIMEOUT", 1)
    user = Database(url, {})
    with user.engine.connect() as connection:
        connection.exec_driver_sql("BEGIN")
        connection.exec_driver_sql("SELECT * FROM trials")
        with pytest.raises(StorageUnavailableError, match="stop them first"):
            upgrade(url)
        connection.exec_driver_sql("ROLLBACK")
    assert upgrade(url)
    assert_as_the_old_release_read_it(url, "2.3.0", server)
