"""What is left behind, what may only be read, what is damaged, and clocks that jump."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy
import sqlalchemy as sa

import sweeper_core as hpo
from sweeper_core.directions import StudyDirection
from sweeper_core.exceptions import StorageInternalError
from sweeper_core.masking import masked
from sweeper_core.storages import RDBStorage, Storage, StorageURL, _leases, _open, _stale, get_storage, this_process
from sweeper_core.storages._sql import database as _database
from sweeper_core.storages._sql import sqlite as _sqlite
from sweeper_core.storages._sql.errors import is_passing
from sweeper_core.storages.memory import InMemoryStorage
from sweeper_core.study import load_study
from sweeper_core.testing.storages import new_study, run_one, trials_of
from sweeper_core.trial.state import TrialState

WRITE_AHEAD, ROLLBACK = 2, 1


def mode_of(path: Path) -> int:
    """Return in which mode an SQLite file was left, by its header."""
    return path.read_bytes()[18]


# What is left behind

LEAVING = """
import multiprocessing, sys
import sweeper_core as hpo

def run(url, trials):
    study = hpo.create_study(storage=url, study_name="s", load_if_exists=True)
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=trials)
    trial = study.ask()
    trial.suggest_float("x", 0, 1)
    return study

for url in sys.argv[1:]:
    child = multiprocessing.get_context("fork").Process(target=run, args=(url, 2))
    child.start()
    child.join()
    study = run(url, 3)
raise RuntimeError("an exception of the user's")
"""


def test_a_script_leaves_one_file_although_it_fails(tmp_path: Path) -> None:
    database, journal = tmp_path / "study.db", tmp_path / "study.log"
    command = [sys.executable, "-c", LEAVING, f"sqlite:///{database}", str(journal)]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert "an exception of the user's" in ended.stderr
    assert sorted(file.name for file in tmp_path.iterdir()) == ["study.db", "study.log"]
    assert mode_of(database) == ROLLBACK
    copied = tmp_path / "copied.db"
    shutil.copy(database, copied)
    assert len(load_study(study_name="s", storage=f"sqlite:///{copied}").trials) == 7


def test_closing_waits_for_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path / 'study.db'}"
    storage, other = RDBStorage(url), RDBStorage(url)
    study = new_study(storage).study_id
    with other.engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        monkeypatch.setattr(_database, "time", None)  # there is nothing to wait for
        storage.close()
        connection.exec_driver_sql("ROLLBACK")
    monkeypatch.undo()
    assert mode_of(tmp_path / "study.db") == WRITE_AHEAD, "somebody has it open"
    assert run_one(storage, study) == 0, "it can be used again"
    storage.close()
    other.close()
    assert mode_of(tmp_path / "study.db") == ROLLBACK


# What may only be read


@pytest.fixture
def protected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study in a file that the user may not change, as a colleague's."""
    path = tmp_path / "study.db"
    storage = RDBStorage(f"sqlite:///{path}")
    run_one(storage, new_study(storage, "s").study_id)
    storage.close()
    access = os.access
    monkeypatch.setattr(_sqlite.os, "access", lambda place, kind: kind != os.W_OK and access(place, kind))
    return path


def test_a_study_that_may_only_be_read_is_read(protected: Path) -> None:
    content = protected.read_bytes()
    storage = RDBStorage(f"sqlite:///{protected}")
    study = storage.create_or_open_study("s", [StudyDirection.MINIMIZE], exist_ok=True).study_id
    assert [trial.values for trial in trials_of(storage, study)] == [(0.0,)]
    with pytest.raises(StorageInternalError, match="read-only: nothing can be stored"):
        storage.reserve(study)
    storage.close()
    assert protected.read_bytes() == content
    assert [file.name for file in protected.parent.iterdir()] == ["study.db"]


def test_a_database_of_optunas_that_may_only_be_read_is_read(protected: Path) -> None:
    with sqlite3.connect(protected) as connection:
        connection.execute("DROP INDEX ix_hpo_trials_study_id_number")  # Optuna makes no such index
    connection.close()
    assert [study.name for study in RDBStorage(f"sqlite:///{protected}").list_studies()] == ["s"]


