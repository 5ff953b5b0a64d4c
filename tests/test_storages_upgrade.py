"""Databases that older releases of Optuna wrote (the real ones; see ``older_schemas/write.py``), brought up to date."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from sweeper_core import load_study
from sweeper_core.cli import main
from sweeper_core.exceptions import StorageFormatError, StorageInternalError
from sweeper_core.storages import RDBStorage, upgrade
from sweeper_core.storages._sql.database import Link
from sweeper_core.testing.storages import new_study, run_one

SCHEMAS = Path(__file__).parent / "older_schemas"
REVISIONS = {
    "0.8.0": "v0.9.0.a",
    "1.1.0": "v0.9.0.a",
    "1.2.0": "v1.2.0.a",
    "2.3.0": "v1.3.0.a",
    "2.5.0": "v2.4.0.a",
    "2.10.1": "v2.6.0.a",
    "3.0.0b0": "v3.0.0.a",
    "3.0.6": "v3.0.0.d",
}


def written_by(version: str, path: Path) -> str:
    """Make the database that a release left; return its URL."""
    with sqlite3.connect(path) as connection:
        connection.executescript((SCHEMAS / f"optuna-{version}.sqlite.sql").read_text())
    connection.close()
    return f"sqlite:///{path}"


@pytest.fixture(params=REVISIONS)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def url(version: str, tmp_path: Path) -> str:
    return written_by(version, tmp_path / "old.db")


def what_it_read(name: str) -> Any:
    """Return what the old release itself read from its database."""
    return json.loads((SCHEMAS / f"{name}.json").read_text())


def what_we_read(url: str, load: Callable[..., Any] = load_study) -> Any:
    """Return the same from ours."""
    studies = [load(study_name=name, storage=url) for name in names_in(url)]
    return json.loads(json.dumps([shown(study) for study in studies]))


def names_in(url: str) -> list[str]:
    return [study.name for study in RDBStorage(url).list_studies()]


def shown(study: Any) -> dict[str, Any]:
    return {
        "name": study.study_name,
        "directions": [direction.name for direction in study.directions],
        "user_attrs": study.user_attrs,
        "trials": [
            {
                "state": trial.state.name,
                "values": trial.values,
                "params": trial.params,
                "reports": sorted(trial.intermediate_values.items()),
                "user_attrs": trial.user_attrs,
                "system_attrs": trial.system_attrs,
                "started": str(trial.datetime_start),
                "completed": str(trial.datetime_complete),
            }
            for trial in study.trials
        ],
    }


def schema(url: str) -> dict[str, Any]:
    """Return all that counts of the tables of a database."""
    engine = sa.create_engine(url)
    inspector = sa.inspect(engine)
    found = {
        table: {
            "columns": {c["name"]: (str(c["type"]), c["nullable"], c["default"]) for c in inspector.get_columns(table)},
            "unique": sorted(tuple(u["column_names"]) for u in inspector.get_unique_constraints(table)),
            "parents": sorted(f["referred_table"] for f in inspector.get_foreign_keys(table)),
            "indexes": sorted((str(i["name"]), tuple(i["column_names"])) for i in inspector.get_indexes(table)),
            "checks": [c["sqltext"].replace(" ", "") for c in inspector.get_check_constraints(table)],
        }
        for table in inspector.get_table_names()
    }
    engine.dispose()
    return found


def test_an_older_schema_is_left_alone_until_it_is_upgraded(url: str, version: str, tmp_path: Path) -> None:
    before = schema(url)
    with pytest.raises(StorageFormatError, match=r"hpo-sweeper upgrade 'sqlite:///.*old.db'") as caught:
        RDBStorage(url)
    assert "\n" not in str(caught.value)
    storage = RDBStorage(url, skip_compatibility_check=True)
    assert storage.get_current_version() == REVISIONS[version]
    assert storage.get_current_version() in storage.get_all_versions()[1:]
    assert schema(url) == before


def test_all_that_the_old_release_read_is_there(url: str, version: str) -> None:
    assert upgrade(url) == REVISIONS[version]
    assert what_we_read(url) == what_it_read(f"optuna-{version}.sqlite")
    assert upgrade(url) is None


def test_the_schema_is_the_one_of_a_new_database(url: str, tmp_path: Path) -> None:
    upgrade(url)
    fresh = f"sqlite:///{tmp_path / 'fresh.db'}"
    RDBStorage(fresh).close()
    assert schema(url) == schema(fresh)


@pytest.mark.parametrize("version", ["0.8.0", "2.10.1"])
def test_the_storage_upgrades_itself_and_goes_on(url: str) -> None:
    storage = RDBStorage(url, skip_compatibility_check=True)
    storage.upgrade()
    assert storage.get_current_version() == storage.get_head_version() == storage.get_all_versions()[0]
    study = storage.create_or_open_study("second", None, exist_ok=True)
    assert run_one(storage, study.study_id) == 1
    assert run_one(RDBStorage(url), new_study(storage).study_id) == 0


def test_distributions_have_todays_names(url: str) -> None:
    upgrade(url)
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        texts = connection.execute("SELECT DISTINCT distribution_json FROM trial_params").fetchall()
    kinds = {json.loads(text)["name"] for (text,) in texts}
    assert kinds == {"FloatDistribution", "IntDistribution", "CategoricalDistribution"}
    first = load_study(study_name="first", storage=url).trials[0]
    assert first.distributions["l"].to_internal_repr(0.5) == 0.5
    assert (first.distributions["l"].low, first.distributions["l"].log) == (1e-8, True)  # type: ignore[attr-defined]
    assert first.distributions["d"].step == 0.25  # type: ignore[attr-defined]


def test_optuna_reads_the_same(url: str, version: str) -> None:
    optuna = pytest.importorskip("optuna")
    upgrade(url)
    assert what_we_read(url, optuna.load_study) == what_it_read(f"optuna-{version}.sqlite")


@pytest.mark.filterwarnings("ignore")  # Optuna's of its own old names
@pytest.mark.parametrize("version", ["2.5.0", "2.10.1", "3.0.0b0", "3.0.6"])
def test_optunas_own_upgrade_gives_the_same(version: str, url: str, tmp_path: Path) -> None:
    # Optuna's own way from before 2.4 ends with an error, for SQLite and the SQLAlchemy of today.
    optuna = pytest.importorskip("optuna")
    theirs = written_by(version, tmp_path / "theirs.db")
    upgrade(url)
    optuna.storages.RDBStorage(theirs, skip_compatibility_check=True, skip_table_creation=True).upgrade()
    for name in names_in(url):
        ours, their = (optuna.load_study(study_name=name, storage=each).trials for each in (url, theirs))
        assert ours == their


def test_what_was_no_number_is_none(tmp_path: Path) -> None:
    url = written_by("2.3.0", tmp_path / "old.db")
    with sqlite3.connect(tmp_path / "old.db") as connection:
        connection.execute("INSERT INTO trial_values (trial_id, step, value) VALUES (1, 20, NULL)")
        connection.execute("UPDATE trials SET value = NULL WHERE trial_id = 8")
    connection.close()
    upgrade(url)
    trials = load_study(study_name="first", storage=url).trials
    assert math.isnan(trials[0].intermediate_values[20])
    assert (trials[6].state.name, trials[6].values) == ("FAIL", None)


@pytest.mark.parametrize("version", ["0.8.0", "2.10.1"])
def test_an_upgrade_that_is_interrupted_leaves_all_as_it_was(
    url: str, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = schema(url)
    for stop in ("UPDATE trials SET state", "DELETE FROM alembic_version"):
        with monkeypatch.context() as patched:
            patched.setattr(Link, "change", stopping_at(stop))
            with pytest.raises(KeyboardInterrupt):
                upgrade(url)
        assert schema(url) == before
    upgrade(url)
    assert what_we_read(url) == what_it_read(f"optuna-{version}.sqlite")


def stopping_at(text: str) -> Callable[..., int]:
    """Return a way to do statements that is interrupted at one of them."""
    change = Link.change

    def stopped(link: Link, sql: str, **values: Any) -> int:
        if sql.startswith(text):
            raise KeyboardInterrupt
        return change(link, sql, **values)

    return stopped


def test_a_broken_distribution_stops_it_with_nothing_done(tmp_path: Path) -> None:
    url = written_by("1.1.0", tmp_path / "old.db")
    with sqlite3.connect(tmp_path / "old.db") as connection:
        connection.execute("""UPDATE trial_params SET distribution_json = '{"name": "X"}' WHERE param_id = 3""")
    connection.close()
    before = schema(url)
    with pytest.raises(StorageFormatError, match="a distribution is not understood"):
        upgrade(url)
    assert schema(url) == before


@pytest.mark.parametrize("version", ["2.3.0"])
def test_on_the_command_line(url: str, version: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["studies", "--storage", url]) == 1
    assert "hpo-sweeper upgrade" in capsys.readouterr().err
    assert main(["upgrade", url]) == 0
    assert REVISIONS[version] in capsys.readouterr().out
    assert main(["upgrade", url]) == 0
    assert "up to date" in capsys.readouterr().out
    assert main(["studies", "--storage", url]) == 0
    assert capsys.readouterr().out.startswith("first\tm")


@pytest.mark.parametrize(
    ("storage", "message"),
    [
        ("sqlite:///nowhere.db", "There is no file nowhere.db"),
        ("sqlite://", "There is no file"),
        ("study.log", "is not the URL of a database"),
        ("journal:///study.log", "is not the URL of a database"),
        ("sqlite:///photos.db", "holds no studies"),
        ("sqlite:///text.db", "not an SQLite database"),
        ("sqlite:///newer.db", "v9.9.9.a, which is not one of the older"),
    ],
)
def test_what_cannot_be_upgraded(
    storage: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.db").write_text("hello " * 1000)
    RDBStorage("sqlite:///newer.db").close()
    for file, sql in (
        ("photos.db", "CREATE TABLE photos (id INTEGER)"),
        ("newer.db", "UPDATE alembic_version SET version_num = 'v9.9.9.a'"),
    ):
        with sqlite3.connect(file) as connection:
            connection.execute(sql)
        connection.close()
    assert main(["upgrade", storage]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not (tmp_path / "nowhere.db").exists()


def test_a_file_that_may_only_be_read(tmp_path: Path) -> None:
    written_by("2.3.0", tmp_path / "old.db")
    with pytest.raises(StorageInternalError, match="read-only"):
        upgrade(f"sqlite:///file:{tmp_path / 'old.db'}?mode=ro&uri=true")
