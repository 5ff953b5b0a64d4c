"""The relational storage: what it opens, what it refuses, and how it says so."""

from __future__ import annotations

import os
import pickle
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sweeper_core.exceptions import StorageFormatError, StorageInternalError, StorageUnavailableError
from sweeper_core.storages import InMemoryStorage, RDBStorage, Storage, get_storage, this_process
from sweeper_core.storages._filesystem import is_on_network
from sweeper_core.storages._sql.database import Database
from sweeper_core.storages._sql.urls import shown
from sweeper_core.testing.storages import new_study, run_one, trials_of
from sweeper_core.trial.data import TrialData
from sweeper_core.trial.state import TrialState


def url_of(path: Path) -> str:
    return f"sqlite:///{path}"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "study.db"


def query(path: Path, sql: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(sql).fetchall()


# What is meant


def test_what_a_user_may_write(path: Path, tmp_path: Path) -> None:
    assert isinstance(get_storage(None), InMemoryStorage)
    assert isinstance(get_storage(url_of(path)), RDBStorage)
    storage = InMemoryStorage()
    assert get_storage(storage) is storage


@pytest.mark.parametrize("wrong", ["study", "", "study.db", 3, ["sqlite://"]])
def test_what_is_no_storage(wrong: Any) -> None:
    with pytest.raises(ValueError, match="storage"):
        get_storage(wrong)


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("postgresql://user:s3cret@host:5432/name", "postgresql://user:***@host:5432/name"),
        ("mysql+pymysql://user:s3cret@host/name", "mysql+pymysql://user:***@host/name"),
        ("postgresql://host/name?password=s3cret&sslmode=on", "postgresql://host/name?password=***&sslmode=on"),
        ("sqlite:////data/a b.db", "sqlite:////data/a b.db"),
    ],
)
def test_urls_are_shown_without_their_secrets(url: str, text: str) -> None:
    assert shown(url) == text


def test_a_url_that_cannot_be_parsed_is_not_shown() -> None:
    with pytest.raises(ValueError, match="percent-encoded") as caught:
        get_storage("postgresql://user:s3cret/x@host:port/name")
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_dialect_that_is_not_supported() -> None:
    with pytest.raises(ValueError, match=r"sqlite, postgresql or mysql"):
        RDBStorage("oracle://user@host/name")