def test_a_log_that_is_missing_on_read_only_media_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = wal")
        connection.execute("CREATE TABLE t (a)")
    connection.close()
    assert mode_of(path) == WRITE_AHEAD
    refused = sqlite3.OperationalError("unable to open database file")

    class Refusing:
        def execute(self, _: str) -> Any:
            raise refused

        def close(self) -> None: ...

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_sqlite.sqlite3, "connect", lambda *_, **__: Refusing())
        assert "immutable=1" in _sqlite.read_only_uri(str(path))


# What names a storage


def test_a_mistyped_path_makes_no_file(tmp_path: Path) -> None:
    for name in (f"sqlite:///{tmp_path}/typo.db", f"{tmp_path}/typo.log", f"journal:///{tmp_path}/typo"):
        with pytest.raises(FileNotFoundError, match="There is no file"):
            get_storage(name, create=False)
    assert list(tmp_path.iterdir()) == []
    assert isinstance(get_storage("sqlite://", create=False), RDBStorage)


@pytest.mark.skipif(sqlalchemy.__version__ == "2.0.0", reason="SQLAlchemy 2.0.0 leaves such options out")
def test_an_option_that_the_driver_does_not_know_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"option after the `\?`.*wrong"):
        RDBStorage(f"sqlite:///{tmp_path}/s.db?wrong=1")


def test_memory_that_is_shared_by_a_name() -> None:
    storage = RDBStorage("sqlite:///file:shared?mode=memory&cache=shared&uri=true")
    study = new_study(storage).study_id
    assert run_one(storage, study) == 0
    storage.close()
    assert len(trials_of(storage, study)) == 1


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("mysql://u:t@ls@host/db", "mysql://u:***@host/db"),
        ("mysql://u:t@l/s@host/db", "mysql://u:***@host/db"),
        ("mysql://u:a/b?c#d@host:3306/db?x=1", "mysql://u:***@host:3306/db?x=1"),
        ("postgresql://u:pw@host/db?sslrootcert=a@b", "postgresql://u:***@host/db?sslrootcert=a@b"),
        ("postgresql://u@host/db?password=a", "postgresql://u@host/db?password=***"),
        ("sqlite:////data/a@b.db", "sqlite:////data/a@b.db"),
    ],
)
def test_a_password_is_masked_whole(url: str, shown: str) -> None:
    assert StorageURL(url).masked == shown
    assert masked(url) == shown
    assert masked(f"++hydra.sweeper.storage='{url}'") == f"++hydra.sweeper.storage='{shown}'"
    assert "t@l" not in repr(StorageURL(url))


@pytest.mark.parametrize("url", ["mysql://u:t@ls@host/db", "postgresql://u:t@l/s@host/db", "mysql://u:a@b:c@host/db"])
def test_a_password_that_has_to_be_encoded_is_told_and_not_shown(url: str) -> None:
    with pytest.raises(ValueError, match="@ is %40") as caught:
        get_storage(url)
    assert not re.search("t@l|ls@|a@b|b:c", str(caught.value))


def test_a_storage_of_ones_own_is_opened_by_its_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    def open_mine(url: str) -> Storage:
        opened.append(url)
        return InMemoryStorage()

    point = SimpleNamespace(load=lambda: open_mine)
    monkeypatch.setattr(_open, "entry_points", lambda group, name: [point] if name == "mine" else [])
    assert isinstance(get_storage("mine://anywhere/x"), InMemoryStorage)
    assert opened == ["mine://anywhere/x"]
    with pytest.raises(ValueError, match="not in other"):
        get_storage("other://x")


def test_a_server_that_has_no_room_is_waited_for() -> None:
    text = "connection failed: FATAL:  sorry, too many clients already"
    assert is_passing(sa.exc.OperationalError("", None, Exception(text)))
    assert not is_passing(sa.exc.OperationalError("", None, Exception("password authentication failed")))


