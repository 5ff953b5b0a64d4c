"""Nothing is lost or doubled when processes and servers die in the middle of their work."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from sweeper_core.storages import RDBStorage, get_storage
from sweeper_core.testing.servers import MariaDB, PostgreSQL, Server, ServerMissing
from sweeper_core.testing.storm import Storm

pytestmark = pytest.mark.storm


@pytest.fixture
def diaries(tmp_path: Path) -> Path:
    directory = tmp_path / "diaries"
    directory.mkdir()
    return directory


@pytest.mark.parametrize("name", ["sqlite:///{}/study.db", "{}/study.log"], ids=["sqlite", "journal"])
def test_a_storm_over_a_file(name: str, tmp_path: Path, diaries: Path) -> None:
    Storm(functools.partial(get_storage, name.format(tmp_path)), diaries).run()


@pytest.mark.server
@pytest.mark.parametrize("kind", [PostgreSQL, MariaDB], ids=lambda kind: kind.__name__)
def test_a_storm_over_a_server_that_dies_too(kind: Callable[[], Server], diaries: Path) -> None:
    try:
        server = kind()
    except ServerMissing as missing:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(missing))
    with server:
        url = server.new_database()

        def die_and_come_back() -> None:
            server.kill()
            server.start()

        Storm(functools.partial(RDBStorage, url), diaries, disturb=die_and_come_back).run()
