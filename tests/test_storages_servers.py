"""The storage on PostgreSQL and MariaDB, with servers of our own."""

from __future__ import annotations

import contextlib
import functools
import math
import subprocess
import sys
import threading
import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from sweeper_core import create_study
from sweeper_core.directions import StudyDirection
from sweeper_core.distributions import CategoricalDistribution, FloatDistribution
from sweeper_core.exceptions import (
    StorageFormatError,
    StorageInternalError,
    StorageUnavailableError,
    UpdateFinishedTrialError,
)
from sweeper_core.storages import Point, RDBStorage, Storage, _stale, get_storage, this_process
from sweeper_core.storages._sql import database as _database
from sweeper_core.storages._sql.database import Database, Link
from sweeper_core.storages._sql.schema import names_in
from sweeper_core.testing.servers import PASSWORD, Server
from sweeper_core.testing.storages import (
    UNIT,
    Opener,
    StorageConformance,
    in_processes,
    new_study,
    run_one,
    trials_of,
)
from sweeper_core.trial import Trial
from sweeper_core.trial.data import TrialData
from sweeper_core.trial.state import TrialState

pytestmark = pytest.mark.server


class TestPostgreSQL(StorageConformance):
    @pytest.fixture
    def opener(self, postgresql: Server) -> Opener:
        return functools.partial(RDBStorage, postgresql.new_database())


class TestMariaDB(StorageConformance):
    @pytest.fixture
    def opener(self, mariadb: Server) -> Opener:
        return functools.partial(RDBStorage, mariadb.new_database())


def test_a_study_created_once_is_joined_from_several_machines_by_name(server: Server) -> None:
    url = server.new_database()
    program = """
import sys
from sweeper_core import create_study
from sweeper_core.directions import StudyDirection
from sweeper_core.distributions import CategoricalDistribution, FloatDistribution
from sweeper_core.storages import get_storage
from sweeper_core.testing.storages import run_one
storage = get_storage(sys.argv[1])
study = storage.create_or_open_study("distributed", None, exist_ok=True)
for _ in range(5):
    run_one(storage, study.study_id)
"""
    storage = RDBStorage(url)
    study = storage.create_or_open_study("distributed", [StudyDirection.MINIMIZE], exist_ok=False)
    workers = [subprocess.Popen([sys.executable, "-c", program, url]) for _ in range(3)]
    assert [worker.wait() for worker in workers] == [0, 0, 0]
    assert [trial.number for trial in trials_of(storage, study.study_id)] == list(range(15))


def test_the_lease_is_judged_by_the_servers_clock(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    url = server.new_database()
    storage = RDBStorage(url)
    study = new_study(storage).study_id
    lease = replace(this_process(grace=100.0), host="elsewhere")
    for _ in range(2):
        storage.reserve(study, lease=lease)
    ago = "INTERVAL '101 seconds'" if server.scheme == "postgresql" else "INTERVAL 101 SECOND"
    Database(url, {}).autocommit(
        lambda link: link.change(
            f"UPDATE trial_heartbeats SET heartbeat = CURRENT_TIMESTAMP - {ago} "
            "WHERE trial_id IN (SELECT trial_id FROM trials WHERE number = 1)"
        )
    )
    assert storage.fail_stale(study) == [], "clocks jump: it is looked at again after an interval"
    monkeypatch.setattr(_stale, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + lease.interval))
    assert storage.fail_stale(study) == [1]


@pytest.mark.parametrize("column", ["TEXT", "LONGTEXT"])
def test_a_text_that_does_not_fit_is_refused_for_its_trial_alone(mariadb: Server, column: str) -> None:
    url = mariadb.new_database()
    RDBStorage(url)
    for table, name in (("trial_user_attributes", "value_json"), ("trial_params", "distribution_json")):
        Database(url, {}).autocommit(
            lambda link, table=table, name=name: link.change(f"ALTER TABLE {table} MODIFY {name} {column}")  # type: ignore[misc]
        )
    storage = RDBStorage(url)
    study = new_study(storage).study_id
    many = CategoricalDistribution([f"choice {number}" for number in range(6_000)])
    run_one(storage, study)
    storage.reserve(study)
    long: tuple[TrialData, ...] = (
        TrialData(user_attrs={"log": "x" * (70_000 if column == "TEXT" else 20_000_000)}),
        TrialData({"c": "choice 1"}, {"c": many}) if column == "TEXT" else TrialData(user_attrs={"l": "'" * 9_000_000}),
    )
    for data in long:
        for refuse in (storage.check, lambda data: storage.describe(study, 1, data)):
            with pytest.raises(ValueError, match=r"log|'c'|'l'"):
                refuse(data)  # type: ignore[operator]
    assert storage.finish(study, 1, TrialState.COMPLETE, [1.0])
    assert [trial.state for trial in trials_of(RDBStorage(url), study)] == [TrialState.COMPLETE] * 2