# What is damaged


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE trial_user_attributes SET value_json = substr(value_json, 1, 3) WHERE key = 'log'",
        "UPDATE trial_params SET distribution_json = substr(distribution_json, 1, 9) WHERE param_name = 'x'",
        "UPDATE study_user_attributes SET value_json = '{' WHERE key = 'log'",
    ],
    ids=["attribute", "distribution", "attribute of the study"],
)
def test_a_study_with_a_damaged_text_is_read_without_it(tmp_path: Path, damage: str) -> None:
    url = f"sqlite:///{tmp_path / 'study.db'}"

    study = hpo.create_study(storage=url, study_name="s")
    study.set_user_attr("log", "text")
    study.set_user_attr("other", 1)

    def objective(trial: Any) -> float:
        trial.set_user_attr("log", "a long text")
        trial.set_user_attr("other", 1)
        return float(trial.suggest_float("x", 0, 1) + trial.suggest_float("y", 0, 1))

    study.optimize(objective, n_trials=3)
    with sqlite3.connect(tmp_path / "study.db") as connection:
        connection.execute(damage + (" AND trial_id = 2" if "study" not in damage else ""))
    connection.close()
    load = hpo.load_study(study_name="s", storage=url)
    assert [trial.state for trial in load.trials] == [TrialState.COMPLETE] * 3
    assert load.trials[1].params.keys() == ({"y"} if "params" in damage else {"x", "y"})
    assert load.trials[1].user_attrs.keys() == ({"other"} if "trial_user" in damage else {"log", "other"})
    assert load.trials[2].params.keys() == {"x", "y"}
    assert load.user_attrs.keys() == ({"other"} if "study_user" in damage else {"log", "other"})


# Processes that cannot be seen, and clocks that jump


def test_a_live_process_that_proc_hides_is_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    mine, other = this_process(), os.getppid()
    lease = replace(mine, pid=other, process_started=str(_leases._start_of(other)))
    stat_of = _leases._stat_of
    monkeypatch.setattr(_leases, "_stat_of", lambda pid: None if pid == other else stat_of(pid))
    assert not _leases.owner_is_dead(lease)
    name = _leases.name_of_process()
    assert name is not None
    assert not _leases.process_is_gone(name._replace(pid=other))
    monkeypatch.setattr(_leases.os, "kill", lambda pid, _: (_ for _ in ()).throw(ProcessLookupError))
    assert _leases.owner_is_dead(lease)


@pytest.fixture(params=["sqlite", "journal"])
def jumping(request: Any, tmp_path: Path) -> tuple[Storage, Callable[[int], None]]:
    """A storage, and what lets the last heartbeats lie an hour back, as a clock does that jumps."""
    if request.param == "journal":
        storage = get_storage(str(tmp_path / "s.log"))

        def jump(seconds: int) -> None:
            for file in (tmp_path / "s.log.beats").iterdir():
                at = file.stat().st_mtime - seconds
                os.utime(file, (at, at))

        return storage, jump
    database = RDBStorage(f"sqlite:///{tmp_path / 's.db'}")

    def jump_back(seconds: int) -> None:
        with database.engine.connect() as connection:
            change = f"UPDATE trial_heartbeats SET heartbeat = datetime(heartbeat, '-{seconds} seconds')"
            connection.exec_driver_sql(change)

    return database, jump_back


def test_a_clock_that_jumps_ends_no_trial(
    jumping: tuple[Storage, Callable[[int], None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, jump = jumping
    study = new_study(storage).study_id
    mine = this_process()
    storage.reserve(study, lease=mine)
    storage.reserve(study, lease=replace(mine, host="elsewhere", boot="another"))
    moment = [0.0]
    monkeypatch.setattr(_stale, "time", SimpleNamespace(monotonic=lambda: moment[0]))
    jump(3600)
    assert storage.fail_stale(study) == []
    moment[0] += mine.interval / 2
    assert storage.fail_stale(study) == [], "it is looked at again after an interval"
    assert storage.heartbeat(study, [1]) == []
    jump(3700)
    moment[0] += mine.interval
    assert storage.fail_stale(study) == [], "there was a heartbeat in between"
    moment[0] += mine.interval
    assert storage.fail_stale(study) == [1], "the other one is silent; one's own is never judged"
    assert [trial.state for trial in trials_of(storage, study)] == [TrialState.RUNNING, TrialState.FAIL]


def test_nothing_needs_locks_that_windows_does_not_have(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules.update(fcntl=None, pwd=None, resource=None)\n"
        "import hydra_plugins.hydra_hpo_sweeper._sweep._run, sweeper_core as hpo\n"
        f"study = hpo.create_study(storage={str(tmp_path / 's.log')!r})\n"
        "study.optimize(lambda trial: trial.suggest_float('x', 0, 1), n_trials=2)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