@pytest.mark.parametrize(
    ("url", "extra"),
    [
        ("postgresql://host/name", "postgresql"),
        ("mysql://host/name", "mysql"),
        ("postgresql+asyncnothing://host/name", None),
        ("postgresql+pg8000://host/name", "postgresql"),
    ],
)
def test_a_missing_driver_is_named_with_its_extra(url: str, extra: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("psycopg", "psycopg2", "pg8000", "pymysql", "MySQLdb", "mysql", "mysql.connector"):
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    if extra is None:
        with pytest.raises(ValueError, match="cannot be opened"):
            RDBStorage(url)
    else:
        with pytest.raises(ImportError, match=rf"hydra-hpo-sweeper\[{extra}\]"):
            RDBStorage(url)


@pytest.mark.parametrize("name", ["heartbeat_interval", "grace_period"])
def test_intervals_are_positive(name: str, path: Path) -> None:
    with pytest.raises(ValueError, match=name):
        RDBStorage(url_of(path), **{name: 0})


def test_one_callback_only(path: Path) -> None:
    def callback(study: object, trial: object) -> None:
        raise AssertionError

    assert RDBStorage(url_of(path), failed_trial_callback=callback).heartbeat_stale_trial_callback is callback
    with pytest.raises(ValueError, match="only one"):
        RDBStorage(url_of(path), failed_trial_callback=callback, heartbeat_stale_trial_callback=callback)


# Opening


def test_sqlalchemy_is_imported_only_for_a_database() -> None:
    program = (
        "import sys, sweeper_core.storages as s; s.get_storage(None); s.this_process(); s.Point; "
        "assert 'sqlalchemy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_arguments_for_the_engine_are_passed_on() -> None:
    # The example of Optuna's documentation.
    kwargs = {"pool_size": 20, "connect_args": {"timeout": 10}}
    storage = RDBStorage("sqlite:///:memory:", engine_kwargs=kwargs, heartbeat_interval=1)
    assert run_one(storage, new_study(storage).study_id) == 0
    assert kwargs == {"pool_size": 20, "connect_args": {"timeout": 10}}


def test_a_pool_of_the_users_choice(path: Path) -> None:
    from sqlalchemy.pool import NullPool

    storage = RDBStorage(url_of(path), engine_kwargs={"poolclass": NullPool})
    assert run_one(storage, new_study(storage).study_id) == 0
    assert isinstance(storage.engine.pool, NullPool)


def test_the_schema_version_may_be_part_of_the_name(tmp_path: Path) -> None:
    RDBStorage(f"sqlite:///{tmp_path}/study-{{SCHEMA_VERSION}}.db")
    assert (tmp_path / "study-12.db").exists()


def test_a_relative_path_is_that_of_the_beginning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    storage = RDBStorage("sqlite:///a b.db")
    study = new_study(storage).study_id
    storage.close()
    elsewhere = tmp_path / "job"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert run_one(storage, study) == 0
    assert run_one(pickle.loads(pickle.dumps(storage)), study) == 1
    assert (tmp_path / "a b.db").exists()
    assert list(elsewhere.iterdir()) == []


def test_memory_cannot_be_pickled_and_says_so() -> None:
    with pytest.raises(StorageInternalError, match="InMemoryStorage"):
        pickle.dumps(RDBStorage("sqlite:///:memory:"))


def test_the_write_ahead_log_is_used(path: Path) -> None:
    RDBStorage(url_of(path))
    assert query(path, "PRAGMA journal_mode") == [("wal",)]


@pytest.mark.parametrize(("url", "level"), [("", 1), ("?synchronous=FULL", 2)])
def test_every_commit_can_be_made_to_survive_a_power_failure(url: str, level: int, path: Path) -> None:
    database = Database(url_of(path) + url, {})
    assert database.autocommit(lambda link: link.rows("PRAGMA synchronous"))[0][0] == level
    assert Path(path).exists()


def test_on_a_network_file_system_the_write_ahead_log_is_not_used(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    RDBStorage(url_of(path)).close()
    monkeypatch.setattr("sweeper_core.storages._sql.database.is_on_network", lambda path: "nfs4")
    storage = RDBStorage(url_of(path))
    assert run_one(storage, new_study(storage).study_id) == 0
    RDBStorage(url_of(path))
    assert query(path, "PRAGMA journal_mode") == [("delete",)]
    assert [record.message.count("nfs4") for record in caplog.records] == [1]


def test_the_kind_of_file_system_is_that_of_the_deepest_mount(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "/dev/sda / ext4 rw 0 0\nserver:/home /home nfs4 rw 0 0\n/dev/sdb /home/local\\040disk xfs rw 0 0\n"
        "fs /scratch lustre rw 0 0\n"
    )

    def kind(path: str) -> str | None:
        return is_on_network(path, str(mounts))

    assert kind("/home/me/study.db") == "nfs4"
    assert kind("/home/local disk/study.db") is None
    assert kind("/homework/study.db") is None
    assert kind("/scratch") == "lustre"
    assert is_on_network("/home/me", str(tmp_path / "no table")) is None


# What cannot be opened or written


def test_a_directory_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(StorageUnavailableError, match="directory"):
        RDBStorage(url_of(tmp_path / "nowhere" / "study.db"))


def test_a_file_that_is_no_database(path: Path) -> None:
    path.write_text("step,value\n" * 1000)
    with pytest.raises(StorageFormatError, match="not an SQLite database"):
        RDBStorage(url_of(path))
    assert path.read_text() == "step,value\n" * 1000


def test_a_database_of_something_else(path: Path) -> None:
    query(path, "CREATE TABLE photos (id INTEGER)")
    with pytest.raises(StorageFormatError, match="photos"):
        RDBStorage(url_of(path))
    assert query(path, "SELECT name FROM sqlite_master") == [("photos",)]


def test_a_table_of_something_else_with_one_of_our_names(path: Path) -> None:
    query(path, "CREATE TABLE studies (patient TEXT)")
    with pytest.raises(StorageFormatError, match=r"The table studies .* another program"):
        RDBStorage(url_of(path))
    assert query(path, "SELECT name FROM sqlite_master") == [("studies",)]


@pytest.mark.parametrize(("revision", "advice"), [("v3.0.0.d", "hpo-sweeper upgrade"), ("v9.9.9.a", "newer Optuna")])
def test_a_schema_of_another_version(path: Path, revision: str, advice: str) -> None:
    RDBStorage(url_of(path)).close()
    query(path, f"UPDATE alembic_version SET version_num = '{revision}'")
    with pytest.raises(StorageFormatError, match=advice):
        RDBStorage(url_of(path))
    RDBStorage(url_of(path), skip_compatibility_check=True)


def test_an_unfinished_creation_is_completed(path: Path) -> None:
    storage = RDBStorage(url_of(path))
    study = new_study(storage).study_id
    run_one(storage, study)
    for table in ("trial_heartbeats", "alembic_version"):
        query(path, f"DROP TABLE {table}")
    query(path, "DROP INDEX ix_hpo_trials_study_id_number")
    again = RDBStorage(url_of(path))
    assert run_one(again, study, lease=this_process()) == 1
    assert query(path, "SELECT version_num FROM alembic_version") == [("v3.2.0.a",)]


def test_a_study_with_doubled_numbers_can_still_be_read(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    storage = RDBStorage(url_of(path))
    study = new_study(storage).study_id
    run_one(storage, study)
    query(path, "DROP INDEX ix_hpo_trials_study_id_number")
    query(path, f"INSERT INTO trials (number, study_id, state) VALUES (0, {study}, 'FAIL')")
    again = RDBStorage(url_of(path))
    assert len(trials_of(again, study)) == 2
    assert run_one(again, study) == 1
    assert "index" in caplog.text


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_file_that_may_only_be_read(path: Path) -> None:
    storage = RDBStorage(url_of(path))
    study = new_study(storage).study_id
    run_one(storage, study)
    storage.close()
    path.chmod(0o444)
    _check_read_only(url_of(path), study)


def test_a_connection_that_may_only_read(path: Path) -> None:
    storage = RDBStorage(url_of(path))
    study = new_study(storage).study_id
    run_one(storage, study)
    _check_read_only(f"sqlite:///file:{path}?mode=ro&uri=true", study)


def _check_read_only(url: str, study: int) -> None:
    reader = RDBStorage(url)
    assert len(trials_of(reader, study)) == 1
    with pytest.raises(StorageInternalError, match="read-only"):
        reader.reserve(study)
    assert len(trials_of(reader, study)) == 1


def test_a_full_disk(path: Path) -> None:
    storage = RDBStorage(url_of(path))
    study = new_study(storage).study_id
    run_one(storage, study)
    with storage.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")
    with pytest.raises(StorageInternalError, match="full"):
        storage.set_study_attrs(study, user={"large": "x" * 10_000_000})
    storage.close()
    again = RDBStorage(url_of(path))
    assert again.get_study(study).user_attrs == {}
    assert run_one(again, study) == 1
    assert query(path, "PRAGMA integrity_check") == [("ok",)]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("file systems cannot be mounted here")
    yield tmp_path
    subprocess.run(["umount", "-l", str(tmp_path)], check=True)


def test_a_disk_that_fills_up_while_trials_run(small_disk: Path) -> None:
    path = small_disk / "study.db"
    storage = RDBStorage(url_of(path))
    study = new_study(storage).study_id
    told: list[int] = []
    with pytest.raises(StorageInternalError, match=r"full|disk I/O"):
        _run_many(storage, study, told)
    storage.close()
    subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
    again = RDBStorage(url_of(path))
    trials = trials_of(again, study)
    assert told
    assert [trials[number].values for number in told] == [(0.5,)] * len(told)
    assert run_one(again, study) == len(trials)
    assert query(path, "PRAGMA integrity_check") == [("ok",)]
    again.close()


def _run_many(storage: Storage, study: int, told: list[int]) -> None:
    while len(told) < 100_000:
        claim = storage.reserve(study)
        assert claim is not None
        storage.describe(study, claim.number, TrialData(user_attrs={"text": "x" * 1000}))
        assert storage.finish(study, claim.number, TrialState.COMPLETE, [0.5])
        told.append(claim.number)


def test_a_value_of_another_world_is_kept_out(path: Path) -> None:
    storage: Storage = RDBStorage(url_of(path))
    study = new_study(storage).study_id
    storage.reserve(study)
    with pytest.raises(ValueError, match="512"):
        storage.describe(study, 0, TrialData(user_attrs={"k" * 513: 1}))


def test_a_wrong_value_of_an_option_is_named_with_the_url(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"study\.db.*option after the `\?` of the URL.*'abc'"):
        RDBStorage(f"sqlite:///{tmp_path}/study.db?timeout=abc")