def test_a_step_that_does_not_fit_is_refused_for_its_trial_alone(server: Server) -> None:
    study = create_study(storage=server.new_database())

    def objective(trial: Trial) -> float:
        trial.report(0.5, 2**31 - 1)
        if trial.number == 0:
            trial.report(0.5, 2**31)
        return 1.0

    study.optimize(objective, n_trials=2, catch=ValueError)
    assert [trial.state for trial in study.trials] == [TrialState.FAIL, TrialState.COMPLETE]
    assert [trial.intermediate_values for trial in study.trials] == [{2**31 - 1: 0.5}] * 2


def test_too_many_connections_are_waited_for(postgresql: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    url = postgresql.new_database()
    study = new_study(RDBStorage(url), "s").study_id
    storage = RDBStorage(url)
    storage.close()
    others = Database(url, {}).engine
    taken = []
    with contextlib.suppress(others.dialect.loaded_dbapi.Error):
        while len(taken) < 1_000:
            taken.append(others.raw_connection())
    naps = []

    def sleep(seconds: float) -> None:
        naps.append(seconds)
        for connection in taken:
            connection.close()
        others.dispose()

    monkeypatch.setattr(_database, "time", SimpleNamespace(monotonic=time.monotonic, sleep=sleep))
    assert run_one(storage, study) == 0
    assert naps, "it was not refused"


def test_a_job_waits_for_the_server_of_its_sweep(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    url = server.new_database()
    new_study(RDBStorage(url), "s")
    clock = Clock(server, 10.0)
    monkeypatch.setattr(_database, "time", clock)
    assert [study.name for study in get_storage(url, known=True).list_studies()] == ["s"]
    assert clock.now >= 10.0


def test_a_wrong_password_is_told_at_once_and_not_shown(server: Server) -> None:
    server.new_database()
    url = server.url("studies_1", password="wr0ng-secret")
    with pytest.raises(StorageInternalError, match="refused the user or the password") as caught:
        RDBStorage(url)
    texts = [str(caught.value), repr(caught.value.__cause__), str(caught.value.__cause__)]
    assert not any("wr0ng-secret" in text for text in texts)


def test_the_password_is_not_shown(server: Server) -> None:
    storage = RDBStorage(server.new_database())
    assert PASSWORD not in repr(storage)
    assert "p%40ss" not in repr(storage)
    assert "***" in repr(storage)


def test_a_database_that_does_not_exist(server: Server) -> None:
    with pytest.raises(StorageInternalError, match="Create that database first"):
        RDBStorage(server.url("nowhere"))


def test_no_server_there(server: Server) -> None:
    url = server.url("studies_1").replace(f":{server.port}/", ":1/")
    with pytest.raises(StorageUnavailableError, match="cannot be reached"):
        RDBStorage(url)


def test_tables_of_another_program_may_lie_beside_ours(server: Server) -> None:
    url = server.new_database()
    Database(url, {}).autocommit(lambda link: link.change("CREATE TABLE elsewhere (a INTEGER)"))
    storage = RDBStorage(url)
    assert run_one(storage, new_study(storage).study_id) == 0


def test_tables_of_another_program_with_our_names_are_not_touched(server: Server) -> None:
    url = server.new_database()
    database = Database(url, {})
    database.autocommit(lambda link: link.change("CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)"))
    database.autocommit(lambda link: link.change("INSERT INTO alembic_version VALUES ('f00ba4')"))
    with pytest.raises(StorageFormatError, match="another program"):
        RDBStorage(url)


@pytest.mark.parametrize("name", ["trials", "studies", "trial_values"])
def test_a_table_of_another_program_with_one_of_our_names(server: Server, name: str) -> None:
    url = server.new_database()
    database = Database(url, {})
    database.autocommit(lambda link: link.change(f"CREATE TABLE {name} (id INTEGER)"))
    with pytest.raises(StorageFormatError, match=f"The table {name} .* another program"):
        RDBStorage(url)
    assert database.autocommit(names_in) == {name}


def test_an_operation_waits_for_a_server_that_is_away(server: Server) -> None:
    url = server.new_database()
    storage = RDBStorage(url)
    study = new_study(storage).study_id
    run_one(storage, study)
    server.kill()
    restart = threading.Timer(1.0, server.start)
    restart.start()
    assert run_one(storage, study) == 1
    restart.join()
    assert [trial.state for trial in trials_of(storage, study)] == [TrialState.COMPLETE] * 2


def lose_an_answer(storage: RDBStorage) -> list[str]:
    """Let the connection break after the server has committed, once; return what has happened, when it has."""
    lost: list[str] = []

    def lose(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement == "COMMIT" and not lost:
            lost.append(statement)
            raise sa.exc.OperationalError(statement, {}, Exception("server closed the connection unexpectedly"))

    sa.event.listen(storage.engine, "after_cursor_execute", lose)
    return lost


@pytest.mark.parametrize("idempotency_key", [None, "key"])
def test_what_is_enqueued_is_there_once_although_the_answer_was_lost(
    server: Server, idempotency_key: str | None
) -> None:
    storage = RDBStorage(server.new_database())
    study = new_study(storage).study_id
    points = [Point({"x": 0.5}), Point({"x": 0.5}, system_attrs={"a": 1})]
    storage.enqueue(study, points)
    lost = lose_an_answer(storage)
    assert storage.enqueue(study, points, idempotency_key=idempotency_key) == [2, 3]
    assert lost
    assert storage.enqueue(study, points) == [4, 5]
    assert len(trials_of(storage, study)) == 6
    assert storage.enqueue(study, []) == []


class Clock:
    """A clock in place of the module ``time``, by which a server is away for some seconds that nobody waits for."""

    def __init__(self, server: Server, away: float) -> None:
        self._server = server
        self.now, self._back = 0.0, away
        self.naps: list[float] = []
        server.kill()

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        before, self.now = self.now, self.now + seconds
        self.naps.append(seconds)
        if before < self._back <= self.now:
            self._server.start()


@pytest.mark.parametrize("away", [10.0, 55.0])
def test_a_server_that_is_away_for_long_is_asked_now_and_then(
    server: Server, away: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = RDBStorage(server.new_database())
    study = new_study(storage).study_id
    run_one(storage, study)
    clock = Clock(server, away)
    monkeypatch.setattr(_database, "time", clock)
    assert run_one(storage, study) == 1
    assert away <= clock.now <= away + 3.0, "it was not asked again soon after it was back"
    assert sum(nap >= 0.5 for nap in clock.naps) > len(clock.naps) / 3, "it was asked all the time"
    assert [trial.state for trial in trials_of(storage, study)] == [TrialState.COMPLETE] * 2


def test_a_server_that_stays_away_is_given_up(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = RDBStorage(server.new_database())
    study = new_study(storage).study_id
    clock = Clock(server, away=math.inf)
    monkeypatch.setattr(_database, "time", clock)
    with pytest.raises(StorageUnavailableError, match="cannot be reached"):
        storage.reserve(study)
    assert 55.0 <= clock.now <= 65.0
    server.start()
    assert run_one(storage, study) == 0


@pytest.mark.slow
def test_programs_outlive_a_server_that_is_away_for_ten_seconds(server: Server) -> None:
    url = server.new_database()
    storage = RDBStorage(url)
    study = new_study(storage).study_id
    restart = threading.Timer(11.0, server.start)

    def work(opened: Storage, _index: int) -> None:
        lease = this_process()
        while len(trials_of(opened, study)) < 200:
            run_one(opened, study, lease=lease)

    def stop() -> None:
        while not trials_of(storage, study):
            time.sleep(0.05)
        server.kill()
        restart.start()

    stopping = threading.Timer(0.0, stop)
    stopping.start()
    in_processes(4, work, functools.partial(RDBStorage, url))
    stopping.join()
    restart.join()
    trials = trials_of(storage, study)
    assert [trial.number for trial in trials] == list(range(len(trials)))
    assert {trial.state for trial in trials} == {TrialState.COMPLETE}


def test_whoever_was_forgotten_by_the_server_cannot_touch_the_next_trial_of_that_number(postgresql: Server) -> None:
    url = postgresql.new_database()
    forgotten, other = RDBStorage(url), RDBStorage(url)
    study = new_study(forgotten).study_id
    lease = this_process()
    reader = RDBStorage(url)
    mine = forgotten.reserve(study, lease=lease)
    assert mine is not None
    _, cursor = reader.changes(study)
    # What a crash does to a reservation that is not on disk yet, the sequence of keys included.
    for table in ("trial_heartbeats", "trial_system_attributes", "trials"):
        Database(url, {}).autocommit(lambda link, table=table: link.change(f"DELETE FROM {table}"))
    Database(url, {}).autocommit(lambda link: link.rows("SELECT setval('trials_trial_id_seq', 1, false)"))
    assert forgotten.heartbeat(study, [0]) == [0]
    with pytest.raises(UpdateFinishedTrialError, match="crashed"):
        forgotten.report(study, 0, 0, 1.0)
    theirs = other.reserve(study, lease=lease)
    assert theirs is not None
    assert (theirs.number, theirs.trial_id) == (mine.number, mine.trial_id)
    with pytest.raises(UpdateFinishedTrialError, match="crashed"):
        forgotten.describe(study, 0, TrialData(user_attrs={"whose": "mine"}))
    assert forgotten.heartbeat(study, [0]) == [0]
    assert forgotten.finish(study, 0, TrialState.COMPLETE, [1.0]) is False
    assert other.heartbeat(study, [0]) == []
    assert other.finish(study, 0, TrialState.COMPLETE, [2.0]) is True
    (trial,), _ = reader.changes(study, cursor)
    assert (trial.values, trial.user_attrs) == ((2.0,), {})


def test_what_a_bare_reserve_has_returned_survives_the_server(postgresql: Server) -> None:
    storage = RDBStorage(postgresql.new_database())
    study = new_study(storage).study_id
    claims = [storage.reserve(study) for _ in range(3)]
    postgresql.kill()
    postgresql.start()
    assert [trial.number for trial in trials_of(storage, study)] == [claim.number for claim in claims if claim]


def test_what_a_finish_has_returned_for_survives_the_server_with_the_reservation_before_it(postgresql: Server) -> None:
    storage = RDBStorage(postgresql.new_database())
    study = new_study(storage).study_id
    numbers = [run_one(storage, study, lease=this_process()) for _ in range(3)]
    last = storage.reserve(study, lease=this_process())
    postgresql.kill()
    postgresql.start()
    trials = trials_of(storage, study)
    assert [trial.number for trial in trials if trial.state is TrialState.COMPLETE] == numbers == [0, 1, 2]
    again = RDBStorage(storage.url).reserve(study)
    assert last is not None
    assert again is not None
    remembered = len(trials) == 4
    assert again.number == (4 if remembered else 3)
    assert storage.finish(study, last.number, TrialState.COMPLETE, [0.0]) is remembered


def test_a_killed_writer_leaves_nothing_half_done(server: Server) -> None:
    url = server.new_database()
    storage = RDBStorage(url)
    study = new_study(storage).study_id
    database = Database(url, {})

    def half(_storage: object, _index: int) -> None:
        def write(link: object) -> None:
            link.change("UPDATE studies SET study_name = 'half'")  # type: ignore[attr-defined]
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            database.transaction(write)

    in_processes(1, half, lambda: storage)
    assert storage.get_study(study).name != "half"
    begun = time.monotonic()
    assert run_one(storage, study) == 0
    assert time.monotonic() - begun < 30.0, "a lock of the dead writer was waited for"


def test_each_step_of_a_trial_is_one_message(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = RDBStorage(server.new_database())
    study = new_study(storage).study_id
    monkeypatch.setattr(Database, "transaction", None)  # a transaction in steps would fail
    monkeypatch.setattr(Link, "many", None)
    claim = storage.reserve(study, limit=1, lease=this_process())
    assert claim is not None
    storage.describe(study, 0, TrialData({"x": 0.5}, {"x": UNIT}, user_attrs={"u": 1}, system_attrs={"s": 2}))
    storage.report(study, 0, 0, 0.25)
    assert storage.finish(
        study, 0, TrialState.COMPLETE, [1.0], TrialData(reports=[(0, 9.0), (1, 0.125)], user_attrs={"u": 2})
    )
    (trial,) = trials_of(storage, study)
    assert (trial.params, trial.values, trial.user_attrs) == ({"x": 0.5}, (1.0,), {"u": 2})
    assert trial.reports == ((0, 0.25), (1, 0.125))
    assert {"s", "hpo:lease"} == set(trial.system_attrs)


@pytest.mark.parametrize("count", [1, 60, 300])
def test_what_is_told_at_once_or_in_steps_is_stored_exactly(server: Server, count: int) -> None:
    storage = RDBStorage(server.new_database())
    study = new_study(storage, directions=3).study_id
    numbers = [5e-324, -1e-310, 1.7976931348623157e308, 0.1 + 0.2, 1 / 3, -7.25, 123456789.12345679, 1e22, 2.0**-1074]
    texts = ["it's", 'a "b"', "back\\slash", "100 % %s %(x)s", "new\nline", "ünï – 漢字 🎲", "", ";-- x", "\0"]
    wide = FloatDistribution(-1.7976931348623157e308, 1.7976931348623157e308)
    names = [f"{text}{place}".replace("\0", "") for place, text in enumerate(texts)]
    params = dict(zip(names, numbers, strict=True))
    choice = CategoricalDistribution(texts)
    reports = [(step, (*numbers, math.inf, -math.inf, math.nan)[step % 12]) for step in range(count)]
    attrs = {name: {text: number} for name, text, number in zip(names, texts, numbers, strict=True)}
    storage.reserve(study)
    distributions = {**dict.fromkeys(names, wide), "c": choice}
    storage.finish(
        study,
        0,
        TrialState.COMPLETE,
        [math.inf, -math.inf, 5e-324],
        TrialData(params={**params, "c": texts[-1]}, distributions=distributions, reports=reports, user_attrs=attrs),
    )
    (trial,) = trials_of(storage, study)
    assert repr(trial.params) == repr({**params, "c": texts[-1]})  # in their order
    assert trial.layout.as_dict() == distributions
    assert trial.values == (math.inf, -math.inf, 5e-324)
    assert repr(trial.reports) == repr(tuple(reports))
    assert trial.user_attrs == attrs


def test_a_user_who_may_only_read(server: Server) -> None:
    storage = RDBStorage(server.new_database())
    study = new_study(storage).study_id
    run_one(storage, study)
    storage.reserve(study)
    database = storage.engine.url.database
    everywhere = server.scheme == "mysql"
    server.execute(f"CREATE USER reader_{database}" + ("@'127.0.0.1'" if everywhere else ""))
    if everywhere:
        server.execute(f"SET PASSWORD FOR reader_{database}@'127.0.0.1' = PASSWORD('{PASSWORD}')")
        server.execute(f"GRANT SELECT ON {database}.* TO reader_{database}@'127.0.0.1'")
    else:
        server.execute(f"ALTER USER reader_{database} PASSWORD '{PASSWORD}'")
        Database(storage.url, {}).autocommit(
            lambda link: link.change(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader_{database}")
        )
    reader = RDBStorage(server.url(database).replace("//hpo:", f"//reader_{database}:"))
    assert len(trials_of(reader, study)) == 2
    with pytest.raises(StorageInternalError, match="does not let this user do that"):
        reader.reserve(study)
    with pytest.raises(StorageInternalError, match="does not let this user do that"):
        reader.describe(study, 1, TrialData(user_attrs={"a": 1}))
    assert [trial.user_attrs for trial in trials_of(storage, study)] == [{}, {}]


def test_a_sweep_and_its_job_in_one_process_share_a_connection(server: Server) -> None:
    url = server.new_database()
    sweep, job = RDBStorage(url), get_storage(url, known=True)
    study = new_study(sweep, "s").study_id
    claim = sweep.reserve(study, lease=this_process())
    assert claim is not None
    job.report(study, claim.number, 0, 0.5)
    assert sweep.finish(study, claim.number, TrialState.COMPLETE, [1.0])
    asked = {
        "postgresql": "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database()",
        "mysql": "SELECT COUNT(*) FROM information_schema.processlist WHERE db = DATABASE()",
    }
    database = Database(url, {})
    assert database.autocommit(lambda link: link.rows(asked[link.dialect]))[0][0] == 1
